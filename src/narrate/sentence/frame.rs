//! Frames: their fields, and what they are in their conversation.

use super::super::flows::{End, Held};
use super::super::text::{count, preview, span};
use super::{Draft, NoteKind, again};
use crate::model::{
    Arp, ArpOperation, Carried, Cite, Evidence, Icmp, IcmpKind, Ip, LinkHeader, LinkLayer, LinkType,
    Malformed, Packet, Place, Problem, Seen, Tcp, TcpFlags, TcpNote, Udp,
};
use std::net::{IpAddr, SocketAddr};

/// Below this a TTL is worth showing: somebody set it on purpose, or many routers passed.
const LOW_TTL: u8 = 32;

pub(super) fn seen(draft: &mut Draft<'_>, seen: &Seen) -> String {
    let from = match draft.event.place {
        Place::Router(hop) => format!("router {hop}"),
        Place::Wire | Place::Host(_) => end(draft, source(&seen.packet), seen.direction.from().name()),
    };
    let cooked = match seen.link.header {
        LinkHeader::Cooked(cooked) => Some(cooked.packet_type),
        _ => None,
    };
    let to = match seen.destination {
        _ if cooked == Some(1) => "*".to_owned(),
        _ if cooked == Some(2) => "group".to_owned(),
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => "*".to_owned(),
        // The group bit: to several hosts at once.
        [first, ..] if first & 1 == 1 => "group".to_owned(),
        _ => end(draft, destination(&seen.packet), seen.direction.to().name()),
    };
    let route = format!("{} {from}{}{to}", seen.id, draft.glyphs.arrow);
    let vlan = link_words(draft, &seen.link);
    let body = match &seen.packet {
        Packet::Arp(arp) => arp_words(draft, arp),
        Packet::Ip(ip, carried) => ip_words(draft, seen, ip, carried),
        Packet::Other(kind) => match seen.link.header {
            LinkHeader::Cooked(_) => format!("cooked packet of protocol 0x{kind:04x}, {} octets", seen.len),
            LinkHeader::Loopback { family } => {
                format!("loopback packet of address family {family}, {} octets", seen.len)
            }
            LinkHeader::Ethernet | LinkHeader::Absent => {
                format!("Ethernet frame, EtherType 0x{kind:04x}, {} octets", seen.len)
            }
        },
        Packet::Malformed(m) => malformed(draft, seen, m),
    };
    format!("{route} {vlan}{body}")
}

/// What stands below the packet, where that is not Ethernet's header alone: VLANs as words before the packet's.
fn link_words(draft: &mut Draft<'_>, link: &LinkLayer) -> String {
    match link.header {
        LinkHeader::Ethernet | LinkHeader::Absent => {}
        LinkHeader::Cooked(cooked) => {
            let name = if cooked.link == LinkType::Sll2 { "SLL2" } else { "SLL" };
            draft.once(
                "cooked",
                NoteKind::Meaning,
                Some(Cite::named("LINKTYPE_LINUX_SLL2", "")),
                &format!(
                    "a cooked capture: the kernel wrote {name} in the place of the link-layer header, and the \
                     receiver's link-layer address is not in it"
                ),
            );
        }
        LinkHeader::Loopback { .. } => draft.once(
            "null",
            NoteKind::Meaning,
            Some(Cite::named("LINKTYPE_NULL", "")),
            "a loopback capture: four octets with the address family stand in the place of a link-layer header",
        ),
    }
    // The number 0 is none (IEEE 802.1Q s9).
    let ids: Vec<String> = link.tags.iter().filter(|tag| tag.id != 0).map(|tag| tag.id.to_string()).collect();
    if let (0, Some(tag)) = (ids.len(), link.tags.iter().next()) {
        draft.once(
            "priority tag",
            NoteKind::Meaning,
            Some(Cite::named("IEEE 802.1Q", "9")),
            "four octets before the EtherType give the frame a priority, and with the number 0 no VLAN",
        );
        return format!("priority {} ", tag.priority);
    }
    match ids.len() {
        0 => return String::new(),
        1 => draft.once(
            "vlan",
            NoteKind::Meaning,
            Some(Cite::named("IEEE 802.1Q", "9")),
            "four octets before the EtherType name the frame's VLAN: switches keep VLANs apart, as if each had its own cable",
        ),
        _ => draft.once(
            "vlan in vlan",
            NoteKind::Meaning,
            Some(Cite::named("IEEE 802.1Q", "9")),
            "a tag in a tag: the outer is the provider's, the inner its customer's",
        ),
    }
    format!("VLAN {} ", ids.join("."))
}

