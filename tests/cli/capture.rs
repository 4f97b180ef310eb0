//! docs/capture.md says what is written, and what is written says what the ledger says.

use crate::child::Folder;
use crate::lab::{Lab, each};
use layerlab::capture::{Item, Mark, Reader, Stamp, note, parse_note, parse_run, run_comment};
use layerlab::model::{Delivery, Direction, Fate, FrameId, Rule, Time, TooBig};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/capture.md")).unwrap()
}

/// The first cells, in backticks, of the table below this head.
fn cells<'a>(page: &'a str, head: &str) -> Vec<&'a str> {
    let rows =
        page.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with("| `"));
    let found: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(!found.is_empty(), "no table {head}");
    found
}

/// The keys of a line, those of a second copy under their first copy's names.
fn keys(line: &str) -> Vec<&str> {
    let words =
        line.split(' ').filter_map(|word| word.split_once('=').map(|(key, _)| key.trim_end_matches('2')));
    let mut seen = BTreeSet::new();
    words.filter(|key| seen.insert(*key)).collect()
}

#[test]
fn the_pages_examples_are_read_and_written_alike() {
    let page = page();
    let marks: Vec<&str> = page.lines().filter(|line| line.starts_with("layerlab frame=")).collect();
    assert!(marks.len() >= 3);
    for line in marks {
        assert_eq!(line.parse::<Mark>().unwrap().to_string(), line);
    }
    let run = page.lines().position(|line| line.starts_with("layerlab run ")).unwrap();
    let comment = page.lines().skip(run - 1).take(2).collect::<Vec<_>>().join("\n");
    assert_eq!(run_comment(&parse_run(&comment).unwrap()), comment);
}

#[test]
fn the_pages_lines_of_hosts_are_read_and_written_alike() {
    let page = page();
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("layerlab event=")).collect();
    assert!(lines.len() >= 4);
    for line in &lines {
        assert_eq!(note(&parse_note(line).unwrap_or_else(|e| panic!("{line}: {e}"))).as_deref(), Some(*line));
    }
    let stamp = page.lines().find(|line| line.starts_with("layerlab lab=")).unwrap();
    assert_eq!(Stamp::parse(stamp).unwrap().line(), stamp);
}

/// What a capture tells of the hosts is what the run told of them, call by call.
#[test]
fn a_capture_tells_the_calls_that_the_run_told() {
    let folder = Folder::new();
    let mut keys = BTreeSet::new();
    let lines = [
        "tcp echo a bc --burst --delay 2ms",
        "tcp echo hello --cut 5ms --timeout 300ms --nodelay",
        "udp echo abcdef --recv-size 3 --closed-port --wait 50ms",
    ];
    for (n, line) in lines.iter().enumerate() {
        let file = folder.file(&format!("{n}.pcapng"));
        let ran = crate::child::run(&format!("{line} --json --vantage wire --capture {file}"));
        let told = crate::child::run(&format!("dissect --json {file}"));
        let hosts = |text: &str| -> Vec<Value> {
            let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let hosts = events.filter(|e| {
                ["called", "returned", "connections", "wire"].iter().any(|what| e["what"] == *what)
            });
            hosts.collect()
        };
        let (run, capture) = (hosts(&ran.out), hosts(&told.out));
        assert!(run.len() > 5);
        assert_eq!(run, capture, "{line}");
        let mut reader = Reader::new(File::open(&file).unwrap()).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            if let Item::Note(line) = item {
                let words = line.split(' ').filter_map(|word| word.split_once('='));
                keys.extend(words.map(|(key, _)| key.to_owned()).filter(|key| !key.contains('"')));
            }
        }
    }
    let page = page();
    let rows = page.lines().skip_while(|line| *line != "| key of an event | what |").skip(2);
    let rows: String = rows.take_while(|line| line.starts_with('|')).collect();
    for key in keys {
        assert!(rows.contains(&format!("`{key}`")), "docs/capture.md lacks {key}");
    }
}

