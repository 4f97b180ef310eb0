//! A connection seen from outside.

use super::handshake::{Agreed, ClientRequest, DeflateWish, Refusal, ServerPolicy};
use super::*;
use crate::stack::l7_application::http1;
use proptest::prelude::*;

fn heads(deflate: bool) -> (Vec<u8>, Vec<u8>) {
    let mut request = ClientRequest::new("h", "/", [9; 16]);
    request.deflate = deflate.then(DeflateWish::default);
    let policy = ServerPolicy { deflate: Some(DeflateWish::default()), ..ServerPolicy::default() };
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    request.head().encode(&mut asked);
    policy.answer(&request.head()).head.encode(&mut answered);
    (asked, answered)
}

/// What is told of the two streams, each in pieces of `cut`, in this order.
fn observe(parts: &[(Side, &[u8])], cut: usize) -> Vec<Seen> {
    let mut observer = Observer::new(Limits::default(), http1::Limits::default(), 4);
    let mut told = Vec::new();
    for (sender, octets) in parts {
        octets.chunks(cut).for_each(|part| observer.feed(*sender, part, &mut |seen| told.push(seen)));
    }
    told
}

#[test]
fn every_frame_is_told_with_its_place_in_the_stream() {
    let (asked, answered) = heads(true);
    let text = frame(Side::Client, true, Opcode::Text, b"Hello");
    let close = frame(Side::Server, true, Opcode::Close, b"\x03\xe8bye");
    let deflated = hex("c1 07 f248cdc9c90700");
    let parts = [
        (Side::Client, &asked[..]),
        (Side::Server, &answered),
        (Side::Client, &text),
        (Side::Server, &deflated),
        (Side::Server, &close),
    ];
    for cut in [1, 3, 1000] {
        let told = observe(&parts, cut);
        let [
            Seen::Request { at, .. },
            Seen::Response { at: answer_at, steps: Some(_), .. },
            Seen::Opened(agreed),
            rest @ ..,
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        let (asked, answered) = (asked.len() as u64, answered.len() as u64);
        assert_eq!((at.clone(), answer_at.clone()), (0..asked, 0..answered));
        assert_eq!(agreed.deflate, Some([deflate::Window::default(); 2]));
        let places = rest.iter().filter_map(|seen| match seen {
            Seen::Frame { sender, at, payload, .. } => Some((*sender, at.clone(), payload.clone())),
            _ => None,
        });
        let places = places.collect::<Vec<_>>();
        assert_eq!(
            places,
            [
                (Side::Client, asked..asked + 11, b"Hell".to_vec()),
                (Side::Server, answered..answered + 9, hex("f248cdc9")),
                (Side::Server, answered + 9..answered + 16, b"\x03\xe8by".to_vec()),
            ]
        );
        let message = |compressed| Whole::Message {
            kind: Kind::Text,
            len: 5,
            frames: 1,
            compressed,
            payload: b"Hell".into(),
        };
        let close = Whole::Close(Some((CloseCode::NORMAL, "bye".to_owned())));
        let wholes = rest.iter().filter_map(|seen| match seen {
            Seen::Frame { completes, .. } => completes.clone(),
            _ => None,
        });
        assert_eq!(wholes.collect::<Vec<_>>(), [message(None), message(Some(7)), close]);
    }
}

#[test]
fn faults_and_refusals_are_told_once() {
    let (asked, answered) = heads(false);
    let bad = hex("81 01 41 83 00 81 01 42");
    let told = observe(&[(Side::Client, &asked), (Side::Server, &[answered.clone(), bad].concat())], 5000);
    let fault = Fault { blame: Side::Server, rule: Rule::ReservedOpcode { got: 3 } };
    let at = answered.len() as u64 + 3;
    assert_eq!(told.last(), Some(&Seen::Fault { at: at..at + 5, head: hex("83 00 81 01 42"), fault }));
    let refused = Refusal::Status { got: 404, reason: "Not Found".into() };
    let not_found = b"HTTP/1.1 404 Not Found\r\n\r\nbody";
    let told = observe(&[(Side::Client, &asked), (Side::Server, not_found), (Side::Client, b"GET /")], 9);
    assert_eq!(told.last(), Some(&Seen::Refused(refused)));
    assert_eq!(told.len(), 3);
}

#[test]
fn what_a_client_sends_before_the_answer_is_frames_if_the_server_agrees() {
    let (asked, answered) = heads(false);
    let early = frame(Side::Client, true, Opcode::Ping, b"");
    let told = observe(&[(Side::Client, &[asked, early].concat()), (Side::Server, &answered)], 5000);
    assert!(
        matches!(told[..], [.., Seen::Opened(Agreed { .. }), Seen::Frame { sender: Side::Client, .. }]),
        "{told:?}"
    );
}

proptest! {
    #[test]
    fn chunking_changes_nothing_that_is_told(tail in prop::collection::vec(any::<u8>(), 0..60), cut in 1usize..30) {
        let (asked, answered) = heads(false);
        let texts = frame(Side::Server, true, Opcode::Text, b"before");
        let parts = [(Side::Client, &asked[..]), (Side::Server, &answered), (Side::Server, &texts), (Side::Server, &tail)];
        // How much more than the broken header was read is the chunking's.
        let level = |told: Vec<Seen>| told.into_iter().map(|seen| match seen {
            Seen::Fault { at, head, fault } => {
                Seen::Fault { at: at.start..at.start, head: head[..1.min(head.len())].into(), fault }
            }
            seen => seen,
        }).collect::<Vec<_>>();
        prop_assert_eq!(level(observe(&parts, cut)), level(observe(&parts, 10_000)));
    }
}
