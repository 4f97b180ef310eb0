//! Reading a journal's file after a crash, or after worse.
//!
//! A file ends in one of three ways: at a frame's edge; in zeros, where room was made in advance; or inside a frame that
//! was being written when the machine stopped, the *torn tail*. Besides, any octet may have been damaged. What precedes
//! the damage is read, what is lost is told, and reading goes on behind it: where only a payload is damaged the
//! header says how far to go, else the next whole record with the file's salt is looked for.

use super::record::Record;
use crate::stack::l7_application::framing::{self, Frame, HEADER, Header, MAGIC, Wrong};
use std::io::{self, Read};

/// Octets asked for at once.
const CHUNK: usize = 1 << 20;

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
    Record(usize),
    Bad { octets: usize, kind: Option<u8> },
    End,
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

    /// The next record or loss; `None` at the end.
    ///
    /// # Errors
    /// What reading the input gives.
    pub fn read_next(&mut self) -> io::Result<Option<Found<'_>>> {
        let at = self.position();
        match self.look()? {
            Here::End => Ok(None),
            Here::Bad { octets, kind } => {
                self.from += octets;
                let tail = self.only_zeros()?;
                Ok(Some(Found::Lost(Lost { at, octets: octets as u64, kind, tail })))
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
        let starts_with_zero = self.buffer.get(self.from).is_none_or(|octet| *octet == 0);
        if starts_with_zero && self.only_zeros()? {
            return Ok(Here::End);
        }
        let Some(header) = self.header(0) else { return self.lost_edges() };
        if !self.want(header.frame_len())? {
            // The header is good, so its length is: the file ends inside this record.
            let octets = self.buffer.len() - self.from;
            return Ok(Here::Bad { octets, kind: Some(header.kind) });
        }
        let octets = header.frame_len();
        Ok(match framing::parse(&self.buffer[self.from..], self.cap) {
            Ok(Some(frame)) if self.is_record(&frame) => Here::Record(octets),
            Ok(_) | Err(Wrong::Payload { .. }) => Here::Bad { octets, kind: Some(header.kind) },
            Err(_) => return self.lost_edges(),
        })
    }

    /// The good header `ahead` octets behind the reading point.
    fn header(&self, ahead: usize) -> Option<Header> {
        let head = self.buffer.get(self.from + ahead..)?.first_chunk::<HEADER>()?;
        Header::parse(head, self.cap).ok()
    }

    fn is_record(&self, frame: &Frame<'_>) -> bool {
        Record::decode(frame, self.salt).is_ok()
    }

    /// Looks for the next whole record behind the reading point.
    fn lost_edges(&mut self) -> io::Result<Here> {
        let mut ahead = 1;
        loop {
            if !self.want(ahead + HEADER)? {
                // No room for a header: all that is left is lost, but for zeros at the end.
                let rest = &self.buffer[self.from..];
                let octets = rest.iter().rposition(|octet| *octet != 0).map_or(rest.len(), |last| last + 1);
                return Ok(Here::Bad { octets, kind: None });
            }
            let rest = &self.buffer[self.from + ahead..];
            let Some(found) = rest.windows(2).position(|two| two == MAGIC) else {
                ahead += rest.len() - 1;
                continue;
            };
            ahead += found;
            self.want(ahead + HEADER)?;
            if let Some(header) = self.header(ahead)
                && self.want(ahead + header.frame_len())?
                && let Ok(Some(frame)) = framing::parse(&self.buffer[self.from + ahead..], self.cap)
                && self.is_record(&frame)
            {
                return Ok(Here::Bad { octets: ahead, kind: None });
            }
            ahead += 1;
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

    /// Whether nothing but zeros is left.
    fn only_zeros(&mut self) -> io::Result<bool> {
        let mut looked = 0;
        loop {
            let rest = &self.buffer[self.from + looked..];
            if rest.iter().any(|octet| *octet != 0) {
                return Ok(false);
            }
            looked += rest.len();
            if !self.want(looked + 1)? {
                return Ok(true);
            }
        }
    }
}
