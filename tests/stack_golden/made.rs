//! Frames built by libraries that nobody here wrote: one of each kind that the stack reads, and the odd ones.

use etherparse::{
    EtherType, Ethernet2Header, IpFragOffset, IpHeaders, IpNumber, Ipv4Header, Ipv4Options, Ipv6Extensions,
    Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, PacketBuilder, TcpOptionElement, VlanId,
};
use pnet::packet::arp::{ArpHardwareTypes, ArpOperation, ArpOperations, MutableArpPacket};
use pnet::packet::ethernet::EtherTypes;
use pnet::util::MacAddr;
use std::net::{Ipv4Addr, Ipv6Addr};

const A_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0a];
const B_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x0b];
const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];
const A6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const B6: [u8; 16] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// A frame, and how much of it a capture kept (all of it, mostly).
pub(crate) struct Made {
    pub(crate) frame: Vec<u8>,
    pub(crate) kept: usize,
}

fn whole(frame: Vec<u8>) -> Made {
    let kept = frame.len();
    Made { frame, kept }
}

/// Every made frame, in the order of `tests/data/stack-made.pcap`.
pub(crate) fn frames() -> Vec<Made> {
    let mut all = Vec::new();
    all.extend(link().into_iter().map(whole));
    all.extend(tagged().into_iter().map(whole));
    all.extend(ipv4().into_iter().map(whole));
    all.extend(tcp().into_iter().map(whole));
    all.extend(udp().into_iter().map(whole));
    all.extend(icmp().into_iter().map(whole));
    all.extend(ipv6().into_iter().map(whole));
    all.extend(icmpv6().into_iter().map(whole));
    all.extend(cut());
    all
}

fn ethernet(ether_type: EtherType, rest: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Ethernet2Header { source: A_MAC, destination: B_MAC, ether_type }.write(&mut frame).expect("a Vec");
    frame.extend_from_slice(rest);
    frame
}

fn arp(operation: ArpOperation) -> Vec<u8> {
    let mut octets = [0; 28];
    let mut packet = MutableArpPacket::new(&mut octets).expect("28 octets");
    packet.set_hardware_type(ArpHardwareTypes::Ethernet);
    packet.set_protocol_type(EtherTypes::Ipv4);
    packet.set_hw_addr_len(6);
    packet.set_proto_addr_len(4);
    packet.set_operation(operation);
    packet.set_sender_hw_addr(MacAddr::from(A_MAC));
    packet.set_sender_proto_addr(Ipv4Addr::from(A));
    packet.set_target_hw_addr(MacAddr::zero());
    packet.set_target_proto_addr(Ipv4Addr::from(B));
    ethernet(EtherType::ARP, &octets)
}

fn link() -> Vec<Vec<u8>> {
    let mut padded = arp(ArpOperations::Request);
    padded.resize(60, 0);
    // ARP for IPv6 addresses, which nobody uses: 6 octets of hardware address and 16 of protocol address.
    let mut for_ipv6 = vec![0, 1, 0x86, 0xdd, 6, 16, 0, 1];
    for_ipv6.extend(A_MAC);
    for_ipv6.extend(A6);
    for_ipv6.extend([0; 6]);
    for_ipv6.extend(B6);
    // Of another hardware type (6, IEEE 802), with 8 octets of address.
    let mut other_hardware = vec![0, 6, 0x08, 0x00, 8, 4, 0, 2];
    other_hardware.extend([1, 2, 3, 4, 5, 6, 7, 8]);
    other_hardware.extend(A);
    other_hardware.extend([8, 7, 6, 5, 4, 3, 2, 1]);
    other_hardware.extend(B);
    let mut trailed = udp_v4(b"trailer after me");
    trailed.extend(b"not mine");
    let mut padded_long = udp_v4(b"ab");
    padded_long.resize(60, 0);
    let mut padded_dirty = udp_v4(b"ab");
    padded_dirty.resize(60, 0x5a);
    let mut over_min = udp_v4(b"a datagram of thirty octets ..");
    over_min.resize(76, 0);
    vec![
        padded,
        arp(ArpOperations::Reply),
        ethernet(EtherType::ARP, &for_ipv6),
        ethernet(EtherType::ARP, &other_hardware),
        ethernet(EtherType(0x88b5), b"an experiment"),
        trailed,
        padded_long,
        padded_dirty,
        over_min,
    ]
}

