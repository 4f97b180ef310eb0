//! The queue's promise against `kill -9`: publishers and consumers at work while `queue serve --data --fsync always` is
//! killed at moments that a seed chooses, also while it reads its journal, and started again.
//!
//! What is held against each life of the server:
//! - *nothing lost*: what was confirmed is delivered, in this life or a later one;
//! - *stored once*: an id published again after a crash has one offset, and an offset has one id, for ever;
//! - *no more repetition than at-least-once allows*: a message comes again only in a later life, and only if nothing that
//!   the server said proves that its ACK was written: a confirmation of what the same client published behind it does;
//! - *order*: what one consumer gets in one life has growing offsets, and a publisher's messages have offsets in the order
//!   in which it published them; a topic is read on from where one stopped, without a gap.
//!
//! `cargo test --test queue_crash -- --ignored --nocapture` is the long tier: 120 kills.

use layerlab::live::queue::{Client, ClientError, Incoming, Settings};
use layerlab::stack::l7_application::queue::engine::{self, From, Kind, Policy, Subscription};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(60);
/// Publishes under way of one publisher.
const WINDOW: usize = 64;
/// Messages of the topic that its reader may be behind.
const BEHIND: u64 = 2000;

/// The server's process.
struct Server {
    child: Child,
    at: Option<SocketAddr>,
}

impl Server {
    /// Starts it; `wait`: until it listens, which is when it has read its journal.
    fn start(data: &Path, wait: bool) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
        command.args([
            "queue",
            "serve",
            "-q",
            "--listen",
            "0",
            "--fsync",
            "always",
            "--segment",
            "65536",
            "--data",
        ]);
        command.arg(data).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("it starts");
        let out = child.stdout.take().expect("a pipe");
        let mut server = Server { child, at: None };
        if wait {
            for line in BufReader::new(out).lines() {
                let line = line.expect("text");
                // A kill may cut a write() in two (it is fatal between two pages): that record was never confirmed.
                let torn = line.contains("the last record is not whole");
                assert!(torn || !line.contains("damaged"), "a crash damages nothing: {line}");
                if let Some(at) = line.strip_prefix("listening on ") {
                    server.at = at.parse().ok();
                    break;
                }
            }
            assert!(server.at.is_some(), "it ended before it listened");
        }
        server
    }
}

impl Drop for Server {
    /// `kill -9`.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was promised, and what came.
#[derive(Default)]
struct Ledger {
    confirmed: HashMap<&'static str, HashSet<String>>,
    duplicates: u64,
    /// Where an id stands, and in which life it was delivered last.
    delivered: HashMap<String, (u64, u32)>,
    at: HashMap<u64, String>,
    /// Ids whose ACK is known to be written, and the life that did so.
    settled: HashMap<String, u32>,
    again: u64,
    /// Snapshots that the lives reported.
    snapshots: HashMap<u32, u64>,
    /// The topic, read without gaps.
    log: Vec<String>,
}

/// What the threads share.
struct World {
    /// Where the server is, and which life it has.
    server: Mutex<(Option<SocketAddr>, u32)>,
    ledger: Mutex<Ledger>,
    /// No more is published.
    over: AtomicBool,
    /// Nobody goes on.
    finished: AtomicBool,
    published_to_log: AtomicU64,
    read_of_log: AtomicU64,
}

impl World {
    fn connect(&self) -> Option<(Client, u32)> {
        let (at, life) = *self.server.lock().unwrap();
        let target = |at: SocketAddr| at.to_string().parse().expect("an address");
        let client = at.and_then(|at| Client::connect(&target(at), &Settings::named("storm")).ok());
        if client.is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        Some((client?, life))
    }
}

fn settings(queue: &str) -> engine::Settings {
    let (max_messages, policy) = (2 * BEHIND, Policy::DropOldest);
    match queue {
        "log" => {
            engine::Settings { kind: Kind::Topic, max_messages, policy, window: 200, ..Default::default() }
        }
        "mark" => engine::Settings { max_messages: 1, policy, ..Default::default() },
        _ => engine::Settings { window: 500, ..Default::default() },
    }
}

/// Publishes 1, 2, 3, ... and after a crash first what was not confirmed, under the same ids.
struct Publisher {
    world: Arc<World>,
    name: String,
    queue: &'static str,
    rng: ChaCha8Rng,
    latest: u64,
    unconfirmed: VecDeque<u64>,
}

impl Publisher {
    fn run(mut self) {
        while !(self.world.over.load(Ordering::Relaxed) && self.unconfirmed.is_empty()) {
            assert!(!self.world.finished.load(Ordering::Relaxed), "not all was confirmed in time");
            // A server that is gone is the point of this.
            let _ = self.session();
        }
    }

