//! A frame as typed facts, borrowed from it: what `dissect` makes its packets from. Numbers are raw, as
//! they stand in the headers. Nothing here allocates.

use super::checksum::Pseudo;
use super::l2_link::arp::{self, ArpPacket};
use super::l2_link::ethernet::{Frame, ethertype};
use super::l2_link::{null, sll, vlan};
use super::l3_internet::icmp::{self, Message};
use super::l3_internet::{ipv4, ipv6, protocol};
use super::l4_transport::tcp::{self, SackBlocks, Segment, TcpOption};
use super::l4_transport::udp::{self, Datagram};
use crate::model::{
    IcmpKind, IpFragment, LinkHeader, LinkLayer, LinkType, Malformed, Neighbor, Tags, TcpFlags,
};
use std::net::IpAddr;

/// What a frame says. Offsets in a [`Malformed`] count from the frame's first octet.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Ethernet source; of a frame too short to hold it, what is there and zeros.
    pub source: [u8; 6],
    /// Ethernet destination; of a frame too short to hold it, what is there and zeros. Zeros where the capture has none.
    pub destination: [u8; 6],
    /// What stands below the packet.
    pub link: LinkLayer,
    /// What it carries.
    pub network: Network<'a>,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug)]
pub enum Network<'a> {
    /// ARP for IPv4 over Ethernet.
    Arp(ArpPacket),
    /// An IP packet (IPv4 or IPv6).
    Ip(IpFacts, Transport<'a>),
    /// Something that layerlab does not decode: its EtherType (0x0806 for ARP of other networks).
    Other(u16),
    /// A frame, ARP packet or IP header that does not hold together.
    Malformed(Malformed),
}

/// What an IP header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpFacts {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live (IPv4) or hop limit (IPv6).
    pub ttl: u8,
    /// Octets of the whole packet, as its header says.
    pub len: u32,
    /// Identification (IPv4, of any packet); of IPv6 the fragment header's, and 0 without one.
    pub id: u32,
    /// Don't-fragment flag (IPv4).
    pub df: bool,
    /// Present when the packet is a fragment.
    pub fragment: Option<IpFragment>,
    /// IP protocol number of what it carries (IPv6: after the extension headers).
    pub protocol: u8,
    /// Whether the header checksum verifies; `None` for IPv6, which has none.
    pub checksum_good: Option<bool>,
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(TcpFacts<'a>),
    /// A UDP datagram, or the first fragment of one.
    Udp(UdpFacts<'a>),
    /// An ICMP or ICMPv6 message, or the first fragment of one.
    Icmp(IcmpFacts<'a>),
    /// A later fragment: no transport header in it. Its place is in [`IpFacts::fragment`].
    Fragment {
        /// The IP protocol number of the whole packet.
        protocol: u8,
    },
    /// Something that layerlab does not decode: its IP protocol number.
    Other(u8),
    /// An extension header or a transport header that does not hold together.
    Malformed(Malformed),
}

/// What a TCP segment says.
#[derive(Clone, Copy, Debug)]
pub struct TcpFacts<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number as it stands.
    pub seq: u32,
    /// Acknowledgment number as it stands; meaningless without ACK.
    pub ack: u32,
    /// The flags.
    pub flags: TcpFlags,
    /// Window as it stands, not scaled.
    pub window: u16,
    /// Maximum segment size option.
    pub mss: Option<u16>,
    /// Window scale option.
    pub window_scale: Option<u8>,
    /// Whether the SACK-permitted option is there.
    pub sack_permitted: bool,
    /// SACK blocks, as they stand.
    pub sack: SackBlocks,
    /// Timestamps option: value and echo.
    pub timestamps: Option<(u32, u32)>,
    /// Octets of payload, as the IP header says (of this fragment, where it is one).
    pub payload_len: u32,
    /// The payload, as far as the frame holds it.
    pub payload: &'a [u8],
    /// Offset of the payload in the frame.
    pub payload_offset: usize,
    /// Whether the checksum verifies; `None` when the frame does not hold the whole segment.
    pub checksum_good: Option<bool>,
}

/// What a UDP datagram says.
#[derive(Clone, Copy, Debug)]
pub struct UdpFacts<'a> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Octets of payload of the whole datagram, as its length field says.
    pub payload_len: u32,
    /// The payload, as far as the frame holds it.
    pub payload: &'a [u8],
    /// Offset of the payload in the frame.
    pub payload_offset: usize,
    /// Whether the checksum verifies; `None` when the sender made none or the frame does not hold it all.
    pub checksum_good: Option<bool>,
}

