//! Which packet an ICMP message is about: an error's quoted header, and an echo reply's request, looked up among the
//! packets seen last.

use crate::model::FrameId;
use crate::stack::{IpFacts, Quoted, Transport};
use std::collections::VecDeque;
use std::net::IpAddr;

/// Packets that are remembered.
const CAP: usize = 4096;

#[derive(Debug)]
struct Packet {
    id: FrameId,
    addresses: (IpAddr, IpAddr),
    protocol: u8,
    ip_id: u32,
    offset: u32,
    ports: Option<(u16, u16)>,
    /// TCP's sequence number, or ICMP echo's identifier and sequence number in one.
    number: Option<u32>,
}

fn echo_number((identifier, sequence): (u16, u16)) -> u32 {
    u32::from(identifier) << 16 | u32::from(sequence)
}

/// The packets seen last.
#[derive(Debug)]
pub(super) struct Quotes {
    packets: VecDeque<Packet>,
}

impl Quotes {
    pub(super) fn new() -> Quotes {
        Quotes { packets: VecDeque::new() }
    }

    /// Remembers a packet.
    pub(super) fn see(&mut self, id: FrameId, ip: &IpFacts, transport: &Transport<'_>) {
        let (ports, number) = match transport {
            Transport::Tcp(t) => (Some((t.source_port, t.destination_port)), Some(t.seq)),
            Transport::Udp(u) => (Some((u.source_port, u.destination_port)), None),
            Transport::Icmp(i) => (None, i.echo.map(echo_number)),
            _ => (None, None),
        };
        if self.packets.len() == CAP {
            self.packets.pop_front();
        }
        self.packets.push_back(Packet {
            id,
            addresses: (ip.source, ip.destination),
            protocol: ip.protocol,
            ip_id: ip.id,
            offset: ip.fragment.map_or(0, |f| f.offset),
            ports,
            number,
        });
    }

    /// The frame of the request that an echo reply answers: the last one seen with its numbers.
    pub(super) fn request(&self, reply: &IpFacts, echo: (u16, u16)) -> Option<FrameId> {
        let found = self.packets.iter().rev().find(|p| {
            p.addresses == (reply.destination, reply.source)
                && p.protocol == reply.protocol
                && p.number == Some(echo_number(echo))
        });
        found.map(|p| p.id)
    }

    /// The frame that a quoted header came in: the last one seen whose header says the same.
    pub(super) fn find(&self, quoted: &Quoted) -> Option<FrameId> {
        let ip = &quoted.ip;
        let number = quoted.seq.or(quoted.echo.map(echo_number));
        let agrees = |a: Option<u32>, b: Option<u32>| a.zip(b).is_none_or(|(a, b)| a == b);
        let found = self.packets.iter().rev().find(|p| {
            p.addresses == (ip.source, ip.destination)
                && p.protocol == ip.protocol
                && p.ip_id == ip.id
                && p.offset == ip.fragment.map_or(0, |f| f.offset)
                && p.ports.zip(quoted.ports).is_none_or(|(a, b)| a == b)
                && agrees(p.number, number)
        });
        found.map(|p| p.id)
    }
}
