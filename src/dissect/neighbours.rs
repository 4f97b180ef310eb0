//! Who asked for whose address, and was it answered: ARP's side of the story (RFC 826).

use super::recent::Recent;
use crate::model::{ArpOperation, FrameId};
use std::net::Ipv4Addr;

/// Pairs of asker and asked that are remembered.
const CAP: usize = 1024;

#[derive(Debug)]
struct Asked {
    last: FrameId,
    /// Requests since the last answer.
    unanswered: u32,
}

/// The requests that were seen.
#[derive(Debug)]
pub(super) struct Neighbours {
    /// By the asker's address and the address asked for.
    asked: Recent<(Ipv4Addr, Ipv4Addr), Asked>,
}

impl Neighbours {
    pub(super) fn new() -> Neighbours {
        Neighbours { asked: Recent::new(CAP) }
    }

    /// Takes an ARP packet; gives what it answers, and how many like it went unanswered before. `arrives` is false
    /// when it is known that the far host never gets it: an answer that was lost answers nothing.
    pub(super) fn see(
        &mut self,
        operation: ArpOperation,
        sender: Ipv4Addr,
        target: Ipv4Addr,
        id: FrameId,
        arrives: bool,
    ) -> (Option<FrameId>, u32) {
        match operation {
            // An announcement of one's own address (RFC 5227) asks nobody and waits for no answer.
            ArpOperation::Request if sender == target => (None, 0),
            ArpOperation::Request => {
                let asked =
                    self.asked.obtain((sender, target), |_| true, || Asked { last: id, unanswered: 0 });
                let repeat = asked.unanswered;
                *asked = Asked { last: id, unanswered: repeat.saturating_add(1) };
                (None, repeat)
            }
            ArpOperation::Reply => match self.asked.get_mut(&(target, sender)) {
                Some(asked) => {
                    if arrives {
                        asked.unanswered = 0;
                    }
                    (Some(asked.last), 0)
                }
                None => (None, 0),
            },
            ArpOperation::Other(_) => (None, 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_repeats() {
        let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let mut n = Neighbours::new();
        let mut see = |op, from, to, id, arrives| n.see(op, from, to, FrameId(id), arrives);
        use ArpOperation::{Reply, Request};
        assert_eq!(see(Reply, b, a, 1, true), (None, 0), "nobody had asked");
        assert_eq!(see(Request, a, b, 2, true), (None, 0));
        assert_eq!(see(Request, a, b, 3, true), (None, 1));
        assert_eq!(see(Request, b, a, 4, true), (None, 0), "another question");
        assert_eq!(see(Reply, b, a, 5, false), (Some(FrameId(3)), 0));
        assert_eq!(see(Request, a, b, 6, true), (None, 2), "the answer was lost");
        assert_eq!(see(Reply, b, a, 7, true), (Some(FrameId(6)), 0));
        assert_eq!(see(Request, a, b, 8, true), (None, 0));
        assert_eq!(see(Request, a, a, 9, true), (None, 0));
        assert_eq!(see(Request, a, a, 10, true), (None, 0));
    }
}
