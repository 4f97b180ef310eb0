//! Reading a journal's file after a crash, or after worse.
//!
//! A file ends in one of three ways: at a frame's edge; in zeros, where room was made in advance; or inside a frame that
//! was being written when the machine stopped, the *torn tail*. Besides, any octet may have been damaged. What precedes
//! the damage is read, what is lost is told, and reading goes on behind it: where only a payload is damaged the
//! header says how far to go, else the next whole record with the file's salt is looked for.

use super::record::Record;
use crate::stack::l7_application::framing::{self, HEADER, Header, MAGIC, OVERHEAD};
use std::io::{self, Read};

/// Octets asked for at once.
const CHUNK: usize = 1 << 20;
/// Octets of the salt, a payload's first.
const SALT: usize = 8;

/// What stands next in a file.
#[derive(Debug)]
pub enum Found<'a> {
    /// A good record, of so many octets.
    Record {
        /// The record.
        record: Record<'a>,
        /// Its octets, the frame's own included.
        octets: u64,
    },
    /// Octets that are no record.
    Lost(Lost),
}

/// Octets of a file that are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lost {
    /// Where they begin.
    pub at: u64,
    /// How many.
    pub octets: u64,
    /// The type of the record that they were, where its header is whole.
    pub kind: Option<u8>,
    /// Nothing but zeros follows: if the file was being written when the machine stopped, this is the record that was
    /// not finished.
    pub tail: bool,
}

/// A file being read.
#[derive(Debug)]
pub struct Scan<R> {
    input: R,
    salt: u64,
    cap: u32,
    buffer: Vec<u8>,
    /// Read of the buffer.
    from: usize,
    /// Of the file, before the buffer.
    before: u64,
    ended: bool,
}

/// What the octets at the reading point are.
enum Here {
    /// A record of so many octets.
    Record(usize),
    /// Lost up to there, and passed over.
    Lost { end: u64, kind: Option<u8> },
}

impl<R: Read> Scan<R> {
    /// Reads `input`, whose records bear `salt` and whose payloads have at most `cap` octets.
    pub const fn new(input: R, salt: u64, cap: u32) -> Scan<R> {
        Scan { input, salt, cap, buffer: Vec::new(), from: 0, before: 0, ended: false }
    }

    /// Octets of the file that have been read as records or given up.
    pub fn position(&self) -> u64 {
        self.before + self.from as u64
    }

    /// Octets of the file that have been asked for: all of them, once the end was reached.
    pub fn seen(&self) -> u64 {
        self.before + self.buffer.len() as u64
    }

    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next record or loss; `None` at the end.
    ///
    /// # Errors
    /// What reading the input gives.
    pub fn read_next(&mut self) -> io::Result<Option<Found<'_>>> {
        let at = self.position();
        if self.pass_zeros()? {
            return Ok(None);
        }
        let here = if self.position() > at {
            // Zeros, and something behind them: a page that was not written before a later one was.
            Here::Lost { end: self.lost_edges(0)?, kind: None }
        } else {
            self.look()?
        };
        match here {
            Here::Lost { end, kind } => {
                let tail = self.pass_zeros()?;
                let end = if tail { end } else { self.position() };
                Ok(Some(Found::Lost(Lost { at, octets: end - at, kind, tail })))
            }
            Here::Record(len) => {
                let start = self.from;
                self.from += len;
                // `look` has read it already: it is a frame, and a record.
                let frame = framing::whole(&self.buffer[start..start + len], self.cap).ok();
                let record = frame.and_then(|frame| Record::decode(&frame, self.salt).ok());
                Ok(record.map(|record| Found::Record { record, octets: len as u64 }))
            }
        }
    }

    fn look(&mut self) -> io::Result<Here> {
        self.want(HEADER)?;
        let Some(header) = self.header() else {
            return Ok(Here::Lost { end: self.lost_edges(1)?, kind: None });
        };
        let whole = self.want(header.frame_len())?;
        if whole && self.is_record_here()? {
            return Ok(Here::Record(header.frame_len()));
        }
        // The header is good, so its length is; or the file ends inside this record.
        self.from = self.buffer.len().min(self.from + header.frame_len());
        Ok(Here::Lost { end: self.position(), kind: Some(header.kind) })
    }

    /// The good header at the reading point.
    fn header(&self) -> Option<Header> {
        let head = self.buffer.get(self.from..)?.first_chunk::<HEADER>()?;
        Header::parse(head, self.cap).ok()
    }

    /// Whether a whole record is at the reading point.
    fn is_record_here(&mut self) -> io::Result<bool> {
        let Some(header) = self.header() else { return Ok(false) };
        // The salt first: a message full of headers must not cost a checksum for each of them.
        let salted = self.want(HEADER + SALT)?
            && self.buffer[self.from + HEADER..].starts_with(&self.salt.to_be_bytes())
            && self.want(header.frame_len())?;
        let frame = if salted { framing::parse(&self.buffer[self.from..], self.cap).ok() } else { None };
        Ok(frame.flatten().is_some_and(|frame| Record::decode(&frame, self.salt).is_ok()))
    }

    /// Goes to the next whole record, `ahead` octets from here at least. Gives where the lost octets end: there, or behind
    /// the last one that is not zero.
    fn lost_edges(&mut self, mut ahead: usize) -> io::Result<u64> {
        let mut end = self.position();
        loop {
            let passed = &self.buffer[self.from..self.from + ahead];
            if let Some(last) = passed.iter().rposition(|octet| *octet != 0) {
                end = self.position() + last as u64 + 1;
            }
            self.from += ahead;
            if !self.want(OVERHEAD + SALT)? {
                // No room for a record: all that is left is lost.
                ahead = self.buffer.len() - self.from;
                if ahead == 0 {
                    return Ok(end);
                }
                continue;
            }
            if self.is_record_here()? {
                return Ok(self.position());
            }
            let rest = &self.buffer[self.from + 1..];
            ahead = 1 + rest.windows(2).position(|two| two == MAGIC).unwrap_or(rest.len() - 1);
        }
    }

    /// Sees to it that `octets` are in the buffer behind the reading point; whether they are.
    fn want(&mut self, octets: usize) -> io::Result<bool> {
        while self.buffer.len() - self.from < octets && !self.ended {
            if self.from >= CHUNK {
                self.buffer.drain(..self.from);
                self.before += self.from as u64;
                self.from = 0;
            }
            let got = (&mut self.input).take(CHUNK as u64).read_to_end(&mut self.buffer)?;
            self.ended = got == 0;
        }
        Ok(self.buffer.len() - self.from >= octets)
    }

    /// Passes over zeros; whether nothing else is left. There may be gigabytes of them: they are not kept.
    fn pass_zeros(&mut self) -> io::Result<bool> {
        while self.want(1)? {
            let rest = &self.buffer[self.from..];
            let zeros = rest.iter().position(|octet| *octet != 0);
            self.from += zeros.unwrap_or(rest.len());
            if zeros.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
