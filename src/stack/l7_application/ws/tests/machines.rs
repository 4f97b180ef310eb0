//! A client and a server against each other, in virtual time.

use super::handshake::{ClientRequest, DeflateWish, Refusal, ServerPolicy};
use super::machine::{Command, Event, Settings, Waiting, WebSocket};
use super::*;
use crate::model::{Hangup, Input, Machine, Outbox, Time};
use crate::stack::l7_application::http1;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Both ends, a link that cuts as it likes, and a clock.
struct Pair {
    ends: [WebSocket; 2],
    boxes: [Outbox<Event>; 2],
    said: [Vec<Event>; 2],
    eof: [bool; 2],
    now: Time,
    cuts: Vec<usize>,
    turn: usize,
    /// Nothing crosses the link.
    cut_off: bool,
}

impl Pair {
    fn new(request: ClientRequest, policy: ServerPolicy, settings: Settings, cuts: Vec<usize>) -> Pair {
        let settings = Arc::new(settings);
        let client = WebSocket::client(request, Masks::seeded(3), settings.clone());
        let server = WebSocket::server(Time::ZERO, Arc::new(policy), settings);
        Pair {
            ends: [client, server],
            boxes: [Outbox::new(), Outbox::new()],
            said: Default::default(),
            eof: [false; 2],
            now: Time::ZERO,
            cuts,
            turn: 0,
            cut_off: false,
        }
    }

    fn plain(settings: Settings) -> Pair {
        Pair::new(ClientRequest::new("h", "/", [9; 16]), ServerPolicy::default(), settings, vec![1000])
    }

    fn open(settings: Settings) -> Pair {
        let mut pair = Pair::plain(settings);
        pair.command(Side::Client, Command::Begin).unwrap();
        pair.settle();
        assert!(pair.ends.iter().all(WebSocket::is_open));
        pair.said = Default::default();
        pair
    }

    fn input(&mut self, side: Side, input: Input<'_, Command>) -> Result<(), Misuse> {
        let n = side as usize;
        let result = self.ends[n].handle(self.now, input, &mut self.boxes[n]);
        self.said[n].extend(self.boxes[n].events.drain(..));
        result
    }

    fn command(&mut self, side: Side, command: Command) -> Result<(), Misuse> {
        self.input(side, Input::Command(command))
    }

    /// Carries octets both ways until none are left, then ends of streams.
    fn settle(&mut self) {
        while !self.cut_off {
            let Some(from) = Side::BOTH.into_iter().find(|&s| self.has_news(s)) else {
                let due = |s: &Side| self.ends[*s as usize].deadline().is_some_and(|at| at <= self.now);
                let Some(side) = Side::BOTH.into_iter().find(due) else { return };
                self.input(side, Input::Tick).unwrap();
                continue;
            };
            let n = from as usize;
            if self.boxes[n].stream.is_empty() {
                self.eof[n] = true;
                self.input(from.other(), Input::Eof).unwrap();
                continue;
            }
            self.turn += 1;
            let cut = self.cuts[self.turn % self.cuts.len()].min(self.boxes[n].stream.len());
            let octets: Vec<u8> = self.boxes[n].stream.drain(..cut).collect();
            self.input(from.other(), Input::Stream(&octets)).unwrap();
        }
    }

    fn has_news(&self, side: Side) -> bool {
        let n = side as usize;
        !self.boxes[n].stream.is_empty() || (self.boxes[n].hangup != Hangup::No && !self.eof[n])
    }

    /// To the next deadline of either end; false when there is none.
    fn advance(&mut self) -> bool {
        let Some(next) = self.ends.iter().filter_map(WebSocket::deadline).min() else { return false };
        self.now = self.now.max(next);
        for side in Side::BOTH {
            self.input(side, Input::Tick).unwrap();
        }
        self.settle();
        true
    }