    fn session(&mut self) -> Result<(), ClientError> {
        let Some((mut client, _)) = self.world.connect() else { return Ok(()) };
        client.declare(self.queue, &settings(self.queue))?;
        let mut last_seq = 0;
        for n in self.unconfirmed.clone() {
            last_seq = self.put(&mut client, n)?;
        }
        loop {
            while self.unconfirmed.len() < WINDOW
                && !self.world.over.load(Ordering::Relaxed)
                && !self.is_ahead()
            {
                self.latest += 1;
                self.unconfirmed.push_back(self.latest);
                if self.queue == "log" {
                    self.world.published_to_log.fetch_add(1, Ordering::Relaxed);
                }
                last_seq = self.put(&mut client, self.latest)?;
            }
            if self.unconfirmed.is_empty() && self.world.over.load(Ordering::Relaxed) {
                return client.close();
            }
            match client.next(Some(Duration::from_millis(20)))? {
                Some(Incoming::Confirmed { last, .. }) => {
                    let mut ledger = self.world.ledger.lock().unwrap();
                    // One connection's are confirmed in the order in which they were published.
                    while self.unconfirmed.len() as u64 > last_seq - last {
                        let n = self.unconfirmed.pop_front().expect("just counted");
                        ledger.confirmed.entry(self.queue).or_default().insert(format!("{}-{n}", self.name));
                    }
                }
                Some(Incoming::Duplicate { .. }) => self.world.ledger.lock().unwrap().duplicates += 1,
                Some(Incoming::Refused { code, reason, .. }) => panic!("refused with {code}: {reason}"),
                Some(Incoming::Delivery(_)) | None => {}
            }
        }
    }

    /// A topic drops its oldest: its reader is given the time to read them.
    fn is_ahead(&self) -> bool {
        let World { published_to_log, read_of_log, .. } = &*self.world;
        self.queue == "log"
            && published_to_log.load(Ordering::Relaxed) > read_of_log.load(Ordering::Relaxed) + BEHIND
    }

