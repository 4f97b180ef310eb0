//! The sending side: numbers messages, keeps each until it is acknowledged, sends again in time.

use super::codec::{Malformed, Packet};
use super::timeout::Timeout;
use super::{ATTEMPTS, BACKLOG, WINDOW};
use crate::model::{Input, Machine, Outbox, Time};
use std::collections::{BTreeMap, VecDeque};

/// What the program on top is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// A message was sent again.
    Resent {
        /// Its number.
        number: u32,
        /// Which attempt it was, 2 the first repetition.
        attempt: u8,
    },
    /// A message is acknowledged.
    Acknowledged {
        /// Its number.
        number: u32,
        /// How often it had been sent.
        attempts: u8,
    },
    /// A message was sent [`ATTEMPTS`] times and never acknowledged. It may have arrived all the same.
    GaveUp {
        /// Its number.
        number: u32,
    },
    /// The peer sent what no receiver sends. It was ignored.
    Malformed(Malformed),
}

/// What the program on top asked for in vain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misuse {
    /// Too many messages wait already.
    #[error("{BACKLOG} messages wait already for acknowledgments of earlier ones: send more slowly")]
    Full,
    /// Every number was used.
    #[error("every number for a message was used: begin anew")]
    Exhausted,
}

/// The sender. A command is a message to send; datagrams in are acknowledgments.
#[derive(Debug, Default)]
pub struct Sender {
    last: u32,
    waiting: VecDeque<Vec<u8>>,
    flying: BTreeMap<u32, Flight>,
    timeout: Timeout,
}

/// A message under way.
#[derive(Debug)]
struct Flight {
    message: Vec<u8>,
    attempts: u8,
    /// When the last attempt was.
    sent: Time,
}

impl Sender {
    /// One that has sent nothing.
    pub fn new() -> Sender {
        Sender::default()
    }

    /// Whether every message was acknowledged or given up.
    pub fn is_idle(&self) -> bool {
        self.flying.is_empty() && self.waiting.is_empty()
    }

    /// What is known of the round trip.
    pub fn timeout(&self) -> &Timeout {
        &self.timeout
    }

    /// Sends what waits, as far as the window allows: the receiver remembers the last [`WINDOW`] numbers.
    fn launch(&mut self, now: Time, out: &mut Outbox<Told>) {
        while let Some(number) = self.last.checked_add(1) {
            let oldest = self.flying.keys().next().copied().unwrap_or(number);
            if number - oldest >= WINDOW {
                return;
            }
            let Some(message) = self.waiting.pop_front() else { return };
            self.last = number;
            out.datagrams.push_back(Packet::Data { number, attempt: 1, message: &message }.encode());
            self.flying.insert(number, Flight { message, attempts: 1, sent: now });
        }
    }

    fn acknowledged(&mut self, now: Time, number: u32, attempt: u8, out: &mut Outbox<Told>) {
        // Of a number not under way: an acknowledgment that came twice, or came after all.
        let Some(flight) = self.flying.remove(&number) else { return };
        if attempt == flight.attempts {
            self.timeout.measured(now.since(flight.sent));
        }
        out.events.push_back(Told::Acknowledged { number, attempts: flight.attempts });
    }

    /// Sends again what has waited long enough.
    fn resend(&mut self, now: Time, out: &mut Outbox<Told>) {
        let timeout = self.timeout;
        self.flying.retain(|&number, flight| {
            if flight.sent + timeout.after(flight.attempts) > now {
                return true;
            }
            if flight.attempts >= ATTEMPTS {
                out.events.push_back(Told::GaveUp { number });
                return false;
            }
            flight.attempts += 1;
            flight.sent = now;
            let attempt = flight.attempts;
            out.datagrams.push_back(Packet::Data { number, attempt, message: &flight.message }.encode());
            out.events.push_back(Told::Resent { number, attempt });
            true
        });
    }
}

impl Machine for Sender {
    type Command = Vec<u8>;
    type Event = Told;
    type Error = Misuse;

    fn handle(&mut self, now: Time, input: Input<'_, Vec<u8>>, out: &mut Outbox<Told>) -> Result<(), Misuse> {
        match input {
            Input::Command(_) if self.waiting.len() >= BACKLOG => return Err(Misuse::Full),
            Input::Command(_) if self.last == u32::MAX => return Err(Misuse::Exhausted),
            Input::Command(message) => self.waiting.push_back(message),
            Input::Datagram(datagram) => match Packet::decode(datagram) {
                Ok(Packet::Ack { number, attempt }) => self.acknowledged(now, number, attempt, out),
                // Nobody sends messages this way; ignored like a message of another protocol.
                Ok(Packet::Data { .. }) => {}
                Err(error) => out.events.push_back(Told::Malformed(error)),
            },
            Input::Stream(_) | Input::Eof | Input::Tick => {}
        }
        self.resend(now, out);
        self.launch(now, out);
        Ok(())
    }

    fn deadline(&self) -> Option<Time> {
        self.flying.values().map(|flight| flight.sent + self.timeout.after(flight.attempts)).min()
    }
}
