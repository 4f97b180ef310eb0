//! The journal on a disk that fails, and machines that stop.

mod directory;
mod memory;

use super::*;
use crate::model::Time;
use crate::stack::l7_application::queue::engine::{
    self, ConsumerId, Kind, Limits, Message, QueueId, Span, Subscription,
};
use memory::{Faults, Memory};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

const SEGMENT: u64 = 2000;

/// What a queue's offset holds.
type Held = BTreeMap<(QueueId, u64), Vec<u8>>;

/// An engine with its journal, and what may be expected after a crash.
struct Bench {
    disk: Memory,
    settings: Settings,
    engine: Engine,
    journal: Journal,
    now: Instant,
    rng: ChaCha8Rng,
    /// Messages for which `commit` said true, and which nobody settled since.
    safe: Held,
    /// Messages that were settled when `commit` said true: they must not come again.
    done: BTreeSet<(QueueId, u64)>,
    /// All that are held.
    held: Held,
    consumers: Vec<ConsumerId>,
    /// Settled since the last `true`.
    settling: BTreeSet<(QueueId, u64)>,
    published: u64,
}

fn held(engine: &Engine) -> Held {
    let stored = engine.snapshot().filter_map(|change| match change {
        Change::Stored { queue, offset, message, .. } => Some(((queue, offset), message.body.to_vec())),
        _ => None,
    });
    stored.collect()
}

impl Bench {
    fn new(seed: u64, fsync: Fsync) -> Bench {
        Bench::on(Memory::new(seed), Settings { fsync, segment: SEGMENT }, ChaCha8Rng::seed_from_u64(seed))
    }

    fn on(disk: Memory, settings: Settings, rng: ChaCha8Rng) -> Bench {
        let found = recover(&disk, Limits::default()).expect("a disk that works");
        let journal = Journal::open(Box::new(disk.clone()), settings, found.files, &found.engine)
            .expect("a disk that works");
        let held = held(&found.engine);
        Bench {
            disk,
            settings,
            engine: found.engine,
            journal,
            now: Instant::now(),
            rng,
            safe: held.clone(),
            done: BTreeSet::new(),
            held,
            consumers: Vec::new(),
            settling: BTreeSet::new(),
            published: 0,
        }
    }

    fn below(&mut self, n: u64) -> u64 {
        self.rng.next_u64() % n
    }

