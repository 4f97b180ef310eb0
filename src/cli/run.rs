//! Runs an experiment where the plan says, with the listeners that were asked for.

use super::args::{CommonSocketArgs, NetArgs, ShowArgs};
use super::exit::{Answer, Cannot, cut_short};
use super::listeners::Listeners;
use super::plan::{self, Ground};
use super::why::Overheard;
use crate::host::signal;
use crate::live::calls::CallError;
use crate::live::echo::Experiment;
use crate::live::setup::{Finished, RunError};
use crate::live::{loopback, private};
use crate::model::{Call, Outcome, SocketOption};
use crate::narrate::{Failed, came_back, reason, unused};
use anyhow::Context;
use std::io::Write;
use std::sync::atomic::AtomicBool;

/// The surroundings of a run, as typed.
pub(crate) struct Where<'a> {
    pub(crate) net: &'a NetArgs,
    pub(crate) show: &'a ShowArgs,
    pub(crate) common: &'a CommonSocketArgs,
    /// Kernel settings that the command itself asks for.
    pub(crate) sysctls: &'a [(&'a str, &'a str)],
}

/// Runs it.
pub(crate) fn run<E: Experiment>(experiment: &E, place: &Where<'_>) -> anyhow::Result<Finished> {
    let ground = plan::ground_for(place.net, experiment.absent_host())?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    run_on(&ground, experiment, place, &stop)
}

/// Runs it where [`plan::ground`] decided.
pub(crate) fn run_on<E: Experiment>(
    ground: &Ground,
    experiment: &E,
    place: &Where<'_>,
    stop: &AtomicBool,
) -> anyhow::Result<Finished> {
    let mut listeners = Listeners::for_network(place.show, &place.net.capture)?;
    let overheard = Overheard::of(place.net)?;
    if let Some(overheard) = &overheard {
        listeners.add(overheard.ear());
    }
    let setup = plan::setup(place.net, place.common, place.sysctls, listeners.any());
    let mut sink = listeners.into_sink();
    let finished = match ground {
        Ground::Private => private::run(experiment, &setup, &mut sink, stop),
        Ground::Loopback { own, instead_because } => {
            if let Some(why) = instead_because {
                note(&format!(
                    "no private network here, so this runs on loopback and frames are not seen: {why}\n\
                     `layerlab doctor` says what to do."
                ))?;
            }
            loopback::run(experiment, &setup, *own, &mut sink, stop)
        }
    };
    let finished = finished.map_err(|error| match error {
        RunError::Host(error) => plan::cannot(error),
        error => error.into(),
    })?;
    if let Some(overheard) = overheard {
        overheard.tell(place.show, place.net.capture.is_stdout())?;
    }
    match finished.server.failures.iter().chain(&finished.client.failures).find_map(refused) {
        Some(why) => Err(Cannot(why).into()),
        None => Ok(finished),
    }
}

/// Of an option that the kernel refused, why: without it the experiment was not the one asked for.
fn refused(error: &CallError) -> Option<String> {
    let Call::SetOption(SocketOption { name, value }) = &error.call else { return None };
    let why = error.errno().and_then(|errno| reason(errno.name, None, &error.call));
    let why = why.map_or_else(|| error.source.to_string(), |why| why.meaning.to_owned());
    Some(format!("the kernel refuses {name} {value}: {why}"))
}

/// The answer of an echo experiment, and in one sentence why it is no, however little else is shown.
pub(crate) fn echoed(finished: &Finished, asked: usize, about_failure: bool) -> anyhow::Result<Answer> {
    let back = finished.client.echoed;
    match cut_short(finished) {
        Some(answer) => return Ok(answer),
        None if about_failure || back == asked => return Ok(Answer::Yes),
        None => {}
    }
    let first = finished.client.failures.first().or(finished.server.failures.first());
    let failed =
        first.map(|error| Failed { side: error.side, call: error.call.clone(), errno: error.errno() });
    note(&came_back(back, asked, failed.as_ref(), &finished.outcome))?;
    Ok(Answer::No)
}

/// A remark beside the run, on standard error.
pub(crate) fn note(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stderr(), "layerlab: {text}")
}

/// Names the scripts that touched no frame in any of several runs on one wire.
pub(crate) fn note_unused<'a>(runs: impl IntoIterator<Item = &'a Outcome>) -> std::io::Result<()> {
    let common = runs.into_iter().map(|run| run.unused.clone()).reduce(|mut all, run| {
        all.retain_mut(|script| {
            let same = run.iter().find(|other| (other.option, &other.rule) == (script.option, &script.rule));
            let Some(same) = same else { return false };
            (0..2).for_each(|way| script.seen[way] += same.seen[way]);
            script.instead = script.instead.take().or_else(|| same.instead.clone());
            true
        });
        all
    });
    common.iter().flatten().try_for_each(|script| note(&unused(script)))
}
