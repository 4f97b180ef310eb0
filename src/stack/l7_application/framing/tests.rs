//! Frames cut anywhere, corrupted anywhere, and the naive way.

use super::*;
use proptest::prelude::*;

fn framed(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, payload) in messages {
        encode(&mut out, *kind, |out| out.extend_from_slice(payload));
    }
    out
}

/// Frames until the fault, if there is one.
fn read(octets: &[u8], cuts: &[usize], cap: u32) -> (Vec<(u8, Vec<u8>)>, Option<Fault>) {
    let (mut decoder, mut frames, mut rest, mut n) = (Decoder::new(cap), Vec::new(), octets, 0);
    while !rest.is_empty() {
        let size = if cuts.is_empty() { rest.len() } else { cuts[n % cuts.len()].clamp(1, rest.len()) };
        let (part, behind) = rest.split_at(size);
        let fed = decoder.feed(part, |frame| {
            frames.push((frame.kind, frame.payload.to_vec()));
            Ok::<(), Fault>(())
        });
        if let Err(fault) = fed {
            assert_eq!(decoder.feed(b"LF", |_| Ok::<(), Fault>(())), Err(fault), "a fault stays");
            return (frames, Some(fault));
        }
        (rest, n) = (behind, n + 1);
    }
    (frames, None)
}

#[test]
fn checksum_is_castagnolis() {
    // RFC 3720 appendix B.4.
    assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
    assert_eq!(checksum(&[0xff; 32]), 0x62a8_ab43);
    assert_eq!(checksum(b"123456789"), 0xe306_9283);
    assert_eq!(checksum(b""), 0);
}

#[test]
fn a_frame_by_hand() {
    let mut out = Vec::new();
    encode(&mut out, 0x40, |out| out.extend_from_slice(b"hi"));
    assert_eq!(out[..8], [0x4c, 0x46, 1, 0x40, 0, 0, 0, 2]);
    assert_eq!(out.len(), OVERHEAD + 2);
    assert_eq!(whole(&out, 2).unwrap().payload, b"hi");
    assert_eq!(whole(&out, 1), Err(Wrong::TooLong { length: 2, cap: 1 }));
    assert_eq!(whole(&out[..17], 2), Err(Wrong::Short { need: 18, got: 17 }));
    assert_eq!(whole(&out[..3], 2), Err(Wrong::Short { need: 12, got: 3 }));
    out.push(0);
    assert_eq!(whole(&out, 2), Err(Wrong::Extra { extra: 1 }));
}

#[test]
fn what_is_no_frame_is_told_at_its_first_octets() {
    assert_eq!(parse(b"GE", 9), Err(Wrong::Magic { got: *b"GE" }));
    assert_eq!(parse(b"LF\x02", 9), Err(Wrong::Version { got: 2 }));
    assert_eq!(parse(b"L", 9), Ok(None));
}

#[test]
fn a_naive_length_loses_its_edges_for_good() {
    let mut octets = Vec::new();
    for message in [&b"one"[..], b"two", b"three"] {
        naive::encode(&mut octets, message);
    }
    assert_eq!(naive::Decoder::default().feed(&octets), [&b"one"[..], b"two", b"three"]);
    octets[1] ^= 4; // 3 becomes 7
    let mut naive = naive::Decoder::default();
    assert_eq!(naive.feed(&octets), [&b"one\0\x03tw"[..]]);
    assert!(naive.waiting() > 0, "it waits for 28,416 octets that nobody will send");
}

fn messages() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    proptest::collection::vec((any::<u8>(), proptest::collection::vec(any::<u8>(), 0..300)), 0..8)
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_frames(messages in messages(), cuts in proptest::collection::vec(1_usize..400, 0..9)) {
        let octets = framed(&messages);
        prop_assert_eq!(read(&octets, &cuts, 300), (messages, None));
    }

    #[test]
    fn one_flipped_bit_is_found_where_it_is(
        messages in messages().prop_filter("some", |m| !m.is_empty()),
        at in any::<prop::sample::Index>(),
        bit in 0..8,
        cuts in proptest::collection::vec(1_usize..400, 0..9),
    ) {
        let mut octets = framed(&messages);
        let at = at.index(octets.len());
        octets[at] ^= 1_u8 << bit;
        // The frame that holds the bit, and what precedes it.
        let (mut start, mut good) = (0, 0);
        while start + OVERHEAD + messages[good].1.len() <= at {
            start += OVERHEAD + messages[good].1.len();
            good += 1;
        }
        let (frames, fault) = read(&octets, &cuts, 300);
        prop_assert_eq!(&frames[..], &messages[..good]);
        prop_assert_eq!(fault.map(|f| f.at), Some(start as u64), "{:?}", fault);
    }

    #[test]
    fn any_octets_are_read_without_harm(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        fuzz_framing(&octets);
    }
}
