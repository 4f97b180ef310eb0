//! `--step`: waits for a key between two steps.

use crate::host::signal;
use crate::model::Flow;
use crate::narrate::Step;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, poll, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

/// What q does in most places.
pub(crate) const STOPS: &str = "stop";
/// How soon a signal is seen while a key is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// Space, Enter or an arrow goes on, `a` shows the rest without asking, q, Esc or Ctrl-C ends. Without a terminal a
/// line of input goes on, and the end of the input means that nobody wants to be asked any more.
/// `stops` says what ending means here.
pub(crate) fn step(stops: &'static str) -> Step {
    let mut asked = true;
    if io::stdin().is_terminal() {
        return Box::new(move || {
            if !asked {
                return Ok(Flow::Continue);
            }
            io::stdout().flush()?;
            let key = press(&format!("-- space: next step, a: all the rest, q: {stops} --"));
            asked = key.as_ref().map_or(true, |key| *key != Key::Rest);
            key.map(|key| if key == Key::Stop { Flow::Stop } else { Flow::Continue })
        });
    }
    Box::new(move || {
        if asked {
            let mut line = String::new();
            asked = io::stdin().lock().read_line(&mut line)? > 0;
            if !asked {
                prompt(
                    "layerlab: --step: standard input is no terminal and is at its end: no more waiting\n",
                )?;
            }
        }
        Ok(Flow::Continue)
    })
}

/// Once, at a terminal: whether what the prompt offers is wanted.
pub(crate) fn offer(what: &str, stops: &str) -> io::Result<Flow> {
    io::stdout().flush()?;
    let key = press(&format!("-- space: {what}, q: {stops} --"))?;
    Ok(if key == Key::Stop { Flow::Stop } else { Flow::Continue })
}

/// Asks for a key, and leaves nothing of the question.
fn press(question: &str) -> io::Result<Key> {
    prompt(question)?;
    enable_raw_mode()?;
    let key = key();
    // Whatever came of it, the terminal is given back as it was.
    disable_raw_mode()?;
    prompt("\r\x1b[K")?;
    key
}

/// Beside the steps, which may go to a file.
fn prompt(text: &str) -> io::Result<()> {
    let mut err = io::stderr().lock();
    err.write_all(text.as_bytes()).and_then(|()| err.flush())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Next,
    Rest,
    Stop,
}

fn key() -> io::Result<Key> {
    loop {
        if signal::raised_by().is_some() {
            return Ok(Key::Stop);
        }
        match poll(LOOK) {
            Ok(true) => {}
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => continue,
        }
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        return Ok(match key.code {
            KeyCode::Char('q') | KeyCode::Esc => Key::Stop,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Stop,
            KeyCode::Char('a') => Key::Rest,
            KeyCode::Char(' ') | KeyCode::Enter | KeyCode::Right | KeyCode::Down => Key::Next,
            _ => continue,
        });
    }
}
