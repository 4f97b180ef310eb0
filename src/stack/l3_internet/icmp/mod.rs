//! ICMP (RFC 792) and ICMPv6 (RFC 4443): one shape of message, two sets of numbers.

mod error;
mod fields;

pub(crate) use error::is_host;
pub use error::{Origin, echo_reply, time_exceeded, too_big, unreachable};
pub(crate) use fields::fields;

use crate::model::{IcmpKind, Malformed, Neighbor, Protocol};
use crate::stack::checksum::{Pseudo, Sum};
use crate::stack::l3_internet::protocol;
use crate::stack::octets::{be16, be32, need};
use std::net::Ipv6Addr;

/// Where the fields lie.
pub mod at {
    /// Type.
    pub const TYPE: usize = 0;
    /// Code.
    pub const CODE: usize = 1;
    /// Checksum.
    pub const CHECKSUM: usize = 2;
    /// Four octets whose meaning depends on the type.
    pub const REST: usize = 4;
    /// Echo: identifier.
    pub const ECHO_ID: usize = 4;
    /// Echo: sequence number.
    pub const ECHO_SEQ: usize = 6;
    /// Fragmentation needed: the next hop's MTU (RFC 1191 s4).
    pub const MTU: usize = 6;
    /// ICMPv6 packet too big: the next hop's MTU (RFC 4443 s3.2).
    pub const MTU_V6: usize = 4;
}

/// Octets of the header.
pub const HEADER_LEN: usize = 8;

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Version {
    /// ICMP, over IPv4.
    V4,
    /// ICMPv6, over IPv6.
    V6,
}

impl Version {
    /// The protocol's name in the vocabulary.
    pub const fn protocol(self) -> Protocol {
        match self {
            Version::V4 => Protocol::Icmp,
            Version::V6 => Protocol::Icmpv6,
        }
    }

    /// What ICMP sums ahead of the message: nothing, or ICMPv6's pseudo-header (RFC 4443 s2.3).
    fn before(self, pseudo: Pseudo, len: usize) -> Sum {
        match self {
            Version::V4 => Sum::new(),
            Version::V6 => pseudo.sum(protocol::ICMPV6, len),
        }
    }
}

/// Types of ICMP (IANA "ICMP Parameters").
pub mod kind {
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 0;
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 3;
    /// Source quench (deprecated).
    pub const SOURCE_QUENCH: u8 = 4;
    /// Redirect.
    pub const REDIRECT: u8 = 5;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 8;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 11;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 12;
    /// Timestamp.
    pub const TIMESTAMP: u8 = 13;
    /// Timestamp reply.
    pub const TIMESTAMP_REPLY: u8 = 14;
}

/// Types of ICMPv6 (IANA "ICMPv6 Parameters").
pub mod kind_v6 {
    /// Destination unreachable.
    pub const UNREACHABLE: u8 = 1;
    /// Packet too big.
    pub const TOO_BIG: u8 = 2;
    /// Time exceeded.
    pub const TIME_EXCEEDED: u8 = 3;
    /// Parameter problem.
    pub const PARAMETER_PROBLEM: u8 = 4;
    /// Echo request.
    pub const ECHO_REQUEST: u8 = 128;
    /// Echo reply.
    pub const ECHO_REPLY: u8 = 129;
    /// Router solicitation (RFC 4861 s4.1).
    pub const ROUTER_SOLICITATION: u8 = 133;
    /// Router advertisement (RFC 4861 s4.2).
    pub const ROUTER_ADVERTISEMENT: u8 = 134;
    /// Neighbor solicitation (RFC 4861 s4.3).
    pub const NEIGHBOUR_SOLICITATION: u8 = 135;
    /// Neighbor advertisement (RFC 4861 s4.4).
    pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
    /// Version 2 multicast listener report (RFC 3810 s5.2).
    pub const LISTENER_REPORT: u8 = 143;
}

/// Whether a type is an error message, which quotes the packet that caused it (RFC 1122 s3.2.2, RFC 4443
/// s2.1).
pub const fn is_error(version: Version, kind: u8) -> bool {
    match version {
        Version::V4 => matches!(
            kind,
            kind::UNREACHABLE
                | kind::SOURCE_QUENCH
                | kind::REDIRECT
                | kind::TIME_EXCEEDED
                | kind::PARAMETER_PROBLEM
        ),
        Version::V6 => kind < 128,
    }
}

