//! Running networks, found by name and spoken to: `layerlab wire set`, `list` and `shell`.
//!
//! A network listens on a Unix socket in the abstract namespace (unix(7)) of the machine's network, called
//! `layerlab/USER/NAME`. It is no file: nothing of it is left when the process dies, however that happens. Both
//! ends look at the other's user; nobody else is answered or believed.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{Caller, Control, Doors, ask, networks};

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Control, Doors, ask, networks};

use std::io;

/// Octets of a request, and of an answer, at most.
pub const MESSAGE_MAX: usize = 4096;

/// A running network could not be found or spoken to.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Not a name.
    #[error("'{name}' is no name for a network: write up to 32 letters, digits, - or _")]
    Name {
        /// What was given.
        name: String,
    },
    /// Another network has it.
    #[error("a network called {name} is running already: choose another --name")]
    Taken {
        /// The name.
        name: String,
    },
    /// No such network.
    #[error("no network called {name} is running; `layerlab wire list` shows those that are")]
    Absent {
        /// The name.
        name: String,
    },
    /// Somebody else's.
    #[error("the network called {name} belongs to another user")]
    Foreign {
        /// The name.
        name: String,
    },
    /// It was there, and did not answer.
    #[error("the network called {name} does not answer: {source}")]
    Silent {
        /// The name.
        name: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The operating system would not.
    #[error("{step} failed: {source}")]
    System {
        /// What was being done.
        step: &'static str,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

/// What a network answered.
#[derive(Debug)]
pub struct Reply {
    /// Whether it did what was asked.
    pub done: bool,
    /// The words: what is now, or why not.
    pub text: String,
    /// The way into a host, where that was asked for.
    pub doors: Option<Doors>,
}

/// A name is a word: nothing in it means anything to a shell or a path.
///
/// # Errors
/// [`ControlError::Name`].
pub fn check_name(name: &str) -> Result<(), ControlError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match name.len() {
        1..=32 if name.chars().all(plain) => Ok(()),
        _ => Err(ControlError::Name { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        assert!(["lab1", "a-b_C", &"x".repeat(32)].iter().all(|name| check_name(name).is_ok()));
        assert!(
            ["", "a b", "../x", "ä", "a/b", &"x".repeat(33)].iter().all(|name| check_name(name).is_err())
        );
    }
}