    fn run(&mut self) {
        for _ in 0..100 {
            if !self.advance() {
                return;
            }
        }
        panic!("it does not come to rest: {:?}", self.said);
    }

    fn said(&self, side: Side) -> &[Event] {
        &self.said[side as usize]
    }
}

fn text(text: &str) -> Command {
    Command::Message { kind: Kind::Text, payload: text.into(), fragment: None }
}

fn closed(code: CloseCode, reason: &str, clean: bool) -> Event {
    Event::Closed { code, reason: reason.into(), clean }
}

#[test]
fn the_whole_story_of_a_connection() {
    let mut pair = Pair::plain(Settings { tell_frames: Some(3), ..Settings::default() });
    assert_eq!(pair.command(Side::Client, text("early")), Err(Misuse::NotOpen));
    pair.command(Side::Client, Command::Begin).unwrap();
    assert_eq!(pair.command(Side::Client, Command::Begin), Err(Misuse::AlreadyBegun));
    pair.settle();
    for side in Side::BOTH {
        let [Event::Request(_), Event::Response(head, Some(steps)), Event::Opened(_)] = pair.said(side)
        else {
            panic!("{:?}", pair.said(side));
        };
        assert_eq!(head.fields.text("sec-websocket-accept"), Some(steps.accept.as_str()));
    }
    pair.said = Default::default();
    pair.command(Side::Client, text("hello")).unwrap();
    pair.command(Side::Client, Command::Close(Some((CloseCode::NORMAL, "bye".into())))).unwrap();
    pair.settle();
    pair.run();
    let told = |events: &[Event], by: Side, opcode: Opcode, sample: &[u8]| {
        let is = |e: &&Event| {
            matches!(e, Event::Frame { sender, header, payload }
            if *sender == by && header.opcode == opcode && payload == sample)
        };
        events.iter().filter(is).count()
    };
    for side in Side::BOTH {
        assert_eq!(told(pair.said(side), Side::Client, Opcode::Text, b"hel"), 1);
        assert_eq!(told(pair.said(side), Side::Server, Opcode::Close, &1000u16.to_be_bytes()), 1);
    }
    let server = pair.said(Side::Server);
    assert!(server.contains(&Event::Message(Kind::Text, b"hello".to_vec())));
    assert!(server.contains(&Event::Close(Some((CloseCode::NORMAL, "bye".into())))));
    assert_eq!(server.last(), Some(&closed(CloseCode::NORMAL, "bye", true)));
    assert_eq!(pair.said(Side::Client).last(), Some(&closed(CloseCode::NORMAL, "", true)));
    assert_eq!(pair.now, Time::ZERO, "nobody waited for a timer");
}

#[test]
fn the_server_ends_tcp_first() {
    let mut pair = Pair::open(Settings::default());
    pair.command(Side::Client, Command::Close(None)).unwrap();
    let octets: Vec<u8> = pair.boxes[0].stream.drain(..).collect();
    pair.input(Side::Server, Input::Stream(&octets)).unwrap();
    assert_eq!((pair.boxes[1].hangup, pair.ends[1].deadline()), (Hangup::No, Some(Time::ZERO)));
    pair.input(Side::Server, Input::Tick).unwrap();
    assert_eq!(pair.boxes[1].hangup, Hangup::Finish);
    let octets: Vec<u8> = pair.boxes[1].stream.drain(..).collect();
    pair.input(Side::Client, Input::Stream(&octets)).unwrap();
    assert_eq!(pair.boxes[0].hangup, Hangup::No);
    // A server that never does is not waited for for ever.
    pair.now += Duration::from_secs(5);
    pair.input(Side::Client, Input::Tick).unwrap();
    assert_eq!(pair.boxes[0].hangup, Hangup::Abort);
    let said = pair.said(Side::Client);
    assert_eq!(
        said[said.len() - 2..],
        [Event::TimedOut(Waiting::Close), closed(CloseCode::NO_STATUS, "", true)]
    );
}

