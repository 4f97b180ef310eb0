//! Traced sockets: every call of the socket interface is made for real and told, before and after.
//!
//! A blocked thread tells nothing, so each call emits `Called` when it is entered and `Returned` (its
//! cause the former) when it comes back. The sockets block, as a student's first program does; a patience
//! (`SO_RCVTIMEO`, `SO_SNDTIMEO`) that the run sets on each makes sure that none blocks for ever.

use super::stage::Emitter;
use crate::host::{errno, sockopt};
use crate::model::{
    Call, Cite, Errno, EventId, How, Place, Returned, Side, SocketKind, SocketOption, TcpInfo, Time, What,
};
use bytes::Bytes;
use socket2::{Domain, SockAddr, Socket, Type};
use std::io::{self, IoSlice, Read};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

/// How often a call that may be given up looks whether it should.
const NAP: Duration = Duration::from_millis(20);

/// A call of the socket interface failed: where, which, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {}() failed: {source}", side.name(), call.name())]
pub struct CallError {
    /// Whose program made the call.
    pub side: Side,
    /// The call.
    pub call: Call,
    /// The operating system's answer.
    #[source]
    pub source: io::Error,
}

impl CallError {
    /// The error number, where the operating system gave one.
    pub fn errno(&self) -> Option<Errno> {
        errno::errno_of(&self.source)
    }
}

/// An option as the experiments ask for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Setting {
    /// `TCP_NODELAY`: send small segments at once (RFC 9293 s3.7.4).
    NoDelay(bool),
    /// `SO_REUSEADDR`.
    ReuseAddr(bool),
    /// `SO_RCVBUF` in octets; Linux doubles it.
    ReceiveBuffer(usize),
    /// `SO_SNDBUF` in octets; Linux doubles it.
    SendBuffer(usize),
    /// `SO_LINGER` with a time of zero: `close()` resets the connection.
    ResetOnClose,
    /// `IP_TTL` (or `IPV6_UNICAST_HOPS`).
    Ttl(u32),
    /// `TCP_CONGESTION`.
    Congestion(String),
    /// `SO_KEEPALIVE` with `TCP_KEEPIDLE`, `TCP_KEEPINTVL` and `TCP_KEEPCNT`.
    KeepAlive {
        /// Quiet time before the first probe.
        idle: Duration,
        /// Time between probes.
        interval: Duration,
        /// Probes before the connection is given up.
        count: u32,
    },
    /// `IP_MTU_DISCOVER` set to `IP_PMTUDISC_DO` (or their namesakes of IPv6): never fragment.
    DontFragment,
}

impl Setting {
    /// The option by its own name; that differs between IPv4 and IPv6.
    fn told(&self, ipv6: bool) -> SocketOption {
        let (name, value) = match self {
            Setting::NoDelay(on) => ("TCP_NODELAY", u8::from(*on).to_string()),
            Setting::ReuseAddr(on) => ("SO_REUSEADDR", u8::from(*on).to_string()),
            Setting::ReceiveBuffer(size) => ("SO_RCVBUF", size.to_string()),
            Setting::SendBuffer(size) => ("SO_SNDBUF", size.to_string()),
            Setting::ResetOnClose => ("SO_LINGER", "{1, 0}".to_owned()),
            Setting::Ttl(hops) if ipv6 => ("IPV6_UNICAST_HOPS", hops.to_string()),
            Setting::Ttl(ttl) => ("IP_TTL", ttl.to_string()),
            Setting::Congestion(name) => ("TCP_CONGESTION", format!("\"{name}\"")),
            Setting::KeepAlive { idle, interval, count } => {
                ("SO_KEEPALIVE", format!("1, idle {idle:?}, interval {interval:?}, count {count}"))
            }
            Setting::DontFragment if ipv6 => ("IPV6_MTU_DISCOVER", "IPV6_PMTUDISC_DO".to_owned()),
            Setting::DontFragment => ("IP_MTU_DISCOVER", "IP_PMTUDISC_DO".to_owned()),
        };
        SocketOption { name, value }
    }

