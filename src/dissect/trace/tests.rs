//! Conversations played segment by segment: each way in which a sender finds out.

mod causes;

use super::*;
use crate::model::{
    Certainty, Class, Delivery, Direction, Endpoint, EventId, Evidence, FrameId, Heading, Ip, LinkLayer,
    LossCause, Place, Protocol, Repair, Rule, Signal, Tcp, TcpFlags, TcpNote,
};
use Direction::{ToClient, ToServer};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
/// One way, in microseconds.
const AWAY: u64 = 10_000;

/// A segment: flags, seq, ack, len, SACK blocks.
type Numbers<'a> = (TcpFlags, u32, u32, u32, &'a [(u32, u32)]);

/// A run in the making: frames are numbered from 1.
struct Play {
    trace: Trace,
    frames: u64,
    index: [u64; 2],
    sack: bool,
    ledger: bool,
}

impl Play {
    fn new() -> Play {
        let host = |last| Endpoint { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), mac: None };
        let mut trace = Trace::new();
        let run = Run {
            command: String::new(),
            version: String::new(),
            system: "linux 6".to_owned(),
            seed: 0,
            backend: crate::model::Backend::Tap,
            wire: String::new(),
            mtu: 1500,
            routers: 0,
            client: host(1),
            server: host(2),
            epoch_unix_ns: 0,
        };
        trace.begin(&run).unwrap();
        Play { trace, frames: 0, index: [0, 0], sack: true, ledger: true }
    }

    /// With the handshake done: frames 1 to 3, the client knows a round trip of 20 ms.
    fn opened() -> Play {
        let mut play = Play::new();
        play.open();
        play
    }

    fn without_sack() -> Play {
        let mut play = Play { sack: false, ..Play::new() };
        play.open();
        play
    }

    /// Somebody else's capture, taken at the client: no run, no ledger.
    fn foreign() -> Play {
        let mut play = Play { ledger: false, ..Play::new() };
        play.trace = Trace::of_file();
        play.open();
        play
    }

    fn open(&mut self) {
        self.client(0, (SYN, 0, 0, 0, &[]));
        self.server(10, (SYN | ACK, 0, 1, 0, &[]));
        self.client(20, (ACK, 1, 1, 0, &[]));
    }

    /// The client sends at this millisecond.
    fn client(&mut self, ms: u64, numbers: Numbers<'_>) -> u64 {
        self.frame(ToServer, ms * 1000, numbers, Some(AWAY), &[])
    }

    /// The server sends at this millisecond; without a ledger it is captured when it arrives.
    fn server(&mut self, ms: u64, numbers: Numbers<'_>) -> u64 {
        let captured = if self.ledger { 0 } else { AWAY };
        self.frame(ToClient, ms * 1000 + captured, numbers, Some(AWAY), &[])
    }

    fn data(&mut self, ms: u64, seq: u32, len: u32) -> u64 {
        self.client(ms, (ACK, seq, 1, len, &[]))
    }

    fn lost(&mut self, ms: u64, seq: u32, len: u32) -> u64 {
        self.frame(ToServer, ms * 1000, (ACK, seq, 1, len, &[]), None, &[])
    }

    fn ack(&mut self, ms: u64, ack: u32, sack: &[(u32, u32)]) -> u64 {
        self.server(ms, (ACK, 1, ack, 0, sack))
    }

    /// Any frame: sent at this microsecond, on its way for so long, or dropped.
    fn frame(
        &mut self,
        direction: Direction,
        us: u64,
        (flags, seq, ack, len, sack): Numbers<'_>,
        away: Option<u64>,
        notes: &[TcpNote],
    ) -> u64 {
        self.frames += 1;
        let id = FrameId(self.frames);
        let at = Time::from_micros(us);
        let (from, to) = if direction == ToServer { (1, 2) } else { (2, 1) };
        let port = |host| if host == 1 { 40_000 } else { 7 };
        let tcp = Tcp {
            stream: 0,
            source_port: port(from),
            destination_port: port(to),
            flags,
            seq,
            ack: flags.has(ACK).then_some(ack),
            len,
            window: 1000,
            mss: None,
            sack_permitted: flags.has(SYN) && self.sack,
            sack: sack.to_vec(),
            checksum_good: Some(true),
            notes: notes.to_vec(),
        };
        let ip = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let ip = Ip {
            source: ip(from as u8),
            destination: ip(to as u8),
            ttl: 64,
            len: 40 + len,
            df: true,
            fragment: None,
            checksum_good: Some(true),
        };
        let seen = Seen {
            id,
            direction,
            len: 54 + len,
            source: [2; 6],
            destination: [3; 6],
            link: LinkLayer::default(),
            packet: Packet::Ip(ip, Carried::Tcp(tcp)),
        };
        self.tell(at, What::Frame(Box::new(seen)));
        if self.ledger {
            let index = &mut self.index[direction.index()];
            *index += 1;
            let fate = match away {
                Some(away) => Fate::Delivered(Delivery::plain(Time::from_micros(us + away))),
                None => Fate::Dropped { by: Rule::Script("tcp.data".into()) },
            };
            let row = Row { id, direction, index: *index, at, len: 54, class: Class::TCP, fate };
            self.tell(at, What::Fate(Box::new(row)));
        }
        self.frames
    }

    fn tell(&mut self, at: Time, what: What) {
        self.tell_at(at, Place::Wire, what);
    }

    fn tell_at(&mut self, at: Time, place: Place, what: What) {
        let event = Event {
            id: EventId(0),
            cause: None,
            at,
            place,
            heading: Heading::Local,
            protocol: Protocol::Tcp,
            what,
            bytes: None,
            evidence: Evidence::Frame,
            cite: None,
        };
        self.trace.event(&event).unwrap();
    }

    /// What was sent again, in short: frame, original, how it was found.
    fn found(&self) -> Vec<(u64, u64, Repair)> {
        let one = |r: Retransmission| (r.frame.id.0, r.original.map_or(0, |f| f.id.0), r.repair);
        self.trace.retransmissions().into_iter().map(one).collect()
    }

    fn causes(&self) -> Vec<LossCause> {
        self.trace.retransmissions().into_iter().map(|r| r.cause).collect()
    }
}

