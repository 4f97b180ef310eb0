//! ARP (RFC 826), for IPv4 over Ethernet.

use crate::model::{ArpOperation, Malformed, Protocol};
use crate::stack::l2_link::ethernet::{self, ethertype};
use crate::stack::octets::{be16, ipv4, mac, need};
use std::net::Ipv4Addr;

/// Where the fields lie. Those after [`at::OPERATION`] lie there for Ethernet and IPv4 only.
pub mod at {
    /// Hardware type: 1 is Ethernet.
    pub const HARDWARE_TYPE: usize = 0;
    /// Protocol type, an EtherType.
    pub const PROTOCOL_TYPE: usize = 2;
    /// Octets of a hardware address.
    pub const HARDWARE_SIZE: usize = 4;
    /// Octets of a protocol address.
    pub const PROTOCOL_SIZE: usize = 5;
    /// Operation.
    pub const OPERATION: usize = 6;
    /// Sender's hardware address.
    pub const SENDER_MAC: usize = 8;
    /// Sender's protocol address.
    pub const SENDER_IP: usize = 14;
    /// Target's hardware address.
    pub const TARGET_MAC: usize = 18;
    /// Target's protocol address.
    pub const TARGET_IP: usize = 24;
}

/// Octets of the part that every ARP packet has.
pub const FIXED_LEN: usize = 8;

/// Octets of a packet for IPv4 over Ethernet.
pub const LEN: usize = 28;

/// The hardware type of Ethernet.
pub const ETHERNET: u16 = 1;

/// An ARP packet as it lies in memory, of any hardware and protocol.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a [u8]);

impl<'a> Packet<'a> {
    /// Looks at `bytes` as a packet. Fails with `Truncated` when its addresses, of the sizes that it
    /// states, are not all there.
    pub fn new(bytes: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        need(Protocol::Arp, bytes, FIXED_LEN)?;
        let sizes = usize::from(bytes[at::HARDWARE_SIZE]) + usize::from(bytes[at::PROTOCOL_SIZE]);
        need(Protocol::Arp, bytes, FIXED_LEN + 2 * sizes)?;
        Ok(Packet(bytes))
    }

    /// Hardware type.
    pub fn hardware_type(&self) -> u16 {
        be16(self.0, at::HARDWARE_TYPE)
    }

    /// Protocol type, an EtherType.
    pub fn protocol_type(&self) -> u16 {
        be16(self.0, at::PROTOCOL_TYPE)
    }

    /// Octets of a hardware address.
    pub fn hardware_size(&self) -> u8 {
        self.0[at::HARDWARE_SIZE]
    }

    /// Octets of a protocol address.
    pub fn protocol_size(&self) -> u8 {
        self.0[at::PROTOCOL_SIZE]
    }

    /// Operation: 1 request, 2 reply.
    pub fn operation(&self) -> u16 {
        be16(self.0, at::OPERATION)
    }

    /// Whether it resolves IPv4 addresses to Ethernet addresses.
    pub fn is_ipv4_over_ethernet(&self) -> bool {
        self.hardware_type() == ETHERNET
            && self.protocol_type() == ethertype::IPV4
            && self.hardware_size() == 6
            && self.protocol_size() == 4
    }

    /// Its facts; `None` unless it resolves IPv4 addresses to Ethernet addresses.
    pub fn ipv4_over_ethernet(&self) -> Option<ArpPacket> {
        self.is_ipv4_over_ethernet().then(|| ArpPacket {
            operation: match self.operation() {
                1 => ArpOperation::Request,
                2 => ArpOperation::Reply,
                other => ArpOperation::Other(other),
            },
            sender_mac: mac(self.0, at::SENDER_MAC),
            sender_ip: ipv4(self.0, at::SENDER_IP),
            target_mac: mac(self.0, at::TARGET_MAC),
            target_ip: ipv4(self.0, at::TARGET_IP),
        })
    }
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArpPacket {
    /// Request or reply.
    pub operation: ArpOperation,
    /// Sender's Ethernet address.
    pub sender_mac: [u8; 6],
    /// Sender's IPv4 address.
    pub sender_ip: Ipv4Addr,
    /// Target's Ethernet address (zero in a request).
    pub target_mac: [u8; 6],
    /// Target's IPv4 address.
    pub target_ip: Ipv4Addr,
}

impl ArpPacket {
    /// The reply of the host at `mac` to this request for its address.
    pub const fn reply(&self, mac: [u8; 6]) -> ArpPacket {
        ArpPacket {
            operation: ArpOperation::Reply,
            sender_mac: mac,
            sender_ip: self.target_ip,
            target_mac: self.sender_mac,
            target_ip: self.sender_ip,
        }
    }

    /// Appends the packet's 28 octets.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let operation: u16 = match self.operation {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
            ArpOperation::Other(other) => other,
        };
        out.extend_from_slice(&ETHERNET.to_be_bytes());
        out.extend_from_slice(&ethertype::IPV4.to_be_bytes());
        out.extend_from_slice(&[6, 4]);
        out.extend_from_slice(&operation.to_be_bytes());
        out.extend_from_slice(&self.sender_mac);
        out.extend_from_slice(&self.sender_ip.octets());
        out.extend_from_slice(&self.target_mac);
        out.extend_from_slice(&self.target_ip.octets());
    }

    /// The whole frame that carries the packet from its sender, not padded: to everyone for a request,
    /// to the target otherwise.
    pub fn to_frame(&self) -> Vec<u8> {
        let destination = match self.operation {
            ArpOperation::Request => ethernet::BROADCAST,
            _ => self.target_mac,
        };
        let mut frame = Vec::with_capacity(ethernet::HEADER_LEN + LEN);
        ethernet::Header { destination, source: self.sender_mac, ethertype: ethertype::ARP }
            .encode(&mut frame);
        self.encode(&mut frame);
        frame
    }
}
