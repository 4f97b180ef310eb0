//! OSI layer 2, the Link layer of RFC 1122: Ethernet, ARP which serves IP from there, VLAN tags, and what captures
//! have in Ethernet's place.

pub mod arp;
pub mod ethernet;
mod fields;
pub mod null;
pub mod sll;
pub mod vlan;

pub(crate) use fields::{arp_fields, ethernet_fields, trailer_fields};
pub(crate) use null::null_fields;
pub(crate) use sll::{sll_fields, sll_trailer};
pub(crate) use vlan::vlan_fields;
