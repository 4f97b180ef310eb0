//! The path of three routers: what passes, what ends, and who answers with what.

use super::fuzz::{CLIENT, HOPS, SERVER};
use super::*;
use crate::model::IcmpKind;
use crate::stack::checksum::Pseudo;
use crate::stack::l2_link::arp::ArpPacket;
use crate::stack::l3_internet::icmp::Version;
use crate::stack::{IpFacts, Network, Transport, decode};
use proptest::prelude::*;
use std::net::IpAddr;

fn path() -> Path {
    Path::new(CLIENT, SERVER, HOPS.to_vec()).expect("three routers")
}

/// The sender, its gateway and the far host.
fn ends(direction: Direction) -> (End, [u8; 6], End) {
    match direction {
        Direction::ToServer => (CLIENT, HOPS[0].mac, SERVER),
        Direction::ToClient => (SERVER, HOPS[2].mac, CLIENT),
    }
}

fn packet(direction: Direction, ip: ipv4::Header, payload: &[u8]) -> Vec<u8> {
    let (near, gateway, _) = ends(direction);
    let mut out = Vec::new();
    ethernet::Header { destination: gateway, source: near.mac, ethertype: ethertype::IPV4 }.encode(&mut out);
    ip.encode(payload.len(), &mut out).unwrap();
    out.extend_from_slice(payload);
    out
}

fn datagram(direction: Direction, ttl: u8, to: Ipv4Addr) -> Vec<u8> {
    let source = ends(direction).0.ipv4;
    // UDP from port 40000 to 7, its checksum filled in.
    let mut payload = *b"\x9c\x40\0\x07\0\x0d\0\0hello";
    let sum = Pseudo::V4 { source, destination: to }.sum(protocol::UDP, payload.len()).over(&payload);
    payload[6..8].copy_from_slice(&sum.finish().to_be_bytes());
    packet(direction, ipv4::Header { ttl, id: 7, ..ipv4::Header::new(protocol::UDP, source, to) }, &payload)
}

fn ping(direction: Direction, ttl: u8, to: Ipv4Addr) -> Vec<u8> {
    let source = ends(direction).0.ipv4;
    let mut payload = Vec::new();
    let request = icmp::Header::echo(Version::V4, false, 9, 1);
    request.encode(Pseudo::V4 { source, destination: to }, b"ping", &mut payload);
    packet(direction, ipv4::Header { ttl, ..ipv4::Header::new(protocol::ICMP, source, to) }, &payload)
}

/// Where it ended, and the reply's IP facts and kind; the reply passes back over the path as it is.
fn ended(direction: Direction, mut frame: Vec<u8>) -> (Rule, Option<(IpFacts, IcmpKind)>) {
    let path = path();
    let sent = frame.clone();
    let Verdict::Ended { by, reply } = path.meet(direction, &mut frame) else { panic!("forwarded") };
    assert_eq!(frame, sent, "what ends is not changed");
    let said = reply.map(|reply| {
        let mut back = reply.clone();
        assert_eq!(path.meet(direction.other(), &mut back), Verdict::Forwarded);
        assert_eq!(back, reply, "what a router sends is not routed again");
        let facts = decode(&reply);
        let (near, gateway, _) = ends(direction);
        assert_eq!((facts.source, facts.destination), (gateway, near.mac));
        let Network::Ip(ip, Transport::Icmp(icmp)) = facts.network else { panic!("{facts:?}") };
        assert_eq!((ip.checksum_good, icmp.checksum_good), (Some(true), Some(true)));
        assert_eq!(ip.destination, IpAddr::V4(near.ipv4));
        (ip, icmp.kind)
    });
    (by, said)
}

#[test]
fn a_path_has_a_router() {
    assert_eq!(Path::new(CLIENT, SERVER, Vec::new()), None);
    assert_eq!(Path::new(CLIENT, SERVER, vec![HOPS[0]; 256]), None);
}

#[test]
fn what_passes_loses_a_ttl_at_each_router_and_comes_from_the_last() {
    for (direction, last) in [(Direction::ToServer, HOPS[2]), (Direction::ToClient, HOPS[0])] {
        let (near, _, far) = ends(direction);
        for ttl in [4, 64, 255] {
            let sent = datagram(direction, ttl, far.ipv4);
            let mut frame = sent.clone();
            assert_eq!(path().meet(direction, &mut frame), Verdict::Forwarded);
            let facts = decode(&frame);
            assert_eq!((facts.source, facts.destination), (last.mac, far.mac));
            let Network::Ip(ip, Transport::Udp(udp)) = facts.network else { panic!("{facts:?}") };
            assert_eq!((ip.ttl, ip.source), (ttl - 3, IpAddr::V4(near.ipv4)));
            assert_eq!((ip.checksum_good, udp.checksum_good), (Some(true), Some(true)));
            // Nothing else changed, and all of it can be undone.
            assert_eq!(frame[26..], sent[26..]);
            path().undo(direction, &mut frame);
            assert_eq!(frame, sent);
        }
    }
}

