//! The programs of a comparison: the same load from the client to the server, over TCP, over UDP, and over UDP with our
//! acknowledge-and-resend.
//!
//! They note in a [`Journal`] what each message met; what happened on the wire the run's listeners see. Message
//! n (0 the first) carries n in its first four octets, big-endian, so that a server knows whose it is.

mod arq;
mod tcp;
mod udp;

use super::calls::{CallError, Program, Setting};
use super::echo::{Ending, Experiment, ServerCue};
use crate::model::{TcpInfo, Time};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Octets of a message at least: its number.
pub const LEAST: u32 = 4;
/// Octets of a message at most: what a datagram on IPv4 takes (65,535 less 20 of IP and 8 of UDP) below the header of our
/// acknowledge-and-resend.
pub const MOST: u32 = 65_507 - crate::stack::l7_application::arq::HEADER as u32;
/// Octets before each message on a stream: its length, big-endian.
pub const PREFIX: usize = 4;

/// How often a waiting program looks whether it is over.
const NAP: Duration = Duration::from_millis(4);
/// How often the kernel is asked about the connection.
const SAMPLING: Duration = Duration::from_millis(5);
/// Samples kept at most.
const SAMPLES_MAX: usize = 65_536;

/// What carries the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP with our acknowledge-and-resend.
    Arq,
}

/// What is to be carried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Messages on a schedule.
    Messages {
        /// How many.
        count: u32,
        /// Octets of each, from [`LEAST`] to [`MOST`].
        size: u32,
        /// Time from one's beginning to the next's.
        every: Duration,
    },
    /// So many octets as fast as the carrier takes them. Only TCP has a pace of its own for that.
    Bulk(u64),
}

/// One transport's experiment.
#[derive(Clone, Debug)]
pub struct Haul {
    /// What carries it.
    pub carrier: Carrier,
    /// What is to be carried.
    pub work: Work,
    /// Options of both sockets.
    pub settings: Vec<Setting>,
    /// How long a datagram may be under way: silence for so long after the last was sent is the end.
    pub under_way: Duration,
    /// How long to wait, at most, for what was not delivered when the last message had been sent.
    pub wait: Duration,
    /// What the programs note.
    pub journal: Journal,
}

/// What the programs noted, for whoever started them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Notes>>);

impl Journal {
    /// The notes. A program that panicked has noted what it had.
    pub fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Journal`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes {
    /// When the client's program began.
    pub opened: Option<Time>,
    /// From when on messages are due.
    pub began: Option<Time>,
    /// When each message was handed over, in order.
    pub sent: Vec<Time>,
    /// The messages that the server's program got, as they came, and when.
    pub received: Vec<(u32, Time)>,
    /// When the server's program had its last octet of the load.
    pub ended: Option<Time>,
    /// Octets of the load that it got, each counted once.
    pub octets: u64,
    /// What the client's kernel said of the connection.
    pub samples: Vec<(Time, TcpInfo)>,
    /// Messages that our acknowledge-and-resend gave up.
    pub given_up: Vec<u32>,
    seen: BTreeSet<u32>,
}

impl Notes {
    fn got(&mut self, number: u32, octets: usize, at: Time) {
        if self.seen.insert(number) {
            self.octets += octets as u64;
        }
        self.received.push((number, at));
        self.ended = Some(at);
    }
}

impl Experiment for Haul {
    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let mut ending = Ending::default();
        let program = Program { patience: NAP, ..program.clone() };
        let served = match self.carrier {
            Carrier::Tcp => self.tcp_server(&program, at, cue),
            Carrier::Udp => self.udp_server(&program, at, cue),
            Carrier::Arq => self.arq_server(&program, at, cue),
        };
        ending.failures.extend(served.err());
        ending
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        let mut ending = Ending::default();
        self.journal.notes().opened = Some(program.emitter.now());
        let sent = match self.carrier {
            Carrier::Tcp => self.tcp_client(program, to),
            Carrier::Udp => self.udp_client(program, to),
            Carrier::Arq => self.arq_client(program, to),
        };
        ending.failures.extend(sent.err());
        ending
    }

    fn absent_host(&self) -> bool {
        false
    }

    fn closed_port(&self) -> bool {
        false
    }
}

impl Haul {
    /// Hands each message over when it is due, by `send`.
    fn on_schedule(
        &self,
        program: &Program,
        mut send: impl FnMut(Bytes) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        let Work::Messages { count, size, every } = self.work else { return Ok(()) };
        let began = Instant::now();
        self.journal.notes().began = Some(program.emitter.now());
        for n in 0..count {
            thread::sleep((every * n).saturating_sub(began.elapsed()));
            self.journal.notes().sent.push(program.emitter.now());
            send(message(n, size))?;
        }
        Ok(())
    }

    /// Whether a server that waits for datagrams has waited long enough. `last` is when the last came, or the server
    /// noticed that the client is done.
    fn is_over(&self, cue: &ServerCue, last: &std::cell::Cell<Option<Instant>>) -> bool {
        if last.get().is_none() && cue.client_is_done() {
            last.set(Some(Instant::now()));
        }
        last.get().is_some_and(|last| last.elapsed() > self.under_way)
    }
}

/// A message: its number, and letters up to its size.
fn message(number: u32, size: u32) -> Bytes {
    let letters = (b'a'..=b'z').cycle().take((size.max(LEAST) - LEAST) as usize);
    number.to_be_bytes().into_iter().chain(letters).collect()
}

/// The number in a message.
fn number(message: &[u8]) -> Option<u32> {
    message.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}
