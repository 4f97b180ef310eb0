//! TCP segments (RFC 9293 s3.1).

mod fields;
mod options;

pub(crate) use fields::fields;
pub use options::{Options, Placed, SackBlocks, TcpOption, kind};

use crate::model::{Malformed, Protocol, TcpFlags};
use crate::stack::checksum::Pseudo;
use crate::stack::l3_internet::protocol;
use crate::stack::octets::{Unencodable, bad_length, be16, be32, need};

/// Where the fields lie.
pub mod at {
    /// Source port.
    pub const SOURCE_PORT: usize = 0;
    /// Destination port.
    pub const DESTINATION_PORT: usize = 2;
    /// Sequence number.
    pub const SEQ: usize = 4;
    /// Acknowledgment number.
    pub const ACK: usize = 8;
    /// Data offset in words of 4 octets (4 bits), reserved (3 bits), flags (9 bits).
    pub const OFFSET_FLAGS: usize = 12;
    /// Window.
    pub const WINDOW: usize = 14;
    /// Checksum.
    pub const CHECKSUM: usize = 16;
    /// Urgent pointer.
    pub const URGENT: usize = 18;
    /// Options.
    pub const OPTIONS: usize = 20;
}

/// Octets of a header without options.
pub const MIN_HEADER_LEN: usize = 20;

/// A segment as it lies in memory. It has no length of its own: it ends where its IP packet ends.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a>(&'a [u8]);

impl<'a> Segment<'a> {
    /// Looks at `bytes` as a segment. Fails with `Truncated` when the header is not all there, or
    /// `BadLength` for a data offset below 20 octets.
    pub fn new(bytes: &'a [u8]) -> Result<Segment<'a>, Malformed> {
        need(Protocol::Tcp, bytes, MIN_HEADER_LEN)?;
        let segment = Segment(bytes);
        if segment.header_len() < MIN_HEADER_LEN {
            return bad_length(Protocol::Tcp, at::OFFSET_FLAGS, segment.header_len());
        }
        need(Protocol::Tcp, bytes, segment.header_len())?;
        Ok(segment)
    }

    /// Source port.
    pub fn source_port(&self) -> u16 {
        be16(self.0, at::SOURCE_PORT)
    }

    /// Destination port.
    pub fn destination_port(&self) -> u16 {
        be16(self.0, at::DESTINATION_PORT)
    }

    /// Sequence number as it stands.
    pub fn seq(&self) -> u32 {
        be32(self.0, at::SEQ)
    }

    /// Acknowledgment number as it stands; meaningless without ACK.
    pub fn ack(&self) -> u32 {
        be32(self.0, at::ACK)
    }

    /// Octets of the header, options included.
    pub fn header_len(&self) -> usize {
        usize::from(self.0[at::OFFSET_FLAGS] >> 4) * 4
    }

    /// The flags, reserved bits included.
    pub fn flags(&self) -> TcpFlags {
        TcpFlags(be16(self.0, at::OFFSET_FLAGS) & 0x0fff)
    }

    /// Window as it stands, not scaled.
    pub fn window(&self) -> u16 {
        be16(self.0, at::WINDOW)
    }

    /// Checksum as it stands.
    pub fn checksum(&self) -> u16 {
        be16(self.0, at::CHECKSUM)
    }

    /// Whether the checksum verifies, given that the segment is whole.
    pub fn checksum_good(&self, pseudo: Pseudo) -> bool {
        pseudo.sum(protocol::TCP, self.0.len()).over(self.0).finish() == 0
    }

    /// Urgent pointer as it stands; meaningless without URG.
    pub fn urgent_pointer(&self) -> u16 {
        be16(self.0, at::URGENT)
    }

    /// Options as they stand: 0 to 40 octets.
    pub fn raw_options(&self) -> &'a [u8] {
        &self.0[at::OPTIONS..self.header_len()]
    }

    /// The options, one by one.
    pub fn options(&self) -> Options<'a> {
        Options::new(self.raw_options())
    }

    /// The payload, as far as it is there.
    pub fn payload(&self) -> &'a [u8] {
        &self.0[self.header_len()..]
    }
}

/// A TCP header. Its data offset and checksum follow from the rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgment number; meaningless without ACK.
    pub ack: u32,
    /// The flags, reserved bits included (the low 12 bits).
    pub flags: TcpFlags,
    /// Window as it stands, not scaled.
    pub window: u16,
    /// Urgent pointer; meaningless without URG.
    pub urgent_pointer: u16,
    /// The options without the padding at their end.
    pub options: Vec<TcpOption>,
}

impl Header {
    /// Reads a header and gives the payload. Fails as [`Segment::new`], and where an option does not
    /// hold together.
    pub fn decode(bytes: &[u8]) -> Result<(Header, &[u8]), Malformed> {
        let segment = Segment::new(bytes)?;
        let mut options = Vec::new();
        for option in segment.options() {
            match option.map_err(|e| Malformed { offset: e.offset + at::OPTIONS, ..e })?.value {
                TcpOption::EndOfList => break,
                option => options.push(option),
            }
        }
        let header = Header {
            source_port: segment.source_port(),
            destination_port: segment.destination_port(),
            seq: segment.seq(),
            ack: segment.ack(),
            flags: segment.flags(),
            window: segment.window(),
            urgent_pointer: segment.urgent_pointer(),
            options,
        };
        Ok((header, segment.payload()))
    }

    /// Appends header and payload, the options padded with zeros and the checksum filled in. An
    /// [`TcpOption::EndOfList`] ends the options. Fails when they are more than 40 octets.
    pub fn encode(&self, pseudo: Pseudo, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Unencodable> {
        let start = out.len();
        out.extend_from_slice(&self.source_port.to_be_bytes());
        out.extend_from_slice(&self.destination_port.to_be_bytes());
        out.extend_from_slice(&self.seq.to_be_bytes());
        out.extend_from_slice(&self.ack.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.urgent_pointer.to_be_bytes());
        self.options.iter().take_while(|o| **o != TcpOption::EndOfList).for_each(|o| o.encode(out));
        out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        let header_len = out.len() - start;
        let (value, max) = (header_len - MIN_HEADER_LEN, 40);
        if value > max {
            out.truncate(start);
            return Err(Unencodable { protocol: Protocol::Tcp, field: "tcp.options", value, max });
        }
        let offset_flags = (header_len as u16 / 4) << 12 | self.flags.0 & 0x0fff;
        out[start + at::OFFSET_FLAGS..start + at::WINDOW].copy_from_slice(&offset_flags.to_be_bytes());
        out.extend_from_slice(payload);
        let checksum = pseudo.sum(protocol::TCP, out.len() - start).over(&out[start..]).finish();
        out[start + at::CHECKSUM..start + at::URGENT].copy_from_slice(&checksum.to_be_bytes());
        Ok(())
    }
}
