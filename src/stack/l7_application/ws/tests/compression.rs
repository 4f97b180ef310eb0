//! permessage-deflate: RFC 7692 s7.2.3's examples, every window, context takeover, bombs.

use super::deflate::{Deflater, Inflater, Window};
use super::*;
use proptest::prelude::*;

const LIMIT: u64 = 1 << 20;

fn inflate(inflater: &mut Inflater, octets: &[u8]) -> Result<Vec<u8>, Rule> {
    let mut message = Vec::new();
    inflater.feed(octets, &mut message, 0, LIMIT)?;
    inflater.finish(&mut message, 0, LIMIT)?;
    Ok(message)
}

fn deflate(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    deflater.message(message, &mut out);
    out
}

#[test]
fn the_examples_of_rfc_7692_s7_2_3() {
    let mut inflater = Inflater::new(Window::default());
    let mut hello =
        |text: &str| assert_eq!(inflate(&mut inflater, &hex(text)), Ok(b"Hello".to_vec()), "{text}");
    hello("f2 48 cd c9 c9 07 00"); // s7.2.3.1
    hello("f2 00 11 00 00"); // s7.2.3.2: it refers to the message before
    hello("00 05 00 fa ff 48 65 6c 6c 6f 00"); // s7.2.3.3: not compressed
    hello("f3 48 cd c9 c9 07 00 00"); // s7.2.3.4: BFINAL
    hello("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"); // s7.2.3.5: two blocks
    let mut deflater = Deflater::new(Window::default(), 6);
    assert_eq!(deflate(&mut deflater, b"Hello"), hex("f2 48 cd c9 c9 07 00"));
    assert_eq!(deflate(&mut deflater, b"Hello"), hex("f2 00 11 00 00"));
    assert_eq!(deflate(&mut deflater, b""), hex("00")); // s7.2.3.6
    let mut forgetful = Deflater::new(Window { takeover: false, ..Window::default() }, 6);
    assert_eq!(deflate(&mut forgetful, b"Hello"), deflate(&mut forgetful, b"Hello"));
}

#[test]
fn the_examples_in_frames() {
    let window = Some(Window::default());
    let read = |text: &str| {
        let octets = hex(text);
        let whole = read(Side::Server, Limits::default(), window, &octets, octets.len());
        assert_eq!(whole, read(Side::Server, Limits::default(), window, &octets, 1));
        whole
    };
    let hello = Got::Text("Hello".into());
    assert_eq!(read("c1 07 f248cdc9c90700"), (vec![hello.clone()], None));
    assert_eq!(
        read("41 03 f248cd 80 04 c9c90700 c1 05 f200110000"),
        (vec![hello.clone(), hello.clone()], None)
    );
    // A Ping between, and a message that is not compressed.
    let ping = Got::Ping(Vec::new());
    assert_eq!(
        read("41 03 f248cd 89 00 80 04 c9c90700 81 05 48656c6c6f"),
        (vec![ping, hello.clone(), hello], None)
    );
}

