//! Where there is no private network: what [`private`](super::private) says on other systems.

use super::echo::Experiment;
use super::setup::{Finished, RunError, Setup};
use crate::host::PrivateNetwork;
use crate::model::Sink;
use std::sync::atomic::AtomicBool;

/// Says that this system has no private network.
///
/// # Errors
/// Always [`RunError::Host`], with [`HostError::Unsupported`](crate::host::HostError::Unsupported).
pub fn run<E: Experiment>(
    _: &E,
    setup: &Setup,
    _: &mut dyn Sink,
    _: &AtomicBool,
) -> Result<Finished, RunError> {
    match PrivateNetwork::build(&setup.topology)? {}
}
