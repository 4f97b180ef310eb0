//! IPv6 (RFC 8200), with its extension headers walked boundedly.

mod fields;

pub(crate) use fields::fields;

use crate::model::{IpFragment, Malformed, Problem, Protocol};
use crate::stack::checksum::Pseudo;
use crate::stack::octets::{Unencodable, be16, be32, ipv6, need};
use std::net::Ipv6Addr;

/// Where the fields lie.
pub mod at {
    /// Version (4 bits), traffic class (8 bits), flow label (20 bits).
    pub const VERSION_CLASS_FLOW: usize = 0;
    /// Payload length, extension headers included.
    pub const PAYLOAD_LEN: usize = 4;
    /// Next header.
    pub const NEXT_HEADER: usize = 6;
    /// Hop limit.
    pub const HOP_LIMIT: usize = 7;
    /// Source address.
    pub const SOURCE: usize = 8;
    /// Destination address.
    pub const DESTINATION: usize = 24;
}

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 40;

/// The smallest MTU that a link may have (RFC 8200 s5), in octets of packet.
pub const MIN_MTU: usize = 1280;

/// At most this many extension headers are walked. RFC 8200 s4.1 foresees seven; a longer chain is
/// taken as the end of what is decoded, so that nobody's packet makes the walk long.
pub const MAX_EXTENSIONS: usize = 8;

/// Numbers of the extension headers that are walked (RFC 8200 s4, IANA "IPv6 Extension Header Types").
pub mod extension {
    /// Hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// Routing.
    pub const ROUTING: u8 = 43;
    /// Fragment.
    pub const FRAGMENT: u8 = 44;
    /// Destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// Not an extension: nothing follows.
    pub const NO_NEXT_HEADER: u8 = 59;
}

/// A packet as it lies in memory; what follows its payload length (Ethernet padding) is not its own.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    /// Looks at `bytes` as a packet. Fails with `Truncated` below 40 octets, or `BadVersion`.
    pub fn new(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let protocol = Protocol::Ipv6;
        need(protocol, bytes, HEADER_LEN)?;
        let packet = Packet(bytes);
        if packet.version() != 6 {
            let problem = Problem::BadVersion { value: packet.version() };
            return Err(Malformed { protocol, offset: at::VERSION_CLASS_FLOW, problem });
        }
        Ok(packet)
    }

    /// Version: 6.
    pub fn version(&self) -> u8 {
        self.0[at::VERSION_CLASS_FLOW] >> 4
    }

    /// Traffic class: differentiated services and ECN.
    pub fn traffic_class(&self) -> u8 {
        (be16(self.0, at::VERSION_CLASS_FLOW) >> 4) as u8
    }

    /// Flow label: 20 bits.
    pub fn flow_label(&self) -> u32 {
        be32(self.0, at::VERSION_CLASS_FLOW) & 0x000f_ffff
    }

    /// Octets after the fixed header, as it says. Zero may announce a jumbogram (RFC 2675), which
    /// layerlab does not read.
    pub fn payload_len(&self) -> u16 {
        be16(self.0, at::PAYLOAD_LEN)
    }

    /// Number of the header that follows.
    pub fn next_header(&self) -> u8 {
        self.0[at::NEXT_HEADER]
    }

    /// Hop limit.
    pub fn hop_limit(&self) -> u8 {
        self.0[at::HOP_LIMIT]
    }

    /// Source address.
    pub fn source(&self) -> Ipv6Addr {
        ipv6(self.0, at::SOURCE)
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv6Addr {
        ipv6(self.0, at::DESTINATION)
    }

    /// What follows the fixed header, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        let end = HEADER_LEN + usize::from(self.payload_len());
        &self.0[HEADER_LEN..self.0.len().min(end)]
    }

    /// Whether all of the payload is there.
    pub fn is_whole(&self) -> bool {
        self.0.len() >= HEADER_LEN + usize::from(self.payload_len())
    }

    /// The extension headers, and what they lead to.
    pub fn upper(&self) -> Upper<'a> {
        let mut walk = self.extensions();
        let (mut fragment, mut error) = (None, None);
        for step in walk.by_ref() {
            match step {
                Ok(Extension { kind: extension::FRAGMENT, bytes, .. }) => {
                    fragment = Some(FragmentHeader::read(bytes))
                }
                Ok(_) => {}
                Err(e) => error = Some(e),
            }
        }
        let len = (usize::from(self.payload_len()) + HEADER_LEN).saturating_sub(walk.offset);
        let fragment =
            fragment.map(|f| IpFragment { id: f.id, offset: f.offset, len: len as u32, more: f.more });
        let payload = self.payload();
        Upper {
            protocol: walk.next,
            offset: walk.offset,
            payload: &payload[(walk.offset - HEADER_LEN).min(payload.len())..],
            len,
            fragment,
            error,
        }
    }

    /// The extension headers, outermost first, at most [`MAX_EXTENSIONS`]. Ends before the first header
    /// that is none, after a fragment header of a later fragment, and after an error.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions {
            payload: self.payload(),
            offset: HEADER_LEN,
            next: self.next_header(),
            left: MAX_EXTENSIONS,
            done: false,
            failed: false,
        }
    }
}

