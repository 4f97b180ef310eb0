//! What TCP and UDP carry: each connection's octets in order, both directions, and the upgrades to WebSocket and layerlab's
//! frames among them.
//!
//! ```text
//!   segment ──> Assembly (one a direction) ──> Reader (one a connection) ──> steps
//!                puts octets in order            Watch: HTTP heads, then WebSocket's frames
//!                                                queue::Observer: layerlab's frames
//! ```
//!
//! A connection whose first octets are neither a request nor a frame is let go at once; after a request
//! that asks for no upgrade the next one is waited for, which may. A direction that can't be followed any further is told once, and let go.

mod assembly;
mod calls;
mod datagrams;
mod overheard;
mod reader;
mod watch;

use super::dissector::Frame;
use super::recent::Recent;
use super::tcp::Arrival;
use crate::model::queue::{Carrier, Frame as Queued, Queue, Relation, Step as Frames};
use crate::model::websocket::{Carried, Lost, Step, WebSocket};
use crate::model::{
    Direction, Event, EventId, Evidence, FrameId, Heading, Place, Protocol, Side, Tcp, TcpFlags, Time, What,
};
use crate::stack::l7_application::queue::{Code, Seen};
use crate::stack::{IpFacts, TcpFacts, UdpFacts};
use assembly::Assembly;
pub(super) use calls::Calls;
use datagrams::Datagrams;
pub use overheard::Overheard;
use reader::{Found, Reader, Told, may_begin};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;

/// Connections that are watched at most: those that began and have not shown yet what they carry, and upgrades.
const FLOWS_MAX: usize = 4096;
/// Acknowledgments of TCP that are remembered of a direction, to find the one of a frame of a queue.
const ACKS: usize = 256;
/// Octets of memory that all of them take at most.
const MEMORY_MAX: usize = 128 << 20;

/// One connection.
#[derive(Debug)]
struct Flow {
    /// The side with the lower address and port, then the other.
    sides: [Assembly; 2],
    /// Directions that can't be followed any further.
    lost: [bool; 2],
    /// Which of them is the client: who sent the first octets.
    client: Option<usize>,
    /// `None` before the first octets, and after a refusal.
    reader: Option<Reader>,
    /// Whether its first octets were seen: the SYN that stands before them.
    whole: bool,
    /// Of each side's octets: how many TCP had acknowledged, and the first frame that says so.
    acks: [VecDeque<(u64, FrameId)>; 2],
    ends: [SocketAddr; 2],
    /// The direction of the lower side's frames.
    direction: Direction,
    stream: u32,
    /// What it took when it was last looked at.
    held: usize,
}

/// Every connection that is watched.
#[derive(Debug)]
pub(super) struct Streams {
    flows: Recent<u32, Flow>,
    /// Connections in which octets are awaited.
    gaps: usize,
    /// Connections that carry a queue.
    queues: usize,
    datagrams: Datagrams,
    /// What all of them took when they were last looked at.
    held: usize,
    told: Vec<Event>,
}

/// What brought octets: the frame (none at the end of a capture), its event, and when.
#[derive(Clone, Copy)]
struct Whence {
    frame: Option<FrameId>,
    event: EventId,
    at: Time,
}

impl Streams {
    pub(super) fn new() -> Streams {
        Streams {
            flows: Recent::new(FLOWS_MAX),
            gaps: 0,
            queues: 0,
            datagrams: Datagrams::new(),
            held: 0,
            told: Vec::new(),
        }
    }