/// What an ICMP or ICMPv6 message says.
#[derive(Clone, Copy, Debug)]
pub struct IcmpFacts<'a> {
    /// ICMPv6 rather than ICMP.
    pub v6: bool,
    /// The type's number.
    pub kind_number: u8,
    /// The code's number.
    pub code: u8,
    /// What the two mean.
    pub kind: IcmpKind,
    /// For an echo: identifier and sequence number.
    pub echo: Option<(u16, u16)>,
    /// For a neighbor solicitation or advertisement: the address that it is about.
    pub neighbor: Option<Neighbor>,
    /// For an error: what it quotes, where that begins with an IP header.
    pub quoted: Option<Quoted>,
    /// What follows the 8 octets of header, as far as the frame holds it: echo data, or the quote.
    pub payload: &'a [u8],
    /// Offset of the payload in the frame.
    pub payload_offset: usize,
    /// Whether the checksum verifies; `None` when the frame does not hold the whole message.
    pub checksum_good: Option<bool>,
}

/// The packet that an ICMP error quotes: enough to find it among those seen before. A router may have
/// changed its TTL and header checksum; the rest is as it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quoted {
    /// Its IP header.
    pub ip: IpFacts,
    /// Source and destination port, where it is TCP or UDP and they are quoted.
    pub ports: Option<(u16, u16)>,
    /// TCP's sequence number as it stands, where it is quoted.
    pub seq: Option<u32>,
    /// ICMP echo's identifier and sequence number, where they are quoted.
    pub echo: Option<(u16, u16)>,
}

/// Reads a frame, from its Ethernet header on, without FCS. Takes any octets.
pub fn decode(frame: &[u8]) -> Facts<'_> {
    let mut addresses = [0; 12];
    let there = frame.len().min(12);
    addresses[..there].copy_from_slice(&frame[..there]);
    let [mut destination, mut source] = [[0; 6]; 2];
    destination.copy_from_slice(&addresses[..6]);
    source.copy_from_slice(&addresses[6..]);
    let mut link = LinkLayer::default();
    let network = match Frame::new(frame) {
        Ok(ethernet) => decode_tagged(&mut link, ethernet.ethertype(), ethernet.payload()),
        Err(e) => Network::Malformed(e),
    };
    Facts { source, destination, link, network }
}

/// Reads a frame as a capture of this link type has it.
pub fn decode_as(link: LinkType, frame: &[u8]) -> Facts<'_> {
    let mut source = [0; 6];
    let mut layer = LinkLayer { header: LinkHeader::Absent, tags: Tags::default() };
    let network = match link {
        LinkType::Ethernet => return decode(frame),
        LinkType::Sll | LinkType::Sll2 => match sll::decode(link, frame) {
            Ok((cooked, payload)) => {
                if cooked.address_len == 6 {
                    source.copy_from_slice(&cooked.address[..6]);
                }
                layer.header = LinkHeader::Cooked(cooked);
                match sll::ethertype(&cooked) {
                    Some(number) => decode_tagged(&mut layer, number, payload),
                    None => Network::Other(cooked.protocol),
                }
            }
            Err(e) => Network::Malformed(e),
        },
        LinkType::Null | LinkType::Loop => match null::decode(link, frame) {
            Ok((family, payload)) => {
                layer.header = LinkHeader::Loopback { family };
                let number = null::ethertype(link, family).unwrap_or(0);
                decode_network(number, payload, link.header_len())
            }
            Err(e) => Network::Malformed(e),
        },
        LinkType::Raw => decode_network(raw_ethertype(frame), frame, 0),
    };
    Facts { source, destination: [0; 6], link: layer, network }
}

/// The EtherType that would announce this packet, as its version says. What has neither version is no IPv4.
pub(crate) fn raw_ethertype(packet: &[u8]) -> u16 {
    match packet.first() {
        Some(first) if first >> 4 == 6 => ethertype::IPV6,
        _ => ethertype::IPV4,
    }
}

/// The same error, seen from `by` octets further out.
pub(crate) fn outward(e: Malformed, by: usize) -> Malformed {
    Malformed { offset: e.offset + by, ..e }
}

/// What follows a link-layer header: VLAN tags, which join it, and a packet.
fn decode_tagged<'a>(link: &mut LinkLayer, number: u16, payload: &'a [u8]) -> Network<'a> {
    let tags_at = link.header_len();
    let (tags, behind) = vlan::decode_all(number, payload);
    link.tags = tags;
    match behind {
        Ok((number, payload)) => decode_network(number, payload, link.header_len()),
        Err(e) => Network::Malformed(outward(e, tags_at)),
    }
}

