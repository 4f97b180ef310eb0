//! A queue's two ends and the frames between them, told by hand: every kind of step once at least.

use super::fixture::*;
use crate::model::queue::*;
use crate::model::websocket::{Carried, Lost};
use crate::model::{Event, FrameId, Place, Protocol, Side, What};
use Side::{Client, Server};
use std::time::Duration;

fn rest(text: &[u8]) -> Rest {
    Rest { len: text.len() as u64, sample: text.to_vec() }
}

/// A frame with made-up checksums.
fn frame(kind: u8, name: &'static str, said: Said) -> Frame {
    let length = said.parts().iter().map(|part| part.len as u32).sum();
    let (header_checksum, payload_checksum) = (0x603d_af51, 0xe7d4_63b3);
    Frame { kind, name, length, header_checksum, payload_checksum, said, follows: None, illegal: None }
}

fn earlier(relation: Relation, name: &'static str, count: u64, frame: u64) -> Earlier {
    Earlier {
        relation,
        name,
        count,
        after: Duration::from_micros(300),
        frame: Some(FrameId(frame)),
        tcp_ack: Some(FrameId(frame + 1)),
    }
}

fn follows(frame: Frame, earlier: Earlier) -> Frame {
    Frame { follows: Some(earlier), ..frame }
}

pub(super) fn publish(seq: u64, id: &[u8], body: &[u8]) -> Frame {
    let said = Said::Publish { seq, queue: "orders".into(), id: id.to_vec(), body: rest(body) };
    frame(3, "PUBLISH", said)
}

fn deliver(offset: u64, deliveries: u32) -> Frame {
    let said =
        Said::Deliver { subscription: 7, offset, deliveries, id: b"a-1".to_vec(), body: rest(b"hello") };
    frame(0x85, "DELIVER", said)
}

fn requests() -> Vec<(Side, Frame)> {
    let orders = || "orders".to_owned();
    let declare = Declare {
        request: 1,
        queue: orders(),
        kind: 0,
        policy: 2,
        max_messages: 100,
        max_bytes: 0,
        max_age_ms: 60_000,
        max_deliveries: 3,
        window: 100,
        dead_letter: "dead".into(),
    };
    let topic = Declare { kind: 1, queue: "news".into(), dead_letter: String::new(), ..declare.clone() };
    let subscribe = |mode, from| Said::Subscribe {
        subscription: 7,
        queue: orders(),
        prefetch: 2,
        mode,
        from,
        offset: u64::from(from) / 2 * 41,
    };
    let done = |request, name, value| {
        let said = Said::Done { request, value };
        follows(frame(0x82, "DONE", said), earlier(Relation::Answers, name, 1, 2))
    };
    let report = frame(0x86, "REPORT", Said::Report { request: 9, json: rest(b"{\"queues\":[]}") });
    vec![
        (Client, frame(1, "HELLO", Said::Hello { client: "shop".into(), token: "secret".into() })),
        (
            Server,
            frame(
                0x81,
                "WELCOME",
                Said::Welcome { server: "layerlab".into(), max_payload: 1 << 20, idle_ms: 30_000 },
            ),
        ),
        (Client, frame(2, "DECLARE", Said::Declare(Box::new(declare)))),
        (Client, frame(2, "DECLARE", Said::Declare(Box::new(topic)))),
        (Server, done(1, "DECLARE", 0)),
        (Client, frame(4, "SUBSCRIBE", subscribe(1, 0))),
        (Client, frame(4, "SUBSCRIBE", subscribe(0, 2))),
        (Server, done(7, "SUBSCRIBE", 41)),
        (Client, frame(7, "UNSUBSCRIBE", Said::Unsubscribe { subscription: 7 })),
        (Client, frame(8, "INSPECT", Said::Inspect { request: 9, queue: String::new() })),
        (Server, report),
        (Client, frame(9, "DELETE", Said::Delete { request: 10, queue: orders() })),
        (Client, frame(10, "PURGE", Said::Purge { request: 11, queue: orders() })),
        (Server, done(11, "PURGE", 2)),
        (Client, frame(0x40, "PING", Said::Ping { token: 41 })),
        (Server, frame(0x41, "PONG", Said::Pong { token: 41 })),
    ]
}

