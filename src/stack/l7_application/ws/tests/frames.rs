//! Frames: RFC 6455 s5.7's examples, what a header may not say, and any chunking.

use super::*;
use proptest::prelude::*;

fn text(text: &str) -> Got {
    Got::Text(text.into())
}

#[test]
fn the_examples_of_rfc_6455_s5_7() {
    assert_eq!(from(Side::Server, &hex("81 05 48656c6c6f")), (vec![text("Hello")], None));
    assert_eq!(from_client(&hex("81 85 37fa213d 7f9f4d5158")), (vec![text("Hello")], None));
    assert_eq!(from(Side::Server, &hex("01 03 48656c 80 02 6c6f")), (vec![text("Hello")], None));
    assert_eq!(from(Side::Server, &hex("89 05 48656c6c6f")), (vec![Got::Ping(b"Hello".into())], None));
    assert_eq!(from_client(&hex("8a 85 37fa213d 7f9f4d5158")), (vec![Got::Pong(b"Hello".into())], None));
    for (len, head) in [(256usize, "82 7e 0100"), (65_536, "82 7f 0000000000010000")] {
        let payload = vec![7; len];
        let octets = [hex(head), payload.clone()].concat();
        assert_eq!(frame(Side::Server, true, Opcode::Binary, &payload), octets);
        assert_eq!(from(Side::Server, &octets), (vec![Got::Binary(payload)], None));
    }
    assert_eq!(frame(Side::Client, true, Opcode::Text, b"Hello"), hex("81 85 37fa213d 7f9f4d5158"));
}

#[test]
fn lengths_take_the_shortest_form() {
    for (len, header) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
        let head = FrameHeader::new(Opcode::Binary, len);
        assert_eq!(head.encoded_len(), header);
        let (octets, n) = head.octets();
        assert_eq!(n, header);
        assert_eq!(FrameHeader::parse(&octets[..n], false), Ok(Some((head, n))));
        assert_eq!(View::new(&octets[..n]).unwrap().payload_len(), Some(len));
    }
    let server = |text: &str| from(Side::Server, &hex(text)).1;
    assert_eq!(server("82 7e 007d"), Some(Rule::LengthNotMinimal { len: 125, bits: 16 }));
    assert_eq!(server("82 7f 000000000000ffff"), Some(Rule::LengthNotMinimal { len: 65_535, bits: 64 }));
    assert_eq!(server("82 7f 8000000000000000"), Some(Rule::LengthTopBit));
}

#[test]
fn what_a_header_may_not_say() {
    let client = |text: &str| from_client(&hex(text)).1;
    assert_eq!(client("c1"), Some(Rule::Reserved { bits: 0b100 }));
    assert_eq!(client("91"), Some(Rule::Reserved { bits: 0b001 }));
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        let octets = [0x80 | opcode];
        assert_eq!(from_client(&octets).1, Some(Rule::ReservedOpcode { got: opcode }));
    }
    assert_eq!(client("09"), Some(Rule::ControlFragmented { opcode: Opcode::Ping }));
    assert_eq!(client("89 fe"), Some(Rule::ControlTooLong { opcode: Opcode::Ping, len: 126 }));
    assert_eq!(client("88 ff"), Some(Rule::ControlTooLong { opcode: Opcode::Close, len: 127 }));
    assert_eq!(client("81 00"), Some(Rule::Unmasked));
    assert_eq!(from(Side::Server, &hex("81 80 00000000")).1, Some(Rule::Masked));
    let deflate = |text: &str| FrameHeader::parse(&hex(text), true);
    assert_eq!(deflate("c9"), Err(Rule::CompressedHere { opcode: Opcode::Ping }));
    assert_eq!(deflate("c0"), Err(Rule::CompressedHere { opcode: Opcode::Continuation }));
    assert_eq!(deflate("e1"), Err(Rule::Reserved { bits: 0b110 }));
    assert!(deflate("c1 00").unwrap().unwrap().0.compressed);
}

#[test]
fn a_frame_over_the_limit_is_refused_by_its_header_alone() {
    let limits = Limits { frame: 10, ..Limits::default() };
    let read = |octets: &[u8]| super::read(Side::Server, limits, None, octets, 99).1.map(|f| f.rule);
    assert_eq!(read(&hex("82 0b")), Some(Rule::FrameTooLarge { len: 11, limit: 10 }));
    assert_eq!(
        read(&hex("82 7f 7fffffffffffffff")),
        Some(Rule::FrameTooLarge { len: i64::MAX as u64, limit: 10 })
    );
    assert_eq!(read(&hex("82 0a")), None);
    assert_eq!(Rule::FrameTooLarge { len: 11, limit: 10 }.close_code(), CloseCode::TOO_BIG);
}

