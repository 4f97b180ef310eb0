//! A table that keeps what was used last and has a bound.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Holds at most `cap` entries; when it is full, the quarter that went unused for longest makes room.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    entries: BTreeMap<K, (u64, V)>,
    cap: usize,
    uses: u64,
}

impl<K: Ord + Clone, V> Recent<K, V> {
    pub(super) fn new(cap: usize) -> Recent<K, V> {
        Recent { entries: BTreeMap::new(), cap: cap.max(4), uses: 0 }
    }

    /// The entry, if it is there; counts as a use.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.uses += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.uses;
        Some(value)
    }

    /// The entry, made where it is not there or not worth keeping; counts as a use.
    pub(super) fn obtain(
        &mut self,
        key: K,
        keep: impl FnOnce(&V) -> bool,
        make: impl FnOnce() -> V,
    ) -> &mut V {
        if self.entries.len() >= self.cap && !self.entries.contains_key(&key) {
            self.forget(self.cap / 4);
        }
        self.uses += 1;
        match self.entries.entry(key) {
            Entry::Occupied(mut entry) => {
                if !keep(&entry.get().1) {
                    entry.get_mut().1 = make();
                }
                let (used, value) = entry.into_mut();
                *used = self.uses;
                value
            }
            Entry::Vacant(entry) => &mut entry.insert((self.uses, make())).1,
        }
    }

    /// Drops the `count` entries that went unused for longest. One pass for many: its cost is shared by the
    /// insertions that the room then takes.
    fn forget(&mut self, count: usize) {
        let mut ages: Vec<u64> = self.entries.values().map(|(used, _)| *used).collect();
        if count == 0 || ages.len() < count {
            return;
        }
        let (_, last, _) = ages.select_nth_unstable(count - 1);
        let last = *last;
        self.entries.retain(|_, (used, _)| *used > last);
    }

    /// Takes the entry out.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Every entry's value.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().map(|(_, v)| v)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_make_room() {
        let mut recent = Recent::new(8);
        for k in 0..8 {
            recent.obtain(k, |_| true, || k * 10);
        }
        assert_eq!(recent.get_mut(&0), Some(&mut 0));
        recent.obtain(8, |_| true, || 80);
        assert_eq!(recent.len(), 7);
        assert_eq!(recent.get_mut(&1), None);
        assert_eq!(recent.get_mut(&2), None);
        assert_eq!(recent.get_mut(&0), Some(&mut 0));
        assert_eq!(recent.get_mut(&8), Some(&mut 80));
        for k in 0..10_000 {
            assert_eq!(*recent.obtain(k, |_| false, || k + 1), k + 1);
            assert!(recent.len() <= 8);
        }
    }
}
