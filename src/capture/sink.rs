//! The listener that writes a capture while the run goes on.

use super::mark::Mark;
use super::note::note;
use super::run::run_comment;
use super::writer::{AtInterface, Flush, Target, WriteError, Writer};
use crate::model::{Event, Flow, FrameId, Moment, Outcome, Run, Sink, Vantage, What, WireFrame};
use std::collections::BTreeMap;
use std::io;

/// Frames on their way whose sentence is kept at most; beyond it the oldest lose theirs (never their ledger row).
const IN_FLIGHT_MAX: usize = 65_536;
/// Octets of a packet's narration at most, so that the machine-readable line after it always fits.
const SENTENCE_MAX: usize = 16 * 1024;

/// Finds the words for an event; an empty string for none.
pub type Narrator<'a> = Box<dyn FnMut(&Event) -> String + 'a>;

/// Writes the frames of a run, seen from a [`Vantage`], as pcapng.
///
/// - [`Vantage::At`] a side: every frame that the side sent, at the moment when the wire read it (dropped ones too, and
///   so marked), and every frame that reached it, when it arrived (corrupted octets as delivered, duplicates twice).
/// - [`Vantage::Wire`]: every frame once, when the wire read it.
///
/// Each packet's comment holds the narration of its frame event, where the ledger has something to say of its ledger event, and
/// of what an application said that was whole with it, then the line that [`Mark`] describes. The section header holds [`run_comment`].
pub struct CaptureSink<'a, T: Target> {
    vantage: Vantage,
    flush: Flush,
    narrator: Narrator<'a>,
    state: State<T>,
    seed: u64,
    epoch_unix_ns: u64,
    /// The sentence of the frame that is about to enter the wire.
    entering: Option<(FrameId, String)>,
    /// Sentences of frames on their way, and how many copies have yet to arrive.
    in_flight: BTreeMap<FrameId, (String, usize)>,
}

enum State<T: Target> {
    /// The run has not begun.
    Waiting(T),
    Open(Box<Writer<T>>),
    /// The reader of the pipe went away, or the target failed and that was reported.
    Closed,
}

