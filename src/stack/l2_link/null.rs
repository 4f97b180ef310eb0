//! The loopback header of BSD and macOS captures: an address family in the place of a link layer's header (tcpdump.org,
//! LINKTYPE_NULL and LINKTYPE_LOOP).

use super::ethernet::ethertype;
use super::fields::ethertype_name;
use crate::model::{Header, LinkType, Malformed, Protocol, Value};
use crate::stack::fields::Fields;
use crate::stack::octets::{be32, need};

/// Octets of the header.
const LEN: usize = LinkType::Null.header_len();

/// Address families: AF_INET is 2 on every system, AF_INET6 differs.
mod family {
    pub(super) const INET: u32 = 2;
    pub(super) const INET6_NETBSD: u32 = 24;
    pub(super) const INET6_FREEBSD: u32 = 28;
    pub(super) const INET6_DARWIN: u32 = 30;
}

/// Reads the family, and gives what follows it. LINKTYPE_NULL has it in the byte order of the host that captured, which the
/// file does not say: families are small numbers, so a large one is read the other way round. Fails with `Truncated`.
pub fn decode(link: LinkType, octets: &[u8]) -> Result<(u32, &[u8]), Malformed> {
    need(Protocol::Null, octets, LEN)?;
    let family = be32(octets, 0);
    let swapped = link == LinkType::Null && family > u32::from(u16::MAX);
    Ok((if swapped { family.swap_bytes() } else { family }, &octets[LEN..]))
}

/// The EtherType of what this family announces: some captures have that itself in the family's place.
pub const fn ethertype(link: LinkType, family: u32) -> Option<u16> {
    match family {
        family::INET => Some(ethertype::IPV4),
        family::INET6_NETBSD | family::INET6_FREEBSD | family::INET6_DARWIN => Some(ethertype::IPV6),
        _ if is_type(link, family) => Some(family as u16),
        _ => None,
    }
}

const fn is_type(link: LinkType, family: u32) -> bool {
    matches!(link, LinkType::Null) && family > ethertype::MAX_LENGTH as u32 && family <= u16::MAX as u32
}

/// The fields of the header at the beginning of `frame`.
pub(crate) fn null_fields(link: LinkType, frame: &[u8]) -> Header {
    let mut fields = Fields::new(Protocol::Null, frame, 0);
    if let Ok((family, _)) = decode(link, frame) {
        if is_type(link, family) {
            fields.hex("null.type", 0, LEN).reads(Value::Hex(family.into(), 4)).named(ethertype_name);
        } else {
            fields.uint("null.family", 0, LEN).reads(Value::Uint(family.into())).named(family_name);
        }
    }
    fields.finish(LEN)
}

/// In Wireshark's words.
fn family_name(number: u64) -> Option<&'static str> {
    match ethertype(LinkType::Loop, u32::try_from(number).ok()?)? {
        ethertype::IPV4 => Some("IP"),
        _ => Some("IPv6"),
    }
}
