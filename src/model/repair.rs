//! Retransmissions: how a sender came to know that it had to repeat octets, and what had become of them.

use super::chain::{Certainty, FrameName};
use super::ledger::Rule;
use super::place::Direction;
use super::time::Time;
use std::time::Duration;

/// What told a sender, without a timer, that octets were missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Three duplicate acknowledgments or more, without SACK blocks (RFC 5681 s3.2).
    DuplicateAcks(u32),
    /// SACK blocks told that octets sent later had arrived (RFC 6675, RFC 8985), in so many duplicate acknowledgments
    /// of the first missing octet: fewer than three where the octets were not the first missing, or where
    /// time decided (RACK).
    Sack(u32),
    /// An acknowledgment during fast recovery stopped exactly here (RFC 6582 s3.2).
    PartialAck,
}

/// How a sender found that it had to send octets again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repair {
    /// The far host's acknowledgments told it: fast retransmit, and the recovery that follows it.
    Fast(Signal),
    /// Silence after the last octets: a tail-loss probe (RFC 8985 s7).
    TailLossProbe,
    /// The retransmission timeout, after so many before it without progress in between (RFC 6298 s5).
    Timeout {
        /// 0 the first; each doubles the next (RFC 6298 s5.5).
        backoff: u32,
    },
    /// The rest of what was under way when this timeout expired, sent again as acknowledgments come in.
    AfterTimeout {
        /// The frame that the timeout had sent.
        timeout: FrameName,
    },
    /// A SYN or SYN-ACK that was not answered.
    Handshake,
    /// The SYN that a SYN-ACK answers came again, and is answered again (RFC 9293 s3.10.7.4).
    Asked {
        /// Whether what came again was a second copy of one frame.
        copy: bool,
    },
    /// A timer of its sender, but not which: tail-loss probe or retransmission timeout.
    Timer,
    /// Nothing that was seen tells.
    Unknown,
}

impl Repair {
    /// No timer of TCP is shorter: even a tail-loss probe waits at least this long beyond the round trip (RFC 8985 s7.2 asks
    /// for two round trips).
    pub const TIMER_MIN: Duration = Duration::from_millis(2);
    /// A SYN that comes again is answered at once; a SYN-ACK's timer waits for a second (RFC 6298 s2.1). What lies between is
    /// how late a busy host is.
    pub const ANSWERED: Duration = Duration::from_millis(500);

