//! Routers on the path between the two hosts, as RFC 1812 has them forward IPv4: pure, all of the path in
//! one step.
//!
//! Every link of the path is a /24 network of its own. Routers forward by the address alone: no options
//! are acted on (nothing is written into record route, source routes are not followed), no ICMP redirects
//! are sent, sources are not verified, multicast and IPv6 are not routed.
//!
//! What a router itself sends (the `reply` of a [`Verdict`], or an ICMP error that the wire's MTU calls
//! for) is made ready to arrive: its TTL is what is left after the routers on its way, its link-layer
//! addresses are those of its last link. [`Path::meet`] knows such frames by their source address, which
//! is a router's, and lets them pass as they are.

mod fuzz;

#[doc(hidden)]
pub use fuzz::fuzz_router;

use crate::model::{ArpOperation, Direction, Rule};
use crate::stack::checksum;
use crate::stack::l2_link::arp;
use crate::stack::l2_link::ethernet::{self, Frame, ethertype, is_group};
use crate::stack::l3_internet::icmp::{self, Origin};
use crate::stack::l3_internet::{ipv4, protocol};
use crate::stack::octets::be16;
use std::net::Ipv4Addr;

/// The TTL with which a router sends (RFC 1700).
const TTL: u8 = 64;

/// The codes of destination unreachable that routers here give (RFC 1812 s5.2.7.1, RFC 1122 s3.2.2.1).
mod code {
    pub(super) const NET: u8 = 0;
    pub(super) const HOST: u8 = 1;
    pub(super) const PORT: u8 = 3;
}

/// A router: one link-layer address for both of its links, an IPv4 address on each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Its link-layer address, on both links.
    pub mac: [u8; 6],
    /// Its IPv4 address on the client's side.
    pub toward_client: Ipv4Addr,
    /// Its IPv4 address on the server's side.
    pub toward_server: Ipv4Addr,
}

/// A host at an end of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// Its link-layer address.
    pub mac: [u8; 6],
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
}

/// The routers between two hosts, one or more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// By [`Direction::index`] of what each receives: the server first.
    far: [End; 2],
    hops: Vec<Hop>,
}

/// What became of a frame on the path.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Every router passed it on: in place, it is now as the last one sends it.
    Forwarded,
    /// It ended at a router.
    Ended {
        /// Where and why: [`Rule::TtlExceeded`], or [`Rule::ForRouter`] for all else.
        by: Rule,
        /// What that router answers: a whole frame, as it reaches the sender.
        reply: Option<Vec<u8>>,
    },
}

impl Path {
    /// The path with these routers, counted from the client. `None` without any, or with more than 255.
    pub fn new(client: End, server: End, hops: Vec<Hop>) -> Option<Path> {
        (1..=usize::from(u8::MAX)).contains(&hops.len()).then_some(Path { far: [server, client], hops })
    }

    /// Takes a frame from its sender's link over every router to the far host's link.
    ///
    /// Forwarded in place: the TTL less the number of routers, the header checksum updated for that alone
    /// (RFC 1624), from the last router's link-layer address to the far host's. A frame from a router's
    /// link-layer address is what a router sent and passes unchanged.
    ///
    /// It ends at router `hop`, which may answer:
    /// - no TTL was left there (RFC 1812 s5.3.1): ICMP time exceeded;
    /// - an ARP request for the gateway's address: an ARP reply;
    /// - an echo request to one of its addresses: an echo reply; a UDP datagram to one: ICMP port
    ///   unreachable (no port is open); all else for the router itself: nothing;
    /// - for an address of a link ahead that nobody has: ICMP host unreachable from the router on that
    ///   link; for one of no link: ICMP network unreachable from the first router; for one of the sender's
    ///   own link, where it was no router's business: nothing;
    /// - not IPv4, not for the router's link-layer address, to a group or from one, an unsound IPv4 header
    ///   (RFC 1812 s5.2.2): dropped without a word.
    ///
    /// An ICMP error is sent only where RFC 1122 s3.2.2 lets it be, and where its way back leads to the
    /// sender: to the host's own address.
    pub fn meet(&self, direction: Direction, frame: &mut [u8]) -> Verdict {
        let way = Way { path: self, direction };
        let Ok(ethernet) = Frame::new(frame) else { return way.end(0, None) };
        if self.hops.iter().any(|hop| hop.mac == ethernet.source()) {
            return Verdict::Forwarded;
        }
        match way.route(&ethernet) {
            Route::End(verdict) => verdict,
            Route::Through => {
                way.forward(frame);
                Verdict::Forwarded
            }
        }
    }

