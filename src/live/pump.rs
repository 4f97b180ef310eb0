//! The pump: carries every frame from one host's port over the wire to the other's.
//!
//! One thread, one loop: read what the ports have, let the wire judge each frame, send at once what is
//! due at once, hold the rest, sleep until the next frame or the next deadline. A frame that the wire
//! only passes on is never copied: it goes from the read buffer straight into the other port, unless
//! somebody listens.

mod superframe;

use super::middle::{Met, Middle};
use super::parcel::{Leaving, Parcel};
use super::rewire::Rewire;
use super::setup::RunError;
use super::stage::Emitter;
use crate::host::signal;
use crate::host::timer::{self, Timer};
use crate::host::{Clock, Port};
use crate::model::{Direction, Fate, Moment, Offload, Outcome, Row, Rule, Time, Unused};
use crate::stack;
use crate::stack::offload::{Superframe, complete, finished};
use crate::wire::Wire;
use bytes::Bytes;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Frames read from one port before the other has its turn.
const BATCH: usize = 64;
/// A deadline nearer than this is waited for awake: a sleep ends that late.
const SPIN: Duration = Duration::from_micros(60);
/// How soon a port that took no more is tried again.
const RETRY: Duration = Duration::from_micros(200);
/// Rules whose drops are counted apart.
const MOST_RULES: usize = 64;

const WAKE: Token = Token(2);
const TIMER: Token = Token(3);

/// What the wire did, counted while it runs. Indices are [`Direction::index`].
#[derive(Default, Debug)]
pub(super) struct Totals {
    /// Frames read.
    pub(super) frames: [AtomicU64; 2],
    /// Frames dropped.
    pub(super) dropped: [AtomicU64; 2],
    /// The same by rule; locked for a dropped frame alone.
    pub(super) dropped_by: Mutex<Vec<(Rule, [u64; 2])>>,
    /// Scripts that named no frame: known when the pump has ended.
    pub(super) unused: Mutex<Vec<Unused>>,
    /// Octets read, Ethernet header included.
    pub(super) octets: [AtomicU64; 2],
    /// Frames under way right now.
    pub(super) held: AtomicU64,
    /// When the last frame was read or delivered, in nanoseconds of run time.
    pub(super) last: AtomicU64,
}

impl Totals {
    /// How long nothing has been read or delivered; zero while a frame is under way.
    pub(super) fn quiet_since(&self, now: Time) -> Duration {
        match self.held.load(Relaxed) {
            0 => now.since(Time::from_nanos(self.last.load(Relaxed))),
            _ => Duration::ZERO,
        }
    }

    fn note_drop(&self, rule: &Rule, way: usize) {
        let mut all = self.dropped_by.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match all.iter().position(|(known, _)| known == rule) {
            Some(place) => place,
            // As many as a wire has rules, but a full line's number may differ from frame to frame.
            None if all.len() >= MOST_RULES => return,
            None => {
                all.push((rule.clone(), [0; 2]));
                all.len() - 1
            }
        };
        all[place].1[way] += 1;
    }

    /// The run's outcome as far as the wire knows it.
    pub(super) fn outcome(&self, now: Time, interrupted: bool) -> Outcome {
        let read = |counters: &[AtomicU64; 2]| counters.each_ref().map(|counter| counter.load(Relaxed));
        Outcome {
            at: now,
            frames: read(&self.frames),
            dropped: read(&self.dropped),
            dropped_by: self.dropped_by.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            unused: self.unused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            octets: read(&self.octets),
            took: now.since(Time::ZERO),
            interrupted,
            signal: signal::raised_by().filter(|_| interrupted),
            cut: false,
        }
    }
}

pub(super) fn failed(step: &'static str) -> impl FnOnce(io::Error) -> RunError {
    move |source| RunError::Wire { step, source }
}

/// Stops a pump, from any thread.
#[derive(Clone)]
pub(super) struct Stopper {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stopper {
    /// Ends the pump's loop.
    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
        self.wake();
    }

    /// Lets it look at what it has to do.
    pub(super) fn wake(&self) {
        // It can only fail when the pump is gone already.
        let _ = self.waker.wake();
    }
}

