//! Round trips, truncation and arbitrary octets, for every protocol of the stack.

use super::checksum::Pseudo;
use super::l2_link::arp::ArpPacket;
use super::l2_link::ethernet::{self, ethertype};
use super::l3_internet::{icmp, ipv4, ipv6, protocol};
use super::l4_transport::tcp::{self, SackBlocks, TcpOption};
use super::l4_transport::udp;
use super::octets::be16;
use super::*;
use crate::model::{
    ArpOperation, Class, Header, LinkHeader, LinkType, Problem, Protocol, Tag, TagKind, Tags, TcpFlags,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

fn mac() -> impl Strategy<Value = [u8; 6]> {
    any::<[u8; 6]>()
}

fn address() -> impl Strategy<Value = Ipv4Addr> {
    any::<u32>().prop_map(Ipv4Addr::from)
}

fn address_v6() -> impl Strategy<Value = Ipv6Addr> {
    any::<u128>().prop_map(Ipv6Addr::from)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..80)
}

fn arp_packet() -> impl Strategy<Value = ArpPacket> {
    let operation = prop_oneof![
        Just(ArpOperation::Request),
        Just(ArpOperation::Reply),
        (3u16..).prop_map(ArpOperation::Other)
    ];
    (operation, mac(), address(), mac(), address()).prop_map(
        |(operation, sender_mac, sender_ip, target_mac, target_ip)| ArpPacket {
            operation,
            sender_mac,
            sender_ip,
            target_mac,
            target_ip,
        },
    )
}

fn ipv4_header() -> impl Strategy<Value = ipv4::Header> {
    let options = vec(any::<u32>(), 0..=10).prop_map(|words| {
        let octets: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        OptionOctets::new(&octets).expect("at most 40")
    });
    let numbers = (any::<u8>(), any::<u16>(), any::<u8>(), any::<u8>());
    let fragment = (any::<bool>(), any::<bool>(), any::<bool>(), 0u16..8192);
    (numbers, fragment, address(), address(), options).prop_map(
        |((dsfield, id, ttl, protocol), (reserved, df, mf, offset), source, destination, options)| {
            ipv4::Header {
                dsfield,
                id,
                reserved,
                dont_fragment: df,
                more_fragments: mf,
                fragment_offset: offset * 8,
                ttl,
                protocol,
                source,
                destination,
                options,
            }
        },
    )
}

fn ipv6_header() -> impl Strategy<Value = ipv6::Header> {
    (any::<u8>(), 0u32..1 << 20, any::<u8>(), any::<u8>(), address_v6(), address_v6()).prop_map(
        |(traffic_class, flow_label, next_header, hop_limit, source, destination)| ipv6::Header {
            traffic_class,
            flow_label,
            next_header,
            hop_limit,
            source,
            destination,
        },
    )
}

fn tcp_option() -> impl Strategy<Value = TcpOption> {
    prop_oneof![
        Just(TcpOption::Nop),
        Just(TcpOption::SackPermitted),
        any::<u16>().prop_map(TcpOption::MaximumSegmentSize),
        any::<u8>().prop_map(TcpOption::WindowScale),
        (any::<u32>(), any::<u32>()).prop_map(|(value, echo)| TcpOption::Timestamps { value, echo }),
        vec(any::<(u32, u32)>(), 1..=4)
            .prop_map(|blocks| TcpOption::Sack(SackBlocks::new(&blocks).expect("at most 4"))),
        // As its kind and length say, so that no known option hides in an unknown one.
        (2u8.., vec(any::<u8>(), 0..8))
            .prop_map(|(kind, data)| TcpOption::read(kind, &data).expect("has a length")),
    ]
}

fn option_len(option: &TcpOption) -> usize {
    let mut octets = Vec::new();
    option.encode(&mut octets);
    octets.len()
}

