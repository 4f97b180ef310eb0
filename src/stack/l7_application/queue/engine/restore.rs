//! An engine out of changes, and changes out of an engine.
//!
//! A journal that is compacted while it is written may tell the same thing twice, or that a message is settled before
//! that it was stored. So the order of what is told about messages means nothing here: a message is held if it was
//! stored and nowhere settled.

use super::change::Change;
use super::queue::{Held, Queue};
use super::settings::Limits;
use super::slab::Key;
use super::window::Id;
use super::{Engine, QueueId};
use std::collections::BTreeMap;

/// An engine in the making.
#[derive(Debug)]
pub struct Restore {
    engine: Engine,
    told: BTreeMap<QueueId, Told>,
    strays: u64,
}

/// What is needed only until all has been told.
#[derive(Debug, Default)]
struct Told {
    settled: Offsets,
    ids: BTreeMap<u64, Id>,
}

impl Restore {
    /// Begins. The limits are the engine's from now on; what is told is kept even where it exceeds them.
    pub const fn new(limits: Limits) -> Restore {
        Restore { engine: Engine::new(limits), told: BTreeMap::new(), strays: 0 }
    }

    /// Applies a change; `false` where it tells nothing new: of a message that is settled, or stored again, or of a queue
    /// that is not there.
    pub fn apply(&mut self, change: Change<'_>) -> bool {
        match change {
            Change::Declared { queue, name, settings, next } => {
                if let Some(q) = self.engine.queues.get_mut(queue.0) {
                    q.next = q.next.max(next);
                    return false;
                }
                let mut made = Queue::new(name.into(), settings.clone());
                made.next = next;
                let free = !self.engine.names.contains_key(name);
                if !free || self.engine.queues.put_back(queue.0, made, Limits::MOST_QUEUES).is_none() {
                    return false;
                }
                self.engine.names.insert(name.into(), queue);
                self.engine.ids += u64::from(settings.window);
                self.told.insert(queue, Told::default());
                true
            }
            Change::Deleted { queue } => {
                self.told.remove(&queue);
                let gone = self.engine.remove_queue(queue).is_some();
                if !gone {
                    self.engine.queues.spend(queue.0, Limits::MOST_QUEUES);
                }
                gone
            }
            Change::Stored { queue, offset, time, message } => {
                let Some((q, told)) = find(&mut self.engine, &mut self.told, queue) else {
                    self.strays += u64::from(!self.engine.queues.is_spent(queue.0));
                    return false;
                };
                q.next = q.next.max(offset.saturating_add(1));
                q.latest = q.latest.max(time);
                told.remember(offset, &message.id, q.settings.window);
                let held = Held { time, message: message.clone() };
                if told.settled.contains(offset) || !q.held.insert(offset, held) {
                    return false;
                }
                q.load.add(message.size());
                self.engine.load.add(message.size());
                true
            }
            Change::Settled { queue, first, last, end: _ } => {
                let Some((q, told)) = find(&mut self.engine, &mut self.told, queue) else { return false };
                q.next = q.next.max(last.saturating_add(1));
                told.settled.insert(first, last);
                let (mut at, before) = (first, q.load);
                while let Some((offset, _)) = q.held.first_from(at).filter(|(offset, _)| *offset <= last) {
                    q.forget(offset);
                    at = offset.saturating_add(1);
                }
                let settled = before.minus(q.load);
                self.engine.load = self.engine.load.minus(settled);
                settled.messages > 0
            }
            Change::Remembered { queue, offset, id } => {
                let Some((q, told)) = find(&mut self.engine, &mut self.told, queue) else { return false };
                q.next = q.next.max(offset.saturating_add(1));
                told.remember(offset, id, q.settings.window);
                true
            }
        }
    }

    /// Messages told so far of queues that were never declared: a journal whose record of that was damaged has lost them.
    pub const fn strays(&self) -> u64 {
        self.strays
    }

    /// All has been told.
    pub fn finish(mut self) -> Engine {
        for (queue, told) in self.told {
            if let Some(q) = self.engine.queues.get_mut(queue.0) {
                told.ids.iter().for_each(|(offset, id)| q.window.remember(id.octets(), *offset));
            }
            self.engine.set_alarm(queue);
        }
        self.engine
    }
}

fn find<'a>(
    engine: &'a mut Engine,
    told: &'a mut BTreeMap<QueueId, Told>,
    queue: QueueId,
) -> Option<(&'a mut Queue, &'a mut Told)> {
    Some((engine.queues.get_mut(queue.0)?, told.get_mut(&queue)?))
}

impl Told {
    fn remember(&mut self, offset: u64, id: &[u8], window: u32) {
        if let Some(id) = Id::new(id).filter(|id| !id.octets().is_empty()) {
            self.ids.insert(offset, id);
        }
        while self.ids.len() > window as usize {
            self.ids.pop_first();
        }
    }
}

/// A set of offsets, which lie mostly side by side.
#[derive(Debug, Default)]
struct Offsets {
    /// First to last. No two touch.
    runs: BTreeMap<u64, u64>,
}

impl Offsets {
    fn contains(&self, offset: u64) -> bool {
        self.runs.range(..=offset).next_back().is_some_and(|(_, last)| *last >= offset)
    }

    fn insert(&mut self, mut first: u64, mut last: u64) {
        if first > last {
            return;
        }
        // Whatever overlaps the new run, or touches it, becomes part of it.
        while let Some((&f, &l)) = self.runs.range(..=last.saturating_add(1)).next_back() {
            if l.saturating_add(1) < first {
                break;
            }
            self.runs.remove(&f);
            (first, last) = (first.min(f), last.max(l));
        }
        self.runs.insert(first, last);
    }
}

impl Engine {
    /// What queues there are: for the head of every further file of a journal, so that damage to one record does not cost a
    /// queue.
    pub fn declarations(&self) -> impl Iterator<Item = Change<'_>> {
        self.queues.iter().map(|(key, q)| declared(key, q))
    }

    /// The changes that make an engine like this one: what to write when a journal is begun anew. Consumers, and how
    /// often a message was delivered, are no part of it.
    pub fn snapshot(&self) -> impl Iterator<Item = Change<'_>> {
        let gone = self.queues.spent().map(|key| Change::Deleted { queue: QueueId(key) });
        gone.chain(self.queues.iter().flat_map(|(key, q)| {
            let queue = QueueId(key);
            let forgotten = q.window.iter().filter(|(offset, _)| q.held.get(*offset).is_none());
            let remembered = forgotten.map(move |(offset, id)| Change::Remembered { queue, offset, id });
            let stored = q.held.iter().map(move |(offset, held)| {
                let (time, message) = (held.time, &held.message);
                Change::Stored { queue, offset, time, message }
            });
            std::iter::once(declared(key, q)).chain(remembered).chain(stored)
        }))
    }
}

fn declared(key: Key, q: &Queue) -> Change<'_> {
    Change::Declared { queue: QueueId(key), name: &q.name, settings: &q.settings, next: q.next }
}
