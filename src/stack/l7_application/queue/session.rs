//! The server's side of one connection: what each message of a client asks of the engine, and the answers.
//!
//! A session knows no socket. Its driver hands it messages, takes octets of frames out of `out`, and calls
//! [`Session::confirm`] when the journal is as far as it should be: until then nothing that was published is confirmed.

use super::access::{Access, Right, User};
use super::code::Code;
use super::engine::{
    self, ConsumerId, Delivery, Engine, Mode, QueueId, Refusal, Settings, Span, Subscription,
};
use super::message::{Declare, Message, kind};
use crate::model::Time;
use bytes::Bytes;
use std::time::Duration;

/// Subscriptions of one session, at most.
const SUBSCRIPTIONS: usize = 1024;
/// The longest age of a message that counts, in milliseconds: a hundred years. A journal writes it down in nanoseconds.
const OLDEST_MS: u64 = 100 * 365 * 24 * 3_600_000;
/// How long a delivery over datagrams may go without an ACK before it is made again.
pub const REDELIVER: Duration = Duration::from_secs(1);

/// Why a session is over: the server's last word.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Farewell {
    /// For programs.
    pub code: Code,
    /// For people.
    pub reason: String,
}

impl Farewell {
    /// With these.
    pub fn new(code: Code, reason: impl Into<String>) -> Farewell {
        Farewell { code, reason: reason.into() }
    }

    /// The frame that says so.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Message::Close { code: self.code, reason: &self.reason }.encode(out);
    }
}

#[cfg(test)]
mod tests;

/// What all sessions of a server share, lent to one of them for one message.
pub struct House<'a> {
    /// The queues.
    pub engine: &'a mut Engine,
    /// Who may do what; `None` where anybody may do everything.
    pub access: Option<&'a Access>,
    /// The engine's time.
    pub now: Time,
    /// Hears of changes.
    pub tell: engine::Tell<'a>,
    /// Why nothing new can be kept at the moment: the journal cannot be written. What is done with can still be said.
    pub stopped: Option<&'a str>,
    /// The longest payload that the server takes.
    pub max_payload: u32,
    /// How long it listens to a silent client.
    pub idle: Option<Duration>,
}

/// Something that happened to a subscription which the driver keeps account of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Nothing of the kind.
    Nothing,
    /// A consumer has come: its messages are this session's, under this number.
    Subscribed(ConsumerId, u32),
    /// A consumer is gone.
    Gone(ConsumerId),
    /// This queue is to be ended, with its consumers of any sessions.
    Deleted(QueueId),
    /// The client has said CLOSE.
    Closed,
    /// What the server holds was asked for: of one queue, or of all. The answer is the driver's.
    Inspect(u32, Option<QueueId>),
}

#[derive(Debug)]
struct Subscribed {
    number: u32,
    consumer: ConsumerId,
    start: u64,
}

/// A client as the server sees it.
#[derive(Debug)]
pub struct Session {
    /// Datagrams: anything may come twice or not at all.
    datagrams: bool,
    client: Option<Box<str>>,
    user: Option<User>,
    subscriptions: Vec<Subscribed>,
    /// What was published and not yet confirmed, in ranges.
    unconfirmed: Vec<(u64, u64)>,
    last_seq: u64,
    /// Over datagrams: deliveries that wait for their ACK.
    under_way: Vec<(Time, u32, u64)>,
    /// The queue that was published to last, so that names are looked up once.
    recent: Option<(Box<str>, QueueId)>,
}

impl Session {
    /// Of a client that has said nothing yet.
    pub const fn new(datagrams: bool) -> Session {
        Session {
            datagrams,
            client: None,
            user: None,
            subscriptions: Vec::new(),
            unconfirmed: Vec::new(),
            last_seq: 0,
            under_way: Vec::new(),
            recent: None,
        }
    }

