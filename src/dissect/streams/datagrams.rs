//! layerlab's frames in UDP datagrams. A conversation is two addresses with their ports; it is known by its first datagram
//! that is a frame, and from then on what is none is told as a fault.

use super::{Carrier, Frame, Recent, queue};
use crate::model::websocket::Carried;
use crate::model::{Event, EventId, Evidence, Heading, Place, Side, What};
use crate::stack::l7_application::queue::{Observer, observer};
use crate::stack::{IpFacts, UdpFacts};
use std::net::SocketAddr;

/// Conversations that are remembered at most: each holds up to 1 MB, and mostly next to nothing. One that was forgotten is
/// known again by its next frame.
const CONVERSATIONS_MAX: usize = 64;

/// One conversation.
#[derive(Debug)]
struct Talk {
    /// The side with the lower address and port is fed as the client's.
    observer: Observer,
    /// Its number among those of this table.
    number: u32,
}

/// Every conversation that is read.
#[derive(Debug)]
pub(super) struct Datagrams {
    talks: Recent<[SocketAddr; 2], Talk>,
    numbers: u32,
}

impl Datagrams {
    pub(super) fn new() -> Datagrams {
        Datagrams { talks: Recent::new(CONVERSATIONS_MAX), numbers: 0 }
    }

    /// Takes a datagram of the frame with the event `event`; its own number is 0. What was `dropped` is told by itself: it is
    /// no part of the conversation.
    pub(super) fn see(
        &mut self,
        (event, frame): (EventId, &Frame<'_>),
        dropped: bool,
        ip: &IpFacts,
        datagram: &UdpFacts<'_>,
    ) -> Option<Event> {
        let octets = datagram.payload;
        // Of what a snapshot length cut nothing can be said.
        if octets.len() < datagram.payload_len as usize {
            return None;
        }
        let from = SocketAddr::new(ip.source, datagram.source_port);
        let to = SocketAddr::new(ip.destination, datagram.destination_port);
        let lower = (from.ip(), from.port()) <= (to.ip(), to.port());
        let ends = if lower { [from, to] } else { [to, from] };
        let known = self.talks.get_mut(&ends).is_some();
        if (dropped || !known) && !observer::is_frame(octets) {
            return None;
        }
        let new = |number| Talk { observer: Observer::new(false, true), number };
        let mut alone = new(self.numbers + 1);
        let talk = if dropped {
            &mut alone
        } else {
            self.numbers += u32::from(!known);
            self.talks.obtain(ends, |_| true, || new(self.numbers))
        };
        let side = if lower { Side::Client } else { Side::Server };
        let at = 0..octets.len() as u64;
        let seen = talk.observer.datagram(side, octets, at.clone(), (frame.at, Some(frame.id)));
        let ends = if seen.sender == Side::Client { [from, to] } else { [to, from] };
        let (first, last) = (frame.id, frame.id);
        let carried = Carried { stream: talk.number, ends, first, last, segments: 1, held: None };
        let (protocol, mut what) = queue(seen, Carrier::Udp, at, Some(carried), |_| None);
        if let What::Queue(seen) = &mut what {
            seen.dropped = dropped;
        }
        Some(Event {
            id: EventId(0),
            cause: Some(event),
            at: frame.at,
            place: Place::Wire,
            heading: Heading::Toward(frame.direction),
            protocol,
            what,
            bytes: None,
            evidence: Evidence::Frame,
            cite: None,
        })
    }
}
