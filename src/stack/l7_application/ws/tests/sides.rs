//! One side of an open connection: what it answers by itself, and what it refuses.

use super::deflate::Window;
use super::*;
use proptest::prelude::*;

/// Keeps what it is told, and echoes when asked to.
#[derive(Default)]
struct Ear {
    got: Vec<Got>,
    echo: bool,
}

impl Listener for Ear {
    fn message(&mut self, message: Message<'_>, reply: &mut Reply<'_>) {
        self.got.push(Got::message(&message));
        if self.echo {
            reply.message(message.kind, message.payload()).unwrap();
        }
    }
    fn ping(&mut self, payload: &[u8]) {
        self.got.push(Got::Ping(payload.to_vec()));
    }
    fn pong(&mut self, payload: &[u8]) {
        self.got.push(Got::Pong(payload.to_vec()));
    }
    fn close(&mut self, close: Option<(CloseCode, &str)>) {
        self.got.push(Got::Close(close.map(|(code, reason)| (code, reason.into()))));
    }
}

fn server(setup: &Setup) -> Endpoint {
    Endpoint::new(Sender::server(), setup)
}

fn client(setup: &Setup) -> Endpoint {
    Endpoint::new(Sender::client(Masks::seeded(7)), setup)
}

/// What a server that echoes answers, and how it fares.
fn answer(octets: &[u8]) -> (Vec<u8>, Result<Progress, Fault>) {
    let (mut out, mut ear) = (Vec::new(), Ear { echo: true, ..Ear::default() });
    let result = server(&Setup::default()).receive(&mut octets.to_vec(), &mut out, &mut ear);
    (out, result)
}

fn masked(frames: &[(bool, Opcode, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(fin, opcode, payload)| frame(Side::Client, *fin, *opcode, payload)).collect()
}

#[test]
fn pings_are_answered_in_order_and_a_close_is_echoed() {
    let octets = masked(&[
        (true, Opcode::Ping, b"1"),
        (true, Opcode::Text, b"hi"),
        (true, Opcode::Ping, b"2"),
        (true, Opcode::Close, b"\x0b\xb8bye"),
        (true, Opcode::Text, b"discarded"),
    ]);
    let (out, result) = answer(&octets);
    assert_eq!(out, hex("8a 01 31  81 02 6869  8a 01 32  88 02 0bb8"));
    assert_eq!(result, Ok(Progress::Closed));
    assert_eq!(answer(&masked(&[(true, Opcode::Close, b"")])).0, hex("88 00"));
}

#[test]
fn a_fault_is_answered_with_its_close_code() {
    let cases: [(&[u8], &str); 5] = [
        (&hex("81 02 6869"), "88 02 03ea"),
        (&hex("81 81 00000000 ff"), "88 02 03ef"),
        (&hex("82 ff 0000000001000001 00000000"), "88 02 03f1"),
        (&hex("88 82 00000000 03ed"), "88 02 03ea"),
        (&hex("88 83 00000000 03e8ff"), "88 02 03ef"),
    ];
    for (octets, close) in cases {
        let (out, result) = answer(octets);
        assert_eq!(out, hex(close), "{octets:02x?}");
        assert_eq!(result.unwrap_err().blame, Side::Client);
    }
    // What came before the fault is answered first.
    let (out, _) = answer(&[masked(&[(true, Opcode::Text, b"a")]), hex("83")].concat());
    assert_eq!(out, hex("81 01 61 88 02 03ea"));
}

#[test]
fn after_our_close_nothing_more_is_sent() {
    let (mut out, mut ear) = (Vec::new(), Ear::default());
    let mut endpoint = server(&Setup::default());
    endpoint.close(Some((CloseCode::GOING_AWAY, "")), &mut out).unwrap();
    out.clear();
    let mut octets =
        masked(&[(true, Opcode::Ping, b""), (true, Opcode::Text, b"late"), (true, Opcode::Close, b"")]);
    assert_eq!(endpoint.receive(&mut octets, &mut out, &mut ear), Ok(Progress::Closed));
    assert!(out.is_empty());
    assert_eq!(ear.got, [Got::Ping(vec![]), Got::Text("late".into()), Got::Close(None)]);
    assert_eq!(endpoint.message(Kind::Text, b"", None, &mut out), Err(Misuse::NotOpen));
    assert_eq!(endpoint.ping(b"", &mut out), Err(Misuse::NotOpen));
}

#[test]
fn what_must_not_be_sent_is_refused() {
    let (mut out, mut endpoint) = (Vec::new(), client(&Setup::default()));
    assert_eq!(endpoint.message(Kind::Text, b"\xff", None, &mut out), Err(Misuse::Utf8));
    assert_eq!(endpoint.ping(&[0; 126], &mut out), Err(Misuse::ControlTooLong { len: 126 }));
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(endpoint.close(Some((CloseCode(code), "")), &mut out), Err(Misuse::CloseCode { code }));
    }
    assert_eq!(endpoint.fragment(None, true, b"", &mut out), Err(Misuse::NothingToContinue));
    assert!(out.is_empty());
    endpoint.fragment(Some(Kind::Text), false, b"a", &mut out).unwrap();
    assert_eq!(endpoint.fragment(Some(Kind::Text), false, b"b", &mut out), Err(Misuse::Unfinished));
    assert_eq!(endpoint.message(Kind::Text, b"b", None, &mut out), Err(Misuse::Unfinished));
    endpoint.ping(b"between", &mut out).unwrap();
    endpoint.fragment(None, true, b"b", &mut out).unwrap();
    let expected = vec![Got::Ping(b"between".into()), Got::Text("ab".into())];
    assert_eq!(from_client(&out), (expected, None));
}