fn tcp_header() -> impl Strategy<Value = tcp::Header> {
    let options = vec(tcp_option(), 0..8).prop_map(|mut options| {
        while options.iter().map(option_len).sum::<usize>() > OptionOctets::MAX {
            options.pop();
        }
        options
    });
    let numbers = (any::<u16>(), any::<u16>(), any::<u32>(), any::<u32>());
    (numbers, 0u16..1 << 12, any::<u16>(), any::<u16>(), options).prop_map(
        |((source_port, destination_port, seq, ack), flags, window, urgent_pointer, options)| tcp::Header {
            source_port,
            destination_port,
            seq,
            ack,
            flags: TcpFlags(flags),
            window,
            urgent_pointer,
            options,
        },
    )
}

/// Every proper beginning of `octets` fails.
fn every_truncation_fails<'a, T, E>(octets: &'a [u8], decode: impl Fn(&'a [u8]) -> Result<T, E>) -> bool {
    (0..octets.len()).all(|len| decode(&octets[..len]).is_err())
}

proptest! {
    #[test]
    fn ethernet_round_trip(destination in mac(), source in mac(), ethertype: u16, payload in payload()) {
        let header = ethernet::Header { destination, source, ethertype };
        let mut octets = Vec::new();
        header.encode(&mut octets);
        prop_assert!(every_truncation_fails(&octets, ethernet::Header::decode));
        octets.extend_from_slice(&payload);
        prop_assert_eq!(ethernet::Header::decode(&octets), Ok((header, &payload[..])));
    }

    #[test]
    fn arp_round_trip(packet in arp_packet()) {
        let mut octets = Vec::new();
        packet.encode(&mut octets);
        prop_assert!(every_truncation_fails(&octets, l2_link::arp::Packet::new));
        let read = l2_link::arp::Packet::new(&octets).expect("whole").ipv4_over_ethernet();
        prop_assert_eq!(read, Some(packet));
    }

    #[test]
    fn ipv4_round_trip(header in ipv4_header(), payload in payload()) {
        let mut octets = Vec::new();
        header.encode(payload.len(), &mut octets).expect("fits");
        prop_assert!(every_truncation_fails(&octets, ipv4::Header::decode));
        octets.extend_from_slice(&payload);
        prop_assert!(ipv4::Packet::new(&octets).expect("whole").checksum_good());
        prop_assert_eq!(ipv4::Header::decode(&octets), Ok((header, &payload[..])));
    }

    #[test]
    fn ipv6_round_trip(header in ipv6_header(), payload in payload()) {
        let mut octets = Vec::new();
        header.encode(payload.len(), &mut octets).expect("fits");
        prop_assert!(every_truncation_fails(&octets, ipv6::Header::decode));
        octets.extend_from_slice(&payload);
        prop_assert_eq!(ipv6::Header::decode(&octets), Ok((header, &payload[..])));
    }

    #[test]
    fn tcp_round_trip(header in tcp_header(), payload in payload(), a in address(), b in address()) {
        let pseudo = Pseudo::V4 { source: a, destination: b };
        let mut octets = Vec::new();
        header.encode(pseudo, &[], &mut octets).expect("fits");
        prop_assert!(every_truncation_fails(&octets, tcp::Header::decode));
        octets.clear();
        header.encode(pseudo, &payload, &mut octets).expect("fits");
        prop_assert!(tcp::Segment::new(&octets).expect("whole").checksum_good(pseudo));
        prop_assert_eq!(tcp::Header::decode(&octets), Ok((header, &payload[..])));
    }

    #[test]
    fn udp_round_trip(ports: (u16, u16), payload in payload(), a in address_v6(), b in address_v6()) {
        let pseudo = Pseudo::V6 { source: a, destination: b };
        let header = udp::Header { source_port: ports.0, destination_port: ports.1 };
        let mut octets = Vec::new();
        header.encode(pseudo, &payload, &mut octets).expect("fits");
        prop_assert!(every_truncation_fails(&octets[..udp::HEADER_LEN], udp::Header::decode));
        let datagram = udp::Datagram::new(&octets).expect("whole");
        prop_assert_eq!(datagram.checksum_good(pseudo), Some(true));
        prop_assert_eq!(udp::Header::decode(&octets), Ok((header, &payload[..])));
    }

    #[test]
    fn icmp_round_trip(
        v6: bool, kind_number: u8, code: u8, rest: [u8; 4], body in payload(), a in address_v6(), b in address_v6()
    ) {
        let pseudo = Pseudo::V6 { source: a, destination: b };
        let version = if v6 { icmp::Version::V6 } else { icmp::Version::V4 };
        let header = icmp::Header { version, kind_number, code, rest };
        let mut octets = Vec::new();
        header.encode(pseudo, &body, &mut octets);
        let head = &octets[..icmp::HEADER_LEN];
        prop_assert!(every_truncation_fails(head, |octets| icmp::Header::decode(version, octets)));
        prop_assert!(icmp::Message::new(version, &octets).expect("whole").checksum_good(pseudo));
        prop_assert_eq!(icmp::Header::decode(version, &octets), Ok((header, &body[..])));
    }
}

