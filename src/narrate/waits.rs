//! What a narrator remembers of address resolution: what waited in a host's kernel until ARP, or IPv6's neighbor
//! discovery, was answered. Bounded.

use super::memory::{Memory, Recent};
use crate::model::{Arp, ArpOperation, FrameId, Neighbor, Seen, Side, Time};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Answers, datagrams under way to the wire, and requests for one address that are remembered.
const ANSWERS: usize = 64;
const DATAGRAMS: usize = 256;
const REQUESTS: usize = 16;

/// Shorter waits of a datagram are not told: nobody sees them in the times.
pub(super) const WORTH_TELLING: Duration = Duration::from_millis(5);

/// An address that a host asked for, and the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answered {
    side: Side,
    ip: IpAddr,
    /// The requests.
    pub(super) asked: Vec<FrameId>,
    /// The answer.
    pub(super) answer: FrameId,
}

/// What asks for the MAC of this address.
pub(super) const fn question(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "ARP",
        IpAddr::V6(_) => "neighbor discovery",
    }
}

/// A datagram that a program gave to its kernel, and whose frame was not seen yet.
#[derive(Clone, Copy, Debug)]
struct Given {
    side: Side,
    to: SocketAddr,
    len: usize,
    at: Time,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Waits {
    /// Requests since the last answer, by the address asked for.
    asked: Recent<IpAddr, Vec<FrameId>>,
    answered: VecDeque<Answered>,
    given: VecDeque<Given>,
}

impl Waits {
    pub(super) fn new() -> Waits {
        Waits { asked: Recent::new(ANSWERS), answered: VecDeque::new(), given: VecDeque::new() }
    }

    /// Learns from a request of ARP or an answer.
    pub(super) fn arp(&mut self, seen: &Seen, arp: &Arp) {
        match arp.operation {
            ArpOperation::Request => self.asks(seen, IpAddr::V4(arp.target_ip)),
            ArpOperation::Reply => self.tells(seen, IpAddr::V4(arp.sender_ip)),
            ArpOperation::Other(_) => {}
        }
    }

    /// Learns from what IPv6 has in ARP's place, sent from this address. Who has none yet asks whether somebody else has the
    /// one it wants (RFC 4862 s5.4.2), and waits for nobody.
    pub(super) fn neighbor(&mut self, seen: &Seen, from: IpAddr, neighbor: Neighbor) {
        match neighbor {
            Neighbor::Asks(_) if from.is_unspecified() => {}
            Neighbor::Asks(target) => self.asks(seen, IpAddr::V6(target)),
            Neighbor::Tells(target) => self.tells(seen, IpAddr::V6(target)),
        }
    }

    fn asks(&mut self, seen: &Seen, ip: IpAddr) {
        let asked = self.asked.obtain(ip);
        if asked.len() < REQUESTS {
            asked.push(seen.id);
        }
    }

    fn tells(&mut self, seen: &Seen, ip: IpAddr) {
        let asked = std::mem::take(self.asked.obtain(ip));
        if !asked.is_empty() {
            let side = seen.direction.to();
            push(&mut self.answered, Answered { side, ip, asked, answer: seen.id }, ANSWERS);
        }
    }

    /// Requests for `ip` that nobody answered.
    pub(super) fn unanswered(&self, ip: IpAddr) -> &[FrameId] {
        self.asked.get(ip).map_or(&[], Vec::as_slice)
    }

    /// A program is about to give its kernel a datagram.
    pub(super) fn gives(&mut self, side: Side, to: SocketAddr, len: usize, at: Time) {
        push(&mut self.given, Given { side, to, len, at }, DATAGRAMS);
    }

    /// Its kernel did not take it.
    pub(super) fn refused(&mut self, side: Side, to: SocketAddr) {
        if let Some(last) = self.given.iter().rposition(|g| g.side == side && g.to == to) {
            self.given.remove(last);
        }
    }

    /// A datagram's frame was seen. To one address they leave in the order in which they were given, so those before it
    /// never will.
    pub(super) fn left(&mut self, side: Side, to: SocketAddr, len: usize) {
        if let Some(at) = self.given.iter().position(|g| g.is(side, to, len)) {
            let mut nth = 0..;
            self.given.retain(|g| nth.next() > Some(at) || g.side != side || g.to != to);
        }
    }

    /// What the kernel of `side` was told, between `since` and `until`, of the address that it sends packets for `to` to:
    /// `to` itself, or where there are routers the next of them.
    pub(super) fn answered(
        &self,
        memory: &Memory,
        side: Side,
        (to, routers): (IpAddr, bool),
        (since, until): (Time, Time),
    ) -> Option<(&Answered, Time)> {
        let fits = |a: &&Answered| a.side == side && (a.ip == to || routers);
        self.answered.iter().rev().filter(fits).find_map(|a| {
            let came = memory.arrived(a.answer).filter(|came| (since..=until).contains(came))?;
            Some((a, came))
        })
    }

    /// How long the datagram of this frame was in its sender's kernel, and the answer that ended that: it had been given before
    /// the answer came, and left right behind it (RFC 1122 s2.3.2.2; RFC 4861 s7.2.2).
    pub(super) fn held(
        &self,
        memory: &Memory,
        now: Time,
        side: Side,
        (to, len): (SocketAddr, usize),
        routers: bool,
    ) -> Option<(FrameId, Duration)> {
        let given = self.given.iter().find(|g| g.is(side, to, len))?.at;
        let (answered, came) = self.answered(memory, side, (to.ip(), routers), (given, now))?;
        let waited = now.since(given);
        (waited >= WORTH_TELLING && now.since(came) * 2 < waited).then_some((answered.answer, waited))
    }
}

impl Given {
    fn is(&self, side: Side, to: SocketAddr, len: usize) -> bool {
        (self.side, self.to, self.len) == (side, to, len)
    }
}

fn push<T>(list: &mut VecDeque<T>, one: T, limit: usize) {
    if list.len() == limit {
        list.pop_front();
    }
    list.push_back(one);
}
