//! Writing pcapng, a whole block at a time.
//!
//! A block is encoded in memory and handed on only whole. When the target fails (a full disk), whatever part of a
//! block got through is cut off again, so that the file ends at a block boundary and every reader takes it.

use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{Endianness, PcapError};
use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;
use thiserror::Error;

/// Octets of blocks that are kept back at most.
const BUFFER: usize = 64 * 1024;
/// In [`Flush::Paced`], so many flushes at most in [`WINDOW`]; frames that come faster share one.
const FLUSHES_A_WINDOW: u32 = 1000;
/// See [`FLUSHES_A_WINDOW`].
const WINDOW: u64 = 100_000_000;
/// The most octets of an option's value: its length field has 16 bits.
const OPTION_MAX: usize = 65_532;

/// Where a capture goes: a file, a pipe, a vector.
pub trait Target: Write {
    /// Cuts what was written back to its first `len` octets and goes on writing there. `Ok(false)` where that is
    /// impossible, as in a pipe.
    ///
    /// # Errors
    /// Those of the operating system.
    fn cut_to(&mut self, len: u64) -> io::Result<bool>;
}

impl Target for Vec<u8> {
    fn cut_to(&mut self, len: u64) -> io::Result<bool> {
        self.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(true)
    }
}

/// A target that cannot be cut: a pipe, a socket.
#[derive(Debug)]
pub struct Pipe<W>(pub W);

impl<W: Write> Write for Pipe<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Target for Pipe<W> {
    fn cut_to(&mut self, _: u64) -> io::Result<bool> {
        Ok(false)
    }
}

/// A target that a function cuts: this room opens no files, so whoever does says how. For a file that was empty when the
/// capture began: `CutBy(file, |file, len| { file.set_len(len)?; file.seek(SeekFrom::Start(len))?; Ok(true) })`.
#[derive(Debug)]
pub struct CutBy<W, F>(pub W, pub F);

impl<W: Write, F> Write for CutBy<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write, F: FnMut(&mut W, u64) -> io::Result<bool>> Target for CutBy<W, F> {
    fn cut_to(&mut self, len: u64) -> io::Result<bool> {
        (self.1)(&mut self.0, len)
    }
}

impl<T: Target + ?Sized> Target for Box<T> {
    fn cut_to(&mut self, len: u64) -> io::Result<bool> {
        (**self).cut_to(len)
    }
}

impl<T: Target + ?Sized> Target for &mut T {
    fn cut_to(&mut self, len: u64) -> io::Result<bool> {
        (**self).cut_to(len)
    }
}

/// When blocks are handed to the target.
///
/// A process that is killed loses what it has not handed over. It can leave a torn last block only where the signal falls
/// into the middle of a write: hardly ever where each packet has its own, now and then where many share one. Every
/// reader takes what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Flush {
    /// After every packet: for a pipe into a program that follows live.
    Every,
    /// After every packet too, but of more than about ten thousand a second (as their own timestamps tell) several
    /// share one write of up to 64 KiB.
    Paced,
}

/// Which way a packet went, as seen from the interface of the capture.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtInterface {
    /// It reached the interface.
    Inbound,
    /// It left from the interface.
    Outbound,
}

/// A capture that could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The target failed. The first `kept` octets, whole blocks holding `packets` packets, are in it.
    #[error(
        "the capture could not be written further: {source}; the {packets} packets ({kept} octets) before that {}",
        if *whole { "are kept and readable; make room or choose another place" }
        else { "were written, the last perhaps in part" }
    )]
    Target {
        /// Octets of whole blocks in the target.
        kept: u64,
        /// Packets in them.
        packets: u64,
        /// Whether the target ends at a block boundary.
        whole: bool,
        /// What the operating system said.
        source: io::Error,
    },
    /// A packet longer than a block can say.
    #[error("a packet of {len} octets does not fit a pcapng block")]
    TooLong {
        /// Its length in octets.
        len: usize,
    },
}