/// What follows a link layer of `header_len` octets.
fn decode_network(number: u16, payload: &[u8], header_len: usize) -> Network<'_> {
    let read = match number {
        ethertype::ARP => arp::Packet::new(payload).map(|packet| match packet.ipv4_over_ethernet() {
            Some(facts) => Network::Arp(facts),
            None => Network::Other(ethertype::ARP),
        }),
        ethertype::IPV4 => ipv4::Packet::new(payload).map(|p| {
            let place = Place::of_v4(&p);
            Network::Ip(v4_facts(&p), decode_transport(p.protocol(), p.payload(), header_len, place))
        }),
        ethertype::IPV6 => ipv6::Packet::new(payload).map(|p| {
            let upper = p.upper();
            let facts = v6_facts(&p, &upper);
            match upper.error {
                Some(e) => Network::Ip(facts, Transport::Malformed(outward(e, header_len))),
                None => {
                    let place = Place::of_v6(&p, &upper);
                    Network::Ip(facts, decode_transport(upper.protocol, upper.payload, header_len, place))
                }
            }
        }),
        other => return Network::Other(other),
    };
    read.unwrap_or_else(|e| Network::Malformed(outward(e, header_len)))
}

fn v4_facts(p: &ipv4::Packet<'_>) -> IpFacts {
    IpFacts {
        source: p.source().into(),
        destination: p.destination().into(),
        ttl: p.ttl(),
        len: u32::from(p.total_len()),
        id: u32::from(p.id()),
        df: p.dont_fragment(),
        fragment: p.fragment(),
        protocol: p.protocol(),
        checksum_good: Some(p.checksum_good()),
    }
}

fn v6_facts(p: &ipv6::Packet<'_>, upper: &ipv6::Upper<'_>) -> IpFacts {
    IpFacts {
        source: p.source().into(),
        destination: p.destination().into(),
        ttl: p.hop_limit(),
        len: ipv6::HEADER_LEN as u32 + u32::from(p.payload_len()),
        id: upper.fragment.map_or(0, |f| f.id),
        df: false,
        fragment: upper.fragment,
        protocol: upper.protocol,
        checksum_good: None,
    }
}

/// Where a transport header stands in its packet.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Offset in the packet.
    pub(crate) offset: usize,
    /// Octets of it and its payload, as the IP header says.
    pub(crate) len: usize,
    /// It is in an earlier fragment.
    pub(crate) later_fragment: bool,
    /// All of it is here: no fragment, and nothing cut off.
    pub(crate) whole: bool,
    /// What its checksum sums first.
    pub(crate) pseudo: Pseudo,
}

impl Place {
    pub(crate) fn of_v4(p: &ipv4::Packet<'_>) -> Place {
        Place {
            offset: p.header_len(),
            len: p.payload_len(),
            later_fragment: p.fragment_offset() != 0,
            whole: p.is_whole() && !p.is_fragment(),
            pseudo: p.pseudo(),
        }
    }

    pub(crate) fn of_v6(p: &ipv6::Packet<'_>, upper: &ipv6::Upper<'_>) -> Place {
        // A fragment that is the first and the last is whole: an atomic one (RFC 6946).
        let (later, more) = upper.fragment.map_or((false, false), |f| (f.offset != 0, f.more));
        Place {
            offset: upper.offset,
            len: upper.len,
            later_fragment: later,
            whole: p.is_whole() && !later && !more,
            pseudo: Pseudo::V6 { source: p.source(), destination: p.destination() },
        }
    }
}

fn decode_transport(number: u8, bytes: &[u8], packet_at: usize, place: Place) -> Transport<'_> {
    let offset = packet_at + place.offset;
    if place.later_fragment {
        return Transport::Fragment { protocol: number };
    }
    let read = match (number, place.pseudo) {
        (protocol::TCP, _) => Segment::new(bytes).map(|s| Transport::Tcp(tcp_facts(&s, offset, place))),
        (protocol::UDP, _) => udp_facts(bytes, offset, place).map(Transport::Udp),
        (protocol::ICMP, Pseudo::V4 { .. }) => Message::new(icmp::Version::V4, bytes)
            .map(|m| Transport::Icmp(icmp_facts(&m, false, offset, place))),
        (protocol::ICMPV6, Pseudo::V6 { .. }) => Message::new(icmp::Version::V6, bytes)
            .map(|m| Transport::Icmp(icmp_facts(&m, true, offset, place))),
        _ => return Transport::Other(number),
    };
    read.unwrap_or_else(|e| Transport::Malformed(outward(e, offset)))
}

