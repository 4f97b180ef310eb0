//! permessage-deflate (RFC 7692): what is agreed on, and the messages after that.

use super::super::super::message::Kind;
use super::super::script::{
    Answer, Case, Fails, Frame, Octets, Opening, Step, binary, close, data, deflated, echo, more, ping, text,
};
use crate::model::conformance::{Clause, Need, Verdict};

/// What is offered where the case is not about the offer.
const OFFER: &str = "permessage-deflate; client_max_window_bits";
/// RSV1.
const RSV1: u8 = 4;
/// "Hello" as RFC 7692 s7.2.3.1 compresses it.
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

pub(super) fn cases() -> Vec<Case> {
    [offers(), declined(), messages(), contexts(), bad()].concat()
}

fn compressed(kind: Kind, message: &[u8]) -> Frame {
    data(kind, deflated(message, 6)).rsv(RSV1)
}

fn hello() -> Answer {
    echo(Kind::Text, "Hello")
}

/// Letters that repeat nothing within 4 KiB that a window of 9 bits could refer to.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let letters = (0..len).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'!' + (state >> 24) as u8 % 90
    });
    letters.collect()
}

/// The offer is accepted or declined; where it is accepted, a compressed message comes back.
fn offers() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: String, clause, params: &str| {
        let steps = vec![
            Step::Send(vec![compressed(Kind::Text, b"Hello, Hello, Hello, and once more: Hello")]),
            Step::Answers(vec![echo(Kind::Text, "Hello, Hello, Hello, and once more: Hello")]),
        ];
        let case = Case::new(format!("deflate/offer-{id}"), clause, steps).opening(Opening::Agreement);
        cases.push(case.needs(Need::Deflate).offering(format!("permessage-deflate{params}")));
    };
    add("plain".into(), Clause::Extension, "");
    add("server-no-context-takeover".into(), Clause::ServerTakeover, "; server_no_context_takeover");
    add("client-no-context-takeover".into(), Clause::ClientTakeover, "; client_no_context_takeover");
    let both = "; client_no_context_takeover; server_no_context_takeover";
    add("no-context-takeover".into(), Clause::ServerTakeover, both);
    add("client-max-window-bits".into(), Clause::ClientWindow, "; client_max_window_bits");
    for bits in 8..=15 {
        let params = format!("; client_max_window_bits={bits}");
        add(format!("client-max-window-bits-{bits}"), Clause::ClientWindow, &params);
        let params = format!("; server_max_window_bits={bits}");
        add(format!("server-max-window-bits-{bits}"), Clause::ServerWindow, &params);
    }
    add("quoted-value".into(), Clause::ServerWindow, "; server_max_window_bits=\"10\"");
    let everything = "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11";
    add("everything".into(), Clause::ServerWindow, everything);
    let fallback = [
        ("unknown-extension-first", "x-layerlab-unknown; a=b, permessage-deflate"),
        ("unknown-parameter-first", "permessage-deflate; x_unknown=1, permessage-deflate"),
        ("bad-value-first", "permessage-deflate; server_max_window_bits=7, permessage-deflate"),
        ("two-good-ones", "permessage-deflate; client_max_window_bits=10, permessage-deflate"),
    ];
    for (id, offer) in fallback {
        let steps = vec![Step::Send(vec![compressed(Kind::Text, b"Hello")]), Step::Answers(vec![hello()])];
        let case = Case::new(format!("deflate/offer-{id}"), Clause::DeflateFallback, steps);
        cases.push(case.opening(Opening::Agreement).needs(Need::Deflate).offering(offer));
    }
    cases
}

/// Offers that must be declined, and lists that are none.
fn declined() -> Vec<Case> {
    let params = [
        ("unknown-parameter", "x_unknown"),
        ("unknown-parameter-with-a-value", "x_unknown=1"),
        ("parameter-twice", "server_no_context_takeover; server_no_context_takeover"),
        ("window-twice", "client_max_window_bits=10; client_max_window_bits=11"),
        ("takeover-with-a-value", "server_no_context_takeover=1"),
        ("client-takeover-with-a-value", "client_no_context_takeover=true"),
        ("server-window-without-a-value", "server_max_window_bits"),
        ("server-window-0", "server_max_window_bits=0"),
        ("server-window-7", "server_max_window_bits=7"),
        ("server-window-16", "server_max_window_bits=16"),
        ("server-window-010", "server_max_window_bits=010"),
        ("server-window-of-letters", "server_max_window_bits=ten"),
        ("client-window-7", "client_max_window_bits=7"),
        ("client-window-16", "client_max_window_bits=16"),
        ("client-window-09", "client_max_window_bits=09"),
    ];
    let mut cases = Vec::new();
    for (id, params) in params {
        let case = Case::new(format!("deflate/declined-{id}"), Clause::DeflateOffer, Vec::new());
        let case = case.opening(Opening::NoExtension).needs(Need::Deflate);
        cases.push(case.offering(format!("permessage-deflate; {params}")));
    }
    for (id, list) in [
        ("parameter-without-a-name", "permessage-deflate; =10"),
        ("open-quote", "permessage-deflate; server_max_window_bits=\"10"),
        ("name-with-a-blank", "permessage deflate"),
    ] {
        let case = Case::new(format!("deflate/malformed-{id}"), Clause::ExtensionGrammar, Vec::new());
        let refusal = Opening::Refusal { statuses: &[400], version: false, plain: false };
        cases.push(case.opening(refusal).offering(list));
    }
    cases
}

