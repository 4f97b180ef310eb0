//! One end that waits, on the real network: a TCP or a UDP server for any program to talk to.
//!
//! Both servers run on the thread that calls them, serve all clients at once, and end when a flag is set
//! (from another thread with [`tcp::Server::waker`] or [`udp::Server::waker`], from a signal by the interrupted wait, or at most
//! [`PATIENCE`] later). They give a summary of what they did. What a peer sends never panics them, never
//! hangs them, and never makes them hold more than the bounds that their options state.

mod door;
pub mod queue;
mod reactor;
#[cfg(test)]
mod still;
mod stream;
pub mod tcp;
pub mod udp;
mod watch;
pub mod ws;

pub use watch::{Narrated, Quiet, Step, Watch};

use crate::host::errno::errno_of;
use crate::model::Errno;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The longest that a server waits before it looks at its stop flag again when nobody wakes it.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// What a server does with what it receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Sends it back, octet for octet (RFC 862).
    #[default]
    Echo,
    /// Throws it away and answers nothing (RFC 863).
    Discard,
    /// As `Discard`, and every narrated `recv()` carries its octets.
    Print,
}

/// Errors of connections or datagrams that the server outlived, counted by symbolic name (`ECONNRESET`).
pub type ErrorCounts = BTreeMap<&'static str, u64>;

/// Why a server could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken by another socket.
    #[error("{address} is in use by another program: choose another port, or 0 for any free one")]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The operating system does not let this user have the address.
    #[error("not permitted to listen on {address}: ports below 1024 are reserved on most systems")]
    NotPermitted {
        /// The address asked for.
        address: SocketAddr,
    },
    /// No interface of this machine has the address.
    #[error("{address} is not an address of this machine")]
    NotHere {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system has no such congestion control.
    #[error("no congestion control {name:?} is here: `layerlab doctor` lists those that are")]
    NoCongestionControl {
        /// The name asked for.
        name: String,
    },
    /// Any other call that failed while the server was set up or waited.
    #[error("{call}() failed: {source}")]
    Call {
        /// The call's name.
        call: &'static str,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The listener of the narration failed.
    #[error("the narration could not be written: {0}")]
    Sink(#[source] io::Error),
}

impl ServeError {
    /// The failure of `call` while `address` was set up.
    pub(crate) fn setup(call: &'static str, address: SocketAddr, source: io::Error) -> ServeError {
        match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::InUse { address },
            io::ErrorKind::PermissionDenied => ServeError::NotPermitted { address },
            io::ErrorKind::AddrNotAvailable => ServeError::NotHere { address },
            _ => ServeError::Call { call, source },
        }
    }
}

/// An I/O error as a number and a name; 0 where the operating system gave none.
pub(crate) fn errno(error: &io::Error) -> Errno {
    errno_of(error).unwrap_or(Errno { code: 0, name: "E?" })
}

pub(crate) fn count(errors: &mut ErrorCounts, error: &io::Error) {
    *errors.entry(errno(error).name).or_default() += 1;
}

/// The descriptor's number, for the telling.
#[cfg(unix)]
pub(crate) fn number(socket: &impl std::os::fd::AsRawFd) -> i32 {
    socket.as_raw_fd()
}

/// The handle's number, for the telling. Windows keeps a handle's significant part in 32 bits.
#[cfg(windows)]
pub(crate) fn number(socket: &impl std::os::windows::io::AsRawSocket) -> i32 {
    socket.as_raw_socket() as i32
}
