//! A frame's octets by layer: a dump of each header, then its fields under Wireshark's names.

use super::style::{Ink, Style};
use super::text::{columns, count, pad, preview, wrap};
use crate::model::{Field, Header, Located, Meaning, Protocol, Value};
use std::fmt::Write as _;
use std::ops::Range;

/// Octets in a row of the dump.
const ROW: usize = 16;
/// Octets of payload that are dumped unless all are asked for.
const SHOWN: usize = 16 * ROW;
/// Blanks before every line but the headings.
const INDENT: usize = 2;
/// Columns of a field's name at least and at most, of its offset, its length and its raw octets.
const NAME: [usize; 2] = [18, 28];
const OFFSET: usize = 5;
const LENGTH: usize = 3;
const RAW: usize = 13;

/// The octets of `located` as lines: for each header a heading with its layer and place, a dump, and
/// every field with its offset in the frame, length, raw octets (or bits), value and meaning; then what
/// no header claims, with its text. Empty without octets. No line is wider than the style's width, no
/// octet reaches a terminal unescaped.
pub fn bytes(located: &Located, style: &Style) -> Vec<String> {
    if located.bytes.is_empty() {
        return Vec::new();
    }
    let mut view = View { octets: &located.bytes, style, name: NAME[0], lines: Vec::new() };
    let names = located.headers.iter().flat_map(|h| &h.fields).map(|f| f.name.len());
    view.name = names.max().unwrap_or(0).clamp(NAME[0], NAME[1]);
    if !located.headers.is_empty() {
        view.column_heads();
    }
    let mut next = 0;
    let mut under = None;
    for header in &located.headers {
        let at = clip(&header.at, located.bytes.len());
        if at.start > next {
            view.unclaimed(under, next..at.start);
        }
        if header.protocol == Protocol::Data {
            // Payload is shown by its text, and not all of it.
            view.unclaimed(Some(Protocol::Data), at.clone());
        } else {
            view.header(header, at.clone());
        }
        next = next.max(at.end);
        // What comes after a payload is no more of it.
        under = Some(header.protocol).filter(|protocol| *protocol != Protocol::Data);
    }
    if next < located.bytes.len() {
        view.unclaimed(under, next..located.bytes.len());
    }
    view.lines
}

/// Up to 16 octets of a part of a frame.
pub(super) struct Octets {
    /// Which part: 0 the first.
    pub(super) part: usize,
    /// The part's name, and how many octets it has.
    pub(super) name: &'static str,
    pub(super) octets: usize,
    /// Where the row stands in the frame.
    pub(super) at: usize,
    /// Hexadecimal and ASCII.
    pub(super) text: String,
}

