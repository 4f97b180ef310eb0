//! The load over TCP: each message behind its length, on one connection.

use super::{Haul, PREFIX, SAMPLES_MAX, SAMPLING, Work, number};
use crate::live::calls::{CallError, Program, Setting, Traced};
use crate::live::echo::ServerCue;
use crate::model::{SocketKind, Time};
use bytes::{Buf, Bytes, BytesMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// Octets that one `recv()` asks for.
const ROOM: usize = 256 * 1024;
/// Octets that one `send()` of a bulk load offers.
const PIECE: usize = 64 * 1024;

impl Haul {
    pub(super) fn tcp_server(
        &self,
        program: &Program,
        at: SocketAddr,
        cue: &ServerCue,
    ) -> Result<(), CallError> {
        // As long as the client may try to connect; each recv() naps.
        let listening = Program { patience: self.wait, ..program.clone() };
        let listener = listening.socket(SocketKind::Stream, &at)?;
        listener.set(&Setting::ReuseAddr(true))?;
        for setting in &self.settings {
            listener.set(setting)?;
        }
        let here = listener.bind(at)?;
        listener.listen(1)?;
        cue.ready(here);
        let Some((connection, _)) = listener.accept_unless(|| cue.client_is_done())? else { return Ok(()) };
        connection.nap(program.patience)?;
        let mut stream = BytesMut::new();
        let mut left = match self.work {
            Work::Bulk(octets) => octets,
            Work::Messages { count, size, .. } => u64::from(count) * (PREFIX as u64 + u64::from(size)),
        };
        while left > 0
            && let Some(octets) = connection.recv_unless(ROOM, || cue.client_is_done())?
            && !octets.is_empty()
        {
            left = left.saturating_sub(octets.len() as u64);
            let now = program.emitter.now();
            match self.work {
                Work::Bulk(_) => {
                    let mut notes = self.journal.notes();
                    notes.octets += octets.len() as u64;
                    notes.ended = Some(now);
                }
                Work::Messages { size, .. } => {
                    stream.extend_from_slice(&octets);
                    self.messages(&mut stream, size as usize, now);
                }
            }
        }
        connection.close();
        listener.close();
        Ok(())
    }

    /// Takes whole messages off the stream. The lengths are our own client's: all equal.
    fn messages(&self, stream: &mut BytesMut, size: usize, now: Time) {
        while stream.len() >= PREFIX + size {
            stream.advance(PREFIX);
            if let Some(number) = number(&stream.split_to(size)) {
                self.journal.notes().got(number, size, now);
            }
        }
    }

    pub(super) fn tcp_client(&self, program: &Program, to: SocketAddr) -> Result<(), CallError> {
        let program = &Program { patience: self.wait, ..program.clone() };
        let socket = program.socket(SocketKind::Stream, &to)?;
        for setting in &self.settings {
            socket.set(setting)?;
        }
        socket.connect(to)?;
        let done = AtomicBool::new(false);
        let result = thread::scope(|scope| {
            scope.spawn(|| self.sample(program, &socket, &done));
            let result = self.converse(program, &socket);
            done.store(true, Relaxed);
            result
        });
        socket.close();
        result
    }

    fn converse(&self, program: &Program, socket: &Traced) -> Result<(), CallError> {
        match self.work {
            Work::Messages { .. } => self.on_schedule(program, |message| {
                let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
                socket.send_all(&length.into_iter().chain(message).collect())
            })?,
            Work::Bulk(octets) => {
                self.journal.notes().began = Some(program.emitter.now());
                let piece: Bytes = (b'a'..=b'z').cycle().take(PIECE).collect();
                let mut left = octets;
                while left > 0 {
                    let n = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                    left -= socket.send(&piece.slice(..n))? as u64;
                }
            }
        }
        // The server knows how much comes, and closes when it has read everything. A FIN of ours now would be one more
        // segment behind the last message: its acknowledgment would tell of a hole that a program with more to
        // say later learns of only in time.
        socket.recv(1).map(|_| ())
    }

    /// Asks the kernel about the connection now and then.
    fn sample(&self, program: &Program, socket: &Traced, done: &AtomicBool) {
        while !done.load(Relaxed) {
            if let Some(info) = socket.tcp_info() {
                let mut notes = self.journal.notes();
                if notes.samples.len() < SAMPLES_MAX {
                    notes.samples.push((program.emitter.now(), info));
                }
            }
            thread::sleep(SAMPLING);
        }
    }
}
