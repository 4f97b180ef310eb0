//! What the two ends of a queue say to each other, and the payloads that carry it (docs/protocols/queue.md).
//!
//! A client's types have the highest bit clear, a server's have it set. Integers are big-endian; a *name* is one octet
//! of length and as many octets; what is called a body, reason or report is the rest of the payload. A payload is
//! exactly its fields: an octet too few or too many is a fault.

use super::code::Code;
pub use super::engine::{From, Kind, Mode, Policy};
use super::fields::{Fields, put_name};
use crate::stack::l7_application::framing;

/// The types.
pub mod kind {
    #![allow(missing_docs)]
    pub const HELLO: u8 = 0x01;
    pub const DECLARE: u8 = 0x02;
    pub const PUBLISH: u8 = 0x03;
    pub const SUBSCRIBE: u8 = 0x04;
    pub const ACK: u8 = 0x05;
    pub const NACK: u8 = 0x06;
    pub const UNSUBSCRIBE: u8 = 0x07;
    pub const INSPECT: u8 = 0x08;
    pub const DELETE: u8 = 0x09;
    pub const PURGE: u8 = 0x0a;
    pub const PING: u8 = 0x40;
    pub const PONG: u8 = 0x41;
    pub const CLOSE: u8 = 0x42;
    pub const WELCOME: u8 = 0x81;
    pub const DONE: u8 = 0x82;
    pub const CONFIRM: u8 = 0x83;
    pub const REFUSED: u8 = 0x84;
    pub const DELIVER: u8 = 0x85;
    pub const REPORT: u8 = 0x86;
    pub const DUPLICATE: u8 = 0x87;
}

/// A queue's declaration. Zero stands for "no bound of its own".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Declare<'a> {
    /// Chosen by the client; the answer repeats it.
    pub request: u32,
    /// The queue.
    pub queue: &'a str,
    /// What it is.
    pub kind: Kind,
    /// What happens when it is full.
    pub policy: Policy,
    /// Messages that it holds.
    pub max_messages: u64,
    /// Octets of bodies that it holds.
    pub max_bytes: u64,
    /// Milliseconds after which a message is too old.
    pub max_age_ms: u64,
    /// Times that a message is handed out.
    pub max_deliveries: u32,
    /// Ids that are remembered.
    pub window: u32,
    /// Where dead letters go; empty for nowhere.
    pub dead_letter: &'a str,
}

