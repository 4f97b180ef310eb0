//! The chain of causes behind one frame.

use super::calls::Socket;
use super::cause::Causes;
use super::ranges::Ranges;
use super::segments::{Segment, Stream};
use super::{FRAMES_MAX, Heard, Trace, sender};
use crate::model::{
    Arp, ArpOperation, Carried, Certainty, Chain, Claim, Direction, Exhibit, Fate, FrameId, FrameName, Icmp,
    IcmpKind, Link, LossCause, Notable, Packet, Retransmission, Seen, Tcp, TcpFlags, TcpNote, Time, Trait,
};
use Certainty::{Inferred, Shown, Unknown};
use std::collections::BTreeMap;
use thiserror::Error;

/// Segments around one that are looked at, at most.
const NEAR: usize = 4096;
/// Earlier transmissions of the same octets that are told of, at most.
const EARLIER_MAX: usize = 8;

/// Which frame is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Its number in the capture file, as Wireshark counts.
    Number(u64),
    /// Its number on the wire, as the ledger counts.
    Id(FrameId),
}

/// A frame that cannot be explained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TraceError {
    /// There is no such frame.
    #[error("there is no frame {number}: the file has frames 1 to {frames}")]
    NoNumber {
        /// The number asked for.
        number: u64,
        /// How many there are.
        frames: u64,
    },
    /// There is no such frame in the ledger.
    #[error("there is no frame {id}: of that number nothing was seen")]
    NoId {
        /// The number asked for.
        id: FrameId,
    },
    /// It came after those that are kept.
    #[error(
        "frame {number} comes after the first {FRAMES_MAX}, and no more than those are analysed; cut the capture, as with editcap"
    )]
    NotKept {
        /// The number asked for.
        number: u64,
    },
    /// There is no frame at all.
    #[error("there is no frame in it")]
    Empty,
}

/// A [`Trace`] taken apart.
pub struct Explained<'a> {
    trace: &'a Trace,
    streams: BTreeMap<u32, Stream>,
    retransmissions: Vec<Retransmission>,
    /// By the frame that brought the octets again.
    again: BTreeMap<FrameId, usize>,
    frames: BTreeMap<FrameId, usize>,
}

impl Trace {
    /// Takes everything apart.
    pub fn explain(&self) -> Explained<'_> {
        let streams = self.streams();
        let mut retransmissions: Vec<Retransmission> =
            streams.values().flat_map(|stream| sender::retransmissions(self, stream)).collect();
        retransmissions.sort_by_key(|r| (r.at, r.frame.id));
        let again = retransmissions.iter().enumerate().map(|(i, r)| (r.frame.id, i)).collect();
        let frames = self.frames.iter().enumerate().map(|(i, f)| (f.seen.id, i)).collect();
        Explained { trace: self, streams, retransmissions, again, frames }
    }
}

impl<'a> Explained<'a> {
    /// Every retransmission, in the order in which they were sent.
    pub fn retransmissions(&self) -> &[Retransmission] {
        &self.retransmissions
    }

    pub(super) fn into_retransmissions(self) -> Vec<Retransmission> {
        self.retransmissions
    }

    /// The frames worth asking about, in the order in which they were sent.
    pub fn notable(&self) -> Vec<Notable> {
        let trace = self.trace;
        let mut all: Vec<Notable> = trace
            .frames
            .iter()
            .filter_map(|f| {
                let again = self.again.get(&f.seen.id).map(|i| self.retransmissions[*i].repair);
                let because = if again.is_some() { Some(Trait::Retransmission) } else { notable(&f.seen) };
                let because = because?;
                Some(Notable {
                    frame: f.name(),
                    at: f.sent(),
                    because,
                    repair: again,
                    seen: Box::new(f.seen.clone()),
                })
            })
            .collect();
        all.sort_by_key(|n| (n.at, n.frame.id));
        all
    }

