//! What must survive a crash, as it happens: whoever keeps a journal writes these down, and gives them back to
//! [`Restore`](super::Restore).

use super::QueueId;
use super::queue::Message;
use super::settings::Settings;
use crate::model::Time;

/// Why a message is not kept any longer though nobody acknowledged it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// It made room in a full queue.
    Full,
    /// It was too old.
    Expired,
    /// A consumer handed it back for good.
    Refused,
    /// It was handed out as often as may be, and not acknowledged.
    TooOften,
}

/// How a message ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// It was acknowledged.
    Acked,
    /// It was handed out to a consumer that wants it at most once.
    HandedOut,
    /// Somebody emptied the queue.
    Purged,
    /// It was stored in the dead-letter queue: a [`Change::Stored`] came before.
    Moved(Cause),
    /// It is lost.
    Lost(Cause),
}

/// Something that must survive a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// A queue exists.
    Declared {
        /// From now on.
        queue: QueueId,
        /// Its name.
        name: &'a str,
        /// What it is.
        settings: &'a Settings,
        /// The offset of its next message: 0, but in a snapshot.
        next: u64,
    },
    /// A queue is gone with all that it held.
    Deleted {
        /// Its id, which never comes again.
        queue: QueueId,
    },
    /// A message is in a queue.
    Stored {
        /// The queue.
        queue: QueueId,
        /// The message's number there.
        offset: u64,
        /// When it was stored, on the driver's clock. That must go on over a restart (nanoseconds since 1970, say),
        /// or messages will not grow too old when they should.
        time: Time,
        /// The message.
        message: &'a Message,
    },
    /// Messages are not in a queue any more.
    Settled {
        /// The queue.
        queue: QueueId,
        /// The first of them.
        first: u64,
        /// The last of them; all that lie between have been settled too, now or before.
        last: u64,
        /// What became of them: for people, and no part of the state.
        end: End,
    },
    /// Only in a snapshot: an id that a queue remembers though the message is gone.
    Remembered {
        /// The queue.
        queue: QueueId,
        /// Where the message stood.
        offset: u64,
        /// Its id.
        id: &'a [u8],
    },
}

/// Who is told of changes, at once and in order. A message moves by two changes, stored and then settled: a crash
/// between them leaves it in both queues, never in none.
pub type Tell<'t> = &'t mut dyn FnMut(Change<'_>);

/// Neighbouring messages that end alike, told as one change.
pub(super) struct Run {
    queue: QueueId,
    end: End,
    open: Option<(u64, u64)>,
}

impl Run {
    pub(super) fn new(queue: QueueId, end: End) -> Run {
        Run { queue, end, open: None }
    }

    pub(super) fn push(&mut self, offset: u64, tell: Tell<'_>) {
        match &mut self.open {
            Some((_, last)) if last.checked_add(1) == Some(offset) => *last = offset,
            _ => {
                self.finish(tell);
                self.open = Some((offset, offset));
            }
        }
    }

    pub(super) fn finish(&mut self, tell: Tell<'_>) {
        if let Some((first, last)) = self.open.take() {
            tell(Change::Settled { queue: self.queue, first, last, end: self.end });
        }
    }
}