#[test]
fn what_came_before_a_close_or_a_fault_can_still_be_answered() {
    let texts =
        [frame(Side::Client, true, Opcode::Text, b"a"), frame(Side::Client, true, Opcode::Text, b"b")]
            .concat();
    let close = frame(Side::Client, true, Opcode::Close, b"");
    for (end, answer) in [(close, "88 00"), (hex("83"), "88 02 03ea")] {
        let mut pair = Pair::open(Settings::default());
        pair.input(Side::Server, Input::Stream(&[texts.clone(), end].concat())).unwrap();
        pair.command(Side::Server, text("A")).unwrap();
        pair.command(Side::Server, text("B")).unwrap();
        pair.input(Side::Server, Input::Tick).unwrap();
        assert_eq!(pair.boxes[1].stream, [hex("81 01 41 81 01 42"), hex(answer)].concat());
        assert_eq!(pair.boxes[1].hangup, Hangup::Finish);
        assert_eq!(pair.command(Side::Server, text("C")), Err(Misuse::NotOpen));
    }
}

#[test]
fn a_violation_ends_the_connection_and_says_why() {
    let mut pair = Pair::open(Settings::default());
    pair.command(Side::Client, Command::Raw(hex("81 02 6869"))).unwrap();
    pair.settle();
    pair.run();
    let fault = Fault { blame: Side::Client, rule: Rule::Unmasked };
    let client = pair.said(Side::Client);
    assert!(client.contains(&Event::Close(Some((CloseCode::PROTOCOL_ERROR, String::new())))));
    assert_eq!(pair.said(Side::Server), [Event::Fault(fault), closed(CloseCode::ABNORMAL, "", false)]);
    assert_eq!(pair.command(Side::Server, text("x")), Err(Misuse::NotOpen));
}

#[test]
fn a_refused_handshake_is_told_on_both_sides() {
    let policy = ServerPolicy { paths: vec!["/here".into()], ..ServerPolicy::default() };
    let mut pair = Pair::new(ClientRequest::new("h", "/", [9; 16]), policy, Settings::default(), vec![7]);
    pair.command(Side::Client, Command::Begin).unwrap();
    pair.settle();
    pair.run();
    assert!(pair.said(Side::Server).contains(&Event::Refused(Refusal::Path { path: "/".into() })));
    let refused = Event::Refused(Refusal::Status { got: 404, reason: "Not Found".into() });
    assert!(pair.said(Side::Client).contains(&refused));
    for side in Side::BOTH {
        assert_eq!(pair.said(side).last(), Some(&closed(CloseCode::ABNORMAL, "", false)));
    }
}

#[test]
fn a_wrong_accept_value_fails_the_client() {
    let mut pair = Pair::plain(Settings::default());
    pair.command(Side::Client, Command::Begin).unwrap();
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
    pair.input(Side::Client, Input::Stream(answer)).unwrap();
    let refused = |e: &Event| matches!(e, Event::Refused(refusal @ Refusal::Accept { .. }) if refusal.blame() == Side::Server);
    assert!(pair.said(Side::Client).iter().any(refused));
    assert_eq!(pair.boxes[0].hangup, Hangup::Finish);
}

#[test]
fn a_silent_peer_is_noticed() {
    // In the handshake: one that connects and says nothing, or too little.
    let mut pair = Pair::plain(Settings::default());
    pair.input(Side::Server, Input::Stream(b"GET / HT")).unwrap();
    assert_eq!(pair.ends[1].deadline(), Some(Time::ZERO + Duration::from_secs(10)));
    pair.run();
    let end = [Event::TimedOut(Waiting::Handshake), closed(CloseCode::ABNORMAL, "", false)];
    assert_eq!(pair.said(Side::Server), end);
    // Once open: a Ping every 2 s, an answer within 1 s.
    let every = Some(Duration::from_secs(2));
    let within = Duration::from_secs(1);
    let mut pair = Pair::open(Settings { ping_every: every, pong_within: within, ..Settings::default() });
    (0..6).for_each(|_| assert!(pair.advance()));
    assert!(pair.ends.iter().all(WebSocket::is_open));
    assert!(pair.said(Side::Client).contains(&Event::Pong(vec![0; 8], Some(Duration::ZERO))));
    pair.cut_off = true;
    let cut_at = pair.now;
    pair.run();
    for side in Side::BOTH {
        assert!(pair.said(side).contains(&Event::TimedOut(Waiting::Pong)));
        assert_eq!(pair.boxes[side as usize].hangup, Hangup::Abort);
    }
    assert!(pair.now.since(cut_at) <= Duration::from_secs(3));
}

