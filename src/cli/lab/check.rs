//! `layerlab lab check`: every claim of a lab, held against what crossed the wire.

use super::args::CheckArgs;
use super::{cannot, open, runner};
use crate::cli::exit::{Answer, Usage};
use crate::lab::check::{Checked, Verdict};
use crate::lab::parse::{Lab, Run, Statement, What};
use crate::lab::run::Runner;
use crate::lab::session::Session;
use crate::lab::{Record, answers};
use crate::narrate::quiz;
use std::io::{self, Write};
use std::path::PathBuf;

/// `layerlab lab check`.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Answer> {
    let (lab, _) = open(&args.lab)?;
    let mut session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    let runs = lab.runs().count();
    if !args.capture.is_empty() && args.capture.len() != runs {
        return Err(Usage(format!(
            "lab {} has {runs} runs, and {} captures were given: give --capture once for each",
            lab.number,
            args.capture.len()
        ))
        .into());
    }
    let mut captures = args.capture.iter();
    let mut out = io::stdout().lock();
    let mut broken = 0;
    if !args.json {
        writeln!(out, "Lab {}: {}", lab.number, lab.title)?;
    }
    for (nth, part) in lab.parts.iter().enumerate() {
        match &part.what {
            What::Run(run) => {
                let record = record(&session, run, &runner, captures.next())?;
                if !args.json {
                    let what = if record.captured { "a capture" } else { &*run.command };
                    writeln!(out, "\n{what}")?;
                    out.flush()?;
                }
                session.ran(run, record);
            }
            What::Check(statements) => {
                for checked in session.check(statements) {
                    if !args.json {
                        out.write_all(told(checked).as_bytes())?;
                    }
                }
            }
            What::Change(change) if args.changes && !change.breaks.is_empty() => {
                if !args.json {
                    writeln!(out, "\ninstead: {}", change.run.command)?;
                    out.flush()?;
                }
                let record = record(&session, &change.run, &runner, None)?;
                for checked in session.check_instead(&blocks(&lab, nth), &record) {
                    if !change.breaks.contains(&checked.id) {
                        continue;
                    }
                    let holds = checked.verdict == Verdict::Holds;
                    broken += usize::from(holds);
                    if !args.json {
                        out.write_all(quiz::changed(holds, &checked.id, &checked.seen).as_bytes())?;
                    }
                }
            }
            What::Change(_) | What::Prose(_) | What::Predict(_) => {}
        }
    }
    if args.json {
        writeln!(out, "{}", answers::json(&session))?;
    } else {
        out.write_all(quiz::tally(&session.checked.iter().map(verdict).collect::<Vec<_>>()).as_bytes())?;
        if broken > 0 {
            writeln!(
                out,
                "{broken} facts hold where a change should have broken them: they check too little"
            )?;
        }
    }
    Ok(if session.passed() && broken == 0 { Answer::Yes } else { Answer::No })
}

fn record(
    session: &Session<'_>,
    run: &Run,
    runner: &Runner,
    capture: Option<&PathBuf>,
) -> anyhow::Result<Record> {
    let record = match capture {
        Some(capture) => runner.dissect(&capture.to_string_lossy()),
        None => runner.run(&session.words(run), run.text),
    };
    record.map_err(cannot)
}

/// The blocks that check the run above this part.
fn blocks(lab: &Lab, change: usize) -> Vec<&[Statement]> {
    let before = &lab.parts[..change];
    let run = before.iter().rposition(|part| matches!(part.what, What::Run(_))).unwrap_or(0);
    let after = lab.parts[run + 1..].iter().take_while(|part| !matches!(part.what, What::Run(_)));
    after
        .filter_map(|part| match &part.what {
            What::Check(statements) => Some(&**statements),
            _ => None,
        })
        .collect()
}

pub(super) fn verdict(checked: &Checked) -> quiz::Verdict {
    match checked.verdict {
        Verdict::Holds => quiz::Verdict::Holds,
        Verdict::Fails => quiz::Verdict::Fails,
        Verdict::NotInCapture => quiz::Verdict::NotInCapture,
    }
}

/// A fact in words, and of one that fails what was expected and seen.
pub(super) fn told(checked: &Checked) -> String {
    let words = if checked.words.is_empty() { &checked.expected } else { &checked.words };
    quiz::fact(verdict(checked), &checked.id, words, &checked.expected, &checked.seen, &checked.frames)
}
