//! IPv4 (RFC 791).

mod fields;

pub(crate) use fields::fields;

use crate::model::{IpFragment, Malformed, Problem, Protocol};
use crate::stack::checksum::{self, Pseudo, Sum};
use crate::stack::octets::{OptionOctets, Unencodable, bad_length, be16, ipv4, need};
use std::net::Ipv4Addr;

/// Where the fields lie.
pub mod at {
    /// Version (4 bits) and header length in words of 4 octets (4 bits).
    pub const VERSION_IHL: usize = 0;
    /// Differentiated services (6 bits) and ECN (2 bits).
    pub const DSFIELD: usize = 1;
    /// Total length.
    pub const TOTAL_LEN: usize = 2;
    /// Identification.
    pub const ID: usize = 4;
    /// Flags (3 bits) and fragment offset in words of 8 octets (13 bits).
    pub const FLAGS_OFFSET: usize = 6;
    /// Time to live.
    pub const TTL: usize = 8;
    /// Protocol.
    pub const PROTOCOL: usize = 9;
    /// Header checksum.
    pub const CHECKSUM: usize = 10;
    /// Source address.
    pub const SOURCE: usize = 12;
    /// Destination address.
    pub const DESTINATION: usize = 16;
    /// Options.
    pub const OPTIONS: usize = 20;
}

/// Octets of a header without options.
pub const MIN_HEADER_LEN: usize = 20;

/// The bits of octets 6 and 7.
pub mod flag {
    /// Reserved, zero.
    pub const RESERVED: u16 = 0x8000;
    /// Don't fragment.
    pub const DF: u16 = 0x4000;
    /// More fragments.
    pub const MF: u16 = 0x2000;
    /// The 13 bits of the fragment offset.
    pub const OFFSET: u16 = 0x1fff;
}

/// A packet as it lies in memory; what follows its total length (Ethernet padding) is not its own.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    /// Looks at `bytes` as a packet. Fails with `Truncated` when the header is not all there,
    /// `BadVersion`, or `BadLength` for a header length below 20 or a total length below the header's.
    /// A payload that is cut short is no error: see [`Packet::is_whole`].
    pub fn new(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let protocol = Protocol::Ipv4;
        need(protocol, bytes, MIN_HEADER_LEN)?;
        let packet = Packet(bytes);
        if packet.version() != 4 {
            let problem = Problem::BadVersion { value: packet.version() };
            return Err(Malformed { protocol, offset: at::VERSION_IHL, problem });
        }
        if packet.header_len() < MIN_HEADER_LEN {
            return bad_length(protocol, at::VERSION_IHL, packet.header_len());
        }
        need(protocol, bytes, packet.header_len())?;
        if usize::from(packet.total_len()) < packet.header_len() {
            return bad_length(protocol, at::TOTAL_LEN, usize::from(packet.total_len()));
        }
        Ok(packet)
    }

    /// Version: 4.
    pub fn version(&self) -> u8 {
        self.0[at::VERSION_IHL] >> 4
    }

    /// Octets of the header, options included.
    pub fn header_len(&self) -> usize {
        usize::from(self.0[at::VERSION_IHL] & 0x0f) * 4
    }

    /// Differentiated services and ECN.
    pub fn dsfield(&self) -> u8 {
        self.0[at::DSFIELD]
    }

    /// Octets of the whole packet, as its header says.
    pub fn total_len(&self) -> u16 {
        be16(self.0, at::TOTAL_LEN)
    }

    /// Identification.
    pub fn id(&self) -> u16 {
        be16(self.0, at::ID)
    }

    /// Flags and fragment offset as they stand: see [`flag`].
    pub fn flags_offset(&self) -> u16 {
        be16(self.0, at::FLAGS_OFFSET)
    }

    /// Don't fragment.
    pub fn dont_fragment(&self) -> bool {
        self.flags_offset() & flag::DF != 0
    }

    /// More fragments.
    pub fn more_fragments(&self) -> bool {
        self.flags_offset() & flag::MF != 0
    }

    /// Offset of the payload's first octet in the whole payload, in octets.
    pub fn fragment_offset(&self) -> u16 {
        (self.flags_offset() & flag::OFFSET) * 8
    }

    /// Whether the packet is a fragment, the first and the last included.
    pub fn is_fragment(&self) -> bool {
        self.flags_offset() & (flag::MF | flag::OFFSET) != 0
    }

    /// The fragment's place; `None` for a whole packet.
    pub fn fragment(&self) -> Option<IpFragment> {
        self.is_fragment().then(|| IpFragment {
            id: u32::from(self.id()),
            offset: u32::from(self.fragment_offset()),
            len: self.payload_len() as u32,
            more: self.more_fragments(),
        })
    }

    /// Time to live.
    pub fn ttl(&self) -> u8 {
        self.0[at::TTL]
    }

    /// IP protocol number of the payload.
    pub fn protocol(&self) -> u8 {
        self.0[at::PROTOCOL]
    }

    /// Header checksum as it stands.
    pub fn checksum(&self) -> u16 {
        be16(self.0, at::CHECKSUM)
    }

    /// Whether the header checksum verifies.
    pub fn checksum_good(&self) -> bool {
        checksum::checksum(&self.0[..self.header_len()]) == 0
    }

    /// Source address.
    pub fn source(&self) -> Ipv4Addr {
        ipv4(self.0, at::SOURCE)
    }

    /// Destination address.
    pub fn destination(&self) -> Ipv4Addr {
        ipv4(self.0, at::DESTINATION)
    }

    /// Options as they stand: 0 to 40 octets.
    pub fn options(&self) -> &'a [u8] {
        &self.0[at::OPTIONS..self.header_len()]
    }

    /// Octets of payload, as the header says.
    pub fn payload_len(&self) -> usize {
        usize::from(self.total_len()) - self.header_len()
    }

    /// The payload, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[self.header_len()..self.0.len().min(usize::from(self.total_len()))]
    }

    /// Whether all of the payload is there.
    pub fn is_whole(&self) -> bool {
        self.0.len() >= usize::from(self.total_len())
    }

    /// The addresses for the checksum of what it carries.
    pub fn pseudo(&self) -> Pseudo {
        Pseudo::V4 { source: self.source(), destination: self.destination() }
    }
}

