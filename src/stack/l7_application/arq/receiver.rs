//! The receiving side: acknowledges every datagram, hands each message up once.

use super::WINDOW;
use super::codec::{Malformed, Packet};
use crate::model::{Input, Machine, Outbox, Time};
use std::collections::BTreeSet;
use std::convert::Infallible;

/// What the program on top is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A message, for the first time. Numbers may come in any order.
    Message {
        /// Its number.
        number: u32,
        /// The message.
        message: Vec<u8>,
    },
    /// A message that had come before, or so long ago that it is not remembered: acknowledged again, since the first
    /// acknowledgment may be what was lost, and not handed up.
    Again {
        /// Its number.
        number: u32,
    },
    /// The peer sent what no sender sends. It was not acknowledged.
    Malformed(Malformed),
}

/// The receiver. Takes no commands.
#[derive(Debug)]
pub struct Receiver {
    /// Every number below has come or will not come any more.
    floor: u32,
    /// Those from there on that have come: at most [`WINDOW`].
    seen: BTreeSet<u32>,
}

impl Default for Receiver {
    fn default() -> Receiver {
        Receiver { floor: 1, seen: BTreeSet::new() }
    }
}

impl Receiver {
    /// One that has heard nothing.
    pub fn new() -> Receiver {
        Receiver::default()
    }

    /// Notes a number; whether it is new.
    fn is_new(&mut self, number: u32) -> bool {
        if number < self.floor || !self.seen.insert(number) {
            return false;
        }
        while self.seen.remove(&self.floor) {
            self.floor = self.floor.saturating_add(1);
        }
        // A sender sends this number only when it is done with those a window below: a message that it gave up
        // leaves a hole that nobody will fill.
        let least = number.saturating_sub(WINDOW - 1);
        if least > self.floor {
            self.floor = least;
            self.seen = self.seen.split_off(&least);
        }
        true
    }
}

impl Machine for Receiver {
    type Command = Infallible;
    type Event = Heard;
    type Error = Infallible;

    fn handle(
        &mut self,
        _now: Time,
        input: Input<'_, Infallible>,
        out: &mut Outbox<Heard>,
    ) -> Result<(), Infallible> {
        let Input::Datagram(datagram) = input else { return Ok(()) };
        match Packet::decode(datagram) {
            Ok(Packet::Data { number, attempt, message }) => {
                out.datagrams.push_back(Packet::Ack { number, attempt }.encode());
                out.events.push_back(if self.is_new(number) {
                    Heard::Message { number, message: message.to_vec() }
                } else {
                    Heard::Again { number }
                });
            }
            // Acknowledgments go the other way.
            Ok(Packet::Ack { .. }) => {}
            Err(error) => out.events.push_back(Heard::Malformed(error)),
        }
        Ok(())
    }

    fn deadline(&self) -> Option<Time> {
        None
    }
}
