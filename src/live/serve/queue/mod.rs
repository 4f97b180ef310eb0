//! The queue's server: one thread, one engine, and before it TCP, WebSocket and UDP, all speaking the same frames
//! (docs/protocols/queue.md).
//!
//! Memory, beside what the queues hold within the engine's limits and what the kernel holds:
//! - one receive buffer of 256 KiB; of each connection, the part of a frame that two reads hold between them;
//! - at most 256 KiB of deliveries for each client that does not read, and 4 KiB when all together hold the budget:
//!   while a client does not take what was sent, nothing is read from it and its consumers get nothing;
//! - 4,096 addresses that send datagrams.

mod carrier;
mod core;
mod datagrams;
mod hub;
mod party;
mod report;

pub use carrier::SUBPROTOCOL;

use super::door::Door;
use super::reactor::Reactor;
use super::{ErrorCounts, Narrated, Quiet, ServeError, Watch, udp};
use crate::host::Clock;
use crate::live::journal::{self, Directory, Disk, Journal, Report, Stats, Unusable};
use crate::model::{Side, Sink, Time};
use crate::stack::l7_application::queue::access::Access;
use crate::stack::l7_application::queue::engine::{Engine, Limits};
use core::Core;
use datagrams::Datagrams;
use hub::Hub;
use mio::Waker;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[cfg(test)]
pub(crate) mod tests;

/// What is asked of the queue's server.
#[derive(Clone, Debug)]
pub struct QueueServe {
    /// Where frames come on TCP; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where they come in WebSocket messages.
    pub ws: Option<SocketAddr>,
    /// Where they come in datagrams.
    pub udp: Option<SocketAddr>,
    /// Where the journal is; without one a server that ends forgets everything.
    pub data: Option<PathBuf>,
    /// How it is kept.
    pub journal: journal::Settings,
    /// Who may do what; `None`: anybody everything.
    pub access: Option<Arc<Access>>,
    /// Bounds of what clients may make us hold.
    pub limits: Limits,
    /// The longest payload of a frame that is taken.
    pub max_payload: u32,
    /// How long a client may be silent.
    pub idle: Option<Duration>,
    /// Connections open at once at most; further ones wait in the backlog.
    pub max_connections: usize,
    /// `listen()`'s backlog.
    pub backlog: i32,
    /// `TCP_CONGESTION` of the connections; `None` for the system's default. Linux.
    pub congestion: Option<String>,
    /// Octets held for clients that do not read, from which on they get little.
    pub budget: usize,
    /// Octets of each call that the narration carries at most, 0 none.
    pub show: usize,
}

impl QueueServe {
    /// Without a journal, for anybody, at this address.
    pub fn new(listen: SocketAddr) -> QueueServe {
        QueueServe {
            listen,
            ws: None,
            udp: None,
            data: None,
            journal: journal::Settings::default(),
            access: None,
            limits: Limits { message: 1 << 20, ..Limits::default() },
            max_payload: (1 << 20) + 1024,
            idle: Some(Duration::from_secs(60)),
            max_connections: 16_384,
            backlog: 1024,
            congestion: None,
            budget: 64 << 20,
            show: 0,
        }
    }
}

/// Where a server listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// On TCP.
    pub tcp: SocketAddr,
    /// For WebSocket.
    pub ws: Option<SocketAddr>,
    /// For datagrams.
    pub udp: Option<SocketAddr>,
}

/// What a server did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct QueueSummary {
    /// Connections accepted.
    pub accepted: u64,
    /// The most that were open at once.
    pub peak_open: usize,
    /// Clients still there when the server was told to stop.
    pub open: usize,
    /// Frames received.
    pub frames: u64,
    /// PUBLISH among them.
    pub published: u64,
    /// DELIVER frames sent.
    pub delivered: u64,
    /// Messages that the queues hold at the end.
    pub held: u64,
    /// Octets received.
    pub received: u64,
    /// Octets sent.
    pub sent: u64,
    /// Octets never taken by their peers.
    pub unsent: u64,
    /// Clients that broke a rule of the protocol.
    pub faults: u64,
    /// Clients closed for their silence.
    pub silent: u64,
    /// Datagrams that were no frames, or came from strangers.
    pub bad_datagrams: u64,
    /// Times that a peer did not take all at once.
    pub stalls: u64,
    /// Times that accepting paused.
    pub accept_pauses: u64,
    /// What the journal did.
    pub journal: Option<Stats>,
    /// Failures of single connections, by name.
    pub errors: ErrorCounts,
}

