//! The papers that the narrate room answers for: what they say is what the code says.
//!
//! `UPDATE=1 cargo test --test narrate_papers` writes the generated ones anew.

// The runs told by hand are the room's own; they speak of `crate::model`.
use layerlab::model;
use layerlab::narrate::{Json, glossary, layers};
use layerlab::report::dice::{Throws, total};
use layerlab::report::push::Pushed;
use model::Sink;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "../src/narrate/tests/fixture.rs"]
#[allow(dead_code)]
mod fixture;
#[path = "../src/narrate/tests/queues.rs"]
#[allow(dead_code)]
mod queues;
#[path = "../src/narrate/tests/tales.rs"]
#[allow(dead_code)]
mod tales;
#[path = "../src/narrate/tests/webs.rs"]
#[allow(dead_code)]
mod webs;

fn paper(name: &str) -> (PathBuf, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

#[track_caller]
fn same(path: &PathBuf, written: &str, generated: &str) {
    if env::var_os("UPDATE").is_some() {
        fs::write(path, generated).unwrap();
    } else {
        let what = "is not what the code says: UPDATE=1 cargo test --test narrate_papers";
        assert!(written == generated, "{} {what}", path.display());
    }
}

#[test]
fn the_glossary_is_the_generated_one() {
    let (path, written) = paper("glossary.md");
    same(&path, &written, &glossary::markdown());
}

#[test]
fn the_layer_table_is_the_generated_one() {
    let (path, written) = paper("layers.md");
    let head = "| Thing | OSI |";
    let start = written.find(head).expect("docs/layers.md has the table");
    let rest = &written[start..];
    let end = rest.find("\n\n").map_or(written.len(), |n| start + n + 1);
    let generated = format!("{}{}{}", &written[..start], layers::markdown(), &written[end..]);
    same(&path, &written, &generated);
}

/// The keys of an object: `a`, `a.b` for an object's, `a[].b` for those of an array's objects.
fn keys(prefix: &str, value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                into.insert(name.clone());
                // The header fields of `--bytes` have Wireshark's names, all that there are.
                if !name.ends_with("fields") {
                    keys(&name, value, into);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|v| keys(&format!("{prefix}[]"), v, into)),
        _ => {}
    }
}

/// The keys documented under a heading: the first cell of each row of its tables, in backticks.
fn documented(text: &str, heading: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            inside = title == heading;
        } else if inside && let Some(row) = line.strip_prefix("| `") {
            let (name, _) = row.split_once('`').expect("a closed backtick");
            assert!(found.insert(name.to_owned()), "`{name}` is twice under {heading}");
        }
    }
    assert!(!found.is_empty(), "nothing under {heading}");
    found
}

