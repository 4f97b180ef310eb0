//! System calls as facts: what was asked, what came back.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// The kind of socket asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SocketKind {
    /// `SOCK_STREAM`: TCP.
    Stream,
    /// `SOCK_DGRAM`: UDP.
    Datagram,
}

/// Which half `shutdown()` closes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

/// A socket option, with the value asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SocketOption {
    /// The option's C name, such as `TCP_NODELAY`.
    pub name: &'static str,
    /// The value as C would write it: `1`, `4096`, `{1, 0}`, `"reno"`.
    pub value: String,
}

impl SocketOption {
    /// Every option that layerlab sets.
    pub const NAMES: &'static [&'static str] = &[
        "TCP_NODELAY",
        "SO_REUSEADDR",
        "SO_RCVBUF",
        "SO_SNDBUF",
        "SO_LINGER",
        "IPV6_UNICAST_HOPS",
        "IP_TTL",
        "TCP_CONGESTION",
        "SO_KEEPALIVE",
        "IPV6_MTU_DISCOVER",
        "IP_MTU_DISCOVER",
        "SO_RCVTIMEO",
        "SO_OOBINLINE",
    ];
}

/// A call of the socket interface, with its main arguments. Names are POSIX's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// `socket()`.
    Socket(SocketKind),
    /// `setsockopt()`.
    SetOption(SocketOption),
    /// `bind()`.
    Bind(SocketAddr),
    /// `listen()` with its backlog.
    Listen(i32),
    /// `connect()`.
    Connect(SocketAddr),
    /// `accept()`.
    Accept,
    /// `send()` of this many octets.
    Send {
        /// Octets offered.
        len: usize,
    },
    /// `sendmsg()` of several pieces at once, as `writev()` does.
    SendMsg {
        /// Octets of each piece.
        pieces: Vec<usize>,
    },
    /// `sendto()`.
    SendTo {
        /// Octets offered.
        len: usize,
        /// The destination.
        to: SocketAddr,
    },
    /// `recv()` into a buffer of this size.
    Recv {
        /// Octets of room.
        size: usize,
    },
    /// `recvfrom()` into a buffer of this size.
    RecvFrom {
        /// Octets of room.
        size: usize,
    },
    /// `shutdown()`.
    Shutdown(How),
    /// `close()`.
    Close,
}

impl Call {
    /// Octets of all pieces together; a capture may claim any.
    pub fn together(pieces: &[usize]) -> usize {
        pieces.iter().fold(0, |all, piece| all.saturating_add(*piece))
    }

    /// The function's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Call::Socket(_) => "socket",
            Call::SetOption(_) => "setsockopt",
            Call::Bind(_) => "bind",
            Call::Listen(_) => "listen",
            Call::Connect(_) => "connect",
            Call::Accept => "accept",
            Call::Send { .. } => "send",
            Call::SendMsg { .. } => "sendmsg",
            Call::SendTo { .. } => "sendto",
            Call::Recv { .. } => "recv",
            Call::RecvFrom { .. } => "recvfrom",
            Call::Shutdown(_) => "shutdown",
            Call::Close => "close",
        }
    }
}

/// What a successful call gave.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Returned {
    /// Zero: done.
    Done,
    /// A new descriptor.
    Descriptor(i32),
    /// `bind()` or `connect()`: done, and the local address that the kernel now shows.
    Local(SocketAddr),
    /// `accept()`: a new descriptor and the peer.
    Accepted {
        /// The accepted socket.
        fd: i32,
        /// Whose connection it is.
        peer: SocketAddr,
    },
    /// Octets taken or given; 0 from `recv()` is the end of the stream.
    Octets(usize),
    /// A datagram.
    Datagram {
        /// Octets given.
        len: usize,
        /// Who sent it.
        from: SocketAddr,
        /// The datagram's own length when it was larger than the buffer (`MSG_TRUNC`); the rest is gone.
        truncated_from: Option<usize>,
    },
}

/// An error number and its symbolic name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Errno {
    /// The number on this system.
    pub code: i32,
    /// The symbolic name, such as `ECONNREFUSED`; `E?` when it has none that we know.
    pub name: &'static str,
}

