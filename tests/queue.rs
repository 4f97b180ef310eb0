//! Captures of layerlab's queue between two scripts made from the specification, read and explained: against what tshark
//! says of them with docs/wireshark/layerlab.lua.
//!
//! `tests/data/queue/record` made the captures and tshark's tables.

use layerlab::capture::Reader;
use layerlab::dissect::{Tell, read};
use layerlab::model::queue::{Carrier, Illegal, Queue, Relation, Step};
use layerlab::model::{Event, Flow, Side, Sink, Value, What};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Default)]
struct Ear(Vec<Queue>);

impl Sink for Ear {
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if let What::Queue(seen) = &event.what {
            self.0.push((**seen).clone());
        }
        Ok(Flow::Continue)
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/queue").join(name)
}

fn steps(name: &str) -> Vec<Queue> {
    let path = data(name);
    let mut tell = Tell::new(Ear::default());
    read(&mut Reader::new(File::open(path).unwrap()).unwrap(), &mut tell).unwrap();
    tell.into_inner().0
}

fn name(seen: &Queue) -> &'static str {
    match &seen.step {
        Step::Frame(frame) => frame.name,
        Step::Fault(_) => "(fault)",
        Step::Lost(_) => "(lost)",
        Step::Ended { .. } => "(ended)",
    }
}

/// tshark's table: by field, for each packet of the file that has any of its values, all of them.
fn table(name: &str) -> BTreeMap<String, Vec<Vec<String>>> {
    let text = fs::read_to_string(data(name)).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t'));
    let names: Vec<&str> = lines.next().unwrap().collect();
    let mut columns: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for line in lines {
        for (name, cell) in names.iter().zip(line) {
            let values = cell.split(',').filter(|value| !value.is_empty()).map(str::to_owned);
            columns.entry((*name).to_owned()).or_default().push(values.collect());
        }
    }
    columns
}

/// A frame's fields as tshark writes them; what is empty has no octets to show.
fn fields(seen: &Queue) -> Vec<(&'static str, String)> {
    let Step::Frame(frame) = &seen.step else { return Vec::new() };
    let mut fields = vec![
        ("layerlab.frame.type", frame.kind.to_string()),
        ("layerlab.frame.length", frame.length.to_string()),
        ("layerlab.frame.header_checksum", format!("0x{:08x}", frame.header_checksum)),
        ("layerlab.frame.payload_checksum", format!("0x{:08x}", frame.payload_checksum)),
    ];
    for part in frame.said.parts() {
        let empty = matches!(&part.value, Value::Octets(octets) if octets.is_empty())
            || matches!(&part.value, Value::Text(text) if text.is_empty());
        if !empty {
            fields.push((part.name, part.value.to_string()));
        }
    }
    fields
}

/// Of a body we tell the beginning.
fn same(ours: &str, theirs: &str) -> bool {
    ours == theirs || ours.len() == 512 && theirs.starts_with(ours)
}

#[test]
fn every_field_of_every_frame_is_as_tshark_has_it() {
    for (name, frames) in [("talk", 38), ("lost", 38), ("websocket", 38), ("udp", 39)] {
        let (table, seen) = (table(&format!("{name}.tsv")), steps(&format!("{name}.pcapng")));
        let ours: Vec<_> = seen.iter().map(fields).collect();
        assert!(ours.iter().filter(|fields| !fields.is_empty()).count() == frames, "{name}");
        for (column, theirs) in &table {
            let theirs: Vec<&String> = theirs.iter().flatten().collect();
            if column == "frame.number" {
                continue;
            }
            if column.ends_with(".status") {
                assert!(theirs.iter().all(|status| *status == "1"), "{name}: {column}");
                continue;
            }
            let values = ours.iter().flatten().filter(|(field, _)| field == column);
            let ours: Vec<&String> = values.map(|(_, value)| value).collect();
            let equal = ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| same(a, b));
            assert!(equal, "{name}, {column}: {ours:?}, tshark has {theirs:?}");
        }
        let named = |field: &str| table.contains_key(field);
        assert!(ours.iter().flatten().all(|(field, _)| named(field)), "a field that the table lacks");
    }
}

/// Every frame is told with the packet in which tshark finds it whole.
#[test]
fn every_frame_is_told_with_its_last_segment() {
    for name in ["talk", "websocket"] {
        let table = table(&format!("{name}.tsv"));
        let rows = table["frame.number"].iter().zip(&table["layerlab.frame.type"]);
        let theirs: Vec<u64> =
            rows.flat_map(|(number, types)| types.iter().map(|_| number[0].parse().unwrap())).collect();
        let seen = steps(&format!("{name}.pcapng"));
        let frames = seen.iter().filter(|seen| matches!(seen.step, Step::Frame(_)));
        assert_eq!(frames.map(|seen| seen.carried.unwrap().last.0).collect::<Vec<_>>(), theirs, "{name}");
    }
}