    /// The chain of causes behind a frame.
    ///
    /// # Errors
    /// [`TraceError`].
    pub fn chain(&self, asked: Asked) -> Result<Chain, TraceError> {
        let (index, copy) = self.find(asked)?;
        let heard = &self.trace.frames[index];
        let mut links = Vec::new();
        if copy && let Some(Fate::Duplicated { by, .. }) = heard.fate() {
            links.push(link(Claim::Copy { by: by.clone() }, vec![Exhibit::Ledger(heard.name())], Shown));
        }
        self.about(index, heard, &mut links);
        Ok(Chain { frame: heard.name(), at: heard.sent(), seen: Box::new(heard.seen.clone()), links })
    }

    fn find(&self, asked: Asked) -> Result<(usize, bool), TraceError> {
        let trace = self.trace;
        if trace.frames.is_empty() {
            return Err(TraceError::Empty);
        }
        match asked {
            Asked::Id(id) => self.frames.get(&id).map(|i| (*i, false)).ok_or(TraceError::NoId { id }),
            Asked::Number(number) => {
                let kept = trace.frames.partition_point(|f| f.number < Some(number));
                if trace.frames.get(kept).is_some_and(|f| f.number == Some(number)) {
                    return Ok((kept, false));
                }
                let copy = trace.copies.iter().find(|(n, _)| *n == number);
                if let Some(index) = copy.and_then(|(_, id)| self.frames.get(id)) {
                    return Ok((*index, true));
                }
                Err(if number == 0 || number > trace.told {
                    TraceError::NoNumber { number, frames: trace.told }
                } else {
                    TraceError::NotKept { number }
                })
            }
        }
    }

    fn about(&self, index: usize, heard: &'a Heard, links: &mut Vec<Link>) {
        let before = links.len();
        match &heard.seen.packet {
            Packet::Arp(arp) => self.arp(index, arp, links),
            Packet::Ip(_, Carried::Icmp(icmp)) => self.icmp(index, icmp, links),
            Packet::Ip(_, Carried::Tcp(tcp)) => self.tcp(index, heard, tcp, links),
            _ => {}
        }
        if links.len() == before {
            links.push(link(Claim::First, Vec::new(), Shown));
        }
        if let Some(cause) = fate(heard) {
            links.push(link(Claim::Fate(cause), vec![Exhibit::Ledger(heard.name())], Shown));
        }
        let later = self.retransmissions.iter().find(|r| r.previous == Some(heard.name()));
        if let Some(later) = later {
            links.push(link(Claim::RepeatedBy(later.frame), vec![Exhibit::Frame(later.frame)], Shown));
        }
    }

    fn arp(&self, index: usize, arp: &Arp, links: &mut Vec<Link>) {
        if let (ArpOperation::Reply, Some(request)) = (arp.operation, arp.answers) {
            let name = self.name(request);
            links.push(link(Claim::AnswersArp(name), vec![Exhibit::Frame(name)], Shown));
        }
        if arp.operation != ArpOperation::Request || arp.sender_ip == arp.target_ip {
            return;
        }
        // The packet itself is seen only once it may go.
        let direction = self.trace.frames[index].seen.direction;
        let waiting = self.trace.frames[index..].iter().take(NEAR).find(|f| {
            let to = matches!(&f.seen.packet, Packet::Ip(ip, _) if ip.destination == arp.target_ip);
            to && f.seen.direction == direction
        });
        let waiting = waiting.map(Heard::name);
        let evidence = waiting.into_iter().map(Exhibit::Frame).collect();
        let claim = Claim::Asks { address: arp.target_ip, waiting, repeat: arp.repeat };
        links.push(link(claim, evidence, if waiting.is_some() { Inferred } else { Unknown }));
    }

    fn icmp(&self, index: usize, icmp: &Icmp, links: &mut Vec<Link>) {
        match icmp.kind {
            IcmpKind::EchoRequest => {}
            IcmpKind::EchoReply => {
                let from = self.trace.frames[index].seen.direction;
                let asks = |f: &&Heard| {
                    let same = matches!(&f.seen.packet, Packet::Ip(_, Carried::Icmp(asked))
                        if asked.kind == IcmpKind::EchoRequest && asked.echo == icmp.echo);
                    same && f.seen.direction != from
                };
                if let Some(request) = self.trace.frames[..index].iter().rev().take(NEAR).find(asks) {
                    let name = request.name();
                    links.push(link(Claim::AnswersEcho(name), vec![Exhibit::Frame(name)], Shown));
                }
            }
            kind => {
                let about = icmp.about.map(|id| self.name(id));
                let evidence = about.into_iter().map(Exhibit::Frame).collect();
                let certainty = if about.is_some() { Shown } else { Unknown };
                links.push(link(Claim::Reports { kind, about }, evidence, certainty));
                let met = about.and_then(|name| self.frames.get(&name.id)).map(|i| &self.trace.frames[*i]);
                if let Some((met, cause)) = met.and_then(|met| fate(met).map(|cause| (met, cause))) {
                    links.push(link(Claim::Because(cause), vec![Exhibit::Ledger(met.name())], Shown));
                }
            }
        }
    }

