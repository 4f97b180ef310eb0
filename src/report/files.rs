//! The files of `layerlab loss --report DIR`: the page, and its numbers as CSV and JSON.

use super::loss::text::grouped;
use super::loss::{Comparison, Lane, Latency, Load, Score};
use super::page::{Page, Part, Section};
use super::pictures;
use super::table::{Cell, Table};
use crate::model::{Carried, Fate, Packet};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The page.
pub(super) const PAGE: &str = "index.html";
/// A row a message.
pub(super) const MESSAGES: &str = "messages.csv";
/// A row a frame.
pub(super) const FRAMES: &str = "frames.csv";
/// A row each time that the kernel was asked about its connection.
pub(super) const SAMPLES: &str = "samples.csv";
/// All of it, for programs.
pub(super) const JSON: &str = "report.json";

/// The names of the files of a comparison's report.
pub const FILES: [&str; 5] = [PAGE, MESSAGES, FRAMES, SAMPLES, JSON];

/// The files, by name, the page first.
pub fn files(comparison: &Comparison) -> Vec<(&'static str, String)> {
    let tables =
        [(MESSAGES, messages(comparison)), (FRAMES, frames(comparison)), (SAMPLES, samples(comparison))];
    let mut files = vec![(PAGE, page(comparison, &tables).to_html())];
    let json = json!({
        "schema": 1,
        "run": again(comparison).into_iter().collect::<BTreeMap<_, _>>(),
        "scorecard": scorecard(comparison).to_json(),
        "messages": tables[0].1.to_json(),
        "frames": tables[1].1.to_json(),
        "samples": tables[2].1.to_json(),
    });
    files.extend(tables.iter().map(|(name, table)| (*name, table.to_csv())));
    files.push((JSON, format!("{json}\n")));
    files
}

