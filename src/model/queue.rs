//! What was seen of layerlab's frames and of the queue whose two ends they carry (docs/protocols/queue.md).
//!
//! *Client* is here the side that speaks a client's types; in a capture of several connections that need not be the
//! capture's client. Samples are bounded by whoever makes the facts.

use super::field::Value;
use super::ledger::FrameId;
use super::place::Side;
use super::websocket::{Carried, Lost};
use std::ops::Range;
use std::time::Duration;

/// A step of the conversation, and where it was found.
#[derive(Clone, PartialEq, Debug)]
pub struct Queue {
    /// Who sent it.
    pub sender: Side,
    /// What carried it.
    pub carrier: Carrier,
    /// Its octets: in its sender's stream over TCP, 0 the first after the handshake (or the first that was seen); of
    /// a WebSocket message, those of that message's last frame in the stream; in its datagram.
    pub at: Range<u64>,
    /// The segments or the datagram that carried it; `None` where no frame was seen.
    pub carried: Option<Carried>,
    /// A datagram that the wire dropped: nobody got it, and it counts for nothing in what follows.
    pub dropped: bool,
    /// What it is.
    pub step: Step,
}

/// What a frame travels in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// A TCP stream: one frame behind the other.
    Tcp,
    /// A datagram: exactly one frame.
    Udp,
    /// A WebSocket binary message: exactly one frame.
    WebSocket,
}

impl Carrier {
    /// `tcp`, `udp` or `websocket`.
    pub const fn name(self) -> &'static str {
        match self {
            Carrier::Tcp => "tcp",
            Carrier::Udp => "udp",
            Carrier::WebSocket => "websocket",
        }
    }
}

/// What was seen.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// A frame, whole, its checksums right and its payload what its type says.
    Frame(Frame),
    /// Octets that are no frame, or a frame whose payload is not what its type says.
    Fault(Fault),
    /// The sender's octets can't be followed any further.
    Lost(Lost),
    /// TCP ended under it: the first FIN or RST of either side.
    Ended {
        /// A RST rather than a FIN.
        reset: bool,
        /// Whether who ended it had said CLOSE before.
        closed: bool,
        /// Messages that were published and neither confirmed nor refused.
        unconfirmed: u64,
        /// Messages that were delivered and neither acknowledged nor given back.
        unacked: u64,
    },
}

impl Step {
    /// Whether something went wrong: with the protocol, or with following it.
    pub const fn is_failure(&self) -> bool {
        match self {
            Step::Frame(frame) => frame.illegal.is_some(),
            Step::Fault(_) | Step::Lost(_) => true,
            Step::Ended { .. } => false,
        }
    }
}

/// A frame.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// The type octet.
    pub kind: u8,
    /// The type's name in the specification.
    pub name: &'static str,
    /// Octets of payload.
    pub length: u32,
    /// CRC-32C of the header's first 8 octets, as it stands there and as they give it.
    pub header_checksum: u32,
    /// CRC-32C of the payload, likewise.
    pub payload_checksum: u32,
    /// What the payload says.
    pub said: Said,
    /// The earlier frame that it belongs to, where one was seen.
    pub follows: Option<Earlier>,
    /// The rule of the conversation that it breaks.
    pub illegal: Option<Illegal>,
}

/// Octets that are wrong by themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The rule, and what came instead, in the words of the error.
    pub rule: String,
    /// The code of the CLOSE that answers it on a stream: 10 (no frame) or 11 (a frame, but no message).
    pub code: u16,
    /// Whether the sender's octets can still be told apart: not behind a bad frame of a stream.
    pub goes_on: bool,
}

/// How a frame belongs to an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// It answers one of the other side, or several at once.
    Answers,
    /// It says what became of a message, or of several, that the other side delivered.
    Settles,
    /// It says again what the same side said before.
    Repeats,
}

/// An earlier frame; of several the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Earlier {
    /// What it is to that one.
    pub relation: Relation,
    /// That one's name in the specification.
    pub name: &'static str,
    /// How many it was.
    pub count: u64,
    /// Time from the one to the other, where they were seen.
    pub after: Duration,
    /// The captured frame with which it was whole.
    pub frame: Option<FrameId>,
    /// The first captured frame in which TCP acknowledged its last octet.
    pub tcp_ack: Option<FrameId>,
}

