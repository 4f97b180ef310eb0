//! The WebSocket server: one thread, many clients of any make, and one small page for a browser.
//!
//! All clients share one receive buffer: frames are unmasked and messages handed on where they lie, all answers to
//! one read are sent by one call, large ones from where they lie, and nothing is allocated for a message that lies whole in
//! a read. While a peer does not take what was sent, nothing is read from it.
//!
//! Memory, beside the receive buffer and what the kernel holds:
//! - `budget` octets, all connections together, of answers that peers did not take and of messages that are not whole;
//!   a connection whose message would exceed it is closed with 1013, and when it is used up the others read 4 KiB at once;
//! - `lag` octets and one message that were said to all (broadcast and chat), however many listen;
//! - a head of at most 8 KiB for each handshake under way, which may take `handshake_within`;
//! - about 300 KiB for each connection that compresses, `deflate_most` of them; the others are opened uncompressed;
//! - 256 KiB for each page that watches its own frames, 16 of them.

mod chat;
mod client;
mod ear;
mod frames;
mod log;
mod room;
mod web;

use super::door::Door;
use super::reactor::{Counts, Reactor};
use super::stream::Tally;
use super::{ErrorCounts, Narrated, Quiet, ServeError, Watch};
use crate::model::{Side, Sink, Time};
use crate::stack::l7_application::ws::Limits;
use mio::Waker;
use room::Room;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What becomes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// It goes back to its sender: same kind, same payload.
    #[default]
    Echo,
    /// It goes to all others.
    Broadcast,
    /// Text goes to all, with its sender's name before it.
    Chat,
}

/// What is asked of the WebSocket server.
#[derive(Clone, PartialEq, Debug)]
pub struct WsServe {
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What becomes of a message.
    pub mode: Mode,
    /// The one path that speaks WebSocket; `None` for every path.
    pub path: Option<String>,
    /// Origins whose pages may connect; `None` for every one.
    pub origins: Option<Vec<String>>,
    /// Subprotocols that are agreed to.
    pub subprotocols: Vec<String>,
    /// Whether permessage-deflate is agreed to.
    pub deflate: bool,
    /// Connections that compress at once, at most: the next are opened uncompressed.
    pub deflate_most: usize,
    /// Bounds on frames and messages.
    pub limits: Limits,
    /// How long a peer may be silent before it is asked with a Ping; as long again, and it is given up.
    pub ping_every: Option<Duration>,
    /// How long a peer may be silent before it is closed with 1001.
    pub idle: Option<Duration>,
    /// How long a handshake may take.
    pub handshake_within: Duration,
    /// How long a closing handshake may take, and how long a peer may take to end its direction.
    pub close_within: Duration,
    /// Octets that one `recv()` asks for at most, at least 1: the size of the shared buffer.
    pub recv_size: usize,
    /// `TCP_CONGESTION` of the connections; `None` for the system's default. Linux.
    pub congestion: Option<String>,
    /// `listen()`'s backlog.
    pub backlog: i32,
    /// Connections open at once at most; further ones wait in the backlog.
    pub max_connections: usize,
    /// Octets held for all connections together: answers that were not taken, messages that are not whole.
    pub budget: usize,
    /// Octets of what was said to all that a member may fall behind before it is closed with 1008.
    pub lag: usize,
    /// Octets of each call that the narration carries at most, 0 none.
    pub show: usize,
}

impl WsServe {
    /// An echo server at this address.
    pub fn new(listen: SocketAddr) -> WsServe {
        WsServe {
            listen,
            mode: Mode::Echo,
            path: None,
            origins: None,
            subprotocols: Vec::new(),
            deflate: false,
            deflate_most: 256,
            limits: Limits::default(),
            ping_every: None,
            idle: None,
            handshake_within: Duration::from_secs(10),
            close_within: Duration::from_secs(5),
            recv_size: 512 << 10,
            congestion: None,
            backlog: 1024,
            max_connections: 10_000,
            budget: 64 << 20,
            lag: 4 << 20,
            show: 0,
        }
    }
}

