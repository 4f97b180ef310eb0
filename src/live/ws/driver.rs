//! One connection: a machine, the stream that it speaks on, and the poll that wakes it.
//!
//! Memory is bounded by the machine's own limits: nothing is read while an event waits to be taken, or while more than
//! [`FULL`] octets wait for a peer that does not read.

use super::stream::Stream;
use crate::host::Clock;
use crate::model::{Hangup, Input, Machine, Outbox, Side, Time};
use crate::stack::l7_application::ws::Misuse;
use crate::stack::l7_application::ws::machine::{Command, Event, WebSocket};
use mio::{Events, Poll, Token, Waker};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

const STREAM: Token = Token(0);
const WAKER: Token = Token(1);
/// Octets of one read.
const READ: usize = 64 << 10;
/// Octets that may wait for the peer before nothing more is read, and nothing more should be said.
const FULL: usize = 1 << 20;
/// How long the last octets may take once the connection is over.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What happened next.
#[derive(Debug)]
pub enum Turn {
    /// The machine has something to tell. [`Event::Closed`] is the last.
    Event(Event),
    /// The transport failed; what it means to the machine comes next.
    Failed(io::Error),
    /// Somebody used the [waker](Driver::waker), a signal came, or there is room again for more to say.
    Woken,
    /// The patience is over.
    Elapsed,
    /// The transport has ended, and everything was told.
    Over,
}

/// Hears the octets of each side as the stream carries them: those of the peer before the machine hears of them.
type Ear = Box<dyn FnMut(Time, Side, &[u8])>;

/// A connection that is driven by whoever asks for its [turns](Driver::next).
pub struct Driver {
    machine: WebSocket,
    out: Outbox<Event>,
    /// Octets at the beginning of the outbox's stream that were sent.
    sent: usize,
    stream: Stream,
    poll: Poll,
    ready: Events,
    waker: Arc<Waker>,
    clock: Clock,
    buffer: Vec<u8>,
    readable: bool,
    writable: bool,
    /// The peer's direction ended, or failed.
    deaf: bool,
    /// Ours ended, or failed.
    mute: bool,
    /// More than [`FULL`] octets waited when last looked at.
    full: bool,
    failure: Option<io::Error>,
    /// How long the peer may take nothing of what waits for it.
    stall: Option<Duration>,
    /// Since when it does.
    stuck_since: Option<Time>,
    /// The machine is done: what is left is sent until then.
    over_by: Option<Time>,
    over: bool,
    ear: Option<Ear>,
}

impl Driver {
    /// Drives `machine` over `stream`. A client's handshake is begun with [`Command::Begin`].
    ///
    /// # Errors
    /// When the operating system gives no poll.
    pub fn new(mut stream: Stream, machine: WebSocket, clock: Clock) -> io::Result<Driver> {
        let poll = Poll::new()?;
        stream.register(poll.registry(), STREAM)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok(Driver {
            machine,
            out: Outbox::new(),
            sent: 0,
            stream,
            poll,
            ready: Events::with_capacity(4),
            waker,
            clock,
            buffer: vec![0; READ],
            // Edge-triggered: nothing is known before it was tried.
            readable: true,
            writable: true,
            deaf: false,
            mute: false,
            full: false,
            failure: None,
            stall: None,
            stuck_since: None,
            over_by: None,
            over: false,
            ear: None,
        })
    }

    /// Gives up, with [`ErrorKind::TimedOut`], a peer that takes nothing of what waits for it this long.
    #[must_use]
    pub fn stalling_at_most(self, stall: Duration) -> Driver {
        Driver { stall: Some(stall), ..self }
    }

    /// Lets `ear` hear the octets of each side, in the clear where the stream is TLS.
    #[must_use]
    pub fn overheard_by(self, ear: impl FnMut(Time, Side, &[u8]) + 'static) -> Driver {
        Driver { ear: Some(Box::new(ear)), ..self }
    }

    /// Wakes [`Driver::next`] from another thread.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// The machine.
    pub fn machine(&self) -> &WebSocket {
        &self.machine
    }

    /// The time now, as the machine is told it.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Whether so much waits for the peer that nothing more should be said: [`Turn::Woken`] tells when that is over.
    pub fn is_full(&mut self) -> bool {
        self.full = self.unsent() >= FULL;
        self.full
    }

    /// Octets that wait for the stream to take them.
    fn unsent(&self) -> usize {
        self.out.stream.len() - self.sent
    }

    /// Whether anything waits for the peer to take it.
    pub fn is_waiting(&self) -> bool {
        self.unsent() > 0 || self.stream.is_pending()
    }

    /// Asks the machine for something. What it sends leaves with the next turn.
    ///
    /// # Errors
    /// [`Misuse`]: nothing was sent.
    pub fn command(&mut self, command: Command) -> Result<(), Misuse> {
        self.machine.handle(self.clock.now(), Input::Command(command), &mut self.out)
    }

