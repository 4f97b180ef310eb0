//! What a case sends and waits for, as data: frames with every bit as one likes, and the steps of a script.

use super::super::close::CloseCode;
use super::super::frame::Opcode;
use super::super::message::Kind;
use super::super::sender::Masks;
use super::super::{deflate, mask};
use crate::model::conformance::{Clause, Need, Verdict};
use std::borrow::Cow;

/// Octets, as they are or as a rule: a large message costs memory only while it is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Octets {
    Given(Vec<u8>),
    /// a..z, over and over.
    Letters(usize),
}

impl Octets {
    pub(super) fn get(&self) -> Cow<'_, [u8]> {
        match self {
            Octets::Given(octets) => Cow::Borrowed(octets),
            Octets::Letters(len) => (b'a'..=b'z').cycle().take(*len).collect::<Vec<u8>>().into(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Octets::Given(octets) => octets.len(),
            Octets::Letters(len) => *len,
        }
    }
}

impl From<&str> for Octets {
    fn from(text: &str) -> Octets {
        Octets::Given(text.as_bytes().to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Octets {
    fn from(octets: &[u8; N]) -> Octets {
        Octets::Given(octets.to_vec())
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Octets {
        Octets::Given(octets)
    }
}

/// The form of a frame's length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Shortest,
    Bits16,
    Bits64,
}

/// How a frame is masked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Masking {
    /// With a key that is drawn.
    Drawn,
    Key([u8; 4]),
    /// Not at all.
    None,
}

/// A frame, legal or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    /// FIN, RSV1 to RSV3 and the opcode.
    pub(super) first: u8,
    pub(super) masking: Masking,
    pub(super) form: Form,
    /// The length that is announced, where it is not the payload's.
    pub(super) announced: Option<u64>,
    pub(super) payload: Octets,
}

impl Frame {
    /// A whole frame with any four bits of opcode.
    pub(super) fn new(opcode: u8, payload: impl Into<Octets>) -> Frame {
        Frame {
            first: 0x80 | opcode,
            masking: Masking::Drawn,
            form: Form::Shortest,
            announced: None,
            payload: payload.into(),
        }
    }

    /// Without FIN.
    pub(super) fn more(mut self) -> Frame {
        self.first &= 0x7f;
        self
    }

    /// With these reserved bits, RSV1 the highest of three.
    pub(super) fn rsv(mut self, bits: u8) -> Frame {
        self.first |= bits << 4;
        self
    }

    pub(super) fn masking(self, masking: Masking) -> Frame {
        Frame { masking, ..self }
    }

    pub(super) fn form(self, form: Form) -> Frame {
        Frame { form, ..self }
    }

    pub(super) fn announcing(self, len: u64) -> Frame {
        Frame { announced: Some(len), ..self }
    }