fn name(id: u64) -> FrameName {
    FrameName { id: FrameId(id), number: None }
}

fn dropped(id: u64) -> LossCause {
    LossCause::Dropped { frame: name(id), by: Rule::Script("tcp.data".into()) }
}

#[test]
fn nothing_lost_nothing_found() {
    let mut play = Play::opened();
    play.data(20, 1, 100);
    play.ack(30, 101, &[]);
    play.data(50, 101, 100);
    play.ack(60, 201, &[]);
    assert_eq!(play.found(), []);
}

#[test]
fn sack_blocks_tell_of_a_hole() {
    let mut play = Play::opened();
    let lost = play.lost(20, 1, 100);
    (1..5).for_each(|n| _ = play.data(20, 1 + 100 * n, 100));
    for n in 1..5 {
        play.ack(30, 1, &[(101, 101 + 100 * n)]);
    }
    let again = play.data(40, 1, 100);
    play.ack(50, 501, &[]);
    assert_eq!(play.found(), [(again, lost, Repair::Fast(Signal::Sack(4)))]);
    let [r] = &play.trace.retransmissions()[..] else { panic!() };
    assert_eq!(r.told_by, [9, 10, 11, 12].map(name));
    assert_eq!((r.seq, r.octets, r.new_octets, r.nth), (1, 100, 0, 1));
    assert_eq!(r.gap, Some(Duration::from_millis(20)));
    assert_eq!((r.certainty, r.cause.clone()), (Certainty::Shown, dropped(lost)));
}

#[test]
fn three_duplicate_acks_tell_without_sack() {
    let mut play = Play::without_sack();
    let lost = play.lost(20, 1, 100);
    (1..4).for_each(|n| _ = play.data(20, 1 + 100 * n, 100));
    (1..4).for_each(|_| _ = play.ack(30, 1, &[]));
    let again = play.data(40, 1, 100);
    assert_eq!(play.found(), [(again, lost, Repair::Fast(Signal::DuplicateAcks(3)))]);
}

