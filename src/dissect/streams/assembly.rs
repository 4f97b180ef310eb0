//! One direction of a TCP connection, its octets put in order (RFC 9293 s3.4): gaps are waited for, what came before is
//! ignored.

use crate::model::websocket::Lost;
use crate::model::{FrameId, Time};
use std::collections::{BTreeMap, VecDeque};

/// Octets behind a gap that are kept at most.
pub(super) const AHEAD_MAX: usize = 4 << 20;
/// Segments behind a gap that are kept at most.
const AHEAD_SEGMENTS: usize = 16_384;

/// A segment behind a gap.
#[derive(Debug)]
struct Ahead {
    octets: Vec<u8>,
    frame: FrameId,
    at: Time,
}

/// Octets in order, and the frame that brought them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier {
    end: u64,
    pub(super) frame: FrameId,
    /// When it was seen, where octets before it were missing then.
    pub(super) waited: Option<Time>,
}

/// Octets that are in order now.
pub(super) enum Ready<'a> {
    /// As they lie in the frame.
    Here(&'a [u8]),
    /// From behind a gap that is filled.
    Kept(Vec<u8>),
}

impl std::ops::Deref for Ready<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Ready::Here(octets) => octets,
            Ready::Kept(octets) => octets,
        }
    }
}

/// The octets of one direction.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    /// The sequence number of the next octet, once it is known.
    next: Option<u32>,
    /// That octet's offset in the stream.
    taken: u64,
    ahead: BTreeMap<u64, Ahead>,
    ahead_octets: usize,
    /// Who brought the octets that no step was told of yet.
    carriers: VecDeque<Carrier>,
    /// The offset at which the stream ends, once a FIN was seen.
    fin: Option<u64>,
}

impl Assembly {
    /// The stream begins with this number.
    pub(super) fn begin(&mut self, next: u32) {
        self.next.get_or_insert(next);
    }

    /// The offset of a number, negative for one before the beginning of what is awaited.
    fn offset(&self, number: u32) -> Option<i64> {
        // Of all offsets that end in these 32 bits the nearest, as RFC 9293 compares numbers.
        let distance = number.wrapping_sub(self.next?) as i32;
        i64::try_from(self.taken).ok()?.checked_add(i64::from(distance))
    }

    /// How much of the stream the other side acknowledges with `number`.
    pub(super) fn up_to(&self, number: u32) -> Option<u64> {
        self.offset(number).and_then(|offset| u64::try_from(offset).ok())
    }

    /// Whether octets are awaited that stand before others.
    pub(super) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Octets of memory that it holds, roughly.
    pub(super) fn held(&self) -> usize {
        self.ahead_octets + self.ahead.len() * 96 + self.carriers.len() * size_of::<Carrier>()
    }

    /// The other side acknowledges up to `number`: that octets are missing here which it has says that the capture lost
    /// them.
    pub(super) fn acknowledged(&self, number: u32) -> Option<Lost> {
        let (first, _) = self.ahead.first_key_value()?;
        let acknowledged = u64::try_from(self.offset(number)?).ok()?;
        (acknowledged >= *first).then_some(Lost::NotCaptured { octets: first - self.taken })
    }

    /// Nothing more comes: the octets that would have filled a gap never did.
    pub(super) fn give_up(&self) -> Option<Lost> {
        let (first, _) = self.ahead.first_key_value()?;
        let octets = first - self.taken;
        Some(Lost::NeverCame { octets, behind: self.ahead_octets as u64 })
    }

