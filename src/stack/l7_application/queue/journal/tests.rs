//! Records there and back, and files that were damaged.

use super::*;
use crate::model::Time;
use crate::stack::l7_application::framing::{self, MAX_PAYLOAD};
use crate::stack::l7_application::queue::engine::{
    Change, End, Engine, Kind, Limits, Message, Mode, Policy, QueueId, Restore, Settings, Span, Subscription,
};
use proptest::prelude::*;
use std::time::Duration;

const SALT: u64 = 0x0123_4567_89ab_cdef;

/// What a file says: where each record begins and its octets, in place of a loss what was lost.
type Story = Vec<(u64, Result<Vec<u8>, Lost>)>;

fn read(file: &[u8]) -> Story {
    let (mut scan, mut story) = (Scan::new(file, SALT, MAX_PAYLOAD), Vec::new());
    loop {
        let at = scan.position();
        match scan.read_next().expect("a slice can be read") {
            None => return story,
            Some(Found::Lost(lost)) => story.push((lost.at, Err(lost))),
            Some(Found::Record { octets, .. }) => {
                story.push((at, Ok(file[at as usize..(at + octets) as usize].to_vec())));
            }
        }
    }
}

/// An engine at work, and the file of what it told.
struct Bench {
    engine: Engine,
    file: Vec<u8>,
    /// Where each record begins.
    edges: Vec<usize>,
}

impl Bench {
    fn new() -> Bench {
        let mut file = Vec::new();
        Record::encode_segment(&mut file, SALT, 1, false);
        Bench { engine: Engine::new(Limits::default()), file, edges: vec![0] }
    }

