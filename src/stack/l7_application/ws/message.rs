//! Pieces of frames to messages, for one direction (RFC 6455 s5.4, s5.6; RFC 7692 s6.2).
//!
//! A message that lies whole in one frame and one read is handed on where it lies. Any other is collected in
//! one buffer, which is let go when the message is done.

use super::close::{self, CloseCode};
use super::codec::{self, Piece};
use super::deflate::{Inflater, Window};
use super::error::Rule;
use super::frame::{FrameHeader, Opcode};
use super::utf8::{BadAt, Utf8};

/// What a message holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// Octets.
    Binary,
}

impl Kind {
    /// The opcode of a message's first frame.
    pub const fn opcode(self) -> Opcode {
        match self {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        }
    }
}

/// The bounds of what a peer may make us hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Octets of one frame's payload.
    pub frame: u64,
    /// Octets of one message, after inflating.
    pub message: u64,
    /// Frames of one message. They cost time alone: an empty one takes no memory.
    pub fragments: u32,
}

impl Default for Limits {
    /// 16 MiB a frame and a message, 131,072 fragments.
    fn default() -> Limits {
        Limits { frame: 16 << 20, message: 16 << 20, fragments: 1 << 17 }
    }
}

/// A whole message, in the receive buffer or in the assembler's.
#[derive(PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// What it holds. Text was checked to be UTF-8.
    pub kind: Kind,
    lies: Lies<'a>,
    payload_at: usize,
}

/// Where a message lies.
#[derive(PartialEq, Eq, Debug)]
enum Lies<'a> {
    Received(&'a mut [u8]),
    Collected(&'a mut Vec<u8>),
}

/// A message as one unmasked frame, which a server can send on without a copy. See [`Message::into_frame`].
#[derive(PartialEq, Eq, Debug)]
pub enum Frame<'a> {
    /// In the receive buffer, where the message came.
    Received(&'a [u8]),
    /// In the buffer that the message was collected in, from `at` on.
    Collected {
        /// That buffer, which is the caller's now.
        octets: Vec<u8>,
        /// Where in it the frame begins.
        at: usize,
    },
}

impl Frame<'_> {
    /// The frame's octets.
    pub fn octets(&self) -> &[u8] {
        match self {
            Frame::Received(octets) => octets,
            Frame::Collected { octets, at } => &octets[*at..],
        }
    }
}

impl<'a> Message<'a> {
    /// The payload.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        match &self.lies {
            Lies::Received(octets) => &octets[self.payload_at..],
            Lies::Collected(octets) => &octets[self.payload_at..],
        }
    }

    /// The message as one unmasked frame, its header written right before the payload where that lies. The message
    /// again where there is no room before it: one that a server sent unmasked, or whose header came with an
    /// earlier read.
    #[inline]
    pub fn into_frame(self) -> Result<Frame<'a>, Message<'a>> {
        let header = FrameHeader::new(self.kind.opcode(), self.payload().len() as u64);
        let Some(at) = self.payload_at.checked_sub(header.encoded_len()) else { return Err(self) };
        Ok(match self.lies {
            Lies::Received(octets) => {
                Frame::Received(codec::reframe(&header, octets, self.payload_at).unwrap_or_default())
            }
            Lies::Collected(octets) => {
                let _ = codec::reframe(&header, octets, self.payload_at);
                Frame::Collected { octets: std::mem::take(octets), at }
            }
        })
    }
}

