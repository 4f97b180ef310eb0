//! Predictions: what was committed, what was observed, and what there is to say to a wrong one.

use super::expression::{Comparison, Expression, Function, parse};
use super::facts::{self, Lets};
use super::parse::{Answer, Predict};
use super::record::Record;
use super::value::{Value, compare};

/// A prediction beside what was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The question's name in the lab.
    pub id: String,
    /// The question.
    pub ask: String,
    /// What was predicted; none where nobody was asked.
    pub predicted: Option<String>,
    /// What was observed.
    pub observed: String,
    /// What the student wrote that they saw, and whether it agrees; none where nobody was asked, or nothing was written.
    pub typed: Option<(String, Option<bool>)>,
    /// Whether they agree.
    pub right: Option<bool>,
    /// They agree, and are not the same number: it is near enough.
    pub near: bool,
    /// What there is to say to this wrong answer.
    pub often: Option<String>,
    /// The frames to look at.
    pub frames: Vec<u64>,
    /// Nothing was observed, or not one choice alone: the lab is to blame, and nobody's prediction.
    pub unclear: bool,
}

/// What is observed of a question that no capture can answer.
const NOT_IN_CAPTURE: &str = "not in a capture";

impl Answered {
    /// Whether something was observed.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.observed != NOT_IN_CAPTURE
    }
}

/// A prediction that is no answer to its question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// A number is asked for, of this unit where there is one.
    // An example would be an answer that somebody takes.
    #[error("write one number{}", Some(_0).filter(|unit| !unit.is_empty()).map(|unit| format!(", with or without `{unit}` behind it")).unwrap_or_default())]
    Number(String),
    /// A choice.
    #[error("write one of these, or its number: {}", numbered(.0))]
    Choice(Vec<String>),
}

fn numbered(choices: &[String]) -> String {
    let numbered: Vec<String> = (1..).zip(choices).map(|(nth, words)| format!("{nth} {words}")).collect();
    numbered.join("; ")
}

/// What was typed, as the answer that it is.
///
/// # Errors
/// When it is none.
pub fn read(predict: &Predict, typed: &str) -> Result<String, NoAnswer> {
    let typed = typed.trim();
    match &predict.answer {
        Answer::Expression { unit, .. } if typed.is_empty() => Err(NoAnswer::Number(unit.clone())),
        Answer::Expression { expression, unit, .. } => {
            // What many answer says it too, where the expression does not.
            let numbers = || predict.often.iter().all(|(words, _)| number(words, unit).is_some());
            let is_number =
                !unit.is_empty() || gives_number(expression) || !predict.often.is_empty() && numbers();
            if is_number && number(typed, unit).is_none() {
                return Err(NoAnswer::Number(unit.clone()));
            }
            Ok(typed.to_owned())
        }
        Answer::Choices(choices) => {
            let of = |fits: &dyn Fn(&str) -> bool| {
                let mut fitting = choices.iter().map(|(words, _)| words).filter(|words| fits(words));
                fitting.next().filter(|_| fitting.next().is_none())
            };
            let bare = typed.trim_matches(|c: char| "().:".contains(c)).to_lowercase();
            let numbered =
                || choices.get(bare.parse::<usize>().ok()?.checked_sub(1)?).map(|(words, _)| words);
            let begun = || of(&|words| !bare.is_empty() && words.to_lowercase().starts_with(&bare));
            let part = || of(&|words| bare.len() > 2 && words.to_lowercase().contains(&bare));
            let all = || NoAnswer::Choice(choices.iter().map(|(words, _)| words.clone()).collect());
            let found = of(&|words| squeezed(words) == squeezed(typed));
            found.or_else(numbered).or_else(begun).or_else(part).cloned().ok_or_else(all)
        }
    }
}

