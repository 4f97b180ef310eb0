//! A WebSocket frame's header bit by bit, as RFC 6455 s5.2 draws it, and its unmasking octet by octet; and layerlab's frame.

use super::style::{Ink, Style};
use super::text::{count, pad, preview, wrap};
use crate::model::Value;
use crate::model::queue;
use crate::model::websocket::Frame;

/// Blanks before every line.
const INDENT: usize = 2;
/// Bits in a row, and on a narrow terminal.
const ROW: [usize; 2] = [32, 16];
/// Octets of payload whose unmasking is shown.
const SHOWN: usize = 12;

/// Neighbouring bits with a name.
struct Part {
    /// The name; of one bit it is written downwards.
    name: String,
    bits: Vec<bool>,
}

fn part(name: impl Into<String>, value: u64, bits: u32) -> Part {
    Part { name: name.into(), bits: (0..bits).rev().map(|n| value >> n & 1 == 1).collect() }
}

/// The header of `frame` as a table of its bits, 32 in a row (16 where the width is too small for that), and the unmasking of
/// its first octets. No line is wider than the style's width.
pub fn websocket_bits(frame: &Frame, style: &Style) -> Vec<String> {
    let [wide, narrow] = ROW;
    let row = if style.columns() > INDENT + 2 * wide { wide } else { narrow };
    let mut lines = table(&parts(frame), row);
    if frame.masking_key.is_some() && !frame.payload.is_empty() {
        lines.extend(unmasking(frame));
    }
    lines.iter().map(|line| Ink::Dim.paint(style.color, format!("{:INDENT$}{line}", "").trim_end())).collect()
}

/// The header of layerlab's frame as a table of its bits, 32 in a row (16 where the width is too small for that), then each
/// field of the payload with its place in the frame, and the payload's checksum.
pub fn queue_bits(frame: &queue::Frame, style: &Style) -> Vec<String> {
    let [wide, narrow] = ROW;
    let row = if style.columns() > INDENT + 2 * wide { wide } else { narrow };
    let header = format!("CRC-32C of the 8 octets {:08x}", frame.header_checksum);
    let parts = [
        part("'L'", u64::from(b'L'), 8),
        part("'F'", u64::from(b'F'), 8),
        part("version 1", 1, 8),
        part(frame.name, frame.kind.into(), 8),
        part(format!("length of the payload {}", frame.length), frame.length.into(), 32),
        part(header, frame.header_checksum.into(), 32),
    ];
    let mut lines = table(&parts, row);
    let room = style.columns() - INDENT;
    let mut line = |at: u64, len: u64, words: &str| {
        let place = match len {
            0 => "none".to_owned(),
            1 => at.to_string(),
            len => format!("{at}-{}", at.saturating_add(len - 1)),
        };
        lines.extend(wrap(&format!("{} {words}", pad(&place, 9)), room, room));
    };
    let mut at = 12_u64;
    for field in frame.said.parts() {
        let value = match &field.value {
            Value::Text(text) => preview(text.as_bytes(), 40, style.ascii),
            Value::Octets(octets) => preview(octets, 40, style.ascii),
            value => value.to_string(),
        };
        line(at, field.len, &format!("{} {value}", field.name));
        at = at.saturating_add(field.len);
    }
    line(at, 4, &format!("CRC-32C of the payload {:08x}", frame.payload_checksum));
    lines.iter().map(|line| Ink::Dim.paint(style.color, format!("{:INDENT$}{line}", "").trim_end())).collect()
}

/// The fields in wire order.
fn parts(frame: &Frame) -> Vec<Part> {
    let len7 = match frame.length_bits {
        16 => 126,
        64 => 127,
        _ => frame.payload_length,
    };
    let opcode = match frame.name {
        "" => "opcode".to_owned(),
        "Connection Close" => "Close".to_owned(),
        "Continuation" => "Contin.".to_owned(),
        name => name.to_owned(),
    };
    let mut parts = vec![
        part("FIN", frame.fin.into(), 1),
        part("RSV1", (frame.rsv >> 2).into(), 1),
        part("RSV2", (frame.rsv >> 1).into(), 1),
        part("RSV3", frame.rsv.into(), 1),
        part(opcode, frame.opcode.into(), 4),
        part("MASK", frame.masking_key.is_some().into(), 1),
        part(format!("length {len7}"), len7, 7),
    ];
    if frame.length_bits > 7 {
        let name = format!("extended length {}", frame.payload_length);
        parts.push(part(name, frame.payload_length, frame.length_bits.into()));
    }
    if let Some(key) = frame.masking_key {
        let [a, b, c, d] = key;
        let name = format!("key {a:02x} {b:02x} {c:02x} {d:02x}");
        parts.push(part(name, u32::from_be_bytes(key).into(), 32));
    }
    parts
}

