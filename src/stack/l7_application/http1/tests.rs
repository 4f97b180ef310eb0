//! What a head and a body may be, how they are cut on the wire, and what is refused.

use super::*;
use crate::model::{Side, Value};
use proptest::prelude::*;

/// RFC 6455 s1.2, the client's handshake.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Protocol:\tthird \r\n\
    \r\n";

fn request(octets: &[u8]) -> Result<(usize, Option<RequestHead>), Violation> {
    HeadDecoder::new(Limits::default()).feed(octets).map_err(|fault| {
        assert_eq!(fault.blame, Side::Client);
        fault.violation
    })
}

fn response(octets: &[u8]) -> Result<(usize, Option<ResponseHead>), Violation> {
    HeadDecoder::new(Limits::default()).feed(octets).map_err(|fault| {
        assert_eq!(fault.blame, Side::Server);
        fault.violation
    })
}

#[test]
fn a_request_head_is_read_and_what_follows_is_left() {
    let octets = [b"\r\n", REQUEST, b"\x81\x85"].concat();
    let (taken, head) = request(&octets).unwrap();
    let head = head.unwrap();
    assert_eq!(taken, REQUEST.len() + 2);
    assert_eq!((head.method.as_str(), head.path(), head.minor_version), ("GET", "/chat", 1));
    assert_eq!(head.fields.text("HOST"), Some("server.example.com"));
    assert!(head.fields.lists("connection", "upgrade"));
    assert!(!head.fields.lists("connection", "grade"));
    let protocols: Vec<&str> = head.fields.list("sec-websocket-protocol").collect();
    assert_eq!(protocols, ["chat", "superchat", "third"]);
}