    /// What was found since the last call; the events' numbers are 0.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.told)
    }

    /// Takes a segment of the frame with the event `event`; `tcp` is what it is in its conversation.
    pub(super) fn see(
        &mut self,
        (event, frame): (EventId, &Frame<'_>),
        arrival: Arrival,
        ip: &IpFacts,
        segment: &TcpFacts<'_>,
        tcp: &Tcp,
    ) {
        let has = |flag| segment.flags.has(flag);
        let ends_it = has(TcpFlags::FIN) || has(TcpFlags::RST);
        let nothing = segment.payload_len == 0 && !has(TcpFlags::SYN) && !ends_it;
        if arrival.is_never()
            || nothing && self.gaps == 0 && self.queues == 0
            || ip.fragment.is_some_and(|f| f.offset > 0)
        {
            return;
        }
        let from = SocketAddr::new(ip.source, segment.source_port);
        let to = SocketAddr::new(ip.destination, segment.destination_port);
        let lower = (from.ip(), from.port()) <= (to.ip(), to.port());
        let begins =
            has(TcpFlags::SYN) || segment.payload_len > 0 && tcp.seq == 1 && may_begin(segment.payload);
        let flow = if begins {
            self.flows.obtain(
                tcp.stream,
                |_| true,
                || {
                    let direction = if lower { frame.direction } else { frame.direction.other() };
                    Flow::new(if lower { [from, to] } else { [to, from] }, direction, tcp.stream)
                },
            )
        } else {
            match self.flows.get_mut(&tcp.stream) {
                Some(flow) => flow,
                None => return,
            }
        };
        let whence = Whence { frame: Some(frame.id), event, at: frame.at };
        let (had_gap, had_queue) = (flow.has_gap(), flow.is_queue());
        let keep = flow.take(usize::from(!lower), segment, whence, &mut self.told);
        self.gaps = (self.gaps + usize::from(keep && flow.has_gap())).saturating_sub(usize::from(had_gap));
        self.queues =
            (self.queues + usize::from(keep && flow.is_queue())).saturating_sub(usize::from(had_queue));
        let held = if keep { flow.memory() } else { 0 };
        self.held = (self.held + held).saturating_sub(std::mem::replace(&mut flow.held, held));
        if self.held > MEMORY_MAX {
            self.relieve(tcp.stream, whence);
        } else if !keep {
            self.flows.remove(&tcp.stream);
        }
    }

    /// Takes a datagram of the frame with the event `event`.
    pub(super) fn see_datagram(
        &mut self,
        (event, frame): (EventId, &Frame<'_>),
        arrival: Arrival,
        ip: &IpFacts,
        datagram: &UdpFacts<'_>,
    ) {
        if ip.fragment.is_none() {
            self.told.extend(self.datagrams.see((event, frame), arrival.is_never(), ip, datagram));
        }
    }

    /// Counts what is held, for connections may have been forgotten meanwhile; where it is too much, lets go of this one.
    fn relieve(&mut self, stream: u32, whence: Whence) {
        self.held = self.flows.values_mut().map(|flow| flow.held).sum();
        if self.held > MEMORY_MAX
            && let Some(mut flow) = self.flows.remove(&stream)
        {
            self.held -= flow.held;
            let sender = flow.client.unwrap_or(0);
            flow.lose(sender, Lost::TooMuch { limit: MEMORY_MAX as u64 }, whence, &mut self.told);
        }
    }

    /// Nothing more comes: tells where octets were awaited in vain. `last` is the last event.
    pub(super) fn finish(&mut self, last: EventId, at: Time) {
        for flow in self.flows.values_mut() {
            for side in [0, 1] {
                if let Some(lost) = flow.sides[side].give_up() {
                    let whence = Whence { frame: None, event: last, at };
                    flow.lose(side, lost, whence, &mut self.told);
                }
            }
        }
    }
}

impl Flow {
    fn new(ends: [SocketAddr; 2], direction: Direction, stream: u32) -> Flow {
        let sides = [Assembly::default(), Assembly::default()];
        Flow {
            sides,
            lost: [false; 2],
            client: None,
            reader: None,
            whole: false,
            acks: Default::default(),
            ends,
            direction,
            stream,
            held: 0,
        }
    }

    fn has_gap(&self) -> bool {
        self.sides.iter().any(Assembly::has_gap)
    }

    fn is_queue(&self) -> bool {
        self.reader.as_ref().is_some_and(Reader::is_queue)
    }

    fn memory(&self) -> usize {
        let reader = self.reader.as_ref().map_or(0, Reader::held) + 4096 * usize::from(self.is_queue());
        size_of::<Flow>() + reader + self.sides.iter().map(Assembly::held).sum::<usize>()
    }

    /// Takes a segment of a side; gives whether the connection is still worth watching.
    fn take(&mut self, side: usize, segment: &TcpFacts<'_>, whence: Whence, told: &mut Vec<Event>) -> bool {
        let has = |flag| segment.flags.has(flag);
        let seq = segment.seq.wrapping_add(u32::from(has(TcpFlags::SYN)));
        self.sides[side].begin(seq);
        self.whole |= has(TcpFlags::SYN);
        if has(TcpFlags::ACK) {
            let other = &mut self.sides[1 - side];
            other.begin(segment.ack);
            if let Some(lost) = other.acknowledged(segment.ack) {
                self.lose(1 - side, lost, whence, told);
            }
            self.acknowledged(1 - side, segment.ack, whence);
        }
        if self.client.is_some() && self.reader.is_none() {
            // Refused: what follows is of no interest, and remembering the connection keeps it from being told twice.
            return true;
        }
        if self.lost[side] {
            if has(TcpFlags::RST) || has(TcpFlags::FIN) {
                self.end(side, has(TcpFlags::RST), whence, told);
            }
            return self.goes_on();
        }
        let fin = has(TcpFlags::FIN);
        let of = (whence.frame.unwrap_or(FrameId(0)), whence.at);
        let mut ready = match self.sides[side].offer(seq, segment.payload, segment.payload_len, fin, of) {
            Ok(ready) => ready,
            Err(lost) => {
                self.lose(side, lost, whence, told);
                return self.goes_on();
            }
        };
        while let Some(octets) = ready {
            if !self.read(side, &octets, whence, told) {
                return false;
            }
            ready = self.sides[side].more();
        }
        if has(TcpFlags::RST) {
            self.abandon(whence, told);
        }
        if has(TcpFlags::RST) || self.sides[side].is_at_end() {
            self.end(side, has(TcpFlags::RST), whence, told);
        }
        // After a RST nothing follows.
        !has(TcpFlags::RST) && self.goes_on()
    }

    /// Whether there is a direction left to follow.
    fn goes_on(&self) -> bool {
        self.lost != [true; 2]
    }

    fn role(&self, side: usize) -> Side {
        if self.client == Some(side) || self.client.is_none() && side == 0 {
            Side::Client
        } else {
            Side::Server
        }
    }

    /// Reads the next octets of a side.
    fn read(&mut self, side: usize, octets: &[u8], whence: Whence, told: &mut Vec<Event>) -> bool {
        if self.client.is_none() {
            if !may_begin(octets) {
                return false;
            }
            self.client = Some(side);
            self.reader = Some(Reader::new(self.whole));
        }
        let role = self.role(side);
        let Some(reader) = &mut self.reader else { return true };
        let mut found = Vec::new();
        let goes_on = reader.feed(role, octets, (whence.frame, whence.at), &mut found);
        if reader.waits() {
            self.sides[side].forget();
        }
        let mut refused = false;
        for one in found {
            let client = self.client == Some(side);
            let (sender, _, what) = &one;
            refused |= matches!(what, Told::WebSocket(Step::Refused(_)));
            if what.loses_edges() {
                self.lost[if (*sender == Side::Client) == client { side } else { 1 - side }] = true;
            }
            told.push(self.event(one, whence));
        }
        if refused {
            // Remembered, so that a repeated request is not told again.
            self.reader = None;
        }
        goes_on || refused
    }

    /// The event of a step; its number is 0.
    fn event(&mut self, (sender, at, found): Found, whence: Whence) -> Event {
        let client = self.client.unwrap_or(0);
        let side = if sender == Side::Client { client } else { 1 - client };
        // A frame's type may show that who spoke first is not the client.
        let swapped = matches!(&found, Told::Queue(seen, _) if seen.sender != sender);
        let first = if swapped { 1 - client } else { client };
        let ends = [self.ends[first], self.ends[1 - first]];
        let carriers = self.sides[side].carriers(at.start, at.end).filter(|_| at.end > at.start);
        let stream = self.stream;
        let carried = match carriers {
            Some((first, last, segments)) => {
                let held = last.waited.map(|since| (last.frame, whence.at.since(since)));
                Some(Carried { stream, ends, first: first.frame, last: last.frame, segments, held })
            }
            // Of what has no octets, the frame that showed it.
            None => whence.frame.map(|frame| Carried {
                stream,
                ends,
                first: frame,
                last: frame,
                segments: 1,
                held: None,
            }),
        };
        let (protocol, what) = what((sender, found), at, carried, |end| self.acked(1 - side, end));
        let direction = if side == 0 { self.direction } else { self.direction.other() };
        Event {
            id: EventId(0),
            cause: Some(whence.event),
            at: whence.at,
            place: Place::Wire,
            heading: Heading::Toward(direction),
            protocol,
            what,
            bytes: None,
            evidence: Evidence::Frame,
            cite: None,
        }
    }

    /// TCP acknowledges octets of a side.
    fn acknowledged(&mut self, side: usize, number: u32, whence: Whence) {
        let acks = &mut self.acks[side];
        if let (true, Some(up_to), Some(frame)) =
            (self.reader.as_ref().is_some_and(Reader::is_queue), self.sides[side].up_to(number), whence.frame)
            && acks.back().is_none_or(|(before, _)| *before < up_to)
        {
            acks.push_back((up_to, frame));
            if acks.len() > ACKS {
                acks.pop_front();
            }
        }
    }

    /// The first frame in which TCP acknowledged a side's octets up to `end`; `None` too where that was long ago.
    fn acked(&self, side: usize, end: u64) -> Option<FrameId> {
        let acks = &self.acks[side];
        let n = acks.partition_point(|(up_to, _)| *up_to < end);
        // Before the oldest that is remembered there may have been another.
        acks.get(n).filter(|_| n > 0 || acks.len() < ACKS).map(|(_, frame)| *frame)
    }

    /// A side ended TCP.
    fn end(&mut self, side: usize, reset: bool, whence: Whence, told: &mut Vec<Event>) {
        let role = self.role(side);
        if let Some(end) = self.reader.as_mut().and_then(|reader| reader.end(role, reset)) {
            told.push(self.event((role, 0..0, end), whence));
        }
    }

    /// A side can't be followed any further: told where it was an upgrade.
    fn lose(&mut self, side: usize, lost: Lost, whence: Whence, told: &mut Vec<Event>) {
        self.lost[side] = true;
        self.sides[side] = Assembly::default();
        let role = self.role(side);
        if let Some(reader) = self.reader.as_mut().filter(|reader| reader.is_known()) {
            let lost = reader.lose(role, lost);
            told.push(self.event((role, 0..0, lost), whence));
        }
        if self.reader.as_ref().is_none_or(|reader| !reader.is_open()) {
            // A handshake takes both directions.
            self.lost = [true; 2];
        }
    }

    /// The connection is over: gaps are not filled any more.
    fn abandon(&mut self, whence: Whence, told: &mut Vec<Event>) {
        for side in [0, 1] {
            if let Some(lost) = self.sides[side].give_up() {
                self.lose(side, lost, whence, told);
            }
        }
    }
}

/// What was found as it is told; `acked` finds the frame with which TCP acknowledged octets of the other side.
fn what(
    (sender, told): (Side, Told),
    at: Range<u64>,
    carried: Option<Carried>,
    acked: impl Fn(u64) -> Option<FrameId>,
) -> (Protocol, What) {
    match told {
        Told::WebSocket(step) => {
            let protocol = match step {
                Step::Request(_) | Step::Response(_) => Protocol::Http,
                _ => Protocol::WebSocket,
            };
            (protocol, What::WebSocket(Box::new(WebSocket { sender, at, carried, step })))
        }
        Told::Queue(seen, carrier) => queue(*seen, carrier, at, carried, acked),
    }
}

/// A step of a queue as it is told.
fn queue(
    seen: Seen,
    carrier: Carrier,
    at: Range<u64>,
    carried: Option<Carried>,
    acked: impl Fn(u64) -> Option<FrameId>,
) -> (Protocol, What) {
    let Seen { sender, mut step, earlier_end, .. } = seen;
    if let Frames::Frame(Queued { follows: Some(earlier), .. }) = &mut step
        && earlier.relation != Relation::Repeats
    {
        earlier.tcp_ack = earlier_end.and_then(acked);
    }
    let protocol = match &step {
        Frames::Fault(fault) if fault.code == Code::BadFrame.number() => Protocol::Framing,
        _ => Protocol::Queue,
    };
    (protocol, What::Queue(Box::new(Queue { sender, carrier, at, carried, dropped: false, step })))
}

#[cfg(test)]
mod tests;
