//! What holds for every wire and every traffic.

use super::super::words::tests::any_spec;
use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// Gap before it in nanoseconds, direction, octets, class.
type Sent = (u64, Direction, u32, Class);

fn any_traffic() -> impl Strategy<Value = Vec<Sent>> {
    let gap = prop_oneof![Just(0), 0..1_000_000_u64, 0..200_000_000_u64];
    let direction = prop::sample::select(Direction::BOTH.to_vec());
    let classes = vec![DATA, ACK, Class::ARP, Class::UDP.with(Class::IPV4), Class::TCP.with(Class::TCP_SYN)];
    prop::collection::vec((gap, direction, 14..1600_u32, prop::sample::select(classes)), 1..120)
}

struct Outcome {
    rows: Vec<Arc<Row>>,
    arrivals: Vec<Arrival<Vec<u8>>>,
    most_held: usize,
}

fn run(spec: &Spec, seed: u64, cap: LineCap, traffic: &[Sent]) -> Outcome {
    let mut wire: Wire<Vec<u8>> = Wire::with_judge(Judge::new(spec, seed).with_cap(cap));
    let mut out = Outcome { rows: Vec::new(), arrivals: Vec::new(), most_held: 0 };
    let mut now = Time::ZERO;
    let pump = |wire: &mut Wire<Vec<u8>>, out: &mut Outcome, end: Time| {
        while let Some(t) = wire.deadline().filter(|t| *t <= end) {
            let before = out.arrivals.len();
            let mut progress = false;
            while let Some(row) = wire.settled(t) {
                let i = row.id.0 as usize - 1;
                out.rows[i] = row;
                progress = true;
            }
            while let Some(arrival) = wire.pop(t) {
                assert!(arrival.at <= t);
                out.arrivals.push(arrival);
            }
            assert!(progress || out.arrivals.len() > before, "a deadline with nothing to do");
        }
    };
    for (i, (gap, direction, len, class)) in traffic.iter().enumerate() {
        now += Duration::from_nanos(*gap);
        pump(&mut wire, &mut out, now);
        let mut payload = vec![0; *len as usize];
        payload[..4].copy_from_slice(&(i as u32).to_be_bytes());
        let ip_len = if class.has(Class::ARP) { 0 } else { len - 14 };
        let row = wire.push(now, Frame { direction: *direction, len: *len, ip_len, class: *class, payload });
        out.rows.push(row);
        while let Some(row) = wire.settled(now) {
            let i = row.id.0 as usize - 1;
            out.rows[i] = row;
        }
        out.most_held =
            out.most_held.max(wire.held(Direction::ToServer).0).max(wire.held(Direction::ToClient).0);
    }
    pump(&mut wire, &mut out, Time::MAX);
    assert!(Direction::BOTH.iter().all(|d| wire.held(*d) == (0, 0)), "nothing stays behind");
    out
}

fn only_one_way(traffic: &[Sent], direction: Direction) -> Vec<Sent> {
    let mut time = 0;
    let mut last = 0;
    let mut kept = Vec::new();
    for (gap, d, len, class) in traffic {
        time += gap;
        if *d == direction {
            kept.push((time - last, *d, *len, *class));
            last = time;
        }
    }
    kept
}

