//! Text is UTF-8 (RFC 6455 s5.6, s8.1; RFC 3629).

use super::super::super::close::CloseCode;
use super::super::super::message::Kind;
use super::super::script::{Case, Fails, Step, binary, echo, echoed, more, ping, refused, text};
use crate::model::conformance::Clause;

pub(super) fn cases() -> Vec<Case> {
    [good(), bad(), early()].concat()
}

/// Greek with an accent, as in Autobahn's cases: characters of two and three octets.
const KOSME: &str = "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}";

fn good() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, steps| cases.push(Case::new(format!("utf8/{id}"), Clause::Text, steps));
    // The first and the last character of each length, and those beside the surrogates.
    for code in
        [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xfffe, 0xffff, 0x1_0000, 0x10_fffe, 0x10_ffff]
    {
        let text_of = char::from_u32(code).unwrap_or_default().to_string();
        add(&format!("u+{code:04x}"), echoed(text(text_of.as_str())));
    }
    add("byte-order-mark", echoed(text("\u{feff}hello")));
    add("combining-and-joined", echoed(text("e\u{301} \u{1f469}\u{200d}\u{1f4bb}")));
    add("kosme", echoed(text(KOSME)));
    let whole = || Step::Answers(vec![echo(Kind::Text, KOSME)]);
    for cut in 1..KOSME.len() {
        let (first, second) = KOSME.as_bytes().split_at(cut);
        let frames = vec![text(first.to_vec()).more(), more(second.to_vec())];
        add(&format!("kosme-in-fragments-after-{cut}"), vec![Step::Send(frames), whole()]);
    }
    let octets = KOSME.bytes().enumerate().map(|(n, octet)| match n {
        0 => text(vec![octet]).more(),
        _ => more(vec![octet]).more(),
    });
    add("kosme-octet-by-octet", vec![Step::Send(octets.chain([more("")]).collect()), whole()]);
    add("kosme-cut-every-1", vec![Step::Chop(1, vec![text(KOSME)]), whole()]);
    let smile = "\u{1f600}".as_bytes();
    let frames = vec![text(smile[..2].to_vec()).more(), ping("p"), more(smile[2..].to_vec())];
    let answers = vec![echo(Kind::Text, smile.to_vec()), super::super::script::Answer::Pong("p".into())];
    add("ping-inside-a-character", vec![Step::Send(frames), Step::Answers(answers)]);
    cases.push(Case::new(
        "utf8/binary-need-not-be",
        Clause::Binary,
        echoed(binary(b"\xff\xc0\x80\xed\xa0\x80")),
    ));
    cases
}

/// What is not UTF-8, and why.
const BAD: [(&str, &[u8]); 28] = [
    ("continuation-alone", b"\x80"),
    ("last-continuation-alone", b"\xbf"),
    ("continuation-after-text", b"hello\x80"),
    ("overlong-nul", b"\xc0\x80"),
    ("overlong-slash-2", b"\xc0\xaf"),
    ("overlong-slash-3", b"\xe0\x80\xaf"),
    ("overlong-slash-4", b"\xf0\x80\x80\xaf"),
    ("overlong-last-2", b"\xc1\xbf"),
    ("overlong-last-3", b"\xe0\x9f\xbf"),
    ("overlong-last-4", b"\xf0\x8f\xbf\xbf"),
    ("surrogate-d800", b"\xed\xa0\x80"),
    ("surrogate-dbff", b"\xed\xaf\xbf"),
    ("surrogate-dc00", b"\xed\xb0\x80"),
    ("surrogate-dfff", b"\xed\xbf\xbf"),
    ("surrogate-pair", b"\xed\xa0\x80\xed\xb0\x80"),
    ("beyond-10ffff", b"\xf4\x90\x80\x80"),
    ("octet-f5", b"\xf5\x80\x80\x80"),
    ("five-octets", b"\xf8\x88\x80\x80\x80"),
    ("six-octets", b"\xfc\x84\x80\x80\x80\x80"),
    ("octet-fe", b"\xfe"),
    ("octet-ff", b"\xff"),
    ("ends-in-2", b"\xc3"),
    ("ends-in-3", b"hello\xe1\x80"),
    ("ends-in-4", b"\xf0\x9f\x98"),
    ("broken-off-2", b"\xc3A"),
    ("broken-off-3", b"\xe1\x80A"),
    ("broken-off-4", b"\xf0\x9f\x98A"),
    ("latin-1", b"caf\xe9 au lait"),
];

fn bad() -> Vec<Case> {
    let mut cases = Vec::new();
    let code = CloseCode::INVALID_PAYLOAD;
    for (name, octets) in BAD {
        let steps = refused(vec![text(octets.to_vec())], code);
        cases.push(Case::new(format!("utf8/bad-{name}"), Clause::BadText, steps));
    }
    let mut add = |id: &str, steps| cases.push(Case::new(format!("utf8/bad-{id}"), Clause::BadText, steps));
    add("in-second-fragment", refused(vec![text("hello ").more(), more(b"\xff")], code));
    add("across-fragments", refused(vec![text(b"\xed").more(), more(b"\xa0\x80")], code));
    add("character-without-end", refused(vec![text(b"\xe2\x82").more(), more("")], code));
    add("cut-every-1", vec![Step::Chop(1, vec![text(b"hello\xff!")]), Step::Fails(Fails::with(&[code.0]))]);
    let fails = Fails::with(&[code.0]).after(vec![echo(Kind::Text, "good")]);
    add("after-good-text", vec![Step::Send(vec![text("good"), text(b"\xc0\x80")]), Step::Fails(fails)]);
    cases
}

/// The bad octet is there before its message is: a server that looks at octets as they come fails at once.
fn early() -> Vec<Case> {
    let fails = || Fails::with(&[CloseCode::INVALID_PAYLOAD.0]);
    let mut cases = Vec::new();
    for (name, octets) in [
        ("octet-ff", b"hello \xff".to_vec()),
        ("surrogate", b"\xed\xa0".to_vec()),
        ("beyond", b"\xf4\x90".to_vec()),
    ] {
        let steps = vec![
            Step::Send(vec![text(octets.clone()).more()]),
            Step::FailsAtOnce(fails()),
            Step::Send(vec![more("the rest")]),
            Step::Fails(fails()),
        ];
        cases.push(Case::new(format!("utf8/at-once-{name}-in-a-fragment"), Clause::BadText, steps));
        let at = octets.len();
        let steps = vec![
            Step::Begin(text([&octets[..], b"the rest"].concat()), at),
            Step::FailsAtOnce(fails()),
            Step::Rest,
            Step::Fails(fails()),
        ];
        cases.push(Case::new(format!("utf8/at-once-{name}-in-a-frame"), Clause::BadText, steps));
    }
    cases
}