#[test]
fn undo_leaves_alone_what_no_host_sent() {
    let mut reply = arp_reply();
    let before = reply.clone();
    path().undo(Direction::ToClient, &mut reply);
    assert_eq!(reply, before);
    let Verdict::Ended { reply: Some(mut error), .. } =
        path().meet(Direction::ToServer, &mut datagram(Direction::ToServer, 1, SERVER.ipv4))
    else {
        panic!("no error")
    };
    let before = error.clone();
    path().undo(Direction::ToClient, &mut error);
    assert_eq!(error, before);
}

#[test]
fn ttl_runs_out_at_the_router_it_reaches() {
    use Direction::*;
    let cases = [
        (ToServer, 0, 1, [10, 0, 1, 1], 64),
        (ToServer, 1, 1, [10, 0, 1, 1], 64),
        (ToServer, 2, 2, [10, 0, 2, 1], 63),
        (ToServer, 3, 3, [10, 0, 3, 1], 62),
        (ToClient, 1, 3, [10, 0, 9, 1], 64),
        (ToClient, 2, 2, [10, 0, 3, 2], 63),
        (ToClient, 3, 1, [10, 0, 2, 2], 62),
    ];
    for (direction, ttl, hop, from, left) in cases {
        let far = ends(direction).2;
        let (by, said) = ended(direction, datagram(direction, ttl, far.ipv4));
        assert_eq!(by, Rule::TtlExceeded { hop });
        let (ip, kind) = said.expect("an answer");
        assert_eq!(kind, IcmpKind::TtlExceeded);
        assert_eq!((ip.source, ip.ttl), (IpAddr::from(from), left));
    }
}

fn arp(direction: Direction, for_ip: Ipv4Addr, unicast: bool) -> Vec<u8> {
    let (near, gateway, _) = ends(direction);
    let request = ArpPacket {
        operation: ArpOperation::Request,
        sender_mac: near.mac,
        sender_ip: near.ipv4,
        target_mac: [0; 6],
        target_ip: for_ip,
    };
    let mut frame = request.to_frame();
    if unicast {
        frame[..6].copy_from_slice(&gateway);
    }
    frame
}

