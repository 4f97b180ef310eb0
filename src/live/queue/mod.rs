//! A client of the queue's protocol (docs/protocols/queue.md), over TCP, WebSocket or UDP.
//!
//! docs/queue.md shows it at work.

mod client;
pub mod demo;
mod pipe;
mod target;

pub use client::{Client, ClientError, Delivery, Incoming, Settings, Subscribed};
pub use target::{BadTarget, Carrier, Target};

#[cfg(test)]
mod tests;

/// The page's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/queue.md")]
struct Page;