/// Holds a prediction against the run.
#[must_use]
pub fn answer(predict: &Predict, predicted: Option<&str>, record: &Record, lets: &Lets) -> Answered {
    let unit = match &predict.answer {
        Answer::Expression { unit, .. } => unit,
        Answer::Choices(_) => "",
    };
    let meant = |words: &str| parse(words).map(|expression| facts::find(&expression, record, lets).value);
    let same = |words: &str, said: &str| {
        squeezed(words) == squeezed(said) || meant(words).is_ok_and(|value| agrees(said, &value, 0.0, unit))
    };
    let often = |said: &str| predict.often.iter().find(|(words, _)| same(words, said));
    let mut near = false;
    let (observed, right, frames, unclear) = match &predict.answer {
        Answer::Expression { expression, within, .. } => {
            let found = facts::find(expression, record, lets);
            let unclear = matches!(found.value, Value::Missing | Value::ByZero);
            let right = predicted.filter(|_| !unclear).map(|said| {
                let exact = agrees(said, &found.value, 0.0, unit);
                // What is wrong by its reason is not right by a busy machine, which is late.
                near = !exact && often(said).is_none() && agrees(said, &found.value, *within, unit);
                exact || near
            });
            (in_unit(found.value.shown(), unit), right, found.frames, unclear)
        }
        Answer::Choices(choices) => {
            let found = choices.iter().map(|(words, fact)| (words, facts::find(fact, record, lets)));
            let mut held = found.filter(|(_, found)| found.value.holds());
            match (held.next(), held.next()) {
                (Some((words, found)), None) => {
                    (words.clone(), predicted.map(|predicted| predicted == words), found.frames, false)
                }
                (None, _) => ("none of these".to_owned(), None, Default::default(), true),
                (Some(_), Some(_)) => ("more than one of these".to_owned(), None, Default::default(), true),
            }
        }
    };
    let often = predicted.filter(|_| right == Some(false)).and_then(often);
    Answered {
        id: predict.id.clone(),
        ask: predict.ask.clone(),
        predicted: predicted.map(str::to_owned),
        observed,
        typed: None,
        right,
        near,
        often: often.map(|(_, why)| why.clone()),
        frames: frames.into_iter().collect(),
        unclear,
    }
}

/// Of a question that a capture cannot answer.
#[must_use]
pub fn unanswered(predict: &Predict, predicted: Option<&str>) -> Answered {
    Answered {
        id: predict.id.clone(),
        ask: predict.ask.clone(),
        predicted: predicted.map(str::to_owned),
        observed: NOT_IN_CAPTURE.to_owned(),
        typed: None,
        right: None,
        near: false,
        often: None,
        frames: Vec::new(),
        unclear: false,
    }
}

/// A time is shown with its unit; what else is counted stands in the question.
fn in_unit(shown: String, unit: &str) -> String {
    if time(unit).is_some() { format!("{shown} {unit}") } else { shown }
}

/// Whether a prediction agrees with what was observed: a number within this part of it, else the same text.
fn agrees(predicted: &str, observed: &Value, within: f64, unit: &str) -> bool {
    match (number(predicted, unit), observed.number()) {
        (Some(predicted), Some(observed)) => {
            (predicted - observed).abs() <= (observed.abs() * within).max(1e-9)
        }
        _ => {
            let text = |text: String| Value::Text(squeezed(&text));
            compare(&text(predicted.to_owned()), Comparison::Equal, &text(observed.shown()))
        }
    }
}

/// Texts that differ in blanks, brackets or upper case alone are the same answer: `2, 2, 0` and `[2,2,0]`.
pub(crate) fn squeezed(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || ",;[]()".contains(c));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(",").to_lowercase().replace(",+,", "+")
}

/// Whether an expression gives a number in every run.
fn gives_number(expression: &Expression) -> bool {
    use Function::{Abs, Count, Distinct, Len, Max, Median, Min, Runs, Sum};
    match expression {
        Expression::Number(_) | Expression::Arithmetic(..) => true,
        Expression::Call(function, _) => {
            matches!(function, Abs | Count | Distinct | Len | Max | Median | Min | Runs | Sum)
        }
        _ => false,
    }
}

