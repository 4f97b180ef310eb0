//! Who listens to a run: the terminal, JSON lines, a capture.

use super::args::{CaptureArgs, ShowArgs, VantageArg};
use super::only::{Only, Wanted};
use super::view::{self, Ends, Screen};
use super::{keys, plan};
use crate::capture::{CaptureSink, CutBy, Flush, Pipe, Target};
use crate::dissect::Tell;
use crate::model::{Event, Fan, Run, Sink};
use crate::narrate::{Glyphs, Json, Narrator, Timeline};
use anyhow::Context;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, LineWriter, Seek, SeekFrom, Write};
use std::rc::Rc;

/// Tells the capture's narrator who the hosts of the run are, so that it words things as every other does.
struct Introduced(Rc<RefCell<Narrator>>);

impl Sink for Introduced {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.0.borrow_mut().begin(run);
        Ok(())
    }
}

/// What a run is told to.
pub(crate) struct Listeners {
    sinks: Fan<'static>,
    /// It stays after the end until it is left: whoever else listens is done by then.
    screen: Option<Box<dyn Sink>>,
    any: bool,
    bytes: bool,
}

impl Listeners {
    /// What `show` asks for on standard output, or on standard error when a capture takes that.
    pub(crate) fn new(show: &ShowArgs, to_stderr: bool) -> Listeners {
        Listeners::telling(show, Listeners::standard(show, to_stderr), to_stderr, None)
    }

    /// The same of a file that is read, which no signal ends but as ever.
    pub(crate) fn for_file(show: &ShowArgs, title: &str) -> Listeners {
        if !view::is_wanted(show) {
            return Listeners::new(show, false);
        }
        let screen = Screen::new(title, plan::style(show, false), false, Ends::Process);
        Listeners { sinks: Fan::new(), screen: Some(Box::new(screen)), any: true, bytes: true }
    }

    fn standard(show: &ShowArgs, to_stderr: bool) -> Box<dyn Write> {
        if to_stderr {
            Box::new(LineWriter::new(io::stderr()))
        } else if io::stdout().is_terminal() || show.json {
            // JSON lines are for a program that may be waiting for each of them.
            Box::new(LineWriter::new(io::stdout()))
        } else {
            Box::new(BufWriter::new(io::stdout()))
        }
    }

    fn telling(show: &ShowArgs, out: Box<dyn Write>, to_stderr: bool, wanted: Option<Wanted>) -> Listeners {
        let mut sinks = Fan::new();
        let any = !show.quiet;
        if show.json {
            sinks.push(Json::new(out));
        } else if !show.quiet {
            let mut timeline = Timeline::new(out, plan::style(show, to_stderr));
            if show.step {
                timeline = timeline.with_step(keys::step(keys::STOPS));
            }
            match wanted {
                Some(wanted) => sinks.push(Only::new(timeline, wanted)),
                None => sinks.push(timeline),
            }
        }
        Listeners { sinks, screen: None, any, bytes: any }
    }

    /// For a run on the private network: also the capture that `capture` asks for.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn for_network(show: &ShowArgs, capture: &CaptureArgs) -> anyhow::Result<Listeners> {
        Listeners::of_some(show, capture, None)
    }

    /// The same, with only such events on the terminal, and the frames that were lost. JSON and the capture have all.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn of_some(
        show: &ShowArgs,
        capture: &CaptureArgs,
        wanted: Option<Wanted>,
    ) -> anyhow::Result<Listeners> {
        let to_stdout = capture.is_stdout();
        let mut listeners = if view::is_wanted(show) && !to_stdout {
            let screen = Screen::new("", plan::style(show, false), !show.step, Ends::Run);
            let screen: Box<dyn Sink> = match wanted {
                Some(wanted) => Box::new(Only::new(screen, wanted)),
                None => Box::new(screen),
            };
            Listeners { sinks: Fan::new(), screen: Some(screen), any: true, bytes: true }
        } else {
            Listeners::telling(show, Listeners::standard(show, to_stdout), to_stdout, wanted)
        };
        listeners.capture(capture)?;
        Ok(listeners)
    }

    /// For programs that have the terminal: what happens is told to `log`, where there is one.
    ///
    /// # Errors
    /// When the capture's file cannot be made.
    pub(crate) fn for_programs(
        show: &ShowArgs,
        log: Option<Box<dyn Write>>,
        capture: &CaptureArgs,
    ) -> anyhow::Result<Listeners> {
        let mut listeners = match log {
            Some(log) => Listeners::telling(&ShowArgs { quiet: false, ..show.clone() }, log, true, None),
            None => Listeners { sinks: Fan::new(), screen: None, any: false, bytes: false },
        };
        listeners.capture(capture)?;
        Ok(listeners)
    }

    fn capture(&mut self, capture: &CaptureArgs) -> anyhow::Result<()> {
        let to_stdout = capture.is_stdout();
        match capture.file.as_deref() {
            None => {}
            Some(_) if to_stdout => self.capture_to(Pipe(io::stdout()), Flush::Every, capture.vantage),
            Some(path) => {
                let file = File::create(path)
                    .with_context(|| format!("the capture file {} cannot be made", path.display()))?;
                let cut = |file: &mut File, len| {
                    file.set_len(len)?;
                    file.seek(SeekFrom::Start(len))?;
                    Ok(true)
                };
                self.capture_to(CutBy(file, cut), Flush::Paced, capture.vantage);
            }
        }
        Ok(())
    }

    fn capture_to<T: Target + 'static>(&mut self, target: T, flush: Flush, from: VantageArg) {
        let narrator = Rc::new(RefCell::new(Narrator::new(Glyphs::ASCII)));
        self.sinks.push(Introduced(narrator.clone()));
        let words = Box::new(move |event: &Event| narrator.borrow_mut().tell(event).to_string());
        self.sinks.push(CaptureSink::new(target, plan::vantage(from), flush, words));
        self.any = true;
    }

    /// One more who listens.
    pub(crate) fn add(&mut self, sink: impl Sink + 'static) {
        self.sinks.push(sink);
        self.any = true;
    }

    /// Whether anybody listens at all.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// The listeners, to be told events.
    pub(crate) fn into_fan(mut self) -> Fan<'static> {
        if let Some(screen) = self.screen {
            self.sinks.push(screen);
        }
        self.sinks
    }

    /// The sink to run with: frames become events on the way to the listeners.
    pub(crate) fn into_sink(self) -> Tell<Fan<'static>> {
        let bytes = self.bytes;
        Tell::new(self.into_fan()).with_bytes(bytes)
    }
}