/// A case with compression agreed on.
fn agreed(id: &str, clause: Clause, steps: Vec<Step>) -> Case {
    Case::new(format!("deflate/{id}"), clause, steps).needs(Need::Deflate).offering(OFFER)
}

fn messages() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, clause, frames: Vec<Frame>, answers: Vec<Answer>| {
        cases.push(agreed(id, clause, vec![Step::Send(frames), Step::Answers(answers)]));
    };
    let rfc = |payload: &[u8]| text(payload.to_vec()).rsv(RSV1);
    add("text", Clause::Inflate, vec![rfc(HELLO)], vec![hello()]);
    add(
        "binary",
        Clause::Inflate,
        vec![compressed(Kind::Binary, b"\0\xff\0")],
        vec![echo(Kind::Binary, b"\0\xff\0")],
    );
    add("uncompressed", Clause::Uncompressed, vec![text("Hello")], vec![hello()]);
    add(
        "one-and-the-other",
        Clause::Uncompressed,
        vec![rfc(HELLO), text("Hello"), rfc(HELLO)],
        vec![hello(), hello(), hello()],
    );
    add("empty", Clause::EmptyCompressed, vec![rfc(b"\0")], vec![echo(Kind::Text, "")]);
    add("empty-uncompressed", Clause::Uncompressed, vec![text("")], vec![echo(Kind::Text, "")]);
    // The RFC's own examples.
    add(
        "stored-block",
        Clause::Blocks,
        vec![rfc(b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00")],
        vec![hello()],
    );
    add(
        "two-blocks",
        Clause::Blocks,
        vec![rfc(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")],
        vec![hello()],
    );
    add("final-block", Clause::FinalBlock, vec![rfc(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")], vec![hello()]);
    let after_final = vec![rfc(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), rfc(HELLO)];
    add("after-a-final-block", Clause::FinalBlock, after_final, vec![hello(), hello()]);
    let long = Octets::Letters(65_536);
    for (name, level) in [("best", 9), ("fast", 1), ("stored", 0)] {
        let frame = text(deflated(&long.get(), level)).rsv(RSV1);
        add(&format!("64-kib-{name}"), Clause::Blocks, vec![frame], vec![echo(Kind::Text, long.clone())]);
    }
    let incompressible = noise(4096);
    let frame = compressed(Kind::Binary, &incompressible);
    add("incompressible", Clause::Inflate, vec![frame], vec![echo(Kind::Binary, incompressible)]);
    let split = |at: usize| vec![rfc(&HELLO[..at]).more(), more(HELLO[at..].to_vec())];
    for at in [0, 1, 3, HELLO.len()] {
        add(&format!("fragments-after-{at}"), Clause::CompressedFragments, split(at), vec![hello()]);
    }
    let each = HELLO.iter().enumerate().map(|(n, octet)| match n {
        0 => rfc(&[*octet]).more(),
        _ => more(vec![*octet]).more(),
    });
    add("fragments-of-1", Clause::CompressedFragments, each.chain([more("")]).collect(), vec![hello()]);
    let [first, second] = [split(3)[0].clone(), split(3)[1].clone()];
    let between = vec![first, ping("p"), second];
    add("ping-between", Clause::CompressedFragments, between, vec![Answer::Pong("p".into()), hello()]);
    let hundred = (0..100).map(|_| rfc(HELLO)).collect();
    add("100-messages", Clause::Inflate, hundred, (0..100).map(|_| hello()).collect());
    let steps = vec![Step::Chop(1, vec![rfc(HELLO)]), Step::Answers(vec![hello()])];
    cases.push(agreed("cut-every-1", Clause::Inflate, steps));
    let zeros = vec![b'0'; 1 << 20];
    let frame = compressed(Kind::Text, &zeros);
    let steps = vec![Step::Send(vec![frame]), Step::AnswersOrLimit(vec![echo(Kind::Text, zeros)])];
    cases.push(agreed("1-mib-in-1-kib", Clause::Size, steps));
    cases
}

/// What each side may refer to.
fn contexts() -> Vec<Case> {
    let rfc = |payload: &[u8]| text(payload.to_vec()).rsv(RSV1);
    let mut cases = Vec::new();
    // The second message is nothing but a reference to the first (RFC 7692 s7.2.3.2).
    let frames = vec![rfc(HELLO), rfc(b"\xf2\x00\x11\x00\x00")];
    let steps = vec![Step::Send(frames.clone()), Step::Answers(vec![hello(), hello()])];
    cases.push(agreed("refers-to-the-message-before", Clause::Takeover, steps).needs(Need::ClientTakeover));
    let frames = vec![frames[0].clone(), ping("p"), text("Other"), frames[1].clone()];
    let answers = vec![hello(), Answer::Pong("p".into()), echo(Kind::Text, "Other"), hello()];
    let steps = vec![Step::Send(frames), Step::Answers(answers)];
    let id = "refers-past-an-uncompressed-message";
    cases.push(agreed(id, Clause::Takeover, steps).needs(Need::ClientTakeover));
    // What repeats at a distance that the window, or the context, does not reach: a server that refers to it all
    // the same sends what we cannot inflate.
    let noise = noise(2048);
    let twice = || {
        let frame = compressed(Kind::Text, &noise);
        let back = || echo(Kind::Text, noise.clone());
        vec![Step::Send(vec![frame.clone(), frame]), Step::Answers(vec![back(), back()])]
    };
    let mut kept = |id: &str, clause, params: &str| {
        let case = Case::new(format!("deflate/{id}"), clause, twice()).opening(Opening::Agreement);
        cases.push(case.needs(Need::Deflate).offering(format!("permessage-deflate; {params}")));
    };
    kept("server-forgets", Clause::ServerTakeover, "server_no_context_takeover");
    for bits in [8, 9, 10] {
        let params = format!("server_max_window_bits={bits}");
        kept(&format!("server-keeps-to-{bits}-bits"), Clause::ServerWindow, &params);
    }
    kept("both-forget", Clause::ClientTakeover, "client_no_context_takeover; server_no_context_takeover");
    cases
}

fn bad() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: &str, clause, frames: Vec<Frame>, fails: Fails| {
        cases.push(agreed(id, clause, vec![Step::Send(frames), Step::Fails(fails)]));
    };
    let protocol = || Fails::with(&[1002]);
    let rfc = |payload: &[u8]| text(payload.to_vec()).rsv(RSV1);
    let second = vec![rfc(&HELLO[..3]).more(), more(HELLO[3..].to_vec()).rsv(RSV1)];
    add("rsv1-on-a-continuation", Clause::Rsv1, second, protocol());
    let plain = vec![text("Hel").more(), more("lo").rsv(RSV1)];
    add("rsv1-on-a-continuation-alone", Clause::Rsv1, plain, protocol());
    add("rsv1-on-a-ping", Clause::Rsv1, vec![ping("p").rsv(RSV1)], protocol());
    add("rsv1-on-a-close", Clause::Rsv1, vec![close(1000, b"").rsv(RSV1)], protocol().unfenced());
    for bits in [1, 2, 5, 6] {
        let frames = vec![text(HELLO.to_vec()).rsv(bits)];
        add(&format!("reserved-{bits:03b}"), Clause::ReservedBits, frames, protocol());
    }
    // No code is prescribed.
    let data = || Fails::with(&[1007, 1002, 1003, 1011]);
    add("bad-block-type", Clause::BadDeflate, vec![rfc(b"\xff\xff\xff\xff")], data());
    add("bad-stored-length", Clause::BadDeflate, vec![rfc(b"\x00\x05\x00\x00\x00Hello")], data());
    add("reference-to-nothing", Clause::BadDeflate, vec![rfc(b"\xf2\x00\x11\x00\x00")], data());
    add("bad-binary", Clause::BadDeflate, vec![binary(b"\xff\xff\xff\xff").rsv(RSV1)], data());
    add("bad-text", Clause::BadText, vec![compressed(Kind::Text, b"caf\xe9 au lait")], Fails::with(&[1007]));
    let halves = deflated("\u{20ac}".repeat(40).as_bytes(), 0);
    let cut = vec![compressed(Kind::Text, &"\u{20ac}".as_bytes()[..2])];
    add("bad-text-ends-in-a-character", Clause::BadText, cut, Fails::with(&[1007]));
    let good = vec![rfc(&halves)];
    cases.push(agreed(
        "characters-of-three-octets",
        Clause::Text,
        vec![Step::Send(good), Step::Answers(vec![echo(Kind::Text, "\u{20ac}".repeat(40).as_str())])],
    ));
    // Agreed or not: without RSV1 the same octets are the message.
    let raw = Case::new(
        "deflate/without-rsv1-octets-are-as-they-are",
        Clause::Uncompressed,
        vec![
            Step::Send(vec![binary(HELLO.to_vec())]),
            Step::Answers(vec![echo(Kind::Binary, HELLO.to_vec())]),
        ],
    );
    cases.push(raw.needs(Need::Deflate).offering(OFFER));
    let fails = Fails::with(&[1002]).or(Verdict::Failed);
    let none = Case::new(
        "deflate/rsv1-without-agreement",
        Clause::ReservedBits,
        vec![Step::Send(vec![rfc(HELLO)]), Step::Fails(fails)],
    );
    cases.push(none);
    cases
}
