//! Cutting and joining, tried against the stack's own decoders and against each other.

use super::*;
use crate::stack::fuzz_superframe;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A superframe as a kernel hands it over, and what it leaves to do.
fn made(
    kind: SegmentKind,
    v6: bool,
    size: u16,
    flags: u16,
    options: usize,
    payload: &[u8],
) -> (Vec<u8>, Offload) {
    let (a, b) = (Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));
    let (c, d) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let pseudo =
        if v6 { Pseudo::V6 { source: a, destination: b } } else { Pseudo::V4 { source: c, destination: d } };
    let mut transport = Vec::new();
    let number = if kind == SegmentKind::Udp {
        let header = udp::Header { source_port: 4000, destination_port: 7 };
        header.encode(pseudo, payload, &mut transport).expect("it fits");
        protocol::UDP
    } else {
        let header = tcp::Header {
            source_port: 4000,
            destination_port: 7,
            seq: u32::MAX - 2000,
            ack: 77,
            flags: TcpFlags(flags),
            window: 502,
            urgent_pointer: 0,
            options: vec![tcp::TcpOption::Nop; options],
        };
        header.encode(pseudo, payload, &mut transport).expect("it fits");
        protocol::TCP
    };
    let mut frame = vec![2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a];
    if v6 {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend((transport.len() as u16).to_be_bytes());
        frame.extend([number, 64]);
        frame.extend(a.octets().into_iter().chain(b.octets()));
    } else {
        frame.extend([8, 0]);
        let header = ipv4::Header { id: 0xfffe, dont_fragment: true, ..ipv4::Header::new(number, c, d) };
        header.encode(transport.len(), &mut frame).expect("it fits");
    }
    let transport_at = frame.len();
    frame.extend(&transport);
    let payload_at = frame.len() - payload.len();
    let offset = if kind == SegmentKind::Udp { udp::at::CHECKSUM } else { tcp::at::CHECKSUM };
    let partial = !pseudo.sum(number, transport.len()).finish();
    frame[transport_at + offset..transport_at + offset + 2].copy_from_slice(&partial.to_be_bytes());
    let offload = Offload {
        checksum: Some(PartialChecksum { start: transport_at as u16, offset: offset as u16 }),
        segmentation: Some(Segmentation {
            kind,
            size,
            header_len: payload_at as u16,
            ecn: flags & TcpFlags::CWR.0 != 0 && kind != SegmentKind::Udp,
        }),
    };
    (frame, offload)
}

fn any_superframe() -> impl Strategy<Value = (Vec<u8>, Offload, Vec<u8>)> {
    let kind = prop::sample::select(vec![
        (SegmentKind::Tcp4, false),
        (SegmentKind::Tcp6, true),
        (SegmentKind::Udp, false),
        (SegmentKind::Udp, true),
    ]);
    // ACK always; FIN, PSH and CWR sometimes.
    let flags = prop::sample::select(vec![0x10, 0x18, 0x11, 0x19, 0x90, 0x99]);
    let payload = prop::collection::vec(any::<u8>(), 1..6000);
    (kind, 1_u16..1600, flags, 0_usize..4, payload).prop_map(|((kind, v6), size, flags, words, payload)| {
        // A thousand segments are enough.
        let size = size.max(payload.len().div_ceil(100) as u16);
        let (frame, offload) = made(kind, v6, size, flags, words * 4, &payload);
        (frame, offload, payload)
    })
}

