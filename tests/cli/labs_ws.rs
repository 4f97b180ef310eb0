//! Labs 21 to 23: the upgrade, the frame, and what a push costs.

use crate::child::{layerlab, ran};
use crate::lab::{Lab, everywhere, everywhere_with, number};
use serde_json::{Value, json};

/// The steps of this kind.
fn steps<'a>(lab: &'a Lab, step: &str) -> Vec<&'a Value> {
    lab.all("websocket", |event| event["step"] == step)
}

/// The one step of this kind.
#[track_caller]
fn only<'a>(lab: &'a Lab, step: &str) -> &'a Value {
    match steps(lab, step)[..] {
        [one] => one,
        ref others => panic!("{} steps {step}: {others:?}", others.len()),
    }
}

/// The frames of a side, by opcode and whether they are the last of their message.
fn frames(lab: &Lab, sender: &str) -> Vec<(u64, bool)> {
    let of = |frame: &&Value| frame["sender"] == sender;
    let told = |frame: &Value| (number(frame, "websocket.opcode"), frame["websocket.fin"] == true);
    steps(lab, "frame").into_iter().filter(of).map(told).collect()
}

/// The codes that a side's Closes held.
fn closes(lab: &Lab, sender: &str) -> Vec<Value> {
    let closes =
        steps(lab, "frame").into_iter().filter(|f| f["sender"] == sender && f["websocket.opcode"] == 8);
    closes.map(|frame| frame["websocket.payload.close.status_code"].clone()).collect()
}

#[test]
fn an_upgrade_keeps_the_connection_and_proves_that_it_was_understood() {
    for lab in everywhere("ws echo hello --subprotocol chat,super --server-subprotocol super") {
        let (asked, answered) = (only(&lab, "request"), only(&lab, "response"));
        assert_eq!(asked["http.request.method"], "GET");
        assert_eq!(answered["http.response.code"], 101);
        assert_eq!((&asked["ends"], &asked["tcp.stream"]), (&answered["ends"], &answered["tcp.stream"]));
        let accept = &answered["accept"];
        assert_eq!(accept["key"], asked["http.sec_websocket_key"]);
        assert_eq!(accept["sent"], answered["http.sec_websocket_accept"]);
        assert_eq!(accept["equal"], true);
        assert_eq!(only(&lab, "opened")["subprotocol"], "super");
        // Frames flow on the same connection; each text is there once each way, and both sides close.
        for frame in steps(&lab, "frame") {
            assert_eq!(frame["ends"], asked["ends"]);
            assert_eq!(frame["websocket.mask"], frame["sender"] == "client");
        }
        for side in ["client", "server"] {
            assert_eq!(frames(&lab, side), [(1, true), (8, true)], "{side}");
            assert_eq!(closes(&lab, side), [json!(1000)], "{side}");
        }
        // The server ends TCP first (RFC 6455 s7.1.1), so TIME-WAIT is the server's.
        let ended = only(&lab, "ended");
        assert_eq!((&ended["sender"], &ended["clean"]), (&json!("server"), &json!(true)));
        assert!(lab.left("client").is_empty() && lab.left("server") == ["TIME-WAIT"]);
    }
}

#[test]
fn the_length_of_a_frame_stands_in_7_16_or_64_bits() {
    for (size, field, header) in [
        (125, "websocket.payload_length", 2),
        (126, "websocket.payload_length_ext_16", 4),
        (65_535, "websocket.payload_length_ext_16", 4),
        (65_536, "websocket.payload_length_ext_64", 10),
    ] {
        let lab = Lab::run(&format!("ws echo --size {size}"), 0);
        let texts = steps(&lab, "frame").into_iter().filter(|frame| frame["websocket.opcode"] == 1);
        for text in texts {
            let mask = if text["sender"] == "client" { 4 } else { 0 };
            assert_eq!(number(text, field), size);
            assert_eq!(number(text, "length"), size + header + mask);
        }
    }
}

#[test]
fn a_ping_may_stand_between_two_fragments_and_the_message_is_whole_all_the_same() {
    for lab in everywhere("ws echo Hello --ping-between") {
        assert_eq!(frames(&lab, "client"), [(1, false), (9, true), (0, true), (8, true)]);
        // The Ping is answered at once or after the message: each has its place.
        let mut answers = frames(&lab, "server");
        answers.sort_unstable();
        assert_eq!(answers, [(1, true), (8, true), (10, true)]);
        let whole = steps(&lab, "frame").into_iter().filter(|frame| !frame["message"].is_null());
        let whole: Vec<_> = whole.map(|frame| (&frame["sender"], &frame["message"])).collect();
        let message = |frames: u64| json!({"kind": "text", "len": 5, "frames": frames, "compressed_len": null, "sample": "Hello"});
        assert_eq!(whole, [(&json!("client"), &message(2)), (&json!("server"), &message(1))]);
    }
}

