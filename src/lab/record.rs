//! What is known of one run: its JSON lines (`docs/json.md`), or what a capture tells in the same words.

use super::filter::is_of_calls;
use super::keep::Kept;
use crate::capture::Stamp;
use serde_json::{Value, json};
use std::rc::Rc;

/// A run's lines.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// The line `run`; null where there was none.
    pub run: Value,
    /// Every line between the first and the last: events, or what a command prints in their place.
    pub lines: Vec<Rc<Value>>,
    /// The line `outcome`; null where there was none.
    pub outcome: Value,
    /// The exit status; a capture has one where it is stamped.
    pub exit: Option<i32>,
    /// Read from a capture.
    pub captured: bool,
    /// That capture has the system calls too, as layerlab writes them: another program's has none.
    pub calls: bool,
    /// Which run of which lab it is, where a capture says so.
    pub stamp: Option<Stamp>,
    /// There is not even a capture: nothing is known.
    pub absent: bool,
}

impl Record {
    /// Reads what was printed. A line that is no JSON object is the event `line` with its `text`.
    #[must_use]
    pub fn read(printed: &str, exit: Option<i32>) -> Record {
        let mut record = Record { exit, ..Record::default() };
        for text in printed.lines() {
            let line = match serde_json::from_str(text) {
                Ok(line @ Value::Object(_)) => line,
                _ => json!({"kind": "line", "text": text}),
            };
            match line["kind"].as_str() {
                Some("run") => record.run = line,
                Some("outcome") => record.outcome = line,
                _ => record.lines.push(Rc::new(line)),
            }
        }
        record
    }

    /// Of a run that left no capture.
    #[must_use]
    pub fn absent() -> Record {
        Record { captured: true, absent: true, ..Record::default() }
    }

    /// The same, told of a capture, with what was kept in it beside the frames.
    #[must_use]
    pub fn captured(printed: &str, kept: Kept) -> Record {
        let mut record = Record::read(printed, kept.stamp.as_ref().map(|stamp| stamp.exit));
        let calls = record.lines.iter().any(|line| line["what"] == "called");
        let deeds = kept.deeds.iter().filter_map(|deed| serde_json::from_str::<Value>(deed).ok());
        record.lines.extend(deeds.filter(|deed| deed["kind"] == "deed").map(Rc::new));
        Record { captured: true, calls, stamp: kept.stamp, ..record }
    }

    /// The lines that a run printed elsewhere or earlier.
    #[must_use]
    pub fn kept(printed: &str) -> Record {
        Record { captured: true, calls: true, ..Record::read(printed, None) }
    }

    /// Whether it is read from a capture of layerlab's that lacks the stamp, which `lab run` writes at its end: so it may be
    /// only the begin of one.
    #[must_use]
    pub fn is_unstamped(&self) -> bool {
        self.captured && self.stamp.is_none() && self.run["seed"].is_u64()
    }

    /// What a line says to people.
    #[must_use]
    pub fn sentence(line: &Value) -> Option<&str> {
        line["sentence"].as_str().or(line["text"].as_str())
    }

    /// Whether a line says something that another does not say too.
    #[must_use]
    pub fn is_told(line: &Value) -> bool {
        let shown = match line["what"].as_str() {
            Some("called") => false,
            Some("fate") => line["fate"] == "dropped",
            _ => true,
        };
        shown && Record::sentence(line).is_some()
    }

    /// Whether it cannot tell what a field says.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        let lacks = || match name {
            "exit" => self.exit.is_none(),
            "deed" => !self.lines.iter().any(|line| line["kind"] == "deed"),
            _ => is_of_calls(name) && !self.calls,
        };
        self.captured && (self.absent || lacks())
    }
}

/// What kind of line of JSON it is.
pub(super) fn kind(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["kind"].as_str().map(str::to_owned)
}
