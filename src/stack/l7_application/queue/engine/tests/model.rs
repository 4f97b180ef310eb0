//! What the engine should do, said as plainly as can be: lists that are searched from the front, every time.

use super::*;

/// Offsets in somebody's hand, and how often each was delivered.
type Hand = Vec<(u64, u32)>;

pub(super) struct Model {
    pub(super) limits: Limits,
    pub(super) queues: Vec<ModelQueue>,
    pub(super) consumers: Vec<ModelConsumer>,
}

pub(super) struct ModelQueue {
    pub(super) id: QueueId,
    pub(super) name: Box<str>,
    pub(super) settings: Settings,
    pub(super) next: u64,
    /// In the order of offsets.
    pub(super) messages: Vec<ModelMessage>,
    /// All ids that ever were stored here.
    pub(super) ids: Vec<(u64, Bytes)>,
    pub(super) counts: Counts,
}

pub(super) struct ModelMessage {
    pub(super) offset: u64,
    pub(super) time: Time,
    pub(super) message: Message,
    /// Of a work queue.
    pub(super) deliveries: u32,
    pub(super) in_hand: bool,
}

pub(super) struct ModelConsumer {
    pub(super) id: ConsumerId,
    pub(super) queue: QueueId,
    pub(super) wanted: Subscription,
    pub(super) prefetch: u32,
    pub(super) hand: Hand,
    /// Of a topic: the next offset, and what this consumer handed back.
    pub(super) fresh: u64,
    pub(super) returned: Hand,
    pub(super) paused: bool,
    pub(super) delivered: u64,
    pub(super) missed: u64,
}

impl ModelQueue {
    pub(super) fn is_topic(&self) -> bool {
        self.settings.kind == Kind::Topic
    }

    pub(super) fn bytes(&self) -> u64 {
        self.messages.iter().map(|m| m.message.size()).sum()
    }

    fn in_hand(&self) -> impl Iterator<Item = &ModelMessage> {
        self.messages.iter().filter(|m| m.in_hand)
    }

    pub(super) fn position(&self, offset: u64) -> Option<usize> {
        self.messages.iter().position(|m| m.offset == offset)
    }

    /// The ids that count, latest first.
    pub(super) fn window(&self) -> impl Iterator<Item = &(u64, Bytes)> {
        self.ids.iter().rev().take(self.settings.window as usize)
    }

    fn or(own: u64, all: u64) -> u64 {
        if own == 0 { all } else { own }
    }
}

impl ModelConsumer {
    pub(super) fn has_credit(&self) -> bool {
        self.wanted.mode == Mode::AtMostOnce || self.hand.len() < self.prefetch as usize
    }
}

impl Model {
    pub(super) fn at(&self, queue: QueueId) -> Option<usize> {
        self.queues.iter().position(|q| q.id == queue)
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.queues.iter().position(|q| &*q.name == name)
    }

    pub(super) fn who(&self, consumer: ConsumerId) -> Option<usize> {
        self.consumers.iter().position(|c| c.id == consumer)
    }

    /// Whether a queue may be declared; `Some` queue if it is there.
    pub(super) fn declare(&self, name: &str, settings: &Settings) -> Result<Option<QueueId>, Refusal> {
        if let Some(at) = self.named(name) {
            let q = &self.queues[at];
            return if q.settings == *settings {
                Ok(Some(q.id))
            } else {
                Err(Refusal::Differs { name: name.into() })
            };
        }
        match &settings.dead_letter {
            None if settings.policy == Policy::DeadLetter => return Err(Refusal::DeadLetterUnnamed),
            None => {}
            Some(first) => {
                let mut at = Some(first.clone());
                while let Some(here) = at {
                    if &*here == name {
                        return Err(Refusal::DeadLetterCircle { name: first.clone() });
                    }
                    at = self.named(&here).and_then(|q| self.queues[q].settings.dead_letter.clone());
                }
                if self.named(first).is_none() {
                    return Err(Refusal::NoDeadLetter { name: first.clone() });
                }
            }
        }
        if self.queues.len() == self.limits.queues as usize {
            return Err(Refusal::TooManyQueues { limit: self.limits.queues });
        }
        let asked = settings.window;
        let left = self.limits.ids - self.queues.iter().map(|q| u64::from(q.settings.window)).sum::<u64>();
        if u64::from(asked) > left { Err(Refusal::WindowTooLarge { asked, left }) } else { Ok(None) }
    }

