//! TCP beside UDP on one seeded wire: what was seen in each lane, as plain data.
//!
//! A lane is one transport's run of the load on a fresh network. Every time is in the lane's own run time;
//! [`Lane::began`] is the moment from which messages are due, so two lanes are laid side by side by subtracting it.

mod formula;
mod gather;
pub mod json;
mod score;
pub mod stream;
pub mod text;

pub use formula::{mathis, padhye};
pub use gather::Gather;
pub use score::{Latency, Offered, Score, Share, is_data, quantile};

use crate::model::{Outcome, Row, Run, Seen, TcpInfo, Time};
use std::time::Duration;

/// Several transports under the same load, on the same wire, from the same seed.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// What each lane had to carry.
    pub load: Load,
    /// The lanes, in the order in which they ran.
    pub lanes: Vec<Lane>,
}

/// What a lane has to carry, from the client to the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// Messages on a schedule: message n (0 the first) is due n x `every` after [`Lane::began`].
    Messages {
        /// How many.
        count: u32,
        /// Octets of each, without whatever the transport puts around it.
        size: u32,
        /// Time between two.
        every: Duration,
    },
    /// So many octets, as fast as the transport takes them. There are no messages then.
    Bulk {
        /// Octets.
        octets: u64,
    },
}

/// What carried it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Kernel TCP; each message behind a length prefix.
    Tcp {
        /// Its congestion control, such as `cubic`.
        congestion: String,
    },
    /// Kernel UDP; each message a datagram.
    Udp,
    /// UDP with layerlab's own acknowledge-and-resend.
    Arq,
}

impl Transport {
    /// A short name for a column: `TCP cubic`, `UDP`, `UDP+ARQ`.
    pub fn name(&self) -> String {
        match self {
            Transport::Tcp { congestion } => format!("TCP {congestion}"),
            Transport::Udp => "UDP".to_owned(),
            Transport::Arq => "UDP+ARQ".to_owned(),
        }
    }

    /// The same for the name of a file: `tcp-cubic`, `udp`, `arq`.
    pub fn slug(&self) -> String {
        match self {
            Transport::Tcp { congestion } => format!("tcp-{congestion}"),
            Transport::Udp => "udp".to_owned(),
            Transport::Arq => "arq".to_owned(),
        }
    }
}

/// One transport's run.
#[derive(Clone, PartialEq, Debug)]
pub struct Lane {
    /// What carried the load.
    pub transport: Transport,
    /// The run: seed, backend, wire.
    pub run: Run,
    /// How it ended.
    pub outcome: Outcome,
    /// When the client's program began, before `socket()`.
    pub opened: Time,
    /// When the first message was due: the connection stood, where there is one.
    pub began: Time,
    /// When the server's program had its last octet, if it had one.
    pub ended: Option<Time>,
    /// Octets of the load that the server's program got, each counted once.
    pub received: u64,
    /// Every message of the schedule, in order.
    pub messages: Vec<Message>,
    /// Every frame that the wire read, in order.
    pub frames: Vec<Frame>,
    /// Every retransmission, in order.
    pub retransmissions: Vec<Retransmission>,
    /// What the client's kernel said of the connection, in time order; empty without one.
    pub samples: Vec<Sample>,
    /// What went wrong in the programs, as sentences.
    pub failures: Vec<String>,
}

/// A message's fate.
#[derive(Clone, PartialEq, Debug)]
pub struct Message {
    /// When the schedule wanted it to be handed to the transport. Latency counts from here.
    pub due: Time,
    /// When it was handed over; `None` when the transport had given out before.
    pub sent: Option<Time>,
    /// When the server's program got it, each time that it did: empty for lost, two for duplicated.
    pub received: Vec<Time>,
    /// When the last of its octets reached the server's host, whatever came before or after them (the first
    /// time, where they came again); `None` when they never did, all of them.
    pub reached: Option<Time>,
    /// TCP: when every octet up to its last had reached the server's host. Later than `reached` means that it
    /// waited there for an earlier hole: head-of-line blocking.
    pub in_order: Option<Time>,
}

impl Message {
    /// From due to the program's first sight of it.
    pub fn latency(&self) -> Option<Duration> {
        self.received.iter().min().map(|at| at.since(self.due))
    }

    /// How long it stood complete on the server's host, waiting for an earlier hole.
    pub fn stall(&self) -> Duration {
        match (self.reached, self.in_order) {
            (Some(reached), Some(in_order)) => in_order.since(reached),
            _ => Duration::ZERO,
        }
    }
}

/// A frame on the wire.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// Its row of the ledger: when, which way, and what became of it.
    pub row: Row,
    /// What it was; TCP's numbers are relative.
    pub seen: Seen,
    /// When each copy was handed to the far host.
    pub arrived: Vec<Time>,
}

/// What made a sender send again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Trigger {
    /// Acknowledgments told of a hole: duplicate ACKs, SACK, RACK's reordering time (RFC 6675, RFC 8985).
    Fast,
    /// A tail-loss probe (RFC 8985 s7).
    Probe,
    /// The retransmission timeout (RFC 6298), or the timer of our own acknowledge-and-resend.
    Timeout,
    /// The evidence does not decide.
    Unknown,
}

impl Trigger {
    /// Every one, in the order of a table.
    pub const ALL: [Trigger; 4] = [Trigger::Fast, Trigger::Probe, Trigger::Timeout, Trigger::Unknown];

    /// `fast`, `probe`, `timeout` or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Trigger::Fast => "fast",
            Trigger::Probe => "probe",
            Trigger::Timeout => "timeout",
            Trigger::Unknown => "unknown",
        }
    }
}

/// Octets sent again.
#[derive(Clone, PartialEq, Debug)]
pub struct Retransmission {
    /// The frame that carried them again: an index into [`Lane::frames`].
    pub frame: usize,
    /// The frame that carried them before: an index into [`Lane::frames`].
    pub of: Option<usize>,
    /// Why, as far as the frames tell.
    pub trigger: Trigger,
    /// The far host had them already.
    pub needless: bool,
}

/// What a kernel said of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When it was asked.
    pub at: Time,
    /// What it said.
    pub info: TcpInfo,
}

#[cfg(test)]
mod tests;