/// A rule of the conversation that was broken. It is always the sender's fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Illegal {
    /// The client said something before HELLO, or the server before WELCOME.
    BeforeOpening,
    /// A second HELLO or WELCOME on a stream.
    SecondOpening,
    /// A type that belongs to the other side.
    WrongSide,
    /// Its sender had said CLOSE, which is the last frame of who sends it.
    AfterClose,
    /// More octets than the server said in WELCOME that it takes.
    OverCap {
        /// What it takes.
        cap: u32,
    },
    /// A PUBLISH whose number is not above the last one.
    NotUpwards {
        /// The last one.
        last: u64,
    },
    /// The answer to something that was never asked, or never published.
    NeverAsked,
    /// The answer to something that was answered before.
    AnsweredBefore,
    /// A DELIVER for a subscription that nobody asked for.
    NotSubscribed,
    /// More unacknowledged messages than the subscription's prefetch.
    OverPrefetch {
        /// Unacknowledged with this one.
        unacked: u64,
        /// The most that were asked for.
        prefetch: u32,
    },
    /// An ACK or NACK of a message that was not delivered.
    NeverDelivered,
    /// An ACK or NACK of a message of which that was said before.
    SettledBefore,
}

impl Illegal {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Illegal::BeforeOpening => "before_opening",
            Illegal::SecondOpening => "second_opening",
            Illegal::WrongSide => "wrong_side",
            Illegal::AfterClose => "after_close",
            Illegal::OverCap { .. } => "over_cap",
            Illegal::NotUpwards { .. } => "not_upwards",
            Illegal::NeverAsked => "never_asked",
            Illegal::AnsweredBefore => "answered_before",
            Illegal::NotSubscribed => "not_subscribed",
            Illegal::OverPrefetch { .. } => "over_prefetch",
            Illegal::NeverDelivered => "never_delivered",
            Illegal::SettledBefore => "settled_before",
        }
    }
}

/// The rest of a payload: its beginning, and how much there is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rest {
    /// Octets.
    pub len: u64,
    /// The first of them.
    pub sample: Vec<u8>,
}

/// A payload's fields, as the specification names them.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Said {
    Hello {
        client: String,
        token: String,
    },
    Declare(Box<Declare>),
    Publish {
        seq: u64,
        queue: String,
        id: Vec<u8>,
        body: Rest,
    },
    Subscribe {
        subscription: u32,
        queue: String,
        prefetch: u32,
        mode: u8,
        from: u8,
        offset: u64,
    },
    Ack {
        subscription: u32,
        multiple: bool,
        offset: u64,
    },
    Nack {
        subscription: u32,
        requeue: bool,
        offset: u64,
    },
    Unsubscribe {
        subscription: u32,
    },
    Inspect {
        request: u32,
        queue: String,
    },
    Delete {
        request: u32,
        queue: String,
    },
    Purge {
        request: u32,
        queue: String,
    },
    Ping {
        token: u64,
    },
    Pong {
        token: u64,
    },
    Close {
        code: u16,
        code_name: &'static str,
        reason: Rest,
    },
    Welcome {
        server: String,
        max_payload: u32,
        idle_ms: u32,
    },
    Done {
        request: u32,
        value: u64,
    },
    Confirm {
        first: u64,
        last: u64,
    },
    Refused {
        what: u8,
        what_name: &'static str,
        number: u64,
        code: u16,
        code_name: &'static str,
        reason: Rest,
    },
    Deliver {
        subscription: u32,
        offset: u64,
        deliveries: u32,
        id: Vec<u8>,
        body: Rest,
    },
    Report {
        request: u32,
        json: Rest,
    },
    Duplicate {
        seq: u64,
        offset: u64,
    },
}

/// What a DECLARE says.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Declare {
    pub request: u32,
    pub queue: String,
    pub kind: u8,
    pub policy: u8,
    pub max_messages: u64,
    pub max_bytes: u64,
    pub max_age_ms: u64,
    pub max_deliveries: u32,
    pub window: u32,
    pub dead_letter: String,
}

/// One field of a payload: its name in Wireshark (docs/wireshark/layerlab.lua), its octets, its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The name.
    pub name: &'static str,
    /// Octets that it takes, with the octet of its length where it has one.
    pub len: u64,
    /// The value; of a field that is the rest of the payload the beginning.
    pub value: Value,
}

fn octet(name: &'static str, value: u8) -> Part {
    Part { name, len: 1, value: Value::Uint(value.into()) }
}

fn short(name: &'static str, value: u16) -> Part {
    Part { name, len: 2, value: Value::Uint(value.into()) }
}

fn word(name: &'static str, value: u32) -> Part {
    Part { name, len: 4, value: Value::Uint(value.into()) }
}