    pub(super) fn delete(&mut self, queue: QueueId) -> Result<Vec<ConsumerId>, Refusal> {
        let at = self.at(queue).ok_or(Refusal::NoQueue)?;
        self.queues.remove(at);
        let (gone, rest) = std::mem::take(&mut self.consumers).into_iter().partition(|c| c.queue == queue);
        self.consumers = rest;
        let gone: Vec<ModelConsumer> = gone;
        Ok(gone.into_iter().map(|c| c.id).collect())
    }

    pub(super) fn purge(&mut self, queue: QueueId) -> Result<u64, Refusal> {
        let at = self.at(queue).ok_or(Refusal::NoQueue)?;
        let q = &mut self.queues[at];
        let before = q.messages.len();
        q.messages.retain(|m| m.in_hand);
        let purged = (before - q.messages.len()) as u64;
        q.counts.purged += purged;
        Ok(purged)
    }

    pub(super) fn publish(
        &mut self,
        now: Time,
        queue: QueueId,
        message: Message,
    ) -> Result<Published, Refusal> {
        let at = self.at(queue).ok_or(Refusal::NoQueue)?;
        let q = &mut self.queues[at];
        let known = q.window().find(|(_, id)| !message.id.is_empty() && *id == message.id);
        if let Some(&(offset, _)) = known {
            q.counts.duplicates += 1;
            return Ok(Published { offset, duplicate: true });
        }
        let stored = self.store(now, at, message);
        self.queues[at].counts.refused += u64::from(stored.is_err());
        stored.map(|offset| Published { offset, duplicate: false })
    }

    fn fits(&self, at: usize, size: u64) -> (bool, bool) {
        let q = &self.queues[at];
        let own = ModelQueue::or(q.settings.max_messages, self.limits.messages) > q.messages.len() as u64
            && ModelQueue::or(q.settings.max_bytes, self.limits.bytes) >= q.bytes() + size;
        let messages: usize = self.queues.iter().map(|q| q.messages.len()).sum();
        let bytes: u64 = self.queues.iter().map(ModelQueue::bytes).sum();
        (own, messages < self.limits.messages as usize && bytes + size <= self.limits.bytes)
    }

    fn store(&mut self, now: Time, at: usize, message: Message) -> Result<u64, Refusal> {
        if message.id.len() > MAX_ID {
            return Err(Refusal::IdTooLong { len: message.id.len() });
        }
        let (len, limits) = (message.size(), self.limits);
        let max_bytes = ModelQueue::or(self.queues[at].settings.max_bytes, limits.bytes);
        let limit = limits.message.min(max_bytes).min(limits.bytes);
        if len > limit {
            return Err(Refusal::TooLarge { len, limit });
        }
        if self.fits(at, len) != (true, true) {
            if self.queues[at].settings.policy == Policy::Reject {
                return Err(if self.fits(at, len).0 { Refusal::EngineFull } else { Refusal::QueueFull });
            }
            // What would be left if all that may go were gone?
            let q = &self.queues[at];
            let (messages, bytes) =
                (q.in_hand().count() as u64, q.in_hand().map(|m| m.message.size()).sum::<u64>());
            if messages >= ModelQueue::or(q.settings.max_messages, limits.messages) || bytes + len > max_bytes
            {
                return Err(Refusal::QueueInHand);
            }
            // Only what is lost makes room in the whole: a dead letter is held elsewhere.
            let others = self.queues.iter().enumerate().filter(|(other, _)| *other != at);
            let (others, other_bytes) =
                others.fold((0, 0), |(n, b), (_, q)| (n + q.messages.len() as u64, b + q.bytes()));
            let helps = messages + others < limits.messages && bytes + other_bytes + len <= limits.bytes;
            let drops = q.settings.policy == Policy::DropOldest;
            if !(if drops { helps } else { self.fits(at, len).1 }) {
                return Err(Refusal::EngineFull);
            }
        }
        while self.fits(at, len) != (true, true) {
            let oldest = self.queues[at].messages.iter().position(|m| !m.in_hand).unwrap();
            self.bury(now, at, oldest, Cause::Full);
        }
        let q = &mut self.queues[at];
        let offset = q.next;
        q.next += 1;
        q.counts.published += 1;
        if !message.id.is_empty() {
            q.ids.push((offset, message.id.clone()));
        }
        q.messages.push(ModelMessage { offset, time: now, message, deliveries: 0, in_hand: false });
        Ok(offset)
    }

