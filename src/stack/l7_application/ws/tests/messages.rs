//! Messages: fragments, control frames between them, text checked as it comes, Close bodies, limits.

use super::*;
use proptest::prelude::*;

fn server(frames: &[(bool, Opcode, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(fin, opcode, payload)| frame(Side::Server, *fin, *opcode, payload)).collect()
}

#[test]
fn control_frames_come_between_fragments() {
    let octets = server(&[
        (false, Opcode::Text, b"Hel"),
        (true, Opcode::Ping, b"1"),
        (false, Opcode::Continuation, b""),
        (true, Opcode::Pong, b"2"),
        (true, Opcode::Continuation, b"lo"),
        (true, Opcode::Close, b"\x03\xe8bye"),
    ]);
    let close = Got::Close(Some((CloseCode::NORMAL, "bye".into())));
    let expected = vec![Got::Ping(b"1".into()), Got::Pong(b"2".into()), Got::Text("Hello".into()), close];
    assert_eq!(from(Side::Server, &octets), (expected, None));
}

#[test]
fn the_order_of_frames_is_judged() {
    let fault = |frames: &[(bool, Opcode, &[u8])]| from(Side::Server, &server(frames)).1;
    assert_eq!(fault(&[(true, Opcode::Continuation, b"")]), Some(Rule::NothingToContinue));
    let (first, text) = ((false, Opcode::Text, &b"a"[..]), (true, Opcode::Text, &b"b"[..]));
    assert_eq!(fault(&[first, text]), Some(Rule::MessageUnfinished { opcode: Opcode::Text }));
    let last = (true, Opcode::Continuation, &b""[..]);
    assert_eq!(fault(&[first, last, last]), Some(Rule::NothingToContinue));
    let close = (true, Opcode::Close, &b""[..]);
    assert_eq!(fault(&[close, text]), Some(Rule::AfterClose { opcode: Opcode::Text }));
    assert_eq!(fault(&[first, close, last]), Some(Rule::AfterClose { opcode: Opcode::Continuation }));
}

/// Offset of the first bad octet when the text comes one octet at a time; the same in any chunking.
fn bad_at(text: &[u8]) -> Option<u64> {
    let check = |cut: usize| {
        let mut utf8 = Utf8::new();
        let mut failed = text.chunks(cut).find_map(|part| utf8.feed(part).err());
        failed = failed.or(utf8.finish().err());
        failed.map(|bad| bad.0)
    };
    let bad = check(1);
    (2..=text.len().max(2)).for_each(|cut| assert_eq!(check(cut), bad, "in pieces of {cut}: {text:02x?}"));
    bad
}

#[test]
fn text_fails_at_its_first_bad_octet() {
    for good in
        ["", "κόσμε", "\u{10ffff}", "\u{fffe}", "\u{0}", "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}"]
    {
        assert_eq!(bad_at(good.as_bytes()), None, "{good}");
    }
    let cases: [(&str, u64); 16] = [
        ("80", 0), // a continuation first
        ("41 bf", 1),
        ("c0 80", 0), // overlong NUL
        ("c1 bf", 0),
        ("e0 80 80", 1), // overlong in three
        ("e0 9f bf", 1),
        ("f0 80 80 80", 1), // overlong in four
        ("ed a0 80", 1),    // a surrogate
        ("f4 90 80 80", 1), // above U+10FFFF
        ("f5 80 80 80", 0),
        ("fe", 0),
        ("ff", 0),
        ("ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64", 12), // Autobahn 6.3.1: after eleven good octets and ed
        ("e2 82 41", 2),
        ("f0 9f 98 41", 3),
        ("e2 82", 2), // ends inside a character
    ];
    for (text, bad) in cases {
        assert_eq!(bad_at(&hex(text)), Some(bad), "{text}");
    }
}

#[test]
fn bad_text_is_found_before_its_message_ends() {
    // Only the first part of a long frame is there, and only the first of many fragments.
    let mut octets = hex("81 7e 1000");
    octets.extend(hex("cebae1bdb9cf83cebcceb5 f4908080"));
    assert_eq!(from(Side::Server, &octets).1, Some(Rule::Utf8 { offset: 12 }));
    let split = server(&[(false, Opcode::Text, b"\xe2\x82"), (false, Opcode::Continuation, b"\xac\xff")]);
    assert_eq!(from(Side::Server, &split).1, Some(Rule::Utf8 { offset: 3 }));
    let good = server(&[(false, Opcode::Text, b"\xe2\x82"), (true, Opcode::Continuation, b"\xac")]);
    assert_eq!(from(Side::Server, &good), (vec![Got::Text("€".into())], None));
    let cut = server(&[(true, Opcode::Text, b"\xe2\x82")]);
    assert_eq!(from(Side::Server, &cut).1, Some(Rule::Utf8 { offset: 2 }));
    assert_eq!(Rule::Utf8 { offset: 2 }.close_code(), CloseCode::INVALID_PAYLOAD);
}

#[test]
fn every_close_code() {
    for code in 0..=u16::MAX {
        let body = code.to_be_bytes();
        let allowed = match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => true,
            // 1004 to 1006, 1015, below 1000, 1016 to 2999, from 5000 on
            _ => false,
        };
        assert_eq!(CloseCode(code).may_be_sent(), allowed, "{code}");
        let parsed = close::parse_body(&body);
        let expected =
            if allowed { Ok(Some((CloseCode(code), ""))) } else { Err(Rule::CloseCode { got: code }) };
        assert_eq!(parsed, expected);
    }
    for (code, name, may_be_sent) in CloseCode::REGISTERED {
        assert_eq!((CloseCode(code).name(), CloseCode(code).may_be_sent()), (name, may_be_sent));
    }
}

