//! WebSocket on the real network: how one end reaches the other, and what drives its machine.
//!
//! ```text
//!   Url --> dial (name, addresses, TCP) --> Stream (TCP, or TLS on it: Tls::handshake)
//!                                              |
//!   WebSocket (the pure machine) -----------> Driver --> Turn, one after the other
//! ```
//!
//! [`Driver`] is one connection: a non-blocking [`Stream`], a machine of either role, and a poll. Whoever owns it
//! asks for the next [`Turn`] and gives commands in between; it never blocks longer than it is told to:
//!
//! ```no_run
//! use layerlab::host::Clock;
//! use layerlab::live::ws::{Driver, Stream, Turn, dial};
//! use layerlab::stack::l7_application::ws::machine::{Command, Event, Settings};
//! use layerlab::stack::l7_application::ws::{Masks, Url, WebSocket, handshake::ClientRequest};
//! use std::{sync::Arc, time::Duration};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url: Url = "ws://127.0.0.1:9001/".parse()?;
//! let dialled = dial(&url, Duration::from_secs(5))?;
//! let mut masks = Masks::seeded(1);
//! let request = ClientRequest::new(url.authority(), url.target.clone(), masks.nonce());
//! let machine = WebSocket::client(request, masks, Arc::new(Settings::default()));
//! let mut driver = Driver::new(Stream::plain(dialled.stream)?, machine, Clock::start())?;
//! driver.command(Command::Begin)?;
//! loop {
//!     match driver.next(None) {
//!         Turn::Event(Event::Opened(_)) => driver.command(Command::Ping(b"hi".to_vec()))?,
//!         Turn::Event(Event::Pong(..)) => driver.command(Command::Close(None))?,
//!         Turn::Event(_) | Turn::Woken | Turn::Elapsed => {}
//!         Turn::Failed(error) => return Err(error.into()),
//!         Turn::Over => return Ok(()),
//!     }
//! }
//! # }
//! ```

pub mod conform;
mod dial;
mod driver;
mod stream;
#[cfg(feature = "tls")]
mod tls;

pub use dial::{DialError, Dialled, dial};
pub use driver::{Driver, Turn};
pub use stream::Stream;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, Trust};

#[cfg(test)]
mod tests;
