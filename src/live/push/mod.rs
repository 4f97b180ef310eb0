//! The same events, pushed from a server to a client three ways: polled for, waited for (long polling, RFC 6202 s2), and
//! sent over a WebSocket.
//!
//! The server has an event at fixed moments after the connection was opened. The client gets them as its way allows.

mod polled;
mod socket;

use super::calls::{CallError, Program, Traced};
use super::echo::{Ending, Experiment, ServerCue};
use crate::model::{SocketKind, Time};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How an event comes to the client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// The client asks again and again; most answers are empty.
    Polling,
    /// The server answers when it has something (RFC 6202 s2.1).
    LongPolling,
    /// The server sends when it has something (RFC 6455).
    WebSocket,
}

impl Way {
    /// All, from the oldest to the newest.
    pub const ALL: [Way; 3] = [Way::Polling, Way::LongPolling, Way::WebSocket];

    /// `polling`, `long-polling`, `websocket`.
    pub const fn name(self) -> &'static str {
        match self {
            Way::Polling => "polling",
            Way::LongPolling => "long-polling",
            Way::WebSocket => "websocket",
        }
    }
}

/// What is pushed, when and how.
#[derive(Clone, Debug)]
pub struct Push {
    /// How.
    pub way: Way,
    /// What each event says.
    pub event: Bytes,
    /// How many there are, at least 1.
    pub count: u32,
    /// Time between two of them.
    pub every: Duration,
    /// Time between two questions of a client that polls.
    pub poll_every: Duration,
    /// Masks and the key derive from it.
    pub seed: u64,
    /// What the two programs noted.
    pub notes: Arc<Mutex<Notes>>,
}

/// What the two programs noted, on the run's clock.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Notes {
    /// When each event came to be at the server.
    pub made: Vec<Time>,
    /// When each came to the client, in their order.
    pub heard: Vec<Time>,
    /// Requests of the client.
    pub requests: u32,
    /// Answers that held no event.
    pub empty: u32,
    /// Octets that the client's program sent, and received.
    pub octets: [usize; 2],
    /// Octets sent and received when the first event was to come: what opening cost.
    pub opening: [usize; 2],
}

impl Push {
    /// What has been noted.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When event `n` comes to be, on the clock of a server that opened at `opened`.
    fn due(&self, opened: Time, n: u32) -> Time {
        opened + self.every * (n + 1)
    }

    /// The server's listener.
    fn listen(program: &Program, at: SocketAddr) -> Result<(Traced, SocketAddr), CallError> {
        let listener = program.socket(SocketKind::Stream, &at)?;
        let here = listener.bind(at)?;
        listener.listen(1)?;
        Ok((listener, here))
    }

    fn sleep_until(program: &Program, at: Time) {
        std::thread::sleep(at.since(program.emitter.now()));
    }
}

impl Experiment for Push {
    fn absent_host(&self) -> bool {
        false
    }

    fn closed_port(&self) -> bool {
        false
    }

    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let mut ending = Ending::default();
        let Some((listener, here)) = ending.note(Push::listen(program, at)) else { return ending };
        cue.ready(here);
        let came = listener.accept_unless(|| cue.client_is_done());
        if let Some((connection, _)) = ending.note(came).flatten() {
            let served = match self.way {
                Way::Polling | Way::LongPolling => self.answer(program, &connection),
                Way::WebSocket => self.send(program, &connection),
            };
            ending.note(served);
            connection.close();
        }
        listener.close();
        ending
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        let mut ending = Ending::default();
        let Some(socket) = ending.note(program.socket(SocketKind::Stream, &to)) else { return ending };
        if ending.note(socket.connect(to)).is_some() {
            let came = match self.way {
                Way::Polling | Way::LongPolling => self.ask(program, &socket, to),
                Way::WebSocket => self.hear(program, &socket, to),
            };
            ending.note(came);
        }
        socket.close();
        let notes = self.notes();
        [ending.sent, ending.received] = notes.octets;
        ending.echoed = notes.heard.len();
        ending
    }
}