#[test]
fn a_partial_acknowledgment_tells_of_the_next_hole() {
    let mut play = Play::without_sack();
    let first = play.lost(20, 1, 100);
    let second = play.lost(20, 101, 100);
    (2..5).for_each(|n| _ = play.data(20, 1 + 100 * n, 100));
    (2..5).for_each(|_| _ = play.ack(30, 1, &[]));
    let again = play.data(40, 1, 100);
    let partial = play.ack(50, 101, &[]);
    let next = play.data(60, 101, 100);
    let found = play.found();
    assert_eq!(found[0], (again, first, Repair::Fast(Signal::DuplicateAcks(3))));
    assert_eq!(found[1], (next, second, Repair::Fast(Signal::PartialAck)));
    assert_eq!(play.trace.retransmissions()[1].told_by, [name(partial)]);
}

#[test]
fn a_hole_that_is_not_the_first_is_found_by_sack() {
    let mut play = Play::opened();
    let first = play.lost(20, 1, 100);
    play.data(20, 101, 100);
    let second = play.lost(20, 201, 100);
    play.data(20, 301, 100);
    play.data(20, 401, 100);
    play.ack(30, 1, &[(101, 201)]);
    play.ack(30, 1, &[(301, 401), (101, 201)]);
    play.ack(30, 1, &[(301, 501), (101, 201)]);
    let again = play.data(40, 1, 100);
    let other = play.data(40, 201, 100);
    let found = play.found();
    assert_eq!(found[0], (again, first, Repair::Fast(Signal::Sack(3))));
    assert_eq!(found[1], (other, second, Repair::Fast(Signal::Sack(0))));
}

/// The last of three is lost; a timer waits 224 ms from the acknowledgment of the first two.
fn tail_lost(play: &mut Play) -> (u64, u64) {
    play.data(20, 1, 100);
    play.data(20, 101, 100);
    let lost = play.lost(20, 201, 100);
    play.ack(30, 201, &[]);
    (lost, play.data(264, 201, 100))
}

#[test]
fn a_tail_is_probed_where_the_sender_is_known_to_probe() {
    let mut play = Play::opened();
    let (lost, again) = tail_lost(&mut play);
    play.ack(274, 301, &[]);
    assert_eq!(play.found(), [(again, lost, Repair::TailLossProbe)]);
    assert_eq!(play.trace.retransmissions()[0].certainty, Certainty::Inferred);
    assert_eq!(play.trace.retransmissions()[0].quiet, Duration::from_millis(224));

    let mut plain = Play::without_sack();
    let (lost, again) = tail_lost(&mut plain);
    assert_eq!(plain.found(), [(again, lost, Repair::Timeout { backoff: 0 })]);

    let mut foreign = Play::foreign();
    let (lost, again) = tail_lost(&mut foreign);
    assert_eq!(foreign.found(), [(again, lost, Repair::Timer)], "whether it probes is not known");
}

#[test]
fn a_timer_that_crosses_the_acknowledgment_is_no_answer_to_it() {
    let mut play = Play::opened();
    play.data(20, 1, 100);
    let sent = play.data(20, 101, 100);
    // It is at the client's host after 76 ms, and 4 ms later its TCP has not heard it yet: the host is busy.
    play.ack(66, 201, &[]);
    let again = play.data(80, 101, 100);
    assert_eq!(play.found(), [(again, sent, Repair::TailLossProbe)]);
    assert_eq!(play.trace.retransmissions()[0].certainty, Certainty::Inferred);

    // What SACK said had overtaken it was an answer, though the segment came after all.
    let mut play = Play::opened();
    let late = play.data(20, 1, 100);
    play.data(20, 101, 100);
    play.ack(60, 1, &[(101, 201)]);
    play.ack(66, 201, &[]);
    let again = play.data(80, 1, 100);
    assert_eq!(play.found(), [(again, late, Repair::Fast(Signal::Sack(0)))]);
}

