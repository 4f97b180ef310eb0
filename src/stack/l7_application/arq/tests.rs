//! Both sides over a path that loses, repeats and reorders.

use super::*;
use crate::model::{Input, Machine, Outbox, Time};
use proptest::prelude::*;
use std::time::Duration;

const ONE_WAY: Duration = Duration::from_millis(25);

/// Both sides, and datagrams on their way with the moment at which they arrive.
struct Pair {
    now: Time,
    sender: Sender,
    receiver: Receiver,
    there: Vec<(Time, Vec<u8>)>,
    back: Vec<(Time, Vec<u8>)>,
    /// By the transmission's number over both ways, whether it is lost; past the end, nothing is.
    lost: Vec<bool>,
    transmissions: usize,
    told: Vec<(Time, Told)>,
    got: Vec<(Time, u32, Vec<u8>)>,
    again: usize,
}

impl Pair {
    fn new(lost: &[bool]) -> Pair {
        Pair {
            now: Time::ZERO,
            sender: Sender::new(),
            receiver: Receiver::new(),
            there: Vec::new(),
            back: Vec::new(),
            lost: lost.to_vec(),
            transmissions: 0,
            told: Vec::new(),
            got: Vec::new(),
            again: 0,
        }
    }

    fn passes(&mut self) -> bool {
        self.transmissions += 1;
        !self.lost.get(self.transmissions - 1).copied().unwrap_or(false)
    }

    fn feed_sender(&mut self, input: Input<'_, Vec<u8>>) {
        let mut out = Outbox::new();
        self.sender.handle(self.now, input, &mut out).unwrap();
        self.told.extend(out.events.into_iter().map(|e| (self.now, e)));
        for datagram in out.datagrams {
            if self.passes() {
                self.there.push((self.now + ONE_WAY, datagram));
            }
        }
    }

    fn send(&mut self, message: &[u8]) {
        self.feed_sender(Input::Command(message.to_vec()));
    }

    fn feed_receiver(&mut self, datagram: &[u8]) {
        let mut out = Outbox::new();
        let Ok(()) = self.receiver.handle(self.now, Input::Datagram(datagram), &mut out);
        for event in out.events {
            match event {
                Heard::Message { number, message } => self.got.push((self.now, number, message)),
                Heard::Again { .. } => self.again += 1,
                Heard::Malformed(error) => panic!("{error}"),
            }
        }
        for datagram in out.datagrams {
            if self.passes() {
                self.back.push((self.now + ONE_WAY, datagram));
            }
        }
    }

    /// Goes to the next moment at which something is due, up to `end`; false when nothing is.
    fn step(&mut self, end: Time) -> bool {
        let ways = self.there.iter().chain(&self.back).map(|(at, _)| *at);
        let Some(next) = ways.chain(self.sender.deadline()).min().filter(|at| *at <= end) else {
            return false;
        };
        self.now = self.now.max(next);
        let (now, due) = (self.now, |(at, _): &(Time, Vec<u8>)| *at <= next);
        for (_, datagram) in self.there.extract_if(.., |d| due(d)).collect::<Vec<_>>() {
            self.feed_receiver(&datagram);
        }
        for (_, datagram) in self.back.extract_if(.., |d| due(d)).collect::<Vec<_>>() {
            self.feed_sender(Input::Datagram(&datagram));
        }
        if self.sender.deadline().is_some_and(|at| at <= now) {
            self.feed_sender(Input::Tick);
        }
        true
    }

    fn run(&mut self) {
        while self.step(Time::MAX) {}
        assert!(self.sender.is_idle());
    }

    fn run_until(&mut self, end: Time) {
        while self.step(end) {}
        self.now = end;
    }
}

#[test]
fn without_loss_nothing_is_sent_twice() {
    let mut pair = Pair::new(&[]);
    for n in 0..50_u64 {
        pair.run_until(Time::from_millis(n * 10));
        pair.send(&n.to_be_bytes());
    }
    pair.run();
    assert_eq!(pair.transmissions, 100, "a datagram and an acknowledgment each");
    assert_eq!(
        pair.got.iter().map(|(_, number, _)| *number).collect::<Vec<_>>(),
        (1..=50).collect::<Vec<_>>()
    );
    assert_eq!(pair.again, 0);
}

#[test]
fn a_lost_message_holds_up_no_other_and_costs_about_a_round_trip() {
    // The first measures the path; of those from 100 ms on, one every 10 ms, the third is lost.
    let mut pair = Pair::new(&[]);
    for _ in 0..20 {
        pair.send(b"measure");
        pair.run();
    }
    let begun = pair.now;
    pair.lost = vec![false; pair.transmissions];
    for n in 0..10_u64 {
        pair.run_until(begun + Duration::from_millis(10 * n));
        if n == 2 {
            pair.lost.resize(pair.transmissions, false);
            pair.lost.push(true);
        }
        pair.send(&[n as u8]);
    }
    pair.run();
    let order: Vec<u8> = pair.got[20..].iter().map(|(.., message)| message[0]).collect();
    assert_eq!(order.len(), 10);
    assert_ne!(order, (0..10).collect::<Vec<_>>(), "not in order: that is TCP's to promise");
    let third = pair.got.iter().rfind(|(.., message)| message[..] == [2]).unwrap().0;
    let late = third.since(begun + Duration::from_millis(20));
    assert!((ONE_WAY * 3 + GRANULARITY..ONE_WAY * 4 + GRANULARITY).contains(&late), "{late:?}");
}

