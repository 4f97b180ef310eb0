//! Where the rule stands that a frame follows.

use crate::model::{Carried, Cite, Icmp, IcmpKind, Ip, Packet, Tcp, TcpFlags, TcpNote};

/// The source for what a packet does; `None` for what layerlab does not decode.
pub(super) fn cite(packet: &Packet) -> Option<Cite> {
    match packet {
        Packet::Arp(_) => Some(Cite::rfc(826, "")),
        Packet::Ip(ip, carried) => internet(ip, carried),
        Packet::Other(_) | Packet::Malformed(_) => None,
    }
}

fn internet(ip: &Ip, carried: &Carried) -> Option<Cite> {
    let v6 = ip.source.is_ipv6();
    if ip.fragment.is_some() {
        return Some(if v6 { Cite::rfc(8200, "4.5") } else { Cite::rfc(791, "3.2") });
    }
    match carried {
        Carried::Tcp(tcp) => Some(transmission(tcp)),
        Carried::Udp(_) => Some(Cite::rfc(768, "")),
        Carried::Icmp(icmp) => Some(control(icmp)),
        Carried::Fragment { .. } | Carried::Other(_) | Carried::Malformed(_) => None,
    }
}

fn control(icmp: &Icmp) -> Cite {
    match (icmp.v6, icmp.kind) {
        (false, IcmpKind::EchoRequest | IcmpKind::EchoReply) => Cite::rfc(1122, "3.2.2.6"),
        (false, IcmpKind::PortUnreachable) => Cite::rfc(1122, "4.1.3.1"),
        (false, IcmpKind::FragmentationNeeded { .. }) => Cite::rfc(1191, "4"),
        (false, IcmpKind::ReassemblyTimeExceeded) => Cite::rfc(1122, "3.3.2"),
        (false, IcmpKind::TtlExceeded | IcmpKind::HostUnreachable | IcmpKind::Other) => Cite::rfc(792, ""),
        (true, IcmpKind::EchoRequest) => Cite::rfc(4443, "4.1"),
        (true, IcmpKind::EchoReply) => Cite::rfc(4443, "4.2"),
        (true, IcmpKind::PortUnreachable | IcmpKind::HostUnreachable) => Cite::rfc(4443, "3.1"),
        (true, IcmpKind::FragmentationNeeded { .. }) => Cite::rfc(4443, "3.2"),
        (true, IcmpKind::TtlExceeded | IcmpKind::ReassemblyTimeExceeded) => Cite::rfc(4443, "3.3"),
        (true, IcmpKind::Other) => match icmp.kind_number {
            135 => Cite::rfc(4861, "4.3"),
            136 => Cite::rfc(4861, "4.4"),
            _ => Cite::rfc(4443, ""),
        },
    }
}

/// Of a segment that is several things, the rarest is cited.
fn transmission(tcp: &Tcp) -> Cite {
    let rank = |note: &TcpNote| match note {
        TcpNote::Refused { .. } => (0, Cite::rfc(9293, "3.5.2")),
        TcpNote::Reset => (0, Cite::rfc(9293, "3.5.3")),
        // Three duplicates are the signal of fast retransmit; what else made the sender repeat cannot be seen.
        TcpNote::Retransmission { duplicate_acks: 3.., .. } => (1, Cite::rfc(5681, "3.2")),
        TcpNote::Retransmission { .. } => (1, Cite::rfc(9293, "3.8.1")),
        TcpNote::HandshakeSyn | TcpNote::HandshakeSynAck { .. } | TcpNote::HandshakeAck { .. } => {
            (2, Cite::rfc(9293, "3.5"))
        }
        TcpNote::FirstFin | TcpNote::SecondFin => (3, Cite::rfc(9293, "3.6")),
        TcpNote::DuplicateAck { .. } if !tcp.sack.is_empty() => (4, Cite::rfc(2018, "4")),
        TcpNote::DuplicateAck { .. } => (4, Cite::rfc(5681, "3.2")),
        TcpNote::ZeroWindowProbe => (5, Cite::rfc(9293, "3.8.6.1")),
        TcpNote::ZeroWindow | TcpNote::WindowUpdate => (6, Cite::rfc(9293, "3.8.6")),
        TcpNote::KeepAlive | TcpNote::KeepAliveAck => (7, Cite::rfc(9293, "3.8.4")),
        TcpNote::OutOfOrder => (8, Cite::rfc(9293, "3.10.7.4")),
        TcpNote::Acknowledges { .. } => (9, Cite::rfc(9293, "3.4")),
    };
    match tcp.notes.iter().map(rank).min_by_key(|(rank, _)| *rank) {
        // A segment with data that also acknowledges is there for the data.
        Some((9, _)) if tcp.len > 0 => Cite::rfc(9293, "3.8"),
        Some((_, cite)) => cite,
        None if tcp.flags.has(TcpFlags::RST) => Cite::rfc(9293, "3.5.3"),
        None if tcp.len > 0 => Cite::rfc(9293, "3.8"),
        None => Cite::rfc(9293, "3.4"),
    }
}