#[test]
fn a_foreign_timer_is_told_by_its_length_where_that_is_enough() {
    let mut play = Play::foreign();
    let lost = play.lost(20, 1, 100);
    // One round trip measured at 20 ms: a timeout is never before 20 + 4 x 10 ms, a probe after 2 x 20 ms.
    let again = play.data(62, 1, 100);
    assert_eq!(play.found(), [(again, lost, Repair::TailLossProbe)]);
    let mut play = Play::foreign();
    let lost = play.lost(20, 1, 100);
    let again = play.data(80, 1, 100);
    assert_eq!(play.found(), [(again, lost, Repair::Timer)]);
    assert_eq!(play.trace.retransmissions()[0].certainty, Certainty::Unknown);
}

#[test]
fn gaps_that_double_are_timeouts() {
    let mut play = Play::opened();
    let lost = play.lost(20, 1, 100);
    let frames = [244, 692, 1588].map(|ms| play.lost(ms, 1, 100));
    let timeout = |backoff| Repair::Timeout { backoff };
    let expected = [0, 1, 2].map(|n| (frames[n as usize], lost, timeout(n)));
    assert_eq!(play.found(), expected);
    assert_eq!(play.causes(), [dropped(lost), dropped(frames[0]), dropped(frames[1])]);
}

#[test]
fn a_gap_that_does_not_double_follows_a_probe() {
    let mut play = Play::opened();
    let lost = play.lost(20, 1, 100);
    let frames = [264, 528, 1056, 2112].map(|ms| play.lost(ms, 1, 100));
    let timeout = |backoff| Repair::Timeout { backoff };
    let repairs = [Repair::TailLossProbe, timeout(0), timeout(1), timeout(2)];
    let expected: Vec<_> = frames.into_iter().zip(repairs).map(|(f, repair)| (f, lost, repair)).collect();
    assert_eq!(play.found(), expected);
}

#[test]
fn what_follows_a_timeout_is_its_continuation() {
    let mut play = Play::without_sack();
    let lost: Vec<u64> = (0..3).map(|n| play.lost(20, 1 + 100 * n, 100)).collect();
    let head = play.data(244, 1, 100);
    play.ack(254, 101, &[]);
    let rest = [play.data(264, 101, 100), play.data(264, 201, 100)];
    let after = Repair::AfterTimeout { timeout: name(head) };
    assert_eq!(
        play.found(),
        [
            (head, lost[0], Repair::Timeout { backoff: 0 }),
            (rest[0], lost[1], after),
            (rest[1], lost[2], after)
        ]
    );
}

#[test]
fn the_handshake_repeats_itself() {
    let mut play = Play::new();
    let syn = play.frame(ToServer, 0, (SYN, 0, 0, 0, &[]), None, &[]);
    let again = play.client(1000, (SYN, 0, 0, 0, &[]));
    let answer = play.frame(ToClient, 1_010_000, (SYN | ACK, 0, 1, 0, &[]), None, &[]);
    let third = play.client(3000, (SYN, 0, 0, 0, &[]));
    let second = play.server(3010, (SYN | ACK, 0, 1, 0, &[]));
    assert_eq!(
        play.found(),
        [
            (again, syn, Repair::Handshake),
            (third, syn, Repair::Handshake),
            (second, answer, Repair::Asked { copy: false })
        ]
    );
    let all = play.trace.retransmissions();
    assert_eq!(
        all[1].cause,
        LossCause::AckDropped { frame: name(again), ack: name(answer), by: Rule::Script("tcp.data".into()) }
    );
    assert_eq!(all[2].told_by, [name(third)], "the repeated SYN asks for it");
}

