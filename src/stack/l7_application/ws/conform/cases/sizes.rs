//! Large messages, many messages, many fragments. What is too much is the server's choice (RFC 6455 s10.4), so a
//! Close that says so is no fault.

use super::super::super::message::Kind;
use super::super::script::{Case, Frame, Octets, Step, binary, data, echo, more, text};
use crate::model::conformance::{Clause, Need};

/// A multiple of the alphabet's length, so that parts of letters make letters.
const PART: usize = 65_520;

pub(super) fn cases(max: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |id: String, need: Need, steps| {
        cases.push(Case::new(format!("sizes/{id}"), Clause::Size, steps).needs(need));
    };
    let back = |kind, len| Step::AnswersOrLimit(vec![echo(kind, Octets::Letters(len))]);
    let kinds = [("text", Kind::Text, Need::TextEcho), ("binary", Kind::Binary, Need::BinaryEcho)];
    for len in
        [64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20].into_iter().filter(|&len| len <= max)
    {
        for (name, kind, need) in kinds {
            let frame = data(kind, Octets::Letters(len));
            add(format!("{}-{name}", size(len)), need, vec![Step::Send(vec![frame]), back(kind, len)]);
        }
    }
    for parts in [16, 64, 256].into_iter().filter(|parts| parts * PART <= max) {
        let steps = vec![Step::Send(fragments(parts, PART)), back(Kind::Text, parts * PART)];
        add(format!("{parts}-fragments-of-{PART}"), Need::TextEcho, steps);
    }
    for (len, cut) in [(256 << 10, 1460), (1 << 20, 65_536)].into_iter().filter(|&(len, _)| len <= max) {
        let steps = vec![Step::Chop(cut, vec![binary(Octets::Letters(len))]), back(Kind::Binary, len)];
        add(format!("{}-cut-every-{cut}", size(len)), Need::BinaryEcho, steps);
    }
    for count in [1_000, 65_536] {
        let steps = vec![Step::Send(fragments(count, 1)), back(Kind::Text, count)];
        add(format!("{count}-fragments-of-1"), Need::TextEcho, steps);
    }
    for (count, len) in [(1_000, 16), (1_000, 1_024), (100, 16 << 10)] {
        let frames = (0..count).map(|_| text(Octets::Letters(len))).collect();
        let answers = (0..count).map(|_| echo(Kind::Text, Octets::Letters(len))).collect();
        let steps = vec![Step::Send(frames), Step::AnswersOrLimit(answers)];
        add(format!("{count}-messages-of-{len}"), Need::TextEcho, steps);
    }
    cases
}

fn size(len: usize) -> String {
    if len < 1 << 20 { format!("{}-kib", len >> 10) } else { format!("{}-mib", len >> 20) }
}

/// So many frames of letters that make one text.
fn fragments(count: usize, len: usize) -> Vec<Frame> {
    let part = |n: usize| match len {
        1 => Octets::Given(vec![b'a' + (n % 26) as u8]),
        _ => Octets::Letters(len),
    };
    let frames = (0..count).map(|n| {
        let frame = if n == 0 { text(part(n)) } else { more(part(n)) };
        if n + 1 == count { frame } else { frame.more() }
    });
    frames.collect()
}
