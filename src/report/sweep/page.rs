//! A sweep's page: goodput and latency over loss, a panel for each delay.

use super::{Plan, Row, Spread, Summary, ms, summaries, table, too_busy};
use crate::report::chart::{Chart, Marks, Panel, Series, Span};
use crate::report::files::{JSON, PAGE, listed, options};
use crate::report::page::{Page, Part, Section};
use crate::report::pictures::looks;
use crate::report::scale::{Axis, Scale, number};
use crate::report::table::{Cell, Table};
use serde_json::json;
use std::time::Duration;

/// A row a wire and transport.
const SUMMARY: &str = "summary.csv";
/// A row a run.
const ROWS: &str = "rows.csv";

/// The names of the files of a sweep's report.
pub const FILES: [&str; 4] = [PAGE, SUMMARY, ROWS, JSON];

/// The files of a sweep's report, by name, the page first. `again` is what is needed to do it again.
pub fn files(plan: &Plan, rows: &[Row], again: &[(String, String)]) -> Vec<(&'static str, String)> {
    let summaries = summaries(plan, rows);
    let (summary, every) = (table(&summaries), rows_table(rows));
    let again: Vec<(String, String)> =
        again.iter().cloned().chain([("seed".to_owned(), plan.seed.to_string())]).collect();
    let json = json!({
        "schema": 1,
        "run": again.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "summary": summary.to_json(),
        "rows": every.to_json(),
    });
    let page = page(plan, rows, &summaries, summary.clone(), again);
    vec![
        (PAGE, page.to_html()),
        (SUMMARY, summary.to_csv()),
        (ROWS, every.to_csv()),
        (JSON, format!("{json}\n")),
    ]
}

fn page(
    plan: &Plan,
    rows: &[Row],
    summaries: &[Summary],
    table: Table,
    again: Vec<(String, String)>,
) -> Page {
    let done = format!(
        "{}: {} of {} runs, {} of each transport over each wire. A mark is the median of its runs, the line through \
         it goes from the lowest to the highest.",
        plan.load,
        rows.len(),
        plan.len().unwrap_or(u64::MAX),
        plan.runs
    );
    let mut lede = vec![done];
    lede.extend(too_busy(rows));
    let goodput = over_loss(plan, summaries, "goodput", "Goodput over loss", "goodput, kbit/s", |s| {
        Some(Spread { low: s.goodput.low / 1e3, median: s.goodput.median / 1e3, high: s.goodput.high / 1e3 })
    });
    let title = "Latency over loss, the 99th percentile";
    let latency = over_loss(plan, summaries, "latency", title, "p99 latency, ms", |s| s.p99);
    let mut sections = vec![Section {
        heading: "How much arrived".to_owned(),
        parts: vec![
            Part::Text(
                "Goodput: the octets that the receiving program had, by the time from the first message to the last \
                 octet."
                    .to_owned(),
            ),
            Part::Picture(goodput),
        ],
    }];
    if summaries.iter().any(|s| s.p99.is_some()) {
        let words = "The time that 99 of 100 of the messages that arrived did not exceed. UDP's lost messages have \
                     none: the table says how many they were.";
        let parts = vec![Part::Text(words.to_owned()), Part::Picture(latency)];
        sections.push(Section { heading: "How late it arrived".to_owned(), parts });
    }
    let caption = "median, lowest and highest of the runs".to_owned();
    let parts = vec![Part::Table(caption, table)];
    sections.push(Section { heading: "The numbers".to_owned(), parts });
    let names: Vec<String> = plan.transports.iter().map(|t| t.name()).collect();
    let setting = if plan.wire.is_empty() { Vec::new() } else { options(&plan.wire) };
    Page {
        title: format!("{} over {} wires", listed(&names), plan.losses.len() * plan.delays.len()),
        lede,
        setting,
        sections,
        again,
        files: [
            (SUMMARY, "one row a wire and transport"),
            (ROWS, "one row a run"),
            (JSON, "both in one object"),
        ]
        .map(|(name, what)| (name.to_owned(), what.to_owned()))
        .into(),
    }
}

