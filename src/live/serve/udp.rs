//! The UDP server: one socket, every datagram answered at once or not at all.
//!
//! UDP has no connection and no window: nothing can be held back, so nothing is held. A datagram that
//! comes while the kernel's receive buffer is full is lost before this program hears of it, and an answer
//! that the kernel does not take now is dropped and counted (RFC 768; RFC 8085 s3).
//!
//! Memory: one receive buffer of `recv_size`.

use super::{ErrorCounts, Mode, Narrated, PATIENCE, Quiet, ServeError, Step, Watch, count, number};
use crate::host::sockopt;
use crate::model::{Call, Returned, Side, Sink, SocketKind, Time};
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);
/// Datagrams taken before the stop flag is looked at again.
const TURN: usize = 256;
/// Calls that fail one after the other until the socket is given up.
const FAILURES: u32 = 100;

/// What is asked of the UDP server.
#[derive(Clone, PartialEq, Debug)]
pub struct UdpServe {
    /// Where to bind; port 0 takes any free one.
    pub listen: SocketAddr,
    /// What becomes of what is received.
    pub mode: Mode,
    /// Octets that one `recvfrom()` has room for, at least 1; what is longer is cut, and counted.
    pub recv_size: usize,
    /// Octets of each call that the narration carries at most, 0 none.
    pub show: usize,
}

impl UdpServe {
    /// An echo server at this address, with room for the longest datagram.
    pub fn new(listen: SocketAddr) -> UdpServe {
        UdpServe { listen, mode: Mode::Echo, recv_size: 65_535, show: 0 }
    }
}

/// What a UDP server did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UdpSummary {
    /// Datagrams received, empty ones included.
    pub datagrams: u64,
    /// Octets received, without those that were cut off.
    pub received: u64,
    /// Datagrams that were longer than the buffer: their rest is gone.
    pub truncated: u64,
    /// Answers sent.
    pub answered: u64,
    /// Octets sent.
    pub sent: u64,
    /// Answers dropped because the kernel took nothing at that moment.
    pub dropped: u64,
    /// Datagrams that claimed to come from the server itself, left unanswered: an answer would come
    /// back for ever.
    pub own: u64,
    /// Failures that the server outlived, by name.
    pub errors: ErrorCounts,
}

/// A server that is bound.
pub struct Server {
    poll: Poll,
    waker: Arc<Waker>,
    socket: UdpSocket,
    local: SocketAddr,
    options: UdpServe,
    buffer: Box<[u8]>,
    failures: u32,
    summary: UdpSummary,
}

