//! The table of cases, a file a group of them.

mod close;
mod control;
mod deflate;
mod framing;
mod handshake;
mod sizes;
mod utf8;

use super::script::{Case, binary, echoed, text};
use crate::model::conformance::Clause;

/// Every case, in the order in which they are told. Messages are of at most `max` octets.
pub fn cases(max: usize) -> Vec<Case> {
    [
        handshake::cases(),
        framing::cases(),
        control::cases(),
        utf8::cases(),
        close::cases(),
        sizes::cases(max),
        deflate::cases(),
    ]
    .concat()
}

/// What shows whether a server echoes text, whether it echoes binary messages, and whether it agrees to
/// permessage-deflate.
pub fn probes() -> [Case; 3] {
    let probe = |id: &str, steps| Case::new(format!("probe/{id}"), Clause::Fragments, steps);
    [
        probe("text", echoed(text("does this come back?"))),
        probe("binary", echoed(binary(b"and this?"))),
        probe("deflate", Vec::new()).offering("permessage-deflate; client_max_window_bits"),
    ]
}

/// The groups, in order: the part of a case's name before the slash.
pub fn groups(cases: &[Case]) -> Vec<&str> {
    let mut groups: Vec<&str> = cases.iter().filter_map(|case| case.id.split('/').next()).collect();
    groups.dedup();
    groups
}
