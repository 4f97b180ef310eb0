//! `layerlab tour`: the trailer of the course. Each moment is a lab's question, a run made for it, the lines of it that
//! answer, and the answer.

use super::args::{BackendArg, ModelArg, NetArg, TourArgs};
use super::exit::{Answer, Cannot, Usage};
use super::run::note;
use super::{keys, lab as labs, plan};
use crate::host::entropy;
use crate::lab::check::Verdict;
use crate::lab::expression::{Expression, parse};
use crate::lab::facts::find;
use crate::lab::parse::{Predict, Run, What};
use crate::lab::run::{RunError, Runner};
use crate::lab::session::Session;
use crate::lab::{Lab, Record, Value};
use crate::model::Flow;
use crate::narrate::tour::{self, Act, Ask, Line, Moment};
use crate::narrate::{Ink, Step, quiz};
use anyhow::Context;
use clap::ValueEnum;
use serde_json::Value as Json;
use std::io::{self, Write};
use std::rc::Rc;

/// Goes through the moments, each run on a fresh network.
pub(crate) fn run(args: &TourArgs) -> anyhow::Result<Answer> {
    let place = &args.place;
    let seed = place.seed.unwrap_or_else(entropy::seed);
    let runner = Runner {
        program: std::env::current_exe().context("layerlab does not find itself")?,
        backend: place.backend.to_possible_value().map(|value| value.get_name().to_owned()),
        private: true,
        seed: Some(seed),
        meanwhile: if args.quiet { None } else { labs::listener() },
    };
    let color = plan::plain_style(args.look, ModelArg::Both, false).color;
    let wait = args.step.then(|| keys::step(keys::STOPS));
    let mut trailer = Trailer { args, color, runner, seed, runs: 0, frames: 0, wait };
    let any_place = place.net == NetArg::Auto && place.backend == BackendArg::Auto;
    if place.net != NetArg::Loopback {
        match trailer.through(&tour::MOMENTS, true) {
            Err(error) if any_place && trailer.runs == 0 && error.is::<Cannot>() => {
                note(&format!("no private network here, so this runs on loopback: {error}"))?;
            }
            went => return went,
        }
    } else if place.backend != BackendArg::Auto {
        let why = "--backend needs the private network: leave out --net loopback";
        return Err(Usage(why.to_owned()).into());
    }
    trailer.through(&tour::ON_LOOPBACK, false)
}

struct Trailer<'a> {
    args: &'a TourArgs,
    color: bool,
    runner: Runner,
    seed: u64,
    /// How many runs there were.
    runs: usize,
    /// How many frames crossed their wires.
    frames: u64,
    wait: Option<Step>,
}

impl Trailer<'_> {
    fn through(&mut self, moments: &[Moment], private: bool) -> anyhow::Result<Answer> {
        for (nth, moment) in (1..).zip(moments) {
            let (lab, _) = labs::open(&moment.lab.to_string())?;
            let mut session = Session::new(&lab, None);
            let title = Ink::Bold.paint(self.color, &tour::title(nth, moments.len(), &lab.title));
            let mut before = format!("\n{title}\n{}\n", tour::place(lab.number, &lab.layers));
            if self.runs == 0 {
                before.insert_str(0, &tour::opening(private));
            }
            for act in moment.acts {
                if !self.act(&mut session, act, &before)? {
                    return Ok(Answer::Yes);
                }
                "\n".clone_into(&mut before);
            }
            self.say(&tour::more(moment.lab))?;
            if nth < moments.len() && !self.go_on()? {
                return Ok(Answer::Yes);
            }
        }
        self.say(&tour::closing(self.runs, self.frames, self.seed))?;
        Ok(Answer::Yes)
    }

    /// A question, its run and its answer; whether to go on.
    fn act<'l>(&mut self, session: &mut Session<'l>, act: &'l Act, before: &str) -> anyhow::Result<bool> {
        let question = Question::of(session, act)?;
        // Where the first run is not possible nothing has been said of it.
        let first = if self.runs == 0 { Some(self.make(&question)?) } else { None };
        self.say(&format!("{before}{}", question.asked()))?;
        if !self.go_on()? {
            return Ok(false);
        }
        self.say(&format!("\n{}", quiz::command("$ ", &question.command)))?;
        let record = first.map_or_else(|| self.make(&question), Ok)?;
        self.runs += 1;
        let frames = record.outcome["frames"].as_object().into_iter().flatten();
        self.frames += frames.filter_map(|(_, count)| count.as_u64()).sum::<u64>();
        let told = question.told(session, record)?;
        self.say(&told)?;
        Ok(true)
    }

    /// Makes a run. Its JSON lines are written where they were asked for.
    fn make(&self, question: &Question<'_>) -> anyhow::Result<Record> {
        let record = self.runner.run(&question.words, false, None).map_err(|error| match error {
            RunError::MachineCannot { said } => Cannot(said).into(),
            error => anyhow::Error::from(error),
        })?;
        if self.args.json {
            let mut out = io::stdout().lock();
            let lines = record.lines.iter().map(|line| &**line);
            for line in [&record.run].into_iter().chain(lines).chain([&record.outcome]) {
                writeln!(out, "{line}")?;
            }
        }
        Ok(record)
    }

    /// Waits for a key, where that was asked for; whether to go on.
    fn go_on(&mut self) -> io::Result<bool> {
        self.wait.as_mut().map_or(Ok(true), |wait| Ok(wait()? == Flow::Continue))
    }

    fn say(&self, text: &str) -> io::Result<()> {
        if self.args.quiet || self.args.json {
            return Ok(());
        }
        io::stdout().lock().write_all(text.as_bytes())
    }
}

