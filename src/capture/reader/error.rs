//! What is wrong with a capture file, and where.

use std::io;
use thiserror::Error;

/// A capture file that does not read. Offsets are octets from the start of the file; `frame` is the number of the packet that
/// was to come next, 1 the first.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("reading failed at offset {offset}: {source}")]
    Io {
        /// How far it was read.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// It begins like no capture file.
    #[error("this is no capture file: it begins with {got:02x?}, which is neither pcapng nor pcap")]
    NotACapture {
        /// Its first four octets.
        got: [u8; 4],
    },
    /// It ends in the middle of something.
    #[error("the file ends in the middle of {}: at offset {offset}, {needed} octets were expected and {got} are there",
        if *frame == 0 { "its header".to_owned() } else { format!("a record, before frame {frame}") })]
    Truncated {
        /// The packet that was to come; 0 in the file's header.
        frame: u64,
        /// Where.
        offset: u64,
        /// Octets expected from there on.
        needed: usize,
        /// Octets there.
        got: usize,
    },
    /// A length that cannot be.
    #[error("{field} is {value} at offset {offset} (before frame {frame}); expected {expected}")]
    Length {
        /// The packet that was to come.
        frame: u64,
        /// Where.
        offset: u64,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u64,
        /// What it may be.
        expected: String,
    },
    /// A packet of an interface that was not described.
    #[error(
        "frame {frame} at offset {offset} is of interface {interface}, but the file has described {known}"
    )]
    NoInterface {
        /// The packet.
        frame: u64,
        /// Where its block begins.
        offset: u64,
        /// The interface that it names, 0 the first.
        interface: u32,
        /// How many there are.
        known: usize,
    },
    /// More interfaces than are taken.
    #[error("more than {limit} interfaces in one section, at offset {offset}")]
    TooManyInterfaces {
        /// Where.
        offset: u64,
        /// How many are taken.
        limit: usize,
    },
    /// A section header without the byte-order magic, or of a version that is not known.
    #[error("the section header at offset {offset} has the {field} {value:#x}, which is not known")]
    Section {
        /// Where.
        offset: u64,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u32,
    },
}
