//! An upgrade and the frames after it, told by hand: every kind of step once at least.

use super::fixture::*;
use crate::model::websocket::*;
use crate::model::{Cite, Event, FrameId, Place, Protocol, Side, What};
use Side::{Client, Server};
use std::time::Duration;

/// The frame of RFC 6455 s5.7: "Hello" from a client.
pub(super) fn hello() -> Frame {
    Frame {
        fin: true,
        rsv: 0,
        opcode: 1,
        name: "Text",
        masking_key: Some([0x37, 0xfa, 0x21, 0x3d]),
        payload_length: 5,
        length_bits: 7,
        payload: b"Hello".to_vec(),
        completes: Completes::Message(message(true, 1, None, b"Hello")),
    }
}

fn message(text: bool, frames: u32, compressed: Option<u64>, sample: &[u8]) -> Message {
    Message { text, len: sample.len() as u64, frames, compressed, sample: sample.to_vec() }
}

fn control(opcode: u8, name: &'static str, payload: &[u8], completes: Completes) -> Frame {
    Frame {
        opcode,
        name,
        masking_key: None,
        payload_length: payload.len() as u64,
        payload: payload.to_vec(),
        completes,
        ..hello()
    }
}

fn lines(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The handshake of RFC 6455 s1.2 and s1.3.
pub(super) fn handshake() -> [(Side, Step); 3] {
    let request = Request {
        method: "GET".into(),
        target: "/chat".into(),
        version: "HTTP/1.1".into(),
        fields: lines(&[
            ("Host", "server.example.com"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Origin", "http://example.com"),
            ("Sec-WebSocket-Protocol", "chat, superchat"),
            ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
            ("Sec-WebSocket-Version", "13"),
        ]),
    };
    let accept = Accept {
        key: "dGhlIHNhbXBsZSBub25jZQ==".into(),
        guid: "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
        sha1: [
            0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6, 0x46, 0x06, 0xcf, 0x38, 0x59, 0x45,
            0xb2, 0xbe, 0xc4, 0xea,
        ],
        expected: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into(),
        sent: Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into()),
    };
    let response = Response {
        version: "HTTP/1.1".into(),
        status: 101,
        reason: "Switching Protocols".into(),
        fields: lines(&[
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("Sec-WebSocket-Protocol", "chat"),
        ]),
        accept: Some(accept),
    };
    let deflate = Some([Window { bits: 15, takeover: true }, Window { bits: 12, takeover: false }]);
    let opened = Opened { subprotocol: Some("chat".into()), deflate };
    [(Client, Step::Request(request)), (Server, Step::Response(response)), (Server, Step::Opened(opened))]
}

fn frames() -> Vec<(Side, Step)> {
    let first = Frame { fin: false, completes: Completes::Nothing, ..hello() };
    let last = Frame {
        opcode: 0,
        name: "Continuation",
        completes: Completes::Message(message(true, 2, None, b"HelloHello")),
        ..hello()
    };
    let long = Frame {
        opcode: 2,
        name: "Binary",
        masking_key: None,
        payload_length: 256,
        length_bits: 16,
        payload: vec![0; 256],
        completes: Completes::Message(message(false, 1, None, &[0; 256])),
        ..hello()
    };
    let longer = Frame { payload_length: 65_536, length_bits: 64, ..long.clone() };
    let deflated = Frame {
        rsv: 4,
        masking_key: None,
        payload_length: 7,
        payload: vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00],
        completes: Completes::Message(message(true, 1, Some(7), b"Hello")),
        ..hello()
    };
    let answered = Answered { after: Duration::from_millis(10), ping: Some(FrameId(7)) };
    let bye = Close { code: Some(1000), name: "Normal Closure", reason: "bye".into(), answers: false };
    let nothing = Close { answers: true, code: None, name: "", reason: String::new() };
    let close = |close: Close, body: &[u8]| control(8, "Connection Close", body, Completes::Close(close));
    let answer = close(nothing, b"");
    let ping =
        Frame { masking_key: hello().masking_key, ..control(9, "Ping", b"are you there", Completes::Ping) };
    vec![
        (Client, Step::Frame(hello())),
        (Client, Step::Frame(first)),
        (Client, Step::Frame(ping)),
        (Client, Step::Frame(last)),
        (Server, Step::Frame(control(10, "Pong", b"are you there", Completes::Pong(Some(answered))))),
        (Server, Step::Frame(control(10, "Pong", b"", Completes::Pong(None)))),
        (Server, Step::Frame(long)),
        (Server, Step::Frame(longer)),
        (Server, Step::Frame(deflated)),
        (Server, Step::Frame(close(bye, b"\x03\xe8bye"))),
        (Client, Step::Frame(Frame { masking_key: hello().masking_key, ..answer })),
        (Server, Step::Ended { reset: false, clean: true }),
    ]
}