/// Every name that a lab may use of a line: the page's keys, what a line is, and the header fields that are named in the
/// dissectors.
#[test]
fn a_labs_fields_are_those_that_are_written() {
    let (_, page) = paper("json.md");
    // A lab's run may be one of a command that prints text.
    let mut names: BTreeSet<String> = ["line", "text"].map(str::to_owned).into();
    for line in page.lines() {
        if let Some(row) = line.strip_prefix("| `") {
            let (name, rest) = row.split_once('`').expect("a closed backtick");
            names.insert(name.replace("[]", ""));
            if name == "what" {
                names.extend(rest.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        } else if let Some(kind) = line.strip_prefix("## ").filter(|title| !title.contains(' ')) {
            names.insert(kind.to_owned());
        }
    }
    for room in ["src/stack", "src/narrate/json"] {
        literals(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(room), &mut names);
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/lab/parse/fields.txt");
    let written = fs::read_to_string(&path).unwrap_or_default();
    same(&path, &written, &names.iter().map(|name| format!("{name}\n")).collect::<String>());
}

/// Lines of commands that no lab runs.
const ELSEWHERE: [&str; 6] = ["why", "notable", "conformance", "case", "tally", "listed_case"];

/// What a field that is a text can be, where these are so many words: those that the page lists for it, or the code.
fn values() -> BTreeMap<String, BTreeSet<String>> {
    let (_, page) = paper("json.md");
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut open: BTreeSet<&str> = BTreeSet::new();
    let mut kinds: BTreeSet<String> = ["line", "run", "event", "outcome"].map(str::to_owned).into();
    let mut section = "";
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ").filter(|title| !title.contains(' ')) {
            kinds.insert(title.to_owned());
            section = title;
        }
        if ELSEWHERE.contains(&section) {
            continue;
        }
        let Some((name, said)) = line.strip_prefix("| `").and_then(|row| row.split_once("` | ")) else {
            continue;
        };
        let alias = said.strip_prefix("as `").and_then(|rest| values.get(rest.split('`').next()?));
        match alias.cloned().or_else(|| listed(said)) {
            Some(words) => values.entry(name.replace("[]", "")).or_default().extend(words),
            None => _ = open.insert(name),
        }
    }
    values.retain(|name, _| !open.contains(&**name));
    let code =
        |words: &mut dyn Iterator<Item = &'static str>| words.map(str::to_owned).collect::<BTreeSet<_>>();
    let calls =
        fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/model/syscall.rs")).unwrap();
    let calls = calls
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Call::")?.split('"').nth(1).map(str::to_owned));
    let states = code(&mut model::TcpState::ALL.into_iter().map(model::TcpState::name));
    let names = |kind| layerlab::stack::l7_application::queue::message::name(kind);
    values.extend(
        [
            ("kind", kinds),
            ("place", code(&mut ["client", "server", "wire", "router"].into_iter())),
            ("call", calls.collect()),
            ("errno", code(&mut model::Errno::NAMES.iter().copied())),
            ("option", code(&mut model::SocketOption::NAMES.iter().copied())),
            ("tcp_info.state", states.clone()),
            ("connections.state", states),
            ("protocol", code(&mut model::Protocol::ALL.into_iter().map(model::Protocol::name))),
            ("flags", code(&mut model::TcpFlags(u16::MAX).names())),
            ("type_name", code(&mut (0..=u8::MAX).filter_map(names))),
        ]
        .map(|(name, words)| (name.to_owned(), words)),
    );
    values
}

/// The words that a cell of the page lists as all that there are: `a`, `b` or `c`, perhaps with something in brackets, and
/// words before or behind them.
fn listed(said: &str) -> Option<BTreeSet<String>> {
    let mut bare = String::new();
    let mut depth = 0;
    for c in said.chars() {
        depth += i32::from(c == '(');
        bare.extend((depth == 0).then_some(c));
        depth -= i32::from(c == ')');
    }
    let bare = bare.replace(" ,", ",").replace("  ", " ");
    let bare = if bare.starts_with("of `") { bare.split_once("`: ")?.1 } else { &bare };
    let (before, list) = bare.split_at(bare.find('`')?);
    let mut rest = list;
    let mut words = BTreeSet::new();
    while let Some((word, behind)) = rest.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
        words.insert(word.to_owned());
        rest =
            [", or ", ", ", " or "].iter().find_map(|between| behind.strip_prefix(between)).unwrap_or(behind);
    }
    let whole = (before.is_empty() || before.ends_with(": ")) && !rest.contains(['`', '.']);
    (whole && words.len() > 1).then_some(words)
}

/// A lab that compares such a field with another word is refused: so every word that is written has to be among them.
#[test]
fn a_labs_values_are_those_that_are_written() {
    let values = values();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for line in &lines() {
        if ELSEWHERE.iter().any(|kind| line["kind"] == *kind) {
            continue;
        }
        for (field, words) in &values {
            let found = layerlab::lab::filter::field(line, field);
            let texts = match &found {
                layerlab::lab::Value::Text(text) => vec![text.as_str()],
                layerlab::lab::Value::List(members) => members
                    .iter()
                    .filter_map(|member| match member {
                        layerlab::lab::Value::Text(text) => Some(text.as_str()),
                        _ => None,
                    })
                    .collect(),
                _ => continue,
            };
            for text in texts {
                let bare =
                    if field == "place" { text.trim_end_matches(|c: char| c.is_ascii_digit()) } else { text };
                assert!(words.contains(bare), "{field} is {text}: {line}");
                seen.insert(field);
            }
        }
    }
    for field in
        ["fate", "by.rule", "direction", "heading", "place", "call", "analysis.note", "how", "tcp_info.state"]
    {
        assert!(seen.contains(field), "{field}");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/lab/parse/values.txt");
    let written = fs::read_to_string(&path).unwrap_or_default();
    let row = |(name, words): (&String, &BTreeSet<String>)| {
        format!("{name} {}\n", words.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
    };
    same(&path, &written, &values.iter().map(row).collect::<String>());
}

/// A lab that compares such a field with a text is refused: it is a number wherever it was seen.
#[test]
fn a_labs_numbers_are_those_that_are_written() {
    use layerlab::lab::Value;
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/lab/parse");
    let fields = fs::read_to_string(folder.join("fields.txt")).unwrap();
    let lines = lines();
    let number = |name: &&str| {
        let mut seen = lines.iter().map(|line| layerlab::lab::filter::field(line, name)).peekable();
        let is_number = |value: &Value| matches!(value, Value::Number(_) | Value::Missing);
        let all = |value: Value| match value {
            Value::List(members) => members.iter().all(is_number),
            one => is_number(&one),
        };
        let there = lines.iter().any(|line| match layerlab::lab::filter::field(line, name) {
            Value::List(members) => members.iter().any(|member| matches!(member, Value::Number(_))),
            one => matches!(one, Value::Number(_)),
        });
        there && seen.all(all)
    };
    let numbers: Vec<&str> = fields.lines().filter(number).collect();
    for field in ["tcp.len", "frame.number", "ip.ttl", "at_ns", "udp.dstport"] {
        assert!(numbers.contains(&field), "{field}");
    }
    let path = folder.join("numbers.txt");
    let written = fs::read_to_string(&path).unwrap_or_default();
    same(&path, &written, &numbers.iter().map(|name| format!("{name}\n")).collect::<String>());
}

/// The texts of a folder's code that are names with dots, as Wireshark's are.
fn literals(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                literals(&path, names);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            let code = fs::read_to_string(&path).unwrap();
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            let texts = code.split('"').filter(|text| {
                let parts = || text.split('.');
                let word = |part: &str| {
                    part.starts_with(|c: char| c.is_ascii_lowercase())
                        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                };
                // RFC 2606 s3: a host's name in an example.
                parts().count() > 1 && parts().all(word) && !text.starts_with("example.")
            });
            names.extend(texts.map(str::to_owned));
        }
    }
}

