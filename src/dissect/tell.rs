//! The adapter between whoever runs and whoever listens: frames become events on their way.

use super::dissector::{Dissector, Frame};
use super::streams::Calls;
use crate::model::{
    Call, Class, Event, EventId, Evidence, Fate, Flow, Heading, LinkType, Moment, Outcome, Place, Protocol,
    Row, Rule, Run, Side, Sink, Time, Waiting, What, WireFrame,
};
use std::collections::BTreeMap;
use std::io;

/// Events whose final number is remembered, for others to name as their cause.
const CAUSES_MAX: usize = 65_536;
/// Calls that have not returned of which is told at the end: a run has fewer, a file may have any number.
const WAITING_MAX: usize = 64;

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
    /// The calls that have not returned, by the number under which they were handed on.
    waiting: BTreeMap<EventId, (Side, Waiting)>,
    /// Whether telling ended before what it tells: what then had not returned may have done so later.
    cut: bool,
    /// When the last thing happened at a host: a file's last frame may have come before.
    latest: Time,
}

impl<S> Tell<S> {
    /// Tells `inner`.
    pub fn new(inner: S) -> Tell<S> {
        let (dissector, calls) = (Dissector::new(), Calls::new());
        Tell {
            inner,
            dissector,
            calls,
            last: 0,
            numbers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            cut: false,
            latest: Time::ZERO,
        }
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

    /// What is told goes on, and this does not: nobody knows how its calls ended.
    pub(super) fn cut_short(&mut self) {
        self.cut = true;
    }

    /// A listener that has had enough hears no more.
    fn heard(&mut self, flow: Flow) -> Flow {
        self.cut |= flow == Flow::Stop;
        flow
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

    fn note_call(&mut self, event: &Event) {
        self.latest = self.latest.max(event.at);
        if let (What::Called { fd, call: Call::Close }, Place::Host(side)) = (&event.what, event.place) {
            for (_, call) in
                self.waiting.values_mut().filter(|(whose, call)| *whose == side && call.fd == *fd)
            {
                call.closed.get_or_insert(event.at);
            }
        }
        match (&event.what, event.place) {
            (What::Called { fd, call }, Place::Host(side)) if self.waiting.len() < WAITING_MAX => {
                let waiting = Waiting { fd: *fd, call: call.clone(), since: event.at, closed: None };
                self.waiting.insert(event.id, (side, waiting));
            }
            (What::Returned { .. }, _) => {
                event.cause.and_then(|called| self.waiting.remove(&called));
            }
            _ => {}
        }
    }

    /// The run is over: tells, a host at a time, which calls nothing has ended.
    fn still_waiting(&mut self, at: Time) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if self.cut {
            return Ok(());
        }
        for side in Side::BOTH {
            let its = waiting.iter().filter(|(_, (whose, _))| *whose == side);
            let (causes, calls): (Vec<_>, Vec<_>) = its.map(|(id, (_, call))| (*id, call.clone())).unzip();
            let Some(cause) = causes.last() else { continue };
            let event = Event {
                id: self.number(),
                cause: Some(*cause),
                at,
                place: Place::Host(side),
                heading: Heading::Local,
                protocol: Protocol::Sockets,
                what: What::Waiting(calls),
                bytes: None,
                evidence: Evidence::Syscall,
                cite: None,
            };
            self.inner.event(&event)?;
        }
        Ok(())
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
        self.note_call(&event);
        let flow = self.inner.event(&event)?;
        let steps = self.calls.see(&event);
        let flow = both(flow, self.steps(steps)?);
        Ok(self.heard(flow))
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
        let flow = both(flow, self.inner.frame(frame)?);
        Ok(self.heard(flow))
    }

    fn idle(&mut self) -> io::Result<Flow> {
        let flow = self.inner.idle()?;
        Ok(self.heard(flow))
    }

    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.dissector.finish(outcome.at);
        let steps = self.dissector.steps();
        // A listener that has heard enough is finished all the same.
        let told = self.steps(steps).and_then(|_| self.still_waiting(outcome.at.max(self.latest)));
        self.inner.finish(outcome).and(told)
    }
}

#[cfg(test)]
mod tests;
