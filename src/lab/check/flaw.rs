//! What is wrong with a fact itself, as a run shows it: then it fails, and says so.

use crate::lab::Record;
use crate::lab::expression::{Expression, Function};
use crate::lab::facts::{Finding, Lets, find};
use crate::lab::parse::Statement;
use crate::lab::value::Value;

/// What is wrong with a fact.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Flaw {
    /// Nothing was compared.
    #[error("{0} is neither true nor false: compare it")]
    NoTruth(String),
    /// It compares what no division gives.
    #[error("a division by 0 gives nothing to compare")]
    ByZero,
    /// A time beside a number that is far too small for one.
    #[error("times are nanoseconds: write {0}s, or {0}ms")]
    Unit(f64),
}

/// What stands where a truth has to, and whether something was divided by zero: either would make a fact hold, or with a
/// `!` before it, without a look at the run.
pub(super) fn of_run(fact: &Expression, found: &Finding, record: &Record, lets: &Lets) -> Option<Flaw> {
    if found.by_zero {
        return Some(Flaw::ByZero);
    }
    no_truth(fact, record, lets)
}

fn no_truth(fact: &Expression, record: &Record, lets: &Lets) -> Option<Flaw> {
    match fact {
        Expression::Not(_) | Expression::And(..) | Expression::Or(..) => {
            fact.parts().into_iter().find_map(|part| no_truth(part, record, lets))
        }
        _ => match find(fact, record, lets).value {
            Value::Number(number) if number == 0.0 || number == 1.0 => None,
            value @ (Value::Number(_) | Value::Text(_) | Value::List(_)) => {
                Some(Flaw::NoTruth(value.shown()))
            }
            _ => None,
        },
    }
}

/// More than any run's milliseconds, less than any of its times in nanoseconds.
const SMALL: f64 = 1000.0;

/// A time that a fact compares with a small number: its unit was forgotten.
pub(super) fn unit(fact: &Expression, block: &[Statement]) -> Option<Flaw> {
    let small = |expression: &Expression| match expression {
        Expression::Number(number) if *number > 0.0 && *number < SMALL => Some(Flaw::Unit(*number)),
        _ => None,
    };
    let here = match fact {
        Expression::Compare(a, _, b) => [(a, b), (b, a)]
            .into_iter()
            .find_map(|(time, number)| small(number).filter(|_| is_time(time, block))),
        Expression::In(one, members) if is_time(one, block) => {
            let bounds = members.iter().flat_map(|(low, high)| [Some(low), high.as_ref()]);
            bounds.flatten().find_map(small)
        }
        _ => None,
    };
    here.or_else(|| fact.parts().into_iter().find_map(|part| unit(part, block)))
}