/// What is needed to do the run again.
fn again(comparison: &Comparison) -> Vec<(String, String)> {
    let Some(run) = comparison.lanes.first().map(|lane| &lane.run) else { return Vec::new() };
    let wire = if run.wire.is_empty() { "transparent" } else { &run.wire };
    [
        ("command", run.command.as_str()),
        ("seed", &run.seed.to_string()),
        ("wire", wire),
        ("layerlab", &run.version),
        ("system", &run.system),
        ("network", run.backend.name()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn page(comparison: &Comparison, tables: &[(&str, Table); 3]) -> Page {
    let [(_, messages), (_, frames), (_, samples)] = tables;
    let caption = "one row a transport".to_owned();
    let mut sections = vec![Section {
        heading: "What came of it".to_owned(),
        parts: vec![Part::Table(caption, scorecard(comparison))],
    }];
    if !messages.rows.is_empty() {
        sections.push(Section {
            heading: "How long each message took".to_owned(),
            parts: vec![
                Part::Text(
                    "A dot is a message; its height is the time from the moment it was due to the moment the \
                     receiving program had it. What never came stands as an X in the strip above."
                        .to_owned(),
                ),
                Part::Picture(pictures::latency(comparison)),
                Part::Folded("messages".to_owned(), messages.clone(), MESSAGES.to_owned()),
            ],
        });
        sections.push(Section {
            heading: "How many had arrived within a time".to_owned(),
            parts: vec![
                Part::Text(
                    "Read upwards from a time: that share of all messages had arrived. A line that ends below \
                     100 % lost the rest."
                        .to_owned(),
                ),
                Part::Picture(pictures::distribution(comparison)),
            ],
        });
    }
    let mut sequences = Vec::new();
    for lane in &comparison.lanes {
        sequences.extend(pictures::sequence(lane, None).map(Part::Picture));
        if let Some(detail) = pictures::repair(lane).and_then(|within| pictures::sequence(lane, Some(within)))
        {
            let words = "The same, from before the loss that took longest to repair to after its repair:";
            sequences.extend([Part::Text(words.to_owned()), Part::Picture(detail)]);
        }
    }
    if !sequences.is_empty() {
        let words = "Each upright stroke is a segment, as high as the octets that it carries; its place is the \
                     moment it left the client. The dashed line is what the client knew to have arrived. An X was \
                     dropped by the wire, and so was an acknowledgment at a diamond; an R carries octets that an \
                     earlier segment carried.";
        sequences.insert(0, Part::Text(words.to_owned()));
        sequences.push(Part::Folded("frames".to_owned(), frames.clone(), FRAMES.to_owned()));
        sections.push(Section { heading: "What TCP sent, and sent again".to_owned(), parts: sequences });
    }
    let mut beliefs: Vec<Part> =
        comparison.lanes.iter().filter_map(pictures::beliefs).map(Part::Picture).collect();
    if !beliefs.is_empty() {
        let words = "What the sender's kernel said when it was asked (TCP_INFO): how many segments it allowed itself \
                     under way, how long it thought a round trip takes, and how long it would have waited for an \
                     acknowledgment before sending again.";
        beliefs.insert(0, Part::Text(words.to_owned()));
        beliefs.push(Part::Folded("samples".to_owned(), samples.clone(), SAMPLES.to_owned()));
        sections.push(Section { heading: "What TCP believed".to_owned(), parts: beliefs });
    }
    let names: Vec<String> = comparison.lanes.iter().map(|lane| lane.transport.name()).collect();
    let load = match comparison.load {
        Load::Messages { count, size, every } => {
            let every = pictures::ms(every);
            format!("{count} messages of {size} octets, one every {every} ms, from the client to the server.")
        }
        Load::Bulk { octets } => {
            let octets = grouped(octets);
            format!("{octets} octets from the client to the server, as fast as it goes.")
        }
    };
    let failures = comparison.lanes.iter().flat_map(|lane| {
        lane.failures.iter().map(|what| format!("{} did not end well: {what}", lane.transport.name()))
    });
    let lede = [load, "Each transport ran alone on a fresh private network, on this wire:".to_owned()];
    let wire = comparison.lanes.first().map_or("", |lane| lane.run.wire.as_str());
    Page {
        title: format!("{} under loss", listed(&names)),
        lede: lede.into_iter().chain(failures).collect(),
        setting: options(wire),
        sections,
        again: again(comparison),
        files: [
            (MESSAGES, "one row a message"),
            (FRAMES, "one row a frame that the wire read"),
            (SAMPLES, "one row each time that the kernel was asked about its connection"),
            (JSON, "all of it in one object"),
        ]
        .map(|(name, what)| (name.to_owned(), what.to_owned()))
        .into(),
    }
}

/// The options of a wire, one by one.
pub(super) fn options(wire: &str) -> Vec<String> {
    let options: Vec<String> =
        wire.split_inclusive(" --").map(|o| o.trim_end_matches(" --").to_owned()).collect();
    let whole = |(i, option): (usize, String)| if i == 0 { option } else { format!("--{option}") };
    match wire {
        "" => vec!["transparent".to_owned()],
        _ => options.into_iter().enumerate().map(whole).collect(),
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A table of rows that each lane gives.
fn table(
    comparison: &Comparison,
    columns: &[(&'static str, &'static str)],
    rows: impl Fn(&Lane) -> Vec<Vec<Cell>>,
) -> Table {
    let of_lane = |lane: &Lane| {
        let name = Cell::Text(lane.transport.name());
        let head = move |row: Vec<Cell>| std::iter::once(name.clone()).chain(row).collect::<Vec<_>>();
        rows(lane).into_iter().map(head).collect::<Vec<_>>()
    };
    Table {
        columns: std::iter::once(("transport", "transport")).chain(columns.iter().copied()).collect(),
        rows: comparison.lanes.iter().flat_map(of_lane).collect(),
    }
}

/// A column of the scorecard: its name, its heading, and what stands in it.
type Measure = (&'static str, &'static str, fn(&Score) -> Cell);

/// A row a lane: what its scorecard says first. A bulk transfer has no messages to speak of.
fn scorecard(comparison: &Comparison) -> Table {
    let of_messages: [Measure; 8] = [
        ("sent", "sent", |score| Cell::Whole(score.sent.into())),
        ("delivered", "delivered", |score| Cell::Whole(score.delivered.into())),
        ("lost", "lost", |score| Cell::Whole(score.lost.into())),
        ("p50_ms", "p50, ms", |score| of_latency(score, |latency| latency.p50)),
        ("p95_ms", "p95, ms", |score| of_latency(score, |latency| latency.p95)),
        ("p99_ms", "p99, ms", |score| of_latency(score, |latency| latency.p99)),
        ("max_ms", "slowest, ms", |score| of_latency(score, |latency| latency.max)),
        ("stalled", "held up", |score| Cell::Whole(score.stalled.into())),
    ];
    let of_all: [Measure; 3] = [
        ("retransmissions", "sent again", |score| {
            Cell::Whole(score.again.iter().copied().map(u64::from).sum())
        }),
        ("goodput_kbit_s", "goodput, kbit/s", |score| Cell::some(score.goodput.map(|bits| bits / 1e3), 1)),
        ("octets_per_octet", "octets on the wire per octet", |score| Cell::some(score.overhead, 2)),
    ];
    let of_messages = match comparison.load {
        Load::Messages { .. } => &of_messages[..],
        Load::Bulk { .. } => &[],
    };
    let cells: Vec<_> = of_messages.iter().chain(&of_all).collect();
    let columns: Vec<_> = cells.iter().map(|(name, heading, _)| (*name, *heading)).collect();
    table(comparison, &columns, |lane| {
        let score = Score::of(lane);
        vec![cells.iter().map(|(_, _, cell)| cell(&score)).collect()]
    })
}

fn of_latency(score: &Score, pick: fn(Latency) -> Duration) -> Cell {
    Cell::some(score.latency.map(pick).map(pictures::ms), 1)
}

fn messages(comparison: &Comparison) -> Table {
    let columns = [
        ("message", "message"),
        ("due_ms", "due, ms"),
        ("sent_ms", "sent, ms"),
        ("latency_ms", "latency, ms"),
        ("reached_ms", "reached, ms"),
        ("in_order_ms", "in order, ms"),
        ("stall_ms", "stalled, ms"),
        ("copies", "copies"),
    ];
    table(comparison, &columns, |lane| {
        let time = |time| Cell::some(Option::map(time, |time| pictures::at(lane, time)), 3);
        let row = |(i, message): (usize, &super::loss::Message)| {
            vec![
                Cell::Whole(i as u64 + 1),
                time(Some(message.due)),
                time(message.sent),
                Cell::some(message.latency().map(pictures::ms), 3),
                time(message.reached),
                time(message.in_order),
                Cell::Number(pictures::ms(message.stall()), 3),
                Cell::Whole(message.received.len() as u64),
            ]
        };
        lane.messages.iter().enumerate().map(row).collect()
    })
}

fn frames(comparison: &Comparison) -> Table {
    let columns = [
        ("frame.number", "frame"),
        ("direction", "direction"),
        ("entered_ms", "entered, ms"),
        ("frame.len", "octets"),
        ("protocol", "protocol"),
        ("tcp.seq", "seq"),
        ("tcp.len", "len"),
        ("tcp.ack", "ack"),
        ("fate", "fate"),
        ("rule", "rule"),
        ("arrived_ms", "arrived, ms"),
        ("repeats", "repeats frame"),
        ("trigger", "sent again by"),
    ];
    table(comparison, &columns, |lane| {
        let again: BTreeMap<usize, _> = lane.retransmissions.iter().map(|r| (r.frame, r)).collect();
        let row = |(i, frame): (usize, &super::loss::Frame)| {
            let tcp = pictures::tcp(frame);
            let number = |value: Option<u32>| Cell::some_whole(value.map(u64::from));
            let (fate, rule) = match &frame.row.fate {
                Fate::Delivered(_) => ("delivered", None),
                Fate::Duplicated { by, .. } => ("duplicated", Some(by)),
                Fate::Dropped { by } => ("dropped", Some(by)),
            };
            let repeats = again.get(&i);
            let of = repeats.and_then(|r| r.of).and_then(|of| lane.frames.get(of)).map(|f| f.row.id.0);
            vec![
                Cell::Whole(frame.row.id.0),
                Cell::text(frame.row.direction.name()),
                Cell::Number(pictures::at(lane, frame.row.at), 3),
                Cell::Whole(u64::from(frame.row.len)),
                Cell::text(protocol(&frame.seen.packet)),
                number(tcp.map(|tcp| tcp.seq)),
                number(tcp.map(|tcp| tcp.len)),
                number(tcp.and_then(|tcp| tcp.ack)),
                Cell::text(fate),
                rule.map_or(Cell::Empty, |rule| Cell::text(rule.name())),
                Cell::some(frame.arrived.first().map(|time| pictures::at(lane, *time)), 3),
                Cell::some_whole(of),
                repeats.map_or(Cell::Empty, |r| Cell::text(r.trigger.name())),
            ]
        };
        lane.frames.iter().enumerate().map(row).collect()
    })
}

const fn protocol(packet: &Packet) -> &'static str {
    match packet {
        Packet::Arp(_) => "ARP",
        Packet::Ip(_, Carried::Tcp(_)) => "TCP",
        Packet::Ip(_, Carried::Udp(_)) => "UDP",
        Packet::Ip(_, Carried::Icmp(_)) => "ICMP",
        Packet::Ip(..) => "IP",
        Packet::Other(_) | Packet::Malformed(_) => "other",
    }
}

fn samples(comparison: &Comparison) -> Table {
    let columns = [
        ("at_ms", "time, ms"),
        ("state", "state"),
        ("snd_cwnd", "snd_cwnd"),
        ("snd_ssthresh", "snd_ssthresh"),
        ("rtt_ms", "rtt, ms"),
        ("rttvar_ms", "rttvar, ms"),
        ("rto_ms", "rto, ms"),
        ("unacked", "unacked"),
        ("backoff", "backoff"),
        ("total_retrans", "total_retrans"),
    ];
    table(comparison, &columns, |lane| {
        let row = |sample: &super::loss::Sample| {
            let info = &sample.info;
            vec![
                Cell::Number(pictures::at(lane, sample.at), 3),
                Cell::text(info.state.name()),
                Cell::Whole(info.snd_cwnd.into()),
                Cell::some_whole(info.snd_ssthresh.map(u64::from)),
                Cell::Number(pictures::ms(info.rtt), 3),
                Cell::Number(pictures::ms(info.rttvar), 3),
                Cell::Number(pictures::ms(info.rto), 3),
                Cell::Whole(info.unacked.into()),
                Cell::Whole(info.backoff.into()),
                Cell::Whole(info.total_retrans.into()),
            ]
        };
        lane.samples.iter().map(row).collect()
    })
}
