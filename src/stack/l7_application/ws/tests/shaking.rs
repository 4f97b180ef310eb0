//! The opening handshake: RFC 6455's own, every refusal with its section, subprotocols, extensions.

use super::deflate::Window;
use super::handshake::{AcceptSteps, Agreed, ClientRequest, DeflateWish, Refusal, ServerPolicy, encode_key};
use super::*;
use crate::stack::l7_application::http1::{Fields, RequestHead, ResponseHead};
use proptest::prelude::*;

fn request() -> RequestHead {
    let mut request = ClientRequest::new("server.example.com", "/chat?x=1", *b"the sample nonce");
    request.origin = Some("http://example.com".into());
    request.subprotocols = vec!["chat".into(), "superchat".into()];
    request.head()
}

/// The request with one field changed, or taken away.
fn with(name: &str, value: Option<&str>) -> RequestHead {
    let mut head = request();
    let mut fields = Fields::new();
    head.fields.iter().filter(|(n, _)| !n.eq_ignore_ascii_case(name)).for_each(|(n, v)| fields.push(n, v));
    value.into_iter().for_each(|value| fields.push(name, value));
    head.fields = fields;
    head
}

fn refusal(head: &RequestHead, policy: &ServerPolicy) -> (Refusal, ResponseHead) {
    let answer = policy.answer(head);
    let refusal = answer.result.unwrap_err();
    assert_eq!(answer.head.status, refusal.status());
    assert_eq!(refusal.blame(), Side::Client);
    assert!(answer.head.fields.lists("connection", "close"));
    (refusal, answer.head)
}

