//! The stage: events and frames from several threads, told to one sink in time order.
//!
//! Each host's program runs on threads of its own and the pump on another; all of them stamp what they
//! emit with the run's clock and send it here. A thread may be scheduled away between stamping and
//! sending, so each says first that it is about to ([`Emitter::stamp`]), and the stage tells nothing later
//! until it has. What the kernel stamped, or the wire's plan, comes when it comes: for its sake the stage
//! holds everything back for a moment and hands it on sorted. Memory is bounded: a full channel makes the
//! emitters wait.

use crate::host::Clock;
use crate::model::{
    Cite, Direction, Event, EventId, Evidence, Flow, FrameId, Heading, Located, Moment, Place, Protocol, Row,
    Sink, Time, What, WireChange, WireFrame,
};
#[cfg(target_os = "linux")]
use crate::model::{Side, TcpSocket, WireSet};
use bytes::Bytes;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long an item is held back so that one that somebody else stamped earlier can still arrive: some turns of a busy
/// machine's scheduler, and less than a person notices.
const HOLD: Duration = Duration::from_millis(50);
/// How long the stage sleeps at least when nothing comes: what is due may be waiting for somebody's stamp.
const NAP: Duration = Duration::from_millis(1);
/// Items that may wait between the emitters and the sink.
const CAPACITY: usize = 1 << 14;
/// Emitters number their events from here; whoever shows them gives final numbers.
const PROVISIONAL: u64 = 1 << 32;

enum Item {
    Event(Box<Event>),
    Frame {
        row: Arc<Row>,
        at: Time,
        moment: Moment,
        bytes: Bytes,
    },
    /// Something that happened at this time is told later: nothing after it may be told before.
    Wait(FrameId, Time),
    /// It has been told.
    Waited(FrameId),
}

impl Item {
    fn at(&self) -> Time {
        match self {
            Item::Event(event) => event.at,
            Item::Frame { at, .. } | Item::Wait(_, at) => *at,
            Item::Waited(_) => Time::ZERO,
        }
    }
}

/// An item and its place: time first, then arrival at the stage.
struct Keyed(Time, u64, Item);

