//! The wire with its frames: a judge, and a delay line for each direction.

use super::error::SpecError;
use super::fate::{Counts, Judge, Settled};
use super::spec::Spec;
use super::words::Change;
use crate::model::{Class, Direction, Fate, Row, Time};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// A frame to be pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<P> {
    /// Its direction.
    pub direction: Direction,
    /// Octets from the Ethernet header on, without FCS.
    pub len: u32,
    /// Octets of the IP packet in it; 0 when it carries none.
    pub ip_len: u32,
    /// What it is.
    pub class: Class,
    /// The frame itself.
    pub payload: P,
}

/// A copy of a frame that reaches the far host.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrival<P> {
    /// Its ledger row, final.
    pub row: Arc<Row>,
    /// 0 the copy that was sent, 1 the one that the wire made.
    pub copy: u8,
    /// When it was due: not later than the `now` it was popped at.
    pub at: Time,
    /// The frame, with its bit flipped if the wire corrupted this copy.
    pub payload: P,
}

/// An impaired wire that stores frames until they are due. Pure: `now` is passed in.
///
/// **Push (or judge, and hold) every frame that is read; take [`Wire::settled`]; pop until there is
/// nothing; sleep until [`Wire::deadline`].**
///
/// A pump that wants no copy asks [`Wire::judge`] first: when the fate is immediate and nothing is held in
/// that direction, it writes the frame straight through; else it gives the frame to [`Wire::hold`].
///
/// Memory is bounded by [`LineCap`](super::LineCap): by default 65,536 frames and 256 MiB a direction.
#[derive(Debug)]
pub struct Wire<P> {
    judge: Judge,
    lines: [Line<P>; 2],
}

#[derive(Debug)]
struct Line<P> {
    due: BinaryHeap<Held<P>>,
    /// The frame that waits for a swap, with its row as far as it is known.
    pending: Option<(Arc<Row>, P)>,
    settled: Option<Arc<Row>>,
    octets: u64,
}

/// One copy on its way. The greatest is the first to be due.
#[derive(Debug)]
struct Held<P> {
    at: Time,
    /// Who goes first at one moment: the order in which the wire read them, and a swapped frame right
    /// behind the one that passed it.
    turn: (u64, bool, u8),
    row: Arc<Row>,
    payload: P,
}

impl<P> Held<P> {
    fn key(&self) -> (Time, (u64, bool, u8)) {
        (self.at, self.turn)
    }
}