fn long(name: &'static str, value: u64) -> Part {
    Part { name, len: 8, value: Value::Uint(value) }
}

fn text(name: &'static str, value: &str) -> Part {
    Part { name, len: 1 + value.len() as u64, value: Value::Text(value.to_owned()) }
}

fn id(value: &[u8]) -> Part {
    Part { name: "layerlab.queue.id", len: 1 + value.len() as u64, value: Value::Octets(value.to_owned()) }
}

fn rest(name: &'static str, value: &Rest) -> Part {
    Part { name, len: value.len, value: Value::Octets(value.sample.clone()) }
}

/// Text that is the rest: a sample may end inside a character.
fn rest_text(name: &'static str, value: &Rest) -> Part {
    let sample = value.sample.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    Part { name, len: value.len, value: Value::Text(sample.to_owned()) }
}

impl Said {
    /// Every field in wire order.
    pub fn parts(&self) -> Vec<Part> {
        let subscription = |number| word("layerlab.queue.subscription", number);
        let request = |number| word("layerlab.queue.request", number);
        let queue = |name| text("layerlab.queue.queue", name);
        let offset = |number| long("layerlab.queue.offset", number);
        match self {
            Said::Hello { client, token } => {
                vec![text("layerlab.queue.client", client), text("layerlab.queue.token", token)]
            }
            Said::Declare(d) => vec![
                request(d.request),
                queue(&d.queue),
                octet("layerlab.queue.kind", d.kind),
                octet("layerlab.queue.policy", d.policy),
                long("layerlab.queue.max_messages", d.max_messages),
                long("layerlab.queue.max_bytes", d.max_bytes),
                long("layerlab.queue.max_age_ms", d.max_age_ms),
                word("layerlab.queue.max_deliveries", d.max_deliveries),
                word("layerlab.queue.window", d.window),
                text("layerlab.queue.dead_letter", &d.dead_letter),
            ],
            Said::Publish { seq, queue: name, id: own, body } => {
                vec![
                    long("layerlab.queue.seq", *seq),
                    queue(name),
                    id(own),
                    rest("layerlab.queue.body", body),
                ]
            }
            Said::Subscribe { subscription: number, queue: name, prefetch, mode, from, offset: at } => vec![
                subscription(*number),
                queue(name),
                word("layerlab.queue.prefetch", *prefetch),
                octet("layerlab.queue.mode", *mode),
                octet("layerlab.queue.from", *from),
                offset(*at),
            ],
            Said::Ack { subscription: number, multiple, offset: at } => {
                vec![subscription(*number), octet("layerlab.queue.multiple", (*multiple).into()), offset(*at)]
            }
            Said::Nack { subscription: number, requeue, offset: at } => {
                vec![subscription(*number), octet("layerlab.queue.requeue", (*requeue).into()), offset(*at)]
            }
            Said::Unsubscribe { subscription: number } => vec![subscription(*number)],
            Said::Inspect { request: number, queue: name }
            | Said::Delete { request: number, queue: name }
            | Said::Purge { request: number, queue: name } => vec![request(*number), queue(name)],
            Said::Ping { token } | Said::Pong { token } => vec![long("layerlab.queue.ping", *token)],
            Said::Close { code, reason, .. } => {
                vec![short("layerlab.queue.code", *code), rest_text("layerlab.queue.reason", reason)]
            }
            Said::Welcome { server, max_payload, idle_ms } => vec![
                text("layerlab.queue.server", server),
                word("layerlab.queue.max_payload", *max_payload),
                word("layerlab.queue.idle_ms", *idle_ms),
            ],
            Said::Done { request: number, value } => {
                vec![request(*number), long("layerlab.queue.value", *value)]
            }
            Said::Confirm { first, last } => {
                vec![long("layerlab.queue.first", *first), long("layerlab.queue.last", *last)]
            }
            Said::Refused { what, number, code, reason, .. } => vec![
                octet("layerlab.queue.what", *what),
                long("layerlab.queue.number", *number),
                short("layerlab.queue.code", *code),
                rest_text("layerlab.queue.reason", reason),
            ],
            Said::Deliver { subscription: number, offset: at, deliveries, id: own, body } => vec![
                subscription(*number),
                offset(*at),
                word("layerlab.queue.deliveries", *deliveries),
                id(own),
                rest("layerlab.queue.body", body),
            ],
            Said::Report { request: number, json } => {
                vec![request(*number), rest_text("layerlab.queue.json", json)]
            }
            Said::Duplicate { seq, offset: at } => vec![long("layerlab.queue.seq", *seq), offset(*at)],
        }
    }
}