impl Errno {
    /// Every name that layerlab knows: POSIX's, then those of Windows Sockets.
    #[rustfmt::skip]
    pub const NAMES: &'static [&'static str] = &[
        "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "EBADF", "ECHILD", "EAGAIN", "ENOMEM", "EACCES",
        "EFAULT", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL", "ENFILE", "EMFILE", "ENOTTY",
        "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM", "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOSYS",
        "ENOTEMPTY", "ELOOP", "ENOTSOCK", "EDESTADDRREQ", "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT",
        "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EPFNOSUPPORT", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN",
        "ENETUNREACH", "ENETRESET", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN",
        "ETOOMANYREFS", "ETIMEDOUT", "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE",
        "EDQUOT", "EUSERS", "EPROTO", "EOVERFLOW", "ECANCELED", "EBADMSG",
        "WSAEINTR", "WSAEBADF", "WSAEACCES", "WSAEFAULT", "WSAEINVAL", "WSAEMFILE", "WSAEWOULDBLOCK", "WSAEINPROGRESS",
        "WSAEALREADY", "WSAENOTSOCK", "WSAEDESTADDRREQ", "WSAEMSGSIZE", "WSAENOPROTOOPT", "WSAEPROTONOSUPPORT",
        "WSAESOCKTNOSUPPORT", "WSAEOPNOTSUPP", "WSAEPFNOSUPPORT", "WSAEAFNOSUPPORT", "WSAEADDRINUSE", "WSAEADDRNOTAVAIL",
        "WSAENETDOWN", "WSAENETUNREACH", "WSAENETRESET", "WSAECONNABORTED", "WSAECONNRESET", "WSAENOBUFS", "WSAEISCONN",
        "WSAENOTCONN", "WSAESHUTDOWN", "WSAETIMEDOUT", "WSAECONNREFUSED", "WSAEHOSTDOWN", "WSAEHOSTUNREACH",
        "E?",
    ];

    /// One by its name, as somebody else wrote it: `E?` when that is none that we know.
    #[must_use]
    pub fn named(name: &str, code: i32) -> Errno {
        Errno { code, name: Errno::NAMES.iter().find(|known| **known == name).unwrap_or(&"E?") }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.code)
    }
}

/// A state of TCP's state machine (RFC 9293 s3.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TcpState {
    /// LISTEN.
    Listen,
    /// SYN-SENT.
    SynSent,
    /// SYN-RECEIVED.
    SynReceived,
    /// ESTABLISHED.
    Established,
    /// FIN-WAIT-1.
    FinWait1,
    /// FIN-WAIT-2.
    FinWait2,
    /// CLOSE-WAIT.
    CloseWait,
    /// CLOSING.
    Closing,
    /// LAST-ACK.
    LastAck,
    /// TIME-WAIT.
    TimeWait,
    /// CLOSED.
    Closed,
}

impl TcpState {
    /// Every one.
    pub const ALL: [TcpState; 11] = [
        TcpState::Listen,
        TcpState::SynSent,
        TcpState::SynReceived,
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::Closing,
        TcpState::LastAck,
        TcpState::TimeWait,
        TcpState::Closed,
    ];

    /// The name as RFC 9293 writes it.
    pub const fn name(self) -> &'static str {
        match self {
            TcpState::Listen => "LISTEN",
            TcpState::SynSent => "SYN-SENT",
            TcpState::SynReceived => "SYN-RECEIVED",
            TcpState::Established => "ESTABLISHED",
            TcpState::FinWait1 => "FIN-WAIT-1",
            TcpState::FinWait2 => "FIN-WAIT-2",
            TcpState::CloseWait => "CLOSE-WAIT",
            TcpState::Closing => "CLOSING",
            TcpState::LastAck => "LAST-ACK",
            TcpState::TimeWait => "TIME-WAIT",
            TcpState::Closed => "CLOSED",
        }
    }
}

/// One line of a kernel's table of TCP sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TcpSocket {
    /// This host's end.
    pub local: SocketAddr,
    /// The other end; port 0 for a listener.
    pub remote: SocketAddr,
    /// The state.
    pub state: TcpState,
}

/// What Linux tells of a connection (`TCP_INFO`, tcp(7)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpInfo {
    /// The state.
    pub state: TcpState,
    /// Smoothed round-trip time; zero before the first sample.
    pub rtt: Duration,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// The retransmission timeout.
    pub rto: Duration,
    /// The congestion window, in segments.
    pub snd_cwnd: u32,
    /// The slow-start threshold in segments; `None` while none is set.
    pub snd_ssthresh: Option<u32>,
    /// The maximum segment size for sending, in octets.
    pub snd_mss: u32,
    /// The path MTU, in octets of IP packet.
    pub pmtu: u32,
    /// Segments sent and not yet acknowledged.
    pub unacked: u32,
    /// Retransmissions of the segment at the head right now (the current back-off).
    pub backoff: u32,
    /// Segments retransmitted since the connection began.
    pub total_retrans: u32,
}
