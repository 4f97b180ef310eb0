//! What was seen of an HTTP/1.1 upgrade and of the WebSocket connection that it opens (RFC 6455).
//!
//! *Client* is here the side that asked for the upgrade; in a capture of several connections that need not be the
//! capture's client. Samples are bounded by whoever makes the facts.

use super::cite::Cite;
use super::ledger::FrameId;
use super::place::Side;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

/// A step of the conversation, and where it was found.
#[derive(Clone, PartialEq, Debug)]
pub struct WebSocket {
    /// Who sent it.
    pub sender: Side,
    /// Its octets in its sender's stream, 0 the first after TCP's handshake (or the first that was seen).
    pub at: Range<u64>,
    /// The segments that carried it; `None` where no frame was seen.
    pub carried: Option<Carried>,
    /// What it is.
    pub step: Step,
}

/// How the octets of a step came, in captured frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Carried {
    /// The TCP connection's number, as in `tcp.stream`.
    pub stream: u32,
    /// The connection's ends, the client's first: with the protocol, what names it.
    pub ends: [SocketAddr; 2],
    /// The frame with its first octet.
    pub first: FrameId,
    /// The frame with its last octet.
    pub last: FrameId,
    /// How many segments have octets of it.
    pub segments: u32,
    /// Its last octet was there before octets that stand before it: since which frame, and for how long.
    pub held: Option<(FrameId, Duration)>,
}

/// What was seen.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// The head of the request.
    Request(Request),
    /// The head of the answer.
    Response(Response),
    /// Both sides agreed: from here on the octets are frames. The sender is the server, by its answer.
    Opened(Opened),
    /// The handshake failed; the connection is no WebSocket.
    Refused(Broken),
    /// A frame, whole.
    Frame(Frame),
    /// A frame that breaks a rule; what its sender sends after it is not read any more.
    Fault {
        /// The rule.
        broken: Broken,
        /// The close code that answers it (RFC 6455 s7.4.1).
        close_code: u16,
        /// Its header as far as it was there; the payload is left out.
        frame: Option<Frame>,
    },
    /// The sender's octets can't be followed any further.
    Lost(Lost),
    /// TCP ended under an open connection: the first FIN or RST of either side.
    Ended {
        /// A RST rather than a FIN.
        reset: bool,
        /// Whether both sides had sent a Close before (RFC 6455 s7.1.4).
        clean: bool,
    },
}

impl Step {
    /// The frame, sound or not, where there is one.
    pub const fn frame(&self) -> Option<&Frame> {
        match self {
            Step::Frame(frame) | Step::Fault { frame: Some(frame), .. } => Some(frame),
            _ => None,
        }
    }

    /// Whether something went wrong: with the protocol, or with following it.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Step::Refused(_) | Step::Fault { .. } | Step::Lost(_))
    }
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The request target as it was written.
    pub target: String,
    /// `HTTP/1.1`, as it stands.
    pub version: String,
    /// Every field line: name and value as they stand, octets that are no UTF-8 replaced.
    pub fields: Vec<(String, String)>,
}

/// The head of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// `HTTP/1.1`, as it stands.
    pub version: String,
    /// The status code.
    pub status: u16,
    /// The reason phrase.
    pub reason: String,
    /// Every field line, as in a request.
    pub fields: Vec<(String, String)>,
    /// How the accept value that the request asked for comes about; `None` where it had no key.
    pub accept: Option<Accept>,
}

/// `Sec-WebSocket-Accept` from `Sec-WebSocket-Key`, step by step (RFC 6455 s4.2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accept {
    /// The key as it came: text, never decoded.
    pub key: String,
    /// The fixed text that is put behind it.
    pub guid: &'static str,
    /// SHA-1 of both.
    pub sha1: [u8; 20],
    /// base64 of that: what the answer must hold.
    pub expected: String,
    /// What it held.
    pub sent: Option<String>,
}

