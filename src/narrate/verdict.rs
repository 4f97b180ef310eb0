//! What a run came to, in one sentence.

use super::sentence::{Doing, rule_words};
use super::text::count;
use crate::model::{Call, Errno, Outcome, Side};

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
    use crate::model::Rule;

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
