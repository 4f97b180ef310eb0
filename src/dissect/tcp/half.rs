//! One side of a connection, as far as its segments show it.
//!
//! Sequence numbers are turned into *offsets*: octets from the initial sequence number, in 64 bits, so that wrapping
//! around 2^32 (RFC 9293 s3.4) is dealt with in one place and everything else compares plain numbers.

use super::Arrival;
use crate::model::{FrameId, Time};
use std::collections::VecDeque;

/// Segments of one side that are remembered at most.
pub(super) const SENT_MAX: usize = 16_384;
/// Of these, segments that were acknowledged already: a late retransmission of one can still be named.
const ACKED_MAX: usize = 64;
/// Duplicate acknowledgments in a run whose arrival is remembered at most.
const DUPLICATES_MAX: usize = 1024;
/// How often a SYN that is sent again is remembered: Linux gives up earlier (tcp_syn_retries in tcp(7)).
const OPENING_MAX: usize = 16;

/// Octets that a segment carried. The list of them is in order and without overlap.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// Offset of the first octet; SYN and FIN take one each.
    pub(super) start: i64,
    /// Offset after the last.
    pub(super) end: i64,
    /// The frame that carried them last.
    pub(super) last: FrameId,
    /// When that was.
    pub(super) at: Time,
    /// The first frame with them that is known to have arrived, or to be going to.
    pub(super) delivered: Option<FrameId>,
}

impl Sent {
    /// The frame that best explains that the far host has these octets.
    pub(super) fn carrier(&self) -> FrameId {
        self.delivered.unwrap_or(self.last)
    }
}

/// One side's SYN, or its SYN-ACK: the frame that carried it first, and those that carried it again.
#[derive(Clone, Debug, Default)]
pub(super) struct Opening(Vec<(FrameId, Arrival)>);

impl Opening {
    pub(super) fn is_seen(&self) -> bool {
        !self.0.is_empty()
    }

    fn send(&mut self, id: FrameId, arrival: Arrival) {
        if self.0.len() < OPENING_MAX {
            self.0.push((id, arrival));
        }
    }

    /// The one that reached the far host first: what comes again tells it nothing new.
    pub(super) fn first(&self, now: Time) -> Option<FrameId> {
        let first = self.arrived(now).min_by_key(|(at, _)| *at);
        first.map(|(_, id)| id).or_else(|| self.likely())
    }

    /// The one that reached the far host last: a SYN that comes again is answered again, and one that came when there was
    /// no room was not answered.
    pub(super) fn newest(&self, now: Time) -> Option<FrameId> {
        let newest = self.arrived(now).max_by_key(|(at, _)| *at);
        newest.map(|(_, id)| id).or_else(|| self.likely())
    }

    fn arrived(&self, now: Time) -> impl Iterator<Item = (Time, FrameId)> {
        self.0.iter().filter_map(move |(id, arrival)| match arrival {
            Arrival::At(at) if *at <= now => Some((*at, *id)),
            _ => None,
        })
    }

    /// Without a ledger, the last that is not known to be lost.
    fn likely(&self) -> Option<FrameId> {
        let (id, _) = self.0.iter().rev().find(|(_, arrival)| !arrival.is_never()).or(self.0.first())?;
        Some(*id)
    }
}

/// Acknowledgments of one number that followed each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Run {
    /// The number as it stands in the header, and the first frame that had it.
    pub(super) of: Option<(u32, FrameId)>,
    /// When each of its duplicates reaches the far host; those known to be lost are not there.
    pub(super) duplicates: Vec<Time>,
    /// Its duplicates, lost ones included.
    pub(super) count: u32,
}

/// One side of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Half {
    /// The initial sequence number: its SYN's, else one less than the first number seen.
    pub(super) base: Option<u32>,
    /// Offset after the highest octet that it sent.
    pub(super) next: Option<i64>,
    /// Offset up to which the other side has acknowledged.
    pub(super) acked: i64,
    /// Its SYN (without ACK).
    pub(super) syn: Opening,
    /// Its SYN-ACK.
    pub(super) syn_ack: Opening,
    /// The shift of its windows; present where its SYN was seen and offered one.
    pub(super) shift: Option<u8>,
    /// Whether its FIN was seen.
    pub(super) fin: bool,
    /// The last window that it gave, scaled.
    pub(super) window: Option<u32>,
    /// Its acknowledgments.
    pub(super) run: Run,
    /// Acknowledgments of the number before that: the other side may not have got the newer ones yet.
    pub(super) run_before: Run,
    /// The SACK blocks of its last acknowledgment, as offsets of the other side's octets.
    pub(super) sacked: [(i64, i64); 4],
    /// Whether its last segment was a keep-alive.
    pub(super) kept_alive: bool,
    sent: VecDeque<Sent>,
}

impl Half {
    /// A number relative to the initial one, as Wireshark shows it.
    pub(super) fn relative(&self, number: u32) -> u32 {
        number.wrapping_sub(self.base.unwrap_or(0))
    }

