//! What a run told by hand is made of.

use crate::model::*;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

pub(super) const CLIENT_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(super) const SERVER_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(super) const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xa];
pub(super) const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xb];
pub(super) const BROADCAST: [u8; 6] = [0xff; 6];

pub(super) fn client_addr() -> SocketAddr {
    SocketAddr::from((CLIENT_IP, 40_000))
}

pub(super) fn server_addr() -> SocketAddr {
    SocketAddr::from((SERVER_IP, 7))
}

pub(super) fn run() -> Run {
    Run {
        command: "layerlab tcp echo hello --delay 5ms".to_owned(),
        version: "0.1.0".to_owned(),
        system: "Linux 6.18".to_owned(),
        seed: 7,
        backend: Backend::Veth,
        wire: "delay 5ms".to_owned(),
        mtu: 1500,
        routers: 0,
        client: Endpoint { ip: IpAddr::V4(CLIENT_IP), mac: Some(CLIENT_MAC) },
        server: Endpoint { ip: IpAddr::V4(SERVER_IP), mac: Some(SERVER_MAC) },
        epoch_unix_ns: 1_700_000_000_000_000_000,
    }
}

/// Collects events in order, numbering them.
#[derive(Default)]
pub(super) struct Tale {
    pub(super) events: Vec<Event>,
    frames: u64,
    index: [u64; 2],
    octets: [u64; 2],
    dropped: [u64; 2],
    /// One-way delay of the wire.
    pub(super) delay: Duration,
}

impl Tale {
    pub(super) fn new(delay_ms: u64) -> Tale {
        Tale { delay: Duration::from_millis(delay_ms), ..Tale::default() }
    }

    pub(super) fn push(
        &mut self,
        us: u64,
        cause: Option<EventId>,
        place: Place,
        protocol: Protocol,
        what: What,
    ) -> EventId {
        let id = EventId(self.events.len() as u64 + 1);
        let evidence = match &what {
            What::Called { .. }
            | What::Returned { .. }
            | What::Connections(_)
            | What::Waiting(_)
            | What::Tls(_) => Evidence::Syscall,
            What::Frame(_) | What::WebSocket(_) | What::Queue(_) => Evidence::Frame,
            What::Fate(_) | What::Wire(_) | What::WireSet(_) => Evidence::Ledger,
        };
        let heading = match &what {
            What::Frame(s) => Heading::Toward(s.direction),
            What::Fate(r) => Heading::Toward(r.direction),
            What::WebSocket(w) => Heading::Toward(w.sender.outward()),
            What::Queue(q) => Heading::Toward(q.sender.outward()),
            _ => Heading::Local,
        };
        let at = Time::from_micros(us);
        self.events.push(Event {
            id,
            cause,
            at,
            place,
            heading,
            protocol,
            what,
            bytes: None,
            evidence,
            cite: None,
        });
        id
    }

    pub(super) fn call(&mut self, us: u64, side: Side, fd: Option<i32>, call: Call) -> EventId {
        self.push(us, None, Place::Host(side), Protocol::Sockets, What::Called { fd, call })
    }

    pub(super) fn back(&mut self, us: u64, called: EventId, result: Result<Returned, Errno>) -> EventId {
        let opener = self.events[called.0 as usize - 1].clone();
        let What::Called { fd, call } = opener.what else { panic!("not a call") };
        let took = Time::from_micros(us).since(opener.at);
        let what = What::Returned { fd, call, result, took, tcp_info: None };
        self.push(us, Some(called), opener.place, Protocol::Sockets, what)
    }

    /// A call that returns at once.
    pub(super) fn quick(
        &mut self,
        us: u64,
        side: Side,
        fd: Option<i32>,
        call: Call,
        r: Result<Returned, Errno>,
    ) {
        let id = self.call(us, side, fd, call);
        self.back(us + 5, id, r);
    }

    pub(super) fn bytes(&mut self, bytes: &'static [u8]) {
        if let Some(e) = self.events.last_mut() {
            e.bytes = Some(Located { bytes: bytes::Bytes::from_static(bytes), headers: Vec::new() });
        }
    }

