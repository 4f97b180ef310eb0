//! The engine of a message queue, pure: no clock, no file, no socket, no wire format. Every face (frames on TCP,
//! WebSocket or UDP, and others) drives the same one.
//!
//! ```text
//!              publish                                 next
//!   publisher ---------> queue  [ held, by offset ] ----------> consumer
//!                          |          ^                            |
//!                          |          | nack, leave: back to       | ack: settled
//!                full, too |          | the head of the queue      v
//!               old, given |          +--------------------- in hand: unacked <= prefetch
//!               up         v
//!                      dead-letter queue, or lost and told
//! ```
//!
//! A *work queue* hands each message to one of its consumers, in turns, and forgets it when it is acknowledged. A
//! *topic* is a log: every consumer reads all of it, from where it likes, and messages stay until a bound drops them.
//!
//! **Nothing is ever scanned.** The driver asks [`Engine::take_ready`] which consumer may have a message, then
//! [`Engine::next`] for that message (one, so that consumers take turns), or says [`Engine::pause`] when there is no
//! room for it. When there is again, [`Engine::resume`]. It comes back with [`Engine::tick`] at [`Engine::deadline`].
//!
//! What must survive a crash is told as a [`Change`] while the call runs; [`Restore`] makes an engine of changes. Who
//! confirms a publish, or hands out a message *at most once*, waits until the journal has its change.
//!
//! ```
//! use layerlab::model::Time;
//! use layerlab::stack::l7_application::queue::engine::*;
//!
//! let mut journal = Vec::new();
//! let mut tell = |change: Change<'_>| journal.push(format!("{change:?}"));
//! let mut engine = Engine::new(Limits::default());
//! let now = Time::from_millis(5);
//!
//! let tasks = engine.declare("tasks", Settings::default(), &mut tell)?;
//! let message = Message { id: "order-7".into(), body: "two teas".into() };
//! assert_eq!(engine.publish(now, tasks, message, &mut tell)?.offset, 0);
//!
//! // A consumer dies with the message in hand; another one gets it.
//! let first = engine.subscribe(tasks, Subscription::default())?.consumer;
//! assert_eq!(engine.take_ready(), Some(first));
//! assert_eq!(engine.next(first, &mut tell).map(|d| d.deliveries), Some(1));
//! engine.leave(now, first, &mut tell)?;
//!
//! let second = engine.subscribe(tasks, Subscription::default())?.consumer;
//! assert_eq!(engine.take_ready(), Some(second));
//! let again = engine.next(second, &mut tell).expect("it came back");
//! assert_eq!((&*again.message.body, again.deliveries), (&b"two teas"[..], 2));
//! engine.ack(second, Span::One(again.offset), &mut tell)?;
//!
//! // Declared, stored, settled: what a journal has to know.
//! assert_eq!(journal.len(), 3);
//! # Ok::<(), Refusal>(())
//! ```

mod change;
mod consumer;
mod cursor;
mod deliver;
mod expire;
mod inspect;
mod publish;
mod queue;
mod refusal;
mod restore;
mod settings;
mod settle;
mod shelf;
mod slab;
mod window;

pub use change::{Cause, Change, End, Tell};
pub use consumer::{From, Mode, Subscribed, Subscription};
pub use deliver::Delivery;
pub use inspect::{ConsumerReport, Counts, QueueReport};
pub use publish::Published;
pub use queue::Message;
pub use refusal::{Blame, NameFlaw, Refusal};
pub use restore::Restore;
pub use settings::{Kind, Limits, Policy, Settings};
pub use settle::Span;
pub use window::MAX_ID;

use crate::model::Time;
use change::Run;
use consumer::Consumer;
use queue::Queue;
use settings::{Load, check_name};
use slab::{Key, Slab};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[cfg(test)]
mod tests;

/// A queue, by number: names are looked up once. A deleted queue's id is never given to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct QueueId(Key);

impl QueueId {
    /// The id as a number, for a journal.
    pub const fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    /// The id again.
    pub const fn from_bits(bits: u64) -> QueueId {
        QueueId(Key::from_bits(bits))
    }
}

/// A consumer, by number. It is never given to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerId(Key);

impl ConsumerId {
    /// The id as a number, for a table of the driver's.
    pub const fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    /// The id again.
    pub const fn from_bits(bits: u64) -> ConsumerId {
        ConsumerId(Key::from_bits(bits))
    }
}

/// Queues, what they hold, and who reads them.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    queues: Slab<Queue>,
    names: BTreeMap<Box<str>, QueueId>,
    consumers: Slab<Consumer>,
    /// Consumers for whom there may be a message. Those that have paused since are passed over.
    ready: VecDeque<ConsumerId>,
    /// When to look into a queue for messages that are too old: one entry a queue at most.
    alarms: BTreeSet<(Time, QueueId)>,
    /// What all queues hold.
    load: Load,
    /// The sum of all windows.
    ids: u64,
}

