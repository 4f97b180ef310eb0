//! A frame as the fields of its headers, in wire order, under Wireshark's names.

use super::checksum::Pseudo;
use super::facts::{Place, raw_ethertype};
use super::fields::Fields;
use super::l2_link::ethernet::{Frame, HEADER_LEN, ethertype};
use super::l2_link::{
    arp_fields, ethernet_fields, null, null_fields, sll, sll_fields, sll_trailer, trailer_fields, vlan,
    vlan_fields,
};
use super::l3_internet::{icmp, ipv4, ipv6, protocol};
use super::l4_transport::{tcp, udp};
use crate::model::{Header, LinkType, Protocol, Tag, TagKind, Tags};

/// Every field of every header in `frame`, outermost first and in wire order, named as Wireshark 4.0 names
/// it, with values that print as `tshark -T fields` prints them. Takes any octets: of what is cut short or
/// does not hold together, the fields that are there.
///
/// Offsets count from the frame's first octet. A TCP or UDP payload is the last field of its header
/// (`tcp.payload`, `udp.payload`) but outside the header's range; an ICMP echo's data, and what layerlab
/// does not decode, is a header of [`Protocol::Data`] with `data.data`. The packet that an ICMP error
/// quotes follows with headers of its own. Octets after the packet are a last header of
/// [`Protocol::Ethernet`] with `eth.padding` or a trailer.
///
/// Checksums carry [`Checksum`](crate::model::Meaning::Checksum) where all that they sum is there, so not
/// in fragments. `tcp.options.sack_le` and `sack_re` are as they stand, like `tcp.seq_raw`.
pub fn headers(frame: &[u8]) -> Vec<Header> {
    let mut all = vec![ethernet_fields(frame)];
    let Ok(ethernet) = Frame::new(frame) else {
        return all;
    };
    let (end, innermost) = tagged(&mut all, ethernet.ethertype(), ethernet.payload(), HEADER_LEN);
    all.extend(trailer_fields(frame, end, innermost));
    all
}

/// The same of a frame as a capture of this link type has it: a cooked header is of [`Protocol::Sll`], a loopback
/// header of [`Protocol::Null`]; what follows a packet that stands alone is in no field.
pub fn headers_as(link: LinkType, frame: &[u8]) -> Vec<Header> {
    let mut all = Vec::new();
    match link {
        LinkType::Ethernet => return headers(frame),
        LinkType::Sll | LinkType::Sll2 => {
            all.push(sll_fields(link, frame));
            let Ok((cooked, payload)) = sll::decode(link, frame) else {
                return all;
            };
            let (end, innermost) = match sll::ethertype(&cooked) {
                Some(number) => tagged(&mut all, number, payload, link.header_len()),
                None => (data(&mut all, payload, link.header_len()), None),
            };
            all.extend(match innermost {
                None => sll_trailer(frame, end),
                innermost => trailer_fields(frame, end, innermost),
            });
        }
        LinkType::Null | LinkType::Loop => {
            all.push(null_fields(link, frame));
            if let Ok((family, payload)) = null::decode(link, frame) {
                network(&mut all, null::ethertype(link, family).unwrap_or(0), payload, link.header_len());
            }
        }
        LinkType::Raw => {
            network(&mut all, raw_ethertype(frame), frame, 0);
        }
    }
    all
}

/// The VLAN tags that this EtherType announces, and the headers of what follows them. Gives where that ends, and the innermost tag.
fn tagged(
    all: &mut Vec<Header>,
    mut number: u16,
    mut payload: &[u8],
    mut base: usize,
) -> (usize, Option<TagKind>) {
    let mut innermost = None;
    for _ in 0..Tags::MAX {
        let Some(kind) = vlan::kind(number) else { break };
        all.push(vlan_fields(kind, payload, base));
        innermost = Some(kind);
        let Ok((_, next, rest)) = vlan::decode(kind, payload) else {
            return (base + payload.len(), innermost);
        };
        (number, payload, base) = (next, rest, base + Tag::LEN);
    }
    (network(all, number, payload, base), innermost)
}

