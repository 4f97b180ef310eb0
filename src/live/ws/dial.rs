//! From a URL to a TCP connection: the name, its addresses one after the other, the first that accepts.

use crate::live::calls::CallError;
use crate::live::send::{self, SendError};
use crate::model::{Call, Side};
use crate::stack::l7_application::ws::Url;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The least time that one address gets, however many there are.
const LEAST: Duration = Duration::from_millis(250);

/// A TCP connection, and how it came about.
#[derive(Debug)]
pub struct Dialled {
    /// The connection. It blocks.
    pub stream: TcpStream,
    /// Our address.
    pub local: SocketAddr,
    /// The address that accepted.
    pub peer: SocketAddr,
    /// How long its `connect()` took.
    pub took: Duration,
    /// The addresses that were tried before, and what came of it.
    pub failed: Vec<(SocketAddr, io::Error)>,
    /// How many addresses the host has.
    pub addresses: usize,
}

impl Dialled {
    /// The socket's number, where sockets have small ones.
    pub fn descriptor(&self) -> Option<i32> {
        #[cfg(unix)]
        return Some(std::os::fd::AsRawFd::as_raw_fd(&self.stream));
        #[cfg(not(unix))]
        None
    }
}

/// No TCP connection came about.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// A host that is up says that nobody listens.
    #[error(
        "{to} refused the connection: that host is up, but no program listens on TCP port {port}; \
         start a server there{how} or check the URL's port",
        port = to.port(),
        // Ours speaks no TLS.
        how = if *secure { String::new() } else { format!(" (`layerlab ws serve --listen {}`)", to.port()) }
    )]
    Refused {
        /// Whom we asked.
        to: SocketAddr,
        /// Whether TLS was to be spoken there.
        secure: bool,
    },
    /// Everything else.
    #[error(transparent)]
    Other(#[from] SendError),
}

/// Resolves the URL's host and connects to the first of its addresses that accepts, within `patience` for all together.
/// Blocks; the resolver keeps a time of its own.
///
/// # Errors
/// What the last address said. A host that refused says more than one that did not answer.
pub fn dial(url: &Url, patience: Duration) -> Result<Dialled, DialError> {
    let addresses = send::resolve(&url.node(), url.port)?;
    let until = Instant::now() + patience;
    let mut failed = Vec::new();
    for (n, &to) in addresses.iter().enumerate() {
        let began = Instant::now();
        // What is left is shared: one address that does not answer leaves time for the others.
        let others = u32::try_from(addresses.len() - n).unwrap_or(u32::MAX);
        let share = (until.saturating_duration_since(began) / others).max(LEAST);
        let connected = TcpStream::connect_timeout(&to, share)
            .and_then(|stream| Ok((stream.local_addr()?, stream.peer_addr()?, stream)));
        match connected {
            Ok((local, peer, stream)) => {
                let (took, addresses) = (began.elapsed(), addresses.len());
                return Ok(Dialled { stream, local, peer, took, failed, addresses });
            }
            Err(error) => failed.push((to, error)),
        }
    }
    Err(worst(failed, url.secure, patience))
}

/// The failure that says most.
fn worst(mut failed: Vec<(SocketAddr, io::Error)>, secure: bool, patience: Duration) -> DialError {
    let refused = failed.iter().rposition(|(_, error)| error.kind() == io::ErrorKind::ConnectionRefused);
    let (to, source) = match refused {
        Some(n) => return DialError::Refused { to: failed[n].0, secure },
        // A host has at least one address: `resolve` says so.
        None => match failed.pop() {
            Some(last) => last,
            None => {
                return SendError::UnknownHost { host: String::new(), reason: "no address".into() }.into();
            }
        },
    };
    SendError::of(to, patience, CallError { side: Side::Client, call: Call::Connect(to), source }).into()
}
