//! The same events, pushed from a server to a client three ways: polled for, waited for (long polling, RFC 6202 s2), and
//! sent over a WebSocket.
//!
//! The server has an event at fixed moments after the connection was opened. The client gets them as its way allows.

mod polled;
mod socket;

use super::calls::Program;
use super::echo::{Ending, Experiment, ServerCue, accept_one, connect_one};
use crate::model::Time;
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
    /// A client that polls asks once in each such time, at a drawn moment of it.
    pub poll_every: Duration,
    /// Masks, the key and the moments of polling derive from it.
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
    /// Octets sent and received behind the last event: what closing cost.
    pub closing: [usize; 2],
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
        accept_one(program, at, 1, cue, |connection, _| match self.way {
            Way::Polling | Way::LongPolling => self.answer(program, connection),
            Way::WebSocket => self.send(program, connection),
        })
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        let ending = connect_one(program, to, |socket, _| match self.way {
            Way::Polling | Way::LongPolling => self.ask(program, socket, to),
            Way::WebSocket => self.hear(program, socket, to),
        });
        let notes = self.notes();
        Ending { sent: notes.octets[0], received: notes.octets[1], echoed: notes.heard.len(), ..ending }
    }
}