    /// Lets the engine do something, and writes down what it tells; each record is read back at once.
    fn act<T>(&mut self, act: impl FnOnce(&mut Engine, &mut dyn FnMut(Change<'_>)) -> T) -> T {
        let Bench { engine, file, edges } = self;
        act(engine, &mut |change| {
            let start = file.len();
            edges.push(start);
            Record::encode_change(file, SALT, change);
            let frame = framing::whole(&file[start..], MAX_PAYLOAD).expect("a frame");
            assert_eq!(frame.kind & 0xc0, 0xc0, "no type of the wire's");
            let Record::Change(read) = Record::decode(&frame, SALT).expect("a record") else {
                panic!("a change became a segment's beginning");
            };
            // How a message ended is for people, and not written.
            let written = match change {
                Change::Settled { queue, first, last, .. } => {
                    Change::Settled { queue, first, last, end: End::Acked }
                }
                change => change,
            };
            assert_eq!(read.as_change(), written);
            assert!(Record::decode(&frame, SALT ^ 1).is_err(), "another file's");
        })
    }

    /// A few of each kind of record, of all sizes.
    fn busy() -> Bench {
        let mut bench = Bench::new();
        let settings = Settings { window: 3, ..Settings::default() };
        let jobs = bench.act(|engine, tell| engine.declare("jobs", settings.clone(), tell)).unwrap();
        let gone = bench.act(|engine, tell| engine.declare("gone", settings, tell)).unwrap();
        for n in 0..12_u8 {
            let body = vec![n | 0x40; usize::from(n) * 7];
            let message = Message { id: format!("id-{n}").into(), body: body.into() };
            bench
                .act(|engine, tell| engine.publish(Time::from_nanos(n.into()), jobs, message, tell))
                .unwrap();
        }
        let consumer = bench.engine.subscribe(jobs, Subscription::default()).unwrap().consumer;
        while bench
            .engine
            .take_ready()
            .is_some_and(|ready| bench.act(|engine, tell| engine.next(ready, tell)).is_some())
        {}
        bench.act(|engine, tell| engine.ack(consumer, Span::UpTo(4), tell)).unwrap();
        bench.act(|engine, tell| engine.delete(gone, tell)).unwrap();
        bench
    }

    fn end_of(&self, record: usize) -> usize {
        self.edges.get(record + 1).copied().unwrap_or(self.file.len())
    }
}

fn states(engine: &Engine) -> String {
    engine.snapshot().map(|change| format!("{change:?}\n")).collect()
}

proptest! {
    #[test]
    fn what_an_engine_tells_makes_it_again(
        steps in proptest::collection::vec((0..9_u8, 0..3_usize, any::<u64>(), 0..300_usize), 1..120),
    ) {
        let (mut bench, mut consumers) = (Bench::new(), Vec::new());
        let settings = |n: u64| Settings {
            kind: if n.is_multiple_of(2) { Kind::Work } else { Kind::Topic },
            policy: [Policy::Reject, Policy::DropOldest, Policy::DeadLetter][(n / 2 % 3) as usize],
            max_messages: n % 7,
            max_bytes: n % 1000,
            max_age: Duration::from_nanos(n >> 8),
            max_deliveries: (n % 3) as u32,
            dead_letter: n.is_multiple_of(5).then(|| "c".into()),
            window: (n % 9) as u32,
        };
        for (at, (what, which, n, len)) in steps.into_iter().enumerate() {
            let (now, name) = (Time::from_nanos(at as u64), ["a", "b", "c"][which]);
            let Some(queue) = bench.engine.queue(name) else {
                let _ = bench.act(|engine, tell| engine.declare(name, settings(n), tell));
                continue;
            };
            match what {
                0..=3 => {
                    let id = n.to_be_bytes()[..(n % 9) as usize].to_vec();
                    let message = Message { id: id.into(), body: vec![n as u8; len].into() };
                    let _ = bench.act(|engine, tell| engine.publish(now, queue, message, tell));
                }
                4 => {
                    let mode = if n.is_multiple_of(3) { Mode::AtMostOnce } else { Mode::AtLeastOnce };
                    let wanted = Subscription { mode, ..Subscription::default() };
                    consumers.extend(bench.engine.subscribe(queue, wanted).map(|made| made.consumer));
                }
                5 => while let Some(ready) = bench.engine.take_ready() {
                    bench.act(|engine, tell| engine.next(ready, tell));
                },
                6 | 7 => if let Some(consumer) = consumers.get(which) {
                    let span = if what == 6 { Span::UpTo(n % 40) } else { Span::One(n % 40) };
                    let _ = bench.act(|engine, tell| engine.ack(*consumer, span, tell));
                    let _ = bench.act(|engine, tell| engine.nack(now, *consumer, span, n.is_multiple_of(2), tell));
                },
                _ => { let _ = bench.act(|engine, tell| engine.delete(queue, tell)); }
            }
        }
        let (mut restore, mut scan) = (Restore::new(Limits::default()), Scan::new(&bench.file[..], SALT, MAX_PAYLOAD));
        let mut accounted = 0;
        while let Some(Found::Record { record, octets }) = scan.read_next().unwrap() {
            accounted += octets;
            if let Record::Change(change) = record {
                restore.apply(change.as_change());
            }
        }
        prop_assert_eq!(accounted, bench.file.len() as u64);
        prop_assert_eq!(states(&restore.finish()), states(&bench.engine));
    }

    #[test]
    fn any_octets_are_read_without_harm(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz_journal(&octets);
    }

    #[test]
    fn a_file_with_holes_is_read_without_harm(
        holes in proptest::collection::vec((any::<prop::sample::Index>(), 0..60_usize, any::<u8>()), 0..6),
    ) {
        let mut file = Vec::new();
        // The salt of the fuzz target.
        Record::encode_segment(&mut file, 7, 1, true);
        for n in 0..20_u64 {
            let queue = QueueId::from_bits(n);
            Record::encode_change(&mut file, 7, Change::Deleted { queue });
        }
        for (at, len, with) in holes {
            let at = at.index(file.len());
            let end = (at + len).min(file.len());
            file[at..end].fill(with);
        }
        fuzz_journal(&file);
    }
}

#[test]
fn a_flipped_bit_costs_its_record_and_no_other() {
    let bench = Bench::busy();
    let whole = read(&bench.file);
    assert_eq!(whole.len(), bench.edges.len());
    for at in 0..bench.file.len() {
        let hit = bench.edges.partition_point(|edge| *edge <= at) - 1;
        let (start, end) = (bench.edges[hit], bench.end_of(hit));
        for bit in 0..8 {
            let mut file = bench.file.clone();
            file[at] ^= 1 << bit;
            let kind = (at >= start + framing::HEADER).then(|| bench.file[start + 3]);
            let last = hit + 1 == bench.edges.len();
            let lost = Lost { at: start as u64, octets: (end - start) as u64, kind, tail: last };
            let mut want = whole.clone();
            want[hit] = (start as u64, Err(lost));
            let got = read(&file);
            // A flip may make the last octet zero: then it counts as room made in advance.
            if last && file.last() == Some(&0) && kind.is_none() {
                continue;
            }
            assert!(got == want, "bit {bit} of octet {at}: {:?}", got.get(hit));
        }
    }
}

#[test]
fn a_file_that_ends_anywhere_has_a_torn_tail_and_all_before_it() {
    let bench = Bench::busy();
    let whole = read(&bench.file);
    for len in 0..bench.file.len() {
        for room in [0, 100] {
            let mut file = bench.file[..len].to_vec();
            file.resize(len + room, 0);
            // Zeros that were to come anyway make the record whole.
            let good = bench.edges.partition_point(|edge| *edge <= len) - 1;
            let end = bench.end_of(good);
            let made_whole =
                room > 0 && end <= file.len() && bench.file[len..end].iter().all(|octet| *octet == 0);
            let good = good + usize::from(made_whole);
            let got = read(&file);
            assert!(got[..good] == whole[..good], "cut at {len}: what precedes survives");
            let torn = bench.edges.get(good).is_some_and(|edge| *edge < len);
            match (torn, &got[good..]) {
                (false, []) => {}
                (true, [(at, Err(lost))]) => {
                    assert_eq!((*at, lost.at, lost.tail), (bench.edges[good] as u64, *at, true));
                }
                (torn, rest) => panic!("cut at {len}, {room} zeros: torn {torn}, read {rest:?}"),
            }
        }
    }
}

#[test]
fn a_page_that_was_not_written_is_a_loss_and_what_follows_is_read() {
    let bench = Bench::busy();
    let whole = read(&bench.file);
    for (first, last) in [(1, 1), (2, 5), (0, 3), (4, whole.len() - 2)] {
        let mut file = bench.file.clone();
        file[bench.edges[first]..bench.end_of(last)].fill(0);
        let got = read(&file);
        let octets = (bench.end_of(last) - bench.edges[first]) as u64;
        let lost = Lost { at: bench.edges[first] as u64, octets, kind: None, tail: false };
        assert_eq!(got[first].1, Err(lost));
        assert!(got[..first] == whole[..first] && got[first + 1..] == whole[last + 1..]);
    }
}

/// A publisher does not know the salt: whatever it writes into a message stays a message.
#[test]
fn records_inside_of_messages_are_never_believed() {
    let mut bench = Bench::busy();
    let jobs = bench.engine.queue("jobs").unwrap();
    let mut forged = Vec::new();
    for salt in [0, !0, SALT ^ 1] {
        Record::encode_segment(&mut forged, salt, 9, true);
        Record::encode_change(&mut forged, salt, Change::Deleted { queue: jobs });
    }
    // A header that promises more than there is, many times.
    let mut long = Vec::new();
    framing::encode(&mut long, kind::STORED, |out| out.resize(4000, 1));
    for _ in 0..100 {
        forged.extend_from_slice(&long[..framing::HEADER]);
    }
    let message = Message { id: Default::default(), body: forged.into() };
    let inside = bench.edges.len();
    bench.act(|engine, tell| engine.publish(Time::ZERO, jobs, message, tell)).unwrap();
    bench.act(|engine, tell| engine.purge(jobs, tell)).unwrap();
    let whole = read(&bench.file);
    for at in bench.edges[inside]..bench.edges[inside] + framing::HEADER {
        let mut file = bench.file.clone();
        file[at] ^= 0x10;
        let got = read(&file);
        assert_eq!(got.len(), whole.len(), "octet {at}");
        let Err(lost) = &got[inside].1 else { panic!("a damaged record was believed") };
        assert_eq!(lost.octets as usize, bench.end_of(inside) - bench.edges[inside]);
        assert!(got[inside + 1..] == whole[inside + 1..]);
    }
}

/// Gigabytes may be made in advance: they are passed over, not gathered.
#[test]
fn zeros_at_the_end_are_room_and_cost_no_memory() {
    use std::io::Read;
    let bench = Bench::busy();
    let file = bench.file.chain(std::io::repeat(0).take(40 << 20));
    let mut scan = Scan::new(file, SALT, MAX_PAYLOAD);
    let mut records = 0;
    while let Some(found) = scan.read_next().unwrap() {
        assert!(matches!(found, Found::Record { .. }));
        records += 1;
    }
    assert_eq!(records, bench.edges.len());
    assert_eq!(scan.seen(), bench.file.len() as u64 + (40 << 20));
    assert!(scan.buffered() <= 8 << 20, "{} octets", scan.buffered());
}
