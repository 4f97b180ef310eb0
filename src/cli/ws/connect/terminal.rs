//! A line editor for a person at the terminal: what comes while a line is being typed does not destroy it.

use super::input::{Input, Tell};
use crate::stack::l7_application::ws::Kind;
use anyhow::Context;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

/// Lines that can be called back.
const HISTORY: usize = 1000;
/// Up a line and down again: shows nothing.
const NOTHING: &str = "\x1b[A\n";
/// How long the editor may take to draw its line once more.
const DRAWING: Duration = Duration::from_millis(20);

/// Writes above the line that is being typed.
pub(super) struct Above {
    printer: Box<dyn ExternalPrinter>,
    #[cfg(unix)]
    modes: Option<crate::host::Modes>,
}

/// Reads lines in a thread of its own, which ends with the process.
///
/// # Errors
/// When the terminal cannot be used so.
pub(super) fn edit(tell: Tell) -> anyhow::Result<Above> {
    #[cfg(unix)]
    let modes = crate::host::Modes::of_stdin();
    let config = Config::builder().auto_add_history(true).max_history_size(HISTORY);
    let config = config.context("the line editor takes no history")?.build();
    let mut editor: DefaultEditor =
        DefaultEditor::with_config(config).context("the terminal cannot be edited")?;
    let printer = Box::new(editor.create_external_printer().context("the terminal cannot be shared")?);
    thread::spawn(move || {
        loop {
            let heard = match editor.readline("> ") {
                Ok(line) => tell.tell(Input::Messages(Kind::Text, vec![line.into_bytes()])),
                Err(ReadlineError::Interrupted) => tell.tell(Input::Interrupt),
                Err(ReadlineError::Eof) => {
                    tell.tell(Input::End);
                    return;
                }
                Err(error) => {
                    tell.tell(Input::Failed(io::Error::other(error)));
                    return;
                }
            };
            if !heard {
                return;
            }
        }
    });
    Ok(Above {
        printer,
        #[cfg(unix)]
        modes,
    })
}

impl Above {
    /// Writes whole lines.
    pub(super) fn print(&mut self, lines: String) -> io::Result<()> {
        self.printer.print(lines).map_err(io::Error::other)
    }
}

impl Drop for Above {
    /// The editor's thread is still in its line: shows what it was given, takes the prompt away, and leaves the
    /// terminal as it was.
    fn drop(&mut self) {
        // It takes one text after the other, and one may wait: with the second taken over, all before are shown.
        let _ = self.printer.print(NOTHING.to_owned()).and_then(|()| self.printer.print(NOTHING.to_owned()));
        thread::sleep(DRAWING);
        let _ = io::stdout().write_all(b"\r\x1b[K").and_then(|()| io::stdout().flush());
        #[cfg(unix)]
        if let Some(modes) = &self.modes {
            modes.put_back();
        }
        #[cfg(windows)]
        let _ = crossterm::terminal::disable_raw_mode();
    }
}