#[test]
fn a_message_can_be_sent_on_without_a_copy() {
    struct InPlace(Vec<Vec<u8>>);
    impl Listener for InPlace {
        fn message(&mut self, message: Message<'_>, _: &mut Reply<'_>) {
            self.0.push(message.into_frame().unwrap().octets().to_vec());
        }
    }
    let big = vec![b'z'; 70_000];
    let octets = masked(&[(true, Opcode::Text, b"small"), (true, Opcode::Binary, &big)]);
    let answers =
        [frame(Side::Server, true, Opcode::Text, b"small"), frame(Side::Server, true, Opcode::Binary, &big)];
    for cut in [octets.len(), 9, 30_000] {
        let (mut endpoint, mut ear) = (server(&Setup::default()), InPlace(Vec::new()));
        for part in octets.clone().chunks_mut(cut) {
            endpoint.receive(part, &mut Vec::new(), &mut ear).unwrap();
        }
        assert_eq!(ear.0, answers, "in pieces of {cut}");
    }
}

#[test]
fn an_idle_endpoint_is_small() {
    assert!(size_of::<Endpoint>() <= 320, "{} octets", size_of::<Endpoint>());
}

fn message() -> impl Strategy<Value = (Kind, Vec<u8>, Option<usize>)> {
    let text = ".{0,60}".prop_map(|t: String| (Kind::Text, t.into_bytes()));
    let binary = prop::collection::vec(0u8..4, 0..400).prop_map(|octets| (Kind::Binary, octets));
    (prop_oneof![text, binary], prop::option::of(0usize..50))
        .prop_map(|((kind, octets), cut)| (kind, octets, cut))
}

