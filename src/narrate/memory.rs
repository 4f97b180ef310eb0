//! What a narrator remembers, so that it claims only what was observed. All of it is bounded: what is
//! forgotten is told as inferred, never as seen.

mod again;
mod landmarks;

use super::flows::Flows;
use super::waits::Waits;
use crate::model::Call;
use crate::model::queue::{Carrier, Queue};
use crate::model::websocket::{Step, WebSocket};
use crate::model::{
    Carried, Direction, Errno, Event, Fate, FrameId, IcmpKind, Packet, Returned, Rule, Seen, Side,
    SocketKind, TcpFlags, TcpNote, Time, What,
};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::SocketAddr;

/// How many frames are remembered.
const FRAMES: usize = 8_192;
/// How many landmarks are remembered, and how many open sockets a side.
const LANDMARKS: usize = 1_024;

/// A map that forgets its oldest entry when it is full.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(limit: usize) -> Recent<K, V> {
        Recent { map: HashMap::new(), order: VecDeque::new(), limit }
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.map.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > self.limit
                && let Some(oldest) = self.order.pop_front()
            {
                self.map.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.map.get(&key)
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter()
    }

    /// The value of `key`, made where there is none.
    pub(super) fn obtain(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        if !self.map.contains_key(&key) {
            self.insert(key, V::default());
        }
        self.map.entry(key).or_default()
    }
}

/// What became of a frame, as far as the ledger told.
#[derive(Clone, PartialEq, Debug)]
enum Arrival {
    /// No ledger row seen: the frame was seen, and nothing says that it was lost.
    Unknown,
    /// The far host gets it then.
    At(Time),
    /// The far host gets it damaged, by this rule; whether it takes it depends on where.
    Damaged(Rule),
    /// It was dropped, by this rule.
    Never(Rule),
}

#[derive(Clone, PartialEq, Debug)]
struct Frame {
    /// When it was told, and where it was going.
    at: Time,
    direction: Direction,
    /// Source and destination port, where the frame has them.
    ports: Option<(u16, u16)>,
    /// Of a segment: its sequence number and length.
    numbers: Option<(u32, u32)>,
    arrival: Arrival,
    /// When a second copy, made by the wire, arrives whole.
    copy: Option<Time>,
}

impl Frame {
    /// The port at `side`, and the other's.
    fn ports_of(&self, side: Side) -> Option<(u16, u16)> {
        self.ports.map(|ports| seen_from(side, self.direction, ports))
    }
}

/// What is known of a wait in which nothing came.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Frames of the conversation that were lost meanwhile: whether by damage, and by what.
    pub(super) lost: Vec<(FrameId, Direction, bool, Rule)>,
    /// The last ICMP error that came for it.
    pub(super) error: Option<(FrameId, IcmpKind)>,
    /// Its last frame with octets that is still on its way, and when it arrives.
    pub(super) under_way: Option<(FrameId, Direction, Time)>,
}

/// Something seen that a system call's result may be explained by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Landmark {
    Syn,
    SynAck,
    Fin,
    Refused,
    Reset,
    Unreachable(IcmpKind),
}

/// A landmark, and the frame that showed it.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    what: Landmark,
    /// Of an ICMP error: the frame that it quotes.
    about: Option<FrameId>,
    at: Time,
    frame: FrameId,
    direction: Direction,
    source_port: u16,
    destination_port: u16,
}

impl Sighting {
    /// The port at `side`, and the other's.
    fn ports_of(&self, side: Side) -> (u16, u16) {
        seen_from(side, self.direction, (self.source_port, self.destination_port))
    }
}

/// Of a frame's source and destination, the one at `side` first.
fn seen_from(side: Side, direction: Direction, (from, to): (u16, u16)) -> (u16, u16) {
    if direction.from() == side { (from, to) } else { (to, from) }
}

/// What is known of a descriptor.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Socket {
    pub(super) kind: Option<SocketKind>,
    pub(super) local: Option<SocketAddr>,
    pub(super) peer: Option<SocketAddr>,
    /// Where it sent to last, by an address given with the datagram.
    sends_to: Option<SocketAddr>,
    /// When it first sent something since something last came.
    asked: Option<Time>,
    /// A stream socket has had a connection; an error has ended it.
    pub(super) connected: bool,
    pub(super) broken: bool,
    /// Something came to it: octets, a datagram, a connection, an end.
    pub(super) heard: bool,
    nodelay: bool,
}

