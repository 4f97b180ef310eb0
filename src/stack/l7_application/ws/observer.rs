//! Both directions of one connection, seen from outside: what a capture shows, judged by the same decoder, dialogue and
//! assembler that the two sides run on.

use super::close::CloseCode;
use super::codec::Decoder;
use super::dialogue::{Act, Dialogue};
use super::error::Fault;
use super::frame::FrameHeader;
use super::handshake::{AcceptSteps, Agreed, Refusal, judge_answer};
use super::message::{Assembler, Kind, Limits, Unit};
use crate::model::Side;
use crate::stack::l7_application::http1::{self, HeadDecoder, RequestHead, ResponseHead};
use std::ops::Range;

/// Something seen. Offsets count octets of its sender's stream, 0 the first after TCP's handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// The client's head.
    Request {
        /// Where it lies in the client's stream.
        at: Range<u64>,
        /// The head.
        head: RequestHead,
    },
    /// The server's head.
    Response {
        /// Where it lies in the server's stream.
        at: Range<u64>,
        /// The head.
        head: ResponseHead,
        /// How the accept value that the request asked for is computed; `None` without a key.
        steps: Option<AcceptSteps>,
    },
    /// The connection is open.
    Opened(Agreed),
    /// The handshake failed, or this is no WebSocket. Nothing more is seen.
    Refused(Refusal),
    /// A frame, told when it is whole.
    Frame {
        /// Who sent it.
        sender: Side,
        /// Where it lies in its sender's stream, header and payload.
        at: Range<u64>,
        /// Its header.
        header: FrameHeader,
        /// The beginning of its payload, unmasked.
        payload: Vec<u8>,
    },
    /// A message, told after its last frame, inflated.
    Message {
        /// Who sent it.
        sender: Side,
        /// What it holds.
        kind: Kind,
        /// The payload.
        payload: Vec<u8>,
    },
    /// A Close, told after its frame.
    Close {
        /// Who sent it.
        sender: Side,
        /// The code and the reason, unless the body was empty.
        close: Option<(CloseCode, String)>,
    },
    /// A rule was broken. Nothing more is seen of that direction; the frame that broke it is told by this alone.
    Fault {
        /// Where the frame begins in its sender's stream.
        at: u64,
        /// Its header, unless that is what broke the rule.
        header: Option<FrameHeader>,
        /// The rule, and who broke it.
        fault: Fault,
    },
}

#[derive(Debug)]
struct Half {
    decoder: Decoder,
    assembler: Assembler,
    /// Where the frame at hand begins in the stream.
    frame_at: u64,
    sample: Vec<u8>,
    deaf: bool,
}

#[derive(Debug)]
struct Shaking {
    request: HeadDecoder<RequestHead>,
    asked: Option<RequestHead>,
    answer: HeadDecoder<ResponseHead>,
    /// What the client sent behind its request: it is frames, if the server agrees.
    early: Vec<u8>,
}

#[derive(Debug)]
enum Phase {
    Shaking(Box<Shaking>),
    Open(Box<[Half; 2]>),
    Over,
}

/// One connection from its first octet, both directions. Holds no more than the limits allow.
#[derive(Debug)]
pub struct Observer {
    limits: Limits,
    http: http1::Limits,
    sample: usize,
    dialogue: Dialogue,
    phase: Phase,
    /// Octets of each side's stream that were taken.
    taken: [u64; 2],
}

impl Observer {
    /// Tells at most `sample` octets of each frame's payload.
    pub fn new(limits: Limits, http: http1::Limits, sample: usize) -> Observer {
        let (request, answer) = (HeadDecoder::new(http), HeadDecoder::new(http));
        let phase = Phase::Shaking(Box::new(Shaking { request, asked: None, answer, early: Vec::new() }));
        Observer { limits, http, sample, dialogue: Dialogue::new(), phase, taken: [0; 2] }
    }

    /// Where both sides stand.
    pub const fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// Takes the next octets of `sender`'s stream, in order and without gaps; tells what they show.
    pub fn feed(&mut self, sender: Side, octets: &[u8], tell: &mut impl FnMut(Seen)) {
        match (&self.phase, sender) {
            (Phase::Shaking(_), Side::Client) => self.request(octets, tell),
            (Phase::Shaking(_), Side::Server) => self.response(octets, tell),
            (Phase::Open(_), _) => self.frames(sender, octets, tell),
            (Phase::Over, _) => {}
        }
    }

    /// `sender`'s stream ended.
    pub fn end(&mut self, sender: Side) {
        self.dialogue.end(sender);
    }

