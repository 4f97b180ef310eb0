//! Ethernet's and ARP's fields, under Wireshark's names.

use super::arp::{self, at as arp_at};
use super::ethernet::{self, at, ethertype};
use crate::model::{Header, Protocol, TagKind};
use crate::stack::fields::Fields;

pub(super) const fn ethertype_name(number: u64) -> Option<&'static str> {
    match number as u16 {
        ethertype::IPV4 => Some("IPv4"),
        ethertype::ARP => Some("ARP"),
        ethertype::IPV6 => Some("IPv6"),
        0x8100 => Some("802.1Q Virtual LAN"),
        0x88a8 => Some("802.1ad Provider Bridge (Q-in-Q)"),
        _ => None,
    }
}

/// The fields of the Ethernet header at the beginning of `frame`.
pub(crate) fn ethernet_fields(frame: &[u8]) -> Header {
    let mut fields = Fields::new(Protocol::Ethernet, frame, 0);
    // The first octet's last two bits: locally administered, and group (IEEE 802.3 s3.2.3).
    fields.mac("eth.dst", at::DESTINATION);
    fields.bit("eth.dst.lg", at::DESTINATION, 6).bit("eth.dst.ig", at::DESTINATION, 7);
    fields.mac("eth.src", at::SOURCE);
    fields.bit("eth.src.lg", at::SOURCE, 6).bit("eth.src.ig", at::SOURCE, 7);
    match ethernet::Frame::new(frame) {
        Ok(f) if f.ethertype() <= ethertype::MAX_LENGTH => fields.uint("eth.len", at::TYPE, 2),
        _ => fields.hex("eth.type", at::TYPE, 2).named(ethertype_name),
    };
    fields.finish(ethernet::HEADER_LEN)
}

/// What lies in a frame after the packet that ends at `end`: zeros that fill it up to the shortest frame
/// are padding, anything else is a trailer. That has the innermost tag's name.
pub(crate) fn trailer_fields(frame: &[u8], end: usize, innermost: Option<TagKind>) -> Option<Header> {
    let rest = frame.get(end..).filter(|rest| !rest.is_empty())?;
    let mut fields = Fields::new(Protocol::Ethernet, rest, end);
    let fill = if frame.len() < ethernet::MIN_LEN { 0 } else { ethernet::MIN_LEN.saturating_sub(end) };
    let padding = if rest[..fill].iter().all(|octet| *octet == 0) { fill } else { 0 };
    let trailer = match innermost {
        None => "eth.trailer",
        Some(TagKind::Customer) => "vlan.trailer",
        Some(TagKind::Service) => "ieee8021ah.trailer",
    };
    fields.octets("eth.padding", 0..padding).octets(trailer, padding..rest.len());
    Some(fields.finish(rest.len()))
}

/// The fields of the ARP packet at octet `base` of the frame.
pub(crate) fn arp_fields(packet: &[u8], base: usize) -> Header {
    let mut fields = Fields::new(Protocol::Arp, packet, base);
    fields.uint("arp.hw.type", arp_at::HARDWARE_TYPE, 2).named(|n| (n == 1).then_some("Ethernet"));
    fields.hex("arp.proto.type", arp_at::PROTOCOL_TYPE, 2).named(ethertype_name);
    fields.uint("arp.hw.size", arp_at::HARDWARE_SIZE, 1).uint("arp.proto.size", arp_at::PROTOCOL_SIZE, 1);
    fields.uint("arp.opcode", arp_at::OPERATION, 2).named(|n| match n {
        1 => Some("request"),
        2 => Some("reply"),
        _ => None,
    });
    let Some(fixed) = fields.get(0..arp::FIXED_LEN) else {
        return fields.finish(arp::FIXED_LEN);
    };
    let (hardware, protocol) = (usize::from(fixed[4]), usize::from(fixed[5]));
    let is_mac = fixed[..2] == [0, 1] && hardware == 6;
    let is_ipv4 = fixed[2..4] == ethertype::IPV4.to_be_bytes() && protocol == 4;
    let mut offset = arp::FIXED_LEN;
    for [mac, hardware_octets, ipv4, protocol_octets] in [
        ["arp.src.hw_mac", "arp.src.hw", "arp.src.proto_ipv4", "arp.src.proto"],
        ["arp.dst.hw_mac", "arp.dst.hw", "arp.dst.proto_ipv4", "arp.dst.proto"],
    ] {
        if is_mac {
            fields.mac(mac, offset);
        } else {
            fields.octets(hardware_octets, offset..offset + hardware);
        }
        offset += hardware;
        if is_ipv4 {
            fields.ipv4(ipv4, offset);
        } else {
            fields.octets(protocol_octets, offset..offset + protocol);
        }
        offset += protocol;
    }
    fields.finish(offset)
}
