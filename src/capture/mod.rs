//! Captures: pcapng written over [`std::io::Write`], pcapng and classic pcap read over [`std::io::Read`].
//!
//! - [`CaptureSink`] listens to a run and writes its frames, each with its narration and its ledger row.
//! - [`Writer`] writes whole blocks: what has reached the file is readable at any moment, and after any failure.
//! - [`Reader`] gives the records of a file, however hostile the file.
//! - [`Mark`] is the machine-readable line in a packet's comment, [`run_comment`] the one in the section header, [`note`]
//!   that of an event which is no frame's, in a block of its own.
//!
//! Blocks are encoded by the `pcap-file` crate, version 2.0.0. Its 3.0.0 is still a release candidate and asks for a newer Rust
//! than this package does. Reading is our own, because neither version can do it as we need: both refuse a file
//! whose options lack the final `opt_endofopt` or whose comments are not UTF-8, neither bounds the number of
//! interfaces or says at which offset a file goes wrong, and 2.0.0 ignores `if_tsresol` and refuses a classic file
//! that was cut by its snapshot length.
//!
//! Source: draft-ietf-opsawg-pcapng (pcapng), draft-ietf-opsawg-pcap (classic pcap).

mod mark;
mod note;
mod pairs;
mod reader;
mod run;
mod sink;
mod writer;

pub use mark::{Mark, MarkError, PREFIX};
pub use note::{Stamp, deed_block, note, parse_deed, parse_note};
pub use reader::{
    Comments, Interface, Item, LINK_ETHERNET, LINK_LOOP, LINK_NULL, LINK_RAW, LINK_SLL, LINK_SLL2, ReadError,
    Reader, Record, Section, unpacked,
};
pub use run::{parse_run, run_comment};
pub use sink::{CaptureSink, Narrator};
pub use writer::{AtInterface, CutBy, Flush, Pipe, Target, WriteError, Writer};

/// Reads hostile bytes as a capture file to its end or its first error: the body of a fuzz target. Panics only
/// where the reader breaks a promise of its own.
#[doc(hidden)]
pub fn fuzz_reader(data: &[u8]) {
    reader::fuzz(data);
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(mark) = Mark::find(text) {
            // The line may hold more than we would print, but what we print must read back the same.
            assert_eq!(mark.to_string().parse::<Mark>().as_ref(), Ok(&mark));
        }
        let _ = parse_run(text);
        if let Ok(event) = parse_note(text) {
            // A line may say a thing twice and be longer for it; what is written of it reads back the same.
            let again = note(&event).map(|line| parse_note(&line));
            assert_eq!(again, Some(Ok(event)));
        }
        if let Ok(stamp) = Stamp::parse(text) {
            assert_eq!(Stamp::parse(&stamp.line()).as_ref(), Ok(&stamp));
        }
        let _ = parse_deed(text);
    }
}
