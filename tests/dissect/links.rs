//! Captures of other link types: the same packets are told in the same words, whatever stands below them.

use super::cooked::sentences;
use super::folder;
use layerlab::capture::Reader;
use layerlab::dissect::{Tell, read};
use layerlab::narrate::{Style, Timeline};
use std::fs::File;

/// The IP packets of an Ethernet capture, from the EtherType on, with their times.
fn packets(name: &str) -> Vec<(u64, Vec<u8>)> {
    let mut reader = Reader::new(File::open(folder().join(name)).unwrap()).unwrap();
    let mut packets = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        if let [8, 0, ..] | [0x86, 0xdd, ..] = record.bytes[12..] {
            packets.push((record.at_unix_ns, record.bytes[12..].to_vec()));
        }
    }
    packets
}

/// They as a classic capture of this link type, the link layer of each built by `below` from its EtherType.
fn capture(link: u32, packets: &[(u64, Vec<u8>)], below: impl Fn([u8; 2]) -> Vec<u8>) -> Vec<u8> {
    let mut file = Vec::new();
    // With nanoseconds.
    for word in [0xa1b2_3c4d, 4 << 16 | 2, 0, 0, 65_535, link] {
        file.extend(word.to_le_bytes());
    }
    for (at, packet) in packets {
        let frame = [&below([packet[0], packet[1]]), &packet[2..]].concat();
        let len = frame.len() as u64;
        for word in [at / 1_000_000_000, at % 1_000_000_000, len, len] {
            file.extend((word as u32).to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

/// What is said once about what stands below the packets.
const ONCE: [&str; 4] = [
    "four octets before the EtherType name the frame's VLAN: switches keep VLANs apart, as if each had its own cable",
    "four octets before the EtherType give the frame a priority, and with the number 0 no VLAN",
    "a tag in a tag: the outer is the provider's, the inner its customer's",
    "a loopback capture: four octets with the address family stand in the place of a link-layer header",
];

/// The sentences of a capture without what is said once; how many had such a thing.
fn told(capture: &[u8]) -> (Vec<String>, usize) {
    let mut once = 0;
    let mut told = sentences(capture);
    for sentence in &mut told {
        for note in ONCE {
            once += usize::from(sentence.contains(note));
            *sentence = sentence.replace(&format!("{note}; "), "").replace(&format!(": {note}"), "");
        }
    }
    (told, once)
}

#[test]
fn the_same_packets_are_told_in_the_same_words() {
    for name in ["tcp_echo", "tcp_retransmission", "tcp_refused", "tcp_refused_ipv6", "udp_fragments", "ping"]
    {
        let packets = packets(&format!("{name}.pcapng"));
        // One host's loopback interface: both ends have one address, as where there is none.
        let ethernet = |tags: &'static [u8]| move |number: [u8; 2]| [&[0; 12], tags, &number].concat();
        let (plain, once) = told(&capture(1, &packets, ethernet(&[])));
        assert!(plain.len() > 1 && once == 0, "{name}: {plain:?}");
        for (tags, words) in [
            (&[0x81, 0, 0xa0, 100][..], "VLAN 100 "),
            (&[0x81, 0, 0xa0, 0], "priority 5 "),
            (&[0x88, 0xa8, 0x0f, 0xa0, 0x81, 0, 0, 5], "VLAN 4000.5 "),
        ] {
            let (tagged, once) = told(&capture(1, &packets, ethernet(tags)));
            assert!(
                once == 1 && tagged.iter().all(|sentence| sentence.matches(words).count() == 1),
                "{tagged:#?}"
            );
            let bare: Vec<String> = tagged.iter().map(|sentence| sentence.replace(words, "")).collect();
            assert_eq!(bare, plain, "{name} with {words}");
        }
        let family = |number: [u8; 2]| if number == [8, 0] { 2u32 } else { 30 };
        let network = |number| family(number).to_be_bytes().to_vec();
        let host = |number| family(number).to_le_bytes().to_vec();
        let loopback = (plain.clone(), 1);
        assert_eq!(told(&capture(0, &packets, host)), loopback, "{name}, null");
        assert_eq!(told(&capture(0, &packets, network)), loopback, "{name}, null of another machine");
        assert_eq!(told(&capture(108, &packets, network)), loopback, "{name}, loop");
        for link in [12, 14, 101, 228, 229] {
            let raw = told(&capture(link, &packets, |_| Vec::new()));
            assert_eq!(raw, (plain.clone(), 0), "{name}, raw {link}");
        }
    }
}

#[test]
fn each_note_has_its_own_source() {
    let packets = packets("tcp_echo.pcapng");
    let ethernet = |number: [u8; 2]| [&[0; 12], &[0x81, 0, 0xa0, 100][..], &number].concat();
    let mut tell = Tell::new(Timeline::new(Vec::new(), Style::default()));
    read(&mut Reader::new(&capture(1, &packets, ethernet)[..]).unwrap(), &mut tell).unwrap();
    let told = String::from_utf8(tell.into_inner().into_inner()).unwrap();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["its own cable [IEEE 802.1Q s9] first", "asks for a connection [RFC 9293 s3.5] "] {
        assert_eq!(told.matches(words).count(), 1, "{told}");
    }
}