#[test]
fn the_end_of_the_stream_without_a_close_is_abnormal() {
    let mut pair = Pair::open(Settings::default());
    pair.input(Side::Client, Input::Eof).unwrap();
    assert_eq!(pair.said(Side::Client), [closed(CloseCode::ABNORMAL, "", false)]);
    pair.input(Side::Client, Input::Eof).unwrap();
    assert_eq!(pair.said(Side::Client).len(), 1, "told once");
    let mut pair = Pair::plain(Settings::default());
    pair.input(Side::Server, Input::Stream(b"GET")).unwrap();
    pair.input(Side::Server, Input::Eof).unwrap();
    let violation = http1::Violation::Truncated { part: "head" };
    let refusal = Refusal::Http(http1::Fault { blame: Side::Client, violation });
    assert_eq!(pair.said(Side::Server)[0], Event::Refused(refusal));
}

proptest! {
    #[test]
    fn both_ways_at_once_in_any_chunking(
        said in prop::collection::vec((any::<bool>(), ".{0,80}", prop::option::of(1usize..20)), 0..12),
        cuts in prop::collection::vec(1usize..120, 1..6), deflate in any::<bool>(),
    ) {
        let mut request = ClientRequest::new("h", "/", [4; 16]);
        request.deflate = deflate.then(DeflateWish::default);
        let policy = ServerPolicy { deflate: Some(DeflateWish::default()), ..ServerPolicy::default() };
        let mut pair = Pair::new(request, policy, Settings::default(), cuts);
        pair.command(Side::Client, Command::Begin).unwrap();
        pair.settle();
        for (by_client, text, fragment) in &said {
            let side = if *by_client { Side::Client } else { Side::Server };
            let payload = text.clone().into_bytes();
            pair.command(side, Command::Message { kind: Kind::Text, payload, fragment: *fragment }).unwrap();
        }
        pair.settle();
        pair.command(Side::Server, Command::Close(Some((CloseCode::GOING_AWAY, "".into())))).unwrap();
        pair.settle();
        pair.run();
        for side in Side::BOTH {
            let heard = pair.said(side).iter().filter_map(|e| match e {
                Event::Message(_, payload) => Some(payload.clone()),
                _ => None,
            });
            let theirs = said.iter().filter(|(by_client, ..)| *by_client == (side == Side::Server));
            prop_assert_eq!(heard.collect::<Vec<_>>(), theirs.map(|(_, t, _)| t.clone().into_bytes()).collect::<Vec<_>>());
            prop_assert_eq!(pair.said(side).last(), Some(&closed(CloseCode::GOING_AWAY, "", true)));
        }
    }

    #[test]
    fn no_octets_panic_a_machine(octets in prop::collection::vec(any::<u8>(), 0..200), open in any::<bool>()) {
        for side in Side::BOTH {
            let mut pair = if open { Pair::open(Settings::default()) } else { Pair::plain(Settings::default()) };
            pair.input(side, Input::Stream(&octets)).unwrap();
            pair.input(side, Input::Eof).unwrap();
            let last = pair.said(side).last();
            prop_assert!(matches!(last, Some(Event::Closed { .. })), "{:?}", last);
        }
    }
}
