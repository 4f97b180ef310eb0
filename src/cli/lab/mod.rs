//! `layerlab lab ...`: the course.

mod answers;
mod args;
mod check;
mod commands;
mod grade;
mod meanwhile;
mod play;
mod show;
mod source;
mod worksheet;

use super::exit::{Answer, Cannot, Usage};
use crate::lab::parse::Needs;
use crate::lab::run::{RunError, Runner};
use crate::lab::student::{Student, personal};
use crate::lab::{Lab, shelf};
use anyhow::Context;
pub(crate) use args::LabCommand;
use args::PlaceOfLab;
pub(super) use check::told;
pub(crate) use meanwhile::listener;
pub(crate) use show::question;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// `layerlab lab`.
pub(crate) fn lab(command: &LabCommand) -> anyhow::Result<Answer> {
    match command {
        LabCommand::List(args) => show::list(args),
        LabCommand::Show(args) => show::show(args),
        LabCommand::Run(args) => play::run(args),
        LabCommand::Check(args) => check::run(args),
        LabCommand::Worksheet(args) => worksheet::run(args),
        LabCommand::Grade(args) => grade::run(args),
    }
}

/// Octets of a lab's file at most.
const FILE_MAX: u64 = 1 << 20;

/// The lab that is meant: a number of the course, or a file.
pub(crate) fn open(which: &str) -> anyhow::Result<(Lab, String)> {
    let carried = which.parse::<u32>().ok().map(|number| {
        let begin = format!("labs/{number:02}-");
        shelf::LABS.iter().find(|(file, _)| file.starts_with(&begin)).ok_or_else(|| {
            Usage(format!("there is no lab {number}: `layerlab lab list` names those that there are"))
        })
    });
    let is_own = carried.is_none();
    let (file, text) = match carried {
        Some(found) => found.map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))?,
        None => {
            can_end(Path::new(which))?;
            let mut octets = Vec::new();
            let read = File::open(which).and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut octets));
            let unread =
                |error| Usage(format!("{which} is no lab's number, and no file that can be read: {error}"));
            if read.map_err(unread)? as u64 > FILE_MAX {
                return Err(
                    Usage(format!("{which} is longer than any lab: {FILE_MAX} octets at most")).into()
                );
            }
            (which.to_owned(), utf8(which, octets)?)
        }
    };
    let lab = Lab::parse(&file, &text).map_err(|error| Usage(error.to_string()))?;
    // Those of the course are held to it by a test, and need not be looked at each time.
    if is_own {
        commands::check(&lab).map_err(|error| Usage(error.to_string()))?;
    }
    Ok((lab, text))
}

/// What is no file, such as a pipe with a name, might be waited for without end. One of a shell's own (`<(...)`) has
/// somebody who writes it.
fn can_end(file: &Path) -> Result<(), Usage> {
    let is_ours = file.starts_with("/dev/fd") || file == Path::new("/dev/stdin");
    if is_ours || file.is_dir() || file.is_file() || !file.exists() {
        return Ok(());
    }
    Err(Usage(format!("{} is a pipe or a device, and no file: name a file", file.display())))
}

fn utf8(file: &str, octets: Vec<u8>) -> Result<String, Usage> {
    String::from_utf8(octets).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|octet| **octet == b'\n').count();
        Usage(format!("{file}:{line}: a character here is not in UTF-8: save the file in UTF-8"))
    })
}

/// The lab that is meant, with this student's own parameters in it.
fn open_for(which: &str, student: Option<&str>) -> anyhow::Result<Lab> {
    let (lab, _) = open(which)?;
    Ok(match student {
        Some(id) => personal(&lab, &Student::new(id, lab.number)),
        None => lab,
    })
}

fn runner(lab: &Lab, place: &PlaceOfLab, student: Option<&Student>) -> anyhow::Result<Runner> {
    Ok(Runner {
        program: std::env::current_exe().context("layerlab does not find itself")?,
        backend: place.backend.clone(),
        private: lab.needs == Needs::PrivateNetwork,
        seed: place.seed.or_else(|| student.map(Student::seed)),
        meanwhile: meanwhile::listener(),
    })
}

/// What a command that did not run means for who typed `lab`.
fn cannot(error: RunError) -> anyhow::Error {
    match error {
        RunError::MachineCannot { said } => Cannot(format!(
            "{said}\nWithout a private network, `layerlab lab run N --recorded` shows what was recorded on\n\
                 another machine, and `layerlab lab check N --recorded` checks it."
        ))
        .into(),
        // The lab's file is wrong, or the capture that was given, not the network.
        error @ (RunError::Usage { .. } | RunError::Capture { .. } | RunError::TooMuch { .. }) => {
            Usage(error.to_string()).into()
        }
        error => error.into(),
    }
}
