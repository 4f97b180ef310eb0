//! Where a message goes, and where a remark.

use super::args::WsConnectArgs;
#[cfg(feature = "edit")]
use super::terminal::Above;
use crate::narrate::{hexdump, safe};
use crate::stack::l7_application::ws::Kind;
use std::io::{self, IsTerminal, Write};

/// Whether a person types here and sees here what comes.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal()
}

/// Standard output for messages, standard error for everything else; at a terminal that is edited, both above the
/// line that is being typed.
pub(super) struct Screen {
    /// A person reads what comes: nothing in it may steer the terminal.
    terminal: bool,
    /// What comes is written as it is.
    raw: bool,
    quiet: bool,
    /// Standard output is JSON's.
    json: bool,
    ascii: bool,
    #[cfg(feature = "edit")]
    above: Option<Above>,
}

impl Screen {
    pub(super) fn new(args: &WsConnectArgs) -> Screen {
        let terminal = io::stdout().is_terminal();
        Screen {
            terminal,
            raw: args.binary && !terminal,
            quiet: args.quiet,
            json: args.json,
            ascii: args.ascii,
            #[cfg(feature = "edit")]
            above: None,
        }
    }

    /// From now on a line is edited below.
    #[cfg(feature = "edit")]
    pub(super) fn edited(&mut self, above: Above) {
        self.above = Some(above);
    }

    /// A message that came.
    pub(super) fn message(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        if self.json {
            return Ok(());
        }
        if self.raw {
            let mut out = io::stdout().lock();
            return out.write_all(payload).and_then(|()| out.flush());
        }
        let mut text = Vec::with_capacity(payload.len() + 1);
        match kind {
            Kind::Text if self.terminal => {
                // Checked to be UTF-8 when it came.
                for line in String::from_utf8_lossy(payload).split('\n') {
                    text.extend_from_slice(safe(line, self.ascii).as_bytes());
                    text.push(b'\n');
                }
            }
            Kind::Text => {
                text.extend_from_slice(payload);
                text.push(b'\n');
            }
            Kind::Binary => hexdump(payload).for_each(|line| {
                text.extend_from_slice(line.as_bytes());
                text.push(b'\n');
            }),
        }
        #[cfg(feature = "edit")]
        if let Some(above) = &mut self.above {
            return above.print(String::from_utf8_lossy(&text).into_owned());
        }
        let mut out = io::stdout().lock();
        out.write_all(&text).and_then(|()| out.flush())
    }

    /// A remark that `--quiet` leaves out.
    pub(super) fn remark(&mut self, text: &str) -> io::Result<()> {
        if self.quiet { Ok(()) } else { self.complain(text) }
    }

    /// Something that must be said.
    pub(super) fn complain(&mut self, text: &str) -> io::Result<()> {
        self.detail(format!("layerlab: {text}"))
    }

    /// A line of the conversation itself.
    pub(super) fn detail(&mut self, line: String) -> io::Result<()> {
        #[cfg(feature = "edit")]
        if let Some(above) = &mut self.above {
            return above.print(line + "\n");
        }
        // Where nobody listens there, the status still tells.
        writeln!(io::stderr(), "{line}").or(Ok(()))
    }
}
