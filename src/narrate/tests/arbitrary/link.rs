//! What may stand below a packet.

use crate::model::*;
use proptest::collection::vec;
use proptest::prelude::*;

pub(super) fn link() -> impl Strategy<Value = LinkLayer> {
    let header = prop_oneof![
        4 => Just(LinkHeader::Ethernet),
        1 => any::<u32>().prop_map(|family| LinkHeader::Loopback { family }),
        1 => Just(LinkHeader::Absent),
    ];
    let kind = prop_oneof![Just(TagKind::Customer), Just(TagKind::Service)];
    let tag = (kind, 0..4096u16, 0..8u8).prop_map(|(kind, id, priority)| Tag { kind, id, priority });
    (header, vec(tag, 0..3)).prop_map(|(header, list)| {
        let mut tags = Tags::default();
        list.into_iter().for_each(|tag| assert!(tags.push(tag)));
        LinkLayer { header, tags }
    })
}
