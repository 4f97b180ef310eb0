//! Systems without private networks: none is running.

use super::{ControlError, Reply};
use std::io;

/// A network's ear; there is no such value here.
#[derive(Debug)]
pub enum Control {}

/// The way into a host; there is no such value here.
#[derive(Debug)]
pub enum Doors {}

impl Control {
    /// Says no.
    ///
    /// # Errors
    /// Always.
    pub fn open(_: Option<&str>) -> Result<Control, ControlError> {
        Err(ControlError::System {
            step: "opening a control socket",
            source: io::ErrorKind::Unsupported.into(),
        })
    }

    /// There is nobody to be asked.
    pub fn name(&self) -> &str {
        match *self {}
    }
}

impl Doors {
    /// There is nowhere to go.
    ///
    /// # Errors
    /// None: there is no such value.
    pub fn enter(self) -> io::Result<()> {
        match self {}
    }
}

/// Says no.
///
/// # Errors
/// Always [`ControlError::Absent`].
pub fn ask(name: &str, _: &str) -> Result<Reply, ControlError> {
    Err(ControlError::Absent { name: name.to_owned() })
}

/// None.
///
/// # Errors
/// Never.
pub fn networks() -> Result<Vec<String>, ControlError> {
    Ok(Vec::new())
}