/// What both sides agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The subprotocol, if any.
    pub subprotocol: Option<String>,
    /// The client's and the server's window, where permessage-deflate was agreed on (RFC 7692).
    pub deflate: Option<[Window; 2]>,
}

/// How one side compresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// How far it refers back, as a power of 2 octets: 8 to 15.
    pub bits: u8,
    /// Whether a message may refer to those before it.
    pub takeover: bool,
}

/// A rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// By whom.
    pub blame: Side,
    /// The rule, and what came instead, in the words of the error.
    pub rule: String,
    /// Where it stands.
    pub cite: Cite,
}

/// A frame (RFC 6455 s5.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// FIN: the message's last frame.
    pub fin: bool,
    /// RSV1, RSV2, RSV3 as three bits, RSV1 the highest.
    pub rsv: u8,
    /// The four bits of the opcode.
    pub opcode: u8,
    /// The opcode's name as Wireshark writes it; empty for a reserved one.
    pub name: &'static str,
    /// The masking key, where MASK is 1.
    pub masking_key: Option<[u8; 4]>,
    /// Octets of payload.
    pub payload_length: u64,
    /// The form of the length: 7, 16 or 64 bits.
    pub length_bits: u8,
    /// The beginning of the payload, unmasked.
    pub payload: Vec<u8>,
    /// What is whole with this frame.
    pub completes: Completes,
}

impl Frame {
    /// Octets of the header: 2 to 14.
    pub const fn header_len(&self) -> u8 {
        let extended = match self.length_bits {
            16 => 2,
            64 => 8,
            _ => 0,
        };
        2 + extended + if self.masking_key.is_some() { 4 } else { 0 }
    }

    /// The beginning of the payload as it lies in the stream: masked where the frame is (RFC 6455 s5.3).
    pub fn wire(&self) -> impl Iterator<Item = u8> {
        let key = self.masking_key.unwrap_or_default();
        self.payload.iter().zip(key.into_iter().cycle()).map(|(octet, key)| octet ^ key)
    }

    /// Whether it is a control frame: the highest bit of the opcode.
    pub const fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

/// What a frame completes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Completes {
    /// Nothing: more of the message follows.
    Nothing,
    /// A message.
    Message(Message),
    /// A Ping, which the other side has to answer.
    Ping,
    /// A Pong; where a Ping of the other side with the same payload was seen, when that was and in which frame.
    Pong(Option<Answered>),
    /// A Close.
    Close(Close),
}

/// The Ping that a Pong answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answered {
    /// Time from the one to the other, where they were seen.
    pub after: Duration,
    /// The frame that carried the Ping.
    pub ping: Option<FrameId>,
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Text rather than binary.
    pub text: bool,
    /// Octets, after inflating.
    pub len: u64,
    /// Frames that it came in.
    pub frames: u32,
    /// Octets on the wire, where it was compressed (RFC 7692).
    pub compressed: Option<u64>,
    /// Its beginning, inflated.
    pub sample: Vec<u8>,
}

/// What a Close holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Close {
    /// The code; `None` for an empty body.
    pub code: Option<u16>,
    /// The code's registered name; empty for a library's or a private one.
    pub name: &'static str,
    /// The reason.
    pub reason: String,
    /// Whether the other side had sent its own Close before.
    pub answers: bool,
}

/// Why the octets of one side can't be followed any further.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The other side acknowledged octets that no frame here shows.
    NotCaptured {
        /// How many, at least.
        octets: u64,
    },
    /// The capture ended, or the connection did, before the octets came.
    NeverCame {
        /// How many.
        octets: u64,
        /// Octets behind them that came.
        behind: u64,
    },
    /// The frame holds fewer octets than its segment had (a snapshot length).
    CutShort {
        /// The frame.
        frame: FrameId,
    },
    /// It takes more memory to follow than is set apart for that.
    TooMuch {
        /// Octets that are set apart.
        limit: u64,
    },
}
