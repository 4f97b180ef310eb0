//! Which frames a call's result is explained by: those of its own connection, in the order in which they arrived.

use super::{Landmark, Memory, Sighting, Socket};
use crate::model::{FrameId, Side, Time};
use std::collections::HashSet;

impl Memory {
    /// The frames of the kind that reached `side` at `now` or before, but did not leave before `since`, in the conversation
    /// of `socket`, in the order of their arrival; each behind the port at this side. A frame that the ledger lost is
    /// none; without the peer's address there is none.
    fn reaching(
        &self,
        side: Side,
        socket: Socket,
        (since, now): (Time, Time),
        which: impl Fn(Landmark) -> bool,
    ) -> Vec<(u16, &Sighting)> {
        let Some(peer) = socket.peer else { return Vec::new() };
        let own = self.own_port(side, socket);
        let fits = |m: &&Sighting| {
            which(m.what)
                && m.direction.to() == side
                && m.source_port == peer.port()
                && own.may_be(m.destination_port)
                && m.at >= since
                && self.has_arrived(m, now)
        };
        let mut found: Vec<&Sighting> = self.landmarks.iter().filter(fits).collect();
        found.sort_by_key(|m| self.arrived(m.frame));
        found.into_iter().map(|m| (m.destination_port, m)).collect()
    }

    /// The first of them that arrived, which is the one that did what the kernel tells. More than one only where no call
    /// told the socket's own port, and connections of several began meanwhile: the first of each.
    pub(in super::super) fn first_reached(
        &self,
        side: Side,
        socket: Socket,
        between: (Time, Time),
        which: impl Fn(Landmark) -> bool,
    ) -> Vec<FrameId> {
        let mut ports = Vec::new();
        let mut found = self.reaching(side, socket, between, which);
        found.retain(|(port, _)| !ports.contains(port) && (ports.push(*port), true).1);
        found.into_iter().map(|(_, m)| m.frame).collect()
    }

    /// The last of them that arrived, where it is known to be about this socket: an error that comes again replaces the one
    /// before.
    pub(in super::super) fn last_reached(
        &self,
        side: Side,
        socket: Socket,
        between: (Time, Time),
        which: impl Fn(Landmark) -> bool,
    ) -> Option<(FrameId, Landmark)> {
        let found = self.reaching(side, socket, between, which);
        let (port, last) = found.last()?;
        found.iter().all(|(other, _)| other == port).then_some((last.frame, last.what))
    }

    pub(super) fn has_arrived(&self, mark: &Sighting, now: Time) -> bool {
        self.arrived(mark.frame).is_some_and(|at| at <= now)
    }

    /// The frames of the kind that `side` sent in the conversation of `socket`, from `since` on; each behind its port.
    pub(in super::super) fn sent(
        &self,
        side: Side,
        socket: Socket,
        since: Time,
        what: Landmark,
    ) -> Vec<(u16, FrameId)> {
        let Some(peer) = socket.peer else { return Vec::new() };
        let own = self.own_port(side, socket);
        let fits = |m: &&Sighting| {
            m.what == what
                && m.direction.from() == side
                && m.destination_port == peer.port()
                && own.may_be(m.source_port)
                && m.at >= since
        };
        self.landmarks.iter().filter(fits).map(|m| (m.source_port, m.frame)).collect()
    }

    pub(super) fn own_port(&self, side: Side, socket: Socket) -> OwnPort {
        let Some(local) = socket.local else {
            let others = self
                .sockets
                .iter()
                .filter(|((whose, _), other)| *whose == side && other.peer == socket.talks_to());
            return OwnPort::NoneOf(others.filter_map(|(_, other)| Some(other.local?.port())).collect());
        };
        OwnPort::Known(local.port())
    }
}

/// What is known of a socket's own port: a call told it, or it is none of those that other sockets to its peer have.
pub(super) enum OwnPort {
    Known(u16),
    NoneOf(HashSet<u16>),
}

impl OwnPort {
    pub(super) fn may_be(&self, port: u16) -> bool {
        match self {
            OwnPort::Known(own) => *own == port,
            OwnPort::NoneOf(others) => !others.contains(&port),
        }
    }
}
