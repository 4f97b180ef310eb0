//! Reading capture files: pcapng and classic pcap, either byte order, whatever their timestamps count.
//!
//! A file is somebody's: nothing in it is believed before it is checked, no length in it makes us allocate before as
//! many octets are there, and what is kept is bounded: one block ([`BLOCK_MAX`]) and the section's interfaces
//! ([`INTERFACES_MAX`]).

mod classic;
mod error;
mod input;
mod ng;

pub use error::ReadError;

use crate::model::LinkType;
use classic::Classic;
use flate2::bufread::MultiGzDecoder;
use input::{Input, Order};
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// The longest block or packet record that is taken, in octets, as in Wireshark.
pub(super) const BLOCK_MAX: u32 = 16 * 1024 * 1024;
/// The most interfaces that one section may describe.
pub(super) const INTERFACES_MAX: usize = 4096;
/// The link type of Ethernet (LINKTYPE_ETHERNET).
pub const LINK_ETHERNET: u16 = 1;
/// Linux's cooked captures, of several interfaces or of one without a link-layer header (LINKTYPE_LINUX_SLL).
pub const LINK_SLL: u16 = 113;
/// The same with the interface's number (LINKTYPE_LINUX_SLL2).
pub const LINK_SLL2: u16 = 276;
/// The loopback interface of BSD and macOS (LINKTYPE_NULL).
pub const LINK_NULL: u16 = 0;
/// OpenBSD's (LINKTYPE_LOOP).
pub const LINK_LOOP: u16 = 108;
/// IP packets without a header below them (LINKTYPE_RAW).
pub const LINK_RAW: u16 = 101;

/// A file's octets, unpacked where gzip packed them (RFC 1952), as Wireshark reads them too.
///
/// # Errors
/// When its first octets cannot be read.
pub fn unpacked<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(if input.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(input))
    } else {
        Box::new(input)
    })
}

/// What a section header says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Section {
    /// The program that wrote the file; empty when it does not say.
    pub application: String,
    /// The operating system that it was written on; empty when it does not say.
    pub system: String,
    /// Its comments.
    pub comments: Vec<String>,
}

/// What an interface description says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its name; empty when the file does not say.
    pub name: String,
    /// The registered LINKTYPE number; [`LINK_ETHERNET`] for Ethernet.
    pub link: u16,
    /// The most octets of a packet that were kept; 0 without a limit.
    pub snaplen: u32,
    ticks: Ticks,
}

/// What one unit of a timestamp is worth, and where zero is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ticks {
    /// Units in a second; at most 10^38 or 2^127.
    a_second: u128,
    /// Seconds to add (if_tsoffset).
    offset: i64,
}

impl Ticks {
    const MICROSECONDS: Ticks = Ticks { a_second: 1_000_000, offset: 0 };

    /// Nanoseconds since 1970-01-01 UTC, held within what 64 bits can say.
    fn unix_ns(self, count: u64) -> u64 {
        let count = u128::from(count);
        let seconds = count / self.a_second;
        // What is left is below a_second, so multiplying overflows only where a unit is far below a nanosecond.
        let rest = count % self.a_second;
        let ns = match rest.checked_mul(1_000_000_000) {
            Some(ns) => ns / self.a_second,
            None => rest / (self.a_second / 1_000_000_000),
        };
        let total = i128::try_from(seconds).unwrap_or(i128::MAX).saturating_add(i128::from(self.offset));
        let total = total.saturating_mul(1_000_000_000).saturating_add(i128::try_from(ns).unwrap_or(0));
        u64::try_from(total.max(0)).unwrap_or(u64::MAX)
    }
}

/// One captured packet. Borrows from the reader until the next is read.
#[derive(Clone, PartialEq, Debug)]
pub struct Record<'a> {
    /// Its number in the file, 1 the first, as Wireshark counts.
    pub number: u64,
    /// When, in nanoseconds since 1970-01-01 UTC; 0 where the file does not say (a simple packet block).
    pub at_unix_ns: u64,
    /// Its interface: an index into [`Reader::interfaces`].
    pub interface: u32,
    /// The LINKTYPE of that interface.
    pub link: u16,
    /// The octets that were kept.
    pub bytes: &'a [u8],
    /// How many octets it had on the network.
    pub original_len: u32,
    /// Its comments, in order.
    pub comments: Comments<'a>,
}

/// What stands in a capture.
#[derive(Clone, PartialEq, Debug)]
pub enum Item<'a> {
    /// A packet.
    Packet(Record<'a>),
    /// A line that layerlab wrote beside the packets, for [`parse_note`](super::parse_note) and
    /// [`Stamp::parse`](super::Stamp::parse).
    Note(Cow<'a, str>),
}

impl Record<'_> {
    /// What it begins with, where layerlab dissects that.
    pub const fn link_type(&self) -> Option<LinkType> {
        match self.link {
            LINK_ETHERNET => Some(LinkType::Ethernet),
            LINK_SLL => Some(LinkType::Sll),
            LINK_SLL2 => Some(LinkType::Sll2),
            LINK_NULL => Some(LinkType::Null),
            LINK_LOOP => Some(LinkType::Loop),
            // What systems write who count otherwise than the list, and those for one version alone.
            LINK_RAW | 12 | 14 | 228 | 229 => Some(LinkType::Raw),
            _ => None,
        }
    }
}

/// The comments of a packet: an iterator. What is not UTF-8 is shown as U+FFFD.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Comments<'a> {
    options: &'a [u8],
    order: Order,
}

