//! Values in the order of their offsets, in memory linear in how many there are.
//!
//! A queue's messages are pushed at the end and removed mostly, but not only, from the front. A ring of slots makes all
//! of that cheap; but one message that nobody acknowledges, at the head of a million acknowledged ones, must not keep
//! a million empty slots. So when more slots are empty than full they are squeezed out: each squeeze is paid for by as
//! many removals.

use std::collections::VecDeque;

/// So many empty slots are not worth a squeeze.
const SLACK: usize = 64;

/// A ring of fewer slots is kept, however few are used.
const KEPT: usize = 1024;

#[derive(Debug)]
struct Slot<T> {
    offset: u64,
    value: Option<T>,
}

/// Values by offset. The first and the last slot are never empty.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    slots: VecDeque<Slot<T>>,
    len: usize,
}

impl<T> Shelf<T> {
    pub(super) const fn new() -> Shelf<T> {
        Shelf { slots: VecDeque::new(), len: 0 }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Slots that memory is held for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Adds a value, at the end as a rule; `false`, and nothing changes, where one stands under this offset.
    #[inline]
    pub(super) fn insert(&mut self, offset: u64, value: T) -> bool {
        let slot = Slot { offset, value: Some(value) };
        if self.slots.back().is_none_or(|last| last.offset < offset) {
            self.slots.push_back(slot);
        } else {
            match self.find(offset) {
                Ok(at) if self.slots[at].value.is_some() => return false,
                Ok(at) => self.slots[at] = slot,
                Err(at) => self.slots.insert(at, slot),
            }
        }
        self.len += 1;
        true
    }

    /// The slot of an offset, or where it would stand.
    #[inline]
    fn find(&self, offset: u64) -> Result<usize, usize> {
        // Offsets mostly follow each other without gaps: count from the front, then from the back.
        let (Some(front), Some(back)) = (self.slots.front(), self.slots.back()) else { return Err(0) };
        let from_front = offset.checked_sub(front.offset);
        let from_back =
            back.offset.checked_sub(offset).and_then(|n| (self.slots.len() as u64 - 1).checked_sub(n));
        for guess in [from_front, from_back].into_iter().flatten() {
            if let Ok(at) = usize::try_from(guess)
                && self.slots.get(at).is_some_and(|slot| slot.offset == offset)
            {
                return Ok(at);
            }
        }
        self.slots.binary_search_by_key(&offset, |slot| slot.offset)
    }

    #[inline]
    pub(super) fn get(&self, offset: u64) -> Option<&T> {
        let at = self.find(offset).ok()?;
        self.slots[at].value.as_ref()
    }

    #[inline]
    pub(super) fn remove(&mut self, offset: u64) -> Option<T> {
        let at = self.find(offset).ok()?;
        let value = self.slots[at].value.take()?;
        self.len -= 1;
        while self.slots.front().is_some_and(|slot| slot.value.is_none()) {
            self.slots.pop_front();
        }
        while self.slots.back().is_some_and(|slot| slot.value.is_none()) {
            self.slots.pop_back();
        }
        if self.slots.len() > 2 * self.len + SLACK {
            self.slots.retain(|slot| slot.value.is_some());
        }
        if self.slots.capacity() > KEPT && self.slots.capacity() / 8 > self.slots.len() {
            self.slots.shrink_to(self.slots.capacity() / 2);
        }
        Some(value)
    }

    /// The first value and its offset.
    #[inline]
    pub(super) fn first(&self) -> Option<(u64, &T)> {
        let slot = self.slots.front()?;
        Some((slot.offset, slot.value.as_ref()?))
    }

    /// The offset of the last value.
    #[inline]
    pub(super) fn last(&self) -> Option<u64> {
        self.slots.back().map(|slot| slot.offset)
    }

    /// The first value whose offset is `offset` or more.
    #[inline]
    pub(super) fn first_from(&self, offset: u64) -> Option<(u64, &T)> {
        let at = match self.find(offset) {
            Ok(at) | Err(at) => at,
        };
        self.slots.range(at..).find_map(|slot| Some((slot.offset, slot.value.as_ref()?)))
    }

    /// Every value, in the order of their offsets.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().filter_map(|slot| Some((slot.offset, slot.value.as_ref()?)))
    }
}
