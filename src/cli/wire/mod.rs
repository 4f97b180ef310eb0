//! `layerlab wire ...`: programs of yours on the two hosts.

mod args;
mod dice;
mod running;

use super::args::{NetArg, NetArgs, OffloadArg, ShowArgs, SideArg};
use super::exit::{Answer, Usage};
use super::listeners::Listeners;
use super::plan;
use super::run::note;
use super::why::Overheard;
use crate::host::control::{Control, ControlError};
use crate::live::programs::{self, Ended, Hear, Hearers, Programs, StartError};
use crate::live::setup::RunError;
use crate::model::{Event, Flow, Outcome, Run, Sink, WireFrame};
use crate::narrate::{program_note, wire_summary};
use anyhow::Context;
pub(crate) use args::WireCommand;
use args::{RunArgs, ShellArgs};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, LineWriter, Write};

/// `timeout(1)`'s status for a command that it ended.
const TIMED_OUT: u8 = 124;
/// A shell's statuses for a command that does not exist, and for one that cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// `layerlab wire`.
pub(crate) fn wire(command: &WireCommand) -> anyhow::Result<Answer> {
    match command {
        WireCommand::Run(args) => run(args),
        WireCommand::Shell(args) => shell(args),
        WireCommand::Set(args) => running::set(args),
        WireCommand::List(args) => running::list(args),
        WireCommand::Dice(args) => dice::dice(args),
    }
}

/// A shell on a host: of a running network, or of a new one whose other host is empty.
fn shell(args: &ShellArgs) -> anyhow::Result<Answer> {
    let words = match args.words.as_slice() {
        [] => {
            vec![std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "sh".into())]
        }
        words => words.to_vec(),
    };
    if let Some(name) = running::to_join(args)? {
        if !args.net.impairments.0.is_transparent() || !args.net.impairments.1.is_empty() {
            return Err(Usage(format!(
                "{name} is running already: change its wire with `layerlab wire set {name}`, or start another \
                 network with --new"
            ))
            .into());
        }
        return running::join(&name, args.side, &words);
    }
    let mut programs = Programs::default();
    match args.side {
        SideArg::Client => programs.client = Some(words),
        SideArg::Server => programs.server = Some(words),
    }
    let show = ShowArgs { quiet: args.quiet, ..ShowArgs::silent() };
    perform(&programs, &args.net, args.name.as_deref(), &show, None, true)
}

fn run(args: &RunArgs) -> anyhow::Result<Answer> {
    if args.show.step || args.show.view.is_some() {
        return Err(
            Usage("--step needs the keyboard, which is the client's here, as --view needs the screen: leave them out".into()).into()
        );
    }
    let asked = programs_of(args);
    perform(&asked, &args.net, args.name.as_deref(), &args.show, log(args)?, args.name.is_some())
}

/// Runs the programs, telling to `log` where there is one. Where the wire is there to be changed, `--offload auto`
/// takes no superframes, which would stand in the way.
fn perform(
    asked: &Programs,
    net: &NetArgs,
    name: Option<&str>,
    show: &ShowArgs,
    log: Option<Box<dyn Write>>,
    changeable: bool,
) -> anyhow::Result<Answer> {
    if net.place.net == NetArg::Loopback {
        return Err(Usage(
            "programs need the private network: on loopback both would share one host, and a relay between \
             them would drop octets that TCP has acknowledged already; leave out --net loopback"
                .into(),
        )
        .into());
    }
    plan::check(net)?;
    let control = control(name)?;
    // Two programs of somebody's on the machine's own network are not what was asked for, so there is nothing
    // to fall back to.
    crate::host::enter().map_err(plan::cannot)?;
    let mut listeners = Listeners::for_programs(show, log, &net.capture)?;
    let overheard = Overheard::of(net)?;
    if let Some(overheard) = &overheard {
        listeners.add(overheard.ear());
    }
    let mut setup = plan::setup(net, &plan::no_sockets(), &[], listeners.any());
    if changeable && net.offload == OffloadArg::Auto {
        setup.topology.offload = false;
    }
    let quiet = show.quiet;
    if !quiet && net.place.seed.is_none() && !setup.wire.is_transparent() {
        note(&format!("seed {}", setup.seed))?;
    }
    let hearers = Hearers {
        // Nobody is left to be told when standard error is closed; the programs go on.
        note: Box::new(move |what| drop((!quiet).then(|| note(&program_note(what))))),
        output: io::stderr().is_terminal().then(prefixed),
    };
    let mut sink = Steady(listeners.into_sink());
    let done = programs::run(asked, &setup, &mut sink, hearers, control);
    let (ended, outcome) = done.map_err(|error| match error {
        RunError::Host(error) => plan::cannot(error),
        error => error.into(),
    })?;
    if !quiet {
        note(wire_summary(&outcome).trim_end())?;
    }
    if let Some(overheard) = overheard {
        overheard.tell(show, true)?;
    }
    if let Some(failed) = &ended.failed {
        note(&failed.to_string())?;
    }
    Ok(Answer::Program(status(&ended, asked)))
}

