//! Octets by their offsets: which frames carried them, and which the far host reported.

use crate::model::Time;
use std::collections::BTreeMap;

#[cfg(test)]
thread_local! {
    /// Entries that were looked at, so that a test can tell how the cost grows.
    pub(super) static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts an entry that is looked at.
fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

/// Octets that were sent together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Offset after the last.
    pub(super) end: i64,
    /// The segments that carried them first and last.
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) last_at: Time,
    /// The first segment after which all of them had come, or would without more being sent, as a ledger shows.
    pub(super) came: Option<usize>,
    /// How often they were sent.
    pub(super) times: u32,
}

/// Everything that a side sent, by the offset of its first octet; without overlap.
#[derive(Debug, Default)]
pub(super) struct Carried {
    by_start: BTreeMap<i64, Sent>,
}

impl Carried {
    /// The octets at `at`, or those behind it that begin before `end`.
    pub(super) fn at(&self, at: i64, end: i64) -> Option<Sent> {
        let before = self.by_start.range(..=at).next_back().filter(|(_, s)| s.end > at);
        before.or_else(|| self.by_start.range(at..end).next()).map(|(_, s)| *s)
    }

    /// What begins in `from..to`.
    pub(super) fn within(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, Sent)> {
        self.by_start.range(from..to.max(from)).inspect(|_| step()).map(|(start, s)| (*start, *s))
    }

    /// Of `start..end`, the first octets that had not come, or else all of them.
    pub(super) fn lacking(&self, start: i64, end: i64) -> Option<(i64, Sent)> {
        let first = self.at(start, end)?;
        let behind = self.within(start, end).find(|(_, sent)| sent.came.is_none());
        let lacking = if first.came.is_none() { None } else { behind };
        Some(lacking.unwrap_or((start, first)))
    }

    /// Notes that `segment` carried `start..end`, and whether it came. What it covers becomes one entry, so that entries
    /// never outnumber segments by more than two to one, and all the work is shared by the insertions.
    pub(super) fn carry(&mut self, start: i64, end: i64, segment: usize, at: Time, came: bool) {
        self.split(start);
        self.split(end);
        let mut covered = None::<Sent>;
        let mut fresh_from = start;
        while let Some((from, sent)) = self.by_start.range(start..end).next().map(|(k, v)| (*k, *v)) {
            step();
            self.by_start.remove(&from);
            fresh_from = fresh_from.max(sent.end);
            covered = Some(match covered {
                None => sent,
                Some(c) => {
                    let came = c.came.zip(sent.came).map(|(a, b)| a.max(b));
                    Sent { times: c.times.max(sent.times), came, ..c }
                }
            });
        }
        let came = came.then_some(segment);
        let fresh = Sent { end, first: segment, last: segment, last_at: at, came, times: 1 };
        if let Some(c) = covered {
            let came = c.came.or(came);
            let again = Sent { end: fresh_from, last: segment, last_at: at, came, times: c.times + 1, ..c };
            self.by_start.insert(start, again);
        }
        if fresh_from < end {
            self.by_start.insert(fresh_from, fresh);
        }
    }

    fn split(&mut self, at: i64) {
        let inside = self.by_start.range(..at).next_back().map(|(k, v)| (*k, *v)).filter(|(_, s)| s.end > at);
        if let Some((start, sent)) = inside {
            self.by_start.insert(start, Sent { end: at, ..sent });
            self.by_start.insert(at, sent);
        }
    }
}

/// A set of offsets.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    by_start: BTreeMap<i64, i64>,
}

impl Ranges {
    /// Adds `from..to`; gives the parts of it that were not there.
    pub(super) fn add(&mut self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let mut new = Vec::new();
        if from >= to {
            return new;
        }
        let (mut start, mut end, mut at) = (from, to, from);
        if let Some((s, e)) = self.by_start.range(..from).next_back().filter(|(_, e)| **e >= from) {
            (start, at) = (*s, *e);
            end = end.max(*e);
        }
        while let Some((s, e)) = self.by_start.range(start..=to).next().map(|(s, e)| (*s, *e)) {
            step();
            self.by_start.remove(&s);
            if s > at {
                new.push((at, s));
            }
            at = at.max(e);
            end = end.max(e);
        }
        if at < to {
            new.push((at, to));
        }
        self.by_start.insert(start, end);
        new
    }

    /// The first offset from `at` on that is not in it.
    pub(super) fn first_missing(&self, at: i64) -> i64 {
        self.by_start.range(..=at).next_back().map_or(at, |(_, e)| at.max(*e))
    }

    /// The offset after the highest in it.
    pub(super) fn top(&self) -> Option<i64> {
        self.by_start.values().next_back().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #[test]
        fn a_set_of_ranges_is_a_set(ranges in proptest::collection::vec((0i64..60, 0i64..20), 0..40)) {
            let (mut set, mut model) = (Ranges::default(), BTreeSet::new());
            for (from, len) in ranges {
                let fresh: Vec<i64> = (from..from + len).filter(|o| model.insert(*o)).collect();
                let new: Vec<i64> = set.add(from, from + len).into_iter().flat_map(|(a, b)| a..b).collect();
                prop_assert_eq!(new, fresh);
                prop_assert_eq!(set.top(), model.last().map(|o| o + 1));
                for at in 0..80 {
                    let missing = (at..).find(|o| !model.contains(o)).unwrap();
                    prop_assert_eq!(set.first_missing(at), missing);
                }
            }
        }

        #[test]
        fn the_last_carrier_of_every_octet_is_known(sent in proptest::collection::vec((0i64..60, 1i64..20), 0..40)) {
            let (mut carried, mut model) = (Carried::default(), BTreeMap::new());
            for (i, (start, len)) in sent.iter().enumerate() {
                carried.carry(*start, start + len, i, Time::from_nanos(i as u64), false);
                model.extend((*start..start + len).map(|o| (o, i)));
                for at in 0..80 {
                    prop_assert_eq!(carried.at(at, at + 1).map(|s| s.last), model.get(&at).copied());
                }
                prop_assert!(carried.by_start.len() <= 2 * (i + 1));
            }
        }
    }
}
