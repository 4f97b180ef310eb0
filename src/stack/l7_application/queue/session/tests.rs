//! Sessions by the frames that they give.

use super::*;
use crate::stack::l7_application::framing::{self, MAX_PAYLOAD};
use crate::stack::l7_application::queue::engine::{From, Kind, Limits, Policy};

/// A server without sockets: its engine, and what was told.
struct Server {
    engine: Engine,
    access: Option<Access>,
    now: Time,
    stopped: Option<&'static str>,
    changes: usize,
}

impl Server {
    fn new() -> Server {
        Server {
            engine: Engine::new(Limits::default()),
            access: None,
            now: Time::ZERO,
            stopped: None,
            changes: 0,
        }
    }

    fn lend<R>(&mut self, act: impl FnOnce(&mut House<'_>) -> R) -> R {
        let Server { engine, access, now, stopped, changes } = self;
        let mut tell = |_: engine::Change<'_>| *changes += 1;
        act(&mut House {
            engine,
            access: access.as_ref(),
            now: *now,
            tell: &mut tell,
            stopped: *stopped,
            max_payload: 1 << 16,
            idle: Some(Duration::from_secs(60)),
        })
    }

    fn hear(&mut self, session: &mut Session, message: Message<'_>) -> (Result<Told, Farewell>, String) {
        let mut out = Vec::new();
        let told = self.lend(|house| session.hear(message, house, &mut out));
        (told, words(&out))
    }

    /// What it answers to a message that ends nothing.
    #[track_caller]
    fn say(&mut self, session: &mut Session, message: Message<'_>) -> String {
        let (told, words) = self.hear(session, message);
        told.expect("no fault");
        words
    }

    fn hello(&mut self, datagrams: bool) -> Session {
        let mut session = Session::new(datagrams);
        let hello = Message::Hello { client: "c", token: "" };
        assert_eq!(
            self.say(&mut session, hello),
            "Welcome { server: \"layerlab\", max_payload: 65536, idle_ms: 60000 }"
        );
        session
    }

    /// What a driver would hand out now.
    fn pump(&mut self, session: &mut Session) -> String {
        let (mut out, now) = (Vec::new(), self.now);
        while let Some(consumer) = self.engine.take_ready() {
            let number =
                session.subscriptions.iter().find(|s| s.consumer == consumer).expect("its own").number;
            if let Some(delivery) = self.lend(|house| house.engine.next(consumer, &mut *house.tell)) {
                session.deliver(now, number, Mode::AtLeastOnce, &delivery, &mut out);
            }
        }
        words(&out)
    }
}

/// Frames as people read them.
fn words(mut octets: &[u8]) -> String {
    let mut words = Vec::new();
    while let Some(frame) = framing::parse(octets, MAX_PAYLOAD).expect("frames") {
        let message = match Message::decode(&frame).expect("messages") {
            Message::Deliver { subscription, offset, deliveries, body, .. } => {
                format!("deliver {subscription} {offset} x{deliveries} {}", String::from_utf8_lossy(body))
            }
            Message::Confirm { first, last } => format!("confirm {first}-{last}"),
            Message::Refused { what, number, code, .. } => format!("refused {what:02x} {number} {code}"),
            Message::Done { request, value } => format!("done {request} {value}"),
            Message::Duplicate { seq, offset } => format!("duplicate {seq} {offset}"),
            other => format!("{other:?}"),
        };
        words.push(message);
        octets = &octets[frame.octets.len()..];
    }
    assert!(octets.is_empty(), "whole frames only");
    words.join(", ")
}

fn declare(request: u32, queue: &str) -> Message<'_> {
    Message::Declare(Declare {
        request,
        queue,
        kind: Kind::Work,
        policy: Policy::Reject,
        max_messages: 3,
        max_bytes: 0,
        max_age_ms: 0,
        max_deliveries: 0,
        window: 4,
        dead_letter: "",
    })
}

fn publish<'a>(seq: u64, queue: &'a str, id: &'a str, body: &'a str) -> Message<'a> {
    Message::Publish { seq, queue, id: id.as_bytes(), body: body.as_bytes() }
}

