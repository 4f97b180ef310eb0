//! ICMP's and ICMPv6's fields, under Wireshark's names.

use super::{HEADER_LEN, Version, at, kind, kind_v6};
use crate::model::Header;
use crate::stack::checksum::Pseudo;
use crate::stack::fields::Fields;

/// The fields of the message at octet `base` of the frame, without what it quotes or echoes, as far as
/// they are there. The checksum is verified when the message is `whole`.
pub(crate) fn fields(version: Version, message: &[u8], base: usize, whole: bool, pseudo: Pseudo) -> Header {
    let mut fields = Fields::new(version.protocol(), message, base);
    let before = whole.then(|| version.before(pseudo, message.len()));
    let kind_number = message.first().copied();
    match version {
        Version::V4 => {
            fields.uint("icmp.type", at::TYPE, 1).named(kind_name);
            fields.uint("icmp.code", at::CODE, 1).named(|code| code_name(kind_number?, code));
            fields.checksum("icmp.checksum", at::CHECKSUM, before, message);
            let len = rest(&mut fields, message);
            fields.finish(len)
        }
        Version::V6 => {
            fields.uint("icmpv6.type", at::TYPE, 1).named(kind_v6_name);
            fields.uint("icmpv6.code", at::CODE, 1).named(|code| code_v6_name(kind_number?, code));
            fields.checksum("icmpv6.checksum", at::CHECKSUM, before, message);
            let len = rest_v6(&mut fields, message);
            fields.finish(len)
        }
    }
}

/// The octets after ICMP's checksum. Gives the header's length.
fn rest(fields: &mut Fields<'_>, message: &[u8]) -> usize {
    let r = at::REST;
    match *message {
        [kind::ECHO_REQUEST | kind::ECHO_REPLY, ..] => {
            fields.uint("icmp.ident", at::ECHO_ID, 2).uint("icmp.seq", at::ECHO_SEQ, 2);
        }
        [kind::TIMESTAMP | kind::TIMESTAMP_REPLY, ..] => {
            fields.uint("icmp.ident", at::ECHO_ID, 2).uint("icmp.seq", at::ECHO_SEQ, 2);
            fields.uint("icmp.originate_timestamp", 8, 4).uint("icmp.receive_timestamp", 12, 4);
            fields.uint("icmp.transmit_timestamp", 16, 4);
            return 20;
        }
        // Fragmentation needed (RFC 1191 s4).
        [kind::UNREACHABLE, 4, ..] => {
            fields.octets("icmp.unused", r..r + 2).uint("icmp.mtu", at::MTU, 2);
        }
        [kind::UNREACHABLE | kind::TIME_EXCEEDED, ..] => {
            fields.octets("icmp.unused", r..r + 4);
        }
        [kind::REDIRECT, ..] => {
            fields.ipv4("icmp.redir_gw", r);
        }
        [kind::PARAMETER_PROBLEM, ..] => {
            fields.uint("icmp.pointer", r, 1).octets("icmp.unused", r + 1..r + 4);
        }
        _ => {}
    }
    HEADER_LEN
}