    /// A frame that [`Path::meet`] forwarded in this direction, as the first router got it: TTL, checksum
    /// and link-layer addresses as they were when the host sent it. For an error that the first router
    /// sends about it. Frames that no host sent over the routers stay as they are.
    pub fn undo(&self, direction: Direction, frame: &mut [u8]) {
        let way = Way { path: self, direction };
        let last = way.hop(self.hops.len() - 1);
        let forwarded = Frame::new(frame).is_ok_and(|ethernet| {
            ethernet.source() == last.mac
                && ethernet.destination() == way.far().mac
                && ethernet.ethertype() == ethertype::IPV4
                && ipv4::Packet::new(ethernet.payload()).is_ok_and(|p| p.source() == way.near().ipv4)
        });
        if forwarded {
            let ttl = frame[ethernet::HEADER_LEN + ipv4::at::TTL];
            set_ttl(frame, ttl.wrapping_add(self.hops.len() as u8));
            address(frame, way.hop(0).mac, way.near().mac);
        }
    }
}

/// The path as one direction goes over it: position 0 is the router that the sender's link reaches.
#[derive(Clone, Copy)]
struct Way<'a> {
    path: &'a Path,
    direction: Direction,
}

enum Route {
    Through,
    End(Verdict),
}

impl Way<'_> {
    fn len(self) -> usize {
        self.path.hops.len()
    }

    /// The router at this position of the way.
    fn hop(self, position: usize) -> Hop {
        match self.direction {
            Direction::ToServer => self.path.hops[position],
            Direction::ToClient => self.path.hops[self.len() - 1 - position],
        }
    }

    /// Its number, from the client, 1 the first.
    fn number(self, position: usize) -> u8 {
        let index = match self.direction {
            Direction::ToServer => position,
            Direction::ToClient => self.len() - 1 - position,
        };
        index as u8 + 1
    }

    /// The host that the frame comes from.
    fn near(self) -> End {
        self.path.far[self.direction.other().index()]
    }

    /// The host at the other end.
    fn far(self) -> End {
        self.path.far[self.direction.index()]
    }

    /// The router's address on the side that the frame comes from.
    fn back(self, position: usize) -> Ipv4Addr {
        match self.direction {
            Direction::ToServer => self.hop(position).toward_client,
            Direction::ToClient => self.hop(position).toward_server,
        }
    }

    /// The router's address on the side that the frame goes to.
    fn ahead(self, position: usize) -> Ipv4Addr {
        match self.direction {
            Direction::ToServer => self.hop(position).toward_server,
            Direction::ToClient => self.hop(position).toward_client,
        }
    }

    /// Who sends a message back from this position: from `ipv4`, over the routers before it.
    fn origin(self, position: usize, ipv4: Ipv4Addr) -> Origin {
        Origin { ipv4, mac: self.hop(0).mac, ttl: TTL.saturating_sub(position as u8) }
    }

    fn end(self, position: usize, reply: Option<Vec<u8>>) -> Verdict {
        Verdict::Ended { by: Rule::ForRouter { hop: self.number(position) }, reply }
    }

    fn route(self, ethernet: &Frame<'_>) -> Route {
        let silently = || Route::End(self.end(0, None));
        if is_group(ethernet.source()) {
            return silently();
        }
        let mine = ethernet.destination() == self.hop(0).mac;
        match ethernet.ethertype() {
            ethertype::ARP if mine || is_group(ethernet.destination()) => {
                Route::End(self.end(0, self.arp(ethernet)))
            }
            ethertype::IPV4 if mine => match ipv4::Packet::new(ethernet.payload()) {
                Ok(packet) if packet.is_whole() && packet.checksum_good() => self.route_v4(ethernet, &packet),
                _ => silently(),
            },
            _ => silently(),
        }
    }

    fn arp(self, ethernet: &Frame<'_>) -> Option<Vec<u8>> {
        let packet = arp::Packet::new(ethernet.payload()).ok()?.ipv4_over_ethernet()?;
        let asked = packet.operation == ArpOperation::Request && packet.target_ip == self.back(0);
        asked.then(|| packet.reply(self.hop(0).mac).to_frame())
    }

    fn route_v4(self, ethernet: &Frame<'_>, packet: &ipv4::Packet<'_>) -> Route {
        let (source, destination) = (packet.source(), packet.destination());
        if !icmp::is_host(source) || !icmp::is_host(destination) {
            return Route::End(self.end(0, None));
        }
        // A TTL of 0 is no better than 1 (RFC 1812 s5.3.1).
        let expires = usize::from(packet.ttl().max(1)) - 1;
        let goal = self.goal(destination);
        if expires < self.passed(goal) {
            return self.expired(expires, ethernet);
        }
        let bytes = ethernet.bytes();
        let (position, reply) = match goal {
            Goal::Far => return Route::Through,
            Goal::Router { position } => {
                let origin = self.origin(position, destination);
                let reply = match packet.protocol() {
                    protocol::ICMP => icmp::echo_reply(origin, bytes),
                    protocol::UDP => icmp::unreachable(origin, code::PORT, bytes),
                    _ => None,
                };
                (position, reply)
            }
            Goal::Nobody { position } if is_broadcast(destination) => (position, None),
            Goal::Nobody { position } => {
                let origin = self.origin(position, self.back(position));
                (position, icmp::unreachable(origin, code::HOST, bytes))
            }
            Goal::Elsewhere => (0, icmp::unreachable(self.origin(0, self.back(0)), code::NET, bytes)),
            Goal::Behind => (0, None),
        };
        // For any other source, the way back from here leads to somebody who sent nothing.
        Route::End(self.end(position, reply.filter(|_| source == self.near().ipv4)))
    }

    /// How many routers must find TTL left for a packet to get there. One that it is for does not look at
    /// its TTL (RFC 1812 s4.2.2.9).
    fn passed(self, goal: Goal) -> usize {
        match goal {
            Goal::Far => self.len(),
            // The router that looks for the host on its link has forwarded the packet already.
            Goal::Nobody { position } => position + 1,
            Goal::Router { position } => position,
            Goal::Elsewhere | Goal::Behind => 0,
        }
    }

    fn expired(self, position: usize, ethernet: &Frame<'_>) -> Route {
        let from_host = ipv4::Packet::new(ethernet.payload()).is_ok_and(|p| p.source() == self.near().ipv4);
        let origin = self.origin(position, self.back(position));
        let reply = if from_host { icmp::time_exceeded(origin, ethernet.bytes()) } else { None };
        Route::End(Verdict::Ended { by: Rule::TtlExceeded { hop: self.number(position) }, reply })
    }

    fn goal(self, destination: Ipv4Addr) -> Goal {
        if destination == self.far().ipv4 {
            return Goal::Far;
        }
        for position in 0..self.len() {
            if destination == self.back(position) || destination == self.ahead(position) {
                return Goal::Router { position };
            }
        }
        match (0..self.len()).find(|position| same_link(destination, self.ahead(*position))) {
            Some(position) => Goal::Nobody { position },
            None if same_link(destination, self.back(0)) => Goal::Behind,
            None => Goal::Elsewhere,
        }
    }

    fn forward(self, frame: &mut [u8]) {
        let ttl = frame[ethernet::HEADER_LEN + ipv4::at::TTL];
        set_ttl(frame, ttl - self.len() as u8);
        address(frame, self.far().mac, self.hop(self.len() - 1).mac);
    }
}