impl Engine {
    /// Without queues.
    pub const fn new(limits: Limits) -> Engine {
        Engine {
            limits,
            queues: Slab::new(),
            names: BTreeMap::new(),
            consumers: Slab::new(),
            ready: VecDeque::new(),
            alarms: BTreeSet::new(),
            load: Load { messages: 0, bytes: 0 },
            ids: 0,
        }
    }

    /// The bounds.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many messages all queues hold, and the octets of their ids and bodies.
    pub const fn held(&self) -> (u64, u64) {
        (self.load.messages, self.load.bytes)
    }

    /// The queue of this name.
    pub fn queue(&self, name: &str) -> Option<QueueId> {
        self.names.get(name).copied()
    }

    /// A queue's name and what it was declared to be.
    pub fn describe(&self, queue: QueueId) -> Option<(&str, &Settings)> {
        self.queues.get(queue.0).map(|q| (&*q.name, &q.settings))
    }

    /// Makes a queue, or finds the one that is there if its settings are the same.
    ///
    /// Whoever lets users declare checks that they may publish to the dead-letter queue too: this is a way to.
    ///
    /// # Errors
    /// For a bad name, for other settings than those of the queue that is there, for a dead-letter queue that is not
    /// there or leads back, and at the limits.
    pub fn declare(&mut self, name: &str, settings: Settings, tell: Tell<'_>) -> Result<QueueId, Refusal> {
        check_name(name, &self.limits)?;
        if let Some(&id) = self.names.get(name) {
            let same = self.queues.get(id.0).is_some_and(|queue| queue.settings == settings);
            return if same { Ok(id) } else { Err(Refusal::Differs { name: name.into() }) };
        }
        self.check_dead_letter(name, &settings)?;
        let limit = self.limits.most_queues();
        if self.queues.len() >= limit as usize {
            return Err(Refusal::TooManyQueues { limit });
        }
        let left = self.limits.ids.saturating_sub(self.ids);
        if u64::from(settings.window) > left {
            return Err(Refusal::WindowTooLarge { asked: settings.window, left });
        }
        self.ids += u64::from(settings.window);
        let queue = QueueId(self.queues.insert(Queue::new(name.into(), settings)));
        self.names.insert(name.into(), queue);
        if let Some(made) = self.queues.get(queue.0) {
            tell(Change::Declared { queue, name, settings: &made.settings, next: 0 });
        }
        Ok(queue)
    }

    /// Follows the names of dead-letter queues from a new queue on.
    fn check_dead_letter(&self, name: &str, settings: &Settings) -> Result<(), Refusal> {
        let Some(first) = &settings.dead_letter else {
            let unnamed = settings.policy == Policy::DeadLetter;
            return if unnamed { Err(Refusal::DeadLetterUnnamed) } else { Ok(()) };
        };
        let mut at = &**first;
        for _ in 0..=self.queues.len() {
            if at == name {
                return Err(Refusal::DeadLetterCircle { name: first.clone() });
            }
            let next = self.queue(at).and_then(|id| self.queues.get(id.0));
            match next.and_then(|queue| queue.settings.dead_letter.as_deref()) {
                Some(further) => at = further,
                None if self.names.contains_key(first) => return Ok(()),
                None => return Err(Refusal::NoDeadLetter { name: first.clone() }),
            }
        }
        Ok(())
    }

    /// Ends a queue and all that it holds. Gives the consumers that it had, which are gone too: their connections want
    /// to know.
    ///
    /// # Errors
    /// [`Refusal::NoQueue`].
    pub fn delete(&mut self, queue: QueueId, tell: Tell<'_>) -> Result<Vec<ConsumerId>, Refusal> {
        let gone = self.remove_queue(queue).ok_or(Refusal::NoQueue)?;
        for consumer in &gone.consumers {
            self.consumers.remove(consumer.0);
        }
        self.ready.retain(|consumer| self.consumers.get(consumer.0).is_some());
        tell(Change::Deleted { queue });
        Ok(gone.consumers)
    }

    fn remove_queue(&mut self, queue: QueueId) -> Option<Queue> {
        let gone = self.queues.remove(queue.0)?;
        self.names.remove(&gone.name);
        self.load = self.load.minus(gone.load);
        self.ids -= u64::from(gone.settings.window);
        if let Some(alarm) = gone.alarm {
            self.alarms.remove(&(alarm, queue));
        }
        Some(gone)
    }

    /// Drops all that waits in a queue: of a work queue, what no consumer has in hand. Gives how many messages.
    ///
    /// # Errors
    /// [`Refusal::NoQueue`].
    pub fn purge(&mut self, queue: QueueId, tell: Tell<'_>) -> Result<u64, Refusal> {
        let Some(q) = self.queues.get_mut(queue.0) else { return Err(Refusal::NoQueue) };
        let (mut run, mut purged) = (Run::new(queue, End::Purged), 0);
        while let Some((offset, _)) = q.oldest_ready() {
            q.cursor.skip(offset);
            self.load.sub(q.forget(offset).map_or(0, |held| held.message.size()));
            run.push(offset, tell);
            purged += 1;
        }
        q.counts.purged += purged;
        run.finish(tell);
        Ok(purged)
    }
}
