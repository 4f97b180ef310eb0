//! What is known of octets that are sent again: which frames had them, and who told their sender to cut them anew.

use super::{Arrival, Landmark, Memory, Sighting};
use crate::model::{FrameId, FrameName, IcmpKind, LossCause, Seen, Side, Tcp, Time};
use std::cmp::Reverse;
use std::time::Duration;

/// Linux's shortest retransmission timeout (TCP_RTO_MIN).
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(200);

impl Memory {
    /// The ICMP messages that told the sender of `tcp`, before `now`, that a packet of that connection was too big: those that
    /// quote one of the `earlier` frames with its octets, else the newest since they were sent.
    pub(in super::super) fn told_too_big(
        &self,
        earlier: &[FrameId],
        from: Side,
        tcp: &Tcp,
        now: Time,
    ) -> Vec<FrameId> {
        let told = |m: &&Sighting| {
            matches!(m.what, Landmark::Unreachable(IcmpKind::FragmentationNeeded { .. }))
                && m.direction.to() == from
                && (m.destination_port, m.source_port) == (tcp.source_port, tcp.destination_port)
                && self.has_arrived(m, now)
        };
        let quotes = |m: &&Sighting| m.about.is_some_and(|about| earlier.contains(&about));
        let quoting: Vec<FrameId> =
            self.landmarks.iter().filter(told).filter(quotes).map(|m| m.frame).collect();
        let Some(first) = earlier.first().filter(|_| quoting.is_empty()) else { return quoting };
        let Some(mut since) = self.frames.get(*first).map(|f| f.at) else { return quoting };
        if self.is_cut_anew(*first, tcp) {
            // What the message finds in the sender's queue is cut anew too, though the wire sees it only afterwards.
            since = since.min(now - SHORTEST_TIMEOUT);
        }
        let newest = self.landmarks.iter().rev().filter(told).find(|m| m.at >= since);
        newest.map(|m| m.frame).into_iter().collect()
    }

    /// What had become of the answer to frame `of`, which had come, when its octets are sent again at `now`. `None` where
    /// its sender may have been told, or nothing acknowledged them.
    pub(in super::super) fn answer(
        &self,
        of: FrameId,
        seen: &Seen,
        tcp: &Tcp,
        now: Time,
    ) -> Option<LossCause> {
        let name = |id| FrameName { id, number: None };
        let frame = name(of);
        let mut lost = None;
        for id in self.flows.acknowledging(seen, tcp) {
            let ack = name(id);
            match &self.frames.get(id)?.arrival {
                Arrival::At(at) if *at > now => {
                    return Some(LossCause::AckUnderWay { frame, ack, arrives: *at });
                }
                Arrival::At(_) | Arrival::Unknown => return None,
                Arrival::Never(by) if lost.is_none() => {
                    lost = Some(LossCause::AckDropped { frame, ack, by: by.clone() });
                }
                Arrival::Damaged(by) if lost.is_none() => {
                    lost = Some(LossCause::AckCorrupted { frame, ack, by: by.clone() });
                }
                Arrival::Never(_) | Arrival::Damaged(_) => {}
            }
        }
        lost
    }

    /// The frames that carried the octets of `tcp` last, in the octets' order: the one with the first of them is known. More
    /// than one only where the segment is cut anew.
    pub(in super::super) fn carriers(&self, first: FrameId, seen: &Seen, tcp: &Tcp) -> Vec<FrameId> {
        let mut carriers = vec![first];
        if !self.is_cut_anew(first, tcp) {
            return carriers;
        }
        let range = |(seq, len): (u32, u32)| (u64::from(seq), u64::from(seq) + u64::from(len));
        let (start, end) = range((tcp.seq, tcp.len));
        let mut earlier: Vec<(FrameId, (u64, u64))> = Vec::new();
        for (id, frame) in &self.frames.map {
            let same = frame.direction == seen.direction
                && frame.ports == Some((tcp.source_port, tcp.destination_port))
                && *id < seen.id;
            if let Some(octets) = frame.numbers.filter(|_| same).map(range)
                && octets.0 < end
                && octets.1 > start
            {
                earlier.push((*id, octets));
            }
        }
        // From one octet on the newest frame that has it, up to that frame's end or to where a newer one begins.
        earlier.sort_by_key(|(id, _)| Reverse(*id));
        let mut at = start;
        while at < end {
            let Some((id, (_, its_end))) = earlier.iter().find(|(_, (from, to))| (*from..*to).contains(&at))
            else {
                break;
            };
            let newer = earlier
                .iter()
                .filter(|(other, (from, _))| other > id && *from > at)
                .map(|(_, (from, _))| *from);
            at = newer.chain([*its_end]).min().unwrap_or(end);
            if !carriers.contains(id) {
                carriers.push(*id);
            }
        }
        carriers
    }

    /// Whether a segment begins or ends elsewhere than the earlier one whose octets it has.
    pub(in super::super) fn is_cut_anew(&self, earlier: FrameId, tcp: &Tcp) -> bool {
        let numbers = self.frames.get(earlier).and_then(|f| f.numbers);
        numbers.is_some_and(|numbers| numbers != (tcp.seq, tcp.len))
    }
}
