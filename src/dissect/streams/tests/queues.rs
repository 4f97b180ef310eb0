//! layerlab's frames read from segments, datagrams and WebSocket messages.

use super::*;
use crate::model::queue::{Carrier, Illegal, Queue, Step};
use crate::stack::l4_transport::udp;
use crate::stack::l7_application::queue::Message as Said;
use crate::stack::l7_application::queue::message::{From, Mode};

fn octets(message: Said<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    message.encode(&mut octets);
    octets
}

fn hello() -> Vec<u8> {
    octets(Said::Hello { client: "shop", token: "" })
}

fn welcome() -> Vec<u8> {
    octets(Said::Welcome { server: "s", max_payload: 1 << 20, idle_ms: 0 })
}

fn publish(seq: u64, body: &[u8]) -> Vec<u8> {
    octets(Said::Publish { seq, queue: "orders", id: b"", body })
}

fn confirm(first: u64, last: u64) -> Vec<u8> {
    octets(Said::Confirm { first, last })
}

impl Bench {
    fn queue(&self) -> Vec<&Queue> {
        let queue = |event: &&Event| matches!(event.what, What::Queue(_));
        let seen = self.told.iter().filter(queue).map(|event| match &event.what {
            What::Queue(seen) => &**seen,
            other => panic!("{other:?}"),
        });
        seen.collect()
    }

    fn names(&self) -> Vec<&'static str> {
        let name = |seen: &&Queue| match &seen.step {
            Step::Frame(frame) => frame.name,
            Step::Fault(_) => "fault",
            Step::Lost(_) => "lost",
            Step::Ended { .. } => "ended",
        };
        self.queue().iter().map(name).collect()
    }

    fn datagram(&mut self, sender: Side, payload: &[u8]) {
        self.datagram_of_fate(sender, payload, None);
    }

    fn datagram_of_fate(&mut self, sender: Side, payload: &[u8], fate: Option<&Fate>) {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let (source, destination, source_port, destination_port) =
            if sender == Client { (a, b, 40_000, 7200) } else { (b, a, 7200, 40_000) };
        let mut packet = Vec::new();
        let header = udp::Header { source_port, destination_port };
        header.encode(Pseudo::V4 { source, destination }, payload, &mut packet).unwrap();
        let mut bytes = Vec::new();
        ethernet::Header { destination: [2; 6], source: [3; 6], ethertype: ethertype::IPV4 }
            .encode(&mut bytes);
        ipv4::Header::new(protocol::UDP, source, destination).encode(packet.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(&packet);
        self.frames += 1;
        let (id, at, len) = (FrameId(self.frames), Time::from_millis(self.frames), bytes.len() as u32);
        let link = LinkType::Ethernet;
        let frame = Frame { id, direction: sender.outward(), at, link, bytes: &bytes, len, fate };
        self.dissector.frame(EventId(self.frames), &frame);
        self.told.extend(self.dissector.steps());
    }
}