fn messages() -> Vec<(Side, Frame)> {
    let ack = |multiple, offset| frame(5, "ACK", Said::Ack { subscription: 7, multiple, offset });
    let confirm = frame(0x83, "CONFIRM", Said::Confirm { first: 1, last: 2 });
    let one = frame(0x83, "CONFIRM", Said::Confirm { first: 3, last: 3 });
    let refused = Said::Refused {
        what: 3,
        what_name: "PUBLISH",
        number: 4,
        code: 32,
        code_name: "full",
        reason: rest(b"orders holds 100 messages"),
    };
    let duplicate = frame(0x87, "DUPLICATE", Said::Duplicate { seq: 3, offset: 0 });
    let nack = |requeue| frame(6, "NACK", Said::Nack { subscription: 7, requeue, offset: 0 });
    let bye = Said::Close { code: 0, code_name: "normal", reason: rest(b"done") };
    vec![
        (Client, publish(1, b"a-1", b"hello")),
        (Client, publish(2, b"", b"\x00\xff\x01")),
        (Client, publish(0, b"", b"")),
        (Server, follows(confirm, earlier(Relation::Answers, "PUBLISH", 2, 12))),
        (Client, follows(publish(3, b"a-1", b"hello"), earlier(Relation::Repeats, "PUBLISH", 1, 12))),
        (Server, follows(duplicate, earlier(Relation::Answers, "PUBLISH", 1, 14))),
        (Server, one),
        (Server, follows(frame(0x84, "REFUSED", refused), earlier(Relation::Answers, "PUBLISH", 1, 14))),
        (Server, deliver(0, 1)),
        (Client, nack(true)),
        (Server, follows(deliver(0, 2), earlier(Relation::Repeats, "DELIVER", 1, 19))),
        (Client, nack(false)),
        (Client, follows(ack(false, 0), earlier(Relation::Settles, "DELIVER", 1, 19))),
        (Client, follows(ack(true, 3), earlier(Relation::Settles, "DELIVER", 3, 19))),
        (Client, frame(0x42, "CLOSE", Said::Close { code: 999, code_name: "", reason: rest(b"") })),
        (Server, frame(0x42, "CLOSE", bye)),
    ]
}

fn failures() -> Vec<(Side, Step)> {
    let illegal = [
        Illegal::BeforeOpening,
        Illegal::SecondOpening,
        Illegal::WrongSide,
        Illegal::AfterClose,
        Illegal::OverCap { cap: 4 },
        Illegal::NotUpwards { last: 9 },
        Illegal::NeverAsked,
        Illegal::AnsweredBefore,
        Illegal::NotSubscribed,
        Illegal::OverPrefetch { unacked: 3, prefetch: 2 },
        Illegal::NeverDelivered,
        Illegal::SettledBefore,
    ];
    let illegal = illegal.map(|illegal| {
        let frame = Frame { illegal: Some(illegal), ..publish(1, b"", b"hello") };
        (Client, Step::Frame(frame))
    });
    let confirm = frame(0x83, "CONFIRM", Said::Confirm { first: 1, last: 9 });
    let lost = [
        Lost::NotCaptured { octets: 1448 },
        Lost::NeverCame { octets: 1448, behind: 20 },
        Lost::CutShort { frame: FrameId(9) },
        Lost::TooMuch { limit: 1 << 20 },
    ];
    let mut all = Vec::from(illegal);
    all.push((Server, Step::Frame(Frame { illegal: Some(Illegal::NeverAsked), ..confirm })));
    all.extend(lost.map(|why| (Client, Step::Lost(why))));
    let rule = "the payload's checksum is 8e4eb68e, but its octets give c0634bdd: the payload was corrupted";
    for (code, goes_on) in [(10, false), (11, true)] {
        all.push((Client, Step::Fault(Fault { rule: rule.to_owned(), code, goes_on })));
    }
    all.push((Client, Step::Ended { reset: true, closed: false, unconfirmed: 1, unacked: 2 }));
    all.push((Server, Step::Ended { reset: false, closed: true, unconfirmed: 0, unacked: 0 }));
    all
}

fn tell(carrier: Carrier, steps: impl IntoIterator<Item = (Side, Step)>) -> Tale {
    let mut t = Tale::new(5);
    let mut at = [0, 0];
    for (n, (sender, step)) in (1u64..).zip(steps) {
        let len = match &step {
            Step::Frame(frame) => 16 + u64::from(frame.length),
            _ => 0,
        };
        let from = at[sender as usize];
        at[sender as usize] += len;
        let protocol = match &step {
            Step::Fault(Fault { code: 10, .. }) => Protocol::Framing,
            _ => Protocol::Queue,
        };
        let (segments, held) = match (carrier, n % 5) {
            (Carrier::Tcp, 4) => (3, Some((FrameId(n), Duration::from_millis(200)))),
            _ => (1, None),
        };
        let carried = Some(Carried {
            stream: 0,
            ends: [client_addr(), server_addr()],
            first: FrameId(n + 1 - u64::from(segments == 3)),
            last: FrameId(n + 1),
            segments,
            held,
        });
        let dropped = carrier == Carrier::Udp;
        let seen = Queue { sender, carrier, at: from..from + len, carried, dropped, step };
        t.push(1000 * n, None, Place::Wire, protocol, What::Queue(Box::new(seen)));
    }
    t
}

/// A conversation from HELLO to CLOSE.
pub(super) fn conversation() -> Tale {
    let frames = requests().into_iter().chain(messages());
    tell(Carrier::Tcp, frames.map(|(sender, frame)| (sender, Step::Frame(frame))))
}

/// What may go wrong; at last a datagram is dropped.
pub(super) fn troubles() -> Tale {
    let mut tale = tell(Carrier::Tcp, failures());
    let dropped = tell(Carrier::Udp, [(Client, Step::Frame(publish(1, b"a-1", b"hello")))]);
    tale.events.extend(dropped.events);
    tale
}

/// Every kind of step.
pub(super) fn everything() -> Vec<Event> {
    let mut all = conversation().events;
    all.extend(troubles().events);
    all
}
