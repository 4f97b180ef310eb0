//! What a queue is declared to be, and the bounds of what all queues together may make us hold.

use super::refusal::{NameFlaw, Refusal};
use std::time::Duration;

/// What a queue is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Kind {
    /// Each message goes to one consumer and is gone once it is acknowledged.
    #[default]
    Work,
    /// A log: each subscriber gets every message, from an offset of its choice. Messages stay until a bound drops them.
    Topic,
}

/// What happens when a message comes for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Policy {
    /// It is refused.
    #[default]
    Reject,
    /// The oldest make room, and are lost.
    DropOldest,
    /// The oldest make room, and move to the dead-letter queue.
    DeadLetter,
}

/// A queue's declaration. Zero stands for "no bound of its own".
///
/// Everything that a queue holds counts against its bounds, but a message of a work queue that a consumer has in hand is
/// never dropped, neither for being the oldest nor for its age.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Settings {
    /// What it is.
    pub kind: Kind,
    /// Messages that it holds.
    pub max_messages: u64,
    /// Octets of ids and bodies that it holds.
    pub max_bytes: u64,
    /// How long a message is kept.
    pub max_age: Duration,
    /// Times that a message is handed out to a consumer that does not acknowledge it.
    pub max_deliveries: u32,
    /// What happens when it is full.
    pub policy: Policy,
    /// Where messages go that were too old, handed out too often, or refused by a consumer for good; and the oldest
    /// of a full queue under [`Policy::DeadLetter`]. Without one, or where that queue has no room, they are lost.
    pub dead_letter: Option<Box<str>>,
    /// How many of the latest message ids are remembered, so that a publish that is tried again stores nothing twice.
    pub window: u32,
}

/// The bounds of what clients may make us hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Queues; at most [`Limits::MOST_QUEUES`] whatever stands here.
    pub queues: u32,
    /// Consumers of all queues.
    pub consumers: u32,
    /// Octets of a queue's name.
    pub name: usize,
    /// Octets of one message, id and body.
    pub message: u64,
    /// Messages in all queues.
    pub messages: u64,
    /// Octets of ids and bodies in all queues.
    pub bytes: u64,
    /// Unacknowledged messages of one consumer.
    pub prefetch: u32,
    /// Ids remembered by all queues: the sum of the windows that were declared. One takes about 200 octets.
    pub ids: u64,
}

impl Limits {
    /// No engine holds more queues.
    pub const MOST_QUEUES: u32 = 1 << 16;

    pub(super) fn most_queues(&self) -> u32 {
        self.queues.min(Limits::MOST_QUEUES)
    }

    /// What all queues may hold.
    pub(super) const fn whole(&self) -> Load {
        Load { messages: self.messages, bytes: self.bytes }
    }
}

impl Default for Limits {
    /// 1,024 queues with names of up to 255 octets, 16,384 consumers with 10,000 messages each in hand, messages of
    /// up to 16 MiB, 4 Mi of them with 1 GiB, 1 Mi ids.
    fn default() -> Limits {
        Limits {
            queues: 1024,
            consumers: 16_384,
            name: 255,
            message: 16 << 20,
            messages: 4 << 20,
            bytes: 1 << 30,
            prefetch: 10_000,
            ids: 1 << 20,
        }
    }
}

/// An amount of messages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Load {
    pub(super) messages: u64,
    /// Of their ids and bodies.
    pub(super) bytes: u64,
}

impl Load {
    pub(super) fn add(&mut self, size: u64) {
        self.messages += 1;
        self.bytes += size;
    }

    pub(super) fn sub(&mut self, size: u64) {
        self.messages -= 1;
        self.bytes -= size;
    }

    pub(super) fn minus(self, other: Load) -> Load {
        Load { messages: self.messages - other.messages, bytes: self.bytes - other.bytes }
    }

    /// Whether a message of `size` octets finds room beside this load.
    pub(super) fn leaves_room(self, size: u64, most: Load) -> bool {
        self.messages < most.messages && self.bytes.checked_add(size).is_some_and(|bytes| bytes <= most.bytes)
    }
}

impl Settings {
    /// The bounds in numbers: without one of its own a queue has all of the engine's.
    pub(super) fn most(&self, limits: &Limits) -> Load {
        let or = |own: u64, all: u64| if own == 0 { all } else { own };
        Load { messages: or(self.max_messages, limits.messages), bytes: or(self.max_bytes, limits.bytes) }
    }
}

/// A name is for people to type and for patterns that end in `*`.
pub(super) fn check_name(name: &str, limits: &Limits) -> Result<(), Refusal> {
    let flaw = if name.is_empty() {
        NameFlaw::Empty
    } else if name.len() > limits.name {
        NameFlaw::TooLong { limit: limits.name }
    } else if let Some(bad) = name.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '*') {
        NameFlaw::Character(bad)
    } else {
        return Ok(());
    };
    Err(Refusal::Name(flaw))
}
