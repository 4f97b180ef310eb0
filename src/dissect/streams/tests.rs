//! Upgrades read from segments, however they are cut, lost, repeated and shuffled.

use crate::dissect::{Dissector, Frame};
use crate::model::websocket::{Close, Completes, Lost, Message, Step, WebSocket};
use crate::model::{
    Delivery, Direction, Event, EventId, Fate, FrameId, LinkType, Rule, Side, TcpFlags, Time, What,
};
use crate::stack::checksum::Pseudo;
use crate::stack::l2_link::ethernet::{self, ethertype};
use crate::stack::l3_internet::{ipv4, protocol};
use crate::stack::l4_transport::tcp;
use crate::stack::l7_application::ws::codec::encode;
use crate::stack::l7_application::ws::handshake::{ClientRequest, DeflateWish, ServerPolicy};
use crate::stack::l7_application::ws::{FrameHeader, Opcode};
use Side::{Client, Server};
use proptest::prelude::*;
use std::net::Ipv4Addr;

const ISN: [u32; 2] = [u32::MAX - 20, 7_000];

/// A dissector, and the frames that it has seen: numbered from 1, a millisecond apart, their events likewise.
struct Bench {
    dissector: Dissector,
    frames: u64,
    told: Vec<Event>,
}

impl Bench {
    fn new() -> Bench {
        Bench { dissector: Dissector::new(), frames: 0, told: Vec::new() }
    }

    /// One whose TCP handshake is done: frames 1 to 3.
    fn connected() -> Bench {
        let mut bench = Bench::new();
        bench.segment(Client, TcpFlags::SYN, ISN[0], 0, b"", None);
        bench.segment(Server, TcpFlags::SYN | TcpFlags::ACK, ISN[1], ISN[0].wrapping_add(1), b"", None);
        bench.segment(Client, TcpFlags::ACK, ISN[0].wrapping_add(1), ISN[1] + 1, b"", None);
        bench
    }

    fn segment(
        &mut self,
        sender: Side,
        flags: TcpFlags,
        seq: u32,
        ack: u32,
        payload: &[u8],
        fate: Option<&Fate>,
    ) {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let (source, destination, source_port, destination_port) =
            if sender == Client { (a, b, 40_000, 80) } else { (b, a, 80, 40_000) };
        let mut octets = Vec::new();
        let header = tcp::Header {
            source_port,
            destination_port,
            seq,
            ack,
            flags,
            window: 512,
            urgent_pointer: 0,
            options: vec![],
        };
        header.encode(Pseudo::V4 { source, destination }, payload, &mut octets).unwrap();
        let mut bytes = Vec::new();
        let (to, from) = ([sender.other() as u8 + 2; 6], [sender as u8 + 2; 6]);
        ethernet::Header { destination: to, source: from, ethertype: ethertype::IPV4 }.encode(&mut bytes);
        ipv4::Header::new(protocol::TCP, source, destination).encode(octets.len(), &mut bytes).unwrap();
        bytes.extend_from_slice(&octets);
        self.frames += 1;
        let (id, at) = (FrameId(self.frames), Time::from_millis(self.frames));
        let len = bytes.len() as u32;
        let frame =
            Frame { id, direction: sender.outward(), at, link: LinkType::Ethernet, bytes: &bytes, len, fate };
        self.dissector.frame(EventId(self.frames), &frame);
        self.told.extend(self.dissector.steps());
    }

    /// Data of a side, `at` octets into its stream; it acknowledges nothing.
    fn data(&mut self, sender: Side, at: usize, payload: &[u8]) {
        self.data_of_fate(sender, at, payload, None);
    }

    fn data_of_fate(&mut self, sender: Side, at: usize, payload: &[u8], fate: Option<&Fate>) {
        let seq = ISN[sender as usize].wrapping_add(1 + at as u32);
        let ack = ISN[sender.other() as usize].wrapping_add(1);
        self.segment(sender, TcpFlags::ACK | TcpFlags::PSH, seq, ack, payload, fate);
    }

    fn ack(&mut self, sender: Side, up_to: usize) {
        let other = sender.other() as usize;
        let seq = ISN[sender as usize].wrapping_add(1);
        let ack = ISN[other].wrapping_add(1 + up_to as u32);
        self.segment(sender, TcpFlags::ACK, seq, ack, b"", None);
    }

    fn finish(&mut self) {
        self.dissector.finish(Time::from_millis(self.frames));
        self.told.extend(self.dissector.steps());
    }

