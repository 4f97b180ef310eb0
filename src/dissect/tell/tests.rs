//! Numbers, causes and order of what a listener is told.

use super::*;
use crate::model::{
    Arp, ArpOperation, Call, Class, Delivery, Direction, Fate, FrameId, LinkLayer, Packet, Returned, Row,
    Rule, Seen, Side, SocketKind, Time,
};
use crate::stack::l2_link::arp::ArpPacket;
use std::net::Ipv4Addr;

/// Writes down what it is told; stops when it was told `until` things.
#[derive(Default)]
struct Ear {
    events: Vec<Event>,
    frames: Vec<(usize, FrameId, Moment, Vec<u8>)>,
    began: bool,
    finished: bool,
    until: Option<usize>,
}

impl Ear {
    fn flow(&self) -> Flow {
        let told = self.events.len() + self.frames.len();
        if self.until.is_some_and(|until| told >= until) { Flow::Stop } else { Flow::Continue }
    }
}

impl Sink for Ear {
    fn begin(&mut self, _: &Run) -> io::Result<()> {
        self.began = true;
        Ok(())
    }
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.events.push(event.clone());
        Ok(self.flow())
    }
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.frames.push((self.events.len(), frame.row.id, frame.moment, frame.bytes.to_vec()));
        Ok(self.flow())
    }
    fn finish(&mut self, _: &Outcome) -> io::Result<()> {
        self.finished = true;
        Ok(())
    }
}

fn socket(id: u64, cause: Option<u64>) -> Event {
    let call = Call::Socket(SocketKind::Stream);
    let what = match cause {
        None => What::Called { fd: None, call },
        Some(_) => What::Returned {
            fd: None,
            call,
            result: Ok(Returned::Descriptor(3)),
            took: std::time::Duration::ZERO,
            tcp_info: None,
        },
    };
    Event {
        id: EventId(id),
        cause: cause.map(EventId),
        at: Time::ZERO,
        place: Place::Host(Side::Client),
        heading: Heading::Local,
        protocol: Protocol::Sockets,
        what,
        bytes: None,
        evidence: Evidence::Syscall,
        cite: None,
    }
}

fn arp() -> (Vec<u8>, Vec<u8>) {
    let request = ArpPacket {
        operation: ArpOperation::Request,
        sender_mac: [2, 0, 0, 0, 0, 1],
        sender_ip: Ipv4Addr::new(10, 0, 0, 1),
        target_mac: [0; 6],
        target_ip: Ipv4Addr::new(10, 0, 0, 2),
    };
    (request.to_frame(), request.reply([2, 0, 0, 0, 0, 2]).to_frame())
}

fn row(id: u64, direction: Direction, fate: Fate) -> Row {
    let at = Time::from_millis(id);
    Row { id: FrameId(id), direction, index: 1, at, len: 42, class: Class::ARP, fate }
}

fn entered<'a>(row: &'a Row, bytes: &'a [u8]) -> WireFrame<'a> {
    WireFrame { row, at: row.at, moment: Moment::Entered, bytes }
}

#[test]
fn events_are_numbered_as_they_are_told_and_causes_follow() {
    let (request, reply) = arp();
    let mut tell = Tell::new(Ear::default());
    let first = row(1, Direction::ToServer, Fate::Delivered(Delivery::plain(Time::from_millis(2))));
    let second = row(2, Direction::ToClient, Fate::Dropped { by: Rule::Random(0.05) });
    tell.event(&socket(1 << 32, None)).unwrap();
    tell.frame(&entered(&first, &request)).unwrap();
    tell.event(&socket((1 << 32) + 1, Some(1 << 32))).unwrap();
    tell.event(&socket((1 << 32) + 2, Some(99))).unwrap();
    let arrived = Moment::Arrived { copy: 0 };
    tell.frame(&WireFrame { moment: arrived, ..entered(&first, &request) }).unwrap();
    tell.frame(&entered(&second, &reply)).unwrap();
    tell.finish(&Outcome::default()).unwrap();
    let ear = tell.into_inner();
    assert!(ear.finished);
    let numbers: Vec<_> = ear.events.iter().map(|e| (e.id.0, e.cause.map(|c| c.0), e.evidence)).collect();
    use Evidence::{Frame, Ledger, Syscall};
    assert_eq!(
        numbers,
        [
            (1, None, Syscall),
            (2, None, Frame),
            (3, Some(2), Ledger),
            (4, Some(1), Syscall),
            (5, None, Syscall),
            (6, Some(2), Frame),
            (7, Some(6), Ledger),
        ]
    );
    // The frame comes after its two events, and what arrives brings none.
    let frames: Vec<_> = ear.frames.iter().map(|f| (f.0, f.1.0, f.2)).collect();
    assert_eq!(frames, [(3, 1, Moment::Entered), (5, 1, arrived), (7, 2, Moment::Entered)]);
    assert_eq!(ear.frames[0].3, request);
    let What::Fate(told) = &ear.events[6].what else { panic!("{:?}", ear.events[6]) };
    assert_eq!(**told, second);
    let What::Frame(seen) = &ear.events[5].what else { panic!("{:?}", ear.events[5]) };
    assert_eq!(
        **seen,
        Seen {
            id: FrameId(2),
            direction: Direction::ToClient,
            len: 42,
            source: [2, 0, 0, 0, 0, 2],
            destination: [2, 0, 0, 0, 0, 1],
            link: LinkLayer::default(),
            packet: Packet::Arp(Arp {
                operation: ArpOperation::Reply,
                sender_mac: [2, 0, 0, 0, 0, 2],
                sender_ip: Ipv4Addr::new(10, 0, 0, 2),
                target_mac: [2, 0, 0, 0, 0, 1],
                target_ip: Ipv4Addr::new(10, 0, 0, 1),
                answers: Some(FrameId(1)),
                repeat: 0,
            }),
        }
    );
    assert_eq!(ear.events[5].protocol, Protocol::Arp);
    assert_eq!(ear.events[6].protocol, Protocol::Wire);
    assert!(ear.events.iter().all(|e| e.bytes.is_none()));
}