proptest! {
    #[test]
    fn every_frame_has_one_fate_and_every_copy_arrives(spec in any_spec(), seed: u64, traffic in any_traffic()) {
        let out = run(&spec, seed, LineCap::default(), &traffic);
        prop_assert_eq!(out.rows.len(), traffic.len());
        let mut index = [0; 2];
        let mut promised = Vec::new();
        for (i, (row, (_, direction, len, class))) in out.rows.iter().zip(&traffic).enumerate() {
            index[direction.index()] += 1;
            prop_assert_eq!(row.id.0, i as u64 + 1);
            prop_assert_eq!((row.direction, row.index), (*direction, index[direction.index()]));
            prop_assert_eq!((row.len, row.class), (*len, *class));
            for (copy, d) in row.fate.deliveries().enumerate() {
                prop_assert!(d.at >= row.at + d.queued + d.delayed);
                prop_assert!(d.held.is_none() || d.reordered.is_none());
                if d.is_plain() {
                    prop_assert_eq!(d.at, row.at + d.queued + d.delayed);
                }
                promised.push((row.id, copy as u8, d.at));
            }
        }
        let mut arrived: Vec<_> = out.arrivals.iter().map(|a| (a.row.id, a.copy, a.at)).collect();
        prop_assert!(arrived.is_sorted_by_key(|(_, _, at)| *at));
        arrived.sort();
        prop_assert_eq!(arrived, promised, "each promised copy once, when promised, and no other");
        for a in &out.arrivals {
            prop_assert_eq!(&a.row, &out.rows[a.row.id.0 as usize - 1], "an arrival carries its final row");
            let mut sent = vec![0; a.row.len as usize];
            sent[..4].copy_from_slice(&(a.row.id.0 as u32 - 1).to_be_bytes());
            let differing: u32 = sent.iter().zip(&a.payload).map(|(x, y)| (x ^ y).count_ones()).sum();
            let corrupted = a.row.fate.deliveries().nth(a.copy.into()).unwrap().corrupted.is_some();
            prop_assert_eq!(differing, u32::from(corrupted));
        }
    }

    #[test]
    fn nobody_overtakes_unless_asked(spec in any_spec(), seed: u64, traffic in any_traffic()) {
        let mut spec = spec;
        spec.scripts.retain(|s| matches!(s.action(), Action::Drop | Action::Dup));
        spec.directions.iter_mut().for_each(|d| d.reorder = None);
        let out = run(&spec, seed, LineCap::default(), &traffic);
        for d in Direction::BOTH {
            let order = out.arrivals.iter().filter(|a| a.row.direction == d).map(|a| (a.row.index, a.copy));
            prop_assert!(order.is_sorted());
        }
    }

    #[test]
    fn a_swap_moves_a_frame_by_one_place(p in 0.0..=100.0_f64, seed: u64, traffic in any_traffic()) {
        let out = run(&spec(&format!("--reorder {p}% --delay 10ms --loss 20%")), seed, LineCap::default(), &traffic);
        for d in Direction::BOTH {
            let sent: Vec<u64> = out.rows.iter().filter(|r| r.direction == d && !r.fate.is_dropped()).map(|r| r.index).collect();
            let came: Vec<u64> = out.arrivals.iter().filter(|a| a.row.direction == d).map(|a| a.row.index).collect();
            for (i, index) in sent.iter().enumerate() {
                prop_assert!(came.iter().position(|c| c == index).unwrap().abs_diff(i) <= 1);
            }
        }
    }

    #[test]
    fn the_line_keeps_its_cap(spec in any_spec(), seed: u64, traffic in any_traffic(), frames in 1..10_u32) {
        let out = run(&spec, seed, LineCap { frames, octets: 8_000 }, &traffic);
        prop_assert!(out.most_held <= frames as usize);
    }

    #[test]
    fn same_seed_same_fates(spec in any_spec(), seed: u64, traffic in any_traffic()) {
        let run = || run(&spec, seed, LineCap::default(), &traffic);
        prop_assert_eq!(run().rows, run().rows);
    }

    #[test]
    fn the_other_direction_changes_nothing(spec in any_spec(), seed: u64, traffic in any_traffic()) {
        let mut spec = spec;
        spec.scripts.retain(|s| !s.text().starts_with("any:"));
        let fates = |traffic: &[Sent]| -> Vec<Fate> {
            let rows = run(&spec, seed, LineCap::default(), traffic).rows;
            rows.iter().filter(|r| r.direction == Direction::ToServer).map(|r| r.fate.clone()).collect()
        };
        prop_assert_eq!(fates(&traffic), fates(&only_one_way(&traffic, Direction::ToServer)));
    }

    /// The chances of one impairment do not move when others come or go.
    #[test]
    fn each_impairment_has_its_own_chances(seed: u64, traffic in any_traffic()) {
        let rows = |line: &str| run(&spec(line), seed, LineCap::default(), &traffic).rows;
        let plain = rows("--loss 30% --delay 20ms --jitter 10ms");
        let busy = rows("--loss 30% --corrupt 30% --duplicate 30% --reorder 20% --rate 1gbit --delay 5ms --drop 3");
        let lost = |r: &Row| matches!(r.fate, Fate::Dropped { by: Rule::Random(_) });
        for (a, b) in plain.iter().zip(&busy) {
            let scripted = matches!(b.fate, Fate::Dropped { by: Rule::Script(_) });
            prop_assert!(scripted || lost(a) == lost(b));
        }
        let corrupted = |row: &Row| row.fate.deliveries().next().map(|d| d.corrupted.clone());
        for (a, b) in rows("--corrupt 30%").iter().zip(&busy) {
            prop_assert!(b.fate.is_dropped() || corrupted(a) == corrupted(b));
        }
    }

    /// Bytes that leave a rate-limited wire in any window: at most rate x window and one frame.
    #[test]
    fn no_window_carries_more_than_the_rate(bits in 10_000..100_000_000_u64, seed: u64, traffic in any_traffic()) {
        let out = run(&spec(&format!("--rate {bits}bit --delay 3ms --duplicate 20%")), seed, LineCap::default(), &traffic);
        for d in Direction::BOTH {
            let sent: Vec<_> = out.arrivals.iter().filter(|a| a.row.direction == d).map(|a| (a.at.as_nanos(), a.row.len)).collect();
            for (i, (from, first)) in sent.iter().enumerate() {
                let mut octets = 0_u128;
                for (to, len) in &sent[i..] {
                    octets += u128::from(*len);
                    // The frame that opens the window was being sent before it.
                    let inside = octets - u128::from(*first);
                    prop_assert!(inside * 8_000_000_000 <= u128::from(bits) * u128::from(to - from + 1));
                }
            }
        }
    }
}