#[test]
fn frames_are_told_with_the_segments_that_carried_them() {
    let mut bench = Bench::connected();
    bench.data(Client, 0, &hello());
    bench.data(Server, 0, &welcome());
    let (at, two) = (hello().len(), [publish(1, b"a"), publish(2, &[b'x'; 100])].concat());
    bench.data(Client, at, &two[..60]);
    bench.data(Client, at + 60, &two[60..]);
    // TCP acknowledges, then the queue does.
    bench.ack(Server, at + 60);
    bench.ack(Server, at + two.len());
    bench.data(Server, welcome().len(), &confirm(1, 2));
    assert_eq!(bench.names(), ["HELLO", "WELCOME", "PUBLISH", "PUBLISH", "CONFIRM"]);
    let seen = bench.queue();
    let carried = |n: usize| seen[n].carried.map(|c| (c.first.0, c.last.0, c.segments)).unwrap();
    assert_eq!([carried(0), carried(2), carried(3)], [(4, 4, 1), (6, 6, 1), (6, 7, 2)]);
    assert_eq!(seen[3].at.end, (at + two.len()) as u64);
    let Step::Frame(frame) = &seen[4].step else { panic!() };
    let follows = frame.follows.unwrap();
    assert_eq!((follows.count, follows.frame, follows.tcp_ack), (2, Some(FrameId(7)), Some(FrameId(9))));
    assert_eq!((seen[4].sender, seen[4].carrier, frame.illegal), (Server, Carrier::Tcp, None));
    // The connection ends with nobody's CLOSE; pure ACKs behind it are no gap.
    let end = at + two.len();
    bench.segment(Client, TcpFlags::FIN | TcpFlags::ACK, ISN[0].wrapping_add(1 + end as u32), 0, b"", None);
    bench.segment(Client, TcpFlags::ACK, ISN[0].wrapping_add(2 + end as u32), 0, b"", None);
    bench.finish();
    assert_eq!(bench.names().last(), Some(&"ended"));
}

#[test]
fn lost_and_shuffled_segments_give_the_same_frames() {
    let mut bench = Bench::connected();
    let stream = [hello(), publish(1, b"one"), publish(2, b"two")].concat();
    let by = Rule::Cut;
    bench.data_of_fate(Client, 0, &stream[..20], Some(&Fate::Dropped { by }));
    bench.data(Client, 20, &stream[20..]);
    assert!(bench.names().is_empty());
    bench.data(Client, 0, &stream[..20]);
    bench.data(Client, 10, &stream[10..30]);
    assert_eq!(bench.names(), ["HELLO", "PUBLISH", "PUBLISH"]);
    assert!(bench.queue()[0].carried.unwrap().held.is_some());
}

#[test]
fn one_octet_a_segment_is_enough() {
    let mut bench = Bench::connected();
    for (n, octet) in [hello(), publish(1, b"x")].concat().iter().enumerate() {
        bench.data(Client, n, &[*octet]);
    }
    assert_eq!(bench.names(), ["HELLO", "PUBLISH"]);
}

#[test]
fn what_only_looks_so_is_let_go() {
    for first in [&b"LF\x01\x01\0\0\0\x0cxxxxrest"[..], b"LOCK / HTTP/1.1\r\n\r\n", b"LF"] {
        let mut bench = Bench::connected();
        bench.data(Client, 0, first);
        bench.finish();
        assert!(bench.told.is_empty(), "{:?}", bench.told);
    }
}

#[test]
fn a_bad_frame_is_its_senders_and_the_other_side_is_read_on() {
    let mut bench = Bench::connected();
    let mut bad = publish(1, b"hello");
    bad[20] ^= 1;
    bench.data(Client, 0, &[hello(), bad, publish(2, b"unread")].concat());
    bench.data(Server, 0, &welcome());
    assert_eq!(bench.names(), ["HELLO", "fault", "WELCOME"]);
    let fault = bench.queue()[1];
    assert_eq!((fault.sender, fault.at.start), (Client, hello().len() as u64));
    assert!(bench.told.iter().any(|event| event.protocol == crate::model::Protocol::Framing));
}

#[test]
fn a_capture_that_begins_late_blames_nobody() {
    let mut bench = Bench::new();
    let message = Said::Deliver { subscription: 7, offset: 4, deliveries: 2, id: b"", body: b"m" };
    bench.data(Server, 0, &octets(message));
    bench.data(Client, 0, &octets(Said::Ack { subscription: 7, multiple: false, offset: 3 }));
    assert_eq!(bench.names(), ["DELIVER", "ACK"]);
    let seen = bench.queue();
    assert_eq!([seen[0].sender, seen[1].sender], [Server, Client]);
    assert!(seen.iter().all(|seen| !seen.step.is_failure()));
    let ends = seen.iter().map(|seen| seen.carried.unwrap().ends[1].port());
    assert_eq!(ends.collect::<Vec<_>>(), [80, 80], "the server's port, whoever spoke first");
}