/// The ear for `wire set` and the others. Without a name of its own a run does without it where it can't be had.
fn control(name: Option<&str>) -> anyhow::Result<Option<Control>> {
    match (Control::open(name), name) {
        (Ok(control), _) => Ok(Some(control)),
        (Err(_), None) => Ok(None),
        (Err(error @ (ControlError::Name { .. } | ControlError::Taken { .. })), Some(_)) => {
            Err(Usage(error.to_string()).into())
        }
        (Err(error), Some(_)) => Err(error.into()),
    }
}

/// Says that a command cannot be started, with a shell's status for it.
fn cannot_start(error: &StartError) -> anyhow::Result<Answer> {
    note(&error.to_string())?;
    Ok(Answer::Program(start_status(&error.source)))
}

fn start_status(error: &io::Error) -> u8 {
    if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

fn programs_of(args: &RunArgs) -> Programs {
    let shell = |line: &OsString| vec!["sh".into(), "-c".into(), line.clone()];
    let words = (!args.words.is_empty()).then(|| args.words.clone());
    Programs {
        server: args.server.as_ref().map(shell),
        client: args.client.as_ref().map(shell).or(words),
        patience: (!args.no_wait).then_some(args.wait),
        port: args.wait_port,
        timeout: args.timeout,
    }
}

/// Where the story goes, if it is to be told at all.
fn log(args: &RunArgs) -> anyhow::Result<Option<Box<dyn Write>>> {
    if !args.tell && !args.show.json {
        return match args.log {
            Some(_) => Err(Usage("--log says where --show or --json tell: give one of them".into()).into()),
            None => Ok(None),
        };
    }
    Ok(Some(match &args.log {
        None => Box::new(LineWriter::new(io::stderr())),
        Some(path) => Box::new(LineWriter::new(
            File::create(path).with_context(|| format!("the file {} cannot be made", path.display()))?,
        )),
    }))
}

/// The status to end with: see the help.
fn status(ended: &Ended, programs: &Programs) -> u8 {
    if let Some(failed) = &ended.failed {
        return start_status(&failed.source);
    }
    match (ended.client, ended.server) {
        _ if ended.timed_out => TIMED_OUT,
        (Some(client), _) => client.code(),
        // The client was not started: that is no success, whatever the server says.
        (None, Some(server)) if programs.client.is_some() => server.code().max(1),
        (None, Some(server)) => server.code(),
        (None, None) => 1,
    }
}

/// Puts a name before each line of the server's, so that it is not taken for the client's.
fn prefixed() -> Hear<[u8]> {
    const NAME: &[u8] = b"server| ";
    let mut at_line_start = true;
    Box::new(move |octets| {
        let mut out = Vec::with_capacity(octets.len() + NAME.len());
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if at_line_start {
                out.extend_from_slice(NAME);
            }
            at_line_start = line.ends_with(b"\n");
            out.extend_from_slice(line);
        }
        // A terminal that has gone takes no more words; the server is not to suffer from it.
        let _ = io::stderr().write_all(&out);
    })
}

/// A sink that never has enough: that a listener's pipe was closed is no reason to end the programs.
struct Steady<S>(S);

impl<S: Sink> Sink for Steady<S> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.0.begin(run)
    }
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.0.event(event).map(|_| Flow::Continue)
    }
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.0.frame(frame).map(|_| Flow::Continue)
    }
    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.0.finish(outcome)
    }
}
