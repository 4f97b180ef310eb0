//! The load over UDP with our acknowledge-and-resend: the machines of `stack`, driven by sockets.

use super::udp::ROOM;
use super::{Haul, NAP, number};
use crate::live::calls::{CallError, Program, Traced};
use crate::live::echo::ServerCue;
use crate::model::{Input, Machine, Outbox, SocketKind};
use crate::stack::l7_application::arq::{Heard, Receiver, Sender, Told};
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

impl Haul {
    pub(super) fn arq_server(
        &self,
        program: &Program,
        at: SocketAddr,
        cue: &ServerCue,
    ) -> Result<(), CallError> {
        let socket = program.socket(SocketKind::Datagram, &at)?;
        cue.ready(socket.bind(at)?);
        let mut receiver = Receiver::new();
        let mut out = Outbox::new();
        let last = Cell::new(None);
        while let Some((datagram, from)) = socket.recv_from_unless(ROOM, || self.is_over(cue, &last))? {
            last.set(last.get().map(|_| Instant::now()));
            let now = program.emitter.now();
            let Ok(()) = receiver.handle(now, Input::Datagram(&datagram), &mut out);
            for heard in out.events.drain(..) {
                if let Heard::Message { message, .. } = heard
                    && let Some(number) = number(&message)
                {
                    self.journal.notes().got(number, message.len(), now);
                }
            }
            for acknowledgment in out.datagrams.drain(..) {
                socket.send_to(&acknowledgment.into(), from)?;
            }
        }
        socket.close();
        Ok(())
    }

    pub(super) fn arq_client(&self, program: &Program, to: SocketAddr) -> Result<(), CallError> {
        let program = &Program { patience: NAP, ..program.clone() };
        let socket = program.socket(SocketKind::Datagram, &to)?;
        for setting in &self.settings {
            socket.set(setting)?;
        }
        let talk = Talk { haul: self, program, socket: &socket, to, sender: Mutex::default() };
        let (all_sent, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        // One thread keeps the schedule, the other hears acknowledgments and watches the timer.
        let (scheduled, heard) = thread::scope(|scope| {
            let hearing = scope.spawn(|| {
                let heard = talk.hear(&all_sent);
                failed.store(heard.is_err(), Relaxed);
                heard
            });
            let scheduled = self.on_schedule(program, |message| {
                if failed.load(Relaxed) { Ok(()) } else { talk.feed(Input::Command(message.to_vec())) }
            });
            all_sent.store(true, Relaxed);
            (scheduled, hearing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        socket.close();
        scheduled.and(heard)
    }
}

/// The client's end.
struct Talk<'a> {
    haul: &'a Haul,
    program: &'a Program,
    socket: &'a Traced,
    to: SocketAddr,
    sender: Mutex<Sender>,
}

impl Talk<'_> {
    fn sender(&self) -> MutexGuard<'_, Sender> {
        self.sender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the machine something, and sends what it wants sent before anybody else has a turn.
    fn feed(&self, input: Input<'_, Vec<u8>>) -> Result<(), CallError> {
        let mut out = Outbox::new();
        let mut sender = self.sender();
        // A full backlog refuses the message: it is then never sent, and counts as lost.
        let _ = sender.handle(self.program.emitter.now(), input, &mut out);
        for told in out.events {
            if let Told::GaveUp { number } = told {
                self.haul.journal.notes().given_up.push(number - 1);
            }
        }
        for datagram in out.datagrams {
            self.socket.send_to(&Bytes::from(datagram), self.to)?;
        }
        Ok(())
    }

    /// Hears acknowledgments until all is acknowledged or given up, or the wait is over.
    fn hear(&self, all_sent: &AtomicBool) -> Result<(), CallError> {
        let since = Cell::new(None);
        let failure = RefCell::new(None);
        let over = || {
            if self.sender().deadline().is_some_and(|at| at <= self.program.emitter.now()) {
                *failure.borrow_mut() = self.feed(Input::Tick).err();
            }
            if since.get().is_none() && all_sent.load(Relaxed) {
                since.set(Some(Instant::now()));
            }
            let waited = since.get().is_some_and(|since: Instant| since.elapsed() > self.haul.wait);
            failure.borrow().is_some() || waited || (since.get().is_some() && self.sender().is_idle())
        };
        while let Some((datagram, _)) = self.socket.recv_from_unless(ROOM, over)? {
            self.feed(Input::Datagram(&datagram))?;
        }
        failure.into_inner().map_or(Ok(()), Err)
    }
}
