//! The runs of one transport over one wire, as their median and their spread.

use super::{Plan, Row};
use crate::report::loss::{Transport, quantile};
use crate::report::scale::number;
use crate::report::table::{Cell, Table};
use std::time::Duration;

/// The smallest, the middle and the largest of some runs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The smallest.
    pub low: f64,
    /// The median; of an even number of runs, the mean of the middle two.
    pub median: f64,
    /// The largest.
    pub high: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let below = if sorted.len().is_multiple_of(2) { sorted[middle - 1] } else { sorted[middle] };
        Some(Spread { low, median: f64::midpoint(below, sorted[middle]), high })
    }
}

/// What the runs of a transport over a wire came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// Loss in percent.
    pub loss: f64,
    /// Delay one way.
    pub delay: Duration,
    /// The transport.
    pub transport: Transport,
    /// Runs that are done.
    pub runs: usize,
    /// Runs in which something went wrong in the programs.
    pub failed: usize,
    /// Goodput in bits a second.
    pub goodput: Spread,
    /// The 99th percentile of latency in milliseconds, over the runs in which something arrived.
    pub p99: Option<Spread>,
    /// Messages lost, in percent of all runs' messages; nothing when there were none.
    pub lost: Option<f64>,
    /// Frames that the wire dropped, in percent of those that it read, towards the server, in all runs.
    pub dropped: Option<f64>,
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}

/// One for each wire and transport of the plan of which a run is done: delay by delay, loss by loss.
pub fn summaries(plan: &Plan, rows: &[Row]) -> Vec<Summary> {
    let mut summaries = Vec::new();
    for delay in &plan.delays {
        for loss in &plan.losses {
            for transport in &plan.transports {
                let same = |row: &&Row| {
                    row.cell.delay == *delay && row.cell.loss == *loss && row.cell.transport == *transport
                };
                let rows: Vec<&Row> = rows.iter().filter(same).collect();
                let sum = |value: fn(&Row) -> u64| rows.iter().map(|row| value(row)).sum::<u64>();
                let Some(goodput) = Spread::of(rows.iter().map(|row| row.goodput)) else { continue };
                summaries.push(Summary {
                    loss: *loss,
                    delay: *delay,
                    transport: transport.clone(),
                    runs: rows.len(),
                    failed: rows.iter().filter(|row| row.failed.is_some()).count(),
                    goodput,
                    p99: Spread::of(rows.iter().filter_map(|row| row.p99)),
                    lost: percent(sum(|row| row.lost), sum(|row| row.messages)),
                    dropped: percent(sum(|row| row.dropped), sum(|row| row.frames)),
                });
            }
        }
    }
    summaries
}

/// The summaries as a table.
pub fn table(summaries: &[Summary]) -> Table {
    let columns = [
        ("delay_ms", "delay, ms"),
        ("loss_percent", "loss, %"),
        ("transport", "transport"),
        ("runs", "runs"),
        ("failed", "failed"),
        ("goodput_kbit_s", "goodput, kbit/s"),
        ("goodput_low_kbit_s", "lowest"),
        ("goodput_high_kbit_s", "highest"),
        ("p99_ms", "p99 latency, ms"),
        ("p99_low_ms", "lowest"),
        ("p99_high_ms", "highest"),
        ("lost_percent", "messages lost, %"),
        ("dropped_percent", "frames dropped, %"),
    ];
    let row = |s: &Summary| {
        let kbit = |value: f64| Cell::Number(value / 1e3, 1);
        let ms = |pick: fn(&Spread) -> f64| Cell::some(s.p99.as_ref().map(pick), 1);
        vec![
            Cell::Exact(super::ms(s.delay)),
            Cell::Exact(s.loss),
            Cell::Text(s.transport.name()),
            Cell::Whole(s.runs as u64),
            Cell::Whole(s.failed as u64),
            kbit(s.goodput.median),
            kbit(s.goodput.low),
            kbit(s.goodput.high),
            ms(|p99| p99.median),
            ms(|p99| p99.low),
            ms(|p99| p99.high),
            Cell::some(s.lost, 2),
            Cell::some(s.dropped, 2),
        ]
    };
    Table { columns: columns.into(), rows: summaries.iter().map(row).collect() }
}

/// Milliseconds of lateness that a machine at ease stays below.
const LATE: f64 = 5.0;

/// A remark when the machine had too much to do at once for its numbers to be the wire's: a UDP sender, which
/// nothing keeps waiting, was late in a quarter of its runs.
pub fn too_busy(rows: &[Row]) -> Option<String> {
    let udp = rows.iter().filter(|row| row.cell.transport == Transport::Udp);
    let mut late: Vec<f64> = udp.map(|row| row.late).collect();
    late.sort_by(f64::total_cmp);
    let late = quantile(&late, 0.75).filter(|late| *late > LATE)?;
    Some(format!(
        "The machine was too busy for these numbers: in a quarter of the runs a program that nothing kept waiting \
         sent {} ms late or more. Run it again with fewer --jobs.",
        number(late.floor())
    ))
}

/// The summaries as lines of at most 80 columns, a block a delay.
pub fn text(summaries: &[Summary]) -> String {
    let mut out = String::new();
    let mut delay = None;
    for s in summaries {
        if delay != Some(s.delay) {
            let gap = if delay.is_some() { "\n" } else { "" };
            let heading = format!("{gap}{} ms one way\n", number(super::ms(s.delay)));
            let columns =
                line(["loss", "transport", "kbit/s", "(lowest-highest)", "p99 ms", "(low-high)", "lost"]);
            out += &(heading + &columns);
            delay = Some(s.delay);
        }
        let spread = |of: Option<Spread>| match of {
            Some(Spread { low, median, high }) => {
                (brief(median), format!("({}-{})", brief(low), brief(high)))
            }
            None => ("-".to_owned(), String::new()),
        };
        let Spread { low, median, high } = s.goodput;
        let kbit = Spread { low: low / 1e3, median: median / 1e3, high: high / 1e3 };
        let ((goodput, goodputs), (p99, p99s)) = (spread(Some(kbit)), spread(s.p99));
        let loss = format!("{}%", number(s.loss));
        let lost = s.lost.map_or("-".to_owned(), |lost| format!("{}%", brief(lost)));
        out += &line([&loss, &s.transport.name(), &goodput, &goodputs, &p99, &p99s, &lost]);
        if s.failed > 0 {
            out +=
                &format!("        {} of its {} runs did not end well (--json says how)\n", s.failed, s.runs);
        }
    }
    out
}

fn line([loss, transport, goodput, goodputs, p99, p99s, lost]: [&str; 7]) -> String {
    let line =
        format!("{loss:>6}  {transport:<11} {goodput:>8} {goodputs:<17} {p99:>7} {p99s:<15} {lost:>6}");
    line.trim_end().to_owned() + "\n"
}

/// Three digits that count, or all before the point.
fn brief(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}
