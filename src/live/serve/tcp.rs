//! The TCP server: one thread, many clients, edge-triggered readiness.
//!
//! All clients share one receive buffer, and what was read goes straight back in one `send()`. Only what
//! a peer does not take is held for it, and while anything is held nothing more is read from that peer.
//!
//! Memory: one receive buffer of `recv_size`, at most `pending_budget` plus 4 KiB for each connection of
//! octets held for peers that do not read, and at most `max_connections` connections.

use super::door::Door;
use super::reactor::{Counts, Next, Reactor, Service, TURN, Why};
use super::stream::{MEAGRE, Stream, Tally};
use super::{ErrorCounts, Mode, Narrated, Quiet, ServeError, Watch};
use crate::model::{Side, Sink, Time};
use mio::Waker;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// What is asked of the TCP server.
#[derive(Clone, PartialEq, Debug)]
pub struct TcpServe {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What becomes of what is received.
    pub mode: Mode,
    /// Whether connections get `TCP_NODELAY` (RFC 9293 s3.7.4).
    pub nodelay: bool,
    /// `TCP_CONGESTION` of the connections; `None` for the system's default. Linux.
    pub congestion: Option<String>,
    /// Octets that one `recv()` asks for at most, at least 1: the size of the shared buffer.
    pub recv_size: usize,
    /// `listen()`'s backlog: connections that the kernel completes ahead of `accept()`.
    pub backlog: i32,
    /// Connections open at once at most; further ones wait in the backlog.
    pub max_connections: usize,
    /// Octets held for slow peers, all together, from which on only 4 KiB are read at once.
    pub pending_budget: usize,
    /// How long a connection may be silent before it is closed; `None` for ever.
    pub idle: Option<Duration>,
    /// Octets of each call that the narration carries at most, 0 none.
    pub show: usize,
}

impl TcpServe {
    /// An echo server at this address.
    pub fn new(listen: SocketAddr) -> TcpServe {
        TcpServe {
            listen,
            mode: Mode::Echo,
            nodelay: false,
            congestion: None,
            recv_size: 256 << 10,
            backlog: 1024,
            max_connections: 16 << 10,
            pending_budget: 64 << 20,
            idle: None,
            show: 0,
        }
    }
}

/// What a TCP server did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpSummary {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections still open when the server was told to stop.
    pub open: usize,
    /// The most that were open at once.
    pub peak_open: usize,
    /// Octets received.
    pub received: u64,
    /// Octets sent.
    pub sent: u64,
    /// Octets received but never taken back by their peers.
    pub unsent: u64,
    /// The most octets ever held for peers that did not read, all connections together.
    pub peak_pending: usize,
    /// Times that a peer did not take all at once and reading from it stopped.
    pub stalls: u64,
    /// Connections closed because they were silent for too long.
    pub idle_closed: u64,
    /// Times that accepting paused: the bound on connections, or no descriptors left (`EMFILE`).
    pub accept_pauses: u64,
    /// Failures of single connections, by name.
    pub errors: ErrorCounts,
}

/// A server that listens.
pub struct Server {
    reactor: Reactor<Echo>,
    bound: usize,
}

impl Server {
    /// Opens the listening socket; `watch` hears of each call.
    ///
    /// # Errors
    /// [`ServeError`]: the address is in use, not permitted, not of this machine; or a call failed.
    pub fn bind<W: Watch>(options: TcpServe, watch: &mut W) -> Result<Server, ServeError> {
        let recv_size = options.recv_size.max(1);
        let bound = options.pending_budget + options.max_connections * MEAGRE.min(recv_size);
        let echo = Echo {
            buffer: vec![0; recv_size].into_boxed_slice(),
            mode: options.mode,
            idle: options.idle,
            idle_closed: 0,
            tally: Tally { budget: options.pending_budget, ..Tally::default() },
        };
        let door = Door {
            listen: options.listen,
            nodelay: options.nodelay,
            congestion: options.congestion,
            backlog: options.backlog,
            max_connections: options.max_connections,
        };
        Ok(Server { reactor: Reactor::bind(door, echo, watch)?, bound })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.reactor.local_addr()
    }

    /// Wakes the server, so that it looks at its stop flag at once.
    pub fn waker(&self) -> Arc<Waker> {
        self.reactor.waker()
    }

    /// The most octets that will ever be held for peers that do not read.
    pub fn pending_bound(&self) -> usize {
        self.bound
    }