    fn tcp(&self, index: usize, heard: &'a Heard, tcp: &Tcp, links: &mut Vec<Link>) {
        let Some(stream) = self.streams.get(&tcp.stream) else { return };
        let Some(place) = stream.segments.iter().position(|s| s.frame == index) else { return };
        let view = View { all: self, stream, place, segment: &stream.segments[place], heard };
        if let Some(r) = self.again.get(&heard.seen.id) {
            view.repeated(&self.retransmissions[*r], links);
            return;
        }
        for note in &tcp.notes {
            view.note(note, tcp, links);
        }
        if links.is_empty() && tcp.len > 0 {
            let (send, evidence) = view.given();
            let certainty = if send.is_some() { Shown } else { Inferred };
            links.push(link(Claim::NewOctets { send }, evidence, certainty));
        }
    }

    fn name(&self, id: FrameId) -> FrameName {
        self.frames.get(&id).map_or(FrameName { id, number: None }, |i| self.trace.frames[*i].name())
    }
}

fn link(claim: Claim, evidence: Vec<Exhibit>, certainty: Certainty) -> Link {
    Link { claim, evidence, certainty }
}

/// What the ledger did to a frame, where that is a loss.
fn fate(heard: &Heard) -> Option<LossCause> {
    let frame = heard.name();
    match heard.fate()? {
        Fate::Dropped { by } => Some(LossCause::Dropped { frame, by: by.clone() }),
        fate if heard.arrives().is_none() => Some(LossCause::Corrupted { frame, by: fate.damage()?.clone() }),
        _ => None,
    }
}

fn notable(seen: &Seen) -> Option<Trait> {
    match &seen.packet {
        Packet::Ip(_, Carried::Tcp(tcp)) if tcp.flags.has(TcpFlags::RST) => Some(Trait::Reset),
        Packet::Ip(_, Carried::Tcp(tcp)) => {
            let duplicate = |n: &TcpNote| matches!(n, TcpNote::DuplicateAck { .. });
            tcp.notes.iter().any(duplicate).then_some(Trait::DuplicateAck)
        }
        Packet::Ip(_, Carried::Icmp(icmp)) => {
            (!matches!(icmp.kind, IcmpKind::EchoRequest | IcmpKind::EchoReply | IcmpKind::Other))
                .then_some(Trait::IcmpError)
        }
        _ => None,
    }
}

/// One segment in its conversation.
struct View<'e, 'a> {
    all: &'e Explained<'a>,
    stream: &'e Stream,
    place: usize,
    segment: &'e Segment,
    heard: &'a Heard,
}

impl View<'_, '_> {
    fn frame(&self, segment: &Segment) -> &Heard {
        &self.all.trace.frames[segment.frame]
    }