#[test]
fn a_value_without_room_is_refused() {
    let a = Ipv4Addr::LOCALHOST;
    let mut out = vec![7];
    let mut ip = ipv4::Header::new(protocol::UDP, a, a);
    assert!(ip.encode(65_516, &mut out).is_err());
    ip.fragment_offset = 9;
    assert_eq!(ip.encode(0, &mut out).map_err(|e| e.field), Err("ip.frag_offset"));
    ip.fragment_offset = 8;
    ip.options = OptionOctets::new(&[1, 1, 1]).expect("fits");
    assert_eq!(ip.encode(0, &mut out).map_err(|e| e.field), Err("ip.opt"));
    let options = vec![TcpOption::Timestamps { value: 1, echo: 2 }; 5];
    let tcp = tcp::Header {
        source_port: 1,
        destination_port: 2,
        seq: 0,
        ack: 0,
        flags: TcpFlags::SYN,
        window: 0,
        urgent_pointer: 0,
        options,
    };
    let pseudo = Pseudo::V4 { source: a, destination: a };
    assert_eq!(tcp.encode(pseudo, &[], &mut out).map_err(|e| e.value), Err(52));
    assert_eq!(out, [7], "nothing is left behind by a refusal");
}

fn ethernet_frame(ethertype: u16, rest: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    ethernet::Header { destination: [2, 0, 0, 0, 0, 2], source: [2, 0, 0, 0, 0, 1], ethertype }
        .encode(&mut frame);
    frame.extend_from_slice(rest);
    frame
}

#[test]
fn a_segment_as_facts_and_class() {
    let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let blocks = SackBlocks::new(&[(10, 20), (30, 40)]).expect("fits");
    let tcp = tcp::Header {
        source_port: 1000,
        destination_port: 2000,
        seq: 7,
        ack: 8,
        flags: TcpFlags::ACK | TcpFlags::PSH,
        window: 512,
        urgent_pointer: 0,
        options: vec![TcpOption::Nop, TcpOption::Nop, TcpOption::Sack(blocks)],
    };
    let mut segment = Vec::new();
    tcp.encode(Pseudo::V4 { source: a, destination: b }, b"hello", &mut segment).expect("fits");
    let mut packet = Vec::new();
    let mut ip = ipv4::Header::new(protocol::TCP, a, b);
    ip.dont_fragment = true;
    ip.encode(segment.len(), &mut packet).expect("fits");
    packet.extend_from_slice(&segment);
    let mut frame = ethernet_frame(ethertype::IPV4, &packet);
    assert_eq!(ip_len(&frame), Some(packet.len()));
    frame.resize(frame.len() + 6, 0); // Ethernet padding is nobody's payload
    let Network::Ip(ip, Transport::Tcp(facts)) = decode(&frame).network else {
        panic!("no segment in {:?}", decode(&frame));
    };
    assert_eq!((ip.ttl, ip.df, ip.checksum_good, ip.len), (64, true, Some(true), packet.len() as u32));
    assert_eq!((facts.seq, facts.ack, facts.window), (7, 8, 512));
    assert_eq!((facts.payload, facts.payload_len, facts.checksum_good), (&b"hello"[..], 5, Some(true)));
    assert_eq!(&frame[facts.payload_offset..][..5], b"hello");
    assert_eq!(*facts.sack, [(10, 20), (30, 40)]);
    let expected = Class::IPV4.with(Class::DF).with(Class::TCP).with(Class::TCP_ACK).with(Class::TCP_DATA);
    assert_eq!(classify(&frame), expected);
    frame[60] ^= 1;
    let Network::Ip(_, Transport::Tcp(facts)) = decode(&frame).network else {
        panic!("no segment in {:?}", decode(&frame));
    };
    assert_eq!(facts.checksum_good, Some(false));
}

