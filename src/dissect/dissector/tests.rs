//! Frames of every kind, by themselves and after one another.

use super::*;
use crate::model::{Cite, IpFragment, LinkType, TcpFlags};
use crate::stack::checksum::Pseudo;
use crate::stack::l2_link::ethernet::{self, ethertype};
use crate::stack::l3_internet::{icmp, ipv4, protocol};
use crate::stack::l4_transport::{tcp, udp};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

fn pseudo(source: Ipv4Addr, destination: Ipv4Addr) -> Pseudo {
    Pseudo::V4 { source, destination }
}

fn framed(header: ipv4::Header, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    ethernet::Header { destination: [2; 6], source: [4; 6], ethertype: ethertype::IPV4 }.encode(&mut frame);
    header.encode(payload.len(), &mut frame).unwrap();
    frame.extend_from_slice(payload);
    frame
}

fn udp(id: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    udp::Header { source_port: 40_000, destination_port: 9 }
        .encode(pseudo(A, B), payload, &mut datagram)
        .unwrap();
    framed(ipv4::Header { id, ..ipv4::Header::new(protocol::UDP, A, B) }, &datagram)
}

fn segment(seq: u32, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let header = tcp::Header {
        source_port: 40_000,
        destination_port: 7,
        seq,
        ack: 0,
        flags,
        window: 512,
        urgent_pointer: 0,
        options: vec![],
    };
    header.encode(pseudo(A, B), payload, &mut octets).unwrap();
    framed(ipv4::Header::new(protocol::TCP, A, B), &octets)
}

/// An ICMP error of B about a packet of A: its header and the 8 octets after it (RFC 792).
fn error(kind_number: u8, code: u8, about: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let header = icmp::Header { version: icmp::Version::V4, kind_number, code, rest: [0; 4] };
    header.encode(pseudo(B, A), &about[14..14 + 28], &mut message);
    framed(ipv4::Header::new(protocol::ICMP, B, A), &message)
}

/// A dissector and the frames that it has seen: numbered from 1, events likewise.
#[derive(Default)]
struct Bench {
    dissector: Dissector,
    frames: u64,
}

impl Bench {
    fn see(&mut self, bytes: &[u8]) -> Event {
        self.frames += 1;
        self.dissector.frame(
            EventId(self.frames),
            &Frame {
                id: FrameId(self.frames),
                direction: Direction::ToServer,
                at: Time::from_millis(self.frames),
                bytes,
                len: bytes.len() as u32,
                fate: None,
                link: LinkType::Ethernet,
            },
        )
    }
}

