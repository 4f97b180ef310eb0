//! The two models side by side: what sits where, and where they do not fit.

use super::style::{Ink, Models, Style};
use super::text::{columns, pad, wrap};
use crate::model::{Cite, Protocol};
use serde_json::{Value, json};

/// One row of the layer table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// What is placed.
    pub thing: &'static str,
    /// Its OSI layer; `~` marks a convention.
    pub osi: &'static str,
    /// Its layer in the TCP/IP model.
    pub tcpip: &'static str,
    /// What does not fit, or is often mistaken; empty where there is nothing to say.
    pub caveat: &'static str,
    /// Where the placing stands.
    pub cite: Cite,
    /// The protocols of the model that the row speaks of: their standings say the same.
    pub protocols: &'static [Protocol],
}

const fn row(
    thing: &'static str,
    osi: &'static str,
    tcpip: &'static str,
    caveat: &'static str,
    cite: Cite,
    protocols: &'static [Protocol],
) -> Row {
    Row { thing, osi, tcpip, caveat, cite, protocols }
}

const MODEL: Cite = Cite::rfc(1122, "1.1.3");
const APPLICATION: &str = "Application";

/// What sits where, bottom up.
pub const ROWS: &[Row] = &[
    row(
        "The wire's delay, loss, rate",
        "1",
        "below Link",
        "emulated: a TAP has no signal and no FCS",
        Cite::named("ISO/IEC 7498-1", "7.7"),
        &[Protocol::Wire],
    ),
    row("Ethernet, MAC", "2", "Link", "", Cite::rfc(1122, "2.3.3"), &[Protocol::Ethernet]),
    row(
        "Linux cooked header (tcpdump -i any)",
        "~2",
        "Link",
        "the capture's own, in the link layer's place: on no wire",
        Cite::named("LINKTYPE_LINUX_SLL2", ""),
        &[Protocol::Sll],
    ),
    row(
        "Loopback header (macOS, BSD)",
        "~2",
        "Link",
        "the capture's own: loopback has no link",
        Cite::named("LINKTYPE_NULL", ""),
        &[Protocol::Null],
    ),
    row(
        "VLAN tag (802.1Q)",
        "2",
        "Link",
        "between Ethernet's addresses and its type",
        Cite::named("IEEE 802.1Q", "9"),
        &[Protocol::Vlan],
    ),
    row(
        "ARP",
        "2-3",
        "Link",
        "carries IP addresses, is not inside IP",
        Cite::rfc(1122, "2.3.2"),
        &[Protocol::Arp],
    ),
    row("IP, TTL, fragments", "3", "Internet", "", MODEL, &[Protocol::Ipv4, Protocol::Ipv6]),
    row(
        "ICMP",
        "3",
        "Internet",
        "a part of IP, though carried in it",
        Cite::rfc(792, ""),
        &[Protocol::Icmp, Protocol::Icmpv6],
    ),
    row("Ports, TCP, UDP", "4", "Transport", "", MODEL, &[Protocol::Tcp, Protocol::Udp]),
    row(
        "Handshake, FIN",
        "4",
        "Transport",
        "not layer 5, despite the word \"session\"",
        Cite::rfc(9293, "3.5"),
        &[Protocol::Tcp],
    ),
    row(
        "socket, connect, recv, backlog",
        "none",
        "none",
        "an API between 7 and 4 with no bytes of its own; connect() causes SYNs",
        Cite::rfc(9293, "3.9.1"),
        &[Protocol::Sockets],
    ),
    row(
        "Length prefix, queue",
        "~7",
        APPLICATION,
        "framing looks like layer 2",
        MODEL,
        &[Protocol::Framing, Protocol::Queue],
    ),
    row(
        "TLS",
        "~5/6",
        APPLICATION,
        "on the side of Transport; has sublayers of its own",
        Cite::rfc(8446, "1"),
        &[Protocol::Tls],
    ),
    row("HTTP", "7", APPLICATION, "", Cite::rfc(9110, "1.1"), &[Protocol::Http]),
    row(
        "WebSocket",
        "7",
        APPLICATION,
        "some duties are layer 5's; \"just a layer on top of TCP\"",
        Cite::rfc(6455, "1.5"),
        &[Protocol::WebSocket],
    ),
    row(
        "Engine.IO",
        "~5",
        APPLICATION,
        "session id, heartbeat, change of transport",
        Cite::named("Engine.IO protocol", ""),
        &[],
    ),
    row(
        "Socket.IO",
        "7",
        APPLICATION,
        "its namespaces multiplex",
        Cite::named("Socket.IO protocol", ""),
        &[],
    ),
    row("JSON, UTF-8, masking", "~6", APPLICATION, "masking is not encryption", Cite::rfc(6455, "10.3"), &[]),
    row(
        "AMQP",
        "7",
        APPLICATION,
        "frames and channels redo layer 4's ideas",
        Cite::named("AMQP 0-9-1", ""),
        &[],
    ),
    row("Your bytes", "7", APPLICATION, "what no decoder claims", MODEL, &[Protocol::Data]),
    row(
        "\"ack\": TCP / Socket.IO / AMQP",
        "4 / 7 / 7",
        "Transport / Application",
        "one word, three promises",
        Cite::rfc(9293, "3.4"),
        &[],
    ),
];

