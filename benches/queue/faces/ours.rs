//! Frames of docs/protocols/queue.md.

use super::{Bodies, CREDIT, Face, Heard, Opening, QUEUE, wrong};
use layerlab::stack::l7_application::framing;
use layerlab::stack::l7_application::queue::message::{Declare, From, Kind, Message, Mode, Policy};
use std::io;
use std::net::{SocketAddr, TcpStream};

const CAP: u32 = framing::MAX_PAYLOAD;

pub(crate) struct Ours {
    bodies: Bodies,
    /// One ACK for each message, not one for all that a read brought.
    each: bool,
    confirmed: u64,
}

impl Ours {
    pub(crate) fn new(each: bool) -> Ours {
        Ours { bodies: Bodies::new(), each, confirmed: 0 }
    }
}

fn open(at: SocketAddr) -> io::Result<Opening> {
    let mut opening = Opening::connect(at)?;
    ask(&mut opening, &Message::Hello { client: "bench", token: "" })?;
    Ok(opening)
}

/// Asks, and takes one frame as the answer. A refusal says that a queue to be deleted was not there.
fn ask(opening: &mut Opening, message: &Message<'_>) -> io::Result<()> {
    let mut out = Vec::new();
    message.encode(&mut out);
    opening.ask(&out, |came| match framing::parse(came, CAP).map_err(|e| wrong(e.to_string()))? {
        Some(frame) => Ok(Some((frame.octets.len(), ()))),
        None => Ok(None),
    })
}

/// Every whole frame at the front.
fn each(octets: &[u8], mut hear: impl FnMut(Message<'_>) -> io::Result<u64>) -> io::Result<Heard> {
    let mut heard = Heard::default();
    while let Some(frame) =
        framing::parse(&octets[heard.taken..], CAP).map_err(|fault| wrong(fault.to_string()))?
    {
        heard.messages += hear(Message::decode(&frame).map_err(|fault| wrong(fault.to_string()))?)?;
        heard.taken += frame.octets.len();
    }
    Ok(heard)
}

impl Face for Ours {
    fn producer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        *self = Ours::new(self.each);
        let mut opening = open(at)?;
        ask(&mut opening, &Message::Delete { request: 1, queue: QUEUE })?;
        ask(
            &mut opening,
            &Message::Declare(Declare {
                request: 2,
                queue: QUEUE,
                kind: Kind::Work,
                policy: Policy::Reject,
                max_messages: 0,
                max_bytes: 0,
                max_age_ms: 0,
                max_deliveries: 0,
                window: 0,
                dead_letter: "",
            }),
        )?;
        opening.done(&[])
    }

    fn consumer(&mut self, at: SocketAddr) -> io::Result<TcpStream> {
        let opening = open(at)?;
        let mut out = Vec::new();
        let (mode, from) = (Mode::AtLeastOnce, From::New);
        Message::Subscribe { subscription: 1, queue: QUEUE, prefetch: CREDIT as u32, mode, from }
            .encode(&mut out);
        opening.done(&out)
    }

    fn publish(&mut self, out: &mut Vec<u8>) {
        let (seq, body) = self.bodies.next();
        Message::Publish { seq, queue: QUEUE, id: &[], body }.encode(out);
    }

    fn confirms(&mut self, octets: &[u8], _: &mut Vec<u8>) -> io::Result<Heard> {
        each(octets, |message| match message {
            Message::Confirm { first, last } if first == self.confirmed + 1 => {
                self.confirmed = last;
                Ok(last - first + 1)
            }
            other => Err(wrong(format!("{other:?} where {} is to be confirmed", self.confirmed + 1))),
        })
    }

    fn deliveries(&mut self, octets: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        let Ours { bodies, each: alone, .. } = self;
        let mut last = None;
        let heard = each(octets, |message| match message {
            Message::Deliver { subscription, offset, body, deliveries: 1, .. } => {
                bodies.check(body)?;
                last = Some(offset);
                if *alone {
                    Message::Ack { subscription, multiple: false, offset }.encode(out);
                }
                Ok(1)
            }
            Message::Done { .. } => Ok(0),
            other => Err(wrong(format!("{other:?} instead of a delivery"))),
        })?;
        if let (Some(offset), false) = (last, self.each) {
            Message::Ack { subscription: 1, multiple: true, offset }.encode(out);
        }
        Ok(heard)
    }
}
