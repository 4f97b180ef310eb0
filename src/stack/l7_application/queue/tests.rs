//! Messages there and back, and payloads that are none.

use super::message::{From, Kind, Mode, Policy};
use super::*;
use crate::stack::l7_application::framing;
use proptest::prelude::*;

fn octets(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..most)
}

/// A message made of these, tried: written, read, and every shorter payload refused.
fn there_and_back(message: Message<'_>) -> Result<(), TestCaseError> {
    let mut out = Vec::new();
    message.encode(&mut out);
    let frame = framing::whole(&out, framing::MAX_PAYLOAD).expect("a frame");
    prop_assert_eq!(Message::decode(&frame), Ok(message));
    prop_assert!(message::name(message.kind()).is_some());
    let open_ended = matches!(
        message,
        Message::Publish { .. }
            | Message::Deliver { .. }
            | Message::Close { .. }
            | Message::Refused { .. }
            | Message::Report { .. }
    );
    if !open_ended {
        for cut in 0..frame.payload.len() {
            let short = framing::Frame { payload: &frame.payload[..cut], ..frame };
            prop_assert!(Message::decode(&short).is_err(), "{} of {} octets", cut, frame.payload.len());
        }
        let long = [frame.payload, &[0]].concat();
        let long = framing::Frame { payload: &long, ..frame };
        let extra = matches!(Message::decode(&long), Err(Malformed::Extra { extra: 1, .. }));
        prop_assert!(extra);
    }
    Ok(())
}

proptest! {
    #[test]
    fn messages_are_read_as_they_were_written(
        a in any::<u32>(), b in any::<u32>(), n in any::<u64>(), m in any::<u64>(), flag in any::<bool>(),
        name in "[a-z.\u{e4}]{0,40}", text in "\\PC{0,60}", id in octets(64), body in octets(300), which in 0..3_usize,
    ) {
        let (queue, subscription, request) = (&name[..], a, a);
        let from = [From::New, From::Start, From::Offset(n)][which];
        let mode = if flag { Mode::AtLeastOnce } else { Mode::AtMostOnce };
        let code = Code::from(b as u16);
        for message in [
            Message::Hello { client: queue, token: &name },
            Message::Declare(Declare {
                request, queue, kind: if flag { Kind::Work } else { Kind::Topic },
                policy: [Policy::Reject, Policy::DropOldest, Policy::DeadLetter][which],
                max_messages: n, max_bytes: m, max_age_ms: n ^ m, max_deliveries: b, window: a ^ b, dead_letter: &name,
            }),
            Message::Publish { seq: n, queue, id: &id, body: &body },
            Message::Subscribe { subscription, queue, prefetch: b, mode, from },
            Message::Ack { subscription, multiple: flag, offset: n },
            Message::Nack { subscription, requeue: flag, offset: n },
            Message::Unsubscribe { subscription },
            Message::Inspect { request, queue },
            Message::Delete { request, queue },
            Message::Purge { request, queue },
            Message::Ping { token: n },
            Message::Pong { token: m },
            Message::Close { code, reason: &text },
            Message::Welcome { server: queue, max_payload: a, idle_ms: b },
            Message::Done { request, value: n },
            Message::Confirm { first: n, last: m },
            Message::Refused { what: a as u8, number: n, code, reason: &text },
            Message::Deliver { subscription, offset: n, deliveries: b, id: &id, body: &body },
            Message::Report { request, json: &text },
            Message::Duplicate { seq: n, offset: m },
        ] {
            there_and_back(message)?;
        }
    }

    #[test]
    fn any_payload_is_read_without_harm(kind in any::<u8>(), payload in octets(80)) {
        fuzz_message(&[&[kind], &payload[..]].concat());
    }
}

#[test]
fn a_code_is_its_number() {
    for code in Code::all() {
        assert_eq!(Code::from(code.number()), code);
        assert!(code.name().is_some());
    }
    assert_eq!(Code::from(999), Code::Other(999));
    assert_eq!((Code::Full.to_string(), Code::Other(999).to_string()), ("32 (full)".into(), "999".into()));
}

#[test]
fn what_has_no_meaning_is_blamed_by_name() {
    let decode = |kind, payload: &[u8]| {
        Message::decode(&framing::Frame { kind, payload, octets: &[] }).unwrap_err().to_string()
    };
    assert_eq!(decode(0x7f, b""), "type 0x7f has no meaning in version 1");
    assert_eq!(
        decode(message::kind::ACK, &[0, 0, 0, 1, 2]),
        "ACK: its field `multiple` is 2, which has no meaning"
    );
    assert_eq!(decode(message::kind::HELLO, &[1, 0xff, 0]), "HELLO: its field `client` is not UTF-8");
    assert_eq!(decode(message::kind::PING, &[0; 7]), "PING: the payload ends inside its field `token`");
}
