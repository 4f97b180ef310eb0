//! One going through a lab: what was predicted, run and found, in the order of the file.

use super::answers::Said;
use super::check::{Checked, Verdict, check};
use super::facts::{Lets, Names, is_open, names};
use super::parse::{Lab, Predict, Run, Statement, What};
use super::quiz::{self, Answered};
use super::record::Record;
use super::student::{Student, words};
use super::value::Value;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A lab under way.
#[derive(Debug)]
pub struct Session<'l> {
    /// The lab.
    pub lab: &'l Lab,
    /// Who runs it, where that matters.
    pub student: Option<Student>,
    /// What was found so far.
    pub checked: Vec<Checked>,
    /// What was predicted and observed so far.
    pub answered: Vec<Answered>,
    /// Questions whose answer is not known yet, with what was predicted.
    waiting: Vec<(&'l Predict, Option<String>)>,
    /// What the student wrote that they saw, by the question's name.
    typed: BTreeMap<String, String>,
    /// What was predicted before the lab was left, of questions that it has not come to again.
    said: BTreeMap<String, String>,
    /// The answers file that is gone on with.
    left: Option<Json>,
    record: Record,
    /// The seeds of the runs, where they are known.
    pub seeds: Vec<Option<u64>>,
    /// The line `run` of the last run that has one.
    pub run: Json,
    lets: Lets,
    of_calls: BTreeSet<String>,
    /// As it was before the checks of the last run, for its changes.
    before: (Lets, BTreeSet<String>),
}

impl<'l> Session<'l> {
    /// Begins.
    #[must_use]
    pub fn new(lab: &'l Lab, student: Option<&str>) -> Session<'l> {
        Session {
            lab,
            student: student.map(|id| Student::new(id, lab.number)),
            checked: Vec::new(),
            answered: Vec::new(),
            waiting: Vec::new(),
            typed: BTreeMap::new(),
            said: BTreeMap::new(),
            left: None,
            record: Record::default(),
            seeds: Vec::new(),
            run: Json::Null,
            lets: Lets::new(),
            of_calls: BTreeSet::new(),
            before: Default::default(),
        }
    }

    /// Goes on with what was said before the lab was left.
    pub fn resume(&mut self, said: Said) {
        self.said = said.predicted;
        self.typed = said.typed;
        self.left = Some(said.file);
    }

    /// What is kept of this lab from before it was left.
    #[must_use]
    pub fn left(&self) -> Option<&Json> {
        self.left.as_ref()
    }

    /// What was predicted then.
    pub fn said(&mut self, predict: &Predict) -> Option<String> {
        self.said.remove(&predict.id)
    }

    /// How many predictions are committed, those that are [`said`](Self::resume) too.
    #[must_use]
    pub fn committed(&self) -> usize {
        let all = self.answered.iter().cloned().chain(self.waiting());
        all.filter(|answered| answered.predicted.is_some()).count()
    }

    /// Commits a prediction, or only keeps the question.
    pub fn predicted(&mut self, predict: &'l Predict, predicted: Option<String>) {
        self.waiting.push((predict, predicted));
    }

    /// A run's words, with the student's own.
    #[must_use]
    pub fn words(&self, run: &Run) -> Vec<String> {
        words(run, self.student.as_ref()).0
    }

    /// What a run gave.
    pub fn ran(&mut self, run: &Run, record: Record) {
        let (_, lets) = words(run, self.student.as_ref());
        self.lets.extend(lets);
        self.seeds.push(record.run["seed"].as_u64());
        if record.run.is_object() {
            self.run = record.run.clone();
        }
        self.record = record;
        self.before = (self.lets.clone(), self.of_calls.clone());
    }

    /// What a run gave that the lab does not have.
    pub fn observed(&mut self, record: Record) {
        self.record = record;
    }

    /// What the lab's names stand for so far.
    #[must_use]
    pub fn lets(&self) -> &Lets {
        &self.lets
    }

    /// The last run.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Checks a block against the last run, and gives what came of it.
    pub fn check(&mut self, statements: &[Statement]) -> &[Checked] {
        let new = check(statements, &self.record, &mut self.lets, &mut self.of_calls);
        let begin = self.checked.len();
        self.checked.extend(new);
        &self.checked[begin..]
    }

    /// What the blocks checked after the last run say of another run in its place.
    #[must_use]
    pub fn check_instead(&self, blocks: &[&[Statement]], record: &Record) -> Vec<Checked> {
        let (mut lets, mut of_calls) = self.before.clone();
        blocks.iter().flat_map(|block| check(block, record, &mut lets, &mut of_calls)).collect()
    }

    /// The questions that can be answered by now, and of which nobody has written what they saw.
    #[must_use]
    pub fn due(&self) -> Vec<&'l Predict> {
        let due = self.waiting.iter().map(|(predict, _)| *predict);
        let due = due.filter(|predict| !self.typed.contains_key(&predict.id));
        due.filter(|predict| !self.is_open(predict) && answerable(predict, &self.lets)).collect()
    }

