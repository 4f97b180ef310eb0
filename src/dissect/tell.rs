//! The adapter between whoever runs and whoever listens: frames become events on their way.

use super::dissector::{Dissector, Frame};
use super::streams::Calls;
use crate::model::{
    Class, Event, EventId, Evidence, Fate, Flow, Heading, LinkType, Moment, Outcome, Place, Protocol, Row,
    Rule, Run, Sink, What, WireFrame,
};
use std::collections::BTreeMap;
use std::io;

/// Events whose final number is remembered, for others to name as their cause.
const CAUSES_MAX: usize = 65_536;

/// Hands a run on to the sink `S`, with two events before every frame that enters the wire: what the frame is (from its
/// octets) and what becomes of it (from the ledger, the first its cause); and behind them one for each step of an upgrade or of
/// WebSocket that was whole with it. Where no frame is seen, those steps come behind the send() or recv() that carried them.
///
/// Events are numbered 1, 2, 3 ... in the order in which they are handed on. The numbers of those that came in are only
/// read as names by which one is another's cause; a cause that was not seen, or long ago (65,536 events), is left out.
#[derive(Debug)]
pub struct Tell<S> {
    inner: S,
    dissector: Dissector,
    /// Where no frames are seen, what programs' calls carried is read instead.
    calls: Calls,
    last: u64,
    /// By the number an event came in with, the number it went out with.
    numbers: BTreeMap<EventId, EventId>,
}

impl<S> Tell<S> {
    /// Tells `inner`.
    pub fn new(inner: S) -> Tell<S> {
        Tell { inner, dissector: Dissector::new(), calls: Calls::new(), last: 0, numbers: BTreeMap::new() }
    }

    /// Whether frame events carry the frame's octets and headers; see [`Dissector::with_bytes`].
    #[must_use]
    pub fn with_bytes(mut self, with_bytes: bool) -> Tell<S> {
        self.dissector = self.dissector.with_bytes(with_bytes);
        self
    }

    /// The sink.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn number(&mut self) -> EventId {
        self.last += 1;
        EventId(self.last)
    }
}

impl<S: Sink> Tell<S> {
    /// Emits the events of a frame that enters the wire: of its octets, and of its row where there is a ledger.
    pub(super) fn enter(&mut self, frame: &Frame<'_>, row: Option<&Row>) -> io::Result<Flow> {
        let seen = self.number();
        let event = self.dissector.frame(seen, frame);
        let mut flow = self.inner.event(&event)?;
        if let Some(row) = row {
            let (place, protocol) = decider(row);
            let fate = Event {
                id: self.number(),
                cause: Some(seen),
                at: frame.at,
                place,
                heading: Heading::Toward(row.direction),
                protocol,
                what: What::Fate(Box::new(row.clone())),
                bytes: None,
                evidence: Evidence::Ledger,
                cite: None,
            };
            flow = both(flow, self.inner.event(&fate)?);
        }
        let steps = self.dissector.steps();
        Ok(both(flow, self.steps(steps)?))
    }

    /// Hands steps on, each under the next number.
    fn steps(&mut self, steps: Vec<Event>) -> io::Result<Flow> {
        let mut flow = Flow::Continue;
        for step in steps {
            let step = Event { id: self.number(), ..step };
            flow = both(flow, self.inner.event(&step)?);
        }
        Ok(flow)
    }
}

impl<S: Sink> Tell<S> {
    /// Hands a frame on as it is.
    pub(super) fn forward(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.inner.frame(frame)
    }
}

/// Where a frame's fate was decided, and by what. A router reads IP or ARP, and an MTU is a limit on the IP packet
/// (RFC 1122 s3.3.2); all else the wire does without looking into the frame.
fn decider(row: &Row) -> (Place, Protocol) {
    let ip = if row.class.has(Class::IPV6) { Protocol::Ipv6 } else { Protocol::Ipv4 };
    match row.fate {
        Fate::Dropped { by: Rule::TtlExceeded { hop } } => (Place::Router(hop), ip),
        Fate::Dropped { by: Rule::ForRouter { hop } } if row.class.has(Class::ARP) => {
            (Place::Router(hop), Protocol::Arp)
        }
        Fate::Dropped { by: Rule::ForRouter { hop } } => (Place::Router(hop), ip),
        Fate::Dropped { by: Rule::Mtu { .. } } => (Place::Wire, ip),
        _ => (Place::Wire, Protocol::Wire),
    }
}

/// Stop, if either says so.
pub(super) fn both(a: Flow, b: Flow) -> Flow {
    if a == Flow::Stop { a } else { b }
}

impl<S: Sink> Sink for Tell<S> {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.calls.begin(run.backend);
        self.inner.begin(run)
    }

    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        let id = self.number();
        let cause = event.cause.and_then(|cause| self.numbers.get(&cause).copied());
        self.numbers.insert(event.id, id);
        if self.numbers.len() > CAUSES_MAX {
            self.numbers.pop_first();
        }
        let event = Event { id, cause, ..event.clone() };
        let flow = self.inner.event(&event)?;
        let steps = self.calls.see(&event);
        Ok(both(flow, self.steps(steps)?))
    }

    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        let flow = match frame.moment {
            Moment::Entered => {
                let row = frame.row;
                let entered = Frame {
                    id: row.id,
                    direction: row.direction,
                    at: frame.at,
                    link: LinkType::Ethernet,
                    bytes: frame.bytes,
                    len: row.len,
                    fate: Some(&row.fate),
                };
                self.enter(&entered, Some(row))?
            }
            // No wire, no ledger: the octets alone.
            Moment::Observed => {
                let row = frame.row;
                let seen = Frame {
                    id: row.id,
                    direction: row.direction,
                    at: frame.at,
                    link: LinkType::Ethernet,
                    bytes: frame.bytes,
                    len: row.len,
                    fate: None,
                };
                self.enter(&seen, None)?
            }
            Moment::Arrived { .. } => Flow::Continue,
        };
        Ok(both(flow, self.inner.frame(frame)?))
    }

    fn idle(&mut self) -> io::Result<Flow> {
        self.inner.idle()
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.dissector.finish(outcome.at);
        let steps = self.dissector.steps();
        // A listener that has heard enough is finished all the same.
        let told = self.steps(steps).map(|_| ());
        self.inner.finish(outcome).and(told)
    }
}

#[cfg(test)]
mod tests;
