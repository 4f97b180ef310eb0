//! What carries a connection's frames: the stream itself, or WebSocket's binary messages on it.

use crate::model::{Hangup, Input, Machine, Outbox, Time};
use crate::stack::l7_application::framing::{self, Decoder, Fault, Frame, HEADER, Header};
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::message::Message;
use crate::stack::l7_application::queue::session::Farewell;
use crate::stack::l7_application::ws::handshake::ServerPolicy;
use crate::stack::l7_application::ws::machine::{Command, Event, Settings, WebSocket};
use crate::stack::l7_application::ws::{CloseCode, Kind, Limits, Setup};
use std::sync::Arc;

/// WebSocket's subprotocol for our frames.
pub const SUBPROTOCOL: &str = "layerlab.queue";

/// What came.
pub(super) enum Heard<'a> {
    /// A message.
    Message(Message<'a>),
    /// Something that is none.
    Fault(Farewell),
    /// The carrier has ended by itself.
    Gone,
}

/// What carries the frames.
pub(super) enum Carrier {
    Plain(Decoder),
    Web(Box<Web>),
}

/// WebSocket, with a frame in each binary message.
pub(super) struct Web {
    machine: WebSocket,
    out: Outbox<Event>,
    cap: u32,
    said_close: bool,
}

impl Carrier {
    /// For a connection that came by this listener: the second speaks WebSocket.
    pub(super) fn new(door: usize, now: Time, cap: u32) -> Carrier {
        if door == 0 {
            return Carrier::Plain(Decoder::new(cap));
        }
        let most = u64::from(cap) + framing::OVERHEAD as u64;
        let policy = ServerPolicy { subprotocols: vec![SUBPROTOCOL.to_owned()], ..ServerPolicy::default() };
        let limits = Limits { frame: most, message: most, ..Limits::default() };
        let settings = Settings { setup: Setup { limits, ..Setup::default() }, ..Settings::default() };
        let machine = WebSocket::server(now, Arc::new(policy), Arc::new(settings));
        Carrier::Web(Box::new(Web { machine, out: Outbox::new(), cap, said_close: false }))
    }

    /// Takes the next octets.
    #[inline]
    pub(super) fn hear(&mut self, now: Time, octets: &[u8], mut each: impl FnMut(Heard<'_>)) {
        match self {
            Carrier::Plain(decoder) => {
                let fed = decoder.feed(octets, |frame| -> Result<(), Fault> {
                    each(decode(&frame));
                    Ok(())
                });
                if let Err(fault) = fed {
                    each(Heard::Fault(Farewell::new(Code::BadFrame, fault.to_string())));
                }
            }
            Carrier::Web(web) => web.hear(now, octets, &mut each),
        }
    }

    /// Makes octets for the stream of the frames in `frames`.
    #[inline]
    pub(super) fn wrap<'a>(&'a mut self, now: Time, frames: &'a [u8], over: bool) -> &'a [u8] {
        match self {
            Carrier::Plain(_) => frames,
            Carrier::Web(web) => {
                web.wrap(now, frames, over);
                &web.out.stream
            }
        }
    }

    /// The octets that [`Carrier::wrap`] gave are the stream's now.
    #[inline]
    pub(super) fn sent(&mut self, frames: &mut Vec<u8>) {
        frames.clear();
        // One large answer must not cost memory for ever.
        frames.shrink_to(64 << 10);
        if let Carrier::Web(web) = self {
            web.out.stream.clear();
            web.out.stream.shrink_to(64 << 10);
        }
    }

    /// Whether the carrier itself wants the connection to end.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Carrier::Web(web) if web.out.hangup != Hangup::No)
    }

    /// Time passes. Whether there may be something to send.
    pub(super) fn tick(&mut self, now: Time) -> bool {
        let Carrier::Web(web) = self else { return false };
        if web.machine.deadline().is_some_and(|due| due <= now) {
            let _ = web.machine.handle(now, Input::Tick, &mut web.out);
            return true;
        }
        false
    }
}

fn decode<'a>(frame: &Frame<'a>) -> Heard<'a> {
    match Message::decode(frame) {
        Ok(message) => Heard::Message(message),
        Err(wrong) => Heard::Fault(Farewell::new(Code::BadMessage, wrong.to_string())),
    }
}

impl Web {
    fn hear(&mut self, now: Time, octets: &[u8], each: &mut dyn FnMut(Heard<'_>)) {
        let _ = self.machine.handle(now, Input::Stream(octets), &mut self.out);
        while let Some(event) = self.out.events.pop_front() {
            match event {
                Event::Message(Kind::Binary, payload) => match framing::whole(&payload, self.cap) {
                    Ok(frame) => each(decode(&frame)),
                    Err(wrong) => each(Heard::Fault(Farewell::new(Code::BadFrame, wrong.to_string()))),
                },
                Event::Message(Kind::Text, _) => {
                    let reason = "a text message: frames travel in binary messages";
                    each(Heard::Fault(Farewell::new(Code::BadFrame, reason)));
                }
                Event::Closed { .. } | Event::Refused(_) => each(Heard::Gone),
                _ => {}
            }
        }
        // A Close that answers the peer's goes out with the next input.
        let _ = self.machine.handle(now, Input::Tick, &mut self.out);
    }

    fn wrap(&mut self, now: Time, frames: &[u8], over: bool) {
        let mut rest = frames;
        while let Some(head) = rest.first_chunk::<HEADER>()
            && let Ok(header) = Header::parse(head, framing::MAX_PAYLOAD)
            && let Some((frame, behind)) = rest.split_at_checked(header.frame_len())
        {
            let message = Command::Message { kind: Kind::Binary, payload: frame.to_vec(), fragment: None };
            // Misuse: the WebSocket is closed already, and nobody reads it.
            let _ = self.machine.handle(now, Input::Command(message), &mut self.out);
            rest = behind;
        }
        if over && !self.said_close && self.machine.is_open() {
            self.said_close = true;
            let close = Command::Close(Some((CloseCode::NORMAL, String::new())));
            let _ = self.machine.handle(now, Input::Command(close), &mut self.out);
        }
    }
}
