//! TCP's fields, under Wireshark's names.

use super::options::kind;
use super::{MIN_HEADER_LEN, at};
use crate::model::{Header, Meaning, Protocol, TcpFlags};
use crate::stack::checksum::Sum;
use crate::stack::fields::Fields;

/// The fields of the segment at octet `base` of the frame, as far as they are there; its payload is the
/// last of them and not part of the header. `before` is the pseudo-header's sum where the segment is whole.
///
/// `quoted_by_v4`: the segment is quoted in an ICMP error for IPv4. There Wireshark has no conversation to
/// count from and shows the number itself as `tcp.seq`.
pub(crate) fn fields(segment: &[u8], base: usize, before: Option<Sum>, quoted_by_v4: bool) -> Header {
    let mut fields = Fields::new(Protocol::Tcp, segment, base);
    fields.uint("tcp.srcport", at::SOURCE_PORT, 2).uint("tcp.dstport", at::DESTINATION_PORT, 2);
    fields.uint(if quoted_by_v4 { "tcp.seq" } else { "tcp.seq_raw" }, at::SEQ, 4);
    let (low, high) = (at::OFFSET_FLAGS, at::OFFSET_FLAGS + 1);
    let header_len = segment.get(low).map_or(MIN_HEADER_LEN, |octet| usize::from(octet >> 4) * 4);
    if header_len < MIN_HEADER_LEN {
        fields.bits("tcp.hdr_len", low..high, 0, 4).in_octets(4);
        return fields.finish(high);
    }
    fields.uint("tcp.ack_raw", at::ACK, 4);
    fields.bits("tcp.hdr_len", low..high, 0, 4).in_octets(4);
    fields.hex_bits("tcp.flags", low..at::WINDOW, (4, 12), 4);
    if let Some(&[a, b]) = fields.get(low..at::WINDOW) {
        let flags = TcpFlags(u16::from_be_bytes([a, b]) & 0x0fff);
        fields.means(Meaning::Flags(flags.names().collect()));
    }
    fields.any_bit("tcp.flags.res", low, 4, 3).bit("tcp.flags.ae", low, 7);
    let names = [
        "tcp.flags.cwr",
        "tcp.flags.ece",
        "tcp.flags.urg",
        "tcp.flags.ack",
        "tcp.flags.push",
        "tcp.flags.reset",
        "tcp.flags.syn",
        "tcp.flags.fin",
    ];
    for (bit, name) in (0..).zip(names) {
        fields.bit(name, high, bit);
    }
    fields.uint("tcp.window_size_value", at::WINDOW, 2);
    fields.checksum("tcp.checksum", at::CHECKSUM, before, segment);
    fields.uint("tcp.urgent_pointer", at::URGENT, 2);
    let end = header_len.min(segment.len());
    if end > at::OPTIONS {
        fields.octets("tcp.options", at::OPTIONS..end);
        options(&mut fields, header_len);
    }
    // Octets in a reset are no payload but may say why (RFC 9293 s3.5.3).
    let reset = segment.get(high).is_some_and(|flags| flags & 0x04 != 0);
    if segment.len() > header_len && !reset {
        fields.octets("tcp.payload", header_len..segment.len());
    }
    fields.finish(header_len)
}

/// The options up to `end`, the header's. What is cut off by the end of the frame is told as far as it is
/// there; an option that runs over the end of the header is not.
fn options(fields: &mut Fields<'_>, end: usize) {
    let mut offset = at::OPTIONS;
    while offset < end {
        let (option, len) = match *fields.rest(offset) {
            [kind::END_OF_LIST, ..] => return padding(fields, offset, end),
            [kind::NOP, ..] => (kind::NOP, 1),
            [option, len, ..] => (option, usize::from(len)),
            _ => return,
        };
        if option != kind::NOP && len < 2 || offset + len > end {
            return;
        }
        fields.uint("tcp.option_kind", offset, 1).named(|_| option_name(option));
        if option != kind::NOP {
            fields.uint("tcp.option_len", offset + 1, 1);
            option_data(fields, option, offset, len);
        }
        offset += len;
    }
}

