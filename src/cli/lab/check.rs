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
use anyhow::Context;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `layerlab lab check`.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Answer> {
    let (lab, _) = open(&args.lab)?;
    let mut session = Session::new(&lab, args.place.student.as_deref());
    let runner = runner(&lab, &args.place, session.student.as_ref())?;
    let mut sources = sources(args, &lab)?.into_iter();
    let mut out = io::stdout().lock();
    let mut broken = 0;
    if !args.json {
        writeln!(out, "Lab {}: {}", lab.number, lab.title)?;
    }
    for (nth, part) in lab.parts.iter().enumerate() {
        match &part.what {
            What::Run(run) => {
                let source = sources.next().unwrap_or(Source::Run);
                let record = record(&session, run, &runner, &source)?;
                if !args.json {
                    writeln!(out, "\n{}", run.command)?;
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
                let record = record(&session, &change.run, &runner, &Source::Run)?;
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
        writeln!(out, "{}", answers::json(&session, &[]))?;
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

/// Where a run's record comes from.
enum Source {
    /// It is run.
    Run,
    /// It is run, and its capture kept.
    Keep(PathBuf),
    /// A capture stands in for it.
    Capture(PathBuf),
    /// Nothing does.
    Nothing,
}

/// One for each run.
fn sources(args: &CheckArgs, lab: &Lab) -> anyhow::Result<Vec<Source>> {
    let named = |folder: &Path, nth: usize| folder.join(format!("{:02}-{nth}.pcapng", lab.number));
    let all: Vec<&Run> = lab.runs().collect();
    if let Some(folder) = &args.keep {
        fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let of = |(nth, run): (usize, &&Run)| {
            if run.can_be_kept() { Source::Keep(named(folder, nth)) } else { Source::Run }
        };
        return Ok((1..).zip(&all).map(of).collect());
    }
    match &args.capture[..] {
        [] => Ok(Vec::new()),
        [folder] if folder.is_dir() => {
            let of = |(nth, run): (usize, &&Run)| match run.can_be_kept() {
                true => Source::Capture(named(folder, nth)),
                false if run.is_local() => Source::Run,
                false => Source::Nothing,
            };
            Ok((1..).zip(&all).map(of).collect())
        }
        files if files.len() == all.len() => Ok(files.iter().cloned().map(Source::Capture).collect()),
        files => Err(Usage(format!(
            "lab {} has {} runs, and {} captures were given: give --capture once for each, or a directory",
            lab.number,
            all.len(),
            files.len()
        ))
        .into()),
    }
}

fn record(session: &Session<'_>, run: &Run, runner: &Runner, source: &Source) -> anyhow::Result<Record> {
    let words = session.words(run);
    let record = match source {
        Source::Run => runner.run(&words, run.text, None),
        Source::Keep(file) => runner.run(&words, run.text, Some(file)),
        Source::Capture(file) => runner.dissect(file),
        Source::Nothing => Ok(Record::absent()),
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
