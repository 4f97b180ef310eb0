//! Captures of `tcpdump -i any`: the kernel's own header in the link layer's place, and everything above it as ever.

use super::{folder, told};
use layerlab::model::websocket::{Completes, Step};
use layerlab::model::{ArpOperation, Direction, Packet, Side, What};
use std::fs::File;

#[test]
fn what_stands_above_a_cooked_header_is_read_as_ever() {
    for (name, interface) in [("sll.pcap", false), ("sll2.pcap", true)] {
        let ear = told(File::open(folder().join(name)).unwrap());
        let (mut said, mut arp) = (Vec::new(), Vec::new());
        for event in &ear.events {
            match &event.what {
                What::Frame(seen) => {
                    let cooked = seen.cooked.expect("a cooked header");
                    assert_eq!((cooked.hardware, cooked.address_len), (1, 6));
                    assert_eq!(cooked.interface.is_some(), interface);
                    // The client captured: what it sent is the client's.
                    let sent =
                        if cooked.packet_type == 4 { Direction::ToServer } else { Direction::ToClient };
                    if let Packet::Ip(ip, _) = &seen.packet {
                        assert!(ip.source.is_ipv6() || seen.direction == sent, "{name}: {seen:?}");
                    }
                    if let Packet::Arp(packet) = &seen.packet {
                        arp.push((packet.operation, seen.direction));
                    }
                }
                What::WebSocket(seen) => {
                    if let Step::Frame(frame) = &seen.step
                        && let Completes::Message(message) = &frame.completes
                    {
                        said.push((seen.sender, message.sample.clone()));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        let asked = (ArpOperation::Request, Direction::ToServer);
        assert_eq!(arp, [asked, (ArpOperation::Reply, Direction::ToClient)]);
        let of = |side| {
            let mine = said.iter().filter(move |(sender, _)| *sender == side);
            mine.map(|(_, sample)| sample.as_slice()).collect::<Vec<_>>()
        };
        for side in Side::BOTH {
            assert_eq!(of(side), [&b"Hello"[..], b"zwei"], "{name}");
        }
    }
}
