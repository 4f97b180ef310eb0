//! Both ends of a queue as they are seen: what answers what, who breaks which rule, and that cutting changes nothing.

use super::super::message::{Declare, From, Kind, Mode, Policy};
use super::*;
use crate::model::queue::{Illegal, Relation};
use Side::{Client, Server};
use proptest::prelude::*;
use std::time::Duration;

/// An observer, its clock (a millisecond a message) and what it saw.
struct Bench {
    observer: Observer,
    ordered: bool,
    now: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench { observer: Observer::new(true, true), ordered: true, now: 0 }
    }

    /// One that saw HELLO and WELCOME.
    fn opened() -> Bench {
        let mut bench = Bench::new();
        bench.say(Client, Message::Hello { client: "c", token: "" });
        bench.say(Server, Message::Welcome { server: "s", max_payload: 1000, idle_ms: 0 });
        bench
    }

    fn datagrams() -> Bench {
        Bench { observer: Observer::new(false, true), ordered: false, now: 0 }
    }

    fn feed(&mut self, side: Side, octets: &[u8]) -> Vec<Seen> {
        self.now += 1;
        let whence = (Time::from_millis(self.now), Some(FrameId(self.now)));
        let mut told = Vec::new();
        if self.ordered {
            self.observer.feed(side, octets, whence, &mut |seen| told.push(seen));
        } else {
            told.push(self.observer.datagram(side, octets, 0..octets.len() as u64, whence));
        }
        told
    }

    /// The frame of this message as it is seen.
    fn say(&mut self, side: Side, message: Message<'_>) -> Frame {
        let mut octets = Vec::new();
        message.encode(&mut octets);
        match self.feed(side, &octets).pop() {
            Some(Seen { step: Step::Frame(frame), sender, .. }) => {
                assert_eq!(sender, side);
                frame
            }
            other => panic!("{other:?}"),
        }
    }

    fn breaks(&mut self, side: Side, message: Message<'_>) -> Option<Illegal> {
        self.say(side, message).illegal
    }
}

fn publish(seq: u64) -> Message<'static> {
    Message::Publish { seq, queue: "q", id: b"", body: b"hello" }
}

fn subscribe(subscription: u32, prefetch: u32) -> Message<'static> {
    Message::Subscribe { subscription, queue: "q", prefetch, mode: Mode::AtLeastOnce, from: From::New }
}

fn deliver(subscription: u32, offset: u64) -> Message<'static> {
    Message::Deliver { subscription, offset, deliveries: 1, id: b"", body: b"hello" }
}

fn ack(subscription: u32, offset: u64) -> Message<'static> {
    Message::Ack { subscription, multiple: false, offset }
}

fn declare(request: u32) -> Message<'static> {
    Message::Declare(Declare {
        request,
        queue: "q",
        kind: Kind::Work,
        policy: Policy::Reject,
        max_messages: 0,
        max_bytes: 0,
        max_age_ms: 0,
        max_deliveries: 0,
        window: 0,
        dead_letter: "",
    })
}

/// The earlier frame: relation, name, how many, how long ago in milliseconds, in which captured frame.
fn of(frame: &Frame) -> Option<(Relation, &'static str, u64, u64, u64)> {
    let e = frame.follows?;
    let ms = u64::try_from(e.after.as_millis()).unwrap();
    assert_eq!(e.after, Duration::from_millis(ms));
    Some((e.relation, e.name, e.count, ms, e.frame.unwrap().0))
}

#[test]
fn an_answer_names_what_it_answers() {
    let mut bench = Bench::opened();
    bench.say(Client, declare(1));
    let done = bench.say(Server, Message::Done { request: 1, value: 0 });
    assert_eq!(of(&done), Some((Relation::Answers, "DECLARE", 1, 1, 3)));
    for seq in 1..=3 {
        bench.say(Client, publish(seq));
    }
    let confirm = bench.say(Server, Message::Confirm { first: 1, last: 2 });
    assert_eq!((of(&confirm), confirm.illegal), (Some((Relation::Answers, "PUBLISH", 2, 2, 6)), None));
    let duplicate = bench.say(Server, Message::Duplicate { seq: 3, offset: 0 });
    assert_eq!(of(&duplicate), Some((Relation::Answers, "PUBLISH", 1, 2, 7)));
    let refused = Message::Refused { what: kind::PUBLISH, number: 3, code: Code::Full, reason: "" };
    assert_eq!(of(&bench.say(Server, refused)), Some((Relation::Answers, "PUBLISH", 1, 3, 7)));
    // A subscription of a request's number: each gets its own answer.
    bench.say(Client, subscribe(7, 9));
    bench.say(Client, Message::Purge { request: 7, queue: "q" });
    let done = Message::Done { request: 7, value: 0 };
    assert_eq!(of(&bench.say(Server, done)).map(|e| e.1), Some("SUBSCRIBE"));
    assert_eq!(of(&bench.say(Server, done)).map(|e| e.1), Some("PURGE"));
    bench.say(Server, Message::Ping { token: 5 });
    assert_eq!(of(&bench.say(Client, Message::Pong { token: 5 })).map(|e| e.1), Some("PING"));
    assert!(matches!(
        bench.observer.end(Client, false),
        Some(Step::Ended { unconfirmed: 0, closed: false, .. })
    ));
    assert_eq!(bench.observer.end(Server, false), None);
}

