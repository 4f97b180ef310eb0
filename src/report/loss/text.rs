//! The scorecard and the pictures in characters: at most as wide as asked, readable without colour.

use super::{Load, Message, Offered, Score, Share, Trigger};
use crate::model::{Direction, Rule};
use crate::report::grid::{NAME, grid};
use std::fmt::Write;
use std::time::Duration;

/// How characters may look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// ASCII only.
    pub ascii: bool,
}

/// One lane's column.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// Its heading.
    pub name: &'a str,
    /// Its numbers.
    pub score: &'a Score,
    /// What the wire was asked for, by direction.
    pub offered: [Offered; 2],
}

/// Columns of a lane's picture before its axis.
const AXIS: usize = 8;

/// Milliseconds with one digit behind the point.
pub fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Bits a second, in the unit that gives one to three digits before the point.
pub fn bits(rate: f64) -> String {
    match rate {
        r if r < 1e3 => format!("{r:.0} bit/s"),
        r if r < 1e6 => format!("{:.0} kbit/s", r / 1e3),
        r if r < 1e9 => format!("{:.2} Mbit/s", r / 1e6),
        r => format!("{:.2} Gbit/s", r / 1e9),
    }
}

/// A number with its thousands set apart.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn percent(fraction: f64) -> String {
    format!("{:.2}%", fraction * 100.0)
}

fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

/// What a rule is called in a table.
pub fn rule_name(rule: &Rule) -> String {
    match rule {
        Rule::Random(_) => "by chance".to_owned(),
        Rule::GilbertElliott { .. } => "by chance, in bursts".to_owned(),
        Rule::QueueFull { .. } => "queue full".to_owned(),
        Rule::Script(text) => format!("script {text}"),
        Rule::Cut => "wire cut".to_owned(),
        Rule::Mtu { .. } => "too large".to_owned(),
        Rule::TtlExceeded { hop } => format!("TTL used up, hop {hop}"),
        Rule::ForRouter { hop } => format!("for router {hop}"),
    }
}

/// A row: its name, and a lane's value.
type Row<'a> = (String, Box<dyn Fn(&Column<'_>) -> String + 'a>);

