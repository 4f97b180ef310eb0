//! The keys of a step of an upgrade or of WebSocket.

use super::{Any, Object, json, nanos, put, put_some};
use crate::model::websocket::{
    Broken, Carried, Close, Completes, Frame, Lost, Message, Opened, Response, Step, WebSocket,
};
use std::fmt::Write as _;

/// The fields of a head that Wireshark knows by a name of their own and that an upgrade is about.
const KNOWN: [(&str, &str); 8] = [
    ("host", "http.host"),
    ("upgrade", "http.upgrade"),
    ("connection", "http.connection"),
    ("sec-websocket-key", "http.sec_websocket_key"),
    ("sec-websocket-accept", "http.sec_websocket_accept"),
    ("sec-websocket-version", "http.sec_websocket_version"),
    ("sec-websocket-protocol", "http.sec_websocket_protocol"),
    ("sec-websocket-extensions", "http.sec_websocket_extensions"),
];

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

pub(super) fn fields(o: &mut Object, seen: &WebSocket) {
    let step = match &seen.step {
        Step::Request(_) => "request",
        Step::Response(_) => "response",
        Step::Opened(_) => "opened",
        Step::Refused(_) => "refused",
        Step::Frame(_) => "frame",
        Step::Fault { .. } => "fault",
        Step::Lost(_) => "lost",
        Step::Ended { .. } => "ended",
    };
    put(o, "step", step);
    put(o, "sender", seen.sender.name());
    put(o, "offset", seen.at.start);
    put(o, "length", seen.at.end - seen.at.start);
    if let Some(by) = &seen.carried {
        carried(o, by);
    }
    match &seen.step {
        Step::Request(head) => {
            put(o, "http.request.method", head.method.as_str());
            put(o, "http.request.uri", head.target.as_str());
            put(o, "http.request.version", head.version.as_str());
            lines(o, &head.fields);
        }
        Step::Response(head) => response(o, head),
        Step::Opened(agreed) => opened(o, agreed),
        Step::Refused(why) => put(o, "broken", broken(why)),
        Step::Frame(frame) => frame_fields(o, frame),
        Step::Fault { broken: why, close_code, frame } => {
            put(o, "broken", broken(why));
            put(o, "close_code", *close_code);
            if let Some(frame) = frame {
                header(o, frame);
            }
        }
        Step::Lost(why) => put(o, "lost", lost(why)),
        Step::Ended { reset, clean } => {
            put(o, "reset", *reset);
            put(o, "clean", *clean);
        }
    }
}

/// How octets came.
pub(super) fn carried(o: &mut Object, by: &Carried) {
    put(o, "tcp.stream", by.stream);
    put(o, "ends", by.ends.map(|end| end.to_string()).to_vec());
    put(o, "first_frame", by.first.0);
    put(o, "last_frame", by.last.0);
    put(o, "segments", by.segments);
    if let Some((since, waited)) = by.held {
        put(o, "held", json!({"since": since.0, "waited_ns": nanos(waited)}));
    }
}

/// The lines of a head in their order, and those that are known under Wireshark's names.
fn lines(o: &mut Object, fields: &[(String, String)]) {
    for (name, key) in KNOWN {
        let first = fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        put_some(o, key, first.map(|(_, value)| value.as_str()));
    }
    let all: Vec<Any> = fields.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    put(o, "lines", all);
}

fn response(o: &mut Object, head: &Response) {
    put(o, "http.response.version", head.version.as_str());
    put(o, "http.response.code", head.status);
    put(o, "http.response.phrase", head.reason.as_str());
    lines(o, &head.fields);
    let accept = head.accept.as_ref().map(|a| {
        json!({
            "key": a.key,
            "joined": format!("{}{}", a.key, a.guid),
            "sha1": hex(&a.sha1),
            "expected": a.expected,
            "sent": a.sent,
            "equal": a.sent.as_ref() == Some(&a.expected),
        })
    });
    put_some(o, "accept", accept);
}

fn opened(o: &mut Object, agreed: &Opened) {
    put_some(o, "subprotocol", agreed.subprotocol.as_deref());
    let deflate = agreed.deflate.map(|windows| {
        let [client, server] = windows.map(|w| json!({"window_bits": w.bits, "takeover": w.takeover}));
        json!({"client": client, "server": server})
    });
    put_some(o, "deflate", deflate);
}

fn broken(why: &Broken) -> Any {
    json!({"blame": why.blame.name(), "rule": why.rule, "cite": why.cite.to_string()})
}

fn header(o: &mut Object, frame: &Frame) {
    put(o, "websocket.fin", frame.fin);
    put(o, "websocket.rsv", frame.rsv);
    put(o, "websocket.opcode", frame.opcode);
    put(o, "opcode_name", if frame.name.is_empty() { "reserved" } else { frame.name });
    put(o, "websocket.mask", frame.masking_key.is_some());
    match frame.length_bits {
        16 => {
            put(o, "websocket.payload_length", 126);
            put(o, "websocket.payload_length_ext_16", frame.payload_length);
        }
        64 => {
            put(o, "websocket.payload_length", 127);
            put(o, "websocket.payload_length_ext_64", frame.payload_length);
        }
        _ => put(o, "websocket.payload_length", frame.payload_length),
    }
    put_some(o, "websocket.masking_key", frame.masking_key.map(|key| hex(&key)));
    put(o, "payload_len", frame.payload_length);
}

fn frame_fields(o: &mut Object, frame: &Frame) {
    header(o, frame);
    put(o, "payload", hex(&frame.payload));
    match &frame.completes {
        Completes::Nothing | Completes::Ping => {}
        Completes::Message(message) => put(o, "message", message_object(message)),
        Completes::Pong(answered) => put_some(
            o,
            "answers_ping",
            answered.map(|ping| json!({"after_ns": nanos(ping.after), "frame": ping.ping.map(|id| id.0)})),
        ),
        Completes::Close(close) => close_fields(o, close),
    }
}

fn message_object(message: &Message) -> Any {
    let sample = match std::str::from_utf8(&message.sample) {
        // A sample may end inside a character.
        Err(error) if message.text => {
            String::from_utf8_lossy(&message.sample[..error.valid_up_to()]).into_owned()
        }
        Ok(text) if message.text => text.to_owned(),
        _ => hex(&message.sample),
    };
    json!({
        "kind": if message.text { "text" } else { "binary" },
        "len": message.len,
        "frames": message.frames,
        "compressed_len": message.compressed,
        "sample": sample,
    })
}

fn close_fields(o: &mut Object, close: &Close) {
    put_some(o, "websocket.payload.close.status_code", close.code);
    if close.code.is_some() {
        put(o, "websocket.payload.close.reason", close.reason.as_str());
        put(o, "close_name", close.name);
    }
    put(o, "answers_close", close.answers);
}

pub(super) fn lost(why: &Lost) -> Any {
    match why {
        Lost::NotCaptured { octets } => json!({"why": "not_captured", "octets": octets}),
        Lost::NeverCame { octets, behind } => {
            json!({"why": "never_came", "octets": octets, "behind": behind})
        }
        Lost::CutShort { frame } => json!({"why": "cut_short", "frame": frame.0}),
        Lost::TooMuch { limit } => json!({"why": "too_much", "limit": limit}),
    }
}
