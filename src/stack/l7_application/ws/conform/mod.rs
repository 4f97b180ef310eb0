//! Conformance of somebody else's server: what to send it, what must come, and where that is written. In the
//! spirit of Autobahn's fuzzing client, whose cases taught everybody.
//!
//! A [`Case`] is a row of data: a name, the rule that it tries, frames with every bit as one likes, and the steps
//! of a script. A [`Trial`] is one case under way. It is pure: it says what to write and is told what came, so a
//! test needs no socket, and the runner in `live` no knowledge of the protocol.
//!
//! Each case judges one thing. A server that computes its accept value wrong fails the cases about that value, and
//! no others: a finding is to lead to its cause.

mod cases;
mod ear;
mod opening;
mod record;
mod script;
mod trial;

pub use cases::{cases, groups, probes};
pub use script::Case;
pub use trial::{Ask, Patience, Target, Trial};

use crate::model::conformance::Need;

impl Case {
    /// What the case needs and this server lacks.
    pub fn lacks(&self, target: &Target) -> Option<Need> {
        let has = |need: &Need| match need {
            Need::TextEcho => target.text,
            Need::BinaryEcho => target.binary,
            Need::Deflate => target.deflate.is_some(),
            Need::ClientTakeover => target.deflate == Some(true),
        };
        self.needs.iter().copied().find(|need| !has(need))
    }
}

#[cfg(test)]
mod tests;
