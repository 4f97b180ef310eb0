//! The stack: layers 2 to 4 as they lie in a frame, pure. No sockets, no clock, no randomness, no files.
//!
//! Each protocol has a *view* (`Frame`, `Packet`, `Message`, `Segment`, `Datagram`: lenient, over borrowed
//! octets) and a *header value* (`Header`, `ArpPacket`: strict, encodes itself with its checksum). A layer
//! may use those below it, never above. Offsets in errors count from the first octet given.
//!
//! Three readings of a whole frame (of a cooked capture's too: [`decode_as`], [`headers_as`]): [`decode`] to typed facts, [`headers`] to every field by name, and
//! [`classify`] to the few traits that a wire script asks for.

pub mod checksum;
mod class;
mod facts;
mod fields;
mod fuzz;
mod headers;
pub mod l2_link;
pub mod l3_internet;
pub mod l4_transport;
pub mod l7_application;
mod octets;
pub mod offload;

pub use class::{classify, ip_len};
pub use facts::{
    Facts, IcmpFacts, IpFacts, Network, Quoted, TcpFacts, Transport, UdpFacts, decode, decode_as,
};
#[doc(hidden)]
pub use fuzz::{fuzz_frame, fuzz_ipv6_extensions, fuzz_superframe, fuzz_tcp_options};
pub use headers::{headers, headers_as};
pub use octets::{OptionOctets, Unencodable};

#[cfg(test)]
mod tests;
