//! Captures of `tcpdump -i any`: the kernel's own header in the link layer's place, and everything above it as ever;
//! and captures that keep the beginning of each packet alone.

use super::{folder, told};
use layerlab::capture::Reader;
use layerlab::dissect::{Tell, read};
use layerlab::model::websocket::{Completes, Step};
use layerlab::model::{ArpOperation, Direction, LinkHeader, Packet, Side, What};
use layerlab::narrate::Json;
use std::fs::File;
use std::io::Read;

#[test]
fn what_stands_above_a_cooked_header_is_read_as_ever() {
    for (name, interface) in [("sll.pcap", false), ("sll2.pcap", true)] {
        let ear = told(File::open(folder().join(name)).unwrap());
        let (mut said, mut arp) = (Vec::new(), Vec::new());
        for event in &ear.events {
            match &event.what {
                What::Frame(seen) => {
                    let LinkHeader::Cooked(cooked) = seen.link.header else { panic!("a cooked header") };
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

/// What is told of a file.
pub(crate) fn sentences(file: impl Read) -> Vec<String> {
    let mut tell = Tell::new(Json::new(Vec::new())).with_bytes(true);
    read(&mut Reader::new(file).unwrap(), &mut tell).unwrap();
    let lines = String::from_utf8(tell.into_inner().into_inner()).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter_map(|line| Some(line["sentence"].as_str()?.to_owned())).collect()
}

#[test]
fn the_payload_stands_behind_a_cooked_header_too() {
    for name in ["sll.pcap", "sll2.pcap"] {
        let told = sentences(File::open(folder().join(name)).unwrap());
        let asks = told.iter().find(|sentence| sentence.contains("TCP PSH,ACK") && sentence.contains("GET"));
        assert!(asks.is_some_and(|sentence| sentence.contains(" \"GET /")), "{name}: {told:#?}");
    }
}

#[test]
fn what_the_capture_did_not_keep_is_not_malformed() {
    const KEPT: usize = 60;
    // Classic pcap, Ethernet.
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0; 8]);
    file.extend([KEPT as u8, 0, 0, 0, 1, 0, 0, 0]);
    let mut reader = Reader::new(File::open(folder().join("tcp_echo.pcapng")).unwrap()).unwrap();
    while let Some(record) = reader.next_record().unwrap() {
        let kept = &record.bytes[..record.bytes.len().min(KEPT)];
        file.extend([0; 8]);
        file.extend((kept.len() as u32).to_le_bytes());
        file.extend(record.original_len.to_le_bytes());
        file.extend(kept);
    }
    let told_so = sentences(&file[..]);
    let cut = |sentence: &&String| sentence.contains("tcp, cut by the capture: the capture kept 60 of its ");
    assert!(told_so.iter().filter(cut).count() > 5, "{told_so:#?}");
    assert!(!told_so.iter().any(|sentence| sentence.contains("malformed")), "{told_so:#?}");
    // Whose they are is seen though no SYN is: both hosts sent some.
    for way in ["client>server tcp", "server>client tcp"] {
        assert!(told_so.iter().any(|sentence| sentence.contains(way)), "{way}: {told_so:#?}");
    }
}
