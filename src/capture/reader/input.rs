//! Octets of a file in order: looked at, then taken.

use super::error::ReadError;
use std::io::{self, Read};

/// The byte order of a section or a classic file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    /// Two octets at `at`; 0 beyond the end (callers have checked the length).
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let Some(&[a, b]) = bytes.get(at..at + 2) else {
            return 0;
        };
        match self {
            Order::Little => u16::from_le_bytes([a, b]),
            Order::Big => u16::from_be_bytes([a, b]),
        }
    }

    /// Four octets at `at`; 0 beyond the end (callers have checked the length).
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let Some(&[a, b, c, d]) = bytes.get(at..at + 4) else {
            return 0;
        };
        match self {
            Order::Little => u32::from_le_bytes([a, b, c, d]),
            Order::Big => u32::from_be_bytes([a, b, c, d]),
        }
    }
}

/// A chunk that is read at once. What a length field claims is read chunk by chunk, so that a lie costs no memory.
const CHUNK: usize = 256 * 1024;

/// A buffered reader that knows its offset.
pub(super) struct Input<R> {
    inner: R,
    buffer: Vec<u8>,
    /// What was taken last: `buffer[taken..at]`; what follows was read ahead.
    taken: usize,
    at: usize,
    /// Octets of the file before `buffer[0]`.
    base: u64,
    ended: bool,
}

impl<R: Read> Input<R> {
    pub(super) fn new(inner: R) -> Input<R> {
        Input { inner, buffer: Vec::new(), taken: 0, at: 0, base: 0, ended: false }
    }

    /// The offset in the file of what comes next.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Whether nothing comes next.
    pub(super) fn at_end(&mut self) -> Result<bool, ReadError> {
        Ok(self.fill(1)? == 0)
    }

    /// The next `len` octets, without taking them.
    pub(super) fn need(&mut self, len: usize, frame: u64) -> Result<&[u8], ReadError> {
        let got = self.fill(len)?;
        if got < len {
            return Err(ReadError::Truncated { frame, offset: self.offset(), needed: len, got });
        }
        Ok(&self.buffer[self.at..self.at + len])
    }

    /// Takes `len` octets that [`need`](Input::need) has shown.
    pub(super) fn take(&mut self, len: usize) {
        self.taken = self.at;
        self.at = (self.at + len).min(self.buffer.len());
    }

    /// What was taken last.
    pub(super) fn taken(&self) -> &[u8] {
        &self.buffer[self.taken..self.at]
    }

    /// Reads ahead until `len` octets are there or the file ends; says how many of them are there.
    fn fill(&mut self, len: usize) -> Result<usize, ReadError> {
        while self.buffer.len() - self.at < len && !self.ended {
            // What was taken is not needed any more: whoever had it has let go to call us.
            if self.at > 0 {
                self.buffer.drain(..self.at);
                self.base += self.at as u64;
                self.taken = 0;
                self.at = 0;
            }
            let have = self.buffer.len();
            self.buffer.resize(have + CHUNK, 0);
            let read = self.inner.read(&mut self.buffer[have..]);
            self.buffer.truncate(have + read.as_ref().map_or(0, |n| (*n).min(CHUNK)));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Io { offset: self.base + have as u64, source }),
            }
        }
        Ok((self.buffer.len() - self.at).min(len))
    }
}
