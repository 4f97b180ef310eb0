//! `layerlab dissect`: a capture, explained frame by frame.

use super::args::{DissectArgs, OnlyArg};
use super::exit::Answer;
use super::listeners::Listeners;
use super::{run as running, why};
use crate::capture::ReadError;
use crate::dissect::{FileError, Tell, read};
use crate::model::{Event, EventId, Flow, Outcome, Protocol, Run, Sink, What};
use std::io;

/// `layerlab dissect FILE`.
pub(crate) fn run(args: &DissectArgs) -> anyhow::Result<Answer> {
    let name = args.file.display();
    let mut reader = why::open(&args.file)?;
    let listeners = Listeners::for_file(&args.show, &format!("layerlab dissect {name}"));
    let only = Only { inner: listeners.into_fan(), list: args.only.clone(), last: None };
    let mut tell = Tell::new(only).with_bytes(!args.show.quiet);
    match read(&mut reader, &mut tell) {
        Ok(_) => Ok(Answer::Yes),
        Err(FileError::Read(error @ ReadError::Truncated { .. })) => {
            running::note(&format!("{name}: {error}; this is what stands before it"))?;
            Ok(Answer::Yes)
        }
        Err(error) => Err(anyhow::Error::new(error).context(name.to_string())),
    }
}

/// Lets through what was asked for.
struct Only<S> {
    inner: S,
    /// Empty for everything.
    list: Vec<OnlyArg>,
    /// The last frame's event, and whether it went through: its fate goes with it.
    last: Option<(EventId, bool)>,
}

impl<S> Only<S> {
    fn lets(&mut self, event: &Event) -> bool {
        if self.list.is_empty() {
            return true;
        }
        let kept = match &event.what {
            What::Fate(_) => self.last.is_some_and(|(frame, kept)| kept && event.cause == Some(frame)),
            // An upgrade is HTTP's and belongs to what it opens.
            What::WebSocket(_) => {
                self.list.contains(&OnlyArg::Websocket)
                    || event.protocol == Protocol::Http && self.list.contains(&OnlyArg::Http)
            }
            What::Queue(_) => self.list.contains(&OnlyArg::Queue),
            _ => self.list.iter().any(|only| only.is(event.protocol)),
        };
        if let What::Frame(_) = event.what {
            self.last = Some((event.id, kept));
        }
        kept
    }
}

impl<S: Sink> Sink for Only<S> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.inner.begin(run)
    }
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if self.lets(event) { self.inner.event(event) } else { Ok(Flow::Continue) }
    }
    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.inner.finish(outcome)
    }
}
