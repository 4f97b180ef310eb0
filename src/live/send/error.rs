//! Why a sender could not do what was asked: whose doing it was, and what to do next.

use crate::live::calls::CallError;
use crate::model::Call;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// A sender failed.
///
/// A peer's end of a connection is never given as a source: a closed pipe of ours and a connection that a
/// peer has closed have one error number (`EPIPE`).
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The name has no address.
    #[error(
        "no address is known for the host {host:?} ({reason}): check its spelling, or give its address itself"
    )]
    UnknownHost {
        /// The name as given.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The far host answered the SYN with a reset (RFC 9293 s3.10.7.1).
    #[error(
        "{to} refused the connection: that host is up, but no program listens on TCP port {port}; \
         start one there (`layerlab tcp serve --listen {port}`) or check the port",
        port = to.port()
    )]
    Refused {
        /// Whom we asked.
        to: SocketAddr,
    },
    /// The far host answered a datagram with ICMP port unreachable (RFC 1122 s4.1.3.1).
    #[error(
        "{to} has no socket on UDP port {port}: its host said so by ICMP; \
         start a program there (`layerlab udp serve --listen {port}`) or check the port",
        port = to.port()
    )]
    PortUnreachable {
        /// Whom we asked.
        to: SocketAddr,
    },
    /// Nothing came back at all.
    #[error(
        "{to} did not answer within {after:?}: its host is off, or something on the way drops what is \
         sent to it; check the address, or wait longer with --timeout"
    )]
    TimedOut {
        /// Whom we asked.
        to: SocketAddr,
        /// How long we waited.
        after: Duration,
    },
    /// This machine, or a router, knows no way there.
    #[error("no way leads to {to} ({reason}): check the address, and this machine's interfaces and routes")]
    Unreachable {
        /// Whom we asked.
        to: SocketAddr,
        /// What the operating system said.
        reason: String,
    },
    /// The peer ended the connection abruptly.
    #[error(
        "{to} reset the connection: the program there ended it with octets unread, or ended itself; \
         its own output may say why"
    )]
    Reset {
        /// The peer.
        to: SocketAddr,
    },
    /// The peer's window stayed shut.
    #[error("{to} took no more octets for {after:?}: the program there does not read")]
    NotTaken {
        /// The peer.
        to: SocketAddr,
        /// How long we waited.
        after: Duration,
    },
    /// Longer than a datagram can be.
    #[error(
        "a datagram of {len} octets is too long for {to}: UDP over IPv4 carries at most 65,507 octets \
         (RFC 768, RFC 791 s3.1), and this machine may allow less; send less with --size"
    )]
    TooLong {
        /// Whom to.
        to: SocketAddr,
        /// Octets of the message.
        len: usize,
    },
    /// The operating system refuses this user.
    #[error(
        "this machine does not permit sending to {to} ({reason}): a firewall rule of its own, or a \
         broadcast address"
    )]
    NotPermitted {
        /// Whom to.
        to: SocketAddr,
        /// What the operating system said.
        reason: String,
    },
    /// Any other call that failed.
    #[error(transparent)]
    Call(CallError),
    /// The messages could not be read.
    #[error("standard input could not be read: {0}")]
    Input(#[source] io::Error),
    /// Whoever listens could not write.
    #[error("writing what happened failed: {0}")]
    Telling(#[source] io::Error),
}

impl SendError {
    /// What the failure of a call toward `to` means.
    pub(in crate::live) fn of(to: SocketAddr, patience: Duration, error: CallError) -> SendError {
        let connecting = matches!(error.call, Call::Connect(_));
        let sending = matches!(error.call, Call::Send { .. } | Call::SendTo { .. });
        let reason = error.source.to_string();
        match error.source.kind() {
            ErrorKind::ConnectionRefused => SendError::Refused { to },
            ErrorKind::TimedOut if connecting => SendError::TimedOut { to, after: patience },
            // socket(7): connect() gives EINPROGRESS when SO_SNDTIMEO has passed.
            _ if connecting && is_in_progress(&error.source) => SendError::TimedOut { to, after: patience },
            ErrorKind::WouldBlock | ErrorKind::TimedOut if sending => {
                SendError::NotTaken { to, after: patience }
            }
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                SendError::Reset { to }
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
                SendError::Unreachable { to, reason }
            }
            ErrorKind::PermissionDenied => SendError::NotPermitted { to, reason },
            _ => SendError::Call(error),
        }
    }
}

#[cfg(unix)]
fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

#[cfg(not(unix))]
fn is_in_progress(_: &io::Error) -> bool {
    false
}

/// Whether a receiving call only waited its patience out.
pub(super) fn is_silence(error: &CallError) -> bool {
    // Windows calls it a time-out.
    matches!(error.source.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        && matches!(error.call, Call::Recv { .. } | Call::RecvFrom { .. })
}