    /// A frame and its fate; the frame's number.
    pub(super) fn frame(
        &mut self,
        us: u64,
        direction: Direction,
        len: u32,
        packet: Packet,
        fate: Option<Fate>,
    ) -> FrameId {
        self.frames += 1;
        self.index[direction.index()] += 1;
        self.octets[direction.index()] += u64::from(len);
        let id = FrameId(self.frames);
        let protocol = match &packet {
            Packet::Arp(_) => Protocol::Arp,
            Packet::Ip(_, Carried::Tcp(_)) => Protocol::Tcp,
            Packet::Ip(_, Carried::Udp(_)) => Protocol::Udp,
            Packet::Ip(_, Carried::Icmp(_)) => Protocol::Icmp,
            Packet::Ip(..) => Protocol::Ipv4,
            _ => Protocol::Ethernet,
        };
        let (source, destination) = match direction {
            Direction::ToServer => (CLIENT_MAC, SERVER_MAC),
            Direction::ToClient => (SERVER_MAC, CLIENT_MAC),
        };
        let broadcast = matches!(&packet, Packet::Arp(a) if a.operation == ArpOperation::Request && a.target_mac == [0; 6]);
        let destination = if broadcast { BROADCAST } else { destination };
        let seen = Seen { id, direction, len, source, destination, link: LinkLayer::default(), packet };
        let cause = self.push(us, None, Place::Wire, protocol, What::Frame(Box::new(seen)));
        let at = Time::from_micros(us);
        let fate = fate.unwrap_or_else(|| {
            Fate::Delivered(Delivery { delayed: self.delay, ..Delivery::plain(at + self.delay) })
        });
        if fate.is_dropped() {
            self.dropped[direction.index()] += 1;
        }
        let row =
            Row { id, direction, index: self.index[direction.index()], at, len, class: Class::NONE, fate };
        self.push(us, Some(cause), Place::Wire, Protocol::Wire, What::Fate(Box::new(row)));
        id
    }

    pub(super) fn arp_request(&mut self, us: u64, target: Ipv4Addr, repeat: u32) -> FrameId {
        let arp = Arp {
            operation: ArpOperation::Request,
            sender_mac: CLIENT_MAC,
            sender_ip: CLIENT_IP,
            target_mac: [0; 6],
            target_ip: target,
            answers: None,
            repeat,
        };
        self.frame(us, Direction::ToServer, 42, Packet::Arp(arp), None)
    }

    pub(super) fn arp_reply(&mut self, us: u64, answers: FrameId) -> FrameId {
        let arp = Arp {
            operation: ArpOperation::Reply,
            sender_mac: SERVER_MAC,
            sender_ip: SERVER_IP,
            target_mac: CLIENT_MAC,
            target_ip: CLIENT_IP,
            answers: Some(answers),
            repeat: 0,
        };
        self.frame(us, Direction::ToClient, 42, Packet::Arp(arp), None)
    }

    pub(super) fn tcp(&mut self, us: u64, direction: Direction, tcp: Tcp, fate: Option<Fate>) -> FrameId {
        let len = 66 + tcp.len + if tcp.mss.is_some() { 8 } else { 0 };
        self.frame(us, direction, len, Packet::Ip(ip(direction, len - 14), Carried::Tcp(tcp)), fate)
    }

    pub(super) fn udp(&mut self, us: u64, direction: Direction, len: u32) -> FrameId {
        let (source_port, destination_port) = ports(direction);
        let udp = Udp { source_port, destination_port, len, checksum_good: Some(true) };
        self.frame(us, direction, 42 + len, Packet::Ip(ip(direction, 28 + len), Carried::Udp(udp)), None)
    }

    pub(super) fn outcome(&self, us: u64) -> Outcome {
        Outcome {
            at: Time::from_micros(us),
            frames: self.index,
            dropped: self.dropped,
            dropped_by: Vec::new(),
            unused: Vec::new(),
            octets: self.octets,
            took: Duration::from_micros(us),
            interrupted: false,
            cut: false,
            signal: None,
        }
    }
}

pub(super) fn ip(direction: Direction, len: u32) -> Ip {
    let (source, destination) = match direction {
        Direction::ToServer => (CLIENT_IP, SERVER_IP),
        Direction::ToClient => (SERVER_IP, CLIENT_IP),
    };
    Ip {
        source: IpAddr::V4(source),
        destination: IpAddr::V4(destination),
        ttl: 64,
        len,
        df: true,
        fragment: None,
        checksum_good: Some(true),
    }
}

fn ports(direction: Direction) -> (u16, u16) {
    match direction {
        Direction::ToServer => (40_000, 7),
        Direction::ToClient => (7, 40_000),
    }
}

pub(super) fn segment(
    direction: Direction,
    flags: TcpFlags,
    seq: u32,
    ack: Option<u32>,
    len: u32,
    notes: &[TcpNote],
) -> Tcp {
    let (source_port, destination_port) = ports(direction);
    Tcp {
        stream: 0,
        source_port,
        destination_port,
        flags,
        seq,
        ack,
        len,
        window: 64_240,
        mss: flags.has(TcpFlags::SYN).then_some(1460),
        sack_permitted: flags.has(TcpFlags::SYN),
        sack: Vec::new(),
        checksum_good: Some(true),
        notes: notes.to_vec(),
    }
}

pub(super) const SYN: TcpFlags = TcpFlags::SYN;
pub(super) const ACK: TcpFlags = TcpFlags::ACK;
pub(super) const SYN_ACK: TcpFlags = TcpFlags(0x012);
pub(super) const FIN_ACK: TcpFlags = TcpFlags(0x011);
pub(super) const RST_ACK: TcpFlags = TcpFlags(0x014);
pub(super) const DATA: TcpFlags = TcpFlags(0x018);

pub(super) const fn errno(code: i32, name: &'static str) -> Errno {
    Errno { code, name }
}