/// A frame behind these tags: EtherType and control information each.
fn behind(tags: &[(u16, u16)], frame: &[u8]) -> Vec<u8> {
    let mut tagged = frame[..12].to_vec();
    for (number, control) in tags {
        tagged.extend(number.to_be_bytes());
        tagged.extend(control.to_be_bytes());
    }
    tagged.extend(&frame[12..]);
    tagged
}

/// VLAN tags: one and several, of both kinds, before packets and what is none, with padding and trailers.
fn tagged() -> Vec<Vec<u8>> {
    const Q: u16 = 0x8100;
    const AD: u16 = 0x88a8;
    const OLD: u16 = 0x9100;
    let padded = |tags: &[(u16, u16)], len| {
        let mut frame = behind(tags, &arp(ArpOperations::Request));
        frame.resize(len, 0);
        frame
    };
    let mut built = Vec::new();
    PacketBuilder::ethernet2(A_MAC, B_MAC)
        .double_vlan(VlanId::try_new(4000).expect("12 bits"), VlanId::try_new(5).expect("12 bits"))
        .ipv6(A6, B6, 64)
        .tcp(40000, 40001, 1, 2)
        .syn()
        .write(&mut built, b"")
        .expect("a Vec");
    let mut trailed = behind(&[(Q, 7), (Q, 5)], &udp_v4(b"trailer after me"));
    trailed.extend(b"not mine");
    vec![
        behind(&[(Q, 0xa064)], &udp_v4(b"in a VLAN")),
        behind(&[(Q, 0x5000)], &udp_v4(b"priority alone")),
        built,
        behind(&[(AD, 0xffff), (Q, 0x2005)], &udp_v4(b"in two")),
        behind(&[(AD, 100)], &udp_v4(b"the provider's alone")),
        behind(&[(Q, 7), (AD, 5)], &udp_v4(b"the wrong way round")),
        behind(&[(OLD, 7), (Q, 5)], &udp_v4(b"before 802.1ad")),
        behind(&[(Q, 1), (Q, 2), (Q, 3), (Q, 4)], &udp_v4(b"as many as are read")),
        behind(&[(Q, 7)], &ethernet(EtherType(0x88b5), b"an experiment")),
        behind(&[(AD, 7)], &ethernet(EtherType(0x88b5), b"an experiment")),
        trailed,
        padded(&[(Q, 5)], 60),
        padded(&[(Q, 5)], 64),
        padded(&[(Q, 5)], 50), // shorter than a frame can be: no padding
        padded(&[(AD, 5)], 64),
        padded(&[(AD, 6), (Q, 5)], 70),
        padded(&[], 50),
    ]
}

fn v4() -> PacketBuilderV4 {
    PacketBuilder::ethernet2(A_MAC, B_MAC).ipv4(A, B, 64)
}

type PacketBuilderV4 = etherparse::PacketBuilderStep<IpHeaders>;

fn udp_v4(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    v4().udp(40000, 40001).write(&mut frame, payload).expect("a Vec");
    frame
}

fn ipv4_header(options: &[u8]) -> Ipv4Header {
    let mut header = Ipv4Header::new(0, 63, IpNumber::UDP, A, B).expect("short");
    header.options = Ipv4Options::try_from(options).expect("a multiple of 4");
    header
}

fn with_header(header: Ipv4Header, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(A_MAC, B_MAC)
        .ip(IpHeaders::Ipv4(header, Default::default()))
        .udp(40000, 40001)
        .write(&mut frame, payload)
        .expect("a Vec");
    frame
}