impl<'a, T: Target> CaptureSink<'a, T> {
    /// Writes to `target` what `vantage` sees, with the words that `narrator` finds.
    pub fn new(target: T, vantage: Vantage, flush: Flush, narrator: Narrator<'a>) -> CaptureSink<'a, T> {
        CaptureSink {
            vantage,
            flush,
            narrator,
            state: State::Waiting(target),
            seed: 0,
            epoch_unix_ns: 0,
            entering: None,
            in_flight: BTreeMap::new(),
        }
    }

    /// Whether, and how, this vantage sees a frame at this moment.
    fn view(&self, frame: &WireFrame<'_>) -> Option<(Option<AtInterface>, Option<u8>)> {
        match (self.vantage, frame.moment) {
            (_, Moment::Observed) | (Vantage::Wire, Moment::Entered) => Some((None, None)),
            (Vantage::Wire, Moment::Arrived { .. }) => None,
            (Vantage::At(side), Moment::Entered) => {
                (frame.row.direction.from() == side).then_some((Some(AtInterface::Outbound), None))
            }
            (Vantage::At(side), Moment::Arrived { copy }) => {
                (frame.row.direction.to() == side).then_some((Some(AtInterface::Inbound), Some(copy)))
            }
        }
    }

    /// The sentence of a frame; keeps it where more copies have yet to arrive.
    fn sentence(&mut self, frame: &WireFrame<'_>) -> String {
        let id = frame.row.id;
        match frame.moment {
            Moment::Entered | Moment::Observed => {
                self.entering.take().filter(|(of, _)| *of == id).map(|(_, text)| text).unwrap_or_default()
            }
            Moment::Arrived { .. } => match self.in_flight.get_mut(&id) {
                Some((text, left)) if *left > 1 => {
                    *left -= 1;
                    text.clone()
                }
                Some(_) => self.in_flight.remove(&id).map(|(text, _)| text).unwrap_or_default(),
                None => String::new(),
            },
        }
    }

    /// Puts by the sentence of a frame that this vantage will see only when it arrives.
    fn remember(&mut self, frame: &WireFrame<'_>) {
        let copies = frame.row.fate.deliveries().count();
        let Some((_, text)) = self.entering.take().filter(|(of, _)| *of == frame.row.id) else {
            return;
        };
        if copies == 0 || text.is_empty() || self.vantage == Vantage::Wire {
            return;
        }
        if self.in_flight.len() >= IN_FLIGHT_MAX {
            self.in_flight.pop_first();
        }
        self.in_flight.insert(frame.row.id, (text, copies));
    }

    /// A closed pipe ends the capture in peace; any other failure is the caller's to tell.
    fn settle(&mut self, result: Result<(), WriteError>) -> io::Result<Flow> {
        let Err(error) = result else {
            return Ok(Flow::Continue);
        };
        self.state = State::Closed;
        let error = io::Error::from(error);
        if error.kind() == io::ErrorKind::BrokenPipe { Ok(Flow::Stop) } else { Err(error) }
    }
}

impl<T: Target> Sink for CaptureSink<'_, T> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        let target = match std::mem::replace(&mut self.state, State::Closed) {
            State::Waiting(target) => target,
            // A second run into the same file would be a second section: no caller asks for it.
            begun => {
                self.state = begun;
                return Err(io::Error::other("the capture has already begun"));
            }
        };
        self.seed = run.seed;
        self.epoch_unix_ns = run.epoch_unix_ns;
        let interface = match self.vantage {
            Vantage::At(side) => format!("{}:eth0", side.name()),
            Vantage::Wire => "wire".to_owned(),
        };
        let application = format!("layerlab {}", run.version);
        match Writer::new(target, self.flush, &application, &run.system, &run_comment(run), &interface) {
            Ok(writer) => {
                self.state = State::Open(Box::new(writer));
                Ok(())
            }
            Err(error) => self.settle(Err(error)).map(|_| ()),
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if matches!(self.state, State::Closed) {
            return Ok(Flow::Stop);
        }
        match &event.what {
            What::Frame(seen) => {
                let mut text = (self.narrator)(event);
                cut(&mut text);
                self.entering = Some((seen.id, text));
            }
            What::Fate(row) => {
                // Heard also where nothing of it is written: what is said of later frames rests on it.
                let more = (self.narrator)(event);
                if row.fate.is_remarkable()
                    && let Some((_, text)) = self.entering.as_mut().filter(|(id, _)| *id == row.id)
                {
                    add(text, &more);
                }
            }
            // It was whole with the frame that is entering.
            What::WebSocket(_) | What::Queue(_) => {
                let more = (self.narrator)(event);
                if let Some((_, text)) = &mut self.entering {
                    add(text, &more);
                }
            }
            // So do system calls: who knows of them says more of a segment or a FIN.
            What::Called { .. } | What::Returned { .. } => drop((self.narrator)(event)),
            _ => {}
        }
        match (&mut self.state, note(event)) {
            (State::Open(writer), Some(line)) => {
                let written = writer.note(self.epoch_unix_ns.saturating_add(event.at.as_nanos()), &line);
                self.settle(written)
            }
            _ => Ok(Flow::Continue),
        }
    }

    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        let Some((heading, copy)) = self.view(frame) else {
            self.remember(frame);
            return Ok(Flow::Continue);
        };
        let mut comment = self.sentence(frame);
        let writer = match &mut self.state {
            State::Open(writer) => writer,
            State::Closed => return Ok(Flow::Stop),
            State::Waiting(_) => return Err(io::Error::other("a frame before the run began")),
        };
        // A frame that crossed no wire of ours has no row to tell of.
        if frame.moment != Moment::Observed {
            if !comment.is_empty() {
                comment.push('\n');
            }
            comment.push_str(&Mark::of(frame.row, copy, self.seed).to_string());
        }
        let at = self.epoch_unix_ns.saturating_add(frame.at.as_nanos());
        let written = writer.packet(at, heading, frame.bytes, &comment);
        self.settle(written)
    }

    fn finish(&mut self, _: &Outcome) -> io::Result<()> {
        match &mut self.state {
            State::Open(writer) => {
                let flushed = writer.flush();
                self.settle(flushed).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

/// Another line of a packet's narration.
fn add(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
    cut(text);
}

fn cut(text: &mut String) {
    if text.len() > SENTENCE_MAX {
        let mut end = SENTENCE_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests;
