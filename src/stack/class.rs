//! What a frame is, found by looking at as few octets as possible: this runs for every frame that crosses
//! the wire.

use super::l2_link::ethernet::{BROADCAST, HEADER_LEN, ethertype};
use super::l3_internet::{ipv4, ipv6, protocol};
use super::l4_transport::tcp;
use super::octets::be16;
use crate::model::{Class, TcpFlags};

/// The traits of a frame, from its Ethernet header on. Takes any octets: what is not there or does not
/// hold together has no traits. Checksums are not looked at.
pub fn classify(frame: &[u8]) -> Class {
    if frame.len() < HEADER_LEN {
        return Class::NONE;
    }
    let class = if frame[..6] == BROADCAST { Class::BROADCAST } else { Class::NONE };
    let packet = &frame[HEADER_LEN..];
    match be16(frame, 12) {
        ethertype::IPV4 => class.with(classify_v4(packet)),
        ethertype::ARP => class.with(Class::ARP),
        ethertype::IPV6 => class.with(classify_v6(packet)),
        _ => class,
    }
}

/// Octets of the IP packet in a frame, as its header says; `None` when it carries none. What an MTU is
/// compared with.
pub fn ip_len(frame: &[u8]) -> Option<usize> {
    if frame.len() < HEADER_LEN {
        return None;
    }
    let packet = &frame[HEADER_LEN..];
    match be16(frame, 12) {
        ethertype::IPV4 => Some(usize::from(ipv4::Packet::new(packet).ok()?.total_len())),
        ethertype::IPV6 => {
            Some(ipv6::HEADER_LEN + usize::from(ipv6::Packet::new(packet).ok()?.payload_len()))
        }
        _ => None,
    }
}

fn classify_v4(packet: &[u8]) -> Class {
    let Ok(p) = ipv4::Packet::new(packet) else {
        return Class::IPV4;
    };
    let mut class = Class::IPV4;
    if p.dont_fragment() {
        class = class.with(Class::DF);
    }
    if p.is_fragment() {
        class = class.with(Class::FRAGMENT);
        if p.fragment_offset() != 0 {
            return class;
        }
    }
    class.with(classify_transport(p.protocol(), protocol::ICMP, p.payload(), p.payload_len()))
}

fn classify_v6(packet: &[u8]) -> Class {
    let Ok(p) = ipv6::Packet::new(packet) else {
        return Class::IPV6;
    };
    let upper = p.upper();
    let mut class = Class::IPV6;
    if let Some(fragment) = upper.fragment {
        class = class.with(Class::FRAGMENT);
        if fragment.offset != 0 {
            return class;
        }
    }
    if upper.error.is_some() {
        return class;
    }
    class.with(classify_transport(upper.protocol, protocol::ICMPV6, upper.payload, upper.len))
}

fn classify_transport(number: u8, icmp: u8, bytes: &[u8], len: usize) -> Class {
    match number {
        protocol::TCP => {
            let Ok(segment) = tcp::Segment::new(bytes) else {
                return Class::TCP;
            };
            let flags = segment.flags();
            let mut class = Class::TCP;
            for (flag, is) in [
                (TcpFlags::SYN, Class::TCP_SYN),
                (TcpFlags::ACK, Class::TCP_ACK),
                (TcpFlags::FIN, Class::TCP_FIN),
                (TcpFlags::RST, Class::TCP_RST),
            ] {
                if flags.has(flag) {
                    class = class.with(is);
                }
            }
            if len > segment.header_len() { class.with(Class::TCP_DATA) } else { class }
        }
        protocol::UDP => Class::UDP,
        number if number == icmp => Class::ICMP,
        _ => Class::NONE,
    }
}