/// Frames of a client, most of them short messages, some of them broken.
fn mostly_short() -> impl Strategy<Value = Vec<u8>> {
    let short =
        (prop::sample::select(vec![0x81u8, 0x82, 0x82, 0x82, 0x01, 0x80, 0x89]), 0u8..130, any::<[u8; 4]>());
    let one = short.prop_flat_map(|(first, len, key)| {
        let payload = prop::collection::vec(b'a'..=b'z', usize::from(len));
        (Just(first), Just(key), payload).prop_map(|(first, key, mut payload)| {
            if first & 8 != 0 {
                payload.truncate(MAX_CONTROL);
            }
            let header = FrameHeader { mask: Some(key), ..FrameHeader::new(Opcode::Text, 0) };
            let mut octets = Vec::new();
            codec::encode(&header, &payload, &mut octets);
            octets[0] = first;
            octets
        })
    });
    let broken = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2);
    (prop::collection::vec(one, 1..6), broken).prop_map(|(frames, broken)| {
        let mut octets = frames.concat();
        broken.iter().for_each(|(at, octet)| {
            let at = at.index(octets.len());
            octets[at] = *octet;
        });
        octets
    })
}

proptest! {
    #[test]
    fn the_short_way_gives_what_the_general_way_gives(octets in mostly_short(), cut in 1usize..200) {
        let limits = Limits { frame: 120, message: 110, fragments: 9 };
        let (mut general, fault) = read(Side::Client, limits, None, &octets, cut);
        // A reader of captures goes on after a Close; an endpoint does not.
        let closed = general.iter().position(|got| matches!(got, Got::Close(_)));
        closed.iter().for_each(|at| general.truncate(at + 1));
        let mut endpoint = server(&Setup { limits, ..Setup::default() });
        let (mut ear, mut result) = (Ear::default(), Ok(Progress::Open));
        for part in octets.clone().chunks_mut(cut) {
            result = endpoint.receive(part, &mut Vec::new(), &mut ear);
            if result.is_err() {
                break;
            }
        }
        prop_assert_eq!(ear.got, general);
        prop_assert_eq!(result.err(), fault.filter(|_| closed.is_none()));
    }

    #[test]
    fn a_pair_delivers_everything_in_order(
        sent in prop::collection::vec(message(), 0..8), cuts in prop::collection::vec(1usize..99, 1..9),
        deflate in prop::option::of(((8u8..=15, any::<bool>()), (8u8..=15, any::<bool>()))),
    ) {
        let window = |(bits, takeover)| Window { bits, takeover };
        let setup = Setup { deflate: deflate.map(|(c, s)| [window(c), window(s)]), deflate_from: 8, ..Setup::default() };
        let (mut client, mut server) = (client(&setup), server(&setup));
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let expected: Vec<Got> = sent.iter().map(|(kind, octets, _)| match kind {
            Kind::Text => Got::Text(String::from_utf8(octets.clone()).unwrap()),
            Kind::Binary => Got::Binary(octets.clone()),
        }).collect();
        for (kind, octets, fragment) in &sent {
            client.message(*kind, octets, *fragment, &mut to_server).unwrap();
        }
        client.close(Some((CloseCode::NORMAL, "done")), &mut to_server).unwrap();
        let (mut cuts, mut ear) = (cuts.iter().cycle(), Ear { echo: true, ..Ear::default() });
        let mut rest = &mut to_server[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at_mut(rest.len().min(*cuts.next().unwrap()));
            server.receive(part, &mut to_client, &mut ear).unwrap();
            rest = after;
        }
        prop_assert_eq!(ear.got.pop(), Some(Got::Close(Some((CloseCode::NORMAL, "done".into())))));
        prop_assert_eq!(&ear.got, &expected);
        let (mut heard, mut rest, mut progress) = (Ear::default(), &mut to_client[..], Progress::Open);
        while !rest.is_empty() {
            let (part, after) = rest.split_at_mut(rest.len().min(*cuts.next().unwrap()));
            progress = client.receive(part, &mut to_server.clone(), &mut heard).unwrap();
            rest = after;
        }
        prop_assert_eq!(progress, Progress::Closed);
        prop_assert_eq!(heard.got.pop(), Some(Got::Close(Some((CloseCode::NORMAL, String::new())))));
        prop_assert_eq!(&heard.got, &expected);
    }
}