#[test]
fn what_is_no_deflate_data_is_refused() {
    let rule = |text: &str| {
        read(Side::Server, Limits::default(), Some(Window::default()), &hex(text), 99).1.unwrap().rule
    };
    assert_eq!(rule("c2 02 ffff"), Rule::Deflate);
    assert_eq!(rule("c2 05 f200110000"), Rule::Deflate); // refers to a message that never was
    // Text is checked after inflating: ff alone.
    assert_eq!(rule("c1 06 000100feffff"), Rule::Utf8 { offset: 0 });
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    let mut deflater = Deflater::new(Window::default(), 9);
    let bomb = deflate(&mut deflater, &vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let mut inflater = Inflater::new(Window::default());
    let mut message = Vec::new();
    assert_eq!(inflater.feed(&bomb, &mut message, 0, 1000), Err(Rule::MessageTooLarge { limit: 1000 }));
    assert!(message.len() <= 1001 && message.capacity() < 10_000);
    // Exactly the limit passes.
    let small = deflate(&mut Deflater::new(Window::default(), 9), &[0; 1000]);
    let (mut inflater, mut message) = (Inflater::new(Window::default()), Vec::new());
    inflater.feed(&small, &mut message, 0, 1000).unwrap();
    inflater.finish(&mut message, 0, 1000).unwrap();
    assert_eq!(message, [0; 1000]);
}

/// Inflates by RFC 1951 to the letter: the data, and the furthest that it refers back.
fn puff(octets: &[u8], window: &mut Vec<u8>) -> usize {
    puff::Puff { octets, bit: 0, furthest: 0 }.run(window)
}

mod puff {
    pub(super) struct Puff<'a> {
        pub(super) octets: &'a [u8],
        pub(super) bit: usize,
        pub(super) furthest: usize,
    }

    /// Codes by length, and symbols in code order (RFC 1951 s3.2.2).
    struct Huffman {
        counts: [usize; 16],
        symbols: Vec<usize>,
    }

    impl Huffman {
        fn new(lengths: &[usize]) -> Huffman {
            let mut counts = [0; 16];
            lengths.iter().for_each(|&l| counts[l] += 1);
            counts[0] = 0;
            let mut symbols: Vec<usize> = (0..lengths.len()).filter(|&s| lengths[s] > 0).collect();
            symbols.sort_by_key(|&s| (lengths[s], s));
            Huffman { counts, symbols }
        }
    }

    impl Puff<'_> {
        fn bits(&mut self, n: usize) -> usize {
            let value = (0..n).fold(0, |v, i| {
                let bit = self.bit + i;
                v | usize::from(self.octets[bit / 8] >> (bit % 8) & 1) << i
            });
            self.bit += n;
            value
        }

        fn symbol(&mut self, code: &Huffman) -> usize {
            let (mut value, mut first, mut index) = (0, 0, 0);
            for count in &code.counts[1..] {
                value |= self.bits(1);
                if value < first + count {
                    return code.symbols[index + value - first];
                }
                index += count;
                first = (first + count) << 1;
                value <<= 1;
            }
            panic!("no such code")
        }

        pub(super) fn run(mut self, out: &mut Vec<u8>) -> usize {
            // The last block is the empty stored one of the flush.
            while self.bit + 3 <= self.octets.len() * 8 {
                let last = self.bits(1) == 1;
                match self.bits(2) {
                    0 => {
                        self.bit = self.bit.div_ceil(8) * 8;
                        let len = self.bits(16);
                        assert_eq!(self.bits(16), !len & 0xffff);
                        let at = self.bit / 8;
                        out.extend_from_slice(&self.octets[at..at + len]);
                        self.bit += len * 8;
                    }
                    1 => {
                        let mut lengths = vec![8; 288];
                        lengths[144..256].fill(9);
                        lengths[256..280].fill(7);
                        self.block(&Huffman::new(&lengths), &Huffman::new(&[5; 30]), out);
                    }
                    2 => {
                        let (literals, distances) = self.codes();
                        self.block(&literals, &distances, out);
                    }
                    _ => panic!("no such block type"),
                }
                if last {
                    break;
                }
            }
            self.furthest
        }

        fn codes(&mut self) -> (Huffman, Huffman) {
            let (literals, distances, lengths) = (self.bits(5) + 257, self.bits(5) + 1, self.bits(4) + 4);
            const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
            let mut code = [0; 19];
            ORDER[..lengths].iter().for_each(|&i| code[i] = self.bits(3));
            let code = Huffman::new(&code);
            let mut all = Vec::new();
            while all.len() < literals + distances {
                let (value, times) = match self.symbol(&code) {
                    16 => (*all.last().unwrap(), 3 + self.bits(2)),
                    17 => (0, 3 + self.bits(3)),
                    18 => (0, 11 + self.bits(7)),
                    length => (length, 1),
                };
                all.extend(std::iter::repeat_n(value, times));
            }
            (Huffman::new(&all[..literals]), Huffman::new(&all[literals..]))
        }

        fn block(&mut self, literals: &Huffman, distances: &Huffman, out: &mut Vec<u8>) {
            loop {
                let symbol = self.symbol(literals);
                match symbol {
                    0..256 => out.push(symbol as u8),
                    256 => return,
                    _ => {
                        let n = symbol - 257;
                        let length = match n {
                            0..8 => n + 3,
                            28 => 258,
                            _ => ((4 + n % 4) << (n / 4 - 1)) + 3 + self.bits(n / 4 - 1),
                        };
                        let n = self.symbol(distances);
                        let distance = match n {
                            0..4 => n + 1,
                            _ => ((2 + n % 2) << (n / 2 - 1)) + 1 + self.bits(n / 2 - 1),
                        };
                        self.furthest = self.furthest.max(distance);
                        (0..length).for_each(|_| out.push(out[out.len() - distance]));
                    }
                }
            }
        }
    }
}

/// Octets that repeat at many distances.
fn compressible() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec((0usize..40, 1usize..60), 0..80).prop_map(|runs| {
        let word: Vec<u8> = (0..100u32).map(|i| (i * i % 251) as u8).collect();
        runs.iter().flat_map(|&(at, len)| word[at..at + len].to_vec()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn messages_survive_every_window_and_stay_within_it(
        bits in 8u8..=15, takeover in any::<bool>(), level in 0u32..10,
        messages in prop::collection::vec(compressible(), 1..5), cut in 1usize..40,
    ) {
        let window = Window { bits, takeover };
        let (mut deflater, mut inflater) = (Deflater::new(window, level), Inflater::new(window));
        let mut known = Vec::new();
        for message in &messages {
            let octets = deflate(&mut deflater, message);
            prop_assert!(!octets.is_empty());
            let mut got = Vec::new();
            for part in octets.chunks(cut) {
                inflater.feed(part, &mut got, 0, LIMIT).unwrap();
            }
            inflater.finish(&mut got, 0, LIMIT).unwrap();
            prop_assert_eq!(&got, message);
            if !takeover {
                known.clear();
            }
            let before = known.len();
            let furthest = puff(&[&octets[..], &[0, 0, 0xff, 0xff]].concat(), &mut known);
            prop_assert_eq!(&known[before..], &message[..]);
            prop_assert!(furthest <= 1 << bits, "{} octets back with a window of {} bits", furthest, bits);
        }
    }

    #[test]
    fn no_octets_panic_the_inflater(octets in prop::collection::vec(any::<u8>(), 0..300), cut in 1usize..50) {
        let run = |cut: usize| {
            let (mut inflater, mut message) = (Inflater::new(Window::default()), Vec::new());
            let fed = octets.chunks(cut).try_for_each(|part| inflater.feed(part, &mut message, 0, 500));
            let result = fed.and_then(|()| inflater.finish(&mut message, 0, 500));
            assert!(message.len() <= 501);
            result.map(|()| message)
        };
        prop_assert_eq!(run(octets.len().max(1)).ok(), run(cut).ok());
    }
}
