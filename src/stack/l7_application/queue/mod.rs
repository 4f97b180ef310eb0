//! A message queue: publishers hand messages to a server, which keeps them until consumers have acknowledged them.
//! Specified in docs/protocols/queue.md.
//!
//! [`Message`] is what both ends say, one in each frame of [`framing`](super::framing); [`engine`] is the queues themselves,
//! for any face; [`session`] is this protocol's, one for each client; [`journal`] is what survives a crash; [`access`]
//! says who may do what; [`Observer`] reads both ends from outside.

pub mod access;
mod code;
mod dialogue;
pub mod engine;
pub mod facts;
mod fields;
pub mod journal;
pub mod message;
pub mod observer;
mod recall;
pub mod session;

pub use code::Code;
pub use message::{Declare, Malformed, Message};
pub use observer::{Observer, Seen};

#[cfg(test)]
mod tests;

/// The body of a fuzz target: whatever a frame's payload, reading it ends, and what can be read is written the same.
#[doc(hidden)]
pub fn fuzz_message(octets: &[u8]) {
    let [kind, payload @ ..] = octets else { return };
    let Ok(message) = Message::decode(&super::framing::Frame { kind: *kind, payload, octets: &[] }) else {
        return;
    };
    let mut out = Vec::new();
    message.encode(&mut out);
    let frame = super::framing::whole(&out, super::framing::MAX_PAYLOAD).expect("what we wrote is a frame");
    assert_eq!((frame.kind, frame.payload), (*kind, payload));
}