#[test]
fn close_bodies() {
    assert_eq!(close::parse_body(b""), Ok(None));
    assert_eq!(close::parse_body(b"\x03"), Err(Rule::CloseBody));
    assert_eq!(close::parse_body(b"\x03\xe8ok"), Ok(Some((CloseCode::NORMAL, "ok"))));
    assert_eq!(close::parse_body(b"\x03\xe8o\xff"), Err(Rule::CloseReason { offset: 1 }));
    let long = close::body(CloseCode::NORMAL, &"€".repeat(50));
    assert_eq!(long.len(), 2 + 41 * 3);
    assert!(close::parse_body(&long).is_ok());
}

#[test]
fn many_fragments_pass_and_too_many_do_not() {
    let mut octets = server(&[(false, Opcode::Binary, b"a")]);
    (0..65_534).for_each(|_| octets.extend(server(&[(false, Opcode::Continuation, b"")])));
    let end = server(&[(true, Opcode::Continuation, b"z")]);
    octets.extend(&end);
    let (got, fault) = read(Side::Server, Limits::default(), None, &octets, 4096);
    assert_eq!((got, fault), (vec![Got::Binary(b"az".into())], None));
    let limits = Limits { fragments: 65_535, ..Limits::default() };
    let fault = read(Side::Server, limits, None, &octets, 4096).1.map(|f| f.rule);
    assert_eq!(fault, Some(Rule::TooManyFragments { limit: 65_535 }));
}

#[test]
fn a_message_over_the_limit_is_refused_before_its_octets_come() {
    let limits = Limits { message: 5, ..Limits::default() };
    let fault = |octets: &[u8]| read(Side::Server, limits, None, octets, 999).1.map(|f| f.rule);
    let too_large = Some(Rule::MessageTooLarge { limit: 5 });
    assert_eq!(fault(&hex("82 05 0102030405")), None);
    assert_eq!(fault(&hex("82 06 010203040506")), too_large);
    assert_eq!(fault(&hex("82 06")), too_large);
    assert_eq!(fault(&hex("02 03 010203 80 03")), too_large);
    assert_eq!(fault(&hex("02 03 010203 80 02 0405")), None);
}

proptest! {
    #[test]
    fn text_is_judged_as_the_standard_library_does(octets in prop::collection::vec(
        prop_oneof![any::<u8>(), 0xc0u8.., 0x80u8..0xc0], 0..12), cut in 1usize..5)
    {
        let mut utf8 = Utf8::new();
        let fed = octets.chunks(cut).try_for_each(|part| utf8.feed(part)).and_then(|()| utf8.finish());
        prop_assert_eq!(fed.is_ok(), std::str::from_utf8(&octets).is_ok());
    }
}
