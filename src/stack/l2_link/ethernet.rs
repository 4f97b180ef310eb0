//! Ethernet II frames (IEEE 802.3 s3.2; RFC 894), without the FCS, which no capture here holds.

use crate::model::{Malformed, Protocol};
use crate::stack::octets::{be16, mac, need};

/// Where the fields lie.
pub mod at {
    /// Destination address.
    pub const DESTINATION: usize = 0;
    /// Source address.
    pub const SOURCE: usize = 6;
    /// EtherType, or (up to 1500) an IEEE 802.3 length.
    pub const TYPE: usize = 12;
}

/// Octets of the header.
pub const HEADER_LEN: usize = 14;

/// Octets of the shortest frame, without FCS (IEEE 802.3 s4.4.2): shorter ones are padded by the sender.
pub const MIN_LEN: usize = 60;

/// The address of every station on the link.
pub const BROADCAST: [u8; 6] = [0xff; 6];

/// EtherType numbers (IANA "IEEE 802 Numbers").
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// The largest value of the field that is a length of IEEE 802.3 and no type.
    pub const MAX_LENGTH: u16 = 1500;
}

/// Whether `address` is a group address: broadcast, or multicast (the I/G bit, IEEE 802.3 s3.2.3).
pub const fn is_group(address: [u8; 6]) -> bool {
    address[0] & 1 == 1
}

/// A frame as it lies in memory.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a>(&'a [u8]);

impl<'a> Frame<'a> {
    /// Looks at `bytes` as a frame. Fails with `Truncated` below [`HEADER_LEN`] octets.
    pub fn new(bytes: &'a [u8]) -> Result<Frame<'a>, Malformed> {
        need(Protocol::Ethernet, bytes, HEADER_LEN)?;
        Ok(Frame(bytes))
    }

    /// Destination address.
    pub fn destination(&self) -> [u8; 6] {
        mac(self.0, at::DESTINATION)
    }

    /// Source address.
    pub fn source(&self) -> [u8; 6] {
        mac(self.0, at::SOURCE)
    }

    /// EtherType.
    pub fn ethertype(&self) -> u16 {
        be16(self.0, at::TYPE)
    }

    /// The whole frame.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// What follows the header, padding included.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[HEADER_LEN..]
    }
}

/// An Ethernet header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Destination address.
    pub destination: [u8; 6],
    /// Source address.
    pub source: [u8; 6],
    /// EtherType.
    pub ethertype: u16,
}

impl Header {
    /// Reads a header and gives what follows it. Fails with `Truncated`.
    pub fn decode(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let frame = Frame::new(bytes)?;
        let (destination, source, ethertype) = (frame.destination(), frame.source(), frame.ethertype());
        Ok((Header { destination, source, ethertype }, frame.payload()))
    }

    /// Appends the header's 14 octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.destination);
        out.extend_from_slice(&self.source);
        out.extend_from_slice(&self.ethertype.to_be_bytes());
    }
}
