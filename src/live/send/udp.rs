//! A UDP client: each message one datagram, and for each the wait for one answer.
//!
//! The socket is connected, so that it hears of ICMP errors (RFC 1122 s4.1.3.3, udp(7)) and takes
//! datagrams from that address alone. That a datagram was sent says nothing of its arrival: where no
//! answer comes, nobody knows which of the two was lost, or whether anybody was there.

use super::error::is_silence;
use super::{Each, Progress, Report, Scene, SendError, Source, play};
use crate::live::calls::{CallError, Program, Traced};
use crate::model::{Sink, SocketKind};
use bytes::Bytes;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What is asked of the UDP client.
pub struct UdpSend {
    /// The host's addresses. The next is tried when the first datagram meets no socket at one.
    pub to: Vec<SocketAddr>,
    /// What is sent, a datagram each.
    pub source: Source,
    /// Octets that one `recv()` has room for, at least 1.
    pub recv_size: usize,
    /// Whether answers are waited for.
    pub wait: bool,
    /// How long each answer may take.
    pub timeout: Duration,
}

/// Runs the client and tells every call to `sink`, until it is done or `stop` is set.
///
/// # Errors
/// [`SendError`].
pub fn run(
    send: UdpSend,
    scene: &Scene,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
) -> Result<Report, SendError> {
    let patience = send.timeout;
    play(scene, patience, sink, stop, move |program, progress| {
        let UdpSend { to, source, recv_size, wait, timeout } = send;
        let mut messages = source.each();
        let mut addresses = to.iter().peekable();
        while let Some(&to) = addresses.next() {
            let talk = Talk { to, recv_size, wait, timeout, progress };
            match talk.converse(program, &mut messages) {
                Err(SendError::PortUnreachable { .. })
                    if progress.report().answers == 0 && addresses.peek().is_some() => {}
                done => return done,
            }
        }
        Ok(())
    })
}

struct Talk<'a> {
    to: SocketAddr,
    recv_size: usize,
    wait: bool,
    timeout: Duration,
    progress: &'a Progress,
}

impl Talk<'_> {
    fn converse(&self, program: &Program, messages: &mut Each) -> Result<(), SendError> {
        let socket = program.socket(SocketKind::Datagram, &self.to).map_err(|error| self.failed(error, 0))?;
        let done = self.exchange(&socket, messages);
        socket.close();
        done
    }

    fn exchange(&self, socket: &Traced, messages: &mut Each) -> Result<(), SendError> {
        socket.connect(self.to).map_err(|error| self.failed(error, 0))?;
        while let Some(message) = messages.next()? {
            let len = message.len();
            let done = self.one(socket, &message);
            if done.is_err() {
                messages.again(message);
            }
            done.map_err(|error| self.failed(error, len))?;
        }
        Ok(())
    }

    fn one(&self, socket: &Traced, message: &Bytes) -> Result<(), CallError> {
        // An ICMP error about the datagram before is told by the next call: it may be this one.
        let n = socket.send(message)?;
        self.progress.note(|report| {
            report.messages += 1;
            report.sent += n as u64;
        });
        if !self.wait {
            return Ok(());
        }
        match socket.recv(self.recv_size.max(1)) {
            Ok(got) => self.progress.note(|report| {
                report.answers += 1;
                report.received += got.len() as u64;
            }),
            Err(error) if is_silence(&error) => self.progress.note(|report| report.silences += 1),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn failed(&self, error: CallError, len: usize) -> SendError {
        #[cfg(unix)]
        if error.source.raw_os_error() == Some(libc::EMSGSIZE) {
            return SendError::TooLong { to: self.to, len };
        }
        #[cfg(not(unix))]
        let _ = len;
        match error.source.kind() {
            ErrorKind::ConnectionRefused => SendError::PortUnreachable { to: self.to },
            _ => SendError::of(self.to, self.timeout, error),
        }
    }
}