impl Socket {
    /// Who is at the other end, as far as its calls tell.
    pub(super) fn talks_to(&self) -> Option<SocketAddr> {
        self.peer.or(self.sends_to)
    }

    /// Whether it has sent something and got nothing since.
    pub(super) fn has_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Where the datagram goes that this call gives to the kernel, and its length.
    fn datagram(&self, call: &Call) -> Option<(SocketAddr, usize)> {
        let connected = self.peer.filter(|_| self.kind == Some(SocketKind::Datagram));
        match call {
            Call::SendTo { len, to } => Some((*to, *len)),
            Call::Send { len } => Some((connected?, *len)),
            Call::SendMsg { pieces } => Some((connected?, Call::together(pieces))),
            _ => None,
        }
    }

    /// Its own port and its peer's.
    fn ports(&self) -> Option<(u16, u16)> {
        Some((self.local?.port(), self.peer?.port()))
    }
}

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Memory {
    frames: Recent<FrameId, Frame>,
    landmarks: VecDeque<Sighting>,
    sockets: Recent<(Side, i32), Socket>,
    waits: Waits,
    /// By direction: whether the last frame with a ledger row was seen when it entered the wire, not when it arrived, as a
    /// capture at the far host has it.
    entering: [bool; 2],
    flows: Flows,
    websockets: Recent<(Option<u32>, Side), SaidSoFar>,
    /// Of queues over TCP: the captured frame in which a side's last frame ended.
    queues: Recent<(u32, Side), FrameId>,
}

/// What one side of a WebSocket connection has said so far.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct SaidSoFar {
    /// Whether a message of its own is unfinished.
    pub(super) in_message: bool,
    /// The captured frame that its last WebSocket frame ended in.
    pub(super) last: Option<FrameId>,
    /// Whether it broke a rule.
    pub(super) broke: bool,
    /// Whether it answered that it switches protocols.
    pub(super) switched: bool,
}

impl Memory {
    pub(super) fn new() -> Memory {
        Memory {
            frames: Recent::new(FRAMES),
            landmarks: VecDeque::new(),
            sockets: Recent::new(LANDMARKS),
            waits: Waits::new(),
            entering: [false; 2],
            flows: Flows::new(LANDMARKS),
            websockets: Recent::new(LANDMARKS),
            queues: Recent::new(LANDMARKS),
        }
    }

    /// Learns from an event. Called after its sentence was made.
    pub(super) fn learn(&mut self, side: Option<Side>, event: &Event) {
        match &event.what {
            What::Frame(seen) => self.learn_frame(event.at, seen),
            What::Fate(row) => {
                let whole = row.fate.deliveries().filter(|d| d.corrupted.is_none()).map(|d| d.at);
                let arrival = match (&row.fate, whole.clone().min(), row.fate.damage()) {
                    (Fate::Dropped { by }, ..) => Arrival::Never(by.clone()),
                    (_, Some(at), _) => Arrival::At(at),
                    (_, None, Some(rule)) => Arrival::Damaged(rule.clone()),
                    (_, None, None) => Arrival::Unknown,
                };
                self.entering[row.direction.index()] = row.at == event.at;
                if let Some(f) = self.frames.map.get_mut(&row.id) {
                    f.arrival = arrival;
                    f.copy = whole.clone().nth(1).and(whole.max());
                }
            }
            What::Called { fd: Some(fd), call } => {
                if let Some(side) = side {
                    self.learn_call(event.at, side, *fd, call);
                }
            }
            What::Returned { fd, call, result, .. } => {
                if let Some(side) = side {
                    self.learn_return(event.at, side, *fd, call, result);
                }
            }
            What::WebSocket(seen) => self.learn_websocket(seen),
            What::Queue(seen) => {
                if let (Carrier::Tcp, Some(by)) = (seen.carrier, seen.carried) {
                    self.queues.insert((by.stream, seen.sender), by.last);
                }
            }
            What::Called { .. }
            | What::Wire(_)
            | What::WireSet(_)
            | What::Connections(_)
            | What::Waiting(_)
            | What::Tls(_) => {}
        }
    }

