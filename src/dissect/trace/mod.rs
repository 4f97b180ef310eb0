//! Why segments were sent again: every TCP connection of a run taken apart after the fact.
//!
//! A [`Trace`] listens to a run, or to a capture that [`read`](super::read) tells like one, and keeps what it hears. Asked, it
//! walks through each connection once for each of its two senders, in the order in which *that sender* knew things: its own
//! segments when they left it, the acknowledgments when they reached it. That order is in the ledger; of a capture without one
//! it is taken to be the file's.
//!
//! Memory: the first [`FRAMES_MAX`] frames are kept (about 100 MB when all are there), later ones are counted; of system calls the
//! first 65,536 that moved octets. Time: sorting aside, linear in frames.

mod calls;
mod cause;
mod chain;
mod ranges;
mod rtt;
mod segments;
mod sender;

use crate::model::{
    Carried, Event, Fate, Flow, FrameId, FrameName, Packet, Retransmission, Row, Run, Seen, Sink, Time, What,
    WireFrame,
};
use calls::Calls;
use segments::Stream;
use std::collections::BTreeMap;
use std::io;

pub use chain::{Asked, Explained, TraceError};

/// Frames that are kept at most.
pub const FRAMES_MAX: usize = 1 << 18;

/// A frame that was heard of.
#[derive(Debug)]
pub(crate) struct Heard {
    seen: Seen,
    /// When it was told.
    at: Time,
    row: Option<Box<Row>>,
    number: Option<u64>,
}

impl Heard {
    pub(crate) fn name(&self) -> FrameName {
        FrameName { id: self.seen.id, number: self.number }
    }

    /// When its sender sent it.
    fn sent(&self) -> Time {
        self.row.as_ref().map_or(self.at, |row| row.at)
    }

    fn fate(&self) -> Option<&Fate> {
        self.row.as_ref().map(|row| &row.fate)
    }

    /// When it reached the far host whole, each copy; without a ledger when it was captured.
    fn arrivals(&self) -> impl Iterator<Item = Time> {
        let captured = self.row.is_none().then_some(self.at);
        let copies = self.fate().into_iter().flat_map(Fate::deliveries);
        captured.into_iter().chain(copies.filter(|d| d.corrupted.is_none()).map(|d| d.at))
    }

    fn arrives(&self) -> Option<Time> {
        self.arrivals().min()
    }
}

/// Listens to a run and can say afterwards why each segment was sent again. See the module's page.
#[derive(Debug, Default)]
pub struct Trace {
    frames: Vec<Heard>,
    run: Option<Run>,
    /// Whether frames are told from a file, and so have numbers there; how many were told.
    from_file: bool,
    told: u64,
    /// The event of the record that is being told has come, its frame has not.
    open: bool,
    left_out: u64,
    /// Second copies in a file: their numbers there, and of which frame.
    copies: Vec<(u64, FrameId)>,
    calls: Calls,
}

impl Trace {
    /// For a live run.
    pub fn new() -> Trace {
        Trace::default()
    }

    /// For a capture file told by [`read`](super::read): frames have their numbers in the file too.
    pub fn of_file() -> Trace {
        Trace { from_file: true, ..Trace::default() }
    }

    /// Frames that came after the first [`FRAMES_MAX`]: nothing is known of them.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Every segment that brought octets again, in the order in which they were sent.
    pub fn retransmissions(&self) -> Vec<Retransmission> {
        self.explain().into_retransmissions()
    }

    /// The frames of each connection, in the order in which they were sent.
    fn streams(&self) -> BTreeMap<u32, Stream> {
        let mut order: Vec<usize> = (0..self.frames.len()).collect();
        order.sort_by_key(|i| self.frames[*i].seen.id);
        let complete = self.completeness();
        let mut streams: BTreeMap<u32, Stream> = BTreeMap::new();
        for i in order {
            if let Packet::Ip(ip, Carried::Tcp(tcp)) = &self.frames[i].seen.packet {
                streams.entry(tcp.stream).or_insert_with(|| Stream::new(complete)).push(i, ip, tcp);
            }
        }
        streams
    }

    /// Whether every frame of each direction is there, dropped ones too: a ledger numbers them without gaps.
    fn completeness(&self) -> [bool; 2] {
        let (mut last, mut count) = ([0; 2], [0; 2]);
        for row in self.frames.iter().filter_map(|f| f.row.as_ref()) {
            let i = row.direction.index();
            last[i] = row.index.max(last[i]);
            count[i] += 1;
        }
        [0, 1].map(|i| self.left_out == 0 && last[i] == count[i])
    }

    /// Whether both hosts are this run's Linux.
    fn on_linux(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.backend.has_wire() && run.system.starts_with("linux"))
    }
}

impl Sink for Trace {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.run = Some(run.clone());
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        match &event.what {
            What::Frame(seen) => {
                self.told += 1;
                self.open = true;
                if self.frames.len() < FRAMES_MAX {
                    let number = self.from_file.then_some(self.told);
                    self.frames.push(Heard { seen: (**seen).clone(), at: event.at, row: None, number });
                } else {
                    self.left_out += 1;
                }
            }
            What::Fate(row) if self.left_out == 0 => {
                if let Some(last) = self.frames.last_mut().filter(|last| last.seen.id == row.id) {
                    last.row = Some(row.clone());
                }
            }
            _ => self.calls.hear(event),
        }
        Ok(Flow::Continue)
    }

    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        // A record without an event of its own is the second copy of an earlier one; it has a number all the same.
        if !std::mem::take(&mut self.open) && self.from_file {
            self.told += 1;
            if self.copies.len() < FRAMES_MAX {
                self.copies.push((self.told, frame.row.id));
            }
        }
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests;