fn subscribe(subscription: u32, queue: &str, prefetch: u32) -> Message<'_> {
    Message::Subscribe { subscription, queue, prefetch, mode: Mode::AtLeastOnce, from: From::New }
}

#[test]
fn the_first_frame_is_hello_and_there_is_one() {
    let mut server = Server::new();
    for early in [
        Message::Ping { token: 1 },
        declare(1, "q"),
        publish(1, "q", "", "x"),
        Message::Welcome { server: "", max_payload: 0, idle_ms: 0 },
    ] {
        let (told, said) = server.hear(&mut Session::new(false), early);
        assert_eq!((told.unwrap_err().code, said.as_str()), (Code::Unexpected, ""));
    }
    assert_eq!(server.changes, 0, "nobody did anything");
    let (told, _) = server.hear(&mut Session::new(false), Message::Close { code: Code::Normal, reason: "" });
    assert_eq!(told, Ok(Told::Closed), "to leave at once is no fault");
    let mut session = server.hello(false);
    assert_eq!(session.client(), Some("c"));
    let again = Message::Hello { client: "d", token: "" };
    assert_eq!(server.hear(&mut session, again).0.unwrap_err().code, Code::Unexpected);
    // A datagram may come twice.
    let mut far = server.hello(true);
    assert!(server.say(&mut far, again).starts_with("Welcome"));
}

#[test]
fn nothing_is_confirmed_before_the_journal_says_so() {
    let mut server = Server::new();
    let mut session = server.hello(false);
    assert_eq!(server.say(&mut session, declare(1, "q")), "done 1 0");
    for seq in [1, 2, 5] {
        assert_eq!(server.say(&mut session, publish(seq, "q", "", "x")), "");
    }
    assert!(session.is_unconfirmed());
    assert_eq!(server.say(&mut session, publish(6, "q", "", "x")), "refused 03 6 32 (full)");
    assert_eq!(server.say(&mut session, publish(7, "other", "", "x")), "refused 03 7 30 (no-queue)");
    assert_eq!(server.say(&mut session, publish(0, "other", "", "x")), "", "seq 0 wants no answer");
    let mut out = Vec::new();
    session.confirm(&mut out);
    assert_eq!(words(&out), "confirm 1-2, confirm 5-5");
    assert!(!session.is_unconfirmed());
    session.confirm(&mut out);
    assert_eq!(words(&out), "confirm 1-2, confirm 5-5", "and once");
    let (told, _) = server.hear(&mut session, publish(7, "q", "", "x"));
    assert_eq!(told.unwrap_err().to_string(), "PUBLISH 7 came after 7: the numbers must grow");
}

#[test]
fn an_id_is_stored_once_and_each_publish_is_answered() {
    let mut server = Server::new();
    let mut session = server.hello(false);
    server.say(&mut session, declare(1, "q"));
    assert_eq!(server.say(&mut session, publish(1, "q", "a", "x")), "");
    assert_eq!(server.say(&mut session, publish(2, "q", "a", "x")), "duplicate 2 0");
    let mut out = Vec::new();
    session.confirm(&mut out);
    assert_eq!((words(&out).as_str(), server.engine.held().0), ("confirm 1-2", 1));
    // On datagrams the same octets come again, under the same number.
    let mut far = server.hello(true);
    for _ in 0..2 {
        assert_eq!(server.say(&mut far, publish(1, "q", "a", "x")), "duplicate 1 0");
    }
    assert_eq!(server.engine.held().0, 1);
}

/// The journal cannot be written: nothing new is stored, and what is there may still be taken.
#[test]
fn a_stopped_journal_stores_nothing_new() {
    let mut server = Server::new();
    let mut session = server.hello(false);
    server.say(&mut session, declare(1, "q"));
    server.say(&mut session, publish(1, "q", "", "x"));
    server.say(&mut session, subscribe(1, "q", 0));
    server.stopped = Some("no space left");
    let before = server.changes;
    assert_eq!(server.say(&mut session, publish(2, "q", "", "x")), "refused 03 2 41 (storage)");
    assert_eq!(server.say(&mut session, declare(2, "new")), "refused 02 2 41 (storage)");
    assert_eq!(server.changes, before, "a client cannot make us remember without end");
    assert_eq!(server.say(&mut session, declare(3, "q")), "done 3 0", "it stands already");
    assert_eq!(server.pump(&mut session), "deliver 1 0 x1 x");
    assert_eq!(server.say(&mut session, Message::Ack { subscription: 1, multiple: false, offset: 0 }), "");
    assert_eq!(server.engine.held().0, 0);
}

