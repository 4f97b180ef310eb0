//! The TCP server: one thread, many clients, edge-triggered readiness.
//!
//! All clients share one receive buffer, and what was read goes straight back in one `send()`. Only what
//! a peer does not take is held for it, and while anything is held nothing more is read from that peer.
//!
//! Memory: one receive buffer of `recv_size`, at most `pending_budget` plus 4 KiB for each connection of
//! octets held for peers that do not read, and at most `max_connections` connections.

use super::connection::{Connection, MEAGRE, Next, Shared, Why};
use super::{ErrorCounts, Mode, Narrated, PATIENCE, Quiet, ServeError, Step, Watch, count, number};
use crate::host::sockopt;
use crate::model::{Call, Returned, Side, Sink, SocketKind, SocketOption, Time};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
const FIRST: usize = 2;
/// Connections accepted before the others get their turn.
const ACCEPTS: usize = 256;
/// How long to leave the backlog alone when the system has no descriptor or memory for a connection.
const SHORTAGE: Duration = Duration::from_millis(100);

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

/// Whether new connections are taken out of the backlog.
#[derive(Clone, Copy, PartialEq)]
enum Accepting {
    Open,
    /// As many as allowed are open: until one closes.
    Full,
    /// The system is short of something: until one closes, or this moment.
    Short(Instant),
}

/// A server that listens.
pub struct Server {
    poll: Poll,
    waker: Arc<Waker>,
    listener: TcpListener,
    local: SocketAddr,
    options: TcpServe,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    open: usize,
    accepting: Accepting,
    /// Connections that had their turn and may have more.
    again: Vec<usize>,
    shared: Shared,
}

