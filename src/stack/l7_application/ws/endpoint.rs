//! One side of an open connection: receives in place, answers what the protocol itself answers, and sends.
//!
//! This is the path of a server under load. One read goes in; every message is handed to a [`Listener`]
//! where it lies; every answer goes into one buffer, to be written once. Nothing is allocated for a message
//! that lies whole in the read.

use super::close::CloseCode;
use super::codec::{Decoder, Piece};
use super::deflate::Window;
use super::dialogue::{Dialogue, State};
use super::error::{Fault, Misuse};
use super::frame::{FrameHeader, MAX_CONTROL, Opcode};
use super::message::{Assembler, Kind, Limits, Message, Unit};
use super::sender::Sender;
use crate::model::Side;

/// Who is told what was received. Only messages must be listened to.
pub trait Listener {
    /// A message, in place.
    fn message(&mut self, message: Message<'_>, reply: &mut Reply<'_>);
    /// A frame, or the part of one that this read held; before anything that it completes.
    #[inline]
    fn piece(&mut self, _piece: &Piece<'_>) {}
    /// A Ping. The Pong is sent already.
    #[inline]
    fn ping(&mut self, _payload: &[u8]) {}
    /// A Pong, asked for or not (RFC 6455 s5.5.3).
    #[inline]
    fn pong(&mut self, _payload: &[u8]) {}
    /// A Close. Where ours was not sent before, the answer is sent next.
    #[inline]
    fn close(&mut self, _close: Option<(CloseCode, &str)>) {}
}

/// The sending half, while something is being received.
#[derive(Debug)]
pub struct Reply<'a> {
    sender: &'a mut Sender,
    dialogue: &'a mut Dialogue,
    out: &'a mut Vec<u8>,
}

impl Reply<'_> {
    /// Answers with a message. Fails when nothing may be sent any more.
    #[inline]
    pub fn message(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Misuse> {
        may_begin(self.dialogue.state(self.sender.side()))?;
        self.sender.message(kind, payload, None, self.out);
        Ok(())
    }

    /// Whether a frame may be sent as it is, past the sender: nothing of ours is unfinished, closed or compressed.
    #[inline]
    pub fn takes_frames(&self) -> bool {
        !self.sender.compresses() && may_begin(self.dialogue.state(self.sender.side())).is_ok()
    }

    /// How many octets wait to be sent: a frame that is sent past the sender goes behind so many.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.out.len()
    }
}

/// What the protocol asks of the transport after a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Go on.
    Open,
    /// Both Closes were sent: the server ends TCP first, the client waits for it (RFC 6455 s7.1.1).
    Closed,
}

/// How an endpoint is set up once the handshake is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    /// Bounds on what comes.
    pub limits: Limits,
    /// The client's and the server's window, where permessage-deflate was agreed on.
    pub deflate: Option<[Window; 2]>,
    /// Messages of fewer octets are sent uncompressed.
    pub deflate_from: usize,
    /// zlib's level, 0 to 9.
    pub deflate_level: u32,
}

impl Default for Setup {
    /// The default [`Limits`], no compression; where it is agreed on, messages of 64 octets or more at level 6.
    fn default() -> Setup {
        Setup { limits: Limits::default(), deflate: None, deflate_from: 64, deflate_level: 6 }
    }
}

/// One side of an open connection.
#[derive(Debug)]
pub struct Endpoint {
    side: Side,
    /// Nothing more is received: the peer's Close came whole, or it broke a rule.
    deaf: bool,
    /// Closes of ours wait for [`Endpoint::close_now`].
    patient: bool,
    /// The code of the Close that waits; without one for an empty body.
    due: Option<Option<CloseCode>>,
    dialogue: Dialogue,
    decoder: Decoder,
    assembler: Assembler,
    sender: Sender,
}

