//! `--step`: waits for a key between two steps.

use crate::model::Flow;
use crate::narrate::Step;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io::{self, BufRead, IsTerminal, Write};

/// Space, Enter or an arrow goes on; q, Esc or Ctrl-C ends. Without a terminal a line of input goes on,
/// and the end of the input means that nobody wants to be asked any more.
pub(crate) fn step() -> Step {
    if io::stdin().is_terminal() {
        return Box::new(|| {
            io::stdout().flush()?;
            enable_raw_mode()?;
            let flow = key();
            // Whatever came of it, the terminal is given back as it was.
            disable_raw_mode()?;
            flow
        });
    }
    let mut asked = true;
    Box::new(move || {
        if asked {
            let mut line = String::new();
            asked = io::stdin().lock().read_line(&mut line)? > 0;
        }
        Ok(Flow::Continue)
    })
}

fn key() -> io::Result<Flow> {
    loop {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        return Ok(match key.code {
            KeyCode::Char('q') | KeyCode::Esc => Flow::Stop,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Flow::Stop,
            KeyCode::Char(' ') | KeyCode::Enter | KeyCode::Right | KeyCode::Down => Flow::Continue,
            _ => continue,
        });
    }
}