/// Frames that look like something: what random octets alone seldom do.
fn shaped() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![Just(0x0800_u16), Just(0x86dd), Just(0x0806), any::<u16>()];
    let next = prop_oneof![Just(1_u8), Just(6), Just(17), Just(58), Just(0), Just(43), Just(44), Just(60)];
    (vec(any::<u8>(), 60..160), kind, next).prop_map(|(mut frame, kind, next)| {
        frame[12..14].copy_from_slice(&kind.to_be_bytes());
        match kind {
            ethertype::IPV4 => {
                frame[14] = 0x45 + (frame[14] & 1);
                frame[16] = 0;
                frame[20..22].fill(0);
                frame[23] = next;
            }
            ethertype::IPV6 => {
                frame[14] = 0x60;
                frame[18] = 0;
                frame[20] = next;
            }
            _ => {}
        }
        frame
    })
}

proptest! {
    #[test]
    fn readings_of_any_octets_hold_together(octets in vec(any::<u8>(), 0..160), frame in shaped()) {
        fuzz_frame(&octets);
        fuzz_frame(&frame);
        fuzz_tcp_options(&octets);
        fuzz_ipv6_extensions(&octets);
    }
}

/// Every field of the packet of a frame, with what it says.
fn packet_fields(headers: &[Header]) -> Vec<(&'static str, String)> {
    let below = [Protocol::Ethernet, Protocol::Sll, Protocol::Null, Protocol::Vlan];
    let packet = headers.iter().filter(|header| !below.contains(&header.protocol));
    packet.flat_map(|header| &header.fields).map(|field| (field.name, field.value.to_string())).collect()
}

fn tag() -> impl Strategy<Value = Tag> {
    let kind = prop_oneof![Just(TagKind::Customer), Just(TagKind::Service)];
    (kind, 0..4096u16, 0..8u8).prop_map(|(kind, id, priority)| Tag { kind, id, priority })
}

