//! A TCP client: connect, send, read the answers, close.
//!
//! After each message it waits until as many octets have come back as went out, which is what an echo
//! server gives; a peer that answers less is waited for once a `timeout`. With a half-close it sends
//! everything, ends its direction, and reads until the peer ends the other (RFC 9293 s3.6).

use super::error::is_silence;
use super::{Each, Progress, Report, Scene, SendError, Source, play};
use crate::live::calls::{CallError, Program, Setting, Traced};
use crate::model::{How, Sink, SocketKind};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Messages longer than this are sent and answered at the same time: a peer that echoes stops reading
/// when nobody reads from it, and both would wait for each other.
const TOGETHER: usize = 16 << 10;
/// Octets that one `recv()` asks for.
const RECV: usize = 64 << 10;

/// What is asked of the TCP client.
pub struct TcpSend {
    /// The host's addresses, tried in this order until one accepts.
    pub to: Vec<SocketAddr>,
    /// What is sent.
    pub source: Source,
    /// End our direction after the last message, then read to the end.
    pub half_close: bool,
    /// Whether answers are waited for.
    pub wait: bool,
    /// Whether the connection gets `TCP_NODELAY`.
    pub nodelay: bool,
    /// How long the connection may take to be made, and each answer to come. Systems other than Linux
    /// have a time of their own for the connection.
    pub timeout: Duration,
}

/// Runs the client and tells every call to `sink`, until it is done or `stop` is set.
///
/// # Errors
/// [`SendError`].
pub fn run(
    send: TcpSend,
    scene: &Scene,
    sink: &mut dyn Sink,
    stop: &AtomicBool,
) -> Result<Report, SendError> {
    let patience = send.timeout;
    play(scene, patience, sink, stop, move |program, progress| converse(send, program, progress))
}

fn converse(send: TcpSend, program: &Program, progress: &Progress) -> Result<(), SendError> {
    let (socket, to) = connect(&send, program)?;
    let talk = Talk { socket: &socket, to, send: &Options::of(&send), progress };
    let done = talk.exchange(send.source);
    socket.close();
    done
}

/// A connection to the first address that accepts one.
fn connect(send: &TcpSend, program: &Program) -> Result<(Traced, SocketAddr), SendError> {
    let mut last = None;
    for &to in &send.to {
        let failed = |error| SendError::of(to, send.timeout, error);
        let socket = program.socket(SocketKind::Stream, &to).map_err(failed)?;
        if send.nodelay {
            socket.set(&Setting::NoDelay(true)).map_err(failed)?;
        }
        match socket.connect(to) {
            Ok(_) => return Ok((socket, to)),
            Err(error) => last = Some(failed(error)),
        }
        socket.close();
    }
    Err(last.unwrap_or_else(|| SendError::UnknownHost { host: String::new(), reason: "no address".into() }))
}

struct Options {
    half_close: bool,
    wait: bool,
    timeout: Duration,
    /// Everything is sent while another thread reads.
    together: bool,
}

impl Options {
    fn of(send: &TcpSend) -> Options {
        let much = send.source.octets().is_none_or(|octets| octets > TOGETHER);
        Options {
            half_close: send.half_close,
            wait: send.wait,
            timeout: send.timeout,
            together: send.half_close && send.wait && much,
        }
    }
}

struct Talk<'a> {
    socket: &'a Traced,
    to: SocketAddr,
    send: &'a Options,
    progress: &'a Progress,
}

impl Talk<'_> {
    fn exchange(&self, source: Source) -> Result<(), SendError> {
        let mut messages = source.each();
        if self.send.together {
            return self.while_reading(u64::MAX, || self.all(&mut messages));
        }
        self.all(&mut messages)?;
        if self.send.half_close && self.send.wait {
            self.read(u64::MAX, None)?;
        }
        Ok(())
    }

    /// Every message, and the half-close after the last.
    fn all(&self, messages: &mut Each) -> Result<(), SendError> {
        while let Some(message) = messages.next()? {
            let answered = self.send.wait && !self.send.half_close;
            if answered && message.len() > TOGETHER {
                let owed = self.progress.report().sent + message.len() as u64;
                self.while_reading(owed, || self.send(&message))?;
            } else {
                self.send(&message)?;
                if answered {
                    self.read(self.progress.report().sent, None)?;
                }
            }
            if answered && self.progress.report().ended {
                return Ok(());
            }
        }
        if self.send.half_close {
            self.socket.shutdown(How::Write).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn send(&self, message: &Bytes) -> Result<(), SendError> {
        let mut rest = message.clone();
        while !rest.is_empty() {
            let n = self.socket.send(&rest).map_err(|error| self.failed(error))?;
            self.progress.note(|report| report.sent += n as u64);
            rest = rest.slice(n..);
        }
        self.progress.note(|report| report.messages += 1);
        Ok(())
    }

    /// Does `sending` while another thread reads until `owed` octets have come in all.
    fn while_reading(
        &self,
        owed: u64,
        sending: impl FnOnce() -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let reading = scope.spawn(|| self.read(owed, Some(&over)));
            let sent = sending();
            over.store(true, Ordering::Relaxed);
            let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sent.and(read)
        })
    }

    /// Reads until `owed` octets have come in all, or the peer ends, or nothing comes for the patience;
    /// with `sent_all`, silence counts only once that is set.
    fn read(&self, owed: u64, sent_all: Option<&AtomicBool>) -> Result<(), SendError> {
        while self.progress.report().received < owed {
            let got = match sent_all {
                None => self.socket.recv(RECV).map(Some),
                Some(flag) => self.socket.recv_unless(RECV, || flag.load(Ordering::Relaxed)),
            };
            match got {
                Ok(Some(got)) if got.is_empty() => {
                    self.progress.note(|report| report.ended = true);
                    break;
                }
                Ok(Some(got)) => self.progress.note(|report| {
                    report.answers += 1;
                    report.received += got.len() as u64;
                }),
                Ok(None) => {
                    self.progress.note(|report| report.silences += 1);
                    break;
                }
                Err(error) if is_silence(&error) => {
                    self.progress.note(|report| report.silences += 1);
                    break;
                }
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(())
    }

    fn failed(&self, error: CallError) -> SendError {
        SendError::of(self.to, self.send.timeout, error)
    }
}
