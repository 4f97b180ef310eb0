//! One record of a journal: a frame whose type has its two highest bits set, and whose payload begins with the file's salt.
//!
//! The salt is a number that nobody can guess, another in each file. Without it a publisher could put octets that look
//! like a record into a message, and whoever looks for the next record behind damaged ones would believe them.

use crate::model::Time;
use crate::stack::l7_application::framing;
use crate::stack::l7_application::queue::engine::{
    Change, End, Kind, Message as Held, Policy, QueueId, Settings,
};
use crate::stack::l7_application::queue::fields::{Fields, put_name};
use crate::stack::l7_application::queue::message::Malformed;
use bytes::Bytes;
use std::time::Duration;

/// The types.
pub mod kind {
    #![allow(missing_docs)]
    pub const SEGMENT: u8 = 0xc1;
    pub const DECLARED: u8 = 0xc2;
    pub const DELETED: u8 = 0xc3;
    pub const STORED: u8 = 0xc4;
    pub const SETTLED: u8 = 0xc5;
    pub const REMEMBERED: u8 = 0xc6;
}

/// A record, as it is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record<'a> {
    /// The first record of each file.
    Segment {
        /// The file's number; each begins where the one before ends.
        number: u64,
        /// It begins with all that was true then: older files mean nothing.
        snapshot: bool,
    },
    /// A change of the engine.
    Change(Owned<'a>),
}

/// A [`Change`] that owns what the engine wants to keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Owned<'a> {
    /// A queue exists.
    Declared(QueueId, &'a str, Settings, u64),
    /// A queue is gone.
    Deleted(QueueId),
    /// A message is in a queue.
    Stored(QueueId, u64, Time, Held),
    /// Messages are not in a queue any more.
    Settled(QueueId, u64, u64),
    /// An id is remembered.
    Remembered(QueueId, u64, &'a [u8]),
}

impl Owned<'_> {
    /// As the engine takes it. How a message ended is not written down.
    pub fn as_change(&self) -> Change<'_> {
        match self {
            Owned::Declared(queue, name, settings, next) => {
                Change::Declared { queue: *queue, name, settings, next: *next }
            }
            Owned::Deleted(queue) => Change::Deleted { queue: *queue },
            Owned::Stored(queue, offset, time, message) => {
                Change::Stored { queue: *queue, offset: *offset, time: *time, message }
            }
            Owned::Settled(queue, first, last) => {
                Change::Settled { queue: *queue, first: *first, last: *last, end: End::Acked }
            }
            Owned::Remembered(queue, offset, id) => Change::Remembered { queue: *queue, offset: *offset, id },
        }
    }
}

impl<'a> Record<'a> {
    /// Appends a file's first record.
    pub fn encode_segment(out: &mut Vec<u8>, salt: u64, number: u64, snapshot: bool) {
        framing::encode(out, kind::SEGMENT, |out| {
            put_u64(out, salt);
            put_u64(out, number);
            out.push(snapshot.into());
        });
    }

    /// Appends a change of the engine.
    #[inline]
    pub fn encode_change(out: &mut Vec<u8>, salt: u64, change: Change<'_>) {
        let (kind, queue) = match change {
            Change::Declared { queue, .. } => (kind::DECLARED, queue),
            Change::Deleted { queue } => (kind::DELETED, queue),
            Change::Stored { queue, .. } => (kind::STORED, queue),
            Change::Settled { queue, .. } => (kind::SETTLED, queue),
            Change::Remembered { queue, .. } => (kind::REMEMBERED, queue),
        };
        framing::encode(out, kind, |out| {
            put_u64(out, salt);
            put_u64(out, queue.to_bits());
            put_fields(out, change);
        });
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// [`Malformed`]: it is a frame, but no record of a journal.
    pub fn decode(frame: &framing::Frame<'a>, salt: u64) -> Result<Record<'a>, Malformed> {
        let message = match frame.kind {
            kind::SEGMENT => "SEGMENT",
            kind::DECLARED => "DECLARED",
            kind::DELETED => "DELETED",
            kind::STORED => "STORED",
            kind::SETTLED => "SETTLED",
            kind::REMEMBERED => "REMEMBERED",
            got => return Err(Malformed::UnknownType { got }),
        };
        let mut f = Fields::new(message, frame.payload);
        let got = f.u64("salt")?;
        if got != salt {
            return Err(Malformed::Meaningless { message, field: "salt", got });
        }
        if frame.kind == kind::SEGMENT {
            let record =
                Record::Segment { number: f.u64("number")?, snapshot: f.choice("snapshot", &[false, true])? };
            return f.end().map(|()| record);
        }
        let queue = QueueId::from_bits(f.u64("queue")?);
        let change = match frame.kind {
            kind::DECLARED => {
                let name = f.name("name")?;
                let settings = Settings {
                    kind: f.choice("kind", &[Kind::Work, Kind::Topic])?,
                    policy: f.choice("policy", &[Policy::Reject, Policy::DropOldest, Policy::DeadLetter])?,
                    max_messages: f.u64("max_messages")?,
                    max_bytes: f.u64("max_bytes")?,
                    max_age: Duration::from_nanos(f.u64("max_age")?),
                    max_deliveries: f.u32("max_deliveries")?,
                    window: f.u32("window")?,
                    dead_letter: Some(f.name("dead_letter")?).filter(|name| !name.is_empty()).map(Into::into),
                };
                Owned::Declared(queue, name, settings, f.u64("next")?)
            }
            kind::DELETED => Owned::Deleted(queue),
            kind::STORED => {
                let (offset, time) = (f.u64("offset")?, Time::from_nanos(f.u64("time")?));
                let (id, body) = (f.short("id")?, f.rest());
                let message = Held { id: Bytes::copy_from_slice(id), body: Bytes::copy_from_slice(body) };
                Owned::Stored(queue, offset, time, message)
            }
            kind::SETTLED => Owned::Settled(queue, f.u64("first")?, f.u64("last")?),
            _ => Owned::Remembered(queue, f.u64("offset")?, f.rest()),
        };
        f.end()?;
        Ok(Record::Change(change))
    }
}

fn put_u64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_be_bytes());
}

/// The fields behind the queue's id.
#[inline]
fn put_fields(out: &mut Vec<u8>, change: Change<'_>) {
    match change {
        Change::Declared { queue: _, name, settings, next } => {
            put_name(out, name.as_bytes());
            out.push(matches!(settings.kind, Kind::Topic).into());
            out.push(match settings.policy {
                Policy::Reject => 0,
                Policy::DropOldest => 1,
                Policy::DeadLetter => 2,
            });
            put_u64(out, settings.max_messages);
            put_u64(out, settings.max_bytes);
            put_u64(out, u64::try_from(settings.max_age.as_nanos()).unwrap_or(u64::MAX));
            out.extend_from_slice(&settings.max_deliveries.to_be_bytes());
            out.extend_from_slice(&settings.window.to_be_bytes());
            put_name(out, settings.dead_letter.as_deref().unwrap_or_default().as_bytes());
            put_u64(out, next);
        }
        Change::Deleted { queue: _ } => {}
        Change::Stored { queue: _, offset, time, message } => {
            put_u64(out, offset);
            put_u64(out, time.as_nanos());
            put_name(out, &message.id);
            out.extend_from_slice(&message.body);
        }
        Change::Settled { queue: _, first, last, end: _ } => {
            put_u64(out, first);
            put_u64(out, last);
        }
        Change::Remembered { queue: _, offset, id } => {
            put_u64(out, offset);
            out.extend_from_slice(id);
        }
    }
}
