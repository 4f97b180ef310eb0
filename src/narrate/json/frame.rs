//! The keys of a frame: its headers, and its octets.

use super::{Any, Object, json, mac, put, put_some};
use crate::model::{
    ArpOperation, Carried, IcmpKind, Ip, LinkHeader, Located, Malformed, Packet, Problem, Seen, Tag, TagKind,
    Tags, Tcp, TcpNote, Value,
};
use std::fmt::Write as _;

pub(super) fn fields(o: &mut Object, seen: &Seen) {
    put(o, "frame.number", seen.id.0);
    put(o, "direction", seen.direction.name());
    put(o, "frame.len", seen.len);
    match &seen.link.header {
        LinkHeader::Ethernet => {
            put(o, "eth.src", mac(seen.source));
            put(o, "eth.dst", mac(seen.destination));
        }
        LinkHeader::Cooked(cooked) => {
            put(o, "sll.pkttype", cooked.packet_type);
            put(o, "sll.hatype", cooked.hardware);
            put(o, "sll.halen", cooked.address_len);
            put_some(o, "sll.src.eth", (cooked.address_len == 6).then(|| mac(seen.source)));
            put(o, "sll.etype", format!("0x{:04x}", cooked.protocol));
            put_some(o, "sll.ifindex", cooked.interface);
        }
        LinkHeader::Loopback { family } => put(o, "null.family", *family),
        LinkHeader::Absent => {}
    }
    tags(o, &seen.link.tags);
    match &seen.packet {
        Packet::Arp(arp) => {
            let opcode = match arp.operation {
                ArpOperation::Request => 1,
                ArpOperation::Reply => 2,
                ArpOperation::Other(n) => n,
            };
            put(o, "arp.opcode", opcode);
            put(o, "arp.src.hw_mac", mac(arp.sender_mac));
            put(o, "arp.src.proto_ipv4", arp.sender_ip.to_string());
            put(o, "arp.dst.hw_mac", mac(arp.target_mac));
            put(o, "arp.dst.proto_ipv4", arp.target_ip.to_string());
            put_some(o, "answers", arp.answers.map(|id| id.0));
            if arp.operation == ArpOperation::Request {
                put(o, "repeat", arp.repeat);
            }
        }
        Packet::Ip(ip, carried) => {
            ip_fields(o, ip);
            carried_fields(o, carried, ip.source.is_ipv6());
        }
        Packet::Other(kind) => {
            let name = match (seen.link.tags.iter().next_back(), &seen.link.header) {
                (Some(Tag { kind: TagKind::Customer, .. }), _) => "vlan.etype",
                (Some(Tag { kind: TagKind::Service, .. }), _) => "ieee8021ah.etype",
                (None, LinkHeader::Ethernet) => "eth.type",
                // What it is stands above.
                (None, _) => return,
            };
            put(o, name, format!("0x{kind:04x}"));
        }
        Packet::Malformed(m) => malformed(o, m),
    }
}

/// Numbers; of several tags of a kind a list of them, outermost first.
fn tags(o: &mut Object, tags: &Tags) {
    for (kind, id, priority) in [
        (TagKind::Service, "ieee8021ad.id", "ieee8021ad.priority"),
        (TagKind::Customer, "vlan.id", "vlan.priority"),
    ] {
        let of_kind: Vec<Tag> = tags.iter().filter(|tag| tag.kind == kind).collect();
        match of_kind[..] {
            [] => {}
            [tag] => {
                put(o, id, tag.id);
                put(o, priority, tag.priority);
            }
            _ => {
                put(o, id, of_kind.iter().map(|tag| tag.id).collect::<Vec<_>>());
                put(o, priority, of_kind.iter().map(|tag| tag.priority).collect::<Vec<_>>());
            }
        }
    }
}

fn ip_fields(o: &mut Object, ip: &Ip) {
    let v6 = ip.source.is_ipv6();
    put(o, if v6 { "ipv6.src" } else { "ip.src" }, ip.source.to_string());
    put(o, if v6 { "ipv6.dst" } else { "ip.dst" }, ip.destination.to_string());
    put(o, if v6 { "ipv6.hlim" } else { "ip.ttl" }, ip.ttl);
    if !v6 {
        put(o, "ip.len", ip.len);
        put(o, "ip.flags.df", ip.df);
        put_some(o, "ip.checksum.status", ip.checksum_good.map(u8::from));
    }
    if let Some(f) = ip.fragment {
        put(o, "fragment", json!({"id": f.id, "offset": f.offset, "len": f.len, "more": f.more}));
    }
}

