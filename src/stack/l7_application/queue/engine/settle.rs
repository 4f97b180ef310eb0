//! What consumers say of the messages that they have in hand: done, or not.

use super::change::{Cause, End, Run, Tell};
use super::consumer::{Consumer, Place};
use super::refusal::Refusal;
use super::{ConsumerId, Engine, QueueId};
use crate::model::Time;

/// Which of the messages that a consumer has in hand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Span {
    /// The one of this offset.
    One(u64),
    /// All up to this offset.
    UpTo(u64),
}

impl Span {
    fn not_unacked(self) -> Refusal {
        match self {
            Span::One(offset) => Refusal::NotUnacked { offset, up_to: false },
            Span::UpTo(offset) => Refusal::NotUnacked { offset, up_to: true },
        }
    }

    /// Takes the next message of the span out of a consumer's hand: its offset, and how often it was delivered.
    #[inline]
    fn take(self, consumer: &mut Consumer) -> Option<(u64, u32)> {
        let offset = match self {
            Span::One(offset) => offset,
            Span::UpTo(last) => consumer.unacked.first().map(|(offset, _)| offset).filter(|o| *o <= last)?,
        };
        consumer.unacked.remove(offset).map(|deliveries| (offset, deliveries))
    }
}

impl Engine {
    /// A consumer is done with messages. Gives how many.
    ///
    /// # Errors
    /// [`Refusal::NotUnacked`] where it has no such message in hand, [`Refusal::NoConsumer`].
    #[inline]
    pub fn ack(&mut self, consumer: ConsumerId, span: Span, tell: Tell<'_>) -> Result<u64, Refusal> {
        let Some(c) = self.consumers.get_mut(consumer.0) else { return Err(Refusal::NoConsumer) };
        let Some(q) = self.queues.get_mut(c.queue.0) else { return Err(Refusal::NoConsumer) };
        let (mut run, mut acked) = (Run::new(c.queue, End::Acked), 0);
        while let Some((offset, _)) = span.take(c) {
            acked += 1;
            if !q.is_topic()
                && let Some(held) = q.forget(offset)
            {
                q.in_hand.sub(held.message.size());
                self.load.sub(held.message.size());
                run.push(offset, tell);
            }
            if matches!(span, Span::One(_)) {
                break;
            }
        }
        run.finish(tell);
        q.counts.acked += acked;
        if acked == 0 {
            return Err(span.not_unacked());
        }
        self.come_back(consumer);
        Ok(acked)
    }

    /// A consumer hands messages back: to be delivered again (`requeue`), before all that was never delivered and in the
    /// order of offsets; or for good. Gives how many. One that was delivered too often goes for good in any case.
    ///
    /// A work queue's message that is handed back for good moves to the dead-letter queue, if there is one. A topic's
    /// stays where it is, and is only not delivered to this consumer again; the dead-letter queue gets a copy.
    ///
    /// # Errors
    /// [`Refusal::NotUnacked`] where it has no such message in hand, [`Refusal::NoConsumer`].
    pub fn nack(
        &mut self,
        now: Time,
        consumer: ConsumerId,
        span: Span,
        requeue: bool,
        tell: Tell<'_>,
    ) -> Result<u64, Refusal> {
        let Some(c) = self.consumers.get_mut(consumer.0) else { return Err(Refusal::NoConsumer) };
        let queue = c.queue;
        let mut nacked = 0;
        while let Some((offset, deliveries)) = self.consumers.get_mut(consumer.0).and_then(|c| span.take(c)) {
            nacked += 1;
            self.give_back(now, (queue, Some(consumer)), (offset, deliveries), requeue, tell);
            if matches!(span, Span::One(_)) {
                break;
            }
        }
        if nacked == 0 {
            return Err(span.not_unacked());
        }
        if let Some(q) = self.queues.get_mut(queue.0) {
            q.counts.nacked += nacked;
        }
        self.come_back(consumer);
        Ok(nacked)
    }

    /// A consumer is no more. What it has in hand of a work queue returns to the head of the queue in the order of
    /// offsets, and counts as delivered. What it has read of a topic nobody remembers: it may come back with
    /// [`From::Offset`](super::From::Offset).
    ///
    /// # Errors
    /// [`Refusal::NoConsumer`].
    pub fn leave(&mut self, now: Time, consumer: ConsumerId, tell: Tell<'_>) -> Result<(), Refusal> {
        let Some(mut gone) = self.consumers.remove(consumer.0) else { return Err(Refusal::NoConsumer) };
        let Some(q) = self.queues.get_mut(gone.queue.0) else { return Err(Refusal::NoConsumer) };
        q.consumers.retain(|other| *other != consumer);
        match gone.place {
            Place::Away => {}
            Place::Idle => q.idle.retain(|other| *other != consumer),
            Place::Called => {
                q.called -= 1;
                self.ready.retain(|other| *other != consumer);
            }
            Place::Coming => q.called -= 1,
        }
        if !q.is_topic() {
            while let Some(message) = Span::UpTo(u64::MAX).take(&mut gone) {
                self.give_back(now, (gone.queue, None), message, true, tell);
            }
            self.call(gone.queue);
        }
        Ok(())
    }

    /// A message comes back that was delivered and not acknowledged.
    fn give_back(
        &mut self,
        now: Time,
        (queue, consumer): (QueueId, Option<ConsumerId>),
        (offset, deliveries): (u64, u32),
        requeue: bool,
        tell: Tell<'_>,
    ) {
        let Some(q) = self.queues.get_mut(queue.0) else { return };
        let most = q.settings.max_deliveries;
        let cause = match requeue {
            false => Some(Cause::Refused),
            true if most != 0 && deliveries >= most => Some(Cause::TooOften),
            true => None,
        };
        let held = q.held.get(offset);
        match (cause, held) {
            (Some(_), Some(held)) if q.is_topic() => {
                let copy = held.message.clone();
                self.dead_letter(now, queue, copy, 0, tell);
            }
            (None, _) if q.is_topic() => {
                if let Some(c) = consumer.and_then(|id| self.consumers.get_mut(id.0)) {
                    c.cursor.returned.insert(offset, deliveries);
                }
            }
            (cause, Some(held)) => {
                q.in_hand.sub(held.message.size());
                match cause {
                    Some(cause) => self.bury(now, queue, offset, cause, 0, tell),
                    None => {
                        q.cursor.returned.insert(offset, deliveries);
                        self.set_alarm(queue);
                    }
                }
            }
            // A bound has dropped it from the topic in the meantime.
            (_, None) => {}
        }
    }
}
