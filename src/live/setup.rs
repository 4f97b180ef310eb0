//! What an experiment is run on, and how a run ends: the same for every ground.

use super::echo::Ending;
use crate::host::{Clock, HostError, Topology};
use crate::model::{Backend, Endpoint, Outcome, Run, Side};
use crate::wire::{Later, Spec};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

/// A run was not possible, or could not be told to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// This machine's doing.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The wire gave out.
    #[error("the wire stopped: {step} failed: {source}")]
    Wire {
        /// What it was doing.
        step: &'static str,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The programs could not be looked after.
    #[error("the programs cannot be run: {step} failed: {source}")]
    Programs {
        /// What was being done.
        step: &'static str,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// Whoever listens could not write.
    #[error("writing what happened failed: {0}")]
    Telling(#[source] io::Error),
}

/// What to run an experiment on.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The command line, for the record.
    pub command: String,
    /// The operating system and its version, for the record.
    pub system: String,
    /// The hosts.
    pub topology: Topology,
    /// The wire between them.
    pub wire: Spec,
    /// How the wire changes meanwhile.
    pub later: Vec<Later>,
    /// From which every random decision derives.
    pub seed: u64,
    /// The server's port.
    pub port: u16,
    /// How long any one call may block.
    pub patience: Duration,
    /// Whether anybody wants to hear of calls and frames.
    pub listening: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Finished {
    /// The client's program.
    pub client: Ending,
    /// The server's program.
    pub server: Ending,
    /// The wire, and the time.
    pub outcome: Outcome,
    /// Whether the listener wanted no more before the end, as at a closed pipe: what the programs did is not known.
    pub left: bool,
}

/// The part of a run's description that every ground shares.
pub(super) fn describe(setup: &Setup, clock: &Clock) -> Run {
    let addressing = setup.topology.addressing();
    let endpoint = |side| {
        let host = addressing.host(side);
        match host.ipv6 {
            Some(ip) => Endpoint { ip: IpAddr::V6(ip), mac: Some(host.mac) },
            None => host.endpoint(),
        }
    };
    Run {
        command: setup.command.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: setup.system.clone(),
        seed: setup.seed,
        backend: Backend::Loopback,
        wire: words(setup),
        mtu: setup.topology.mtu,
        routers: setup.topology.routers,
        client: endpoint(Side::Client),
        server: endpoint(Side::Server),
        epoch_unix_ns: clock.epoch_unix_ns(),
    }
}

/// The wire's words, and those of its changes.
fn words(setup: &Setup) -> String {
    let later = setup.later.iter().map(ToString::to_string);
    let all: Vec<String> =
        [setup.wire.to_string()].into_iter().chain(later).filter(|w| !w.is_empty()).collect();
    all.join(" ")
}