    fn steps(&self) -> Vec<&WebSocket> {
        self.told
            .iter()
            .map(|event| match &event.what {
                What::WebSocket(seen) => {
                    assert!(event.cause.is_some_and(|cause| cause.0 <= self.frames));
                    &**seen
                }
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

fn heads(deflate: bool) -> [Vec<u8>; 2] {
    let mut request = ClientRequest::new("h", "/chat", [9; 16]);
    request.deflate = deflate.then(DeflateWish::default);
    let policy = ServerPolicy { deflate: Some(DeflateWish::default()), ..ServerPolicy::default() };
    let [mut asked, mut answered] = [const { Vec::new() }; 2];
    request.head().encode(&mut asked);
    policy.answer(&request.head()).head.encode(&mut answered);
    [asked, answered]
}

fn frame(sender: Side, fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mask = (sender == Client).then_some([0x37, 0xfa, 0x21, 0x3d]);
    let mut octets = Vec::new();
    encode(&FrameHeader { fin, mask, ..FrameHeader::new(opcode, 0) }, payload, &mut octets);
    octets
}

/// What two streams say, one after the other as it must be: the request, the answer, then both sides' frames.
fn streams() -> [Vec<u8>; 2] {
    let [mut asked, mut answered] = heads(true);
    let client = [
        frame(Client, true, Opcode::Text, b"Hello"),
        frame(Client, false, Opcode::Text, b"Hel"),
        frame(Client, true, Opcode::Ping, b"?"),
        frame(Client, true, Opcode::Continuation, b"lo"),
        frame(Client, true, Opcode::Close, b"\x03\xe8"),
    ];
    let deflated = [0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00].to_vec();
    let server = [
        frame(Server, true, Opcode::Pong, b"?"),
        deflated,
        frame(Server, true, Opcode::Binary, &[7; 300]),
        frame(Server, true, Opcode::Close, b"\x03\xe8"),
    ];
    asked.extend(client.concat());
    answered.extend(server.concat());
    [asked, answered]
}

/// What is told whatever the segments are: by whom, where in the stream, and what.
fn gist(bench: &Bench) -> [Vec<(u64, u64, Step)>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for seen in bench.steps() {
        let mut step = seen.step.clone();
        if let Step::Frame(frame) = &mut step {
            match &mut frame.completes {
                // What is paired depends on what was seen first, and times on when.
                Completes::Pong(answered) => *answered = None,
                Completes::Close(close) => close.answers = false,
                _ => {}
            }
        }
        sides[seen.sender as usize].push((seen.at.start, seen.at.end, step));
    }
    sides
}

#[test]
fn a_conversation_is_told_frame_by_frame() {
    let mut bench = Bench::connected();
    let [asked, answered] = heads(false);
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &answered);
    let ping = frame(Client, true, Opcode::Ping, b"?");
    let hello = frame(Client, true, Opcode::Text, b"Hello");
    bench.data(Client, asked.len(), &[ping.clone(), hello.clone()].concat());
    bench.data(Server, answered.len(), &frame(Server, true, Opcode::Pong, b"?"));
    let steps = bench.steps();
    let [request, response, opened, ping_told, text, pong] = &steps[..] else { panic!("{steps:#?}") };
    assert!(matches!(&request.step, Step::Request(head) if head.target == "/chat"));
    let accept = match &response.step {
        Step::Response(head) => head.accept.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(accept.sent, Some(accept.expected));
    assert!(matches!(opened.step, Step::Opened(_)));
    assert_eq!(opened.carried.unwrap().ends.map(|end| end.port()), [40_000, 80]);
    assert_eq!(ping_told.at.end, text.at.start);
    let Step::Frame(frame) = &text.step else { panic!("{text:?}") };
    assert_eq!(
        (frame.payload.as_slice(), frame.masking_key),
        (&b"Hello"[..], Some([0x37, 0xfa, 0x21, 0x3d]))
    );
    assert_eq!(frame.wire().collect::<Vec<_>>(), [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    let message = Message { text: true, len: 5, frames: 1, compressed: None, sample: b"Hello".into() };
    assert_eq!(frame.completes, Completes::Message(message));
    assert_eq!(text.carried.unwrap().last, FrameId(6));
    let Step::Frame(pong) = &pong.step else { panic!("{pong:?}") };
    let Completes::Pong(Some(answered)) = pong.completes else { panic!("{pong:?}") };
    assert_eq!((answered.ping, answered.after.as_millis()), (Some(FrameId(6)), 1));
    assert_eq!(bench.told.last().unwrap().cause, Some(EventId(7)));
}

#[test]
fn what_stands_behind_a_lost_segment_is_held_back_until_it_is_repeated() {
    let mut bench = Bench::connected();
    let [asked, answered] = heads(false);
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &answered);
    let texts = [&b"one"[..], b"two", b"three"].map(|text| frame(Server, true, Opcode::Text, text));
    let before = bench.told.len();
    let at = answered.len();
    let dropped = Fate::Dropped { by: Rule::Cut };
    bench.data_of_fate(Server, at, &texts[0], Some(&dropped));
    bench.data(Server, at + 5, &texts[1]);
    bench.data(Server, at + 10, &texts[2]);
    assert_eq!(bench.told.len(), before, "TCP hands nothing over");
    bench.ack(Client, at);
    let arrives = Fate::Delivered(Delivery::plain(Time::from_millis(99)));
    bench.data_of_fate(Server, at, &texts[0], Some(&arrives));
    let held: Vec<_> = bench.steps()[before..]
        .iter()
        .map(|seen| {
            let carried = seen.carried.unwrap();
            (carried.last.0, carried.held.map(|(since, waited)| (since.0, waited.as_millis())))
        })
        .collect();
    // Frame 6 was dropped, 7 and 8 waited for 10.
    assert_eq!(held, [(10, None), (7, Some((7, 3))), (8, Some((8, 2)))]);
}

#[test]
fn octets_that_never_come_are_said_to_be_missing() {
    let open = || {
        let mut bench = Bench::connected();
        let [asked, answered] = heads(false);
        bench.data(Client, 0, &asked);
        bench.data(Server, 0, &answered);
        bench.data(Server, answered.len() + 100, b"behind");
        (bench, answered.len())
    };
    let lost = |bench: &Bench| match bench.steps().last().unwrap().step {
        Step::Lost(lost) => lost,
        ref other => panic!("{other:?}"),
    };
    let (mut bench, _) = open();
    bench.finish();
    assert_eq!(lost(&bench), Lost::NeverCame { octets: 100, behind: 6 });
    assert_eq!(bench.steps().last().unwrap().carried, None);
    let (mut bench, at) = open();
    bench.ack(Client, at + 106);
    assert_eq!(lost(&bench), Lost::NotCaptured { octets: 100 });
    let told = bench.told.len();
    bench.data(Server, at, &frame(Server, true, Opcode::Text, b"late"));
    assert_eq!(bench.told.len(), told, "it was given up");
    // The other direction is followed on.
    let [asked, _] = heads(false);
    bench.data(Client, asked.len(), &frame(Client, true, Opcode::Text, b"on"));
    assert_eq!(bench.told.len(), told + 1);
}

#[test]
fn a_capture_may_begin_with_the_request() {
    let mut bench = Bench::new();
    let [asked, answered] = streams();
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &answered);
    let mut whole = Bench::connected();
    whole.data(Client, 0, &asked);
    whole.data(Server, 0, &answered);
    assert_eq!(gist(&bench), gist(&whole));
    assert_eq!(bench.told.len(), 3 + 5 + 4);
}

#[test]
fn other_streams_are_let_go_of() {
    for (first, sender) in [
        (&b"SSH-2.0-x\r\n"[..], Server),
        (b"\x16\x03\x01", Client),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", Client),
        (b"Hello there", Client),
    ] {
        let mut bench = Bench::connected();
        bench.data(sender, 0, first);
        bench.data(sender.other(), 0, &heads(false)[sender.other() as usize]);
        bench.finish();
        assert!(bench.told.is_empty(), "{:?}", bench.told);
    }
}

#[test]
fn refusals_faults_and_ends_are_told_once() {
    let [asked, answered] = heads(false);
    let mut bench = Bench::connected();
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    bench.data(Client, 0, &asked);
    let steps = bench.steps();
    assert!(matches!(&steps[..], [_, _, WebSocket { step: Step::Refused(_), .. }]), "{steps:#?}");

    let mut bench = Bench::connected();
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &[&answered[..], &[0x83, 0x00], &[0; 40]].concat());
    bench.data(Server, answered.len() + 42, &frame(Server, true, Opcode::Text, b"unread"));
    bench.segment(Server, TcpFlags::RST, ISN[1] + 1, 0, b"", None);
    let steps = bench.steps();
    let [.., fault, ended] = &steps[..] else { panic!("{steps:#?}") };
    let Step::Fault { broken, close_code: 1002, frame: Some(frame) } = &fault.step else {
        panic!("{fault:?}")
    };
    assert_eq!((broken.blame, broken.cite.section, frame.opcode), (Server, "5.2", 3));
    assert_eq!(ended.step, Step::Ended { reset: true, clean: false });
}

#[test]
fn an_orderly_end() {
    let mut bench = Bench::connected();
    let [asked, answered] = streams();
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &answered);
    let seq = ISN[1] + 1 + answered.len() as u32;
    for _ in 0..2 {
        bench.segment(Server, TcpFlags::FIN | TcpFlags::ACK, seq, 0, b"", None);
    }
    let steps = bench.steps();
    let closes = steps.iter().filter_map(|seen| match &seen.step {
        Step::Frame(frame) => match &frame.completes {
            Completes::Close(Close { code, answers, .. }) => Some((*code, *answers)),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(closes.collect::<Vec<_>>(), [(Some(1000), false), (Some(1000), true)]);
    let ended = Step::Ended { reset: false, clean: true };
    assert_eq!(steps.iter().filter(|seen| seen.step == ended).count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Segments of any length, some repeated, neighbours swapped: the same is told of each side.
    #[test]
    fn any_segments_tell_the_same(
        cuts in prop::collection::vec((1usize..90, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let streams = streams();
        let mut whole = Bench::connected();
        whole.data(Client, 0, &streams[0]);
        whole.data(Server, 0, &streams[1]);
        let mut bench = Bench::connected();
        for sender in Side::BOTH {
            let stream = &streams[sender as usize];
            let mut parts = Vec::new();
            let (mut at, mut n) = (0, 0);
            while at < stream.len() {
                let (len, twice, swap) = cuts[n % cuts.len()];
                let end = (at + len).min(stream.len());
                parts.push(at..end);
                if twice {
                    parts.push(at.saturating_sub(3)..end);
                }
                let last = parts.len() - 1;
                if swap && last > 0 {
                    parts.swap(last - 1, last);
                }
                (at, n) = (end, n + 1);
            }
            for part in parts {
                bench.data(sender, part.start, &stream[part]);
            }
        }
        prop_assert_eq!(gist(&bench), gist(&whole));
    }
}

/// A page and its script over the connection that then becomes a WebSocket (RFC 9112 s9.3).
#[test]
fn a_later_request_of_a_connection_may_ask_for_the_upgrade() {
    let mut bench = Bench::connected();
    let page =
        [&b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nGET "];
    let mut at = [0; 2];
    let mut say = |bench: &mut Bench, sender: Side, octets: &[u8]| {
        bench.data(sender, at[sender as usize], octets);
        at[sender as usize] += octets.len();
    };
    for _ in 0..3 {
        say(&mut bench, Client, page[0]);
        say(&mut bench, Server, page[1]);
    }
    assert!(bench.told.is_empty());
    let [asked, answered] = heads(false);
    say(&mut bench, Client, &asked);
    say(&mut bench, Server, &answered);
    say(&mut bench, Client, &frame(Client, true, Opcode::Text, b"Hello"));
    let steps = bench.steps();
    assert!(matches!(steps[0].step, Step::Request(_)) && matches!(steps[2].step, Step::Opened(_)));
    let [before, answers] = page.map(|octets| 3 * octets.len() as u64);
    assert_eq!(steps[0].at, before..before + asked.len() as u64);
    assert_eq!(steps[1].at, answers..answers + answered.len() as u64);
    let carried = steps[0].carried.unwrap();
    assert_eq!((carried.first, carried.last, carried.segments), (FrameId(10), FrameId(10), 1));
    assert!(matches!(&steps[3].step, Step::Frame(frame) if frame.payload == b"Hello"));
}

#[test]
fn headings_follow_the_sender() {
    let mut bench = Bench::connected();
    let [asked, answered] = heads(false);
    bench.data(Client, 0, &asked);
    bench.data(Server, 0, &answered);
    let headings: Vec<_> = bench.told.iter().map(|event| event.heading).collect();
    use crate::model::Heading::Toward;
    let back = Toward(Direction::ToClient);
    assert_eq!(headings, [Toward(Direction::ToServer), back, back]);
}

mod queues;
