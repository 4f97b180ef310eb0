//! What a run came to, in one sentence.

use super::sentence::{Doing, rule_words};
use super::text::count;
use crate::model::{Call, Errno, Outcome, Side, Unused};

/// A call that failed: whose, which, with what.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Whose program made it.
    pub side: Side,
    /// The call.
    pub call: Call,
    /// The error number, where the operating system gave one.
    pub errno: Option<Errno>,
}

/// How many of the messages came back; where not all did, what the calls and the ledger show: the first call
/// that failed, and what was dropped by what.
pub fn came_back(back: usize, asked: usize, failed: Option<&Failed>, outcome: &Outcome) -> String {
    let mut parts = vec![format!("{back} of {asked} messages came back")];
    if let Some(Failed { side, call, errno }) = failed {
        let name = errno.map_or("failed", |errno| errno.name);
        parts.push(format!("the {}'s {}() gave {name}", side.name(), call.name()));
    }
    for (rule, dropped) in outcome.dropped_by.iter().take(3) {
        let frames = count(dropped.iter().sum(), "frame");
        parts.push(format!("{frames} dropped: {}", rule_words(rule, Doing::Loss, true)));
    }
    parts.join("; ")
}

/// How a WebSocket ended for the client, where that was not what was asked for: why the handshake failed, or the code of
/// the server's Close (1006 for none) and whether both sides sent one.
pub fn websocket_ended(refused: Option<&str>, closed: Option<(u16, bool)>) -> String {
    match (refused, closed) {
        (Some(why), _) => format!("the handshake failed: {why}"),
        (None, Some((1006, _))) => "the connection ended without a Close of the server".to_owned(),
        (None, Some((code, true))) => format!("the server closed with {code}"),
        (None, Some((code, false))) => format!("the server closed with {code}, and the client said no Close"),
        (None, None) => "the connection was not closed in time".to_owned(),
    }
}

/// That a script of the wire named no frame: how many of the kind that it counts there were, and where all of them went the
/// other way, what to write instead.
pub fn unused(script: &Unused) -> String {
    let Unused { option, rule, kind, direction, seen, instead } = script;
    let name = if *kind == "frame" { "frame".to_owned() } else { format!("{kind} frame") };
    let of_kind = |n: u64| if n == 0 { format!("no {name}") } else { count(n, &name) };
    let why = match direction {
        Some(d) if seen[d.index()] == 0 && seen[d.other().index()] > 0 => {
            let there = seen[d.other().index()];
            format!("{} went to the {}; to the {} went {there}", of_kind(0), d.to().name(), d.from().name())
        }
        Some(d) if seen[d.index()] > 0 => {
            format!("only {} went to the {}", of_kind(seen[d.index()]), d.to().name())
        }
        None if seen[0] + seen[1] > 0 => format!("only {} crossed the wire", of_kind(seen[0] + seen[1])),
        _ => format!("{} crossed the wire", of_kind(0)),
    };
    let remedy = instead.as_ref().map(|rule| format!(": write --{option} '{rule}'")).unwrap_or_default();
    format!("--{option} '{rule}' touched no frame: {why}{remedy}")
}

/// Why messages did not come back: the server closed with 1009 (RFC 6455 s7.4.1), for it takes so many octets at most.
pub fn too_big(limit: u64) -> String {
    format!(
        "the server closed with 1009 (Message Too Big): it takes messages of at most {limit} octets; see --size"
    )
}

/// Compression was agreed on, and no message was long enough for it.
pub fn too_short_to_compress(from: usize) -> String {
    format!(
        "permessage-deflate was agreed on, but messages of fewer than {from} octets are sent as they are: see --size"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Direction, Rule};

    #[test]
    fn a_script_that_touched_nothing_is_told_with_what_there_was() {
        let script = |kind, direction, seen, instead: Option<&str>| {
            let rule = "tcp.synack#1".into();
            unused(&Unused {
                option: "drop",
                rule,
                kind,
                direction,
                seen,
                instead: instead.map(str::to_owned),
            })
        };
        let (server, client) = (Some(Direction::ToServer), Some(Direction::ToClient));
        let told = [
            script("tcp.synack", server, [0, 1], Some("to-client:tcp.synack#1")),
            script("tcp.data", server, [0, 1], None),
            script("tcp.data", client, [9, 2], None),
            script("frame", client, [9, 0], None),
            script("udp", None, [1, 1], None),
            script("udp", None, [0, 0], None),
        ];
        let all = told.map(|told| told.split_once("' touched no frame: ").unwrap().1.to_owned());
        assert_eq!(
            all,
            [
                "no tcp.synack frame went to the server; to the client went 1: write --drop 'to-client:tcp.synack#1'",
                "no tcp.data frame went to the server; to the client went 1",
                "only 2 tcp.data frames went to the client",
                "no frame went to the client; to the server went 9",
                "only 2 udp frames crossed the wire",
                "no udp frame crossed the wire",
            ]
        );
    }

    #[test]
    fn a_verdict_is_made_of_what_was_counted() {
        let failed = Failed {
            side: Side::Client,
            call: Call::RecvFrom { size: 9 },
            errno: Some(Errno { code: 11, name: "EAGAIN" }),
        };
        let outcome =
            Outcome { dropped_by: vec![(Rule::Script("udp#1".into()), [1, 0])], ..Outcome::default() };
        assert_eq!(
            came_back(0, 1, Some(&failed), &outcome),
            "0 of 1 messages came back; the client's recvfrom() gave EAGAIN; 1 frame dropped: script 'udp#1'"
        );
        assert_eq!(came_back(2, 3, None, &Outcome::default()), "2 of 3 messages came back");
    }
}
