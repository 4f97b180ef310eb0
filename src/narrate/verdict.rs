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