impl PartialEq for Keyed {
    fn eq(&self, other: &Keyed) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Keyed {}
impl PartialOrd for Keyed {
    fn partial_cmp(&self, other: &Keyed) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Keyed {
    fn cmp(&self, other: &Keyed) -> Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The moments from which on threads may still tell something.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<BTreeSet<(Time, u64)>>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(Time, u64)>> {
        // Nothing that could panic is done under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to when all has been sent: whoever stamps from here on reads the clock under the same lock.
    fn all_sent(&self, clock: &Clock) -> Time {
        let open = self.lock();
        open.first().map_or_else(|| clock.now(), |(at, _)| *at)
    }
}

/// A moment that its thread tells of: until this is dropped, nothing later is told.
pub(super) struct Stamp {
    /// The moment.
    pub(super) at: Time,
    open: Option<(Open, u64)>,
}

impl Drop for Stamp {
    fn drop(&mut self) {
        if let Some((open, id)) = &self.open {
            open.lock().remove(&(self.at, *id));
        }
    }
}

/// What a thread emits through. Cloning it is cheap; the stage ends when all clones are gone.
#[derive(Clone)]
pub struct Emitter {
    ids: Arc<AtomicU64>,
    items: SyncSender<Item>,
    clock: Clock,
    listening: bool,
    open: Open,
}

impl Emitter {
    /// The run's clock now, to tell what happens at this moment and later, as long as the stamp is kept.
    pub(super) fn stamp(&self) -> Stamp {
        if !self.listening {
            return Stamp { at: self.now(), open: None };
        }
        let id = self.next_id().0;
        let mut open = self.open.lock();
        let at = self.now();
        open.insert((at, id));
        Stamp { at, open: Some((self.open.clone(), id)) }
    }

    /// The run's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// A moment of the wall clock as one of the run; never later than now.
    #[cfg(target_os = "linux")]
    pub(super) fn at_unix_ns(&self, unix_ns: u64) -> Time {
        Time::from_nanos(unix_ns.saturating_sub(self.clock.epoch_unix_ns())).min(self.now())
    }

    /// Whether anybody listens. Nothing needs to be made for [`Emitter::emit`] otherwise.
    pub fn listening(&self) -> bool {
        self.listening
    }

    /// Emits a step of the socket interface and gives its provisional id.
    pub fn emit(
        &self,
        at: Time,
        place: Place,
        cause: Option<EventId>,
        what: What,
        bytes: Option<Bytes>,
        cite: Option<Cite>,
    ) -> EventId {
        let id = self.next_id();
        if self.listening {
            self.put(Item::Event(Box::new(Event {
                id,
                cause,
                at,
                place,
                heading: Heading::Local,
                protocol: Protocol::Sockets,
                evidence: Evidence::Syscall,
                what,
                bytes: bytes.map(|bytes| Located { bytes, headers: Vec::new() }),
                cite,
            })));
        }
        id
    }

    /// Tells what connections a host's kernel holds now.
    #[cfg(target_os = "linux")]
    pub(super) fn connections(&self, side: Side, left: Vec<TcpSocket>) {
        let stamp = self.stamp();
        self.put(Item::Event(Box::new(Event {
            id: self.next_id(),
            cause: None,
            at: stamp.at,
            place: Place::Host(side),
            heading: Heading::Local,
            protocol: Protocol::Tcp,
            what: What::Connections(left),
            bytes: None,
            evidence: Evidence::Syscall,
            cite: None,
        })));
    }

    /// Tells of a moment of a frame's life.
    pub fn frame(&self, row: Arc<Row>, at: Time, moment: Moment, bytes: Bytes) {
        if self.listening {
            self.put(Item::Frame { row, at, moment, bytes });
        }
    }

    /// The frame that the wire read at `at` is told when its fate is known: nothing later before it.
    pub fn wait_for(&self, id: FrameId, at: Time) {
        if self.listening {
            self.put(Item::Wait(id, at));
        }
    }

    /// The frame has been told.
    pub fn waited_for(&self, id: FrameId) {
        if self.listening {
            self.put(Item::Waited(id));
        }
    }

    /// The wire was cut or restored in one direction.
    pub fn wire_changed(&self, at: Time, direction: Direction, change: WireChange) {
        if self.listening {
            self.put(Item::Event(Box::new(Event {
                id: self.next_id(),
                cause: None,
                at,
                place: Place::Wire,
                heading: Heading::Toward(direction),
                protocol: Protocol::Wire,
                what: What::Wire(change),
                bytes: None,
                evidence: Evidence::Ledger,
                cite: None,
            })));
        }
    }

    /// What the wire is asked to do was changed.
    #[cfg(target_os = "linux")]
    pub(super) fn wire_set(&self, at: Time, set: WireSet) {
        if self.listening {
            self.put(Item::Event(Box::new(Event {
                id: self.next_id(),
                cause: None,
                at,
                place: Place::Wire,
                heading: Heading::Local,
                protocol: Protocol::Wire,
                what: What::WireSet(Box::new(set)),
                bytes: None,
                evidence: Evidence::Ledger,
                cite: None,
            })));
        }
    }

    fn next_id(&self) -> EventId {
        EventId(self.ids.fetch_add(1, Relaxed))
    }

    fn put(&self, item: Item) {
        // An error means that the stage is gone: the run is being wound down and nobody is left to tell.
        let _ = self.items.send(item);
    }
}

/// How a stage ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Played {
    /// Every emitter was done.
    Whole,
    /// The stop flag was raised.
    Stopped,
    /// The sink wanted no more.
    Enough,
}

/// The receiving end. See the module's page.
pub(super) struct Stage {
    items: Receiver<Item>,
    heap: BinaryHeap<Reverse<Keyed>>,
    arrived: u64,
    clock: Clock,
    open: Open,
    /// Frames that are told late, and since when they are waited for.
    waits: Vec<(FrameId, Time)>,
}

impl Stage {
    /// A stage and its first emitter. With `listening` false the emitters make nothing.
    pub(super) fn new(clock: Clock, listening: bool) -> (Stage, Emitter) {
        let (sender, items) = sync_channel(CAPACITY);
        let ids = Arc::new(AtomicU64::new(PROVISIONAL));
        let open = Open::default();
        let emitter = Emitter { ids, items: sender, clock, listening, open: open.clone() };
        (Stage { items, heap: BinaryHeap::new(), arrived: 0, clock, open, waits: Vec::new() }, emitter)
    }