/// A message of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message<'a> {
    /// The client's first frame.
    Hello {
        /// Who it says it is, for people to read.
        client: &'a str,
        /// The proof that it may; empty where nobody asks.
        token: &'a str,
    },
    /// Makes a queue, or finds it as described.
    Declare(Declare<'a>),
    /// A message for a queue.
    Publish {
        /// Its number in this connection, counted from 1; 0: do not confirm it.
        seq: u64,
        /// The queue.
        queue: &'a str,
        /// What the publisher calls it; empty for nothing. A second one with an id that the queue remembers is not stored.
        id: &'a [u8],
        /// The message itself.
        body: &'a [u8],
    },
    /// Asks for a queue's messages.
    Subscribe {
        /// Chosen by the client, its own for each subscription of the connection.
        subscription: u32,
        /// The queue.
        queue: &'a str,
        /// Unacknowledged messages at a time; 0: as many as the server allows.
        prefetch: u32,
        /// How often each is handed out.
        mode: Mode,
        /// Where to begin.
        from: From,
    },
    /// A delivered message is done with.
    Ack {
        /// The subscription that it came by.
        subscription: u32,
        /// And all that came before it.
        multiple: bool,
        /// The message.
        offset: u64,
    },
    /// A delivered message was not done.
    Nack {
        /// The subscription that it came by.
        subscription: u32,
        /// Hand it out again; else it is a dead letter.
        requeue: bool,
        /// The message.
        offset: u64,
    },
    /// No more messages, please; what was not acknowledged goes back.
    Unsubscribe {
        /// Which.
        subscription: u32,
    },
    /// Asks what the server holds.
    Inspect {
        /// Chosen by the client; the answer repeats it.
        request: u32,
        /// One queue; empty for all.
        queue: &'a str,
    },
    /// Ends a queue with all that it holds.
    Delete {
        /// Chosen by the client.
        request: u32,
        /// The queue.
        queue: &'a str,
    },
    /// Drops what waits in a queue.
    Purge {
        /// Chosen by the client.
        request: u32,
        /// The queue.
        queue: &'a str,
    },
    /// "Are you there?", from either side.
    Ping {
        /// The answer repeats it.
        token: u64,
    },
    /// The answer.
    Pong {
        /// As it was asked.
        token: u64,
    },
    /// The last frame of who sends it.
    Close {
        /// Why.
        code: Code,
        /// The same for people to read.
        reason: &'a str,
    },
    /// The server's first frame.
    Welcome {
        /// What it is, for people to read.
        server: &'a str,
        /// The longest payload that it takes.
        max_payload: u32,
        /// It ends connections of which it heard nothing for so many milliseconds; 0: never.
        idle_ms: u32,
    },
    /// A declaration, subscription, deletion or purge has been done.
    Done {
        /// The request or subscription.
        request: u32,
        /// A subscription: the first offset that can come; a purge: messages dropped; else 0.
        value: u64,
    },
    /// Messages are as safe as the server was told to make them, and will not be asked for again.
    Confirm {
        /// The first.
        first: u64,
        /// The last; all between them too.
        last: u64,
    },
    /// Something was not done.
    Refused {
        /// The type of what was refused.
        what: u8,
        /// Its number: a publish's seq, an ack's offset, else the request or subscription.
        number: u64,
        /// Why.
        code: Code,
        /// The same for people to read.
        reason: &'a str,
    },
    /// A message for a subscriber.
    Deliver {
        /// The subscription.
        subscription: u32,
        /// The message's number in its queue, counted from 0.
        offset: u64,
        /// The how manieth time it is handed out; above 1 it is redelivered.
        deliveries: u32,
        /// What its publisher calls it.
        id: &'a [u8],
        /// The message itself.
        body: &'a [u8],
    },
    /// What the server holds, as JSON.
    Report {
        /// The request.
        request: u32,
        /// The JSON text.
        json: &'a str,
    },
    /// A published message's id was known: nothing was stored. The confirmation follows.
    Duplicate {
        /// The publish.
        seq: u64,
        /// Where the message stands that came first.
        offset: u64,
    },
}

/// What is wrong with a payload. It is the fault of who sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// A type that has no meaning.
    #[error("type 0x{got:02x} has no meaning in version 1")]
    UnknownType {
        /// The octet.
        got: u8,
    },
    /// The payload ends inside a field.
    #[error("{message}: the payload ends inside its field `{field}`")]
    Short {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
    /// Octets are left over.
    #[error("{message}: {extra} octets follow its last field")]
    Extra {
        /// The message.
        message: &'static str,
        /// How many.
        extra: usize,
    },
    /// A field has a value that means nothing.
    #[error("{message}: its field `{field}` is {got}, which has no meaning")]
    Meaningless {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// Its value.
        got: u64,
    },
    /// A text is not UTF-8.
    #[error("{message}: its field `{field}` is not UTF-8")]
    Utf8 {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
    },
}

/// The name of a type, as the specification writes it; `None` for one without a meaning.
pub const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::HELLO => "HELLO",
        kind::DECLARE => "DECLARE",
        kind::PUBLISH => "PUBLISH",
        kind::SUBSCRIBE => "SUBSCRIBE",
        kind::ACK => "ACK",
        kind::NACK => "NACK",
        kind::UNSUBSCRIBE => "UNSUBSCRIBE",
        kind::INSPECT => "INSPECT",
        kind::DELETE => "DELETE",
        kind::PURGE => "PURGE",
        kind::PING => "PING",
        kind::PONG => "PONG",
        kind::CLOSE => "CLOSE",
        kind::WELCOME => "WELCOME",
        kind::DONE => "DONE",
        kind::CONFIRM => "CONFIRM",
        kind::REFUSED => "REFUSED",
        kind::DELIVER => "DELIVER",
        kind::REPORT => "REPORT",
        kind::DUPLICATE => "DUPLICATE",
        _ => return None,
    })
}

