//! Masking: octet *i* of the payload XOR octet *i* mod 4 of the key (RFC 6455 s5.3). Its own inverse.
//!
//! It is no encryption: the key travels in the frame. It keeps a page's script from choosing the octets that
//! cross the wire, so that no proxy mistakes them for HTTP (s10.3).

/// Masks or unmasks `octets` in place; `offset` is how many octets of the payload came before them.
#[inline]
pub fn apply(key: [u8; 4], offset: u64, octets: &mut [u8]) {
    // The octet that comes first in memory is the word's lowest: rotating right puts the key's octet
    // `offset` mod 4 there.
    let word = u32::from_le_bytes(key).rotate_right(8 * (offset % 4) as u32);
    let word = u64::from(word) << 32 | u64::from(word);
    // 32 octets a step: the compiler turns the four words into vector instructions.
    let mut wide = octets.chunks_exact_mut(32);
    for block in &mut wide {
        for octets in block.chunks_exact_mut(8) {
            xor(octets, word);
        }
    }
    let mut narrow = wide.into_remainder().chunks_exact_mut(8);
    for octets in &mut narrow {
        xor(octets, word);
    }
    for (octet, key) in narrow.into_remainder().iter_mut().zip(word.to_le_bytes()) {
        *octet ^= key;
    }
}

#[inline]
fn xor(octets: &mut [u8], word: u64) {
    if let Some(octets) = octets.first_chunk_mut() {
        *octets = (u64::from_le_bytes(*octets) ^ word).to_le_bytes();
    }
}
