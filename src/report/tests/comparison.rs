//! A small comparison, made by hand: TCP loses its third segment and resends it, UDP loses its third datagram.

use crate::model::{
    Backend, Carried, Class, Delivery, Direction, Endpoint, Fate, FrameId, Ip, LinkLayer, Outcome, Packet,
    Row, Rule, Run, Seen, Tcp, TcpFlags, TcpInfo, TcpState, Time, Udp,
};
use crate::report::loss::{
    Comparison, Frame, Lane, Load, Message, Retransmission, Sample, Transport, Trigger,
};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const ONE_WAY: u64 = 25;
const SIZE: u32 = 200;

fn run() -> Run {
    let host = |n| Endpoint { ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, n)), mac: Some([2, 0, 0, 0, 0, n]) };
    Run {
        command: "layerlab loss --drop 'tcp.data#3' --drop 'udp#3'".to_owned(),
        version: "0.1.0".to_owned(),
        system: "linux 6.18".to_owned(),
        seed: 7,
        backend: Backend::Tap,
        wire: "--delay 25ms --drop tcp.data#3 --drop udp#3".to_owned(),
        mtu: 1500,
        routers: 0,
        client: host(1),
        server: host(2),
        epoch_unix_ns: 0,
    }
}

/// A frame that entered at `ms`: dropped by a script, or delivered [`ONE_WAY`] later.
fn frame(id: u64, ms: u64, direction: Direction, dropped: bool, carried: Carried) -> Frame {
    let at = Time::from_millis(ms);
    let arrives = Time::from_millis(ms + ONE_WAY);
    let fate = if dropped {
        Fate::Dropped { by: Rule::Script("tcp.data#3".into()) }
    } else {
        Fate::Delivered(Delivery::plain(arrives))
    };
    let ip = Ip {
        source: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        destination: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2)),
        ttl: 64,
        len: 254,
        df: true,
        fragment: None,
        checksum_good: Some(true),
    };
    Frame {
        row: Row { id: FrameId(id), direction, index: id, at, len: 268, class: Class::NONE, fate },
        seen: Seen {
            id: FrameId(id),
            direction,
            len: 268,
            source: [2, 0, 0, 0, 0, 1],
            destination: [2, 0, 0, 0, 0, 2],
            link: LinkLayer::default(),
            packet: Packet::Ip(ip, carried),
        },
        arrived: if dropped { Vec::new() } else { vec![arrives] },
    }
}

fn segment(seq: u32, len: u32, ack: u32) -> Carried {
    Carried::Tcp(Tcp {
        stream: 0,
        source_port: 40_000,
        destination_port: 7,
        flags: TcpFlags::ACK,
        seq,
        ack: Some(ack),
        len,
        window: 65_535,
        mss: None,
        sack: Vec::new(),
        sack_permitted: false,
        checksum_good: Some(true),
        notes: Vec::new(),
    })
}

fn message(due: u64, received: Option<u64>, reached: Option<u64>, in_order: Option<u64>) -> Message {
    Message {
        due: Time::from_millis(due),
        sent: Some(Time::from_millis(due)),
        received: received.map(Time::from_millis).into_iter().collect(),
        reached: reached.map(Time::from_millis),
        in_order: in_order.map(Time::from_millis),
    }
}

fn lane(transport: Transport, messages: Vec<Message>, frames: Vec<Frame>) -> Lane {
    Lane {
        transport,
        run: run(),
        outcome: Outcome::default(),
        opened: Time::from_millis(40),
        began: Time::from_millis(100),
        ended: Some(Time::from_millis(250)),
        received: 0,
        messages,
        frames,
        retransmissions: Vec::new(),
        samples: Vec::new(),
        failures: Vec::new(),
    }
}

/// Six messages, one every 10 ms from 100 ms on. The third is lost; TCP sends it again at 190 ms.
pub(crate) fn comparison() -> Comparison {
    let due = |n: u64| 100 + 10 * n;
    let mut frames = Vec::new();
    for n in 0..6 {
        let seq = 1 + u32::try_from(n).expect("small") * SIZE;
        frames.push(frame(n + 1, due(n), Direction::ToServer, n == 2, segment(seq, SIZE, 1)));
    }
    frames.push(frame(7, 135, Direction::ToClient, false, segment(1, 0, 401)));
    frames.push(frame(8, 155, Direction::ToClient, true, segment(1, 0, 401)));
    frames.push(frame(9, 190, Direction::ToServer, false, segment(401, SIZE, 1)));
    frames.push(frame(10, 215, Direction::ToClient, false, segment(1, 0, 1201)));
    let messages = (0..6u64).map(|n| {
        let reached = if n == 2 { 215 } else { due(n) + ONE_WAY };
        let in_order = if n < 2 { reached } else { 215 };
        message(due(n), Some(in_order), Some(reached), Some(in_order))
    });
    let mut tcp = lane(Transport::Tcp { congestion: "cubic".to_owned() }, messages.collect(), frames);
    tcp.retransmissions =
        vec![Retransmission { frame: 8, of: Some(2), trigger: Trigger::Fast, needless: false }];
    let sample = |ms, cwnd, ssthresh| Sample {
        at: Time::from_millis(ms),
        info: TcpInfo {
            state: TcpState::Established,
            rtt: Duration::from_millis(50),
            rttvar: Duration::from_millis(20),
            rto: Duration::from_millis(251),
            snd_cwnd: cwnd,
            snd_ssthresh: ssthresh,
            snd_mss: 1448,
            pmtu: 1500,
            unacked: 2,
            backoff: 0,
            total_retrans: 0,
        },
    };
    tcp.samples =
        vec![sample(100, 10, None), sample(150, 10, None), sample(195, 7, Some(7)), sample(240, 8, Some(7))];

    let udp = |n| {
        frame(n + 1, due(n), Direction::ToServer, n == 2, {
            Carried::Udp(Udp {
                source_port: 40_000,
                destination_port: 7,
                len: SIZE,
                checksum_good: Some(true),
            })
        })
    };
    let messages = (0..6u64).map(|n| {
        let reached = (n != 2).then(|| due(n) + ONE_WAY);
        message(due(n), reached, reached, None)
    });
    let udp = lane(Transport::Udp, messages.collect(), (0..6).map(udp).collect());
    Comparison {
        load: Load::Messages { count: 6, size: SIZE, every: Duration::from_millis(10) },
        lanes: vec![tcp, udp],
    }
}