    fn learn_websocket(&mut self, seen: &WebSocket) {
        let said = self.websockets.obtain((seen.carried.map(|c| c.stream), seen.sender));
        if let Step::Frame(frame) = &seen.step {
            said.last = seen.carried.map(|c| c.last);
            if !frame.is_control() {
                said.in_message = !frame.fin;
            }
        }
        said.broke |= matches!(seen.step, Step::Fault { .. });
        said.switched |= matches!(&seen.step, Step::Response(head) if head.status == 101);
    }

    /// What a side of this step's connection has said before.
    pub(super) fn said_so_far(&self, seen: &WebSocket, side: Side) -> SaidSoFar {
        self.websockets.get((seen.carried.map(|c| c.stream), side)).copied().unwrap_or_default()
    }

    /// The captured frame in which the last frame of this step's sender ended.
    pub(super) fn queue_said(&self, seen: &Queue) -> Option<FrameId> {
        self.queues.get((seen.carried?.stream, seen.sender)).copied()
    }

    /// A call's effect on the network may come before it returns.
    fn learn_call(&mut self, at: Time, side: Side, fd: i32, call: &Call) {
        let mut s = self.socket(side, Some(fd));
        if let Some((to, len)) = s.datagram(call) {
            self.waits.gives(side, to, len, at);
        }
        match call {
            Call::Connect(to) => s.peer = Some(*to),
            Call::Send { .. } | Call::SendMsg { .. } => s.asked = s.asked.or(Some(at)),
            Call::SendTo { to, .. } => {
                s.asked = s.asked.or(Some(at));
                s.sends_to = Some(*to);
            }
            Call::Close | Call::Shutdown(_) => {
                if let Some(ports) = s.ports() {
                    self.flows.ended(side, ports, call);
                }
                return;
            }
            _ => return,
        }
        self.sockets.insert((side, fd), s);
    }

    fn learn_return(
        &mut self,
        at: Time,
        side: Side,
        fd: Option<i32>,
        call: &Call,
        result: &Result<Returned, Errno>,
    ) {
        let mut s = self.socket(side, fd);
        if let (Some((to, _)), Err(_)) = (s.datagram(call), result) {
            self.waits.refused(side, to);
        }
        match (call, result) {
            (Call::Socket(kind), Ok(Returned::Descriptor(new))) => {
                self.sockets.insert((side, *new), Socket { kind: Some(*kind), ..Socket::default() });
                return;
            }
            (Call::Accept, Ok(Returned::Accepted { fd, peer })) => {
                let kind = Some(SocketKind::Stream);
                let accepted =
                    Socket { kind, local: s.local, peer: Some(*peer), connected: true, ..Socket::default() };
                self.sockets.insert((side, *fd), accepted);
                s.heard = true;
            }
            (Call::Close, Ok(_)) => s = Socket { heard: s.heard, ..Socket::default() },
            (Call::Connect(to), Ok(Returned::Local(local))) => {
                s.peer = Some(*to);
                s.local = Some(*local);
                s.connected = true;
            }
            (_, Ok(Returned::Local(local))) => s.local = Some(*local),
            (Call::SetOption(option), Ok(_)) if option.name == "TCP_NODELAY" => {
                s.nodelay = option.value != "0"
            }
            (Call::Send { .. } | Call::SendMsg { .. }, Ok(Returned::Octets(n))) => {
                if let Some(ports) = s.ports().filter(|_| s.kind == Some(SocketKind::Stream)) {
                    self.flows.handed_over(side, ports, *n, at, s.nodelay);
                }
                return;
            }
            (Call::Recv { .. } | Call::RecvFrom { .. }, Ok(_)) => (s.asked, s.heard) = (None, true),
            (_, Err(Errno { name: "ECONNRESET" | "EPIPE" | "ETIMEDOUT" | "ECONNABORTED", .. })) => {
                s.broken = true;
            }
            _ => return,
        }
        if let Some(fd) = fd {
            self.sockets.insert((side, fd), s);
        }
    }

