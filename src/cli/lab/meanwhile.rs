//! What a terminal shows while a lab's command runs: for how long, and what came last. Nothing is left of it.

use crate::cli::plan::knows_sequences;
use crate::lab::run::Meanwhile;
use crate::narrate::quiz;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// A run that is shorter needs no word.
const PATIENCE: Duration = Duration::from_secs(1);
/// Of a terminal that does not say how wide it is.
const COLUMNS: usize = 80;

/// Who is told, where there is a terminal for it: standard error, for results may go elsewhere.
pub(crate) fn listener() -> Option<fn(Meanwhile<'_>)> {
    (io::stderr().is_terminal() && knows_sequences()).then_some(tell as fn(Meanwhile<'_>))
}

fn tell(meanwhile: Meanwhile<'_>) {
    let line = match meanwhile {
        Meanwhile::Runs { since, .. } if since < PATIENCE => return,
        Meanwhile::Runs { since, newest } => {
            let columns = crossterm::terminal::size().map_or(0, |(columns, _)| usize::from(columns));
            // Some terminals do not know. The last column stays free: some break the line there.
            let width = if columns == 0 { COLUMNS } else { columns } - 1;
            quiz::running(since, newest, width)
        }
        Meanwhile::Ended => String::new(),
    };
    // A terminal that is gone needs no progress.
    let _ = write!(io::stderr(), "\r{line}\x1b[K");
}
