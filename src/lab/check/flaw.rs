//! What is wrong with a fact itself, as a run shows it: then it fails, and says so.

use crate::lab::Record;
use crate::lab::expression::Expression;
use crate::lab::facts::{Finding, Lets, find};
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

#[cfg(test)]
mod tests {
    use super::super::{Checked, Verdict, check};
    use super::*;
    use crate::lab::Lab;
    use crate::lab::parse::What;
    use std::collections::BTreeSet;

    /// What comes of a fact behind these lets.
    fn checked(lets: &[(&str, &str)], fact: &str) -> Checked {
        let lets: String = lets.iter().map(|(name, text)| format!("let {name} = {text}\n")).collect();
        let text = format!(
            "# Mine\n```lab\nnumber: 99\nmodule: A\nminutes: 1\nlayers: 4\nneeds: nothing\n```\n\
             ```run\nlayerlab tcp echo --delay 10ms\nvary way: 10ms | 20ms\n```\n\
             ```check\n{lets}fact: {fact}\n```\n## Sources\n- mine\n"
        );
        let lab = Lab::parse("mine.md", &text).unwrap_or_else(|error| panic!("{error}"));
        let block = lab.parts.iter().find_map(|part| match &part.what {
            What::Check(statements) => Some(statements),
            _ => None,
        });
        let record = Record::read(
            r#"{"kind":"event","what":"frame","frame.number":1,"at_ns":0,"tcp.len":0,"fields":{"ip.flags.df":true,"tcp.options.mss_val":1460,"tcp.flags":"0x0002"}}
{"kind":"event","what":"frame","frame.number":2,"at_ns":1100000000,"tcp.len":5}"#,
            Some(0),
        );
        let mut lets = Lets::from([("way".to_owned(), Value::Number(1e7))]);
        check(block.unwrap(), &record, &mut lets, &mut BTreeSet::new()).pop().unwrap()
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
            (&[gap], "2 * gap == 5", "5"),
            (&[gap], "gap - 20ms < 5", "5"),
            (&[gap], "gap * 3 / 2 < way && gap + way < 7", "7"),
        ] {
            let (verdict, seen) = said(lets, fact);
            assert_eq!(verdict, Verdict::Fails, "{fact}");
            assert!(seen.ends_with(&format!("write {number}s, or {number}ms")), "{fact}: {seen}");
        }
        for fact in [
            "gap in {1.2s..1.4s}",
            "gap / gap > 2",
            "count(frame) == 3",
            // Milliseconds, and how many ways there and back.
            "gap / 1ms in {1..20}",
            "gap / (2 * way) in {0.9..3}",
            "gap / (2 * 10ms) in {0.9..3}",
            // Not a small number is to blame, but that there is nothing.
            "at(gaps(frame), 9) < 5",
        ] {
            let (verdict, seen) = said(&[gap], fact);
            assert!(verdict == Verdict::Fails && !seen.contains("nanoseconds"), "{fact}: {seen}");
        }
    }
}
