//! From frames, in the order in which they entered the wire, to events.

use super::cite::cite;
use super::neighbours::Neighbours;
use super::quotes::Quotes;
use super::streams::Streams;
use super::tcp::{Arrival, Conversations};
use crate::model::{
    Arp, Carried, Direction, Event, EventId, Evidence, Fate, FrameId, Heading, Icmp, IcmpKind, Ip, LinkType,
    Located, Packet, Place, Protocol, Seen, TcpNote, Time, Udp, What,
};
use crate::stack::{self, IcmpFacts, IpFacts, Network, Transport};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Frames whose event is remembered, to be named as a cause.
const EVENTS_MAX: usize = 16_384;

/// A frame to dissect.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its number.
    pub id: FrameId,
    /// Its direction.
    pub direction: Direction,
    /// When it entered the wire.
    pub at: Time,
    /// What it begins with.
    pub link: LinkType,
    /// Its octets from that header on, without FCS; perhaps cut by a snapshot length.
    pub bytes: &'a [u8],
    /// How many octets it had.
    pub len: u32,
    /// What the ledger says of it, where there is one. It decides who is known to have got what.
    pub fate: Option<&'a Fate>,
}

/// Turns frames into events, one each, and one for each step of an application that they complete. Remembers connections,
/// questions and packets, each within a bound: about 10 MB in all, whatever the frames are, and what TCP streams
/// carry that are read further (see `streams`).
#[derive(Debug)]
pub struct Dissector {
    with_bytes: bool,
    conversations: Conversations,
    neighbours: Neighbours,
    quotes: Quotes,
    streams: Streams,
    events: BTreeMap<FrameId, EventId>,
    last: EventId,
}

impl Default for Dissector {
    fn default() -> Dissector {
        Dissector::new()
    }
}

impl Dissector {
    /// One that has seen nothing yet.
    pub fn new() -> Dissector {
        Dissector {
            with_bytes: false,
            conversations: Conversations::new(),
            neighbours: Neighbours::new(),
            quotes: Quotes::new(),
            streams: Streams::new(),
            last: EventId(0),
            events: BTreeMap::new(),
        }
    }

    /// Whether events carry the frame's octets and its headers, field by field. Without (the default), neither is
    /// copied nor made.
    #[must_use]
    pub fn with_bytes(mut self, with_bytes: bool) -> Dissector {
        self.with_bytes = with_bytes;
        self
    }

    /// The event of a frame that entered the wire: `What::Frame`, evidence `Frame`, with the event of the frame that it
    /// answers, repeats or acknowledges as its cause where that was seen. Takes any octets.
    pub fn frame(&mut self, id: EventId, frame: &Frame<'_>) -> Event {
        self.last = id;
        let facts = stack::decode_as(frame.link, frame.bytes);
        let arrival = Arrival::of(frame.fate);
        let mut request = None;
        let (packet, protocol) = match &facts.network {
            Network::Arp(arp) => {
                let (answers, repeat) = self.neighbours.see(
                    arp.operation,
                    arp.sender_ip,
                    arp.target_ip,
                    frame.id,
                    !arrival.is_never(),
                );
                let packet = Arp {
                    operation: arp.operation,
                    sender_mac: arp.sender_mac,
                    sender_ip: arp.sender_ip,
                    target_mac: arp.target_mac,
                    target_ip: arp.target_ip,
                    answers,
                    repeat,
                };
                (Packet::Arp(packet), Protocol::Arp)
            }
            Network::Ip(ip, transport) => {
                if let Transport::Icmp(IcmpFacts { kind: IcmpKind::EchoReply, echo: Some(echo), .. }) =
                    transport
                {
                    request = self.quotes.request(ip, *echo);
                }
                let carried = self.carried(id, frame, arrival, ip, transport);
                let protocol = acting(ip, &carried);
                (Packet::Ip(ip_header(ip), carried), protocol)
            }
            Network::Other(number) => (Packet::Other(*number), facts.link.innermost()),
            Network::Malformed(m) => (Packet::Malformed(*m), m.protocol),
        };
        let cause = cause(&packet).or(request).and_then(|of| self.events.get(&of).copied());
        self.events.insert(frame.id, id);
        if self.events.len() > EVENTS_MAX {
            self.events.pop_first();
        }
        Event {
            id,
            cause,
            at: frame.at,
            place: Place::Wire,
            heading: Heading::Toward(frame.direction),
            protocol,
            cite: cite(&packet),
            what: What::Frame(Box::new(Seen {
                id: frame.id,
                direction: frame.direction,
                len: frame.len,
                source: facts.source,
                destination: facts.destination,
                link: facts.link,
                packet,
            })),
            bytes: self.with_bytes.then(|| Located {
                bytes: Bytes::copy_from_slice(frame.bytes),
                headers: stack::headers_as(frame.link, frame.bytes),
            }),
            evidence: Evidence::Frame,
        }
    }