    fn causes(&self, side: usize) -> Causes<'_> {
        Causes::new(self.all.trace, self.stream, side)
    }

    /// A retransmission: why, how found, what came of it.
    fn repeated(&self, r: &Retransmission, links: &mut Vec<Link>) {
        let names = r.original.into_iter().chain(r.previous.filter(|p| Some(*p) != r.original));
        let whole = if r.original.is_some() { Shown } else { Inferred };
        links.push(link(Claim::Repeats(Box::new(r.clone())), names.map(Exhibit::Frame).collect(), whole));
        links.push(because(Claim::Because(r.cause.clone()), &r.cause));
        let mut earlier = r.previous;
        for _ in 0..EARLIER_MAX {
            let Some(before) = earlier.and_then(|e| self.all.again.get(&e.id)) else { break };
            let before = &self.all.retransmissions[*before];
            links.push(because(Claim::Earlier(before.cause.clone()), &before.cause));
            earlier = before.previous.filter(|p| p.id < before.frame.id);
        }
        let told = if r.told_by.is_empty() { r.previous.into_iter().collect() } else { r.told_by.clone() };
        let told = told.into_iter().map(Exhibit::Frame).collect();
        links.push(link(Claim::Found(Box::new(r.clone())), told, r.certainty));
        if r.cause.is_spurious() == Some(false) {
            self.held(r, links);
        }
        if self.heard.arrives().is_some() {
            self.acknowledged(r, links);
        }
        if !self.segment.is_syn() && r.octets > u32::from(self.segment.flags.has(TcpFlags::FIN)) {
            self.waited(links);
        }
    }

    fn acknowledged(&self, r: &Retransmission, links: &mut Vec<Link>) {
        let end = self.segment.start + i64::from(r.octets);
        match self.causes(self.segment.side).answer(end, r.at) {
            Some((index, at)) => {
                let by = self.frame(&self.stream.segments[index]).name();
                let claim = Claim::Acknowledged { by, after: at.since(r.at) };
                links.push(link(claim, vec![Exhibit::Frame(by)], Shown));
            }
            None => links.push(link(Claim::NeverAcknowledged, Vec::new(), Shown)),
        }
    }

    /// What the far host held from behind the gap when this came: where the ledger tells of arrivals.
    fn held(&self, r: &Retransmission, links: &mut Vec<Link>) {
        let Some(arrives) = self.heard.arrives().filter(|_| self.heard.row.is_some()) else { return };
        let first =
            r.previous.and_then(|p| self.stream.segments.iter().position(|s| self.frame(s).name() == p));
        let (mut held, mut evidence, mut octets) = (Ranges::default(), Vec::new(), 0);
        let behind = self.segment.start + i64::from(r.octets);
        for s in self.stream.segments[first.unwrap_or(0)..].iter().take(NEAR) {
            let came = self.frame(s).arrives().is_some_and(|at| at <= arrives);
            if s.side != self.segment.side || s.start < behind || s.end == s.start || !came {
                continue;
            }
            let new: i64 = held.add(s.start, s.end).into_iter().map(|(a, b)| b - a).sum();
            octets += u64::try_from(new).unwrap_or(0);
            evidence.push(Exhibit::Ledger(self.frame(s).name()));
        }
        if octets > 0 {
            let frames = evidence.len() as u32;
            links.push(link(Claim::Held { octets, frames }, evidence, Shown));
        }
    }

    /// The call that waited for these octets.
    fn waited(&self, links: &mut Vec<Link>) {
        let trace = self.all.trace;
        if !trace.calls.any() {
            links.push(link(Claim::NoCalls, Vec::new(), Unknown));
            return;
        }
        let direction = self.heard.seen.direction;
        let arrived = self.heard.arrives().unwrap_or(Time::MAX);
        let Some(port) = self.client_port() else { return };
        let at = u64::try_from(self.segment.start - 1).unwrap_or(0);
        let reader = trace.calls.of(direction.to(), port);
        let Some(read) = reader.and_then(|socket| Socket::moving(&socket.recvs, at)) else { return };
        if read.call.called > arrived || read.call.returned < arrived {
            return;
        }
        let send = trace.calls.of(direction.from(), port).and_then(|s| Socket::moving(&s.sends, at));
        let claim = Claim::Waited {
            side: direction.to(),
            took: read.call.returned.since(read.call.called),
            octets: (read.from, read.len),
            send: send.map(|s| s.nth),
        };
        let evidence = [Some(read), send].into_iter().flatten().map(|c| Exhibit::Call(c.call)).collect();
        links.push(link(claim, evidence, Shown));
    }

    /// The `send()` that gave the first octet.
    fn given(&self) -> (Option<u64>, Vec<Exhibit>) {
        let at = u64::try_from(self.segment.start - 1).unwrap_or(0);
        let port = self.client_port();
        let socket = port.and_then(|port| self.all.trace.calls.of(self.heard.seen.direction.from(), port));
        let send = socket.and_then(|socket| Socket::moving(&socket.sends, at));
        (send.map(|s| s.nth), send.map(|s| Exhibit::Call(s.call)).into_iter().collect())
    }

    fn client_port(&self) -> Option<u16> {
        let Packet::Ip(_, Carried::Tcp(tcp)) = &self.heard.seen.packet else { return None };
        Some(match self.heard.seen.direction {
            Direction::ToServer => tcp.source_port,
            Direction::ToClient => tcp.destination_port,
        })
    }

    fn note(&self, note: &TcpNote, tcp: &Tcp, links: &mut Vec<Link>) {
        let mut answers = |claim: fn(FrameName) -> Claim, id: FrameId| {
            let name = self.all.name(id);
            links.push(link(claim(name), vec![Exhibit::Frame(name)], Shown));
        };
        match note {
            TcpNote::HandshakeSynAck { answers: id } => answers(Claim::AnswersSyn, *id),
            TcpNote::HandshakeAck { answers: id } => answers(Claim::AnswersSynAck, *id),
            TcpNote::Refused { answers: id } => answers(Claim::Refuses, *id),
            TcpNote::Reset => self.reset(links),
            TcpNote::DuplicateAck { nth, of } => self.duplicate(*nth, *of, links),
            TcpNote::Acknowledges { last } => {
                let name = self.all.name(*last);
                let arrived = self.all.frames.get(last).and_then(|i| self.all.trace.frames[*i].arrives());
                let after = arrived.map_or(std::time::Duration::ZERO, |at| self.heard.sent().since(at));
                links.push(link(
                    Claim::Acknowledges { last: name, after },
                    vec![Exhibit::Frame(name)],
                    Shown,
                ));
            }
            TcpNote::WindowUpdate => {
                links.push(link(Claim::WindowUpdate { window: tcp.window }, Vec::new(), Inferred));
            }
            TcpNote::ZeroWindowProbe => {
                let before = self.stream.segments[..self.place].iter().rev().take(NEAR);
                let closed = before.filter(|s| s.side != self.segment.side).find(|s| s.window == 0);
                let closed_by = closed.map(|s| self.frame(s).name());
                let evidence = closed_by.into_iter().map(Exhibit::Frame).collect();
                links.push(link(Claim::Probe { closed_by }, evidence, Shown));
            }
            TcpNote::KeepAlive => links.push(link(Claim::Probe { closed_by: None }, Vec::new(), Shown)),
            _ => {}
        }
    }

    /// A RST that ends a connection. One that answers a segment takes its number from that segment's acknowledgment (RFC 9293 s3.10.7.1).
    fn reset(&self, links: &mut Vec<Link>) {
        let sent = self.heard.sent();
        let before = || self.stream.segments[..self.place].iter().rev().take(NEAR);
        let closed = before().find(|s| s.side == self.segment.side && s.flags.has(TcpFlags::FIN));
        let met = before().find(|s| {
            s.side != self.segment.side
                && s.ack == Some(self.segment.start)
                && s.end > s.start
                && self.frame(s).arrives().is_some_and(|at| at <= sent)
        });
        if let (Some(closed), Some(met)) = (closed, met) {
            let (segment, closed) = (self.frame(met).name(), self.frame(closed).name());
            let evidence = vec![Exhibit::Frame(segment), Exhibit::Frame(closed)];
            links.push(link(Claim::AfterClose { segment, closed }, evidence, Inferred));
        } else if let Some((claim, close)) = self.closed_unread().filter(|_| closed.is_none()) {
            links.push(link(claim, vec![Exhibit::Frame(self.heard.name()), close], Inferred));
        } else {
            links.push(link(Claim::ResetUnexplained, Vec::new(), Unknown));
        }
    }

    /// That this side's program closed before it had read what its kernel had acknowledged: a kernel's RST then (RFC 1122
    /// s4.2.2.13).
    fn closed_unread(&self) -> Option<(Claim, Exhibit)> {
        let (calls, side) = (&self.all.trace.calls, self.heard.seen.direction.from());
        let socket = calls.of(side, self.client_port()?).filter(|_| calls.complete())?;
        let close = socket.close.filter(|close| close.called <= self.heard.sent())?;
        let before = &self.stream.segments[..=self.place];
        let acked = before.iter().filter(|s| s.side == self.segment.side).filter_map(|s| s.ack).max()?;
        let fin = |s: &&Segment| s.side != self.segment.side && s.flags.has(TcpFlags::FIN) && s.end <= acked;
        // SYN and FIN take a number each, and no octet.
        let came = acked - 1 - i64::from(before.iter().any(|s| fin(&s)));
        let read = socket.read();
        let unread = u64::try_from(came).ok()?.checked_sub(read).filter(|unread| *unread > 0)?;
        Some((Claim::ClosedUnread { side, read, unread }, Exhibit::Call(close)))
    }

    /// A duplicate acknowledgment: what came above which gap.
    fn duplicate(&self, nth: u32, of: FrameId, links: &mut Vec<Link>) {
        let Some(missing) = self.segment.ack else { return };
        let of = self.all.name(of);
        let sent = self.heard.sent();
        let theirs = || {
            self.stream.segments[..self.place].iter().rev().take(NEAR).filter(|s| s.side != self.segment.side)
        };
        let above = |s: &&Segment| s.start > missing && s.end > s.start;
        // The first block holds the segment that came last (RFC 2018 s4).
        let (because, certainty) = match self.segment.sack().first() {
            Some((from, to)) => {
                let inside = |s: &&Segment| above(s) && s.start >= *from && s.end == *to;
                (theirs().find(inside), Shown)
            }
            None => {
                let came = |s: &&Segment| self.frame(s).arrives().is_some_and(|at| at <= sent);
                let known = self.heard.row.is_some();
                (
                    theirs()
                        .filter(above)
                        .filter(came)
                        .max_by_key(|s| self.frame(s).arrives())
                        .filter(|_| known),
                    Inferred,
                )
            }
        };
        let because = because.map(|s| self.frame(s).name());
        let mut evidence = vec![Exhibit::Frame(of)];
        evidence.extend(because.map(Exhibit::Frame));
        let certainty = if because.is_some() { certainty } else { Unknown };
        let claim = Claim::RepeatsAck { nth, of, missing: missing as u32, because };
        links.push(link(claim, evidence, certainty));
        // Who should have brought the missing octet, as far as its sender had sent it by then.
        let gap = self.stream.segments[..self.place].iter().enumerate().rev().take(NEAR).find(|(_, s)| {
            s.side != self.segment.side
                && s.start <= missing
                && missing < s.end
                && self.frame(s).sent() <= sent
        });
        let told = self.heard.row.is_none().then_some(self.place);
        let cause = match gap {
            Some((last, s)) => self.causes(s.side).of(sent, missing, last, told),
            None => LossCause::NotCaptured,
        };
        // That it had come and was not acknowledged is what a duplicate acknowledgment denies.
        let cause =
            if matches!(cause, LossCause::NotAcknowledged { .. }) { LossCause::Unknown } else { cause };
        links.push(because_of_gap(cause));
    }
}

fn because_of_gap(cause: LossCause) -> Link {
    because(Claim::Gap(cause.clone()), &cause)
}

/// A link about what became of octets, with the evidence that goes with it.
fn because(claim: Claim, cause: &LossCause) -> Link {
    let (evidence, certainty) = match cause {
        LossCause::Dropped { frame, .. }
        | LossCause::Corrupted { frame, .. }
        | LossCause::UnderWay { frame, .. }
        | LossCause::NotAcknowledged { frame } => (vec![Exhibit::Ledger(*frame)], Shown),
        LossCause::AckDropped { frame, ack, .. }
        | LossCause::AckCorrupted { frame, ack, .. }
        | LossCause::AckUnderWay { frame, ack, .. } => {
            (vec![Exhibit::Ledger(*frame), Exhibit::Ledger(*ack)], Shown)
        }
        LossCause::Missing { shown_by } => (vec![Exhibit::Frame(*shown_by)], Inferred),
        LossCause::HadArrived { shown_by } => (vec![Exhibit::Frame(*shown_by)], Shown),
        LossCause::NotCaptured => (Vec::new(), Inferred),
        LossCause::Unknown => (Vec::new(), Unknown),
    };
    link(claim, evidence, certainty)
}
