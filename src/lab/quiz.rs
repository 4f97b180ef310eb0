//! Predictions: what was committed, what was observed, and what there is to say to a wrong one.

use super::expression::Comparison;
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
    /// What there is to say to this wrong answer.
    pub often: Option<String>,
    /// The frames to look at.
    pub frames: Vec<u64>,
}

/// A prediction that is no answer to its question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// A number is asked for.
    #[error("write a number, such as 3")]
    Number,
    /// A choice.
    #[error("write one of: {}", .0.join(", "))]
    Choice(Vec<String>),
}

/// What was typed, as the answer that it is.
///
/// # Errors
/// When it is none.
pub fn read(predict: &Predict, typed: &str) -> Result<String, NoAnswer> {
    let typed = typed.trim();
    match &predict.answer {
        Answer::Expression { .. } if typed.is_empty() => Err(NoAnswer::Number),
        // A text may be asked for too; whether a number was is only known from the run.
        Answer::Expression { .. } => Ok(typed.to_owned()),
        Answer::Choices(choices) => {
            let numbered = || typed.parse::<usize>().ok().and_then(|n| choices.get(n.checked_sub(1)?));
            let named = choices.iter().find(|(words, _)| words.eq_ignore_ascii_case(typed));
            let all = || NoAnswer::Choice(choices.iter().map(|(words, _)| words.clone()).collect());
            named.or_else(numbered).map(|(words, _)| words.clone()).ok_or_else(all)
        }
    }
}

/// Holds a prediction against the run.
#[must_use]
pub fn answer(predict: &Predict, predicted: Option<&str>, record: &Record, lets: &Lets) -> Answered {
    let (observed, right, frames) = match &predict.answer {
        Answer::Expression { expression, within } => {
            let found = facts::find(expression, record, lets);
            let right = predicted.map(|predicted| agrees(predicted, &found.value, *within));
            (found.value.shown(), right, found.frames)
        }
        Answer::Choices(choices) => {
            let found = choices.iter().map(|(words, fact)| (words, facts::find(fact, record, lets)));
            let mut held = found.filter(|(_, found)| found.value.holds());
            match (held.next(), held.next()) {
                (Some((words, found)), None) => {
                    (words.clone(), predicted.map(|predicted| predicted == words), found.frames)
                }
                (None, _) => ("none of these".to_owned(), None, Default::default()),
                (Some(_), Some(_)) => ("more than one of these".to_owned(), None, Default::default()),
            }
        }
    };
    let wrong = predicted.filter(|_| right == Some(false));
    let often = wrong.and_then(|wrong| predict.often.iter().find(|(words, _)| same(words, wrong)));
    Answered {
        id: predict.id.clone(),
        ask: predict.ask.clone(),
        predicted: predicted.map(str::to_owned),
        observed,
        typed: None,
        right,
        often: often.map(|(_, why)| why.clone()),
        frames: frames.into_iter().collect(),
    }
}

/// Of a question that a capture cannot answer.
#[must_use]
pub fn unanswered(predict: &Predict, predicted: Option<&str>) -> Answered {
    Answered {
        id: predict.id.clone(),
        ask: predict.ask.clone(),
        predicted: predicted.map(str::to_owned),
        observed: "not in a capture".to_owned(),
        typed: None,
        right: None,
        often: None,
        frames: Vec::new(),
    }
}

fn same(one: &str, two: &str) -> bool {
    one.eq_ignore_ascii_case(two) || one.parse::<f64>().is_ok_and(|one| two.parse() == Ok(one))
}

/// Whether a prediction agrees with what was observed: a number within this part of it, else the same text.
fn agrees(predicted: &str, observed: &Value, within: f64) -> bool {
    let number = predicted.parse::<f64>().ok();
    match (number, observed.number()) {
        (Some(predicted), Some(observed)) => {
            (predicted - observed).abs() <= (observed.abs() * within).max(1e-9)
        }
        _ => compare(&Value::Text(predicted.to_owned()), Comparison::Equal, &Value::Text(observed.shown())),
    }
}
