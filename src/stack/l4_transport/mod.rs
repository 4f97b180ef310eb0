//! OSI layer 4, the Transport layer of RFC 1122: TCP and UDP.

pub mod tcp;
pub mod udp;
