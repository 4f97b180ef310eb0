//! IPv4's fields, under Wireshark's names.

use super::{MIN_HEADER_LEN, at};
use crate::model::{Header, Meaning, Protocol};
use crate::stack::checksum::Sum;
use crate::stack::fields::Fields;
use crate::stack::l3_internet::{ecn_name, protocol_name};

/// Options that Wireshark names (IANA "IP Option Numbers").
mod option {
    pub(super) const END_OF_LIST: u8 = 0;
    pub(super) const NOP: u8 = 1;
    pub(super) const RECORD_ROUTE: u8 = 7;
    pub(super) const MTU_PROBE: u8 = 11;
    pub(super) const MTU_REPLY: u8 = 12;
    pub(super) const TIMESTAMP: u8 = 68;
    pub(super) const LOOSE_ROUTE: u8 = 131;
    pub(super) const STREAM_ID: u8 = 136;
    pub(super) const STRICT_ROUTE: u8 = 137;
    pub(super) const ROUTER_ALERT: u8 = 148;
}

/// The fields of the IPv4 header at octet `base` of the frame, as far as they are there.
pub(crate) fn fields(packet: &[u8], base: usize) -> Header {
    let mut fields = Fields::new(Protocol::Ipv4, packet, base);
    fields.bits("ip.version", 0..1, 0, 4);
    let Some(&[first]) = fields.get(0..1) else {
        return fields.finish(0);
    };
    if first >> 4 != 4 {
        return fields.finish(1);
    }
    let header_len = usize::from(first & 0x0f) * 4;
    fields.bits("ip.hdr_len", 0..1, 4, 4).in_octets(4);
    if header_len < MIN_HEADER_LEN {
        return fields.finish(1);
    }
    let flags = at::FLAGS_OFFSET;
    fields.hex("ip.dsfield", at::DSFIELD, 1);
    fields.bits("ip.dsfield.dscp", at::DSFIELD..at::DSFIELD + 1, 0, 6);
    fields.bits("ip.dsfield.ecn", at::DSFIELD..at::DSFIELD + 1, 6, 2).named(ecn_name);
    fields.uint("ip.len", at::TOTAL_LEN, 2);
    if fields.last().is_some_and(|len| len < header_len as u64) {
        return fields.finish(at::ID);
    }
    fields.hex("ip.id", at::ID, 2);
    fields.hex_bits("ip.flags", flags..flags + 1, (0, 3), 2).means(flag_names(packet));
    fields.bit("ip.flags.rb", flags, 0).bit("ip.flags.df", flags, 1).bit("ip.flags.mf", flags, 2);
    fields.bits("ip.frag_offset", flags..flags + 2, 3, 13).words_of(8);
    fields.uint("ip.ttl", at::TTL, 1);
    fields.uint("ip.proto", at::PROTOCOL, 1).named(protocol_name);
    let whole = packet.get(..header_len);
    fields.checksum("ip.checksum", at::CHECKSUM, whole.map(|_| Sum::new()), whole.unwrap_or(&[]));
    fields.ipv4("ip.src", at::SOURCE);
    // With a source route, where it is bound for next is not yet its destination (RFC 791 s3.1).
    let routed = packet.get(at::OPTIONS..header_len).is_some_and(has_route_left);
    fields.ipv4(if routed { "ip.cur_rt" } else { "ip.dst" }, at::DESTINATION);
    options(&mut fields, header_len.min(packet.len()));
    fields.finish(header_len)
}

fn flag_names(packet: &[u8]) -> Meaning {
    let bits = packet.get(at::FLAGS_OFFSET).copied().unwrap_or(0);
    let names = [(0x80, "reserved"), (0x40, "DF"), (0x20, "MF")];
    Meaning::Flags(names.into_iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| name).collect())
}

/// The options, each with its first octet's offset in `options` and its own octets. Ends before one that
/// runs over the end.
fn walk(options: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let offset = next;
        let rest = options.get(offset..)?;
        let len = match *rest {
            [option::END_OF_LIST, ..] => {
                next = options.len();
                return Some((offset, &rest[..1]));
            }
            [option::NOP, ..] => 1,
            [_, len, ..] if len >= 2 => usize::from(len),
            _ => return None,
        };
        next += len;
        Some((offset, rest.get(..len)?))
    })
}