#[test]
fn the_page_has_every_key_in_order_and_every_rule() {
    let page = page();
    let delivery = Delivery {
        at: Time::from_nanos(9),
        queued: Duration::from_nanos(1),
        delayed: Duration::from_nanos(2),
        reordered: Some(Rule::Cut),
        corrupted: Some((3, Rule::Cut)),
        held: Some((Duration::from_nanos(4), Rule::Cut)),
    };
    let mark = |copy, fate| Mark {
        id: FrameId(1),
        direction: Direction::ToServer,
        index: 1,
        at: Time::ZERO,
        len: 60,
        copy,
        fate,
        seed: 7,
    };
    let both = Fate::Duplicated { first: delivery.clone(), second: delivery, by: Rule::Cut };
    assert_eq!(keys(&mark(Some(1), both).to_string()), cells(&page, "| key | what |"));

    // Every kind of rule, as it reads where it may stand: what this match does not name does not compile.
    let kinds = |rule: &Rule| match rule {
        Rule::Random(_) => "random",
        Rule::GilbertElliott { bad: true } => "bad",
        Rule::GilbertElliott { bad: false } => "good",
        Rule::QueueFull { .. } => "queue",
        Rule::Script(_) => "script",
        Rule::Cut => "cut",
        Rule::Mtu { reply: TooBig::Icmp, .. } => "mtu",
        Rule::Mtu { .. } => "black hole",
        Rule::TtlExceeded { .. } => "ttl",
        Rule::ForRouter { .. } => "router",
    };
    let mut found = BTreeSet::new();
    for rule in cells(&page, "| rule | what decided |") {
        let line =
            format!("layerlab frame=1 dir=to-server index=1 at=0 len=60 fate=dropped rule=\"{rule}\" seed=7");
        let read: Mark = line.parse().unwrap_or_else(|e| panic!("{rule}: {e}"));
        let Fate::Dropped { by } = &read.fate else { panic!("{read:?}") };
        found.insert(kinds(by));
        // Of a dropped frame, chance can only have been the chance of loss.
        assert!(read.to_string() == line || matches!(by, Rule::Random(_)), "{read} is not {line}");
    }
    assert_eq!(found.len(), 10, "{found:?}");
}

#[test]
fn each_packets_mark_is_its_row_of_the_ledger() {
    let folder = Folder::new();
    let file = folder.file("run.pcapng");
    let wire = "--loss 10% --duplicate 20% --corrupt 10% --delay 2ms --drop udp#4";
    let line =
        format!("udp echo --count 20 --burst --wait 200ms --seed 3 --vantage wire --capture {file} {wire}");
    let ran = crate::child::run(&format!("{line} --json"));
    assert!(ran.code() <= 1, "{}", ran.err);
    let lab = Lab::read(&ran.out);
    let mut reader = Reader::new(File::open(&file).unwrap()).unwrap();
    let mut marks = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let comments: Vec<String> = record.comments.clone().map(|comment| comment.into_owned()).collect();
        let comment = comments.join("\n");
        assert!(comment.lines().last().unwrap().starts_with("layerlab frame="), "{comment}");
        assert!(comment.lines().count() >= 2, "no sentence: {comment}");
        marks.push(Mark::find(&comment).unwrap());
    }
    let fates = lab.fates();
    let told = |key: &str| each(&fates, key).into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(told("frame.number"), marks.iter().map(|mark| mark.id.0).collect::<Vec<_>>());
    assert_eq!(told("index"), marks.iter().map(|mark| mark.index).collect::<Vec<_>>());
    assert_eq!(told("entered_ns"), marks.iter().map(|mark| mark.at.as_nanos()).collect::<Vec<_>>());
    assert_eq!(told("direction"), marks.iter().map(|mark| mark.direction.name()).collect::<Vec<_>>());
    let name = |mark: &Mark| match mark.fate {
        Fate::Delivered(_) => "delivered",
        Fate::Duplicated { .. } => "duplicated",
        Fate::Dropped { .. } => "dropped",
    };
    assert_eq!(told("fate"), marks.iter().map(name).collect::<Vec<_>>());
    let met: BTreeSet<&str> = marks.iter().map(name).collect();
    assert_eq!(met.len(), 3, "{met:?}");
}

/// A file that was cut, and a pipe that ended: what is told is not taken for all.
#[test]
fn a_capture_that_breaks_off_says_so_in_its_last_line() {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures/tcp_echo.pcapng");
    let octets = fs::read(&whole).unwrap();
    let folder = Folder::new();
    let cut = folder.file("cut.pcapng");
    fs::write(&cut, &octets[..octets.len() - 7]).unwrap();
    let piped = |arguments: &[&str]| {
        let mut command = crate::child::layerlab(arguments);
        command.stdin(File::open(&cut).unwrap());
        crate::child::ran(command)
    };
    let of_file = crate::child::run(&format!("dissect {cut}"));
    for ran in [&of_file, &piped(&["dissect", "-"])] {
        let end = ran.out(0).lines().find(|line| line.starts_with("end ")).unwrap();
        assert!(end.contains("the capture cannot be read any further after ") && end.len() <= 80, "{end}");
        assert!(
            !ran.out.contains("done after") && ran.err.contains("ends in the middle of a record"),
            "{}",
            ran.err
        );
    }
    let last =
        |ran: &crate::child::Ran| serde_json::from_str::<Value>(ran.out(0).lines().last().unwrap()).unwrap();
    let outcome = last(&piped(&["dissect", "--json", "-"]));
    assert_eq!((&outcome["kind"], &outcome["cut"]), (&"outcome".into(), &true.into()), "{outcome}");
    assert_eq!(outcome["interrupted"], false, "{outcome}");
    let all = crate::child::run(&format!("dissect {}", whole.display()));
    assert!(all.out(0).contains("\nend      done after "), "{}", all.out);
    let all = last(&crate::child::run(&format!("dissect --json {}", whole.display())));
    assert!(all["kind"] == "outcome" && all.get("cut").is_none(), "{all}");
}