impl From<WriteError> for io::Error {
    /// Keeps the kind (`StorageFull`, `BrokenPipe`), so that a caller can tell a closed pipe.
    fn from(error: WriteError) -> io::Error {
        let kind = match &error {
            WriteError::Target { source, .. } => source.kind(),
            WriteError::TooLong { .. } => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}

/// Writes one section of pcapng: little-endian, Ethernet, timestamps in nanoseconds.
pub struct Writer<T: Target> {
    target: T,
    flush: Flush,
    /// Encodes into memory; what it holds are whole blocks that the target has not got yet.
    blocks: PcapNgWriter<Vec<u8>>,
    /// Where those blocks end, and whether each is a packet.
    ends: Vec<(usize, bool)>,
    /// Octets and packets of whole blocks that the target has.
    kept: u64,
    packets: u64,
    /// When the present window began (Unix nanoseconds), and the flushes in it.
    window: (u64, u32),
    failed: bool,
}

impl<T: Target> Writer<T> {
    /// Begins a section: its header with the program, the system and a comment (empty ones are left out), then one
    /// interface. Flushes, so that a reader of a pipe sees a valid file at once.
    ///
    /// # Errors
    /// [`WriteError::Target`].
    pub fn new(
        target: T,
        flush: Flush,
        application: &str,
        system: &str,
        comment: &str,
        interface: &str,
    ) -> Result<Writer<T>, WriteError> {
        let owned = |text| Cow::Owned(option_text(text).into_owned());
        let mut options = Vec::new();
        if !comment.is_empty() {
            options.push(SectionHeaderOption::Comment(owned(comment)));
        }
        if !system.is_empty() {
            options.push(SectionHeaderOption::OS(owned(system)));
        }
        if !application.is_empty() {
            options.push(SectionHeaderOption::UserApplication(owned(application)));
        }
        let header = SectionHeaderBlock { endianness: Endianness::Little, options, ..Default::default() };
        let blocks = PcapNgWriter::with_section_header(Vec::with_capacity(BUFFER), header)
            .map_err(|e| in_memory(e, 0))?;
        let mut writer = Writer {
            target,
            flush,
            blocks,
            ends: Vec::new(),
            kept: 0,
            packets: 0,
            window: (0, 0),
            failed: false,
        };
        writer.block_ends(false);
        let description = InterfaceDescriptionBlock {
            linktype: DataLink::ETHERNET,
            snaplen: 0,
            options: vec![
                InterfaceDescriptionOption::IfName(option_text(interface)),
                InterfaceDescriptionOption::IfTsResol(9),
            ],
        };
        writer.blocks.write_pcapng_block(description).map_err(|e| in_memory(e, 0))?;
        writer.block_ends(false);
        writer.flush()?;
        Ok(writer)
    }

    /// Writes a packet: its time in nanoseconds since 1970-01-01 UTC, its octets from the Ethernet header on (without
    /// FCS), and its comment (none when empty; cut at 65,532 octets). Packets come in time order.
    ///
    /// # Errors
    /// [`WriteError`]. After a failure nothing more is written and the error is not repeated.
    pub fn packet(
        &mut self,
        at_unix_ns: u64,
        heading: Option<AtInterface>,
        bytes: &[u8],
        comment: &str,
    ) -> Result<(), WriteError> {
        if self.failed {
            return Ok(());
        }
        let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= 256 * 1024);
        let original_len = len.ok_or(WriteError::TooLong { len: bytes.len() })?;
        let mut options = Vec::with_capacity(2);
        if !comment.is_empty() {
            options.push(EnhancedPacketOption::Comment(option_text(comment)));
        }
        if let Some(heading) = heading {
            // Bits 0 and 1 of epb_flags: 1 inbound, 2 outbound.
            options.push(EnhancedPacketOption::Flags(match heading {
                AtInterface::Inbound => 1,
                AtInterface::Outbound => 2,
            }));
        }
        let block = EnhancedPacketBlock {
            interface_id: 0,
            timestamp: Duration::from_nanos(at_unix_ns),
            original_len,
            data: Cow::Borrowed(bytes),
            options,
        };
        self.blocks.write_pcapng_block(block).map_err(|e| in_memory(e, bytes.len()))?;
        self.block_ends(true);
        if self.due(at_unix_ns) { self.flush() } else { Ok(()) }
    }

    /// Writes a line beside the packets, in a block that other readers pass over.
    ///
    /// # Errors
    /// [`WriteError::Target`]. After a failure nothing more is written and the error is not repeated.
    pub fn note(&mut self, at_unix_ns: u64, line: &str) -> Result<(), WriteError> {
        if self.failed {
            return Ok(());
        }
        self.blocks.get_mut().extend(super::note::block(line));
        self.block_ends(false);
        if self.due(at_unix_ns) { self.flush() } else { Ok(()) }
    }

    /// Hands every block to the target, and flushes it.
    ///
    /// # Errors
    /// [`WriteError::Target`], once: after a failure this does nothing.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        if self.failed {
            return Ok(());
        }
        let (written, result) = write_counting(&mut self.target, self.blocks.get_ref());
        let (mut whole, mut packets) = (0, 0);
        for (end, is_packet) in self.ends.iter().take_while(|(end, _)| *end <= written) {
            whole = *end;
            packets += u64::from(*is_packet);
        }
        self.kept += whole as u64;
        self.packets += packets;
        let result = result.and_then(|()| self.target.flush());
        self.blocks.get_mut().clear();
        self.ends.clear();
        result.map_err(|source| {
            self.failed = true;
            let whole = written == whole || self.target.cut_to(self.kept).unwrap_or(false);
            WriteError::Target { kept: self.kept, packets: self.packets, whole, source }
        })
    }

    /// Octets of whole blocks that the target has.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Packets in them.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// The target. What was not flushed is lost.
    pub fn into_target(self) -> T {
        self.target
    }

    fn block_ends(&mut self, is_packet: bool) {
        self.ends.push((self.blocks.get_ref().len(), is_packet));
    }

    /// Whether what is kept back is to be handed on now.
    fn due(&mut self, now: u64) -> bool {
        if self.flush == Flush::Every || self.blocks.get_ref().len() >= BUFFER {
            return true;
        }
        let (began, flushes) = &mut self.window;
        if now.abs_diff(*began) >= WINDOW {
            (*began, *flushes) = (now, 0);
        }
        *flushes += 1;
        *flushes <= FLUSHES_A_WINDOW
    }
}

/// Writes all of `bytes` and says how many the target took, which `write_all` would not.
fn write_counting(target: &mut impl Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match target.write(&bytes[written..]) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(n) => written += n.min(bytes.len() - written),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (written, Err(e)),
        }
    }
    (written, Ok(()))
}

/// What the encoder says of a block that it cannot put into memory: there is only one reason.
fn in_memory(_: PcapError, len: usize) -> WriteError {
    WriteError::TooLong { len }
}

/// A text as an option's value, cut at a character where it is too long for one.
fn option_text(text: &str) -> Cow<'_, str> {
    let mut end = text.len().min(OPTION_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Borrowed(&text[..end])
}

#[cfg(test)]
mod tests;
