//! A ladder diagram: two hosts, the wire between them, a rung for each frame.

use super::sentence::Narrator;
use super::style::Style;
use super::text::{columns, ms, pad, right, wrap};
use crate::model::{Direction, Event, EventId, Fate, Seen, Side, Time, What};

/// Columns of a time at least.
const TIME: usize = 9;

/// One rung.
struct Rung {
    id: EventId,
    at: Time,
    direction: Direction,
    label: String,
    arrives: Vec<Time>,
    dropped: bool,
}

/// The frames among `events` as a ladder: the client's lane at the left, the server's at the right, times
/// of sending and arrival beside their lanes. A dropped frame ends in an `X` before it reaches the other
/// lane; a duplicated one has a second head. Other events are left out. Empty without frames; ends in a newline;
/// no line is wider than the style's width.
///
/// Read from the top, a line is a frame; where the arrow's head stands, and the words `lost` and `twice`, say
/// what became of it, so that no meaning hangs on a colour or on an arrow alone.
pub fn ladder(events: &[Event], style: &Style) -> String {
    let rungs = rungs(events, style);
    if rungs.is_empty() {
        return String::new();
    }
    let width = style.columns();
    let times = rungs.iter().flat_map(|r| r.arrives.iter().chain([&r.at]));
    let time = times.map(|t| ms(*t).len()).max().unwrap_or(0).max(TIME);
    let body = width - 2 * (time + 1) - 2;
    let bar = if style.ascii { "|" } else { "│" };
    let mut out = String::new();
    let lanes = |left: &str, middle: &str, right_time: &str| {
        format!("{} {bar}{}{bar} {}", right(left, time), pad(middle, body), right_time).trim_end().to_owned()
    };
    out.push_str(&format!(
        "{} {}{}\n",
        right("ms", time),
        pad(Side::Client.name(), body - 2),
        Side::Server.name()
    ));
    for rung in &rungs {
        let mut text = wrap(&rung.label, body - 2, body - 2);
        let last = text.pop().unwrap_or_default();
        for line in text {
            out.push_str(&lanes("", &format!(" {line}"), ""));
            out.push('\n');
        }
        out.push_str(&lanes("", &format!(" {last}"), ""));
        out.push('\n');
        let arrived = rung.arrives.first().map(|at| ms(*at)).unwrap_or_default();
        let sent = ms(rung.at);
        let (left, at_right) = match rung.direction {
            Direction::ToServer => (sent, arrived),
            Direction::ToClient => (arrived, sent),
        };
        out.push_str(&lanes(&left, &shaft(rung, body, style), &at_right));
        out.push('\n');
    }
    debug_assert!(out.lines().all(|l| columns(l) <= width));
    out
}

/// The arrow of a rung, `body` columns wide.
fn shaft(rung: &Rung, body: usize, style: &Style) -> String {
    let (line, to_right, to_left) = if style.ascii { ("-", ">", "<") } else { ("─", "▶", "◀") };
    let word = match (rung.dropped, rung.arrives.len()) {
        (true, _) => " lost ",
        (false, 2..) => " twice ",
        _ => "",
    };
    let length = if rung.dropped { body / 2 } else { body };
    let head = if rung.dropped {
        "X"
    } else if rung.direction == Direction::ToServer {
        to_right
    } else {
        to_left
    };
    let plain = line.repeat(length - 1 - columns(word));
    match rung.direction {
        Direction::ToServer => format!("{word}{plain}{head}"),
        Direction::ToClient => right(&format!("{head}{plain}{word}"), body),
    }
}

fn rungs(events: &[Event], style: &Style) -> Vec<Rung> {
    let mut narrator = Narrator::new(style.glyphs());
    let mut rungs: Vec<Rung> = Vec::new();
    for event in events {
        let told = narrator.tell(event);
        match &event.what {
            What::Frame(seen) => rungs.push(Rung {
                id: event.id,
                at: event.at,
                direction: seen.direction,
                label: label(seen, &told.head, style),
                arrives: Vec::new(),
                dropped: false,
            }),
            What::Fate(row) => {
                if let Some(rung) = rungs.iter_mut().rev().find(|r| Some(r.id) == event.cause) {
                    rung.arrives = row.fate.deliveries().map(|d| d.at).collect();
                    rung.dropped = matches!(row.fate, Fate::Dropped { .. });
                }
            }
            _ => {}
        }
    }
    rungs
}

/// A sentence about what crosses the wire, in a few words: without the route, which an arrow shows, and of TCP what
/// distinguishes one segment from the next.
pub(super) fn short(head: &str, arrow: &str) -> String {
    let mut words: Vec<&str> = head.split(' ').collect();
    let is_route = |word: &&str| word.contains(arrow) && !word.starts_with('"');
    if words.first().is_some_and(|word| word.starts_with('#')) && words.get(1).is_some_and(is_route) {
        words.remove(1);
    }
    if words.first() == Some(&"X") {
        // What dropped it says more than that it was dropped.
        return words.join(" ").replacen(" dropped by the wire:", "", 1);
    }
    if words.get(1) == Some(&"WebSocket") && words.get(2).is_some_and(|name| *name != "is") {
        words.remove(1);
    }
    let Some(at) = words.iter().position(|word| *word == "TCP").filter(|at| *at <= 1) else {
        return words.join(" ");
    };
    let has_data = words.iter().any(|word| word.starts_with("len="));
    // Every segment but the first acknowledges something: it is news where nothing else is.
    let wanted = |word: &str| match word.split('=').next() {
        Some("seq") => has_data || words.iter().any(|word| word.contains("SYN")),
        Some("ack" | "ACK" | "PSH,ACK") => !has_data,
        Some("win" | "mss") => false,
        _ => true,
    };
    let rest = words[at + 1..].iter().enumerate();
    let rest = rest.filter(|(n, word)| !(*n == 0 && is_route(word)) && wanted(word)).map(|(_, word)| *word);
    words[..at].iter().copied().chain(rest).collect::<Vec<_>>().join(" ")
}

/// The frame's sentence without the route, which the arrow shows.
fn label(seen: &Seen, head: &str, style: &Style) -> String {
    let number = seen.id.to_string();
    let rest = head.strip_prefix(&number).unwrap_or(head).trim_start();
    let arrow = style.glyphs().arrow;
    match rest.split_once(' ') {
        // A router's name has a blank in it: then the route says more than the arrow, and stays.
        Some((route, body)) if route.contains(arrow) => format!("{number} {body}"),
        _ => head.to_owned(),
    }
}
