//! The opening handshake (RFC 6455 s4): what must be answered 101, and what must not.

use super::super::super::message::Kind;
use super::super::script::{Answer, Case, Change, Letters, Opening, Step, echo, ping, text};
use crate::model::conformance::{Clause, Need, Verdict};

pub(super) fn cases() -> Vec<Case> {
    [answers(), requests(), good(), bad()].concat()
}

fn case(id: &str, clause: Clause, changes: &[Change], opening: Opening) -> Case {
    let case = Case::new(format!("handshake/{id}"), clause, Vec::new()).opening(opening);
    changes.iter().cloned().fold(case, Case::change)
}

/// The field with another value.
fn instead(name: &'static str, value: &str) -> [Change; 2] {
    [Change::Without(name), Change::With(name, value.to_owned())]
}

/// What the server says.
fn answers() -> Vec<Case> {
    let mut cases = vec![case("answer-switches", Clause::Switch, &[], Opening::Switch)];
    cases.push(case("accept", Clause::Accept, &[], Opening::Accept));
    for (id, key) in [
        // The RFC's own example (s1.3), and the ends of base64's alphabet.
        ("accept-of-the-rfcs-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("accept-of-zeros", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("accept-of-ones", "/////////////////////w=="),
        ("accept-of-plus-and-slash", "+/+/+/+/+/+/+/+/+/+/+w=="),
    ] {
        cases.push(case(id, Clause::Accept, &instead("Sec-WebSocket-Key", key), Opening::Accept));
    }
    let protocol = |offer: &str| [Change::With("Sec-WebSocket-Protocol", offer.to_owned())];
    cases.push(case("no-subprotocol-offered", Clause::Subprotocol, &[], Opening::Subprotocol));
    cases.push(case(
        "subprotocol-offered",
        Clause::Subprotocol,
        &protocol("x-layerlab-unknown"),
        Opening::Subprotocol,
    ));
    cases.push(case(
        "two-subprotocols",
        Clause::Subprotocol,
        &protocol("x-one, x-two"),
        Opening::Subprotocol,
    ));
    cases.push(case("no-extension-offered", Clause::Extension, &[], Opening::NoExtension));
    let unknown = [Change::With("Sec-WebSocket-Extensions", "x-layerlab-unknown; a=b".to_owned())];
    cases.push(case("unknown-extension-offered", Clause::Extension, &unknown, Opening::NoExtension));
    cases
}

/// How the request comes.
fn requests() -> Vec<Case> {
    let mut cases = Vec::new();
    for cut in [1, 7, 100] {
        let id = format!("request-cut-every-{cut}");
        cases.push(case(&id, Clause::AnyCut, &[Change::Chop(cut)], Opening::Open));
    }
    for (id, len) in [("field-of-1-kib", 1 << 10), ("field-of-4-kib", 4 << 10), ("field-of-64-kib", 64 << 10)]
    {
        let field = [Change::With("X-Layerlab-Large", "x".repeat(len))];
        cases.push(case(id, Clause::HeadSize, &field, Opening::Open).at_worst(Verdict::Informational));
    }
    let fields: Vec<Change> = (0..40).map(|n| Change::With("X-Layerlab-Many", n.to_string())).collect();
    cases.push(
        case("40-more-fields", Clause::HeadSize, &fields, Opening::Open).at_worst(Verdict::Informational),
    );
    let early = |id: &str, frame, answer| {
        let mut case = case(id, Clause::Early, &[Change::Early(vec![frame])], Opening::Open);
        case.steps = vec![Step::Answers(vec![answer])];
        case.at_worst(Verdict::Informational)
    };
    cases.push(early("ping-with-the-request", ping("early"), Answer::Pong("early".into())));
    cases
        .push(early("text-with-the-request", text("early"), echo(Kind::Text, "early")).needs(Need::TextEcho));
    cases
}

/// What is written differently and means the same.
fn good() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, clause, changes: &[Change]| cases.push(case(id, clause, changes, Opening::Open));
    add("names-in-lower-case", Clause::FieldCase, &[Change::Names(Letters::Lower)]);
    add("names-in-upper-case", Clause::FieldCase, &[Change::Names(Letters::Upper)]);
    add("upgrade-in-upper-case", Clause::FieldCase, &instead("Upgrade", "WEBSOCKET"));
    add("upgrade-in-mixed-case", Clause::FieldCase, &instead("Upgrade", "WebSocket"));
    add("connection-in-lower-case", Clause::FieldCase, &instead("Connection", "upgrade"));
    add("connection-list", Clause::FieldList, &instead("Connection", "keep-alive, Upgrade"));
    add("connection-list-without-blanks", Clause::FieldList, &instead("Connection", "Upgrade,keep-alive"));
    add("cookie", Clause::OtherFields, &[Change::With("Cookie", "a=b; c=d".to_owned())]);
    add("unknown-field", Clause::OtherFields, &[Change::With("X-Layerlab", "hello".to_owned())]);
    add("empty-field", Clause::OtherFields, &[Change::With("X-Layerlab", String::new())]);
    // A list by HTTP's rules, but hardly anybody sends one.
    let list =
        case("upgrade-list", Clause::FieldList, &instead("Upgrade", "x-other, websocket"), Opening::Open);
    cases.push(list.at_worst(Verdict::Informational));
    cases
}

