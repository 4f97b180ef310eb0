//! Classic pcap: a file header, then records. Source: draft-ietf-opsawg-pcap.

use super::error::ReadError;
use super::input::{Input, Order};
use super::{BLOCK_MAX, Found, Interface, Ticks};
use std::io::Read;

/// What the file header settled.
#[derive(Clone, Copy)]
pub(super) struct Classic {
    order: Order,
    /// Units of a timestamp's fraction in a second.
    a_second: u32,
}

const HEADER: usize = 24;
const RECORD: usize = 16;

/// Reads the file header after its magic was looked at.
pub(super) fn header<R: Read>(
    input: &mut Input<R>,
    magic: [u8; 4],
) -> Result<(Classic, Interface), ReadError> {
    let (order, a_second) = match magic {
        [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1_000_000),
        [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1_000_000),
        [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1_000_000_000),
        [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1_000_000_000),
        got => return Err(ReadError::NotACapture { got }),
    };
    let header = input.need(HEADER, 0)?;
    let major = order.u16(header, 4);
    if major != 2 {
        return Err(ReadError::Section { offset: 4, field: "major version", value: major.into() });
    }
    let snaplen = order.u32(header, 16);
    // The upper bits tell of an FCS, the lower 16 are the LINKTYPE.
    let link = (order.u32(header, 20) & 0xffff) as u16;
    input.take(HEADER);
    let ticks = Ticks { a_second: a_second.into(), offset: 0 };
    Ok((Classic { order, a_second }, Interface { name: String::new(), link, snaplen, ticks }))
}

/// Takes the next record.
pub(super) fn record<R: Read>(
    input: &mut Input<R>,
    classic: Classic,
    frame: u64,
) -> Result<Option<Found>, ReadError> {
    if input.at_end()? {
        return Ok(None);
    }
    let offset = input.offset();
    let head = input.need(RECORD, frame)?;
    let order = classic.order;
    let (seconds, fraction) = (order.u32(head, 0), order.u32(head, 4));
    let (captured, original_len) = (order.u32(head, 8), order.u32(head, 12));
    if captured > BLOCK_MAX {
        return Err(ReadError::Length {
            frame,
            offset: offset + 8,
            field: "the captured length",
            value: captured.into(),
            expected: format!("at most {BLOCK_MAX}"),
        });
    }
    let len = RECORD + captured as usize;
    input.need(len, frame)?;
    input.take(len);
    // The interface counts microseconds or nanoseconds; so do we, from the two fields. A fraction beyond a second is
    // carried, as Wireshark does.
    Ok(Some(Found {
        interface: 0,
        at: Some(u64::from(seconds) * u64::from(classic.a_second) + u64::from(fraction)),
        original_len,
        bytes: RECORD..len,
        options: len..len,
    }))
}