#[test]
fn messages_are_handed_out_by_credit_and_settled() {
    let mut server = Server::new();
    let mut session = server.hello(false);
    server.say(&mut session, declare(1, "q"));
    for seq in 1..=3 {
        server.say(&mut session, publish(seq, "q", "", "x"));
    }
    assert_eq!(server.say(&mut session, subscribe(7, "q", 2)), "done 7 0");
    assert_eq!(server.pump(&mut session), "deliver 7 0 x1 x, deliver 7 1 x1 x");
    let ack = |subscription, multiple, offset| Message::Ack { subscription, multiple, offset };
    assert_eq!(server.say(&mut session, ack(7, false, 2)), "refused 05 2 34 (not-unacked)");
    assert_eq!(server.say(&mut session, ack(8, false, 0)), "refused 05 0 35 (bad-subscription)");
    let nack = Message::Nack { subscription: 7, requeue: true, offset: 0 };
    assert_eq!(server.say(&mut session, nack), "");
    assert_eq!(server.pump(&mut session), "deliver 7 0 x2 x", "from the head, and counted");
    assert_eq!(server.say(&mut session, ack(7, true, 1)), "");
    assert_eq!(server.pump(&mut session), "deliver 7 2 x1 x");
    // The number is taken; another is not.
    assert_eq!(server.say(&mut session, subscribe(7, "q", 2)), "refused 04 7 35 (bad-subscription)");
    assert_eq!(server.say(&mut session, Message::Unsubscribe { subscription: 7 }), "");
    let gone = Message::Unsubscribe { subscription: 7 };
    assert_eq!(server.say(&mut session, gone), "refused 07 7 35 (bad-subscription)");
    assert_eq!(server.say(&mut session, subscribe(7, "q", 2)), "done 7 2");
    assert_eq!(server.pump(&mut session), "deliver 7 2 x2 x");
    let gone = server.lend(|house| session.leave(house));
    assert_eq!((gone.len(), session.consumers().count()), (1, 0));
    assert_eq!(server.engine.held().0, 1, "what was in hand went back");
}

#[test]
fn over_datagrams_what_is_not_acknowledged_in_a_second_comes_again() {
    let mut server = Server::new();
    let mut session = server.hello(true);
    server.say(&mut session, declare(1, "q"));
    server.say(&mut session, publish(1, "q", "", "x"));
    server.say(&mut session, publish(2, "q", "", "y"));
    assert_eq!(server.say(&mut session, subscribe(7, "q", 2)), "done 7 0");
    assert_eq!(
        server.say(&mut session, subscribe(7, "q", 2)),
        "done 7 0",
        "asked twice, answered twice, made once"
    );
    assert_eq!(session.consumers().count(), 1);
    assert_eq!(server.pump(&mut session), "deliver 7 0 x1 x, deliver 7 1 x1 y");
    let due = session.deadline().expect("it waits for ACKs");
    assert_eq!(due, Time::ZERO + REDELIVER);
    let ack = Message::Ack { subscription: 7, multiple: false, offset: 1 };
    assert_eq!(server.say(&mut session, ack), "");
    assert_eq!(server.say(&mut session, ack), "", "settled already: harmless");
    server.now = due;
    server.lend(|house| session.tick(house));
    assert_eq!(server.pump(&mut session), "deliver 7 0 x2 x");
    assert_eq!(session.deadline(), Some(due + REDELIVER));
    server.say(&mut session, Message::Ack { subscription: 7, multiple: true, offset: 0 });
    assert_eq!((session.deadline(), server.engine.held().0), (None, 0));
    // A queue that goes takes what was under way with it.
    server.say(&mut session, publish(3, "q", "", "z"));
    server.pump(&mut session);
    assert!(session.deadline().is_some());
    let Ok(Told::Deleted(queue)) = server.hear(&mut session, Message::Delete { request: 9, queue: "q" }).0
    else {
        panic!("a queue that is there is deleted")
    };
    let gone = server.lend(|house| house.engine.delete(queue, &mut *house.tell)).unwrap();
    let mut out = Vec::new();
    gone.iter().for_each(|consumer| session.forget(*consumer, &mut out));
    let told = framing::whole(&out, framing::MAX_PAYLOAD).unwrap();
    let refused = Message::decode(&told).unwrap();
    assert!(matches!(
        refused,
        Message::Refused { what: kind::SUBSCRIBE, number: 7, code: Code::NoQueue, .. }
    ));
    assert_eq!((session.deadline(), session.consumers().count()), (None, 0));
}

