//! `layerlab lab run`: a lab in the order of its file, with predictions first.

use super::args::RunLabArgs;
use super::{cannot, check, open, runner, show};
use crate::cli::exit::{Answer, Usage};
use crate::lab::parse::{Predict, What};
use crate::lab::quiz as questions;
use crate::lab::run::Runner;
use crate::lab::session::Session;
use crate::lab::{Part, Record, answers};
use crate::narrate::quiz;
use anyhow::Context;
use std::fs;
use std::io::{self, BufRead, Write};

/// How often a prediction that is no answer may be put right.
const TRIES: usize = 5;

/// `layerlab lab run`.
pub(crate) fn run(args: &RunLabArgs) -> anyhow::Result<Answer> {
    let (lab, _) = open(&args.lab)?;
    let mut session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    let mut out = io::stdout().lock();
    writeln!(out, "Lab {}, {} minutes. Layers: {}\n", lab.number, lab.minutes, lab.layers)?;
    for (nth, part) in lab.parts.iter().enumerate() {
        if let What::Predict(predict) = &part.what {
            let predicted = if args.quiz { Some(ask(&mut out, predict)?) } else { None };
            if !args.quiz {
                out.write_all(show::question(predict).as_bytes())?;
            }
            session.predicted(predict, predicted);
            continue;
        }
        step(&mut out, part, &mut session, &runner, args.teacher)?;
        // What was predicted stands beside what was seen before anything explains it.
        let last_check = matches!(part.what, What::Check(_))
            && !lab.parts.get(nth + 1).is_some_and(|next| matches!(next.what, What::Check(_)));
        if last_check {
            for answered in session.reveal() {
                let told = quiz::Told {
                    ask: &answered.ask,
                    predicted: answered.predicted.as_deref(),
                    observed: &answered.observed,
                    right: answered.right,
                    often: answered.often.as_deref(),
                    frames: &answered.frames,
                };
                out.write_all(quiz::result(&told).as_bytes())?;
            }
        }
    }
    if let Some(file) = &args.answers {
        fs::write(file, format!("{:#}\n", answers::json(&session)))
            .with_context(|| format!("the answers cannot be written to {}", file.display()))?;
    }
    let verdicts: Vec<_> = session.checked.iter().map(check::verdict).collect();
    out.write_all(quiz::tally(&verdicts).as_bytes())?;
    Ok(if session.passed() { Answer::Yes } else { Answer::No })
}

/// A prediction: committed before anything is shown.
fn ask(out: &mut dyn Write, predict: &Predict) -> anyhow::Result<String> {
    out.write_all(show::question(predict).as_bytes())?;
    for _ in 0..TRIES {
        write!(out, "you:     ")?;
        out.flush()?;
        let mut typed = String::new();
        if io::stdin().lock().read_line(&mut typed)? == 0 {
            break;
        }
        match questions::read(predict, &typed) {
            Ok(answer) => return Ok(answer),
            Err(error) => writeln!(out, "         {error}")?,
        }
    }
    Err(Usage("a prediction is asked for first: type one, or leave out --quiz".to_owned()).into())
}

fn step(
    out: &mut dyn Write,
    part: &Part,
    session: &mut Session<'_>,
    runner: &Runner,
    teacher: bool,
) -> anyhow::Result<()> {
    match &part.what {
        What::Run(run) => {
            let words = session.words(run);
            writeln!(out, "$ layerlab {}\n", shell(&words))?;
            out.flush()?;
            let record = runner.run(&words, run.text).map_err(cannot)?;
            tell(out, &record)?;
            session.ran(run, record);
        }
        What::Check(statements) => {
            writeln!(out)?;
            for checked in session.check(statements) {
                let text = check::told(checked);
                out.write_all(text.as_bytes())?;
                if teacher {
                    writeln!(out, "      {}\n      seen: {}", checked.expected, checked.seen)?;
                }
            }
        }
        _ => out.write_all(show::seen(part).as_bytes())?,
    }
    Ok(())
}

/// The words as a shell takes them.
fn shell(words: &[String]) -> String {
    let plain = |word: &String| {
        let bare = |c: char| c.is_ascii_alphanumeric() || "-_.:,/=%+".contains(c);
        if !word.is_empty() && word.chars().all(bare) { word.clone() } else { format!("'{word}'") }
    };
    words.iter().map(plain).collect::<Vec<_>>().join(" ")
}

/// What happened, a line an event: what a call gave, and what crossed the wire.
fn tell(out: &mut dyn Write, record: &Record) -> anyhow::Result<()> {
    for line in &record.lines {
        let dropped = line["fate"] == "dropped";
        let shown = match line["what"].as_str() {
            Some("called") => false,
            Some("fate") => dropped,
            _ => true,
        };
        if let Some(sentence) = line["sentence"].as_str().or(line["text"].as_str()).filter(|_| shown) {
            let at = line["at_ns"].as_u64();
            out.write_all(quiz::event(at, sentence).as_bytes())?;
        }
    }
    Ok(())
}
