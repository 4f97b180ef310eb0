//! One queue: its messages in the order of their offsets, and who reads them.

use super::ConsumerId;
use super::cursor::Cursor;
use super::inspect::Counts;
use super::settings::{Kind, Load, Settings};
use super::shelf::Shelf;
use super::window::Window;
use crate::model::Time;
use bytes::Bytes;
use std::collections::VecDeque;

/// What is published. Nothing of it is ever copied: a body that is a slice of a larger buffer keeps that buffer alive.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Message {
    /// What its publisher calls it: up to [`MAX_ID`](super::MAX_ID) octets, none for no name.
    pub id: Bytes,
    /// The message itself.
    pub body: Bytes,
}

impl Message {
    /// Octets that count against bounds.
    #[inline]
    pub(super) fn size(&self) -> u64 {
        (self.id.len() + self.body.len()) as u64
    }
}

/// A message in a queue.
#[derive(Debug)]
pub(super) struct Held {
    /// When it was stored. Never earlier than those before it.
    pub(super) time: Time,
    pub(super) message: Message,
}

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Box<str>,
    pub(super) settings: Settings,
    pub(super) held: Shelf<Held>,
    /// Of `held`.
    pub(super) load: Load,
    /// The part of `load` that consumers of a work queue have in hand. A topic's messages are nobody's.
    pub(super) in_hand: Load,
    /// The offset of the next message that is published.
    pub(super) next: u64,
    /// When the last message was stored.
    pub(super) latest: Time,
    /// Where a work queue's consumers are. A topic's have each their own.
    pub(super) cursor: Cursor,
    pub(super) window: Window,
    pub(super) consumers: Vec<ConsumerId>,
    /// Consumers that could take a message when there is one for them.
    pub(super) idle: VecDeque<ConsumerId>,
    /// Consumers that were told, or will be, that there is a message for them.
    pub(super) called: u64,
    /// When the engine looks for messages that are too old.
    pub(super) alarm: Option<Time>,
    pub(super) counts: Counts,
}

impl Queue {
    pub(super) fn new(name: Box<str>, settings: Settings) -> Queue {
        let window = Window::new(settings.window);
        Queue {
            name,
            settings,
            held: Shelf::new(),
            load: Load::default(),
            in_hand: Load::default(),
            next: 0,
            latest: Time::ZERO,
            cursor: Cursor::default(),
            window,
            consumers: Vec::new(),
            idle: VecDeque::new(),
            called: 0,
            alarm: None,
            counts: Counts::default(),
        }
    }

    pub(super) fn is_topic(&self) -> bool {
        self.settings.kind == Kind::Topic
    }

    /// What nobody has in hand.
    pub(super) fn ready(&self) -> Load {
        self.load.minus(self.in_hand)
    }

    /// The oldest message that nobody has in hand.
    pub(super) fn oldest_ready(&self) -> Option<(u64, &Held)> {
        if self.is_topic() {
            return self.held.first();
        }
        let offset = self.cursor.peek(&self.held)?;
        Some((offset, self.held.get(offset)?))
    }

    /// Takes a message out. It still counts as in hand, if it was.
    #[inline]
    pub(super) fn forget(&mut self, offset: u64) -> Option<Held> {
        let held = self.held.remove(offset)?;
        self.load.sub(held.message.size());
        Some(held)
    }

    /// When the oldest message that may be dropped will be too old.
    pub(super) fn expiry(&self) -> Option<Time> {
        let max_age = self.settings.max_age;
        if max_age.is_zero() {
            return None;
        }
        self.oldest_ready().map(|(_, held)| held.time + max_age)
    }
}
