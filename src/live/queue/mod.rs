//! A client of the queue's protocol (docs/protocols/queue.md), over TCP, WebSocket or UDP.
//!
//! ```no_run
//! use layerlab::live::queue::{Client, Incoming, Settings};
//! use layerlab::stack::l7_application::queue::engine::{self, Subscription};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::connect(&"127.0.0.1:7100".parse()?, &Settings::named("shop"))?;
//! client.declare("orders", &engine::Settings::default())?;
//!
//! // A publisher: what is confirmed is the server's to keep.
//! let seq = client.publish("orders", b"order-17", b"two of the blue ones")?;
//! client.confirmed(seq)?;
//!
//! // A consumer: what it acknowledges will not come again.
//! let subscription = client.subscribe("orders", Subscription { prefetch: 10, ..Subscription::default() })?.number;
//! while let Some(incoming) = client.next(Some(Duration::from_secs(1)))? {
//!     if let Incoming::Delivery(delivery) = incoming {
//!         println!("{}: {} octets", delivery.offset, delivery.body.len());
//!         client.ack(subscription, delivery.offset)?;
//!     }
//! }
//! client.close()?;
//! # Ok(())
//! # }
//! ```

mod client;
pub mod demo;
mod pipe;
mod target;

pub use client::{Client, ClientError, Delivery, Incoming, Settings, Subscribed};
pub use target::{BadTarget, Carrier, Target};

#[cfg(test)]
mod tests;