    fn put(&mut self, client: &mut Client, n: u64) -> Result<u64, ClientError> {
        let id = format!("{}-{n}", self.name);
        let body = format!("{id} {}", "x".repeat((self.rng.next_u64() % 1500) as usize));
        client.publish(self.queue, id.as_bytes(), body.as_bytes())
    }
}

/// Takes messages and acknowledges them; now and then it publishes something behind the ACKs: its confirmation says that
/// they are written too.
fn consume(world: &World) {
    while !world.finished.load(Ordering::Relaxed) {
        let _ = consume_once(world);
    }
}

fn consume_once(world: &World) -> Result<(), ClientError> {
    let Some((mut client, life)) = world.connect() else { return Ok(()) };
    let wanted = Subscription { prefetch: 50, ..Subscription::default() };
    client.declare("mark", &settings("mark"))?;
    let number = client.subscribe("work", wanted)?.number;
    let (mut last, mut acked) = (None, Vec::new());
    while !world.finished.load(Ordering::Relaxed) {
        let next = client.next(Some(Duration::from_millis(20)))?;
        if let Some(Incoming::Delivery(delivery)) = next {
            assert!(last < Some(delivery.offset), "{} came behind {last:?}", delivery.offset);
            last = Some(delivery.offset);
            let id = String::from_utf8(delivery.id).expect("text");
            assert!(delivery.body.starts_with(format!("{id} ").as_bytes()), "another message's body");
            world.ledger.lock().unwrap().came(&id, delivery.offset, life);
            client.ack(number, delivery.offset)?;
            acked.push(id);
        }
        if acked.len() >= 40 {
            let mark = client.publish("mark", b"", b"")?;
            client.confirmed(mark)?;
            let report = client.inspect(Some("work"))?;
            let mut ledger = world.ledger.lock().unwrap();
            ledger.settled.extend(acked.drain(..).map(|id| (id, life)));
            let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
            ledger.snapshots.insert(life, report["journal"]["snapshots"].as_u64().expect("a number"));
        }
    }
    client.close()
}

impl Ledger {
    fn came(&mut self, id: &str, offset: u64, life: u32) {
        // One that a client has kept since an earlier life than that of the ACK proves nothing.
        let settled = self.settled.get(id);
        assert!(
            settled.is_none_or(|by| *by > life),
            "{id} at {offset} in life {life}: its ACK was written in {settled:?}"
        );
        let (before, lived) = self.delivered.get(id).copied().unwrap_or((offset, 0));
        assert_eq!(before, offset, "{id} is stored twice");
        assert_ne!(lived, life, "{id} came twice in life {life}, whose consumers all stay");
        self.delivered.insert(id.to_owned(), (offset, life.max(lived)));
        self.again += u64::from(lived > 0);
        let there = self.at.entry(offset).or_insert_with(|| id.to_owned());
        assert_eq!(there, id, "two messages at offset {offset}");
    }
}

/// Reads the topic on from where it stopped.
fn read_log(world: &World) {
    while !world.finished.load(Ordering::Relaxed) {
        let _ = read_log_once(world);
    }
}

fn read_log_once(world: &World) -> Result<(), ClientError> {
    let Some((mut client, _)) = world.connect() else { return Ok(()) };
    let from = From::Offset(world.read_of_log.load(Ordering::Relaxed));
    let made = client.subscribe("log", Subscription { prefetch: 100, from, ..Subscription::default() })?;
    while !world.finished.load(Ordering::Relaxed) {
        let Some(Incoming::Delivery(delivery)) = client.next(Some(Duration::from_millis(20)))? else {
            continue;
        };
        let mut ledger = world.ledger.lock().unwrap();
        assert_eq!(delivery.offset, ledger.log.len() as u64, "no gap");
        ledger.log.push(String::from_utf8(delivery.id).expect("text"));
        world.read_of_log.store(ledger.log.len() as u64, Ordering::Relaxed);
        drop(ledger);
        client.ack(made.number, delivery.offset)?;
    }
    client.close()
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As many kills, and then all is counted.
fn storm(seed: u64, kills: u32) {
    let folder = Folder(std::env::temp_dir().join(format!("layerlab-crash-{}-{seed}", std::process::id())));
    let world = Arc::new(World {
        server: Mutex::new((None, 0)),
        ledger: Mutex::default(),
        over: AtomicBool::new(false),
        finished: AtomicBool::new(false),
        published_to_log: AtomicU64::new(0),
        read_of_log: AtomicU64::new(0),
    });
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut publishers = Vec::new();
    for (name, queue) in [("a", "work"), ("b", "work"), ("c", "log")] {
        let rng = ChaCha8Rng::seed_from_u64(rng.next_u64());
        let (latest, unconfirmed) = (0, VecDeque::new());
        let publisher =
            Publisher { world: Arc::clone(&world), name: name.into(), queue, rng, latest, unconfirmed };
        publishers.push(thread::spawn(move || publisher.run()));
    }
    let readers: Vec<_> = [consume, consume, read_log]
        .into_iter()
        .map(|reader: fn(&World)| {
            let world = Arc::clone(&world);
            thread::spawn(move || reader(&world))
        })
        .collect();
    let mut early = 0;
    for life in 1..=kills {
        // Sometimes it does not even get to listen.
        if rng.next_u64().is_multiple_of(4) {
            let server = Server::start(&folder.0, false);
            thread::sleep(Duration::from_millis(rng.next_u64() % 20));
            drop(server);
            early += 1;
        }
        let server = Server::start(&folder.0, true);
        *world.server.lock().unwrap() = (server.at, life);
        thread::sleep(Duration::from_millis(20 + rng.next_u64() % 150));
        drop(server);
        *world.server.lock().unwrap() = (None, life);
    }
    let server = Server::start(&folder.0, true);
    *world.server.lock().unwrap() = (server.at, kills + 1);
    world.over.store(true, Ordering::Relaxed);
    let until = Instant::now() + GUARD;
    let all_came = || {
        let ledger = world.ledger.lock().unwrap();
        let all = |queue, came: &dyn Fn(&String) -> bool| {
            ledger.confirmed.get(queue).is_none_or(|ids| ids.iter().all(came))
        };
        publishers.iter().all(thread::JoinHandle::is_finished)
            && all("work", &|id| ledger.delivered.contains_key(id))
            && ledger.log.len() >= ledger.confirmed.get("log").map_or(0, HashSet::len)
    };
    while !all_came() && Instant::now() < until && !readers.iter().any(thread::JoinHandle::is_finished) {
        thread::sleep(Duration::from_millis(20));
    }
    world.finished.store(true, Ordering::Relaxed);
    publishers.into_iter().chain(readers).for_each(|thread| thread.join().expect("what it saw was right"));

    let ledger = world.ledger.lock().unwrap();
    let confirmed = |queue| ledger.confirmed.get(queue).expect("something was confirmed");
    let lost: Vec<&String> =
        confirmed("work").iter().filter(|id| !ledger.delivered.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} confirmed messages are lost: {lost:?}", lost.len());
    // Each publisher's messages, in the order of their offsets, are in the order of their numbers.
    let mut offsets: Vec<(&u64, &String)> = ledger.at.iter().collect();
    offsets.sort();
    for name in ["a-", "b-"] {
        let numbers: Vec<u64> =
            offsets.iter().filter_map(|(_, id)| id.strip_prefix(name)).map(|n| n.parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|two| two[0] < two[1]), "{name} out of order");
        assert_eq!(numbers.len() as u64, *numbers.last().expect("some"), "{name}: none is missing");
    }
    let expected: Vec<String> = (1..=ledger.log.len()).map(|n| format!("c-{n}")).collect();
    assert!(
        ledger.log == expected && ledger.log.len() == confirmed("log").len(),
        "the topic, each once, in order"
    );
    assert!(confirmed("work").len() as u32 > 20 * kills, "hardly anything happened");
    if kills >= 100 {
        writeln!(
            std::io::stderr(),
            "{kills} kills and {early} before it listened: {} confirmed, 0 lost, {} delivered again, {} known already, {} snapshots",
            confirmed("work").len() + confirmed("log").len(),
            ledger.again,
            ledger.duplicates,
            ledger.snapshots.values().sum::<u64>(),
        )
        .expect("somebody reads it");
        let met = [ledger.again, ledger.duplicates, ledger.snapshots.values().sum(), early];
        assert!(met.iter().all(|n| *n > 0), "crossed by crashes: {met:?}");
    }
    drop(server);
}

#[test]
fn a_few_kills_cost_nothing_that_was_confirmed() {
    storm(1, 10);
}

#[test]
#[ignore = "the long tier: a minute; tests/interop/run --long runs it"]
fn more_than_a_hundred_kills_cost_nothing_that_was_confirmed() {
    storm(2, 120);
}
