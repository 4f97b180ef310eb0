//! Both directions of one connection, seen from outside: what a capture shows, judged by the same decoder, dialogue and
//! assembler that the two sides run on.

use super::close::CloseCode;
use super::codec::Decoder;
use super::dialogue::{Act, Dialogue};
use super::error::Fault;
use super::frame::{FrameHeader, MAX_HEADER, Opcode};
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
        /// What is whole with it.
        completes: Option<Whole>,
    },
    /// A rule was broken. Nothing more is seen of that direction; the frame that broke it is told by this alone.
    Fault {
        /// Where the frame lies in its sender's stream, as far as it came.
        at: Range<u64>,
        /// The octets of its header as far as they came.
        head: Vec<u8>,
        /// The rule, and who broke it.
        fault: Fault,
    },
}

/// What a frame was the last of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whole {
    /// A message, inflated.
    Message {
        /// What it holds.
        kind: Kind,
        /// Its octets.
        len: u64,
        /// Its frames.
        frames: u32,
        /// Its octets on the wire, where it was compressed.
        compressed: Option<u64>,
        /// Its beginning; all of it where [`Observer::with_whole`] asks for that.
        payload: Vec<u8>,
    },
    /// A Close: the code and the reason, unless the body was empty.
    Close(Option<(CloseCode, String)>),
}

/// The message at hand, as its frames' headers have it.
#[derive(Clone, Copy, Default, Debug)]
struct Tally {
    frames: u32,
    octets: u64,
    compressed: bool,
}

impl Tally {
    /// A frame begins.
    fn count(&mut self, header: &FrameHeader) {
        if header.opcode.is_control() {
            return;
        }
        if header.opcode != Opcode::Continuation {
            *self = Tally { compressed: header.compressed, ..Tally::default() };
        }
        self.frames = self.frames.saturating_add(1);
        self.octets = self.octets.saturating_add(header.len);
    }
}

#[derive(Debug)]
struct Half {
    decoder: Decoder,
    assembler: Assembler,
    /// Where the frame at hand begins in the stream.
    frame_at: u64,
    /// The first octets of that frame, a header's worth at most.
    head: Vec<u8>,
    sample: Vec<u8>,
    tally: Tally,
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

/// How much of a payload is told.
#[derive(Clone, Copy, Debug)]
struct Told {
    sample: usize,
    /// Which messages are told whole.
    whole: fn(&[u8]) -> bool,
}

/// One connection from its first octet, both directions. Holds no more than the limits allow.
#[derive(Debug)]
pub struct Observer {
    limits: Limits,
    http: http1::Limits,
    told: Told,
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
        let told = Told { sample, whole: |_| false };
        Observer { limits, http, told, dialogue: Dialogue::new(), phase, taken: [0; 2] }
    }

    /// Tells messages whole of which `whole` says yes.
    #[must_use]
    pub fn with_whole(mut self, whole: fn(&[u8]) -> bool) -> Observer {
        self.told.whole = whole;
        self
    }

    /// So many octets of the client's and the server's stream went before, and are nothing of this.
    #[must_use]
    pub fn behind(self, taken: [u64; 2]) -> Observer {
        Observer { taken, ..self }
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

    /// Octets of memory that it holds, roughly.
    pub fn held(&self) -> usize {
        match &self.phase {
            Phase::Shaking(s) => s.request.octets().len() + s.answer.octets().len() + s.early.len(),
            Phase::Open(halves) => halves.iter().map(|half| half.assembler.held()).sum(),
            Phase::Over => 0,
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
                    head: Vec::new(),
                    sample: Vec::new(),
                    tally: Tally::default(),
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
        let from = self.taken[sender as usize];
        self.taken[sender as usize] += octets.len() as u64;
        if let Err(fault) = half.read(sender, octets, self.told, &mut self.dialogue, tell) {
            half.deaf = true;
            half.keep_head(octets, from);
            let at = half.frame_at..self.taken[sender as usize];
            tell(Seen::Fault { at, head: std::mem::take(&mut half.head), fault });
        } else {
            half.keep_head(octets, from);
        }
    }
}

impl Half {
    fn read(
        &mut self,
        sender: Side,
        octets: &[u8],
        told: Told,
        dialogue: &mut Dialogue,
        tell: &mut impl FnMut(Seen),
    ) -> Result<(), Fault> {
        let mut octets = octets.to_vec();
        for piece in self.decoder.feed(&mut octets) {
            let piece = piece?;
            let (header, last) = (piece.header, piece.last);
            if piece.first {
                dialogue.frame(sender, &header)?;
                self.tally.count(&header);
            }
            let room = told.sample.saturating_sub(self.sample.len()).min(piece.payload().len());
            self.sample.extend_from_slice(&piece.payload()[..room]);
            let unit = self.assembler.push(piece).map_err(|rule| Fault { blame: sender, rule })?;
            let Tally { frames, octets, compressed } = self.tally;
            let completes = match unit {
                Some(Unit::Message(message)) => Some(Whole::Message {
                    kind: message.kind,
                    len: message.payload().len() as u64,
                    frames,
                    compressed: compressed.then_some(octets),
                    payload: match message.payload() {
                        payload if (told.whole)(payload) => payload.to_vec(),
                        payload => payload[..told.sample.min(payload.len())].to_vec(),
                    },
                }),
                Some(Unit::Close(close)) => {
                    Some(Whole::Close(close.map(|(code, reason)| (code, reason.to_owned()))))
                }
                Some(Unit::Ping(_) | Unit::Pong(_)) | None => None,
            };
            if last {
                // Only the shortest form of a header was let in, so its length is known.
                let end = self.frame_at + header.encoded_len() as u64 + header.len;
                let at = std::mem::replace(&mut self.frame_at, end)..end;
                self.head.clear();
                tell(Seen::Frame {
                    sender,
                    at,
                    header,
                    payload: std::mem::take(&mut self.sample),
                    completes,
                });
            }
        }
        self.assembler.release();
        Ok(())
    }

    /// Keeps the beginning of the frame at hand; `octets` were read last, the first of them `from` octets into the stream.
    fn keep_head(&mut self, octets: &[u8], from: u64) {
        let skip = usize::try_from(self.frame_at.saturating_sub(from)).unwrap_or(usize::MAX);
        let new = octets.get(skip..).unwrap_or_default();
        let room = MAX_HEADER.saturating_sub(self.head.len()).min(new.len());
        self.head.extend_from_slice(&new[..room]);
    }
}
