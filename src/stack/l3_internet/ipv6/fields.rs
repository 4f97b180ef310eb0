//! IPv6's fields and those of its extension headers, under Wireshark's names.

use super::{Extension, HEADER_LEN, Packet, at, extension};
use crate::model::{Header, Meaning, Protocol};
use crate::stack::fields::Fields;
use crate::stack::l3_internet::{ecn_name, protocol_name};

/// Types of options in hop-by-hop and destination options headers (IANA "Destination Options and Hop-by-Hop
/// Options").
mod option {
    pub(super) const PAD1: u8 = 0x00;
    pub(super) const PADN: u8 = 0x01;
    pub(super) const ROUTER_ALERT: u8 = 0x05;
    pub(super) const JUMBO: u8 = 0xc2;
    pub(super) const HOME_ADDRESS: u8 = 0xc9;
}

/// The fields of the IPv6 header at octet `base` of the frame and of its extension headers, as far as
/// they are there.
pub(crate) fn fields(bytes: &[u8], base: usize) -> Header {
    // What follows the packet is no part of it, even where an extension header runs over its end.
    let bytes = match Packet::new(bytes) {
        Ok(packet) => &bytes[..HEADER_LEN + packet.payload().len()],
        Err(_) => bytes,
    };
    let mut fields = Fields::new(Protocol::Ipv6, bytes, base);
    fields.bits("ipv6.version", 0..1, 0, 4);
    if bytes.first().is_none_or(|first| first >> 4 != 6) {
        return fields.finish(1);
    }
    fields.hex_bits("ipv6.tclass", 0..2, (4, 8), 8);
    fields.bits("ipv6.tclass.dscp", 0..2, 4, 6);
    fields.bits("ipv6.tclass.ecn", 1..2, 2, 2).named(ecn_name);
    fields.hex_bits("ipv6.flow", 1..4, (4, 20), 6);
    fields.uint("ipv6.plen", at::PAYLOAD_LEN, 2);
    fields.uint("ipv6.nxt", at::NEXT_HEADER, 1).named(protocol_name);
    fields.uint("ipv6.hlim", at::HOP_LIMIT, 1);
    fields.ipv6("ipv6.src", at::SOURCE).ipv6("ipv6.dst", at::DESTINATION);
    let mut end = HEADER_LEN;
    if let Ok(packet) = Packet::new(bytes) {
        let mut walk = packet.extensions();
        for found in walk.by_ref().map_while(Result::ok) {
            end = found.offset + found.bytes.len();
            extension_fields(&mut fields, &found);
        }
        // A header that is cut short or longer than the packet, as far as it is there.
        if let Some(found) = walk.cut_short() {
            end = found.offset + found.bytes.len();
            extension_fields(&mut fields, &found);
        }
    }
    fields.finish(end)
}

fn extension_fields(fields: &mut Fields<'_>, found: &Extension<'_>) {
    let (start, end) = (found.offset, found.offset + found.bytes.len());
    // The length counts words of 8 octets after the first.
    let len = found.bytes.get(1).map_or(0, |words| (u64::from(*words) + 1) * 8);
    match found.kind {
        extension::HOP_BY_HOP => {
            fields.uint("ipv6.hopopts.nxt", start, 1).named(protocol_name);
            fields.uint("ipv6.hopopts.len", start + 1, 1).means(Meaning::Octets(len));
            options(fields, found.bytes, start);
        }
        extension::DESTINATION_OPTIONS => {
            fields.uint("ipv6.dstopts.nxt", start, 1).named(protocol_name);
            fields.uint("ipv6.dstopts.len", start + 1, 1).means(Meaning::Octets(len));
            options(fields, found.bytes, start);
        }
        extension::ROUTING => {
            fields.uint("ipv6.routing.nxt", start, 1).named(protocol_name);
            fields.uint("ipv6.routing.len", start + 1, 1).means(Meaning::Octets(len));
            fields.uint("ipv6.routing.type", start + 2, 1).uint("ipv6.routing.segleft", start + 3, 1);
            if found.bytes.get(2) == Some(&0) {
                // The source route of RFC 2460, deprecated by RFC 5095.
                fields.octets("ipv6.routing.src.reserved", start + 4..start + 8);
                for n in 0..found.bytes.len().saturating_sub(8) / 16 {
                    fields.ipv6("ipv6.routing.src.addr", start + 8 + n * 16);
                }
            } else {
                fields.octets("ipv6.routing.unknown_data", start + 4..end);
            }
        }
        _ => {
            fields.uint("ipv6.fraghdr.nxt", start, 1).named(protocol_name);
            fields.hex("ipv6.fraghdr.reserved_octet", start + 1, 1);
            fields.bits("ipv6.fraghdr.offset", start + 2..start + 4, 0, 13).words_of(8);
            fields.bits("ipv6.fraghdr.reserved_bits", start + 3..start + 4, 5, 2);
            fields.bit("ipv6.fraghdr.more", start + 3, 7);
            fields.hex("ipv6.fraghdr.ident", start + 4, 4);
        }
    }
}

/// The options of the header at `start`, after its next-header number and length (RFC 8200 s4.2).
fn options(fields: &mut Fields<'_>, bytes: &[u8], start: usize) {
    let mut offset = 2;
    while offset < bytes.len() {
        let (kind, at) = (bytes[offset], start + offset);
        fields.hex("ipv6.opt.type", at, 1).named(|_| option_name(kind));
        if kind == option::PAD1 {
            offset += 1;
            continue;
        }
        fields.bits("ipv6.opt.type.action", at..at + 1, 0, 2);
        fields.bit("ipv6.opt.type.change", at, 2);
        fields.hex_bits("ipv6.opt.type.rest", at..at + 1, (3, 5), 2);
        let Some(&len) = bytes.get(offset + 1) else {
            return;
        };
        fields.uint("ipv6.opt.length", at + 1, 1);
        let end = offset + 2 + usize::from(len);
        if end > bytes.len() {
            return;
        }
        match (kind, len) {
            (option::PADN, _) => fields.octets("ipv6.opt.padn", at + 2..start + end),
            (option::ROUTER_ALERT, 2) => fields.uint("ipv6.opt.router_alert", at + 2, 2),
            (option::JUMBO, 4) => fields.uint("ipv6.opt.jumbo", at + 2, 4),
            (option::HOME_ADDRESS, 16) => fields.ipv6("ipv6.opt.mipv6.home_address", at + 2),
            // Set aside for experiments by RFC 4727 s5.
            (kind, _) if kind & 0x1f == 0x1e => fields.octets("ipv6.opt.experimental", at + 2..start + end),
            _ => fields.octets("ipv6.opt.unknown", at + 2..start + end),
        };
        offset = end;
    }
}

const fn option_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        option::PAD1 => "Pad1",
        option::PADN => "PadN",
        option::ROUTER_ALERT => "router alert",
        option::JUMBO => "jumbo payload",
        option::HOME_ADDRESS => "home address",
        _ => return None,
    })
}