/// Why a server could not start, or not end well.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// A socket.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The journal's directory.
    #[error(transparent)]
    Directory(#[from] Unusable),
    /// The journal's files.
    #[error("the journal cannot be read or begun: {0}")]
    Journal(#[source] io::Error),
    /// The last batch.
    #[error("the end of the journal may be lost, of which nothing was confirmed: {0}")]
    Close(#[source] journal::Failure),
}

/// A server that listens.
pub struct Server {
    reactor: Reactor<Hub>,
    addresses: Addresses,
    recovered: Option<Report>,
}

impl Server {
    /// Reads the journal and opens the sockets; `watch` hears of each call.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn bind<W: Watch>(options: &QueueServe, watch: &mut W) -> Result<Server, QueueError> {
        let (engine, journal, recovered) = match &options.data {
            None => (Engine::new(options.limits), None, None),
            Some(path) => {
                let disk: Box<dyn Disk> = Box::new(Directory::open(path)?);
                let found = journal::recover(&*disk, options.limits).map_err(QueueError::Journal)?;
                let journal = Journal::open(disk, options.journal, found.files, &found.engine)
                    .map_err(QueueError::Journal)?;
                (found.engine, Some(journal), Some(found.report))
            }
        };
        let core = Core {
            engine,
            journal,
            access: options.access.clone(),
            owners: HashMap::new(),
            max_payload: options.max_payload,
            idle: options.idle,
            clock: Clock::start(),
            peak: 0,
        };
        let datagrams = match options.udp {
            None => None,
            Some(address) => {
                let socket = udp::bind(address, watch)?;
                Some(Datagrams::new(mio::net::UdpSocket::from_std(socket.into())))
            }
        };
        let udp = datagrams.as_ref().map(Datagrams::local_addr);
        let door = |listen| Door {
            listen,
            // All that a batch of events makes is one send() already.
            nodelay: true,
            congestion: options.congestion.clone(),
            backlog: options.backlog,
            max_connections: options.max_connections,
        };
        let hub = Hub::new(core, datagrams, options.budget);
        let mut reactor = Reactor::bind(door(options.listen), hub, watch)?;
        if let Some(ws) = options.ws {
            reactor.open_door(door(ws), watch)?;
        }
        let ws = reactor.local_addrs().get(1).copied();
        let addresses = Addresses { tcp: reactor.local_addr(), ws, udp };
        Ok(Server { reactor, addresses, recovered })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What the journal held; `None` without one.
    pub fn recovered(&self) -> Option<&Report> {
        self.recovered.as_ref()
    }

    /// Wakes the server, so that it looks at its stop flag at once.
    pub fn waker(&self) -> Arc<Waker> {
        self.reactor.waker()
    }

    /// Serves until `stop` is set or `watch` has had enough. Then every client gets CLOSE with `going-away`, and the
    /// journal is brought to the disk.
    ///
    /// # Errors
    /// When the poll itself fails, or the journal's end cannot be written.
    pub fn run<W: Watch>(self, watch: &mut W, stop: &AtomicBool) -> Result<QueueSummary, QueueError> {
        let (hub, counts) = self.reactor.run(watch, stop)?;
        let Hub { mut core, tally, counts: did, datagrams, .. } = hub;
        if let Some(mut datagrams) = datagrams {
            datagrams.farewell(&mut core, watch);
        }
        let Core { engine, journal, .. } = core;
        let journal = journal.map(|journal| journal.close(&engine)).transpose().map_err(QueueError::Close)?;
        Ok(QueueSummary {
            accepted: counts.accepted,
            peak_open: counts.peak_open,
            open: counts.open,
            frames: did.frames,
            published: did.published,
            delivered: did.delivered,
            held: engine.held().0,
            received: tally.received,
            sent: tally.sent,
            unsent: tally.unsent,
            faults: did.faults,
            silent: did.silent,
            bad_datagrams: did.bad_datagrams,
            stalls: tally.stalls,
            accept_pauses: counts.accept_pauses,
            journal,
            errors: counts.errors,
        })
    }
}

/// Serves and tells every system call to `sink`, until `stop` is set or `sink` stops it. `ready` hears where it
/// listens, and what the journal held.
///
/// # Errors
/// [`QueueError`], also when the sink itself fails.
pub fn run(
    options: &QueueServe,
    now: &dyn Fn() -> Time,
    sink: &mut dyn Sink,
    ready: impl FnOnce(Addresses, Option<&Report>),
    stop: &AtomicBool,
) -> Result<QueueSummary, QueueError> {
    let mut watch = Narrated::new(Side::Server, now, sink, options.show);
    let server = Server::bind(options, &mut watch)?;
    ready(server.addresses(), server.recovered());
    let summary = server.run(&mut watch, stop)?;
    watch.finish().map_err(ServeError::Sink)?;
    Ok(summary)
}

/// Serves and tells nothing, until `stop` is set.
///
/// # Errors
/// [`QueueError`].
pub fn run_quiet(
    options: &QueueServe,
    ready: impl FnOnce(Addresses, Option<&Report>),
    stop: &AtomicBool,
) -> Result<QueueSummary, QueueError> {
    let server = Server::bind(options, &mut Quiet)?;
    ready(server.addresses(), server.recovered());
    server.run(&mut Quiet, stop)
}
