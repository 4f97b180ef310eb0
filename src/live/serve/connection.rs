//! One client of the TCP server: read, write straight back, hold only what the peer did not take.

use super::tcp::TcpSummary;
use super::{Mode, Step, Watch, count, number};
use crate::host::sockopt;
use crate::model::{Call, How, Returned};
use mio::net::TcpStream;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Instant;

/// Full reads of one connection before the others get their turn.
const TURN: usize = 8;
/// What a connection still reads at once when all connections together hold `pending_budget` octets.
pub(super) const MEAGRE: usize = 4096;

/// What all connections share.
pub(super) struct Shared {
    /// The one receive buffer. Nothing stays in it between two calls of [`Connection::drive`].
    pub(super) buffer: Box<[u8]>,
    pub(super) mode: Mode,
    pub(super) budget: usize,
    /// Octets that all connections together hold because their peers do not read.
    pub(super) pending: usize,
    pub(super) summary: TcpSummary,
}

/// Why a connection is driven.
#[derive(Clone, Copy)]
pub(super) struct Why {
    /// Reading must go on until the kernel says `EAGAIN` or end of stream: the poll said that the peer
    /// has closed (no further edge would come for it), or that urgent data ends a read early.
    pub(super) drain: bool,
}

/// What is to be done next with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for the poll.
    Wait,
    /// It had its turn and may have more.
    Again,
    /// It is over; both directions are done or it failed.
    Close,
}

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// What the peer did not take yet, from `at` on. Holding it stops the reading: TCP's own window then
    /// tells the peer to stop (RFC 9293 s3.8.6).
    pending: Vec<u8>,
    at: usize,
    drain: bool,
    /// Whether it waits in the server's list of those that may have more.
    pub(super) again: bool,
    /// When the poll last named it. Kept only when there is an idle limit.
    pub(super) heard: Option<Instant>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, heard: Option<Instant>) -> Connection {
        Connection { stream, pending: Vec::new(), at: 0, drain: false, again: false, heard }
    }

    /// Octets held for this peer.
    pub(super) fn held(&self) -> usize {
        self.pending.len() - self.at
    }

    /// Does what can be done now without waiting.
    pub(super) fn drive<W: Watch>(&mut self, why: Why, shared: &mut Shared, watch: &mut W) -> Next {
        self.drain |= why.drain;
        match self.work(shared, watch) {
            Ok(next) => next,
            Err(error) => {
                count(&mut shared.summary.errors, &error);
                Next::Close
            }
        }
    }

    fn work<W: Watch>(&mut self, shared: &mut Shared, watch: &mut W) -> io::Result<Next> {
        if !self.pending.is_empty() {
            if !self.flush(shared, watch)? {
                return Ok(Next::Wait);
            }
            // Edges that came while nothing was read are gone: look for oneself.
            self.drain = true;
        }
        for _ in 0..TURN {
            let room = shared.buffer.len().min(shared.budget.saturating_sub(shared.pending).max(MEAGRE));
            let Some(got) = self.receive(room, shared, watch)? else {
                self.drain = false;
                return Ok(Next::Wait);
            };
            if got == 0 {
                self.half_close(watch);
                return Ok(Next::Close);
            }
            shared.summary.received += got as u64;
            if shared.mode == Mode::Echo {
                let taken = self.send(&shared.buffer[..got], watch)?;
                shared.summary.sent += taken as u64;
                if taken < got {
                    self.hold(taken, got, shared);
                    return Ok(Next::Wait);
                }
            }
            // epoll(7), "Possible pitfalls": a stream's read that gave less than was asked for has
            // emptied the socket, and whatever comes later makes a new edge. Saves the read that would
            // only say EAGAIN. Windows has no such rule.
            if got < room && !self.drain && cfg!(unix) {
                return Ok(Next::Wait);
            }
        }
        Ok(Next::Again)
    }

    fn hold(&mut self, taken: usize, got: usize, shared: &mut Shared) {
        self.pending = shared.buffer[taken..got].to_vec();
        self.at = 0;
        shared.pending += self.pending.len();
        shared.summary.peak_pending = shared.summary.peak_pending.max(shared.pending);
        shared.summary.stalls += 1;
    }

    /// Sends what is held. Says whether all of it went.
    fn flush<W: Watch>(&mut self, shared: &mut Shared, watch: &mut W) -> io::Result<bool> {
        while self.at < self.pending.len() {
            let taken = self.send(&self.pending[self.at..], watch)?;
            if taken == 0 {
                return Ok(false);
            }
            self.at += taken;
            shared.pending -= taken;
            shared.summary.sent += taken as u64;
        }
        self.pending = Vec::new();
        self.at = 0;
        Ok(true)
    }

    /// `recv()`: `None` when nothing is there yet, `Some(0)` at the end of the stream.
    fn receive<W: Watch>(
        &self,
        room: usize,
        shared: &mut Shared,
        watch: &mut W,
    ) -> io::Result<Option<usize>> {
        loop {
            let began = watch.now();
            let result = (&self.stream).read(&mut shared.buffer[..room]);
            match &result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => {}
            }
            watch.returned(None, || Step {
                octets: result.as_ref().map_or(&[], |&got| &shared.buffer[..got]),
                ..self.step(Call::Recv { size: room }, result.as_ref().map(|&n| Returned::Octets(n)), began)
            });
            return result.map(Some);
        }
    }

    /// `send()`: 0 when the kernel takes nothing now.
    fn send<W: Watch>(&self, octets: &[u8], watch: &mut W) -> io::Result<usize> {
        loop {
            let began = watch.now();
            let result = (&self.stream).write(octets);
            match &result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => {}
            }
            watch.returned(None, || Step {
                octets: result.as_ref().map_or(&[], |&taken| &octets[..taken]),
                ..self.step(
                    Call::Send { len: octets.len() },
                    result.as_ref().map(|&n| Returned::Octets(n)),
                    began,
                )
            });
            return result;
        }
    }

    /// The peer has ended its direction and has been given all it sent: end ours.
    fn half_close<W: Watch>(&self, watch: &mut W) {
        let began = watch.now();
        let result = self.stream.shutdown(Shutdown::Write);
        watch.returned(None, || {
            self.step(Call::Shutdown(How::Write), result.as_ref().map(|()| Returned::Done), began)
        });
        // ENOTCONN says that the peer has reset the connection meanwhile: it is over either way.
    }

    fn step<'a>(
        &self,
        call: Call,
        result: Result<Returned, &'a io::Error>,
        began: crate::model::Time,
    ) -> Step<'a> {
        // Only asked when somebody listens: `step` runs inside the closures given to `Watch::returned`.
        let tcp_info = sockopt::tcp_info(&SockRef::from(&self.stream)).ok();
        Step { tcp_info, ..Step::plain(number(&self.stream), call, result, began) }
    }

    /// `close()`. What the peer never took is counted as unsent.
    pub(super) fn close<W: Watch>(self, shared: &mut Shared, watch: &mut W) {
        let held = self.held();
        shared.pending -= held;
        shared.summary.unsent += held as u64;
        let fd = number(&self.stream);
        let began = watch.now();
        drop(self.stream);
        watch.returned(None, || Step::plain(fd, Call::Close, Ok(Returned::Done), began));
    }
}