/// A question, and the run that answers it.
struct Question<'a> {
    act: &'a Act,
    /// The lab's own: it, its run, and where that stands in the lab.
    of_lab: Option<(&'a Predict, &'a Run, usize)>,
    command: String,
    words: Vec<String>,
}

impl<'a> Question<'a> {
    fn of(session: &Session<'a>, act: &'a Act) -> anyhow::Result<Question<'a>> {
        let id = match act.ask {
            Ask::OfLab(id) => id,
            Ask::Own { command, .. } => {
                let words = command.split(' ').map(str::to_owned).collect();
                return Ok(Question { act, of_lab: None, command: format!("layerlab {command}"), words });
            }
        };
        let lab: &Lab = session.lab;
        let predict = lab.questions().find(|predict| predict.id == id);
        let mut runs = lab.parts.iter().enumerate().filter_map(|(nth, part)| match &part.what {
            What::Run(run) => Some((run, nth)),
            _ => None,
        });
        let (predict, (run, nth)) = predict
            .zip(runs.nth(session.seeds.len()))
            .with_context(|| format!("lab {} has no question {id}", lab.number))?;
        let words = session.words(run);
        Ok(Question { act, of_lab: Some((predict, run, nth)), command: run.command.clone(), words })
    }

    fn asked(&self) -> String {
        match (&self.of_lab, self.act.ask) {
            (Some((predict, ..)), _) => labs::question(predict),
            (None, Ask::Own { ask, .. }) => quiz::question(ask, &[]),
            (None, Ask::OfLab(_)) => String::new(),
        }
    }

    /// The lines that answer, and the answer; where a fact of the lab does not hold, that in the place of what there is to
    /// say.
    fn told(&self, session: &mut Session<'a>, record: Record) -> anyhow::Result<String> {
        let (observed, failed) = match self.of_lab {
            Some((predict, run, nth)) => {
                session.predicted(predict, None);
                session.ran(run, record);
                let mut failed = String::new();
                for statements in session.lab.checks(nth) {
                    let wrong = session.check(statements).iter().filter(|c| c.verdict == Verdict::Fails);
                    failed.extend(wrong.map(labs::told));
                }
                let answered = session.reveal().into_iter().find(|answered| answered.id == predict.id);
                (answered.map_or_else(|| "not seen".to_owned(), |answered| answered.observed), failed)
            }
            None => {
                session.observed(record);
                let Ask::Own { answer, .. } = self.act.ask else { return Ok(String::new()) };
                (value(session, answer)?.shown(), String::new())
            }
        };
        let shown = value(session, &format!("list(id, {})", self.act.show))?.numbers();
        let lines: Vec<Line<'_>> = in_order(&session.record().lines, &shown).into_iter().map(seen).collect();
        let says = if failed.is_empty() { filled(session, self.act.says)? } else { String::new() };
        Ok(tour::lines(&lines) + &tour::answer(&observed, &says) + &failed)
    }
}

/// The events that are shown, by their numbers. What became of a frame stands behind it, or behind what it carried: the cause
/// before the effect.
fn in_order<'a>(all: &'a [Rc<Json>], shown: &[f64]) -> Vec<&'a Json> {
    let carried = |line: &Json| matches!(line["what"].as_str(), Some("queue" | "websocket"));
    let is_shown = |line: &Json| line["id"].as_f64().is_some_and(|id| shown.contains(&id));
    let mut placed: Vec<((u64, u64), &Json)> = Vec::new();
    for line in all.iter().map(|line| &**line).filter(|line| is_shown(line)) {
        let id = line["id"].as_u64().unwrap_or_default();
        let frame = line["cause"].as_u64().filter(|_| line["what"] == "fate");
        let Some(frame) = frame else {
            placed.push(((id, 0), line));
            continue;
        };
        let its = |line: &&Rc<Json>| carried(line) && line["cause"].as_u64() == Some(frame) && is_shown(line);
        let last = all.iter().rev().find(its).and_then(|line| line["id"].as_u64());
        placed.push(((last.unwrap_or(id), 1), line));
        let own = all.iter().find(|line| line["id"].as_u64() == Some(frame));
        if let Some(own) = own.filter(|own| last.is_none() && !is_shown(own)) {
            placed.push(((id, 0), own));
        }
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, line)| line).collect()
}

/// An event as it is shown.
fn seen(line: &Json) -> Line<'_> {
    Line {
        at_ns: line["at_ns"].as_u64().unwrap_or_default(),
        osi: line["layer"]["osi"].as_str(),
        tcpip: line["layer"]["tcpip"].as_str(),
        host: line["place"].as_str().filter(|place| *place != "wire"),
        sentence: line["sentence"].as_str().unwrap_or_default(),
        note: line["notes"][0]["text"].as_str(),
    }
}

/// What an expression gives of the last run.
fn value(session: &Session<'_>, expression: &str) -> anyhow::Result<Value> {
    let expression: Expression = parse(expression).with_context(|| expression.to_owned())?;
    Ok(find(&expression, session.record(), session.lets()).value)
}

/// The text with what stands in braces worked out.
fn filled(session: &Session<'_>, text: &str) -> anyhow::Result<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, (expression, behind))) =
        rest.split_once('{').and_then(|(before, behind)| Some((before, behind.split_once('}')?)))
    {
        filled.push_str(before);
        filled.push_str(&value(session, expression)?.shown());
        rest = behind;
    }
    Ok(filled + rest)
}