    /// Takes a segment's octets, `len` of them in all, the first with this number; gives those that are next now. What else
    /// became ready is drawn with [`Assembly::more`].
    pub(super) fn offer<'a>(
        &mut self,
        number: u32,
        octets: &'a [u8],
        len: u32,
        fin: bool,
        (frame, at): (FrameId, Time),
    ) -> Result<Option<Ready<'a>>, Lost> {
        // A bare ACK brings nothing and awaits nothing.
        if len == 0 && !fin {
            return Ok(None);
        }
        let Some(start) = self.offset(number) else { return Ok(None) };
        let end = start.saturating_add(len.into());
        if let (true, Ok(end)) = (fin, u64::try_from(end)) {
            self.fin.get_or_insert(end);
        }
        let taken = i64::try_from(self.taken).unwrap_or(i64::MAX);
        if end <= taken {
            return Ok(None);
        }
        if octets.len() < len as usize {
            return Err(Lost::CutShort { frame });
        }
        let Ok(gap) = u64::try_from(start - taken) else {
            // It begins with octets that are known.
            let known = usize::try_from(taken - start).unwrap_or(usize::MAX);
            return Ok(self.take(octets.get(known..).unwrap_or_default(), frame, None).map(Ready::Here));
        };
        if gap == 0 {
            return Ok(self.take(octets, frame, None).map(Ready::Here));
        }
        let from = self.taken + gap;
        if self.ahead.get(&from).is_none_or(|there| there.octets.len() < octets.len()) {
            if let Some(shorter) = self.ahead.insert(from, Ahead { octets: octets.to_vec(), frame, at }) {
                self.ahead_octets -= shorter.octets.len();
            }
            self.ahead_octets += octets.len();
        }
        if self.ahead_octets > AHEAD_MAX || self.ahead.len() > AHEAD_SEGMENTS {
            return Err(Lost::TooMuch { limit: AHEAD_MAX as u64 });
        }
        Ok(None)
    }

    /// The next octets from behind a gap that is filled.
    pub(super) fn more(&mut self) -> Option<Ready<'static>> {
        loop {
            let (start, _) = self.ahead.first_key_value().filter(|(start, _)| **start <= self.taken)?;
            let known = usize::try_from(self.taken - start).unwrap_or(usize::MAX);
            let (_, mut ahead) = self.ahead.pop_first()?;
            self.ahead_octets -= ahead.octets.len();
            if known < ahead.octets.len() {
                ahead.octets.drain(..known);
                self.take(&ahead.octets, ahead.frame, Some(ahead.at));
                return Some(Ready::Kept(ahead.octets));
            }
        }
    }

    /// Whether the stream ended and all of it was taken.
    pub(super) fn is_at_end(&self) -> bool {
        self.fin.is_some_and(|fin| fin <= self.taken)
    }

    fn take<'a>(&mut self, octets: &'a [u8], frame: FrameId, waited: Option<Time>) -> Option<&'a [u8]> {
        if octets.is_empty() {
            return None;
        }
        self.next = self.next.map(|next| next.wrapping_add(octets.len() as u32));
        self.taken += octets.len() as u64;
        self.carriers.push_back(Carrier { end: self.taken, frame, waited });
        Some(octets)
    }

    /// No step will be told of what was taken so far.
    pub(super) fn forget(&mut self) {
        self.carriers.clear();
    }

    /// The frames with the first and with the last of the octets up to `end`, and how many have some; what ends before
    /// `end` is forgotten. `from` is where they begin.
    pub(super) fn carriers(&mut self, from: u64, end: u64) -> Option<(Carrier, Carrier, u32)> {
        while self.carriers.front().is_some_and(|c| c.end <= from) {
            self.carriers.pop_front();
        }
        let first = *self.carriers.front()?;
        let mut last = first;
        let mut count = 1;
        while last.end < end {
            self.carriers.pop_front();
            last = *self.carriers.front()?;
            count += 1;
        }
        Some((first, last, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(assembly: &mut Assembly, number: u32, octets: &[u8], frame: u64) -> Vec<u8> {
        let whence = (FrameId(frame), Time::from_millis(frame));
        let first = assembly.offer(number, octets, octets.len() as u32, false, whence);
        let mut out = first.unwrap().map(|ready| ready.to_vec()).unwrap_or_default();
        while let Some(more) = assembly.more() {
            out.extend_from_slice(&more);
        }
        out
    }

    #[test]
    fn a_gap_is_waited_for_and_repeats_are_ignored() {
        let mut a = Assembly::default();
        a.begin(u32::MAX - 1);
        assert_eq!(read(&mut a, u32::MAX - 1, b"ab", 1), b"ab");
        assert_eq!(read(&mut a, 4, b"gh", 2), b"");
        assert_eq!(read(&mut a, 2, b"efg", 3), b"");
        assert!(a.has_gap());
        assert_eq!(read(&mut a, u32::MAX, b"bcd", 4), b"cdefgh");
        assert!(!a.has_gap());
        assert_eq!(read(&mut a, u32::MAX - 1, b"abcd", 5), b"");
        let (first, last, count) = a.carriers(0, 8).unwrap();
        assert_eq!((first.frame, last.frame, count), (FrameId(1), FrameId(2), 4));
        assert_eq!(last.waited, Some(Time::from_millis(2)));
        assert_eq!(a.give_up(), None);
    }

    #[test]
    fn what_the_other_side_has_and_no_frame_shows_was_lost_by_the_capture() {
        let mut a = Assembly::default();
        a.begin(1);
        assert_eq!(read(&mut a, 11, b"xyz", 1), b"");
        assert_eq!(a.acknowledged(8), None);
        assert_eq!(a.acknowledged(14), Some(Lost::NotCaptured { octets: 10 }));
        assert_eq!(a.give_up(), Some(Lost::NeverCame { octets: 10, behind: 3 }));
        let cut = a.offer(1, b"ab", 10, false, (FrameId(2), Time::ZERO));
        assert!(matches!(cut, Err(Lost::CutShort { frame: FrameId(2) })));
        let whence = (FrameId(3), Time::ZERO);
        let big = vec![0; AHEAD_MAX + 1];
        let much = a.offer(20, &big, big.len() as u32, false, whence);
        assert!(matches!(much, Err(Lost::TooMuch { .. })));
    }

    proptest! {
        /// However the stream is cut, repeated and shuffled: its octets come out once and in order.
        #[test]
        fn any_segments_in_any_order_give_the_stream(
            stream in prop::collection::vec(any::<u8>(), 1..200),
            cuts in prop::collection::vec((0usize..200, 1usize..50), 0..60),
            base in any::<u32>(),
        ) {
            let mut a = Assembly::default();
            a.begin(base);
            let mut out = Vec::new();
            let mut frame = 0;
            // The last pass makes sure that every octet was offered.
            let whole = (0..stream.len()).step_by(7).map(|from| (from, 7));
            for (from, len) in cuts.into_iter().chain(whole) {
                let from = from.min(stream.len() - 1);
                let end = (from + len).min(stream.len());
                frame += 1;
                out.extend(read(&mut a, base.wrapping_add(from as u32), &stream[from..end], frame));
            }
            prop_assert_eq!(out, stream);
            prop_assert!(!a.has_gap() && a.held() <= 10_000);
        }
    }
}