/// See the module's page.
pub(super) struct Pump {
    ports: [Port; 2],
    readable: [bool; 2],
    backlog: [VecDeque<Outgoing>; 2],
    /// Segments that are due and leave as one frame, by direction.
    leaving: [Option<Leaving>; 2],
    wire: Wire<Parcel>,
    middle: Middle,
    rewire: Rewire,
    emitter: Emitter,
    clock: Clock,
    poll: Poll,
    timer: Timer,
    stop: Arc<AtomicBool>,
    totals: Arc<Totals>,
}

/// A frame that its port would not take yet.
struct Outgoing {
    bytes: Vec<u8>,
    offload: Offload,
}

impl Pump {
    /// A pump between `ports` (the client's first).
    ///
    /// # Errors
    /// Naming the step, when the event loop or the timer cannot be made.
    pub(super) fn new(
        ports: [Port; 2],
        wire: Wire<Parcel>,
        middle: Middle,
        rewire: Rewire,
        emitter: Emitter,
        clock: Clock,
    ) -> Result<(Pump, Stopper, Arc<Totals>), RunError> {
        let poll = Poll::new().map_err(failed("making the event loop"))?;
        let timer = Timer::new(clock).map_err(failed("making the timer"))?;
        let registry = poll.registry();
        for (token, port) in ports.iter().enumerate() {
            // Not for writing: each frame that a host takes would wake the pump for nothing.
            registry
                .register(&mut SourceFd(&port.as_raw_fd()), Token(token), Interest::READABLE)
                .map_err(failed("watching a port"))?;
        }
        registry
            .register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)
            .map_err(failed("watching the timer"))?;
        let waker = Arc::new(Waker::new(registry, WAKE).map_err(failed("making the waker"))?);
        let stop = Arc::new(AtomicBool::new(false));
        let totals = Arc::new(Totals::default());
        let stopper = Stopper { stop: stop.clone(), waker };
        let pump = Pump {
            ports,
            // Whatever came before the ports were watched is read at once.
            readable: [true; 2],
            backlog: Default::default(),
            leaving: Default::default(),
            wire,
            middle,
            rewire,
            emitter,
            clock,
            poll,
            timer,
            stop,
            totals: totals.clone(),
        };
        Ok((pump, stopper, totals))
    }

    /// Says through `ready` when frames can come, and runs until it is stopped. What is still under way
    /// then is forgotten.
    ///
    /// # Errors
    /// When a port or the event loop fails, naming the step.
    pub(super) fn run(mut self, ready: Sender<()>) -> Result<(), RunError> {
        timer::punctual().map_err(failed("asking for punctual timers"))?;
        let mut buffer = vec![0; self.ports.iter().map(Port::frame_max).max().unwrap_or(0)];
        let mut events = Events::with_capacity(8);
        let mut changed = Time::ZERO;
        // Whoever started this may have gone already; then the stop flag says so too.
        let _ = ready.send(());
        while !self.stop.load(Relaxed) {
            // Whatever is told in this turn happens from here on.
            let turn = self.emitter.stamp();
            self.rewire.make(self.clock.now(), &mut self.wire, &self.emitter);
            changed = self.tell_changes(changed);
            for direction in Direction::BOTH {
                self.read(direction, &mut buffer)?;
            }
            self.deliver()?;
            drop(turn);
            if self.readable == [false; 2] {
                self.sleep(&mut events, changed)?;
            }
        }
        *self.totals.unused.lock().unwrap_or_else(PoisonError::into_inner) = self.wire.rules().unused();
        Ok(())
    }

    /// Reads what the sender's port of this direction has, up to a batch.
    fn read(&mut self, direction: Direction, buffer: &mut [u8]) -> Result<(), RunError> {
        let from = direction.index();
        for _ in 0..BATCH {
            if !self.readable[from] {
                break;
            }
            match self.ports[from].recv(buffer).map_err(failed("reading a frame"))? {
                None => self.readable[from] = false,
                Some(len) => {
                    let offload = self.ports[from].offload();
                    self.enter(direction, &mut buffer[..len], offload)?;
                }
            }
        }
        Ok(())
    }

    /// A frame enters the wire.
    fn enter(&mut self, direction: Direction, frame: &mut [u8], offload: Offload) -> Result<(), RunError> {
        if let Some(whole) = Superframe::new(frame, offload) {
            return self.enter_superframe(direction, &whole);
        }
        let (_, ip_len) = sizes(frame);
        self.enter_one(direction, frame, offload, ip_len)
    }

    /// What the wire itself answers sets out on the way back, and is a frame like any other, but one that does not cross
    /// the narrow link: who speaks stands before that.
    fn answer(&mut self, direction: Direction, mut reply: Vec<u8>) -> Result<(), RunError> {
        self.enter_one(direction.other(), &mut reply, Offload::NONE, 0)
    }

    /// `ip_len`: the octets of IP packet that have to fit the wire's MTU.
    fn enter_one(
        &mut self,
        direction: Direction,
        frame: &mut [u8],
        offload: Offload,
        ip_len: u32,
    ) -> Result<(), RunError> {
        let now = self.clock.now();
        let (len, _) = sizes(frame);
        let class = stack::classify(frame);
        // The routers change the frame in place, so what entered is kept first where it will be told.
        let entered = self.emitter.listening().then(|| Bytes::from(finished(frame, offload)));
        let (row, reply) = match self.middle.meet(direction, frame) {
            Met::Passes => {
                let mut row = self.wire.judge(now, direction, len, ip_len, class);
                let whole = &mut *frame;
                let reply = self.middle.too_big(direction, &mut row.fate, move || {
                    complete(whole, offload);
                    &*whole
                });
                (row, reply)
            }
            Met::Ends(by, reply) => (self.wire.rules_mut().end(now, direction, len, class, by), reply),
        };
        self.count(&row);
        if row.fate.is_immediate(now) && self.wire.is_empty(direction) {
            if entered.is_some() {
                let row = Arc::new(row);
                self.tell_entered(&row, entered);
                self.tell_arrived(&row, 0, || Bytes::from(finished(frame, offload)));
            }
            self.give(direction.other().index(), frame, offload)?;
        } else if row.fate.is_dropped() {
            self.tell_entered(&Arc::new(row), entered);
        } else {
            self.keep(now, row, Parcel::Frame { bytes: frame.to_vec(), offload }, entered);
        }
        self.settle(now);
        match reply {
            Some(reply) => self.answer(direction, reply),
            None => Ok(()),
        }
    }

    /// Holds a frame that is not dropped until it is due.
    fn keep(&mut self, now: Time, row: Row, parcel: Parcel, entered: Option<Bytes>) {
        let waits = self.wire.is_pending(&row);
        let row = self.wire.hold(row, parcel);
        if waits {
            // Its fate is only known when the swap is over; until then nothing later is told.
            self.emitter.wait_for(row.id, now);
            self.middle.waiting[row.direction.index()] = entered;
        } else {
            self.tell_entered(&row, entered);
        }
    }

    /// Tells of frames whose swap is over.
    fn settle(&mut self, now: Time) {
        while let Some(row) = self.wire.settled(now) {
            let entered = self.middle.waiting[row.direction.index()].take();
            self.tell_entered(&row, entered);
            self.emitter.waited_for(row.id);
        }
    }

    /// Sends on what is due.
    fn deliver(&mut self) -> Result<(), RunError> {
        for to in 0..2 {
            while let Some(Outgoing { bytes, offload }) = self.backlog[to].pop_front() {
                let given = self.ports[to].send_offloaded(&bytes, offload);
                if !given.map_err(failed("sending a frame"))? {
                    self.backlog[to].push_front(Outgoing { bytes, offload });
                    break;
                }
            }
        }
        loop {
            let now = self.clock.now();
            self.settle(now);
            let Some(arrival) = self.wire.pop(now) else { break };
            let direction = arrival.row.direction;
            match arrival.payload {
                Parcel::Frame { bytes, offload } => {
                    self.let_go(direction)?;
                    self.put(&arrival.row, arrival.copy, &bytes, offload)?;
                }
                Parcel::Share(share) => {
                    self.tell_arrived(&arrival.row, arrival.copy, || Bytes::from(share.frame()));
                    self.gather(direction, share)?;
                }
            }
        }
        Direction::BOTH.into_iter().try_for_each(|direction| self.let_go(direction))
    }

    /// A frame arrives.
    fn put(&mut self, row: &Arc<Row>, copy: u8, frame: &[u8], offload: Offload) -> Result<(), RunError> {
        self.tell_arrived(row, copy, || Bytes::from(finished(frame, offload)));
        self.give(row.direction.other().index(), frame, offload)
    }

    /// Hands a frame to the far host's port.
    fn give(&mut self, to: usize, frame: &[u8], offload: Offload) -> Result<(), RunError> {
        self.totals.last.store(self.clock.now().as_nanos(), Relaxed);
        let waiting = !self.backlog[to].is_empty();
        let given = |given: io::Result<bool>| given.map_err(failed("sending a frame"));
        if waiting || !given(self.ports[to].send_offloaded(frame, offload))? {
            // The far host's own queue is full. A wire does not lose what it has promised to deliver.
            self.backlog[to].push_back(Outgoing { bytes: frame.to_vec(), offload });
        }
        Ok(())
    }

    fn tell_entered(&self, row: &Arc<Row>, entered: Option<Bytes>) {
        if let Some(bytes) = entered {
            self.emitter.frame(row.clone(), row.at, Moment::Entered, bytes);
        }
    }

    fn count(&self, row: &Row) {
        let way = row.direction.index();
        self.totals.frames[way].fetch_add(1, Relaxed);
        self.totals.octets[way].fetch_add(row.len.into(), Relaxed);
        match &row.fate {
            // What was for a router itself has got where it should.
            Fate::Dropped { by: Rule::ForRouter { .. } } => {}
            Fate::Dropped { by } => {
                self.totals.dropped[way].fetch_add(1, Relaxed);
                self.totals.note_drop(by, way);
            }
            _ => {}
        }
        self.totals.last.store(row.at.as_nanos(), Relaxed);
    }

    /// Counts frames that passed without a row.
    fn count_passed(&self, now: Time, direction: Direction, len: u32, frames: u64) {
        let way = direction.index();
        self.totals.frames[way].fetch_add(frames, Relaxed);
        self.totals.octets[way].fetch_add(frames * u64::from(len), Relaxed);
        self.totals.last.store(now.as_nanos(), Relaxed);
    }

    /// Tells of cuts and restores since `told`.
    fn tell_changes(&self, told: Time) -> Time {
        let now = self.clock.now();
        let mut since = told;
        while let Some((when, changes)) =
            self.wire.rules().next_change(since).filter(|(when, _)| *when <= now)
        {
            for (direction, change) in Direction::BOTH.into_iter().zip(changes) {
                if let Some(change) = change {
                    self.emitter.wire_changed(when, direction, change);
                }
            }
            since = when;
        }
        since
    }

    /// Sleeps until a port, the stopper or the next deadline wants something.
    fn sleep(&mut self, events: &mut Events, changed: Time) -> Result<(), RunError> {
        let held = Direction::BOTH.map(|d| self.wire.held(d).0 as u64);
        let waiting = self.backlog.each_ref().map(|b| b.len() as u64);
        self.totals.held.store(held.iter().chain(&waiting).sum(), Relaxed);
        let change = self.wire.rules().next_change(changed).map(|(when, _)| when);
        let deadline = [self.wire.deadline(), change, self.rewire.next()].into_iter().flatten().min();
        if let Some(deadline) = deadline {
            let now = self.clock.now();
            if deadline <= now + SPIN {
                while self.clock.now() < deadline {
                    std::hint::spin_loop();
                }
                // One look at the ports all the same: a busy delay line must not keep them waiting.
                self.readable = [true; 2];
                return Ok(());
            }
        }
        // A port that took nothing is tried again soon: not every kind of port says when it will.
        let retry = (waiting != [0; 2]).then(|| self.clock.now() + RETRY);
        let wake = deadline.map(|at| at - SPIN).into_iter().chain(retry).min();
        self.timer.set(wake).map_err(failed("setting the timer"))?;
        match self.poll.poll(events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result.map_err(failed("waiting"))?,
        }
        for event in events.iter() {
            match event.token() {
                TIMER => {
                    self.timer.acknowledge().map_err(failed("reading the timer"))?;
                }
                Token(port @ 0..=1) if event.is_readable() => self.readable[port] = true,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A frame's length, and that of the IP packet in it (0 for none).
fn sizes(frame: &[u8]) -> (u32, u32) {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    (number(frame.len()), number(stack::ip_len(frame).unwrap_or(0)))
}
