//! Systems without private networks: the same doors, each with a clear "no".

use super::error::HostError;
use super::topology::Topology;
use std::convert::Infallible;

/// What the process would own; there is no such value here.
#[derive(Debug)]
pub struct Privilege(Infallible);

/// A private network; there is no such value here.
#[derive(Debug)]
pub enum PrivateNetwork {}

/// Says no.
///
/// # Errors
///
/// Always [`HostError::Unsupported`].
pub fn enter() -> Result<Privilege, HostError> {
    Err(HostError::Unsupported { os: std::env::consts::OS })
}

/// Says no.
///
/// # Errors
/// Always.
pub fn run_in_front(_: std::process::Command) -> std::io::Result<crate::model::Exit> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// What cannot be told here: no.
pub fn terminal_is_gone() -> bool {
    false
}

impl PrivateNetwork {
    /// Says no.
    ///
    /// # Errors
    ///
    /// Always [`HostError::Unsupported`].
    pub fn build(_topology: &Topology) -> Result<PrivateNetwork, HostError> {
        Err(HostError::Unsupported { os: std::env::consts::OS })
    }
}