#[test]
fn what_was_delivered_is_settled_once() {
    let mut bench = Bench::opened();
    bench.say(Client, subscribe(7, 2));
    bench.say(Server, Message::Done { request: 7, value: 0 });
    bench.say(Server, deliver(7, 0));
    assert_eq!(bench.breaks(Server, deliver(7, 1)), None);
    let over = Illegal::OverPrefetch { unacked: 3, prefetch: 2 };
    assert_eq!(bench.breaks(Server, deliver(7, 2)), Some(over));
    let nack = bench.say(Client, Message::Nack { subscription: 7, requeue: true, offset: 0 });
    assert_eq!(of(&nack), Some((Relation::Settles, "DELIVER", 1, 3, 5)));
    let again = bench.say(Server, deliver(7, 0));
    assert_eq!((of(&again).unwrap().0, again.illegal.is_some()), (Relation::Repeats, true));
    let all = bench.say(Client, Message::Ack { subscription: 7, multiple: true, offset: 2 });
    assert_eq!((of(&all).unwrap().2, all.illegal), (3, None));
    assert_eq!(bench.breaks(Client, ack(7, 2)), Some(Illegal::SettledBefore));
    assert_eq!(bench.breaks(Client, ack(7, 9)), Some(Illegal::NeverDelivered));
    assert_eq!(bench.breaks(Server, deliver(8, 0)), Some(Illegal::NotSubscribed));
    bench.say(Server, deliver(7, 3));
    bench.say(Client, Message::Unsubscribe { subscription: 7 });
    // It was on its way.
    assert_eq!(bench.breaks(Server, deliver(7, 4)), None);
    assert_eq!(bench.breaks(Client, ack(7, 4)), None);
    assert!(matches!(bench.observer.end(Server, true), Some(Step::Ended { unacked: 0, reset: true, .. })));
}

#[test]
fn who_breaks_a_rule_is_named() {
    let mut bench = Bench::new();
    assert_eq!(bench.breaks(Client, publish(1)), Some(Illegal::BeforeOpening));
    assert_eq!(bench.breaks(Client, publish(2)), None);
    let mut bench = Bench::opened();
    assert_eq!(bench.breaks(Client, Message::Hello { client: "c", token: "" }), Some(Illegal::SecondOpening));
    assert_eq!(bench.breaks(Client, deliver(1, 1)), Some(Illegal::WrongSide));
    assert_eq!(bench.breaks(Server, publish(1)), Some(Illegal::WrongSide));
    assert_eq!(bench.breaks(Server, Message::Confirm { first: 1, last: 1 }), Some(Illegal::NeverAsked));
    bench.say(Client, publish(1));
    assert_eq!(bench.breaks(Client, publish(1)), Some(Illegal::NotUpwards { last: 1 }));
    assert_eq!(bench.breaks(Server, Message::Confirm { first: 1, last: 1 }), None);
    assert_eq!(bench.breaks(Server, Message::Confirm { first: 1, last: 1 }), Some(Illegal::AnsweredBefore));
    assert_eq!(bench.breaks(Server, Message::Done { request: 3, value: 0 }), Some(Illegal::NeverAsked));
    assert_eq!(bench.breaks(Server, Message::Pong { token: 3 }), Some(Illegal::NeverAsked));
    let long = [b'x'; 1001];
    let body = Message::Publish { seq: 2, queue: "q", id: b"", body: &long };
    assert_eq!(bench.breaks(Client, body), Some(Illegal::OverCap { cap: 1000 }));
    bench.say(Client, Message::Close { code: Code::Normal, reason: "" });
    assert_eq!(bench.breaks(Client, publish(9)), Some(Illegal::AfterClose));
    // A server that lets nobody in says only why.
    let mut bench = Bench::new();
    bench.say(Client, Message::Hello { client: "c", token: "wrong" });
    assert_eq!(bench.breaks(Server, Message::Close { code: Code::Unauthenticated, reason: "" }), None);
}