impl<'a> Message<'a> {
    /// Reads a frame's payload.
    ///
    /// # Errors
    /// [`Malformed`], naming message and field.
    pub fn decode(frame: &framing::Frame<'a>) -> Result<Message<'a>, Malformed> {
        let message = name(frame.kind).ok_or(Malformed::UnknownType { got: frame.kind })?;
        let mut f = Fields::new(message, frame.payload);
        let decoded = match frame.kind {
            kind::HELLO => Message::Hello { client: f.name("client")?, token: f.name("token")? },
            kind::DECLARE => Message::Declare(Declare {
                request: f.u32("request")?,
                queue: f.name("queue")?,
                kind: f.choice("kind", &[Kind::Work, Kind::Topic])?,
                policy: f.choice("policy", &[Policy::Reject, Policy::DropOldest, Policy::DeadLetter])?,
                max_messages: f.u64("max_messages")?,
                max_bytes: f.u64("max_bytes")?,
                max_age_ms: f.u64("max_age_ms")?,
                max_deliveries: f.u32("max_deliveries")?,
                window: f.u32("window")?,
                dead_letter: f.name("dead_letter")?,
            }),
            kind::PUBLISH => Message::Publish {
                seq: f.u64("seq")?,
                queue: f.name("queue")?,
                id: f.short("id")?,
                body: f.rest(),
            },
            kind::SUBSCRIBE => Message::Subscribe {
                subscription: f.u32("subscription")?,
                queue: f.name("queue")?,
                prefetch: f.u32("prefetch")?,
                mode: f.choice("mode", &[Mode::AtMostOnce, Mode::AtLeastOnce])?,
                from: match (f.u8("from")?, f.u64("offset")?) {
                    (0, 0) => From::New,
                    (1, 0) => From::Start,
                    (2, offset) => From::Offset(offset),
                    (0 | 1, got) => return Err(Malformed::Meaningless { message, field: "offset", got }),
                    (got, _) => {
                        return Err(Malformed::Meaningless { message, field: "from", got: got.into() });
                    }
                },
            },
            kind::ACK => Message::Ack {
                subscription: f.u32("subscription")?,
                multiple: f.choice("multiple", &[false, true])?,
                offset: f.u64("offset")?,
            },
            kind::NACK => Message::Nack {
                subscription: f.u32("subscription")?,
                requeue: f.choice("requeue", &[false, true])?,
                offset: f.u64("offset")?,
            },
            kind::UNSUBSCRIBE => Message::Unsubscribe { subscription: f.u32("subscription")? },
            kind::INSPECT => Message::Inspect { request: f.u32("request")?, queue: f.name("queue")? },
            kind::DELETE => Message::Delete { request: f.u32("request")?, queue: f.name("queue")? },
            kind::PURGE => Message::Purge { request: f.u32("request")?, queue: f.name("queue")? },
            kind::PING => Message::Ping { token: f.u64("token")? },
            kind::PONG => Message::Pong { token: f.u64("token")? },
            kind::CLOSE => Message::Close { code: Code::from(f.u16("code")?), reason: f.text("reason")? },
            kind::WELCOME => Message::Welcome {
                server: f.name("server")?,
                max_payload: f.u32("max_payload")?,
                idle_ms: f.u32("idle_ms")?,
            },
            kind::DONE => Message::Done { request: f.u32("request")?, value: f.u64("value")? },
            kind::CONFIRM => Message::Confirm { first: f.u64("first")?, last: f.u64("last")? },
            kind::REFUSED => Message::Refused {
                what: f.u8("what")?,
                number: f.u64("number")?,
                code: Code::from(f.u16("code")?),
                reason: f.text("reason")?,
            },
            kind::DELIVER => Message::Deliver {
                subscription: f.u32("subscription")?,
                offset: f.u64("offset")?,
                deliveries: f.u32("deliveries")?,
                id: f.short("id")?,
                body: f.rest(),
            },
            kind::REPORT => Message::Report { request: f.u32("request")?, json: f.text("json")? },
            kind::DUPLICATE => Message::Duplicate { seq: f.u64("seq")?, offset: f.u64("offset")? },
            got => return Err(Malformed::UnknownType { got }),
        };
        f.end()?;
        Ok(decoded)
    }

    /// The type octet.
    pub const fn kind(&self) -> u8 {
        match self {
            Message::Hello { .. } => kind::HELLO,
            Message::Declare(_) => kind::DECLARE,
            Message::Publish { .. } => kind::PUBLISH,
            Message::Subscribe { .. } => kind::SUBSCRIBE,
            Message::Ack { .. } => kind::ACK,
            Message::Nack { .. } => kind::NACK,
            Message::Unsubscribe { .. } => kind::UNSUBSCRIBE,
            Message::Inspect { .. } => kind::INSPECT,
            Message::Delete { .. } => kind::DELETE,
            Message::Purge { .. } => kind::PURGE,
            Message::Ping { .. } => kind::PING,
            Message::Pong { .. } => kind::PONG,
            Message::Close { .. } => kind::CLOSE,
            Message::Welcome { .. } => kind::WELCOME,
            Message::Done { .. } => kind::DONE,
            Message::Confirm { .. } => kind::CONFIRM,
            Message::Refused { .. } => kind::REFUSED,
            Message::Deliver { .. } => kind::DELIVER,
            Message::Report { .. } => kind::REPORT,
            Message::Duplicate { .. } => kind::DUPLICATE,
        }
    }

    /// Appends the message's frame to `out`. A name of more than 255 octets is cut there: whoever makes names checks them.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        framing::encode(out, self.kind(), |out| self.put(out));
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        let u16 = |out: &mut Vec<u8>, n: u16| out.extend_from_slice(&n.to_be_bytes());
        let u32 = |out: &mut Vec<u8>, n: u32| out.extend_from_slice(&n.to_be_bytes());
        let u64 = |out: &mut Vec<u8>, n: u64| out.extend_from_slice(&n.to_be_bytes());
        match *self {
            Message::Hello { client, token } => {
                put_name(out, client.as_bytes());
                put_name(out, token.as_bytes());
            }
            Message::Declare(d) => {
                u32(out, d.request);
                put_name(out, d.queue.as_bytes());
                out.push(matches!(d.kind, Kind::Topic).into());
                out.push(match d.policy {
                    Policy::Reject => 0,
                    Policy::DropOldest => 1,
                    Policy::DeadLetter => 2,
                });
                u64(out, d.max_messages);
                u64(out, d.max_bytes);
                u64(out, d.max_age_ms);
                u32(out, d.max_deliveries);
                u32(out, d.window);
                put_name(out, d.dead_letter.as_bytes());
            }
            Message::Publish { seq, queue, id, body } => {
                u64(out, seq);
                put_name(out, queue.as_bytes());
                put_name(out, id);
                out.extend_from_slice(body);
            }
            Message::Subscribe { subscription, queue, prefetch, mode, from } => {
                u32(out, subscription);
                put_name(out, queue.as_bytes());
                u32(out, prefetch);
                out.push(matches!(mode, Mode::AtLeastOnce).into());
                let (from, offset) = match from {
                    From::New => (0, 0),
                    From::Start => (1, 0),
                    From::Offset(offset) => (2, offset),
                };
                out.push(from);
                u64(out, offset);
            }
            Message::Ack { subscription, multiple: flag, offset }
            | Message::Nack { subscription, requeue: flag, offset } => {
                u32(out, subscription);
                out.push(flag.into());
                u64(out, offset);
            }
            Message::Unsubscribe { subscription } => u32(out, subscription),
            Message::Inspect { request, queue }
            | Message::Delete { request, queue }
            | Message::Purge { request, queue } => {
                u32(out, request);
                put_name(out, queue.as_bytes());
            }
            Message::Ping { token } | Message::Pong { token } => u64(out, token),
            Message::Close { code, reason } => {
                u16(out, code.number());
                out.extend_from_slice(reason.as_bytes());
            }
            Message::Welcome { server, max_payload, idle_ms } => {
                put_name(out, server.as_bytes());
                u32(out, max_payload);
                u32(out, idle_ms);
            }
            Message::Done { request, value } => {
                u32(out, request);
                u64(out, value);
            }
            Message::Confirm { first, last } => {
                u64(out, first);
                u64(out, last);
            }
            Message::Refused { what, number, code, reason } => {
                out.push(what);
                u64(out, number);
                u16(out, code.number());
                out.extend_from_slice(reason.as_bytes());
            }
            Message::Deliver { subscription, offset, deliveries, id, body } => {
                u32(out, subscription);
                u64(out, offset);
                u32(out, deliveries);
                put_name(out, id);
                out.extend_from_slice(body);
            }
            Message::Report { request, json } => {
                u32(out, request);
                out.extend_from_slice(json.as_bytes());
            }
            Message::Duplicate { seq, offset } => {
                u64(out, seq);
                u64(out, offset);
            }
        }
    }
}
