//! The scorecard's numbers. What each means stands in `docs/loss.md`, to the digit.

use super::{Lane, Trigger};
use crate::model::{Class, Direction, Fate, Rule};
use std::time::Duration;

/// The chance losses that the wire was asked for, in one direction.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub enum Offered {
    /// None.
    #[default]
    None,
    /// Each frame with this probability.
    Independent(f64),
    /// In bursts, with this probability in the long run.
    Bursts(f64),
}

/// A share that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// How many had it.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
}

impl Share {
    /// The share, where there was anything to count.
    pub fn fraction(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// The 95% interval of the probability behind it, if each was drawn independently: Wilson's score
    /// interval (E. B. Wilson, 1927), which stays within 0 and 1 and is right for few hits too.
    pub fn interval(self) -> Option<(f64, f64)> {
        const Z: f64 = 1.959_963_984_540_054;
        let (p, n) = (self.fraction()?, self.of as f64);
        let middle = p + Z * Z / (2.0 * n);
        let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let scale = 1.0 + Z * Z / n;
        Some((((middle - spread) / scale).max(0.0), ((middle + spread) / scale).min(1.0)))
    }
}

/// The value below or at which `share` of the samples lie: the nearest rank, always one of the samples.
/// `sorted` is in ascending order; `None` for none.
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

/// Latencies of the messages that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latency {
    /// Half were at most this.
    pub p50: Duration,
    /// 95 in a hundred.
    pub p95: Duration,
    /// 99 in a hundred.
    pub p99: Duration,
    /// All.
    pub max: Duration,
}

/// What a lane came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Score {
    /// Messages handed to the transport.
    pub sent: u32,
    /// Messages that the server's program got at least once.
    pub delivered: u32,
    /// Messages handed over that it never got.
    pub lost: u32,
    /// Of these, messages that had reached the server's host whole: a full socket buffer, or a program that was too slow.
    pub unread: u32,
    /// Deliveries beyond each message's first.
    pub duplicated: u32,
    /// Messages first delivered after one with a higher number.
    pub reordered: u32,
    /// Frames that the wire read, by [`Direction::index`].
    pub frames: [u64; 2],
    /// Their octets.
    pub octets: [u64; 2],
    /// Frames that the wire dropped, by rule, in the order in which the rules first struck.
    pub dropped: Vec<(Direction, Rule, u64)>,
    /// Octets on the wire, both ways, for each octet of the load that the server's program got.
    pub overhead: Option<f64>,
    /// From the client's beginning to the server's program's first message (or octet).
    pub first: Option<Duration>,
    /// Latency of messages.
    pub latency: Option<Latency>,
    /// Messages that had come whole and waited for an earlier hole.
    pub stalled: u32,
    /// The longest such wait.
    pub longest_stall: Duration,
    /// All such waits together.
    pub stall: Duration,
    /// Retransmissions by [`Trigger::ALL`].
    pub again: [u32; 4],
    /// Of these, octets that the far host had already.
    pub needless: u32,
    /// Octets of the load that the server's program got, times 8, by the time from `began` to the last: bit/s.
    pub goodput: Option<f64>,
    /// Frames lost by chance, by direction, data and others alike.
    pub chance: [Share; 2],
    /// Frames with data towards the server that the wire dropped, for whatever reason.
    pub data: Share,
}

