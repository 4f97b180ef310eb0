//! Reading numbers out of octets in network byte order, and the two shapes that options need.

use crate::model::{Malformed, Problem, Protocol};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

/// The 16-bit number at `at`, which the caller has checked to be there.
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The 32-bit number at `at`, which the caller has checked to be there.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The Ethernet address at `at`, which the caller has checked to be there.
pub(crate) fn mac(bytes: &[u8], at: usize) -> [u8; 6] {
    let mut mac = [0; 6];
    mac.copy_from_slice(&bytes[at..at + 6]);
    mac
}

/// The IPv4 address at `at`, which the caller has checked to be there.
pub(crate) fn ipv4(bytes: &[u8], at: usize) -> Ipv4Addr {
    Ipv4Addr::from(be32(bytes, at))
}

/// The IPv6 address at `at`, which the caller has checked to be there.
pub(crate) fn ipv6(bytes: &[u8], at: usize) -> Ipv6Addr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&bytes[at..at + 16]);
    Ipv6Addr::from(octets)
}

/// Fails with [`Problem::Truncated`] at offset 0 unless `bytes` holds `needed` octets.
pub(crate) fn need(protocol: Protocol, bytes: &[u8], needed: usize) -> Result<(), Malformed> {
    if bytes.len() < needed {
        let problem = Problem::Truncated { needed, got: bytes.len() };
        return Err(Malformed { protocol, offset: 0, problem });
    }
    Ok(())
}

/// Fails with [`Problem::BadLength`] at `offset`.
pub(crate) fn bad_length<T>(protocol: Protocol, offset: usize, value: usize) -> Result<T, Malformed> {
    Err(Malformed { protocol, offset, problem: Problem::BadLength { value } })
}

/// A value that its header has no room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {field} is {value}, but the header holds at most {max}", protocol.name())]
pub struct Unencodable {
    /// Whose header.
    pub protocol: Protocol,
    /// Wireshark's name of the field.
    pub field: &'static str,
    /// The value, in octets.
    pub value: usize,
    /// The largest that fits (and, for a fragment offset, a multiple of 8).
    pub max: usize,
}

/// Up to 40 octets of options, kept in place: the most that an IPv4 or a TCP header has room for.
#[derive(Clone, Copy)]
pub struct OptionOctets {
    len: u8,
    octets: [u8; OptionOctets::MAX],
}

impl OptionOctets {
    /// The most octets of options in an IPv4 or TCP header: 15 words less the fixed 20 octets.
    pub const MAX: usize = 40;

    /// No options.
    pub const EMPTY: OptionOctets = OptionOctets { len: 0, octets: [0; OptionOctets::MAX] };

    /// A copy of `octets`; `None` when there are more than [`OptionOctets::MAX`].
    pub fn new(octets: &[u8]) -> Option<OptionOctets> {
        let mut kept = OptionOctets::EMPTY;
        kept.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        kept.len = octets.len() as u8;
        Some(kept)
    }
}

impl Deref for OptionOctets {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }
}

impl Default for OptionOctets {
    fn default() -> OptionOctets {
        OptionOctets::EMPTY
    }
}

impl PartialEq for OptionOctets {
    fn eq(&self, other: &OptionOctets) -> bool {
        **self == **other
    }
}

impl Eq for OptionOctets {}

impl fmt::Debug for OptionOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
