//! The listener that keeps a lane's frames.

use super::Frame;
use crate::model::{Event, Flow, FrameId, Moment, Outcome, Run, Seen, Sink, What, WireFrame};
use std::collections::BTreeMap;
use std::io;

/// Keeps every frame of a run with its fate and the moments of its arrival. It stands behind whoever turns frames into
/// events, so that each frame's event comes before it.
#[derive(Debug, Default)]
pub struct Gather {
    /// The run, once it has begun.
    pub run: Option<Run>,
    /// Its outcome, once it has ended.
    pub outcome: Outcome,
    /// The frames, in the order in which the wire read them.
    pub frames: Vec<Frame>,
    /// The frames' events and those of their fates, for a picture of some of them.
    pub events: Vec<Event>,
    places: BTreeMap<FrameId, usize>,
    entering: Option<Seen>,
}

/// Events that are kept at most: pictures show the beginning.
const EVENTS_MAX: usize = 20_000;

impl Sink for Gather {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.run = Some(run.clone());
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if let What::Frame(seen) = &event.what {
            self.entering = Some((**seen).clone());
        }
        if matches!(event.what, What::Frame(_) | What::Fate(_)) && self.events.len() < EVENTS_MAX {
            self.events.push(event.clone());
        }
        Ok(Flow::Continue)
    }

    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        let id = frame.row.id;
        match frame.moment {
            Moment::Entered => {
                if let Some(seen) = self.entering.take().filter(|seen| seen.id == id) {
                    self.places.insert(id, self.frames.len());
                    self.frames.push(Frame { row: frame.row.clone(), seen, arrived: Vec::new() });
                }
            }
            Moment::Arrived { .. } => {
                if let Some(place) = self.places.get(&id) {
                    self.frames[*place].arrived.push(frame.at);
                }
            }
            Moment::Observed => {}
        }
        Ok(Flow::Continue)
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.outcome = outcome.clone();
        Ok(())
    }
}

impl Gather {
    /// Where a frame stands among [`Gather::frames`].
    pub fn place(&self, id: FrameId) -> Option<usize> {
        self.places.get(&id).copied()
    }
}
