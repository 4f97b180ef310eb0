//! pcapng: blocks of type, length, body and length again. Source: draft-ietf-opsawg-pcapng.

use super::error::ReadError;
use super::input::{Input, Order};
use super::{BLOCK_MAX, Block, Found, INTERFACES_MAX, Interface, Section, Ticks};
use crate::capture::note::{BLOCK_NOTE, NOTE_MAX};
use std::io::Read;
use std::ops::Range;

/// A section header's type, the same in both byte orders.
pub(super) const SECTION_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
/// The option code of a comment, in every block.
pub(super) const OPT_COMMENT: u16 = 1;

const BLOCK_INTERFACE: u32 = 1;
const BLOCK_PACKET: u32 = 2;
const BLOCK_SIMPLE: u32 = 3;
const BLOCK_ENHANCED: u32 = 6;

/// Type and length before a body, length after it.
const FRAMING: usize = 12;

/// Takes a section header, whose own octets tell the byte order.
pub(super) fn section<R: Read>(
    input: &mut Input<R>,
    section: &mut Section,
    frame: u64,
) -> Result<Order, ReadError> {
    let offset = input.offset();
    let head = input.need(FRAMING, frame)?;
    let order = match head[8..12] {
        [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
        [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
        _ => {
            let value = Order::Big.u32(head, 8);
            return Err(ReadError::Section { offset, field: "byte-order magic", value });
        }
    };
    let body = take_block(input, order, 16, frame)?;
    let block = input.taken();
    let major = order.u16(block, body.start + 4);
    if major != 1 {
        return Err(ReadError::Section { offset, field: "major version", value: major.into() });
    }
    *section = Section::default();
    let mut options = &block[body.start + 16..body.end];
    let at = offset + (body.start + 16) as u64;
    let whole = options.len();
    while let Some((code, value, rest)) = option(options, order)
        .map_err(|value| bad_option(value, frame, at + (whole - options.len()) as u64))?
    {
        options = rest;
        let text = || String::from_utf8_lossy(value).into_owned();
        match code {
            OPT_COMMENT => section.comments.push(text()),
            3 => section.system = text(),
            4 => section.application = text(),
            _ => {}
        }
    }
    Ok(order)
}

/// Takes one block; gives where its packet or its line lies, if it holds one.
pub(super) fn block<R: Read>(
    input: &mut Input<R>,
    order: Order,
    interfaces: &mut Vec<Interface>,
    frame: u64,
) -> Result<Option<Block>, ReadError> {
    let offset = input.offset();
    let kind = order.u32(input.need(8, frame)?, 0);
    let fixed = match kind {
        BLOCK_INTERFACE => 8,
        BLOCK_PACKET | BLOCK_ENHANCED => 20,
        BLOCK_SIMPLE => 4,
        _ => 0,
    };
    let body = take_block(input, order, fixed, frame)?;
    let block = input.taken();
    let at = body.start;
    let interface = match kind {
        BLOCK_INTERFACE => {
            if interfaces.len() >= INTERFACES_MAX {
                return Err(ReadError::TooManyInterfaces { offset, limit: INTERFACES_MAX });
            }
            interfaces.push(interface(block, body, order, frame, offset)?);
            return Ok(None);
        }
        BLOCK_ENHANCED => order.u32(block, at),
        BLOCK_PACKET => order.u16(block, at).into(),
        BLOCK_SIMPLE => 0,
        BLOCK_NOTE => return Ok((body.len() <= NOTE_MAX + 3).then_some(Block::Note(body))),
        _ => return Ok(None),
    };
    let Some(described) = interfaces.get(interface as usize) else {
        return Err(ReadError::NoInterface { frame, offset, interface, known: interfaces.len() });
    };
    if kind == BLOCK_SIMPLE {
        let original_len = order.u32(block, at);
        let kept = if described.snaplen == 0 { original_len } else { original_len.min(described.snaplen) };
        let bytes = packet(body.start + 4..body.end, kept, frame, offset)?;
        let options = bytes.end..bytes.end;
        return Ok(Some(Block::Packet(Found { interface, at: None, original_len, bytes, options })));
    }
    let time = u64::from(order.u32(block, at + 4)) << 32 | u64::from(order.u32(block, at + 8));
    let (captured, original_len) = (order.u32(block, at + 12), order.u32(block, at + 16));
    let bytes = packet(body.start + 20..body.end, captured, frame, offset)?;
    let options = padded(bytes.end - body.start) + body.start..body.end;
    let options = options.start.min(options.end)..options.end;
    // Walk the options once, so that whoever reads them later finds them whole.
    let mut rest = &block[options.clone()];
    loop {
        let here = offset + (options.end - rest.len()) as u64;
        match option(rest, order).map_err(|value| bad_option(value, frame, here))? {
            Some((_, _, after)) => rest = after,
            None => break,
        }
    }
    Ok(Some(Block::Packet(Found { interface, at: Some(time), original_len, bytes, options })))
}

/// Checks the framing of the next block, takes it whole, and gives its body's place in it. The body has at least
/// `fixed` octets.
fn take_block<R: Read>(
    input: &mut Input<R>,
    order: Order,
    fixed: usize,
    frame: u64,
) -> Result<Range<usize>, ReadError> {
    let offset = input.offset();
    let length = order.u32(input.need(8, frame)?, 4);
    let bad = |offset, field, value: u32, expected| {
        Err(ReadError::Length { frame, offset, field, value: value.into(), expected })
    };
    let least = FRAMING + fixed;
    if (length as usize) < least || length > BLOCK_MAX || !length.is_multiple_of(4) {
        let expected = format!("a multiple of 4 from {least} to {BLOCK_MAX}");
        return bad(offset + 4, "the block length", length, expected);
    }
    let len = length as usize;
    let again = order.u32(input.need(len, frame)?, len - 4);
    if again != length {
        let expected = format!("{length} as at the block's start");
        return bad(offset + len as u64 - 4, "the block length at its end", again, expected);
    }
    input.take(len);
    Ok(8..len - 4)
}

/// The octets of a packet at the start of `room`, where it has as many.
fn packet(room: Range<usize>, captured: u32, frame: u64, offset: u64) -> Result<Range<usize>, ReadError> {
    if captured as usize > room.len() {
        return Err(ReadError::Length {
            frame,
            offset,
            field: "the captured length",
            value: captured.into(),
            expected: format!("at most the {} octets that the block holds", room.len()),
        });
    }
    Ok(room.start..room.start + captured as usize)
}

fn interface(
    block: &[u8],
    body: Range<usize>,
    order: Order,
    frame: u64,
    offset: u64,
) -> Result<Interface, ReadError> {
    let mut found = Interface {
        name: String::new(),
        link: order.u16(block, body.start),
        snaplen: order.u32(block, body.start + 4),
        ticks: Ticks::MICROSECONDS,
    };
    let mut options = &block[body.start + 8..body.end];
    loop {
        let here = offset + (body.end - options.len()) as u64;
        let Some((code, value, rest)) =
            option(options, order).map_err(|value| bad_option(value, frame, here))?
        else {
            return Ok(found);
        };
        options = rest;
        match (code, value) {
            (2, name) => found.name = String::from_utf8_lossy(name).into_owned(),
            // if_tsresol: a negative power of 2 with the top bit set, of 10 without.
            (9, [exponent]) => {
                let power = u32::from(exponent & 0x7f);
                let a_second =
                    if exponent & 0x80 == 0 { 10u128.checked_pow(power) } else { 1u128.checked_shl(power) };
                found.ticks.a_second = a_second.ok_or_else(|| ReadError::Length {
                    frame,
                    offset: here,
                    field: "if_tsresol",
                    value: u64::from(*exponent),
                    expected: "at most 38 as a power of 10".to_owned(),
                })?;
            }
            // if_tsoffset: seconds, signed.
            (14, value) if value.len() == 8 => {
                let (first, second) = (u64::from(order.u32(value, 0)), u64::from(order.u32(value, 4)));
                let raw = match order {
                    Order::Big => first << 32 | second,
                    Order::Little => second << 32 | first,
                };
                found.ticks.offset = i64::from_ne_bytes(raw.to_ne_bytes());
            }
            _ => {}
        }
    }
}

/// An option's code, its value, and what follows it.
type Opt<'a> = (u16, &'a [u8], &'a [u8]);

/// The next option: code, value, the rest; `None` after the last, with or without `opt_endofopt`. The error is the
/// length that did not fit.
pub(super) fn option(options: &[u8], order: Order) -> Result<Option<Opt<'_>>, u16> {
    if options.len() < 4 {
        // Less than an option's head cannot be one; a block's body is a multiple of 4, so this is its end.
        return Ok(None);
    }
    let (code, length) = (order.u16(options, 0), order.u16(options, 2));
    if code == 0 {
        return Ok(None);
    }
    let end = 4 + usize::from(length);
    let value = options.get(4..end).ok_or(length)?;
    Ok(Some((code, value, options.get(padded(end)..).unwrap_or(&[]))))
}

fn bad_option(length: u16, frame: u64, offset: u64) -> ReadError {
    ReadError::Length {
        frame,
        offset,
        field: "an option's length",
        value: length.into(),
        expected: "no more than the block holds".to_owned(),
    }
}

/// Lengths in pcapng are padded to 32 bits.
const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}