fn fragment(offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut header = Ipv4Header::new(payload.len() as u16, 64, IpNumber::UDP, A, B).expect("short");
    header.identification = 0x1c46;
    header.more_fragments = more;
    header.fragment_offset = IpFragOffset::try_new(offset / 8).expect("13 bits");
    header.header_checksum = header.calc_header_checksum();
    let mut packet = Vec::new();
    header.write(&mut packet).expect("a Vec");
    packet.extend_from_slice(payload);
    ethernet(EtherType::IPV4, &packet)
}

fn patched(mut frame: Vec<u8>, patches: &[(usize, u8)]) -> Vec<u8> {
    for (at, value) in patches {
        frame[*at] = *value;
    }
    frame
}

fn ipv4() -> Vec<Vec<u8>> {
    let mut marked = ipv4_header(&[]);
    marked.dscp = 46.try_into().expect("6 bits");
    marked.ecn = 3.try_into().expect("2 bits");
    marked.dont_fragment = true;
    marked.identification = 0xbeef;
    let record_route = [7, 15, 8, 10, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let router_alert = [0x94, 4, 0, 0];
    let timestamp = [0x44, 12, 9, 0x01, 10, 0, 1, 1, 0, 0, 0x12, 0x34];
    let loose_route = [0x83, 7, 4, 10, 0, 1, 1, 0];
    let unknown = [1, 1, 0x9e, 6, 1, 2, 3, 4, 0, 0, 0, 0];
    let big = udp_v4(&[0x42; 2000]);
    let transport = &big[34..];
    let reserved = patched(fragment(0, false, &udp_v4(b"evil")[34..]), &[(20, 0x80), (24, 0x00)]);
    let mut unknown_protocol = udp_v4(b"experiment");
    unknown_protocol[23] = 253;
    vec![
        with_header(marked, b"marked"),
        with_header(ipv4_header(&record_route), b"route"),
        with_header(ipv4_header(&router_alert), b"alert"),
        with_header(ipv4_header(&timestamp), b"time"),
        with_header(ipv4_header(&loose_route), b"loose"),
        with_header(ipv4_header(&unknown), b"unknown"),
        fragment(0, true, &transport[..1480]),
        fragment(1480, false, &transport[1480..]),
        reserved,
        patched(udp_v4(b"bad header checksum"), &[(24, 0xde), (25, 0xad)]),
        patched(udp_v4(b"version 5"), &[(14, 0x55)]),
        patched(udp_v4(b"a header of 16"), &[(14, 0x44)]),
        patched(udp_v4(b"a packet of 19"), &[(16, 0), (17, 19)]),
        unknown_protocol,
    ]
}

fn tcp_frame(syn: bool, options: &[TcpOptionElement], payload: &[u8]) -> Vec<u8> {
    let step = v4().tcp(40000, 40001, 0x9000_0001, 64240);
    let step = if syn { step.syn() } else { step.ack(0x7000_0002).psh() };
    let mut frame = Vec::new();
    step.options(options).expect("fit").write(&mut frame, payload).expect("a Vec");
    frame
}

fn tcp_raw_options(options: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    v4().tcp(40000, 40001, 1, 2)
        .ack(3)
        .options_raw(options)
        .expect("fit")
        .write(&mut frame, b"")
        .expect("a Vec");
    frame
}

fn tcp() -> Vec<Vec<u8>> {
    use TcpOptionElement::*;
    let syn = [
        MaximumSegmentSize(1460),
        SelectiveAcknowledgementPermitted,
        Timestamp(0x1234_5678, 0),
        Noop,
        WindowScale(7),
    ];
    let times = [Noop, Noop, Timestamp(1_000_000, 2_000_000)];
    let block = |n: u32| (0x7000_0000 + 1000 * n, 0x7000_0500 + 1000 * n);
    let sack = [
        Noop,
        Noop,
        Timestamp(5, 6),
        Noop,
        Noop,
        SelectiveAcknowledgement(block(1), [Some(block(2)), Some(block(3)), None]),
    ];
    let mut loud = Vec::new();
    v4().tcp(40000, 40001, 5, 6)
        .ack(7)
        .psh()
        .fin()
        .rst()
        .ece()
        .cwr()
        .ns()
        .urg(9)
        .write(&mut loud, b"!")
        .expect("a Vec");
    let plain = tcp_frame(false, &[], b"hello");
    vec![
        tcp_frame(true, &syn, b""),
        tcp_frame(false, &times, b"hello"),
        tcp_frame(false, &sack, b""),
        loud.clone(),
        patched(loud, &[(46, 0x5f)]), // every reserved bit
        plain.clone(),
        patched(plain.clone(), &[(50, 0xde), (51, 0xad)]),
        tcp_raw_options(&[77, 6, 1, 2, 3, 4, 1, 0]),
        tcp_raw_options(&[253, 8, 0xf9, 0x89, 1, 2, 3, 4]),
        tcp_raw_options(&[34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]),
        tcp_raw_options(&[254, 6, 0x12, 0x34, 1, 2, 1, 1]),
        tcp_raw_options(&[&[19, 18][..], &[0xaa; 16], &[1, 1]].concat()),
        tcp_raw_options(&[28, 4, 0x80, 0x10]),
        tcp_raw_options(&[2, 3, 9, 1]),  // an MSS of the wrong length
        tcp_raw_options(&[8, 10, 0, 0]), // timestamps that run out of room
        tcp_raw_options(&[1, 1, 5, 1]),  // a length below 2
        tcp_raw_options(&[0, 9, 9, 9]),  // an end, and rubbish after it
        patched(plain, &[(46, 0x40)]),   // a data offset of 16
    ]
}

fn udp() -> Vec<Vec<u8>> {
    let plain = udp_v4(b"hello");
    vec![
        udp_v4(b""),
        plain.clone(),
        patched(plain.clone(), &[(40, 0), (41, 0)]), // no checksum
        patched(plain.clone(), &[(41, 0x77)]),       // a wrong one
        patched(plain.clone(), &[(39, 200)]),        // a length beyond the packet
        patched(plain.clone(), &[(39, 7)]),          // a length below the header's
        patched(plain, &[(39, 10)]),                 // a length short of the packet
    ]
}

fn icmp_frame(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    v4().icmpv4_raw(kind, code, rest).write(&mut frame, body).expect("a Vec");
    frame
}

fn icmp() -> Vec<Vec<u8>> {
    let sent = udp_v4(b"nobody listens here");
    let segment = tcp_frame(false, &[TcpOptionElement::Timestamp(1, 2)], b"lost on the way");
    let ping = icmp_frame(8, 0, [0x12, 0x34, 0, 7], b"ping");
    vec![
        icmp_frame(8, 0, [0x12, 0x34, 0, 7], &[0x61; 24]),
        icmp_frame(0, 0, [0x12, 0x34, 0, 7], b""),
        icmp_frame(3, 3, [0; 4], &sent[14..]),
        icmp_frame(3, 4, [0, 0, 0x04, 0xb0], &segment[14..]),
        icmp_frame(11, 0, [0; 4], &segment[14..42]), // RFC 792: header and 8 octets
        icmp_frame(11, 1, [0; 4], &fragment(1480, false, &[7; 16])[14..]),
        icmp_frame(11, 0, [0; 4], &ping[14..]),
        icmp_frame(3, 1, [0; 4], &sent[14..42]),
        icmp_frame(5, 1, [10, 0, 0, 254], &sent[14..42]),
        icmp_frame(12, 0, [20, 0, 0, 0], &sent[14..42]),
        icmp_frame(4, 0, [0; 4], &sent[14..42]),
        icmp_frame(13, 0, [0, 1, 0, 2], &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        icmp_frame(10, 0, [0; 4], b""),
        icmp_frame(200, 1, [1, 2, 3, 4], b"unknown"),
        patched(ping, &[(36, 0xff), (37, 0xff)]),
    ]
}

fn v6() -> etherparse::PacketBuilderStep<IpHeaders> {
    PacketBuilder::ethernet2(A_MAC, B_MAC).ipv6(A6, B6, 64)
}

fn v6_with(next: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv6Header {
        traffic_class: 0xb9,
        flow_label: 0xabcde.try_into().expect("20 bits"),
        payload_length: payload.len() as u16,
        next_header: IpNumber(next),
        hop_limit: 3,
        source: A6,
        destination: B6,
    };
    let mut packet = Vec::new();
    header.write(&mut packet).expect("a Vec");
    packet.extend_from_slice(payload);
    ethernet(EtherType::IPV6, &packet)
}

fn ipv6() -> Vec<Vec<u8>> {
    let mut datagram = Vec::new();
    v6().udp(40000, 40001).write(&mut datagram, b"hello six").expect("a Vec");
    let mut segment = Vec::new();
    v6().tcp(40000, 40001, 1, 2).ack(3).psh().write(&mut segment, b"hello six").expect("a Vec");
    let mut extended = Vec::new();
    let extensions = Ipv6Extensions {
        // Router alert and PadN; then a PadN alone.
        hop_by_hop_options: Some(
            Ipv6RawExtHeader::new_raw(IpNumber::UDP, &[5, 2, 0, 0, 1, 0]).expect("8 octets"),
        ),
        destination_options: Some(
            Ipv6RawExtHeader::new_raw(IpNumber::UDP, &[1, 2, 0, 0, 0, 0, 0x1e, 6, 1, 2, 3, 4, 5, 6])
                .expect("16 octets"),
        ),
        ..Default::default()
    };
    PacketBuilder::ethernet2(A_MAC, B_MAC)
        .ip(IpHeaders::Ipv6(
            Ipv6Header { hop_limit: 9, source: A6, destination: B6, ..Default::default() },
            extensions,
        ))
        .udp(40000, 40001)
        .write(&mut extended, b"extended")
        .expect("a Vec");
    // A routing header of type 0 with one address and no segment left, then nothing.
    let mut routing = vec![59, 2, 0, 0, 0, 0, 0, 0];
    routing.extend(B6);
    let experiment = [59, 0, 253, 0, 1, 2, 3, 4];
    let jumbo = [59, 1, 0xc2, 4, 0, 1, 0, 0, 0x8a, 2, 7, 7, 1, 2, 0, 0];
    let fragment = |offset: u16, more: bool, payload: &[u8]| {
        let offset = IpFragOffset::try_new(offset / 8).expect("13 bits");
        let mut body = Vec::new();
        Ipv6FragmentHeader::new(IpNumber::UDP, offset, more, 0xdead_beef).write(&mut body).expect("a Vec");
        body.extend_from_slice(payload);
        v6_with(44, &body)
    };
    let big = datagram[54..].to_vec();
    vec![
        datagram,
        segment,
        extended,
        v6_with(43, &routing),
        v6_with(43, &experiment),
        v6_with(60, &jumbo),
        fragment(0, true, &[&big[..], &[7; 7]].concat()),
        fragment(1480, false, b"the rest"),
        fragment(0, false, &big),
        v6_with(59, b""),
        v6_with(253, b"experiment"),
        v6_with(60, &[17, 9, 1, 4, 0, 0, 0, 0]), // longer than the packet
    ]
}

fn icmpv6_frame(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    v6().icmpv6_raw(kind, code, rest).write(&mut frame, body).expect("a Vec");
    frame
}

fn icmpv6() -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    v6().udp(40000, 40001).write(&mut sent, b"nobody").expect("a Vec");
    let mut segment = Vec::new();
    v6().tcp(40000, 40001, 1, 2).ack(3).write(&mut segment, b"too big").expect("a Vec");
    let target = Ipv6Addr::from(B6).octets();
    let option = |kind: u8| [&[kind, 1][..], &A_MAC].concat();
    let report = [&[4, 0, 0, 0][..], &[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16]].concat();
    let prefix =
        [&[3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x07, 0x08, 0, 0, 0, 0][..], &B6[..8], &[0; 8]].concat();
    let router =
        [&[0, 0, 0x75, 0x30, 0, 0, 0x03, 0xe8][..], &option(1), &[5, 1, 0, 0, 0, 0, 5, 0xdc], &prefix]
            .concat();
    vec![
        icmpv6_frame(128, 0, [0x12, 0x34, 0, 7], b"ping six"),
        icmpv6_frame(129, 0, [0x12, 0x34, 0, 7], b""),
        icmpv6_frame(1, 4, [0; 4], &sent[14..]),
        icmpv6_frame(2, 0, 1280u32.to_be_bytes(), &segment[14..]),
        icmpv6_frame(3, 0, [0; 4], &sent[14..62]),
        icmpv6_frame(4, 1, 40u32.to_be_bytes(), &sent[14..62]),
        icmpv6_frame(135, 0, [0; 4], &[&target[..], &option(1)].concat()),
        icmpv6_frame(136, 0, [0x60, 0, 0, 0], &[&target[..], &option(2)].concat()),
        icmpv6_frame(133, 0, [0; 4], &option(1)),
        icmpv6_frame(134, 0, [64, 0x80, 0x07, 0x08], &router),
        icmpv6_frame(143, 0, [0, 0, 0, 1], &report),
        icmpv6_frame(200, 3, [1, 2, 3, 4], b"unknown"),
    ]
}

/// Frames of which the capture kept only the beginning.
fn cut() -> Vec<Made> {
    let segment = tcp_frame(false, &[TcpOptionElement::Timestamp(1, 2)], b"a payload of some length");
    let datagram = udp_v4(b"a payload of some length");
    let mut made: Vec<Made> =
        [60, 70].map(|kept| Made { frame: segment.clone(), kept }).into_iter().collect();
    made.push(Made { frame: datagram, kept: 50 });
    made
}

/// Tagged packets as a cooked capture has them, in its first version or its second.
pub(crate) fn cooked(second: bool) -> Vec<Made> {
    let mut trailed = behind(&[(0x8100, 5)], &udp_v4(b"ab"));
    trailed.extend(b"not mine");
    let mut padded = behind(&[(0x88a8, 5)], &udp_v4(b"ab"));
    padded.resize(62, 0);
    let sent = [
        behind(&[(0x8100, 0xa064)], &udp_v4(b"in a VLAN")),
        behind(&[(0x88a8, 0xa064), (0x8100, 6)], &arp(ArpOperations::Request)),
        trailed,
        padded,
    ];
    let head = |protocol: &[u8]| match second {
        // Type, reserved, interface 3, hardware, sent by us, length of the address, and that; or without the interface.
        true => [protocol, &[0, 0, 0, 0, 0, 3, 0, 1, 4, 6], &A_MAC, &[0, 0]].concat(),
        false => [&[0, 4, 0, 1, 0, 6], &A_MAC[..], &[0, 0], protocol].concat(),
    };
    sent.iter().map(|frame| whole([&head(&frame[12..14]), &frame[14..]].concat())).collect()
}

/// A packet of each version, and with octets behind it.
fn packets() -> [Vec<u8>; 3] {
    let mut six = Vec::new();
    v6().udp(40000, 40001).write(&mut six, b"hello six").expect("a Vec");
    let four = udp_v4(b"hello")[14..].to_vec();
    [[&four[..], b"behind"].concat(), four, six[14..].to_vec()]
}

/// Packets without a header below them.
pub(crate) fn raw() -> Vec<Made> {
    packets().into_iter().map(whole).collect()
}

/// Packets behind a loopback header: in network byte order alone (LINKTYPE_LOOP), or in either.
pub(crate) fn loopback(network_order: bool) -> Vec<Made> {
    let [trailed, four, six] = packets();
    let osi = b"no IP".to_vec();
    let all = [
        (2u32, &trailed),
        (2, &four),
        (24, &six),
        (28, &six),
        (30, &six),
        (7, &osi),
        (0x800, &four),
        (0x86dd, &six),
    ];
    let mut made = Vec::new();
    for (family, packet) in all {
        made.push(whole([&family.to_be_bytes(), &packet[..]].concat()));
        if !network_order {
            made.push(whole([&family.to_le_bytes(), &packet[..]].concat()));
        }
    }
    made
}
