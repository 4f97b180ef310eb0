//! permessage-deflate (RFC 7692): each message compressed as one run of DEFLATE (RFC 1951) that ends at an
//! octet's edge.
//!
//! A sender compresses, flushes with an empty stored block, and takes off that block's 4 octets
//! `00 00 ff ff` (s7.2.1); a receiver puts them back (s7.2.2). With context takeover a message may refer to
//! octets of those before it, as far back as the window reaches.
//!
//! A window of 8 bits (256 octets) can be agreed on, but zlib's raw DEFLATE has none: it refuses 8. A compressor
//! with 9 bits stays within it all the same, since zlib never refers further back than its window less the
//! 262 octets that it looks ahead: 512 - 262 = 250. An inflater with 9 bits takes all that one with 8 would.

use super::error::Rule;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// What ends a flush, and is not sent.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Octets by which an inflated message grows at a time.
const STEP: usize = 16 << 10;

/// One direction's parameters, as agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// The window's size as a power of 2, 8 to 15.
    pub bits: u8,
    /// Whether a message may refer to those before it.
    pub takeover: bool,
}

impl Default for Window {
    /// 15 bits, with context takeover (RFC 7692 s7.1).
    fn default() -> Window {
        Window { bits: 15, takeover: true }
    }
}

impl Window {
    /// What zlib is asked for.
    fn zlib_bits(self) -> u8 {
        self.bits.clamp(9, 15)
    }
}

/// Compresses one direction's messages.
#[derive(Debug)]
pub struct Deflater {
    deflate: Compress,
    window: Window,
}

impl Deflater {
    /// Takes about 256 KiB with a window of 15 bits. `level` is zlib's, 0 to 9.
    pub fn new(window: Window, level: u32) -> Deflater {
        let level = Compression::new(level.min(9));
        Deflater { deflate: Compress::new_with_window_bits(level, false, window.zlib_bits()), window }
    }

    /// Appends the compressed message to `out`.
    pub fn message(&mut self, message: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let mut rest = message;
        loop {
            if out.capacity() - out.len() < 64 {
                out.reserve(rest.len() / 2 + 256);
            }
            let before = self.deflate.total_in();
            let flush = FlushCompress::Sync;
            // Neither a stream in use nor full of room gives an error; a buffer without progress is room.
            let _ = self.deflate.compress_vec(rest, out, flush);
            rest = &rest[(self.deflate.total_in() - before) as usize..];
            // With room left over, everything is out and flushed.
            if rest.is_empty() && out.len() < out.capacity() {
                break;
            }
        }
        if out[start..].ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        // Flushing nothing new gives nothing: an empty message is one empty block (RFC 7692 s7.2.3.6).
        if out.len() == start {
            out.push(0);
        }
        if !self.window.takeover {
            self.deflate.reset();
        }
    }
}

/// Inflates one direction's messages, in any chunking.
#[derive(Debug)]
pub struct Inflater {
    inflate: Decompress,
    takeover: bool,
}

impl Inflater {
    /// Takes about 48 KiB with a window of 15 bits.
    pub fn new(window: Window) -> Inflater {
        Inflater {
            inflate: Decompress::new_with_window_bits(false, window.zlib_bits()),
            takeover: window.takeover,
        }
    }

    /// Inflates the next octets of a message and appends what they give to `out`, where the message began at
    /// `from`. Fails when they are no DEFLATE data, and as soon as the message is longer than `limit` octets:
    /// a bomb costs no more than that.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>, from: usize, limit: u64) -> Result<(), Rule> {
        let mut rest = octets;
        loop {
            // One octet over the limit shows that there is more.
            let start = out.len();
            let room = limit.saturating_add(1).saturating_sub((start - from) as u64).min(STEP as u64);
            out.resize(start + room as usize, 0);
            let (read, wrote) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self.inflate.decompress(rest, &mut out[start..], FlushDecompress::Sync);
            let read = (self.inflate.total_in() - read) as usize;
            let wrote = (self.inflate.total_out() - wrote) as usize;
            out.truncate(start + wrote);
            rest = &rest[read..];
            if (out.len() - from) as u64 > limit {
                return Err(Rule::MessageTooLarge { limit });
            }
            match status.map_err(|_| Rule::Deflate)? {
                // A block with BFINAL ends the sender's DEFLATE stream; the next block begins a new one, which
                // may refer to what this message gave (RFC 7692 s7.2.3.4).
                Status::StreamEnd => self.restart(&out[from..])?,
                _ if wrote == room as usize => {}
                _ if rest.is_empty() => return Ok(()),
                _ if read == 0 && wrote == 0 => return Err(Rule::Deflate),
                _ => {}
            }
            if rest.is_empty() && wrote < room as usize {
                return Ok(());
            }
        }
    }

    /// The message ends here: puts back what its sender took off. Fails as [`Inflater::feed`] does.
    pub fn finish(&mut self, out: &mut Vec<u8>, from: usize, limit: u64) -> Result<(), Rule> {
        self.feed(&TAIL, out, from, limit)?;
        if !self.takeover {
            self.inflate.reset(false);
        }
        Ok(())
    }

    fn restart(&mut self, message: &[u8]) -> Result<(), Rule> {
        self.inflate.reset(false);
        let known = &message[message.len().saturating_sub(1 << 15)..];
        if self.takeover && !known.is_empty() {
            self.inflate.set_dictionary(known).map_err(|_| Rule::Deflate)?;
        }
        Ok(())
    }
}