#[test]
fn a_datagram_is_one_frame_and_a_bad_one_is_dropped_alone() {
    let mut bench = Bench::new();
    bench.datagram(Client, b"something else");
    assert!(bench.told.is_empty());
    bench.datagram(Client, &hello());
    bench.datagram(Server, &welcome());
    bench.datagram(Client, &[publish(1, b"a"), publish(2, b"b")].concat());
    bench.datagram(Client, &publish(1, b"a"));
    bench.datagram(Client, &publish(1, b"a"));
    bench.datagram(Server, &confirm(1, 1));
    assert_eq!(bench.names(), ["HELLO", "WELCOME", "fault", "PUBLISH", "PUBLISH", "CONFIRM"]);
    let seen = bench.queue();
    assert!(seen.iter().all(|seen| seen.carrier == Carrier::Udp));
    assert_eq!(seen[1].carried.unwrap().ends.map(|end| end.port()), [40_000, 7200]);
}

/// It is told what it was, and counts for nothing.
#[test]
fn a_dropped_datagram_is_no_part_of_the_conversation() {
    let mut bench = Bench::new();
    let dropped = Fate::Dropped { by: Rule::Cut };
    bench.datagram_of_fate(Client, &hello(), Some(&dropped));
    bench.datagram_of_fate(Client, b"something else", Some(&dropped));
    bench.datagram(Client, &hello());
    bench.datagram_of_fate(Client, &publish(1, b"a"), Some(&dropped));
    bench.datagram(Client, &publish(1, b"a"));
    assert_eq!(bench.names(), ["HELLO", "HELLO", "PUBLISH", "PUBLISH"]);
    let seen = bench.queue();
    assert_eq!(seen.iter().map(|seen| seen.dropped).collect::<Vec<_>>(), [true, false, true, false]);
    let Step::Frame(last) = &seen[3].step else { panic!() };
    assert_eq!(last.follows, None);
}

/// A WebSocket message carries one; the subprotocol need not say so.
#[test]
fn websocket_messages_carry_frames() {
    let [asked, answered] = heads(false);
    let mut bench = Bench::connected();
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &answered);
    let long = publish(1, &[7; 1000]);
    let subscribe = Said::Subscribe {
        subscription: 1,
        queue: "orders",
        prefetch: 1,
        mode: Mode::AtLeastOnce,
        from: From::New,
    };
    let mut bad = publish(2, &[7; 1000]);
    bad[900] ^= 1;
    let mut at = [asked.len(), answered.len()];
    for (side, message) in [
        (Client, hello()),
        (Server, welcome()),
        (Client, octets(subscribe)),
        (Client, long),
        (Client, bad),
        (Server, confirm(1, 2)),
    ] {
        let octets = frame(side, true, Opcode::Binary, &message);
        bench.data(side, at[side as usize], &octets);
        at[side as usize] += octets.len();
    }
    let octets = frame(Client, true, Opcode::Text, b"text");
    bench.data(Client, at[0], &octets);
    assert_eq!(bench.names(), ["HELLO", "WELCOME", "SUBSCRIBE", "PUBLISH", "fault", "CONFIRM", "fault"]);
    let seen = bench.queue();
    assert!(seen.iter().all(|seen| seen.carrier == Carrier::WebSocket && seen.carried.is_some()));
    let Step::Frame(confirm) = &seen[5].step else { panic!() };
    assert_eq!(confirm.illegal, Some(Illegal::NeverAsked));
    assert!(matches!(&seen[4].step, Step::Fault(fault) if fault.rule.contains("payload was corrupted")));
    // What WebSocket's own steps hold of a message stays a sample.
    let kept = bench.told.iter().filter_map(|event| match &event.what {
        What::WebSocket(seen) => seen.step.frame().map(|frame| frame.payload.len()),
        _ => None,
    });
    assert!(kept.max() == Some(256));
}
