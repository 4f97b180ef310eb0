//! What a connection carries, once its first octets have shown it: an upgrade to WebSocket, layerlab's frames, or nothing
//! that is read here.

use super::watch::{SAMPLE, Watch};
use crate::model::queue::Carrier;
use crate::model::websocket::{self, Lost};
use crate::model::{FrameId, Side, Time};
use crate::stack::l7_application::queue::{Observer, Seen, observer};
use std::ops::Range;

/// What was found, by whom it was sent, and where in its stream it lies.
pub(super) type Found = (Side, Range<u64>, Told);

/// Something found.
#[derive(Debug)]
pub(super) enum Told {
    WebSocket(websocket::Step),
    Queue(Box<Seen>, Carrier),
}

impl Told {
    /// Whether its sender's octets can't be told apart any more.
    pub(super) const fn loses_edges(&self) -> bool {
        use crate::model::queue::Step as Frames;
        match self {
            Told::WebSocket(step) => {
                matches!(step, websocket::Step::Fault { .. } | websocket::Step::Lost(_))
            }
            Told::Queue(seen, Carrier::Tcp) => match &seen.step {
                Frames::Fault(fault) => !fault.goes_on,
                Frames::Lost(_) => true,
                _ => false,
            },
            Told::Queue(..) => false,
        }
    }
}

/// Reads both directions; *client* is here who sent the first octets.
#[derive(Debug)]
pub(super) enum Reader {
    /// Too little has come to say. `whole`: those octets are the connection's first.
    Undecided {
        first: Vec<u8>,
        whole: bool,
    },
    Web(Box<Watch>),
    Queue(Box<Observer>),
}

/// Whether a request may begin so: methods are written in capitals (RFC 9110 s9.1). So do frames, by an L.
pub(super) fn may_begin(octets: &[u8]) -> bool {
    octets.first().is_some_and(u8::is_ascii_uppercase)
}

impl Reader {
    pub(super) const fn new(whole: bool) -> Reader {
        Reader::Undecided { first: Vec::new(), whole }
    }

    /// Octets of memory that it holds, roughly.
    pub(super) fn held(&self) -> usize {
        match self {
            Reader::Undecided { first, .. } => first.len(),
            Reader::Web(watch) => watch.held(),
            Reader::Queue(observer) => observer.held(),
        }
    }

    /// The next octets of a side. `whence`: what brought them, and when. Gives whether it is still worth looking: not
    /// where this is nothing that is known here, or an upgrade that was refused.
    pub(super) fn feed(
        &mut self,
        sender: Side,
        octets: &[u8],
        whence: (Option<FrameId>, Time),
        found: &mut Vec<Found>,
    ) -> bool {
        match self {
            // Who accepts speaks second in all that is known here.
            Reader::Undecided { .. } if sender == Side::Server => false,
            Reader::Undecided { first, whole } => {
                let mut all = std::mem::take(first);
                all.extend_from_slice(octets);
                *self = match observer::begins(&all) {
                    None => {
                        *first = all;
                        return true;
                    }
                    Some(true) => Reader::Queue(Box::new(Observer::new(true, *whole))),
                    Some(false) if may_begin(&all) => Reader::Web(Box::new(Watch::new(SAMPLE))),
                    Some(false) => return false,
                };
                self.feed(sender, &all, whence, found)
            }
            Reader::Web(watch) => watch.feed(sender, octets, whence, found),
            Reader::Queue(observer) => {
                let (frame, at) = whence;
                observer.feed(sender, octets, (at, frame), &mut |seen| {
                    found.push((sender, seen.at.clone(), Told::Queue(Box::new(seen), Carrier::Tcp)));
                });
                true
            }
        }
    }

    /// Whether what was fed so far is of no interest any more.
    pub(super) const fn waits(&self) -> bool {
        matches!(self, Reader::Web(watch) if watch.waits())
    }

    /// Whether it is known what this is.
    pub(super) fn is_known(&self) -> bool {
        match self {
            Reader::Undecided { .. } => false,
            Reader::Web(watch) => watch.is_upgrade(),
            Reader::Queue(_) => true,
        }
    }

    /// Whether messages of a queue are read.
    pub(super) fn is_queue(&self) -> bool {
        match self {
            Reader::Undecided { .. } => false,
            Reader::Web(watch) => watch.is_queue(),
            Reader::Queue(_) => true,
        }
    }

    /// Whether one direction can be read without the other.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Reader::Undecided { .. } => false,
            Reader::Web(watch) => watch.is_open(),
            Reader::Queue(_) => true,
        }
    }

    /// A side can't be followed any further.
    pub(super) fn lose(&mut self, side: Side, lost: Lost) -> Told {
        match self {
            Reader::Queue(observer) => {
                observer.lose(side);
                let (sender, step) = (observer.role(side), crate::model::queue::Step::Lost(lost));
                Told::Queue(Box::new(Seen { sender, at: 0..0, step, earlier_end: None }), Carrier::Tcp)
            }
            Reader::Web(watch) => {
                watch.lose(side);
                Told::WebSocket(websocket::Step::Lost(lost))
            }
            Reader::Undecided { .. } => Told::WebSocket(websocket::Step::Lost(lost)),
        }
    }

    /// A side ended TCP.
    pub(super) fn end(&mut self, side: Side, reset: bool) -> Option<Told> {
        match self {
            Reader::Undecided { .. } => None,
            Reader::Web(watch) => watch.end(reset).map(Told::WebSocket),
            Reader::Queue(observer) => {
                let (sender, step) = (observer.role(side), observer.end(side, reset)?);
                let seen = Seen { sender, at: 0..0, step, earlier_end: None };
                Some(Told::Queue(Box::new(seen), Carrier::Tcp))
            }
        }
    }
}
