//! Why segments were sent again: every TCP connection of a run taken apart after the fact.
//!
//! A [`Trace`] listens to a run, or to a capture that [`read`](super::read) tells like one, and keeps what it hears. Asked, it
//! walks through each connection once for each of its two senders, in the order in which *that sender* knew things: its own
//! segments when they left it, the acknowledgments when they reached it. That order is in the ledger; of a capture without one
//! it is taken to be the file's.
//!
//! Memory: the first [`FRAMES_MAX`] frames are kept (about 100 MB when all are there), later ones are counted. Time: sorting aside, linear in frames.

mod cause;
mod ranges;
mod rtt;
mod segments;
mod sender;

use crate::model::{
    Carried, Direction, Event, Fate, Flow, FrameName, Packet, Retransmission, Row, Run, Seen, Sink, Time,
    What, WireFrame,
};
use segments::Stream;
use std::collections::BTreeMap;
use std::io;

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
        let mut all: Vec<Retransmission> =
            self.streams().values().flat_map(|stream| sender::retransmissions(self, stream)).collect();
        all.sort_by_key(|r| (r.at, r.frame.id));
        all
    }

    /// The frames of each connection, in the order in which they were sent.
    fn streams(&self) -> BTreeMap<u32, Stream> {
        let mut order: Vec<usize> = (0..self.frames.len()).collect();
        order.sort_by_key(|i| self.frames[*i].seen.id);
        let mut streams: BTreeMap<u32, Stream> = BTreeMap::new();
        for i in order {
            if let Packet::Ip(ip, Carried::Tcp(tcp)) = &self.frames[i].seen.packet {
                streams.entry(tcp.stream).or_default().push(i, ip, tcp);
            }
        }
        streams
    }

    /// Whether the capture holds every frame of a direction: a ledger numbers them without gaps.
    fn is_complete(&self, direction: Direction) -> bool {
        let rows = || {
            self.frames.iter().filter_map(|f| f.row.as_ref()).filter(move |row| row.direction == direction)
        };
        let last = rows().map(|row| row.index).max().unwrap_or(0);
        self.left_out == 0 && last == rows().count() as u64
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
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn frame(&mut self, _: &WireFrame<'_>) -> io::Result<Flow> {
        // A record without an event of its own is the second copy of an earlier one; it has a number all the same.
        if !std::mem::take(&mut self.open) {
            self.told += 1;
        }
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests;