    fn learn_frame(&mut self, at: Time, seen: &Seen) {
        let (mut ports, mut numbers) = (None, None);
        match &seen.packet {
            Packet::Arp(arp) => self.waits.arp(seen, arp),
            Packet::Ip(ip, Carried::Udp(udp)) => {
                ports = Some((udp.source_port, udp.destination_port));
                let to = SocketAddr::new(ip.destination, udp.destination_port);
                self.waits.left(seen.direction.from(), to, udp.len as usize);
            }
            Packet::Ip(_, Carried::Tcp(tcp)) => {
                ports = Some((tcp.source_port, tcp.destination_port));
                numbers = Some((tcp.seq, tcp.len));
                let again = tcp.notes.iter().any(|n| matches!(n, TcpNote::Retransmission { .. }));
                let waited = if again { self.flows.timed_out(self, at, seen, tcp) } else { None };
                self.flows.segment(at, seen, tcp, waited.map(|w| w.took));
                let mark = |what| Sighting {
                    what,
                    about: None,
                    at,
                    frame: seen.id,
                    direction: seen.direction,
                    source_port: tcp.source_port,
                    destination_port: tcp.destination_port,
                };
                if tcp.flags.has(TcpFlags::SYN) {
                    let what = if tcp.flags.has(TcpFlags::ACK) { Landmark::SynAck } else { Landmark::Syn };
                    self.remember(mark(what), again);
                }
                if tcp.flags.has(TcpFlags::FIN) {
                    self.remember(mark(Landmark::Fin), again);
                }
                if tcp.flags.has(TcpFlags::RST) {
                    let refused = tcp.notes.iter().any(|n| matches!(n, TcpNote::Refused { .. }));
                    self.remember(mark(if refused { Landmark::Refused } else { Landmark::Reset }), again);
                }
            }
            Packet::Ip(ip, Carried::Icmp(icmp)) => {
                if let Some(neighbor) = icmp.neighbor {
                    self.waits.neighbor(seen, ip.source, neighbor);
                }
                // An ICMP error stands for the conversation of the packet that it quotes.
                if let Some((from, to)) = icmp.about.and_then(|id| self.frames.get(id)?.ports) {
                    let what = Landmark::Unreachable(icmp.kind);
                    let (about, frame, direction) = (icmp.about, seen.id, seen.direction);
                    let (source_port, destination_port) = (to, from);
                    let mark = Sighting { what, about, at, frame, direction, source_port, destination_port };
                    self.remember(mark, false);
                }
            }
            _ => {}
        }
        let (direction, arrival) = (seen.direction, Arrival::Unknown);
        self.frames.insert(seen.id, Frame { at, direction, ports, numbers, arrival, copy: None });
    }

    fn remember(&mut self, mark: Sighting, again: bool) {
        if mark.what == Landmark::Syn && !again {
            // A new connection under the same ports: what ended the old one says nothing about it.
            let ports = |m: &Sighting| {
                let (a, b) = (m.source_port, m.destination_port);
                if m.direction == mark.direction { (a, b) } else { (b, a) }
            };
            self.landmarks.retain(|m| ports(m) != ports(&mark) || m.what == Landmark::Syn);
        }
        if self.landmarks.len() == LANDMARKS {
            self.landmarks.pop_front();
        }
        self.landmarks.push_back(mark);
    }

    /// What is known of a descriptor; nothing, if nothing was seen of it.
    pub(super) fn socket(&self, side: Side, fd: Option<i32>) -> Socket {
        fd.and_then(|fd| self.sockets.get((side, fd))).copied().unwrap_or_default()
    }