impl Score {
    /// Adds a lane up.
    pub fn of(lane: &Lane) -> Score {
        let messages = &lane.messages;
        let sent = messages.iter().filter(|m| m.sent.is_some()).count();
        let delivered = messages.iter().filter(|m| !m.received.is_empty()).count();
        let mut firsts: Vec<_> =
            messages.iter().enumerate().filter_map(|(n, m)| Some((*m.received.iter().min()?, n))).collect();
        firsts.sort_unstable();
        let mut highest = None;
        let mut reordered = 0;
        for (_, n) in &firsts {
            reordered += u32::from(highest > Some(*n));
            highest = highest.max(Some(*n));
        }
        let mut latencies: Vec<Duration> = messages.iter().filter_map(super::Message::latency).collect();
        latencies.sort_unstable();
        let at = |share| quantile(&latencies, share);
        let latency =
            at(1.0).and_then(|max| Some(Latency { p50: at(0.5)?, p95: at(0.95)?, p99: at(0.99)?, max }));
        let stalls: Vec<Duration> =
            messages.iter().map(super::Message::stall).filter(|s| !s.is_zero()).collect();
        let first_octet = || {
            let reached = lane.frames.iter().filter(|f| f.carries().is_some_and(|c| c.start == 0));
            reached.filter_map(super::Frame::reached).min()
        };
        let first = firsts.first().map(|(at, _)| *at).or_else(first_octet);
        let mut score = Score {
            sent: count(sent),
            delivered: count(delivered),
            lost: count(sent - delivered.min(sent)),
            unread: count(messages.iter().filter(|m| m.received.is_empty() && m.reached.is_some()).count()),
            duplicated: count(messages.iter().map(|m| m.received.len().saturating_sub(1)).sum()),
            reordered,
            frames: [0; 2],
            octets: [0; 2],
            dropped: Vec::new(),
            overhead: None,
            first: first.map(|at| at.since(lane.opened)),
            latency,
            stalled: count(stalls.len()),
            longest_stall: stalls.iter().max().copied().unwrap_or_default(),
            stall: stalls.iter().sum(),
            again: Trigger::ALL
                .map(|t| count(lane.retransmissions.iter().filter(|r| r.trigger == t).count())),
            needless: count(lane.retransmissions.iter().filter(|r| r.needless).count()),
            goodput: None,
            chance: [Share::default(); 2],
            data: Share::default(),
        };
        score.count_frames(lane);
        if lane.received > 0 {
            score.overhead = Some(score.octets.iter().sum::<u64>() as f64 / lane.received as f64);
            let took = lane.ended.map(|ended| ended.since(lane.began).as_secs_f64()).filter(|t| *t > 0.0);
            score.goodput = took.map(|took| lane.received as f64 * 8.0 / took);
        }
        score
    }

    fn count_frames(&mut self, lane: &Lane) {
        for frame in &lane.frames {
            let row = &frame.row;
            let way = row.direction.index();
            self.frames[way] += 1;
            self.octets[way] += u64::from(row.len);
            self.chance[way].of += 1;
            let data = row.direction == Direction::ToServer && is_data(row.class);
            self.data.of += u64::from(data);
            let Fate::Dropped { by } = &row.fate else { continue };
            self.data.hits += u64::from(data);
            if matches!(by, Rule::Random(_) | Rule::GilbertElliott { .. }) {
                self.chance[way].hits += 1;
            }
            let kind = |rule: &Rule| match rule {
                Rule::GilbertElliott { .. } => Rule::GilbertElliott { bad: true },
                other => other.clone(),
            };
            match self.dropped.iter_mut().find(|(d, rule, _)| *d == row.direction && *rule == kind(by)) {
                Some((.., n)) => *n += 1,
                None => self.dropped.push((row.direction, kind(by), 1)),
            }
        }
    }

    /// Frames that the wire dropped, both ways.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().map(|(.., n)| n).sum()
    }
}

/// Whether a frame carries data, as the wire's `data` counts.
pub fn is_data(class: Class) -> bool {
    class.meets(Class::TCP_DATA.with(Class::UDP).with(Class::FRAGMENT))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let all: Vec<u32> = (1..=200).collect();
        assert_eq!([0.5, 0.95, 0.99, 1.0].map(|p| quantile(&all, p)), [100, 190, 198, 200].map(Some));
        assert_eq!(quantile(&[7], 0.01), Some(7));
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }

    #[test]
    fn wilson_is_as_published() {
        // 10 of 100, from the closed form: 5.52% to 17.44%.
        let (low, high) = Share { hits: 10, of: 100 }.interval().unwrap();
        assert!((low - 0.0552).abs() < 5e-5 && (high - 0.1744).abs() < 5e-5, "{low} {high}");
        // Nothing seen is no proof of never: 0 of 20 goes up to 16.1%.
        let (low, high) = Share { hits: 0, of: 20 }.interval().unwrap();
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
        assert_eq!(Share::default().interval(), None);
    }
}