#[test]
fn lists_keep_quoted_commas_and_drop_empty_elements() {
    let elements: Vec<&str> = list(r#" a ,, b; x="1,\",2" ,c,"#).collect();
    assert_eq!(elements, ["a", r#"b; x="1,\",2""#, "c"]);
}

#[test]
fn what_is_not_http_is_refused_at_the_first_octet_that_says_so() {
    assert_eq!(request(b"\x16\x03\x01\x02\x00"), Err(Violation::Tls));
    assert_eq!(request(b"GET\x01"), Err(Violation::NotHttp { offset: 3, octet: 1 }));
    assert!(matches!(request(b"nonsense\r\n\r\n"), Err(Violation::StartLine { .. })));
    assert_eq!(request(b"PRI * HTTP/2.0\r\n\r\n"), Err(Violation::Version));
    assert!(matches!(request(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"), Err(Violation::FieldLine { .. })));
    assert!(matches!(request(b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), Err(Violation::FieldLine { .. })));
    assert!(matches!(response(b"HTTP/1.1 1x1 No\r\n\r\n"), Err(Violation::StartLine { .. })));
    assert_eq!(response(b"HTTP/1.1 101\r\n\r\n").unwrap().1.unwrap().status, 101);
}

#[test]
fn limits_hold_exactly() {
    let limits = Limits { head: 32, fields: 2, ..Limits::default() };
    let head = b"GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\n\r\n";
    assert_eq!(head.len(), 30);
    let feed = |octets: &[u8]| HeadDecoder::<RequestHead>::new(limits).feed(octets).map_err(|f| f.violation);
    assert!(feed(head).unwrap().1.is_some());
    assert!(feed(b"GET / HTTP/1.1\r\nA: 1\r\nB: 234\r\n\r\n").unwrap().1.is_some());
    let over = feed(b"GET / HTTP/1.1\r\nA: 1\r\nB: 2345\r\n\r\n");
    assert_eq!(over, Err(Violation::HeadTooLarge { limit: 32 }));
    let many = feed(b"GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\n\r\n");
    assert_eq!(many, Err(Violation::TooManyFields { limit: 2 }));
    assert_eq!(Violation::HeadTooLarge { limit: 32 }.status(), 431);
}

#[test]
fn a_stream_that_ends_inside_a_head_is_truncated() {
    let mut decoder = HeadDecoder::<RequestHead>::new(Limits::default());
    assert_eq!(decoder.eof(), Ok(()));
    decoder.feed(b"GET").unwrap();
    assert_eq!(decoder.eof().unwrap_err().violation, Violation::Truncated { part: "head" });
}

fn framing(fields: &[(&str, &str)]) -> Result<Framing, Violation> {
    let mut head = RequestHead::new("POST", "/");
    fields.iter().for_each(|(n, v)| head.fields.push(*n, *v));
    Framing::of_request(&head).map_err(|f| f.violation)
}

#[test]
fn a_body_has_one_end_or_is_refused() {
    assert_eq!(framing(&[]), Ok(Framing::Empty));
    assert_eq!(framing(&[("Content-Length", "5")]), Ok(Framing::Length(5)));
    assert_eq!(framing(&[("Content-Length", "5, 5")]), Ok(Framing::Length(5)));
    assert_eq!(
        framing(&[("Content-Length", "5"), ("content-length", "6")]),
        Err(Violation::ContentLengthsDiffer)
    );
    for bad in ["", "+5", "5 5", "0x5", "99999999999999999999"] {
        assert_eq!(framing(&[("Content-Length", bad)]), Err(Violation::ContentLength { got: bad.into() }));
    }
    assert_eq!(framing(&[("Transfer-Encoding", "Chunked")]), Ok(Framing::Chunked));
    let both = [("Transfer-Encoding", "chunked"), ("Content-Length", "5")];
    assert_eq!(framing(&both), Err(Violation::LengthAndCoding));
    let gzip = framing(&[("Transfer-Encoding", "gzip, chunked")]);
    assert_eq!(gzip, Err(Violation::TransferCoding { got: "gzip, chunked".into() }));
    let mut head = ResponseHead::new(200);
    assert_eq!(Framing::of_response(&head, "GET"), Ok(Framing::UntilClose));
    assert_eq!(Framing::of_response(&head, "HEAD"), Ok(Framing::Empty));
    head.fields.push("Content-Length", "7");
    assert_eq!(Framing::of_response(&head, "GET"), Ok(Framing::Length(7)));
    head.status = 101;
    assert_eq!(Framing::of_response(&head, "GET"), Ok(Framing::Empty));
}

fn decode(
    framing: Framing,
    limits: Limits,
    octets: &[u8],
    cut: usize,
) -> Result<(Vec<u8>, usize), Violation> {
    let mut decoder = BodyDecoder::new(Side::Server, framing, limits).map_err(|f| f.violation)?;
    let (mut body, mut taken) = (Vec::new(), 0);
    for piece in octets.chunks(cut.max(1)) {
        let n = decoder.feed(piece, &mut body).map_err(|f| f.violation)?;
        taken += n;
        if n < piece.len() {
            assert!(decoder.is_done());
            break;
        }
    }
    decoder.eof().map_err(|f| f.violation)?;
    Ok((body, taken))
}

#[test]
fn chunks_are_joined_and_what_follows_is_left() {
    let octets =
        b"4;name=\"v\"\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\nNEXT";
    for cut in 1..octets.len() {
        let (body, taken) = decode(Framing::Chunked, Limits::default(), octets, cut).unwrap();
        assert_eq!(body, b"Wikipedia in \r\n\r\nchunks.");
        assert_eq!(&octets[taken..], b"NEXT");
    }
}

#[test]
fn broken_chunks_are_refused() {
    let chunked = |octets: &[u8]| decode(Framing::Chunked, Limits::default(), octets, 1).unwrap_err();
    assert_eq!(chunked(b"x"), Violation::ChunkSize { octet: b'x' });
    assert_eq!(chunked(b"-1"), Violation::ChunkSize { octet: b'-' });
    assert_eq!(chunked(b"1\na"), Violation::ChunkSize { octet: b'\n' });
    assert_eq!(chunked(b"1\r\nab"), Violation::ChunkEnd { octet: b'b' });
    assert_eq!(chunked(b"00000000000000001"), Violation::ChunkSize { octet: b'1' });
    assert_eq!(chunked(b"ffffffffffffffff\r\n"), Violation::BodyTooLarge { limit: 1 << 20 });
    assert_eq!(chunked(b"1\r\na\r\n"), Violation::Truncated { part: "body" });
    let limits = Limits { chunk_overhead: 4, ..Limits::default() };
    let extensions = decode(Framing::Chunked, limits, b"1;abcde\r\n", 3);
    assert_eq!(extensions, Err(Violation::ChunkOverhead { limit: 4 }));
}

#[test]
fn bodies_stay_within_their_limit() {
    let limits = Limits { body: 3, ..Limits::default() };
    let over = Err(Violation::BodyTooLarge { limit: 3 });
    assert_eq!(decode(Framing::Length(3), limits, b"abcd", 2), Ok((b"abc".to_vec(), 3)));
    assert_eq!(decode(Framing::Length(4), limits, b"abcd", 2), over);
    assert_eq!(decode(Framing::UntilClose, limits, b"abcd", 1), over);
    assert_eq!(decode(Framing::Chunked, limits, b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", 1), over);
}

#[test]
fn explained_fields_lie_where_they_say() {
    let header = explain::head(REQUEST, 100).unwrap();
    let find = |name: &str| header.fields.iter().find(|f| f.name == name).unwrap();
    assert_eq!(header.at, 100..100 + REQUEST.len());
    assert_eq!(find("http.request.method").at, 100..103);
    assert_eq!(find("http.request.uri").value, Value::Text("/chat".into()));
    let key = find("http.sec_websocket_key");
    assert_eq!(key.value, Value::Text("dGhlIHNhbXBsZSBub25jZQ==".into()));
    assert!(REQUEST[key.at.start - 100..key.at.end - 100].starts_with(b"Sec-WebSocket-Key: "));
    let header = explain::head(b"HTTP/1.1 426 Upgrade Required\r\nX-Y: z\r\n\r\n", 0).unwrap();
    let shown: Vec<String> = header.fields.iter().map(|f| format!("{}={}", f.name, f.value)).collect();
    let expected = ["http.response.version=HTTP/1.1", "http.response.code=426"];
    assert_eq!(shown[..2], expected);
    assert_eq!(shown[2..], ["http.response.phrase=Upgrade Required", "http.response.line=X-Y: z"]);
    assert_eq!(explain::head(b"\x81\x05Hello\n", 0), None);
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}"
}

proptest! {
    #[test]
    fn a_head_survives_the_wire_in_any_chunking(
        method in "[A-Z]{1,8}", target in "/[a-z0-9/?=&%]{0,30}", status in 100u16..1000,
        fields in prop::collection::vec((token(), "([!-~]([ -~]{0,20}[!-~])?)?"), 0..8),
        cut in 1usize..40,
    ) {
        let mut sent = RequestHead::new(method, target);
        let mut answered = ResponseHead::new(status);
        for (name, value) in &fields {
            sent.fields.push(name.as_str(), value.as_bytes());
            answered.fields.push(name.as_str(), value.as_bytes());
        }
        let (mut octets, mut answer) = (Vec::new(), Vec::new());
        sent.encode(&mut octets);
        answered.encode(&mut answer);
        let mut decoder = HeadDecoder::new(Limits::default());
        let mut head = None;
        for piece in octets.chunks(cut) {
            let (taken, done) = decoder.feed(piece).unwrap();
            prop_assert_eq!(taken, piece.len());
            head = done;
        }
        prop_assert_eq!(head, Some(sent));
        prop_assert_eq!(decoder.octets(), &octets[..]);
        prop_assert_eq!(response(&answer).unwrap().1, Some(answered));
    }

    #[test]
    fn a_chunked_body_survives_the_wire_in_any_chunking(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6), cut in 1usize..50,
    ) {
        let mut octets = Vec::new();
        chunks.iter().for_each(|c| encode_chunk(c, &mut octets));
        encode_last_chunk(&mut octets);
        let decoded = decode(Framing::Chunked, Limits::default(), &octets, cut);
        prop_assert_eq!(decoded, Ok((chunks.concat(), octets.len())));
    }

    #[test]
    fn no_octets_panic_and_chunking_changes_nothing(octets in prop::collection::vec(any::<u8>(), 0..300), cut in 1usize..20) {
        fuzz_http1(&octets);
        let whole = decode(Framing::Chunked, Limits::default(), &octets, octets.len());
        prop_assert_eq!(whole, decode(Framing::Chunked, Limits::default(), &octets, cut));
    }
}