    fn apply(&self, socket: &Socket, ipv6: bool) -> io::Result<()> {
        match self {
            Setting::NoDelay(on) => socket.set_tcp_nodelay(*on),
            Setting::ReuseAddr(on) => socket.set_reuse_address(*on),
            Setting::ReceiveBuffer(size) => socket.set_recv_buffer_size(*size),
            Setting::SendBuffer(size) => socket.set_send_buffer_size(*size),
            Setting::ResetOnClose => socket.set_linger(Some(Duration::ZERO)),
            Setting::Ttl(hops) if ipv6 => socket.set_unicast_hops_v6(*hops),
            Setting::Ttl(ttl) => socket.set_ttl_v4(*ttl),
            Setting::Congestion(name) => sockopt::set_congestion(socket, name),
            Setting::KeepAlive { idle, interval, count } => socket.set_tcp_keepalive(
                &socket2::TcpKeepalive::new().with_time(*idle).with_interval(*interval).with_retries(*count),
            ),
            Setting::DontFragment => sockopt::set_path_mtu_discovery(socket, sockopt::PathMtu::Do),
        }
    }
}

/// One host's program: whose calls they are, and through what they are told.
#[derive(Clone)]
pub struct Program {
    /// Whose.
    pub side: Side,
    /// Through what.
    pub emitter: Emitter,
    /// How long a call may block.
    pub patience: Duration,
}

impl Program {
    /// `socket()`.
    ///
    /// # Errors
    /// As every call here: [`CallError`] with what the operating system answered.
    pub fn socket(&self, kind: SocketKind, family: &SocketAddr) -> Result<Traced, CallError> {
        let call = Call::Socket(kind);
        let ty = match kind {
            SocketKind::Stream => Type::STREAM,
            SocketKind::Datagram => Type::DGRAM,
        };
        let began = self.enter(None, &call);
        let made = Socket::new(Domain::for_address(*family), ty, None).and_then(|socket| {
            socket.set_read_timeout(Some(self.patience))?;
            socket.set_write_timeout(Some(self.patience))?;
            Ok(socket)
        });
        let told = made.as_ref().map(|socket| Returned::Descriptor(descriptor(socket)));
        self.leave(None, &call, began, told, None, None);
        match made {
            Ok(socket) => {
                let fd = descriptor(&socket);
                Ok(Traced { socket, fd, kind, ipv6: family.is_ipv6(), program: self.clone() })
            }
            Err(source) => Err(CallError { side: self.side, call, source }),
        }
    }

    fn enter(&self, fd: Option<i32>, call: &Call) -> (Time, Option<EventId>) {
        let stamp = self.emitter.stamp();
        let at = stamp.at;
        if !self.emitter.listening() {
            return (at, None);
        }
        let what = What::Called { fd, call: call.clone() };
        (at, Some(self.emitter.emit(at, Place::Host(self.side), None, what, None, None)))
    }

    fn leave(
        &self,
        fd: Option<i32>,
        call: &Call,
        (began, cause): (Time, Option<EventId>),
        result: Result<Returned, &io::Error>,
        tcp_info: Option<TcpInfo>,
        bytes: Option<Bytes>,
    ) {
        if !self.emitter.listening() {
            return;
        }
        let stamp = self.emitter.stamp();
        let at = stamp.at;
        let result = result.map_err(|error| {
            errno::errno_of(error).unwrap_or(Errno { code: error.raw_os_error().unwrap_or(0), name: "E?" })
        });
        let cite = rule(call);
        let tcp_info = tcp_info.map(Box::new);
        let what = What::Returned { fd, call: call.clone(), result, took: at.since(began), tcp_info };
        self.emitter.emit(at, Place::Host(self.side), cause, what, bytes, cite);
    }
}

/// Where a call's meaning is written down.
fn rule(call: &Call) -> Option<Cite> {
    Some(match call {
        Call::Listen(_) => Cite::man("listen(2)"),
        Call::Connect(_) => Cite::man("connect(2)"),
        Call::Accept => Cite::man("accept(2)"),
        Call::Send { .. } | Call::SendMsg { .. } | Call::SendTo { .. } => Cite::man("send(2)"),
        Call::Recv { .. } | Call::RecvFrom { .. } => Cite::man("recv(2)"),
        Call::Shutdown(_) => Cite::man("shutdown(2)"),
        _ => return None,
    })
}

#[cfg(unix)]
fn descriptor(socket: &Socket) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(socket)
}

