//! Why something was not done. Nothing has changed then, but for the count of refusals.

use super::window::MAX_ID;

/// Whose doing a refusal is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Blame {
    /// Who asked: the same again will be refused again.
    Asker,
    /// The load: it may do later, when messages are done with or others have left.
    Load,
}

/// Why a queue's name is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum NameFlaw {
    /// It has no characters.
    #[error("it is empty")]
    Empty,
    /// It has too many.
    #[error("it has more than {limit} octets")]
    TooLong {
        /// Octets allowed.
        limit: usize,
    },
    /// It has one that makes trouble.
    #[error("it contains {0:?}: blanks, control characters and * may not stand in a name")]
    Character(char),
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Refusal {
    /// A queue's name is none.
    #[error("this cannot be a queue's name: {0}")]
    Name(NameFlaw),
    /// The queue exists and is another.
    #[error("the queue {name} exists with other settings: declare it with the same, or delete it first")]
    Differs {
        /// Its name.
        name: Box<str>,
    },
    /// Dead letters have nowhere to go.
    #[error("the dead-letter queue {name} does not exist: declare it first")]
    NoDeadLetter {
        /// Its name.
        name: Box<str>,
    },
    /// The policy is to use a dead-letter queue, and none is named.
    #[error("the policy is to move the oldest to a dead-letter queue: name one")]
    DeadLetterUnnamed,
    /// Dead letters would come back.
    #[error("dead letters sent to {name} would come back to this queue: name another")]
    DeadLetterCircle {
        /// The dead-letter queue's name.
        name: Box<str>,
    },
    /// No queue has this id (any more).
    #[error("there is no such queue: it was never declared, or was deleted")]
    NoQueue,
    /// No consumer has this id (any more).
    #[error("there is no such consumer: it has left, or its queue was deleted")]
    NoConsumer,
    /// A message id is too long.
    #[error("a message id has at most {MAX_ID} octets, got {len}")]
    IdTooLong {
        /// Its octets.
        len: usize,
    },
    /// A message is over a bound by itself.
    #[error("the message has {len} octets, id and body: at most {limit} are accepted here")]
    TooLarge {
        /// Its octets.
        len: u64,
        /// The lower of the queue's bound and the engine's.
        limit: u64,
    },
    /// The queue is full, and its policy is to refuse.
    #[error("the queue is full: acknowledge what it holds, or wait")]
    QueueFull,
    /// The queue is full of messages that consumers have in hand: none of them may make room.
    #[error("the queue is full of messages that consumers have in hand: acknowledge some, or wait")]
    QueueInHand,
    /// All queues together are.
    #[error("all queues together hold as much as they may: acknowledge some of it, or wait")]
    EngineFull,
    /// A queue's offsets are used up.
    #[error("the queue's offsets are used up: delete it and declare it anew")]
    OffsetsSpent,
    /// Too many queues.
    #[error("there are {limit} queues, which is as many as may be: delete one first")]
    TooManyQueues {
        /// Queues allowed.
        limit: u32,
    },
    /// Too many consumers.
    #[error("there are {limit} consumers, which is as many as may be: try again when one has left")]
    TooManyConsumers {
        /// Consumers allowed.
        limit: u32,
    },
    /// The windows of all queues would remember too much.
    #[error("a window of {asked} ids: all queues together may remember {left} more")]
    WindowTooLarge {
        /// Ids asked for.
        asked: u32,
        /// Ids that may still be asked for.
        left: u64,
    },
    /// A position in a queue that has none.
    #[error("a work queue hands out what waits, oldest first: only a topic can be read from a chosen offset")]
    NoOffsets,
    /// The consumer has no such message in hand.
    #[error("the consumer has no unacknowledged message {offset}{}", if *.up_to { " or before" } else { "" })]
    NotUnacked {
        /// The offset that was named.
        offset: u64,
        /// Whether all before it were meant too.
        up_to: bool,
    },
}

impl Refusal {
    /// Whose doing it is.
    pub const fn blame(&self) -> Blame {
        match self {
            Refusal::QueueFull
            | Refusal::QueueInHand
            | Refusal::EngineFull
            | Refusal::TooManyQueues { .. }
            | Refusal::TooManyConsumers { .. } => Blame::Load,
            _ => Blame::Asker,
        }
    }
}