fn tcp_facts<'a>(s: &Segment<'a>, offset: usize, place: Place) -> TcpFacts<'a> {
    let mut facts = TcpFacts {
        source_port: s.source_port(),
        destination_port: s.destination_port(),
        seq: s.seq(),
        ack: s.ack(),
        flags: s.flags(),
        window: s.window(),
        mss: None,
        window_scale: None,
        sack_permitted: false,
        sack: SackBlocks::NONE,
        timestamps: None,
        payload_len: (place.len - s.header_len()) as u32,
        payload: s.payload(),
        payload_offset: offset + s.header_len(),
        checksum_good: place.whole.then(|| s.checksum_good(place.pseudo)),
    };
    // Options that do not hold together end the list; the rest of the segment stands (RFC 9293 s3.1).
    for option in s.options().map_while(Result::ok) {
        match option.value {
            TcpOption::MaximumSegmentSize(mss) => facts.mss = Some(mss),
            TcpOption::WindowScale(shift) => facts.window_scale = Some(shift),
            TcpOption::SackPermitted => facts.sack_permitted = true,
            TcpOption::Sack(blocks) => facts.sack = blocks,
            TcpOption::Timestamps { value, echo } => facts.timestamps = Some((value, echo)),
            TcpOption::EndOfList | TcpOption::Nop | TcpOption::Other { .. } => {}
        }
    }
    facts
}

fn udp_facts(bytes: &[u8], offset: usize, place: Place) -> Result<UdpFacts<'_>, Malformed> {
    let d = Datagram::new(bytes)?;
    if place.whole && usize::from(d.len()) > place.len {
        return super::octets::bad_length(crate::model::Protocol::Udp, udp::at::LEN, usize::from(d.len()));
    }
    Ok(UdpFacts {
        source_port: d.source_port(),
        destination_port: d.destination_port(),
        payload_len: u32::from(d.len()) - udp::HEADER_LEN as u32,
        payload: d.payload(),
        payload_offset: offset + udp::HEADER_LEN,
        checksum_good: if place.whole { d.checksum_good(place.pseudo) } else { None },
    })
}

fn icmp_facts<'a>(m: &Message<'a>, v6: bool, offset: usize, place: Place) -> IcmpFacts<'a> {
    IcmpFacts {
        v6,
        kind_number: m.kind_number(),
        code: m.code(),
        kind: m.kind(),
        echo: m.echo(),
        neighbor: m.neighbor(),
        quoted: m.quoted().and_then(|quote| if v6 { quoted_v6(quote) } else { quoted_v4(quote) }),
        payload: m.body(),
        payload_offset: offset + icmp::HEADER_LEN,
        checksum_good: place.whole.then(|| m.checksum_good(place.pseudo)),
    }
}

fn quoted_v4(quote: &[u8]) -> Option<Quoted> {
    let p = ipv4::Packet::new(quote).ok()?;
    let inner = if p.fragment_offset() == 0 { p.payload() } else { &[] };
    Some(quoted(v4_facts(&p), inner, icmp::Version::V4))
}

fn quoted_v6(quote: &[u8]) -> Option<Quoted> {
    let p = ipv6::Packet::new(quote).ok()?;
    let upper = p.upper();
    let first = upper.error.is_none() && upper.fragment.is_none_or(|f| f.offset == 0);
    Some(quoted(v6_facts(&p, &upper), if first { upper.payload } else { &[] }, icmp::Version::V6))
}

/// A quote may end after 8 octets of what the packet carried (RFC 792): too little for the views.
fn quoted(ip: IpFacts, inner: &[u8], version: icmp::Version) -> Quoted {
    let word = |at: usize| inner.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    let has_ports = matches!(ip.protocol, protocol::TCP | protocol::UDP);
    let seq = inner.get(tcp::at::SEQ..tcp::at::SEQ + 4).map(|b| super::octets::be32(b, 0));
    Quoted {
        ip,
        ports: if has_ports { word(0).zip(word(2)) } else { None },
        seq: seq.filter(|_| ip.protocol == protocol::TCP),
        echo: match ip.protocol {
            protocol::ICMP | protocol::ICMPV6 => Message::new(version, inner).ok().and_then(|m| m.echo()),
            _ => None,
        },
    }
}