    fn bury(&mut self, now: Time, at: usize, position: usize, cause: Cause) {
        let message = self.queues[at].messages.remove(position).message;
        let lost = cause == Cause::Full && self.queues[at].settings.policy != Policy::DeadLetter;
        if lost || !self.dead_letter(now, at, message) {
            self.queues[at].counts.lost += 1;
        }
    }

    fn dead_letter(&mut self, now: Time, at: usize, message: Message) -> bool {
        let target = self.queues[at].settings.dead_letter.as_deref().and_then(|name| self.named(name));
        let moved = target.is_some_and(|to| self.store(now, to, message).is_ok());
        self.queues[at].counts.dead_lettered += u64::from(moved);
        moved
    }

    /// Where a new consumer starts, and what it asked for.
    pub(super) fn start(
        &self,
        queue: QueueId,
        wanted: Subscription,
    ) -> Result<(u32, u64, Option<u64>), Refusal> {
        let q = &self.queues[self.at(queue).ok_or(Refusal::NoQueue)?];
        let limit = self.limits.consumers;
        if self.consumers.len() == limit as usize {
            return Err(Refusal::TooManyConsumers { limit });
        }
        let oldest = q.messages.iter().find(|m| !m.in_hand).map_or(q.next, |m| m.offset);
        let (start, asked) = match (q.settings.kind, wanted.from) {
            (Kind::Work, From::New) | (Kind::Topic, From::Start) => (oldest, None),
            (Kind::Work, _) => return Err(Refusal::NoOffsets),
            (Kind::Topic, From::New) => (q.next, None),
            (Kind::Topic, From::Offset(n)) if n < oldest => (oldest, Some(n)),
            (Kind::Topic, From::Offset(n)) if n > q.next => (q.next, Some(n)),
            (Kind::Topic, From::Offset(n)) => (n, Some(n)),
        };
        let most = self.limits.prefetch;
        Ok((if wanted.prefetch == 0 { most } else { wanted.prefetch.min(most) }, start, asked))
    }

    /// What a consumer would get next: the offset, and how often it was delivered before.
    pub(super) fn peek(&self, consumer: ConsumerId) -> Option<(u64, u32)> {
        let c = &self.consumers[self.who(consumer)?];
        let q = &self.queues[self.at(c.queue)?];
        if !c.has_credit() {
            return None;
        }
        if !q.is_topic() {
            return q.messages.iter().find(|m| !m.in_hand).map(|m| (m.offset, m.deliveries));
        }
        let returned = c.returned.iter().filter(|(offset, _)| q.position(*offset).is_some()).min().copied();
        returned.or_else(|| q.messages.iter().find(|m| m.offset >= c.fresh).map(|m| (m.offset, 0)))
    }

    pub(super) fn next(&mut self, consumer: ConsumerId) -> Option<Delivery> {
        let who = self.who(consumer)?;
        let at = self.at(self.consumers[who].queue)?;
        let peeked = self.peek(consumer);
        let (q, c) = (&mut self.queues[at], &mut self.consumers[who]);
        if q.is_topic() && c.has_credit() {
            // What was handed back, is due before the message that comes now, and is gone.
            let due = |offset: u64| peeked.is_none_or(|(next, before)| before == 0 || offset < next);
            let gone = |offset: u64| q.position(offset).is_none();
            let before = c.returned.len();
            c.returned.retain(|(offset, _)| !(gone(*offset) && due(*offset)));
            c.missed += (before - c.returned.len()) as u64;
        }
        let (offset, before) = peeked?;
        let position = q.position(offset).unwrap();
        if q.is_topic() {
            c.returned.retain(|(other, _)| *other != offset);
            if before == 0 {
                c.missed += offset - c.fresh;
                c.fresh = offset + 1;
            }
        }
        let m = &mut q.messages[position];
        let message = m.message.clone();
        match c.wanted.mode {
            Mode::AtLeastOnce => {
                c.hand.push((offset, before + 1));
                m.in_hand = q.settings.kind == Kind::Work;
            }
            Mode::AtMostOnce if q.settings.kind == Kind::Work => drop(q.messages.remove(position)),
            Mode::AtMostOnce => {}
        }
        c.delivered += 1;
        q.counts.delivered += 1;
        q.counts.redelivered += u64::from(before > 0);
        Some(Delivery { queue: q.id, offset, message, deliveries: before + 1 })
    }

