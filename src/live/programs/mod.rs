//! Any two programs on the two hosts: started, watched, spoken to by signals, and ended.
//!
//! The server starts first; the client when the server listens. The client's end is the run's: what it left
//! on its way still arrives, then the server is asked to end, and what has not ended is killed. At the end
//! nothing that was started on the hosts is left.

#[cfg(target_os = "linux")]
mod asked;
#[cfg(target_os = "linux")]
mod director;

use super::setup::{RunError, Setup};
use crate::host::control::Control;
use crate::model::{Exit, Outcome, ProgramNote, Side, Sink};
use std::ffi::OsString;
use std::io;
use std::time::Duration;

/// How long a program has to end after it was asked to.
pub const GRACE: Duration = Duration::from_secs(3);

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    /// The server's command, its words.
    pub server: Option<Vec<OsString>>,
    /// The client's.
    pub client: Option<Vec<OsString>>,
    /// How long the client waits for the server to listen; `None` for not at all.
    pub patience: Option<Duration>,
    /// The port that the server is to listen on; any when not given.
    pub port: Option<u16>,
    /// How long the run may last.
    pub timeout: Option<Duration>,
}

/// Somebody who hears of something.
pub type Hear<T> = Box<dyn FnMut(&T) + Send>;

/// Who hears of the programs.
pub struct Hearers {
    /// What happens to them.
    pub note: Hear<ProgramNote>,
    /// What the server says on its standard output and error; where there is nobody, both go to this
    /// process's standard error.
    pub output: Option<Hear<[u8]>>,
}

/// A command that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the {}'s command {command} cannot be started: {}", side.name(), Why(source))]
pub struct StartError {
    /// Whose.
    pub side: Side,
    /// Its first word.
    pub command: String,
    /// The operating system's answer.
    #[source]
    pub source: io::Error,
}

/// The operating system's answer, for a command.
struct Why<'a>(&'a io::Error);

impl std::fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("there is no such command; is it installed?"),
            io::ErrorKind::PermissionDenied => f.write_str("it may not be executed; chmod +x allows it"),
            _ => self.0.fmt(f),
        }
    }
}

/// How the programs ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// The client; `None` where none was started.
    pub client: Option<Exit>,
    /// The server.
    pub server: Option<Exit>,
    /// A command that could not be started.
    pub failed: Option<StartError>,
    /// The time was over.
    pub timed_out: bool,
}

/// Runs them. SIGINT, SIGTERM and SIGHUP are passed on from now on; through `control` others of this user may
/// change the wire and come in.
///
/// # Errors
/// [`RunError`]. What becomes of the programs is no error here.
#[cfg(target_os = "linux")]
pub fn run(
    programs: &Programs,
    setup: &Setup,
    sink: &mut dyn Sink,
    hearers: Hearers,
    control: Option<Control>,
) -> Result<(Ended, Outcome), RunError> {
    director::run(programs, setup, sink, hearers, control)
}

/// Says that this system has no private network.
///
/// # Errors
/// Always [`RunError::Host`].
#[cfg(not(target_os = "linux"))]
pub fn run(
    _: &Programs,
    setup: &Setup,
    _: &mut dyn Sink,
    _: Hearers,
    _: Option<Control>,
) -> Result<(Ended, Outcome), RunError> {
    match crate::host::PrivateNetwork::build(&setup.topology)? {}
}
