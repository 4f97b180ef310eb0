//! The pseudo-header that Linux's kernel and libpcap write where a capture has no link-layer header of its own, as
//! `tcpdump -i any` has none ("cooked" captures; tcpdump.org, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2).

use super::ethernet::ethertype;
use crate::model::{Cooked, Header, LinkType, Malformed, Protocol};
use crate::stack::fields::Fields;
use crate::stack::octets::{be16, need};

/// Where the fields of the first version lie, and octets of its header.
mod v1 {
    pub(super) const PACKET_TYPE: usize = 0;
    pub(super) const HARDWARE: usize = 2;
    pub(super) const ADDRESS_LEN: usize = 4;
    pub(super) const ADDRESS: usize = 6;
    pub(super) const PROTOCOL: usize = 14;
    pub(super) const LEN: usize = super::LinkType::Sll.header_len();
}

/// The same of the second.
mod v2 {
    pub(super) const PROTOCOL: usize = 0;
    pub(super) const INTERFACE: usize = 4;
    pub(super) const HARDWARE: usize = 8;
    pub(super) const PACKET_TYPE: usize = 10;
    pub(super) const ADDRESS_LEN: usize = 11;
    pub(super) const ADDRESS: usize = 12;
    pub(super) const LEN: usize = super::LinkType::Sll2.header_len();
}

/// ARPHRD_ numbers of what carries no EtherType in the protocol's place: netlink, GRE, radio headers and their like.
const NO_ETHERTYPE: [u16; 6] = [778, 801, 802, 803, 824, 805];

/// Reads a cooked header of the second version or the first, and gives what follows it. Fails with `Truncated`.
pub fn decode(link: LinkType, octets: &[u8]) -> Result<(Cooked, &[u8]), Malformed> {
    let second = link == LinkType::Sll2;
    let len = if second { v2::LEN } else { v1::LEN };
    need(Protocol::Sll, octets, len)?;
    let [hardware_at, address_at] =
        if second { [v2::HARDWARE, v2::ADDRESS] } else { [v1::HARDWARE, v1::ADDRESS] };
    let mut address = [0; 8];
    address.copy_from_slice(&octets[address_at..address_at + 8]);
    let cooked = Cooked {
        link,
        packet_type: if second { octets[v2::PACKET_TYPE].into() } else { be16(octets, v1::PACKET_TYPE) },
        hardware: be16(octets, hardware_at),
        address_len: if second { octets[v2::ADDRESS_LEN].into() } else { be16(octets, v1::ADDRESS_LEN) },
        address,
        protocol: be16(octets, if second { v2::PROTOCOL } else { v1::PROTOCOL }),
        interface: second.then(|| {
            u32::from(be16(octets, v2::INTERFACE)) << 16 | u32::from(be16(octets, v2::INTERFACE + 2))
        }),
    };
    Ok((cooked, &octets[len..]))
}

/// The EtherType of what a cooked packet carries, where its protocol is one.
pub fn ethertype(cooked: &Cooked) -> Option<u16> {
    (!NO_ETHERTYPE.contains(&cooked.hardware) && cooked.protocol > ethertype::MAX_LENGTH)
        .then_some(cooked.protocol)
}

/// The fields of the cooked header at the beginning of `frame`.
pub(crate) fn sll_fields(link: LinkType, frame: &[u8]) -> Header {
    let mut fields = Fields::new(Protocol::Sll, frame, 0);
    let cooked = decode(link, frame).ok();
    let address_len = cooked.map_or(0, |(cooked, _)| usize::from(cooked.address_len).min(8));
    let by_type = cooked.is_none_or(|(cooked, _)| ethertype(&cooked).is_some());
    let protocol = |fields: &mut Fields<'_>, at| {
        if by_type {
            fields.hex("sll.etype", at, 2).named(super::fields::ethertype_name);
        } else {
            fields.hex("sll.ltype", at, 2);
        }
    };
    let address = |fields: &mut Fields<'_>, at: usize| {
        match address_len {
            6 => fields.mac("sll.src.eth", at),
            4 => fields.ipv4("sll.src.ipv4", at),
            len => fields.octets("sll.src.other", at..at + len),
        };
        fields.octets("sll.unused", at + address_len..at + 8);
    };
    if link == LinkType::Sll2 {
        protocol(&mut fields, v2::PROTOCOL);
        fields.uint("sll.ifindex", v2::INTERFACE, 4);
        fields.uint("sll.hatype", v2::HARDWARE, 2);
        fields.uint("sll.pkttype", v2::PACKET_TYPE, 1).named(packet_type_name);
        fields.uint("sll.halen", v2::ADDRESS_LEN, 1);
        address(&mut fields, v2::ADDRESS);
        return fields.finish(v2::LEN);
    }
    fields.uint("sll.pkttype", v1::PACKET_TYPE, 2).named(packet_type_name);
    fields.uint("sll.hatype", v1::HARDWARE, 2);
    fields.uint("sll.halen", v1::ADDRESS_LEN, 2);
    address(&mut fields, v1::ADDRESS);
    protocol(&mut fields, v1::PROTOCOL);
    fields.finish(v1::LEN)
}

/// What lies after the packet that ends at `end`.
pub(crate) fn sll_trailer(frame: &[u8], end: usize) -> Option<Header> {
    let rest = frame.get(end..).filter(|rest| !rest.is_empty())?;
    let mut fields = Fields::new(Protocol::Sll, rest, end);
    fields.octets("sll.trailer", 0..rest.len());
    Some(fields.finish(rest.len()))
}

/// Linux's PACKET_ constants, in Wireshark's words.
const fn packet_type_name(number: u64) -> Option<&'static str> {
    Some(match number {
        0 => "Unicast to us",
        1 => "Broadcast",
        2 => "Multicast",
        3 => "Unicast to another host",
        4 => "Sent by us",
        _ => return None,
    })
}