/// What is no handshake.
fn bad() -> Vec<Case> {
    let mut cases = Vec::new();
    let no = |statuses| Opening::Refusal { statuses, version: false, plain: false };
    let plain = || Opening::Refusal { statuses: &[426, 400], version: false, plain: true };
    let mut add =
        |id: &str, clause, changes: &[Change], opening| cases.push(case(id, clause, changes, opening));
    for (id, method) in [("post", "POST"), ("put", "PUT"), ("delete", "DELETE"), ("get-in-lower-case", "get")]
    {
        add(&format!("method-{id}"), Clause::Method, &[Change::Method(method)], no(&[405, 400, 501]));
    }
    add("http-1.0", Clause::HttpVersion, &[Change::OldHttp], no(&[400, 426, 505]));
    add("no-host", Clause::Host, &[Change::Without("Host")], no(&[400]));
    add("two-hosts", Clause::HostOnce, &[Change::With("Host", "example.org".to_owned())], no(&[400]));
    add("no-upgrade", Clause::Upgrade, &[Change::Without("Upgrade")], plain());
    add("upgrade-to-another", Clause::Upgrade, &instead("Upgrade", "x-other"), plain());
    add("upgrade-to-almost", Clause::Upgrade, &instead("Upgrade", "websockets"), plain());
    add("no-connection", Clause::Connection, &[Change::Without("Connection")], plain());
    add("connection-keep-alive", Clause::Connection, &instead("Connection", "keep-alive"), plain());
    let version = Opening::Refusal { statuses: &[426, 400], version: true, plain: false };
    for (id, value) in [("0", "0"), ("12", "12"), ("14", "14"), ("255", "255"), ("13-and-a-letter", "13a")] {
        let id = format!("version-{id}");
        add(&id, Clause::Version, &instead("Sec-WebSocket-Version", value), version.clone());
    }
    add("no-version", Clause::Version, &[Change::Without("Sec-WebSocket-Version")], no(&[426, 400]));
    add("no-key", Clause::Key, &[Change::Without("Sec-WebSocket-Key")], no(&[400]));
    for (id, key) in [
        ("empty", ""),
        ("of-15-octets", "AAAAAAAAAAAAAAAAAAAA"),
        ("of-17-octets", "AAAAAAAAAAAAAAAAAAAAAAA="),
        ("without-padding", "AAAAAAAAAAAAAAAAAAAAAA"),
        ("not-base64", "!!!!!!!!!!!!!!!!!!!!!!=="),
    ] {
        let id = format!("key-{id}");
        add(&id, Clause::Key, &instead("Sec-WebSocket-Key", key), no(&[400]));
    }
    let second = [Change::With("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==".to_owned())];
    add("two-keys", Clause::KeyOnce, &second, no(&[400]));
    cases
}