/// What a WebSocket server did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WsSummary {
    /// TCP connections accepted.
    pub accepted: u64,
    /// Connections still open when the server was told to stop.
    pub open: usize,
    /// The most that were open at once.
    pub peak_open: usize,
    /// Handshakes that opened a WebSocket.
    pub opened: u64,
    /// Requests that were refused with an HTTP status.
    pub refused: u64,
    /// Requests that got the page or a part of it.
    pub pages: u64,
    /// Messages received.
    pub messages: u64,
    /// Octets received.
    pub received: u64,
    /// Octets sent.
    pub sent: u64,
    /// Octets never taken by their peers.
    pub unsent: u64,
    /// The most octets ever held for peers that did not read.
    pub peak_held: usize,
    /// Times that a peer did not take all at once.
    pub stalls: u64,
    /// Peers that broke a rule of the protocol, or one of our limits.
    pub faults: u64,
    /// Open connections that ended without the closing handshake.
    pub abnormal: u64,
    /// Members that read too slowly, closed with 1008.
    pub behind: u64,
    /// Connections closed for their silence: in the handshake, without a sign of life, in the closing handshake.
    pub silent: u64,
    /// Connections closed with 1013 because all together held too much.
    pub overloaded: u64,
    /// Frames that a page watched too slowly to be shown.
    pub unshown: u64,
    /// Times that accepting paused.
    pub accept_pauses: u64,
    /// Failures of single connections, by name.
    pub errors: ErrorCounts,
}

/// A server that listens.
pub struct Server(Reactor<Room>);

impl Server {
    /// Opens the listening socket; `watch` hears of each call.
    ///
    /// # Errors
    /// [`ServeError`]: the address is in use, not permitted, not of this machine; or a call failed.
    pub fn bind<W: Watch>(options: WsServe, watch: &mut W) -> Result<Server, ServeError> {
        let door = Door {
            listen: options.listen,
            // All answers to a read are one send() already: waiting for more would only delay the last of them.
            nodelay: true,
            congestion: options.congestion.clone(),
            backlog: options.backlog,
            max_connections: options.max_connections,
        };
        Reactor::bind(door, Room::new(options), watch).map(Server)
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Wakes the server, so that it looks at its stop flag at once.
    pub fn waker(&self) -> Arc<Waker> {
        self.0.waker()
    }

    /// Serves until `stop` is set or `watch` has had enough. Then every open connection gets a Close with 1001, and
    /// all together two seconds to answer it.
    ///
    /// # Errors
    /// [`ServeError::Call`] when the poll itself fails. A failing connection is counted and closed.
    pub fn run<W: Watch>(self, watch: &mut W, stop: &AtomicBool) -> Result<WsSummary, ServeError> {
        let (room, counts) = self.0.run(watch, stop)?;
        let Counts { accepted, open, peak_open, accept_pauses, errors } = counts;
        let (did, tally) = room.into_summary();
        let Tally { received, sent, unsent, peak_held, stalls, .. } = tally;
        Ok(WsSummary {
            accepted,
            open,
            peak_open,
            accept_pauses,
            errors,
            received,
            sent,
            unsent,
            peak_held,
            stalls,
            ..did
        })
    }
}

/// Serves and tells what happens to `sink`, until `stop` is set or `sink` stops it. `ready` hears where it
/// listens.
///
/// # Errors
/// [`ServeError`], also when the sink itself fails.
pub fn run(
    options: WsServe,
    now: &dyn Fn() -> Time,
    sink: &mut dyn Sink,
    ready: impl FnOnce(SocketAddr),
    stop: &AtomicBool,
) -> Result<WsSummary, ServeError> {
    let mut watch = Narrated::new(Side::Server, now, sink, options.show);
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
    options: WsServe,
    ready: impl FnOnce(SocketAddr),
    stop: &AtomicBool,
) -> Result<WsSummary, ServeError> {
    let server = Server::bind(options, &mut Quiet)?;
    ready(server.local_addr());
    server.run(&mut Quiet, stop)
}

#[cfg(test)]
mod tests;