#[test]
fn the_accept_value_of_rfc_6455_s1_3() {
    assert_eq!(encode_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    let steps = AcceptSteps::of("dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(steps.joined, "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    assert_eq!(steps.sha1.to_vec(), hex("b37a4f2c c0624f16 90f64606 cf385945 b2bec4ea"));
    assert_eq!(steps.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn both_sides_agree() {
    let mut client = ClientRequest::new("h", "/", [1; 16]);
    client.subprotocols = vec!["a".into(), "b".into()];
    client.deflate = Some(DeflateWish::default());
    let policy = ServerPolicy {
        subprotocols: vec!["b".into(), "a".into()],
        deflate: Some(DeflateWish { server: Window { bits: 10, takeover: false }, ..DeflateWish::default() }),
        ..ServerPolicy::default()
    };
    let answer = policy.answer(&client.head());
    let windows = [Window::default(), Window { bits: 10, takeover: false }];
    let agreed = Agreed { subprotocol: Some("a".into()), deflate: Some(windows) };
    assert_eq!(answer.result, Ok(agreed.clone()));
    assert_eq!(client.check(&answer.head), Ok(agreed));
    assert_eq!(answer.steps, Some(client.steps()));
}

#[test]
fn every_refusal_of_a_request() {
    let policy = ServerPolicy {
        paths: vec!["/chat".into()],
        origins: Some(vec!["http://example.com".into()]),
        ..ServerPolicy::default()
    };
    assert!(policy.answer(&request()).result.is_ok());
    assert!(policy.answer(&with("Origin", None)).result.is_ok());
    let section = |head: &RequestHead| {
        let (refusal, answer) = refusal(head, &policy);
        (answer.status, refusal.cite().section)
    };
    let mut post = request();
    post.method = "POST".into();
    assert_eq!(section(&post), (405, "4.2.1"));
    let mut old = request();
    old.minor_version = 0;
    assert_eq!(section(&old), (400, "4.2.1"));
    let mut elsewhere = request();
    elsewhere.target = "/chats".into();
    assert_eq!(section(&elsewhere), (404, "4.2.2"));
    for (name, value, expected) in [
        ("Host", None, (400, "4.2.1")),
        ("Upgrade", None, (426, "4.2.1")),
        ("Upgrade", Some("h2c"), (426, "4.2.1")),
        ("Connection", Some("keep-alive"), (400, "4.2.1")),
        ("Sec-WebSocket-Key", None, (400, "4.2.1")),
        ("Sec-WebSocket-Key", Some("c2hvcnQ="), (400, "4.2.1")),
        ("Sec-WebSocket-Key", Some("not base64"), (400, "4.2.1")),
        ("Sec-WebSocket-Version", None, (426, "4.4")),
        ("Sec-WebSocket-Version", Some("8"), (426, "4.4")),
        ("Origin", Some("http://evil.example"), (403, "10.2")),
        ("Sec-WebSocket-Protocol", Some("a, b, a"), (400, "11.3.4")),
        ("Sec-WebSocket-Protocol", Some("a b"), (400, "11.3.4")),
        ("Sec-WebSocket-Extensions", Some("x; =1"), (400, "9.1")),
        ("Content-Length", Some("3"), (400, "7.8")),
        ("Content-Length", Some("x"), (400, "8.6")),
    ] {
        assert_eq!(section(&with(name, value)), expected, "{name}: {value:?}");
    }
    let (_, answer) = refusal(&with("Sec-WebSocket-Version", Some("8")), &policy);
    assert_eq!(answer.fields.text("sec-websocket-version"), Some("13"));
    assert!(policy.answer(&with("Connection", Some("keep-alive, UPGRADE"))).result.is_ok());
    assert!(policy.answer(&with("Upgrade", Some("WebSocket"))).result.is_ok());
}

#[test]
fn every_refusal_of_an_answer() {
    let client = ClientRequest::new("h", "/", [1; 16]);
    let good = ServerPolicy::default().answer(&client.head()).head;
    let check = |name: &str, value: Option<&str>| {
        let mut head = good.clone();
        let mut fields = Fields::new();
        head.fields
            .iter()
            .filter(|(n, _)| !n.eq_ignore_ascii_case(name))
            .for_each(|(n, v)| fields.push(n, v));
        value.into_iter().for_each(|value| fields.push(name, value));
        head.fields = fields;
        let refusal = client.check(&head).unwrap_err();
        assert_eq!((refusal.blame(), refusal.cite().section), (Side::Server, "4.1"));
        refusal
    };
    let not_switched = |refusal: Refusal| matches!(refusal, Refusal::NotSwitched { .. });
    assert!(not_switched(check("Upgrade", None)) && not_switched(check("Connection", Some("close"))));
    let expected = client.steps().accept;
    assert_eq!(
        check("Sec-WebSocket-Accept", None),
        Refusal::Accept { expected: expected.clone(), got: None }
    );
    // The letters' case matters here.
    let got = expected.to_lowercase();
    assert_eq!(
        check("Sec-WebSocket-Accept", Some(&got)),
        Refusal::Accept { expected, got: Some(got.clone()) }
    );
    let unasked = check("Sec-WebSocket-Protocol", Some("chat"));
    assert_eq!(unasked, Refusal::SubprotocolNotOffered { got: "chat".into() });
    let unasked = check("Sec-WebSocket-Extensions", Some("permessage-deflate"));
    assert_eq!(unasked, Refusal::ExtensionNotOffered { got: "permessage-deflate".into() });
    let refused = client.check(&ResponseHead::new(403)).unwrap_err();
    assert_eq!(refused, Refusal::Status { got: 403, reason: "Forbidden".into() });
}

fn accept(wish: DeflateWish, offers: &str) -> Option<(String, [Window; 2])> {
    let policy = ServerPolicy { deflate: Some(wish), ..ServerPolicy::default() };
    let answer = policy.answer(&with("Sec-WebSocket-Extensions", Some(offers)));
    let windows = answer.result.unwrap().deflate;
    windows.map(|w| (answer.head.fields.text("sec-websocket-extensions").unwrap().to_owned(), w))
}

#[test]
fn offers_of_permessage_deflate() {
    let window = |bits, takeover| Window { bits, takeover };
    let any = DeflateWish::default();
    let deflate = "permessage-deflate".to_owned();
    assert_eq!(accept(any, "permessage-deflate"), Some((deflate.clone(), [window(15, true); 2])));
    assert_eq!(
        accept(any, "x-other, permessage-deflate; client_max_window_bits"),
        Some((deflate, [window(15, true); 2]))
    );
    // RFC 7692 s7.1.3's fallback: the first offer that can be accepted.
    let small = accept(
        any,
        "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=\"8\"",
    );
    let answer = "permessage-deflate; server_max_window_bits=8".to_owned();
    assert_eq!(small, Some((answer, [window(15, true), window(8, true)])));
    for bad in [
        "server_max_window_bits",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "client_max_window_bits=7",
        "server_no_context_takeover=1",
        "unknown",
        "client_max_window_bits; client_max_window_bits=9",
    ] {
        assert_eq!(accept(any, &format!("permessage-deflate; {bad}")), None, "{bad}");
    }
    let thrifty = DeflateWish { client: window(9, false), server: window(9, false) };
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9";
    // The client did not say that it can use a smaller window.
    assert_eq!(
        accept(thrifty, "permessage-deflate"),
        Some((both.into(), [window(15, false), window(9, false)]))
    );
    let answer = format!("{both}; client_max_window_bits=9");
    let offer = "permessage-deflate; client_max_window_bits; server_max_window_bits=12";
    assert_eq!(accept(thrifty, offer), Some((answer, [window(9, false), window(9, false)])));
}

#[test]
fn answers_that_do_not_fit_the_offer() {
    let fits = |server: Window, answer: &str| {
        let mut client = ClientRequest::new("h", "/", [1; 16]);
        client.deflate = Some(DeflateWish { server, ..DeflateWish::default() });
        let mut head = ServerPolicy::default().answer(&client.head()).head;
        head.fields.push("Sec-WebSocket-Extensions", answer);
        client.check(&head).is_ok()
    };
    let any = Window::default();
    assert!(fits(any, "permessage-deflate"));
    assert!(fits(any, "permessage-deflate; server_max_window_bits=9; client_no_context_takeover"));
    assert!(fits(any, "permessage-deflate; client_max_window_bits=9"));
    assert!(!fits(any, "permessage-deflate; client_max_window_bits"));
    assert!(!fits(any, "permessage-deflate; client_max_window_bits=16"));
    assert!(!fits(any, "permessage-deflate; mystery"));
    assert!(!fits(any, "permessage-deflate, permessage-deflate"));
    let small = Window { bits: 10, takeover: false };
    assert!(fits(small, "permessage-deflate; server_no_context_takeover; server_max_window_bits=10"));
    assert!(!fits(small, "permessage-deflate; server_no_context_takeover; server_max_window_bits=11"));
    assert!(!fits(small, "permessage-deflate; server_no_context_takeover"));
    assert!(!fits(small, "permessage-deflate; server_max_window_bits=9"));
}

proptest! {
    #[test]
    fn any_two_wishes_settle_alike(bits in prop::array::uniform4(8u8..=15), takeover in prop::array::uniform4(any::<bool>())) {
        let window = |n: usize| Window { bits: bits[n], takeover: takeover[n] };
        let mut client = ClientRequest::new("h", "/", [1; 16]);
        client.deflate = Some(DeflateWish { client: window(0), server: window(1) });
        let wish = DeflateWish { client: window(2), server: window(3) };
        let policy = ServerPolicy { deflate: Some(wish), ..ServerPolicy::default() };
        let answer = policy.answer(&client.head());
        let settled = client.check(&answer.head).unwrap().deflate.unwrap();
        let theirs = answer.result.unwrap().deflate.unwrap();
        prop_assert_eq!(settled[1], theirs[1]);
        // The client may hold itself to less than the server is ready for, never to more.
        prop_assert!(settled[0].bits <= theirs[0].bits && settled[0].takeover <= theirs[0].takeover);
        for (n, settled) in settled.iter().enumerate() {
            prop_assert!(settled.bits <= bits[n] && settled.bits <= bits[n + 2]);
        }
    }
}