#[cfg(windows)]
fn descriptor(socket: &Socket) -> i32 {
    // A handle; Windows keeps its significant part in 32 bits.
    std::os::windows::io::AsRawSocket::as_raw_socket(socket) as i32
}

/// A socket whose calls are told. Dropping it closes it untold; [`Traced::close`] tells.
pub struct Traced {
    socket: Socket,
    fd: i32,
    kind: SocketKind,
    ipv6: bool,
    program: Program,
}

impl Traced {
    fn traced<T>(
        &self,
        call: Call,
        run: impl FnOnce(&Socket) -> io::Result<T>,
        tell: impl FnOnce(&T) -> (Returned, Option<Bytes>),
    ) -> Result<T, CallError> {
        let began = self.program.enter(Some(self.fd), &call);
        let result = run(&self.socket);
        if self.program.emitter.listening() {
            let info = self.tcp_info();
            let (told, bytes) = match &result {
                Ok(value) => {
                    let (told, bytes) = tell(value);
                    (Ok(told), bytes)
                }
                Err(error) => (Err(error), None),
            };
            self.program.leave(Some(self.fd), &call, began, told, info, bytes);
        }
        result.map_err(|source| CallError { side: self.program.side, call, source })
    }

    /// What the kernel says of the connection; `None` for UDP and where it cannot be asked.
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        match self.kind {
            SocketKind::Stream => sockopt::tcp_info(&self.socket).ok(),
            SocketKind::Datagram => None,
        }
    }

    /// How long a call on this socket may block from now on.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn nap(&self, patience: Duration) -> Result<(), CallError> {
        self.socket.set_read_timeout(Some(patience)).map_err(|source| {
            let option = SocketOption { name: "SO_RCVTIMEO", value: format!("{patience:?}") };
            self.error(&Call::SetOption(option), source)
        })
    }

    /// `setsockopt()`.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn set(&self, setting: &Setting) -> Result<(), CallError> {
        let call = Call::SetOption(setting.told(self.ipv6));
        self.traced(call, |s| setting.apply(s, self.ipv6), |()| (Returned::Done, None))
    }

    /// `bind()`; gives the address that the kernel then shows.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn bind(&self, to: SocketAddr) -> Result<SocketAddr, CallError> {
        self.traced(
            Call::Bind(to),
            |s| {
                s.bind(&to.into())?;
                local(s)
            },
            |local| (Returned::Local(*local), None),
        )
    }

    /// `listen()`.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn listen(&self, backlog: i32) -> Result<(), CallError> {
        self.traced(Call::Listen(backlog), |s| s.listen(backlog), |()| (Returned::Done, None))
    }

    /// `connect()`; gives the local address that the kernel chose.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn connect(&self, to: SocketAddr) -> Result<SocketAddr, CallError> {
        self.traced(
            Call::Connect(to),
            |s| {
                s.connect(&to.into())?;
                local(s)
            },
            |local| (Returned::Local(*local), None),
        )
    }

    /// `accept()` that waits until a connection comes, the patience is over, or `give_up` says that none will come: then
    /// `None`, and the call is told as entered and never as returned. `give_up` is asked every 20 ms. The new socket has
    /// this one's patience.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn accept_unless(
        &self,
        give_up: impl Fn() -> bool,
    ) -> Result<Option<(Traced, SocketAddr)>, CallError> {
        let patience = self.program.patience;
        let call = Call::Accept;
        let began = self.program.enter(Some(self.fd), &call);
        let until = Instant::now() + patience;
        let result = loop {
            let over = give_up();
            let left = until.saturating_duration_since(Instant::now());
            // Zero would mean for ever to the kernel (socket(7), SO_RCVTIMEO).
            let nap = left.clamp(Duration::from_millis(1), NAP);
            match self.socket.set_read_timeout(Some(nap)).and_then(|()| self.socket.accept()) {
                Err(error) if is_would_block(&error) && over => return Ok(None),
                Err(error) if is_would_block(&error) && left > nap => {}
                result => break result,
            }
        };
        let result = result.and_then(|(socket, peer)| {
            socket.set_read_timeout(Some(patience))?;
            socket.set_write_timeout(Some(patience))?;
            Ok((socket, inet(&peer)?))
        });
        let told =
            result.as_ref().map(|(socket, peer)| Returned::Accepted { fd: descriptor(socket), peer: *peer });
        let info = if self.program.emitter.listening() { self.tcp_info() } else { None };
        self.program.leave(Some(self.fd), &call, began, told, info, None);
        match result {
            Ok((socket, peer)) => {
                let fd = descriptor(&socket);
                let (kind, ipv6, program) = (self.kind, self.ipv6, self.program.clone());
                Ok(Some((Traced { socket, fd, kind, ipv6, program }, peer)))
            }
            Err(source) => Err(self.error(&call, source)),
        }
    }

    /// `send()`; gives how many octets the kernel took.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn send(&self, octets: &Bytes) -> Result<usize, CallError> {
        let call = Call::Send { len: octets.len() };
        self.traced(call, |s| s.send(octets), |n| (Returned::Octets(*n), Some(octets.slice(..*n))))
    }

    /// `sendmsg()`: all pieces in one call, so that no segment leaves between two of them.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn send_pieces(&self, pieces: &[Bytes]) -> Result<usize, CallError> {
        let call = Call::SendMsg { pieces: pieces.iter().map(Bytes::len).collect() };
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let taken = |n: &usize| (Returned::Octets(*n), Some(pieces.concat()[..*n].to_vec().into()));
        self.traced(call, |s| s.send_vectored(&slices), taken)
    }

    /// `send()` until all octets are taken.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn send_all(&self, octets: &Bytes) -> Result<(), CallError> {
        let mut rest = octets.clone();
        while !rest.is_empty() {
            let n = self.send(&rest)?;
            rest = rest.slice(n..);
        }
        Ok(())
    }

    /// `sendto()`.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn send_to(&self, octets: &Bytes, to: SocketAddr) -> Result<usize, CallError> {
        let call = Call::SendTo { len: octets.len(), to };
        self.traced(
            call,
            |s| s.send_to(octets, &to.into()),
            |n| (Returned::Octets(*n), Some(octets.slice(..(*n).min(octets.len())))),
        )
    }

    /// `recv()` into a buffer of `size` octets. On a stream, empty is the end of the stream.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn recv(&self, size: usize) -> Result<Bytes, CallError> {
        self.traced(
            Call::Recv { size },
            |s| {
                let mut buffer = vec![0; size];
                let n = (&mut &*s).read(&mut buffer)?;
                buffer.truncate(n);
                Ok(Bytes::from(buffer))
            },
            |got| (Returned::Octets(got.len()), Some(got.clone())),
        )
    }

    /// `recv()` that waits until octets come, the stream ends or `give_up` says that there is something else to do: then
    /// `None`, and the call is told as one that had nothing to give. `give_up` is asked once a patience, after which what
    /// had arrived before is still given.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn recv_unless(&self, size: usize, give_up: impl Fn() -> bool) -> Result<Option<Bytes>, CallError> {
        let call = Call::Recv { size };
        let began = self.program.enter(Some(self.fd), &call);
        let mut buffer = vec![0; size];
        let result = loop {
            let over = give_up();
            match (&mut &self.socket).read(&mut buffer) {
                Err(error) if is_would_block(&error) && over => {
                    self.program.leave(Some(self.fd), &call, began, Err(&error), None, None);
                    return Ok(None);
                }
                Err(error) if is_would_block(&error) || error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let info = if self.program.emitter.listening() { self.tcp_info() } else { None };
        match result {
            Ok(n) => {
                buffer.truncate(n);
                let got = Bytes::from(buffer);
                let told = Ok(Returned::Octets(n));
                self.program.leave(Some(self.fd), &call, began, told, info, Some(got.clone()));
                Ok(Some(got))
            }
            Err(source) => {
                self.program.leave(Some(self.fd), &call, began, Err(&source), info, None);
                Err(self.error(&call, source))
            }
        }
    }

    /// `recvfrom()` into a buffer of `size` octets: what was given, by whom, and the datagram's own
    /// length when the buffer was too small for it (`MSG_TRUNC`).
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn recv_from(&self, size: usize) -> Result<(Bytes, SocketAddr, Option<usize>), CallError> {
        self.traced(
            Call::RecvFrom { size },
            |s| {
                let mut buffer = vec![0; size];
                let datagram = sockopt::recv_datagram(s, &mut buffer)?;
                buffer.truncate(datagram.len);
                Ok((Bytes::from(buffer), sender(&datagram)?, cut(&datagram)))
            },
            |(got, from, truncated_from)| {
                let told =
                    Returned::Datagram { len: got.len(), from: *from, truncated_from: *truncated_from };
                (told, Some(got.clone()))
            },
        )
    }

    /// `recvfrom()` that waits until a datagram comes or `give_up` says that none will: then `None`, and
    /// the call is told as entered and never as returned, which is what a program left waiting shows.
    /// `give_up` is asked once a patience, after which what had arrived before is still given.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn recv_from_unless(
        &self,
        size: usize,
        mut give_up: impl FnMut() -> bool,
    ) -> Result<Option<(Bytes, SocketAddr)>, CallError> {
        let call = Call::RecvFrom { size };
        let began = self.program.enter(Some(self.fd), &call);
        let mut buffer = vec![0; size];
        let result = loop {
            let over = give_up();
            match sockopt::recv_datagram(&self.socket, &mut buffer) {
                Err(error) if is_would_block(&error) && over => return Ok(None),
                Err(error) if is_would_block(&error) => {}
                result => break result,
            }
        };
        match result {
            Ok(datagram) => {
                let got = Bytes::copy_from_slice(&buffer[..datagram.len]);
                let from = sender(&datagram).map_err(|source| self.error(&call, source))?;
                let told = Returned::Datagram { len: got.len(), from, truncated_from: cut(&datagram) };
                self.program.leave(Some(self.fd), &call, began, Ok(told), None, Some(got.clone()));
                Ok(Some((got, from)))
            }
            Err(source) => {
                self.program.leave(Some(self.fd), &call, began, Err(&source), None, None);
                Err(self.error(&call, source))
            }
        }
    }

    fn error(&self, call: &Call, source: io::Error) -> CallError {
        CallError { side: self.program.side, call: call.clone(), source }
    }

    /// `shutdown()`.
    ///
    /// # Errors
    /// [`CallError`], as for every call here.
    pub fn shutdown(&self, how: How) -> Result<(), CallError> {
        let half = match how {
            How::Read => Shutdown::Read,
            How::Write => Shutdown::Write,
            How::Both => Shutdown::Both,
        };
        self.traced(Call::Shutdown(how), |s| s.shutdown(half), |()| (Returned::Done, None))
    }

    /// Waits, a patience at most, until there is something to read. That is no call of the experiment's, and is not told.
    pub(super) fn until_readable(&self) {
        // What it is, or why not, the next call finds out.
        let _ = self.socket.peek(&mut [MaybeUninit::uninit()]);
    }

    /// `close()`.
    pub fn close(self) {
        let Traced { socket, fd, program, .. } = self;
        let began = program.enter(Some(fd), &Call::Close);
        drop(socket);
        program.leave(Some(fd), &Call::Close, began, Ok(Returned::Done), None, None);
    }
}

fn sender(datagram: &sockopt::Datagram) -> io::Result<SocketAddr> {
    datagram.from.ok_or_else(|| io::Error::other("the kernel gave a datagram without a sender"))
}

/// The datagram's own length, when the buffer was too small for it.
fn cut(datagram: &sockopt::Datagram) -> Option<usize> {
    (datagram.whole > datagram.len).then_some(datagram.whole)
}

fn is_would_block(error: &io::Error) -> bool {
    // Windows calls it a time-out.
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn local(socket: &Socket) -> io::Result<SocketAddr> {
    inet(&socket.local_addr()?)
}

fn inet(address: &SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::Error::other("the kernel gave an address that is not an IP one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn an_option_is_that_of_the_sockets_family() {
        let both = [(Setting::Ttl(9), "IPV6_UNICAST_HOPS"), (Setting::DontFragment, "IPV6_MTU_DISCOVER")];
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, None);
        for (setting, name) in both {
            assert_eq!(setting.told(true).name, name);
            // A kernel may have been started without IPv6.
            if let Ok(socket) = &socket {
                setting.apply(socket, true).unwrap();
            }
        }
        assert!(socket.is_err() || socket.is_ok_and(|s| s.unicast_hops_v6().unwrap() == 9));
    }
}
