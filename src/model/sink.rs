//! Where events and frames go. Whoever listens implements [`Sink`]; nobody who emits knows a sink by name.

use super::event::Event;
use super::ledger::Row;
use super::run::{Outcome, Run};
use super::time::Time;
use std::io;

/// Whether the sink wants more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Enough: the emitter winds the run down. Not an error (a closed pipe ends here).
    Stop,
}

/// Which moment of a frame's life is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The wire read it from the host that sent it. Told for every frame, dropped ones included.
    Entered,
    /// It was seen on an interface that is no wire of ours: its row says nothing but that it was there.
    Observed,
    /// The far host got it: copy 0, or copy 1 of a duplicated frame. The bytes are those delivered.
    Arrived {
        /// 0 the first copy.
        copy: u8,
    },
}

/// A frame at a moment of its life on the wire.
#[derive(Clone, Copy, Debug)]
pub struct WireFrame<'a> {
    /// Its ledger row.
    pub row: &'a Row,
    /// When this moment was.
    pub at: Time,
    /// Which moment.
    pub moment: Moment,
    /// The octets, from the Ethernet header on, without FCS.
    pub bytes: &'a [u8],
}

/// A listener. Every method has a default that does nothing.
pub trait Sink {
    /// The run begins.
    fn begin(&mut self, _run: &Run) -> io::Result<()> {
        Ok(())
    }
    /// A step, in time order.
    fn event(&mut self, _event: &Event) -> io::Result<Flow> {
        Ok(Flow::Continue)
    }
    /// A frame entered or left the wire, in time order with the events.
    fn frame(&mut self, _frame: &WireFrame<'_>) -> io::Result<Flow> {
        Ok(Flow::Continue)
    }
    /// Nothing new for a moment: whoever talks with a person looks up.
    fn idle(&mut self) -> io::Result<Flow> {
        Ok(Flow::Continue)
    }
    /// The run ended; buffers are flushed.
    fn finish(&mut self, _outcome: &Outcome) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! forward {
    () => {
        fn begin(&mut self, run: &Run) -> io::Result<()> {
            (**self).begin(run)
        }
        fn event(&mut self, event: &Event) -> io::Result<Flow> {
            (**self).event(event)
        }
        fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
            (**self).frame(frame)
        }
        fn idle(&mut self) -> io::Result<Flow> {
            (**self).idle()
        }
        fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
            (**self).finish(outcome)
        }
    };
}

impl<S: Sink + ?Sized> Sink for &mut S {
    forward!();
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    forward!();
}

/// Listens to nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct NullSink;

impl Sink for NullSink {}

/// Several sinks as one. Stops when any of them stops.
#[derive(Default)]
pub struct Fan<'a> {
    sinks: Vec<Box<dyn Sink + 'a>>,
}

impl<'a> Fan<'a> {
    /// With nobody listening yet.
    pub fn new() -> Fan<'a> {
        Fan::default()
    }

    /// Adds a listener.
    pub fn push(&mut self, sink: impl Sink + 'a) {
        self.sinks.push(Box::new(sink));
    }

    fn each(&mut self, mut f: impl FnMut(&mut dyn Sink) -> io::Result<Flow>) -> io::Result<Flow> {
        let mut flow = Flow::Continue;
        for sink in &mut self.sinks {
            if f(sink)? == Flow::Stop {
                flow = Flow::Stop;
            }
        }
        Ok(flow)
    }
}

impl Sink for Fan<'_> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.sinks.iter_mut().try_for_each(|s| s.begin(run))
    }
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.each(|s| s.event(event))
    }
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.each(|s| s.frame(frame))
    }
    fn idle(&mut self) -> io::Result<Flow> {
        self.each(|s| s.idle())
    }
    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        // Every sink is finished even when an earlier one fails: the capture must be whole.
        let mut result = Ok(());
        for sink in &mut self.sinks {
            result = result.and(sink.finish(outcome));
        }
        result
    }
}
