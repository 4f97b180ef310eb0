//! When the octets of a stream reached the far host, told from the frames: what had come, and what could be read.

use super::Frame;
use crate::model::{Carried, Direction, Packet, Time};
use std::collections::BTreeMap;

/// When a message's octets were there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct There {
    /// All of its own.
    pub reached: Option<Time>,
    /// All of its own and all before them.
    pub in_order: Option<Time>,
}

impl Frame {
    /// When a copy of it first reached the far host whole: with no bit flipped, since a checksum fails then.
    pub fn reached(&self) -> Option<Time> {
        let whole = self.row.fate.deliveries().map(|d| d.corrupted.is_none());
        self.arrived.iter().zip(whole).filter(|(_, whole)| *whole).map(|(at, _)| *at).min()
    }

    /// The octets of the stream towards the server that it carries, counted from 0.
    pub fn carries(&self) -> Option<std::ops::Range<u64>> {
        match &self.seen.packet {
            Packet::Ip(_, Carried::Tcp(tcp)) if self.row.direction == Direction::ToServer && tcp.len > 0 => {
                // Relative sequence number 0 is the SYN, 1 the first octet (RFC 9293 s3.4).
                let first = u64::from(tcp.seq).checked_sub(1)?;
                Some(first..first + u64::from(tcp.len))
            }
            _ => None,
        }
    }
}

/// For each of `count` messages of `span` octets each on the first TCP connection's stream towards the server: when
/// they were there.
pub fn arrivals(frames: &[Frame], count: u32, span: u64) -> Vec<There> {
    let mut came: Vec<_> = frames.iter().filter_map(|f| Some((f.reached()?, f.carries()?))).collect();
    came.sort_by_key(|(at, octets)| (*at, octets.start));
    let mut there = vec![There::default(); count as usize];
    // Disjoint ranges that have come, by their beginnings; none touches the next.
    let mut have: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut readable, span) = (0, span.max(1));
    for (at, octets) in came {
        let (mut from, mut to) = (octets.start, octets.end);
        while let Some((&start, &end)) = have.range(..=to).next_back().filter(|(_, end)| **end >= from) {
            have.remove(&start);
            (from, to) = (from.min(start), to.max(end));
        }
        have.insert(from, to);
        let touched = octets.start / span..=(octets.end - 1) / span;
        for n in touched.take_while(|n| *n < u64::from(count)) {
            let message = &mut there[n as usize];
            if message.reached.is_none() && from <= n * span && (n + 1) * span <= to {
                message.reached = Some(at);
            }
        }
        let until = have.get(&0).map_or(0, |end| (end / span).min(count.into()));
        for n in readable..until {
            there[n as usize].in_order = Some(at);
        }
        readable = readable.max(until);
    }
    there
}

#[cfg(test)]
mod tests {
    use super::super::tests::{data, ms};
    use super::*;

    #[test]
    fn a_message_behind_a_hole_has_come_but_cannot_be_read() {
        // Three messages of 10; the second comes last.
        let frames = [
            data(1, 1, 10, Some(ms(26))),
            data(2, 11, 10, None),
            data(3, 21, 10, Some(ms(46))),
            data(4, 11, 10, Some(ms(116))),
        ];
        let there = arrivals(&frames, 3, 10);
        let at = |reached, in_order| There { reached: Some(ms(reached)), in_order: Some(ms(in_order)) };
        assert_eq!(there, [at(26, 26), at(116, 116), at(46, 116)]);
    }

    #[test]
    fn segments_need_not_be_messages() {
        // Cut elsewhere, overlapping, one part twice; the third message never whole.
        let frames = [
            data(1, 1, 15, Some(ms(1))),
            data(2, 11, 10, Some(ms(5))),
            data(3, 21, 4, Some(ms(2))),
            data(4, 26, 5, Some(ms(3))),
        ];
        let there = arrivals(&frames, 3, 10);
        assert_eq!(there[0], There { reached: Some(ms(1)), in_order: Some(ms(1)) });
        assert_eq!(there[1], There { reached: Some(ms(5)), in_order: Some(ms(5)) });
        assert_eq!(there[2], There::default());
    }
}