    /// What is known of a wait on `socket` that ends now with nothing.
    pub(super) fn silence(&self, side: Side, socket: Socket, since: Time, now: Time) -> Silence {
        let since = socket.asked.map_or(since, |asked| asked.min(since));
        let mut known = Silence::default();
        let mut frames: Vec<(&FrameId, &Frame)> = self.frames.map.iter().collect();
        let own_port = self.own_port(side, socket);
        // A frame without ports may be its own: a fragment, an ARP request that a packet waits for.
        let concerns = |f: &Frame| {
            f.ports_of(side).is_none_or(|(mine, theirs)| {
                own_port.may_be(mine) && socket.talks_to().is_none_or(|p| p.port() == theirs)
            })
        };
        frames.retain(|(_, f)| f.at >= since && f.at <= now && concerns(f));
        // Where the host's packets did leave, what its kernel then asks its neighbour is no part of the conversation.
        let spoke = frames.iter().any(|(_, f)| f.ports.is_some() && f.direction.from() == side);
        frames.retain(|(_, f)| f.ports.is_some() || f.direction.to() == side || !spoke);
        let mut own = frames.iter().filter_map(|(_, f)| f.ports_of(side)).map(|(mine, _)| mine);
        if let Some(port) = own.next()
            && own.any(|other| other != port)
        {
            // Nobody knows which of them are this socket's.
            frames.retain(|(_, f)| f.ports.is_none());
        }
        frames.sort_by_key(|(id, _)| **id);
        for (id, frame) in frames {
            match &frame.arrival {
                // What was for a router itself ended where it should.
                Arrival::Never(Rule::ForRouter { .. }) => {}
                Arrival::Never(rule) => known.lost.push((*id, frame.direction, false, rule.clone())),
                Arrival::Damaged(rule) => known.lost.push((*id, frame.direction, true, rule.clone())),
                Arrival::At(at) if *at > now && frame.ports.is_some() => {
                    known.under_way = Some((*id, frame.direction, *at));
                }
                Arrival::At(_) | Arrival::Unknown => {}
            }
        }
        let to = Socket { peer: socket.talks_to(), ..socket };
        let icmp = self.last_reached(side, to, (since, now), |m| matches!(m, Landmark::Unreachable(_)));
        known.error = icmp.and_then(|(id, what)| match what {
            Landmark::Unreachable(kind) => Some((id, kind)),
            _ => None,
        });
        known
    }

    /// Whether frames of this direction are seen when they enter the wire.
    pub(super) fn seen_entering(&self, direction: Direction) -> bool {
        self.entering[direction.index()]
    }

    /// When a frame was seen leaving.
    pub(super) fn entered(&self, frame: FrameId) -> Option<Time> {
        self.frames.get(frame).map(|f| f.at)
    }

    /// When a frame reached the far host, where it did; without a ledger, when it was seen.
    pub(super) fn arrived(&self, frame: FrameId) -> Option<Time> {
        let f = self.frames.get(frame)?;
        match f.arrival {
            Arrival::At(at) => Some(at),
            Arrival::Unknown => Some(f.at),
            Arrival::Damaged(_) | Arrival::Never(_) => None,
        }
    }

    /// When the copy of a frame that the wire made reaches the far host.
    pub(super) fn copy_arrives(&self, frame: FrameId) -> Option<Time> {
        self.frames.get(frame)?.copy
    }

    /// When a frame is known to have reached the far host: by the ledger, or where hosts are one.
    pub(super) fn known_to_arrive(&self, frame: FrameId, loopback: bool) -> Option<Time> {
        let f = self.frames.get(frame)?;
        match f.arrival {
            Arrival::At(at) => Some(at),
            Arrival::Unknown => loopback.then_some(f.at),
            Arrival::Damaged(_) | Arrival::Never(_) => None,
        }
    }

    /// What is known of the connections' octets.
    pub(super) fn flows(&self) -> &Flows {
        &self.flows
    }

    /// What waited for ARP.
    pub(super) fn waits(&self) -> &Waits {
        &self.waits
    }

    /// The rule that dropped a frame, if the ledger told so.
    pub(super) fn dropped_by(&self, frame: FrameId) -> Option<&Rule> {
        match &self.frames.get(frame)?.arrival {
            Arrival::Never(rule) => Some(rule),
            _ => None,
        }
    }

    /// The rule that damaged every copy of a frame, if the ledger told so.
    pub(super) fn damaged_by(&self, frame: FrameId) -> Option<&Rule> {
        match &self.frames.get(frame)?.arrival {
            Arrival::Damaged(rule) => Some(rule),
            _ => None,
        }
    }

    /// When a frame arrives, where the ledger told so and that is after `now`.
    pub(super) fn still_under_way(&self, frame: FrameId, now: Time) -> Option<Time> {
        match self.frames.get(frame)?.arrival {
            Arrival::At(at) if at > now => Some(at),
            _ => None,
        }
    }
}
