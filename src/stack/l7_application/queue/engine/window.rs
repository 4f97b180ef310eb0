//! The latest message ids of a queue: what makes a publish that is tried again store nothing twice.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

/// Octets that a message id may have.
pub const MAX_ID: usize = 64;

/// A message id, copied: a window that kept slices of what was read from sockets would keep all that was read.
#[derive(Clone, Copy)]
pub(super) struct Id {
    len: u8,
    octets: [u8; MAX_ID],
}

impl Id {
    /// `None` where it is too long.
    pub(super) fn new(id: &[u8]) -> Option<Id> {
        let mut octets = [0; MAX_ID];
        octets.get_mut(..id.len())?.copy_from_slice(id);
        Some(Id { len: id.len() as u8, octets })
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl Borrow<[u8]> for Id {
    fn borrow(&self) -> &[u8] {
        self.octets()
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Id) -> bool {
        self.octets() == other.octets()
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.octets().hash(state);
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.octets().escape_ascii())
    }
}

/// The last `size` ids that were stored, and where.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    latest: VecDeque<(u64, Id)>,
    /// Never walked: the order of a hash table is nobody's business.
    offsets: HashMap<Id, u64>,
}

impl Window {
    pub(super) fn new(size: u32) -> Window {
        Window { size: size as usize, latest: VecDeque::new(), offsets: HashMap::new() }
    }

    /// The offset under which this id was stored, if it is among the latest. Messages without an id are all different.
    #[inline]
    pub(super) fn offset(&self, id: &[u8]) -> Option<u64> {
        if id.is_empty() || self.size == 0 { None } else { self.offsets.get(id).copied() }
    }

    #[inline]
    pub(super) fn remember(&mut self, id: &[u8], offset: u64) {
        if id.is_empty() || self.size == 0 {
            return;
        }
        let Some(id) = Id::new(id) else { return };
        if self.latest.len() == self.size
            && let Some((offset, old)) = self.latest.pop_front()
            // A dead letter may bring an id that stands here already: then the table holds the later offset.
            && self.offsets.get(&old) == Some(&offset)
        {
            self.offsets.remove(&old);
        }
        self.latest.push_back((offset, id));
        self.offsets.insert(id, offset);
    }

    /// Offsets and ids, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.latest.iter().map(|(offset, id)| (*offset, id.octets()))
    }
}