fn failures() -> Vec<(Side, Step)> {
    let broken =
        |rule: &str, section| Broken { blame: Server, rule: rule.to_owned(), cite: Cite::rfc(6455, section) };
    let reserved = Frame { opcode: 3, name: "", completes: Completes::Nothing, ..hello() };
    let fault = Step::Fault {
        broken: broken("opcode 0x3 is reserved: expected 0, 1, 2, 8, 9 or 10", "5.2"),
        close_code: 1002,
        frame: Some(reserved),
    };
    let mut all = vec![
        (Server, Step::Refused(broken("expected status 101, got 404 Not Found", "4.1"))),
        (Server, fault),
        (Client, Step::Ended { reset: true, clean: false }),
    ];
    let lost = [
        Lost::NotCaptured { octets: 1448 },
        Lost::NeverCame { octets: 1448, behind: 20 },
        Lost::CutShort { frame: FrameId(9) },
        Lost::TooMuch { limit: 1 << 20 },
    ];
    all.extend(lost.map(|why| (Client, Step::Lost(why))));
    all
}

fn tell(steps: impl IntoIterator<Item = (Side, Step)>) -> Tale {
    let mut t = Tale::new(5);
    let mut at = [0, 0];
    for (n, (sender, step)) in (1u64..).zip(steps) {
        let len = match &step {
            Step::Frame(frame) => u64::from(frame.header_len()) + frame.payload_length,
            _ => 160,
        };
        let from = at[sender as usize];
        at[sender as usize] += len;
        let protocol = match step {
            Step::Request(_) | Step::Response(_) => Protocol::Http,
            _ => Protocol::WebSocket,
        };
        let held = Some((FrameId(n), Duration::from_millis(200)));
        let (segments, held) = match step {
            Step::Frame(_) if n % 4 == 3 => (3, held),
            _ => (1, None),
        };
        let carried = Some(Carried {
            stream: 0,
            ends: [client_addr(), server_addr()],
            first: FrameId(n + 1 - u64::from(segments == 3)),
            last: FrameId(n + 1),
            segments,
            held,
        });
        let seen = WebSocket { sender, at: from..from + len, carried, step };
        t.push(1000 * n, None, Place::Wire, protocol, What::WebSocket(Box::new(seen)));
    }
    t
}

/// A conversation from the handshake to a clean end.
pub(super) fn conversation() -> Tale {
    tell(handshake().into_iter().chain(frames()))
}

/// What may go wrong.
pub(super) fn troubles() -> Tale {
    tell(failures())
}

/// An upgrade that failed by somebody's fault, after an answer of this status.
pub(super) fn refused(blame: Side, status: u16) -> Tale {
    let [request, (_, Step::Response(head)), _] = handshake() else { panic!("no answer") };
    let answer = (Server, Step::Response(Response { status, ..head }));
    let why = Broken { blame, rule: "a rule".to_owned(), cite: Cite::rfc(6455, "4.1") };
    tell([request, answer, (Server, Step::Refused(why))])
}

/// A fault of the server's, and the client's Close that says so.
pub(super) fn given_up() -> Tale {
    let close = Close { code: Some(1002), name: "Protocol Error", reason: String::new(), answers: false };
    let close = control(8, "Connection Close", b"\x03\xea", Completes::Close(close));
    let fault = failures().into_iter().find(|(_, step)| matches!(step, Step::Fault { .. }));
    tell(fault.into_iter().chain([(Client, Step::Frame(close))]))
}

/// Every kind of step.
pub(super) fn everything() -> Vec<Event> {
    tell(handshake().into_iter().chain(frames()).chain(failures())).events
}