/// The octets of `located` in rows of 16, each of one header or of what no header claims.
pub(super) fn rows(located: &Located) -> Vec<Octets> {
    let len = located.bytes.len();
    let mut parts: Vec<(&'static str, Range<usize>)> = Vec::new();
    let mut next = 0;
    let rest = |under: Option<Protocol>| match under {
        Some(Protocol::Tcp | Protocol::Udp) => "data",
        Some(_) => "the rest",
        None => "octets",
    };
    let mut under = None;
    for header in &located.headers {
        let at = clip(&header.at, len);
        if at.start > next {
            parts.push((rest(under), next..at.start));
        }
        next = next.max(at.end);
        under = Some(header.protocol);
        let name = match header.protocol {
            Protocol::Data => "data",
            Protocol::Sll => "cooked",
            Protocol::Null => "loopback",
            protocol => title(protocol),
        };
        parts.push((name, at));
    }
    if next < len {
        parts.push((rest(under), next..len));
    }
    let mut all = Vec::new();
    for (part, (name, at)) in parts.into_iter().enumerate() {
        let octets = at.len();
        for (n, text) in dump_rows(&located.bytes[at.clone()], ROW).enumerate() {
            all.push(Octets { part, name, octets, at: at.start + n * ROW, text });
        }
    }
    all
}

/// Octets as lines of 16: offset, hexadecimal, ASCII.
pub fn hexdump(octets: &[u8]) -> impl Iterator<Item = String> {
    dump_rows(octets, ROW).enumerate().map(|(n, row)| format!("{:04x}  {row}", n * ROW))
}

/// Rows of so many octets: hexadecimal, and what of it is ASCII.
fn dump_rows(octets: &[u8], row: usize) -> impl Iterator<Item = String> {
    octets.chunks(row).map(move |chunk| {
        let mut hex = String::new();
        let mut text = String::new();
        for (i, b) in chunk.iter().enumerate() {
            let gap = match i {
                0 => "",
                8 => "  ",
                _ => " ",
            };
            let _ = write!(hex, "{gap}{b:02x}");
            text.push(if b.is_ascii_graphic() || *b == b' ' { char::from(*b) } else { '.' });
        }
        format!("{}  {text}", pad(&hex, row * 3 - 1 + row / 16))
    })
}

/// Whether a person could read it: UTF-8, with no control characters but those that make lines.
fn is_text(octets: &[u8]) -> bool {
    std::str::from_utf8(octets)
        .is_ok_and(|text| !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')))
}

/// A range that lies inside `len` octets, whatever was asked for.
fn clip(at: &Range<usize>, len: usize) -> Range<usize> {
    let start = at.start.min(len);
    start..at.end.clamp(start, len)
}

struct View<'a> {
    octets: &'a [u8],
    style: &'a Style,
    name: usize,
    lines: Vec<String>,
}

impl View<'_> {
    fn column_heads(&mut self) {
        let name = pad("field", self.name);
        let line =
            format!("{:INDENT$}{name} {:>OFFSET$} {:<LENGTH$} {} value", "", "at", "len", pad("raw", RAW));
        self.lines.push(Ink::Dim.paint(self.style.color, &line));
    }

    fn header(&mut self, header: &Header, at: Range<usize>) {
        self.heading(title(header.protocol), header.protocol, &at);
        self.dump(at.clone(), at.len());
        for field in &header.fields {
            self.field(field);
        }
    }

    fn unclaimed(&mut self, under: Option<Protocol>, at: Range<usize>) {
        let (name, whose) = match under {
            Some(Protocol::Tcp | Protocol::Udp) => ("payload", Protocol::Data),
            Some(protocol) => ("octets that no header claims", protocol),
            None => ("frame", Protocol::Ethernet),
        };
        self.heading(name, whose, &at);
        if whose == Protocol::Data && is_text(&self.octets[at.clone()]) {
            let text = preview(&self.octets[at.clone()], self.style.columns() - INDENT - 8, self.style.ascii);
            self.lines.push(format!("{:INDENT$}text {text}", ""));
        }
        let shown = if self.style.whole { at.len() } else { at.len().min(SHOWN) };
        self.dump(at.clone(), shown);
        if shown < at.len() {
            let rest = count((at.len() - shown) as u64, "more octet");
            self.lines.push(format!("{:INDENT$}{} {rest} not shown", "", self.style.glyphs().ellipsis));
        }
    }

    fn heading(&mut self, name: &str, protocol: Protocol, at: &Range<usize>) {
        let standing = protocol.standing();
        let osi = standing.osi.map_or_else(|| "no layer".to_owned(), |s| format!("OSI {s}"));
        let tcpip = standing.tcpip.map_or("no layer", |l| l.name());
        let whole = self.octets.len();
        let place = match at.len() {
            0 => "no octets".to_owned(),
            1 => format!("octet {} of {whole}", at.start),
            _ => format!("octets {}-{} of {whole}", at.start, at.end - 1),
        };
        let layers = match self.style.models {
            super::Models::Osi => osi,
            super::Models::TcpIp => tcpip.to_owned(),
            super::Models::Both => format!("{osi} / {tcpip}"),
        };
        let line = format!("{name}, {layers}, {place}");
        for part in wrap(&line, self.style.columns(), self.style.columns()) {
            self.lines.push(Ink::Bold.paint(self.style.color, &part));
        }
    }

    /// The first `shown` octets of `at`, 16 a row: offset in the frame, hexadecimal, ASCII.
    fn dump(&mut self, at: Range<usize>, shown: usize) {
        // Below 76 columns a row has 8 octets.
        let row = if self.style.columns() >= 76 { ROW } else { ROW / 2 };
        let rows = dump_rows(&self.octets[at.start..at.start + shown], row);
        for (n, octets) in rows.enumerate() {
            let offset = Ink::Dim.paint(self.style.color, &format!("{:04x}", at.start + n * row));
            self.lines.push(format!("{:INDENT$}{offset}  {octets}", "").trim_end().to_owned());
        }
    }

    fn field(&mut self, field: &Field) {
        let at = clip(&field.at, self.octets.len());
        let octets = &self.octets[at.clone()];
        let (length, raw) = match field.bits {
            Some((first, len)) => (format!("{len}b"), bits(octets, first, len)),
            None => (at.len().to_string(), hex(octets)),
        };
        let head = format!(
            "{:INDENT$}{} {:>OFFSET$} {} {}",
            "",
            pad(field.name, self.name),
            at.start,
            pad(&length, LENGTH),
            pad(&raw, RAW)
        );
        let words = words(field, self.style.ascii);
        let width = self.style.columns();
        let used = columns(&head) + 1;
        let alarm = matches!(field.meaning, Some(Meaning::Checksum { good: false, .. }));
        let ink = if alarm { Ink::Alarm } else { Ink::Plain };
        if used + columns(&words) <= width {
            let words = ink.paint(self.style.color, &words);
            self.lines.push(format!("{head} {words}").trim_end().to_owned());
            return;
        }
        let room = width - INDENT - 4;
        if columns(head.trim_end()) <= width {
            self.lines.push(head.trim_end().to_owned());
        } else {
            for part in wrap(head.trim(), width - INDENT, room) {
                self.lines.push(format!("{:INDENT$}{part}", ""));
            }
        }
        let parts = if words.is_empty() { Vec::new() } else { wrap(&words, room, room) };
        for part in parts {
            self.lines.push(format!("{:1$}{2}", "", INDENT + 4, ink.paint(self.style.color, &part)));
        }
    }
}