#[test]
fn rights_are_asked_for_each_thing() {
    let mut server = Server::new();
    let text = "user alice token s3cret publish orders.* consume log\nuser ops token top declare * publish * consume *\n";
    server.access = Some(Access::parse(text).unwrap());
    let mut nobody = Session::new(false);
    let (told, said) = server.hear(&mut nobody, Message::Hello { client: "c", token: "guess" });
    assert_eq!((told.unwrap_err().code, said.as_str()), (Code::Unauthenticated, ""));
    let mut hello = |token| {
        let mut session = Session::new(false);
        server.say(&mut session, Message::Hello { client: "c", token });
        session
    };
    let (mut alice, mut ops) = (hello("s3cret"), hello("top"));
    for queue in ["orders.new", "log"] {
        assert_eq!(server.say(&mut alice, declare(1, queue)), "refused 02 1 21 (forbidden)");
        assert_eq!(server.say(&mut ops, declare(1, queue)), "done 1 0");
    }
    assert_eq!(server.say(&mut alice, publish(1, "orders.new", "", "x")), "");
    assert_eq!(server.say(&mut alice, publish(2, "log", "", "x")), "refused 03 2 21 (forbidden)");
    assert_eq!(server.say(&mut alice, subscribe(1, "orders.new", 1)), "refused 04 1 21 (forbidden)");
    assert_eq!(server.say(&mut alice, subscribe(1, "log", 1)), "done 1 0");
    let inspect = Message::Inspect { request: 4, queue: "orders.new" };
    assert_eq!(server.say(&mut alice, inspect), "refused 08 4 21 (forbidden)");
    for (number, message) in
        [(5, Message::Purge { request: 5, queue: "log" }), (6, Message::Delete { request: 6, queue: "log" })]
    {
        let what = message.kind();
        assert_eq!(server.say(&mut alice, message), format!("refused {what:02x} {number} 21 (forbidden)"));
    }
    // A dead-letter queue is a way to publish.
    let Message::Declare(plain) = declare(7, "mine") else { panic!("it is one") };
    server.access = Some(Access::parse("user eve token e declare mine\n").unwrap());
    let mut eve = Session::new(false);
    server.say(&mut eve, Message::Hello { client: "c", token: "e" });
    let sly = Message::Declare(Declare { dead_letter: "log", ..plain });
    assert_eq!(server.say(&mut eve, sly), "refused 02 7 21 (forbidden)");
}

#[test]
fn what_only_a_server_says_is_a_fault_of_the_client() {
    let mut server = Server::new();
    for message in [
        Message::Done { request: 1, value: 0 },
        Message::Confirm { first: 1, last: u64::MAX },
        Message::Report { request: 1, json: "{}" },
        Message::Duplicate { seq: 1, offset: 1 },
    ] {
        let mut session = server.hello(false);
        assert_eq!(server.hear(&mut session, message).0.unwrap_err().code, Code::Unexpected);
    }
    let mut session = server.hello(false);
    assert_eq!(server.say(&mut session, Message::Ping { token: 9 }), "Pong { token: 9 }");
    assert_eq!(server.say(&mut session, Message::Pong { token: 9 }), "");
}

#[test]
fn subscriptions_of_one_client_are_bounded() {
    let mut server = Server::new();
    let mut session = server.hello(false);
    server.say(&mut session, declare(1, "q"));
    for number in 0..1024 {
        assert_eq!(server.say(&mut session, subscribe(number, "q", 1)), format!("done {number} 0"));
    }
    assert_eq!(server.say(&mut session, subscribe(5000, "q", 1)), "refused 04 5000 40 (limit)");
}
