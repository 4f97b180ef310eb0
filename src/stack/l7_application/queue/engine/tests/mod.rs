//! The engine by example, against a model that is obviously right, and in memory.

mod bounds;
mod commands;
mod examples;
mod memory;
mod model;
mod promises;
mod restored;

use super::*;
use bytes::Bytes;
use std::time::Duration;

/// An engine with a clock that the test sets, and the changes that it told.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Time,
    pub(super) told: Vec<Owned>,
}

/// A change that owns what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Owned {
    Declared { queue: QueueId, name: String, settings: Settings, next: u64 },
    Deleted { queue: QueueId },
    Stored { queue: QueueId, offset: u64, time: Time, message: Message },
    Settled { queue: QueueId, first: u64, last: u64, end: End },
    Remembered { queue: QueueId, offset: u64, id: Vec<u8> },
}

impl Owned {
    pub(super) fn of(change: Change<'_>) -> Owned {
        match change {
            Change::Declared { queue, name, settings, next } => {
                Owned::Declared { queue, name: name.into(), settings: settings.clone(), next }
            }
            Change::Deleted { queue } => Owned::Deleted { queue },
            Change::Stored { queue, offset, time, message } => {
                Owned::Stored { queue, offset, time, message: message.clone() }
            }
            Change::Settled { queue, first, last, end } => Owned::Settled { queue, first, last, end },
            Change::Remembered { queue, offset, id } => Owned::Remembered { queue, offset, id: id.into() },
        }
    }

    pub(super) fn change(&self) -> Change<'_> {
        match self {
            Owned::Declared { queue, name, settings, next } => {
                Change::Declared { queue: *queue, name, settings, next: *next }
            }
            Owned::Deleted { queue } => Change::Deleted { queue: *queue },
            Owned::Stored { queue, offset, time, message } => {
                Change::Stored { queue: *queue, offset: *offset, time: *time, message }
            }
            Owned::Settled { queue, first, last, end } => {
                Change::Settled { queue: *queue, first: *first, last: *last, end: *end }
            }
            Owned::Remembered { queue, offset, id } => {
                Change::Remembered { queue: *queue, offset: *offset, id }
            }
        }
    }
}

/// An engine that was told these changes.
pub(super) fn restored(changes: &[Owned]) -> Engine {
    let mut restore = Restore::new(Limits::default());
    for change in changes {
        restore.apply(change.change());
    }
    restore.finish()
}

/// All that survives a crash.
pub(super) fn durable(engine: &Engine) -> Vec<Owned> {
    engine.snapshot().map(Owned::of).collect()
}

/// A message with an id, or with none where it is empty.
pub(super) fn message(id: &str, body: &str) -> Message {
    Message { id: Bytes::copy_from_slice(id.as_bytes()), body: Bytes::copy_from_slice(body.as_bytes()) }
}

pub(super) fn work() -> Settings {
    Settings::default()
}

pub(super) fn topic() -> Settings {
    Settings { kind: Kind::Topic, ..Settings::default() }
}

pub(super) fn prefetch(prefetch: u32) -> Subscription {
    Subscription { prefetch, ..Subscription::default() }
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Bench {
        Bench { engine: Engine::new(limits), now: Time::from_millis(1_000), told: Vec::new() }
    }

    #[track_caller]
    pub(super) fn declare(&mut self, name: &str, settings: Settings) -> QueueId {
        self.engine.declare(name, settings, &mut |c| self.told.push(Owned::of(c))).unwrap()
    }

    pub(super) fn publish(&mut self, queue: QueueId, message: Message) -> Result<Published, Refusal> {
        self.engine.publish(self.now, queue, message, &mut |c| self.told.push(Owned::of(c)))
    }

    /// Publishes bodies without ids.
    #[track_caller]
    pub(super) fn publish_all(&mut self, queue: QueueId, bodies: &[&str]) {
        for body in bodies {
            self.publish(queue, message("", body)).unwrap();
        }
    }

    #[track_caller]
    pub(super) fn subscribe(&mut self, queue: QueueId, wanted: Subscription) -> ConsumerId {
        self.engine.subscribe(queue, wanted).unwrap().consumer
    }

    /// The next message of a consumer: its offset and how often it was delivered.
    pub(super) fn next(&mut self, consumer: ConsumerId) -> Option<(u64, u32)> {
        let delivery = self.engine.next(consumer, &mut |c| self.told.push(Owned::of(c)))?;
        Some((delivery.offset, delivery.deliveries))
    }

    /// Offsets of all that a consumer may have now.
    pub(super) fn drain(&mut self, consumer: ConsumerId) -> Vec<u64> {
        std::iter::from_fn(|| self.next(consumer)).map(|(offset, _)| offset).collect()
    }

    /// What a driver with room for everything hands out: who gets which offset, in this order.
    pub(super) fn run(&mut self) -> Vec<(ConsumerId, u64)> {
        let mut out = Vec::new();
        while let Some(consumer) = self.engine.take_ready() {
            out.extend(self.next(consumer).map(|(offset, _)| (consumer, offset)));
        }
        out
    }

    pub(super) fn ack(&mut self, consumer: ConsumerId, span: Span) -> Result<u64, Refusal> {
        self.engine.ack(consumer, span, &mut |c| self.told.push(Owned::of(c)))
    }

    pub(super) fn nack(&mut self, consumer: ConsumerId, span: Span, requeue: bool) -> Result<u64, Refusal> {
        self.engine.nack(self.now, consumer, span, requeue, &mut |c| self.told.push(Owned::of(c)))
    }

    pub(super) fn leave(&mut self, consumer: ConsumerId) -> Result<(), Refusal> {
        self.engine.leave(self.now, consumer, &mut |c| self.told.push(Owned::of(c)))
    }

    pub(super) fn purge(&mut self, queue: QueueId) -> Result<u64, Refusal> {
        self.engine.purge(queue, &mut |c| self.told.push(Owned::of(c)))
    }

    pub(super) fn delete(&mut self, queue: QueueId) -> Result<Vec<ConsumerId>, Refusal> {
        self.engine.delete(queue, &mut |c| self.told.push(Owned::of(c)))
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.engine.tick(self.now, &mut |c| self.told.push(Owned::of(c)));
    }

    #[track_caller]
    pub(super) fn report(&self, queue: QueueId) -> QueueReport {
        self.engine.inspect(self.now).find(|report| report.queue == queue).unwrap()
    }

    /// The bodies that a queue holds.
    pub(super) fn bodies(&self, queue: QueueId) -> Vec<String> {
        let stored = durable(&self.engine).into_iter().filter_map(|change| match change {
            Owned::Stored { queue: at, message, .. } if at == queue => Some(message.body),
            _ => None,
        });
        stored.map(|body| String::from_utf8(body.to_vec()).unwrap()).collect()
    }

    /// How messages ended, of those that were told one by one.
    pub(super) fn ends(&self) -> Vec<(u64, End)> {
        let settled = self.told.iter().filter_map(|change| match change {
            Owned::Settled { first, end, .. } => Some((*first, *end)),
            _ => None,
        });
        settled.collect()
    }
}
