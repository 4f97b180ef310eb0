//! What stands between the hosts beside the wire: routers, and the voice that says a packet is too big.

use crate::host::{Addressing, HostAddress, RouterAddress};
use crate::model::{Direction, Fate, Rule, TooBig};
use crate::stack::l3_internet::icmp;
use crate::stack::l3_internet::router::{self, End, Hop, Verdict};
use bytes::Bytes;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// See the module's page.
pub(super) struct Middle {
    path: Option<router::Path>,
    /// Who says that a packet is too big, by the direction of that packet.
    speakers: [Speaker; 2],
    /// The octets of the frame that waits for a swap, by direction, where somebody listens.
    pub(super) waiting: [Option<Bytes>; 2],
}

/// Whose address an ICMP error of the path carries.
#[derive(Clone, Copy)]
struct Speaker {
    ipv4: Ipv4Addr,
    ipv6: Ipv6Addr,
    mac: [u8; 6],
}

/// What a frame meets on its way, before the wire's own rules.
pub(super) enum Met {
    /// Nothing that stops it; routers have done their part to it.
    Passes,
    /// It ends at a router, which may answer.
    Ends(Rule, Option<Vec<u8>>),
}

impl Middle {
    /// The middle of a network with these addresses.
    pub(super) fn new(addressing: &Addressing) -> Middle {
        // With no router on the path the wire itself speaks, with an address of the hosts' network that
        // neither has: to a host it looks like a router one hop away.
        let wire = Speaker {
            ipv4: Ipv4Addr::new(10, 0, 0, 254),
            ipv6: Ipv6Addr::new(0xfd00, 0x6c61, 0x6221, 0, 0, 0, 0, 0xfe),
            mac: [2, 0, 0, 0, 1, 0],
        };
        let router = |router: &RouterAddress, toward: Direction| Speaker {
            ipv4: match toward {
                Direction::ToServer => router.toward_client,
                Direction::ToClient => router.toward_server,
            },
            mac: router.mac,
            ..wire
        };
        let speakers = match (addressing.routers.first(), addressing.routers.last()) {
            (Some(first), Some(last)) => {
                [router(first, Direction::ToServer), router(last, Direction::ToClient)]
            }
            _ => [wire; 2],
        };
        Middle { path: path(addressing), speakers, waiting: [None, None] }
    }

    /// Lets the routers do their part to a frame, in place.
    pub(super) fn meet(&mut self, direction: Direction, frame: &mut [u8]) -> Met {
        let Some(path) = &self.path else { return Met::Passes };
        match path.meet(direction, frame) {
            Verdict::Forwarded => Met::Passes,
            Verdict::Ended { by, reply } => Met::Ends(by, reply),
        }
    }

    /// The ICMP error that a packet too big for the wire earns its sender (RFC 1191 s4, RFC 8201 s4). Where none may be
    /// sent about such a packet, its fate says so.
    pub(super) fn too_big<F: AsRef<[u8]>>(
        &self,
        direction: Direction,
        fate: &mut Fate,
        frame: impl FnOnce() -> F,
    ) -> Option<Vec<u8>> {
        let Fate::Dropped { by: Rule::Mtu { mtu, reply: reply @ TooBig::Icmp } } = fate else { return None };
        let speaker = self.speakers[direction.index()];
        let frame = frame();
        // The router next to the sender says so, about the packet as it was there.
        let mut sent = Cow::Borrowed(frame.as_ref());
        if let Some(path) = &self.path {
            path.undo(direction, sent.to_mut());
        }
        let answer = icmp::too_big(speaker.ipv4, speaker.ipv6, speaker.mac, *mtu, &sent);
        if answer.is_none() {
            *reply = TooBig::NeverTold;
        }
        answer
    }
}

/// The routers of a network; `None` where its hosts share one link.
fn path(addressing: &Addressing) -> Option<router::Path> {
    let end = |host: &HostAddress| End { mac: host.mac, ipv4: host.ipv4 };
    let hops = addressing.routers.iter().map(|router| Hop {
        mac: router.mac,
        toward_client: router.toward_client,
        toward_server: router.toward_server,
    });
    router::Path::new(end(&addressing.client), end(&addressing.server), hops.collect())
}