fn carried(event: &Event) -> (&Ip, &Carried) {
    match &event.what {
        What::Frame(seen) => match &seen.packet {
            Packet::Ip(ip, carried) => (ip, carried),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_icmp_error_names_the_frame_it_is_about() {
    let mut bench = Bench::default();
    let datagrams = [udp(1, b"one"), udp(2, b"two"), udp(2, b"again"), segment(5, TcpFlags::SYN, b"")];
    for datagram in &datagrams {
        bench.see(datagram);
    }
    let about = |event: &Event| match carried(event).1 {
        Carried::Icmp(icmp) => (icmp.kind, icmp.about, event.cause, event.cite),
        other => panic!("{other:?}"),
    };
    let port = IcmpKind::PortUnreachable;
    let cite = Some(Cite::rfc(1122, "4.1.3.1"));
    let first = bench.see(&error(3, 3, &datagrams[0]));
    assert_eq!(about(&first), (port, Some(FrameId(1)), Some(EventId(1)), cite));
    assert_eq!(first.protocol, Protocol::Icmp);
    // Of packets that say the same, the last.
    let second = bench.see(&error(3, 3, &datagrams[1]));
    assert_eq!(about(&second), (port, Some(FrameId(3)), Some(EventId(3)), cite));
    // Time exceeded, about the SYN; and about one that nobody saw.
    let third = bench.see(&error(11, 0, &datagrams[3]));
    assert_eq!(
        about(&third),
        (IcmpKind::TtlExceeded, Some(FrameId(4)), Some(EventId(4)), Some(Cite::rfc(792, "")))
    );
    let fourth = bench.see(&error(11, 0, &segment(6, TcpFlags::SYN, b"")));
    assert_eq!(about(&fourth).1, None);
    let fifth = bench.see(&error(3, 3, &udp(9, b"unseen")));
    assert_eq!(about(&fifth).1, None);
}

#[test]
fn fragments_act_in_ip_and_their_first_knows_the_whole_length() {
    let mut bench = Bench::default();
    let mut datagram = Vec::new();
    let header = udp::Header { source_port: 1, destination_port: 2 };
    header.encode(pseudo(A, B), &[7; 1473], &mut datagram).unwrap();
    let ip = |offset, more| ipv4::Header {
        id: 77,
        fragment_offset: offset,
        more_fragments: more,
        ..ipv4::Header::new(protocol::UDP, A, B)
    };
    let first = bench.see(&framed(ip(0, true), &datagram[..1480]));
    let second = bench.see(&framed(ip(1480, false), &datagram[1480..]));
    for event in [&first, &second] {
        assert_eq!((event.protocol, event.cite), (Protocol::Ipv4, Some(Cite::rfc(791, "3.2"))));
    }
    let (ip, udp) = carried(&first);
    assert_eq!(ip.fragment, Some(IpFragment { id: 77, offset: 0, len: 1480, more: true }));
    assert!(matches!(udp, Carried::Udp(udp) if udp.len == 1473 && udp.checksum_good.is_none()), "{udp:?}");
    let (ip, rest) = carried(&second);
    assert_eq!(ip.fragment, Some(IpFragment { id: 77, offset: 1480, len: 1, more: false }));
    assert_eq!(*rest, Carried::Fragment { protocol: protocol::UDP });
}

#[test]
fn what_is_not_decoded_is_named() {
    let mut bench = Bench::default();
    let mut frame = Vec::new();
    ethernet::Header { destination: [2; 6], source: [4; 6], ethertype: 0x88cc }.encode(&mut frame);
    let event = bench.see(&frame);
    assert_eq!((event.protocol, event.cite), (Protocol::Ethernet, None));
    assert!(matches!(&event.what, What::Frame(seen) if seen.packet == Packet::Other(0x88cc)));
    let event = bench.see(&framed(ipv4::Header::new(89, A, B), b"ospf"));
    assert_eq!((event.protocol, carried(&event).1), (Protocol::Ipv4, &Carried::Other(89)));
    let event = bench.see(&[1, 2, 3]);
    assert_eq!(event.protocol, Protocol::Ethernet);
    assert!(matches!(&event.what, What::Frame(seen) if matches!(seen.packet, Packet::Malformed(_))));
}

#[test]
fn causes_are_the_frames_that_are_answered_or_repeated() {
    let mut bench = Bench::default();
    bench.see(&segment(1, TcpFlags::ACK, b"abc"));
    bench.see(&segment(4, TcpFlags::ACK, b"def"));
    let event = bench.see(&segment(1, TcpFlags::ACK, b"abc"));
    assert_eq!(event.cause, Some(EventId(1)));
    assert_eq!((event.protocol, event.cite), (Protocol::Tcp, Some(Cite::rfc(9293, "3.8"))));
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut bench = Bench::default();
    let frame = udp(1, b"");
    for _ in 0..EVENTS_MAX + 10 {
        bench.see(&frame);
    }
    assert_eq!(bench.dissector.events.len(), EVENTS_MAX);
}

proptest! {
    #[test]
    fn any_octets_are_dissected(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..20)) {
        let mut bench = Bench { dissector: Dissector::new().with_bytes(true), frames: 0 };
        for frame in frames {
            bench.see(&frame);
        }
    }

    #[test]
    fn any_truncation_and_change_is_dissected(
        seq in any::<u32>(), flags in 0u16..512, payload in proptest::collection::vec(any::<u8>(), 0..30),
        cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let mut bench = Bench { dissector: Dissector::new().with_bytes(true), frames: 0 };
        for mut frame in [segment(seq, TcpFlags(flags), &payload), udp(1, &payload), error(3, 3, &udp(1, &payload))] {
            bench.see(&frame);
            bench.see(&frame[..cut.index(frame.len())]);
            let at = at.index(frame.len());
            frame[at] = to;
            bench.see(&frame);
        }
    }

    #[test]
    fn the_fuzzed_body_takes_anything(data in proptest::collection::vec(any::<u8>(), 0..600)) {
        crate::dissect::fuzz_dissector(&data);
    }
}