/// A subscription is what its answer says: refused ones do not count, and one that ended with its queue may come again.
#[test]
fn a_subscription_stands_once_it_is_answered() {
    let mut bench = Bench::opened();
    let done = Message::Done { request: 7, value: 0 };
    let refused = Message::Refused { what: kind::SUBSCRIBE, number: 7, code: Code::NoQueue, reason: "" };
    bench.say(Client, subscribe(7, 1));
    assert_eq!(of(&bench.say(Server, refused)).map(|e| e.1), Some("SUBSCRIBE"));
    bench.say(Client, subscribe(7, 2));
    assert_eq!(bench.breaks(Server, done), None);
    assert_eq!(bench.breaks(Server, deliver(7, 0)), None);
    assert_eq!(bench.breaks(Server, deliver(7, 1)), None);
    bench.say(Client, Message::Delete { request: 8, queue: "q" });
    bench.say(Server, Message::Done { request: 8, value: 0 });
    bench.say(Client, subscribe(7, 1));
    bench.say(Server, done);
    assert_eq!(bench.breaks(Server, deliver(7, 0)), None);
    let over = Illegal::OverPrefetch { unacked: 2, prefetch: 1 };
    assert_eq!(bench.breaks(Server, deliver(7, 1)), Some(over));
}

/// What a capture missed is nobody's fault.
#[test]
fn what_was_not_seen_is_not_held_against_anybody() {
    let mut bench = Bench { observer: Observer::new(true, false), ..Bench::new() };
    // The first that is seen is the server's, fed as the client's.
    let mut octets = Vec::new();
    deliver(7, 40).encode(&mut octets);
    let seen = bench.feed(Client, &octets).pop().unwrap();
    assert_eq!(seen.sender, Server);
    assert!(matches!(seen.step, Step::Frame(Frame { illegal: None, .. })));
    octets.clear();
    ack(7, 12).encode(&mut octets);
    let seen = bench.feed(Server, &octets).pop().unwrap();
    assert_eq!(seen.sender, Client);
    assert!(matches!(seen.step, Step::Frame(Frame { illegal: None, .. })));
    let mut bench = Bench::opened();
    bench.observer.lose(Server);
    assert_eq!(bench.breaks(Client, ack(7, 12)), None);
}

#[test]
fn datagrams_may_repeat_and_overtake() {
    let mut bench = Bench::datagrams();
    assert_eq!(bench.breaks(Client, publish(2)), None);
    let again = bench.say(Client, publish(2));
    assert_eq!((of(&again).unwrap().0, again.illegal), (Relation::Repeats, None));
    assert_eq!(bench.breaks(Client, publish(1)), None);
    bench.say(Server, Message::Confirm { first: 1, last: 2 });
    assert_eq!(bench.breaks(Server, Message::Confirm { first: 1, last: 2 }), None);
    assert_eq!(bench.breaks(Client, ack(1, 1)), None);
    let seen = bench.feed(Client, b"no frame").pop().unwrap();
    assert!(matches!(&seen.step, Step::Fault(fault) if fault.code == 10 && fault.goes_on));
    assert_eq!(bench.breaks(Client, publish(3)), None);
}

#[test]
fn a_bad_frame_ends_its_direction_alone() {
    let mut bench = Bench::opened();
    let mut octets = Vec::new();
    publish(1).encode(&mut octets);
    let at = octets.len() - 5;
    octets[at] ^= 1;
    let told = bench.feed(Client, &octets);
    assert!(matches!(&told[..], [Seen { sender: Client, step: Step::Fault(f), .. }] if !f.goes_on));
    assert!(bench.feed(Client, &octets).is_empty());
    assert_eq!(bench.breaks(Server, Message::Close { code: Code::BadFrame, reason: "" }), None);
    // A frame that is none of the messages leaves the edges where they are.
    octets.clear();
    framing::encode(&mut octets, 0x55, |_| {});
    let told = bench.feed(Server, &octets);
    assert!(matches!(&told[..], [Seen { step: Step::Fault(f), .. }] if f.goes_on && f.code == 11));
}

