//! ICMP errors as routers send them: whole frames, back to whoever sent the packet.

use super::{Header, Message, Version, kind, kind_v6};
use crate::model::IcmpKind;
use crate::stack::checksum::Pseudo;
use crate::stack::l2_link::ethernet::{self, Frame, ethertype, is_group};
use crate::stack::l3_internet::{ipv4, ipv6, protocol};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Octets of the largest ICMP error, its IP header included (RFC 1812 s4.3.2.3).
const MAX_V4: usize = 576;

/// The precedence of ICMP errors, Internetwork Control (RFC 1812 s4.3.2.5), as it stands in the octet of
/// differentiated services.
const PRECEDENCE: u8 = 0xc0;

/// The type that Redirect has in ICMPv6 (RFC 4861 s4.5): no error by its number, but none is sent about it.
const REDIRECT_V6: u8 = 137;

/// Who sends an ICMP message, and what is left of its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The sender's IPv4 address.
    pub ipv4: Ipv4Addr,
    /// The link-layer address from which the frame comes: the sender's, or that of the last router which
    /// passed the message on.
    pub mac: [u8; 6],
    /// The TTL with which it arrives: 64 less the routers that passed it on.
    pub ttl: u8,
}

/// Time exceeded in transit, about the IPv4 packet in `frame`: type 11, code 0 (RFC 792), quoting as much
/// of it as fits 576 octets in all. A whole frame back to the link-layer address that `frame` came from.
///
/// `None` where nothing may be said (RFC 1122 s3.2.2, RFC 1812 s4.3.2.7): about an ICMP error, a fragment
/// but the first, a frame or packet to more than one host, or one whose source is no single host.
pub fn time_exceeded(origin: Origin, frame: &[u8]) -> Option<Vec<u8>> {
    about_v4(origin, kind::TIME_EXCEEDED, 0, [0; 4], frame)
}

/// Destination unreachable with this code (RFC 792: 0 network, 1 host, 3 port), as [`time_exceeded`].
pub fn unreachable(origin: Origin, code: u8, frame: &[u8]) -> Option<Vec<u8>> {
    about_v4(origin, kind::UNREACHABLE, code, [0; 4], frame)
}

/// The packet in `frame` does not fit `mtu` octets. For IPv4, when it may not be fragmented (DF): type 3,
/// code 4 with the next hop's MTU (RFC 1191 s4), quoting as [`time_exceeded`]. For IPv6: packet too big
/// (RFC 4443 s3.2), 1280 octets in all at most. A whole frame from `mac`, TTL or hop limit 64, back to
/// the link-layer address that `frame` came from. An MTU above 65,535 is told as that to IPv4.
///
/// `None` where nothing may be said: as [`time_exceeded`] for IPv4; for IPv6 about an ICMPv6 error or
/// redirect, or a packet whose source is no single host (RFC 4443 s2.4(e), which lets this one error, path
/// MTU discovery for multicast, answer a group address); and for frames without an IP packet.
pub fn too_big(ipv4: Ipv4Addr, ipv6: Ipv6Addr, mac: [u8; 6], mtu: u32, frame: &[u8]) -> Option<Vec<u8>> {
    let ethernet = Frame::new(frame).ok()?;
    match ethernet.ethertype() {
        ethertype::IPV4 => {
            if !ipv4::Packet::new(ethernet.payload()).ok()?.dont_fragment() {
                return None;
            }
            let [high, low] = u16::try_from(mtu).unwrap_or(u16::MAX).to_be_bytes();
            about_v4(Origin { ipv4, mac, ttl: 64 }, kind::UNREACHABLE, 4, [0, 0, high, low], frame)
        }
        ethertype::IPV6 => about_v6(ipv6, mac, kind_v6::TOO_BIG, mtu.to_be_bytes(), &ethernet),
        _ => None,
    }
}

fn about_v4(origin: Origin, kind: u8, code: u8, rest: [u8; 4], frame: &[u8]) -> Option<Vec<u8>> {
    let ethernet = Frame::new(frame).ok()?;
    if ethernet.ethertype() != ethertype::IPV4 {
        return None;
    }
    let packet = ipv4::Packet::new(ethernet.payload()).ok()?;
    if !may_answer_v4(&ethernet, &packet) {
        return None;
    }
    let whole = packet.header_len() + packet.payload().len();
    let quote = &ethernet.payload()[..whole.min(MAX_V4 - ipv4::MIN_HEADER_LEN - super::HEADER_LEN)];
    let ip = ipv4::Header {
        dsfield: PRECEDENCE,
        // Distinct from error to error as the packets they answer are (RFC 6864 s4.2 asks for no more).
        id: packet.id(),
        ttl: origin.ttl,
        ..ipv4::Header::new(protocol::ICMP, origin.ipv4, packet.source())
    };
    frame_v4(&ethernet, origin.mac, ip, Header { version: Version::V4, kind_number: kind, code, rest }, quote)
}