/// A chart of something over loss: a panel a delay, a series a transport.
fn over_loss(
    plan: &Plan,
    summaries: &[Summary],
    id: &str,
    title: &str,
    label: &str,
    value: impl Fn(&Summary) -> Option<Spread>,
) -> Chart {
    let values = || summaries.iter().filter_map(&value);
    let highest = values().map(|v| v.high).fold(0.0, f64::max);
    let lowest = values().map(|v| v.low).filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    // What differs by more than a factor of 20 would lie on the axis otherwise.
    let y = if highest > 20.0 * lowest { Axis::log(label) } else { Axis::linear(label) };
    let looks = looks(plan.transports.iter());
    let beside = |i: usize| (i as f64 - (plan.transports.len() - 1) as f64 / 2.0) * 0.09;
    let panel = |delay: &Duration| {
        let series = plan.transports.iter().zip(&looks).enumerate().map(|(i, (transport, look))| {
            let spans = plan.losses.iter().enumerate().filter_map(|(at, loss)| {
                let here = |s: &&Summary| s.loss == *loss && s.delay == *delay && s.transport == *transport;
                let Spread { low, median, high } = value(summaries.iter().find(here)?)?;
                Some(Span { x: at as f64 + beside(i), low, middle: median, high })
            });
            Series { name: transport.name(), look: *look, marks: Marks::Spans(spans.collect()) }
        });
        Panel {
            title: format!("{} ms one way", number(ms(*delay))),
            y: y.clone(),
            height: 170,
            never: None,
            series: series.collect(),
        }
    };
    let panels = plan.delays.iter().map(panel).collect();
    let alt = in_words(plan, summaries, label, &value);
    let losses = plan.losses.iter().map(|loss| format!("{} %", number(*loss))).collect();
    Chart {
        id: id.to_owned(),
        title: title.to_owned(),
        alt,
        x: Axis { label: "loss of the wire, each direction".to_owned(), scale: Scale::Names(losses) },
        panels,
        same_scale: true,
    }
}

/// For each transport and delay, where it begins and where it ends.
fn in_words(
    plan: &Plan,
    summaries: &[Summary],
    label: &str,
    value: impl Fn(&Summary) -> Option<Spread>,
) -> String {
    let mut sentences = vec![format!("Medians of {label}.")];
    for delay in &plan.delays {
        for transport in &plan.transports {
            let of = |s: &&Summary| s.delay == *delay && s.transport == *transport;
            let mut ends = summaries.iter().filter(of).filter_map(|s| Some((s.loss, value(s)?.median)));
            let (Some(first), last) = (ends.next(), ends.last()) else { continue };
            let rounded = |v: f64| number(if v < 10.0 { (v * 10.0).round() / 10.0 } else { v.round() });
            let said = |(loss, v): (f64, f64)| format!("{} at {} percent loss", rounded(v), number(loss));
            let and_then = last.map_or(String::new(), |last| format!(", {}", said(last)));
            let (name, delay) = (transport.name(), number(ms(*delay)));
            sentences.push(format!("{name}, {delay} ms: {}{and_then}.", said(first)));
        }
    }
    sentences.join(" ")
}

/// Every run as a row.
pub fn rows_table(rows: &[Row]) -> Table {
    let columns = [
        ("loss_percent", "loss, %"),
        ("delay_ms", "delay, ms"),
        ("transport", "transport"),
        ("run", "run"),
        ("seed", "seed"),
        ("goodput_bit_s", "goodput, bit/s"),
        ("p50_ms", "p50, ms"),
        ("p99_ms", "p99, ms"),
        ("max_ms", "slowest, ms"),
        ("messages", "messages"),
        ("lost", "lost"),
        ("frames", "frames"),
        ("dropped", "dropped"),
        ("retransmissions", "sent again"),
        ("late_ms", "sender late, ms"),
        ("took_ms", "took, ms"),
        ("failed", "failed"),
    ];
    let row = |row: &Row| {
        vec![
            Cell::Exact(row.cell.loss),
            Cell::Exact(ms(row.cell.delay)),
            Cell::Text(row.cell.transport.name()),
            Cell::Whole(row.cell.run.into()),
            Cell::Whole(row.cell.seed),
            Cell::Number(row.goodput, 0),
            Cell::some(row.p50, 3),
            Cell::some(row.p99, 3),
            Cell::some(row.max, 3),
            Cell::Whole(row.messages),
            Cell::Whole(row.lost),
            Cell::Whole(row.frames),
            Cell::Whole(row.dropped),
            Cell::Whole(row.retransmissions),
            Cell::Number(row.late, 3),
            Cell::Number(row.took, 3),
            row.failed.clone().map_or(Cell::Empty, Cell::Text),
        ]
    };
    Table { columns: columns.into(), rows: rows.iter().map(row).collect() }
}