    /// What the client calls itself; `None` before HELLO.
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Who it is, and what it may do; `None` before HELLO.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// Its consumers.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerId> + '_ {
        self.subscriptions.iter().map(|s| s.consumer)
    }

    /// Whether it waits for the journal.
    pub fn is_unconfirmed(&self) -> bool {
        !self.unconfirmed.is_empty()
    }

    /// Takes a message, and appends the answers' frames to `out`.
    ///
    /// # Errors
    /// The session is over, by the client's fault.
    #[inline]
    pub fn hear(
        &mut self,
        message: Message<'_>,
        house: &mut House<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Told, Farewell> {
        if self.client.is_none() && !matches!(message, Message::Hello { .. } | Message::Close { .. }) {
            let reason = "the first frame of a client is HELLO: this is another";
            return Err(Farewell::new(Code::Unexpected, reason));
        }
        match message {
            Message::Publish { seq, queue, id, body } => {
                let refused = self.publish(seq, queue, id, body, house, out)?;
                if let Err((code, reason)) = refused
                    && seq != 0
                {
                    Message::Refused { what: kind::PUBLISH, number: seq, code, reason: &reason }.encode(out);
                }
                Ok(Told::Nothing)
            }
            Message::Ack { subscription, multiple, offset } => {
                let span = if multiple { Span::UpTo(offset) } else { Span::One(offset) };
                let settled = self.consumer(subscription).and_then(|consumer| {
                    house.engine.ack(consumer, span, &mut *house.tell).map(drop).map_err(refusal)
                });
                self.acked(subscription, span);
                self.answer_settling(kind::ACK, offset, settled, out);
                Ok(Told::Nothing)
            }
            Message::Nack { subscription, requeue, offset } => {
                let now = house.now;
                let settled = self.consumer(subscription).and_then(|consumer| {
                    let nacked =
                        house.engine.nack(now, consumer, Span::One(offset), requeue, &mut *house.tell);
                    nacked.map(drop).map_err(refusal)
                });
                self.acked(subscription, Span::One(offset));
                self.answer_settling(kind::NACK, offset, settled, out);
                Ok(Told::Nothing)
            }
            Message::Hello { client, token } => self.hello(client, token, house, out),
            Message::Subscribe { subscription, queue, prefetch, mode, from } => {
                let wanted = Subscription { prefetch, mode, from };
                match self.subscribe(subscription, queue, wanted, house) {
                    Ok((told, value)) => {
                        Message::Done { request: subscription, value }.encode(out);
                        Ok(told)
                    }
                    Err((code, reason)) => {
                        refuse(kind::SUBSCRIBE, subscription, code, &reason, out);
                        Ok(Told::Nothing)
                    }
                }
            }
            Message::Unsubscribe { subscription } => {
                let at = self.subscriptions.iter().position(|s| s.number == subscription);
                let Some(at) = at else {
                    if !self.datagrams {
                        let (code, reason) = no_subscription(subscription);
                        refuse(kind::UNSUBSCRIBE, subscription, code, &reason, out);
                    }
                    return Ok(Told::Nothing);
                };
                let gone = self.subscriptions.swap_remove(at).consumer;
                self.under_way.retain(|(_, number, _)| *number != subscription);
                let _ = house.engine.leave(house.now, gone, &mut *house.tell);
                Ok(Told::Gone(gone))
            }
            Message::Declare(declare) => {
                match self.declare(&declare, house) {
                    Ok(()) => Message::Done { request: declare.request, value: 0 }.encode(out),
                    Err((code, reason)) => refuse(kind::DECLARE, declare.request, code, &reason, out),
                }
                Ok(Told::Nothing)
            }
            Message::Delete { request, queue } => {
                match writable(house).and_then(|()| self.find(queue, Right::Declare, house)) {
                    Ok(id) => {
                        self.recent = None;
                        Message::Done { request, value: 0 }.encode(out);
                        return Ok(Told::Deleted(id));
                    }
                    Err((code, reason)) => refuse(kind::DELETE, request, code, &reason, out),
                }
                Ok(Told::Nothing)
            }
            Message::Purge { request, queue } => {
                let purged = self
                    .find(queue, Right::Declare, house)
                    .and_then(|id| house.engine.purge(id, &mut *house.tell).map_err(refusal));
                match purged {
                    Ok(value) => Message::Done { request, value }.encode(out),
                    Err((code, reason)) => refuse(kind::PURGE, request, code, &reason, out),
                }
                Ok(Told::Nothing)
            }
            Message::Inspect { request, queue: "" } => Ok(Told::Inspect(request, None)),
            Message::Inspect { request, queue } => match self.find(queue, Right::Consume, house) {
                Ok(id) => Ok(Told::Inspect(request, Some(id))),
                Err((code, reason)) => {
                    refuse(kind::INSPECT, request, code, &reason, out);
                    Ok(Told::Nothing)
                }
            },
            Message::Ping { token } => {
                Message::Pong { token }.encode(out);
                Ok(Told::Nothing)
            }
            Message::Pong { .. } => Ok(Told::Nothing),
            Message::Close { .. } => Ok(Told::Closed),
            Message::Welcome { .. }
            | Message::Done { .. }
            | Message::Confirm { .. }
            | Message::Refused { .. }
            | Message::Deliver { .. }
            | Message::Report { .. }
            | Message::Duplicate { .. } => {
                Err(Farewell::new(Code::Unexpected, "only a server sends frames of this type"))
            }
        }
    }

    fn hello(
        &mut self,
        client: &str,
        token: &str,
        house: &House<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Told, Farewell> {
        if self.client.is_some() && !self.datagrams {
            return Err(Farewell::new(Code::Unexpected, "a second HELLO on one connection"));
        }
        self.user = Some(match house.access {
            None => User::anybody(),
            Some(access) => access.user(token.as_bytes()).cloned().ok_or_else(|| {
                Farewell::new(
                    Code::Unauthenticated,
                    "this token is nobody's: ask the server's operator for one",
                )
            })?,
        });
        self.client = Some(client.into());
        let idle_ms = house.idle.map_or(0, |idle| u32::try_from(idle.as_millis()).unwrap_or(u32::MAX));
        Message::Welcome { server: "layerlab", max_payload: house.max_payload, idle_ms }.encode(out);
        Ok(Told::Nothing)
    }

    #[inline]
    fn publish(
        &mut self,
        seq: u64,
        queue: &str,
        id: &[u8],
        body: &[u8],
        house: &mut House<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Result<(), Refused>, Farewell> {
        if seq != 0 && !self.datagrams {
            if seq <= self.last_seq {
                let reason = format!("PUBLISH {seq} came after {}: the numbers must grow", self.last_seq);
                return Err(Farewell::new(Code::Unexpected, reason));
            }
            self.last_seq = seq;
        }
        let found = match &self.recent {
            Some((name, id)) if **name == *queue && house.engine.describe(*id).is_some() => *id,
            _ => match self.find(queue, Right::Publish, house) {
                Ok(id) => {
                    self.recent = Some((queue.into(), id));
                    id
                }
                Err(refused) => return Ok(Err(refused)),
            },
        };
        if let Err(refused) = writable(house) {
            return Ok(Err(refused));
        }
        let message = engine::Message { id: Bytes::copy_from_slice(id), body: Bytes::copy_from_slice(body) };
        match house.engine.publish(house.now, found, message, &mut *house.tell) {
            Ok(published) => {
                if seq != 0 {
                    if published.duplicate {
                        Message::Duplicate { seq, offset: published.offset }.encode(out);
                    }
                    match self.unconfirmed.last_mut() {
                        Some((_, last)) if last.checked_add(1) == Some(seq) => *last = seq,
                        _ => self.unconfirmed.push((seq, seq)),
                    }
                }
                Ok(Ok(()))
            }
            Err(refused) => Ok(Err(refusal(refused))),
        }
    }

    fn subscribe(
        &mut self,
        number: u32,
        queue: &str,
        wanted: Subscription,
        house: &mut House<'_>,
    ) -> Result<(Told, u64), Refused> {
        if let Some(known) = self.subscriptions.iter().find(|s| s.number == number) {
            if self.datagrams {
                return Ok((Told::Nothing, known.start));
            }
            return Err((
                Code::BadSubscription,
                format!("subscription {number} is in use: choose another number"),
            ));
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS {
            return Err((
                Code::Limit,
                format!("{SUBSCRIPTIONS} subscriptions are as many as a client may have"),
            ));
        }
        let id = self.find(queue, Right::Consume, house)?;
        let made = house.engine.subscribe(id, wanted).map_err(refusal)?;
        self.subscriptions.push(Subscribed { number, consumer: made.consumer, start: made.start });
        Ok((Told::Subscribed(made.consumer, number), made.start))
    }

    fn declare(&mut self, d: &Declare<'_>, house: &mut House<'_>) -> Result<(), Refused> {
        // One that stands is found all the same: who consumes may make room.
        if house.engine.queue(d.queue).is_none() {
            writable(house)?;
        }
        self.allow(Right::Declare, d.queue)?;
        if !d.dead_letter.is_empty() {
            self.allow(Right::Publish, d.dead_letter)?;
        }
        let settings = Settings {
            kind: d.kind,
            max_messages: d.max_messages,
            max_bytes: d.max_bytes,
            max_age: Duration::from_millis(d.max_age_ms.min(OLDEST_MS)),
            max_deliveries: d.max_deliveries,
            policy: d.policy,
            dead_letter: (!d.dead_letter.is_empty()).then(|| d.dead_letter.into()),
            window: d.window,
        };
        house.engine.declare(d.queue, settings, &mut *house.tell).map(drop).map_err(refusal)
    }

    fn allow(&self, right: Right, queue: &str) -> Result<(), Refused> {
        match &self.user {
            Some(user) if user.may(right, queue) => Ok(()),
            user => {
                let name = user.as_ref().map_or("nobody", User::name);
                Err((Code::Forbidden, format!("{name} has no right to {} {queue:?}", right.name())))
            }
        }
    }

    fn find(&self, queue: &str, right: Right, house: &House<'_>) -> Result<QueueId, Refused> {
        self.allow(right, queue)?;
        house
            .engine
            .queue(queue)
            .ok_or_else(|| (Code::NoQueue, format!("there is no queue {queue:?}: declare it first")))
    }

    fn consumer(&self, subscription: u32) -> Result<ConsumerId, Refused> {
        let found = self.subscriptions.iter().find(|s| s.number == subscription);
        found.map(|s| s.consumer).ok_or_else(|| no_subscription(subscription))
    }

    fn answer_settling(&self, what: u8, offset: u64, settled: Result<(), Refused>, out: &mut Vec<u8>) {
        if let Err((code, reason)) = settled
            && !self.datagrams
        {
            Message::Refused { what, number: offset, code, reason: &reason }.encode(out);
        }
    }

    /// Appends a delivery.
    #[inline]
    pub fn deliver(
        &mut self,
        now: Time,
        subscription: u32,
        mode: Mode,
        delivery: &Delivery,
        out: &mut Vec<u8>,
    ) {
        let Delivery { offset, deliveries, message, .. } = delivery;
        if self.datagrams && mode == Mode::AtLeastOnce {
            self.under_way.push((now + REDELIVER, subscription, *offset));
        }
        Message::Deliver {
            subscription,
            offset: *offset,
            deliveries: *deliveries,
            id: &message.id,
            body: &message.body,
        }
        .encode(out);
    }

    fn acked(&mut self, subscription: u32, span: Span) {
        if !self.datagrams {
            return;
        }
        self.under_way.retain(|(_, number, offset)| {
            let meant = match span {
                Span::One(one) => *offset == one,
                Span::UpTo(last) => *offset <= last,
            };
            !(meant && *number == subscription)
        });
    }

    /// When [`Session::tick`] wants to be called.
    pub fn deadline(&self) -> Option<Time> {
        self.under_way.iter().map(|(due, ..)| *due).min()
    }

    /// Over datagrams: what was not acknowledged in time goes back to the queue, and will be handed out again.
    pub fn tick(&mut self, house: &mut House<'_>) {
        let now = house.now;
        let (due, rest) = std::mem::take(&mut self.under_way).into_iter().partition(|(due, ..)| *due <= now);
        self.under_way = rest;
        let due: Vec<(Time, u32, u64)> = due;
        for (_, subscription, offset) in due {
            if let Ok(consumer) = self.consumer(subscription) {
                let _ = house.engine.nack(now, consumer, Span::One(offset), true, &mut *house.tell);
            }
        }
    }

    /// The journal is as far as it should be: everything published up to now is confirmed.
    pub fn confirm(&mut self, out: &mut Vec<u8>) {
        for (first, last) in self.unconfirmed.drain(..) {
            Message::Confirm { first, last }.encode(out);
        }
    }

    /// A queue of this session's is gone: its subscription is refused after all.
    pub fn forget(&mut self, consumer: ConsumerId, out: &mut Vec<u8>) {
        let Some(at) = self.subscriptions.iter().position(|s| s.consumer == consumer) else { return };
        let gone = self.subscriptions.swap_remove(at);
        self.under_way.retain(|(_, number, _)| *number != gone.number);
        refuse(kind::SUBSCRIBE, gone.number, Code::NoQueue, "the queue was deleted", out);
    }

    /// The connection is over: what its consumers had in hand goes back. Gives the consumers.
    pub fn leave(&mut self, house: &mut House<'_>) -> Vec<ConsumerId> {
        let gone: Vec<ConsumerId> = self.subscriptions.drain(..).map(|s| s.consumer).collect();
        for consumer in &gone {
            let _ = house.engine.leave(house.now, *consumer, &mut *house.tell);
        }
        gone
    }
}

type Refused = (Code, String);

/// What the journal cannot hold would only gather in memory.
fn writable(house: &House<'_>) -> Result<(), Refused> {
    house.stopped.map_or(Ok(()), |why| Err((Code::Storage, why.to_owned())))
}

fn refuse(what: u8, number: u32, code: Code, reason: &str, out: &mut Vec<u8>) {
    Message::Refused { what, number: number.into(), code, reason }.encode(out);
}

fn no_subscription(number: u32) -> Refused {
    (Code::BadSubscription, format!("there is no subscription {number} on this connection"))
}

/// The engine's refusal as the wire has it.
fn refusal(refusal: Refusal) -> Refused {
    let code = match &refusal {
        Refusal::Name(_)
        | Refusal::NoDeadLetter { .. }
        | Refusal::DeadLetterUnnamed
        | Refusal::DeadLetterCircle { .. }
        | Refusal::IdTooLong { .. } => Code::BadValue,
        Refusal::Differs { .. } => Code::Differs,
        Refusal::NoQueue => Code::NoQueue,
        Refusal::NoConsumer => Code::BadSubscription,
        Refusal::TooLarge { .. } => Code::TooLarge,
        Refusal::QueueFull | Refusal::QueueInHand => Code::Full,
        Refusal::EngineFull
        | Refusal::OffsetsSpent
        | Refusal::TooManyQueues { .. }
        | Refusal::TooManyConsumers { .. }
        | Refusal::WindowTooLarge { .. } => Code::Limit,
        Refusal::NoOffsets => Code::NotHere,
        Refusal::NotUnacked { .. } => Code::NotUnacked,
    };
    (code, refusal.to_string())
}
