//! The stack beside two libraries that nobody here wrote: what etherparse and pnet read out of our octets is what
//! we put in, and what we read out of any octets is what they read.

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use layerlab::model::{ArpOperation, Class, TcpFlags};
use layerlab::stack::checksum::Pseudo;
use layerlab::stack::l2_link::arp::ArpPacket;
use layerlab::stack::l2_link::ethernet::{self, ethertype};
use layerlab::stack::l3_internet::{icmp, ipv4, ipv6, protocol};
use layerlab::stack::l4_transport::tcp::{self, SackBlocks, TcpOption};
use layerlab::stack::l4_transport::udp;
use layerlab::stack::{self, Network, OptionOctets, Transport};
use pnet::packet::Packet;
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Clone, Debug)]
enum Upper {
    Tcp(tcp::Header),
    Udp(udp::Header),
    Icmp { kind: u8, code: u8, rest: [u8; 4] },
}

#[derive(Clone, Debug)]
enum Ip {
    V4(ipv4::Header),
    V6(ipv6::Header),
}

#[derive(Clone, Debug)]
struct Made {
    ethernet: ethernet::Header,
    ip: Ip,
    upper: Upper,
    payload: Vec<u8>,
}

impl Made {
    fn encode(&self) -> Vec<u8> {
        let (pseudo, version) = match &self.ip {
            Ip::V4(h) => (Pseudo::V4 { source: h.source, destination: h.destination }, icmp::Version::V4),
            Ip::V6(h) => (h.pseudo(), icmp::Version::V6),
        };
        let mut upper = Vec::new();
        match &self.upper {
            Upper::Tcp(h) => h.encode(pseudo, &self.payload, &mut upper).expect("fits"),
            Upper::Udp(h) => h.encode(pseudo, &self.payload, &mut upper).expect("fits"),
            Upper::Icmp { kind, code, rest } => {
                icmp::Header { version, kind_number: *kind, code: *code, rest: *rest }.encode(
                    pseudo,
                    &self.payload,
                    &mut upper,
                );
            }
        }
        let mut frame = Vec::new();
        self.ethernet.encode(&mut frame);
        match &self.ip {
            Ip::V4(h) => h.encode(upper.len(), &mut frame).expect("fits"),
            Ip::V6(h) => h.encode(upper.len(), &mut frame).expect("fits"),
        }
        frame.extend_from_slice(&upper);
        frame
    }
}

fn tcp_option() -> impl Strategy<Value = TcpOption> {
    prop_oneof![
        Just(TcpOption::Nop),
        Just(TcpOption::SackPermitted),
        any::<u16>().prop_map(TcpOption::MaximumSegmentSize),
        any::<u8>().prop_map(TcpOption::WindowScale),
        any::<(u32, u32)>().prop_map(|(value, echo)| TcpOption::Timestamps { value, echo }),
        vec(any::<(u32, u32)>(), 1..=2)
            .prop_map(|blocks| TcpOption::Sack(SackBlocks::new(&blocks).expect("at most 4"))),
    ]
}

fn tcp_header() -> impl Strategy<Value = tcp::Header> {
    (any::<(u16, u16, u32, u32, u16, u16)>(), 0u16..512, vec(tcp_option(), 0..=2)).prop_map(
        |((source_port, destination_port, seq, ack, window, urgent_pointer), flags, options)| tcp::Header {
            source_port,
            destination_port,
            seq,
            ack,
            flags: TcpFlags(flags),
            window,
            urgent_pointer,
            options, // two of the longest, SACK with two blocks, fit
        },
    )
}