/// The table of a comparison, a column a lane. A `-` says that a row does not apply or that nothing was measured.
pub fn scorecard(columns: &[Column<'_>], load: &Load, look: Look) -> String {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut row = |name: &str, value: fn(&Score) -> String| {
        rows.push((name.to_owned(), Box::new(move |c| value(c.score))));
    };
    if matches!(load, Load::Messages { .. }) {
        row("messages sent", |s| s.sent.to_string());
        row("  delivered", |s| s.delivered.to_string());
        row("  lost to the program", |s| s.lost.to_string());
        if columns.iter().any(|c| c.score.unread > 0) {
            row("    of these unread on host", |s| s.unread.to_string());
        }
        row("  duplicated", |s| s.duplicated.to_string());
        row("  out of order", |s| s.reordered.to_string());
        row("latency  p50", |s| or_dash(s.latency, |l| millis(l.p50)));
        row("         p95", |s| or_dash(s.latency, |l| millis(l.p95)));
        row("         p99", |s| or_dash(s.latency, |l| millis(l.p99)));
        row("         max", |s| or_dash(s.latency, |l| millis(l.max)));
        row("held up behind a hole", |s| s.stalled.to_string());
        row("  longest", |s| if s.stalled > 0 { millis(s.longest_stall) } else { "-".to_owned() });
    }
    row("first byte after", |s| or_dash(s.first, millis));
    row("goodput", |s| or_dash(s.goodput, bits));
    for (i, name) in
        ["sent again  fast", "            tail probe", "            timeout", "            unknown"]
            .into_iter()
            .enumerate()
    {
        if i < 3 || columns.iter().any(|c| c.score.again[i] > 0) {
            rows.push((name.to_owned(), Box::new(move |c| c.score.again[i].to_string())));
        }
    }
    let mut row = |name: &str, value: fn(&Score) -> String| {
        rows.push((name.to_owned(), Box::new(move |c| value(c.score))));
    };
    row("  needless of these", |s| s.needless.to_string());
    row("frames to the server", |s| grouped(s.frames[0]));
    row("       to the client", |s| grouped(s.frames[1]));
    for (direction, rule) in rules(columns) {
        let arrow = if direction == Direction::ToServer { "to server" } else { "to client" };
        let name = format!("  dropped {arrow}: {}", rule_name(&rule));
        rows.push((
            name,
            Box::new(move |c| {
                let n = c.score.dropped.iter().find(|(d, r, _)| *d == direction && *r == rule);
                n.map_or(0, |(.., n)| *n).to_string()
            }),
        ));
    }
    let mut row = |name: &str, value: fn(&Score) -> String| {
        rows.push((name.to_owned(), Box::new(move |c| value(c.score))));
    };
    row("octets on the wire", |s| grouped(s.octets.iter().sum()));
    row("  per octet delivered", |s| or_dash(s.overhead, |o| format!("{o:.2}")));
    for direction in Direction::BOTH {
        let way = direction.index();
        if columns.iter().any(|c| c.offered[way] != Offered::None) {
            let arrow = if way == 0 { "to server" } else { "to client" };
            rows.push((
                format!("chance loss {arrow}: asked"),
                Box::new(move |c| match c.offered[way] {
                    Offered::None => "-".to_owned(),
                    Offered::Independent(p) | Offered::Bursts(p) => percent(p),
                }),
            ));
            rows.push((
                "  seen".to_owned(),
                Box::new(move |c| or_dash(c.score.chance[way].fraction(), percent)),
            ));
            if columns.iter().any(|c| matches!(c.offered[way], Offered::Independent(_))) {
                rows.push((
                    "  95% interval of it".to_owned(),
                    Box::new(move |c| match c.offered[way] {
                        Offered::Independent(_) => or_dash(c.score.chance[way].interval(), between),
                        _ => "-".to_owned(),
                    }),
                ));
            }
        }
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    let rows: Vec<(String, Vec<String>)> =
        rows.into_iter().map(|(name, value)| (name, columns.iter().map(value).collect())).collect();
    grid(&names, &rows, look.width)
}

fn between((low, high): (f64, f64)) -> String {
    format!("{:.1}..{:.1}%", low * 100.0, high * 100.0)
}

/// Every direction and rule that dropped something in some lane.
fn rules(columns: &[Column<'_>]) -> Vec<(Direction, Rule)> {
    let mut all: Vec<(Direction, Rule)> = Vec::new();
    for (direction, rule, _) in columns.iter().flat_map(|c| &c.score.dropped) {
        if !all.contains(&(*direction, rule.clone())) {
            all.push((*direction, rule.clone()));
        }
    }
    all.sort_by_key(|(direction, _)| direction.index());
    all
}

/// A lane's latencies, one dot a message: across, the messages in order; up, how long each took; at the bottom, an X
/// where messages never came. `top` is what the highest row means, the same in every lane that is to be
/// compared. Where messages outnumber the columns, neighbours share one: every dot is there, but two at the same place look
/// like one.
pub fn dots(name: &str, messages: &[Message], top: Duration, look: Look) -> String {
    const ROWS: usize = 7;
    let (dot, bar, floor, corner) =
        if look.ascii { ("o", "|", "-", "+") } else { ("•", "│", "─", "└") };
    let room = look.width.saturating_sub(AXIS + 3).max(20);
    // Spread a few messages, so that each has its place.
    let step = (room / messages.len().max(1)).clamp(1, 6);
    let columns = room.min(messages.len() * step);
    let column = |n: usize| if messages.len() * step <= room { n * step } else { n * room / messages.len() };
    let top_ms = top.as_secs_f64().max(1e-6);
    let mut grid = vec![vec![false; columns]; ROWS];
    let mut lost = vec![false; columns];
    for (n, message) in messages.iter().enumerate() {
        match message.latency() {
            Some(latency) => {
                let height = (latency.as_secs_f64() / top_ms * ROWS as f64).ceil() as usize;
                grid[ROWS - height.clamp(1, ROWS)][column(n)] = true;
            }
            None => lost[column(n)] = true,
        }
    }
    let mut out = format!("{name}\n");
    for (i, row) in grid.iter().enumerate() {
        let label = match (ROWS - i) as f64 / ROWS as f64 * top_ms * 1e3 {
            ms if top_ms >= 0.02 => format!("{ms:.0} ms"),
            ms => format!("{ms:.1} ms"),
        };
        let dots: String = row.iter().map(|there| if *there { dot } else { " " }).collect();
        let _ = writeln!(out, "{:>AXIS$} {bar}{}", label, dots.trim_end());
    }
    let _ = writeln!(out, "{:>AXIS$} {corner}{}", "", floor.repeat(columns));
    if lost.contains(&true) {
        let crosses: String = lost.iter().map(|there| if *there { 'X' } else { ' ' }).collect();
        let _ = writeln!(out, "{:>AXIS$}  {}", "lost", crosses.trim_end());
    }
    out
}

/// When each message came, in milliseconds from when the first was due: `1:26 2:36 3:-- 4:57`.
pub fn list(name: &str, began: crate::model::Time, messages: &[Message], look: Look) -> String {
    let margin = NAME.min(12);
    let mut out = format!("{name:margin$}");
    let mut used = margin;
    for (n, message) in messages.iter().enumerate() {
        let when = match message.received.iter().min() {
            Some(at) => format!("{:.0}", at.since(began).as_secs_f64() * 1e3),
            None => "--".to_owned(),
        };
        let word = format!("{}:{when} ", n + 1);
        if used + word.len() > look.width && used > margin {
            let _ = write!(out, "\n{:margin$}", "");
            used = margin;
        }
        used += word.len();
        out.push_str(&word);
    }
    let trimmed: Vec<&str> = out.lines().map(str::trim_end).collect();
    trimmed.join("\n") + "\n"
}

/// The share of a lane's retransmissions, in words: `3 fast, 1 timeout`.
pub fn again(score: &Score) -> String {
    let kinds = Trigger::ALL.into_iter().zip(score.again).filter(|(_, n)| *n > 0);
    kinds.map(|(trigger, n)| format!("{n} {}", trigger.name())).collect::<Vec<_>>().join(", ")
}

/// A bulk transfer beside what theory expects of Reno.
#[derive(Clone, PartialEq, Debug)]
pub struct BulkRow {
    /// The lane.
    pub name: String,
    /// Measured, in bit/s.
    pub goodput: Option<f64>,
    /// Segments with data that the wire dropped.
    pub lost: Share,
    /// The mean of the kernel's smoothed round-trip times.
    pub rtt: Option<Duration>,
    /// Mathis' formula, in bit/s.
    pub mathis: Option<f64>,
    /// Padhye's, in bit/s.
    pub padhye: Option<f64>,
}

/// The table of a bulk comparison with the formulas.
pub fn bulk(rows: &[BulkRow]) -> String {
    let mut out = format!(
        "{:12}{:>14}{:>9}{:>11}{:>16}{:>16}\n",
        "", "measured", "lost", "RTT", "Mathis 1997", "Padhye 1998"
    );
    for row in rows {
        let _ = writeln!(
            out,
            "{:12}{:>14}{:>9}{:>11}{:>16}{:>16}",
            row.name,
            or_dash(row.goodput, bits),
            or_dash(row.lost.fraction(), percent),
            or_dash(row.rtt, millis),
            or_dash(row.mathis, bits),
            or_dash(row.padhye, bits)
        );
    }
    out
}