/// Whether a source route among `options` has addresses left to visit.
fn has_route_left(options: &[u8]) -> bool {
    walk(options).any(
        |(_, o)| matches!(o, [option::LOOSE_ROUTE | option::STRICT_ROUTE, len, pointer, ..] if pointer < len),
    )
}

fn options(fields: &mut Fields<'_>, end: usize) {
    let Some(all) = fields.get(at::OPTIONS..end) else {
        return;
    };
    for (offset, octets) in walk(all) {
        let start = at::OPTIONS + offset;
        let Some(name) = option_name(octets[0]) else {
            continue;
        };
        fields.uint("ip.opt.type", start, 1).means(Meaning::Name(name));
        fields.bit("ip.opt.type.copy", start, 0);
        fields.bits("ip.opt.type.class", start..start + 1, 1, 2);
        fields.bits("ip.opt.type.number", start..start + 1, 3, 5);
        if octets.len() > 1 {
            fields.uint("ip.opt.len", start + 1, 1);
            option_data(fields, octets, start);
        }
    }
}

const fn option_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        option::END_OF_LIST => "end of options",
        option::NOP => "no operation",
        option::RECORD_ROUTE => "record route",
        option::MTU_PROBE => "MTU probe",
        option::MTU_REPLY => "MTU reply",
        option::TIMESTAMP => "time stamp",
        option::LOOSE_ROUTE => "loose source route",
        option::STREAM_ID => "stream identifier",
        option::STRICT_ROUTE => "strict source route",
        option::ROUTER_ALERT => "router alert",
        _ => return None,
    })
}

/// What follows kind and length of the option at `start`.
fn option_data(fields: &mut Fields<'_>, octets: &[u8], start: usize) {
    match octets {
        [option::MTU_PROBE | option::MTU_REPLY, 4, ..] => {
            fields.uint("ip.opt.mtu", start + 2, 2);
        }
        [option::STREAM_ID, 4, ..] => {
            fields.uint("ip.opt.sid", start + 2, 2);
        }
        [option::ROUTER_ALERT, 4, ..] => {
            fields.uint("ip.opt.ra", start + 2, 2);
        }
        [option::TIMESTAMP, _, _, flags, ..] => {
            fields.uint("ip.opt.ptr", start + 2, 1);
            fields.bits("ip.opt.overflow", start + 3..start + 4, 0, 4);
            fields.hex_bits("ip.opt.flag", start + 3..start + 4, (4, 4), 2);
            let with_addresses = matches!(flags & 0x0f, 1 | 3);
            let entry = if with_addresses { 8 } else { 4 };
            for n in 0..(octets.len() - 4) / entry {
                let at = start + 4 + n * entry;
                if with_addresses {
                    fields.ipv4("ip.opt.time_stamp_addr", at);
                }
                fields.uint("ip.opt.time_stamp", at + entry - 4, 4);
            }
        }
        [kind @ (option::RECORD_ROUTE | option::LOOSE_ROUTE | option::STRICT_ROUTE), len, pointer, ..] => {
            fields.uint("ip.opt.ptr", start + 2, 1);
            let addresses = (octets.len() - 3) / 4;
            for n in 0..addresses {
                // The pointer counts from 1, and is 4 for the first address (RFC 791 s3.1).
                let passed = 4 + n * 4 < usize::from(*pointer);
                let name = match (*kind, passed) {
                    (option::RECORD_ROUTE, true) => "ip.rec_rt",
                    (option::RECORD_ROUTE, false) => "ip.empty_rt",
                    (_, true) => "ip.rec_rt",
                    (_, false) if n + 1 == addresses && pointer < len => "ip.dst",
                    (_, false) => "ip.src_rt",
                };
                fields.ipv4(name, start + 3 + n * 4);
            }
        }
        _ => {}
    }
}
