//! UDP (RFC 768).

use crate::model::{Header as Fielded, Malformed, Meaning, Protocol};
use crate::stack::checksum::{self, Pseudo};
use crate::stack::fields::Fields;
use crate::stack::l3_internet::protocol;
use crate::stack::octets::{Unencodable, bad_length, be16, need};

/// Where the fields lie.
pub mod at {
    /// Source port.
    pub const SOURCE_PORT: usize = 0;
    /// Destination port.
    pub const DESTINATION_PORT: usize = 2;
    /// Length of header and payload.
    pub const LEN: usize = 4;
    /// Checksum.
    pub const CHECKSUM: usize = 6;
}

/// Octets of the header.
pub const HEADER_LEN: usize = 8;

/// A datagram as it lies in memory, whole or its first fragment.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a>(&'a [u8]);

impl<'a> Datagram<'a> {
    /// Looks at `bytes` as a datagram. Fails with `Truncated` below 8 octets, or `BadLength` when the
    /// length field says less than 8. A payload that is cut short is no error: see [`Datagram::is_whole`].
    pub fn new(bytes: &'a [u8]) -> Result<Datagram<'a>, Malformed> {
        need(Protocol::Udp, bytes, HEADER_LEN)?;
        let datagram = Datagram(bytes);
        if usize::from(datagram.len()) < HEADER_LEN {
            return bad_length(Protocol::Udp, at::LEN, usize::from(datagram.len()));
        }
        Ok(datagram)
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        be16(self.0, at::SOURCE_PORT)
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        be16(self.0, at::DESTINATION_PORT)
    }

    /// Octets of header and payload, as the length field says: 8 or more.
    #[allow(clippy::len_without_is_empty)] // a field of the header, never below 8
    pub fn len(&self) -> u16 {
        be16(self.0, at::LEN)
    }

    /// Checksum as it stands; 0 when the sender made none (RFC 768; over IPv4 only).
    pub fn checksum(&self) -> u16 {
        be16(self.0, at::CHECKSUM)
    }

    /// Whether the checksum verifies; `None` when the sender made none or the datagram is not whole.
    pub fn checksum_good(&self, pseudo: Pseudo) -> Option<bool> {
        if !self.is_whole() || self.checksum() == 0 {
            return None;
        }
        let bytes = &self.0[..usize::from(self.len())];
        Some(pseudo.sum(protocol::UDP, bytes.len()).over(bytes).finish() == 0)
    }

    /// The payload, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[HEADER_LEN..self.0.len().min(usize::from(self.len()))]
    }

    /// Whether all of the payload is there.
    pub fn is_whole(&self) -> bool {
        self.0.len() >= usize::from(self.len())
    }
}

/// A UDP header. Its length and checksum follow from the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

impl Header {
    /// Reads a header and gives the payload, as far as it is there. Fails as [`Datagram::new`].
    pub fn decode(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let datagram = Datagram::new(bytes)?;
        let header =
            Header { source_port: datagram.source_port(), destination_port: datagram.destination_port() };
        Ok((header, datagram.payload()))
    }

    /// Appends header and payload, the checksum filled in. Fails when they are more than 65,535 octets.
    pub fn encode(&self, pseudo: Pseudo, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let total = HEADER_LEN + payload.len();
        let Ok(len) = u16::try_from(total) else {
            let max = usize::from(u16::MAX);
            return Err(Unencodable { protocol: Protocol::Udp, field: "udp.length", value: total, max });
        };
        let start = out.len();
        out.extend_from_slice(&self.source_port.to_be_bytes());
        out.extend_from_slice(&self.destination_port.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(payload);
        let checksum = match pseudo.sum(protocol::UDP, total).over(&out[start..]).finish() {
            // Zero would say "none": its other form is sent (RFC 768).
            0 => 0xffff,
            checksum => checksum,
        };
        out[start + at::CHECKSUM..start + HEADER_LEN].copy_from_slice(&checksum.to_be_bytes());
        Ok(())
    }
}

/// The fields of the datagram at octet `base` of the frame, as far as they are there; its payload is the
/// last of them and not part of the header. With `pseudo`, the datagram (whole, if its length field tells
/// the truth) has its checksum verified.
pub(crate) fn fields(datagram: &[u8], base: usize, pseudo: Option<Pseudo>) -> Fielded {
    let mut fields = Fields::new(Protocol::Udp, datagram, base);
    fields.uint("udp.srcport", at::SOURCE_PORT, 2).uint("udp.dstport", at::DESTINATION_PORT, 2);
    fields.uint("udp.length", at::LEN, 2);
    let Ok(view) = Datagram::new(datagram) else {
        return fields.finish(HEADER_LEN);
    };
    fields.hex("udp.checksum", at::CHECKSUM, 2);
    if let (Some(pseudo), Some(octets)) = (pseudo, datagram.get(..usize::from(view.len()))) {
        if view.checksum() == 0 {
            fields.means(Meaning::Name("none"));
        } else {
            let (good, expected) =
                checksum::verify(pseudo.sum(protocol::UDP, octets.len()), octets, at::CHECKSUM);
            let expected = if expected == 0 { 0xffff } else { expected };
            fields.means(Meaning::Checksum { good, expected });
        }
    }
    // All that its IP packet has, even where the length field says less: as Wireshark shows it.
    fields.octets("udp.payload", HEADER_LEN..datagram.len());
    fields.finish(HEADER_LEN)
}
