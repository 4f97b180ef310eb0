//! Pings, Pongs, and fragments with control frames between them (RFC 6455 s5.4, s5.5).

use super::super::super::close::CloseCode;
use super::super::super::message::Kind;
use super::super::script::{
    Answer, Case, Fails, Frame, Octets, Step, binary, close, data, echo, more, ping, pong, refused, text,
};
use crate::model::conformance::{Clause, Verdict};

pub(super) fn cases() -> Vec<Case> {
    [pings(), pongs(), too_long(), fragments(), between(), misplaced()].concat()
}

fn ponged(payload: impl Into<Octets>) -> Answer {
    Answer::Pong(payload.into())
}

fn pings() -> Vec<Case> {
    let mut cases = Vec::new();
    let lens = [0, 1, 4, 124, 125].map(|len| (format!("{len}-octets"), vec![b'p'; len]));
    let every: Vec<u8> = (0..=255).step_by(3).collect();
    let kinds = [("any-octets".to_owned(), every), ("not-utf-8".to_owned(), vec![0, 0xff, 0xfe, 0x80])];
    for (name, payload) in lens.into_iter().chain(kinds) {
        let steps =
            vec![Step::Send(vec![ping(payload.clone())]), Step::Answers(vec![ponged(payload.clone())])];
        cases.push(Case::new(format!("ping/{name}"), Clause::Pong, steps));
    }
    let payload = vec![b'c'; 125];
    let steps = vec![Step::Chop(1, vec![ping(payload.clone())]), Step::Answers(vec![ponged(payload)])];
    cases.push(Case::new("ping/125-octets-cut-every-1", Clause::Pong, steps));
    for count in [2, 10, 100] {
        let payloads: Vec<String> = (0..count).map(|n| format!("ping {n}")).collect();
        let answers = || payloads.iter().map(|p| ponged(p.as_str())).collect();
        let frames: Vec<Frame> = payloads.iter().map(|p| ping(p.as_str())).collect();
        let steps = vec![Step::Send(frames.clone()), Step::Answers(answers())];
        let case = Case::new(format!("ping/{count}-in-one-write"), Clause::ManyPings, steps);
        // Too many Pongs that wait may be a flood to a server.
        cases.push(if count == 100 { case.at_worst(Verdict::Informational) } else { case });
        if count == 10 {
            let steps = vec![Step::Chop(5, frames), Step::Answers(answers())];
            cases.push(Case::new(format!("ping/{count}-cut-every-5"), Clause::ManyPings, steps));
        }
    }
    let steps = vec![
        Step::Send(vec![ping("p"), text("hello"), ping("q")]),
        Step::Answers(vec![ponged("p"), echo(Kind::Text, "hello"), ponged("q")]),
    ];
    cases.push(Case::new("ping/around-a-message", Clause::ManyPings, steps));
    cases
}

fn pongs() -> Vec<Case> {
    let mut cases = Vec::new();
    // A Ping behind it shows that the connection lives, and that nothing else was answered.
    for (name, payload) in [("empty", Vec::new()), ("payload", b"unasked".to_vec()), ("125", vec![b'p'; 125])]
    {
        let steps =
            vec![Step::Send(vec![pong(payload), ping("after")]), Step::Answers(vec![ponged("after")])];
        cases.push(Case::new(format!("pong/unasked-{name}"), Clause::UnaskedPong, steps));
    }
    let frames = (0..20).map(|n| pong(vec![n])).chain([ping("after")]).collect();
    let steps = vec![Step::Send(frames), Step::Answers(vec![ponged("after")])];
    cases.push(Case::new("pong/20-unasked", Clause::UnaskedPong, steps));
    cases
}

fn too_long() -> Vec<Case> {
    let mut cases = Vec::new();
    for len in [126, 65_536] {
        for (name, opcode) in [("close", 8), ("ping", 9), ("pong", 10)] {
            let fails = Fails::with(&[1002]);
            let fails = if name == "close" { fails.unfenced() } else { fails };
            let mut body = vec![b'x'; len];
            body[..2].copy_from_slice(&1000_u16.to_be_bytes());
            let steps = vec![Step::Send(vec![Frame::new(opcode, body)]), Step::Fails(fails)];
            cases.push(Case::new(format!("control/{name}-of-{len}"), Clause::ControlLength, steps));
        }
    }
    for (name, frame, fence) in
        [("ping", ping("hel"), true), ("pong", pong("hel"), true), ("close", close(1000, b""), false)]
    {
        let fails = Fails::with(&[1002]);
        let fails = if fence { fails } else { fails.unfenced() };
        let steps = vec![Step::Send(vec![frame.clone().more()]), Step::Fails(fails.clone())];
        cases.push(Case::new(format!("control/{name}-without-fin"), Clause::ControlWhole, steps));
        let steps = vec![Step::Send(vec![frame.more(), more("lo")]), Step::Fails(fails)];
        cases.push(Case::new(format!("control/{name}-in-two-fragments"), Clause::ControlWhole, steps));
    }
    cases
}

/// The parts as the frames of one message.
fn parts(kind: Kind, parts: &[&[u8]]) -> Vec<Frame> {
    let last = parts.len() - 1;
    let frames = parts.iter().enumerate().map(|(n, part)| {
        let part = part.to_vec();
        let frame = if n == 0 { data(kind, part) } else { more(part) };
        if n == last { frame } else { frame.more() }
    });
    frames.collect()
}

fn whole(kind: Kind, list: &[&[u8]]) -> Step {
    Step::Answers(vec![echo(kind, list.concat())])
}