    /// The steps of applications that the frames since the last call completed, each with its frame's event as its cause. Their
    /// own numbers are 0: whoever hands them on gives them the next.
    pub fn steps(&mut self) -> Vec<Event> {
        self.streams.take()
    }

    /// Nothing more comes: what [`Dissector::steps`] gives next are the streams that could not be followed to their end.
    pub fn finish(&mut self, at: Time) {
        self.streams.finish(self.last, at);
    }

    /// What an IP packet carries, seen among what came before.
    fn carried(
        &mut self,
        event: EventId,
        frame: &Frame<'_>,
        arrival: Arrival,
        ip: &IpFacts,
        transport: &Transport<'_>,
    ) -> Carried {
        let carried = match transport {
            Transport::Tcp(segment) => {
                let tcp = self.conversations.see(frame.id, frame.at, arrival, ip, segment);
                self.streams.see((event, frame), arrival, ip, segment, &tcp);
                Carried::Tcp(tcp)
            }
            Transport::Udp(udp) => {
                self.streams.see_datagram((event, frame), arrival, ip, udp);
                Carried::Udp(Udp {
                    source_port: udp.source_port,
                    destination_port: udp.destination_port,
                    len: udp.payload_len,
                    checksum_good: udp.checksum_good,
                })
            }
            Transport::Icmp(icmp) => Carried::Icmp(Icmp {
                v6: icmp.v6,
                kind_number: icmp.kind_number,
                code: icmp.code,
                kind: icmp.kind,
                about: icmp.quoted.and_then(|quoted| self.quotes.find(&quoted)),
                echo: icmp.echo,
                neighbor: icmp.neighbor,
                checksum_good: icmp.checksum_good,
            }),
            Transport::Fragment { protocol } => Carried::Fragment { protocol: *protocol },
            Transport::Other(protocol) => Carried::Other(*protocol),
            Transport::Malformed(m) => Carried::Malformed(*m),
        };
        self.quotes.see(frame.id, ip, transport);
        carried
    }
}

fn ip_header(ip: &IpFacts) -> Ip {
    Ip {
        source: ip.source,
        destination: ip.destination,
        ttl: ip.ttl,
        len: ip.len,
        df: ip.df,
        fragment: ip.fragment,
        checksum_good: ip.checksum_good,
    }
}

/// Which protocol acts in an IP packet: IP itself in a fragment, and where nothing else is known.
fn acting(ip: &IpFacts, carried: &Carried) -> Protocol {
    let internet = if ip.source.is_ipv6() { Protocol::Ipv6 } else { Protocol::Ipv4 };
    match carried {
        _ if ip.fragment.is_some() => internet,
        Carried::Tcp(_) => Protocol::Tcp,
        Carried::Udp(_) => Protocol::Udp,
        Carried::Icmp(icmp) if icmp.v6 => Protocol::Icmpv6,
        Carried::Icmp(_) => Protocol::Icmp,
        Carried::Fragment { .. } | Carried::Other(_) => internet,
        Carried::Malformed(m) => m.protocol,
    }
}

/// The frame that this one follows from, as its own facts say.
fn cause(packet: &Packet) -> Option<FrameId> {
    match packet {
        Packet::Arp(arp) => arp.answers,
        Packet::Ip(_, Carried::Icmp(icmp)) => icmp.about,
        Packet::Ip(_, Carried::Tcp(tcp)) => {
            let of = |note: &TcpNote| match note {
                TcpNote::Retransmission { of, .. } => Some((0, *of)),
                TcpNote::HandshakeSynAck { answers }
                | TcpNote::HandshakeAck { answers }
                | TcpNote::Refused { answers } => Some((1, *answers)),
                TcpNote::Acknowledges { last } => Some((2, *last)),
                _ => None,
            };
            tcp.notes.iter().filter_map(of).min_by_key(|(rank, _)| *rank).map(|(_, frame)| frame)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
