//! Collects the fields of one header, in wire order, as far as its octets are there.

use super::checksum::{self, Sum};
use super::octets;
use crate::model::{Field, Header, Meaning, Protocol, Value};
use std::ops::Range;

/// The fields of one header, being collected. Every method skips a field that is not all there; offsets
/// count from the header's first octet.
pub(crate) struct Fields<'a> {
    octets: &'a [u8],
    base: usize,
    header: Header,
    /// Whether the last field asked for was there.
    there: bool,
}

impl<'a> Fields<'a> {
    /// Of the header that begins at the first of `octets`, which is octet `base` of the frame.
    pub(crate) fn new(protocol: Protocol, octets: &'a [u8], base: usize) -> Fields<'a> {
        let header = Header { protocol, at: base..base, fields: Vec::new() };
        Fields { octets, base, header, there: false }
    }

    /// The header: `len` octets, or as many as there are.
    pub(crate) fn finish(mut self, len: usize) -> Header {
        self.header.at = self.base..self.base + len.min(self.octets.len());
        self.header
    }

    /// The octets at `at`, when they are all there.
    pub(crate) fn get(&self, at: Range<usize>) -> Option<&'a [u8]> {
        self.octets.get(at)
    }

    /// The octets from `at` on: none when there are none.
    pub(crate) fn rest(&self, at: usize) -> &'a [u8] {
        self.octets.get(at..).unwrap_or(&[])
    }

    fn push(
        &mut self,
        name: &'static str,
        at: Range<usize>,
        bits: Option<(u8, u8)>,
        value: impl FnOnce(&'a [u8]) -> Value,
    ) -> &mut Fields<'a> {
        let octets = self.octets.get(at.clone());
        self.there = octets.is_some();
        if let Some(octets) = octets {
            let at = self.base + at.start..self.base + at.end;
            self.header.fields.push(Field { name, at, bits, value: value(octets), meaning: None });
        }
        self
    }

    /// A number of `len` octets, in decimal.
    pub(crate) fn uint(&mut self, name: &'static str, at: usize, len: usize) -> &mut Fields<'a> {
        self.push(name, at..at + len, None, |octets| Value::Uint(number(octets)))
    }

    /// A number of `len` octets, in hexadecimal with all its digits.
    pub(crate) fn hex(&mut self, name: &'static str, at: usize, len: usize) -> &mut Fields<'a> {
        self.push(name, at..at + len, None, |octets| Value::Hex(number(octets), len as u8 * 2))
    }

    /// `count` bits from bit `first` of the octets at `at`, in decimal.
    pub(crate) fn bits(
        &mut self,
        name: &'static str,
        at: Range<usize>,
        first: u8,
        count: u8,
    ) -> &mut Fields<'a> {
        self.push(name, at, Some((first, count)), |octets| Value::Uint(slice(octets, first, count)))
    }

    /// `count` bits from bit `first` of the octets at `at`, in hexadecimal with this many digits.
    pub(crate) fn hex_bits(
        &mut self,
        name: &'static str,
        at: Range<usize>,
        (first, count): (u8, u8),
        digits: u8,
    ) -> &mut Fields<'a> {
        self.push(name, at, Some((first, count)), |octets| Value::Hex(slice(octets, first, count), digits))
    }

    /// Bit `bit` of the octet at `at`, 0 the most significant.
    pub(crate) fn bit(&mut self, name: &'static str, at: usize, bit: u8) -> &mut Fields<'a> {
        self.push(name, at..at + 1, Some((bit, 1)), |octets| Value::Bool(slice(octets, bit, 1) == 1))
    }

    /// Whether any of `count` bits from bit `first` of the octet at `at` is set.
    pub(crate) fn any_bit(&mut self, name: &'static str, at: usize, first: u8, count: u8) -> &mut Fields<'a> {
        let at = at..at + 1;
        self.push(name, at, Some((first, count)), |octets| Value::Bool(slice(octets, first, count) != 0))
    }

    /// An Ethernet address.
    pub(crate) fn mac(&mut self, name: &'static str, at: usize) -> &mut Fields<'a> {
        self.push(name, at..at + 6, None, |o| Value::Mac(octets::mac(o, 0)))
    }

    /// An IPv4 address.
    pub(crate) fn ipv4(&mut self, name: &'static str, at: usize) -> &mut Fields<'a> {
        self.push(name, at..at + 4, None, |o| Value::Ipv4(octets::ipv4(o, 0)))
    }

    /// An IPv6 address.
    pub(crate) fn ipv6(&mut self, name: &'static str, at: usize) -> &mut Fields<'a> {
        self.push(name, at..at + 16, None, |o| Value::Ipv6(octets::ipv6(o, 0)))
    }

    /// Raw octets; no field at all when `at` is empty.
    pub(crate) fn octets(&mut self, name: &'static str, at: Range<usize>) -> &mut Fields<'a> {
        if at.is_empty() {
            self.there = false;
            return self;
        }
        self.push(name, at, None, |octets| Value::Octets(octets.to_vec()))
    }

    /// A checksum at the even offset `at`. With `before`, the sum of what is summed ahead of `summed`, it
    /// is verified over `summed`, which begins where the header begins; without, it can't be.
    pub(crate) fn checksum(
        &mut self,
        name: &'static str,
        at: usize,
        before: Option<Sum>,
        summed: &[u8],
    ) -> &mut Fields<'a> {
        self.hex(name, at, 2);
        match before {
            Some(before) if summed.len() >= at + 2 => {
                let (good, expected) = checksum::verify(before, summed, at);
                self.means(Meaning::Checksum { good, expected })
            }
            _ => self,
        }
    }

    /// The last field is read otherwise: it has this value.
    pub(crate) fn reads(&mut self, value: Value) -> &mut Fields<'a> {
        if self.there
            && let Some(last) = self.header.fields.last_mut()
        {
            last.value = value;
        }
        self
    }

    /// What the last field's value stands for.
    pub(crate) fn means(&mut self, meaning: Meaning) -> &mut Fields<'a> {
        if self.there
            && let Some(last) = self.header.fields.last_mut()
        {
            last.meaning = Some(meaning);
        }
        self
    }

    /// The name of the last field's number, where `name` knows one.
    pub(crate) fn named(&mut self, name: impl FnOnce(u64) -> Option<&'static str>) -> &mut Fields<'a> {
        match self.last().and_then(name) {
            Some(name) => self.means(Meaning::Name(name)),
            None => self,
        }
    }

    /// The last field counts words of `word` octets, but shows words.
    pub(crate) fn words_of(&mut self, word: u64) -> &mut Fields<'a> {
        match self.last() {
            Some(words) => self.means(Meaning::Octets(words * word)),
            None => self,
        }
    }

    /// The last field counts words of `word` octets, and shows octets, as Wireshark does.
    pub(crate) fn in_octets(&mut self, word: u64) -> &mut Fields<'a> {
        if let Some(octets) = self.last().map(|words| words * word)
            && let Some(last) = self.header.fields.last_mut()
        {
            last.value = Value::Uint(octets);
            last.meaning = Some(Meaning::Octets(octets));
        }
        self
    }

    /// The number in the last field, when that was there and is one.
    pub(crate) fn last(&self) -> Option<u64> {
        match self.header.fields.last()?.value {
            Value::Uint(n) | Value::Hex(n, _) if self.there => Some(n),
            _ => None,
        }
    }
}

/// Up to 8 octets as a number.
fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |n, octet| n << 8 | u64::from(*octet))
}

/// `count` bits from bit `first` on, counted from the most significant bit of the first octet.
fn slice(octets: &[u8], first: u8, count: u8) -> u64 {
    let below = octets.len() * 8 - usize::from(first) - usize::from(count);
    number(octets) >> below & ((1 << count) - 1)
}