#[test]
fn a_broken_rule_is_blamed_and_answered_with_its_code() {
    for (option, code) in [("--unmasked", 1002), ("--bad-opcode", 1002), ("--bad-utf8", 1007)] {
        let lab = Lab::run(&format!("ws echo hello {option}"), 0);
        let fault = only(&lab, "fault");
        assert_eq!(
            (&fault["broken"]["blame"], &fault["close_code"]),
            (&json!("client"), &json!(code)),
            "{option}"
        );
        assert_eq!(closes(&lab, "server"), [json!(code)], "{option}");
    }
    let lab = Lab::run("ws echo --size 1001 --max-message 1000", 1);
    assert_eq!(closes(&lab, "server"), [json!(1009)]);
    let lab = Lab::run("ws echo hello --wrong-accept", 0);
    assert_eq!(only(&lab, "response")["accept"]["equal"], false);
    assert_eq!(only(&lab, "refused")["broken"]["blame"], "server");
    assert!(steps(&lab, "frame").is_empty(), "no frame follows a failed handshake");
}

/// The examples of RFC 6455 s1.3 and s5.7, octet for octet.
#[test]
fn the_examples_of_the_rfc_cross_the_wire() {
    let lab = Lab::run("ws echo Hello --key dGhlIHNhbXBsZSBub25jZQ== --mask 37fa213d", 0);
    assert_eq!(only(&lab, "response")["http.sec_websocket_accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let payload = |direction: &str, octets: &str| {
        let frames = lab.all("frame", |frame| {
            frame["direction"] == direction && frame["fields"]["tcp.payload"] == octets
        });
        assert_eq!(frames.len(), 1, "{octets}");
    };
    payload("to-server", "818537fa213d7f9f4d5158");
    payload("to-client", "810548656c6c6f");
    for (option, wrong) in [("--key", "a2V5"), ("--mask", "37fa21")] {
        assert_eq!(ran(layerlab(["ws", "echo", option, wrong])).code(), 2, "{option}");
    }
}

/// A client that asks notices that the other side is gone, after the interval and the patience.
#[test]
fn a_ping_notices_a_cut_wire() {
    for lab in everywhere_with(
        "ws echo hello --cut 300ms --restore 1500ms --idle 3s --ping-every 200ms --timeout 1s",
        1,
    ) {
        let at = |line: &Value| number(line, "at_ns");
        let cut = lab.all("wire", |line| line["change"] == "cut")[0].clone();
        let close = lab.all("called", |line| line["call"] == "close" && line["place"] == "client")[0].clone();
        // Each side of 200 ms; the rest is a busy machine's.
        assert!((1..1_000_000_000).contains(&(at(&close) - at(&cut))), "{cut} {close}");
    }
}

#[test]
fn a_close_says_its_code_or_none_and_1005_is_never_on_the_wire() {
    let lab = Lab::run("ws echo hello --close 4001:bye --close-first server", 0);
    assert_eq!(closes(&lab, "server"), [json!(4001)]);
    assert_eq!(closes(&lab, "client"), [json!(4001)]);
    let lab = Lab::run("ws echo hello --close none", 0);
    assert_eq!(closes(&lab, "client"), [Value::Null]);
    let refused = ran(layerlab("ws echo --close 1005".split(' ')));
    assert_eq!(refused.code(), 2);
}

#[test]
fn compression_is_agreed_on_and_makes_a_message_smaller() {
    for lab in everywhere("ws echo --size 1000 --deflate") {
        assert!(only(&lab, "opened")["deflate"].is_object());
        let messages = steps(&lab, "frame").into_iter().filter(|frame| !frame["message"].is_null());
        for frame in messages {
            assert_eq!((number(&frame["message"], "len"), number(frame, "websocket.rsv")), (1000, 4));
            assert!(number(&frame["message"], "compressed_len") < 200, "{frame}");
        }
    }
}

/// Fewer octets and no repeated request: counted, not timed.
#[test]
fn a_push_over_a_websocket_is_one_small_frame() {
    for backend in ["--backend=veth", "--backend=auto"] {
        let line =
            ["ws", "compare", "--json", "--count", "5", "--every", "40ms", "--poll-every", "15ms", backend];
        let ran = ran(layerlab(line));
        let ways: Vec<Value> = ran.out(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [polling, long, socket] = &ways[..] else { panic!("{ways:?}") };
        for way in &ways {
            assert_eq!((way["kind"].as_str(), number(way, "events")), (Some("push"), 5));
            assert_eq!(way["after_ns"].as_array().unwrap().len(), 5);
        }
        // On a busy machine two events may be told in one answer, never one in two.
        let told = |way: &Value| number(way, "requests") - number(way, "empty");
        assert!((1..=5).contains(&told(polling)) && (1..=5).contains(&told(long)), "{ways:?}");
        assert_eq!(number(long, "empty"), 0);
        assert_eq!((number(socket, "requests"), number(socket, "empty")), (1, 0));
        // The answer 101, 5 frames of 2 + 19 octets, and a Close of 2 + 2; each answer to a long poll is larger than a frame.
        let received = |way: &Value| way["octets"][1].as_u64().unwrap();
        assert_eq!(received(socket), 129 + 5 * 21 + 4);
        assert!(received(long) > told(long) * 60 + 5 * 20, "{ways:?}");
    }
}
