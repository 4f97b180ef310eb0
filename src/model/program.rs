//! Programs of anybody's on the two hosts: how they end, and what is told about them while they run.

use super::place::Side;
use super::protocol::Protocol;
use std::net::SocketAddr;
use std::time::Duration;

/// How a program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// By itself, with this status.
    Status(u8),
    /// By this signal.
    Signal(u8),
}

impl Exit {
    /// The status that a shell gives it: its own, or 128 and the signal's number.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Status(code) => code,
            Exit::Signal(number) => number.saturating_add(128),
        }
    }

    /// Whether it ended by itself with status 0.
    pub const fn is_success(self) -> bool {
        matches!(self, Exit::Status(0))
    }
}

/// A socket of the server's host that waits to be spoken to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Listener {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where.
    pub at: SocketAddr,
}

impl Listener {
    /// Whether another host can speak to it.
    pub const fn is_reachable(&self) -> bool {
        !self.at.ip().is_loopback()
    }
}

/// What is told of the programs while they run.
#[derive(Clone, PartialEq, Debug)]
pub enum ProgramNote {
    /// The server listens, so that the client may start.
    Listens {
        /// Where; the reachable ones.
        at: Vec<Listener>,
        /// How long after its start.
        after: Duration,
    },
    /// The server listens where the client cannot reach it.
    ListensToItselfAlone {
        /// Where.
        at: Listener,
        /// The server's own address, which it could have bound.
        reachable: SocketAddr,
    },
    /// The server has not listened in all this time; the client starts all the same.
    DoesNotListen {
        /// How long was waited.
        after: Duration,
        /// The port that was waited for, where one was named.
        port: Option<u16>,
    },
    /// The server ended before it listened, so the client was not started.
    NeverListened {
        /// How it ended.
        exit: Exit,
    },
    /// A server ended while its client went on.
    EndedEarly {
        /// How.
        exit: Exit,
    },
    /// The time that was given is over.
    TimedOut {
        /// How much it was.
        after: Duration,
    },
    /// A program did not end when it was asked to, and was killed.
    Killed {
        /// Whose.
        side: Side,
        /// How long it was given.
        after: Duration,
    },
    /// The names `client` and `server` cannot be resolved, because the machine has no `/etc/hosts`.
    NoNames,
}
