//! Handing messages out: who may have one, in which turn, and which.

use super::change::{Change, End, Tell};
use super::consumer::{Consumer, From, Mode, Place, Subscribed, Subscription};
use super::cursor::Cursor;
use super::queue::Message;
use super::refusal::Refusal;
use super::shelf::Shelf;
use super::{ConsumerId, Engine, QueueId};

/// A message for a consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The queue that it is from.
    pub queue: QueueId,
    /// Its number there.
    pub offset: u64,
    /// The message. Its octets are shared with the queue, not copied.
    pub message: Message,
    /// The how manieth time it is handed out: above 1 it is redelivered. A crash forgets this count.
    pub deliveries: u32,
}

impl Engine {
    /// Makes a consumer.
    ///
    /// # Errors
    /// When the queue does not exist, for a position in a work queue, and at the limit of consumers.
    pub fn subscribe(&mut self, queue: QueueId, wanted: Subscription) -> Result<Subscribed, Refusal> {
        let Some(q) = self.queues.get_mut(queue.0) else { return Err(Refusal::NoQueue) };
        let limit = self.limits.consumers;
        if self.consumers.len() >= limit as usize {
            return Err(Refusal::TooManyConsumers { limit });
        }
        let oldest = q.oldest_ready().map_or(q.next, |(offset, _)| offset);
        let (start, asked) = match wanted.from {
            From::New if q.is_topic() => (q.next, None),
            From::New => (oldest, None),
            _ if !q.is_topic() => return Err(Refusal::NoOffsets),
            From::Start => (oldest, None),
            From::Offset(offset) => (offset.clamp(oldest, q.next), Some(offset)),
        };
        let most = self.limits.prefetch;
        let prefetch = if wanted.prefetch == 0 { most } else { wanted.prefetch.min(most) };
        let consumer = ConsumerId(self.consumers.insert(Consumer {
            queue,
            mode: wanted.mode,
            prefetch,
            unacked: Shelf::new(),
            cursor: Cursor { fresh: start, ..Cursor::default() },
            place: Place::Away,
            paused: false,
            delivered: 0,
            missed: 0,
        }));
        q.consumers.push(consumer);
        self.come_back(consumer);
        Ok(Subscribed { consumer, prefetch, start, asked })
    }

    /// A consumer for whom there may be a message, each in its turn. Its driver then calls [`Engine::next`], or
    /// [`Engine::pause`]: until then the message is kept for it. `None` when nobody can be given anything.
    #[inline]
    pub fn take_ready(&mut self) -> Option<ConsumerId> {
        while let Some(id) = self.ready.pop_front() {
            let Some(consumer) = self.consumers.get_mut(id.0) else { continue };
            consumer.place = Place::Coming;
            if !consumer.paused {
                return Some(id);
            }
            self.step_back(id);
        }
        None
    }

    /// The next message for a consumer; `None` if there is none, or its credit is used up. One that wants messages at
    /// most once is not given this one again, whatever becomes of it.
    ///
    /// The driver may ask at any time, but only who asks after [`Engine::take_ready`] waits for its turn.
    #[inline]
    pub fn next(&mut self, consumer: ConsumerId, tell: Tell<'_>) -> Option<Delivery> {
        let delivery = self.hand_out(consumer, tell);
        self.step_back(consumer);
        delivery
    }

    #[inline]
    fn hand_out(&mut self, consumer: ConsumerId, tell: Tell<'_>) -> Option<Delivery> {
        let c = self.consumers.get_mut(consumer.0)?;
        let q = self.queues.get_mut(c.queue.0)?;
        if !c.has_credit() {
            return None;
        }
        let topic = q.is_topic();
        let cursor = if topic { &mut c.cursor } else { &mut q.cursor };
        let mut missed = 0;
        let next = cursor.take(&q.held, &mut missed);
        if topic {
            c.missed += missed;
        }
        let next = next?;
        let (queue, offset) = (c.queue, next.offset);
        let message = if c.mode == Mode::AtMostOnce && !topic {
            let held = q.forget(offset)?;
            self.load.sub(held.message.size());
            tell(Change::Settled { queue, first: offset, last: offset, end: End::HandedOut });
            held.message
        } else {
            q.held.get(offset)?.message.clone()
        };
        if c.mode == Mode::AtLeastOnce {
            c.unacked.insert(offset, next.deliveries);
            if !topic {
                q.in_hand.add(message.size());
            }
        }
        c.delivered += 1;
        q.counts.delivered += 1;
        q.counts.redelivered += u64::from(next.deliveries > 1);
        Some(Delivery { queue, offset, message, deliveries: next.deliveries })
    }

    /// There is no room for this consumer's messages: it is passed over until [`Engine::resume`].
    pub fn pause(&mut self, consumer: ConsumerId) {
        if let Some(c) = self.consumers.get_mut(consumer.0) {
            c.paused = true;
            self.step_back(consumer);
        }
    }

    /// There is room again.
    pub fn resume(&mut self, consumer: ConsumerId) {
        if let Some(c) = self.consumers.get_mut(consumer.0) {
            c.paused = false;
            self.come_back(consumer);
        }
    }

    /// A consumer has had its turn.
    #[inline]
    fn step_back(&mut self, consumer: ConsumerId) {
        let Some(c) = self.consumers.get_mut(consumer.0).filter(|c| c.place == Place::Coming) else { return };
        c.place = Place::Away;
        if let Some(q) = self.queues.get_mut(c.queue.0) {
            q.called -= 1;
        }
        self.come_back(consumer);
    }

    /// A consumer that may have messages, and was in no list, goes to the end of one.
    #[inline]
    pub(super) fn come_back(&mut self, consumer: ConsumerId) {
        let Some(c) = self.consumers.get_mut(consumer.0) else { return };
        let Some(q) = self.queues.get_mut(c.queue.0) else { return };
        let able = !c.paused && c.has_credit();
        if !q.is_topic() {
            if able && c.place == Place::Away {
                c.place = Place::Idle;
                q.idle.push_back(consumer);
            }
            let queue = c.queue;
            return self.call(queue);
        }
        let waits = able && c.cursor.may_have(&q.held);
        match c.place {
            // It had read all, and has handed something back.
            Place::Idle if waits => q.idle.retain(|other| *other != consumer),
            Place::Away if waits => {}
            Place::Away if able => {
                c.place = Place::Idle;
                return q.idle.push_back(consumer);
            }
            _ => return,
        }
        c.place = Place::Called;
        q.called += 1;
        self.ready.push_back(consumer);
    }

    /// There are messages: calls idle consumers, of a work queue as many as there are messages, of a topic all.
    #[inline]
    pub(super) fn call(&mut self, queue: QueueId) {
        let Some(q) = self.queues.get_mut(queue.0) else { return };
        let topic = q.is_topic();
        while topic || q.called < q.ready().messages {
            let Some(id) = q.idle.pop_front() else { break };
            let Some(c) = self.consumers.get_mut(id.0) else { continue };
            if c.paused || !c.has_credit() {
                c.place = Place::Away;
            } else {
                c.place = Place::Called;
                q.called += 1;
                self.ready.push_back(id);
            }
        }
    }
}