/// The headers of what a link-layer header of `base` octets announces. Gives where it ends.
fn network(all: &mut Vec<Header>, number: u16, payload: &[u8], base: usize) -> usize {
    match number {
        ethertype::ARP => {
            let arp = arp_fields(payload, base);
            let end = arp.at.end;
            all.push(arp);
            end
        }
        ethertype::IPV4 => packet_v4(all, payload, base, false),
        ethertype::IPV6 => packet_v6(all, payload, base, false),
        _ => data(all, payload, base),
    }
}

/// Octets that nothing decodes. Gives where they end.
fn data(all: &mut Vec<Header>, octets: &[u8], base: usize) -> usize {
    if !octets.is_empty() {
        let mut fields = Fields::new(Protocol::Data, octets, base);
        fields.octets("data.data", 0..octets.len());
        all.push(fields.finish(octets.len()));
    }
    base + octets.len()
}

/// The headers of an IPv4 packet, or of the beginning of a `quoted` one. Gives where it ends.
fn packet_v4(all: &mut Vec<Header>, octets: &[u8], base: usize, quoted: bool) -> usize {
    all.push(ipv4::fields(octets, base));
    let Ok(packet) = ipv4::Packet::new(octets) else {
        return base + octets.len();
    };
    transport(all, packet.protocol(), packet.payload(), base, Place::of_v4(&packet), quoted);
    base + packet.header_len() + packet.payload().len()
}

/// The headers of an IPv6 packet, or of the beginning of a `quoted` one. Gives where it ends.
fn packet_v6(all: &mut Vec<Header>, octets: &[u8], base: usize, quoted: bool) -> usize {
    all.push(ipv6::fields(octets, base));
    let Ok(packet) = ipv6::Packet::new(octets) else {
        return base + octets.len();
    };
    let upper = packet.upper();
    if upper.error.is_none() && upper.protocol != ipv6::extension::NO_NEXT_HEADER {
        let place = Place::of_v6(&packet, &upper);
        transport(all, upper.protocol, upper.payload, base, place, quoted);
    }
    base + ipv6::HEADER_LEN + packet.payload().len()
}

/// What an IP packet at octet `packet_at` of the frame carries.
fn transport(all: &mut Vec<Header>, number: u8, octets: &[u8], packet_at: usize, place: Place, quoted: bool) {
    let base = packet_at + place.offset;
    let whole = place.whole;
    if octets.is_empty() {
        return;
    }
    match (number, place.pseudo) {
        _ if place.later_fragment => {
            data(all, octets, base);
        }
        (protocol::TCP, pseudo) => {
            let before = whole.then(|| pseudo.sum(protocol::TCP, octets.len()));
            let by_v4 = quoted && matches!(pseudo, Pseudo::V4 { .. });
            all.push(tcp::fields(octets, base, before, by_v4));
        }
        (protocol::UDP, pseudo) => all.push(udp::fields(octets, base, whole.then_some(pseudo))),
        (protocol::ICMP, Pseudo::V4 { .. }) => message(all, icmp::Version::V4, octets, base, place, quoted),
        (protocol::ICMPV6, Pseudo::V6 { .. }) => {
            message(all, icmp::Version::V6, octets, base, place, quoted);
        }
        _ => {
            data(all, octets, base);
        }
    }
}

/// An ICMP message, and what it quotes or echoes. A quoted error quotes nothing: none is ever sent about
/// an error (RFC 1122 s3.2.2), and this bounds how deep quotes go.
fn message(
    all: &mut Vec<Header>,
    version: icmp::Version,
    octets: &[u8],
    base: usize,
    place: Place,
    quoted: bool,
) {
    all.push(icmp::fields(version, octets, base, place.whole, place.pseudo));
    let Ok(message) = icmp::Message::new(version, octets) else {
        return;
    };
    let (body, body_at) = (message.body(), base + icmp::HEADER_LEN);
    // The fields of neighbour discovery, and of types that are not known, take in the body.
    if body.is_empty() || all.last().is_some_and(|header| header.at.end > body_at) {
        return;
    }
    if message.is_error() {
        match version {
            _ if quoted => {}
            icmp::Version::V4 => {
                packet_v4(all, body, body_at, true);
            }
            icmp::Version::V6 => {
                packet_v6(all, body, body_at, true);
            }
        }
    } else if message.echo().is_some() {
        data(all, body, body_at);
    }
}
