//! A listener that hears of some events only: of those that somebody wants, and of frames that were lost.

use crate::model::{Event, Flow, Outcome, Run, Sink, What, WireFrame};
use std::io;

/// Which events are wanted whatever became of frames.
pub(crate) type Wanted = fn(&Event) -> bool;

/// See the [module](self).
pub(crate) struct Only<S> {
    inner: S,
    wanted: Wanted,
    /// The last frame, until its fate says whether it is passed on.
    frame: Option<Event>,
}

impl<S: Sink> Only<S> {
    pub(crate) fn new(inner: S, wanted: Wanted) -> Only<S> {
        Only { inner, wanted, frame: None }
    }
}

impl<S: Sink> Sink for Only<S> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.inner.begin(run)
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        match &event.what {
            What::Frame(_) => {
                self.frame = Some(event.clone());
                Ok(Flow::Continue)
            }
            What::Fate(row) if row.fate.is_dropped() => {
                if let Some(frame) = self.frame.take().filter(|frame| event.cause == Some(frame.id))
                    && self.inner.event(&frame)? == Flow::Stop
                {
                    return Ok(Flow::Stop);
                }
                self.inner.event(event)
            }
            _ if (self.wanted)(event) => self.inner.event(event),
            _ => Ok(Flow::Continue),
        }
    }

    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.inner.frame(frame)
    }

    fn idle(&mut self) -> io::Result<Flow> {
        self.inner.idle()
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.inner.finish(outcome)
    }
}
