//! What had become of octets when they were sent again.

use super::Trace;
use super::segments::Stream;
use crate::model::{Direction, Fate, FrameName, LossCause, Retransmission, Time};
use std::collections::BTreeMap;

/// Acknowledgments of the same octets that are looked at, at most.
const ACKS_MAX: usize = 64;

/// Looks up fates on behalf of one sender.
pub(super) struct Causes<'a> {
    trace: &'a Trace,
    stream: &'a Stream,
    /// Acknowledgments by the far host in the order in which it sent them, each with the highest number up to it.
    acks: Vec<(i64, usize)>,
    /// Whether every frame of the far host is there, dropped ones too.
    complete: bool,
    /// The latest retransmission that begins at an offset.
    again: BTreeMap<i64, usize>,
    /// Retransmissions of what the far host reported as a duplicate, and the report.
    twice: Vec<(usize, usize)>,
}

impl<'a> Causes<'a> {
    pub(super) fn new(trace: &'a Trace, stream: &'a Stream, side: usize) -> Causes<'a> {
        let mut highest = i64::MIN;
        let mut acks = Vec::new();
        let mut direction = Direction::ToClient;
        for (index, segment) in stream.segments.iter().enumerate().filter(|(_, s)| s.side != side) {
            direction = trace.frames[segment.frame].seen.direction;
            if let Some(ack) = segment.ack {
                highest = highest.max(ack);
                acks.push((highest, index));
            }
        }
        let complete = stream.complete[direction.index()];
        Causes { trace, stream, acks, complete, again: BTreeMap::new(), twice: Vec::new() }
    }

    /// The first acknowledgment of everything before `end` that reached the sender after `sent`, and when.
    pub(super) fn answer(&self, end: i64, sent: Time) -> Option<(usize, Time)> {
        let first = self.acks.partition_point(|(highest, _)| *highest < end);
        let heard = |index: usize| {
            let frame = &self.trace.frames[self.stream.segments[index].frame];
            frame.arrivals().filter(|at| *at >= sent).min().map(|at| (index, at))
        };
        let covering = self.acks[first..].iter().map(|(_, index)| *index);
        covering
            .filter(|index| self.stream.segments[*index].ack.is_some_and(|ack| ack >= end))
            .take(ACKS_MAX)
            .filter_map(heard)
            .min_by_key(|(_, at)| *at)
    }

    /// The retransmission `found` begins at `start`.
    pub(super) fn sent_again(&mut self, start: i64, found: usize) {
        self.again.insert(start, found);
    }

    /// The far host reported `from..to` as a duplicate.
    pub(super) fn reported_twice(&mut self, from: i64, to: i64, ack: usize) {
        if let Some((_, found)) = self.again.range(from..to.max(from)).next() {
            self.twice.push((*found, ack));
        }
    }

    /// What had become of the octets at `start`, last carried by segment `last`, when they were sent again at `now`.
    pub(super) fn of(&self, now: Time, start: i64, last: usize, told_by: Option<usize>) -> LossCause {
        let heard = &self.trace.frames[self.stream.segments[last].frame];
        let frame = heard.name();
        let Some(fate) = heard.fate() else {
            return match told_by {
                Some(ack) => LossCause::Missing { shown_by: self.name(ack) },
                None => LossCause::Unknown,
            };
        };
        match (fate, heard.arrives()) {
            (Fate::Dropped { by }, _) => LossCause::Dropped { frame, by: by.clone() },
            (fate, None) => {
                let by = fate.damage().cloned();
                by.map_or(LossCause::Unknown, |by| LossCause::Corrupted { frame, by })
            }
            (_, Some(arrives)) if arrives > now => LossCause::UnderWay { frame, arrives },
            (_, Some(arrives)) => self.acknowledged(now, start, frame, arrives),
        }
    }

    /// The octets at `start` had come with `frame` at `arrived`: what became of the acknowledgment?
    fn acknowledged(&self, now: Time, start: i64, frame: FrameName, arrived: Time) -> LossCause {
        let first = self.acks.partition_point(|(highest, _)| *highest <= start);
        let mut lost = None;
        for (_, index) in self.acks[first..].iter().take(ACKS_MAX) {
            let heard = &self.trace.frames[self.stream.segments[*index].frame];
            if heard.sent() > now {
                break;
            }
            if heard.sent() < arrived || self.stream.segments[*index].ack.is_none_or(|ack| ack <= start) {
                continue;
            }
            match (heard.arrives(), heard.fate()) {
                (Some(arrives), _) if arrives > now => {
                    return LossCause::AckUnderWay { frame, ack: heard.name(), arrives };
                }
                // Its sender had been told. Why it did not mind cannot be seen.
                (Some(_), _) => return LossCause::Unknown,
                (None, fate) if lost.is_none() => {
                    let ack = heard.name();
                    lost = fate.and_then(|fate| match (fate, fate.damage()) {
                        (Fate::Dropped { by }, _) => {
                            Some(LossCause::AckDropped { frame, ack, by: by.clone() })
                        }
                        (_, by) => Some(LossCause::AckCorrupted { frame, ack, by: by?.clone() }),
                    });
                }
                (None, _) => {}
            }
        }
        match lost {
            Some(lost) => lost,
            None if self.complete => LossCause::NotAcknowledged { frame },
            None => LossCause::Unknown,
        }
    }

    /// Adds what was only known later.
    pub(super) fn finish(&self, found: &mut [Retransmission]) {
        for (index, ack) in &self.twice {
            let cause = &mut found[*index].cause;
            if matches!(cause, LossCause::Unknown | LossCause::Missing { .. }) {
                *cause = LossCause::HadArrived { shown_by: self.name(*ack) };
            }
        }
    }

    fn name(&self, segment: usize) -> FrameName {
        self.trace.frames[self.stream.segments[segment].frame].name()
    }
}
