//! What was seen and is still waited for, within a bound.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Entries that are remembered at most.
const MAX: usize = 2048;

/// Entries by key, of which the oldest are forgotten. Who forgot knows less: what is not found may have been there.
#[derive(Clone, Debug)]
pub(super) struct Recall<K, V> {
    entries: BTreeMap<K, (u64, V)>,
    /// The keys in the order in which they came.
    order: BTreeMap<u64, K>,
    next: u64,
    forgot: bool,
}

impl<K: Ord + Copy, V> Recall<K, V> {
    pub(super) const fn new() -> Recall<K, V> {
        Recall { entries: BTreeMap::new(), order: BTreeMap::new(), next: 0, forgot: false }
    }

    /// Whether an entry was forgotten for want of room.
    pub(super) const fn forgot(&self) -> bool {
        self.forgot
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Octets of memory that it holds, roughly.
    pub(super) fn held(&self) -> usize {
        self.entries.len() * (2 * size_of::<K>() + size_of::<V>() + 48)
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.entries.get(&key).map(|(_, value)| value)
    }

    /// Remembers an entry; gives the key of the one that made room.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<K> {
        self.remove(key);
        self.entries.insert(key, (self.next, value));
        self.order.insert(self.next, key);
        self.next += 1;
        if self.entries.len() <= MAX {
            return None;
        }
        let (_, oldest) = self.order.pop_first()?;
        self.forgot = true;
        self.entries.remove(&oldest).map(|_| oldest)
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let (number, value) = self.entries.remove(&key)?;
        self.order.remove(&number);
        Some(value)
    }

    /// Takes out all of a range, in the order of their keys.
    pub(super) fn drain(&mut self, range: RangeInclusive<K>) -> Vec<(K, V)> {
        if range.start() > range.end() {
            return Vec::new();
        }
        let keys: Vec<K> = self.entries.range(range).map(|(key, _)| *key).collect();
        keys.into_iter().filter_map(|key| Some((key, self.remove(key)?))).collect()
    }
}