/// A packet of each version of IP that carries what is not decoded.
fn undecoded() -> Vec<layerlab::model::Event> {
    use layerlab::model::{Carried, Direction, Ip, Packet};
    let mut tale = tales::echo();
    let v4 = fixture::ip(Direction::ToServer, 100);
    let v6 = Ip {
        source: "fd00::1".parse().unwrap(),
        destination: "fd00::2".parse().unwrap(),
        checksum_good: None,
        ..v4.clone()
    };
    for ip in [v4, v6] {
        tale.frame(60_000, Direction::ToServer, 114, Packet::Ip(ip, Carried::Other(132)), None);
    }
    tale.events
}

/// A chain with every kind of evidence, and the frame as one worth asking about.
fn whys() -> [Value; 2] {
    use layerlab::model::{
        CallName, Certainty, Chain, Claim, Direction, EventId, Exhibit, FrameId, FrameName, Link, LossCause,
        Notable, Repair, Retransmission, Seen, Side, Time, Trait, What,
    };
    use layerlab::narrate::why;
    let seen = |event: &layerlab::model::Event| match &event.what {
        What::Frame(seen) => Some(seen.clone()),
        _ => None,
    };
    let seen: Box<Seen> = tales::echo().events.iter().find_map(seen).unwrap();
    let frame = FrameName { id: FrameId(1), number: Some(1) };
    let again = Retransmission {
        stream: 0,
        direction: Direction::ToServer,
        frame,
        at: Time::ZERO,
        seq: 1,
        octets: 1,
        new_octets: 0,
        original: Some(frame),
        previous: Some(frame),
        nth: 1,
        gap: None,
        quiet: std::time::Duration::ZERO,
        repair: Repair::Timeout { backoff: 0 },
        certainty: Certainty::Inferred,
        told_by: Vec::new(),
        cause: LossCause::Unknown,
    };
    let call = CallName {
        side: Side::Client,
        name: "recv",
        event: EventId(1),
        called: Time::ZERO,
        returned: Time::ZERO,
    };
    let link = |claim, evidence| Link { claim, evidence, certainty: Certainty::Shown };
    let links = vec![
        link(Claim::Because(LossCause::Unknown), vec![Exhibit::Ledger(frame)]),
        link(Claim::Found(Box::new(again)), vec![Exhibit::Frame(frame), Exhibit::Call(call)]),
    ];
    let at = Time::ZERO;
    let notable = Notable { frame, at, because: Trait::Reset, repair: None, seen: seen.clone() };
    [why::chain_json(&Chain { frame, at, seen, links }), why::notable_json(&notable)]
}

fn pushed() -> Pushed {
    Pushed {
        name: "polling".to_owned(),
        made: 1,
        after: vec![std::time::Duration::ZERO],
        requests: 2,
        empty: 1,
        octets: [1, 2],
        opening: [0, 0],
        closing: [0, 0],
        frames: [3, 4],
        wire_octets: [5, 6],
    }
}