#[test]
fn bytes_and_headers_come_when_asked_for() {
    let (request, _) = arp();
    let mut tell = Tell::new(Ear::default()).with_bytes(true);
    let row = row(1, Direction::ToServer, Fate::Dropped { by: Rule::Cut });
    tell.frame(&entered(&row, &request)).unwrap();
    let ear = tell.into_inner();
    let located = ear.events[0].bytes.as_ref().unwrap();
    assert_eq!(located.bytes, request);
    let protocols: Vec<_> = located.headers.iter().map(|header| header.protocol).collect();
    assert_eq!(protocols, [Protocol::Ethernet, Protocol::Arp]);
    assert!(ear.events[1].bytes.is_none());
}

#[test]
fn a_stop_is_passed_back_and_the_frame_is_told_all_the_same() {
    let (request, _) = arp();
    let row = row(1, Direction::ToServer, Fate::Dropped { by: Rule::Cut });
    for until in 1..=3 {
        let mut tell = Tell::new(Ear { until: Some(until), ..Ear::default() });
        assert_eq!(tell.frame(&entered(&row, &request)).unwrap(), Flow::Stop);
        assert_eq!(tell.into_inner().frames.len(), 1);
    }
}

#[test]
fn the_numbers_that_are_remembered_are_bounded() {
    let mut tell = Tell::new(crate::model::NullSink);
    for id in 0..CAUSES_MAX as u64 + 100 {
        tell.event(&socket(id, None)).unwrap();
    }
    assert_eq!(tell.numbers.len(), CAUSES_MAX);
}

/// What a host's programs still wait for at the end is told once a host, behind everything else.
#[test]
fn calls_that_never_returned_are_told_at_the_end() {
    let call = |id, side, fd, call: Call| {
        let what = What::Called { fd: Some(fd), call };
        Event { place: Place::Host(side), at: Time::from_nanos(id), what, ..socket(id, None) }
    };
    let mut tell = Tell::new(Ear::default());
    for event in [
        call(1, Side::Server, 4, Call::RecvFrom { size: 9 }),
        call(2, Side::Client, 4, Call::Accept),
        call(3, Side::Server, 5, Call::Recv { size: 9 }),
        call(4, Side::Server, 4, Call::Close),
        socket(5, Some(2)),
        socket(6, Some(4)),
    ] {
        tell.event(&event).unwrap();
    }
    tell.finish(&Outcome { at: Time::from_nanos(99), ..Outcome::default() }).unwrap();
    let ear = tell.into_inner();
    let [.., last] = &ear.events[..] else { panic!() };
    assert_eq!(
        (ear.events.len(), last.id, last.cause, last.at.as_nanos()),
        (7, EventId(7), Some(EventId(3)), 99)
    );
    let What::Waiting(calls) = &last.what else { panic!("{last:?}") };
    let calls: Vec<_> =
        calls.iter().map(|w| (w.fd, w.since.as_nanos(), w.closed.map(Time::as_nanos))).collect();
    assert_eq!(
        (last.place, calls),
        (Place::Host(Side::Server), vec![(Some(4), 1, Some(4)), (Some(5), 3, None)])
    );
    // Where telling ends before the run does, nobody knows how they ended: a listener has heard enough, or a file is cut.
    for cut in [true, false] {
        let mut tell = Tell::new(Ear { until: (!cut).then_some(1), ..Ear::default() });
        tell.event(&call(1, Side::Client, 3, Call::Accept)).unwrap();
        if cut {
            tell.cut_short();
        }
        tell.finish(&Outcome::default()).unwrap();
        let ear = tell.into_inner();
        assert!(ear.finished && ear.events.len() == 1, "{:?}", ear.events);
    }
    // A file may have any number of them.
    let mut tell = Tell::new(Ear::default());
    for id in 1..1_000 {
        tell.event(&call(id, Side::Client, 3, Call::Accept)).unwrap();
    }
    tell.finish(&Outcome::default()).unwrap();
    let What::Waiting(calls) = &tell.into_inner().events.pop().unwrap().what else { panic!() };
    assert_eq!(calls.len(), WAITING_MAX);
}
