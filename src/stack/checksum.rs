//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A running one's-complement sum of 16-bit words.
///
/// Words are added in the machine's own byte order and swapped once at the end: the sum is the same
/// (RFC 1071 s2(B)).
#[derive(Clone, Copy, Default, Debug)]
pub struct Sum(u64);

impl Sum {
    /// Nothing summed yet.
    pub const fn new() -> Sum {
        Sum(0)
    }

    /// Adds octets. An odd number of them is padded with a zero octet, so only the last piece of a
    /// message may be odd (RFC 1071 s1).
    #[must_use]
    pub fn over(self, octets: &[u8]) -> Sum {
        // 32-bit words in a 64-bit sum: no carry can be lost below 2^32 words, far above any packet.
        let mut sum = self.0;
        let mut words = octets.chunks_exact(4);
        for word in &mut words {
            sum += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut last = [0; 4];
        let rest = words.remainder();
        last[..rest.len()].copy_from_slice(rest);
        Sum(fold32(sum + u64::from(u32::from_ne_bytes(last))))
    }

    /// Adds one 16-bit word given in host order.
    #[must_use]
    pub fn word(self, word: u16) -> Sum {
        Sum(fold32(self.0 + u64::from(word.to_be())))
    }

    /// Adds one 32-bit number given in host order.
    #[must_use]
    pub fn long(self, long: u32) -> Sum {
        self.word((long >> 16) as u16).word(long as u16)
    }

    /// The checksum: the complement of the sum, in host order. Zero when the octets summed hold a
    /// correct checksum themselves.
    pub fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::from_be(sum as u16)
    }
}

const fn fold32(sum: u64) -> u64 {
    (sum & 0xffff_ffff) + (sum >> 32)
}

/// The checksum of `octets`, in host order.
pub fn checksum(octets: &[u8]) -> u16 {
    Sum::new().over(octets).finish()
}

/// The checksum of `octets` as it should stand in the 16-bit field at `at` (an even offset), and
/// whether it stands there. `before` is what is summed ahead of them: a pseudo-header, or nothing.
pub(crate) fn verify(before: Sum, octets: &[u8], at: usize) -> (bool, u16) {
    let good = before.over(octets).finish() == 0;
    // Zero and 0xffff are both zero in one's complement: what verifies is what is expected.
    let expected = if good {
        u16::from_be_bytes([octets[at], octets[at + 1]])
    } else {
        before.over(&octets[..at]).over(&octets[at + 2..]).finish()
    };
    (good, expected)
}

/// The checksum after one 16-bit word of the summed octets changed from `old` to `new`: equation 3 of
/// RFC 1624 s3, `HC' = ~(~HC + ~m + m')`.
pub fn update(checksum: u16, old: u16, new: u16) -> u16 {
    Sum::new().word(!checksum).word(!old).word(new).finish()
}

/// The two addresses that TCP, UDP and ICMPv6 sum ahead of themselves (RFC 9293 s3.1, RFC 768, RFC 8200
/// s8.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pseudo {
    /// Over IPv4.
    V4 {
        /// Source address.
        source: Ipv4Addr,
        /// Destination address.
        destination: Ipv4Addr,
    },
    /// Over IPv6.
    V6 {
        /// Source address.
        source: Ipv6Addr,
        /// Destination address (the final one, where there is a routing header).
        destination: Ipv6Addr,
    },
}

impl Pseudo {
    /// For two addresses of one family; `None` for a mixture.
    pub const fn between(source: IpAddr, destination: IpAddr) -> Option<Pseudo> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Pseudo::V4 { source, destination }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Pseudo::V6 { source, destination }),
            _ => None,
        }
    }

    /// The sum of the pseudo-header, for `len` octets of IP protocol `protocol`.
    pub fn sum(self, protocol: u8, len: usize) -> Sum {
        let sum = match self {
            Pseudo::V4 { source, destination } => {
                Sum::new().over(&source.octets()).over(&destination.octets())
            }
            Pseudo::V6 { source, destination } => {
                Sum::new().over(&source.octets()).over(&destination.octets())
            }
        };
        sum.word(u16::from(protocol)).long(len as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071_section_3() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&octets), !0xddf2);
    }

    #[test]
    fn the_example_of_rfc_1624_section_4() {
        // The case that the older equation of RFC 1141 gets wrong (it gives 0xffff).
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    /// The definition, word by word.
    fn plain(octets: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in octets.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    proptest! {
        #[test]
        fn equals_the_plain_definition(octets in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert_eq!(checksum(&octets), plain(&octets));
        }

        #[test]
        fn pieces_sum_to_the_whole(octets in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..100) {
            let cut = (cut * 2).min(octets.len() & !1);
            let pieces = Sum::new().over(&octets[..cut]).over(&octets[cut..]).finish();
            prop_assert_eq!(pieces, checksum(&octets));
        }

        #[test]
        fn an_update_equals_a_recalculation(
            mut octets in proptest::collection::vec(1u8..255, 20), at in 0usize..9, new in any::<u16>()
        ) {
            let old = u16::from_be_bytes([octets[2 * at], octets[2 * at + 1]]);
            let before = checksum(&octets);
            octets[2 * at..2 * at + 2].copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(update(before, old, new), checksum(&octets));
        }
    }
}
