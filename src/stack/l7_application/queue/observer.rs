//! Both directions of a conversation, seen from outside: what a capture shows, read by the same decoder that the two
//! sides run on.

use super::dialogue::{Dialogue, Mark};
use super::message::{Malformed, Message, kind, name};
use super::{Code, facts};
use crate::model::queue::{Earlier, Fault, Frame, Step};
use crate::model::{FrameId, Side, Time};
use crate::stack::l7_application::framing::{self, Decoder, Header, MAX_PAYLOAD, Wrong};
use std::ops::Range;

/// Octets of a payload's rest that a step has at most.
const SAMPLE: usize = 256;

/// Something seen.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// Who sent it: the side that was fed it, unless the first message showed that the sides are the other way round.
    pub sender: Side,
    /// Where it lies in what was fed of its sender.
    pub at: Range<u64>,
    /// What it is.
    pub step: Step,
    /// Where the frame that it belongs to ends in what was fed of its sender.
    pub earlier_end: Option<u64>,
}

/// One conversation from the first octet that was seen of it, both directions. Holds at most one frame of each direction (16
/// MiB, and never more than came), and about 1 MB beside.
#[derive(Clone, Debug)]
pub struct Observer {
    decoders: [Decoder; 2],
    deaf: [bool; 2],
    /// Whether what is fed as the client's is the server's, once a message showed it.
    swapped: Option<bool>,
    ended: bool,
    dialogue: Dialogue,
}

impl Observer {
    /// One whose frames come in order and without a gap (a stream, or WebSocket's messages) or in datagrams. `whole`: from
    /// its very beginning.
    pub fn new(ordered: bool, whole: bool) -> Observer {
        let decoder = || Decoder::new(MAX_PAYLOAD);
        Observer {
            decoders: [decoder(), decoder()],
            deaf: [false; 2],
            swapped: None,
            ended: false,
            dialogue: Dialogue::new(ordered, whole),
        }
    }

    /// Octets of memory that it holds, roughly.
    pub fn held(&self) -> usize {
        self.dialogue.held() + self.decoders.iter().map(Decoder::kept).sum::<usize>()
    }

    /// Who is meant by the side as which something is fed.
    pub fn role(&self, side: Side) -> Side {
        if self.swapped == Some(true) { side.other() } else { side }
    }

    /// Takes the next octets of a side's stream, in order and without gaps; tells what they show.
    pub fn feed(
        &mut self,
        side: Side,
        octets: &[u8],
        (at, frame): (Time, Option<FrameId>),
        tell: &mut impl FnMut(Seen),
    ) {
        let Observer { decoders, deaf, swapped, dialogue, .. } = self;
        let n = side as usize;
        if deaf[n] {
            return;
        }
        let mut end = decoders[n].consumed();
        let fed = decoders[n].feed(octets, |whole| {
            let from = end;
            end += whole.octets.len() as u64;
            tell(see(dialogue, swapped, side, &whole, Mark { at, frame, end }, from));
            Ok::<(), framing::Fault>(())
        });
        if let Err(fault) = fed {
            deaf[n] = true;
            dialogue.lost();
            let step = bad_frame(&fault.wrong, false);
            tell(Seen { sender: self.role(side), at: fault.at..fault.at, step, earlier_end: None });
        }
    }

    /// Takes the one frame that a datagram or a WebSocket message is; `place` is where its sender put it.
    pub fn datagram(
        &mut self,
        side: Side,
        octets: &[u8],
        place: Range<u64>,
        (at, frame): (Time, Option<FrameId>),
    ) -> Seen {
        match framing::whole(octets, MAX_PAYLOAD) {
            Ok(whole) => {
                let mark = Mark { at, frame, end: place.end };
                see(&mut self.dialogue, &mut self.swapped, side, &whole, mark, place.start)
            }
            Err(wrong) => {
                Seen { sender: self.role(side), at: place, step: bad_frame(&wrong, true), earlier_end: None }
            }
        }
    }

    /// A side can't be followed any further.
    pub fn lose(&mut self, side: Side) {
        self.deaf[side as usize] = true;
        self.dialogue.lost();
    }