    /// What the student saw, before they are told.
    pub fn saw(&mut self, predict: &Predict, typed: String) {
        self.typed.insert(predict.id.clone(), typed);
    }

    fn is_open(&self, predict: &Predict) -> bool {
        predict.answer.expressions().any(|e| is_open(e, &self.record, &self.of_calls))
    }

    /// The questions that can be answered by now, beside their predictions.
    pub fn reveal(&mut self) -> Vec<Answered> {
        self.answer(false)
    }

    /// At the end those that nothing has answered, too: what they ask for was not seen.
    pub fn end(&mut self) -> Vec<Answered> {
        self.answer(true)
    }

    fn answer(&mut self, all: bool) -> Vec<Answered> {
        let mut new = Vec::new();
        let mut kept = Vec::new();
        for (predict, predicted) in std::mem::take(&mut self.waiting) {
            let typed = self.typed.get(&predict.id).cloned();
            let answer = |said: Option<&str>| quiz::answer(predict, said, &self.record, &self.lets);
            if self.is_open(predict) {
                let typed = typed.map(|typed| (typed, None));
                new.push(Answered { typed, ..quiz::unanswered(predict, predicted.as_deref()) });
            } else if all || answerable(predict, &self.lets) {
                let typed = typed.map(|typed| {
                    let right = answer(Some(&typed)).right;
                    (typed, right)
                });
                new.push(Answered { typed, ..answer(predicted.as_deref()) });
            } else {
                kept.push((predict, predicted));
            }
        }
        self.waiting = kept;
        self.answered.extend(new.iter().cloned());
        new
    }

    /// Goes through a lab once more, with what was recorded of its runs, and predicted and seen then.
    #[must_use]
    pub fn replay(
        lab: &'l Lab,
        student: Option<&str>,
        records: Vec<Record>,
        predictions: &BTreeMap<String, String>,
        typed: BTreeMap<String, String>,
    ) -> Session<'l> {
        let mut session = Session { typed, ..Session::new(lab, student) };
        let mut records = records.into_iter();
        for (nth, part) in lab.parts.iter().enumerate() {
            match &part.what {
                What::Predict(predict) => session.predicted(predict, predictions.get(&predict.id).cloned()),
                What::Run(run) => session.ran(run, records.next().unwrap_or_else(Record::absent)),
                What::Check(statements) => {
                    session.check(statements);
                    if lab.ends_checks(nth) {
                        session.reveal();
                    }
                }
                What::Prose(_) | What::Change(_) => {}
            }
        }
        session.end();
        session
    }

    /// Questions that the runs gone through do not answer, or with more than one choice, and what was observed. What a
    /// capture cannot tell is no such question.
    #[must_use]
    pub fn unclear(&self) -> Vec<(&str, &str)> {
        let answered = self.answered.iter().filter(|answered| answered.unclear);
        let waiting = self.waiting.iter().filter(|(predict, _)| !self.is_open(predict));
        let answered = answered.map(|answered| (&*answered.id, &*answered.observed));
        answered.chain(waiting.map(|(predict, _)| (&*predict.id, "nothing"))).collect()
    }

    /// Questions that nothing has answered yet, with what was said to them.
    pub fn waiting(&self) -> impl Iterator<Item = Answered> {
        let said = self.lab.questions().filter_map(|one| Some((one, Some(self.said.get(&one.id)?.clone()))));
        self.waiting.iter().cloned().chain(said).map(|(predict, predicted)| {
            let typed = self.typed.get(&predict.id).map(|typed| (typed.clone(), None));
            Answered { typed, observed: String::new(), ..quiz::unanswered(predict, predicted.as_deref()) }
        })
    }

    /// Whether every run of the lab was made, and what is checked behind the last was checked.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let facts = self.lab.parts.iter().filter_map(|part| match &part.what {
            What::Check(statements) => Some(statements.iter().filter(|statement| !statement.is_let).count()),
            _ => None,
        });
        self.seeds.len() == self.lab.runs().count() && self.checked.len() == facts.sum::<usize>()
    }

    /// Whether all that could be checked holds, and something was.
    #[must_use]
    pub fn passed(&self) -> bool {
        let held = self.checked.iter().any(|checked| checked.verdict == Verdict::Holds);
        held && self.checked.iter().all(|checked| checked.verdict != Verdict::Fails)
    }
}

/// Whether every name that an answer uses stands for something.
fn answerable(predict: &Predict, lets: &Lets) -> bool {
    let mut known = true;
    let mut look = |name: &str, of: Names| {
        let first = name.split('.').next().unwrap_or(name);
        let of_run = ["exit", "outcome", "run"].contains(&first);
        known &= of != Names::Own || of_run || lets.get(first).is_some_and(|value| *value != Value::Missing);
    };
    predict.answer.expressions().for_each(|expression| names(expression, Names::Own, &mut look));
    known
}