/// The value in tshark's notation, and what it stands for.
fn words(field: &Field, ascii: bool) -> String {
    let value = match &field.value {
        Value::Octets(o) if o.len() > 5 => {
            format!("{}{}", hex_plain(&o[..5]), if ascii { "..." } else { "…" })
        }
        Value::Text(t) => preview(t.as_bytes(), 40, ascii),
        value => value.to_string(),
    };
    let meaning = match &field.meaning {
        None => return value,
        Some(Meaning::Name(name)) => (*name).to_owned(),
        Some(Meaning::Flags(names)) if names.is_empty() => "none set".to_owned(),
        Some(Meaning::Flags(names)) => names.join(", "),
        Some(Meaning::Checksum { good: true, .. }) => "good".to_owned(),
        Some(Meaning::Checksum { good: false, expected }) => format!("bad, expected 0x{expected:04x}"),
        Some(Meaning::Octets(n)) if value == n.to_string() => return count(*n, "octet"),
        Some(Meaning::Octets(n)) => count(*n, "octet"),
        Some(Meaning::Derived(n)) if value == n.to_string() => return value,
        Some(Meaning::Derived(n)) if field.name.contains("window") => format!("scaled {n}"),
        Some(Meaning::Derived(n)) => format!("relative {n}"),
    };
    format!("{value}  {meaning}")
}

/// Raw octets, the first three when there are more than four: the dump above has them all.
fn hex(octets: &[u8]) -> String {
    let shown = if octets.len() > 4 { &octets[..3] } else { octets };
    let mut out: Vec<String> = shown.iter().map(|b| format!("{b:02x}")).collect();
    if shown.len() < octets.len() {
        out.push("..".to_owned());
    }
    out.join(" ")
}

fn hex_plain(octets: &[u8]) -> String {
    octets.iter().map(|b| format!("{b:02x}")).collect()
}

/// `len` bits from bit `first` on, counted from the most significant bit of the first octet.
fn bits(octets: &[u8], first: u8, len: u8) -> String {
    (usize::from(first)..usize::from(first) + usize::from(len))
        .map(|i| match octets.get(i / 8) {
            Some(b) if b >> (7 - i % 8) & 1 == 1 => '1',
            Some(_) => '0',
            None => '?',
        })
        .collect()
}

/// The protocol's name as people write it.
pub(super) const fn title(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Wire => "wire",
        Protocol::Ethernet => "Ethernet",
        Protocol::Sll => "Linux cooked capture",
        Protocol::Null => "loopback header",
        Protocol::Vlan => "VLAN tag",
        Protocol::Arp => "ARP",
        Protocol::Ipv4 => "IPv4",
        Protocol::Ipv6 => "IPv6",
        Protocol::Icmp => "ICMP",
        Protocol::Icmpv6 => "ICMPv6",
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Tls => "TLS",
        Protocol::Http => "HTTP",
        Protocol::WebSocket => "WebSocket",
        Protocol::Framing => "layerlab frame",
        Protocol::Queue => "layerlab queue",
        Protocol::Sockets => "socket interface",
        Protocol::Data => "payload",
    }
}