    /// What a side's end of TCP leaves behind: of the first that ends it.
    pub fn end(&mut self, side: Side, reset: bool) -> Option<Step> {
        let [unconfirmed, unacked] = self.dialogue.waiting();
        let closed = self.dialogue.closed(self.role(side));
        let first = !std::mem::replace(&mut self.ended, true);
        first.then_some(Step::Ended { reset, closed, unconfirmed, unacked })
    }
}

/// A whole frame, read and judged.
fn see(
    dialogue: &mut Dialogue,
    swapped: &mut Option<bool>,
    side: Side,
    frame: &framing::Frame<'_>,
    mark: Mark,
    from: u64,
) -> Seen {
    if swapped.is_none() && !(kind::PING..=kind::CLOSE).contains(&frame.kind) && name(frame.kind).is_some() {
        *swapped = Some((frame.kind > kind::CLOSE) == (side == Side::Client));
    }
    let sender = if *swapped == Some(true) { side.other() } else { side };
    let at = from..mark.end;
    let message = match Message::decode(frame) {
        Ok(message) => message,
        Err(malformed) => return Seen { sender, at, step: bad_message(&malformed), earlier_end: None },
    };
    let length = frame.payload.len() as u32;
    let (earlier, illegal) = dialogue.see(sender, &message, length, mark);
    let (follows, earlier_end): (Option<Earlier>, Option<u64>) = earlier.unzip();
    let stated = |octets: &[u8]| octets.iter().fold(0, |n, octet| n << 8 | u32::from(*octet));
    let step = Step::Frame(Frame {
        kind: frame.kind,
        name: name(frame.kind).unwrap_or_default(),
        length,
        header_checksum: stated(&frame.octets[8..framing::HEADER]),
        payload_checksum: stated(&frame.octets[framing::HEADER + frame.payload.len()..]),
        said: facts::said(&message, SAMPLE),
        follows,
        illegal,
    });
    Seen { sender, at, step, earlier_end }
}

fn bad_frame(wrong: &Wrong, goes_on: bool) -> Step {
    Step::Fault(Fault { rule: wrong.to_string(), code: Code::BadFrame.number(), goes_on })
}

fn bad_message(malformed: &Malformed) -> Step {
    Step::Fault(Fault { rule: malformed.to_string(), code: Code::BadMessage.number(), goes_on: true })
}

/// Whether a stream that begins so is one of frames: by its first header, checksum and all. `None` while too little of
/// it is there.
pub fn begins(octets: &[u8]) -> Option<bool> {
    match octets.first_chunk() {
        Some(header) => Some(Header::parse(header, MAX_PAYLOAD).is_ok_and(|h| name(h.kind).is_some())),
        None => match framing::parse(octets, MAX_PAYLOAD) {
            Ok(_) if framing::MAGIC.starts_with(octets) || octets.starts_with(&framing::MAGIC) => None,
            _ => Some(false),
        },
    }
}

/// Whether a message is as long as the sound header says with which it begins: a frame, if its payload is sound too.
pub fn may_be_frame(octets: &[u8]) -> bool {
    octets
        .first_chunk()
        .and_then(|header| Header::parse(header, MAX_PAYLOAD).ok())
        .is_some_and(|header| header.frame_len() == octets.len())
}

/// Whether a datagram or a message is a frame of a type that is known.
pub fn is_frame(octets: &[u8]) -> bool {
    framing::whole(octets, MAX_PAYLOAD).is_ok_and(|frame| name(frame.kind).is_some())
}

/// The body of a fuzz target: no octets of two sides make the observer panic or hold more than it says, and what it
/// tells does not depend on how they were cut.
#[doc(hidden)]
pub fn fuzz_observer(octets: &[u8]) {
    let [cut, first, octets @ ..] = octets else { return };
    let (a, b) = octets.split_at(usize::from(*first).min(octets.len()));
    let read = |size: usize| {
        let (mut observer, mut told) = (Observer::new(true, true), Vec::new());
        for (side, part) in [(Side::Client, a), (Side::Server, b), (Side::Client, a)] {
            for piece in part.chunks(size) {
                observer.feed(side, piece, (Time::ZERO, None), &mut |seen| told.push(seen));
                assert!(observer.held() < 4 << 20);
            }
        }
        told
    };
    assert_eq!(read(octets.len().max(1)), read(usize::from(*cut) + 1));
    let _ = Observer::new(false, true).datagram(Side::Server, octets, 0..9, (Time::ZERO, None));
}

#[cfg(test)]
mod tests;
