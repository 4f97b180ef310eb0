//! `layerlab lab check`: every claim of a lab, held against what crossed the wire.

use super::args::CheckArgs;
use super::source::{Source, Sources, has_recording};
use super::{open, runner};
use crate::cli::exit::{Answer, Cannot, Usage};
use crate::lab::check::{Checked, Verdict};
use crate::lab::parse::{Lab, What};
use crate::lab::session::Session;
use crate::lab::student::{Student, personal};
use crate::lab::{answers, recorded, shelf};
use crate::narrate::quiz;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Instant;

/// `layerlab lab check`.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<Answer> {
    match &args.labs[..] {
        [one] => {
            let (lab, _) = open(one)?;
            let mut out = io::stdout().lock();
            begin(args, &[&lab], &mut out)?;
            let found = check(args, &lab, &mut out)?;
            if args.json {
                writeln!(out, "{}", found.json)?;
            } else {
                out.write_all(quiz::tally(&found.verdicts, found.unclear).as_bytes())?;
                out.write_all(found.below().as_bytes())?;
            }
            Ok(if found.passed() { Answer::Yes } else { Answer::No })
        }
        several => all(args, several),
    }
}

/// A row a lab, as soon as it is known; below it what stands against it.
fn all(args: &CheckArgs, labs: &[String]) -> anyhow::Result<Answer> {
    let labs: Vec<Lab> = if labs.is_empty() {
        shelf::LABS.iter().map(|(file, text)| Lab::parse(file, text)).collect::<Result<_, _>>()?
    } else {
        labs.iter().map(|lab| Ok(open(lab)?.0)).collect::<anyhow::Result<_>>()?
    };
    if let [first, more @ ..] = &args.capture[..]
        && !(more.is_empty() && first.is_dir())
    {
        let text = format!(
            "captures of one lab at a time: name it, or give a directory in the place of {}",
            first.display()
        );
        return Err(Usage(text).into());
    }
    let mut out = io::stdout().lock();
    begin(args, &labs.iter().collect::<Vec<_>>(), &mut out)?;
    let began = Instant::now();
    let (mut hold, mut unclear, mut failed, mut cannot) = (0, 0, 0, None);
    for lab in &labs {
        if !args.json {
            write!(out, "{}", quiz::row_begins(lab.number, &lab.title))?;
            out.flush()?;
        }
        let (start, mut told) = (Instant::now(), Vec::new());
        match check(args, lab, &mut told) {
            Ok(found) => {
                let well = found.passed();
                hold += usize::from(found.hold);
                unclear += usize::from(found.unclear > 0);
                failed += usize::from(!well);
                if args.json {
                    writeln!(out, "{}", found.json)?;
                } else {
                    out.write_all(
                        quiz::row_ends(&found.verdicts, found.unclear, well, start.elapsed()).as_bytes(),
                    )?;
                    if !well {
                        out.write_all(&told)?;
                    }
                    out.write_all(found.below().as_bytes())?;
                }
            }
            Err(error) if error.is::<Cannot>() => {
                if !args.json {
                    out.write_all(quiz::row_cannot().as_bytes())?;
                }
                cannot = Some(error);
            }
            Err(error) => {
                // The row that was begun ends before the reason is given.
                if !args.json {
                    writeln!(out)?;
                }
                return Err(error.context(format!("lab {}", lab.number)));
            }
        }
    }
    if !args.json {
        out.write_all(quiz::rows_end(hold, unclear, labs.len(), began.elapsed()).as_bytes())?;
    }
    match cannot {
        _ if failed > 0 => Ok(Answer::No),
        Some(error) => Err(error),
        None => Ok(Answer::Yes),
    }
}

/// Says that nothing is run, where a recording is there to be shown.
fn begin(args: &CheckArgs, labs: &[&Lab], out: &mut dyn Write) -> anyhow::Result<()> {
    if args.recorded {
        labs.iter().try_for_each(|lab| has_recording(lab))?;
        if !args.json {
            out.write_all(quiz::recorded().as_bytes())?;
        }
    }
    Ok(())
}

/// What was found of a lab.
struct Found {
    verdicts: Vec<quiz::Verdict>,
    /// How often a change should have broken a fact, where the changes were run.
    asked: usize,
    /// Facts that hold all the same.
    unbroken: usize,
    /// Facts that none of the changes broke, where these were run.
    never_broken: Vec<String>,
    /// Whether no fact fails, and one holds.
    hold: bool,
    /// Questions that have no one answer.
    unclear: usize,
    json: Value,
}

impl Found {
    fn passed(&self) -> bool {
        self.hold && self.unclear == 0 && self.unbroken == 0
    }

    /// What stands below the facts.
    fn below(&self) -> String {
        let never: Vec<&str> = self.never_broken.iter().map(String::as_str).collect();
        quiz::changes(self.asked, self.unbroken) + &quiz::never_broken(&never)
    }
}