/// The octets after ICMPv6's checksum. Gives the header's length.
fn rest_v6(fields: &mut Fields<'_>, message: &[u8]) -> usize {
    let r = at::REST;
    match message.first().copied() {
        Some(kind_v6::ECHO_REQUEST | kind_v6::ECHO_REPLY) => {
            fields.hex("icmpv6.echo.identifier", at::ECHO_ID, 2);
            fields.uint("icmpv6.echo.sequence_number", at::ECHO_SEQ, 2);
        }
        Some(kind_v6::UNREACHABLE | kind_v6::TIME_EXCEEDED) => {
            fields.octets("icmpv6.reserved", r..r + 4);
        }
        Some(kind_v6::TOO_BIG) => {
            fields.uint("icmpv6.mtu", at::MTU_V6, 4);
        }
        Some(kind_v6::PARAMETER_PROBLEM) => {
            fields.uint("icmpv6.pointer", r, 4);
        }
        Some(kind_v6::ROUTER_SOLICITATION) => {
            fields.octets("icmpv6.reserved", r..r + 4);
            return neighbour_options(fields, 8);
        }
        Some(kind_v6::ROUTER_ADVERTISEMENT) => {
            router_advertisement(fields);
            return neighbour_options(fields, 16);
        }
        Some(kind_v6::NEIGHBOUR_SOLICITATION) => {
            fields.octets("icmpv6.reserved", r..r + 4).ipv6("icmpv6.nd.ns.target_address", 8);
            return neighbour_options(fields, 24);
        }
        Some(kind_v6::NEIGHBOUR_ADVERTISEMENT) => {
            fields.hex("icmpv6.nd.na.flag", r, 4);
            fields.bit("icmpv6.nd.na.flag.r", r, 0).bit("icmpv6.nd.na.flag.s", r, 1);
            fields.bit("icmpv6.nd.na.flag.o", r, 2).bits("icmpv6.nd.na.flag.rsv", r..r + 4, 3, 29);
            fields.ipv6("icmpv6.nd.na.target_address", 8);
            return neighbour_options(fields, 24);
        }
        Some(kind_v6::LISTENER_REPORT) => return listener_report(fields),
        Some(_) => {
            fields.octets("icmpv6.data", r..message.len());
            return message.len();
        }
        None => {}
    }
    HEADER_LEN
}

/// RFC 4861 s4.2; the preference is RFC 4191's.
fn router_advertisement(fields: &mut Fields<'_>) {
    fields.uint("icmpv6.nd.ra.cur_hop_limit", 4, 1).hex("icmpv6.nd.ra.flag", 5, 1);
    fields.bit("icmpv6.nd.ra.flag.m", 5, 0).bit("icmpv6.nd.ra.flag.o", 5, 1);
    fields.bit("icmpv6.nd.ra.flag.h", 5, 2).bits("icmpv6.nd.ra.flag.prf", 5..6, 3, 2);
    fields.bit("icmpv6.nd.ra.flag.p", 5, 5).bits("icmpv6.nd.ra.flag.rsv", 5..6, 6, 2);
    fields.uint("icmpv6.nd.ra.router_lifetime", 6, 2);
    fields.uint("icmpv6.nd.ra.reachable_time", 8, 4).uint("icmpv6.nd.ra.retrans_timer", 12, 4);
}

/// Neighbour discovery's options from `offset` on (RFC 4861 s4.6). Gives where they end.
fn neighbour_options(fields: &mut Fields<'_>, mut offset: usize) -> usize {
    while let Some(&[option, words]) = fields.get(offset..offset + 2) {
        fields.uint("icmpv6.opt.type", offset, 1).named(|_| match option {
            1 => Some("source link-layer address"),
            2 => Some("target link-layer address"),
            3 => Some("prefix information"),
            5 => Some("MTU"),
            _ => None,
        });
        // Words of 8 octets; none at all would go nowhere.
        let len = usize::from(words) * 8;
        fields.uint("icmpv6.opt.length", offset + 1, 1).words_of(8);
        if len == 0 || fields.get(offset..offset + len).is_none() {
            // Nobody knows where it ends, so it has the rest.
            return offset + fields.rest(offset).len();
        }
        match (option, words) {
            (1 | 2, 1) => {
                fields.mac("icmpv6.opt.linkaddr", offset + 2);
            }
            (3, 4) => {
                let flags = offset + 3;
                fields.uint("icmpv6.opt.prefix.length", offset + 2, 1);
                fields.hex("icmpv6.opt.prefix.flag", flags, 1);
                fields.bit("icmpv6.opt.prefix.flag.l", flags, 0).bit("icmpv6.opt.prefix.flag.a", flags, 1);
                fields.bit("icmpv6.opt.prefix.flag.r", flags, 2);
                fields.bits("icmpv6.opt.prefix.flag.reserved", flags..flags + 1, 3, 5);
                fields.uint("icmpv6.opt.prefix.valid_lifetime", offset + 4, 4);
                fields.uint("icmpv6.opt.prefix.preferred_lifetime", offset + 8, 4);
                fields.ipv6("icmpv6.opt.prefix", offset + 16);
            }
            (5, 1) => {
                fields.uint("icmpv6.opt.mtu", offset + 4, 4);
            }
            _ => {}
        }
        offset += len;
    }
    offset
}

