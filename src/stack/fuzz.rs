//! Bodies of the fuzz targets in `tests/fuzz`: they stand here so that they keep compiling, and the unit
//! tests try them with octets of their own.

use super::l3_internet::ipv6;
use super::l4_transport::tcp::{Options, TcpOption};
use super::offload::Superframe;
use super::{classify, decode, decode_as, headers_as, ip_len};
use crate::model::{Class, Field, Header, LinkType, Offload, SegmentKind, Segmentation, Value};

/// Whatever the octets, every reading of them as a frame ends, and they agree: each field lies in its
/// header, each header in the frame, in order, and shows the octets where it says that they are.
///
/// # Panics
/// When one of these does not hold.
#[doc(hidden)]
pub fn fuzz_frame(octets: &[u8]) {
    let facts = decode(octets);
    let class = classify(octets);
    // A script does not look behind VLAN tags.
    if let super::Network::Ip(_, transport) = facts.network
        && facts.link.tags.is_empty()
    {
        assert!(ip_len(octets).is_some());
        let kind = match transport {
            super::Transport::Tcp(_) => Class::TCP,
            super::Transport::Udp(_) => Class::UDP,
            super::Transport::Icmp(_) => Class::ICMP,
            _ => Class::NONE,
        };
        assert!(class.has(kind), "{kind:?} is not in {class:?}");
    }
    for link in LinkType::ALL {
        decode_as(link, octets);
        fuzz_headers(octets, headers_as(link, octets));
    }
}

fn fuzz_headers(octets: &[u8], headers: Vec<Header>) {
    let mut end = 0;
    for header in headers {
        assert!(end <= header.at.start, "{header:?} overlaps what came before");
        assert!(header.at.start <= header.at.end && header.at.end <= octets.len(), "{header:?}");
        end = header.at.end;
        let mut last = 0;
        for field in &header.fields {
            // A payload follows its header; all other fields lie in it.
            let limit = if field.name.ends_with(".payload") { octets.len() } else { header.at.end };
            let inside = header.at.start <= field.at.start && field.at.end <= limit;
            assert!(inside && !field.at.is_empty(), "{field:?} of {:?} {:?}", header.protocol, header.at);
            assert!(last <= field.at.start, "{field:?} comes too late");
            last = field.at.start;
            shows_its_octets(field, &octets[field.at.clone()]);
        }
    }
}

/// A field of whole octets has the value that they have, and one of bits has its bits in them.
fn shows_its_octets(field: &Field, there: &[u8]) {
    let same = match (&field.value, field.bits) {
        // In either byte order.
        (Value::Uint(v) | Value::Hex(v, _), None) if field.name.starts_with("null.") => {
            [u32::from_be_bytes, u32::from_le_bytes]
                .iter()
                .any(|read| there.try_into().is_ok_and(|octets| u64::from(read(octets)) == *v))
        }
        (_, Some((first, count))) => count > 0 && usize::from(first) + usize::from(count) <= there.len() * 8,
        (Value::Uint(v) | Value::Hex(v, _), None) => {
            *v == there.iter().fold(0, |n, octet| n << 8 | u64::from(*octet))
        }
        (Value::Mac(mac), None) => mac == there,
        (Value::Ipv4(ip), None) => ip.octets() == *there,
        (Value::Ipv6(ip), None) => ip.octets() == *there,
        (Value::Octets(octets), None) => octets == there,
        (Value::Bool(_) | Value::Text(_), None) => true,
    };
    assert!(same, "{field:?} of {there:02x?}");
}

/// Whatever the octets, a walk over them as TCP options ends, each option lies after the one before, and
/// reads the same when it is written again.
///
/// # Panics
/// When one of these does not hold.
#[doc(hidden)]
pub fn fuzz_tcp_options(octets: &[u8]) {
    let mut end = 0;
    for option in Options::new(octets) {
        let Ok(option) = option else { continue };
        assert_eq!(option.at.start, end);
        assert!(option.at.end <= octets.len() && !option.at.is_empty());
        end = option.at.end;
        let mut again = Vec::new();
        option.value.encode(&mut again);
        assert_eq!(again, octets[option.at.clone()], "{:?}", option.value);
        if option.value == TcpOption::EndOfList {
            end = octets.len();
        }
    }
}

/// Whatever the octets, a walk over the extension headers of an IPv6 packet that holds them ends within
/// its bound, each header after the one before, and leads to octets of the packet.
///
/// # Panics
/// When one of these does not hold.
#[doc(hidden)]
pub fn fuzz_ipv6_extensions(octets: &[u8]) {
    let [next, rest @ ..] = octets else { return };
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend((rest.len() as u16).to_be_bytes());
    bytes.extend([*next, 64]);
    bytes.resize(ipv6::HEADER_LEN, 0);
    bytes.extend_from_slice(rest);
    let Ok(packet) = ipv6::Packet::new(&bytes) else { panic!("a header that was just made") };
    let mut end = ipv6::HEADER_LEN;
    let mut count = 0;
    for extension in packet.extensions().map_while(Result::ok) {
        assert_eq!(extension.offset, end);
        assert_eq!(bytes[end..end + extension.bytes.len()], *extension.bytes);
        end += extension.bytes.len();
        count += 1;
    }
    assert!(count <= ipv6::MAX_EXTENSIONS);
    let upper = packet.upper();
    assert_eq!(upper.offset, end);
    assert!(bytes[end..].starts_with(upper.payload));
    let mut frame = vec![0; 12];
    frame.extend([0x86, 0xdd]);
    frame.extend(&bytes);
    fuzz_frame(&frame);
}

/// Whatever the octets, what can be cut is cut into frames that are what they were said to be, and a run of
/// them is cut into the same ones. The first octet chooses the kind, the next two are the size.
///
/// # Panics
/// When one of these does not hold.
#[doc(hidden)]
pub fn fuzz_superframe(octets: &[u8]) {
    let [kind, high, low, frame @ ..] = octets else { return };
    let kind = [SegmentKind::Tcp4, SegmentKind::Tcp6, SegmentKind::Udp][usize::from(kind % 3)];
    let size = u16::from_be_bytes([*high, *low]);
    let how = Segmentation { kind, size, header_len: 0, ecn: false };
    let Some(whole) = Superframe::new(frame, Offload { checksum: None, segmentation: Some(how) }) else {
        return;
    };
    // Enough to see both ends of it.
    let some = whole.count().min(4);
    let (run, left) = whole.run(whole.count() - some..whole.count());
    let again = Superframe::new(&run, left);
    assert_eq!(again.as_ref().map_or(1, Superframe::count), some);
    for nth in whole.count() - some..whole.count() {
        let cut = whole.frame(nth);
        assert_eq!(whole.class(nth), classify(&cut));
        assert_eq!(whole.sizes(nth).0 as usize, cut.len());
        assert_eq!(Some(whole.sizes(nth).1 as usize), ip_len(&cut));
        fuzz_frame(&cut);
        if let Some(again) = &again {
            assert_eq!(again.frame(nth + some - whole.count()), cut);
        }
    }
}
