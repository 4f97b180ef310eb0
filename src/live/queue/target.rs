//! Where a queue's server is.

use std::fmt;
use std::str::FromStr;

/// What carries the frames.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Carrier {
    /// A TCP stream.
    Tcp,
    /// WebSocket's binary messages.
    Ws,
    /// Datagrams.
    Udp,
}

/// `tcp://HOST:PORT`, `ws://HOST:PORT`, `udp://HOST:PORT`, or `HOST:PORT` for TCP; a port alone is this machine's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// What carries the frames.
    pub carrier: Carrier,
    /// A name or an address, IPv6 without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that is no target.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} says not where the server is: write HOST:PORT, or tcp://, ws:// or udp:// and HOST:PORT")]
pub struct BadTarget {
    /// The text.
    pub text: String,
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Target, BadTarget> {
        let bad = || BadTarget { text: text.to_owned() };
        let (carrier, place) = match text.split_once("://") {
            None => (Carrier::Tcp, text),
            Some(("tcp", place)) => (Carrier::Tcp, place),
            Some(("ws", place)) => (Carrier::Ws, place.strip_suffix('/').unwrap_or(place)),
            Some(("udp", place)) => (Carrier::Udp, place),
            Some(_) => return Err(bad()),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None => ("127.0.0.1", place),
        };
        let host = match host.strip_prefix('[') {
            Some(inside) => inside.strip_suffix(']').ok_or_else(bad)?,
            None if host.contains(':') => return Err(bad()),
            None => host,
        };
        let port = port.parse().map_err(|_| bad())?;
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/?#@".contains(c)) || port == 0 {
            return Err(bad());
        }
        Ok(Target { carrier, host: host.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.carrier {
            Carrier::Tcp => "tcp",
            Carrier::Ws => "ws",
            Carrier::Udp => "udp",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}