/// Who has this address: the side, or what stands between the sides when it is neither's.
fn end(draft: &Draft<'_>, address: Option<IpAddr>, side: &str) -> String {
    match (draft.ends, address) {
        (Some(ends), Some(address)) if !ends.addresses.contains(&address) => {
            (if ends.routers { "router" } else { "wire" }).to_owned()
        }
        _ => side.to_owned(),
    }
}

/// The sender's IP address.
fn source(packet: &Packet) -> Option<IpAddr> {
    match packet {
        Packet::Ip(ip, _) => Some(ip.source),
        Packet::Arp(arp) => Some(IpAddr::V4(arp.sender_ip)),
        Packet::Other(_) | Packet::Malformed(_) => None,
    }
}

/// The receiver's IP address.
fn destination(packet: &Packet) -> Option<IpAddr> {
    match packet {
        Packet::Ip(ip, _) => Some(ip.destination),
        Packet::Arp(arp) => Some(IpAddr::V4(arp.target_ip)),
        Packet::Other(_) | Packet::Malformed(_) => None,
    }
}

/// A MAC address as Wireshark writes it.
pub(super) fn mac(m: [u8; 6]) -> String {
    format!("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
}

fn arp_words(draft: &mut Draft<'_>, arp: &Arp) -> String {
    match arp.operation {
        ArpOperation::Request => {
            if arp.sender_ip == arp.target_ip {
                draft.meaning(None, "a host announces its own address");
            } else if arp.repeat > 0 {
                draft.meaning(
                    Some(Cite::rfc(1122, "2.3.2.1")),
                    format!("asked again: {} before it got no answer", count(arp.repeat.into(), "request")),
                );
            } else {
                draft.once(
                    "arp request",
                    NoteKind::Meaning,
                    Some(Cite::rfc(826, "")),
                    "IP has no MAC for it yet; its packet waits for the answer",
                );
            }
            format!("ARP who has {}? tell {}", arp.target_ip, arp.sender_ip)
        }
        ArpOperation::Reply => {
            if let Some(request) = arp.answers {
                draft.meaning(Some(Cite::rfc(826, "")), format!("answers {request}"));
            }
            format!("ARP {} is at {}", arp.sender_ip, mac(arp.sender_mac))
        }
        ArpOperation::Other(n) => format!("ARP operation {n}"),
    }
}

fn ip_words(draft: &mut Draft<'_>, seen: &Seen, ip: &Ip, carried: &Carried) -> String {
    let mut body = match carried {
        Carried::Tcp(tcp) => tcp_words(draft, seen, ip, tcp),
        Carried::Udp(udp) => udp_words(draft, seen, ip, udp),
        Carried::Icmp(icmp) => icmp_words(draft, icmp),
        Carried::Fragment { protocol } => {
            draft.once(
                "fragment",
                NoteKind::Meaning,
                Some(Cite::rfc(791, "3.2")),
                "a later fragment: the ports went with the first one",
            );
            format!("IP fragment of {}", ip_protocol(*protocol))
        }
        Carried::Other(protocol) => {
            format!("IP packet, {}, {} octets", ip_protocol(*protocol), ip.len)
        }
        Carried::Malformed(m) => malformed(draft, seen, m),
    };
    if let Some(f) = ip.fragment {
        body.push_str(&format!(" id=0x{:04x} offset={} len={}", f.id, f.offset, f.len));
        body.push_str(if f.more { " more" } else { " last" });
        if f.more && f.offset == 0 {
            draft.meaning(
                Some(Cite::rfc(791, "3.2")),
                "the first fragment: one packet in several frames, told apart by id",
            );
        }
    }
    checksum(draft, "IP header", ip.checksum_good, Cite::rfc(1122, "3.2.1.2"));
    if ip.ttl < LOW_TTL {
        body.push_str(&format!(" ttl={}", ip.ttl));
    }
    body
}

/// A checksum that did not verify. On a wire of ours it is damage; elsewhere it may as well be a sender that leaves the
/// sum to its hardware, which a capture on that host cannot tell from damage.
fn checksum(draft: &mut Draft<'_>, what: &str, good: Option<bool>, cite: Cite) {
    if good != Some(false) {
        return;
    }
    if draft.ends.is_some_and(|ends| ends.wire) {
        let text = format!("{what} checksum bad: the receiver drops it in silence");
        draft.note(NoteKind::Why, Evidence::Frame, Some(cite), text);
    } else if matches!(what, "TCP" | "UDP") && draft.ends.is_some_and(|ends| ends.loopback) {
        // Linux leaves the sum to hardware that is not there (CHECKSUM_PARTIAL in include/linux/skbuff.h).
        let text = "checksums of TCP and UDP are left out: nothing on loopback could damage a segment";
        if draft.said.insert("checksum left out") {
            draft.note(NoteKind::Kernel, Evidence::Inferred, Some(cite), format!("inferred: {text}"));
        }
    } else {
        // A capture of a sender that does so has it on every frame: explained once.
        let text = if draft.said.insert("checksum left to hardware") {
            format!("{what} checksum does not fit: damaged, or left to the sender's hardware")
        } else {
            format!("{what} checksum does not fit")
        };
        draft.note(NoteKind::Why, Evidence::Frame, Some(cite), text);
    }
}

fn ip_protocol(number: u8) -> String {
    match number {
        1 => "ICMP".to_owned(),
        6 => "TCP".to_owned(),
        17 => "UDP".to_owned(),
        58 => "ICMPv6".to_owned(),
        n => format!("IP protocol {n}"),
    }
}

/// The last `len` octets of the IP packet as text, where the frame's octets are there. Nothing of a fragment: what
/// ends it is not what ends the datagram.
fn payload_preview(draft: &Draft<'_>, seen: &Seen, ip: &Ip, len: u32) -> Option<String> {
    let located = draft.event.bytes.as_ref()?;
    let (whole, len) = (usize::try_from(ip.len).ok()?, usize::try_from(len).ok()?);
    let end = seen.link.header_len().checked_add(whole)?;
    let payload = located.bytes.get(end.checked_sub(len)?..end)?;
    (!payload.is_empty() && ip.fragment.is_none()).then(|| preview(payload, 24, draft.glyphs.ascii))
}

fn udp_words(draft: &mut Draft<'_>, seen: &Seen, ip: &Ip, udp: &Udp) -> String {
    let mut body =
        format!("UDP {}{}{} len={}", udp.source_port, draft.glyphs.arrow, udp.destination_port, udp.len);
    if let Some(text) = payload_preview(draft, seen, ip, udp.len) {
        body.push(' ');
        body.push_str(&text);
    }
    let to = (SocketAddr::new(ip.destination, udp.destination_port), udp.len as usize);
    let routers = draft.ends.is_some_and(|ends| ends.routers);
    let (memory, side) = (draft.memory, seen.direction.from());
    if let Some((arp, waited)) = memory.waits().held(memory, draft.event.at, side, to, routers) {
        let (answer, cite) = match ip.destination {
            IpAddr::V4(_) => ("ARP", Cite::rfc(1122, "2.3.2.2")),
            IpAddr::V6(_) => ("neighbor advertisement", Cite::rfc(4861, "7.2.2")),
        };
        let text = format!("inferred: its kernel held it {} until {answer} {arp} came", span(waited));
        draft.note(NoteKind::Why, Evidence::Inferred, Some(cite), text);
    }
    checksum(draft, "UDP", udp.checksum_good, Cite::rfc(1122, "4.1.3.4"));
    draft.once(
        "udp",
        NoteKind::Meaning,
        Some(Cite::rfc(768, "")),
        "a datagram: no handshake before, no acknowledgment after",
    );
    body
}

fn tcp_words(draft: &mut Draft<'_>, seen: &Seen, ip: &Ip, tcp: &Tcp) -> String {
    let mut body = String::from("TCP");
    if tcp.stream > 0 {
        body.push_str(&format!(" stream {}", tcp.stream));
    }
    if tcp.flags.has(TcpFlags::SYN) && !tcp.flags.has(TcpFlags::ACK) {
        body.push_str(&format!(" {}{}{}", tcp.source_port, draft.glyphs.arrow, tcp.destination_port));
    }
    if tcp.flags == TcpFlags::default() {
        body.push_str(" no flags");
    } else {
        body.push_str(&format!(" {}", tcp.flags));
    }
    body.push_str(&format!(" seq={}", tcp.seq));
    if let Some(ack) = tcp.ack {
        body.push_str(&format!(" ack={ack}"));
    }
    if tcp.len > 0 {
        body.push_str(&format!(" len={}", tcp.len));
        if let Some(text) = payload_preview(draft, seen, ip, tcp.len) {
            body.push(' ');
            body.push_str(&text);
        }
    }
    let telling =
        |n: &TcpNote| matches!(n, TcpNote::ZeroWindow | TcpNote::WindowUpdate | TcpNote::ZeroWindowProbe);
    if tcp.flags.has(TcpFlags::SYN) || tcp.notes.iter().any(telling) {
        body.push_str(&format!(" win={}", tcp.window));
    }
    if let Some(mss) = tcp.mss {
        body.push_str(&format!(" mss={mss}"));
    }
    for (left, right) in &tcp.sack {
        body.push_str(&format!(" sack={left}-{right}"));
    }
    // That a segment is sent again comes before what it is.
    for note in tcp.notes.iter().filter(|n| is_again(n)).chain(tcp.notes.iter().filter(|n| !is_again(n))) {
        tcp_note(draft, seen, tcp, note);
    }
    if tcp.flags.has(TcpFlags::RST) && tcp.notes.is_empty() {
        another_reset(draft, seen, tcp);
    }
    handed_over(draft, seen, tcp);
    let loopback = draft.ends.is_some_and(|ends| ends.loopback);
    let flows = draft.memory.flows();
    if let Some(waited) = flows.delayed(draft.memory, draft.event.at, (seen, tcp), loopback) {
        let text = format!(
            "inferred: a delayed ACK: its kernel waited {} for data to send it with, or for another segment",
            span(waited)
        );
        draft.note(NoteKind::Why, Evidence::Inferred, Some(Cite::rfc(9293, "3.8.6.3")), text);
    }
    checksum(draft, "TCP", tcp.checksum_good, Cite::rfc(9293, "3.1"));
    body
}

const fn is_again(note: &TcpNote) -> bool {
    matches!(note, TcpNote::Retransmission { .. })
}

/// A RST of a connection that one has ended already. What draws it, where it acknowledges nothing, is a segment that
/// has no connection any more: its own number is that segment's acknowledgment.
fn another_reset(draft: &mut Draft<'_>, seen: &Seen, tcp: &Tcp) {
    let cite = Some(Cite::rfc(9293, "3.5.2"));
    if tcp.ack.is_none() && draft.memory.flows().was_told_to_send(seen, tcp) {
        let text =
            "inferred: one more RST, drawn by a segment that came after the end: its seq is that one's ack";
        draft.note(NoteKind::Meaning, Evidence::Inferred, cite, text);
    } else {
        draft.meaning(cite, "one more RST: the connection was ended before");
    }
}

fn tcp_note(draft: &mut Draft<'_>, seen: &Seen, tcp: &Tcp, note: &TcpNote) {
    let rfc = |section| Some(Cite::rfc(9293, section));
    match note {
        // Of one that is sent again, that was said.
        TcpNote::HandshakeSyn if tcp.notes.iter().any(is_again) => {}
        TcpNote::HandshakeSyn => {
            draft.meaning(rfc("3.5"), "first of a handshake's three: asks for a connection");
        }
        TcpNote::HandshakeSynAck { answers } => {
            draft.meaning(rfc("3.5"), format!("second of three, answers {answers}: ack = its ISN+1"));
        }
        TcpNote::HandshakeAck { answers } => {
            draft.meaning(rfc("3.5"), format!("third of three, answers {answers}: the handshake is done"));
        }
        TcpNote::Refused { answers } => draft.meaning(
            rfc("3.5.2"),
            format!("refuses SYN {answers}: no socket listens on port {}", tcp.source_port),
        ),
        TcpNote::Reset => draft.meaning(rfc("3.5.2"), "ends the connection at once; nothing answers a RST"),
        TcpNote::Acknowledges { last } => draft.meaning(None, format!("acknowledges all up to {last}")),
        TcpNote::DuplicateAck { nth, of } => draft.meaning(
            Some(Cite::rfc(5681, "2")),
            format!(
                "duplicate ACK {nth}: the same number as {of}; octet {} is still missing",
                tcp.ack.unwrap_or_default()
            ),
        ),
        TcpNote::Retransmission { of, duplicate_acks, needless } => {
            again::retransmission(draft, seen, tcp, *of, *duplicate_acks, *needless);
        }
        TcpNote::OutOfOrder => {
            draft.meaning(rfc("3.4"), "a gap: octets before it were not seen yet");
        }
        TcpNote::FirstFin => {
            draft.meaning(
                rfc("3.6"),
                match draft.memory.flows().end(seen, tcp) {
                    Some(End::Closed) => "first FIN: its program closed the socket, and will not read either",
                    Some(End::Shut) => "first FIN: this side sends no more, but still reads",
                    None => "first FIN: this side sends no more; the other still may",
                },
            );
        }
        TcpNote::SecondFin => draft.meaning(rfc("3.6"), "second FIN: now both directions are ended"),
        TcpNote::ZeroWindow => draft.meaning(rfc("3.8.6"), "window 0: this side has no room left"),
        TcpNote::WindowUpdate => {
            draft.meaning(rfc("3.8.6"), "window update: more room, nothing new acknowledged");
        }
        TcpNote::ZeroWindowProbe => {
            draft.meaning(rfc("3.8.6.1"), "window probe: asks whether there is room again");
        }
        TcpNote::KeepAlive => draft.meaning(rfc("3.8.4"), "keep-alive: asks a silent peer whether it lives"),
        TcpNote::KeepAliveAck => draft.meaning(rfc("3.8.4"), "answers a keep-alive: the peer lives"),
    }
}

/// How the program's send()s became this segment, where both were seen.
fn handed_over(draft: &mut Draft<'_>, seen: &Seen, tcp: &Tcp) {
    let (flows, now) = (draft.memory.flows(), draft.event.at);
    let calls = flows.sends_in(seen, tcp);
    let held = flows.held(draft.memory, now, seen, tcp);
    if calls > 1 {
        draft.meaning(Some(Cite::rfc(9293, "2.2")), format!("octets of {calls} send()s in one segment"));
    }
    if let Some(Held { until, waited, in_flight }) = held {
        let text = format!(
            "inferred: Nagle's algorithm held it {} until ACK {until} came; {} unacknowledged",
            span(waited),
            if in_flight == 1 { "1 octet was".to_owned() } else { format!("{in_flight} octets were") },
        );
        draft.note(NoteKind::Why, Evidence::Inferred, Some(Cite::rfc(9293, "3.7.4")), text);
    }
}

fn icmp_words(draft: &mut Draft<'_>, icmp: &Icmp) -> String {
    let name = if icmp.v6 { "ICMPv6" } else { "ICMP" };
    let number = format!("{}/{}", icmp.kind_number, icmp.code);
    let about = |draft: &mut Draft<'_>, cite, what: &str| {
        let text = match icmp.about {
            Some(frame) => format!("about {frame}: {what}"),
            None => what.to_owned(),
        };
        draft.meaning(Some(cite), text);
    };
    let echo = |word: &str| match icmp.echo {
        Some((id, seq)) => format!("{name} {number} echo {word} id={id} seq={seq}"),
        None => format!("{name} {number} echo {word}"),
    };
    checksum(draft, name, icmp.checksum_good, Cite::rfc(792, ""));
    match icmp.kind {
        IcmpKind::EchoRequest => {
            draft.once(
                "echo",
                NoteKind::Meaning,
                Some(Cite::rfc(792, "")),
                "ping: the far kernel answers it, no program does",
            );
            echo("request")
        }
        IcmpKind::EchoReply => echo("reply"),
        IcmpKind::PortUnreachable => {
            about(draft, Cite::rfc(1122, "4.1.3.1"), "no socket has that port; the far kernel says so");
            format!("{name} {number} port unreachable")
        }
        IcmpKind::HostUnreachable => {
            about(draft, Cite::rfc(792, ""), "a router could not reach that host");
            format!("{name} {number} host unreachable")
        }
        IcmpKind::FragmentationNeeded { mtu } => {
            if icmp.v6 {
                about(draft, Cite::rfc(4443, "3.2"), "too large for the next link; IPv6 routers never split");
            } else {
                about(draft, Cite::rfc(1191, "4"), "too large for the next link, and DF forbids to split it");
            }
            if icmp.v6 {
                format!("{name} {number} packet too big, mtu={mtu}")
            } else {
                format!("{name} {number} fragmentation needed, mtu={mtu}")
            }
        }
        IcmpKind::TtlExceeded => {
            about(draft, Cite::rfc(792, ""), "its TTL reached 0 on the way");
            format!("{name} {number} time exceeded in transit")
        }
        IcmpKind::ReassemblyTimeExceeded => {
            about(draft, Cite::rfc(1122, "3.3.2"), "a fragment never came; the rest is thrown away");
            format!("{name} {number} reassembly time exceeded")
        }
        // RFC 4861 s4.3, s4.4
        IcmpKind::Other if icmp.v6 && icmp.kind_number == 135 => {
            draft.once("ndp", NoteKind::Meaning, None, "IPv6 asks for a MAC so, where IPv4 has ARP");
            format!("{name} {number} neighbor solicitation")
        }
        IcmpKind::Other if icmp.v6 && icmp.kind_number == 136 => {
            format!("{name} {number} neighbor advertisement")
        }
        IcmpKind::Other => format!("{name} {number}"),
    }
}

fn malformed(draft: &mut Draft<'_>, seen: &Seen, m: &Malformed) -> String {
    let kept = draft.event.bytes.as_ref().map_or(usize::MAX, |located| located.bytes.len());
    if matches!(m.problem, Problem::Truncated { .. }) && kept < seen.len as usize {
        draft.meaning(None, format!("the capture kept {kept} of its {} octets", seen.len));
        return format!("{}, cut by the capture", m.protocol.name());
    }
    let what = match m.problem {
        Problem::Truncated { needed, got } => format!("needs {needed} octets, has {got}"),
        Problem::BadLength { value } => format!("its length field says {value}, which cannot be"),
        Problem::BadVersion { value } => format!("its version field says {value}, which is not its own"),
    };
    draft.meaning(None, format!("{what} (at octet {})", m.offset));
    format!("malformed {}", m.protocol.name())
}
