//! TCP options: RFC 9293 s3.2, RFC 7323 (window scale, timestamps), RFC 2018 (SACK).

use crate::model::{Malformed, Problem, Protocol};
use crate::stack::octets::{OptionOctets, be16, be32};
use std::fmt;
use std::ops::{Deref, Range};

/// The kinds that are read or named (IANA "TCP Option Kind Numbers").
pub mod kind {
    /// End of option list.
    pub const END_OF_LIST: u8 = 0;
    /// No operation.
    pub const NOP: u8 = 1;
    /// Maximum segment size.
    pub const MSS: u8 = 2;
    /// Window scale.
    pub const WINDOW_SCALE: u8 = 3;
    /// SACK permitted.
    pub const SACK_PERMITTED: u8 = 4;
    /// SACK.
    pub const SACK: u8 = 5;
    /// Timestamps.
    pub const TIMESTAMPS: u8 = 8;
    /// MD5 signature (RFC 2385).
    pub const MD5: u8 = 19;
    /// TCP Fast Open (RFC 7413).
    pub const FAST_OPEN: u8 = 34;
    /// For experiments (RFC 3692, RFC 6994).
    pub const EXPERIMENT_1: u8 = 253;
    /// For experiments (RFC 3692, RFC 6994).
    pub const EXPERIMENT_2: u8 = 254;
}

/// Up to 4 SACK blocks, the most that fit (RFC 2018 s3): left edge and right edge, as they stand.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SackBlocks {
    len: u8,
    blocks: [(u32, u32); SackBlocks::MAX],
}

impl SackBlocks {
    /// The most blocks in one option: 8 octets each, of 40 less 2.
    pub const MAX: usize = 4;

    /// No blocks.
    pub const NONE: SackBlocks = SackBlocks { len: 0, blocks: [(0, 0); SackBlocks::MAX] };

    /// These blocks; `None` when there are more than [`SackBlocks::MAX`].
    pub fn new(blocks: &[(u32, u32)]) -> Option<SackBlocks> {
        let mut kept = SackBlocks::NONE;
        kept.blocks.get_mut(..blocks.len())?.copy_from_slice(blocks);
        kept.len = blocks.len() as u8;
        Some(kept)
    }
}

impl Deref for SackBlocks {
    type Target = [(u32, u32)];
    fn deref(&self) -> &[(u32, u32)] {
        &self.blocks[..usize::from(self.len)]
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// One option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// End of the list; what follows is padding.
    EndOfList,
    /// No operation: aligns what follows.
    Nop,
    /// The largest segment that its sender is ready to receive, in octets of payload.
    MaximumSegmentSize(u16),
    /// How many bits its sender's windows are shifted to the left.
    WindowScale(u8),
    /// Its sender understands SACK.
    SackPermitted,
    /// What its sender holds beyond the acknowledgment number: 1 to 4 blocks.
    Sack(SackBlocks),
    /// The sender's clock, and the last one seen of the other side.
    Timestamps {
        /// TSval.
        value: u32,
        /// TSecr.
        echo: u32,
    },
    /// Any other, or one of the above with a length that is not its own.
    Other {
        /// Its kind, 2 or more.
        kind: u8,
        /// What follows kind and length.
        data: OptionOctets,
    },
}

impl TcpOption {
    /// An option of any kind above 1 with these octets after kind and length, as its kind and their
    /// number say. `None` for kinds 0 and 1, which have no length, and for more than 38 octets.
    pub fn read(kind: u8, data: &[u8]) -> Option<TcpOption> {
        if kind <= kind::NOP || data.len() > OptionOctets::MAX - 2 {
            return None;
        }
        Some(match (kind, data.len()) {
            (kind::MSS, 2) => TcpOption::MaximumSegmentSize(be16(data, 0)),
            (kind::WINDOW_SCALE, 1) => TcpOption::WindowScale(data[0]),
            (kind::SACK_PERMITTED, 0) => TcpOption::SackPermitted,
            (kind::SACK, 8 | 16 | 24 | 32) => {
                let mut blocks = SackBlocks::NONE;
                for (block, octets) in blocks.blocks.iter_mut().zip(data.chunks_exact(8)) {
                    *block = (be32(octets, 0), be32(octets, 4));
                }
                blocks.len = (data.len() / 8) as u8;
                TcpOption::Sack(blocks)
            }
            (kind::TIMESTAMPS, 8) => TcpOption::Timestamps { value: be32(data, 0), echo: be32(data, 4) },
            _ => TcpOption::Other { kind, data: OptionOctets::new(data)? },
        })
    }

