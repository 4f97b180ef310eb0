//! The one place where English about events is written.
//!
//! ```text
//!   Event ──> Narrator ──> Sentence ──> Timeline (a terminal)
//!                │                  └─> Json     (one object a line)
//!                └ remembers which frames were seen, so that no sentence
//!                  claims a FIN or a SYN-ACK that nobody observed
//! ```
//!
//! A [`Sentence`] is made from typed facts alone: a decoded frame, a returned system call, a row of
//! the wire's ledger. What was not observed is either left out or marked as inferred. Nothing here
//! reads a clock, the environment or a file: width, colour and glyphs come in a [`Style`].

mod bits;
mod blocks;
mod bytes;
pub mod client;
pub mod conform;
pub mod demo;
pub mod dice;
mod errno;
mod flows;
pub mod glossary;
pub mod grade;
mod heading;
mod json;
pub mod ladder;
pub mod layers;
pub mod loss;
mod memory;
mod programs;
pub mod push;
pub mod quiz;
mod sentence;
mod style;
mod text;
mod timeline;
pub mod tour;
mod verdict;
pub mod view;
mod waits;
pub mod why;
pub mod worksheet;

pub use bits::{queue_bits, websocket_bits};
pub use bytes::{bytes, hexdump};
pub use errno::{Reason, reason};
pub use json::{Json, SCHEMA};
pub use programs::{exit_words, program_note, wire_summary};
pub use sentence::{Narrator, Note, NoteKind, Sentence, sentence};
pub use style::{Glyphs, Ink, MAX_WIDTH, MIN_WIDTH, Models, Style, TcpInfoShow};
pub use text::{preview, safe};
pub use timeline::{Step, Timeline};
pub use verdict::{Failed, came_back, too_big, too_short_to_compress, unused, websocket_ended};

#[cfg(test)]
mod tests;
