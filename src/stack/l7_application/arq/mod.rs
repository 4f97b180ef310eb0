//! Acknowledge and resend over datagrams: the least that makes UDP reliable, so that a reader sees what TCP adds.
//!
//! Not a standard: layerlab's own. Each message is one datagram with a number; the receiver acknowledges every one
//! that comes, each by its number; the sender sends again what is not acknowledged in time, waits twice as long
//! before each further attempt, and gives up after [`ATTEMPTS`]. The receiver hands each number up once, *as it comes*: a
//! missing message holds up no other. What TCP has and this has not: order, congestion control (RFC 5681), flow
//! control (RFC 9293 s3.8.6), a handshake, an end of the stream.
//!
//! ```text
//!    0               1               2               3
//!   +---------------+---------------+---------------+---------------+
//!   | 0x41  'A'     | kind: 1 data  | attempt,      | 0             |
//!   |               |       2 ack   | 1 the first   |               |
//!   +---------------+---------------+---------------+---------------+
//!   | number of the message, big-endian, 1 the first                |
//!   +---------------+---------------+---------------+---------------+
//!   | the message (data only), to the end of the datagram           |
//! ```
//!
//! An acknowledgment repeats number and attempt, so that the round-trip time of the very datagram that it answers
//! is known: without that, RFC 6298 s3 would forbid measuring on anything that was sent twice.

mod codec;
mod receiver;
mod sender;
mod timeout;

pub use codec::{HEADER, Malformed, Packet};
pub use receiver::{Heard, Receiver};
pub use sender::{Misuse, Sender, Told};
pub use timeout::{GRANULARITY, INITIAL, LONGEST, Timeout};

/// Times that a message is sent before it is given up.
pub const ATTEMPTS: u8 = 8;

/// How far the numbers of messages under way lie apart at most. The receiver remembers as many.
pub const WINDOW: u32 = 1024;

/// Messages that may wait for a place in the window.
pub const BACKLOG: usize = 65_536;

/// The body of a fuzz target: no datagrams make either side panic, or the receiver answer more than it heard.
#[doc(hidden)]
pub fn fuzz_arq(octets: &[u8]) {
    use crate::model::{Input, Machine, Outbox, Time};
    let (mut sender, mut receiver) = (Sender::new(), Receiver::new());
    let (mut there, mut back) = (Outbox::new(), Outbox::new());
    let mut now = Time::ZERO;
    for piece in octets.chunks(13) {
        now += std::time::Duration::from_millis(piece[0].into());
        let _ = sender.handle(now, Input::Command(piece.to_vec()), &mut there);
        let _ = sender.handle(now, Input::Datagram(piece), &mut there);
        let _ = receiver.handle(now, Input::Datagram(piece), &mut back);
    }
    assert!(back.datagrams.len() <= octets.len().div_ceil(13));
}

#[cfg(test)]
mod tests;