#[test]
fn waits_double_and_end() {
    let mut pair = Pair::new(&[true; 100]);
    pair.send(b"into the void");
    pair.run();
    let resent: Vec<u128> = pair
        .told
        .iter()
        .filter(|(_, told)| matches!(told, Told::Resent { .. }))
        .map(|(at, _)| at.since(Time::ZERO).as_secs().into())
        .collect();
    // 1 s, then 2, 4, 8 ... more (RFC 6298 s5.5), each at most 60.
    assert_eq!(resent, [1, 3, 7, 15, 31, 63, 123]);
    assert_eq!(pair.told.last().unwrap().1, Told::GaveUp { number: 1 });
    assert_eq!(pair.transmissions, usize::from(ATTEMPTS));
}

#[test]
fn a_lost_acknowledgment_repeats_the_message_but_not_its_effect() {
    let mut pair = Pair::new(&[false, true]);
    pair.send(b"once");
    pair.run();
    assert_eq!((pair.got.len(), pair.again), (1, 1));
    assert_eq!(pair.told.last().unwrap().1, Told::Acknowledged { number: 1, attempts: 2 });
    // Measured on the second attempt alone: 50 ms, not the 1,050 since the first.
    assert_eq!(pair.sender.timeout().srtt(), Some(ONE_WAY * 2));
}

#[test]
fn a_message_given_up_does_not_stop_the_rest() {
    let mut pair = Pair::new(&[]);
    let mut sent = 0;
    while sent < 3 * WINDOW {
        // Every attempt of message 5 is lost.
        pair.send(&[]);
        sent += 1;
        pair.there.retain(|(_, d)| !matches!(Packet::decode(d), Ok(Packet::Data { number: 5, .. })));
        pair.step(Time::MAX);
        pair.there.retain(|(_, d)| !matches!(Packet::decode(d), Ok(Packet::Data { number: 5, .. })));
    }
    while pair.step(Time::MAX) {
        pair.there.retain(|(_, d)| !matches!(Packet::decode(d), Ok(Packet::Data { number: 5, .. })));
    }
    assert!(pair.sender.is_idle());
    assert_eq!(pair.got.len(), 3 * WINDOW as usize - 1);
    assert!(pair.told.iter().any(|(_, told)| *told == Told::GaveUp { number: 5 }));
}

#[test]
fn too_much_is_refused_and_nothing_lost_for_it() {
    let mut sender = Sender::new();
    let mut out = Outbox::new();
    let room = WINDOW as usize + BACKLOG;
    for _ in 0..room {
        sender.handle(Time::ZERO, Input::Command(Vec::new()), &mut out).unwrap();
    }
    assert_eq!(sender.handle(Time::ZERO, Input::Command(Vec::new()), &mut out), Err(Misuse::Full));
    assert_eq!(out.datagrams.len(), WINDOW as usize);
}

#[test]
fn the_header_is_the_documented_one() {
    let data = Packet::Data { number: 0x0102_0304, attempt: 2, message: b"hi" };
    assert_eq!(data.encode(), [0x41, 1, 2, 0, 1, 2, 3, 4, b'h', b'i']);
    assert_eq!(Packet::Ack { number: 7, attempt: 1 }.encode(), [0x41, 2, 1, 0, 0, 0, 0, 7]);
    let wrong = |octets: &[u8]| Packet::decode(octets).unwrap_err();
    assert_eq!(wrong(b"A"), Malformed::Short { got: 1 });
    assert_eq!(wrong(&[0x41, 3, 1, 0, 0, 0, 0, 1]), Malformed::Meaningless { offset: 1, value: 3 });
    assert_eq!(wrong(&[0x41, 2, 1, 0, 0, 0, 0, 1, 9]), Malformed::Long { got: 9 });
}

proptest! {
    #[test]
    fn whatever_is_lost_each_message_comes_at_most_once_and_in_the_end(
        lost in prop::collection::vec(prop::bool::weighted(0.3), 0..200),
        gaps in prop::collection::vec(0..60_u64, 1..40),
    ) {
        // Losses end after 200 transmissions, and a message has eight attempts.
        let mut pair = Pair::new(&lost);
        for (n, gap) in gaps.iter().enumerate() {
            pair.run_until(pair.now + Duration::from_millis(*gap));
            pair.send(&(n as u32 + 1).to_be_bytes());
        }
        pair.run();
        let mut numbers: Vec<u32> = pair.got.iter().map(|(_, number, _)| *number).collect();
        for (_, number, message) in &pair.got {
            prop_assert_eq!(&number.to_be_bytes()[..], &message[..]);
        }
        numbers.sort_unstable();
        let given_up = pair.told.iter().filter(|(_, told)| matches!(told, Told::GaveUp { .. })).count();
        let before = numbers.len();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), before, "a message came twice");
        prop_assert!(numbers.len() + given_up >= gaps.len(), "neither came nor given up");
    }

    #[test]
    fn a_datagram_reads_back_as_it_was_written(number in 1..=u32::MAX, attempt in 1..=u8::MAX, message: Vec<u8>) {
        let data = Packet::Data { number, attempt, message: &message };
        let octets = data.encode();
        prop_assert_eq!(Packet::decode(&octets), Ok(data));
        let ack = Packet::Ack { number, attempt };
        let octets = ack.encode();
        prop_assert_eq!(Packet::decode(&octets), Ok(ack));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets: Vec<u8>) {
        if let Ok(packet) = Packet::decode(&octets) {
            prop_assert_eq!(packet.encode(), octets.clone());
        }
        fuzz_arq(&octets);
    }
}
