//! Each impairment once, in plain numbers.

use super::*;
use crate::model::{TooBig, WireChange};
use std::time::Duration;

fn only(fate: &Fate) -> &Delivery {
    match fate {
        Fate::Delivered(d) => d,
        other => panic!("{other:?}"),
    }
}

fn dropped_by(fate: &Fate) -> &Rule {
    match fate {
        Fate::Dropped { by } => by,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wire_asked_for_nothing_does_nothing() {
    let mut judge = Judge::new(&Spec::default(), 7);
    for i in 1..=10 {
        let row = judge.judge(ms(i), Direction::ToServer, 1514, 1500, DATA);
        assert_eq!((row.id.0, row.index), (i, i));
        assert_eq!(row.fate, Fate::Delivered(Delivery::plain(ms(i))));
        assert!(row.fate.is_immediate(ms(i)));
    }
    let row = judge.judge(ms(11), Direction::ToClient, 42, 0, Class::ARP);
    assert_eq!((row.id.0, row.index), (11, 1), "numbered on the whole wire, indexed by direction");
}

#[test]
fn a_frame_judged_immediate_may_skip_the_line() {
    let mut wire: Wire<Vec<u8>> = Wire::new(&Spec::default(), 7);
    let row = wire.judge(ms(1), Direction::ToServer, 100, 86, DATA);
    assert!(row.fate.is_immediate(ms(1)) && wire.is_empty(Direction::ToServer));
    assert_eq!(wire.deadline(), None, "nothing was stored");
    let row = wire.push(
        ms(2),
        Frame { direction: Direction::ToServer, len: 4, ip_len: 0, class: DATA, payload: vec![0; 4] },
    );
    assert_eq!(wire.deadline(), Some(ms(2)));
    assert_eq!(wire.pop(ms(2)).map(|a| a.row), Some(row), "pushed: out of pop, at once");
    assert!(wire.is_empty(Direction::ToServer));
}

#[test]
fn rate_then_distance() {
    // 100 octets at 80 kbit/s take 10 ms.
    let mut bench = Bench::new("--rate 80kbit --delay 5ms");
    let first = bench.send(ms(0));
    let second = bench.send(ms(0));
    let d = only(&first.fate);
    assert_eq!((d.queued, d.delayed, d.at), (Duration::from_millis(10), Duration::from_millis(5), ms(15)));
    assert_eq!(only(&second.fate).queued, Duration::from_millis(20));
    assert_eq!(bench.wire.rules().queued(Direction::ToServer, ms(9)), 2);
    assert_eq!(bench.wire.rules().queued(Direction::ToServer, ms(10)), 1);
    assert_eq!(bench.arrived(), [(1, ms(15)), (2, ms(25))]);
}

#[test]
fn a_full_queue_drops_the_newcomer() {
    let mut bench = Bench::new("--rate 80kbit --limit 2");
    let rows: Vec<_> = (0..3).map(|_| bench.send(ms(0))).collect();
    assert!(rows[..2].iter().all(|r| !r.fate.is_dropped()));
    assert_eq!(dropped_by(&rows[2].fate), &Rule::QueueFull { limit: 2 });
    assert!(!bench.send(ms(10)).fate.is_dropped(), "the first has departed");
    assert_eq!(bench.wire.counts(Direction::ToServer), Counts { frames: 4, dropped: 1, octets: 400 });
}

#[test]
fn a_full_delay_line_drops_and_says_how_full() {
    let judge = Judge::new(&spec("--delay 1s"), 7).with_cap(LineCap { frames: 3, octets: u64::MAX });
    let mut wire: Wire<Vec<u8>> = Wire::with_judge(judge);
    let frame =
        || Frame { direction: Direction::ToServer, len: 100, ip_len: 86, class: DATA, payload: vec![] };
    for _ in 0..3 {
        assert!(!wire.push(ms(0), frame()).fate.is_dropped());
    }
    assert_eq!(dropped_by(&wire.push(ms(0), frame()).fate), &Rule::QueueFull { limit: 3 });
    assert_eq!(wire.held(Direction::ToServer), (3, 300));
    assert!(wire.pop(ms(1000)).is_some());
    assert!(!wire.push(ms(1000), frame()).fate.is_dropped());

    let judge = Judge::new(&spec("--delay 1s"), 7).with_cap(LineCap { frames: 9, octets: 250 });
    let mut wire: Wire<Vec<u8>> = Wire::with_judge(judge);
    assert_eq!((0..9).filter(|_| !wire.push(ms(0), frame()).fate.is_dropped()).count(), 2, "250 octets");
}

#[test]
fn ipv6_crosses_no_wire_that_carries_less_than_1280_octets() {
    for (typed, fits) in
        [("--mtu 1280", true), ("--delay 5ms", true), ("--mtu 1279", false), ("--to-client-mtu 1000", false)]
    {
        assert_eq!(spec(typed).check_ipv6().is_ok(), fits, "{typed}");
    }
    let said = spec("--to-client-mtu 1000").check_ipv6().unwrap_err().to_string();
    assert!(said.contains("an MTU of 1000 is none for IPv6"), "{said}");
}

#[test]
fn mtu_counts_the_ip_packet() {
    let mut judge = Judge::new(&spec("--mtu 1200"), 7);
    let mut judge_one =
        |ip_len, class| judge.judge(ms(0), Direction::ToServer, ip_len + 14, ip_len, class).fate;
    assert!(!judge_one(1200, DATA).is_dropped());
    let mtu = 1200;
    assert_eq!(dropped_by(&judge_one(1201, DATA)), &Rule::Mtu { mtu, reply: TooBig::Icmp });
    assert_eq!(dropped_by(&judge_one(1201, Class::IPV6)), &Rule::Mtu { mtu, reply: TooBig::Icmp });
    // RFC 792: code 4 is for packets with DF alone.
    assert_eq!(
        dropped_by(&judge_one(1201, Class::IPV4.with(Class::UDP))),
        &Rule::Mtu { mtu, reply: TooBig::MaySplit }
    );
    let mut judge = Judge::new(&spec("--mtu 1200 --no-icmp"), 7);
    let row = judge.judge(ms(0), Direction::ToServer, 1514, 1500, DATA);
    assert_eq!(dropped_by(&row.fate), &Rule::Mtu { mtu, reply: TooBig::Silence });
    let arp = judge.judge(ms(0), Direction::ToServer, 5000, 0, Class::ARP);
    assert!(!arp.fate.is_dropped(), "no IP packet, no MTU");
}

#[test]
fn cut_from_its_moment_to_just_before_the_restore() {
    let mut bench = Bench::new("--cut 2s --restore 4s --delay 10ms");
    let sent = [1999, 2000, 3999, 4000].map(|t| bench.send(ms(t)).fate.is_dropped());
    assert_eq!(sent, [false, true, true, false]);
    assert_eq!(bench.arrived(), [(1, ms(2009)), (4, ms(4010))], "what was on its way arrives");
    let judge = bench.wire.rules();
    let cut = [Some(WireChange::Cut); 2];
    assert_eq!(judge.next_change(Time::ZERO), Some((ms(2000), cut)));
    assert_eq!(judge.next_change(ms(2000)), Some((ms(4000), [Some(WireChange::Restored); 2])));
    assert_eq!(judge.next_change(ms(4000)), None);
}

#[test]
fn cut_and_restored_while_running() {
    let mut judge = Judge::new(&Spec::default(), 7);
    let lost = |judge: &mut Judge, at, d| judge.judge(ms(at), d, 60, 46, DATA).fate.is_dropped();
    judge.cut(Some(Direction::ToClient), ms(10)).unwrap();
    assert!(!lost(&mut judge, 9, Direction::ToClient) && lost(&mut judge, 10, Direction::ToClient));
    assert!(!lost(&mut judge, 11, Direction::ToServer), "the other direction stays whole");
    assert_eq!(judge.next_change(Time::ZERO), Some((ms(10), [None, Some(WireChange::Cut)])));
    assert!(matches!(judge.cut(None, ms(12)), Err(SpecError::CutTwice { .. })));
    assert!(!lost(&mut judge, 13, Direction::ToServer), "a refused change changes nothing, in no direction");
    judge.restore(Some(Direction::ToClient), ms(14)).unwrap();
    assert!(!lost(&mut judge, 14, Direction::ToClient));
}

#[test]
fn a_script_drops_the_frame_it_names() {
    let mut bench = Bench::new("--drop tcp.data#3 --drop to-client:tcp.ack#1");
    for t in 0..5 {
        bench.send(ms(t));
        bench.send_class(ms(t), Direction::ToClient, ACK);
    }
    let dropped: Vec<u64> = bench.rows.iter().filter(|r| r.fate.is_dropped()).map(|r| r.id.0).collect();
    assert_eq!(dropped, [2, 5]);
    assert_eq!(dropped_by(&bench.rows[4].fate), &Rule::Script("tcp.data#3".into()));
}

#[test]
fn a_script_counts_frames_that_are_lost_otherwise() {
    let mut bench = Bench::new("--cut 0s --restore 2ms --drop tcp.data#3");
    let rules: Vec<_> = (0..4).map(|t| bench.send(ms(t)).fate.clone()).collect();
    assert_eq!(dropped_by(&rules[1]), &Rule::Cut);
    assert_eq!(
        dropped_by(&rules[2]),
        &Rule::Script("tcp.data#3".into()),
        "the third sent, the first to pass"
    );
    assert!(!rules[3].is_dropped());
}

#[test]
fn a_duplicate_follows_at_once_and_costs_rate() {
    let mut bench = Bench::new("--dup tcp.data#1 --rate 80kbit");
    bench.send(ms(0));
    assert_eq!(bench.arrived(), [(1, ms(10)), (1, ms(20))]);
    assert_eq!(bench.arrivals.iter().map(|a| a.copy).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(bench.arrivals[0].row, bench.arrivals[1].row);
}

#[test]
fn a_duplicate_that_finds_the_queue_full_is_not_made() {
    let mut bench = Bench::new("--dup 1+ --rate 80kbit --limit 1");
    assert!(matches!(bench.send(ms(0)).fate, Fate::Delivered(_)));
    assert_eq!(bench.order(), [1]);
}

#[test]
fn a_delayed_frame_lets_the_others_pass() {
    let mut bench = Bench::new("--delay-frame tcp.data#2=50ms --delay 10ms");
    let rows: Vec<_> = (0..4).map(|t| bench.send(ms(t))).collect();
    let rule = Rule::Script("tcp.data#2=50ms".into());
    assert_eq!(only(&rows[1].fate).held, Some((Duration::from_millis(50), rule)));
    assert_eq!(bench.arrived(), [(1, ms(10)), (3, ms(12)), (4, ms(13)), (2, ms(61))]);
}

#[test]
fn late_frames_are_overtaken() {
    let mut bench = Bench::new("--reorder 100%,3,5ms --delay 10ms");
    (0..7).for_each(|t| {
        bench.send(ms(t));
    });
    // Each third is 5 ms late.
    assert_eq!(bench.order(), [1, 2, 4, 5, 7, 3, 6]);
    assert_eq!(only(&bench.rows[2].fate).reordered, Some(Rule::Random(1.0)));
}

#[test]
fn a_swap_waits_for_the_next_frame() {
    let mut bench = Bench::new("--swap tcp.data#2 --delay 10ms");
    bench.send(ms(0));
    let held = bench.send(ms(1));
    assert!(bench.wire.is_pending(&held));
    assert_eq!(only(&held.fate).at, ms(111), "at the latest");
    for t in [31, 32] {
        bench.send(ms(t));
    }
    assert!(!bench.wire.is_pending(&held));
    let settled = only(&bench.rows[1].fate);
    assert_eq!((settled.at, settled.reordered.is_some()), (ms(41), true));
    assert_eq!(bench.arrived(), [(1, ms(10)), (3, ms(41)), (2, ms(41)), (4, ms(42))]);
}

#[test]
fn a_swap_without_a_next_frame_ends() {
    let mut bench = Bench::new("--swap tcp.data#1 --delay 10ms");
    bench.send(ms(0));
    bench.send_class(ms(50), Direction::ToClient, ACK);
    assert_eq!(bench.arrived(), [(2, ms(60)), (1, ms(110))], "the other direction swaps nothing");
    let d = only(&bench.rows[0].fate).clone();
    assert_eq!(d.held, Some((SWAP_HOLD, Rule::Script("tcp.data#1".into()))));
    assert_eq!(d.reordered, None, "held, not reordered, and the row says so");
    assert_eq!(bench.arrivals[1].row, bench.rows[0]);
}

#[test]
fn a_dropped_frame_is_not_the_next() {
    let mut bench = Bench::new("--swap tcp.data#1 --drop tcp.data#2");
    (0..3).for_each(|t| {
        bench.send(ms(t));
    });
    assert_eq!(bench.order(), [3, 1]);
}

#[test]
fn a_next_frame_too_late_swaps_nothing() {
    let mut bench = Bench::new("--swap tcp.data#1 --rate 80kbit");
    bench.send(ms(0));
    // Read in time (at 109 ms), but through the rate limiter at 119 ms only.
    bench.send(ms(109));
    assert_eq!(bench.arrived(), [(1, ms(110)), (2, ms(119))]);
}

#[test]
fn always_swapping_swaps_pairs() {
    let mut bench = Bench::new("--reorder 100%");
    (0..6).for_each(|t| {
        bench.send(ms(t));
    });
    assert_eq!(bench.order(), [2, 1, 4, 3, 6, 5]);
}

#[test]
fn a_swapped_frame_keeps_its_duplicate() {
    let mut bench = Bench::new("--swap tcp.data#1 --dup tcp.data#1,2");
    bench.send(ms(0));
    bench.send(ms(1));
    assert_eq!(bench.order(), [2, 2, 1, 1]);
}

#[test]
fn a_corrupted_frame_differs_in_exactly_its_bit() {
    let mut bench = Bench::new("--corrupt 100% --dup 1+");
    let row = bench.send(ms(0));
    bench.run_until(Time::MAX);
    let bits: Vec<u32> = row.fate.deliveries().map(|d| d.corrupted.clone().unwrap().0).collect();
    assert_ne!(bits[0], bits[1], "each copy has its own chance");
    for (arrival, bit) in bench.arrivals.iter().zip(bits) {
        let mut sent = vec![0; 100];
        sent[0] = 1;
        sent[bit as usize / 8] ^= 0x80 >> (bit % 8);
        assert_eq!(arrival.payload, sent);
    }
}

#[test]
fn a_frame_ended_by_a_router_counts() {
    let mut judge = Judge::new(&spec("--drop tcp.data#2"), 7);
    let row = judge.end(ms(0), Direction::ToServer, 100, DATA, Rule::TtlExceeded { hop: 1 });
    assert_eq!((row.id.0, row.index), (1, 1));
    assert_eq!(dropped_by(&row.fate), &Rule::TtlExceeded { hop: 1 });
    assert!(judge.judge(ms(0), Direction::ToServer, 100, 86, DATA).fate.is_dropped(), "the second data");
    assert_eq!(judge.counts(Direction::ToServer), Counts { frames: 2, dropped: 2, octets: 200 });
}

#[test]
fn a_change_keeps_the_fates_already_given() {
    let mut bench = Bench::new("--delay 50ms");
    bench.send(ms(0));
    bench.wire.set(None, &Change::parse(Word::Delay, "10ms").unwrap()).unwrap();
    bench.send(ms(1));
    bench.send(ms(45));
    assert_eq!(bench.arrived(), [(1, ms(50)), (2, ms(50)), (3, ms(55))], "nobody overtakes");
    let wrong = bench.wire.set(None, &Change::parse(Word::Jitter, "20ms").unwrap());
    assert!(matches!(wrong, Err(SpecError::JitterOverDelay { .. })));
    bench.wire.set(None, &Change::parse(Word::Delay, "0s").unwrap()).unwrap();
    bench.wire.set(None, &Change::parse(Word::Drop, "tcp.data#2").unwrap()).unwrap();
    let dropped: Vec<bool> = (60..63).map(|t| bench.send(ms(t)).fate.is_dropped()).collect();
    assert_eq!(dropped, [false, true, false], "a script counts from its adding on");
}

#[test]
fn a_spec_that_nobody_checked_is_judged_all_the_same() {
    let mut wild = Spec::default();
    for d in &mut wild.directions {
        d.delay = Duration::MAX;
        d.jitter.spread = Duration::MAX;
        d.reorder = Some(Reorder { p: Percent::ALL, gap: 0, how: ReorderBy::Late(Duration::MAX) });
        d.rate = Rate::new(1);
        d.mtu = Some(0);
        d.cuts.add(Duration::MAX, WireChange::Restored);
    }
    let mut wire: Wire<Vec<u8>> = Wire::new(&wild, 7);
    for len in [0, 1, u32::MAX] {
        let payload = Vec::new();
        let frame = Frame { direction: Direction::ToClient, len, ip_len: 0, class: Class::NONE, payload };
        wire.push(Time::MAX, frame);
    }
    while wire.pop(Time::MAX).is_some() {}
    assert!(wire.is_empty(Direction::ToClient));

    wild.directions[1].limit = 0;
    let mut judge = Judge::new(&wild, 7);
    let row = judge.judge(ms(0), Direction::ToClient, 100, 0, Class::ARP);
    assert_eq!(dropped_by(&row.fate), &Rule::QueueFull { limit: 0 });
}

/// Also where nothing else is asked of the wire, so that frames pass without a look at the scripts.
#[test]
fn a_script_that_named_no_frame_knows_what_there_was() {
    let synack = Class::TCP.with(Class::TCP_SYN).with(Class::TCP_ACK);
    for wire in ["", " --delay 5ms"] {
        let words =
            "--drop tcp.synack#1 --drop to-server:tcp.data#3 --dup any:udp#1 --swap to-client:9".to_owned();
        let mut judge = Judge::new(&spec(&(words + wire)), 7);
        judge.judge(ms(1), Direction::ToClient, 66, 52, synack);
        judge.judge(ms(2), Direction::ToServer, 100, 86, DATA);
        judge.judge(ms(3), Direction::ToServer, 100, 86, DATA);
        let told = |judge: &Judge| {
            let told = judge.unused().into_iter().map(|u| (u.rule.to_string(), u.seen, u.instead));
            told.collect::<Vec<_>>()
        };
        let other_way = Some("to-client:tcp.synack#1".to_owned());
        let mut want = vec![
            ("tcp.synack#1".to_owned(), [0, 1], other_way),
            ("to-server:tcp.data#3".to_owned(), [2, 0], None),
            ("any:udp#1".to_owned(), [0, 0], None),
            ("to-client:9".to_owned(), [2, 1], None),
        ];
        assert_eq!(told(&judge), want, "{wire}");
        assert_eq!(judge.pass(ms(4), Direction::ToClient, 66, 5), 0, "it may be one that a script counts");
        judge.judge(ms(4), Direction::ToClient, 60, 46, Class::UDP);
        want.remove(2);
        want[2].1 = [2, 2];
        assert_eq!(told(&judge), want, "{wire}");
    }
}
