//! Chance, keyed: each decision has its own place in the seed's random sequence.
//!
//! The generator is ChaCha with 8 rounds (`rand_chacha`, whose output is the same on every machine). Its
//! key is the seed, its stream number says the direction and the purpose, and the frame's index in its
//! direction says where in the stream the frame's 64 bits lie. So a decision depends on seed, direction,
//! purpose and index alone: not on other impairments, not on the other direction, not on time.

use super::spec::Keying;
use crate::model::{Class, Direction};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a draw decides. The numbers are part of what a seed means: never renumber.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Whether the frame is lost (in either loss model).
    Loss = 0,
    /// Whether the Gilbert-Elliott chain changes its state at the frame.
    Chain = 1,
    /// The first copy's jitter.
    Jitter = 2,
    /// Whether the frame is duplicated.
    Duplicate = 3,
    /// Whether the first copy is corrupted.
    Corrupt = 4,
    /// Which of its bits.
    Bit = 5,
    /// Whether the frame is put out of order.
    Reorder = 6,
    /// The second copy's jitter.
    SecondJitter = 7,
    /// Whether the second copy is corrupted.
    SecondCorrupt = 8,
    /// Which of its bits.
    SecondBit = 9,
}

const PURPOSES: u64 = 10;

/// Tells this use of a seed from any other use of the same number.
const DOMAIN: &[u8; 24] = b"layerlab wire, version 1";

/// What is added to a purpose's stream for frames without data, where those have a count of their own.
const WITHOUT_DATA: u64 = 128;

/// The traits of which a frame with data has one: a segment with payload, a datagram, a fragment.
pub(super) const WITH_DATA: Class = Class::TCP_DATA.with(Class::UDP).with(Class::FRAGMENT);

/// Which frames share a count of chances.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kin {
    /// All frames of the direction; or, where the two are told apart, those with data.
    Data = 0,
    /// Frames without data, where they are told apart.
    Rest = 1,
}

impl Kin {
    pub(super) fn of(class: Class, keying: Keying) -> Kin {
        if keying == Keying::Frame || class.meets(WITH_DATA) { Kin::Data } else { Kin::Rest }
    }
}

/// The dice of one direction.
#[derive(Debug)]
pub(super) struct Dice {
    streams: Vec<Stream>,
}

#[derive(Debug)]
struct Stream {
    rng: ChaCha8Rng,
    /// The index whose bits come next.
    next: u64,
}

impl Dice {
    pub(super) fn new(seed: u64, direction: Direction, kin: Kin) -> Dice {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..].copy_from_slice(DOMAIN);
        let stream = |purpose: u64| {
            let mut rng = ChaCha8Rng::from_seed(key);
            rng.set_stream(direction.index() as u64 * 256 + kin as u64 * WITHOUT_DATA + purpose);
            Stream { rng, next: 0 }
        };
        Dice { streams: (0..PURPOSES).map(stream).collect() }
    }

    /// The 64 bits for this purpose and frame.
    pub(super) fn bits(&mut self, purpose: Purpose, index: u64) -> u64 {
        let stream = &mut self.streams[purpose as usize];
        if stream.next != index {
            // Two 32-bit words a frame. Frames come in order, so this is rare.
            stream.rng.set_word_pos(u128::from(index) * 2);
        }
        stream.next = index + 1;
        stream.rng.next_u64()
    }

    /// Whether something of this probability (0 to 1) happens: never at 0, always at 1.
    pub(super) fn happens(&mut self, purpose: Purpose, index: u64, probability: f64) -> bool {
        // 53 bits, a double's precision, as a number from 0 to just below 1.
        let unit = (self.bits(purpose, index) >> 11) as f64 / (1_u64 << 53) as f64;
        unit < probability
    }

    /// A whole number from 0 to just below `bound`, each as likely (to within 2^-64); 0 for a bound of 0.
    pub(super) fn below(&mut self, purpose: Purpose, index: u64, bound: u64) -> u64 {
        ((u128::from(self.bits(purpose, index)) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_does_not_depend_on_other_draws() {
        let mut all = Dice::new(7, Direction::ToServer, Kin::Data);
        let in_turn: Vec<u64> = (1..=100).map(|i| all.bits(Purpose::Loss, i)).collect();
        let mut some = Dice::new(7, Direction::ToServer, Kin::Data);
        for i in [50, 3, 99, 100, 4, 1] {
            some.bits(Purpose::Bit, i);
            assert_eq!(some.bits(Purpose::Loss, i), in_turn[i as usize - 1]);
        }
    }

    #[test]
    fn direction_purpose_and_seed_each_change_the_draws() {
        let first = |seed, direction, kin, purpose| Dice::new(seed, direction, kin).bits(purpose, 1);
        let mut draws = Vec::new();
        for seed in [0, 1, u64::MAX] {
            for direction in Direction::BOTH {
                for purpose in [Purpose::Loss, Purpose::Chain, Purpose::SecondBit] {
                    draws.extend([Kin::Data, Kin::Rest].map(|kin| first(seed, direction, kin, purpose)));
                }
            }
        }
        let n = draws.len();
        draws.sort_unstable();
        draws.dedup();
        assert_eq!(draws.len(), n);
    }

    #[test]
    fn never_and_always_are_exact() {
        let mut dice = Dice::new(7, Direction::ToClient, Kin::Data);
        assert!((1..10_000).all(|i| !dice.happens(Purpose::Loss, i, 0.0)));
        assert!((1..10_000).all(|i| dice.happens(Purpose::Loss, i, 1.0)));
    }
}
