//! Which message a datagram carries: read from its octets as they pass.

use crate::live::loss::Carrier;
use crate::model::{Direction, Flow, FrameId, IpFragment, Moment, Sink, Time, WireFrame};
use crate::report::loss::{Gather, Retransmission, Trigger};
use crate::stack::l7_application::arq::Packet;
use crate::stack::{self, Network, Transport};
use std::collections::BTreeMap;
use std::io;

/// The datagrams towards the server.
#[derive(Debug)]
pub(super) struct Tags {
    carrier: Carrier,
    /// In the order in which they were sent: message and attempt, and the frames of the datagram.
    datagrams: Vec<Datagram>,
    /// Datagrams in fragments, by IP identification: an index into `datagrams`.
    fragmented: BTreeMap<u32, usize>,
}

#[derive(Debug)]
struct Datagram {
    message: u32,
    attempt: u8,
    frames: Vec<FrameId>,
}

impl Tags {
    pub(super) fn new(carrier: Carrier) -> Tags {
        Tags { carrier, datagrams: Vec::new(), fragmented: BTreeMap::new() }
    }

    fn read(&self, payload: &[u8]) -> Option<(u32, u8)> {
        let number = |m: &[u8]| m.first_chunk().map(|octets| u32::from_be_bytes(*octets));
        match self.carrier {
            Carrier::Tcp => None,
            Carrier::Udp => Some((number(payload)?, 1)),
            Carrier::Arq => match Packet::decode(payload).ok()? {
                Packet::Data { attempt, message, .. } => Some((number(message)?, attempt)),
                Packet::Ack { .. } => None,
            },
        }
    }

    fn note(&mut self, id: FrameId, payload: Option<&[u8]>, fragment: Option<IpFragment>) {
        match payload.and_then(|payload| self.read(payload)) {
            Some((message, attempt)) => {
                if let Some(fragment) = fragment {
                    self.fragmented.insert(fragment.id, self.datagrams.len());
                }
                self.datagrams.push(Datagram { message, attempt, frames: vec![id] });
            }
            None => {
                let of = fragment.and_then(|f| self.fragmented.get(&f.id));
                if let Some(datagram) = of.and_then(|at| self.datagrams.get_mut(*at)) {
                    datagram.frames.push(id);
                }
            }
        }
    }

    /// When a datagram was whole on the server's host.
    fn whole(datagram: &Datagram, gather: &Gather) -> Option<Time> {
        let each = datagram.frames.iter().map(|id| gather.frames.get(gather.place(*id)?)?.reached());
        each.collect::<Option<Vec<Time>>>()?.into_iter().max()
    }

    /// When each message first was.
    pub(super) fn reached(&self, gather: &Gather) -> BTreeMap<u32, Time> {
        let mut first = BTreeMap::new();
        for datagram in &self.datagrams {
            if let Some(at) = Tags::whole(datagram, gather) {
                let known = first.entry(datagram.message).or_insert(at);
                *known = at.min(*known);
            }
        }
        first
    }

    /// The datagrams that carried a message again. Only a timer sends them.
    pub(super) fn again(&self, gather: &Gather) -> Vec<Retransmission> {
        let place = |d: &Datagram| gather.place(*d.frames.first()?);
        let reached = self.reached(gather);
        let mut before: BTreeMap<u32, &Datagram> = BTreeMap::new();
        let mut again = Vec::new();
        for datagram in &self.datagrams {
            let earlier = before.insert(datagram.message, datagram);
            if let (true, Some(frame)) = (datagram.attempt > 1, place(datagram)) {
                let sent = gather.frames[frame].row.at;
                again.push(Retransmission {
                    frame,
                    of: earlier.and_then(place),
                    trigger: Trigger::Timeout,
                    needless: reached.get(&datagram.message).is_some_and(|at| *at < sent),
                });
            }
        }
        again
    }
}

impl Sink for Tags {
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        if frame.moment == Moment::Entered
            && frame.row.direction == Direction::ToServer
            && let Network::Ip(ip, transport) = &stack::decode(frame.bytes).network
        {
            let payload = match transport {
                Transport::Udp(udp) => Some(udp.payload),
                _ => None,
            };
            self.note(frame.row.id, payload, ip.fragment);
        }
        Ok(Flow::Continue)
    }
}
