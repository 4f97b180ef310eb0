//! What is kept of going through a lab, as JSON: for the student, the teacher and `layerlab lab grade`; and what goes on
//! with it where the lab was left.

use super::check::{Checked, Verdict};
use super::parse::Lab;
use super::quiz::{Answered, read};
use super::session::Session;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version of this form; it grows when a key changes its meaning.
pub const SCHEMA: u32 = 1;

/// The answers file; `captures` are the files beside it, one a run.
#[must_use]
pub fn json(session: &Session<'_>, captures: &[Option<String>]) -> Value {
    let mut json = so_far(session, captures);
    // Until a run was made again, what was found before the lab was left is all that there is.
    if let Some(left) = session.left().filter(|_| session.seeds.is_empty()) {
        let new = std::mem::replace(&mut json, left.clone());
        let said = json["predictions"].as_array_mut();
        if let (Some(said), Some(new)) = (said, new["predictions"].as_array()) {
            for one in new {
                match said.iter_mut().find(|old| old["id"] == one["id"]) {
                    Some(old) if old["ask"] == one["ask"] && !old["predicted"].is_null() => {}
                    Some(old) => *old = one.clone(),
                    None => said.push(one.clone()),
                }
            }
        }
    }
    json
}

fn so_far(session: &Session<'_>, captures: &[Option<String>]) -> Value {
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

/// What was said of a lab before it was left, by the questions' names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// What was predicted.
    pub predicted: BTreeMap<String, String>,
    /// What they wrote that they saw.
    pub typed: BTreeMap<String, String>,
    /// The file as it was, with what was found of the runs then.
    pub file: Value,
}

/// A file that nobody goes on with; `{file} {error}` is the sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLeft {
    /// It is something else.
    #[error("is there already, and holds no answers of this version's: name another file, or take it away")]
    Other,
    /// They are complete.
    #[error(
        "holds the answers of a lab that was gone through to its end: name another file, or take it away"
    )]
    Complete,
    /// They are of another lab: its number and title.
    #[error("holds answers to lab {0}, {1:?}: name another file")]
    OtherLab(u64, String),
    /// They are somebody else's.
    #[error("holds the answers of {0:?}: go on with --student {0:?}, or name another file")]
    Of(String),
    /// They are nobody's who is named.
    #[error("holds answers that were begun without --student: go on without it, or name another file")]
    Nobodys,
}

/// What was said before a lab was left, out of the file that was kept.
///
/// # Errors
/// When it was not left, or is not this student's lab.
pub fn said(text: &str, lab: &Lab, student: Option<&str>) -> Result<Said, NotLeft> {
    let answers: Value = serde_json::from_str(text).map_err(|_| NotLeft::Other)?;
    let (number, title) = answers["lab"].as_u64().zip(answers["title"].as_str()).ok_or(NotLeft::Other)?;
    if answers["kind"] != "lab" || answers["schema"] != SCHEMA || !answers["complete"].is_boolean() {
        return Err(NotLeft::Other);
    }
    if answers["complete"] == true {
        return Err(NotLeft::Complete);
    }
    if (number, title) != (lab.number.into(), &*lab.title) {
        return Err(NotLeft::OtherLab(number, title.to_owned()));
    }
    let whose = answers["student"].as_str();
    if whose != student {
        return Err(whose.map_or(NotLeft::Nobodys, |whose| NotLeft::Of(whose.to_owned())));
    }
    let all = answers["predictions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut said = Said::default();
    for predict in lab.questions() {
        // One that reads otherwise by now is another question.
        let same = |one: &&Value| one["id"] == *predict.id && one["ask"] == *predict.ask;
        let Some(one) = all.iter().find(same) else { continue };
        let typed =
            |said: &Value| said.as_str().map(str::to_owned).or_else(|| said.as_f64().map(|n| n.to_string()));
        let of = |key: &str| Some((predict.id.clone(), read(predict, &typed(&one[key])?).ok()?));
        said.predicted.extend(of("predicted"));
        // Without a name the next run has another seed: what was seen then is not what there will be to see.
        said.typed.extend(of("observed_typed").filter(|_| student.is_some()));
    }
    said.file = answers;
    Ok(said)
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
