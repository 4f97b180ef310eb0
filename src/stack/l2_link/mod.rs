//! OSI layer 2, the Link layer of RFC 1122: Ethernet, ARP which serves IP from there, and what cooked captures have in Ethernet's place.

pub mod arp;
pub mod ethernet;
mod fields;
pub mod sll;

pub(crate) use fields::{arp_fields, ethernet_fields, trailer_fields};
pub(crate) use sll::{sll_fields, sll_trailer};