fn arp_reply() -> Vec<u8> {
    let mut request = arp(Direction::ToServer, HOPS[0].toward_client, false);
    match path().meet(Direction::ToServer, &mut request) {
        Verdict::Ended { by: Rule::ForRouter { hop: 1 }, reply: Some(reply) } => reply,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_gateway_answers_for_its_own_address_alone() {
    let Network::Arp(reply) = decode(&arp_reply()).network else { panic!() };
    let expected = ArpPacket {
        operation: ArpOperation::Reply,
        sender_mac: HOPS[0].mac,
        sender_ip: HOPS[0].toward_client,
        target_mac: CLIENT.mac,
        target_ip: CLIENT.ipv4,
    };
    assert_eq!(reply, expected);
    let mut back = arp_reply();
    assert_eq!(path().meet(Direction::ToClient, &mut back), Verdict::Forwarded);
    assert_eq!(back, arp_reply());

    let mut to_server_side = arp(Direction::ToClient, HOPS[2].toward_server, true);
    let Verdict::Ended { by: Rule::ForRouter { hop: 3 }, reply: Some(reply) } =
        path().meet(Direction::ToClient, &mut to_server_side)
    else {
        panic!("no reply")
    };
    assert_eq!(reply[..12], [SERVER.mac, HOPS[2].mac].concat());

    for other in [Ipv4Addr::new(10, 0, 1, 99), HOPS[0].toward_server, SERVER.ipv4] {
        let mut request = arp(Direction::ToServer, other, false);
        let verdict = path().meet(Direction::ToServer, &mut request);
        assert_eq!(verdict, Verdict::Ended { by: Rule::ForRouter { hop: 1 }, reply: None }, "{other}");
    }
}

#[test]
fn a_router_answers_a_ping_to_either_of_its_addresses() {
    for (hop, address, ttl) in [
        (1, [10, 0, 1, 1], 1),
        (1, [10, 0, 2, 2], 1),
        (2, [10, 0, 2, 1], 2),
        (2, [10, 0, 3, 2], 64),
        (3, [10, 0, 9, 1], 3),
    ] {
        let (by, said) = ended(Direction::ToServer, ping(Direction::ToServer, ttl, address.into()));
        let (ip, kind) = said.expect("an answer");
        assert_eq!((by, kind), (Rule::ForRouter { hop }, IcmpKind::EchoReply));
        assert_eq!((ip.source, ip.ttl), (IpAddr::from(address), 65 - hop));
    }
    // One TTL less, and the router before it answers.
    let (by, said) = ended(Direction::ToServer, ping(Direction::ToServer, 1, HOPS[1].toward_client));
    assert_eq!((by, said.unwrap().1), (Rule::TtlExceeded { hop: 1 }, IcmpKind::TtlExceeded));
    let (by, said) = ended(Direction::ToServer, datagram(Direction::ToServer, 64, HOPS[1].toward_client));
    assert_eq!((by, said.unwrap().1), (Rule::ForRouter { hop: 2 }, IcmpKind::PortUnreachable));
}

#[test]
fn an_address_that_nobody_has_is_unreachable() {
    let send = |ttl, to: [u8; 4]| ended(Direction::ToServer, datagram(Direction::ToServer, ttl, to.into()));
    let (by, said) = send(64, [10, 0, 9, 77]);
    let (ip, kind) = said.unwrap();
    assert_eq!((by, kind), (Rule::ForRouter { hop: 3 }, IcmpKind::HostUnreachable));
    assert_eq!((ip.source, ip.ttl), (IpAddr::V4(HOPS[2].toward_client), 62));
    assert_eq!(send(3, [10, 0, 9, 77]).0, Rule::TtlExceeded { hop: 3 });
    assert_eq!(send(64, [10, 0, 3, 77]).0, Rule::ForRouter { hop: 2 });
    let (by, said) = send(64, [192, 0, 2, 1]);
    assert_eq!(by, Rule::ForRouter { hop: 1 });
    assert_eq!(said.unwrap().0.source, IpAddr::V4(HOPS[0].toward_client));
    // Of these nothing may be said, or there is nobody to say it to.
    for silent in [[10, 0, 9, 255], [10, 0, 1, 99], [255; 4], [224, 0, 0, 1], [127, 0, 0, 1]] {
        assert_eq!(send(64, silent).1, None, "{silent:?}");
    }
}

#[test]
fn what_is_no_business_of_the_path_ends_in_silence() {
    let silent = |frame: &[u8]| {
        let verdict = path().meet(Direction::ToServer, &mut frame.to_vec());
        assert_eq!(verdict, Verdict::Ended { by: Rule::ForRouter { hop: 1 }, reply: None });
    };
    let sound = datagram(Direction::ToServer, 1, SERVER.ipv4);
    let with = |at: usize, octets: &[u8]| {
        let mut frame = sound.clone();
        frame[at..at + octets.len()].copy_from_slice(octets);
        frame
    };
    silent(&[]);
    silent(&sound[..13]);
    silent(&sound[..20]);
    silent(&sound[..40]); // not all of the packet
    silent(&with(0, &[0xff; 6])); // a packet in a broadcast
    silent(&with(0, &SERVER.mac)); // a host of another link
    silent(&with(6, &[3])); // from a group
    silent(&with(12, &[0x86, 0xdd])); // IPv6
    silent(&with(24, &[0, 0])); // a bad checksum
}

#[test]
fn no_answer_goes_to_somebody_who_did_not_ask() {
    let path = path();
    for (ttl, to) in [(1, SERVER.ipv4), (64, HOPS[0].toward_client), (64, Ipv4Addr::new(192, 0, 2, 1))] {
        let forged =
            ipv4::Header { ttl, ..ipv4::Header::new(protocol::UDP, Ipv4Addr::new(10, 0, 1, 66), to) };
        let mut frame = packet(Direction::ToServer, forged, &[0; 16]);
        let Verdict::Ended { reply, .. } = path.meet(Direction::ToServer, &mut frame) else { panic!() };
        assert_eq!(reply, None);
    }
}

proptest! {
    #[test]
    fn any_octets_meet_a_verdict(octets in proptest::collection::vec(any::<u8>(), 0..120), choice in 0u8..32) {
        fuzz_router(&[&[choice], &octets[..]].concat());
    }

    #[test]
    fn any_ttl_ends_or_passes(ttl: u8, to in 0u8..12, host: u8, back: bool) {
        let direction = if back { Direction::ToClient } else { Direction::ToServer };
        fuzz::check(direction, &datagram(direction, ttl, Ipv4Addr::new(10, 0, to, host)));
        fuzz::check(direction, &ping(direction, ttl, Ipv4Addr::new(10, 0, to, host)));
    }
}
