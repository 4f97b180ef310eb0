//! What holds for a lab as a whole: each name is there once, and stands for something.

use super::{Lab, Predict, Problem, Vary, What, Wrong, values};
use crate::lab::expression::{Expression, Function};
use crate::lab::facts::{Names, names};
use crate::lab::filter::is_of_calls;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Every field of a line and every header field, a name a line, and what a line can be: written by a test from
/// `docs/json.md` and the dissectors.
static FIELDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| include_str!("fields.txt").lines().collect());

/// What a line or a protocol is called: no let may be.
const RESERVED: [&str; 20] = [
    "arp",
    "called",
    "connections",
    "eth",
    "exit",
    "fate",
    "frame",
    "icmp",
    "ip",
    "ipv6",
    "line",
    "outcome",
    "push",
    "queue",
    "returned",
    "run",
    "tcp",
    "tls",
    "udp",
    "websocket",
];

/// Facts and lets of a lab at most: each may be a list as long as a run.
const STATEMENTS_MAX: usize = 300;

/// The lets so far, each with the field whose values it has, where it has one's.
pub(super) type Lets = BTreeMap<String, Option<String>>;

pub(super) fn check(lab: &Lab) -> Result<(), Wrong> {
    let mut said = 0;
    let mut lets = Lets::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut facts: BTreeSet<String> = BTreeSet::new();
    let mut waiting: Vec<(usize, &Predict)> = Vec::new();
    let mut varied: Vec<&Vary> = Vec::new();
    let mut ran = false;
    for part in &lab.parts {
        match &part.what {
            What::Prose(_) => {}
            What::Predict(predict) => {
                once(part.line, &predict.id, &mut taken)?;
                waiting.push((part.line, predict));
            }
            What::Run(run) => {
                // What was asked before this run's predecessor is answered by what was checked since.
                if ran {
                    answered(&mut waiting, &lets, true)?;
                }
                ran = true;
                facts.clear();
                for vary in &run.vary {
                    // The same in two runs is one choice for both.
                    if !varied.contains(&vary) {
                        define(part.line, &vary.name, None, &mut lets)?;
                        varied.push(vary);
                    }
                }
            }
            What::Check(statements) => {
                if !ran {
                    return Err((part.line, Problem::NoRun("check", "above")));
                }
                said += statements.len();
                if said > STATEMENTS_MAX {
                    return Err((part.line, Problem::TooMany(STATEMENTS_MAX)));
                }
                for statement in statements {
                    known(statement.line, &statement.expression, &lets)?;
                    if statement.is_let {
                        let field = values::field(&statement.expression, &lets);
                        define(statement.line, &statement.name, field, &mut lets)?;
                    } else {
                        once(statement.line, &statement.name, &mut taken)?;
                        facts.insert(statement.name.clone());
                    }
                }
            }
            What::Change(change) => {
                if !ran {
                    return Err((part.line, Problem::NoRun("change", "above")));
                }
                if let Some(missing) = change.breaks.iter().find(|fact| !facts.contains(*fact)) {
                    return Err((part.line, Problem::NoFact(missing.clone())));
                }
            }
        }
    }
    if !ran && let Some((line, _)) = waiting.first() {
        return Err((*line, Problem::NoRun("predict", "below")));
    }
    answered(&mut waiting, &lets, false)
}

/// The names that the answers of questions use are known by now; where more is to come, those that are not wait.
fn answered(waiting: &mut Vec<(usize, &Predict)>, lets: &Lets, more: bool) -> Result<(), Wrong> {
    let mut kept = Vec::new();
    for (line, predict) in waiting.drain(..) {
        match predict.answer.expressions().try_for_each(|expression| known(line, expression, lets)) {
            Err(_) if more => kept.push((line, predict)),
            Err(wrong) => return Err(wrong),
            Ok(()) => {}
        }
    }
    *waiting = kept;
    Ok(())
}

fn once(line: usize, name: &str, taken: &mut BTreeSet<String>) -> Result<(), Wrong> {
    if taken.insert(name.to_owned()) { Ok(()) } else { Err((line, Problem::Twice(name.to_owned()))) }
}

fn define(line: usize, name: &str, field: Option<String>, lets: &mut Lets) -> Result<(), Wrong> {
    if RESERVED.contains(&name) || is_of_calls(name) || name.contains('-') {
        return Err((line, Problem::Hides(name.to_owned())));
    }
    if ["in", "contains"].contains(&name) || Function::ALL.iter().any(|function| function.name() == name) {
        return Err((line, Problem::Word(name.to_owned())));
    }
    match lets.insert(name.to_owned(), field) {
        None => Ok(()),
        Some(_) => Err((line, Problem::Twice(name.to_owned()))),
    }
}

/// A name is a let's, the run's, or, where a line is meant, a field's. One that no line can have would make a fact that
/// cannot fail.
fn known(line: usize, expression: &Expression, lets: &Lets) -> Result<(), Wrong> {
    let mut wrong = None;
    names(expression, Names::Own, &mut |name, of| {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let problem = match (of, rest) {
            (Names::Own, _) if ["exit", "outcome", "run"].contains(&first) => return,
            (Names::Own | Names::Line, None) if lets.contains_key(first) => return,
            (Names::Own | Names::Line, Some(field)) if lets.contains_key(first) => unknown_field(field),
            (Names::Own, _) => Some(Problem::Unknown { name: name.to_owned() }),
            (Names::Line | Names::Field, _) => unknown_field(name),
        };
        wrong = wrong.take().or(problem);
    });
    wrong.map_or_else(|| values::check(expression, lets), Err).map_err(|problem| (line, problem))
}

/// A field, a protocol with fields, or what a line is.
pub(super) fn unknown_field(name: &str) -> Option<Problem> {
    let is_protocol = || {
        FIELDS.range(name..).any(|field| field.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
    };
    if FIELDS.contains(name) || !name.contains('.') && is_protocol() {
        return None;
    }
    let near = FIELDS.iter().map(|field| (strsim::jaro_winkler(name, field), field));
    let near = near.filter(|(score, _)| *score > 0.9).max_by(|a, b| a.0.total_cmp(&b.0));
    Some(Problem::NoField { name: name.to_owned(), near: near.map(|(_, field)| (*field).to_owned()) })
}
