//! OSI layer 2, the Link layer of RFC 1122: Ethernet, and ARP which serves IP from there.

pub mod arp;
pub mod ethernet;
mod fields;

pub(crate) use fields::{arp_fields, ethernet_fields, trailer_fields};
