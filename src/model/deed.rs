//! What the programs of the queue's demonstration did, as they noted it themselves.

use std::time::Duration;

/// Something that a program did or was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// A message was published, and this became of it.
    Published {
        /// The message.
        body: String,
        /// What its publisher was told.
        answer: Answer,
    },
    /// A program came, and subscribed.
    Came {
        /// Which.
        who: &'static str,
    },
    /// A program went.
    Left {
        /// Which.
        who: &'static str,
        /// Messages that it had in hand, and had not acknowledged.
        holding: usize,
    },
    /// A message was handed to a program, which did its work.
    Handled {
        /// Which.
        who: &'static str,
        /// The message.
        body: String,
        /// Its number in the queue.
        offset: u64,
        /// The how manieth time the server hands it out.
        deliveries: u32,
    },
    /// The work took effect: what must not happen twice.
    Effect {
        /// The message's id.
        id: String,
        /// Whether the program had noted that id before, and so did nothing.
        known: bool,
    },
}

/// What a publisher was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is the server's now.
    Confirmed,
    /// Its id was known: nothing was stored.
    Duplicate,
    /// It was not stored; the code of docs/protocols/queue.md.
    Refused(u16),
    /// Nothing: it did not ask.
    NotAsked,
}

/// Deeds in order, with the time since the scene began.
pub type Deeds = Vec<(Duration, Deed)>;