impl<P> Ord for Held<P> {
    fn cmp(&self, other: &Held<P>) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<P> PartialOrd for Held<P> {
    fn partial_cmp(&self, other: &Held<P>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> PartialEq for Held<P> {
    fn eq(&self, other: &Held<P>) -> bool {
        self.key() == other.key()
    }
}

impl<P> Eq for Held<P> {}

impl<P> Line<P> {
    fn frames(&self) -> usize {
        self.due.len() + self.pending.as_ref().map_or(0, |(row, _)| row.fate.deliveries().count())
    }
}

impl<P: Clone + AsMut<[u8]>> Wire<P> {
    /// A wire as `spec` asks, whose chances come from `seed`.
    pub fn new(spec: &Spec, seed: u64) -> Wire<P> {
        Wire::with_judge(Judge::new(spec, seed))
    }

    /// A wire around a judge, for bounds other than the default.
    pub fn with_judge(judge: Judge) -> Wire<P> {
        let line = || Line { due: BinaryHeap::new(), pending: None, settled: None, octets: 0 };
        Wire { judge, lines: [line(), line()] }
    }

    /// Judges a frame and stores it until it is due. Even one that is due at once comes out of
    /// [`Wire::pop`], in its turn.
    pub fn push(&mut self, now: Time, frame: Frame<P>) -> Arc<Row> {
        let row = self.judge(now, frame.direction, frame.len, frame.ip_len, frame.class);
        self.hold(row, frame.payload)
    }

    /// Decides about a frame without storing it: [`Judge::judge`]. Unless the frame is dropped or written
    /// straight through, [`Wire::hold`] must follow before anything is popped.
    pub fn judge(&mut self, now: Time, direction: Direction, len: u32, ip_len: u32, class: Class) -> Row {
        let row = self.judge.judge(now, direction, len, ip_len, class);
        self.settle(now);
        row
    }

    /// Lets frames pass that need no judging, without rows: [`Judge::pass`].
    pub fn pass(&mut self, now: Time, direction: Direction, len: u32, count: u64) -> u64 {
        if self.is_empty(direction) { self.judge.pass(now, direction, len, count) } else { 0 }
    }

    /// Stores the frame that was judged last. A dropped frame is forgotten.
    pub fn hold(&mut self, row: Row, payload: P) -> Arc<Row> {
        let pending = self.judge.is_pending(&row);
        let row = Arc::new(row);
        if row.fate.is_dropped() {
            return row;
        }
        let line = &mut self.lines[row.direction.index()];
        if pending {
            line.octets += all_octets(&row);
            line.pending = Some((row.clone(), payload));
        } else {
            line.store(row.clone(), payload, (row.id.0, false));
        }
        self.tell_judge(row.direction);
        row
    }

    /// A row that has become final since it was pushed, because its swap is over. At most one a direction
    /// is kept: take them after each push.
    pub fn settled(&mut self, now: Time) -> Option<Arc<Row>> {
        self.settle(now);
        self.lines.iter_mut().find_map(|line| line.settled.take())
    }

    /// Whether the row is not final yet: its frame waits for a swap.
    pub fn is_pending(&self, row: &Row) -> bool {
        self.judge.is_pending(row)
    }

    /// The next copy that is due at `now`, in either direction.
    pub fn pop(&mut self, now: Time) -> Option<Arrival<P>> {
        self.settle(now);
        let first = |d: Direction| self.lines[d.index()].due.peek().map(|h| (h.at, h.turn));
        let direction = Direction::BOTH
            .into_iter()
            .filter_map(|d| Some((first(d)?, d)))
            .min()
            .filter(|((at, _), _)| *at <= now)?
            .1;
        self.take(direction)
    }

    /// The next copy that is due at `now` in one direction.
    pub fn pop_toward(&mut self, now: Time, direction: Direction) -> Option<Arrival<P>> {
        self.settle(now);
        self.lines[direction.index()].due.peek().filter(|h| h.at <= now)?;
        self.take(direction)
    }

    fn take(&mut self, direction: Direction) -> Option<Arrival<P>> {
        let line = &mut self.lines[direction.index()];
        let Held { at, turn, row, mut payload } = line.due.pop()?;
        line.octets = line.octets.saturating_sub(u64::from(row.len));
        self.tell_judge(direction);
        let copy = turn.2;
        if let Some((bit, _)) = row.fate.deliveries().nth(copy.into()).and_then(|d| d.corrupted.as_ref()) {
            flip(payload.as_mut(), *bit);
        }
        Some(Arrival { row, copy, at, payload })
    }

    /// When [`Wire::pop`] or [`Wire::settled`] next has something; `None` while nothing is on its way.
    pub fn deadline(&self) -> Option<Time> {
        let due = self.lines.iter().filter_map(|line| line.due.peek()).map(|held| held.at).min();
        due.into_iter().chain(self.judge.deadline()).min()
    }

    /// Whether nothing is held in this direction.
    pub fn is_empty(&self, direction: Direction) -> bool {
        self.lines[direction.index()].frames() == 0
    }

    /// Copies held in this direction, and their octets.
    pub fn held(&self, direction: Direction) -> (usize, u64) {
        let line = &self.lines[direction.index()];
        (line.frames(), line.octets)
    }

    /// What the wire has read so far.
    pub fn counts(&self, direction: Direction) -> Counts {
        self.judge.counts(direction)
    }

    /// The judge, to be asked.
    pub fn rules(&self) -> &Judge {
        &self.judge
    }

    /// The judge, to end a frame at a router ([`Judge::end`]) or to change the wire.
    pub fn rules_mut(&mut self) -> &mut Judge {
        &mut self.judge
    }

    /// Makes a change from the next frame on: [`Judge::set`].
    ///
    /// # Errors
    /// As [`Judge::set`].
    pub fn set(&mut self, direction: Option<Direction>, change: &Change) -> Result<(), SpecError> {
        self.judge.set(direction, change)
    }

    /// Moves frames whose swap is over to those that are due.
    fn settle(&mut self, now: Time) {
        while let Some(Settled { row, behind }) = self.judge.settled(now) {
            let line = &mut self.lines[row.direction.index()];
            let row = Arc::new(row);
            // The judge settles only what it called pending, and that was held; a pump that forgot to
            // hold it gets its row all the same.
            if let Some((_, payload)) = line.pending.take() {
                line.octets = line.octets.saturating_sub(all_octets(&row));
                let turn = behind.map_or((row.id.0, false), |passing| (passing.0, true));
                line.store(row.clone(), payload, turn);
            }
            let direction = row.direction;
            line.settled = Some(row);
            self.tell_judge(direction);
        }
    }

    fn tell_judge(&mut self, direction: Direction) {
        let line = &self.lines[direction.index()];
        let frames = u32::try_from(line.frames()).unwrap_or(u32::MAX);
        self.judge.set_held(direction, frames, line.octets);
    }
}

impl<P: Clone> Line<P> {
    fn store(&mut self, row: Arc<Row>, payload: P, (turn, behind): (u64, bool)) {
        let held = |at, copy, row: Arc<Row>, payload| Held { at, turn: (turn, behind, copy), row, payload };
        self.octets += all_octets(&row);
        match &row.fate {
            Fate::Delivered(d) => self.due.push(held(d.at, 0, row.clone(), payload)),
            Fate::Duplicated { first, second, .. } => {
                self.due.push(held(first.at, 0, row.clone(), payload.clone()));
                self.due.push(held(second.at, 1, row.clone(), payload));
            }
            Fate::Dropped { .. } => {}
        }
    }
}

/// The octets of every copy that arrives.
fn all_octets(row: &Row) -> u64 {
    u64::from(row.len) * row.fate.deliveries().count() as u64
}

/// Flips bit `bit` of a frame: 0 is the most significant bit of its first octet, as RFCs number bits.
fn flip(frame: &mut [u8], bit: u32) {
    if let Some(octet) = frame.get_mut(bit as usize / 8) {
        *octet ^= 0x80 >> (bit % 8);
    }
}