impl Server {
    /// Opens the listening socket; `watch` hears of each call.
    ///
    /// # Errors
    /// [`ServeError`]: the address is in use, not permitted, not of this machine; or a call failed.
    pub fn bind<W: Watch>(options: TcpServe, watch: &mut W) -> Result<Server, ServeError> {
        let listener = listen(&options, watch)?;
        let plain = |call| move |source| ServeError::Call { call, source };
        let local = listener.local_addr().map_err(plain("getsockname"))?;
        let mut listener = TcpListener::from_std(listener.into());
        let poll = Poll::new().map_err(plain("epoll_create"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(plain("eventfd"))?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE).map_err(plain("epoll_ctl"))?;
        let shared = Shared {
            buffer: vec![0; options.recv_size.max(1)].into_boxed_slice(),
            mode: options.mode,
            budget: options.pending_budget,
            pending: 0,
            summary: TcpSummary::default(),
        };
        Ok(Server {
            poll,
            waker,
            listener,
            local: local.as_socket().unwrap_or(options.listen),
            options,
            connections: Vec::new(),
            free: Vec::new(),
            open: 0,
            accepting: Accepting::Open,
            again: Vec::new(),
            shared,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Wakes the server, so that it looks at its stop flag at once.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// The most octets that will ever be held for peers that do not read.
    pub fn pending_bound(&self) -> usize {
        self.options.pending_budget + self.options.max_connections * MEAGRE.min(self.shared.buffer.len())
    }

    /// Serves until `stop` is set or `watch` has had enough.
    ///
    /// # Errors
    /// [`ServeError::Call`] when the poll itself fails. A failing connection is counted and closed.
    pub fn run<W: Watch>(mut self, watch: &mut W, stop: &AtomicBool) -> Result<TcpSummary, ServeError> {
        let mut events = Events::with_capacity(1024);
        let mut idle_check = self.options.idle.map(|idle| Instant::now() + idle / 4);
        while !stop.load(Ordering::Relaxed) && !watch.over() {
            match self.poll.poll(&mut events, Some(self.patience(idle_check))) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(ServeError::Call { call: "epoll_wait", source }),
            }
            let heard = self.options.idle.map(|_| Instant::now());
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(watch),
                    WAKER => {}
                    Token(token) => {
                        let why = Why { drain: event.is_read_closed() || event.is_priority() };
                        self.drive(token - FIRST, why, heard, watch);
                    }
                }
            }
            for index in std::mem::take(&mut self.again) {
                if self.connections[index].as_mut().is_some_and(|c| std::mem::take(&mut c.again)) {
                    self.drive(index, Why { drain: false }, None, watch);
                }
            }
            if let Accepting::Short(until) = self.accepting
                && Instant::now() >= until
            {
                self.accept(watch);
            }
            if let (Some(idle), Some(now), Some(due)) = (self.options.idle, heard, idle_check)
                && now >= due
            {
                self.close_idle(now, idle, watch);
                idle_check = Some(now + idle / 4);
            }
        }
        Ok(self.wind_down(watch))
    }

    /// How long the poll may wait.
    fn patience(&self, idle_check: Option<Instant>) -> Duration {
        if !self.again.is_empty() {
            return Duration::ZERO;
        }
        let mut patience = PATIENCE;
        let short = if let Accepting::Short(until) = self.accepting { Some(until) } else { None };
        for due in [idle_check, short].into_iter().flatten() {
            patience = patience.min(due.saturating_duration_since(Instant::now()));
        }
        patience
    }

    fn drive<W: Watch>(&mut self, index: usize, why: Why, heard: Option<Instant>, watch: &mut W) {
        // A connection that an earlier event of the same batch closed leaves an empty place.
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else { return };
        if heard.is_some() {
            connection.heard = heard;
        }
        match connection.drive(why, &mut self.shared, watch) {
            Next::Wait => {}
            Next::Again => {
                if !std::mem::replace(&mut connection.again, true) {
                    self.again.push(index);
                }
            }
            Next::Close => self.close(index, watch),
        }
    }

    fn close<W: Watch>(&mut self, index: usize, watch: &mut W) {
        if let Some(connection) = self.connections[index].take() {
            // Dropping the stream takes it out of the poll (epoll(7), "Questions and answers").
            connection.close(&mut self.shared, watch);
            self.free.push(index);
            self.open -= 1;
            if self.accepting != Accepting::Open {
                self.accept(watch);
            }
        }
    }

    /// Takes connections out of the backlog: the listener is edge-triggered, so until it is empty or
    /// accepting pauses.
    fn accept<W: Watch>(&mut self, watch: &mut W) {
        for _ in 0..ACCEPTS {
            if self.open >= self.options.max_connections {
                self.pause(Accepting::Full);
                return;
            }
            let began = watch.now();
            let result = self.listener.accept();
            match &result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.accepting = Accepting::Open;
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => {}
            }
            watch.returned(None, || {
                let told = result
                    .as_ref()
                    .map(|(stream, peer)| Returned::Accepted { fd: number(stream), peer: *peer });
                Step::plain(number(&self.listener), Call::Accept, told, began)
            });
            match result {
                Ok((stream, _)) => {
                    if let Err(error) = self.admit(stream, watch) {
                        count(&mut self.shared.summary.errors, &error);
                    }
                }
                // accept(2): errors of the connection itself, which is gone, are to be passed over.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => {
                    count(&mut self.shared.summary.errors, &error);
                }
                // EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection stays in the backlog and would make
                // a loop that only tries again spin.
                Err(error) => {
                    count(&mut self.shared.summary.errors, &error);
                    self.pause(Accepting::Short(Instant::now() + SHORTAGE));
                    return;
                }
            }
        }
        // Many more may wait: come back after the others had their turn.
        self.accepting = Accepting::Short(Instant::now());
    }

    fn pause(&mut self, why: Accepting) {
        if self.accepting == Accepting::Open {
            self.shared.summary.accept_pauses += 1;
        }
        self.accepting = why;
    }

    fn admit<W: Watch>(&mut self, mut stream: mio::net::TcpStream, watch: &mut W) -> io::Result<()> {
        self.shared.summary.accepted += 1;
        if self.options.nodelay {
            let began = watch.now();
            let result = stream.set_nodelay(true);
            watch.returned(None, || {
                let call = Call::SetOption(SocketOption { name: "TCP_NODELAY", value: "1".to_owned() });
                Step::plain(number(&stream), call, result.as_ref().map(|()| Returned::Done), began)
            });
            // macOS answers EINVAL for a connection that its peer has reset already; the read will say so.
        }
        let index = self.free.pop().unwrap_or(self.connections.len());
        if let Err(error) = register(self.poll.registry(), &mut stream, Token(index + FIRST)) {
            if index < self.connections.len() {
                self.free.push(index);
            }
            return Err(error);
        }
        let heard = self.options.idle.map(|_| Instant::now());
        let connection = Some(Connection::new(stream, heard));
        if index == self.connections.len() {
            self.connections.push(connection);
        } else {
            self.connections[index] = connection;
        }
        self.open += 1;
        self.shared.summary.peak_open = self.shared.summary.peak_open.max(self.open);
        Ok(())
    }

    /// Looks at every connection: the cost is in proportion to their number, four times an idle limit.
    fn close_idle<W: Watch>(&mut self, now: Instant, idle: Duration, watch: &mut W) {
        for index in 0..self.connections.len() {
            let silent = self.connections[index]
                .as_ref()
                .and_then(|c| c.heard)
                .is_some_and(|heard| now.saturating_duration_since(heard) >= idle);
            if silent {
                self.shared.summary.idle_closed += 1;
                self.close(index, watch);
            }
        }
    }

    fn wind_down<W: Watch>(mut self, watch: &mut W) -> TcpSummary {
        self.shared.summary.open = self.open;
        let fd = number(&self.listener);
        let began = watch.now();
        drop(self.listener);
        watch.returned(None, || Step::plain(fd, Call::Close, Ok(Returned::Done), began));
        for connection in self.connections.into_iter().flatten() {
            connection.close(&mut self.shared, watch);
        }
        self.shared.summary
    }
}

