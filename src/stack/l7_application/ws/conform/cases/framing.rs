//! Lengths, masks, cuts, reserved bits and opcodes: what a frame by itself can get wrong (RFC 6455 s5.2, s5.3).

use super::super::super::close::CloseCode;
use super::super::super::message::Kind;
use super::super::script::{
    Answer, Case, Fails, Form, Frame, Masking, Octets, Step, binary, close, data, echo, echoed, more, ping,
    pong, refused, text,
};
use crate::model::conformance::{Clause, Verdict};

const KINDS: [(&str, Kind); 2] = [("text", Kind::Text), ("binary", Kind::Binary)];

pub(super) fn cases() -> Vec<Case> {
    [lengths(), cuts(), masks(), opcodes(), reserved()].concat()
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, kind) in KINDS {
        for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
            let frame = data(kind, Octets::Letters(len));
            cases.push(Case::new(format!("framing/{name}-{len}"), Clause::Length, echoed(frame)));
        }
    }
    // That a sender must use the shortest form is clear; that a receiver must mind is not said.
    for (form, bits, lens) in
        [(Form::Bits16, 16, &[0, 5, 125][..]), (Form::Bits64, 64, &[0, 5, 126, 65_535][..])]
    {
        for &len in lens {
            let frames = vec![text(Octets::Letters(len)).form(form)];
            let fails = Fails::with(&[1002]).or(Verdict::NonStrict);
            let id = format!("framing/length-{len}-in-{bits}-bits");
            cases.push(Case::new(id, Clause::ShortestLength, vec![Step::Send(frames), Step::Fails(fails)]));
        }
    }
    for (name, len) in [("alone", 1 << 63), ("and-all-others", u64::MAX)] {
        let frame = binary(b"hello").form(Form::Bits64).announcing(len);
        let fails = Fails::with(&[1002, 1009]).or(Verdict::NonStrict).unfenced();
        let id = format!("framing/length-top-bit-{name}");
        cases.push(Case::new(id, Clause::TopBit, vec![Step::Send(vec![frame]), Step::Fails(fails)]));
    }
    cases
}

fn cuts() -> Vec<Case> {
    let answers = |texts: &[&str]| Step::Answers(texts.iter().map(|t| echo(Kind::Text, *t)).collect());
    let mut cases = Vec::new();
    for (len, cut) in [(5, 1), (125, 1), (126, 1), (127, 3), (65_535, 997), (65_536, 1460)] {
        let frame = text(Octets::Letters(len));
        let steps =
            vec![Step::Chop(cut, vec![frame]), Step::Answers(vec![echo(Kind::Text, Octets::Letters(len))])];
        cases.push(Case::new(format!("framing/text-{len}-cut-every-{cut}"), Clause::AnyCut, steps));
    }
    let two = || vec![text("one"), text("two")];
    cases.push(Case::new(
        "framing/two-frames-in-one-write",
        Clause::AnyCut,
        vec![Step::Send(two()), answers(&["one", "two"])],
    ));
    cases.push(Case::new(
        "framing/two-frames-cut-every-4",
        Clause::AnyCut,
        vec![Step::Chop(4, two()), answers(&["one", "two"])],
    ));
    let hundred: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
    let hundred: Vec<&str> = hundred.iter().map(String::as_str).collect();
    cases.push(Case::new(
        "framing/100-frames-in-one-write",
        Clause::AnyCut,
        vec![Step::Send(hundred.iter().map(|t| text(*t)).collect()), answers(&hundred)],
    ));
    cases
}

