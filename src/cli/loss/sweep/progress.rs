//! How far a sweep is, on standard error: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two lines where there is no terminal.
const BETWEEN: Duration = Duration::from_secs(10);

/// How far it is.
pub(super) enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere.
    Lines {
        /// When it began.
        began: Instant,
        /// When the last line was written.
        told: Instant,
        /// Runs that were done before.
        before: u64,
        /// Runs that are done.
        done: u64,
        /// All of them.
        all: u64,
    },
}

impl Progress {
    /// `before` of `all` runs are done.
    pub(super) fn new(before: u64, all: u64) -> Progress {
        if !io::stderr().is_terminal() {
            let now = Instant::now();
            return Progress::Lines { began: now, told: now, before, done: before, all };
        }
        let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:32} {pos} of {len} runs, {eta} left  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(before);
        bar.reset_eta();
        Progress::Bar(bar)
    }

    /// One more run is done: this one.
    pub(super) fn done(&mut self, what: String) {
        match self {
            Progress::Bar(bar) => {
                bar.set_message(what);
                bar.inc(1);
            }
            Progress::Lines { began, told, before, done, all } => {
                *done += 1;
                if told.elapsed() >= BETWEEN || done == all {
                    *told = Instant::now();
                    let each = began.elapsed().as_secs_f64() / (*done - *before) as f64;
                    let left = spoken(Duration::from_secs_f64(each * (*all - *done) as f64));
                    let _ = writeln!(io::stderr(), "{done} of {all} runs, about {left} left");
                }
            }
        }
    }

    /// Time has passed.
    pub(super) fn tick(&self) {
        if let Progress::Bar(bar) = self {
            bar.tick();
        }
    }

    /// Nothing of the bar is left behind.
    pub(super) fn end(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A time as a person says it: `40 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn spoken(time: Duration) -> String {
    match time.as_secs() {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_two_units_at_most() {
        let said = |s| spoken(Duration::from_secs(s));
        assert_eq!([said(0), said(59), said(200), said(7500)], ["0 s", "59 s", "3 min 20 s", "2 h 5 min"]);
    }
}