/// One of each kind of deed.
fn deeds() -> Vec<Value> {
    use layerlab::model::deed::{Answer, Deed};
    let (who, body) = ("worker", "m1".to_owned());
    let all = [
        Deed::Published { body: body.clone(), answer: Answer::Refused(32) },
        Deed::Came { who },
        Deed::Left { who, holding: 1 },
        Deed::Handled { who, body, offset: 0, deliveries: 1 },
        Deed::Effect { id: "order-17".to_owned(), known: true },
    ];
    all.map(|deed| layerlab::narrate::demo::json(&(std::time::Duration::ZERO, deed))).to_vec()
}

/// A finding with everything that may pass, and what stands around it.
fn conformance() -> [Value; 4] {
    use layerlab::model::conformance::{Came, Clause, Expected, Finding, Passed, Traffic, Verdict};
    use layerlab::model::{Header, Protocol, Side};
    use layerlab::narrate::conform::{Server, Tally, case_json, listed_json, server_json, tally_json};
    let header = Some(Header { protocol: Protocol::WebSocket, at: 0..2, fields: Vec::new() });
    let passed = [
        Traffic::Frame { octets: vec![0x89, 0], len: 2, header },
        Traffic::Head(b"GET / HTTP/1.1".to_vec()),
        Traffic::End { reset: false },
        Traffic::More(1),
    ];
    let finding = Finding {
        case: "ping/0-octets".into(),
        clause: Clause::Pong,
        verdict: Verdict::Failed,
        expected: Expected::Answers { messages: 0, pongs: 1 },
        came: Came::Ended { reset: false },
        passed: passed.map(|what| Passed { from: Side::Client, what }).into(),
        took: std::time::Duration::ZERO,
    };
    let mut tally = Tally::default();
    tally.add(&finding);
    let server = Server { url: "ws://h/".into(), text: true, binary: true, deflate: true, seed: 1, cases: 1 };
    let case = finding.case.clone();
    [
        server_json(&server, "0", "layerlab"),
        case_json(&finding),
        tally_json(&tally),
        listed_json(&case, Clause::Pong),
    ]
}

/// Lines of every kind, as they are written.
fn lines() -> Vec<Value> {
    let mut out = Vec::new();
    let mut sink = Json::new(&mut out);
    sink.begin(&fixture::run()).unwrap();
    for event in tales::everything()
        .into_iter()
        .chain(undecoded())
        .chain(webs::everything())
        .chain(queues::everything())
    {
        sink.event(&event).unwrap();
    }
    let signal = Some(model::Interrupt::Int);
    let unused = vec![model::Unused {
        option: "drop",
        rule: "tcp.synack#1".into(),
        kind: "tcp.synack",
        direction: Some(model::Direction::ToServer),
        seen: [0, 1],
        instead: Some("to-client:tcp.synack#1".to_owned()),
    }];
    sink.finish(&model::Outcome {
        interrupted: true,
        signal,
        unused,
        cut: true,
        ..tales::echo().outcome(50_000)
    })
    .unwrap();
    let mut lines: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    lines.push(layers::json());
    lines.extend(whys());
    lines.push(pushed().json(7, Some("a sentence")));
    lines.push(Throws { seed: 7, frames: 3, lost: vec![2] }.json("seed 7"));
    lines.push(total(1, [3, 1, 1], "all"));
    lines.extend(deeds());
    lines.extend(conformance());
    lines
}

#[test]
fn the_schema_lists_exactly_what_is_written() {
    let (_, text) = paper("json.md");
    let lines = lines();
    let every = documented(&text, "Every line");
    let checks = ["conformance", "case", "tally", "listed_case"];
    for kind in ["run", "event", "outcome", "layers", "why", "notable", "push", "dice", "dice_total", "deed"]
        .into_iter()
        .chain(checks)
    {
        let mut written = BTreeSet::new();
        for line in lines.iter().filter(|l| l["kind"] == kind) {
            keys("", line, &mut written);
        }
        let mut said = documented(&text, kind);
        said.extend(every.iter().cloned());
        let undocumented: Vec<_> = written.difference(&said).collect();
        let unwritten: Vec<_> = said.difference(&written).collect();
        assert!(
            undocumented.is_empty() && unwritten.is_empty(),
            "{kind}: not in docs/json.md: {undocumented:?}; in docs/json.md but never written: {unwritten:?}"
        );
    }
}
