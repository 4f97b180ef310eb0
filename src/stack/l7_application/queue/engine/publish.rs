//! Storing messages: who publishes, and what is no longer wanted where it was.

use super::change::{Cause, Change, End, Tell};
use super::queue::{Held, Message};
use super::refusal::Refusal;
use super::settings::{Load, Policy};
use super::window::MAX_ID;
use super::{Engine, QueueId};
use crate::model::Time;

/// Dead letters push others out of a full dead-letter queue, which go to that queue's own, and so on: so many times.
const MOST_HOPS: u32 = 16;

/// What became of a publish.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Published {
    /// The message's number in its queue, counted from 0.
    pub offset: u64,
    /// Its id was remembered: nothing was stored now, and `offset` is where the message stands that came first. Its
    /// change may still be on the way to the journal.
    pub duplicate: bool,
}

impl Engine {
    /// Stores a message. One whose id is among the latest ids of the queue is a duplicate, which stores nothing.
    ///
    /// # Errors
    /// When the queue does not exist or has no room and may make none, and for a message over a bound by itself.
    pub fn publish(
        &mut self,
        now: Time,
        queue: QueueId,
        message: Message,
        tell: Tell<'_>,
    ) -> Result<Published, Refusal> {
        let Some(q) = self.queues.get_mut(queue.0) else { return Err(Refusal::NoQueue) };
        if let Some(offset) = q.window.offset(&message.id) {
            q.counts.duplicates += 1;
            return Ok(Published { offset, duplicate: true });
        }
        let stored = self.store(now, queue, message, 0, tell);
        if stored.is_err()
            && let Some(q) = self.queues.get_mut(queue.0)
        {
            q.counts.refused += 1;
        }
        stored.map(|offset| Published { offset, duplicate: false })
    }

    /// Stores a message that `hops` queues had before.
    pub(super) fn store(
        &mut self,
        now: Time,
        queue: QueueId,
        message: Message,
        hops: u32,
        tell: Tell<'_>,
    ) -> Result<u64, Refusal> {
        if message.id.len() > MAX_ID {
            return Err(Refusal::IdTooLong { len: message.id.len() });
        }
        if self.queues.get(queue.0).is_some_and(|q| q.next == u64::MAX) {
            return Err(Refusal::OffsetsSpent);
        }
        let size = message.size();
        self.make_room(now, queue, size, hops, tell)?;
        let Some(q) = self.queues.get_mut(queue.0) else { return Err(Refusal::NoQueue) };
        let (offset, time) = (q.next, now.max(q.latest));
        q.next = offset + 1;
        q.latest = time;
        tell(Change::Stored { queue, offset, time, message: &message });
        q.window.remember(&message.id, offset);
        q.held.insert(offset, Held { time, message });
        q.load.add(size);
        q.counts.published += 1;
        self.load.add(size);
        if q.alarm.is_none() {
            self.set_alarm(queue);
        }
        self.call(queue);
        Ok(offset)
    }

    /// Drops the oldest until a message of `size` octets fits, if that is the policy.
    fn make_room(
        &mut self,
        now: Time,
        queue: QueueId,
        size: u64,
        hops: u32,
        tell: Tell<'_>,
    ) -> Result<(), Refusal> {
        let Some(q) = self.queues.get(queue.0) else { return Err(Refusal::NoQueue) };
        let (own, all) = (q.settings.most(&self.limits), self.limits.whole());
        if q.load.leaves_room(size, own) && self.load.leaves_room(size, all) && size <= self.limits.message {
            return Ok(());
        }
        let limit = self.limits.message.min(own.bytes).min(all.bytes);
        if size > limit {
            return Err(Refusal::TooLarge { len: size, limit });
        }
        let policy = q.settings.policy;
        if policy == Policy::Reject {
            let full = !q.load.leaves_room(size, own);
            return Err(if full { Refusal::QueueFull } else { Refusal::EngineFull });
        }
        // Before anything is dropped: would it help?
        if !q.in_hand.leaves_room(size, own) {
            return Err(Refusal::QueueInHand);
        }
        // What moves to the dead-letter queue is still held.
        let freed = if policy == Policy::DropOldest { q.ready() } else { Load::default() };
        if !self.load.minus(freed).leaves_room(size, all) {
            return Err(Refusal::EngineFull);
        }
        // Only a message that comes back as a dead letter could make this go on for ever.
        for _ in 0..q.held.len() {
            let Some(q) = self.queues.get_mut(queue.0) else { return Err(Refusal::NoQueue) };
            if q.load.leaves_room(size, own) && self.load.leaves_room(size, all) {
                break;
            }
            let Some((offset, _)) = q.oldest_ready() else { break };
            q.cursor.skip(offset);
            self.bury(now, queue, offset, Cause::Full, hops, tell);
        }
        let q = self.queues.get(queue.0).ok_or(Refusal::NoQueue)?;
        let room = q.load.leaves_room(size, own) && self.load.leaves_room(size, all);
        if room { Ok(()) } else { Err(Refusal::QueueFull) }
    }

    /// Takes a message out of its queue for which nobody is left, and moves it to the dead-letter queue if there is one.
    /// No cursor may point at it any more.
    pub(super) fn bury(
        &mut self,
        now: Time,
        queue: QueueId,
        offset: u64,
        cause: Cause,
        hops: u32,
        tell: Tell<'_>,
    ) {
        let Some(q) = self.queues.get_mut(queue.0) else { return };
        let Some(held) = q.forget(offset) else { return };
        self.load.sub(held.message.size());
        let lost = cause == Cause::Full && q.settings.policy != Policy::DeadLetter;
        let moved = !lost && self.dead_letter(now, queue, held.message, hops, tell);
        let end = if moved { End::Moved(cause) } else { End::Lost(cause) };
        tell(Change::Settled { queue, first: offset, last: offset, end });
        if !moved && let Some(q) = self.queues.get_mut(queue.0) {
            q.counts.lost += 1;
        }
    }

    /// Stores a queue's message in its dead-letter queue; `false` where there is none, or no room in it.
    pub(super) fn dead_letter(
        &mut self,
        now: Time,
        queue: QueueId,
        message: Message,
        hops: u32,
        tell: Tell<'_>,
    ) -> bool {
        let Some(name) = self.queues.get(queue.0).and_then(|q| q.settings.dead_letter.as_deref()) else {
            return false;
        };
        let target = self.queue(name).filter(|target| *target != queue && hops < MOST_HOPS);
        let moved = target.is_some_and(|to| self.store(now, to, message, hops + 1, tell).is_ok());
        if moved && let Some(q) = self.queues.get_mut(queue.0) {
            q.counts.dead_lettered += 1;
        }
        moved
    }
}
