//! The upper part of the screen: a lane for each host, the wire between them, a row for each step.

use super::super::blocks::{Block, End, Rung};
use super::super::style::{Ink, Models, Style};
use super::super::text::{clip, columns, ms, pad, right};
use super::Line;
use crate::model::{Direction, Place, Side, Standing};

/// Columns of a time.
const TIME: usize = 9;

/// How a row's columns are shared out.
struct Lanes {
    host: usize,
    wire: usize,
    layer: usize,
    bar: &'static str,
}

impl Lanes {
    fn of(width: usize, style: &Style) -> Lanes {
        let layer = if style.models == Models::TcpIp { 11 } else { 5 };
        // The mark, the time, both bars, and a blank before the first lane and before the layer.
        let all = width.saturating_sub(1 + TIME + 1 + 2 + 1 + layer);
        let host = (all / 4).clamp(6, 22);
        Lanes { host, wire: all - 2 * host, layer, bar: if style.ascii { "|" } else { "│" } }
    }
}

/// The lanes' names, and below them `rows` rows: the step that is looked at and its neighbours.
pub(super) fn rows(steps: &[Block], at: usize, rows: usize, style: &Style, width: usize) -> Vec<Line> {
    let lanes = Lanes::of(width, style);
    let mut lines = vec![names(&lanes, style)];
    // Some of what came before stays in sight, and what was looked at already.
    let first = (at + 1 + rows / 4).min(steps.len()).saturating_sub(rows);
    for (n, block) in steps.iter().enumerate().skip(first).take(rows) {
        lines.push(row(block, n == at, &lanes, style));
    }
    // The lanes go on where nothing has happened yet.
    while lines.len() <= rows {
        let gap = " ".repeat(1 + TIME + 1 + lanes.host);
        lines.push(Line::of(format!("{gap}{}{}{}", lanes.bar, " ".repeat(lanes.wire), lanes.bar), Ink::Dim));
    }
    lines
}

fn names(lanes: &Lanes, style: &Style) -> Line {
    let layer = if style.models == Models::TcpIp { "TCP/IP" } else { "OSI" };
    let mut line = Line::of(format!(" {} ", right("ms", TIME)), Ink::Dim);
    line.put(right(Side::Client.name(), lanes.host), Ink::Client);
    line.put(format!(" {} ", middle("wire", lanes.wire)), Ink::Dim);
    line.put(pad(Side::Server.name(), lanes.host), Ink::Server);
    line.put(format!(" {}", pad(layer, lanes.layer)), Ink::Dim);
    line
}

fn middle(text: &str, width: usize) -> String {
    let before = width.saturating_sub(columns(text)) / 2;
    pad(&format!("{}{text}", " ".repeat(before)), width)
}

fn row(block: &Block, current: bool, lanes: &Lanes, style: &Style) -> Line {
    let ellipsis = style.glyphs().ellipsis;
    let blank = |width: usize| " ".repeat(width);
    let (mut client, mut wire, mut server) = (blank(lanes.host), blank(lanes.wire), blank(lanes.host));
    let ink = match (block.alarm, block.place) {
        (true, _) => Ink::Alarm,
        (false, Place::Host(Side::Client)) => Ink::Client,
        (false, Place::Host(Side::Server)) => Ink::Server,
        (false, _) => Ink::Plain,
    };
    match (block.place, block.rung) {
        (Place::Host(side), _) => {
            let text = call(&block.label, lanes.host - 1, ellipsis);
            match side {
                Side::Client => client = right(&format!("{text} "), lanes.host),
                Side::Server => server = pad(&format!(" {text}"), lanes.host),
            }
        }
        (_, Some(rung)) => wire = shaft(rung, &block.label, lanes.wire, style),
        (place, None) => {
            let label = match place {
                Place::Router(hop) => format!("hop {hop}: {}", block.label),
                _ => block.label.clone(),
            };
            wire = pad(&format!(" {}", clip(&label, lanes.wire - 1, ellipsis)), lanes.wire);
        }
    }
    let lost = block.rung.is_some_and(|rung| rung.end == End::Lost);
    let time = clip(&ms(block.at), TIME, "");
    let mut line = Line { current, ..Line::default() };
    line.put(format!("{}{} ", if current { ">" } else { " " }, right(&time, TIME)), Ink::Plain);
    line.put(client, ink);
    line.put(lanes.bar, Ink::Dim);
    line.put(wire, if lost { Ink::Alarm } else { ink });
    line.put(lanes.bar, Ink::Dim);
    line.put(server, ink);
    line.put(
        format!(" {}", pad(&clip(&layer(block.standing, style), lanes.layer, ""), lanes.layer)),
        Ink::Dim,
    );
    line
}

/// A layer in a word.
fn layer(standing: Standing, style: &Style) -> String {
    match style.models {
        Models::TcpIp => Models::TcpIp.label(standing),
        Models::Osi | Models::Both => Models::Osi.label(standing),
    }
}

/// Of a call that failed the error says more than the call's name.
fn call(label: &str, width: usize, ellipsis: &str) -> String {
    match label.split_once("() ") {
        Some((_, error)) if columns(label) > width && error.starts_with('E') => clip(error, width, ellipsis),
        _ => clip(label, width, ellipsis),
    }
}

/// The arrow, `width` columns wide, with its label on it. What no frame is by itself is dotted.
fn shaft(rung: Rung, label: &str, width: usize, style: &Style) -> String {
    let (line, to_right, to_left) = match (style.ascii, rung.carried) {
        (true, false) => ("-", ">", "<"),
        (false, false) => ("─", "▶", "◀"),
        (true, true) => (".", ">", "<"),
        (false, true) => ("·", "▷", "◁"),
    };
    let head = if rung.direction == Direction::ToServer { to_right } else { to_left };
    let (word, heads) = match rung.end {
        End::Arrives => ("", head.to_owned()),
        End::Twice => (" twice ", head.repeat(2)),
        End::Lost => (" lost", "X".to_owned()),
    };
    // A blank on both sides of the label, the line around it; a piece of it before the head of what arrives.
    let least = if rung.end == End::Lost { 3 } else { 4 };
    let room = width.saturating_sub(columns(word) + columns(&heads) + least);
    let label = clip(label, room, style.glyphs().ellipsis);
    // What is lost does not reach the other lane.
    let rest = width.saturating_sub(columns(&label) + columns(word) + columns(&heads) + 3);
    let rest = if rung.end == End::Lost { rest.saturating_sub(1).min(3) } else { rest };
    let text = match (rung.direction, rung.end) {
        (Direction::ToServer, End::Lost) => format!("{line} {label} {}{heads}{word}", line.repeat(rest)),
        (Direction::ToServer, _) => format!("{line} {label} {}{word}{heads}", line.repeat(rest)),
        (Direction::ToClient, End::Lost) => {
            format!("{word} {heads}{} {label} {line}", line.repeat(rest)).trim_start().to_owned()
        }
        (Direction::ToClient, _) => format!("{heads}{word}{} {label} {line}", line.repeat(rest)),
    };
    let text = clip(&text, width, "");
    if rung.direction == Direction::ToServer { pad(&text, width) } else { right(&text, width) }
}