    /// Appends the frame as it goes on the wire.
    pub(super) fn encode(&self, masks: &mut Masks, out: &mut Vec<u8>) {
        let payload = self.payload.get();
        let key = match self.masking {
            Masking::Drawn => Some(masks.key()),
            Masking::Key(key) => Some(key),
            Masking::None => None,
        };
        let len = self.announced.unwrap_or(payload.len() as u64);
        let mask_bit = u8::from(key.is_some()) << 7;
        out.push(self.first);
        match (self.form, len) {
            (Form::Shortest, 0..126) => out.push(mask_bit | len as u8),
            (Form::Bits16, _) | (Form::Shortest, 126..0x1_0000) => {
                out.push(mask_bit | 126);
                out.extend((len as u16).to_be_bytes());
            }
            (Form::Bits64 | Form::Shortest, _) => {
                out.push(mask_bit | 127);
                out.extend(len.to_be_bytes());
            }
        }
        out.extend(key.unwrap_or_default().iter().take(if key.is_some() { 4 } else { 0 }));
        let at = out.len();
        out.extend_from_slice(&payload);
        if let Some(key) = key {
            mask::apply(key, 0, &mut out[at..]);
        }
    }
}

pub(super) fn text(payload: impl Into<Octets>) -> Frame {
    Frame::new(Opcode::Text as u8, payload)
}

pub(super) fn binary(payload: impl Into<Octets>) -> Frame {
    Frame::new(Opcode::Binary as u8, payload)
}

pub(super) fn data(kind: Kind, payload: impl Into<Octets>) -> Frame {
    Frame::new(kind.opcode() as u8, payload)
}

pub(super) fn more(payload: impl Into<Octets>) -> Frame {
    Frame::new(Opcode::Continuation as u8, payload)
}

pub(super) fn ping(payload: impl Into<Octets>) -> Frame {
    Frame::new(Opcode::Ping as u8, payload)
}

pub(super) fn pong(payload: impl Into<Octets>) -> Frame {
    Frame::new(Opcode::Pong as u8, payload)
}

/// A Close with this code, whatever it is.
pub(super) fn close(code: u16, reason: &[u8]) -> Frame {
    close_body([&code.to_be_bytes(), reason].concat())
}

pub(super) fn close_body(body: impl Into<Octets>) -> Frame {
    Frame::new(Opcode::Close as u8, body)
}

/// The DEFLATE data of one message, with a window that every peer accepts; `level` 0 makes stored blocks.
pub(super) fn deflated(message: &[u8], level: u32) -> Vec<u8> {
    let mut out = Vec::new();
    deflate::Deflater::new(deflate::Window { bits: 9, takeover: false }, level).message(message, &mut out);
    out
}

/// An answer that must come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Echo(Kind, Octets),
    Pong(Octets),
}

/// How the connection must fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fails {
    /// Codes that say why, the best first.
    pub(super) codes: Vec<u16>,
    /// The end of TCP without a Close is as good.
    pub(super) bare: bool,
    /// Echoes that may come before.
    pub(super) before: Vec<Answer>,
    /// A Ping after the fault shows whether the server went on: not possible where the fault hides what follows.
    pub(super) fence: bool,
    /// What it is when the server goes on.
    pub(super) otherwise: Verdict,
}

impl Fails {
    pub(super) fn with(codes: &[u16]) -> Fails {
        Fails {
            codes: codes.to_vec(),
            bare: false,
            before: Vec::new(),
            fence: true,
            otherwise: Verdict::Failed,
        }
    }

    pub(super) fn or(self, otherwise: Verdict) -> Fails {
        Fails { otherwise, ..self }
    }

    pub(super) fn unfenced(self) -> Fails {
        Fails { fence: false, ..self }
    }

    pub(super) fn bare(self) -> Fails {
        Fails { bare: true, ..self }
    }

    pub(super) fn after(self, before: Vec<Answer>) -> Fails {
        Fails { before, ..self }
    }
}

/// A step of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Frames in one write.
    Send(Vec<Frame>),
    /// Frames in writes of so many octets.
    Chop(usize, Vec<Frame>),
    /// The first octets of a frame: so many of its payload, after the header.
    Begin(Frame, usize),
    /// The rest of that frame.
    Rest,
    /// Ends our half of TCP.
    Finish,
    /// These answers come, echoes in order and Pongs in order.
    Answers(Vec<Answer>),
    /// As [`Step::Answers`]; a Close that says "too big" or "not that kind" is the server's right.
    AnswersOrLimit(Vec<Answer>),
    /// The connection has failed already: a server that looks at octets as they come. What is missing is sent next.
    FailsAtOnce(Fails),
    /// The connection fails.
    Fails(Fails),
    /// A Close comes with one of these codes, after these echoes; any other code is what the verdict says.
    Closes { codes: Vec<Option<u16>>, before: Vec<Answer>, otherwise: Verdict },
    /// The server ends TCP.
    Ends,
}

/// The case of letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Letters {
    Lower,
    Upper,
}

