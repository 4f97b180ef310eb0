//! Facts held against a run: what was expected, what was seen, and in which frames.

mod flaw;

use super::facts::{self, Lets, Names, names};
use super::filter::present;
use super::parse::Statement;
use super::record::Record;
use super::value::Value;
use flaw::Flaw;
use std::collections::BTreeSet;

/// A fact that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its name in the lab.
    pub id: String,
    /// The fact in words.
    pub words: String,
    /// The expression that had to hold.
    pub expected: String,
    /// What stood there in its place.
    pub seen: String,
    /// The frames that it rests on.
    pub frames: Vec<u64>,
    /// The ids of the events that it rests on.
    pub events: BTreeSet<u64>,
    /// Of a fact that fails: names in its filters that no event of the run has. It may be a slip.
    pub absent: Vec<String>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It is about system calls, and a capture has none.
    NotInCapture,
}

/// The names in a fact's filters, and in those of the block's lets that it rests on, that no line of the run has.
fn absent(fact: &Statement, block: &[Statement], record: &Record, lets: &Lets) -> Vec<String> {
    let (mut absent, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting = vec![&fact.expression];
    while let Some(expression) = waiting.pop() {
        names(expression, Names::Own, &mut |name, of| {
            let first = name.split('.').next().unwrap_or(name);
            if lets.contains_key(first) {
                let made_here = block.iter().find(|statement| statement.is_let && statement.name == first);
                waiting
                    .extend(made_here.filter(|_| used.insert(first.to_owned())).map(|made| &made.expression));
            } else if of == Names::Line && !record.lines.iter().any(|line| present(line, name)) {
                absent.insert(name.to_owned());
            }
        });
    }
    absent.into_iter().collect()
}

/// Checks what a block says, in its order; its lets are known from here on.
pub fn check(
    statements: &[Statement],
    record: &Record,
    lets: &mut Lets,
    of_calls: &mut BTreeSet<String>,
) -> Vec<Checked> {
    let mut all = Vec::new();
    for statement in statements {
        let unknowable = facts::is_open(&statement.expression, record, of_calls);
        if statement.is_let {
            if unknowable {
                of_calls.insert(statement.name.clone());
            }
            lets.insert(statement.name.clone(), facts::find(&statement.expression, record, lets).value);
            continue;
        }
        let found = facts::find(&statement.expression, record, lets);
        let flaw = flaw::of_run(&statement.expression, &found, record, lets);
        let verdict = match (unknowable, found.value.holds() && flaw.is_none()) {
            (true, _) => Verdict::NotInCapture,
            (false, true) => Verdict::Holds,
            (false, false) => Verdict::Fails,
        };
        let mut seen = facts::seen(&statement.expression, record, lets);
        if verdict == Verdict::Fails {
            // Where nothing was seen the number is not to blame.
            let nothing = Value::Missing.shown();
            let is_nothing = seen.iter().any(|shown| shown.split([' ', ',']).any(|word| word == nothing));
            let unit = || statement.no_unit.filter(|_| !is_nothing).map(Flaw::Unit);
            if let Some(Flaw::NoTruth(value)) = &flaw {
                seen.retain(|shown| shown != value);
            }
            seen.extend(flaw.or_else(unit).map(|flaw| flaw.to_string()));
        }
        all.push(Checked {
            id: statement.name.clone(),
            words: statement.words.clone(),
            expected: statement.text.clone(),
            seen: seen.join("; "),
            frames: found.frames.into_iter().collect(),
            events: found.events,
            absent: if verdict == Verdict::Fails {
                absent(statement, statements, record, lets)
            } else {
                Vec::new()
            },
            verdict,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::parse::{Lab, What};
    use super::super::shelf;
    use super::*;

    #[test]
    fn of_a_fact_that_fails_names_are_told_that_nothing_has() {
        let (file, text) = shelf::LABS.iter().find(|(file, _)| file.contains("/04-")).unwrap();
        let slip =
            text.replace("let syn = first(tcp.flags == 0x0002)", "let syn = first(udp.length == 0x0002)");
        let record =
            Record::read(r#"{"kind":"event","what":"frame","tcp.flags":"0x0002","tcp.len":0}"#, Some(0));
        let lab = Lab::parse(file, &slip).unwrap();
        let statements = lab.parts.iter().find_map(|part| match &part.what {
            What::Check(statements) => Some(statements),
            _ => None,
        });
        let checked = check(statements.unwrap(), &record, &mut Lets::new(), &mut BTreeSet::new());
        let flags = checked.iter().find(|checked| checked.id == "flags").unwrap();
        assert_eq!((flags.verdict, &flags.absent[..]), (Verdict::Fails, &["udp.length".to_owned()][..]));
    }
}