    /// The names of all kinds, in the order of [`Repair::index`].
    pub const NAMES: [&'static str; 8] =
        ["fast", "tail_loss_probe", "timeout", "after_timeout", "handshake", "asked", "timer", "unknown"];

    /// Which kind it is, for counting: an index into [`Repair::NAMES`].
    pub const fn index(self) -> usize {
        match self {
            Repair::Fast(_) => 0,
            Repair::TailLossProbe => 1,
            Repair::Timeout { .. } => 2,
            Repair::AfterTimeout { .. } => 3,
            Repair::Handshake => 4,
            Repair::Asked { .. } => 5,
            Repair::Timer => 6,
            Repair::Unknown => 7,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        Repair::NAMES[self.index()]
    }
}

/// What had become of the octets when they were sent again.
#[derive(Clone, PartialEq, Debug)]
pub enum LossCause {
    /// The frame that carried them last was dropped.
    Dropped {
        /// That frame.
        frame: FrameName,
        /// Why.
        by: Rule,
    },
    /// It arrived with a flipped bit: the receiver's checksum fails and nobody is told.
    Corrupted {
        /// That frame.
        frame: FrameName,
        /// Why.
        by: Rule,
    },
    /// It was still on its way.
    UnderWay {
        /// That frame.
        frame: FrameName,
        /// When it arrives.
        arrives: Time,
    },
    /// They had arrived, but the acknowledgment of them was dropped.
    AckDropped {
        /// The frame that had carried them.
        frame: FrameName,
        /// The first frame that acknowledged them.
        ack: FrameName,
        /// Why it was dropped.
        by: Rule,
    },
    /// They had arrived, but the acknowledgment of them had a flipped bit: its receiver threw it away.
    AckCorrupted {
        /// The frame that had carried them.
        frame: FrameName,
        /// The first frame that acknowledged them.
        ack: FrameName,
        /// Why its bit was flipped.
        by: Rule,
    },
    /// They had arrived, but the acknowledgment of them was still on its way.
    AckUnderWay {
        /// The frame that had carried them.
        frame: FrameName,
        /// The first frame that acknowledged them and was not dropped.
        ack: FrameName,
        /// When it arrives.
        arrives: Time,
    },
    /// They had arrived, and no frame had acknowledged them yet.
    NotAcknowledged {
        /// The frame that had carried them.
        frame: FrameName,
    },
    /// No ledger; the far host's acknowledgments showed that it did not have them.
    Missing {
        /// The last acknowledgment that showed it.
        shown_by: FrameName,
    },
    /// No ledger; the far host reported them as a duplicate later (D-SACK, RFC 2883), so both copies arrived.
    HadArrived {
        /// The acknowledgment that reported it.
        shown_by: FrameName,
    },
    /// No earlier frame with them reached the point of the capture.
    NotCaptured,
    /// Nothing that was seen tells.
    Unknown,
}

impl LossCause {
    /// Its name, such as `dropped`.
    pub const fn name(&self) -> &'static str {
        match self {
            LossCause::Dropped { .. } => "dropped",
            LossCause::Corrupted { .. } => "corrupted",
            LossCause::UnderWay { .. } => "under_way",
            LossCause::AckDropped { .. } => "ack_dropped",
            LossCause::AckCorrupted { .. } => "ack_corrupted",
            LossCause::AckUnderWay { .. } => "ack_under_way",
            LossCause::NotAcknowledged { .. } => "not_acknowledged",
            LossCause::Missing { .. } => "missing",
            LossCause::HadArrived { .. } => "had_arrived",
            LossCause::NotCaptured => "not_captured",
            LossCause::Unknown => "unknown",
        }
    }

    /// Whether the octets need not have been sent again: they had arrived whole, or were about to. `None` where that
    /// is not known.
    pub const fn is_spurious(&self) -> Option<bool> {
        match self {
            LossCause::Dropped { .. }
            | LossCause::Corrupted { .. }
            | LossCause::Missing { .. }
            | LossCause::NotCaptured => Some(false),
            LossCause::UnderWay { .. }
            | LossCause::AckDropped { .. }
            | LossCause::AckCorrupted { .. }
            | LossCause::AckUnderWay { .. }
            | LossCause::NotAcknowledged { .. }
            | LossCause::HadArrived { .. } => Some(true),
            LossCause::Unknown => None,
        }
    }
}

/// A segment with octets (or a SYN, a FIN) that its sender had sent before.
#[derive(Clone, PartialEq, Debug)]
pub struct Retransmission {
    /// The connection, as in [`Tcp::stream`](super::Tcp::stream).
    pub stream: u32,
    /// Its direction.
    pub direction: Direction,
    /// The frame that brought the octets again.
    pub frame: FrameName,
    /// When it was sent.
    pub at: Time,
    /// Its first sequence number, relative to the initial one.
    pub seq: u32,
    /// Octets that had been sent before; SYN and FIN count one each.
    pub octets: u32,
    /// Octets in it that had not (a partial overlap).
    pub new_octets: u32,
    /// The frame that carried its first octet first. `None` where that is not in the capture.
    pub original: Option<FrameName>,
    /// The frame that carried its first octet last before this one: `original`, or a retransmission.
    pub previous: Option<FrameName>,
    /// Which retransmission of its first octet this is, 1 the first.
    pub nth: u32,
    /// Time since `previous` was sent.
    pub gap: Option<Duration>,
    /// Time since its sender last sent octets or heard anything: what a timer waited.
    pub quiet: Duration,
    /// How its sender found out.
    pub repair: Repair,
    /// How sure `repair` is.
    pub certainty: Certainty,
    /// The acknowledgments that told, the last 16 at most; empty where a timer did.
    pub told_by: Vec<FrameName>,
    /// What had become of the octets.
    pub cause: LossCause,
}
