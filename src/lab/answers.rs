//! What is kept of going through a lab, as JSON: for the student, the teacher and `layerlab lab grade`.

use super::check::{Checked, Verdict};
use super::quiz::Answered;
use super::session::Session;
use serde_json::{Value, json};

/// The version of this form; it grows when a key changes its meaning.
pub const SCHEMA: u32 = 1;

/// The answers file; `captures` are the files beside it, one a run.
#[must_use]
pub fn json(session: &Session<'_>, captures: &[Option<String>]) -> Value {
    let run = &session.run;
    json!({
        "schema": SCHEMA,
        "kind": "lab",
        "lab": session.lab.number,
        "title": session.lab.title,
        "version": env!("CARGO_PKG_VERSION"),
        "student": session.student.as_ref().map(|student| &student.id),
        "seed": run["seed"],
        "system": run["system"],
        "backend": run["backend"],
        "captured": session.record().captured,
        "predictions": session.answered.iter().map(prediction).chain(session.waiting().map(|one| prediction(&one))).collect::<Vec<_>>(),
        "checks": session.checked.iter().map(fact).collect::<Vec<_>>(),
        "captures": captures,
        "complete": session.is_complete(),
        "pass": session.is_complete() && session.passed(),
    })
}

pub(super) fn prediction(answered: &Answered) -> Value {
    json!({
        "id": answered.id,
        "ask": answered.ask,
        "predicted": answered.predicted,
        // Nothing, where no run has answered it yet.
        "observed": Some(&answered.observed).filter(|observed| !observed.is_empty()),
        "right": answered.right,
        "observed_typed": answered.typed.as_ref().map(|(typed, _)| typed),
        "observed_right": answered.typed.as_ref().and_then(|(_, right)| *right),
        "frames": answered.frames,
    })
}

pub(super) fn fact(checked: &Checked) -> Value {
    json!({
        "id": checked.id,
        "words": checked.words,
        "expected": checked.expected,
        "seen": Some(&checked.seen).filter(|_| checked.verdict != Verdict::NotInCapture),
        "frames": checked.frames,
        "verdict": match checked.verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::NotInCapture => "not in a capture",
        },
    })
}