    /// Hands everything to `sink` in time order, until every emitter is gone, `stop` is raised, or the
    /// sink has had enough.
    ///
    /// # Errors
    /// What the sink's writing failed with.
    pub(super) fn play(&mut self, sink: &mut dyn Sink, stop: &AtomicBool) -> io::Result<Played> {
        loop {
            let wait = match self.heap.peek() {
                Some(Reverse(Keyed(at, ..))) => (*at + HOLD).since(self.clock.now()).max(NAP),
                None => Duration::from_millis(20),
            };
            let gone = match self.items.recv_timeout(wait) {
                Ok(item) => {
                    self.take(item);
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            // Looked at before the channel is emptied: what was stamped until then is in it.
            let all_sent = self.open.all_sent(&self.clock);
            while self.heap.len() < CAPACITY
                && let Ok(item) = self.items.try_recv()
            {
                self.take(item);
            }
            let waiting = self.waits.iter().map(|(_, since)| *since).min().unwrap_or(Time::MAX);
            let full = self.heap.len() >= CAPACITY;
            let due = if full { self.clock.now() } else { all_sent.min(self.clock.now() - HOLD) };
            let ripe = if gone { Time::MAX } else { waiting.min(due) };
            if self.release(ripe, sink)? == Flow::Stop || sink.idle()? == Flow::Stop {
                // A sink that waits for a key gives up when a signal comes.
                return Ok(if stop.load(Relaxed) { Played::Stopped } else { Played::Enough });
            }
            if gone {
                return Ok(Played::Whole);
            }
            if stop.load(Relaxed) {
                while let Ok(item) = self.items.try_recv() {
                    self.take(item);
                }
                self.release(Time::MAX, sink)?;
                return Ok(Played::Stopped);
            }
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Wait(id, at) => return self.waits.push((id, at)),
            Item::Waited(id) => return self.waits.retain(|(waited, _)| *waited != id),
            Item::Event(_) | Item::Frame { .. } => {}
        }
        self.arrived += 1;
        self.heap.push(Reverse(Keyed(item.at(), self.arrived, item)));
    }

    fn release(&mut self, ripe: Time, sink: &mut dyn Sink) -> io::Result<Flow> {
        while self.heap.peek().is_some_and(|Reverse(Keyed(at, ..))| *at <= ripe) {
            let Some(Reverse(Keyed(_, _, item))) = self.heap.pop() else { break };
            let flow = match item {
                Item::Event(event) => sink.event(&event)?,
                Item::Frame { row, at, moment, bytes } => {
                    sink.frame(&WireFrame { row: &row, at, moment, bytes: &bytes })?
                }
                Item::Wait(..) | Item::Waited(_) => Flow::Continue,
            };
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Call, Side};

    struct Times(Vec<Time>);
    impl Sink for Times {
        fn event(&mut self, event: &Event) -> io::Result<Flow> {
            self.0.push(event.at);
            Ok(if self.0.len() == 4 { Flow::Stop } else { Flow::Continue })
        }
    }

    fn called(emitter: &Emitter, nanos: u64) {
        let what = What::Called { fd: None, call: Call::Accept };
        emitter.emit(Time::from_nanos(nanos), Place::Host(Side::Client), None, what, None, None);
    }

    #[test]
    fn what_was_stamped_earlier_is_told_earlier() {
        let (mut stage, emitter) = Stage::new(Clock::start(), true);
        let other = emitter.clone();
        called(&emitter, 30);
        called(&other, 10);
        called(&emitter, 20);
        drop((emitter, other));
        let mut sink = Times(Vec::new());
        assert_eq!(stage.play(&mut sink, &AtomicBool::new(false)).unwrap(), Played::Whole);
        assert_eq!(sink.0, [10, 20, 30].map(Time::from_nanos));
    }

    #[test]
    fn a_thread_that_sleeps_between_its_stamp_and_its_sending_is_waited_for() {
        let (mut stage, emitter) = Stage::new(Clock::start(), true);
        let stamp = emitter.stamp();
        let (early, late) = (stamp.at.as_nanos(), emitter.now().as_nanos() + 1);
        called(&emitter, late);
        let sleeper = std::thread::spawn(move || {
            std::thread::sleep(4 * HOLD);
            called(&emitter, early);
            drop(stamp);
        });
        let mut sink = Times(Vec::new());
        assert_eq!(stage.play(&mut sink, &AtomicBool::new(false)).unwrap(), Played::Whole);
        sleeper.join().unwrap();
        assert_eq!(sink.0, [early, late].map(Time::from_nanos));
    }

    #[test]
    fn a_sink_that_has_enough_ends_it() {
        let (mut stage, emitter) = Stage::new(Clock::start(), true);
        (0..9).for_each(|n| called(&emitter, n));
        let mut sink = Times(Vec::new());
        assert_eq!(stage.play(&mut sink, &AtomicBool::new(false)).unwrap(), Played::Enough);
        assert_eq!(sink.0.len(), 4);
    }

    #[test]
    fn nothing_is_sent_when_nobody_listens() {
        let (mut stage, emitter) = Stage::new(Clock::start(), false);
        called(&emitter, 1);
        drop(emitter);
        let mut sink = Times(Vec::new());
        stage.play(&mut sink, &AtomicBool::new(false)).unwrap();
        assert!(sink.0.is_empty());
    }
}