/// Both directions at once; and urgent data, which ends a read before the socket is empty.
fn register(registry: &Registry, stream: &mut mio::net::TcpStream, token: Token) -> io::Result<()> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let interest = interest | Interest::PRIORITY;
    registry.register(stream, token, interest)
}

/// `socket()`, the options, `bind()`, `listen()`.
fn listen<W: Watch>(options: &TcpServe, watch: &mut W) -> Result<Socket, ServeError> {
    let address = options.listen;
    let began = watch.now();
    let made = Socket::new(Domain::for_address(address), Type::STREAM, None);
    watch.returned(None, || Step {
        fd: None,
        ..Step::plain(
            0,
            Call::Socket(SocketKind::Stream),
            made.as_ref().map(|s| Returned::Descriptor(number(s))),
            began,
        )
    });
    let socket = made.map_err(|source| ServeError::setup("socket", address, source))?;
    let mut set = |name: &'static str, value: &str, set: &dyn Fn(&Socket) -> io::Result<()>| {
        let began = watch.now();
        let result = set(&socket);
        watch.returned(None, || {
            let call = Call::SetOption(SocketOption { name, value: value.to_owned() });
            Step::plain(number(&socket), call, result.as_ref().map(|()| Returned::Done), began)
        });
        result.map_err(|source| ServeError::setup("setsockopt", address, source))
    };
    // On Windows the option means something else: to take a port that another program holds.
    if cfg!(unix) {
        set("SO_REUSEADDR", "1", &|s| s.set_reuse_address(true))?;
    }
    // Urgent octets stay in the stream (RFC 6093 s5), so that an echo is whole. Inherited by accept().
    set("SO_OOBINLINE", "1", &|s| s.set_out_of_band_inline(true))?;
    if let Some(name) = &options.congestion {
        set("TCP_CONGESTION", &format!("\"{name}\""), &|s| sockopt::set_congestion(s, name)).map_err(
            |error| match error {
                ServeError::Call { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                    ServeError::NoCongestionControl { name: name.clone() }
                }
                error => error,
            },
        )?;
    }
    let mut call = |call: Call, run: &dyn Fn(&Socket) -> io::Result<Returned>| {
        let began = watch.now();
        let result = run(&socket);
        let name = call.name();
        watch.returned(None, || {
            let told = result.as_ref().map(Returned::clone);
            Step::plain(number(&socket), call, told, began)
        });
        result.map(drop).map_err(|source| ServeError::setup(name, address, source))
    };
    call(Call::Bind(address), &|s| {
        s.bind(&address.into())?;
        Ok(Returned::Local(s.local_addr()?.as_socket().unwrap_or(address)))
    })?;
    call(Call::Listen(options.backlog), &|s| s.listen(options.backlog).map(|()| Returned::Done))?;
    socket.set_nonblocking(true).map_err(|source| ServeError::setup("fcntl", address, source))?;
    Ok(socket)
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