proptest! {
    #[test]
    fn what_stands_below_a_packet_changes_nothing_in_it(
        frame in shaped(), list in vec(tag(), 0..=Tags::MAX), drop_eligible: bool
    ) {
        let number = be16(&frame, 12);
        prop_assume!(l2_link::vlan::kind(number).is_none() && number > ethertype::MAX_LENGTH);
        let expected = packet_fields(&headers(&frame));
        let mut tags = Tags::default();
        let mut behind = Vec::new();
        for tag in &list {
            prop_assert!(tags.push(*tag));
            let control = u16::from(tag.priority) << 13 | u16::from(drop_eligible) << 12 | tag.id;
            behind.extend(if tag.kind == TagKind::Customer { [0x81, 0x00] } else { [0x88, 0xa8] });
            behind.extend(control.to_be_bytes());
        }
        behind.extend(&frame[12..]);
        let mut captures = vec![
            (LinkType::Ethernet, tags, [&frame[..12], &behind].concat()),
            (LinkType::Sll, tags, [&[0; 14], &behind[..]].concat()),
            (LinkType::Sll2, tags, [&behind[..2], &[0; 18], &behind[2..]].concat()),
        ];
        let family = match number {
            ethertype::IPV4 => Some(2u32),
            ethertype::IPV6 => Some(30),
            _ => None,
        };
        if let Some(family) = family {
            let none = Tags::default();
            captures.push((LinkType::Null, none, [&family.to_le_bytes(), &frame[14..]].concat()));
            captures.push((LinkType::Null, none, [&family.to_be_bytes(), &frame[14..]].concat()));
            captures.push((LinkType::Loop, none, [&family.to_be_bytes(), &frame[14..]].concat()));
            captures.push((LinkType::Raw, none, frame[14..].to_vec()));
        }
        for (link, tags, octets) in captures {
            let facts = decode_as(link, &octets);
            prop_assert_eq!(facts.link.tags, tags, "{:?}", link);
            prop_assert_eq!(facts.link.header_len() + frame.len() - 14, octets.len());
            prop_assert_eq!(packet_fields(&headers_as(link, &octets)), expected.clone(), "{:?}", link);
            match (facts.network, decode(&frame).network) {
                (Network::Ip(ip, _), Network::Ip(alone, _)) => prop_assert_eq!(ip, alone),
                (Network::Malformed(ours), Network::Malformed(alone)) => {
                    prop_assert_eq!(ours.problem, alone.problem);
                    prop_assert_eq!(ours.offset + frame.len(), alone.offset + octets.len());
                }
                (ours, alone) => prop_assert_eq!(format!("{ours:?}"), format!("{alone:?}")),
            }
        }
    }
}

#[test]
fn a_tag_that_is_cut_off_is_malformed_and_one_too_many_is_not_read() {
    let frame = ethernet_frame(0x8100, &[0x20, 0x05, 0x88, 0xa8, 0, 6, 8]);
    let facts = decode(&frame);
    assert_eq!(facts.link.tags.iter().map(|tag| (tag.id, tag.priority)).collect::<Vec<_>>(), [(5, 1)]);
    let Network::Malformed(m) = facts.network else { panic!("{facts:?}") };
    assert_eq!((m.protocol, m.offset), (Protocol::Vlan, 18));
    let deep = ethernet_frame(0x8100, &[0, 1, 0x81, 0].repeat(Tags::MAX + 1));
    let facts = decode(&deep);
    assert_eq!(facts.link.tags.len(), Tags::MAX);
    assert!(matches!(facts.network, Network::Other(0x8100)), "{facts:?}");
    let all = headers(&deep);
    assert_eq!(all.iter().filter(|header| header.protocol == Protocol::Vlan).count(), Tags::MAX);
    assert_eq!(all.last().map(|header| header.protocol), Some(Protocol::Data));
}

#[test]
fn a_loopback_family_is_read_in_the_order_that_makes_sense() {
    let family = |link, octets: &[u8]| match decode_as(link, octets).link.header {
        LinkHeader::Loopback { family } => Some(family),
        _ => None,
    };
    assert_eq!(family(LinkType::Null, &[30, 0, 0, 0]), Some(30));
    assert_eq!(family(LinkType::Null, &[0, 0, 0, 30]), Some(30));
    assert_eq!(family(LinkType::Loop, &[0, 0, 0, 24]), Some(24));
    assert_eq!(family(LinkType::Loop, &[24, 0, 0, 0]), Some(24 << 24));
    assert_eq!(family(LinkType::Null, &[30, 0, 0]), None);
    // Whatever begins with neither version of IP is told as what it is not.
    let Network::Malformed(m) = decode_as(LinkType::Raw, &[0x75; 40]).network else { panic!("no version 7") };
    assert_eq!((m.protocol, m.problem), (Protocol::Ipv4, Problem::BadVersion { value: 7 }));
}