    fn request(&mut self, octets: &[u8], tell: &mut impl FnMut(Seen)) {
        let Phase::Shaking(shaking) = &mut self.phase else { return };
        let Shaking { request, asked, early, .. } = &mut **shaking;
        let mut rest = octets;
        if asked.is_none() {
            let (taken, head) = match request.feed(octets) {
                Ok(done) => done,
                Err(fault) => return self.refused(Refusal::Http(fault), tell),
            };
            self.taken[0] += taken as u64;
            rest = &octets[taken..];
            if let Some(head) = head {
                let at = self.taken[0] - request.octets().len() as u64..self.taken[0];
                tell(Seen::Request { at, head: head.clone() });
                *asked = Some(head);
                let _ = self.dialogue.handshake(Act::Request);
            }
        }
        if early.len() + rest.len() > self.http.head {
            let violation = http1::Violation::HeadTooLarge { limit: self.http.head };
            let fault = http1::Fault { blame: Side::Client, violation };
            return self.refused(Refusal::Http(fault), tell);
        }
        early.extend_from_slice(rest);
    }

    fn response(&mut self, octets: &[u8], tell: &mut impl FnMut(Seen)) {
        let Phase::Shaking(shaking) = &mut self.phase else { return };
        let Shaking { asked, answer, early, .. } = &mut **shaking;
        let (taken, head) = match answer.feed(octets) {
            Ok(done) => done,
            Err(fault) => return self.refused(Refusal::Http(fault), tell),
        };
        self.taken[1] += taken as u64;
        let Some(head) = head else { return };
        let at = self.taken[1] - answer.octets().len() as u64..self.taken[1];
        let (asked, early) = (asked.take(), std::mem::take(early));
        let key = asked.as_ref().and_then(|asked| asked.fields.text("sec-websocket-key"));
        let steps = key.map(AcceptSteps::of);
        let result = match &asked {
            Some(asked) => judge_answer(asked, &head),
            // An answer to nothing.
            None => Err(Refusal::Status { got: head.status, reason: head.reason.clone() }),
        };
        tell(Seen::Response { at, head, steps });
        match result {
            Err(refusal) => self.refused(refusal, tell),
            Ok(agreed) => {
                let _ = self.dialogue.handshake(Act::Accept);
                let half = |sender: Side| Half {
                    decoder: Decoder::new(sender, agreed.deflate.is_some(), self.limits.frame),
                    assembler: Assembler::new(self.limits, agreed.deflate.map(|w| w[sender as usize])),
                    frame_at: self.taken[sender as usize],
                    sample: Vec::new(),
                    deaf: false,
                };
                self.phase = Phase::Open(Box::new(Side::BOTH.map(half)));
                tell(Seen::Opened(agreed));
                self.frames(Side::Server, &octets[taken..], tell);
                self.frames(Side::Client, &early, tell);
            }
        }
    }

    fn refused(&mut self, refusal: Refusal, tell: &mut impl FnMut(Seen)) {
        let _ = self.dialogue.handshake(Act::Refuse);
        self.phase = Phase::Over;
        tell(Seen::Refused(refusal));
    }

    fn frames(&mut self, sender: Side, octets: &[u8], tell: &mut impl FnMut(Seen)) {
        let Phase::Open(halves) = &mut self.phase else { return };
        let half = &mut halves[sender as usize];
        if half.deaf {
            return;
        }
        self.taken[sender as usize] += octets.len() as u64;
        if let Err((header, fault)) = half.read(sender, octets, self.sample, &mut self.dialogue, tell) {
            half.deaf = true;
            tell(Seen::Fault { at: half.frame_at, header, fault });
        }
    }
}

impl Half {
    fn read(
        &mut self,
        sender: Side,
        octets: &[u8],
        sample: usize,
        dialogue: &mut Dialogue,
        tell: &mut impl FnMut(Seen),
    ) -> Result<(), (Option<FrameHeader>, Fault)> {
        let mut octets = octets.to_vec();
        for piece in self.decoder.feed(&mut octets) {
            let piece = piece.map_err(|fault| (None, fault))?;
            let (header, last) = (piece.header, piece.last);
            if piece.first {
                dialogue.frame(sender, &header).map_err(|fault| (Some(header), fault))?;
            }
            let room = sample.saturating_sub(self.sample.len()).min(piece.payload().len());
            self.sample.extend_from_slice(&piece.payload()[..room]);
            let unit = self.assembler.push(piece);
            let unit = unit.map_err(|rule| (Some(header), Fault { blame: sender, rule }))?;
            if last {
                // Only the shortest form of a header was let in, so its length is known.
                let end = self.frame_at + header.encoded_len() as u64 + header.len;
                let at = std::mem::replace(&mut self.frame_at, end)..end;
                tell(Seen::Frame { sender, at, header, payload: std::mem::take(&mut self.sample) });
            }
            match unit {
                Some(Unit::Message(message)) => {
                    let (kind, payload) = (message.kind, message.payload().to_vec());
                    tell(Seen::Message { sender, kind, payload });
                }
                Some(Unit::Close(close)) => {
                    let close = close.map(|(code, reason)| (code, reason.to_owned()));
                    tell(Seen::Close { sender, close });
                }
                Some(Unit::Ping(_) | Unit::Pong(_)) | None => {}
            }
        }
        self.assembler.release();
        Ok(())
    }
}