/// A part, or as much of it as a row holds.
struct Cell<'a> {
    part: &'a Part,
    /// Whether it begins in this row.
    first: bool,
    bits: &'a [bool],
}

impl Cell<'_> {
    /// Columns between its borders.
    fn width(&self) -> usize {
        2 * self.bits.len() - 1
    }

    /// Its line number `n` of four: the name, downwards where it has one bit.
    fn label(&self, n: usize) -> String {
        let name = if self.first { self.part.name.as_str() } else { "..." };
        let text = match (self.bits.len(), n) {
            (1, n) => name.get(n..n + 1).unwrap_or_default(),
            (_, 1) => name,
            _ => "",
        };
        let room = self.width();
        let text: String = text.chars().take(room).collect();
        let left = (room - text.len()) / 2;
        pad(&format!("{:left$}{text}", ""), room)
    }

    fn value(&self) -> String {
        let bits: Vec<&str> = self.bits.iter().map(|bit| if *bit { "1" } else { "0" }).collect();
        bits.join(" ")
    }
}

/// Parts as rows of cells, `width` bits in each.
fn rows(parts: &[Part], width: usize) -> Vec<Vec<Cell<'_>>> {
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for part in parts {
        let mut rest = part.bits.as_slice();
        while !rest.is_empty() {
            if used == width {
                rows.push(Vec::new());
                used = 0;
            }
            let (bits, more) = rest.split_at(rest.len().min(width - used));
            let first = rest.len() == part.bits.len();
            if let Some(row) = rows.last_mut() {
                row.push(Cell { part, first, bits });
            }
            used += bits.len();
            rest = more;
        }
    }
    rows
}

fn table(parts: &[Part], width: usize) -> Vec<String> {
    let border = |row: &[Cell<'_>]| {
        let cells: Vec<String> = row.iter().map(|cell| "-".repeat(cell.width())).collect();
        format!("+{}+", cells.join("+"))
    };
    let line = |row: &[Cell<'_>], text: &dyn Fn(&Cell<'_>) -> String| {
        format!("|{}|", row.iter().map(text).collect::<Vec<_>>().join("|"))
    };
    let mut lines = Vec::new();
    for row in rows(parts, width) {
        lines.push(border(&row));
        // Only names that run downwards need four lines.
        let tall = row.iter().any(|cell| cell.bits.len() == 1);
        for n in if tall { 0..4 } else { 1..2 } {
            lines.push(line(&row, &|cell| cell.label(n)));
        }
        lines.push(line(&row, &|cell| cell.value()));
        lines.push(border(&row));
    }
    // Rows share their border: the one with more crossings stays.
    lines.dedup_by(|below, above| {
        let both = above.starts_with('+') && below.starts_with('+');
        if both && below.len() > above.len() {
            std::mem::swap(above, below);
        }
        both
    });
    lines
}

/// The first octets of the payload: on the wire, the key's octet, and in the clear (RFC 6455 s5.3).
fn unmasking(frame: &Frame) -> Vec<String> {
    let key = frame.masking_key.unwrap_or_default();
    let row = |name: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.take(SHOWN).collect();
        format!("{name:<8}{}", cells.join("  "))
    };
    let hex = |octet: u8| format!("{octet:02x}");
    let sign = |octet: &u8| {
        let shown = octet.is_ascii_graphic() || *octet == b' ';
        pad(&if shown { char::from(*octet) } else { '.' }.to_string(), 2)
    };
    let mut lines = vec![
        "payload, octet i XOR octet i mod 4 of the key:".to_owned(),
        row("wire", &mut frame.wire().map(hex)),
        row("key", &mut key.into_iter().cycle().take(frame.payload.len()).map(hex)),
        row("= clear", &mut frame.payload.iter().copied().map(hex)),
        row("", &mut frame.payload.iter().map(sign)),
    ];
    if frame.payload_length > SHOWN as u64 {
        let more = count(frame.payload_length - SHOWN as u64, "more octet");
        lines.push(format!("and so on for {more}"));
    }
    lines
}
