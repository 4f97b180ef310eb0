//! The lower part of the screen: what is said of the step that is looked at, and its octets.

use super::super::bits::{queue_bits, websocket_bits};
use super::super::blocks::{Block, Picture};
use super::super::bytes::{bytes, rows};
use super::super::style::{Ink, Models, Style};
use super::super::text::{columns, count, wrap};
use super::{Line, clip};
use crate::model::{Evidence, Place};

/// What is said, in `rows` lines under one that names layer and evidence.
pub(super) fn said(block: &Block, rows: usize, style: &Style, width: usize) -> Vec<Line> {
    let who = match block.place {
        Place::Host(side) => side.name().to_owned(),
        Place::Wire => "wire".to_owned(),
        Place::Router(hop) => format!("router {hop}"),
    };
    let layer = match block.standing.osi {
        None => "API, no layer".to_owned(),
        Some(_) => Models::Both.label(block.standing),
    };
    let known = match block.evidence {
        Evidence::Frame => "known from a frame",
        Evidence::Ledger => "known from the wire's ledger",
        Evidence::Syscall => "known from a system call",
        Evidence::Inferred => "inferred, not seen",
    };
    let mut lines = vec![rule(&format!("{who}: {layer}, {known}"), style.ascii, width)];
    let ink = if block.alarm { Ink::Alarm } else { Ink::Plain };
    let ellipsis = style.glyphs().ellipsis;
    let info = block.info.as_deref().filter(|_| rows > 2);
    let room = rows - usize::from(info.is_some());
    let mut text = wrap(&whole(block), width, width);
    if text.len() > room {
        text.truncate(room);
        if let Some(last) = text.last_mut() {
            *last = clip(&format!("{last}{}", " ".repeat(width)), width - 8, ellipsis) + " t: all";
        }
    }
    lines.extend(text.into_iter().map(|line| Line::of(line, ink)));
    lines.extend(info.map(|info| Line::of(clip(info, width, ellipsis), Ink::Dim)));
    lines.resize_with(rows + 1, Line::default);
    lines
}

/// All in one: `head [source]: note; note`.
fn whole(block: &Block) -> String {
    let mut text = block.head.clone();
    if let Some(source) = &block.source {
        text.push_str(&format!(" {source}"));
    }
    for (n, note) in block.notes.iter().enumerate() {
        text.push_str(if n == 0 { ": " } else { "; " });
        text.push_str(note);
    }
    text
}

/// A line across the screen with a name in it.
fn rule(name: &str, ascii: bool, width: usize) -> Line {
    let dash = if ascii { "-" } else { "─" };
    let name = clip(name, width.saturating_sub(5), "");
    let rest = width.saturating_sub(columns(&name) + 4);
    Line::of(format!("{dash}{dash} {name} {}", dash.repeat(rest)), Ink::Dim)
}

/// Every octet, 16 in a row, with the header that it belongs to.
pub(super) fn octets(block: &Block) -> (String, Vec<String>) {
    let Some(located) = block.bytes.as_ref().filter(|located| !located.bytes.is_empty()) else {
        return ("no octets of its own".to_owned(), Vec::new());
    };
    let all = count(located.bytes.len() as u64, "octet");
    let rows = rows(located);
    let mut parts = Vec::new();
    let mut lines = Vec::new();
    let mut last = None;
    for row in rows {
        let new = last != Some(row.part);
        if new {
            parts.push(format!("{} {}", row.name, row.octets));
        }
        last = Some(row.part);
        lines.push(format!("{:<8} {:04x} {}", if new { row.name } else { "" }, row.at, row.text));
    }
    let title = if located.headers.is_empty() { all } else { format!("{all}: {}", parts.join(", ")) };
    (title, lines)
}

/// Every field by its name; of what is drawn so in its specification, bit by bit.
pub(super) fn fields(block: &Block, style: &Style) -> (String, Vec<String>) {
    match (&block.picture, &block.bytes) {
        (Some(Picture::WebSocket(frame)), _) => ("bit by bit".to_owned(), websocket_bits(frame, style)),
        (Some(Picture::Queue(frame)), _) => ("bit by bit".to_owned(), queue_bits(frame, style)),
        (None, Some(located)) if !located.headers.is_empty() => {
            ("field by field".to_owned(), bytes(located, style))
        }
        _ => ("no header, so no fields".to_owned(), Vec::new()),
    }
}

/// All that is said.
pub(super) fn text(block: &Block, width: usize) -> (String, Vec<String>) {
    let source = block.source.as_ref().map(|source| format!(" {source}")).unwrap_or_default();
    let head = format!("{}{source}", block.head);
    let mut lines = wrap(&head, width, width - 2);
    for said in block.notes.iter().chain(&block.info) {
        lines.extend(wrap(said, width - 2, width - 2).into_iter().map(|line| format!("  {line}")));
    }
    ("all that is said".to_owned(), lines)
}

/// `rows` lines of a panel from its line `from` on, the first of them its name.
pub(super) fn window(
    title: String,
    all: &[String],
    from: usize,
    rows: usize,
    style: &Style,
    width: usize,
) -> Vec<Line> {
    let ellipsis = style.glyphs().ellipsis;
    let shown = rows - 1;
    let below = all.len().saturating_sub(from + shown);
    let title = match below {
        0 if from == 0 => title,
        0 => format!("{title}; K: back up"),
        _ => format!("{title}; J: {} below", count(below as u64, "more line")),
    };
    let mut lines = vec![rule(&title, style.ascii, width)];
    let text = all.iter().skip(from).take(shown);
    lines.extend(text.map(|line| Line::of(clip(line, width, ellipsis), Ink::Plain)));
    lines
}

/// What the keys do, and what the signs mean.
pub(super) fn help(ascii: bool, width: usize) -> Vec<Line> {
    let (line, head, dot, carried) = if ascii { ("-", ">", ".", ">") } else { ("─", "▶", "·", "▷") };
    let keys = [
        ("space Enter j down right", "the next step".to_owned()),
        ("k up left Backspace", "the step before".to_owned()),
        ("PageDown PageUp", "a screen of steps".to_owned()),
        ("g Home, G End", "the first step, the last".to_owned()),
        ("a", "on by itself, and stop".to_owned()),
        ("b", "octets, or each field (of a WebSocket frame each bit)".to_owned()),
        ("t", "all that is said of this step".to_owned()),
        ("J K", "down and up in the lowest part".to_owned()),
        ("l", "OSI's layers, or those of TCP/IP".to_owned()),
        ("q Esc Ctrl-C", "leave".to_owned()),
        ("", String::new()),
        (">", "the step that is looked at".to_owned()),
        ("client, server", "what that host's programs and kernel do".to_owned()),
        ("wire", "what crosses: #n is the wire's number of a frame".to_owned()),
        ("", format!("{line}{line}{head} a frame; {line}{line}X lost before it arrives; {head}{head} twice")),
        ("", format!("{dot}{dot}{carried} what one frame, or several, carry")),
        ("OSI", "its layer; ~ only by convention; API: no layer".to_owned()),
        ("seq, ack", "relative to each side's first number".to_owned()),
    ];
    let mut lines = vec![Line::default()];
    for (key, does) in keys {
        lines.push(Line::of(clip(&format!("{key:<26}{does}"), width, ""), Ink::Plain));
    }
    lines
}
