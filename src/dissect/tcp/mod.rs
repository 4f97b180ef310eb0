//! TCP conversations: streams numbered as Wireshark's, and what each segment is in its conversation.

mod half;
mod segment;

use super::recent::Recent;
use crate::model::{Fate, FrameId, Tcp, Time};
use crate::stack::{IpFacts, TcpFacts};
use half::Half;
use std::net::IpAddr;

/// Connections that are remembered at most.
const FLOWS_MAX: usize = 4096;
/// Segments of all connections that are remembered at most (about 8 MB).
const SENT_TOTAL_MAX: usize = 131_072;

/// Both ends of a connection, the lower first.
type Ends = ((IpAddr, u16), (IpAddr, u16));

/// One connection.
#[derive(Debug)]
struct Flow {
    number: u32,
    /// The side with the lower address and port, then the other.
    halves: [Half; 2],
    /// Whether the third segment of the handshake was seen.
    established: bool,
    /// Whether a RST was seen.
    reset: bool,
}

impl Flow {
    fn new(number: u32) -> Flow {
        Flow { number, halves: [Half::default(), Half::default()], established: false, reset: false }
    }

    fn remembered(&self) -> usize {
        self.halves.iter().map(Half::remembered).sum()
    }
}

/// When and whether a frame reaches the far host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    /// Nobody knows: there is no ledger.
    Unknown,
    /// Whole, then.
    At(Time),
    /// Never, or never whole.
    Never,
}

impl Arrival {
    pub(super) fn of(fate: Option<&Fate>) -> Arrival {
        let Some(fate) = fate else {
            return Arrival::Unknown;
        };
        let whole = fate.deliveries().filter(|d| d.corrupted.is_none()).map(|d| d.at).min();
        whole.map_or(Arrival::Never, Arrival::At)
    }

    pub(super) fn is_never(self) -> bool {
        matches!(self, Arrival::Never)
    }
}

/// Every connection that was seen.
#[derive(Debug)]
pub(super) struct Conversations {
    flows: Recent<Ends, Flow>,
    /// The number of the next stream.
    streams: u32,
    /// Segments remembered in all flows, at least.
    remembered: usize,
}

impl Conversations {
    pub(super) fn new() -> Conversations {
        Conversations { flows: Recent::new(FLOWS_MAX), streams: 0, remembered: 0 }
    }

    /// Takes a segment; gives its facts and what it is in its conversation.
    pub(super) fn see(
        &mut self,
        id: FrameId,
        now: Time,
        arrival: Arrival,
        ip: &IpFacts,
        segment: &TcpFacts<'_>,
    ) -> Tcp {
        let from = (ip.source, segment.source_port);
        let to = (ip.destination, segment.destination_port);
        let (ends, side) = if from <= to { ((from, to), 0) } else { ((to, from), 1) };
        let streams = &mut self.streams;
        let flow = self.flows.obtain(
            ends,
            |flow| !flow.is_renewed_by(side, segment),
            || {
                let number = *streams;
                *streams = number.wrapping_add(1);
                Flow::new(number)
            },
        );
        let before = flow.remembered();
        let tcp = flow.see(side, id, now, arrival, segment);
        self.remembered += flow.remembered().saturating_sub(before);
        if self.remembered > SENT_TOTAL_MAX {
            self.take_stock(&ends);
        }
        tcp
    }

    /// Counts what is remembered; where that is too much, every flow but the present one forgets what it sent.
    fn take_stock(&mut self, present: &Ends) {
        let total = |flows: &mut Recent<Ends, Flow>| flows.values_mut().map(|f| f.remembered()).sum();
        self.remembered = total(&mut self.flows);
        if self.remembered > SENT_TOTAL_MAX / 2 {
            let kept = self.flows.get_mut(present).map_or(0, |f| f.number);
            for flow in self.flows.values_mut().filter(|f| f.number != kept) {
                flow.halves.iter_mut().for_each(Half::forget);
            }
            self.remembered = total(&mut self.flows);
        }
    }
}

#[cfg(test)]
mod tests;