/// The end of the list, and the zeros after it, each of which would be one too.
fn padding(fields: &mut Fields<'_>, offset: usize, end: usize) {
    let all_zero = fields.get(offset..end).is_none_or(|rest| rest.iter().all(|octet| *octet == 0));
    for at in offset..if all_zero { end } else { offset + 1 } {
        fields.uint("tcp.option_kind", at, 1).means(Meaning::Name("end of options"));
    }
}

/// What follows kind and length of the option of `len` octets at `at`, where the length is the kind's own.
fn option_data(fields: &mut Fields<'_>, option: u8, at: usize, len: usize) {
    match (option, len) {
        (kind::MSS, 4) => {
            fields.uint("tcp.options.mss_val", at + 2, 2);
        }
        (kind::WINDOW_SCALE, 3) => {
            fields.uint("tcp.options.wscale.shift", at + 2, 1);
            if let Some(&[shift]) = fields.get(at + 2..at + 3) {
                // At most 14 counts (RFC 7323 s2.3).
                fields.means(Meaning::Derived(1 << shift.min(14)));
            }
        }
        (kind::SACK, 10 | 18 | 26 | 34) => {
            for block in (at + 2..at + len).step_by(8) {
                fields.uint("tcp.options.sack_le", block, 4).uint("tcp.options.sack_re", block + 4, 4);
            }
        }
        (kind::TIMESTAMPS, 10) => {
            fields.uint("tcp.options.timestamp.tsval", at + 2, 4);
            fields.uint("tcp.options.timestamp.tsecr", at + 6, 4);
        }
        (kind::MD5, 18) => {
            fields.octets("tcp.options.md5.digest", at + 2..at + len);
        }
        (kind::FAST_OPEN, 3..) => {
            fields.octets("tcp.options.tfo.cookie", at + 2..at + len);
        }
        (kind::EXPERIMENT_1 | kind::EXPERIMENT_2, 4..) => {
            fields.hex("tcp.options.experimental.exid", at + 2, 2);
            // The identifier of TCP Fast Open before it had a kind of its own (RFC 7413 s4.1.1).
            let fast_open = fields.get(at + 2..at + 4) == Some(&[0xf9, 0x89]);
            let name = if fast_open { "tcp.options.tfo.cookie" } else { "tcp.options.experimental.data" };
            fields.octets(name, at + 4..at + len);
        }
        _ if option_name(option).is_none() => {
            fields.octets("tcp.options.unknown.payload", at + 2..at + len);
        }
        _ => {}
    }
}

/// Names of option kinds (IANA "TCP Option Kind Numbers"): those that Wireshark reads.
const fn option_name(option: u8) -> Option<&'static str> {
    Some(match option {
        kind::END_OF_LIST => "end of options",
        kind::NOP => "no operation",
        kind::MSS => "maximum segment size",
        kind::WINDOW_SCALE => "window scale",
        kind::SACK_PERMITTED => "SACK permitted",
        kind::SACK => "SACK",
        6 => "echo",
        7 => "echo reply",
        kind::TIMESTAMPS => "timestamps",
        11 => "CC",
        12 => "CC.NEW",
        13 => "CC.ECHO",
        kind::MD5 => "MD5 signature",
        20 => "SCPS capabilities",
        21 => "selective negative acknowledgments",
        22 => "record boundaries",
        23 => "corruption experienced",
        27 => "quick start",
        28 => "user timeout",
        29 => "authentication",
        30 => "multipath TCP",
        kind::FAST_OPEN => "fast open",
        172 => "accurate ECN order 0",
        174 => "accurate ECN order 1",
        kind::EXPERIMENT_1 | kind::EXPERIMENT_2 => "experiment",
        _ => return None,
    })
}