/// A change of the opening request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Method(&'static str),
    /// HTTP/1.0.
    OldHttp,
    /// Leaves out every field of this name.
    Without(&'static str),
    /// A further field.
    With(&'static str, String),
    /// Every field's name in this case.
    Names(Letters),
    /// The request is sent in writes of so many octets.
    Chop(usize),
    /// These frames go out in one write with the request.
    Early(Vec<Frame>),
}

/// What is looked at in the answer to the request. In every case it must be 101, unless it is a refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Opening {
    /// The status alone.
    Open,
    /// `Upgrade` and `Connection`.
    Switch,
    /// `Sec-WebSocket-Accept`.
    Accept,
    /// `Sec-WebSocket-Protocol`.
    Subprotocol,
    /// `Sec-WebSocket-Extensions` fits an offer; without it the offer was declined, which ends the case.
    Agreement,
    /// No extension.
    NoExtension,
    /// Not 101.
    Refusal {
        /// Statuses that say why, the best first.
        statuses: &'static [u16],
        /// `Sec-WebSocket-Version` must be there.
        version: bool,
        /// It is a good HTTP request: any answer to it is good.
        plain: bool,
    },
}

/// A case: what it tries, what it needs, and its script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// `group/case`.
    pub id: String,
    /// The rule.
    pub clause: Clause,
    pub(super) needs: Vec<Need>,
    pub(super) changes: Vec<Change>,
    pub(super) opening: Opening,
    pub(super) steps: Vec<Step>,
    /// The worst that it can come to: what the RFC leaves open cannot fail.
    pub(super) at_worst: Verdict,
}

impl Case {
    pub(super) fn new(id: impl Into<String>, clause: Clause, steps: Vec<Step>) -> Case {
        let mut needs = Vec::new();
        let wanted = steps.iter().filter_map(|step| match step {
            Step::Answers(answers) | Step::AnswersOrLimit(answers) => Some(answers),
            _ => None,
        });
        for answer in wanted.flatten() {
            let need = match answer {
                Answer::Echo(Kind::Text, _) => Need::TextEcho,
                Answer::Echo(Kind::Binary, _) => Need::BinaryEcho,
                Answer::Pong(_) => continue,
            };
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        Case {
            id: id.into(),
            clause,
            needs,
            changes: Vec::new(),
            opening: Opening::Open,
            steps,
            at_worst: Verdict::Failed,
        }
    }

    /// With this in `Sec-WebSocket-Extensions`.
    pub(super) fn offering(mut self, offer: impl Into<String>) -> Case {
        self.changes.push(Change::With("Sec-WebSocket-Extensions", offer.into()));
        self
    }

    pub(super) fn change(mut self, change: Change) -> Case {
        self.changes.push(change);
        self
    }

    pub(super) fn opening(self, opening: Opening) -> Case {
        Case { opening, ..self }
    }

    pub(super) fn at_worst(self, at_worst: Verdict) -> Case {
        Case { at_worst, ..self }
    }

    pub(super) fn needs(mut self, need: Need) -> Case {
        self.needs.push(need);
        self
    }
}

/// The frame is sent, and its message comes back.
pub(super) fn echoed(frame: Frame) -> Vec<Step> {
    let kind = if frame.first & 0xf == Opcode::Text as u8 { Kind::Text } else { Kind::Binary };
    let answer = Answer::Echo(kind, frame.payload.clone());
    vec![Step::Send(vec![frame]), Step::Answers(vec![answer])]
}

pub(super) fn echo(kind: Kind, payload: impl Into<Octets>) -> Answer {
    Answer::Echo(kind, payload.into())
}

/// The frames are sent, and the connection fails with this code.
pub(super) fn refused(frames: Vec<Frame>, code: CloseCode) -> Vec<Step> {
    vec![Step::Send(frames), Step::Fails(Fails::with(&[code.0]))]
}
