//! Facts held against a run: what was expected, what was seen, and in which frames.

use super::facts::{self, Lets};
use super::parse::Statement;
use super::record::Record;
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
        let verdict = match (unknowable, found.value.holds()) {
            (true, _) => Verdict::NotInCapture,
            (false, true) => Verdict::Holds,
            (false, false) => Verdict::Fails,
        };
        all.push(Checked {
            id: statement.name.clone(),
            words: statement.words.clone(),
            expected: statement.text.clone(),
            seen: facts::seen(&statement.expression, record, lets).join("; "),
            frames: found.frames.into_iter().collect(),
            verdict,
        });
    }
    all
}