/// An IPv4 header. Its version, lengths and checksum follow from the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Differentiated services and ECN.
    pub dsfield: u8,
    /// Identification.
    pub id: u16,
    /// The reserved flag; zero on every honest packet.
    pub reserved: bool,
    /// Don't fragment.
    pub dont_fragment: bool,
    /// More fragments.
    pub more_fragments: bool,
    /// Offset of the payload in the whole one, in octets; a multiple of 8, at most 65,528.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// IP protocol number of the payload.
    pub protocol: u8,
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Options as they stand, padded to a multiple of 4 octets.
    pub options: OptionOctets,
}

impl Header {
    /// A header for `protocol` between two hosts: TTL 64 (the recommended default, RFC 1700), nothing set.
    pub const fn new(protocol: u8, source: Ipv4Addr, destination: Ipv4Addr) -> Header {
        Header {
            dsfield: 0,
            id: 0,
            reserved: false,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol,
            source,
            destination,
            options: OptionOctets::EMPTY,
        }
    }

    /// Reads a header and gives the payload, as far as it is there. Fails as [`Packet::new`].
    pub fn decode(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let packet = Packet::new(bytes)?;
        let header = Header {
            dsfield: packet.dsfield(),
            id: packet.id(),
            reserved: packet.flags_offset() & flag::RESERVED != 0,
            dont_fragment: packet.dont_fragment(),
            more_fragments: packet.more_fragments(),
            fragment_offset: packet.fragment_offset(),
            ttl: packet.ttl(),
            protocol: packet.protocol(),
            source: packet.source(),
            destination: packet.destination(),
            options: OptionOctets::new(packet.options()).unwrap_or_default(),
        };
        Ok((header, packet.payload()))
    }

    /// Appends the header for a payload of `payload_len` octets, its checksum filled in. Fails when the
    /// packet would be longer than 65,535 octets, the options are no multiple of 4, or the offset none of 8.
    pub fn encode(&self, payload_len: usize, out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let refuse = |field, value, max| Err(Unencodable { protocol: Protocol::Ipv4, field, value, max });
        if !self.options.len().is_multiple_of(4) {
            return refuse("ip.opt", self.options.len(), OptionOctets::MAX);
        }
        if !self.fragment_offset.is_multiple_of(8) {
            return refuse("ip.frag_offset", usize::from(self.fragment_offset), 65_528);
        }
        let header_len = MIN_HEADER_LEN + self.options.len();
        let Ok(total_len) = u16::try_from(header_len + payload_len) else {
            return refuse("ip.len", header_len + payload_len, usize::from(u16::MAX));
        };
        let mut flags_offset = self.fragment_offset / 8;
        for (set, bit) in
            [(self.reserved, flag::RESERVED), (self.dont_fragment, flag::DF), (self.more_fragments, flag::MF)]
        {
            flags_offset |= if set { bit } else { 0 };
        }
        let start = out.len();
        out.extend_from_slice(&[4 << 4 | (header_len / 4) as u8, self.dsfield]);
        out.extend_from_slice(&total_len.to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&flags_offset.to_be_bytes());
        out.extend_from_slice(&[self.ttl, self.protocol, 0, 0]);
        out.extend_from_slice(&self.source.octets());
        out.extend_from_slice(&self.destination.octets());
        out.extend_from_slice(&self.options);
        let checksum = Sum::new().over(&out[start..]).finish();
        out[start + at::CHECKSUM..start + at::CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
        Ok(())
    }
}
