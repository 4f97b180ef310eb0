//! The operating system: private networks without root, clocks, and what sockets leave out.
//!
//! ```no_run
//! # #[cfg(target_os = "linux")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use layerlab::host::{self, PrivateNetwork, Topology};
//! use layerlab::model::Side;
//! use std::net::UdpSocket;
//!
//! host::enter()?;                                    // first thing in main, before any thread
//! let mut net = PrivateNetwork::build(&Topology::default())?;
//! let [mut client_port, mut server_port] = net.take_ports().expect("not taken yet");
//!
//! // Sockets made inside belong to that host, wherever they are used afterwards.
//! let server = net.addressing().server.ipv4;
//! let socket = net.host(Side::Client).call(|| UdpSocket::bind("0.0.0.0:0"))??;
//! let program = net.host(Side::Client).spawn("sender", move || socket.send_to(b"hello", (server, 7)))?;
//!
//! // The pump: whoever reads one port and writes the other is the wire.
//! let mut frame = vec![0; client_port.frame_max()];
//! while let Some(len) = client_port.recv(&mut frame)? {
//!     server_port.send(&frame[..len])?;
//! }
//! # Ok(()) }
//! # #[cfg(not(target_os = "linux"))]
//! # fn main() {}
//! ```
//!
//! Linux has all of it. Elsewhere the data types, the clock and the error names are there, and
//! [`enter`] and [`PrivateNetwork::build`] say [`HostError::Unsupported`].

mod clock;
pub mod control;
pub mod entropy;
pub mod errno;
mod error;
pub mod memory;
#[cfg(unix)]
mod modes;
pub mod probe;
mod remedy;
pub mod signal;
pub mod sockopt;
mod topology;

#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod netns;
#[cfg(target_os = "linux")]
mod private;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod sysctl;
#[cfg(target_os = "linux")]
mod tcp_table;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
pub mod timer;
#[cfg(target_os = "linux")]
mod userns;
#[cfg(target_os = "linux")]
mod vnet;

#[cfg(not(target_os = "linux"))]
mod elsewhere;

pub use clock::Clock;
pub use error::{HostError, PassedOver, Refusal, Step, TopologyError};
#[cfg(unix)]
pub use modes::Modes;
pub use remedy::Remedy;
pub use topology::{
    Addressing, Choice, ETHERNET_HEADER, HostAddress, INTERFACE, MAX_ROUTERS, RouterAddress, Sysctl, Topology,
};

#[cfg(target_os = "linux")]
pub use {
    link::{Port, hear_loopback},
    netns::{LIMIT, Namespace},
    private::PrivateNetwork,
    programs::{Change, Home, Running, run_in_front, stop_together},
    sysctl::Unpinned,
    tcp_table::{connections_closing, listeners, tcp_sockets},
    terminal::{Terminal, terminal_is_gone},
    userns::{Privilege, enter},
};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{PrivateNetwork, Privilege, enter, run_in_front, terminal_is_gone};
