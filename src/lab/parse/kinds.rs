//! What an expression gives, as far as the file tells before anything is run.

use super::{truth, values};
use crate::lab::expression::{Expression, Function, constant, parse};
use std::collections::BTreeMap;

/// What a let is, or what varies.
#[derive(Debug, Clone, Default)]
pub(super) struct Kind {
    /// The field whose values it has, where it has one's.
    pub(super) field: Option<String>,
    /// A time, in nanoseconds.
    pub(super) time: bool,
    /// What it is, where that can be no number.
    pub(super) no_number: Option<&'static str>,
}

/// The lets so far.
pub(super) type Lets = BTreeMap<String, Kind>;

impl Kind {
    pub(super) fn of(expression: &Expression, lets: &Lets) -> Kind {
        Kind {
            field: values::field(expression, lets),
            time: is_time(expression, lets),
            no_number: no_number(expression, lets),
        }
    }

    /// Of what varies: a number with a unit is a time, and what is no number a text.
    pub(super) fn of_words(words: &[String]) -> Kind {
        let is_number = |word: &String| matches!(parse(word), Ok(Expression::Number(_)));
        Kind {
            field: None,
            time: words.iter().all(|word| word.ends_with('s') && is_number(word)),
            no_number: (!words.iter().any(is_number)).then_some("a text"),
        }
    }
}

/// More than any run's milliseconds, less than any of its times in nanoseconds.
const SMALL: f64 = 1000.0;

/// The number that a time is compared with, where it is too small for one: its unit was forgotten.
pub(super) fn no_unit(fact: &Expression, lets: &Lets) -> Option<f64> {
    let small = |expression: &Expression| match expression {
        Expression::Number(number) if *number > 0.0 && *number < SMALL => Some(*number),
        _ => None,
    };
    let here = match fact {
        Expression::Compare(a, _, b) => [(a, b), (b, a)]
            .into_iter()
            .find_map(|(time, number)| small(number).filter(|_| is_time(time, lets))),
        Expression::In(one, members) if is_time(one, lets) => {
            let bounds = members.iter().flat_map(|(low, high)| [Some(low), high.as_ref()]);
            bounds.flatten().find_map(small)
        }
        _ => None,
    };
    here.or_else(|| fact.parts().into_iter().find_map(|part| no_unit(part, lets)))
}

/// Whether it gives times, by the names of its fields.
fn is_time(expression: &Expression, lets: &Lets) -> bool {
    use Function::{Abs, At, Gaps, List, Max, Median, Min, Skip, Sorted, Sum};
    let named = |name: &str| name.ends_with("_ns") || name.starts_with("latency_ns.");
    match expression {
        Expression::Field(_, name) => named(name),
        Expression::Name(name) => lets.get(name).map_or_else(|| named(name), |kind| kind.time),
        Expression::Call(Gaps, _) => true,
        Expression::Call(At | Skip | Sorted | Abs | List | Sum | Min | Max | Median, arguments) => {
            is_time(&arguments[0], lets)
        }
        // A number beside a time is one too: `gap - 20ms`.
        Expression::Arithmetic(a, '+' | '-', b) => is_time(a, lets) || is_time(b, lets),
        Expression::Arithmetic(a, '*', b) => is_time(a, lets) != is_time(b, lets),
        // By so many nanoseconds: what comes out is milliseconds, or another unit.
        Expression::Arithmetic(_, '/', b) if constant(b).is_some_and(|n| n >= SMALL) => false,
        Expression::Arithmetic(a, '/', b) => is_time(a, lets) && !is_time(b, lets),
        _ => false,
    }
}

/// What it gives, where that can be no number in any run.
fn no_number(expression: &Expression, lets: &Lets) -> Option<&'static str> {
    let truth = Some("true or false");
    match expression {
        Expression::Text(_) => Some("a text"),
        Expression::List(_) => Some("a list"),
        Expression::Not(_)
        | Expression::And(..)
        | Expression::Or(..)
        | Expression::Compare(..)
        | Expression::In(..)
        | Expression::Call(Function::None | Function::Every, _) => truth,
        Expression::Call(Function::At, _) | Expression::Name(_) | Expression::Field(..) => {
            let of_let = match expression {
                Expression::Name(name) => lets.get(name).and_then(|kind| kind.no_number),
                _ => None,
            };
            let is_text = || values::field(expression, lets).is_some_and(|field| values::is_text(&field));
            of_let.or_else(|| is_text().then_some("a text"))
        }
        Expression::Call(function, _) => truth::gives(*function).filter(|what| *what != "a number"),
        Expression::Number(_) | Expression::Arithmetic(..) => None,
    }
}
