//! The rate limiter: a link that sends one frame after another at its rate, and a drop-tail queue before it.

use super::units::Rate;
use crate::model::Time;
use std::collections::VecDeque;

/// The rate limiter of one direction, without the frames themselves: only when each one departs.
///
/// A token bucket that holds exactly one frame: a frame departs when its last bit has been sent, which
/// takes `8 * len / rate` seconds from the later of its arrival and the departure before it.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// When the frames that have not departed do; in order.
    departures: VecDeque<Time>,
    /// When the link is free, rounded down to a nanosecond.
    free_at: u64,
    /// What the rounding cut off, in 1/rate nanoseconds: without it a small frame on a fast link would
    /// be up to 1 ns too fast, and that adds up.
    remainder: u64,
    /// The rate that `remainder` counts in.
    rate: u64,
}

impl Queue {
    /// Queues a frame of `len` octets at `now` and says when it departs; `None` when `limit` frames
    /// have not departed yet (the one being sent is one of them).
    pub(super) fn admit(&mut self, now: Time, len: u32, rate: Rate, limit: u32) -> Option<Time> {
        while self.departures.front().is_some_and(|t| *t <= now) {
            self.departures.pop_front();
        }
        if self.departures.len() >= limit as usize {
            return None;
        }
        let rate = rate.bits();
        if self.free_at < now.as_nanos() || self.rate != rate {
            self.free_at = self.free_at.max(now.as_nanos());
            self.remainder = 0;
            self.rate = rate;
        }
        // Nanoseconds times rate. 8e9 * 2^32 overflows 64 bits, but a frame of over 2 GB is none.
        let work = u64::from(len).saturating_mul(8_000_000_000).saturating_add(self.remainder);
        self.free_at = self.free_at.saturating_add(work / rate);
        self.remainder = work % rate;
        // The last bit is not sent before the nanosecond has passed.
        let departs = Time::from_nanos(self.free_at.saturating_add(u64::from(self.remainder > 0)));
        self.departures.push_back(departs);
        Some(departs)
    }

    /// Frames that have not departed at `now`.
    pub(super) fn len(&self, now: Time) -> usize {
        self.departures.len() - self.departures.partition_point(|t| *t <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn serialisation_counts_every_octet_from_the_ethernet_header() {
        let mut queue = Queue::default();
        let rate = "1mbit".parse().unwrap();
        // 1514 octets are 12,112 bits: 12.112 ms at 1 Mbit/s.
        assert_eq!(queue.admit(Time::ZERO, 1514, rate, 9), Some(Time::from_micros(12_112)));
        assert_eq!(queue.admit(Time::ZERO, 1514, rate, 9), Some(Time::from_micros(24_224)));
        assert_eq!(queue.len(Time::from_micros(12_111)), 2);
        assert_eq!(queue.len(Time::from_micros(12_112)), 1, "departed at that very moment");
    }

    #[test]
    fn an_odd_rate_keeps_its_fractions() {
        let mut queue = Queue::default();
        let rate = Rate::new(7_000_000_000).unwrap();
        let first = queue.admit(Time::ZERO, 64, rate, 10_000).unwrap();
        assert_eq!(first, Time::from_nanos(74), "73.14 ns: not before the last bit is sent");
        let mut last = first;
        for _ in 1..7_000 {
            last = queue.admit(Time::ZERO, 64, rate, 10_000).unwrap();
        }
        // 7000 * 512 bits at 7 Gbit/s: 512 us to the nanosecond, though one frame takes 73.14 ns.
        assert_eq!(last, Time::from_micros(512));
    }

    proptest! {
        /// In any window, at most rate * window + one frame leaves; and never more than the limit waits.
        #[test]
        fn rate_and_limit_hold(
            bits in 1_000..10_000_000_000_u64,
            limit in 1..50_u32,
            arrivals in prop::collection::vec((0..2_000_000_u64, 42..9_000_u32), 1..200),
        ) {
            let rate = Rate::new(bits).unwrap();
            let mut queue = Queue::default();
            let mut now = 0;
            let mut sent: Vec<(u64, u64)> = Vec::new();
            for (gap, len) in arrivals {
                now += gap;
                let waiting = sent.iter().filter(|(t, _)| *t > now).count();
                match queue.admit(Time::from_nanos(now), len, rate, limit) {
                    Some(t) => {
                        prop_assert!(waiting < limit as usize);
                        prop_assert!(t > Time::from_nanos(now));
                        sent.push((t.as_nanos(), u64::from(len)));
                    }
                    None => prop_assert_eq!(waiting, limit as usize),
                }
                prop_assert!(queue.len(Time::from_nanos(now)) <= limit as usize);
            }
            for (i, (from, _)) in sent.iter().enumerate() {
                let mut octets: u128 = 0;
                for (to, len) in &sent[i..] {
                    octets += u128::from(*len);
                    let largest = 9_000;
                    let window = u128::from(to - from) + 1;
                    prop_assert!((octets - largest.min(octets)) * 8_000_000_000 <= u128::from(bits) * window);
                }
            }
        }
    }
}
