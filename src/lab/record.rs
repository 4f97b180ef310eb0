//! What is known of one run: its JSON lines (`docs/json.md`), or what a capture tells in the same words.

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
    /// The exit status; a capture has none.
    pub exit: Option<i32>,
    /// Read from a capture: no system call is known.
    pub captured: bool,
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

    /// The same, read from a capture.
    #[must_use]
    pub fn captured(printed: &str) -> Record {
        Record { captured: true, ..Record::read(printed, None) }
    }
}
