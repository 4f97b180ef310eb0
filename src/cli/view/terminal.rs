//! The terminal, taken over as a whole and given back as it was found: whatever happens.

use super::Ends;
use super::draw;
use super::keys::{Press, press};
use crate::host::signal;
use crate::narrate::view::View;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{Event, KeyEventKind, poll, read};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::backend::CrosstermBackend;
use std::io::{self, BufWriter, Stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

/// Whether the terminal is ours now. There is one of it in a process.
static OPEN: AtomicBool = AtomicBool::new(false);
static WATCHED: Once = Once::new();

/// The whole screen, until it is dropped.
pub(super) struct Terminal {
    inner: ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Terminal {
    /// Takes the screen. What was on it comes back with the end.
    ///
    /// # Errors
    /// When the terminal does not take it.
    pub(super) fn open(ends: Ends) -> io::Result<Terminal> {
        let mut watching = Ok(());
        WATCHED.call_once(|| watching = watch(ends));
        watching?;
        OPEN.store(true, SeqCst);
        let taken = enable_raw_mode()
            .and_then(|()| execute!(io::stdout(), EnterAlternateScreen, Clear(ClearType::All), Hide));
        let backend = CrosstermBackend::new(BufWriter::new(io::stdout()));
        match taken.and_then(|()| ratatui::Terminal::new(backend)) {
            Ok(inner) => Ok(Terminal { inner }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    pub(super) fn draw(&mut self, view: &mut View, color: bool) -> io::Result<()> {
        self.inner.draw(|frame| draw::draw(view, color, frame.buffer_mut())).map(drop)
    }

    /// Forgets what it believes to stand on the screen.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.inner.clear()
    }

    /// What is pressed within this time, where that means anything.
    pub(super) fn key(&mut self, wait: Duration) -> io::Result<Option<Press>> {
        // The event reader would read the end of a terminal that has gone for ever.
        if crate::host::terminal_is_gone() {
            return Ok(Some(Press::Leave));
        }
        match poll(wait) {
            Ok(true) => {}
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => return Ok(None),
        }
        Ok(match read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => press(key),
            Event::Resize(..) => Some(Press::Redraw),
            _ => None,
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, where it is ours.
fn give_back() {
    if OPEN.swap(false, SeqCst) {
        // A terminal that has gone meanwhile needs nothing.
        let _ = execute!(output(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Standard output, whoever holds its lock.
#[cfg(unix)]
fn output() -> impl io::Write {
    use std::os::fd::AsFd;
    let own = io::stdout().as_fd().try_clone_to_owned();
    let out: Box<dyn io::Write> = match own {
        Ok(fd) => Box::new(std::fs::File::from(fd)),
        Err(_) => Box::new(io::stdout()),
    };
    out
}

#[cfg(not(unix))]
fn output() -> impl io::Write {
    io::stdout()
}

/// Sees to it that a panic, in any thread, and a signal that ends the process give the terminal back first.
fn watch(ends: Ends) -> io::Result<()> {
    let said = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        give_back();
        said(info);
    }));
    signal::before_the_end(ends == Ends::Process, give_back)
}
