//! The shape of a protocol machine: one input door, one outbox, one deadline.
//!
//! A machine plays a role. It is built from the protocol's decoder (one direction's bytes to messages)
//! and its dialogue (both sides' messages to legal or not), and adds timers and an outbox. It owns no
//! socket and reads no clock: whoever drives it passes `now` in, sends what the outbox holds, and comes
//! back with [`Input::Tick`] at the [`deadline`](Machine::deadline).

use super::time::Time;
use std::collections::VecDeque;

/// What happens to a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input<'a, C> {
    /// The next octets of a byte stream, cut anywhere: a machine on a stream takes any chunking.
    Stream(&'a [u8]),
    /// One whole datagram: its edges mean something.
    Datagram(&'a [u8]),
    /// The peer will send no more.
    Eof,
    /// Nothing but time passed. Harmless at any moment; due at the deadline.
    Tick,
    /// What the program on top asks for.
    Command(C),
}

/// How the driver should end the transport, once the outbox is empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub enum Hangup {
    /// Not at all.
    #[default]
    No,
    /// Send what is left, then say that no more follows (`shutdown(SHUT_WR)`), and read on until the
    /// peer ends too: a `close()` with unread octets would reset the connection (RFC 9293 s3.6.1) and
    /// may destroy what was just sent.
    Finish,
    /// Drop the transport at once.
    Abort,
}

/// What a machine wants done and told, in order. The driver takes out; only the machine puts in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outbox<E> {
    /// Octets for the stream, in order. The driver removes what it sent.
    pub stream: Vec<u8>,
    /// Whole datagrams.
    pub datagrams: VecDeque<Vec<u8>>,
    /// What the program on top should know.
    pub events: VecDeque<E>,
    /// Whether and how the transport should end.
    pub hangup: Hangup,
}

impl<E> Outbox<E> {
    /// Empty.
    pub const fn new() -> Outbox<E> {
        Outbox { stream: Vec::new(), datagrams: VecDeque::new(), events: VecDeque::new(), hangup: Hangup::No }
    }

    /// Asks for an end of the transport. A stronger wish is never weakened.
    pub fn hang_up(&mut self, how: Hangup) {
        self.hangup = self.hangup.max(how);
    }
}

impl<E> Default for Outbox<E> {
    fn default() -> Self {
        Outbox::new()
    }
}

/// A protocol, played in one role.
pub trait Machine {
    /// What the program on top may ask for.
    type Command;
    /// What it is told. A peer's violation is an event too: the machine has dealt with it.
    type Event;
    /// What the program on top asked for wrongly. Nothing was sent and no state changed.
    type Error;

    /// The one door. `now` must not run backwards; an earlier one is taken as no time having passed.
    fn handle(
        &mut self,
        now: Time,
        input: Input<'_, Self::Command>,
        out: &mut Outbox<Self::Event>,
    ) -> Result<(), Self::Error>;

    /// When a [`Input::Tick`] is due; `None` while nothing depends on time.
    fn deadline(&self) -> Option<Time>;
}
