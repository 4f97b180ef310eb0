//! A WebSocket machine on a traced socket: its octets go out with `send()`, what `recv()` gives goes in.

use crate::live::calls::{CallError, Program, Traced};
use crate::model::{Hangup, How, Input, Machine, Outbox, Time};
use crate::stack::l7_application::ws::WebSocket;
use crate::stack::l7_application::ws::machine::{Command, Event};
use bytes::Bytes;
use std::time::Duration;

/// Room of each `recv()`: what a kernel holds for a connection at most comes in few calls.
const ROOM: usize = 64 << 10;
/// How often a `recv()` that waits looks whether something else is due.
const NAP: Duration = Duration::from_millis(20);

/// See the module's page.
pub(crate) struct Talk<'a> {
    program: &'a Program,
    socket: &'a Traced,
    machine: WebSocket,
    out: Outbox<Event>,
    finished: bool,
    eof: bool,
    /// Octets sent and received.
    pub(crate) octets: [usize; 2],
}

impl<'a> Talk<'a> {
    /// A connection that TCP has opened.
    pub(crate) fn new(program: &'a Program, socket: &'a Traced, machine: WebSocket) -> Talk<'a> {
        Talk { program, socket, machine, out: Outbox::new(), finished: false, eof: false, octets: [0; 2] }
    }

    /// Asks the machine for something; nothing when it may not be said any more.
    pub(crate) fn say(&mut self, command: Command) -> Result<(), CallError> {
        self.input(Input::Command(command))
    }

    /// What happens next; `None` when nothing more will, or nothing did for as long as the run's patience.
    pub(crate) fn hear(&mut self) -> Result<Option<Event>, CallError> {
        self.hear_until(self.program.emitter.now() + self.program.patience)
    }

    /// The same, with a patience of one's own.
    pub(crate) fn hear_until(&mut self, until: Time) -> Result<Option<Event>, CallError> {
        loop {
            if let Some(event) = self.out.events.pop_front() {
                return Ok(Some(event));
            }
            if self.eof || self.out.hangup == Hangup::Abort || self.now() >= until {
                return Ok(None);
            }
            // A Close that answers is due at once; timers later.
            if self.is_due() {
                self.input(Input::Tick)?;
            } else {
                self.read(until)?;
            }
        }
    }

    /// The run's clock.
    pub(crate) fn now(&self) -> Time {
        self.program.emitter.now()
    }

    fn is_due(&self) -> bool {
        self.machine.deadline().is_some_and(|at| at <= self.now())
    }

    fn read(&mut self, until: Time) -> Result<(), CallError> {
        self.socket.nap(NAP)?;
        let got = self.socket.recv_unless(ROOM, || self.is_due() || self.now() >= until)?;
        match got {
            None => Ok(()),
            Some(octets) if octets.is_empty() => {
                self.eof = true;
                self.input(Input::Eof)
            }
            Some(octets) => {
                self.octets[1] += octets.len();
                self.input(Input::Stream(&octets))
            }
        }
    }

    fn input(&mut self, input: Input<'_, Command>) -> Result<(), CallError> {
        // What may not be said any more is not said: the peer's Close, or the end, is the next event.
        let _ = self.machine.handle(self.program.emitter.now(), input, &mut self.out);
        if !self.out.stream.is_empty() {
            let octets = Bytes::from(std::mem::take(&mut self.out.stream));
            self.socket.send_all(&octets)?;
            self.octets[0] += octets.len();
        }
        if self.out.hangup == Hangup::Finish && !self.finished && !self.eof {
            self.finished = true;
            self.socket.shutdown(How::Write)?;
        }
        Ok(())
    }
}