/// The frame that carries an ICMP message back to where `ethernet` came from. `None` when it would be too
/// large for IPv4.
fn frame_v4(
    ethernet: &Frame<'_>,
    mac: [u8; 6],
    ip: ipv4::Header,
    icmp: Header,
    body: &[u8],
) -> Option<Vec<u8>> {
    let len = super::HEADER_LEN + body.len();
    let mut out = Vec::with_capacity(ethernet::HEADER_LEN + ipv4::MIN_HEADER_LEN + len);
    ethernet::Header { destination: ethernet.source(), source: mac, ethertype: ethertype::IPV4 }
        .encode(&mut out);
    ip.encode(len, &mut out).ok()?;
    icmp.encode(Pseudo::V4 { source: ip.source, destination: ip.destination }, body, &mut out);
    Some(out)
}

fn may_answer_v4(ethernet: &Frame<'_>, packet: &ipv4::Packet<'_>) -> bool {
    let about_error = packet.protocol() == protocol::ICMP
        && Message::new(Version::V4, packet.payload()).is_ok_and(|message| message.is_error());
    !about_error
        && packet.fragment_offset() == 0
        && !is_group(ethernet.destination())
        && !is_group(ethernet.source())
        && is_host(packet.source())
        && !packet.destination().is_multicast()
        && !packet.destination().is_broadcast()
}

/// Whether an address names a single host that can be written to (RFC 1122 s3.2.1.3).
pub(crate) fn is_host(address: Ipv4Addr) -> bool {
    // 0.0.0.0/8 is "this network", 127.0.0.0/8 the host itself, 224.0.0.0 and above groups, what is
    // reserved, and the broadcast address.
    !matches!(address.octets()[0], 0 | 127 | 224..)
}

fn about_v6(
    from: Ipv6Addr,
    mac: [u8; 6],
    kind_number: u8,
    rest: [u8; 4],
    ethernet: &Frame<'_>,
) -> Option<Vec<u8>> {
    let packet = ipv6::Packet::new(ethernet.payload()).ok()?;
    let upper = packet.upper();
    // Only a first octet is needed to know an error, and a fragment may hold no more of it.
    let first = upper.payload.first().copied();
    let about_error = upper.protocol == protocol::ICMPV6
        && upper.fragment.is_none_or(|fragment| fragment.offset == 0)
        && first.is_none_or(|kind| super::is_error(Version::V6, kind) || kind == REDIRECT_V6);
    let source = packet.source();
    if about_error || source.is_unspecified() || source.is_multicast() || is_group(ethernet.source()) {
        return None;
    }
    let whole = ipv6::HEADER_LEN + packet.payload().len();
    let room = ipv6::MIN_MTU - ipv6::HEADER_LEN - super::HEADER_LEN;
    let quote = &ethernet.payload()[..whole.min(room)];
    let ip = ipv6::Header::new(protocol::ICMPV6, from, source);
    let mut out =
        Vec::with_capacity(ethernet::HEADER_LEN + ipv6::HEADER_LEN + super::HEADER_LEN + quote.len());
    ethernet::Header { destination: ethernet.source(), source: mac, ethertype: ethertype::IPV6 }
        .encode(&mut out);
    ip.encode(super::HEADER_LEN + quote.len(), &mut out).ok()?;
    Header { version: Version::V6, kind_number, code: 0, rest }.encode(ip.pseudo(), quote, &mut out);
    Some(out)
}

