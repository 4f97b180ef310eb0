//! A seed for a run that was given none. The only randomness in the house that is not derived.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// A seed from the operating system's randomness (`getrandom(2)` on Linux).
///
/// The standard library keys its hash maps from that source, anew for every process; hashing
/// nothing under two fresh keys gives 64 bits of it without an OS crate or `unsafe`.
pub fn seed() -> u64 {
    RandomState::new().hash_one(0u8) ^ RandomState::new().hash_one(1u8).rotate_left(32)
}

/// 32 octets from the same source, for keys that nobody outside may foresee: the seed of a WebSocket client's
/// masks (RFC 6455 s10.3).
pub fn octets() -> [u8; 32] {
    // One key, four different inputs.
    let keyed = RandomState::new();
    let mut octets = [0; 32];
    for (n, part) in octets.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&keyed.hash_one(n).to_ne_bytes());
    }
    octets
}
