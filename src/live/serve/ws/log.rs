//! What was said to all: one log of frames, and every member's place in it.
//!
//! A member that reads slowly has its place further back, and costs no memory of its own. Who falls so far back that
//! what it misses is gone is let go: that is the bound.

use crate::stack::l7_application::ws::{FrameHeader, Kind};
use std::collections::VecDeque;

/// Frames in the order in which all members get them. Places count octets since the beginning, and lie at frames' edges.
#[derive(Debug)]
pub(super) struct Log {
    octets: VecDeque<u8>,
    /// The place of the first octet that is still here.
    base: u64,
    /// Where the frames that are still here end.
    ends: VecDeque<u64>,
    /// Octets to keep; the newest frame is kept whatever its length.
    keep: usize,
}

impl Log {
    pub(super) fn new(keep: usize) -> Log {
        Log { octets: VecDeque::new(), base: 0, ends: VecDeque::new(), keep }
    }

    /// The place behind the last frame.
    pub(super) fn end(&self) -> u64 {
        self.base + self.octets.len() as u64
    }

    /// Adds a message of one frame, and lets go of the oldest ones beyond the bound.
    pub(super) fn push(&mut self, kind: Kind, payload: &[u8]) {
        let (head, len) = FrameHeader::new(kind.opcode(), payload.len() as u64).octets();
        self.octets.extend(&head[..len]);
        self.octets.extend(payload);
        self.ends.push_back(self.end());
        while self.octets.len() > self.keep && self.ends.len() > 1 {
            let end = self.ends.pop_front().unwrap_or(self.base);
            self.octets.drain(..(end - self.base) as usize);
            self.base = end;
        }
    }

    /// The frames from `place` on, as far as they lie in one piece; empty when there are none. `None` when some of
    /// them are gone.
    pub(super) fn from(&self, place: u64) -> Option<&[u8]> {
        let skip = place.checked_sub(self.base)? as usize;
        let (front, back) = self.octets.as_slices();
        Some(if skip < front.len() { &front[skip..] } else { &back[(skip - front.len()).min(back.len())..] })
    }

    /// What is left of the frame that `place` lies in: nothing at an edge.
    pub(super) fn rest_of_frame(&self, place: u64) -> Vec<u8> {
        let edge = self.ends.get(self.ends.partition_point(|&end| end < place));
        let edge = edge.copied().filter(|_| place > self.base).unwrap_or(place);
        let at = |place: u64| (place - self.base) as usize;
        self.octets.range(at(place)..at(edge)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_on_until_its_frames_are_gone() {
        let mut log = Log::new(20);
        log.push(Kind::Text, b"one");
        let place = log.end();
        assert_eq!(log.from(0), Some(&b"\x81\x03one"[..]));
        assert_eq!(log.from(place), Some(&[][..]));
        log.push(Kind::Binary, b"second");
        assert_eq!(log.from(place), Some(&b"\x82\x06second"[..]));
        assert_eq!(log.rest_of_frame(place), b"");
        assert_eq!(log.rest_of_frame(place + 1), b"\x06second");
        assert_eq!(log.rest_of_frame(place + 7), b"d");
        assert_eq!(log.rest_of_frame(log.end()), b"");
        // 5 and 8 octets are there; 10 more leave no room for the first frame.
        log.push(Kind::Text, b"thirdone");
        assert_eq!(log.from(0), None);
        assert!(log.from(place).is_some());
        // A frame longer than the bound is kept until the next one comes.
        log.push(Kind::Text, &[b'x'; 100]);
        assert_eq!(log.from(place), None);
        assert_eq!(log.rest_of_frame(log.end() - 100), [b'x'; 100]);
        log.push(Kind::Text, b"");
        assert_eq!(log.end() - log.base, 2);
    }
}
