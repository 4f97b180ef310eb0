//! The closing handshake: codes, reasons, what follows a Close, and the end of TCP (RFC 6455 s5.5.1, s7).

use super::super::super::close::CloseCode;
use super::super::super::message::Kind;
use super::super::script::{Case, Fails, Frame, Octets, Step, close, close_body, echo, ping, text};
use crate::model::conformance::{Clause, Verdict};

pub(super) fn cases() -> Vec<Case> {
    [codes(), bodies(), after(), ends()].concat()
}

/// A Close comes, with the same code: a server "typically echos" it (s5.5.1).
fn answered(code: Option<u16>) -> Step {
    Step::Closes { codes: vec![code], before: Vec::new(), otherwise: Verdict::NonStrict }
}

fn codes() -> Vec<Case> {
    let mut cases = Vec::new();
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    {
        let steps = vec![Step::Send(vec![close(code, b"")]), answered(Some(code))];
        cases.push(Case::new(format!("close/code-{code}"), Clause::Close, steps));
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        // Who may not send them is said; what a receiver does is not. To send one back is a sender's fault.
        let fails = Fails::with(&[CloseCode::PROTOCOL_ERROR.0]).unfenced();
        let steps = vec![Step::Send(vec![close(code, b"")]), Step::Fails(fails)];
        cases.push(Case::new(format!("close/bad-code-{code}"), Clause::CloseCode, steps));
    }
    cases
}

fn bodies() -> Vec<Case> {
    let mut cases = Vec::new();
    // An empty body may be answered with one, or with 1000.
    let steps = vec![
        Step::Send(vec![close_body("")]),
        Step::Closes { codes: vec![None, Some(1000)], before: Vec::new(), otherwise: Verdict::NonStrict },
    ];
    cases.push(Case::new("close/empty-body", Clause::Close, steps));
    for (name, reason) in [
        ("short", "done".to_owned()),
        ("123-octets", "r".repeat(123)),
        ("two-octet-characters", "\u{e9}".repeat(61)),
        ("four-octet-characters", "\u{1f44b}".repeat(30)),
    ] {
        let steps = vec![Step::Send(vec![close(1000, reason.as_bytes())]), answered(Some(1000))];
        cases.push(Case::new(format!("close/reason-{name}"), Clause::Close, steps));
    }
    let steps = vec![Step::Chop(1, vec![close(1000, b"done")]), answered(Some(1000))];
    cases.push(Case::new("close/cut-every-1", Clause::Close, steps));
    let mut bad = |id: &str, clause, frame: Frame, codes: &[u16]| {
        let steps = vec![Step::Send(vec![frame]), Step::Fails(Fails::with(codes).unfenced())];
        cases.push(Case::new(format!("close/{id}"), clause, steps));
    };
    bad("body-of-1-octet", Clause::CloseBody, close_body(b"\x03"), &[1002]);
    bad("bad-reason-octet-ff", Clause::CloseReason, close(1000, b"bye\xff"), &[1007, 1002]);
    bad("bad-reason-surrogate", Clause::CloseReason, close(1000, b"\xed\xa0\x80"), &[1007, 1002]);
    bad("bad-reason-ends-in-a-character", Clause::CloseReason, close(1000, b"bye\xe2\x82"), &[1007, 1002]);
    cases
}

fn after() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, frames: Vec<Frame>| {
        let steps = vec![Step::Send(frames), answered(Some(1000)), Step::Ends];
        cases.push(Case::new(format!("close/then-{id}"), Clause::AfterClose, steps));
    };
    add("text", vec![close(1000, b""), text("too late")]);
    add("ping", vec![close(1000, b""), ping("too late")]);
    add("close", vec![close(1000, b""), close(1001, b"again")]);
    add("begun-text", vec![close(1000, b""), text("too late").more()]);
    add("bad-frame", vec![close(1000, b""), text("too late").rsv(7)]);
    add("64-kib", vec![close(1000, b""), text(Octets::Letters(65_536))]);
    // What came before the Close was sent while the connection was open.
    for (id, split) in [("in-one-write", false), ("in-two-writes", true)] {
        let frames = [text("in time"), close(1000, b"")];
        let mut steps: Vec<Step> = match split {
            false => vec![Step::Send(frames.to_vec())],
            true => frames.map(|frame| Step::Send(vec![frame])).to_vec(),
        };
        let before = vec![echo(Kind::Text, "in time")];
        steps.push(Step::Closes { codes: vec![Some(1000)], before, otherwise: Verdict::NonStrict });
        cases.push(Case::new(format!("close/after-text-{id}"), Clause::Close, steps));
    }
    cases
}

fn ends() -> Vec<Case> {
    let any = |code: u16| Fails { codes: vec![code], bare: true, ..Fails::with(&[]) };
    let fault = vec![Step::Send(vec![text("hello").rsv(7)]), Step::Fails(any(1002)), Step::Ends];
    let bad_text = vec![Step::Send(vec![text(b"\xff")]), Step::Fails(any(1007)), Step::Ends];
    vec![
        Case::new(
            "close/server-ends-tcp",
            Clause::EndOfTcp,
            vec![Step::Send(vec![close(1000, b"")]), answered(Some(1000)), Step::Ends],
        ),
        Case::new("close/server-ends-tcp-after-a-bad-frame", Clause::EndAfterFault, fault),
        Case::new("close/server-ends-tcp-after-bad-text", Clause::EndAfterFault, bad_text),
        Case::new("close/client-ends-tcp", Clause::ClientGone, vec![Step::Finish, Step::Ends]),
        Case::new(
            "close/client-ends-tcp-inside-a-frame",
            Clause::ClientGone,
            vec![Step::Begin(text("hello"), 2), Step::Finish, Step::Ends],
        ),
        Case::new(
            "close/client-ends-tcp-inside-a-message",
            Clause::ClientGone,
            vec![Step::Send(vec![text("hel").more()]), Step::Finish, Step::Ends],
        ),
    ]
}
