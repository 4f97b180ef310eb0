//! The answers file of `lab run`: kept from the first prediction on, and gone on with where it was left.

use super::args::RunLabArgs;
use super::grade::is_capture;
use crate::cli::exit::Usage;
use crate::lab::answers;
use crate::lab::session::Session;
use anyhow::Context;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Octets of an answers file at the most; one that layerlab wrote has some ten thousand.
const ANSWERS_MAX: u64 = 4 << 20;

/// What stands in an answers file.
pub(super) fn text(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    File::open(file)
        .and_then(|file| file.take(ANSWERS_MAX).read_to_string(&mut text))
        .with_context(|| format!("the answers {} cannot be read", file.display()))?;
    Ok(text)
}

/// Takes the file for this lab's answers: a new one, or one that was left in the middle. Whatever else is there is not
/// written over.
pub(super) fn begin(args: &RunLabArgs, session: &mut Session<'_>) -> anyhow::Result<()> {
    let Some(file) = &args.answers else { return Ok(()) };
    let name = file.display();
    let is_left = file.metadata().is_ok_and(|found| found.len() > 0);
    if is_left {
        let text = text(file).map_err(|error| Usage(format!("{error:#}")))?;
        let student = args.place.student.as_deref();
        let said =
            answers::said(&text, session.lab, student).map_err(|error| Usage(format!("{name} {error}")))?;
        if !args.quiz && !said.predicted.is_empty() {
            let text = "has the predictions of a quiz: add --quiz to go on with it, or name another file";
            return Err(Usage(format!("{name} {text}")).into());
        }
        session.resume(said);
    }
    // What a lab that was left has kept of its runs is made again, and so is what a run that was ended kept.
    let is_own = |capture: &Path| is_left && matches!(is_capture(capture), Ok(true));
    let is_taken = |capture: &PathBuf| capture.exists() && !is_own(capture);
    if let Some(taken) = (1..=session.lab.runs().count()).map(|nth| beside(file, nth)).find(is_taken) {
        let text = "is there already, and is where a run would be kept: name another file, or take it away";
        return Err(Usage(format!("{} {text}", taken.display())).into());
    }
    // Before anybody has thought of an answer it is clear that it can be kept.
    keep(args, session, &[])
}

/// Keeps the answers so far: who stops in the middle has lost nothing, and a disk that is full takes nothing away.
pub(super) fn keep(
    args: &RunLabArgs,
    session: &Session<'_>,
    captures: &[Option<String>],
) -> anyhow::Result<()> {
    let Some(file) = &args.answers else { return Ok(()) };
    let text = format!("{:#}\n", answers::json(session, captures));
    let kept = if file.symlink_metadata().is_ok_and(|found| !found.is_file()) {
        fs::write(file, text)
    } else {
        let mut new = file.clone().into_os_string();
        new.push(".new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, file)).inspect_err(|_| {
            let _ = fs::remove_file(&new);
        })
    };
    kept.map_err(|error| {
        let why = format!("the answers cannot be written to {}: {error}", file.display());
        // A name that was typed wrong shows at once, before anything was answered.
        if session.seeds.is_empty() { Usage(why).into() } else { anyhow::anyhow!(why) }
    })
}

/// Where a run is kept: `ada-04.json` and 2 give `ada-04-2.pcapng`; `ada.04` gives `ada.04-2.pcapng`.
pub(super) fn beside(answers: &Path, run: usize) -> PathBuf {
    let name = answers.file_name().unwrap_or_default().to_string_lossy();
    answers.with_file_name(format!("{}-{run}.pcapng", name.strip_suffix(".json").unwrap_or(&name)))
}