/// Whether it gives times, by the names of its fields.
fn is_time(expression: &Expression, block: &[Statement]) -> bool {
    use Function::{Abs, At, Gaps, List, Max, Median, Min, Skip, Sorted, Sum};
    let named = |name: &str| name.ends_with("_ns") || name.starts_with("latency_ns.");
    match expression {
        Expression::Field(_, name) => named(name),
        Expression::Name(name) => {
            // A let stands above what uses it: this ends.
            let of = |nth: &usize| block[*nth].is_let && block[*nth].name == *name;
            let made = (0..block.len()).rev().find(of);
            made.map_or_else(|| named(name), |nth| is_time(&block[nth].expression, &block[..nth]))
        }
        Expression::Call(Gaps, _) => true,
        Expression::Call(At | Skip | Sorted | Abs | List | Sum | Min | Max | Median, arguments) => {
            is_time(&arguments[0], block)
        }
        Expression::Arithmetic(a, '+' | '-', b) => is_time(a, block) && is_time(b, block),
        Expression::Arithmetic(a, '*' | '/', b) => is_time(a, block) && !is_time(b, block),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Checked, Verdict, check};
    use super::*;
    use crate::lab::expression::parse;
    use std::collections::BTreeSet;

    fn statement(is_let: bool, name: &str, text: &str) -> Statement {
        let expression = parse(text).unwrap();
        Statement { line: 1, name: name.into(), is_let, words: String::new(), text: text.into(), expression }
    }

    /// What comes of a fact behind these lets.
    fn checked(lets: &[(&str, &str)], fact: &str) -> Checked {
        let record = Record::read(
            r#"{"kind":"event","what":"frame","frame.number":1,"at_ns":0,"tcp.len":0,"fields":{"ip.flags.df":true,"tcp.options.mss_val":1460,"tcp.flags":"0x0002"}}
{"kind":"event","what":"frame","frame.number":2,"at_ns":1100000000,"tcp.len":5}"#,
            Some(0),
        );
        let mut block: Vec<Statement> = lets.iter().map(|(name, text)| statement(true, name, text)).collect();
        block.push(statement(false, "fact", fact));
        check(&block, &record, &mut Lets::new(), &mut BTreeSet::new()).pop().unwrap()
    }

    fn said(lets: &[(&str, &str)], fact: &str) -> (Verdict, String) {
        let Checked { verdict, seen, .. } = checked(lets, fact);
        (verdict, seen)
    }

    #[test]
    fn what_is_neither_true_nor_false_fails_and_says_so() {
        for (fact, value) in [
            ("first(frame).tcp.options.mss_val", "1460"),
            ("!(first(frame).tcp.options.mss_val && exit == 1)", "1460"),
            ("last(frame).tcp.len || exit == 0", "5"),
            ("first(frame).tcp.flags", "0x0002"),
            ("at([3, 4], 2)", "4"),
        ] {
            let (verdict, seen) = said(&[], fact);
            assert_eq!(verdict, Verdict::Fails, "{fact}");
            assert!(
                seen.ends_with(&format!("{value} is neither true nor false: compare it")),
                "{fact}: {seen}"
            );
        }
        for fact in ["first(frame).ip.flags.df", "exit == 0 && first(frame).ip.flags.df", "!exit"] {
            assert_eq!(said(&[], fact).0, Verdict::Holds, "{fact}");
        }
    }

    #[test]
    fn a_division_by_zero_fails_and_says_so() {
        let quotient = ("quotient", "count(frame) / count(tcp.len > 9)");
        for (lets, fact) in [
            (&[][..], "!(1 / count(tcp.len > 9) == 1)"),
            (&[quotient], "!(quotient == 1)"),
            (&[quotient, ("more", "quotient + 1")], "exit == 1 || !(more > 1)"),
            (&[], "!(1 % exit > 2)"),
        ] {
            let (verdict, seen) = said(lets, fact);
            assert_eq!(verdict, Verdict::Fails, "{fact}");
            assert!(seen.ends_with("a division by 0 gives nothing to compare"), "{fact}: {seen}");
        }
        assert_eq!(said(&[], "exit == 0 || 1 / exit == 1").0, Verdict::Holds);
    }

    #[test]
    fn a_time_beside_a_small_number_is_told_its_unit() {
        let gap = ("gap", "at(gaps(frame), 1)");
        for (lets, fact, number) in [
            (&[gap][..], "gap in {0.85..1.4}", "0.85"),
            (&[gap, ("half", "gap / 2")], "half < 1", "1"),
            (&[], "last(frame).at_ns - first(frame).at_ns <= 20", "20"),
            (&[], "exit == 0 && 2 > max(at_ns, frame)", "2"),
        ] {
            let (verdict, seen) = said(lets, fact);
            assert_eq!(verdict, Verdict::Fails, "{fact}");
            assert!(seen.ends_with(&format!("write {number}s, or {number}ms")), "{fact}: {seen}");
        }
        for fact in ["gap in {1.2s..1.4s}", "gap / gap > 2", "count(frame) == 3"] {
            let (verdict, seen) = said(&[gap], fact);
            assert!(verdict == Verdict::Fails && !seen.contains("nanoseconds"), "{fact}: {seen}");
        }
    }
}