/// Where the models do not fit what runs.
pub const MISFITS: &[(&str, Cite)] = &[
    (
        "TCP/IP's application layer is one: it is not divided further. OSI's 5 and 6 are duties here, not places.",
        MODEL,
    ),
    ("ARP speaks of layer 3's addresses in layer 2's frames, beside IP.", Cite::rfc(826, "")),
    ("ICMP is a part of IP and yet rides in IP packets.", Cite::rfc(792, "")),
    ("Sockets are no layer: an API has no peer and no bytes on the wire.", Cite::rfc(9293, "3.9.1")),
    ("TCP's and UDP's checksums cover IP addresses: layer 4 knows layer 3 by heart.", Cite::rfc(9293, "3.1")),
    ("TLS, WebSocket and AMQP build layers inside the application layer.", Cite::rfc(6455, "1.5")),
    ("Strict layers cost: each repeats what another has done already.", Cite::rfc(3439, "3")),
];

/// OSI's layer, its name, the TCP/IP layer beside it, and what lives there.
const STACK: [(u8, &str, &str, &str); 7] = [
    (7, "Application", "Application", "HTTP, WebSocket, queues: messages"),
    (6, "Presentation", "", "(JSON, UTF-8: duties, no place)"),
    (5, "Session", "", "(Engine.IO's session: likewise)"),
    (4, "Transport", "Transport", "TCP segments, UDP datagrams, ports"),
    (3, "Network", "Internet", "IP packets, ICMP messages"),
    (2, "Data link", "Link", "Ethernet frames; ARP (2-3)"),
    (1, "Physical", "", "the wire: delay, loss, rate"),
];

/// The drawing, the table and the misfits as text. No line is wider than the style's width; ends in a
/// newline.
pub fn text(style: &Style) -> String {
    let mut out = String::new();
    for line in drawing(style) {
        out.push_str(&line);
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&table(style));
    out.push('\n');
    out.push_str(&Ink::Bold.paint(style.color, "Where they don't fit"));
    out.push('\n');
    for (text, cite) in MISFITS {
        let room = style.columns() - 2;
        for (i, part) in wrap(&format!("{text} [{cite}]"), room, room).into_iter().enumerate() {
            out.push_str(if i == 0 { "- " } else { "  " });
            out.push_str(&part);
            out.push('\n');
        }
    }
    out
}

/// The models as two towers of boxes, top down, broken where the socket interface stands.
fn drawing(style: &Style) -> Vec<String> {
    let (osi, tcpip) = (style.models != Models::TcpIp, style.models != Models::Osi);
    // What lives there is said where there is room for it; the table below says it again.
    let notes = style.columns() >= 78;
    let v = if style.ascii { "|" } else { "│" };
    let mut lines = Vec::new();
    let mut push = |a: String, b: String, note: &str| {
        let mut line = String::new();
        if osi {
            line.push_str(&pad(&a, 22));
        }
        if tcpip {
            line.push_str(&pad(&b, 19));
        }
        if notes {
            line.push_str(note);
        }
        if !line.trim().is_empty() {
            lines.push(line.trim_end().to_owned());
        }
    };
    push("   OSI (ISO 7498-1)".to_owned(), "TCP/IP (RFC 1122)".to_owned(), "what lives there");
    for (number, name, beside, note) in STACK {
        let edge = match number {
            7 | 4 => Edge::Top,
            _ => Edge::Between,
        };
        let beside_edge = match number {
            6 | 5 => bar(Edge::Open, 13, style.ascii),
            1 => bar(Edge::Bottom, 13, style.ascii),
            _ => bar(edge, 13, style.ascii),
        };
        push(format!("  {}", bar(edge, 16, style.ascii)), beside_edge, "");
        let beside = if number == 1 { "  (below)".to_owned() } else { format!("{v} {}{v}", pad(beside, 12)) };
        push(format!("{number} {v} {}{v}", pad(name, 15)), beside, note);
        if number == 5 {
            push(format!("  {}", bar(Edge::Bottom, 16, style.ascii)), bar(Edge::Bottom, 13, style.ascii), "");
            let dots = " .".repeat(8);
            push(format!("   {dots}"), dots[..14].to_owned(), "sockets: an API, no layer, no bytes");
        }
    }
    push(format!("  {}", bar(Edge::Bottom, 16, style.ascii)), String::new(), "");
    lines
}