/// What an IPv6 packet's extension headers lead to.
#[derive(Clone, Copy, Debug)]
pub struct Upper<'a> {
    /// Number of the header that follows the last extension header walked.
    pub protocol: u8,
    /// Offset of its first octet in the packet.
    pub offset: usize,
    /// Its octets, as far as they are there.
    pub payload: &'a [u8],
    /// Its octets, as the fixed header says.
    pub len: usize,
    /// The fragment header's facts, where there is one.
    pub fragment: Option<IpFragment>,
    /// Why the walk ended early.
    pub error: Option<Malformed>,
}

/// One extension header.
#[derive(Clone, Copy, Debug)]
pub struct Extension<'a> {
    /// Its own number (in the header before it).
    pub kind: u8,
    /// Offset of its first octet in the packet.
    pub offset: usize,
    /// Its octets, 8 or more.
    pub bytes: &'a [u8],
}

/// Walks the extension headers of a packet.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    payload: &'a [u8],
    offset: usize,
    next: u8,
    left: usize,
    done: bool,
    failed: bool,
}

impl<'a> Extensions<'a> {
    /// After the walk ended with an error: what is there of the header that it failed on.
    pub(crate) fn cut_short(&self) -> Option<Extension<'a>> {
        let bytes = self.payload.get(self.offset - HEADER_LEN..)?;
        self.failed.then_some(Extension { kind: self.next, offset: self.offset, bytes })
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Result<Extension<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        use extension::*;
        let known = matches!(self.next, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS);
        if self.done || self.left == 0 || !known {
            return None;
        }
        let rest = self.payload.get(self.offset - HEADER_LEN..).unwrap_or(&[]);
        let (kind, offset) = (self.next, self.offset);
        let checked = need(Protocol::Ipv6, rest, 8).map(|()| match kind {
            FRAGMENT => 8,
            // The length counts words of 8 octets and leaves out the first (RFC 8200 s4.3).
            _ => (usize::from(rest[1]) + 1) * 8,
        });
        let len = match checked.and_then(|len| need(Protocol::Ipv6, rest, len).map(|()| len)) {
            Ok(len) => len,
            Err(e) => {
                (self.done, self.failed) = (true, true);
                return Some(Err(Malformed { offset, ..e }));
            }
        };
        let bytes = &rest[..len];
        self.left -= 1;
        self.next = bytes[0];
        self.offset += len;
        // What follows in a later fragment is no header but the middle of something.
        self.done = kind == FRAGMENT && FragmentHeader::read(bytes).offset != 0;
        Some(Ok(Extension { kind, offset, bytes }))
    }
}

/// A fragment header (RFC 8200 s4.5) without its next-header number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FragmentHeader {
    /// Offset of what follows in the fragmentable part, in octets; a multiple of 8.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// Identification that all fragments of one packet share.
    pub id: u32,
}

impl FragmentHeader {
    /// Reads the 8 octets of a fragment header, which the caller has checked to be there.
    pub(crate) fn read(bytes: &[u8]) -> FragmentHeader {
        let word = be16(bytes, 2);
        FragmentHeader { offset: u32::from(word & 0xfff8), more: word & 1 == 1, id: be32(bytes, 4) }
    }

    /// Appends the header's 8 octets, with the number of the header that follows.
    pub fn encode(&self, next_header: u8, out: &mut Vec<u8>) {
        out.extend_from_slice(&[next_header, 0]);
        out.extend_from_slice(&(self.offset as u16 & 0xfff8 | u16::from(self.more)).to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
    }
}

/// A fixed IPv6 header. Its version and payload length follow from the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Traffic class: differentiated services and ECN.
    pub traffic_class: u8,
    /// Flow label, at most 20 bits.
    pub flow_label: u32,
    /// Number of the header that follows.
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
}

impl Header {
    /// A header before `next_header` between two hosts: hop limit 64, nothing else set.
    pub const fn new(next_header: u8, source: Ipv6Addr, destination: Ipv6Addr) -> Header {
        Header { traffic_class: 0, flow_label: 0, next_header, hop_limit: 64, source, destination }
    }

    /// Reads a header and gives what follows it, as far as it is there. Fails as [`Packet::new`].
    pub fn decode(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let packet = Packet::new(bytes)?;
        let header = Header {
            traffic_class: packet.traffic_class(),
            flow_label: packet.flow_label(),
            next_header: packet.next_header(),
            hop_limit: packet.hop_limit(),
            source: packet.source(),
            destination: packet.destination(),
        };
        Ok((header, packet.payload()))
    }

    /// Appends the header for `payload_len` octets of extension headers and payload. Fails when they are
    /// more than 65,535, or the flow label has more than 20 bits.
    pub fn encode(&self, payload_len: usize, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let refuse = |field, value, max| Err(Unencodable { protocol: Protocol::Ipv6, field, value, max });
        if self.flow_label > 0x000f_ffff {
            return refuse("ipv6.flow", self.flow_label as usize, 0x000f_ffff);
        }
        let Ok(len) = u16::try_from(payload_len) else {
            return refuse("ipv6.plen", payload_len, usize::from(u16::MAX));
        };
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label;
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&[self.next_header, self.hop_limit]);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
        Ok(())
    }

    /// The addresses for the checksum of what it carries (without a routing header).
    pub const fn pseudo(&self) -> Pseudo {
        Pseudo::V6 { source: self.source, destination: self.destination }
    }
}