/// A message as it lies in memory.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    version: Version,
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Looks at `bytes` as a message. Fails with `Truncated` below 8 octets.
    pub fn new(version: Version, bytes: &'a [u8]) -> Result<Message<'a>, Malformed> {
        need(version.protocol(), bytes, HEADER_LEN)?;
        Ok(Message { version, bytes })
    }

    /// Type.
    pub fn kind_number(&self) -> u8 {
        self.bytes[at::TYPE]
    }

    /// Code.
    pub fn code(&self) -> u8 {
        self.bytes[at::CODE]
    }

    /// Checksum as it stands.
    pub fn checksum(&self) -> u16 {
        be16(self.bytes, at::CHECKSUM)
    }

    /// Whether the checksum verifies, given that the message is whole. ICMP for IPv4 sums no addresses.
    pub fn checksum_good(&self, pseudo: Pseudo) -> bool {
        self.version.before(pseudo, self.bytes.len()).over(self.bytes).finish() == 0
    }

    /// The four octets after the checksum.
    pub fn rest(&self) -> [u8; 4] {
        be32(self.bytes, at::REST).to_be_bytes()
    }

    /// What follows the 8 octets of header, as far as it is there.
    pub fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_LEN..]
    }

    /// Whether it is an error message.
    pub fn is_error(&self) -> bool {
        is_error(self.version, self.kind_number())
    }

    /// The packet that an error message quotes, from its IP header on: its beginning at least.
    pub fn quoted(&self) -> Option<&'a [u8]> {
        self.is_error().then(|| self.body())
    }

    /// What type and code mean.
    pub fn kind(&self) -> IcmpKind {
        match self.version {
            Version::V4 => match (self.kind_number(), self.code()) {
                (kind::ECHO_REQUEST, 0) => IcmpKind::EchoRequest,
                (kind::ECHO_REPLY, 0) => IcmpKind::EchoReply,
                (kind::UNREACHABLE, 1) => IcmpKind::HostUnreachable,
                (kind::UNREACHABLE, 3) => IcmpKind::PortUnreachable,
                (kind::UNREACHABLE, 4) => {
                    IcmpKind::FragmentationNeeded { mtu: u32::from(be16(self.bytes, at::MTU)) }
                }
                (kind::TIME_EXCEEDED, 0) => IcmpKind::TtlExceeded,
                (kind::TIME_EXCEEDED, 1) => IcmpKind::ReassemblyTimeExceeded,
                _ => IcmpKind::Other,
            },
            Version::V6 => match (self.kind_number(), self.code()) {
                (kind_v6::ECHO_REQUEST, 0) => IcmpKind::EchoRequest,
                (kind_v6::ECHO_REPLY, 0) => IcmpKind::EchoReply,
                (kind_v6::UNREACHABLE, 3) => IcmpKind::HostUnreachable,
                (kind_v6::UNREACHABLE, 4) => IcmpKind::PortUnreachable,
                (kind_v6::TOO_BIG, _) => IcmpKind::FragmentationNeeded { mtu: be32(self.bytes, at::MTU_V6) },
                (kind_v6::TIME_EXCEEDED, 0) => IcmpKind::TtlExceeded,
                (kind_v6::TIME_EXCEEDED, 1) => IcmpKind::ReassemblyTimeExceeded,
                _ => IcmpKind::Other,
            },
        }
    }

    /// Identifier and sequence number of an echo request or reply.
    pub fn echo(&self) -> Option<(u16, u16)> {
        matches!(self.kind(), IcmpKind::EchoRequest | IcmpKind::EchoReply)
            .then(|| (be16(self.bytes, at::ECHO_ID), be16(self.bytes, at::ECHO_SEQ)))
    }

    /// The target of a neighbor solicitation or advertisement (RFC 4861 s4.3, s4.4).
    pub fn neighbor(&self) -> Option<Neighbor> {
        let target = Ipv6Addr::from(*self.body().first_chunk::<16>()?);
        match (self.version, self.kind_number(), self.code()) {
            (Version::V6, kind_v6::NEIGHBOUR_SOLICITATION, 0) => Some(Neighbor::Asks(target)),
            (Version::V6, kind_v6::NEIGHBOUR_ADVERTISEMENT, 0) => Some(Neighbor::Tells(target)),
            _ => None,
        }
    }
}

/// The 8 octets before a message's body. The checksum follows from the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Which of the two.
    pub version: Version,
    /// Type.
    pub kind_number: u8,
    /// Code.
    pub code: u8,
    /// The four octets after the checksum.
    pub rest: [u8; 4],
}

impl Header {
    /// An echo request, or the reply to one (`reply`).
    pub const fn echo(version: Version, reply: bool, id: u16, seq: u16) -> Header {
        let kind_number = match (version, reply) {
            (Version::V4, false) => kind::ECHO_REQUEST,
            (Version::V4, true) => kind::ECHO_REPLY,
            (Version::V6, false) => kind_v6::ECHO_REQUEST,
            (Version::V6, true) => kind_v6::ECHO_REPLY,
        };
        let (id, seq) = (id.to_be_bytes(), seq.to_be_bytes());
        Header { version, kind_number, code: 0, rest: [id[0], id[1], seq[0], seq[1]] }
    }

    /// Reads a header and gives the body, as far as it is there. Fails as [`Message::new`].
    pub fn decode(version: Version, bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let message = Message::new(version, bytes)?;
        let (kind_number, code, rest) = (message.kind_number(), message.code(), message.rest());
        Ok((Header { version, kind_number, code, rest }, message.body()))
    }

    /// Appends header and body, the checksum filled in. ICMP for IPv4 sums no addresses.
    pub fn encode(&self, pseudo: Pseudo, body: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[self.kind_number, self.code, 0, 0]);
        out.extend_from_slice(&self.rest);
        out.extend_from_slice(body);
        let sum = self.version.before(pseudo, HEADER_LEN + body.len()).over(&out[start..]);
        out[start + at::CHECKSUM..start + at::REST].copy_from_slice(&sum.finish().to_be_bytes());
    }
}