impl Server {
    /// Binds the socket; `watch` hears of each call.
    ///
    /// # Errors
    /// [`ServeError`]: the address is in use, not permitted, not of this machine; or a call failed.
    pub fn bind<W: Watch>(options: UdpServe, watch: &mut W) -> Result<Server, ServeError> {
        let plain = |call| move |source| ServeError::Call { call, source };
        let socket = bind(options.listen, watch)?;
        let local = socket.local_addr().map_err(plain("getsockname"))?;
        let mut socket = UdpSocket::from_std(socket.into());
        let poll = Poll::new().map_err(plain("epoll_create"))?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(plain("eventfd"))?);
        poll.registry().register(&mut socket, SOCKET, Interest::READABLE).map_err(plain("epoll_ctl"))?;
        Ok(Server {
            poll,
            waker,
            socket,
            local: local.as_socket().unwrap_or(options.listen),
            buffer: vec![0; options.recv_size.max(1)].into_boxed_slice(),
            options,
            failures: 0,
            summary: UdpSummary::default(),
        })
    }

    /// Where it is bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Wakes the server, so that it looks at its stop flag at once.
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Serves until `stop` is set or `watch` has had enough.
    ///
    /// # Errors
    /// [`ServeError::Call`] when the poll fails, or receiving fails a hundred times in a row. Single
    /// failures are counted.
    pub fn run<W: Watch>(mut self, watch: &mut W, stop: &AtomicBool) -> Result<UdpSummary, ServeError> {
        let mut events = Events::with_capacity(8);
        let mut more = false;
        while !stop.load(Ordering::Relaxed) && !watch.over() {
            let patience = if more { Duration::ZERO } else { PATIENCE };
            match self.poll.poll(&mut events, Some(patience)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(ServeError::Call { call: "epoll_wait", source }),
            }
            if more || events.iter().any(|event| event.token() == SOCKET) {
                more = self.take(watch)?;
            }
        }
        let (fd, began) = (number(&self.socket), watch.now());
        drop(self.socket);
        watch.returned(None, || Step::plain(fd, Call::Close, Ok(Returned::Done), began));
        Ok(self.summary)
    }

    /// Takes datagrams until none is there (readiness is edge-triggered) or the turn is over. Says
    /// whether more may be there.
    fn take<W: Watch>(&mut self, watch: &mut W) -> Result<bool, ServeError> {
        for _ in 0..TURN {
            if watch.over() {
                break;
            }
            let began = watch.now();
            let result = sockopt::recv_datagram(&SockRef::from(&self.socket), &mut self.buffer);
            match &result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => {}
            }
            let size = self.buffer.len();
            watch.returned(None, || {
                let told = result.as_ref().map(|datagram| Returned::Datagram {
                    len: datagram.len,
                    from: datagram.from.unwrap_or(self.local),
                    truncated_from: (datagram.whole > datagram.len).then_some(datagram.whole),
                });
                let octets = result.as_ref().map_or(&[][..], |datagram| &self.buffer[..datagram.len]);
                Step { octets, ..Step::plain(number(&self.socket), Call::RecvFrom { size }, told, began) }
            });
            let datagram = match result {
                Ok(datagram) => datagram,
                // Windows tells here that an earlier answer met no socket (WSAECONNRESET).
                Err(source) => {
                    count(&mut self.summary.errors, &source);
                    self.failures += 1;
                    if self.failures >= FAILURES {
                        return Err(ServeError::Call { call: "recvfrom", source });
                    }
                    continue;
                }
            };
            self.failures = 0;
            self.summary.datagrams += 1;
            self.summary.received += datagram.len as u64;
            self.summary.truncated += u64::from(datagram.whole > datagram.len);
            if self.options.mode == Mode::Echo
                && let Some(from) = datagram.from
            {
                self.answer(datagram.len, from, watch);
            }
        }
        Ok(true)
    }

    fn answer<W: Watch>(&mut self, len: usize, to: SocketAddr, watch: &mut W) {
        if to == self.local {
            self.summary.own += 1;
            return;
        }
        let octets = &self.buffer[..len];
        let result = loop {
            let began = watch.now();
            let result = self.socket.send_to(octets, to);
            if matches!(&result, Err(error) if error.kind() == ErrorKind::Interrupted) {
                continue;
            }
            watch.returned(None, || Step {
                octets,
                ..Step::plain(
                    number(&self.socket),
                    Call::SendTo { len, to },
                    result.as_ref().map(|&n| Returned::Octets(n)),
                    began,
                )
            });
            break result;
        };
        match result {
            Ok(n) => {
                self.summary.answered += 1;
                self.summary.sent += n as u64;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.summary.dropped += 1,
            Err(error) => count(&mut self.summary.errors, &error),
        }
    }
}

/// `socket()`, `bind()`.
pub(super) fn bind<W: Watch>(address: SocketAddr, watch: &mut W) -> Result<Socket, ServeError> {
    let began = watch.now();
    let made = Socket::new(Domain::for_address(address), Type::DGRAM, None);
    watch.returned(None, || {
        let told = made.as_ref().map(|socket| Returned::Descriptor(number(socket)));
        Step { fd: None, ..Step::plain(0, Call::Socket(SocketKind::Datagram), told, began) }
    });
    let socket = made.map_err(|source| ServeError::setup("socket", address, source))?;
    let began = watch.now();
    let local = socket.bind(&address.into()).and_then(|()| socket.local_addr());
    watch.returned(None, || {
        let told = local.as_ref().map(|local| Returned::Local(local.as_socket().unwrap_or(address)));
        Step::plain(number(&socket), Call::Bind(address), told, began)
    });
    local.map_err(|source| ServeError::setup("bind", address, source))?;
    let plain = |source: io::Error| ServeError::setup("fcntl", address, source);
    socket.set_nonblocking(true).map_err(plain)?;
    Ok(socket)
}

/// Serves and tells every system call to `sink`, until `stop` is set or `sink` stops it. `ready` hears
/// where it is bound.
///
/// # Errors
/// [`ServeError`], also when the sink itself fails.
pub fn run(
    options: UdpServe,
    now: &dyn Fn() -> Time,
    sink: &mut dyn Sink,
    ready: impl FnOnce(SocketAddr),
    stop: &AtomicBool,
) -> Result<UdpSummary, ServeError> {
    let mut watch = Narrated::new(Side::Server, now, sink, options.show);
    let server = Server::bind(options, &mut watch)?;
    ready(server.local_addr());
    let summary = server.run(&mut watch, stop)?;
    watch.finish().map_err(ServeError::Sink)?;
    Ok(summary)
}

/// Serves and tells nothing, until `stop` is set. `ready` hears where it is bound.
///
/// # Errors
/// [`ServeError`].
pub fn run_quiet(
    options: UdpServe,
    ready: impl FnOnce(SocketAddr),
    stop: &AtomicBool,
) -> Result<UdpSummary, ServeError> {
    let server = Server::bind(options, &mut Quiet)?;
    ready(server.local_addr());
    server.run(&mut Quiet, stop)
}

#[cfg(test)]
mod tests;
