//! Changes of the wire while it carries: at times that were said before, or on order.

use super::stage::Emitter;
use crate::model::{Time, WireSet};
use crate::wire::{Later, Patch, SpecError, Wire};
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender};

/// A change to be made now, or none, and where its outcome is told: the whole wire's words, or why not.
pub(super) struct Order {
    pub(super) patch: Option<Patch>,
    pub(super) reply: SyncSender<Result<String, SpecError>>,
}

/// What the pump has to change, and when.
pub(super) struct Rewire {
    later: VecDeque<Later>,
    /// Many segments cross as one frame, which a wire that moves frames apart would make untrue.
    superframes: bool,
    /// The hosts speak IPv6.
    ipv6: bool,
    orders: Receiver<Order>,
}

impl Rewire {
    /// With changes in any order, and the end through which more may come.
    pub(super) fn new(later: &[Later], superframes: bool, ipv6: bool) -> (Rewire, Sender<Order>) {
        let (sender, orders) = std::sync::mpsc::channel();
        let mut later: Vec<Later> = later.to_vec();
        later.sort_by_key(|later| later.at);
        (Rewire { later: later.into(), superframes, ipv6, orders }, sender)
    }

    /// When the next change is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.later.front().map(|later| Time::ZERO + later.at)
    }

    /// Makes the changes that are due, and tells of them.
    pub(super) fn make<P: Clone + AsMut<[u8]>>(&mut self, now: Time, wire: &mut Wire<P>, emitter: &Emitter) {
        while self.next().is_some_and(|at| at <= now)
            && let Some(Later { at, patch }) = self.later.pop_front()
        {
            // Tried before the run began, a hand may have changed the wire since: then it can't be made.
            let due = Time::ZERO + at;
            let made = self.set(wire, &patch, due);
            tell(emitter, now, &patch, made);
        }
        while let Ok(Order { patch, reply }) = self.orders.try_recv() {
            let made = match &patch {
                Some(patch) => self.set(wire, patch, now),
                None => Ok(wire.rules().asked().to_string()),
            };
            if let Some(patch) = &patch {
                tell(emitter, now, patch, made.clone());
            }
            // Whoever asked may have gone.
            let _ = reply.try_send(made);
        }
    }

    fn set<P: Clone + AsMut<[u8]>>(
        &self,
        wire: &mut Wire<P>,
        patch: &Patch,
        now: Time,
    ) -> Result<String, SpecError> {
        let wanted = wire.rules().asked().patched(patch, now)?;
        if self.superframes && !wanted.keeps_pace() {
            return Err(SpecError::Superframes);
        }
        if self.ipv6 {
            wanted.check_ipv6()?;
        }
        wire.rules_mut().set_all(&patch.changes(now))?;
        Ok(wanted.to_string())
    }
}

fn tell(emitter: &Emitter, now: Time, patch: &Patch, made: Result<String, SpecError>) {
    let (wire, refused) = match made {
        Ok(wire) => (wire, None),
        Err(why) => (String::new(), Some(why.to_string())),
    };
    emitter.wire_set(now, WireSet { words: patch.to_string(), wire, refused });
}
