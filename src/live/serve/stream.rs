//! A connected socket that never waits, and what its peer did not take yet.
//!
//! Only what a peer does not take is held for it. Who holds something for a peer reads nothing from it: TCP's own
//! window then tells the peer to stop (RFC 9293 s3.8.6).

use super::{Step, Watch, number};
use crate::host::sockopt;
use crate::model::{Call, How, Returned, Time};
use mio::net::TcpStream;
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

/// What a connection still reads at once when all connections together hold the budget.
pub(super) const MEAGRE: usize = 4096;

/// What all connections of a server hold and did, together.
#[derive(Default, Debug)]
pub(super) struct Tally {
    /// Octets held from which on a connection reads [`MEAGRE`] octets at once.
    pub(super) budget: usize,
    /// Octets held for peers that do not read.
    pub(super) held: usize,
    /// The most of them ever.
    pub(super) peak_held: usize,
    /// Times that a peer did not take all at once.
    pub(super) stalls: u64,
    /// Octets received.
    pub(super) received: u64,
    /// Octets sent.
    pub(super) sent: u64,
    /// Octets never taken by their peers.
    pub(super) unsent: u64,
}

impl Tally {
    /// How many octets to ask for, of `size`.
    pub(super) fn room(&self, size: usize) -> usize {
        size.min(self.budget.saturating_sub(self.held).max(MEAGRE))
    }
}

/// One connection's socket.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    /// Which of the server's listeners it came by.
    pub(super) door: usize,
    /// What the peer did not take yet, from `at` on.
    held: Vec<u8>,
    at: usize,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, door: usize) -> Stream {
        Stream { socket, door, held: Vec::new(), at: 0 }
    }

    /// Octets held for this peer.
    #[inline]
    pub(super) fn held(&self) -> usize {
        self.held.len() - self.at
    }

    /// Sends what can be sent now and holds the rest, behind what is held already. Says whether nothing is held.
    #[inline]
    pub(super) fn send<W: Watch>(
        &mut self,
        octets: &[u8],
        tally: &mut Tally,
        watch: &mut W,
    ) -> io::Result<bool> {
        let taken = if self.held() == 0 { self.write(octets, tally, watch)? } else { 0 };
        if taken == octets.len() {
            return Ok(self.held() == 0);
        }
        self.hold(&octets[taken..], tally);
        Ok(false)
    }

    /// The same of octets that lie in several places. Nobody is told of it: for who is not watched.
    pub(super) fn send_all(&mut self, mut parts: &mut [IoSlice<'_>], tally: &mut Tally) -> io::Result<bool> {
        while self.held() == 0 && !parts.is_empty() {
            match (&self.socket).write_vectored(parts) {
                Ok(taken) => {
                    tally.sent += taken as u64;
                    IoSlice::advance_slices(&mut parts, taken);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        for part in &*parts {
            self.hold(part, tally);
        }
        Ok(self.held() == 0)
    }

    /// Holds octets that the peer did not take.
    pub(super) fn hold(&mut self, octets: &[u8], tally: &mut Tally) {
        self.held.extend_from_slice(octets);
        tally.held += octets.len();
        tally.peak_held = tally.peak_held.max(tally.held);
        tally.stalls += 1;
    }

    /// Sends what is held. Says whether all of it went.
    pub(super) fn flush<W: Watch>(&mut self, tally: &mut Tally, watch: &mut W) -> io::Result<bool> {
        while self.held() > 0 {
            let taken = self.write(&self.held[self.at..], tally, watch)?;
            if taken == 0 {
                return Ok(false);
            }
            self.at += taken;
            tally.held -= taken;
        }
        if self.at > 0 {
            (self.held, self.at) = (Vec::new(), 0);
        }
        Ok(true)
    }

    /// `recv()`: `None` when nothing is there yet, `Some(0)` at the end of the stream.
    #[inline]
    pub(super) fn receive<W: Watch>(
        &self,
        buffer: &mut [u8],
        tally: &mut Tally,
        watch: &mut W,
    ) -> io::Result<Option<usize>> {
        let size = buffer.len();
        loop {
            let began = watch.now();
            let result = (&self.socket).read(buffer);
            match &result {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                _ => {}
            }
            watch.returned(None, || Step {
                octets: result.as_ref().map_or(&[], |&got| &buffer[..got]),
                ..self.step(Call::Recv { size }, result.as_ref().map(|&n| Returned::Octets(n)), began)
            });
            let got = result?;
            tally.received += got as u64;
            return Ok(Some(got));
        }
    }

    /// `send()`: 0 when the kernel takes nothing now.
    #[inline]
    pub(super) fn write<W: Watch>(
        &self,
        octets: &[u8],
        tally: &mut Tally,
        watch: &mut W,
    ) -> io::Result<usize> {
        loop {
            let began = watch.now();
            let result = (&self.socket).write(octets);
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
            let taken = result?;
            tally.sent += taken as u64;
            return Ok(taken);
        }
    }

    /// Ends our direction; the peer's goes on.
    pub(super) fn half_close<W: Watch>(&self, watch: &mut W) {
        let began = watch.now();
        let result = self.socket.shutdown(Shutdown::Write);
        watch.returned(None, || {
            self.step(Call::Shutdown(How::Write), result.as_ref().map(|()| Returned::Done), began)
        });
        // ENOTCONN says that the peer has reset the connection meanwhile: it is over either way.
    }

    fn step<'a>(&self, call: Call, result: Result<Returned, &'a io::Error>, began: Time) -> Step<'a> {
        // Only asked when somebody listens: `step` runs inside the closures given to `Watch::returned`.
        let tcp_info = sockopt::tcp_info(&SockRef::from(&self.socket)).ok();
        Step { tcp_info, ..Step::plain(number(&self.socket), call, result, began) }
    }

    /// `close()`. What the peer never took is counted as unsent.
    pub(super) fn close<W: Watch>(self, tally: &mut Tally, watch: &mut W) {
        let held = self.held();
        tally.held -= held;
        tally.unsent += held as u64;
        let fd = number(&self.socket);
        let began = watch.now();
        // Dropping the socket takes it out of the poll (epoll(7), "Questions and answers").
        drop(self.socket);
        watch.returned(None, || Step::plain(fd, Call::Close, Ok(Returned::Done), began));
    }
}