proptest! {
    /// What passes without rows has the luck and the numbers that it would have had with them.
    #[test]
    fn passing_is_judging(
        percent in 0..=30_u32, seed in any::<u64>(), batches in prop::collection::vec(1..60_u64, 1..12)
    ) {
        let spec: Spec = format!("--loss {percent}%").parse().unwrap();
        let (mut slow, mut fast) = (Judge::new(&spec, seed), Judge::new(&spec, seed));
        let now = Time::from_nanos(5);
        let one = |judge: &mut Judge| judge.judge(now, Direction::ToServer, 1514, 1500, DATA);
        for batch in batches {
            let rows: Vec<Row> = (0..batch).map(|_| one(&mut slow)).collect();
            let mut rows = rows.iter();
            let mut left = batch;
            while left > 0 {
                let passed = fast.pass(now, Direction::ToServer, 1514, left);
                prop_assert!(rows.by_ref().take(passed as usize).all(|row| !row.fate.is_dropped()));
                left -= passed;
                if left > 0 {
                    let row = one(&mut fast);
                    prop_assert!(row.fate.is_dropped());
                    prop_assert_eq!(Some(&row), rows.next());
                    left -= 1;
                }
            }
        }
        prop_assert_eq!(slow.counts(Direction::ToServer), fast.counts(Direction::ToServer));
        // What more is asked for than independent losses is judged.
        for words in ["--delay 1ms", "--loss gemodel:1%", "--drop 5", "--dice data"] {
            let mut judge = Judge::new(&words.parse().unwrap(), seed);
            prop_assert_eq!(judge.pass(now, Direction::ToServer, 1514, 9), 0, "{}", words);
        }
    }
}