proptest! {
    /// The segments carry the payload, in order, under headers that say so and verify.
    #[test]
    fn segments_are_whole_frames((bytes, offload, payload) in any_superframe()) {
        let whole = Superframe::new(&bytes, offload).unwrap();
        let how = offload.segmentation.unwrap();
        let (size, head) = (usize::from(how.size), usize::from(how.header_len));
        prop_assert_eq!(whole.count(), payload.len().div_ceil(size));
        let mut carried = Vec::new();
        for nth in 0..whole.count() {
            let frame = whole.frame(nth);
            let last = nth + 1 == whole.count();
            prop_assert_eq!(whole.sizes(nth).0 as usize, frame.len());
            prop_assert_eq!(Some(whole.sizes(nth).1 as usize), crate::stack::ip_len(&frame));
            prop_assert_eq!(whole.class(nth), classify(&frame));
            prop_assert!(frame.len() == head + size || (last && frame.len() <= head + size));
            let packet = &frame[14..];
            let (pseudo, at) = if how.kind == SegmentKind::Tcp6 || frame[12] == 0x86 {
                let p = ipv6::Packet::new(packet).unwrap();
                (Pseudo::V6 { source: p.source(), destination: p.destination() }, 40)
            } else {
                let p = ipv4::Packet::new(packet).unwrap();
                prop_assert!(p.checksum_good() && p.is_whole());
                prop_assert_eq!(p.id(), 0xfffe_u16.wrapping_add(nth as u16));
                (p.pseudo(), p.header_len())
            };
            let transport = &packet[at..];
            if how.kind == SegmentKind::Udp {
                prop_assert_eq!(udp::Datagram::new(transport).unwrap().checksum_good(pseudo), Some(true));
            } else {
                let segment = tcp::Segment::new(transport).unwrap();
                prop_assert!(segment.checksum_good(pseudo));
                prop_assert_eq!(segment.seq(), (u32::MAX - 2000).wrapping_add((nth * size) as u32));
                let original = tcp::Segment::new(&bytes[14 + at..]).unwrap();
                let flag = |flag: TcpFlags| (original.flags().has(flag), segment.flags().has(flag));
                for at_the_end in [TcpFlags::FIN, TcpFlags::PSH] {
                    let (asked, here) = flag(at_the_end);
                    prop_assert_eq!(here, asked && last);
                }
                prop_assert_eq!(flag(TcpFlags::CWR).1, flag(TcpFlags::CWR).0 && nth == 0);
                prop_assert_eq!(segment.raw_options(), original.raw_options());
            }
            carried.extend_from_slice(&frame[head..]);
        }
        prop_assert_eq!(carried, payload);
    }

    /// A run, cut again, gives the same segments as the whole; the whole as a run is the whole.
    #[test]
    fn a_run_cut_again_is_what_it_was((bytes, offload, _) in any_superframe(), a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let whole = Superframe::new(&bytes, offload).unwrap();
        let start = a.index(whole.count());
        let end = start + 1 + b.index(whole.count() - start);
        let (mut run, left) = whole.run(start..end);
        if end - start == 1 {
            prop_assert!(left.segmentation.is_none());
            complete(&mut run, left);
            prop_assert_eq!(&run, &whole.frame(start));
        } else {
            let again = Superframe::new(&run, left).unwrap();
            prop_assert_eq!(again.count(), end - start);
            for nth in start..end {
                prop_assert_eq!(again.frame(nth - start), whole.frame(nth));
            }
        }
        if whole.count() > 1 {
            let (same, left) = whole.run(0..whole.count());
            prop_assert_eq!((&same, left), (&bytes, offload));
        }
    }

    /// Whatever the octets, nothing panics, and what is cut holds together.
    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_superframe(&octets);
    }

    /// Nor where a superframe was damaged anywhere.
    #[test]
    fn damaged_superframes((mut bytes, offload, _) in any_superframe(), at in any::<prop::sample::Index>(), new in any::<u8>()) {
        let at = at.index(bytes.len().min(60));
        bytes[at] = new;
        let how = offload.segmentation.unwrap();
        let kind = match how.kind { SegmentKind::Tcp4 => 0, SegmentKind::Tcp6 => 1, SegmentKind::Udp => 2 };
        let mut octets = vec![kind, (how.size >> 8) as u8, how.size as u8];
        octets.extend(&bytes);
        fuzz_superframe(&octets);
    }
}

#[test]
fn what_does_not_hold_together_is_not_cut() {
    let (bytes, offload) = made(SegmentKind::Tcp4, false, 100, 0x10, 0, &[7; 300]);
    assert!(Superframe::new(&bytes, offload).is_some());
    assert!(Superframe::new(&bytes, Offload { segmentation: None, ..offload }).is_none());
    assert!(Superframe::new(&bytes[..bytes.len() - 1], offload).is_none(), "cut short");
    let how = offload.segmentation.unwrap();
    let with = |how| Superframe::new(&bytes, Offload { segmentation: Some(how), ..offload });
    assert!(with(Segmentation { size: 0, ..how }).is_none());
    assert!(with(Segmentation { kind: SegmentKind::Udp, ..how }).is_none());
    assert!(with(Segmentation { kind: SegmentKind::Tcp6, ..how }).is_none());
    let mut fragment = bytes.clone();
    fragment[20] |= 0x20;
    assert!(Superframe::new(&fragment, offload).is_none());
}

#[test]
fn a_checksum_beyond_the_frame_is_left_alone() {
    let mut frame = vec![1; 40];
    let checksum = Some(PartialChecksum { start: 34, offset: 16 });
    complete(&mut frame, Offload { checksum, segmentation: None });
    assert_eq!(frame, vec![1; 40]);
}
