//! Where what is known of a lab's run comes from: it is made here, or a recording of it is read.

use super::{can_end, cannot};
use crate::capture::Stamp;
use crate::cli::exit::Usage;
use crate::cli::real::plural;
use crate::lab::keep::{Keep, ending, is_lines, lines, name};
use crate::lab::parse::Run;
use crate::lab::recorded;
use crate::lab::run::{RunError, Runner};
use crate::lab::session::Session;
use crate::lab::{Lab, Record, shelf};
use anyhow::Context;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Octets of a kept run's lines at most.
const LINES_MAX: u64 = 16 << 20;

/// Where a run's record comes from.
pub(super) enum Source {
    /// It is run.
    Run,
    /// It is run and kept.
    Keep(Keep),
    /// A file stands in for it.
    Captured(PathBuf),
    /// The recording that the program carries does.
    Recorded,
    /// Nothing does.
    Nothing,
}

/// What is asked of all runs of a lab.
pub(super) enum Sources<'a> {
    Run,
    /// To be kept in this folder.
    Keep(&'a Path),
    /// From these files, or from those of a folder.
    Captured(&'a [PathBuf]),
    Recorded,
}

impl Sources<'_> {
    /// One for each run.
    pub(super) fn of(&self, lab: &Lab, student: Option<&str>) -> anyhow::Result<Vec<Source>> {
        let runs: Vec<(u32, &Run)> = (1..).zip(lab.runs()).collect();
        let each = |of: &dyn Fn(u32, &Run) -> Source| runs.iter().map(|(nth, run)| of(*nth, run)).collect();
        Ok(match self {
            Sources::Run => each(&|_, _| Source::Run),
            Sources::Keep(folder) => {
                fs::create_dir_all(folder)
                    .map_err(|error| Usage(format!("--keep {} cannot be made: {error}", folder.display())))?;
                // What somebody made is not written over.
                if let Some(old) = runs
                    .iter()
                    .find_map(|(nth, run)| file(lab, folder, *nth, run).filter(|file| file.exists()))
                {
                    let text = format!(
                        "{} is there already: name another directory, or take it away",
                        old.display()
                    );
                    return Err(Usage(text).into());
                }
                each(&|nth, run| match file(lab, folder, nth, run) {
                    Some(file) => Source::Keep(Keep {
                        file,
                        lab: lab.number,
                        run: nth,
                        student: student.map(str::to_owned),
                    }),
                    None => Source::Run,
                })
            }
            Sources::Captured([folder]) if folder.is_dir() => {
                are_there(
                    each(&|nth, run| match file(lab, folder, nth, run) {
                        // Packed, as the recordings of the course are, or as `--keep` left it.
                        Some(file) => match with_gz(&file) {
                            packed if packed.is_file() => Source::Captured(packed),
                            _ if file.is_file() || !is_lines(&file) => Source::Captured(file),
                            _ => Source::Nothing,
                        },
                        None => Source::Run,
                    }),
                    lab,
                )?
            }
            Sources::Captured(files) if files.len() == runs.len() => {
                are_there(files.iter().cloned().map(Source::Captured).collect(), lab)?
            }
            Sources::Captured(files) => {
                return Err(Usage(format!(
                    "lab {} has {}, and {} given: give --capture once for each, or a directory",
                    lab.number,
                    plural(runs.len() as u64, "run"),
                    if files.len() == 1 {
                        "1 capture was".to_owned()
                    } else {
                        format!("{} captures were", files.len())
                    },
                ))
                .into());
            }
            Sources::Recorded => {
                has_recording(lab)?;
                each(&|nth, run| match recorded::of(lab.number, nth as usize) {
                    Some(_) => Source::Recorded,
                    None if run.is_local() => Source::Run,
                    None => Source::Nothing,
                })
            }
        })
    }
}

/// Whether the program carries a recording of the lab: of a lab's runs one at least, unless none needs it.
pub(super) fn has_recording(lab: &Lab) -> Result<(), Usage> {
    let mut runs = (1..).zip(lab.runs());
    if lab.runs().all(Run::is_local) || runs.any(|(nth, _)| recorded::of(lab.number, nth).is_some()) {
        return Ok(());
    }
    let text = "layerlab carries recordings of the course alone. `layerlab lab check FILE --keep DIR` makes some \
                where it can be run, and `--capture DIR` checks them elsewhere";
    Err(Usage(format!("no recording of {}: {text}", lab.file)))
}