    /// Serves until `stop` is set or `watch` has had enough.
    ///
    /// # Errors
    /// [`ServeError::Call`] when the poll itself fails. A failing connection is counted and closed.
    pub fn run<W: Watch>(self, watch: &mut W, stop: &AtomicBool) -> Result<TcpSummary, ServeError> {
        let (Echo { idle_closed, tally, .. }, counts) = self.reactor.run(watch, stop)?;
        let Counts { accepted, open, peak_open, accept_pauses, errors } = counts;
        Ok(TcpSummary {
            accepted,
            open,
            peak_open,
            received: tally.received,
            sent: tally.sent,
            unsent: tally.unsent,
            peak_pending: tally.peak_held,
            stalls: tally.stalls,
            idle_closed,
            accept_pauses,
            errors,
        })
    }
}

/// What all connections share.
struct Echo {
    /// The one receive buffer. Nothing stays in it between two turns.
    buffer: Box<[u8]>,
    mode: Mode,
    idle: Option<Duration>,
    idle_closed: u64,
    tally: Tally,
}

/// One client: read, write straight back, hold only what the peer did not take.
struct Connection {
    stream: Stream,
    drain: bool,
}

impl Service for Echo {
    type Connection = Connection;

    fn open(&mut self, stream: Stream, _: usize, _: Instant) -> Connection {
        Connection { stream, drain: false }
    }

    fn drive<W: Watch>(&mut self, connection: &mut Connection, why: Why, watch: &mut W) -> io::Result<Next> {
        let Connection { stream, drain } = connection;
        *drain |= why.drain;
        if stream.held() > 0 {
            if !stream.flush(&mut self.tally, watch)? {
                return Ok(Next::Wait);
            }
            // Edges that came while nothing was read are gone: look for oneself.
            *drain = true;
        }
        for _ in 0..TURN {
            let room = self.tally.room(self.buffer.len());
            let Some(got) = stream.receive(&mut self.buffer[..room], &mut self.tally, watch)? else {
                *drain = false;
                return Ok(Next::Wait);
            };
            if got == 0 {
                // The peer has ended its direction and has been given all it sent: end ours.
                stream.half_close(watch);
                return Ok(Next::Close);
            }
            if self.mode == Mode::Echo && !stream.send(&self.buffer[..got], &mut self.tally, watch)? {
                return Ok(Next::Wait);
            }
            // epoll(7), "Possible pitfalls": a stream's read that gave less than was asked for has
            // emptied the socket, and whatever comes later makes a new edge. Saves the read that would
            // only say EAGAIN. Windows has no such rule.
            if got < room && !*drain && cfg!(unix) {
                return Ok(Next::Wait);
            }
        }
        Ok(Next::Again)
    }

    fn close<W: Watch>(&mut self, connection: Connection, watch: &mut W) {
        connection.stream.close(&mut self.tally, watch);
    }

    fn sweep_every(&self) -> Option<Duration> {
        self.idle.map(|idle| idle / 4)
    }

    fn sweep<W: Watch>(
        &mut self,
        _: &mut Connection,
        _: Instant,
        silence: Duration,
        _: &mut W,
    ) -> io::Result<Next> {
        if self.idle.is_none_or(|idle| silence < idle) {
            return Ok(Next::Wait);
        }
        self.idle_closed += 1;
        Ok(Next::Close)
    }
}

/// Serves and tells every system call to `sink`, until `stop` is set or `sink` stops it. `ready` hears
/// where it listens.
///
/// # Errors
/// [`ServeError`], also when the sink itself fails.
pub fn run(
    options: TcpServe,
    now: &dyn Fn() -> Time,
    sink: &mut dyn Sink,
    ready: impl FnOnce(SocketAddr),
    stop: &AtomicBool,
) -> Result<TcpSummary, ServeError> {
    let show = if options.mode == Mode::Print { options.recv_size } else { options.show };
    let mut watch = Narrated::new(Side::Server, now, sink, show);
    let server = Server::bind(options, &mut watch)?;
    ready(server.local_addr());
    let summary = server.run(&mut watch, stop)?;
    watch.finish().map_err(ServeError::Sink)?;
    Ok(summary)
}

/// Serves and tells nothing, until `stop` is set. `ready` hears where it listens.
///
/// # Errors
/// [`ServeError`].
pub fn run_quiet(
    options: TcpServe,
    ready: impl FnOnce(SocketAddr),
    stop: &AtomicBool,
) -> Result<TcpSummary, ServeError> {
    let server = Server::bind(options, &mut Quiet)?;
    ready(server.local_addr());
    server.run(&mut Quiet, stop)
}

#[cfg(test)]
mod tests;
