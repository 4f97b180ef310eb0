//! One consumer: how many messages it may have in hand, and which it has.

use super::cursor::Cursor;
use super::shelf::Shelf;
use super::{ConsumerId, QueueId};

/// How often a message is handed out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum Mode {
    /// Once, and forgotten: lost if the consumer is.
    AtMostOnce,
    /// Until it is acknowledged: perhaps more than once.
    #[default]
    AtLeastOnce,
}

/// Where a subscription to a topic begins.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum From {
    /// At what is published next. A work queue hands out what waits, and takes only this.
    #[default]
    New,
    /// At the oldest message that is kept.
    Start,
    /// At an offset, or at the oldest that is kept behind it, or at the next if it lies ahead of that.
    Offset(u64),
}

/// What a consumer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Subscription {
    /// Messages that it may have in hand unacknowledged; 0: as many as the limits allow.
    pub prefetch: u32,
    /// How often each is handed out.
    pub mode: Mode,
    /// Where to begin.
    pub from: From,
}

/// What it gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subscribed {
    /// The consumer.
    pub consumer: ConsumerId,
    /// Messages that it may have in hand: what it asked for, or what the limits allow if that is less.
    pub prefetch: u32,
    /// Where it begins: the first offset that can come. Of a work queue, the oldest that waits.
    pub start: u64,
    /// The offset that it asked for. Where `start` is higher, what lies between is gone; where it is lower, what was
    /// asked for is not there yet.
    pub asked: Option<u64>,
}

/// Where a consumer stands while it waits for messages. It is in one list or in none, and once only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In no list: paused, or out of credit.
    Away,
    /// In its queue's list of those that could take a message when there is one.
    Idle,
    /// In the engine's list of those for whom there is one.
    Called,
    /// Taken from that list by the driver, who has not yet come for the message.
    Coming,
}

/// A consumer.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) queue: QueueId,
    pub(super) mode: Mode,
    pub(super) prefetch: u32,
    /// What it has in hand: the offset, and how often it was delivered.
    pub(super) unacked: Shelf<u32>,
    /// Where it is in a topic.
    pub(super) cursor: Cursor,
    pub(super) place: Place,
    /// The driver has no room for its messages.
    pub(super) paused: bool,
    pub(super) delivered: u64,
    pub(super) missed: u64,
}

impl Consumer {
    /// Whether it may be given one more message.
    #[inline]
    pub(super) fn has_credit(&self) -> bool {
        self.mode == Mode::AtMostOnce || self.unacked.len() < self.prefetch as usize
    }
}