/// Where a packet wants to go.
#[derive(Clone, Copy)]
enum Goal {
    /// To the host at the other end.
    Far,
    /// To the router at this position.
    Router { position: usize },
    /// To an address that nobody has, on the link after the router at this position.
    Nobody { position: usize },
    /// Back to the link that it came from.
    Behind,
    /// To an address of no link of the path.
    Elsewhere,
}

/// Whether two addresses are of one /24 network.
fn same_link(a: Ipv4Addr, b: Ipv4Addr) -> bool {
    a.octets()[..3] == b.octets()[..3]
}

/// Whether an address means every host of its /24 network (RFC 1122 s3.2.1.3), the old form with zeros
/// included. Routers do not pass such packets on to the link (RFC 2644), nor speak of them.
fn is_broadcast(address: Ipv4Addr) -> bool {
    matches!(address.octets()[3], 0 | 255)
}

/// Writes a TTL and updates the header checksum for it.
fn set_ttl(frame: &mut [u8], ttl: u8) {
    let packet = &mut frame[ethernet::HEADER_LEN..];
    // The checksum sums TTL and protocol as one word.
    let old = be16(packet, ipv4::at::TTL);
    packet[ipv4::at::TTL] = ttl;
    let new = be16(packet, ipv4::at::TTL);
    let checksum = checksum::update(be16(packet, ipv4::at::CHECKSUM), old, new);
    packet[ipv4::at::CHECKSUM..ipv4::at::CHECKSUM + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn address(frame: &mut [u8], destination: [u8; 6], source: [u8; 6]) {
    frame[ethernet::at::DESTINATION..ethernet::at::DESTINATION + 6].copy_from_slice(&destination);
    frame[ethernet::at::SOURCE..ethernet::at::SOURCE + 6].copy_from_slice(&source);
}

#[cfg(test)]
mod tests;