#[test]
fn a_syn_that_comes_twice_is_answered_twice() {
    let answers = |copied: bool, second: u64| {
        let mut play = Play::new();
        let syn = play.client(0, (SYN, 0, 0, 0, &[]));
        if copied {
            let row = play.trace.frames.last_mut().unwrap().row.as_mut().unwrap();
            let copy = || Delivery::plain(Time::from_micros(AWAY));
            row.fate = Fate::Duplicated { first: copy(), second: copy(), by: Rule::Random(1.0) };
        }
        play.server(10, (SYN | ACK, 0, 1, 0, &[]));
        play.frame(ToClient, second, (SYN | ACK, 0, 1, 0, &[]), Some(AWAY), &[]);
        let one = play.trace.retransmissions().remove(0);
        (one.repair, one.told_by == [name(syn)])
    };
    assert_eq!(answers(true, 10_035), (Repair::Asked { copy: true }, true));
    // Nobody asked: 35 microseconds are no timer, a second is.
    assert_eq!(answers(false, 10_035), (Repair::Unknown, false));
    assert_eq!(answers(false, 1_010_000), (Repair::Handshake, false));
    // Linux answers no second such SYN within half a second: the timer does.
    assert_eq!(answers(true, 1_010_000), (Repair::Handshake, false));
}

#[test]
fn a_foreign_capture_shows_what_its_acks_show() {
    let mut play = Play::foreign();
    let lost = play.lost(20, 1, 100);
    (1..4).for_each(|n| _ = play.data(20, 1 + 100 * n, 100));
    let acks: Vec<u64> = (1..4).map(|n| play.ack(30, 1, &[(101, 101 + 100 * n)])).collect();
    let again = play.data(40, 1, 100);
    assert_eq!(play.found(), [(again, lost, Repair::Fast(Signal::Sack(3)))]);
    let numbered = |id| FrameName { id: FrameId(id), number: Some(id) };
    assert_eq!(play.causes(), [LossCause::Missing { shown_by: numbered(acks[2]) }]);
    // A D-SACK says that both came.
    let report = play.ack(50, 401, &[(1, 101)]);
    assert_eq!(play.causes(), [LossCause::HadArrived { shown_by: numbered(report) }]);
}

#[test]
fn a_partial_overlap_counts_what_is_new() {
    let mut play = Play::opened();
    let first = play.lost(20, 1, 100);
    let second = play.lost(20, 101, 50);
    let again = play.data(264, 51, 200);
    let [r] = &play.trace.retransmissions()[..] else { panic!() };
    assert_eq!((r.frame, r.original, r.octets, r.new_octets), (name(again), Some(name(first)), 100, 100));
    let next = play.data(600, 101, 50);
    let [_, r] = &play.trace.retransmissions()[..] else { panic!() };
    assert_eq!((r.frame, r.original, r.previous), (name(next), Some(name(first)), Some(name(again))));
    assert_ne!(r.original, Some(name(second)), "one segment carried both: they are one from then on");
}

#[test]
fn probes_and_keep_alives_are_no_retransmissions() {
    let mut play = Play::opened();
    play.data(20, 1, 1);
    play.ack(30, 2, &[]);
    play.frame(ToServer, 500_000, (ACK, 1, 1, 1, &[]), Some(AWAY), &[TcpNote::KeepAlive]);
    play.frame(ToServer, 900_000, (ACK, 1, 1, 1, &[]), Some(AWAY), &[TcpNote::ZeroWindowProbe]);
    assert_eq!(play.found(), []);
}

#[test]
fn at_the_receiver_the_first_copy_was_never_seen() {
    // The capture holds no row of frame 4: it never got there.
    let mut play = Play::opened();
    play.frames += 1;
    play.index[0] += 1;
    (1..4).for_each(|n| _ = play.data(20, 1 + 100 * n, 100));
    (1..4).for_each(|n| _ = play.ack(30, 1, &[(101, 101 + 100 * n)]));
    // Its first octet is below what was sent: only a segment that was sent again can bring it.
    let again = play.data(40, 1, 100);
    assert_eq!(play.found(), [(again, 0, Repair::Fast(Signal::Sack(3)))]);
    assert_eq!(play.causes(), [LossCause::NotCaptured]);
}