/// Which horizontal edge of a box.
#[derive(Clone, Copy)]
enum Edge {
    Top,
    Between,
    Bottom,
    /// None: the box goes on.
    Open,
}

fn bar(edge: Edge, width: usize, ascii: bool) -> String {
    let (left, line, right) = match (edge, ascii) {
        (Edge::Open, true) => ("|", " ", "|"),
        (Edge::Open, false) => ("│", " ", "│"),
        (_, true) => ("+", "-", "+"),
        (Edge::Top, false) => ("┌", "─", "┐"),
        (Edge::Between, false) => ("├", "─", "┤"),
        (Edge::Bottom, false) => ("└", "─", "┘"),
    };
    format!("{left}{}{right}", line.repeat(width))
}

fn table(style: &Style) -> String {
    let width = style.columns();
    let thing = 31;
    let (osi, tcpip) = match style.models {
        Models::Both => (10, 12),
        Models::Osi => (10, 0),
        Models::TcpIp => (0, 12),
    };
    let room = width.saturating_sub(thing + osi + tcpip);
    let mut out = String::new();
    let mut head = pad("what", thing);
    if osi > 0 {
        head.push_str(&pad("OSI", osi));
    }
    if tcpip > 0 {
        head.push_str(&pad("TCP/IP", tcpip));
    }
    head.push_str("but");
    out.push_str(&Ink::Bold.paint(style.color, &head));
    out.push('\n');
    for r in ROWS {
        let cells = [(r.thing, thing), (r.osi, osi), (r.tcpip, tcpip), (r.caveat, room)];
        let cells: Vec<(Vec<String>, usize)> = cells
            .iter()
            .filter(|(_, w)| *w > 0)
            .map(|(text, w)| (wrap(text, w.saturating_sub(1).max(1), w.saturating_sub(1).max(1)), *w))
            .collect();
        let height = cells.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0);
        for i in 0..height {
            let line: String =
                cells.iter().map(|(lines, w)| pad(lines.get(i).map_or("", String::as_str), *w)).collect();
            debug_assert!(columns(line.trim_end()) <= width);
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

/// The table as JSON: an object with `rows` and `misfits`. Keys are documented in docs/json.md.
pub fn json() -> Value {
    let rows: Vec<Value> = ROWS
        .iter()
        .map(|r| {
            json!({
                "thing": r.thing,
                "osi": (r.osi != "none").then_some(r.osi),
                "tcpip": (r.tcpip != "none").then_some(r.tcpip),
                "caveat": (!r.caveat.is_empty()).then_some(r.caveat),
                "cite": r.cite.to_string(),
            })
        })
        .collect();
    let misfits: Vec<Value> =
        MISFITS.iter().map(|(text, cite)| json!({"text": text, "cite": cite.to_string()})).collect();
    json!({"schema": super::SCHEMA, "kind": "layers", "rows": rows, "misfits": misfits})
}

/// The table as Markdown, as it stands in docs/layers.md.
pub fn markdown() -> String {
    let mut out = String::from("| Thing | OSI | TCP/IP | Caveat | Source |\n|---|---|---|---|---|\n");
    for r in ROWS {
        out.push_str(&format!("| {} | {} | {} | {} | {} |\n", r.thing, r.osi, r.tcpip, r.caveat, r.cite));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_model_says() {
        for r in ROWS {
            for protocol in r.protocols {
                let standing = protocol.standing();
                let osi = standing.osi.map_or_else(|| "none".to_owned(), |s| s.to_string());
                let tcpip = standing.tcpip.map_or("none", |l| l.name());
                assert_eq!((r.osi, r.tcpip), (osi.as_str(), tcpip), "{}", r.thing);
            }
        }
        for protocol in Protocol::ALL {
            assert!(ROWS.iter().any(|r| r.protocols.contains(&protocol)), "{} has no row", protocol.name());
        }
    }

    #[test]
    fn it_fits_in_every_style() {
        for models in [Models::Osi, Models::TcpIp, Models::Both] {
            for ascii in [false, true] {
                for width in [60, 80, 120] {
                    let text = text(&Style { models, ascii, width, ..Style::default() });
                    for line in text.lines() {
                        assert!(columns(line) <= width, "{line}");
                    }
                    assert!(!ascii || text.is_ascii());
                }
            }
        }
    }

    #[test]
    fn the_two_models_side_by_side() {
        insta::assert_snapshot!(text(&Style { ascii: true, ..Style::default() }));
        insta::assert_snapshot!(
            "the_tcpip_model_alone",
            text(&Style { models: Models::TcpIp, ..Style::default() })
        );
    }
}