impl Endpoint {
    /// An open connection on the side that `sender` belongs to.
    pub fn new(mut sender: Sender, setup: &Setup) -> Endpoint {
        let (side, peer) = (sender.side(), sender.side().other());
        if let Some(windows) = setup.deflate {
            sender.compress(windows[side as usize], setup.deflate_from, setup.deflate_level);
        }
        let window = setup.deflate.map(|windows| windows[peer as usize]);
        Endpoint {
            side,
            deaf: false,
            patient: false,
            due: None,
            dialogue: Dialogue::open(),
            decoder: Decoder::new(peer, window.is_some(), setup.limits.frame),
            assembler: Assembler::new(setup.limits, window),
            sender,
        }
    }

    /// The same, but patient: the Close that answers the peer's, or says its fault, is not sent by
    /// [`Endpoint::receive`]: it waits for [`Endpoint::close_now`]. Until then messages can still be sent, so that those
    /// that came before it can be answered by who was not listening in place (RFC 6455 s5.5.1 allows to finish
    /// first).
    #[must_use]
    pub fn patient(self) -> Endpoint {
        Endpoint { patient: true, ..self }
    }

    /// Whether a Close waits to be sent: see [`Endpoint::patient`].
    pub const fn is_close_due(&self) -> bool {
        self.due.is_some()
    }

    /// Sends the Close that waits, if one does and ours was not sent in the meantime.
    pub fn close_now(&mut self, out: &mut Vec<u8>) {
        if let Some(code) = self.due.take().filter(|_| self.may_close()) {
            self.say_close(code.map(|code| (code, "")), out);
        }
    }

    /// Octets that are held of a message that is not whole yet.
    #[inline]
    pub fn buffered(&self) -> usize {
        self.assembler.buffered()
    }

    /// Where both sides stand.
    pub const fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// Takes what one read gave; unmasks in place. Appends every answer to `out`. On a fault the Close that says
    /// it is appended too: nothing more is to be received, and the transport is to be ended once `out` is sent
    /// (RFC 6455 s7.1.7). What comes after the peer's Close is discarded (s1.4).
    #[inline]
    pub fn receive<L: Listener>(
        &mut self,
        octets: &mut [u8],
        out: &mut Vec<u8>,
        listener: &mut L,
    ) -> Result<Progress, Fault> {
        let result = self.pieces(octets, out, listener);
        self.assembler.release();
        if let Err(fault) = &result {
            self.deaf = true;
            self.due = Some(Some(fault.rule.close_code()));
        }
        // Patience or not, after our own Close there is nothing to wait for.
        if !self.patient || !self.may_close() {
            self.close_now(out);
        }
        result?;
        Ok(if self.deaf && self.dialogue.is_clean() { Progress::Closed } else { Progress::Open })
    }

    #[inline]
    fn pieces<L: Listener>(
        &mut self,
        octets: &mut [u8],
        out: &mut Vec<u8>,
        listener: &mut L,
    ) -> Result<(), Fault> {
        let Endpoint { side, deaf, due, dialogue, decoder, assembler, sender, .. } = self;
        let peer = side.other();
        if *deaf {
            return Ok(());
        }
        let blame = |rule| Fault { blame: peer, rule };
        let mut pieces = decoder.feed(octets);
        loop {
            // Between its messages a side may begin another: the table need not be asked.
            while dialogue.state(peer) == State::Open {
                let Some(piece) = pieces.short_message() else { break };
                listener.piece(&piece);
                let message = assembler.whole(piece).map_err(blame)?;
                listener.message(message, &mut Reply { sender, dialogue, out });
            }
            let Some(piece) = pieces.next() else { return Ok(()) };
            let piece = piece?;
            if piece.first {
                dialogue.frame(peer, &piece.header)?;
            }
            listener.piece(&piece);
            match assembler.push(piece).map_err(blame)? {
                None => {}
                Some(Unit::Message(message)) => {
                    listener.message(message, &mut Reply { sender, dialogue, out });
                }
                Some(Unit::Ping(payload)) => {
                    // After our Close nothing follows it, not even a Pong.
                    if may_control(dialogue.state(*side)).is_ok() {
                        sender.frame(&FrameHeader::new(Opcode::Pong, 0), payload, out);
                    }
                    listener.ping(payload);
                }
                Some(Unit::Pong(payload)) => listener.pong(payload),
                Some(Unit::Close(close)) => {
                    *deaf = true;
                    // The answer carries the code that came (RFC 6455 s5.5.1).
                    *due = Some(close.map(|(code, _)| code));
                    listener.close(close);
                    return Ok(());
                }
            }
        }
    }