fn upper() -> impl Strategy<Value = Upper> {
    prop_oneof![
        tcp_header().prop_map(Upper::Tcp),
        any::<(u16, u16)>().prop_map(|(source_port, destination_port)| Upper::Udp(udp::Header {
            source_port,
            destination_port
        })),
        // The echo types of both, with any number but an error's: those quote a packet.
        (prop_oneof![Just(0u8), Just(8), 128u8..], any::<u8>(), any::<[u8; 4]>())
            .prop_map(|(kind, code, rest)| Upper::Icmp { kind, code, rest }),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let v4 = (any::<(u8, u16, bool, u8, u32, u32)>(), vec(any::<u32>(), 0..=10)).prop_map(
        |((dsfield, id, dont_fragment, ttl, source, destination), options)| {
            let options: Vec<u8> = options.into_iter().flat_map(u32::to_be_bytes).collect();
            Ip::V4(ipv4::Header {
                dsfield,
                id,
                dont_fragment,
                ttl,
                options: OptionOctets::new(&options).expect("at most 40"),
                ..ipv4::Header::new(0, Ipv4Addr::from(source), Ipv4Addr::from(destination))
            })
        },
    );
    let v6 = (any::<(u8, u8, u128, u128)>(), 0u32..1 << 20).prop_map(
        |((traffic_class, hop_limit, source, destination), flow_label)| {
            Ip::V6(ipv6::Header {
                traffic_class,
                flow_label,
                hop_limit,
                ..ipv6::Header::new(0, Ipv6Addr::from(source), Ipv6Addr::from(destination))
            })
        },
    );
    (any::<[[u8; 6]; 2]>(), prop_oneof![v4, v6], upper(), vec(any::<u8>(), 0..100)).prop_map(
        |([destination, source], mut ip, upper, payload)| {
            let number = match (&upper, &ip) {
                (Upper::Tcp(_), _) => protocol::TCP,
                (Upper::Udp(_), _) => protocol::UDP,
                (Upper::Icmp { .. }, Ip::V4(_)) => protocol::ICMP,
                (Upper::Icmp { .. }, Ip::V6(_)) => protocol::ICMPV6,
            };
            let ethertype = match &mut ip {
                Ip::V4(h) => {
                    h.protocol = number;
                    ethertype::IPV4
                }
                Ip::V6(h) => {
                    h.next_header = number;
                    ethertype::IPV6
                }
            };
            Made { ethernet: ethernet::Header { destination, source, ethertype }, ip, upper, payload }
        },
    )
}

/// What etherparse reads of a frame is what [`stack::decode`] reads of it.
fn agrees_with_etherparse(frame: &[u8], sliced: &SlicedPacket<'_>) -> Result<(), TestCaseError> {
    let facts = stack::decode(frame);
    let class = stack::classify(frame);
    let Some(net) = &sliced.net else { return Ok(()) };
    let (ip, transport) = match (net, facts.network) {
        (NetSlice::Arp(arp), Network::Arp(our)) => {
            prop_assert_eq!(arp.sender_hw_addr(), our.sender_mac);
            prop_assert_eq!(arp.target_protocol_addr(), our.target_ip.octets());
            prop_assert!(class.has(Class::ARP));
            return Ok(());
        }
        // For other networks than IPv4 over Ethernet.
        (NetSlice::Arp(_), Network::Other(ethertype::ARP)) => return Ok(()),
        (_, Network::Ip(ip, transport)) => (ip, transport),
        (_, other) => return Err(TestCaseError::fail(format!("{other:?} of {net:?}"))),
    };
    let fragmented = match net {
        NetSlice::Ipv4(v4) => {
            let header = v4.header();
            prop_assert_eq!(ip.source, IpAddr::V4(header.source_addr()));
            prop_assert_eq!(ip.destination, IpAddr::V4(header.destination_addr()));
            prop_assert_eq!(ip.len, u32::from(header.total_len()));
            prop_assert_eq!((ip.ttl, ip.df), (header.ttl(), header.dont_fragment()));
            prop_assert_eq!(ip.id, u32::from(header.identification()));
            // Of the octets as they stand: etherparse's own forgets the reserved flag.
            let good = pnet::packet::util::checksum(header.slice(), 5) == header.header_checksum();
            // Both forms of zero verify.
            prop_assert!(ip.checksum_good == Some(good) || header.header_checksum() == 0xffff);
            prop_assert!(class.has(Class::IPV4));
            v4.is_payload_fragmented()
        }
        NetSlice::Ipv6(v6) => {
            prop_assert_eq!(ip.source, IpAddr::V6(v6.header().source_addr()));
            prop_assert_eq!(ip.destination, IpAddr::V6(v6.header().destination_addr()));
            prop_assert_eq!(ip.len, 40 + u32::from(v6.header().payload_length()));
            prop_assert_eq!((ip.ttl, ip.checksum_good), (v6.header().hop_limit(), None));
            prop_assert!(class.has(Class::IPV6));
            v6.is_payload_fragmented()
        }
        NetSlice::Arp(_) => false,
    };
    prop_assert_eq!(fragmented, ip.fragment.is_some_and(|f| f.more || f.offset != 0));
    match (&sliced.transport, transport) {
        (Some(TransportSlice::Tcp(their)), Transport::Tcp(our)) => {
            prop_assert_eq!(our.source_port, their.source_port());
            prop_assert_eq!(our.destination_port, their.destination_port());
            prop_assert_eq!((our.seq, our.ack), (their.sequence_number(), their.acknowledgment_number()));
            prop_assert_eq!(our.window, their.window_size());
            prop_assert_eq!(our.payload, their.payload());
            prop_assert_eq!(our.payload_len as usize, their.payload().len());
            for (flag, set, is) in [
                (TcpFlags::SYN, their.syn(), Class::TCP_SYN),
                (TcpFlags::ACK, their.ack(), Class::TCP_ACK),
                (TcpFlags::FIN, their.fin(), Class::TCP_FIN),
                (TcpFlags::RST, their.rst(), Class::TCP_RST),
            ] {
                prop_assert_eq!((our.flags.has(flag), class.has(is)), (set, set));
            }
            prop_assert_eq!(our.flags.has(TcpFlags::AE), their.ns());
            prop_assert_eq!(class.has(Class::TCP_DATA), !their.payload().is_empty());
            // It stops at an option that it does not know; where it does not, the last of each kind counts.
            if let Ok(options) = their.options_iterator().collect::<Result<Vec<_>, _>>() {
                use etherparse::TcpOptionElement::*;
                let (mut mss, mut scale, mut permitted, mut times) = (None, None, false, None);
                let mut sack = Vec::new();
                for option in options {
                    match option {
                        MaximumSegmentSize(value) => mss = Some(value),
                        WindowScale(shift) => scale = Some(shift),
                        SelectiveAcknowledgementPermitted => permitted = true,
                        Timestamp(value, echo) => times = Some((value, echo)),
                        SelectiveAcknowledgement(first, more) => {
                            sack = [first].into_iter().chain(more.into_iter().flatten()).collect();
                        }
                        Noop => {}
                    }
                }
                prop_assert_eq!((our.mss, our.window_scale), (mss, scale));
                prop_assert_eq!((our.sack_permitted, our.timestamps), (permitted, times));
                prop_assert_eq!(&our.sack[..], &sack[..]);
            }
        }
        (Some(TransportSlice::Udp(their)), Transport::Udp(our)) => {
            prop_assert_eq!(our.source_port, their.source_port());
            prop_assert_eq!(our.destination_port, their.destination_port());
            prop_assert_eq!(our.payload, their.payload());
            prop_assert!(class.has(Class::UDP));
        }
        // A length that contradicts the packet is malformed to us, and shortened to it.
        (Some(TransportSlice::Udp(their)), Transport::Malformed(_)) => {
            prop_assert!(their.length() < 8 || usize::from(their.length()) > their.slice().len());
        }
        (Some(TransportSlice::Icmpv4(their)), Transport::Icmp(our)) => {
            prop_assert!(!our.v6 && class.has(Class::ICMP));
            prop_assert_eq!((our.kind_number, our.code), (their.type_u8(), their.code_u8()));
        }
        (Some(TransportSlice::Icmpv6(their)), Transport::Icmp(our)) => {
            prop_assert!(our.v6 && class.has(Class::ICMP));
            prop_assert_eq!((our.kind_number, our.code), (their.type_u8(), their.code_u8()));
        }
        // One family's ICMP in the other's packet is nothing to us.
        (Some(TransportSlice::Icmpv4(_)), Transport::Other(protocol::ICMP)) => {
            prop_assert!(matches!(net, NetSlice::Ipv6(_)));
        }
        (Some(TransportSlice::Icmpv6(_)), Transport::Other(protocol::ICMPV6)) => {
            prop_assert!(matches!(net, NetSlice::Ipv4(_)));
        }
        // etherparse reads no transport in any fragment; we read the first one's.
        (None, _) | (Some(TransportSlice::Igmp(_)), Transport::Other(2)) => {}
        (their, our) => return Err(TestCaseError::fail(format!("{our:?} of {their:?}"))),
    }
    Ok(())
}

/// Whether the chain of extension headers holds one that etherparse walks and we do not, or an IPv6 payload
/// length is zero: etherparse takes that for all that follows, for jumbograms' sake.
fn walks_further(sliced: &SlicedPacket<'_>) -> bool {
    use etherparse::{Ipv4ExtensionsSlice, Ipv6ExtensionSlice};
    match &sliced.net {
        Some(NetSlice::Ipv4(v4)) => v4.extensions() != Ipv4ExtensionsSlice::default(),
        Some(NetSlice::Ipv6(v6)) => {
            let more = |e| {
                !matches!(
                    e,
                    Ipv6ExtensionSlice::Fragment(_)
                        | Ipv6ExtensionSlice::Routing(_)
                        | Ipv6ExtensionSlice::HopByHop(_)
                        | Ipv6ExtensionSlice::DestinationOptions(_)
                )
            };
            v6.header().payload_length() == 0 || v6.extensions().clone().into_iter().any(more)
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn etherparse_and_pnet_read_what_we_write(made in made()) {
        let frame = made.encode();
        let sliced = SlicedPacket::from_ethernet(&frame).map_err(|e| TestCaseError::fail(e.to_string()))?;
        agrees_with_etherparse(&frame, &sliced)?;
        let facts = stack::decode(&frame);
        prop_assert_eq!((facts.source, facts.destination), (made.ethernet.source, made.ethernet.destination));
        let Network::Ip(_, transport) = facts.network else { panic!("{facts:?}") };
        let good = match transport {
            Transport::Tcp(t) => t.checksum_good,
            Transport::Udp(u) => u.checksum_good,
            Transport::Icmp(i) => i.checksum_good,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(good, Some(true));

        let ethernet = pnet::packet::ethernet::EthernetPacket::new(&frame).expect("14 octets");
        prop_assert_eq!(ethernet.get_ethertype().0, made.ethernet.ethertype);
        prop_assert_eq!(ethernet.get_source().octets(), made.ethernet.source);
        match &made.ip {
            Ip::V4(h) => {
                let their = pnet::packet::ipv4::Ipv4Packet::new(ethernet.payload()).expect("20 octets");
                prop_assert_eq!(pnet::packet::ipv4::checksum(&their), their.get_checksum());
                prop_assert_eq!((their.get_ttl(), their.get_identification()), (h.ttl, h.id));
                prop_assert_eq!(their.get_dscp() << 2 | their.get_ecn(), h.dsfield);
                prop_assert_eq!(their.get_flags() == 2, h.dont_fragment);
                prop_assert_eq!(their.get_options_raw(), &h.options[..]);
                prop_assert_eq!((their.get_source(), their.get_destination()), (h.source, h.destination));
                pnet_reads_upper(&made, their.payload(), |number, octets| match number {
                    protocol::TCP => pnet::packet::tcp::ipv4_checksum(
                        &pnet::packet::tcp::TcpPacket::new(octets).expect("20 octets"), &h.source, &h.destination),
                    protocol::UDP => pnet::packet::udp::ipv4_checksum(
                        &pnet::packet::udp::UdpPacket::new(octets).expect("8 octets"), &h.source, &h.destination),
                    _ => pnet::packet::icmp::checksum(
                        &pnet::packet::icmp::IcmpPacket::new(octets).expect("4 octets")),
                })?;
            }
            Ip::V6(h) => {
                let their = pnet::packet::ipv6::Ipv6Packet::new(ethernet.payload()).expect("40 octets");
                prop_assert_eq!((their.get_hop_limit(), their.get_flow_label()), (h.hop_limit, h.flow_label));
                prop_assert_eq!(their.get_traffic_class(), h.traffic_class);
                prop_assert_eq!((their.get_source(), their.get_destination()), (h.source, h.destination));
                pnet_reads_upper(&made, their.payload(), |number, octets| match number {
                    protocol::TCP => pnet::packet::tcp::ipv6_checksum(
                        &pnet::packet::tcp::TcpPacket::new(octets).expect("20 octets"), &h.source, &h.destination),
                    protocol::UDP => pnet::packet::udp::ipv6_checksum(
                        &pnet::packet::udp::UdpPacket::new(octets).expect("8 octets"), &h.source, &h.destination),
                    _ => pnet::packet::icmpv6::checksum(
                        &pnet::packet::icmpv6::Icmpv6Packet::new(octets).expect("4 octets"), &h.source, &h.destination),
                })?;
            }
        }
    }

    /// Octets changed at random: where etherparse still reads the frame, it reads what we read.
    #[test]
    fn etherparse_reads_what_we_read(
        made in made(), changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), keep in any::<prop::sample::Index>()
    ) {
        let mut frame = made.encode();
        for (at, value) in changes {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        if let Ok(sliced) = SlicedPacket::from_ethernet(&frame)
            && !walks_further(&sliced)
        {
            agrees_with_etherparse(&frame, &sliced)?;
        }
        // And no beginning of it makes any reading panic.
        let beginning = &frame[..keep.index(frame.len() + 1)];
        stack::decode(beginning);
        stack::classify(beginning);
        stack::ip_len(beginning);
        stack::headers(beginning);
    }

    #[test]
    fn pnet_reads_our_arp(
        macs: [[u8; 6]; 2], ips: [u32; 2], operation in prop_oneof![Just(ArpOperation::Request), Just(ArpOperation::Reply)]
    ) {
        let packet = ArpPacket {
            operation, sender_mac: macs[0], sender_ip: ips[0].into(), target_mac: macs[1], target_ip: ips[1].into(),
        };
        let frame = packet.to_frame();
        let sliced = SlicedPacket::from_ethernet(&frame).map_err(|e| TestCaseError::fail(e.to_string()))?;
        agrees_with_etherparse(&frame, &sliced)?;
        let their = pnet::packet::arp::ArpPacket::new(&frame[14..]).expect("28 octets");
        prop_assert_eq!(their.get_sender_hw_addr().octets(), macs[0]);
        prop_assert_eq!(their.get_target_hw_addr().octets(), macs[1]);
        prop_assert_eq!(their.get_sender_proto_addr(), packet.sender_ip);
        prop_assert_eq!(their.get_target_proto_addr(), packet.target_ip);
        prop_assert_eq!(their.get_operation().0 == 1, operation == ArpOperation::Request);
    }
}

/// `checksum` is pnet's, by protocol number.
fn pnet_reads_upper(
    made: &Made,
    octets: &[u8],
    checksum: impl Fn(u8, &[u8]) -> u16,
) -> Result<(), TestCaseError> {
    match &made.upper {
        Upper::Tcp(h) => {
            let their = pnet::packet::tcp::TcpPacket::new(octets).expect("20 octets");
            prop_assert_eq!(checksum(protocol::TCP, octets), their.get_checksum());
            prop_assert_eq!(
                (their.get_source(), their.get_destination()),
                (h.source_port, h.destination_port)
            );
            prop_assert_eq!((their.get_sequence(), their.get_acknowledgement()), (h.seq, h.ack));
            prop_assert_eq!((their.get_window(), their.get_urgent_ptr()), (h.window, h.urgent_pointer));
            prop_assert_eq!(u16::from(their.get_flags()), h.flags.0 & 0xff);
            prop_assert_eq!(their.payload(), &made.payload[..]);
        }
        Upper::Udp(h) => {
            let their = pnet::packet::udp::UdpPacket::new(octets).expect("8 octets");
            prop_assert_eq!(
                (their.get_source(), their.get_destination()),
                (h.source_port, h.destination_port)
            );
            prop_assert_eq!(usize::from(their.get_length()), 8 + made.payload.len());
            // Zero is sent in its other form.
            let expected = checksum(protocol::UDP, octets);
            prop_assert_eq!(if expected == 0 { 0xffff } else { expected }, their.get_checksum());
        }
        Upper::Icmp { kind, code, .. } => {
            let number = if matches!(made.ip, Ip::V4(_)) { protocol::ICMP } else { protocol::ICMPV6 };
            prop_assert_eq!((octets[0], octets[1]), (*kind, *code));
            prop_assert_eq!(checksum(number, octets).to_be_bytes(), [octets[2], octets[3]]);
        }
    }
    Ok(())
}