fn fragments() -> Vec<Case> {
    let mut cases = Vec::new();
    let lists: [(&str, &[&[u8]]); 7] = [
        ("two", &[b"hel", b"lo"]),
        ("three", &[b"h", b"ell", b"o"]),
        ("empty-first", &[b"", b"hello"]),
        ("empty-middle", &[b"hel", b"", b"lo"]),
        ("empty-last", &[b"hello", b""]),
        ("all-empty", &[b"", b"", b""]),
        ("long-and-short", &[&[b'x'; 65_536], b"", &[b'y'; 126]]),
    ];
    for (name, list) in lists {
        for (kind_name, kind) in [("text", Kind::Text), ("binary", Kind::Binary)] {
            let steps = vec![Step::Send(parts(kind, list)), whole(kind, list)];
            cases.push(Case::new(format!("fragments/{name}-{kind_name}"), Clause::Fragments, steps));
        }
    }
    let octets = [b"z".as_slice(); 100];
    let steps = vec![Step::Send(parts(Kind::Text, &octets)), whole(Kind::Text, &octets)];
    cases.push(Case::new("fragments/100-of-1-octet", Clause::Fragments, steps));
    let list: [&[u8]; 3] = [b"cut ", b"as one ", b"likes"];
    for cut in [1, 7] {
        let steps = vec![Step::Chop(cut, parts(Kind::Text, &list)), whole(Kind::Text, &list)];
        cases.push(Case::new(format!("fragments/three-cut-every-{cut}"), Clause::Fragments, steps));
    }
    let separately =
        parts(Kind::Text, &list).into_iter().map(|f| Step::Send(vec![f])).chain([whole(Kind::Text, &list)]);
    cases.push(Case::new("fragments/three-in-three-writes", Clause::Fragments, separately.collect()));
    let frames = [parts(Kind::Text, &[b"a", b"b"]), parts(Kind::Binary, &[b"c", b"d"])].concat();
    let steps =
        vec![Step::Send(frames), Step::Answers(vec![echo(Kind::Text, "ab"), echo(Kind::Binary, b"cd")])];
    cases.push(Case::new("fragments/one-message-after-another", Clause::Fragments, steps));
    cases
}

fn between() -> Vec<Case> {
    let mut cases = Vec::new();
    let begin = || text("hel").more();
    let mut add = |id: &str, frames: Vec<Frame>, answers: Vec<Answer>| {
        let steps = vec![Step::Send(frames.clone()), Step::Answers(answers.clone())];
        cases.push(Case::new(format!("fragments/{id}"), Clause::Between, steps));
        let steps = vec![Step::Chop(3, frames), Step::Answers(answers)];
        cases.push(Case::new(format!("fragments/{id}-cut-every-3"), Clause::Between, steps));
    };
    let hello = || echo(Kind::Text, "hello");
    add("ping-between", vec![begin(), ping("p"), more("lo")], vec![ponged("p"), hello()]);
    add("empty-ping-between", vec![begin(), ping(""), more("lo")], vec![ponged(""), hello()]);
    add("pong-between", vec![begin(), pong("p"), more("lo")], vec![hello()]);
    add(
        "ten-pings-between",
        [begin()].into_iter().chain((0..10).map(|n| ping(vec![n]))).chain([more("lo")]).collect(),
        (0..10).map(|n| ponged(vec![n])).chain([hello()]).collect(),
    );
    // The Pong does not wait for the message's end.
    let steps = vec![
        Step::Send(vec![begin(), ping("p")]),
        Step::Answers(vec![ponged("p")]),
        Step::Send(vec![more("lo")]),
        Step::Answers(vec![hello()]),
    ];
    cases.push(Case::new("fragments/ping-answered-before-the-rest", Clause::Between, steps));
    let steps = vec![
        Step::Send(vec![begin(), close(1000, b"")]),
        Step::Closes { codes: vec![Some(1000)], before: Vec::new(), otherwise: Verdict::NonStrict },
    ];
    cases.push(Case::new("fragments/close-between", Clause::Between, steps));
    cases
}

fn misplaced() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, clause, frames: Vec<Frame>, before: Vec<Answer>| {
        let fails = Fails::with(&[CloseCode::PROTOCOL_ERROR.0]).after(before);
        let steps = vec![Step::Send(frames.clone()), Step::Fails(fails.clone())];
        cases.push(Case::new(format!("fragments/{id}"), clause, steps));
        let steps = vec![Step::Chop(4, frames), Step::Fails(fails)];
        cases.push(Case::new(format!("fragments/{id}-cut-every-4"), clause, steps));
    };
    let one = || echo(Kind::Text, "one");
    add("continuation-first", Clause::Continuation, vec![more("lo")], vec![]);
    add("continuation-first-without-fin", Clause::Continuation, vec![more("lo").more()], vec![]);
    add("empty-continuation-first", Clause::Continuation, vec![more("")], vec![]);
    add("continuation-after-a-message", Clause::Continuation, vec![text("one"), more("two")], vec![one()]);
    let done = vec![text("on").more(), more("e"), more("two")];
    add("continuation-after-fragments", Clause::Continuation, done, vec![one()]);
    add("text-in-text", Clause::OneMessage, vec![text("hel").more(), text("lo")], vec![]);
    add("binary-in-text", Clause::OneMessage, vec![text("hel").more(), binary(b"lo")], vec![]);
    add("text-in-binary", Clause::OneMessage, vec![binary(b"hel").more(), text("lo")], vec![]);
    let begun = vec![text("hel").more(), text("lo").more(), more("!")];
    add("begun-in-text", Clause::OneMessage, begun, vec![]);
    cases.push(Case::new(
        "fragments/text-in-text-after-a-ping",
        Clause::OneMessage,
        refused(vec![text("hel").more(), ping("p"), text("lo")], CloseCode::PROTOCOL_ERROR),
    ));
    cases
}