    /// Waits for what happens next, until `patience` at most.
    pub fn next(&mut self, patience: Option<Time>) -> Turn {
        loop {
            if let Some(error) = self.failure.take() {
                return Turn::Failed(error);
            }
            if let Some(event) = self.out.events.pop_front() {
                if let Event::Closed { .. } = event {
                    self.over_by = Some(self.clock.now() + LAST_WORDS);
                }
                return Turn::Event(event);
            }
            if self.over {
                return Turn::Over;
            }
            self.send();
            let now = self.clock.now();
            if self.is_done(now) {
                self.over = true;
                continue;
            }
            if self.full && !self.is_full() {
                return Turn::Woken;
            }
            if self.machine.deadline().is_some_and(|due| due <= now) {
                self.input(Input::Tick);
                continue;
            }
            if self.readable && !self.deaf && self.unsent() < FULL {
                self.receive();
                continue;
            }
            if patience.is_some_and(|patience| patience <= now) {
                return Turn::Elapsed;
            }
            if self.wait(now, patience) {
                return Turn::Woken;
            }
        }
    }

    /// Whether the transport can be let go. Nothing is left to tell here.
    fn is_done(&self, now: Time) -> bool {
        let said = self.mute || !self.is_waiting();
        self.out.hangup == Hangup::Abort || self.over_by.is_some_and(|by| said || by <= now)
    }

    fn input(&mut self, input: Input<'_, Command>) {
        // A machine takes every input that is no command.
        let _ = self.machine.handle(self.clock.now(), input, &mut self.out);
    }

    /// Writes what the peer takes, and ends our direction when the machine wants that.
    fn send(&mut self) {
        while self.writable && !self.mute && self.is_waiting() {
            let rest = &self.out.stream[self.sent..];
            let sent =
                if rest.is_empty() { self.stream.flush().map(|()| 0) } else { self.stream.write(rest) };
            match sent {
                Ok(n) => {
                    if let Some(ear) = self.ear.as_mut().filter(|_| n > 0) {
                        ear(
                            self.clock.now(),
                            self.machine.side(),
                            &self.out.stream[self.sent..self.sent + n],
                        );
                    }
                    self.sent += n;
                    self.stuck_since = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What the peer sent before it went is still worth reading.
                Err(error) => self.lost(error),
            }
        }
        // What was sent makes room once it is most of the buffer: moving the rest then costs less than sending it did.
        if self.sent > self.unsent() {
            self.out.stream.drain(..self.sent);
            self.sent = 0;
        }
        if self.mute {
            self.out.stream.clear();
            self.sent = 0;
        }
        let waiting = self.is_waiting() && !self.mute;
        let now = self.clock.now();
        self.stuck_since = if waiting { self.stuck_since.or(Some(now)) } else { None };
        if self.stuck_until().is_some_and(|until| until <= now) {
            self.lost(ErrorKind::TimedOut.into());
            self.end();
        }
        if !self.mute && !waiting && self.out.hangup >= Hangup::Finish {
            self.mute = true;
            // It fails where the peer went first.
            let _ = self.stream.finish();
        }
    }

    fn stuck_until(&self) -> Option<Time> {
        Some(self.stuck_since? + self.stall?)
    }

    fn receive(&mut self) {
        match self.stream.read(&mut self.buffer) {
            Ok(0) => self.end(),
            Ok(n) => {
                let (now, octets) = (self.clock.now(), &self.buffer[..n]);
                if let Some(ear) = &mut self.ear {
                    ear(now, self.machine.side().other(), octets);
                }
                let _ = self.machine.handle(now, Input::Stream(octets), &mut self.out);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.lost(error);
                self.end();
            }
        }
    }

    /// The peer says nothing more.
    fn end(&mut self) {
        self.deaf = true;
        self.input(Input::Eof);
    }

    /// Nothing more can be sent. The first failure is the one that tells why.
    fn lost(&mut self, error: io::Error) {
        if !self.mute {
            self.failure = Some(error);
        }
        self.mute = true;
    }

    /// Waits for readiness; whether the caller should look around.
    fn wait(&mut self, now: Time, patience: Option<Time>) -> bool {
        let times = [patience, self.machine.deadline(), self.over_by, self.stuck_until()];
        let timeout = times.into_iter().flatten().min().map(|until| until.since(now));
        if let Err(error) = self.poll.poll(&mut self.ready, timeout) {
            if error.kind() != ErrorKind::Interrupted {
                self.lost(error);
                self.end();
            }
            return true;
        }
        let mut woken = false;
        for event in &self.ready {
            if event.token() == WAKER {
                woken = true;
            } else {
                self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
            }
        }
        woken
    }
}
