//! VLAN tags: 4 octets each before a frame's EtherType, which say whose frame it is (IEEE 802.1Q clause 9).

use super::ethernet::ethertype;
use super::fields::ethertype_name;
use crate::model::{Header, Malformed, Protocol, Tag, TagKind, Tags};
use crate::stack::fields::Fields;
use crate::stack::octets::{be16, need};

/// Where the fields lie, counted from what follows the tag's own EtherType.
mod at {
    pub(super) const CONTROL: usize = 0;
    pub(super) const TYPE: usize = 2;
}

/// What this EtherType announces a tag of. 0x9100 stood before outer tags until 802.1ad gave them a number.
pub const fn kind(number: u16) -> Option<TagKind> {
    match number {
        0x8100 | 0x9100 => Some(TagKind::Customer),
        0x88a8 => Some(TagKind::Service),
        _ => None,
    }
}

/// Reads a tag, and gives the EtherType of what follows it, and that. Fails with `Truncated`.
pub fn decode(kind: TagKind, octets: &[u8]) -> Result<(Tag, u16, &[u8]), Malformed> {
    need(Protocol::Vlan, octets, Tag::LEN)?;
    let control = be16(octets, at::CONTROL);
    let tag = Tag { kind, id: control & 0xfff, priority: (control >> 13) as u8 };
    Ok((tag, be16(octets, at::TYPE), &octets[Tag::LEN..]))
}

/// Reads all tags that a frame has behind this EtherType, and gives the EtherType behind them, and what it announces. An
/// error's offset counts from the first tag.
pub fn decode_all(mut number: u16, mut octets: &[u8]) -> (Tags, Result<(u16, &[u8]), Malformed>) {
    let mut tags = Tags::default();
    while tags.len() < Tags::MAX
        && let Some(kind) = kind(number)
    {
        match decode(kind, octets) {
            Ok((tag, next, rest)) => {
                (number, octets) = (next, rest);
                tags.push(tag);
            }
            Err(e) => return (tags, Err(Malformed { offset: e.offset + tags.len() * Tag::LEN, ..e })),
        }
    }
    (tags, Ok((number, octets)))
}

/// The fields of the tag at octet `base` of the frame. Of two providers' tags in a row Wireshark calls the numbers `svid` and
/// `cvid`; here both are `id`.
pub(crate) fn vlan_fields(kind: TagKind, octets: &[u8], base: usize) -> Header {
    let mut fields = Fields::new(Protocol::Vlan, octets, base);
    let control = || at::CONTROL..at::CONTROL + 2;
    match kind {
        TagKind::Customer => {
            fields.bits("vlan.priority", control(), 0, 3).bit("vlan.dei", at::CONTROL, 3);
            fields.bits("vlan.id", control(), 4, 12);
            match octets.get(at::TYPE..Tag::LEN) {
                Some(_) if be16(octets, at::TYPE) <= ethertype::MAX_LENGTH => {
                    fields.uint("vlan.len", at::TYPE, 2)
                }
                _ => fields.hex("vlan.etype", at::TYPE, 2).named(ethertype_name),
            };
        }
        TagKind::Service => {
            fields.bits("ieee8021ad.priority", control(), 0, 3).bit("ieee8021ad.dei", at::CONTROL, 3);
            fields.bits("ieee8021ad.id", control(), 4, 12);
            fields.hex("ieee8021ah.etype", at::TYPE, 2).named(ethertype_name);
        }
    }
    fields.finish(Tag::LEN)
}