#[test]
fn a_stream_is_known_by_its_first_header() {
    let mut octets = Vec::new();
    Message::Hello { client: "c", token: "" }.encode(&mut octets);
    for n in 0..framing::HEADER {
        assert_eq!(begins(&octets[..n]), None, "{n} octets");
    }
    assert_eq!(begins(&octets), Some(true));
    assert!(is_frame(&octets) && may_be_frame(&octets) && !is_frame(&octets[1..]));
    for n in 0..framing::HEADER {
        let mut other = octets.clone();
        other[n] ^= 0x20;
        assert_eq!(begins(&other), Some(false), "octet {n}");
    }
    assert_eq!(begins(b"LOCK / HTTP/1.1"), Some(false));
    octets.clear();
    framing::encode(&mut octets, 0x55, |_| {});
    assert_eq!(begins(&octets), Some(false), "a type that nobody knows");
}

#[test]
fn memory_stays_bounded_and_what_was_forgotten_is_not_blamed() {
    let mut bench = Bench::opened();
    bench.say(Client, subscribe(1, 0));
    bench.say(Server, Message::Done { request: 1, value: 0 });
    for n in 0..5000 {
        bench.say(Client, publish(n + 1));
        bench.say(Server, deliver(1, n));
    }
    for n in 2..5000 {
        bench.say(Client, subscribe(n, 0));
        bench.say(Server, Message::Done { request: n, value: 0 });
        bench.say(Client, Message::Ping { token: n.into() });
    }
    assert!(bench.observer.held() < 1 << 20, "{}", bench.observer.held());
    assert_eq!(bench.breaks(Server, Message::Confirm { first: 1, last: 1 }), None);
    assert_eq!(bench.breaks(Client, ack(1, 0)), None);
}

/// Any message of a side, numbers small so that they meet.
fn message() -> impl Strategy<Value = (Side, Vec<u8>)> {
    (0u8..20, 0u64..6, 0u32..3, any::<bool>(), "[a-z]{0,4}").prop_map(|(n, long, word, flag, text)| {
        let (queue, body) = (text.as_str(), text.as_bytes());
        let message = match n {
            0 => Message::Hello { client: queue, token: queue },
            1 => Message::Welcome { server: queue, max_payload: 40, idle_ms: word },
            2 => declare(word),
            3 => subscribe(word, 1),
            4 => ack(word, long),
            5 => Message::Nack { subscription: word, requeue: flag, offset: long },
            6 => Message::Unsubscribe { subscription: word },
            7 => Message::Inspect { request: word, queue },
            8 => Message::Delete { request: word, queue },
            9 => Message::Purge { request: word, queue },
            10 => Message::Ping { token: long },
            11 => Message::Pong { token: long },
            12 => Message::Close { code: Code::from(word as u16), reason: queue },
            13 => Message::Done { request: word, value: long },
            14 => Message::Confirm { first: long, last: long + u64::from(word) },
            15 => Message::Refused { what: word as u8 + 2, number: long, code: Code::Full, reason: queue },
            16 => Message::Report { request: word, json: queue },
            17 => Message::Duplicate { seq: long, offset: long },
            18 => deliver(word, long),
            _ => Message::Publish { seq: long, queue, id: body, body },
        };
        let mut octets = Vec::new();
        message.encode(&mut octets);
        let server = message.kind() > kind::CLOSE || message.kind() >= kind::PING && flag;
        (if server { Server } else { Client }, octets)
    })
}

proptest! {
    /// However the two streams are cut: the same facts.
    #[test]
    fn any_cutting_gives_the_same_facts(
        messages in prop::collection::vec(message(), 1..40),
        sizes in prop::collection::vec(1usize..30, 1..8),
    ) {
        let read = |sizes: &[usize]| {
            let (mut observer, mut told, mut sizes) =
                (Observer::new(true, true), Vec::new(), sizes.iter().cycle());
            for (side, octets) in &messages {
                let mut rest = octets.as_slice();
                while !rest.is_empty() {
                    let (part, more) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                    observer.feed(*side, part, (Time::ZERO, None), &mut |seen| told.push(seen));
                    rest = more;
                }
            }
            told
        };
        let whole = read(&[usize::MAX]);
        prop_assert_eq!(whole.len(), messages.len());
        prop_assert_eq!(whole, read(&sizes));
    }

    #[test]
    fn no_octets_are_too_much(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzz_observer(&octets);
    }

    /// Frames with a few octets changed.
    #[test]
    fn nor_are_damaged_frames(
        messages in prop::collection::vec(message(), 1..12),
        at in any::<prop::sample::Index>(),
        flip in any::<u8>(),
        cut in any::<u8>(),
    ) {
        let mut octets: Vec<u8> = messages.into_iter().flat_map(|(_, octets)| octets).collect();
        let n = at.index(octets.len());
        octets[n] ^= flip;
        fuzz_observer(&[&[cut, cut.rotate_left(3)], &octets[..]].concat());
    }
}