    /// The peer's half of TCP ended. Clean when both Closes were sent before.
    pub fn eof(&mut self) {
        self.dialogue.end(self.side.other());
    }

    /// Sends a message, in frames of at most `fragment` octets when that is given. Text must be UTF-8.
    pub fn message(
        &mut self,
        kind: Kind,
        payload: &[u8],
        fragment: Option<usize>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        may_begin(self.dialogue.state(self.side))?;
        if kind == Kind::Text && std::str::from_utf8(payload).is_err() {
            return Err(Misuse::Utf8);
        }
        self.sender.message(kind, payload, fragment, out);
        Ok(())
    }

    /// Sends one uncompressed frame of a fragmented message: with its kind the first, without the next. Pings and
    /// Pongs may be sent between.
    pub fn fragment(
        &mut self,
        begin: Option<Kind>,
        fin: bool,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Misuse> {
        match (self.dialogue.state(self.side), begin) {
            (State::Message, None) => {}
            (State::Open, None) => return Err(Misuse::NothingToContinue),
            (state, _) => may_begin(state)?,
        }
        let opcode = begin.map_or(Opcode::Continuation, Kind::opcode);
        let header = FrameHeader { fin, ..FrameHeader::new(opcode, payload.len() as u64) };
        self.dialogue.frame(self.side, &header).map_err(|_| Misuse::NotOpen)?;
        self.sender.frame(&header, payload, out);
        Ok(())
    }

    /// Sends a Ping.
    pub fn ping(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.control(Opcode::Ping, payload, out)
    }

    /// Sends a Pong that nobody asked for (RFC 6455 s5.5.3).
    pub fn pong(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.control(Opcode::Pong, payload, out)
    }

    fn control(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Misuse> {
        may_control(self.dialogue.state(self.side))?;
        if payload.len() > MAX_CONTROL {
            return Err(Misuse::ControlTooLong { len: payload.len() });
        }
        self.sender.frame(&FrameHeader::new(opcode, 0), payload, out);
        Ok(())
    }

    /// Sends our Close and so begins the closing handshake (RFC 6455 s7.1.2). Without a code the body is empty.
    pub fn close(&mut self, close: Option<(CloseCode, &str)>, out: &mut Vec<u8>) -> Result<(), Misuse> {
        may_control(self.dialogue.state(self.side))?;
        if let Some((code, _)) = close.filter(|(code, _)| !code.may_be_sent()) {
            return Err(Misuse::CloseCode { code: code.0 });
        }
        self.say_close(close, out);
        Ok(())
    }

    fn may_close(&self) -> bool {
        may_control(self.dialogue.state(self.side)).is_ok()
    }

    fn say_close(&mut self, close: Option<(CloseCode, &str)>, out: &mut Vec<u8>) {
        let said = self.dialogue.frame(self.side, &FrameHeader::new(Opcode::Close, 0));
        debug_assert!(said.is_ok(), "a Close is said once, and only while open");
        self.sender.close(close, out);
    }
}

fn may_begin(state: State) -> Result<(), Misuse> {
    match state {
        State::Open => Ok(()),
        State::Message => Err(Misuse::Unfinished),
        _ => Err(Misuse::NotOpen),
    }
}

fn may_control(state: State) -> Result<(), Misuse> {
    if matches!(state, State::Open | State::Message) { Ok(()) } else { Err(Misuse::NotOpen) }
}