/// Words for small numbers.
const NUMBERS: [&str; 13] = [
    "none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];
/// Units of time, in nanoseconds, with other words for them.
const TIMES: [(&str, &[&str], f64); 4] = [
    ("ns", &["nanosecond", "nanoseconds"], 1.0),
    ("us", &["microsecond", "microseconds"], 1e3),
    ("ms", &["millisecond", "milliseconds", "msec"], 1e6),
    ("s", &["second", "seconds", "sec"], 1e9),
];

/// A number as people type one: `5`, `5 frames`, `1,448`, `1e3`, `0x12`, `three`, `about 20 ms`. A time is given in the
/// question's unit, whichever was typed; a word behind what else is counted is its unit.
fn number(typed: &str, unit: &str) -> Option<f64> {
    let typed = typed.trim().to_lowercase();
    let typed = typed
        .trim_start_matches("about")
        .trim_start_matches(['~', '=', '+', ' '])
        .trim_end_matches(['.', '?', '!']);
    let begins = |c: char| c.is_ascii_alphabetic();
    let (value, rest) = if let Some(hex) = typed.strip_prefix("0x") {
        (f64::from(u32::from_str_radix(hex, 16).ok()?), "")
    } else if let Some(word) = typed.split_whitespace().next().filter(|word| word.starts_with(begins)) {
        let value = match word {
            "once" => 1,
            "twice" => 2,
            // There are thirteen.
            _ => NUMBERS.iter().position(|number| *number == word)?,
        } as f64;
        (value, &typed[word.len()..])
    } else if let Some((value, length)) = exponential(typed) {
        (value, &typed[length..])
    } else {
        let end = typed.find(|c: char| !(c.is_ascii_digit() || "-.,_' ".contains(c))).unwrap_or(typed.len());
        (decimal(typed[..end].trim())?, &typed[end..])
    };
    let rest = rest.trim();
    if rest.chars().any(|c| c.is_ascii_digit()) {
        return None;
    }
    let is_share = |words: &str| ["%", "per cent", "percent"].contains(&words);
    match (time(rest), time(unit)) {
        (Some((_, typed)), Some((_, asked))) => Some(value * typed / asked),
        (Some(_), None) => None,
        (None, Some(_)) => rest.is_empty().then_some(value),
        // `5 frames`, `three of them`; but a share is no number of frames.
        (None, None) => {
            let is_its = match is_share(rest) {
                true => is_share(unit),
                false => !is_share(unit) && !rest.contains("%%") && is_unit(rest, &unit.to_lowercase()),
            };
            (rest.is_empty() || is_its).then_some(value)
        }
    }
}

/// Whether words behind a number begin with its unit, one or many of it, where there is one.
fn is_unit(words: &str, unit: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or(words);
    let first = first.trim_matches(|c: char| !c.is_alphanumeric());
    let many = |one: &str, other: &str| {
        let behind = other.strip_prefix(one);
        let y = one.strip_suffix('y').zip(other.strip_suffix("ies"));
        behind.is_some_and(|end| ["", "s", "es"].contains(&end)) || y.is_some_and(|(one, other)| one == other)
    };
    let same =
        |of: &str| many(first, of) || many(of, first) || [first, of].iter().all(|word| OCTETS.contains(word));
    unit.is_empty() || words == unit || words == "of them" || unit.split_whitespace().any(same)
}

/// Words for octets.
const OCTETS: [&str; 5] = ["octet", "octets", "byte", "bytes", "b"];

/// A number as `1e3` at the begin, and its length.
fn exponential(text: &str) -> Option<(f64, usize)> {
    let length = text.find(|c: char| !(c.is_ascii_digit() || ".e+-".contains(c))).unwrap_or(text.len());
    let number: f64 = text[..length].parse().ok().filter(|number: &f64| number.is_finite())?;
    text[..length].contains('e').then_some((number, length))
}

/// A unit of time, and what it is in nanoseconds.
pub(super) fn time(unit: &str) -> Option<(&'static str, f64)> {
    let is_it = |(name, words, _): &&(&'static str, &[&str], f64)| *name == unit || words.contains(&unit);
    TIMES.iter().find(is_it).map(|(name, _, nanoseconds)| (*name, *nanoseconds))
}

/// Digits, with thousands set apart by comma, blank, apostrophe or underline, and a decimal point or comma.
fn decimal(text: &str) -> Option<f64> {
    let mut groups = text.split([',', ' ', '\'', '_']);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let whole = |group: &str| group.split('.').next().is_some_and(|digits| digits.len() == 3);
    if rest.iter().all(|group| whole(group)) {
        return format!("{first}{}", rest.concat()).parse().ok();
    }
    match &rest[..] {
        [fraction] if text.contains(',') => format!("{first}.{fraction}").parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_people_type_it() {
        for (typed, unit, value) in [
            ("5", "", 5.0),
            (" 5 frames ", "frames", 5.0),
            ("1,448", "octets", 1448.0),
            ("1 448 B", "", 1448.0),
            ("34,304", "", 34304.0),
            ("0x12", "", 18.0),
            ("three of them", "", 3.0),
            ("none", "", 0.0),
            ("twice", "times", 2.0),
            ("Once.", "times", 1.0),
            ("about 20ms.", "ms", 20.0),
            ("0.02 s", "ms", 20.0),
            ("~ 2,5 s", "s", 2.5),
            ("3060 ms", "s", 3.06),
            ("-1", "", -1.0),
            ("2 seconds", "ms", 2000.0),
            ("5%", "per cent", 5.0),
            ("5 per cent", "per cent", 5.0),
            ("5 FRAME", "frames", 5.0),
            ("5 frames, I think", "Frames", 5.0),
            ("three of them", "frames", 3.0),
            ("2 queries", "query", 2.0),
            ("2 query", "queries", 2.0),
            ("1 loss", "losses", 1.0),
            ("66 bytes", "octets", 66.0),
            ("66B", "octets", 66.0),
            ("5 segments", "TCP segments", 5.0),
            ("1e1", "frames", 10.0),
            ("1.5e-3s", "ms", 1.5),
            ("2e3 frames", "frames", 2000.0),
            ("5events", "events", 5.0),
            ("+5", "frames", 5.0),
        ] {
            assert!(
                (number(typed, unit).unwrap_or(f64::NAN) - value).abs() < 1e-9,
                "{typed}: {:?}",
                number(typed, unit)
            );
        }
        for typed in ["", "3 or 4", "3-4", "2,2,0", "many", "x", "0x", "99999999999999999 0xg 1"] {
            assert_eq!(number(typed, ""), None, "{typed}");
        }
        for (typed, unit) in [
            ("2 ms", "frames"),
            ("5%", "frames"),
            ("5%%", "per cent"),
            ("5 frames", "ms"),
            ("5 ms", "per cent"),
            ("5 apples", "frames"),
            ("5 f", "frames"),
            ("5 b", "frames"),
            ("1e", "frames"),
            ("1e999", "frames"),
            ("1e1 2", "frames"),
        ] {
            assert_eq!(number(typed, unit), None, "{typed} of {unit}");
        }
    }

    #[test]
    fn a_choice_is_known_by_number_words_or_a_part_that_fits_one() {
        let fact = || parse("exit == 0").unwrap();
        let predict = |words: &[&str]| Predict {
            id: "q".into(),
            ask: "?".into(),
            answer: Answer::Choices(words.iter().map(|words| ((*words).to_owned(), fact())).collect()),
            often: Vec::new(),
        };
        let one = predict(&["x", "x+1"]);
        assert_eq!(read(&one, "X").unwrap(), "x");
        assert_eq!(read(&one, "x + 1").unwrap(), "x+1");
        assert_eq!(read(&one, "2)").unwrap(), "x+1");
        let two = predict(&["the client's", "the server's", "both"]);
        assert_eq!(read(&two, "client").unwrap(), "the client's");
        assert_eq!(read(&two, "Both").unwrap(), "both");
        for no_answer in ["the", "4", "", "0", "neither"] {
            assert!(read(&two, no_answer).is_err(), "{no_answer}");
        }
    }

    #[test]
    fn texts_that_differ_in_blanks_agree() {
        let observed = Value::Text("2,2,0".into());
        assert!(agrees("2, 2, 0", &observed, 0.0, "") && agrees("[2 2 0]", &observed, 0.0, ""));
        assert!(!agrees("2,2", &observed, 0.0, ""));
        assert!(agrees("1,448 octets", &Value::Number(1448.0), 0.0, "octets"));
    }
}