    /// The offset of a sequence number: of all that end in these 32 bits, the one nearest to what was sent last.
    pub(super) fn offset(&self, number: u32) -> i64 {
        let near = self.next.unwrap_or(0);
        let relative = self.relative(number);
        // The low 32 bits are all that the header has; their distance as a signed number is RFC 9293's comparison.
        let distance = relative.wrapping_sub(near as u32) as i32;
        near + i64::from(distance)
    }

    /// Notes that a segment carried its SYN.
    pub(super) fn open(&mut self, with_ack: bool, id: FrameId, arrival: Arrival) {
        let opening = if with_ack { &mut self.syn_ack } else { &mut self.syn };
        opening.send(id, arrival);
    }

    /// How many segments are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.sent.len()
    }

    /// Forgets the segments that were sent, to give their room back.
    pub(super) fn forget(&mut self) {
        self.sent = VecDeque::new();
    }

    /// Notes that a segment carried the octets from `start` to `end`. `delivered`: it is known to arrive.
    pub(super) fn send(&mut self, start: i64, end: i64, (id, now): (FrameId, Time), delivered: bool) {
        // A segment that was sent again in part has two carriers from now on: each part is named by its own.
        self.split(start);
        self.split(end);
        let mut at = start;
        let mut i = self.sent.partition_point(|s| s.end <= start);
        // What is there already is carried again, what lies between is new.
        while at < end {
            match self.sent.get_mut(i) {
                Some(s) if s.start <= at => {
                    (s.last, s.at) = (id, now);
                    if delivered {
                        s.delivered.get_or_insert(id);
                    }
                    at = s.end;
                }
                found => {
                    let until = found.map_or(end, |s| s.start.min(end));
                    self.sent.insert(
                        i,
                        Sent { start: at, end: until, last: id, at: now, delivered: delivered.then_some(id) },
                    );
                    at = until;
                }
            }
            i += 1;
        }
        while self.sent.len() > SENT_MAX {
            self.sent.pop_front();
        }
    }

    /// Makes two of the remembered segment that `at` lies inside.
    fn split(&mut self, at: i64) {
        let i = self.sent.partition_point(|s| s.end <= at);
        if let Some(s) = self.sent.get_mut(i).filter(|s| s.start < at) {
            let before = Sent { end: at, ..s.clone() };
            s.start = at;
            self.sent.insert(i, before);
        }
    }

    /// The remembered segments that share octets with `start..end`.
    pub(super) fn overlapping(&self, start: i64, end: i64) -> impl Iterator<Item = &Sent> {
        let first = self.sent.partition_point(|s| s.end <= start);
        self.sent.range(first..).take_while(move |s| s.start < end)
    }

    /// Takes an acknowledgment up to `offset`; gives the last segment that it acknowledges for the first time.
    pub(super) fn acknowledge(&mut self, offset: i64) -> Option<FrameId> {
        let next = self.next?;
        if offset <= self.acked || offset > next {
            return None;
        }
        let before = std::mem::replace(&mut self.acked, offset);
        let covered = self.sent.partition_point(|s| s.end <= offset);
        let last = self.sent.get(covered.checked_sub(1)?)?;
        let id = (last.end > before).then(|| last.carrier());
        self.sent.drain(..covered.saturating_sub(ACKED_MAX));
        id
    }

    /// Whether the far host is known to have all octets from `start` to `end`: it acknowledged them, it said so in a SACK
    /// block, or every segment that carried them is known to arrive. `peer` is the far side.
    pub(super) fn far_host_has(&self, peer: &Half, start: i64, end: i64) -> bool {
        if end <= self.acked || peer.sacked.iter().any(|(from, to)| *from <= start && end <= *to) {
            return true;
        }
        let mut at = start.max(self.acked);
        for s in self.overlapping(at, end) {
            if s.start > at || s.delivered.is_none() {
                return false;
            }
            at = s.end;
        }
        at >= end
    }

    /// Takes this side's acknowledgment number. `duplicate`: it repeats the last, at `arrives` on the far host (`None`
    /// when it is lost). Gives the how-manieth of that number it is, and the first.
    pub(super) fn acknowledges(
        &mut self,
        number: u32,
        id: FrameId,
        duplicate: bool,
        arrives: Option<Time>,
    ) -> Option<(u32, FrameId)> {
        if self.run.of.is_none_or(|(of, _)| of != number) {
            let run = Run { of: Some((number, id)), ..Run::default() };
            self.run_before = std::mem::replace(&mut self.run, run);
        }
        if !duplicate {
            return None;
        }
        self.run.count = self.run.count.saturating_add(1);
        if let Some(at) = arrives.filter(|_| self.run.duplicates.len() < DUPLICATES_MAX) {
            self.run.duplicates.push(at);
        }
        self.run.of.map(|(_, first)| (self.run.count, first))
    }

    /// How many duplicate acknowledgments of this number the far host has got by `now`, since it sent the octet that
    /// they ask for the last time: earlier ones tell nothing of what became of that.
    pub(super) fn duplicates_of(&self, number: u32, sent: Time, now: Time) -> u32 {
        let runs = [&self.run, &self.run_before];
        let run = runs.into_iter().find(|r| r.of.is_some_and(|(of, _)| of == number));
        run.map_or(0, |r| r.duplicates.iter().filter(|at| sent < **at && **at <= now).count() as u32)
    }
}
