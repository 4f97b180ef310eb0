//! What a machine hears from its endpoint, as events.

use super::Event;
use crate::model::{Side, Time};
use crate::stack::l7_application::ws::close::CloseCode;
use crate::stack::l7_application::ws::codec::Piece;
use crate::stack::l7_application::ws::endpoint::{Listener, Reply};
use crate::stack::l7_application::ws::message::Message;
use std::collections::VecDeque;

/// Pings of ours whose answer is awaited, at most: older ones are forgotten.
const REMEMBERED: usize = 16;

/// Listens, and keeps events until the machine takes them.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) events: VecDeque<Event>,
    /// What the peer's Close held, once it came.
    pub(super) close: Option<Option<(CloseCode, String)>>,
    peer: Side,
    tell_frames: Option<usize>,
    /// The payload of the frame at hand, as far as it came and is to be told.
    payload: Vec<u8>,
    now: Time,
    pings: VecDeque<(Vec<u8>, Time)>,
}

impl Ear {
    pub(super) fn new(peer: Side, tell_frames: Option<usize>) -> Ear {
        Ear {
            events: VecDeque::new(),
            close: None,
            peer,
            tell_frames,
            payload: Vec::new(),
            now: Time::ZERO,
            pings: VecDeque::new(),
        }
    }

    /// What is heard from here on is heard at `now`.
    pub(super) fn at(&mut self, now: Time) -> &mut Ear {
        self.now = now;
        self
    }

    /// A Ping of ours went out.
    pub(super) fn pinged(&mut self, payload: &[u8], now: Time) {
        if self.pings.len() == REMEMBERED {
            self.pings.pop_front();
        }
        self.pings.push_back((payload.to_vec(), now));
    }
}

impl Listener for Ear {
    fn message(&mut self, message: Message<'_>, _: &mut Reply<'_>) {
        self.events.push_back(Event::Message(message.kind, message.payload().to_vec()));
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let Some(most) = self.tell_frames else { return };
        let room = most.saturating_sub(self.payload.len()).min(piece.payload().len());
        self.payload.extend_from_slice(&piece.payload()[..room]);
        if piece.last {
            let payload = std::mem::take(&mut self.payload);
            self.events.push_back(Event::Frame { sender: self.peer, header: piece.header, payload });
        }
    }

    fn ping(&mut self, payload: &[u8]) {
        self.events.push_back(Event::Ping(payload.to_vec()));
    }

    fn pong(&mut self, payload: &[u8]) {
        // A Pong answers the latest Ping of its payload and those before it (RFC 6455 s5.5.3).
        let asked = self.pings.iter().rposition(|(sent, _)| sent == payload);
        let after = asked.map(|n| {
            let after = self.now.since(self.pings[n].1);
            self.pings.drain(..=n);
            after
        });
        self.events.push_back(Event::Pong(payload.to_vec(), after));
    }

    fn close(&mut self, close: Option<(CloseCode, &str)>) {
        let close = close.map(|(code, reason)| (code, reason.to_owned()));
        self.events.push_back(Event::Close(close.clone()));
        self.close = Some(close);
    }
}