/// Direction, microsecond, flags, seq, ack, len, SACK blocks, time on its way. Numbers meet often.
type AnySegment = (bool, u64, u16, u32, u32, u32, Vec<(u32, u32)>, Option<u64>);

fn any_segment() -> impl Strategy<Value = AnySegment> {
    let number = || prop_oneof![0u32..40, any::<u32>(), (u32::MAX - 20)..u32::MAX];
    (
        any::<bool>(),
        prop_oneof![0u64..1000, 0u64..2_000_000, any::<u64>()],
        any::<u16>(),
        number(),
        number(),
        prop_oneof![Just(0u32), 0u32..20, any::<u32>()],
        proptest::collection::vec((number(), number()), 0..5),
        proptest::option::of(0u64..1_000_000),
    )
}

proptest! {
    #[test]
    fn any_conversation_can_be_taken_apart(
        segments in proptest::collection::vec(any_segment(), 0..60), ledger in any::<bool>(), ids in any::<bool>(),
    ) {
        let mut play = if ledger { Play::new() } else { Play { ledger: false, ..Play::new() } };
        for (toward, us, flags, seq, ack, len, sack, away) in segments {
            let direction = if toward { ToServer } else { ToClient };
            let us = us.min(u64::MAX / 2000);
            play.frame(direction, us, (TcpFlags(flags & 0xfff), seq, ack, len, &sack), away, &[]);
            if ids {
                // A file may give every frame one number.
                play.frames /= 2;
            }
        }
        for r in play.trace.retransmissions() {
            prop_assert!(r.octets > 0 && r.nth > 0);
            prop_assert_eq!(r.original.is_some(), r.gap.is_some());
            prop_assert!(r.told_by.len() <= 16);
            prop_assert!(ids || r.original.is_none_or(|original| original.id != r.frame.id));
        }
        let explained = play.trace.explain();
        for frame in &play.trace.frames {
            prop_assert!(!explained.chain(Asked::Id(frame.seen.id)).unwrap().links.is_empty());
        }
    }
}

/// A long transfer in which every tenth segment is lost and repaired: how many steps the analysis takes.
fn steps(segments: u32) -> (u64, usize) {
    let mut play = Play::opened();
    let mut ms = 20;
    for block in 0..segments / 10 {
        let seq = |n| 1 + 100 * (10 * block + n);
        play.lost(ms, seq(0), 100);
        (1..10).for_each(|n| _ = play.data(ms, seq(n), 100));
        (1..10).for_each(|n| _ = play.ack(ms + 10, seq(0), &[(seq(1), seq(n + 1))]));
        play.data(ms + 20, seq(0), 100);
        play.ack(ms + 30, seq(10), &[]);
        ms += 40;
    }
    ranges::STEPS.set(0);
    let found = play.trace.retransmissions().len();
    (ranges::STEPS.get(), found)
}

#[test]
fn a_long_transfer_costs_its_length() {
    let (short, found) = steps(11_000);
    assert_eq!(found, 1100);
    let (long, found) = steps(110_000);
    assert_eq!(found, 11_000);
    // 231,000 frames: each costs a few steps, however many there are.
    assert!(long <= short * 11, "{short} steps for 11,000 segments, {long} for 110,000");
    assert!(long < 231_000 * 10);
}

#[test]
fn a_hostile_sender_of_single_octets_costs_no_more() {
    let mut play = Play::opened();
    (0..20_000).for_each(|n| _ = play.data(20, 1 + 2 * n, 1));
    for _ in 0..20_000 {
        play.data(30, 1, 40_000);
    }
    ranges::STEPS.set(0);
    assert_eq!(play.trace.retransmissions().len(), 20_000);
    assert!(ranges::STEPS.get() < 400_000, "{} steps", ranges::STEPS.get());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut play = Play { ledger: false, ..Play::new() };
    for n in 0..FRAMES_MAX as u32 + 10 {
        play.data(20, n, 1);
    }
    assert_eq!(play.trace.left_out(), 10);
    assert_eq!(play.trace.frames.len(), FRAMES_MAX);
}
