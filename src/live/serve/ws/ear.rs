//! What is done with a message, where it lies.

use super::Mode;
use super::chat::{Chat, Said};
use super::frames::{Mailboxes, Watched};
use super::log::Log;
use crate::stack::l7_application::ws::{Frame, Kind, Listener, Message, Piece, Reply};
use std::io::IoSlice;
use std::ops::Range;

/// Octets of a message from which on it is sent from where it lies: below, a copy is cheaper than a place of its own
/// in what is sent.
const LARGE: usize = 16 << 10;

/// Echoes, and does nothing else: the way of a server under load.
pub(super) struct Echo<'a> {
    /// Where the read lies in memory; `None` gathers every answer into one run of octets, which can be shown.
    pub(super) read: Option<Range<*const u8>>,
    pub(super) large: &'a mut Vec<Large>,
    pub(super) messages: u64,
}

/// An answer that is not copied: it goes out from where its message lies.
pub(super) struct Large {
    /// It follows so many octets of the answers that were copied.
    after: usize,
    lies: Lies,
}

enum Lies {
    /// In the read.
    Received(Range<usize>),
    /// In a buffer of its own, from there on.
    Collected(Vec<u8>, usize),
}

impl Listener for Echo<'_> {
    #[inline]
    fn message(&mut self, message: Message<'_>, reply: &mut Reply<'_>) {
        self.messages += 1;
        let again = match &self.read {
            Some(read) if message.payload().len() >= LARGE && reply.takes_frames() => {
                match message.into_frame() {
                    Ok(frame) => {
                        let lies = Lies::of(frame, read);
                        return self.large.push(Large { after: reply.waiting(), lies });
                    }
                    Err(message) => message,
                }
            }
            _ => message,
        };
        // After our own Close nothing more may be sent: then there is no answer.
        let _ = reply.message(again.kind, again.payload());
    }
}

impl Lies {
    /// A frame that was received lies in `read`.
    fn of(frame: Frame<'_>, read: &Range<*const u8>) -> Lies {
        match frame {
            Frame::Received(octets) => {
                let start = octets.as_ptr().addr() - read.start.addr();
                Lies::Received(start..start + octets.len())
            }
            Frame::Collected { octets, at } => Lies::Collected(octets, at),
        }
    }
}

/// The answers to one read in their order: those that were copied, and between them those that were not.
pub(super) fn in_order<'a>(copied: &'a [u8], large: &'a [Large], read: &'a [u8]) -> Vec<IoSlice<'a>> {
    let mut slices = Vec::with_capacity(2 * large.len() + 1);
    let mut done = 0;
    for Large { after, lies } in large {
        slices.push(IoSlice::new(&copied[done..*after]));
        done = *after;
        slices.push(IoSlice::new(match lies {
            Lies::Received(at) => &read[at.clone()],
            Lies::Collected(octets, at) => &octets[*at..],
        }));
    }
    slices.push(IoSlice::new(&copied[done..]));
    slices.retain(|slice| !slice.is_empty());
    slices
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
        // What follows in the same read is for nobody: our Close is its answer.
        if self.unsupported {
            return;
        }
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
