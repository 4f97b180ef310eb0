//! Which frames a call's result is explained by: those of its own connection, in the order in which they arrived.

use super::{Landmark, Memory, Sighting, Socket};
use crate::model::{FrameId, Side, Time};
use std::collections::HashSet;

impl Memory {
    /// What was seen of the conversation of `socket`, leaving from `since` on, in either direction; each behind the port at
    /// `side`. Without the peer's address there is nothing.
    fn of_conversation(
        &self,
        side: Side,
        socket: Socket,
        since: Time,
    ) -> impl Iterator<Item = (u16, &Sighting)> {
        let known = socket.peer.map(|peer| (peer.port(), self.own_port(side, socket)));
        self.landmarks.iter().filter_map(move |m| {
            let (peer, own) = known.as_ref()?;
            let (mine, theirs) = m.ports_of(side);
            (theirs == *peer && own.may_be(mine) && m.at >= since).then_some((mine, m))
        })
    }

    /// The frames of the kind that reached `side` at `now` or before, but did not leave before `since`, in the conversation
    /// of `socket`, in the order of their arrival; each behind the port at this side. A frame that the ledger lost is none.
    fn reaching(
        &self,
        side: Side,
        socket: Socket,
        (since, now): (Time, Time),
        which: impl Fn(Landmark) -> bool,
    ) -> Vec<(u16, &Sighting)> {
        let came = |m: &Sighting| which(m.what) && m.direction.to() == side && self.has_arrived(m, now);
        let mut found: Vec<_> = self.of_conversation(side, socket, since).filter(|(_, m)| came(m)).collect();
        found.sort_by_key(|(_, m)| self.arrived(m.frame));
        found
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

    /// The frame that this ICMP error quotes.
    pub(in super::super) fn quoted(&self, icmp: FrameId) -> Option<FrameId> {
        self.landmarks.iter().find(|m| m.frame == icmp)?.about
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
        let of_side = |m: &Sighting| m.what == what && m.direction.from() == side;
        let sent = self.of_conversation(side, socket, since).filter(|(_, m)| of_side(m));
        sent.map(|(port, m)| (port, m.frame)).collect()
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
