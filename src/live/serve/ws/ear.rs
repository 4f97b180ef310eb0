//! What is done with a message, where it lies.

use super::Mode;
use super::chat::{Chat, Said};
use super::frames::{Mailboxes, Watched};
use super::log::Log;
use crate::live::serve::Watch;
use crate::live::serve::stream::{Stream, Tally};
use crate::stack::l7_application::ws::{Kind, Listener, Message, Piece, Reply};
use std::io;

/// Octets of a message from which on it is sent from where it lies: below, a copy is cheaper than a `send()` of its own.
const DIRECT: usize = 16 << 10;

/// Echoes, and does nothing else: the way of a server under load.
pub(super) struct Echo<'a, W> {
    pub(super) stream: &'a mut Stream,
    pub(super) tally: &'a mut Tally,
    pub(super) watch: &'a mut W,
    pub(super) messages: u64,
    pub(super) failed: io::Result<()>,
}

impl<W: Watch> Listener for Echo<'_, W> {
    #[inline]
    fn message(&mut self, message: Message<'_>, reply: &mut Reply<'_>) {
        self.messages += 1;
        if message.payload().len() < DIRECT || !reply.takes_frames() {
            // After our own Close nothing more may be sent: then there is no answer.
            let _ = reply.message(message.kind, message.payload());
            return;
        }
        match message.into_frame() {
            Ok(frame) => {
                let out = reply.out();
                let sent = self.stream.send(out, self.tally, self.watch);
                let sent = sent.and_then(|_| self.stream.send(frame, self.tally, self.watch));
                out.clear();
                if let Err(error) = sent {
                    self.failed = Err(error);
                }
            }
            Err(message) => {
                let _ = reply.message(message.kind, message.payload());
            }
        }
    }
}

/// Listens for everything else: the other modes, and frames that are watched.
pub(super) struct Ear<'a> {
    /// `None`: what comes is for nobody.
    pub(super) mode: Option<Mode>,
    pub(super) log: &'a mut Log,
    pub(super) chat: &'a mut Chat,
    pub(super) name: &'a mut Option<Box<str>>,
    pub(super) watched: Option<&'a mut Watched>,
    pub(super) boxes: &'a mut Mailboxes,
    pub(super) messages: u64,
    /// A message of a kind that the mode has no use for.
    pub(super) unsupported: bool,
}

impl Listener for Ear<'_> {
    fn message(&mut self, message: Message<'_>, reply: &mut Reply<'_>) {
        self.messages += 1;
        let payload = message.payload();
        match (self.mode, &mut self.name) {
            (Some(Mode::Echo), _) => {
                let _ = reply.message(message.kind, payload);
            }
            (Some(Mode::Broadcast), _) => self.log.push(message.kind, payload),
            (Some(Mode::Chat), Some(name)) if message.kind == Kind::Text => {
                let line = std::str::from_utf8(payload).unwrap_or_default();
                match self.chat.line(name, line) {
                    Said::All(line) => self.log.push(Kind::Text, line.as_bytes()),
                    Said::Back(line) => {
                        let _ = reply.message(Kind::Text, line.as_bytes());
                    }
                }
            }
            (Some(Mode::Chat), _) => self.unsupported = true,
            (None, _) => {}
        }
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        if let Some(watched) = &mut self.watched {
            watched.came(piece, self.boxes);
        }
    }
}
