//! One end that speaks first, on the real network: a TCP or a UDP client for any server.
//!
//! Both resolve nothing and read no option themselves: [`resolve`] turns a name into addresses, and the
//! programs are ordinary sequences of blocking [calls](super::calls), told to one sink in time order. A
//! patience on each call makes sure that no peer can make them wait for ever.

mod error;
pub mod tcp;
pub mod udp;

pub use error::SendError;

use super::calls::Program;
use super::echo::Messages;
use super::stage::{Played, Stage};
use crate::host::{Clock, signal};
use crate::model::{Outcome, Run, Side, Sink, Time};
use bytes::Bytes;
use std::io::{self, BufRead, Read};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Octets of one line of input at most; a longer one is sent in parts.
pub const LINE_MAX: usize = 1 << 20;

/// The addresses that a host has, by name or literally, in the order in which the system wants them
/// tried (RFC 6724).
///
/// # Errors
/// [`SendError::UnknownHost`].
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
    let unknown = |reason: String| SendError::UnknownHost { host: host.to_owned(), reason };
    let found = (host, port).to_socket_addrs().map_err(|error| unknown(error.to_string()))?;
    let mut addresses = Vec::new();
    for address in found {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(unknown("the name has no address".to_owned())) } else { Ok(addresses) }
}

/// The address that this machine would send from to reach `to`: the route alone is asked, nothing is
/// sent. The unspecified address where no way leads there.
pub fn source_address(to: SocketAddr) -> IpAddr {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let ask = || -> io::Result<IpAddr> {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(to)?;
        Ok(socket.local_addr()?.ip())
    };
    ask().unwrap_or(any)
}

/// Where the messages come from.
pub enum Source {
    /// They are known.
    List(Messages),
    /// The lines of an input, each with its line end, as they come; time between their sends.
    Lines(Box<dyn BufRead + Send>, Duration),
}

impl Source {
    /// Octets in all messages together; `None` where that is not known.
    fn octets(&self) -> Option<usize> {
        match self {
            Source::List(messages) => Some(messages.octets()),
            Source::Lines(..) => None,
        }
    }

    fn each(self) -> Each {
        Each { source: self, nth: 0, began: Instant::now(), held: None }
    }
}

/// The messages one by one, each at its time.
struct Each {
    source: Source,
    nth: usize,
    began: Instant,
    held: Option<Bytes>,
}

impl Each {
    /// The next message, when it is due.
    fn next(&mut self) -> Result<Option<Bytes>, SendError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let (message, every) = match &mut self.source {
            Source::List(messages) => (messages.list.get(self.nth).cloned(), messages.every),
            Source::Lines(input, every) => {
                let mut line = Vec::new();
                let mut input = input.take(LINE_MAX as u64);
                input.read_until(b'\n', &mut line).map_err(SendError::Input)?;
                ((!line.is_empty()).then(|| Bytes::from(line)), *every)
            }
        };
        if message.is_some() && !every.is_zero() {
            let due = every.saturating_mul(u32::try_from(self.nth).unwrap_or(u32::MAX));
            thread::sleep(due.saturating_sub(self.began.elapsed()));
        }
        self.nth += 1;
        Ok(message)
    }

    /// Gives a message back: it comes again next time.
    fn again(&mut self, message: Bytes) {
        self.held = Some(message);
    }
}

/// What a sender did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Messages sent whole.
    pub messages: u64,
    /// Octets sent.
    pub sent: u64,
    /// Answers: datagrams received, or `recv()`s that gave octets.
    pub answers: u64,
    /// Octets received.
    pub received: u64,
    /// Answers that were waited for in vain.
    pub silences: u64,
    /// TCP: the peer ended its direction.
    pub ended: bool,
    /// The run was stopped before its end.
    pub interrupted: bool,
}

/// What the thread that sends and the one that tells share.
#[derive(Clone, Default)]
struct Progress(Arc<Mutex<Report>>);

impl Progress {
    fn note(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn report(&self) -> Report {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is around a sender's run.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What is told before everything else.
    pub run: Run,
    /// The run's clock.
    pub clock: Clock,
    /// Whether anybody wants to hear of calls.
    pub listening: bool,
}

/// Runs `program` on a thread of its own, tells `sink`, and gives what was done. A sender that is stopped
/// leaves its blocked thread behind, which ends with the process.
fn play(
    scene: &Scene,
    patience: Duration,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
    program: impl FnOnce(&Program, &Progress) -> Result<(), SendError> + Send + 'static,
) -> Result<Report, SendError> {
    sink.begin(&scene.run).map_err(SendError::Telling)?;
    let (mut stage, emitter) = Stage::new(scene.clock, scene.listening);
    let progress = Progress::default();
    let thread = {
        let progress = progress.clone();
        thread::spawn(move || {
            let caller = Program { side: Side::Client, emitter, patience };
            program(&caller, &progress)
        })
    };
    let played = stage.play(sink, stop).map_err(SendError::Telling)?;
    let at = scene.clock.now();
    // A signal also ends the call that the program waits in: that is no failure of the call's.
    let interrupted = played == Played::Stopped || stop.load(Relaxed);
    let signal = signal::raised_by().filter(|_| interrupted);
    let outcome = Outcome { at, took: at.since(Time::ZERO), interrupted, signal, ..Outcome::default() };
    sink.finish(&outcome).map_err(SendError::Telling)?;
    if played == Played::Whole && !interrupted {
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    Ok(Report { interrupted, ..progress.report() })
}

#[cfg(test)]
mod tests;