#[test]
fn after_a_fault_nothing_more_is_read() {
    let mut decoder = Decoder::new(Side::Server, false, 100);
    let mut octets = hex("83 00 81 01 41");
    let results: Vec<bool> = decoder.feed(&mut octets).map(|piece| piece.is_ok()).collect();
    assert_eq!(results, [false]);
    assert_eq!(decoder.feed(&mut hex("81 01 41")).count(), 0);
}

#[test]
fn an_answer_gets_its_header_in_place() {
    let mut octets = frame(Side::Client, true, Opcode::Text, &[b'x'; 300]);
    let mut decoder = Decoder::new(Side::Client, false, 1000);
    let piece = decoder.feed(&mut octets).next().unwrap().unwrap();
    let header = piece.header;
    let (octets, at) = piece.into_octets();
    let answer = codec::reframe(&header, octets, at).unwrap();
    assert_eq!(answer, frame(Side::Server, true, Opcode::Text, &[b'x'; 300]));
    assert_eq!(codec::reframe(&header, &mut [0; 8], 1), None);
}

fn naive(key: [u8; 4], offset: u64, octets: &[u8]) -> Vec<u8> {
    octets.iter().enumerate().map(|(i, o)| o ^ key[((offset + i as u64) % 4) as usize]).collect()
}

/// Frames of one side, each legal by itself.
fn frames(sender: Side) -> impl Strategy<Value = Vec<(FrameHeader, Vec<u8>)>> {
    let data = prop::collection::vec(any::<u8>(), 0..300);
    let one = (any::<bool>(), 0usize..6, any::<[u8; 4]>(), data).prop_map(
        move |(fin, opcode, key, mut payload)| {
            let opcode = Opcode::ALL[opcode];
            if opcode.is_control() {
                payload.truncate(MAX_CONTROL);
            }
            let mask = (sender == Side::Client).then_some(key);
            let header = FrameHeader::new(opcode, payload.len() as u64);
            (FrameHeader { fin: fin || opcode.is_control(), mask, ..header }, payload)
        },
    );
    prop::collection::vec(one, 0..8)
}

proptest! {
    #[test]
    fn masking_is_its_own_inverse_and_equals_the_naive_one(
        key in any::<[u8; 4]>(), offset in 0u64..9, octets in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut masked = octets.clone();
        mask::apply(key, offset, &mut masked);
        prop_assert_eq!(&masked, &naive(key, offset, &octets));
        mask::apply(key, offset, &mut masked);
        prop_assert_eq!(masked, octets);
    }

    #[test]
    fn frames_survive_the_wire_in_any_chunking(
        (sender, sent) in prop_oneof![Just(Side::Client), Just(Side::Server)]
            .prop_flat_map(|sender| (Just(sender), frames(sender))),
        cuts in prop::collection::vec(1usize..50, 1..20),
    ) {
        let mut octets = Vec::new();
        sent.iter().for_each(|(header, payload)| codec::encode(header, payload, &mut octets));
        let mut decoder = Decoder::new(sender, false, 1 << 20);
        let (mut got, mut rest, mut cuts) = (Vec::<(FrameHeader, Vec<u8>)>::new(), &mut octets[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (part, after) = rest.split_at_mut(rest.len().min(*cuts.next().unwrap()));
            rest = after;
            for piece in decoder.feed(part) {
                let piece = piece.unwrap();
                if piece.first {
                    got.push((piece.header, Vec::new()));
                }
                let payload = &mut got.last_mut().unwrap().1;
                prop_assert_eq!(piece.offset, payload.len() as u64);
                payload.extend_from_slice(piece.payload());
                prop_assert_eq!(piece.last, payload.len() as u64 == piece.header.len);
            }
        }
        prop_assert!(decoder.is_between_frames());
        prop_assert_eq!(got, sent);
    }

    #[test]
    fn view_and_strict_header_agree(octets in prop::collection::vec(any::<u8>(), 2..20)) {
        if let Ok(Some((header, len))) = FrameHeader::parse(&octets, true) {
            let view = View::new(&octets).unwrap();
            prop_assert_eq!(view.header_len(), len);
            prop_assert_eq!(view.payload_len(), Some(header.len));
            prop_assert_eq!(view.masking_key(), header.mask);
            prop_assert_eq!((view.fin(), view.opcode()), (header.fin, header.opcode as u8));
            let (again, n) = header.octets();
            prop_assert_eq!(&again[..n], &octets[..len]);
        }
    }

    #[test]
    fn no_octets_panic_or_depend_on_chunking(octets in prop::collection::vec(any::<u8>(), 0..200), cut in 1usize..20) {
        fuzz_frames(&octets);
        fuzz_machine(&octets);
        for sender in Side::BOTH {
            let limits = Limits { frame: 150, message: 150, fragments: 3 };
            let whole = read(sender, limits, None, &octets, octets.len());
            prop_assert_eq!(whole, read(sender, limits, None, &octets, cut));
        }
    }
}