#[test]
fn tshark_finds_the_same_frame_corrupted() {
    let table = table("faults.tsv");
    let statuses = table["layerlab.frame.payload_checksum.status"].iter().zip(&table["frame.number"]);
    let theirs =
        statuses.filter(|(status, _)| status.contains(&"0".to_owned())).map(|(_, number)| number[0].clone());
    let seen = steps("faults.pcapng");
    let ours = seen.iter().filter(|seen| matches!(&seen.step, Step::Fault(fault) if fault.code == 10));
    let ours: Vec<String> = ours.map(|seen| seen.carried.unwrap().last.0.to_string()).collect();
    assert_eq!(ours, theirs.collect::<Vec<_>>());
    assert_eq!(ours.len(), 1);
}

const TALK: &str = "HELLO WELCOME DECLARE DECLARE DONE DONE PUBLISH PUBLISH PUBLISH CONFIRM PUBLISH DUPLICATE CONFIRM \
                    PUBLISH REFUSED SUBSCRIBE DONE DELIVER DELIVER NACK DELIVER ACK INSPECT REPORT PING PONG PUBLISH \
                    CONFIRM DELIVER UNSUBSCRIBE SUBSCRIBE DONE PURGE DELETE DONE DONE CLOSE CLOSE (ended)";

#[test]
fn a_conversation_is_told_frame_by_frame_whatever_was_lost() {
    for capture in ["talk.pcapng", "lost.pcapng"] {
        let seen = steps(capture);
        assert_eq!(seen.iter().map(name).collect::<Vec<_>>().join(" "), TALK, "{capture}");
        assert!(seen.iter().all(|seen| !seen.step.is_failure()), "{capture}");
        let clean = Step::Ended { reset: false, closed: true, unconfirmed: 0, unacked: 0 };
        assert_eq!(seen.last().map(|seen| &seen.step), Some(&clean), "{capture}");
        let ends = seen.iter().filter(|seen| seen.sender == Side::Client).map(|seen| seen.at.clone());
        let frames: Vec<_> = ends.filter(|at| !at.is_empty()).collect();
        assert!(frames.windows(2).all(|two| two[0].end == two[1].start), "one frame behind the other");
    }
    let held = |capture: &str| {
        steps(capture).iter().filter(|seen| seen.carried.is_some_and(|by| by.held.is_some())).count()
    };
    assert_eq!(held("talk.pcapng"), 0);
    assert!(held("lost.pcapng") > 0, "a lost segment holds back what stands behind it");
}

#[test]
fn what_answers_what_is_found() {
    let seen = steps("talk.pcapng");
    let follows = |name: &str, nth: usize| {
        let of = seen.iter().filter_map(|seen| match &seen.step {
            Step::Frame(frame) if frame.name == name => Some(frame.follows),
            _ => None,
        });
        of.collect::<Vec<_>>()[nth]
    };
    let confirm = follows("CONFIRM", 0).unwrap();
    assert_eq!((confirm.relation, confirm.name, confirm.count), (Relation::Answers, "PUBLISH", 2));
    assert!(confirm.frame.is_some() && confirm.tcp_ack > confirm.frame);
    assert_eq!(follows("DELIVER", 0), None);
    let again = follows("DELIVER", 2).unwrap();
    assert_eq!((again.relation, again.name), (Relation::Repeats, "DELIVER"));
    let ack = follows("ACK", 0).unwrap();
    assert_eq!((ack.relation, ack.count), (Relation::Settles, 2));
}

#[test]
fn who_breaks_a_rule_is_named() {
    let seen = steps("faults.pcapng");
    let broken: Vec<_> = seen
        .iter()
        .filter_map(|seen| match &seen.step {
            Step::Frame(frame) => frame.illegal.map(|rule| (seen.sender, rule)),
            _ => None,
        })
        .collect();
    use Side::{Client, Server};
    let expected = [
        (Client, Illegal::BeforeOpening),
        (Server, Illegal::NeverAsked),
        (Server, Illegal::OverPrefetch { unacked: 2, prefetch: 1 }),
        (Server, Illegal::NotSubscribed),
        (Client, Illegal::NeverDelivered),
        (Client, Illegal::SettledBefore),
        (Client, Illegal::NotUpwards { last: 1 }),
        (Server, Illegal::NeverAsked),
        (Client, Illegal::WrongSide),
        (Server, Illegal::NeverAsked),
    ];
    assert_eq!(broken, expected);
    let faults: Vec<_> = seen
        .iter()
        .filter_map(|seen| match &seen.step {
            Step::Fault(fault) => Some((seen.sender, fault.code, fault.goes_on)),
            _ => None,
        })
        .collect();
    assert_eq!(faults, [(Client, 11, true), (Client, 11, true), (Client, 10, false)]);
    assert_eq!(seen.last().map(name), Some("(ended)"));
}

#[test]
fn datagrams_are_told_and_what_the_wire_dropped() {
    let seen = steps("udp.pcapng");
    assert!(seen.iter().all(|seen| seen.carrier == Carrier::Udp));
    let names: Vec<_> = seen.iter().map(name).collect();
    assert!(
        names
            .join(" ")
            .starts_with("HELLO WELCOME DECLARE DECLARE DONE DONE PUBLISH PUBLISH PUBLISH PUBLISH CONFIRM")
    );
    assert_eq!(names.last(), Some(&"(fault)"), "what is no frame is its sender's fault");
    let legal = |seen: &&Queue| matches!(&seen.step, Step::Frame(frame) if frame.illegal.is_some());
    assert_eq!(seen.iter().filter(legal).count(), 0);
}
