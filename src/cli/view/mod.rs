//! A run on the whole screen, for `--step` and `--view` at a terminal. What is shown is `narrate::view`; here are the
//! terminal, the keys and the clock.
//!
//! Nothing waits for the person: steps are taken in as they come, and looked at in one's own time.

mod draw;
mod keys;
mod terminal;

use super::args::{ShowArgs, ViewArg};
use super::plan::knows_sequences;
use crate::host::signal;
use crate::model::{Event, Flow, Located, Outcome, Run, Sink};
use crate::narrate::Style;
use crate::narrate::view::{Key, View};
use crate::stack;
use keys::Press;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use terminal::Terminal;

/// How soon a key is seen, and how often at most the screen is drawn, while a run goes on.
const LOOK: Duration = Duration::from_millis(25);
/// How soon a signal is seen while nothing but a key is waited for.
const WAIT: Duration = Duration::from_millis(100);

/// Who ends the process at SIGINT and SIGTERM.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The run: it has a flag that they raise.
    Run,
    /// Nobody yet: the terminal is put back, and they end the process as ever.
    Process,
}

/// Whether a run is to be shown so: where it is asked for, and there is a terminal that takes it.
pub(crate) fn is_wanted(show: &ShowArgs) -> bool {
    let asked = match show.view {
        Some(ViewArg::Never) => false,
        Some(ViewArg::Auto) => true,
        None => show.step,
    };
    asked && !show.quiet && !show.json && is_possible()
}

/// Whether there is a terminal that takes it.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal() && knows_sequences()
}

/// A listener that shows what it hears on the whole screen.
pub(crate) struct Screen {
    view: View,
    ends: Ends,
    color: bool,
    terminal: Option<Terminal>,
    /// What is said above the outcome when the screen is left.
    heading: String,
    left: bool,
    stale: bool,
    looked: Instant,
    /// Since when the step that is looked at stands there.
    stands: Instant,
}

impl Screen {
    /// A screen that opens when the run begins. `follows`: the newest step is looked at as it comes.
    pub(crate) fn new(title: &str, style: Style, follows: bool, ends: Ends) -> Screen {
        let now = Instant::now();
        Screen {
            color: style.color,
            view: View::new(title, style, follows),
            ends,
            terminal: None,
            heading: String::new(),
            left: false,
            stale: true,
            looked: now,
            stands: now,
        }
    }

    /// Shows a run that was told as JSON lines, each with the fields that are to be seen, until the person leaves.
    ///
    /// # Errors
    /// When the terminal does not take it.
    pub(crate) fn show<'l>(
        title: &str,
        style: Style,
        lines: impl Iterator<Item = (&'l Value, String)>,
    ) -> io::Result<()> {
        let mut screen = Screen::new(title, style, false, Ends::Process);
        for (line, fields) in lines {
            screen.view.told(line, located(line), &fields);
        }
        screen.view.end();
        // What printed no events has nothing to step through.
        if screen.view.is_empty() { Ok(()) } else { screen.stay() }
    }

    fn open(&mut self) -> io::Result<&mut Terminal> {
        let opened = match self.terminal.take() {
            Some(terminal) => terminal,
            None => Terminal::open(self.ends)?,
        };
        Ok(self.terminal.insert(opened))
    }

    /// Looks at the keys, the clock and the screen; not more often than a person can tell.
    fn look(&mut self) -> io::Result<Flow> {
        if !self.left && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.keys(Duration::ZERO)?;
            self.draw()?;
        }
        Ok(if self.left { Flow::Stop } else { Flow::Continue })
    }

    /// Takes what was pressed, and goes on by itself where that was asked for.
    fn keys(&mut self, wait: Duration) -> io::Result<()> {
        let due = self.view.pause().map(|pause| pause.saturating_sub(self.stands.elapsed()));
        let mut press = self.open()?.key(due.map_or(wait, |due| due.min(wait)))?;
        if due.is_some_and(|due| due.is_zero()) {
            self.view.press(Key::Next);
            self.stands = Instant::now();
            self.stale = true;
        }
        while let Some(pressed) = press {
            self.stale = true;
            self.stands = Instant::now();
            match pressed {
                Press::Key(key) => self.view.press(key),
                Press::Redraw => self.open()?.clear()?,
                Press::Leave => self.left = !self.view.close_help(),
                // What a terminal sends on Ctrl-C when it is not told to hand the key over.
                Press::Interrupt => {
                    self.left = true;
                    signal::interrupt();
                }
            }
            press = if self.left { None } else { self.open()?.key(Duration::ZERO)? };
        }
        Ok(())
    }

    fn draw(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.stale) {
            return Ok(());
        }
        let color = self.color;
        self.open()?;
        let Some(terminal) = &mut self.terminal else { return Ok(()) };
        terminal.draw(&mut self.view, color)
    }

    /// The run is over: shows it until the person leaves, or a signal comes.
    fn stay(&mut self) -> io::Result<()> {
        self.stale = true;
        while !self.left && signal::raised_by().is_none() {
            self.draw()?;
            self.keys(WAIT)?;
        }
        Ok(())
    }
}

/// The octets of a line, and the headers of a frame.
fn located(line: &Value) -> Option<Located> {
    let hex = line["bytes"].as_str()?;
    let octet = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map_while(octet).collect();
    let headers = if line["what"] == "frame" { stack::headers(&bytes) } else { Vec::new() };
    Some(Located { bytes: bytes.into(), headers })
}

impl Sink for Screen {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.heading = self.view.begin(run);
        self.draw()
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.view.tell(event);
        self.stale = true;
        self.look()
    }

    fn idle(&mut self) -> io::Result<Flow> {
        self.look()
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        let text = self.view.finish(outcome, self.left);
        let stayed = self.stay();
        // From here on it is an ordinary screen again, whatever came of it.
        self.terminal = None;
        stayed?;
        let mut out = io::stdout().lock();
        out.write_all(self.heading.as_bytes())?;
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

#[cfg(test)]
mod tests;