/// The files that were named, or were to be in a folder, are there.
fn are_there(sources: Vec<Source>, lab: &Lab) -> Result<Vec<Source>, Usage> {
    let missing = |source: &Source| match source {
        Source::Captured(file) if !file.exists() => Some(file.clone()),
        _ => None,
    };
    let carried = shelf::LABS.iter().any(|(file, _)| *file == lab.file);
    for source in &sources {
        if let Source::Captured(file) = source {
            can_end(file)?;
        }
    }
    match sources.iter().find_map(missing) {
        None => Ok(sources),
        Some(file) => Err(Usage(format!(
            "{} is not there: `layerlab lab check {} --keep DIR` makes what --capture takes",
            file.display(),
            if carried { lab.number.to_string() } else { lab.file.clone() }
        ))),
    }
}

/// A run's file below a folder, where it is kept at all.
fn file(lab: &Lab, folder: &Path, nth: u32, run: &Run) -> Option<PathBuf> {
    ending(run).map(|ending| folder.join(name(lab.number, nth, ending)))
}

fn with_gz(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".gz");
    file.with_file_name(name)
}

impl Source {
    /// Whether it was made elsewhere or earlier.
    pub(super) fn is_recording(&self) -> bool {
        matches!(self, Source::Captured(_) | Source::Recorded)
    }

    /// What is known of a lab's run, 1 the first.
    pub(super) fn record(
        &self,
        session: &Session<'_>,
        run: &Run,
        nth: usize,
        runner: &Runner,
    ) -> anyhow::Result<Record> {
        let words = session.words(run);
        let record = match self {
            Source::Run => runner.run(&words, run.text, None),
            Source::Keep(keep) => runner.run(&words, run.text, Some(keep)),
            Source::Captured(file) if is_lines(file) => {
                let mut octets = Vec::new();
                let printed = File::open(file)
                    .and_then(|file| file.take(LINES_MAX).read_to_end(&mut octets))
                    .and_then(|_| lines(&octets))
                    .map_err(|error| Usage(format!("{} cannot be read: {error}", file.display())))?;
                if !printed.ends_with('\n') {
                    let text = format!("{} ends in the middle of a line: its end is missing", file.display());
                    return Err(Usage(text).into());
                }
                Ok(Record::kept(&printed))
            }
            Source::Captured(file) => runner.dissect(file),
            Source::Recorded => return recording(session.lab.number, run, nth, runner),
            Source::Nothing => Ok(Record::absent()),
        };
        let record = record.map_err(|error| match error {
            // What only the command itself can tell is told with its line too.
            RunError::Usage { .. } => Usage(format!("{}:{}: {error}", session.lab.file, run.line)).into(),
            error => cannot(error),
        })?;
        if let (Source::Captured(file), Some(stamp)) = (self, &record.stamp) {
            is_this(file, stamp, session, nth)?;
        }
        Ok(record)
    }
}

/// A capture that says of which run it is, and whose, is of this one.
fn is_this(file: &Path, stamp: &Stamp, session: &Session<'_>, nth: usize) -> Result<(), Usage> {
    let (file, lab) = (file.display(), session.lab.number);
    if (stamp.lab, stamp.run as usize) != (lab, nth) {
        let (of_lab, of_run) = (stamp.lab, stamp.run);
        return Err(Usage(format!(
            "{file} is of run {of_run} of lab {of_lab}, and not of run {nth} of lab {lab}"
        )));
    }
    let student = session.student.as_ref().map(|student| &student.id);
    match &stamp.student {
        whose if whose.as_ref() == student => Ok(()),
        Some(whose) => {
            Err(Usage(format!("{file} is {whose}'s, who has numbers of their own: add --student {whose}")))
        }
        None => Err(Usage(format!("{file} was made without --student: leave it out here too"))),
    }
}

fn recording(lab: u32, run: &Run, nth: usize, runner: &Runner) -> anyhow::Result<Record> {
    let Some((name, octets)) = recorded::of(lab, nth) else { return Ok(Record::absent()) };
    let record = if is_lines(Path::new(name)) {
        Record::kept(&lines(octets).with_context(|| format!("the recording {name} cannot be read"))?)
    } else {
        runner.dissect_octets(octets).map_err(cannot)?
    };
    if !recorded::is_of(run, &record) {
        let text =
            format!("the recording {name} is of another command than `{}`: run the lab instead", run.command);
        return Err(Usage(text).into());
    }
    Ok(record)
}