/// MLDv2 (RFC 3810 s5.2), which a host sends when it joins its solicited-node group.
fn listener_report(fields: &mut Fields<'_>) -> usize {
    fields.octets("icmpv6.reserved", 4..6).uint("icmpv6.mldr.nb_mcast_records", 6, 2);
    let mut offset = 8;
    while let Some(record) = fields.get(offset..offset + 20) {
        let sources = usize::from(u16::from_be_bytes([record[2], record[3]]));
        fields.uint("icmpv6.mldr.mar.record_type", offset, 1);
        fields.uint("icmpv6.mldr.mar.aux_data_len", offset + 1, 1);
        fields.uint("icmpv6.mldr.mar.nb_sources", offset + 2, 2);
        fields.ipv6("icmpv6.mldr.mar.multicast_address", offset + 4);
        offset += 20;
        for _ in 0..sources.min(fields.rest(offset).len() / 16) {
            fields.ipv6("icmpv6.mldr.mar.source_address", offset);
            offset += 16;
        }
        offset += usize::from(record[1]) * 4;
    }
    offset
}

const fn kind_name(number: u64) -> Option<&'static str> {
    Some(match number as u8 {
        kind::ECHO_REPLY => "echo reply",
        kind::UNREACHABLE => "destination unreachable",
        kind::SOURCE_QUENCH => "source quench",
        kind::REDIRECT => "redirect",
        kind::ECHO_REQUEST => "echo request",
        kind::TIME_EXCEEDED => "time exceeded",
        kind::PARAMETER_PROBLEM => "parameter problem",
        kind::TIMESTAMP => "timestamp",
        kind::TIMESTAMP_REPLY => "timestamp reply",
        _ => return None,
    })
}

const fn code_name(kind_number: u8, code: u64) -> Option<&'static str> {
    Some(match (kind_number, code) {
        (kind::UNREACHABLE, 0) => "network unreachable",
        (kind::UNREACHABLE, 1) => "host unreachable",
        (kind::UNREACHABLE, 2) => "protocol unreachable",
        (kind::UNREACHABLE, 3) => "port unreachable",
        (kind::UNREACHABLE, 4) => "fragmentation needed",
        (kind::UNREACHABLE, 5) => "source route failed",
        (kind::UNREACHABLE, 13) => "administratively prohibited",
        (kind::REDIRECT, 0) => "for the network",
        (kind::REDIRECT, 1) => "for the host",
        (kind::TIME_EXCEEDED, 0) => "TTL exceeded in transit",
        (kind::TIME_EXCEEDED, 1) => "fragment reassembly time exceeded",
        _ => return None,
    })
}

const fn kind_v6_name(number: u64) -> Option<&'static str> {
    Some(match number as u8 {
        kind_v6::UNREACHABLE => "destination unreachable",
        kind_v6::TOO_BIG => "packet too big",
        kind_v6::TIME_EXCEEDED => "time exceeded",
        kind_v6::PARAMETER_PROBLEM => "parameter problem",
        kind_v6::ECHO_REQUEST => "echo request",
        kind_v6::ECHO_REPLY => "echo reply",
        kind_v6::ROUTER_SOLICITATION => "router solicitation",
        kind_v6::ROUTER_ADVERTISEMENT => "router advertisement",
        kind_v6::NEIGHBOUR_SOLICITATION => "neighbor solicitation",
        kind_v6::NEIGHBOUR_ADVERTISEMENT => "neighbor advertisement",
        kind_v6::LISTENER_REPORT => "multicast listener report",
        _ => return None,
    })
}

const fn code_v6_name(kind_number: u8, code: u64) -> Option<&'static str> {
    Some(match (kind_number, code) {
        (kind_v6::UNREACHABLE, 0) => "no route",
        (kind_v6::UNREACHABLE, 1) => "administratively prohibited",
        (kind_v6::UNREACHABLE, 3) => "address unreachable",
        (kind_v6::UNREACHABLE, 4) => "port unreachable",
        (kind_v6::TIME_EXCEEDED, 0) => "hop limit exceeded in transit",
        (kind_v6::TIME_EXCEEDED, 1) => "fragment reassembly time exceeded",
        _ => return None,
    })
}
