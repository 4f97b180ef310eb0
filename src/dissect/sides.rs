//! Who is the client in somebody else's capture: whoever spoke first.

use super::recent::Recent;
use crate::model::{ArpOperation, Direction, IcmpKind, LinkHeader, TcpFlags};
use crate::stack::{Facts, Network, Transport};
use std::net::IpAddr;

/// Conversations of a host with itself that are remembered.
const CAP: usize = 4096;

/// ICMPv6 type.
const NEIGHBOR_SOLICITATION: u8 = 135;

/// An address and port.
type End = (IpAddr, u16);

/// The client's host, once it has shown itself.
#[derive(Debug)]
pub(super) struct Sides {
    client: Option<[u8; 6]>,
    /// Whose frame was the first of all: the client, as long as nobody has opened anything.
    first: Option<[u8; 6]>,
    /// On a link where both ends have one address (loopback): who began each conversation.
    began: Recent<(End, End), End>,
}

impl Sides {
    pub(super) fn new() -> Sides {
        Sides { client: None, first: None, began: Recent::new(CAP) }
    }

    /// The direction of a frame. The client is the host that sends the first SYN, datagram, question for an address or echo request; where both
    /// hosts have the same link-layer address, each conversation is judged alone by its first packet. Before anybody has
    /// spoken so, it is the host that was seen first.
    pub(super) fn direction(&mut self, facts: &Facts<'_>) -> Direction {
        // A cooked capture is of all interfaces of a host, and says nothing of the receivers' addresses.
        if facts.source == facts.destination || matches!(facts.link.header, LinkHeader::Cooked(_)) {
            return self.on_one_host(facts);
        }
        if self.client.is_none() && opens(facts) {
            self.client = Some(facts.source);
        }
        // A SYN-ACK in a capture that began late tells as well.
        if self.client.is_none() && is_syn_ack(facts) {
            self.client = Some(facts.destination);
        }
        let first = *self.first.get_or_insert(facts.source);
        match self.client.or(Some(first)) {
            Some(client) if client != facts.source => Direction::ToClient,
            _ => Direction::ToServer,
        }
    }

    fn on_one_host(&mut self, facts: &Facts<'_>) -> Direction {
        let (ip, transport) = match &facts.network {
            Network::Ip(ip, transport) => (ip, transport),
            Network::Arp(arp) if arp.operation == ArpOperation::Reply => return Direction::ToClient,
            _ => return Direction::ToServer,
        };
        let ports = match transport {
            Transport::Tcp(t) => (t.source_port, t.destination_port),
            Transport::Udp(u) => (u.source_port, u.destination_port),
            // A reply, and an error about what the client sent, go to the client.
            Transport::Icmp(i) => {
                let back = i.kind == IcmpKind::EchoReply || i.quoted.is_some();
                return if back { Direction::ToClient } else { Direction::ToServer };
            }
            _ => (0, 0),
        };
        let (from, to) = ((ip.source, ports.0), (ip.destination, ports.1));
        let pair = if from <= to { (from, to) } else { (to, from) };
        let began = *self.began.obtain(pair, |_| true, || if is_syn_ack(facts) { to } else { from });
        if began == from { Direction::ToServer } else { Direction::ToClient }
    }
}

/// Whether a frame is of the kind that a client begins with.
fn opens(facts: &Facts<'_>) -> bool {
    match &facts.network {
        Network::Arp(arp) => arp.operation == ArpOperation::Request,
        Network::Ip(_, Transport::Udp(_)) => true,
        // A neighbour solicitation (RFC 4861 s4.3) is IPv6's question for an address.
        Network::Ip(_, Transport::Icmp(icmp)) => {
            icmp.kind == IcmpKind::EchoRequest || icmp.v6 && icmp.kind_number == NEIGHBOR_SOLICITATION
        }
        Network::Ip(_, Transport::Tcp(tcp)) => tcp.flags.has(TcpFlags::SYN) && !tcp.flags.has(TcpFlags::ACK),
        _ => false,
    }
}

fn is_syn_ack(facts: &Facts<'_>) -> bool {
    matches!(&facts.network, Network::Ip(_, Transport::Tcp(tcp)) if tcp.flags.has(TcpFlags::SYN | TcpFlags::ACK))
}
