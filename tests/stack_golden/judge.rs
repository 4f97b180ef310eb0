//! What tshark says of a capture: recorded once, so that the tests need no tshark.
//!
//! A row for each field: frame, name, offset, length, value. Offset and length are of `-T pdml`, the value of
//! `-T fields`. Fragments are not put together, SACK edges are raw, and no frame ends in a guessed FCS.

use super::names::NAMES;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

const SETTINGS: [&str; 4] =
    ["ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE", "eth.fcs:Never"];

/// What tshark shows raw only where it shows every number raw, and then under other names.
const RAW: [&str; 2] = ["tcp.options.sack_le", "tcp.options.sack_re"];

/// A field's place and value, as tshark and as we see it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Row {
    pub(crate) frame: usize,
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) len: usize,
    pub(crate) value: String,
}

impl Row {
    pub(crate) fn new(frame: usize, name: &str, offset: usize, len: usize, value: &str) -> Row {
        // Long octets are kept by their beginning and their number of digits: the place says the rest.
        let value = match value.len() {
            0..=64 => value.to_owned(),
            long => format!("{}+{}", &value[..48], long - 48),
        };
        Row { frame, name: name.to_owned(), offset, len, value }
    }
}

pub(crate) fn read(table: &str) -> Vec<Row> {
    table
        .lines()
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let [frame, name, offset, len, value] = columns[..] else {
                panic!("not a row: {line}");
            };
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no number in: {line}"));
            let (name, value) = (name.to_owned(), value.to_owned());
            Row { frame: number(frame), name, offset: number(offset), len: number(len), value }
        })
        .collect()
}

/// Asks tshark, and gives the table.
pub(crate) fn ask(capture: &Path) -> String {
    let mut values: HashMap<(usize, &str), Vec<String>> = HashMap::new();
    for (relative, names) in [("TRUE", &NAMES[..]), ("FALSE", &RAW)] {
        let relative = format!("tcp.relative_sequence_numbers:{relative}");
        let mut arguments = vec!["-o", &relative, "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|"];
        arguments.extend(["-e", "frame.number"]);
        arguments.extend(names.iter().flat_map(|name| ["-e", *name]));
        for line in tshark(capture, &arguments).lines() {
            let mut columns = line.split('\t');
            let frame: usize = columns.next().and_then(|n| n.parse().ok()).expect("a frame's number");
            for (name, column) in names.iter().zip(columns).filter(|(_, column)| !column.is_empty()) {
                values.insert((frame, *name), column.split('|').rev().map(str::to_owned).collect());
            }
        }
    }
    let mut rows = Vec::new();
    let mut frame = 0;
    for line in tshark(capture, &["-T", "pdml"]).lines().map(str::trim) {
        if line.starts_with("<packet>") {
            frame += 1;
        }
        let Some(name) = NAMES.into_iter().find(|name| attribute(line, "name") == Some(name)) else {
            continue;
        };
        let number = |of| attribute(line, of).and_then(|n| n.parse().ok()).expect("a number");
        let value = values.get_mut(&(frame, name)).and_then(Vec::pop).expect("as many values as places");
        let row = Row::new(frame, name, number("pos"), number("size"), &value);
        // Hidden is what stands there a second time under another protocol's name.
        if row.len > 0 && attribute(line, "hide") != Some("yes") {
            rows.push(row);
        }
    }
    let there = |row: &Row, names: &[&str], offset: usize| {
        rows.iter().any(|r| r.frame == row.frame && names.contains(&r.name.as_str()) && r.offset == offset)
    };
    let ours = |row: &&Row| match row.name.as_str() {
        // The same octets under a second name, where the port says nothing of the protocol.
        "data.data" => !there(row, &["tcp.payload", "udp.payload"], row.offset),
        "tcp.seq" => !there(row, &["tcp.seq_raw"], row.offset),
        _ => true,
    };
    let line = |r: &Row| format!("{}\t{}\t{}\t{}\t{}\n", r.frame, r.name, r.offset, r.len, r.value);
    rows.iter().filter(ours).map(line).collect()
}

fn tshark(capture: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(capture).args(SETTINGS.iter().flat_map(|s| ["-o", *s])).args(arguments);
    let output = command.output().expect("tshark is needed to record what it says");
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = line.find(&format!(" {name}=\""))? + name.len() + 3;
    line[start..].split('"').next()
}