/// The reply to the echo request in `frame`, from the address that was asked (RFC 792, RFC 1122 s3.2.2.6):
/// same identifier, sequence number, data and type of service. `None` unless it holds a whole and sound
/// request from a single host (requests in fragments are not put together).
pub fn echo_reply(origin: Origin, frame: &[u8]) -> Option<Vec<u8>> {
    let ethernet = Frame::new(frame).ok()?;
    if ethernet.ethertype() != ethertype::IPV4 {
        return None;
    }
    let packet = ipv4::Packet::new(ethernet.payload()).ok()?;
    let request = Message::new(Version::V4, packet.payload()).ok()?;
    let sound = packet.protocol() == protocol::ICMP
        && !packet.is_fragment()
        && packet.is_whole()
        && request.checksum_good(packet.pseudo())
        && request.kind() == IcmpKind::EchoRequest;
    if !sound || !is_host(packet.source()) {
        return None;
    }
    let (id, seq) = request.echo()?;
    let ip = ipv4::Header {
        dsfield: packet.dsfield(),
        id: packet.id(),
        ttl: origin.ttl,
        ..ipv4::Header::new(protocol::ICMP, origin.ipv4, packet.source())
    };
    frame_v4(&ethernet, origin.mac, ip, Header::echo(Version::V4, true, id, seq), request.body())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Class;
    use crate::stack::{Network, Transport, classify, decode};
    use proptest::prelude::*;
    use std::net::IpAddr;

    const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
    const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);
    const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0xfe);
    const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];
    const MAC: [u8; 6] = [2, 0, 0, 0, 1, 0];

    fn frame(header: ipv4::Header, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        ethernet::Header { destination: MAC, source: HOST_MAC, ethertype: ethertype::IPV4 }.encode(&mut out);
        header.encode(payload.len(), &mut out).unwrap();
        out.extend_from_slice(payload);
        out
    }

    fn datagram(len: usize) -> Vec<u8> {
        frame(df(), &udp(len))
    }

    /// A UDP datagram from port 7 to port 9 without a checksum, of this many octets of payload.
    fn udp(len: usize) -> Vec<u8> {
        let total = (8 + len) as u16;
        [&[0, 7, 0, 9][..], &total.to_be_bytes(), &[0, 0], &vec![1; len]].concat()
    }

    fn df() -> ipv4::Header {
        ipv4::Header { dont_fragment: true, id: 77, ..ipv4::Header::new(protocol::UDP, HOST, FAR) }
    }

    fn datagram_v6(destination: Ipv6Addr, len: usize) -> Vec<u8> {
        let ip = ipv6::Header::new(protocol::UDP, Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), destination);
        let payload = udp(len);
        let mut out = Vec::new();
        ethernet::Header { destination: MAC, source: HOST_MAC, ethertype: ethertype::IPV6 }.encode(&mut out);
        ip.encode(payload.len(), &mut out).unwrap();
        out.extend_from_slice(&payload);
        out
    }

    /// Its IP facts and ICMP facts, everything verified, and the octets of the quote.
    fn error(frame: &[u8]) -> (crate::stack::IpFacts, IcmpKind, crate::stack::Quoted, usize) {
        let facts = decode(frame);
        assert_eq!((facts.source, facts.destination), (MAC, HOST_MAC));
        let Network::Ip(ip, Transport::Icmp(icmp)) = facts.network else { panic!("{facts:?}") };
        assert_ne!(ip.checksum_good, Some(false));
        assert_eq!(icmp.checksum_good, Some(true));
        (ip, icmp.kind, icmp.quoted.expect("a quote"), icmp.payload.len())
    }

    #[test]
    fn too_big_tells_the_mtu_and_quotes_to_576_octets() {
        let sent = datagram(1400);
        let (ip, kind, quoted, len) = error(&too_big(ROUTER, ROUTER6, MAC, 1200, &sent).unwrap());
        assert_eq!(kind, IcmpKind::FragmentationNeeded { mtu: 1200 });
        assert_eq!((ip.source, ip.destination), (IpAddr::V4(ROUTER), IpAddr::V4(HOST)));
        assert_eq!((ip.len, len, ip.ttl), (576, 548, 64));
        assert_eq!((quoted.ip.len, quoted.ports), (1428, Some((7, 9))));
    }

    #[test]
    fn too_big_of_ipv6_quotes_to_1280_octets() {
        let far = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
        for destination in [far, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)] {
            let sent = datagram_v6(destination, 1400);
            let (ip, kind, quoted, len) = error(&too_big(ROUTER, ROUTER6, MAC, 1300, &sent).unwrap());
            assert_eq!(kind, IcmpKind::FragmentationNeeded { mtu: 1300 });
            assert_eq!((ip.source, ip.len, len), (IpAddr::V6(ROUTER6), 1280, 1232));
            assert_eq!(quoted.ports, Some((7, 9)));
        }
        // About an error, nothing: neither its own, nor a redirect's.
        let mut sent = too_big(ROUTER, ROUTER6, MAC, 1300, &datagram_v6(far, 1400)).unwrap();
        assert_eq!(too_big(ROUTER, ROUTER6, MAC, 1300, &sent), None);
        sent[54] = 137;
        assert_eq!(too_big(ROUTER, ROUTER6, MAC, 1300, &sent), None);
        sent[54] = 128;
        assert!(too_big(ROUTER, ROUTER6, MAC, 1300, &sent).is_some());
    }

    #[test]
    fn padding_is_not_quoted() {
        let mut sent = datagram(4);
        sent.resize(60, 0);
        let origin = Origin { ipv4: ROUTER, mac: MAC, ttl: 62 };
        let (ip, kind, _, len) = error(&time_exceeded(origin, &sent).unwrap());
        assert_eq!((kind, len, ip.ttl, ip.id), (IcmpKind::TtlExceeded, 32, 62, 77));
    }

    #[test]
    fn nothing_is_said_where_rfc_1122_forbids_it() {
        let origin = Origin { ipv4: ROUTER, mac: MAC, ttl: 64 };
        let error = |frame: &[u8]| time_exceeded(origin, frame);
        let first = ipv4::Header { more_fragments: true, ..df() };
        assert!(error(&frame(first, &[0; 16])).is_some(), "the first fragment is answered");
        let later = ipv4::Header { fragment_offset: 8, ..df() };
        assert_eq!(error(&frame(later, &[0; 16])), None);
        for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
            let header = ipv4::Header { source: source.into(), ..df() };
            assert_eq!(error(&frame(header, &[0; 16])), None, "{source:?}");
        }
        for destination in [[224, 0, 0, 251], [255; 4]] {
            let header = ipv4::Header { destination: destination.into(), ..df() };
            assert_eq!(error(&frame(header, &[0; 16])), None, "{destination:?}");
        }
        let mut broadcast = datagram(8);
        assert!(error(&broadcast).is_some());
        broadcast[..6].fill(0xff);
        assert_eq!(error(&broadcast), None);
        let about = error(&datagram(8)).unwrap();
        assert_eq!(error(&about), None, "no error about an error");
        // A request is no error: it is answered.
        let mut ping = Vec::new();
        let pseudo = Pseudo::V4 { source: HOST, destination: FAR };
        Header::echo(Version::V4, false, 1, 2).encode(pseudo, b"x", &mut ping);
        let ping = frame(ipv4::Header::new(protocol::ICMP, HOST, FAR), &ping);
        assert!(error(&ping).is_some());
        // Without DF a router cuts the packet instead.
        assert_eq!(too_big(ROUTER, ROUTER6, MAC, 20, &ping), None);
        let mut arp = datagram(8);
        arp[13] = 6;
        assert_eq!((error(&arp), too_big(ROUTER, ROUTER6, MAC, 20, &arp)), (None, None));
    }

    #[test]
    fn an_echo_reply_repeats_what_was_asked() {
        let pseudo = Pseudo::V4 { source: HOST, destination: FAR };
        let mut ping = Vec::new();
        Header::echo(Version::V4, false, 0x1234, 5).encode(pseudo, b"are you there", &mut ping);
        let asked = ipv4::Header { dsfield: 0x10, ..ipv4::Header::new(protocol::ICMP, HOST, FAR) };
        let sent = frame(asked, &ping);
        let origin = Origin { ipv4: FAR, mac: MAC, ttl: 63 };
        let reply = echo_reply(origin, &sent).unwrap();
        let Network::Ip(ip, Transport::Icmp(icmp)) = decode(&reply).network else { panic!() };
        assert_eq!((icmp.kind, icmp.echo), (IcmpKind::EchoReply, Some((0x1234, 5))));
        assert_eq!((icmp.payload, icmp.checksum_good), (&b"are you there"[..], Some(true)));
        assert_eq!((ip.source, ip.ttl), (IpAddr::V4(FAR), 63));
        assert_eq!(echo_reply(origin, &reply), None);
        let mut damaged = sent.clone();
        damaged[45] ^= 1;
        assert_eq!(echo_reply(origin, &damaged), None);
        assert_eq!(echo_reply(origin, &sent[..sent.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_answered_soundly_or_not_at_all(
            mut frame in proptest::collection::vec(any::<u8>(), 0..120), v6: bool, version: bool, mtu: u32,
        ) {
            if frame.len() > 20 && version {
                let kind = if v6 { ethertype::IPV6 } else { ethertype::IPV4 };
                frame[12..14].copy_from_slice(&kind.to_be_bytes());
                frame[14] = if v6 { 0x60 } else { 0x45 };
                if !v6 {
                    frame[16] = 0;
                    frame[20] &= 0x60;
                }
            }
            let origin = Origin { ipv4: ROUTER, mac: MAC, ttl: 64 };
            let all = [
                too_big(ROUTER, ROUTER6, MAC, mtu, &frame),
                time_exceeded(origin, &frame),
                unreachable(origin, 1, &frame),
                echo_reply(origin, &frame),
            ];
            for reply in all.into_iter().flatten() {
                prop_assert!(classify(&reply).has(Class::ICMP));
                let Network::Ip(ip, Transport::Icmp(icmp)) = decode(&reply).network else { panic!() };
                prop_assert_ne!(ip.checksum_good, Some(false));
                prop_assert_eq!(icmp.checksum_good, Some(true));
                prop_assert!(reply.len() <= frame.len() + 48);
            }
        }
    }
}
