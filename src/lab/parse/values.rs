//! What a field is compared with, where it is one of so many words: another word would make a fact of it that cannot
//! fail, such as `none(fate == "droped")`.

use super::Problem;
use super::kinds::Lets;
use crate::lab::expression::{Comparison, Expression, Function};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Every field whose values are words that are known, a field a line, and its words: written by a test from
/// `docs/json.md` and the code.
static VALUES: LazyLock<BTreeMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let lines = include_str!("values.txt").lines().filter_map(|line| line.split_once(' '));
    lines.map(|(field, words)| (field, words.split(' ').collect())).collect()
});

/// Every field that is a number wherever it stands, a name a line: written by a test from the lines that are written.
static NUMBERS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| include_str!("numbers.txt").lines().collect());

/// As many words as are told in one sentence.
const TOLD: usize = 20;

/// Each text that a field is compared with is one that it can be.
pub(super) fn check(expression: &Expression, lets: &Lets) -> Result<(), Problem> {
    let texts: Vec<(&Expression, &Expression, bool)> = match expression {
        Expression::Compare(a, how, b) => {
            let part = *how == Comparison::Contains;
            vec![(a, b, part), (b, a, part)]
        }
        Expression::In(one, members) => members.iter().map(|(low, _)| (&**one, low, false)).collect(),
        _ => Vec::new(),
    };
    for (one, other, part) in texts {
        let Some(field) = field(one, lets) else { continue };
        texts_of(other).into_iter().try_for_each(|text| is_one(&field, text, part))?;
    }
    expression.parts().into_iter().try_for_each(|part| check(part, lets))
}

/// The field whose values it gives.
pub(super) fn field(expression: &Expression, lets: &Lets) -> Option<String> {
    match expression {
        Expression::Field(_, name) => Some(name.clone()),
        Expression::Name(name) => {
            let (first, rest) = name.split_once('.').unwrap_or((name, ""));
            match lets.get(first) {
                Some(of) if rest.is_empty() => of.field.clone(),
                Some(_) => Some(rest.to_owned()),
                None if ["run", "outcome"].contains(&first) => Some(rest.to_owned()),
                None => Some(name.clone()),
            }
        }
        Expression::Call(Function::List | Function::At | Function::Skip | Function::Sorted, arguments) => {
            field(&arguments[0], lets)
        }
        _ => None,
    }
}

/// Whether a field's values are words.
pub(super) fn is_text(field: &str) -> bool {
    VALUES.contains_key(field)
}

fn texts_of(expression: &Expression) -> Vec<&str> {
    match expression {
        Expression::Text(text) => vec![text],
        Expression::List(members) => members.iter().flat_map(texts_of).collect(),
        _ => Vec::new(),
    }
}

fn is_one(field: &str, text: &str, part: bool) -> Result<(), Problem> {
    // A number in hexadecimal is one between quotes too, as flags are written.
    if NUMBERS.contains(field) && !text.starts_with("0x") {
        let number = text.parse::<f64>().ok().map(|_| text.to_owned());
        return Err(Problem::NoText { field: field.to_owned(), text: text.to_owned(), number });
    }
    let Some(words) = VALUES.get(field) else { return Ok(()) };
    // A router has its number behind it: `router2`.
    let bare = if field == "place" { text.trim_end_matches(|c: char| c.is_ascii_digit()) } else { text };
    if words.iter().any(|word| word.eq_ignore_ascii_case(bare) || part && word.contains(text)) {
        return Ok(());
    }
    let near =
        words.iter().map(|word| (strsim::jaro_winkler(&text.to_lowercase(), &word.to_lowercase()), word));
    let near = near.filter(|(score, _)| *score > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    let remedy = match near {
        Some((_, word)) => format!(" (did you mean {word}?)"),
        None if words.len() <= TOLD => format!(": it is one of {}", words.join(", ")),
        None => " (docs/json.md)".to_owned(),
    };
    Err(Problem::NoValue { field: field.to_owned(), text: text.to_owned(), remedy })
}