    /// Appends the option's octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            TcpOption::EndOfList => out.push(kind::END_OF_LIST),
            TcpOption::Nop => out.push(kind::NOP),
            TcpOption::MaximumSegmentSize(mss) => {
                out.extend_from_slice(&[kind::MSS, 4]);
                out.extend_from_slice(&mss.to_be_bytes());
            }
            TcpOption::WindowScale(shift) => out.extend_from_slice(&[kind::WINDOW_SCALE, 3, *shift]),
            TcpOption::SackPermitted => out.extend_from_slice(&[kind::SACK_PERMITTED, 2]),
            TcpOption::Sack(blocks) => {
                out.extend_from_slice(&[kind::SACK, 2 + 8 * blocks.len]);
                for (left, right) in blocks.iter() {
                    out.extend_from_slice(&left.to_be_bytes());
                    out.extend_from_slice(&right.to_be_bytes());
                }
            }
            TcpOption::Timestamps { value, echo } => {
                out.extend_from_slice(&[kind::TIMESTAMPS, 10]);
                out.extend_from_slice(&value.to_be_bytes());
                out.extend_from_slice(&echo.to_be_bytes());
            }
            TcpOption::Other { kind, data } => {
                out.extend_from_slice(&[*kind, 2 + data.len() as u8]);
                out.extend_from_slice(data);
            }
        }
    }
}

/// An option, and where it lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Its octets, counted from the first octet of the options.
    pub at: Range<usize>,
    /// The option.
    pub value: TcpOption,
}

/// Walks the options of a segment. Ends after an end-of-list option or an error.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Options<'a> {
    /// Over the octets between the fixed header and the payload.
    pub const fn new(bytes: &'a [u8]) -> Options<'a> {
        Options { bytes, offset: 0 }
    }

    fn fail(&mut self, problem: Problem) -> Option<Result<Placed, Malformed>> {
        let offset = std::mem::replace(&mut self.offset, self.bytes.len());
        Some(Err(Malformed { protocol: Protocol::Tcp, offset, problem }))
    }
}

impl Iterator for Options<'_> {
    type Item = Result<Placed, Malformed>;

    /// The next option. Fails with `Truncated` when it runs over the end of the options, or `BadLength`
    /// for a length below 2; offsets count from the first octet of the options.
    fn next(&mut self) -> Option<Self::Item> {
        let start = self.offset;
        let rest = self.bytes.get(start..)?;
        let (len, value) = match *rest {
            [] => return None,
            [kind::END_OF_LIST, ..] => {
                self.offset = self.bytes.len();
                return Some(Ok(Placed { at: start..start + 1, value: TcpOption::EndOfList }));
            }
            [kind::NOP, ..] => (1, TcpOption::Nop),
            [_] => return self.fail(Problem::Truncated { needed: 2, got: 1 }),
            [kind, len, ..] => {
                let len = usize::from(len);
                if len < 2 {
                    return self.fail(Problem::BadLength { value: len });
                }
                match rest.get(2..len).and_then(|data| TcpOption::read(kind, data)) {
                    Some(value) => (len, value),
                    None => return self.fail(Problem::Truncated { needed: len, got: rest.len() }),
                }
            }
        };
        self.offset += len;
        Some(Ok(Placed { at: start..self.offset, value }))
    }
}