fn carried_fields(o: &mut Object, carried: &Carried, v6: bool) {
    match carried {
        Carried::Tcp(tcp) => tcp_fields(o, tcp),
        Carried::Udp(udp) => {
            put(o, "udp.srcport", udp.source_port);
            put(o, "udp.dstport", udp.destination_port);
            put(o, "udp.length", udp.len + 8);
            put_some(o, "udp.checksum.status", udp.checksum_good.map(u8::from));
        }
        Carried::Icmp(icmp) => {
            let name = if icmp.v6 { "icmpv6" } else { "icmp" };
            put(o, &format!("{name}.type"), icmp.kind_number);
            put(o, &format!("{name}.code"), icmp.code);
            if let IcmpKind::FragmentationNeeded { mtu } = icmp.kind {
                put(o, &format!("{name}.mtu"), mtu);
            }
            put_some(o, "about", icmp.about.map(|id| id.0));
            if let Some((id, seq)) = icmp.echo {
                let (ident, sequence) = if icmp.v6 {
                    ("icmpv6.echo.identifier", "icmpv6.echo.sequence_number")
                } else {
                    ("icmp.ident", "icmp.seq")
                };
                put(o, ident, id);
                put(o, sequence, seq);
            }
            put_some(o, &format!("{name}.checksum.status"), icmp.checksum_good.map(u8::from));
        }
        Carried::Fragment { protocol } => put(o, if v6 { "ipv6.fraghdr.nxt" } else { "ip.proto" }, *protocol),
        Carried::Other(protocol) => put(o, if v6 { "ipv6.nxt" } else { "ip.proto" }, *protocol),
        Carried::Malformed(m) => malformed(o, m),
    }
}

fn malformed(o: &mut Object, m: &Malformed) {
    let problem = match m.problem {
        Problem::Truncated { .. } => "truncated",
        Problem::BadLength { .. } => "bad_length",
        Problem::BadVersion { .. } => "bad_version",
    };
    put(o, "malformed", json!({"protocol": m.protocol.name(), "offset": m.offset, "problem": problem}));
}

fn tcp_fields(o: &mut Object, tcp: &Tcp) {
    put(o, "tcp.stream", tcp.stream);
    put(o, "tcp.srcport", tcp.source_port);
    put(o, "tcp.dstport", tcp.destination_port);
    put(o, "tcp.flags", format!("0x{:04x}", tcp.flags.0));
    put(o, "flags", tcp.flags.names().collect::<Vec<_>>());
    put(o, "tcp.seq", tcp.seq);
    put_some(o, "tcp.ack", tcp.ack);
    put(o, "tcp.len", tcp.len);
    put(o, "tcp.window_size", tcp.window);
    put_some(o, "tcp.options.mss_val", tcp.mss);
    if !tcp.sack.is_empty() {
        put(o, "sack", tcp.sack.iter().map(|(l, r)| json!([l, r])).collect::<Vec<_>>());
    }
    put_some(o, "tcp.checksum.status", tcp.checksum_good.map(u8::from));
    if !tcp.notes.is_empty() {
        put(o, "analysis", tcp.notes.iter().map(analysis).collect::<Vec<_>>());
    }
}

fn analysis(note: &TcpNote) -> Any {
    match note {
        TcpNote::HandshakeSyn => json!({"note": "handshake_syn"}),
        TcpNote::HandshakeSynAck { answers } => json!({"note": "handshake_syn_ack", "frame": answers.0}),
        TcpNote::HandshakeAck { answers } => json!({"note": "handshake_ack", "frame": answers.0}),
        TcpNote::Refused { answers } => json!({"note": "refused", "frame": answers.0}),
        TcpNote::Reset => json!({"note": "reset"}),
        TcpNote::Acknowledges { last } => json!({"note": "acknowledges", "frame": last.0}),
        TcpNote::DuplicateAck { nth, of } => json!({"note": "duplicate_ack", "frame": of.0, "nth": nth}),
        TcpNote::Retransmission { of, duplicate_acks, needless } => {
            json!({"note": "retransmission", "frame": of.0, "duplicate_acks": duplicate_acks, "needless": needless})
        }
        TcpNote::OutOfOrder => json!({"note": "out_of_order"}),
        TcpNote::FirstFin => json!({"note": "first_fin"}),
        TcpNote::SecondFin => json!({"note": "second_fin"}),
        TcpNote::ZeroWindow => json!({"note": "zero_window"}),
        TcpNote::WindowUpdate => json!({"note": "window_update"}),
        TcpNote::ZeroWindowProbe => json!({"note": "zero_window_probe"}),
        TcpNote::KeepAlive => json!({"note": "keep_alive"}),
        TcpNote::KeepAliveAck => json!({"note": "keep_alive_ack"}),
    }
}

/// The octets, and the header fields found in them, under Wireshark's names. A name that occurs more
/// than once in a frame (an ICMP error quotes a whole IP header) has an array.
pub(super) fn bytes(o: &mut Object, located: &Located) {
    let mut hex = String::with_capacity(located.bytes.len() * 2);
    for b in &located.bytes {
        let _ = write!(hex, "{b:02x}");
    }
    put(o, "bytes", hex);
    if located.headers.is_empty() {
        return;
    }
    let mut fields = Object::new();
    for field in located.headers.iter().flat_map(|h| &h.fields) {
        let value = match &field.value {
            Value::Uint(v) => Any::from(*v),
            Value::Bool(b) => Any::from(*b),
            other => Any::from(other.to_string()),
        };
        match fields.get_mut(field.name) {
            None => put(&mut fields, field.name, value),
            Some(Any::Array(many)) => many.push(value),
            Some(one) => *one = Any::Array(vec![one.take(), value]),
        }
    }
    put(o, "fields", fields);
}