    /// Takes messages out of a consumer's hand, in the order of offsets.
    fn unhand(&mut self, consumer: ConsumerId, span: Span) -> Result<(usize, usize, Hand), Refusal> {
        let who = self.who(consumer).ok_or(Refusal::NoConsumer)?;
        let at = self.at(self.consumers[who].queue).ok_or(Refusal::NoConsumer)?;
        let (meant, refusal): (Box<dyn Fn(u64) -> bool>, _) = match span {
            Span::One(n) => (Box::new(move |o| o == n), Refusal::NotUnacked { offset: n, up_to: false }),
            Span::UpTo(n) => (Box::new(move |o| o <= n), Refusal::NotUnacked { offset: n, up_to: true }),
        };
        let c = &mut self.consumers[who];
        let mut taken: Hand = c.hand.iter().copied().filter(|(offset, _)| meant(*offset)).collect();
        c.hand.retain(|(offset, _)| !meant(*offset));
        taken.sort();
        if taken.is_empty() { Err(refusal) } else { Ok((who, at, taken)) }
    }

    pub(super) fn ack(&mut self, consumer: ConsumerId, span: Span) -> Result<u64, Refusal> {
        let (_, at, taken) = self.unhand(consumer, span)?;
        let q = &mut self.queues[at];
        if !q.is_topic() {
            q.messages.retain(|m| !taken.iter().any(|(offset, _)| *offset == m.offset));
        }
        q.counts.acked += taken.len() as u64;
        Ok(taken.len() as u64)
    }

    pub(super) fn nack(
        &mut self,
        now: Time,
        consumer: ConsumerId,
        span: Span,
        requeue: bool,
    ) -> Result<u64, Refusal> {
        let (who, at, taken) = self.unhand(consumer, span)?;
        for message in &taken {
            self.give_back(now, Some(who), at, *message, requeue);
        }
        self.queues[at].counts.nacked += taken.len() as u64;
        Ok(taken.len() as u64)
    }

    fn give_back(
        &mut self,
        now: Time,
        who: Option<usize>,
        at: usize,
        (offset, deliveries): (u64, u32),
        requeue: bool,
    ) {
        let q = &mut self.queues[at];
        let most = q.settings.max_deliveries;
        let cause = match requeue {
            false => Some(Cause::Refused),
            true if most > 0 && deliveries >= most => Some(Cause::TooOften),
            true => None,
        };
        let position = q.position(offset);
        match (q.settings.kind, cause, position) {
            (Kind::Work, Some(cause), Some(position)) => self.bury(now, at, position, cause),
            (Kind::Work, None, Some(position)) => {
                q.messages[position].in_hand = false;
                q.messages[position].deliveries = deliveries;
            }
            (Kind::Work, _, None) => panic!("a message in hand is gone"),
            (Kind::Topic, Some(_), Some(position)) => {
                let copy = q.messages[position].message.clone();
                self.dead_letter(now, at, copy);
            }
            (Kind::Topic, Some(_), None) => {}
            (Kind::Topic, None, _) => self.consumers[who.unwrap()].returned.push((offset, deliveries)),
        }
    }

    pub(super) fn leave(&mut self, now: Time, consumer: ConsumerId) -> Result<(), Refusal> {
        let who = self.who(consumer).ok_or(Refusal::NoConsumer)?;
        let mut gone = self.consumers.remove(who);
        let at = self.at(gone.queue).unwrap();
        gone.hand.sort();
        if !self.queues[at].is_topic() {
            gone.hand.into_iter().for_each(|message| self.give_back(now, None, at, message, true));
        }
        Ok(())
    }

    pub(super) fn tick(&mut self, now: Time) {
        // Which queue comes first shows in the order of dead letters: the one whose oldest message is due first.
        let due = |q: &ModelQueue| {
            let oldest = q.messages.iter().find(|m| !m.in_hand)?;
            (!q.settings.max_age.is_zero()).then(|| oldest.time + q.settings.max_age)
        };
        while let Some((time, id)) = self.queues.iter().filter_map(|q| Some((due(q)?, q.id))).min()
            && time <= now
        {
            let at = self.at(id).unwrap();
            while due(&self.queues[at]).is_some_and(|time| time <= now) {
                let oldest = self.queues[at].messages.iter().position(|m| !m.in_hand).unwrap();
                self.bury(now, at, oldest, Cause::Expired);
            }
        }
    }

    /// The server dies and comes back.
    pub(super) fn crash(&mut self) {
        self.consumers.clear();
        for q in &mut self.queues {
            q.counts = Counts::default();
            q.messages.iter_mut().for_each(|m| (m.deliveries, m.in_hand) = (0, false));
        }
    }
}