impl<'a> Iterator for Comments<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        // The options were walked once when the block was read: here they hold together.
        while let Ok(Some((code, value, rest))) = ng::option(self.options, self.order) {
            self.options = rest;
            if code == ng::OPT_COMMENT {
                return Some(String::from_utf8_lossy(value));
            }
        }
        None
    }
}

/// Reads a capture file.
pub struct Reader<R: Read> {
    input: Input<R>,
    format: Format,
    section: Section,
    interfaces: Vec<Interface>,
    /// Packets read so far.
    number: u64,
    /// Set at the end or at the first error: nothing more is read.
    done: bool,
}

#[derive(Clone, Copy)]
enum Format {
    Ng(Order),
    Classic(Classic),
}

impl<R: Read> Reader<R> {
    /// Reads the file's header.
    ///
    /// # Errors
    /// [`ReadError::NotACapture`] when it begins like neither format, and the others.
    pub fn new(inner: R) -> Result<Reader<R>, ReadError> {
        let mut input = Input::new(inner);
        let mut magic = [0; 4];
        magic.copy_from_slice(input.need(4, 0)?);
        let (mut section, mut interfaces) = (Section::default(), Vec::new());
        let format = if magic == ng::SECTION_MAGIC {
            Format::Ng(ng::section(&mut input, &mut section, 0)?)
        } else {
            let (classic, interface) = classic::header(&mut input, magic)?;
            interfaces.push(interface);
            Format::Classic(classic)
        };
        Ok(Reader { input, format, section, interfaces, number: 0, done: false })
    }

    /// The section header last read (empty for a classic file).
    pub fn section(&self) -> &Section {
        &self.section
    }

    /// The interfaces that the section has described so far.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The next packet; `None` at the end of the file. After an error there is nothing more.
    ///
    /// # Errors
    /// [`ReadError`], with the offset and the number of the packet that was to come.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        let Some(found) = self.find(false)? else { return Ok(None) };
        Ok(match self.item(found) {
            Item::Packet(record) => Some(record),
            Item::Note(_) => None,
        })
    }

    /// The next packet, or the next line that layerlab wrote beside the packets; otherwise as
    /// [`next_record`](Reader::next_record).
    ///
    /// # Errors
    /// [`ReadError`], with the offset and the number of the packet that was to come.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        let found = self.find(true)?;
        Ok(found.map(|found| self.item(found)))
    }

    fn find(&mut self, notes: bool) -> Result<Option<Block>, ReadError> {
        if self.done {
            return Ok(None);
        }
        let found = match self.format {
            Format::Classic(classic) => classic::record(&mut self.input, classic, self.number + 1)
                .map(|found| found.map(Block::Packet)),
            Format::Ng(_) => self.next_block(notes),
        };
        self.done = !matches!(found, Ok(Some(_)));
        found
    }

    fn item(&mut self, block: Block) -> Item<'_> {
        let found = match block {
            Block::Packet(found) => found,
            Block::Note(line) => return Item::Note(String::from_utf8_lossy(&self.input.taken()[line])),
        };
        self.number += 1;
        let order = match self.format {
            Format::Ng(order) => order,
            Format::Classic(_) => Order::Little,
        };
        let block = self.input.taken();
        let interface = &self.interfaces[found.interface as usize];
        Item::Packet(Record {
            number: self.number,
            at_unix_ns: found.at.map_or(0, |count| interface.ticks.unix_ns(count)),
            interface: found.interface,
            link: interface.link,
            bytes: &block[found.bytes],
            original_len: found.original_len,
            comments: Comments { options: &block[found.options], order },
        })
    }

    /// Reads blocks until one holds a packet, or a note where these are wanted.
    fn next_block(&mut self, notes: bool) -> Result<Option<Block>, ReadError> {
        let number = self.number + 1;
        loop {
            let Format::Ng(order) = self.format else {
                return Ok(None);
            };
            if self.input.at_end()? {
                return Ok(None);
            }
            if self.input.need(4, number)? == ng::SECTION_MAGIC {
                self.interfaces.clear();
                self.format = Format::Ng(ng::section(&mut self.input, &mut self.section, number)?);
                continue;
            }
            match ng::block(&mut self.input, order, &mut self.interfaces, number)? {
                Some(Block::Note(_)) if !notes => {}
                Some(found) => return Ok(Some(found)),
                None => {}
            }
        }
    }
}

/// What a block holds: a packet, or a line of layerlab's in these octets of it.
enum Block {
    Packet(Found),
    Note(std::ops::Range<usize>),
}

/// Where a packet lies in the block that was taken.
struct Found {
    interface: u32,
    /// Timestamp units, where the block has any.
    at: Option<u64>,
    original_len: u32,
    bytes: std::ops::Range<usize>,
    options: std::ops::Range<usize>,
}

/// See [`super::fuzz_reader`].
pub(super) fn fuzz(data: &[u8]) {
    let Ok(mut reader) = Reader::new(data) else {
        return;
    };
    let mut octets = 0;
    let mut last = 0;
    while let Ok(Some(item)) = reader.next_item() {
        // What is no UTF-8 is shown as a character of three octets.
        octets += match item {
            Item::Note(line) => line.len() / 3,
            Item::Packet(record) => {
                last += 1;
                assert_eq!(record.number, last);
                record.bytes.len() + record.comments.map(|c| c.len() / 3).sum::<usize>()
            }
        };
        // Every octet that is given stands in the file.
        assert!(octets <= data.len());
    }
    assert!(reader.next_record().is_ok_and(|r| r.is_none()), "nothing follows the end");
}

#[cfg(test)]
mod tests;