    /// Lets the engine act, and keeps account of what it tells.
    fn act<T>(&mut self, act: impl FnOnce(&mut Engine, engine::Tell<'_>) -> T) -> T {
        let Bench { engine, journal, held, settling, safe, .. } = self;
        act(engine, &mut |change| {
            journal.tell(change);
            let mut gone = |first: (QueueId, u64), last: (QueueId, u64)| {
                for key in held.range(first..=last).map(|(key, _)| *key).collect::<Vec<_>>() {
                    held.remove(&key);
                    // From now on it may be there after a crash, or not.
                    safe.remove(&key);
                    settling.insert(key);
                }
            };
            match change {
                Change::Stored { queue, offset, message, .. } => {
                    held.insert((queue, offset), message.body.to_vec());
                }
                Change::Settled { queue, first, last, .. } => gone((queue, first), (queue, last)),
                Change::Deleted { queue } => gone((queue, 0), (queue, u64::MAX)),
                _ => {}
            }
        })
    }

    fn publish(&mut self, queue: &str, len: usize) {
        let Some(queue) = self.engine.queue(queue) else { return };
        self.published += 1;
        let body = format!("{:06}{}", self.published, "x".repeat(len));
        let message = Message { id: format!("{}", self.published).into(), body: body.into() };
        let time = Time::from_nanos(self.published);
        self.act(|engine, tell| engine.publish(time, queue, message, tell)).expect("there is room");
    }

    fn declare(&mut self, name: &str) {
        let kind = if name == "log" { Kind::Topic } else { Kind::Work };
        let max_messages = if kind == Kind::Topic { 20 } else { 0 };
        let policy = engine::Policy::DropOldest;
        let settings = engine::Settings { kind, max_messages, policy, window: 5, ..Default::default() };
        self.act(|engine, tell| engine.declare(name, settings, tell)).expect("there is room");
    }

    /// A round of the loop's.
    fn commit(&mut self) -> bool {
        self.now += Duration::from_millis(300);
        let done = self.journal.commit(self.now, &self.engine);
        assert_eq!(done, self.journal.failure().is_none());
        if done {
            self.safe = self.held.clone();
            self.done.append(&mut self.settling);
        }
        done
    }

    /// Something at random.
    fn step(&mut self) {
        let name = ["jobs", "log", "short"][self.below(3) as usize];
        if self.engine.queue(name).is_none() {
            return self.declare(name);
        }
        match self.below(20) {
            0..=8 => {
                let len = self.below(120) as usize;
                self.publish(name, len);
            }
            9 => {
                let queue = self.engine.queue(name).expect("just seen");
                let made = self.engine.subscribe(queue, Subscription::default());
                self.consumers.extend(made.map(|made| made.consumer));
            }
            10..=15 => {
                for _ in 0..self.below(8) {
                    let Some(ready) = self.engine.take_ready() else { break };
                    let handed = self.act(|engine, tell| engine.next(ready, tell));
                    if let Some(handed) = handed {
                        let _ = self.act(|engine, tell| engine.ack(ready, Span::One(handed.offset), tell));
                    }
                }
            }
            16 if name == "short" => {
                let queue = self.engine.queue(name).expect("just seen");
                let _ = self.act(|engine, tell| engine.delete(queue, tell));
            }
            17 => {
                let queue = self.engine.queue(name).expect("just seen");
                let _ = self.act(|engine, tell| engine.purge(queue, tell));
            }
            _ => {}
        }
    }

    /// The machine stops (or only the process), and a new server begins. What must be there is looked for.
    #[track_caller]
    fn crash(self, power: bool) -> Bench {
        let Bench { disk, settings, rng, safe, done, held: all, settling, published, .. } = self;
        let disk = if power { disk.crash() } else { disk.kill() };
        let mut after = Bench::on(disk, settings, rng);
        for (key, body) in &safe {
            assert_eq!(after.held.get(key), Some(body), "{key:?} was confirmed, and is lost");
        }
        for (key, body) in &after.held {
            assert!(!done.contains(key), "{key:?} was settled, and is here again");
            assert!(all.get(key).is_none_or(|stored| stored == body), "{key:?} is another now");
            assert!(all.contains_key(key) || settling.contains(key), "{key:?} comes from nowhere");
        }
        after.published = published;
        after.done = done;
        after
    }
}

/// All faults at random, many crashes: what `commit` said true for is never lost, and what was settled never comes again.
#[test]
fn nothing_that_was_confirmed_is_lost_whatever_the_disk_does() {
    let (mut failures, mut snapshots, mut commits, mut torn) = (0, 0, 0, 0);
    for seed in 0..120 {
        let mut bench = Bench::new(seed, Fsync::Always);
        for _ in 0..4 {
            bench.disk.state().faults = match seed % 4 {
                0 => Faults::default(),
                1 => Faults { errors: 20, short: 100, ..Faults::default() },
                2 => Faults { sync: 50, short: 20, ..Faults::default() },
                _ => Faults { errors: 60, short: 60, sync: 60, room: Some(3 * SEGMENT) },
            };
            for _ in 0..bench.below(150) {
                for _ in 0..bench.below(4) {
                    bench.step();
                }
                bench.commit();
            }
            let stats = bench.journal.stats();
            failures += stats.failures;
            snapshots += stats.snapshots;
            commits += stats.commits;
            let before = bench.disk.clone();
            bench = bench.crash(true);
            let report = recover(&before.crash(), Limits::default()).unwrap().report;
            assert_eq!(report.damaged, [], "only the end of the last file can be unfinished");
            torn += u64::from(report.torn.is_some());
        }
    }
    assert!(
        failures > 500 && snapshots > 100 && commits > 5000 && torn > 10,
        "{failures} {snapshots} {commits} {torn}"
    );
}

/// A killed process loses nothing, however seldom it syncs.
#[test]
fn a_killed_process_loses_nothing_even_without_fsync() {
    for seed in 0..40 {
        let fsync = if seed % 2 == 0 { Fsync::Never } else { Fsync::Interval(Duration::from_millis(500)) };
        let mut bench = Bench::new(seed, fsync);
        for _ in 0..3 {
            for _ in 0..100 {
                bench.step();
                assert!(bench.commit());
            }
            bench = bench.crash(false);
        }
    }
}

/// Fails the nth call of each kind, each n in turn: what follows is confirmed only when it is safe.
#[test]
fn each_call_that_can_fail_is_survived() {
    for what in ["write", "sync", "cut", "create", "rename", "names", "remove", "again"] {
        for fsync in [Fsync::Always, Fsync::Interval(Duration::from_millis(600))] {
            let mut hits = 0;
            for nth in 0..12 {
                let mut bench = Bench::new(99, fsync);
                bench.disk.state().fail = Some((what, nth));
                for _ in 0..220 {
                    bench.step();
                    bench.commit();
                }
                let spent = bench.disk.state().fail.is_none();
                hits += u64::from(spent);
                bench.disk.state().fail = None;
                assert!(bench.commit(), "it recovers from one failed {what}");
                bench = bench.crash(fsync == Fsync::Always);
                drop(bench);
            }
            let never = what == "again" && fsync == Fsync::Always;
            assert!(never || hits > 0, "{what} never failed");
        }
    }
}

#[test]
fn after_an_fsync_that_failed_nothing_counts_before_a_new_file() {
    let mut bench = Bench::new(1, Fsync::Always);
    bench.declare("jobs");
    bench.publish("jobs", 10);
    assert!(bench.commit());
    let before = bench.disk.list().unwrap();
    bench.disk.state().fail = Some(("sync", 0));
    bench.publish("jobs", 10);
    assert!(!bench.commit());
    assert!(matches!(bench.journal.failure(), Some(Failure::Sync(_))));
    // It is left alone for a while, and says so.
    let due = bench.journal.deadline().expect("it wants to try again");
    assert!(!bench.journal.commit(due - Duration::from_millis(1), &bench.engine));
    // New files fail: still nothing.
    for _ in 0..5 {
        bench.disk.state().fail = Some(("create", 0));
        bench.publish("jobs", 10);
        assert!(!bench.commit());
        assert!(matches!(bench.journal.failure(), Some(Failure::Sync(_))), "the graver one stays");
    }
    bench.disk.state().fail = None;
    assert!(bench.commit());
    let after = bench.disk.list().unwrap();
    assert_eq!(after.len(), 1, "the new file holds all: {after:?}");
    assert!(before.iter().all(|name| !after.contains(name)), "what was not to be trusted is gone");
    assert_eq!(bench.held.len(), 7);
    bench.crash(true);
}

/// The directory's fsync fails after the rename, and so does the removal: a crash may find that snapshot.
#[test]
fn a_snapshot_that_may_or_may_not_be_there_stops_everything() {
    for seed in 0..30 {
        let mut bench = Bench::new(seed, Fsync::Always);
        bench.declare("jobs");
        bench.publish("jobs", 10);
        assert!(bench.commit());
        bench.disk.state().fail = Some(("sync", 0));
        bench.publish("jobs", 10);
        assert!(!bench.commit());
        for _ in 0..3 {
            bench.disk.state().faults.errors = 900;
            bench.publish("jobs", 10);
            bench.commit();
        }
        bench.disk.state().faults.errors = 0;
        bench.publish("jobs", 10);
        assert!(bench.commit());
        bench.publish("jobs", 10);
        assert!(bench.commit());
        let after = bench.crash(true);
        assert_eq!(after.held.len(), after.published as usize);
    }
}

#[test]
fn a_full_disk_costs_nothing_that_was_confirmed_and_is_left_when_space_returns() {
    let mut bench = Bench::new(3, Fsync::Always);
    bench.declare("jobs");
    bench.disk.state().faults.room = Some(4 * SEGMENT);
    let mut confirmed = 0;
    loop {
        bench.publish("jobs", 50);
        if !bench.commit() {
            break;
        }
        confirmed += 1;
        assert!(confirmed < 1000, "a disk that is never full");
    }
    assert!(matches!(bench.journal.failure(), Some(Failure::Write(_))));
    assert!(confirmed > 20 && bench.disk.used() <= 4 * SEGMENT);
    for _ in 0..10 {
        assert!(!bench.commit(), "still full");
    }
    // What waits is one batch, not one for each attempt.
    assert!(bench.journal.batch.len() < 500);
    bench.disk.state().faults.room = Some(5 * SEGMENT);
    assert!(bench.commit(), "space has returned");
    let after = bench.crash(true);
    assert_eq!(after.held.len(), confirmed + 1);
}

/// Nobody makes room, but consumers take what is there: the journal makes some itself, if a snapshot fits.
#[test]
fn on_a_full_disk_what_is_acknowledged_makes_room() {
    let mut bench = Bench::new(4, Fsync::Always);
    bench.declare("jobs");
    bench.disk.state().faults.room = Some(4 * SEGMENT);
    while bench.commit() {
        bench.publish("jobs", 700);
    }
    let used = bench.disk.used();
    bench.disk.state().faults.room = Some(used + 600);
    assert!(!bench.commit(), "not enough for the message");
    let queue = bench.engine.queue("jobs").unwrap();
    bench.act(|engine, tell| engine.purge(queue, tell)).unwrap();
    assert!(bench.commit());
    assert!(bench.disk.used() < SEGMENT);
    bench.publish("jobs", 50);
    assert!(bench.commit());
    bench.crash(true);
}

/// Disk in proportion to what is held, not to what was published; and a server started often leaves no files behind.
#[test]
fn compaction_keeps_the_state_and_bounds_the_files() {
    let mut bench = Bench::new(5, Fsync::Always);
    bench.declare("jobs");
    let queue = bench.engine.queue("jobs").unwrap();
    let consumer = bench.engine.subscribe(queue, Subscription::default()).unwrap().consumer;
    let mut most = 0;
    for round in 0..4000 {
        bench.publish("jobs", 60);
        while let Some(ready) = bench.engine.take_ready() {
            bench.act(|engine, tell| engine.next(ready, tell));
        }
        // Ten are always in hand.
        if round >= 10 {
            bench.act(|engine, tell| engine.ack(consumer, Span::One(round - 10), tell)).unwrap();
        }
        assert!(bench.commit());
        most = most.max(bench.disk.used());
        assert_eq!(bench.journal.stats().octets, bench.disk.used());
    }
    let (messages, octets) = bench.engine.held();
    let live = octets + messages * RECORD + bench.journal.beside;
    assert_eq!(messages, 10);
    assert!(most <= 2 * live.max(SEGMENT) + 2 * SEGMENT, "{most} octets for {live}");
    let stats = bench.journal.stats();
    assert!(stats.snapshots > 50 && stats.snapshots * 10 < stats.commits, "{stats:?}");
    for _ in 0..20 {
        bench = bench.crash(true);
    }
    assert_eq!(bench.held.len(), 10);
    assert!(bench.journal.stats().files <= 4, "{:?}", bench.journal.stats());
}

/// More ids are remembered than a file has room for: that is not garbage, and no reason to compact again and again.
#[test]
fn what_is_remembered_counts_as_alive() {
    let mut bench = Bench::new(6, Fsync::Always);
    let settings = engine::Settings { window: 500, ..Default::default() };
    bench.act(|engine, tell| engine.declare("jobs", settings, tell)).unwrap();
    let queue = bench.engine.queue("jobs").unwrap();
    for _ in 0..2000 {
        bench.publish("jobs", 1);
        bench.act(|engine, tell| engine.purge(queue, tell)).unwrap();
        assert!(bench.commit());
    }
    let stats = bench.journal.stats();
    assert!(bench.journal.beside > 3 * SEGMENT, "{}", bench.journal.beside);
    assert!(stats.snapshots < 100, "{stats:?}");
}

/// Where a file's second record begins, behind SEGMENT.
const SECOND: u64 = 33;

#[test]
fn a_flipped_bit_is_reported_with_its_place_and_the_rest_is_there() {
    let mut bench = Bench::new(7, Fsync::Always);
    bench.declare("jobs");
    for _ in 0..60 {
        bench.publish("jobs", 90);
        assert!(bench.commit());
    }
    let sizes = bench.disk.sizes();
    assert!(sizes.len() >= 3, "{sizes:?}");
    for (nth, size) in sizes.iter().enumerate() {
        for at in (40..size - 200).step_by(97) {
            let disk = bench.disk.kill();
            disk.flip(nth, at);
            let found = recover(&disk, Limits::default()).unwrap();
            let [damage] = &found.report.damaged[..] else { panic!("{:?}", found.report) };
            assert_eq!(damage.file, nth as u64 + 1);
            assert!((damage.lost.at..damage.lost.at + damage.lost.octets).contains(&(at as u64)));
            let there = held(&found.engine);
            // The second record of every file declares the queue: one of them is enough.
            let messages = if damage.lost.at == SECOND { 60 } else { 59 };
            assert_eq!((there.len(), found.report.strays), (messages, 0), "octet {at} of file {nth}");
            assert!(there.iter().all(|(key, body)| bench.held.get(key) == Some(body)));
            // It is not made worse by reading it.
            let again = recover(&disk, Limits::default()).unwrap();
            assert_eq!(again.report, found.report);
        }
    }
}

/// fsync is asked for at intervals, by the other thread; its failure is heard of, and leads to a new file.
#[test]
fn a_failure_of_the_other_thread_is_heard_of() {
    let mut bench = Bench::new(8, Fsync::Interval(Duration::from_millis(1)));
    bench.declare("jobs");
    assert!(bench.commit());
    bench.disk.state().fail = Some(("sync", 0));
    bench.publish("jobs", 10);
    for _ in 0..2000 {
        assert!(bench.commit(), "the new file is begun at once");
        assert!(bench.journal.deadline().is_none_or(|due| due > bench.now), "a deadline that is not past");
        if bench.journal.stats().failures > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
        bench.publish("jobs", 0);
    }
    let stats = bench.journal.stats();
    assert_eq!((stats.failures, stats.snapshots, stats.files), (1, 1, 1), "somebody heard of it");
    bench.crash(false);
}

/// Nobody waits for an acknowledgment's fsync: it goes with the next publish's, or after a while alone.
#[test]
fn acknowledgments_wait_for_company_but_not_for_ever() {
    let mut bench = Bench::new(10, Fsync::Always);
    bench.declare("jobs");
    bench.publish("jobs", 10);
    bench.publish("jobs", 10);
    assert!(bench.commit());
    let queue = bench.engine.queue("jobs").unwrap();
    let consumer = bench.engine.subscribe(queue, Subscription::default()).unwrap().consumer;
    for _ in 0..2 {
        bench.act(|engine, tell| engine.next(consumer, tell)).expect("one of two");
    }
    let (now, syncs) = (bench.now, bench.journal.stats().syncs);
    let in_time = |bench: &mut Bench, at: Instant| {
        assert!(bench.journal.commit_in_time(at, &bench.engine));
        (bench.journal.stats().syncs - syncs, bench.journal.waiting() > 0, bench.journal.deadline())
    };
    bench.act(|engine, tell| engine.ack(consumer, Span::One(0), tell)).unwrap();
    let (0, true, Some(due)) = in_time(&mut bench, now) else { panic!("it went alone at once") };
    assert_eq!(in_time(&mut bench, due - Duration::from_nanos(1)), (0, true, Some(due)));
    bench.publish("jobs", 10);
    assert_eq!(in_time(&mut bench, now), (1, false, None), "both with one fsync");
    bench.act(|engine, tell| engine.ack(consumer, Span::One(1), tell)).unwrap();
    let (1, true, Some(due)) = in_time(&mut bench, now) else { panic!("it went alone at once") };
    assert_eq!(in_time(&mut bench, due), (2, false, None));
    assert_eq!(bench.crash(true).held.len(), 1);
}

#[test]
fn close_brings_everything_to_the_disk() {
    for fsync in [Fsync::Always, Fsync::Never, Fsync::Interval(Duration::from_secs(9))] {
        let mut bench = Bench::new(9, fsync);
        bench.declare("jobs");
        bench.publish("jobs", 10);
        bench.commit();
        bench.publish("jobs", 10);
        let Bench { journal, engine, disk, .. } = bench;
        journal.close(&engine).unwrap();
        let found = recover(&disk.crash(), Limits::default()).unwrap();
        assert_eq!(held(&found.engine).len(), 2);
        assert_eq!(found.report.torn, None);
    }
}