/// Checks a lab, and tells its facts one by one.
fn check(args: &CheckArgs, lab: &Lab, out: &mut dyn Write) -> anyhow::Result<Found> {
    let student = args.place.student.as_deref();
    let own = student.map(|id| personal(lab, &Student::new(id, lab.number)));
    let lab = own.as_ref().unwrap_or(lab);
    let mut session = Session::new(lab, student);
    let runner = runner(lab, &args.place, session.student.as_ref())?;
    let sources = match (&args.keep, &args.capture[..]) {
        _ if args.recorded => Sources::Recorded,
        (Some(folder), _) => Sources::Keep(folder),
        (None, []) => Sources::Run,
        (None, files) => Sources::Captured(files),
    };
    let mut sources = (1..).zip(sources.of(lab, args.place.student.as_deref())?);
    let (mut asked, mut unbroken, mut broken) = (0, 0, BTreeSet::new());
    if !args.json && args.labs.len() == 1 {
        writeln!(out, "Lab {}: {}", lab.number, lab.title)?;
    }
    for (nth, part) in lab.parts.iter().enumerate() {
        match &part.what {
            What::Run(run) => {
                let (number, source) = sources.next().unwrap_or((0, Source::Run));
                let mut head = |before: &str, command: &str| {
                    if args.json {
                        Ok(())
                    } else {
                        write!(out, "\n{}", quiz::command(before, command)).and_then(|()| out.flush())
                    }
                };
                if !source.is_recording() {
                    head("", &run.command)?;
                }
                let record = source.record(&session, run, number, &runner)?;
                if source.is_recording() {
                    // It says itself what was typed.
                    head("recorded: ", &recorded::typed(&record).unwrap_or_else(|| run.command.clone()))?;
                }
                session.ran(run, record);
            }
            What::Check(statements) => {
                for checked in session.check(statements) {
                    if !args.json {
                        out.write_all(told(checked).as_bytes())?;
                    }
                }
                if lab.ends_checks(nth) {
                    session.reveal();
                }
            }
            What::Predict(predict) => session.predicted(predict, None),
            What::Change(change) if args.changes && !change.breaks.is_empty() => {
                if !args.json {
                    write!(out, "\n{}", quiz::command("instead: ", &change.run.command))?;
                    out.flush()?;
                }
                let record = Source::Run.record(&session, &change.run, 0, &runner)?;
                for checked in session.check_instead(&lab.checks(nth), &record) {
                    if checked.verdict == Verdict::Fails {
                        broken.insert(checked.id.clone());
                    }
                    if !change.breaks.contains(&checked.id) {
                        continue;
                    }
                    let holds = checked.verdict == Verdict::Holds;
                    asked += 1;
                    unbroken += usize::from(holds);
                    if !args.json {
                        out.write_all(quiz::changed(holds, words(&checked), &failed(&checked)).as_bytes())?;
                    }
                }
            }
            What::Change(change) if args.changes && !args.json => {
                out.write_all(quiz::not_run(&change.run.command).as_bytes())?;
            }
            What::Change(_) | What::Prose(_) => {}
        }
    }
    let unclear = session.unclear();
    if !args.json {
        for (id, observed) in &unclear {
            write!(out, "\n{}", quiz::unclear(id, observed))?;
        }
    }
    let never = session.checked.iter().map(|checked| &checked.id).filter(|id| !broken.contains(*id));
    let mut json = answers::json(&session, &[]);
    json["pass"] = (json["pass"] == true && unclear.is_empty() && unbroken == 0).into();
    Ok(Found {
        verdicts: session.checked.iter().map(verdict).collect(),
        asked,
        unbroken,
        never_broken: never.filter(|_| args.changes).cloned().collect(),
        hold: session.passed(),
        unclear: unclear.len(),
        json,
    })
}

pub(super) fn verdict(checked: &Checked) -> quiz::Verdict {
    match checked.verdict {
        Verdict::Holds => quiz::Verdict::Holds,
        Verdict::Fails => quiz::Verdict::Fails,
        Verdict::NotInCapture => quiz::Verdict::NotInCapture,
    }
}

/// A fact in words, and of one that fails what was expected and seen.
pub(in crate::cli) fn told(checked: &Checked) -> String {
    quiz::fact(verdict(checked), words(checked), &failed(checked))
}

fn words(checked: &Checked) -> &str {
    if checked.words.is_empty() { &checked.expected } else { &checked.words }
}

/// What there is to say of a fact that fails.
fn failed(checked: &Checked) -> quiz::Failed<'_> {
    let Checked { id, expected, seen, frames, absent, .. } = checked;
    quiz::Failed { id, expected, seen, frames, absent }
}
