//! Exit status by meaning: 0 it did what was asked; 1 it ran and the answer is no; 2 wrong usage; 3 this
//! machine can't. A closed pipe is success.

use crate::host::HostError;
use crate::live::setup::{Finished, RunError};
use crate::model::Outcome;
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// The answer of a command that ran.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// It did what was asked.
    Yes,
    /// It ran, and the answer is no.
    No,
    /// This machine can't, and that has been said.
    MachineCannot,
    /// A program of somebody else's ran, and this is its status.
    Program(u8),
}

/// The answer of a run that did not come to its end.
pub(crate) fn cut_short(finished: &Finished) -> Option<Answer> {
    match finished {
        // It did not do what was asked, whatever that was.
        Finished { outcome: Outcome { interrupted: true, .. }, .. } => Some(Answer::No),
        // Whoever asked has seen enough.
        Finished { left: true, .. } => Some(Answer::Yes),
        _ => None,
    }
}

/// Wrong usage that only shows after parsing.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// This machine can't: what, and what to do about it.
#[derive(Debug)]
pub(crate) struct Cannot(pub(crate) String);

impl fmt::Display for Cannot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Cannot {}

/// Prints clap's message where it belongs (help to standard output) and gives the status.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&error.into());
            ExitCode::from(1)
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

/// Prints the error, where there is one, as one sentence, and gives the status.
pub(crate) fn status(result: anyhow::Result<Answer>) -> ExitCode {
    let error = match result {
        Ok(Answer::Yes) => return ExitCode::SUCCESS,
        Ok(Answer::No) => return ExitCode::from(1),
        Ok(Answer::MachineCannot) => return ExitCode::from(3),
        Ok(Answer::Program(status)) => return ExitCode::from(status),
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return ExitCode::SUCCESS;
    }
    complain(&error);
    ExitCode::from(code(&error))
}

/// Says it on standard error. Where nobody listens there, the status still tells.
fn complain(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "layerlab: {}", sentence(error));
}

/// An error and its causes, each said once: some errors name their cause themselves.
fn sentence(error: &anyhow::Error) -> String {
    // Only the writing of answers gives a bare I/O error; whatever else fails says what it was about.
    let bare = error.chain().next().is_some_and(|first| first.is::<io::Error>());
    let mut said = if bare { "the output cannot be written".to_owned() } else { String::new() };
    for cause in error.chain().map(ToString::to_string) {
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        return 2;
    }
    let machine = error.is::<Cannot>()
        || error.is::<HostError>()
        || matches!(error.downcast_ref::<RunError>(), Some(RunError::Host(_)));
    if machine { 3 } else { 1 }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_follows_meaning() {
        assert_eq!(code(&Usage("x".into()).into()), 2);
        assert_eq!(code(&Cannot("x".into()).into()), 3);
        assert_eq!(code(&anyhow::anyhow!("x")), 1);
    }

    #[test]
    fn a_cause_is_said_once() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let cause = full().to_string();
        let said = sentence(&RunError::Telling(full()).into());
        assert_eq!(said, format!("writing what happened failed: {cause}"));
        assert_eq!(sentence(&anyhow::Error::from(full()).context("x")), format!("x: {cause}"));
        assert_eq!(sentence(&full().into()), format!("the output cannot be written: {cause}"));
    }

    #[test]
    fn a_closed_pipe_is_success_however_deep() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::from(pipe).context("while writing")));
        assert!(!is_closed_pipe(&anyhow::Error::from(io::Error::from(io::ErrorKind::StorageFull))));
        let told = RunError::Telling(io::ErrorKind::BrokenPipe.into());
        assert!(is_closed_pipe(&told.into()));
    }
}
