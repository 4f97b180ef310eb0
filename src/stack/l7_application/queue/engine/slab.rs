//! Where queues and consumers live: in numbered slots that are used again, under keys that are not.

use std::collections::BTreeSet;

/// A slot's number, and how many values stood in the slot before: two values never have the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    pub(super) const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    pub(super) const fn from_bits(bits: u64) -> Key {
        Key { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

#[derive(Debug)]
struct Slot<T> {
    /// Of the value that stands here, or of the next one that will.
    generation: u32,
    value: Option<T>,
}

/// Values in slots. Finding one is an index and a comparison.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<Slot<T>>,
    /// The lowest is used first: the same calls give the same keys.
    free: BTreeSet<u32>,
    len: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Slab<T> {
        Slab { slots: Vec::new(), free: BTreeSet::new(), len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, value: T) -> Key {
        let index = self.free.pop_first().unwrap_or_else(|| self.grow());
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        self.len += 1;
        Key { index, generation: slot.generation }
    }

    /// Appends a free slot that is not in the list of free ones.
    fn grow(&mut self) -> u32 {
        self.slots.push(Slot { generation: 0, value: None });
        (self.slots.len() - 1) as u32
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?;
        slot.value.as_ref().filter(|_| slot.generation == key.generation)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        slot.value.as_mut().filter(|_| slot.generation == key.generation)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)?;
        let value = slot.value.take()?;
        self.len -= 1;
        // A slot whose keys are all used up stays empty for good.
        if let Some(next) = slot.generation.checked_add(1) {
            slot.generation = next;
            self.free.insert(key.index);
        }
        Some(value)
    }

    /// Every value and its key, by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let key = Key { index: index as u32, generation: slot.generation };
            Some((key, slot.value.as_ref()?))
        })
    }

    /// The last key of every slot that is empty now but was not always.
    pub(super) fn spent(&self) -> impl Iterator<Item = Key> {
        let empty = self.slots.iter().enumerate().filter(|(_, slot)| slot.value.is_none());
        empty.filter_map(|(index, slot)| {
            Some(Key { index: index as u32, generation: slot.generation.checked_sub(1)? })
        })
    }

    /// Whether a key was used up.
    pub(super) fn is_spent(&self, key: Key) -> bool {
        self.slots.get(key.index as usize).is_some_and(|slot| slot.generation > key.generation)
    }

    /// Puts a value back under the key that it had in an earlier life; `None` when the slot is beyond `most`, when it
    /// has seen a later key, or when a value stands there under this one.
    pub(super) fn put_back(&mut self, key: Key, value: T, most: u32) -> Option<()> {
        let slot = self.reach(key, most)?;
        if slot.generation > key.generation || slot.value.is_some() {
            return None;
        }
        slot.generation = key.generation;
        slot.value = Some(value);
        self.free.remove(&key.index);
        self.len += 1;
        Some(())
    }

    /// Remembers that a key was used up in an earlier life.
    pub(super) fn spend(&mut self, key: Key, most: u32) {
        let Some(slot) = self.reach(key, most) else { return };
        if slot.value.is_some() || slot.generation > key.generation {
            return;
        }
        match key.generation.checked_add(1) {
            Some(next) => slot.generation = next,
            None => drop(self.free.remove(&key.index)),
        }
    }

    /// The slot of a key, made if need be.
    fn reach(&mut self, key: Key, most: u32) -> Option<&mut Slot<T>> {
        if key.index >= most {
            return None;
        }
        while self.slots.len() <= key.index as usize {
            let index = self.grow();
            self.free.insert(index);
        }
        self.slots.get_mut(key.index as usize)
    }
}
