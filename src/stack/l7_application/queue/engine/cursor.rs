//! A reader's place in a queue: what comes next.

use super::queue::Held;
use super::shelf::Shelf;
use std::collections::BTreeMap;

/// What is to be delivered next. A work queue has one for all its consumers, who thereby share the messages; of a
/// topic each consumer has its own, and so gets them all.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// No message from this offset on was delivered yet.
    pub(super) fresh: u64,
    /// Delivered before and handed back: the offset, and how often it was delivered. They all lie before `fresh`.
    pub(super) returned: BTreeMap<u64, u32>,
}

/// What a cursor gave.
pub(super) struct Next {
    pub(super) offset: u64,
    /// How often it was delivered, this time included.
    pub(super) deliveries: u32,
}

impl Cursor {
    /// The next message, which counts as delivered from now on: what was handed back first, in the order of offsets.
    /// Adds to `missed` what this reader was due, but is not held any more.
    #[inline]
    pub(super) fn take(&mut self, held: &Shelf<Held>, missed: &mut u64) -> Option<Next> {
        while let Some((offset, before)) = self.returned.pop_first() {
            if held.get(offset).is_some() {
                return Some(Next { offset, deliveries: before.saturating_add(1) });
            }
            *missed += 1;
        }
        let (offset, _) = held.first_from(self.fresh)?;
        *missed += offset - self.fresh;
        self.fresh = offset.saturating_add(1);
        Some(Next { offset, deliveries: 1 })
    }

    /// Whether [`Cursor::take`] may give something. Seldom wrong, and then only in saying yes.
    #[inline]
    pub(super) fn may_have(&self, held: &Shelf<Held>) -> bool {
        !self.returned.is_empty() || held.last().is_some_and(|last| last >= self.fresh)
    }

    /// The offset that [`Cursor::take`] would give.
    #[inline]
    pub(super) fn peek(&self, held: &Shelf<Held>) -> Option<u64> {
        let returned = self.returned.first_key_value().map(|(offset, _)| *offset);
        returned.or_else(|| held.first_from(self.fresh).map(|(offset, _)| offset))
    }

    /// Passes over a message that is dropped.
    pub(super) fn skip(&mut self, offset: u64) {
        if self.returned.remove(&offset).is_none() {
            self.fresh = self.fresh.max(offset.saturating_add(1));
        }
    }
}