fn masks() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, key) in [("zero", [0; 4]), ("ones", [0xff; 4]), ("letters", *b"aaaa")] {
        let frame = text("hello").masking(Masking::Key(key));
        cases.push(Case::new(format!("framing/key-of-{name}"), Clause::AnyKey, echoed(frame)));
    }
    let keyed = |n: u8| binary(vec![n; 9]).masking(Masking::Key([n, n + 1, n + 2, n + 3]));
    let answers = (1..4).map(|n| echo(Kind::Binary, vec![n; 9])).collect();
    cases.push(Case::new(
        "framing/another-key-each-frame",
        Clause::AnyKey,
        vec![Step::Send((1..4).map(keyed).collect()), Step::Answers(answers)],
    ));
    let unmasked = [
        ("text", text("hello")),
        ("binary", binary(b"\x01\x02\x03")),
        ("empty-text", text("")),
        ("ping", ping("hello")),
        ("close", close(1000, b"")),
    ];
    for (name, frame) in unmasked {
        // The server must close the connection; that it says 1002 is a MAY (s5.1).
        let fails = Fails::with(&[1002]).bare();
        let fails = if name == "close" { fails.unfenced() } else { fails };
        let steps = vec![Step::Send(vec![frame.masking(Masking::None)]), Step::Fails(fails)];
        cases.push(Case::new(format!("framing/unmasked-{name}"), Clause::Masked, steps));
    }
    let frames = vec![text("hel").more(), more("lo").masking(Masking::None)];
    let steps = vec![Step::Send(frames), Step::Fails(Fails::with(&[1002]).bare())];
    cases.push(Case::new("framing/unmasked-continuation", Clause::Masked, steps));
    cases
}

fn opcodes() -> Vec<Case> {
    let mut cases = Vec::new();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for (name, payload) in [("empty", ""), ("payload", "hello")] {
            let steps = refused(vec![Frame::new(opcode, payload)], CloseCode::PROTOCOL_ERROR);
            cases.push(Case::new(format!("opcode/{opcode}-{name}"), Clause::ReservedOpcode, steps));
        }
    }
    for opcode in [3, 11] {
        let frames = vec![text("first"), Frame::new(opcode, "second")];
        let fails = Fails::with(&[1002]).after(vec![echo(Kind::Text, "first")]);
        let steps = vec![Step::Send(frames), Step::Fails(fails)];
        cases.push(Case::new(format!("opcode/{opcode}-after-a-message"), Clause::ReservedOpcode, steps));
        let frames = vec![text("hel").more(), Frame::new(opcode, ""), more("lo")];
        let steps = refused(frames, CloseCode::PROTOCOL_ERROR);
        cases.push(Case::new(format!("opcode/{opcode}-inside-a-message"), Clause::ReservedOpcode, steps));
    }
    cases
}

fn reserved() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: String, frames: Vec<Frame>, before: Vec<Answer>, fence: bool| {
        let fails = Fails::with(&[1002]).after(before);
        let fails = if fence { fails } else { fails.unfenced() };
        cases.push(Case::new(id, Clause::ReservedBits, vec![Step::Send(frames), Step::Fails(fails)]));
    };
    for bits in 1..=7 {
        add(format!("reserved/{bits:03b}-text"), vec![text("hello").rsv(bits)], Vec::new(), true);
    }
    for bits in [1, 2, 4] {
        add(format!("reserved/{bits:03b}-binary"), vec![binary(b"hello").rsv(bits)], Vec::new(), true);
        add(format!("reserved/{bits:03b}-empty-text"), vec![text("").rsv(bits)], Vec::new(), true);
        let continued = vec![text("hel").more(), more("lo").rsv(bits)];
        add(format!("reserved/{bits:03b}-continuation"), continued, Vec::new(), true);
        add(format!("reserved/{bits:03b}-ping"), vec![ping("hello").rsv(bits)], Vec::new(), true);
        add(format!("reserved/{bits:03b}-pong"), vec![pong("hello").rsv(bits)], Vec::new(), true);
        add(format!("reserved/{bits:03b}-close"), vec![close(1000, b"").rsv(bits)], Vec::new(), false);
        let after = vec![text("first"), text("second").rsv(bits)];
        add(format!("reserved/{bits:03b}-after-a-message"), after, vec![echo(Kind::Text, "first")], true);
    }
    cases
}
