//! The same as JSON: `conformance`, a `case` each, `tally`.

use super::super::json::SCHEMA;
use super::{Server, Style, Tally, came, expected, rules};
use crate::model::conformance::{Clause, Finding, Passed, Traffic, Verdict};
use serde_json::{Map, Value, json};

/// The server, before the cases.
pub fn server_json(server: &Server, version: &str, command: &str) -> Value {
    json!({
        "schema": SCHEMA,
        "kind": "conformance",
        "command": command,
        "version": version,
        "url": server.url,
        "seed": server.seed,
        "echoes_text": server.text,
        "echoes_binary": server.binary,
        "agrees_to_deflate": server.deflate,
        "cases": server.cases,
    })
}

fn rule(object: &mut Map<String, Value>, clause: Clause) {
    object.insert("rule".into(), rules::rule(clause).into());
    object.insert("cite".into(), clause.cite().to_string().into());
}

/// A case that was not tried.
pub fn listed_json(case: &str, clause: Clause) -> Value {
    let mut object = Map::new();
    object.insert("schema".into(), SCHEMA.into());
    object.insert("kind".into(), "listed_case".into());
    object.insert("case".into(), case.into());
    rule(&mut object, clause);
    object.into()
}

/// A finding.
pub fn case_json(finding: &Finding) -> Value {
    let style = Style { ascii: true, ..Style::default() };
    let plain = |text: String| text.replace('\u{a0}', " ");
    let mut object = Map::new();
    object.insert("schema".into(), SCHEMA.into());
    object.insert("kind".into(), "case".into());
    object.insert("case".into(), finding.case.as_str().into());
    object.insert("verdict".into(), finding.verdict.name().into());
    rule(&mut object, finding.clause);
    let tried = finding.verdict != Verdict::NotApplicable;
    object.insert(
        "expected".into(),
        if tried { plain(expected(&finding.expected)).into() } else { Value::Null },
    );
    object.insert("came".into(), plain(came(finding, &style)).into());
    object.insert("passed".into(), finding.passed.iter().map(passed).collect::<Vec<_>>().into());
    object.insert("took_ns".into(), (finding.took.as_nanos() as u64).into());
    object.into()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn passed(passed: &Passed) -> Value {
    let mut object = Map::new();
    object.insert("from".into(), passed.from.name().into());
    let what = match &passed.what {
        Traffic::Frame { octets, len, header } => {
            object.insert("octets".into(), hex(octets).into());
            object.insert("length".into(), (*len).into());
            if let Some(header) = header {
                let fields = header.fields.iter().map(|f| (f.name.to_owned(), f.value.to_string().into()));
                object.insert("fields".into(), Value::Object(fields.collect()));
            }
            "frame"
        }
        Traffic::Head(octets) => {
            object.insert("text".into(), String::from_utf8_lossy(octets).into());
            "head"
        }
        Traffic::End { reset } => {
            object.insert("reset".into(), (*reset).into());
            "end"
        }
        Traffic::More(more) => {
            object.insert("left_out".into(), (*more).into());
            "more"
        }
    };
    object.insert("what".into(), what.into());
    object.into()
}

/// The end of the lines.
pub fn tally_json(tally: &Tally) -> Value {
    let mut object = Map::new();
    object.insert("schema".into(), SCHEMA.into());
    object.insert("kind".into(), "tally".into());
    for verdict in Verdict::ALL {
        object.insert(verdict.name().into(), tally.of(verdict).into());
    }
    object.into()
}
