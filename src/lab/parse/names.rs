//! What holds for a lab as a whole: each name is there once, and stands for something.

use super::kinds::{Kind, Lets};
use super::{Answer, Lab, Predict, Problem, Vary, What, Wrong, values};
use crate::lab::expression::{Expression, Function};
use crate::lab::facts::{Names, names};
use crate::lab::filter::is_of_calls;
use crate::lab::quiz::time;
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

/// What each let is, if all is well.
pub(super) fn check(lab: &Lab) -> Result<Lets, Wrong> {
    let made = made(lab);
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
                    answered(&mut waiting, &lets, &made, true)?;
                }
                ran = true;
                facts.clear();
                for vary in &run.vary {
                    // The same in two runs is one choice for both.
                    if !varied.contains(&vary) {
                        define(part.line, &vary.name, Kind::of_words(&vary.options), &mut lets)?;
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
                    known(statement.line, &statement.expression, &lets, &made)?;
                    if statement.is_let {
                        let kind = Kind::of(&statement.expression, &lets);
                        define(statement.line, &statement.name, kind, &mut lets)?;
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
    answered(&mut waiting, &lets, &made, false)?;
    Ok(lets)
}

/// Every let and every word that varies, with the line from which on it is known.
fn made(lab: &Lab) -> BTreeMap<&str, usize> {
    let mut made = BTreeMap::new();
    for part in &lab.parts {
        match &part.what {
            What::Check(all) => {
                let lets = all.iter().filter(|statement| statement.is_let);
                made.extend(lets.map(|statement| (&*statement.name, statement.line)));
            }
            What::Run(run) => made.extend(run.vary.iter().map(|vary| (&*vary.name, part.line))),
            _ => {}
        }
    }
    made
}

/// The names that the answers of questions use are known by now; where more is to come, those that are not wait.
fn answered(
    waiting: &mut Vec<(usize, &Predict)>,
    lets: &Lets,
    made: &BTreeMap<&str, usize>,
    more: bool,
) -> Result<(), Wrong> {
    let mut kept = Vec::new();
    for (line, predict) in waiting.drain(..) {
        match predict.answer.expressions().try_for_each(|expression| known(line, expression, lets, made)) {
            Err(_) if more => kept.push((line, predict)),
            Err(wrong) => return Err(wrong),
            Ok(()) => counted(&predict.answer, lets).map_err(|problem| (line, problem))?,
        }
    }
    *waiting = kept;
    Ok(())
}

/// What has a unit or a tolerance is a number, and a time is one of its unit.
fn counted(answer: &Answer, lets: &Lets) -> Result<(), Problem> {
    let Answer::Expression { expression, within, unit } = answer else { return Ok(()) };
    let kind = Kind::of(expression, lets);
    let line = if unit.is_empty() { "within" } else { "unit" };
    match (kind.no_number, time(unit)) {
        (Some(what), _) if *within > 0.0 || !unit.is_empty() => Err(Problem::NoNumber { line, what }),
        (_, Some((name, nanoseconds))) if kind.time && nanoseconds > 1.0 => Err(Problem::Nanoseconds(name)),
        _ => Ok(()),
    }
}

fn once(line: usize, name: &str, taken: &mut BTreeSet<String>) -> Result<(), Wrong> {
    if taken.insert(name.to_owned()) { Ok(()) } else { Err((line, Problem::Twice(name.to_owned()))) }
}

/// Whether a let, or what varies, may be called so.
pub(super) fn may_be(name: &str, what: &'static str) -> Result<(), Problem> {
    let owned = name.to_owned();
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.chars().all(letter) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let letters = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        let better: String = letters.chars().map(|c| if letter(c) { c } else { '_' }).collect();
        let better = if better.is_empty() { "another".to_owned() } else { better };
        return Err(Problem::Name { name: owned, what, better });
    }
    if RESERVED.contains(&name) || is_of_calls(name) {
        return Err(Problem::Hides { name: owned, what });
    }
    if ["in", "contains"].contains(&name) || Function::ALL.iter().any(|function| function.name() == name) {
        return Err(Problem::Word { name: owned, what });
    }
    Ok(())
}

fn define(line: usize, name: &str, kind: Kind, lets: &mut Lets) -> Result<(), Wrong> {
    match lets.insert(name.to_owned(), kind) {
        None => Ok(()),
        Some(_) => Err((line, Problem::Twice(name.to_owned()))),
    }
}

/// A name is a let's, the run's, or, where a line is meant, a field's. One that no line can have would make a fact that
/// cannot fail.
fn known(
    line: usize,
    expression: &Expression,
    lets: &Lets,
    made: &BTreeMap<&str, usize>,
) -> Result<(), Wrong> {
    let mut wrong = None;
    names(expression, Names::Own, &mut |name, of| {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let problem = match (of, rest) {
            (Names::Own, _) if ["exit", "outcome", "run"].contains(&first) => return,
            (Names::Own | Names::Line, None) if lets.contains_key(first) => return,
            (Names::Own | Names::Line, Some(field)) if lets.contains_key(first) => unknown_field(field),
            (Names::Own, _) => Some(match made.get(first) {
                Some(below) if *below > line => Problem::Below { name: first.to_owned(), line: *below },
                _ if unknown_field(name).is_none() => Problem::Bare(name.to_owned()),
                _ if RESERVED.contains(&first) => {
                    unknown_field(name).unwrap_or(Problem::Bare(name.to_owned()))
                }
                _ => Problem::Unknown(first.to_owned()),
            }),
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