/// What the pieces of one direction add up to.
#[derive(PartialEq, Eq, Debug)]
pub enum Unit<'a> {
    /// A message.
    Message(Message<'a>),
    /// A Ping and its payload, at most 125 octets.
    Ping(&'a [u8]),
    /// A Pong and its payload, at most 125 octets.
    Pong(&'a [u8]),
    /// A Close, and its code and reason unless its body was empty.
    Close(Option<(CloseCode, &'a str)>),
}

/// Room for the longest unmasked header before a collected message.
const HEADROOM: usize = 10;

/// Octets that are reserved at once on a frame's word; a longer message grows as it comes.
const TRUSTED: u64 = 256 << 10;

/// One direction's messages. Trusts the [`Dialogue`](super::dialogue::Dialogue) for the order of frames: ask it first.
#[derive(Debug)]
pub struct Assembler {
    limits: Limits,
    kind: Kind,
    compressed: bool,
    fragments: u32,
    utf8: Utf8,
    /// Headroom and the message so far; empty while there is none.
    buffer: Vec<u8>,
    /// The beginning of a control frame's payload that one read did not hold.
    control: Vec<u8>,
    /// Made with the first message that needs it: an idle connection holds none.
    window: Option<Window>,
    inflater: Option<Box<Inflater>>,
}

impl Assembler {
    /// `deflate`: this direction's window, where permessage-deflate was agreed on.
    pub fn new(limits: Limits, deflate: Option<Window>) -> Assembler {
        Assembler {
            limits,
            kind: Kind::Binary,
            compressed: false,
            fragments: 0,
            utf8: Utf8::new(),
            buffer: Vec::new(),
            control: Vec::new(),
            window: deflate,
            inflater: None,
        }
    }

    /// Octets that are held of a message that is not whole.
    #[inline]
    pub fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    /// Takes the next piece. What it gives borrows from the piece, or from the assembler until the next call.
    /// Fails at the first octet of text that cannot stand there, at the limits (a stated length counts before
    /// its octets come), on data that does not inflate, and on a bad Close body.
    #[inline]
    pub fn push<'a>(&'a mut self, piece: Piece<'a>) -> Result<Option<Unit<'a>>, Rule> {
        let header = piece.header;
        if header.opcode.is_control() {
            return self.push_control(piece);
        }
        let whole = piece.first && piece.last && header.fin && !header.compressed;
        if whole && header.opcode != Opcode::Continuation {
            return self.whole(piece).map(|message| Some(Unit::Message(message)));
        }
        self.collect(&piece)
    }

    /// A message of one uncompressed frame that lies whole in the piece.
    #[inline]
    pub(super) fn whole<'a>(&self, piece: Piece<'a>) -> Result<Message<'a>, Rule> {
        if piece.header.len > self.limits.message {
            return Err(Rule::MessageTooLarge { limit: self.limits.message });
        }
        let kind = if piece.header.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
        if kind == Kind::Text && std::str::from_utf8(piece.payload()).is_err() {
            // The offset of the first bad octet is worth a second look.
            let mut utf8 = Utf8::new();
            utf8.feed(piece.payload()).and_then(|()| utf8.finish()).map_err(bad_text)?;
        }
        let (octets, payload_at) = piece.into_octets();
        Ok(Message { kind, lies: Lies::Received(octets), payload_at })
    }

    /// Octets of memory that it holds, roughly; an inflater has a window of up to 32 KiB, and tables.
    pub fn held(&self) -> usize {
        let inflater = if self.inflater.is_some() { 48 << 10 } else { 0 };
        self.buffer.capacity() + self.control.capacity() + inflater
    }

    /// Lets go of the last message's buffer. To be called when what [`Assembler::push`] gave is done with.
    #[inline]
    pub fn release(&mut self) {
        if self.fragments == 0 && self.buffer.capacity() > 0 {
            self.buffer = Vec::new();
        }
    }

    /// A piece of a message that does not lie whole in one frame and one read.
    fn collect(&mut self, piece: &Piece<'_>) -> Result<Option<Unit<'_>>, Rule> {
        if piece.first {
            self.begin(&piece.header)?;
        }
        let checked = self.buffer.len();
        match self.window.filter(|_| self.compressed) {
            Some(window) => {
                let inflater = self.inflater.get_or_insert_with(|| Box::new(Inflater::new(window)));
                let limit = self.limits.message;
                inflater.feed(piece.payload(), &mut self.buffer, HEADROOM, limit)?;
                if piece.last && piece.header.fin {
                    inflater.finish(&mut self.buffer, HEADROOM, limit)?;
                }
            }
            None => self.buffer.extend_from_slice(piece.payload()),
        }
        if self.kind == Kind::Text {
            self.utf8.feed(&self.buffer[checked..]).map_err(bad_text)?;
        }
        if !(piece.last && piece.header.fin) {
            return Ok(None);
        }
        self.fragments = 0;
        if self.kind == Kind::Text {
            self.utf8.finish().map_err(bad_text)?;
        }
        let message =
            Message { kind: self.kind, lies: Lies::Collected(&mut self.buffer), payload_at: HEADROOM };
        Ok(Some(Unit::Message(message)))
    }

    /// A data frame begins.
    fn begin(&mut self, header: &FrameHeader) -> Result<(), Rule> {
        if header.opcode != Opcode::Continuation {
            self.kind = if header.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
            self.compressed = header.compressed;
            self.utf8 = Utf8::new();
            self.fragments = 0;
            self.buffer.clear();
            self.buffer.resize(HEADROOM, 0);
        }
        self.fragments += 1;
        if self.fragments > self.limits.fragments {
            return Err(Rule::TooManyFragments { limit: self.limits.fragments });
        }
        let so_far = (self.buffer.len().saturating_sub(HEADROOM)) as u64;
        if !self.compressed {
            if so_far.saturating_add(header.len) > self.limits.message {
                return Err(Rule::MessageTooLarge { limit: self.limits.message });
            }
            self.buffer.reserve(header.len.min(TRUSTED) as usize);
        }
        Ok(())
    }

    fn push_control<'a>(&'a mut self, piece: Piece<'a>) -> Result<Option<Unit<'a>>, Rule> {
        let (header, whole, last) = (piece.header, piece.first && piece.last, piece.last);
        if !whole {
            if piece.first {
                self.control = Vec::with_capacity(header.len as usize);
            }
            self.control.extend_from_slice(piece.payload());
            if !last {
                return Ok(None);
            }
        }
        let payload: &'a [u8] = if whole {
            let (octets, payload_at) = piece.into_octets();
            &octets[payload_at..]
        } else {
            &self.control
        };
        Ok(Some(match header.opcode {
            Opcode::Ping => Unit::Ping(payload),
            Opcode::Pong => Unit::Pong(payload),
            _ => Unit::Close(close::parse_body(payload)?),
        }))
    }
}

fn bad_text(bad: BadAt) -> Rule {
    Rule::Utf8 { offset: bad.0 }
}
