//! What each server's clients say, octet by octet: one connection that publishes, one that consumes.

pub(crate) mod nats;
pub(crate) mod ours;
pub(crate) mod rabbit;
pub(crate) mod redis;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Octets of a message.
pub(crate) const SIZE: usize = 1 << 10;
/// Messages that a consumer may have in hand.
pub(crate) const CREDIT: usize = 1024;
/// The queue.
pub(crate) const QUEUE: &str = "bench";
/// How long a server may take over a request that opens something.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was found whole at the front of what came.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    /// Octets of it.
    pub(crate) taken: usize,
    /// Messages confirmed or delivered by it.
    pub(crate) messages: u64,
}

/// A protocol, and where one producer and one consumer are in it.
pub(crate) trait Face {
    /// Makes the queue anew, and a connection that publishes to it.
    fn producer(&mut self, at: SocketAddr) -> io::Result<TcpStream>;

    /// A connection on which everything in the queue comes.
    fn consumer(&mut self, at: SocketAddr) -> io::Result<TcpStream>;

    /// Says the next message.
    fn publish(&mut self, out: &mut Vec<u8>);

    /// Reads confirmations; `out` goes back.
    fn confirms(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard>;

    /// Reads deliveries, holds each against what is due, and acknowledges it in `out`.
    fn deliveries(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard>;
}

/// The messages of one run: each begins with its number, so that one that is lost, doubled or out of order shows.
pub(crate) struct Bodies {
    body: Vec<u8>,
    published: u64,
    delivered: u64,
}

impl Bodies {
    pub(crate) fn new() -> Bodies {
        let body = (0..SIZE).map(|i| (i * 7) as u8 | 1).collect();
        Bodies { body, published: 0, delivered: 0 }
    }

    /// The next one, and its number from 1.
    pub(crate) fn next(&mut self) -> (u64, &[u8]) {
        self.published += 1;
        self.body[..8].copy_from_slice(&self.published.to_be_bytes());
        (self.published, &self.body)
    }

    /// One was delivered.
    pub(crate) fn check(&mut self, body: &[u8]) -> io::Result<()> {
        self.delivered += 1;
        let number = body.first_chunk().map_or(0, |n| u64::from_be_bytes(*n));
        if number == self.delivered && body.len() == SIZE && body[8..16] == self.body[8..16] {
            return Ok(());
        }
        Err(wrong(format!("message {number} was delivered where {} was due", self.delivered)))
    }
}

pub(crate) fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}

/// A connection that still waits for its answers.
pub(crate) struct Opening {
    stream: TcpStream,
    /// What came and was not read yet.
    came: Vec<u8>,
}

impl Opening {
    pub(crate) fn connect(at: SocketAddr) -> io::Result<Opening> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        // A machine's default may be bbr, whose pacing halves bulk on loopback.
        socket.set_tcp_congestion(b"reno")?;
        socket.connect(&at.into())?;
        socket.set_tcp_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Opening { stream: socket.into(), came: Vec::new() })
    }

    /// Says something, and reads until `answer` has found what it wants at the front: how many octets that were, and it.
    pub(crate) fn ask<T>(
        &mut self,
        octets: &[u8],
        mut answer: impl FnMut(&[u8]) -> io::Result<Option<(usize, T)>>,
    ) -> io::Result<T> {
        self.stream.write_all(octets)?;
        loop {
            if let Some((taken, found)) = answer(&self.came)? {
                self.came.drain(..taken);
                return Ok(found);
            }
            let mut part = [0; 4096];
            match self.stream.read(&mut part)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                got => self.came.extend_from_slice(&part[..got]),
            }
        }
    }

    /// Everything is open. `last` is said, and its answers are read by the load.
    pub(crate) fn done(mut self, last: &[u8]) -> io::Result<TcpStream> {
        if !self.came.is_empty() {
            return Err(wrong("something came that nobody asked for"));
        }
        self.stream.write_all(last)?;
        self.stream.set_nonblocking(true)?;
        Ok(self.stream)
    }
}

/// The line at the front, without its end, and its octets with it.
pub(crate) fn line(octets: &[u8]) -> Option<(&[u8], usize)> {
    let end = octets.iter().position(|octet| *octet == b'\r')?;
    (octets.len() > end + 1).then_some((&octets[..end], end + 2))
}

/// A decimal number.
pub(crate) fn number(digits: &[u8]) -> io::Result<usize> {
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| wrong(format!("{:?} where a number is due", String::from_utf8_lossy(digits))))
}
