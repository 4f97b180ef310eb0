//! The chain of causes behind one frame: claims, each with what it rests on.

use super::event::EventId;
use super::ledger::{FrameId, Rule};
use super::packet::{IcmpKind, Seen};
use super::place::Side;
use super::repair::{LossCause, Repair, Retransmission};
use super::time::Time;
use std::net::Ipv4Addr;
use std::time::Duration;

/// A frame, by the names that a person has for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FrameName {
    /// Its number on the wire; in a file that another program wrote, its number in the file.
    pub id: FrameId,
    /// Its number in the capture file, 1 the first, as Wireshark counts. `None` in a live run.
    pub number: Option<u64>,
}

/// How sure a conclusion is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Certainty {
    /// The frames, the ledger or a system call show it.
    Shown,
    /// They show what follows from it, and nothing else that is known to do so fits.
    Inferred,
    /// They do not decide.
    Unknown,
}

impl Certainty {
    /// `shown`, `inferred` or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Certainty::Shown => "shown",
            Certainty::Inferred => "inferred",
            Certainty::Unknown => "unknown",
        }
    }
}

/// A system call that was observed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallName {
    /// Who called.
    pub side: Side,
    /// The function's name.
    pub name: &'static str,
    /// The event of its return.
    pub event: EventId,
    /// When it was entered.
    pub called: Time,
    /// When it returned.
    pub returned: Time,
}

/// What a claim rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exhibit {
    /// A frame's octets, and when it came.
    Frame(FrameName),
    /// The ledger's row for a frame.
    Ledger(FrameName),
    /// A system call's result.
    Call(CallName),
}

/// Why a frame is worth asking about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Trait {
    /// It brings octets again.
    Retransmission,
    /// A duplicate acknowledgment.
    DuplicateAck,
    /// A RST.
    Reset,
    /// An ICMP error.
    IcmpError,
}

impl Trait {
    /// Every one, in the order in which they are listed.
    pub const ALL: [Trait; 4] = [Trait::Retransmission, Trait::DuplicateAck, Trait::Reset, Trait::IcmpError];

    /// `retransmission`, `duplicate_ack`, `reset` or `icmp_error`.
    pub const fn name(self) -> &'static str {
        match self {
            Trait::Retransmission => "retransmission",
            Trait::DuplicateAck => "duplicate_ack",
            Trait::Reset => "reset",
            Trait::IcmpError => "icmp_error",
        }
    }
}

/// A frame worth asking about.
#[derive(Clone, PartialEq, Debug)]
pub struct Notable {
    /// The frame.
    pub frame: FrameName,
    /// When it was sent.
    pub at: Time,
    /// Why.
    pub because: Trait,
    /// How its sender found out; of a retransmission.
    pub repair: Option<Repair>,
    /// Its facts.
    pub seen: Box<Seen>,
}

/// One thing that is claimed of a frame.
#[derive(Clone, PartialEq, Debug)]
pub enum Claim {
    /// It brings octets again.
    Repeats(Box<Retransmission>),
    /// What had become of them.
    Because(LossCause),
    /// The frame that had brought them last was itself a repetition, and this had become of the one before.
    Earlier(LossCause),
    /// How its sender found out.
    Found(Box<Retransmission>),
    /// The far host held octets from behind the gap meanwhile.
    Held {
        /// How many.
        octets: u64,
        /// In so many frames.
        frames: u32,
    },
    /// The first acknowledgment of what it brought.
    Acknowledged {
        /// That frame.
        by: FrameName,
        /// From when this frame was sent to when that one was heard.
        after: Duration,
    },
    /// No acknowledgment of what it brought reached its sender.
    NeverAcknowledged,
    /// A `recv()` waited for what it brought.
    Waited {
        /// Whose program.
        side: Side,
        /// How long the call blocked.
        took: Duration,
        /// The first octet that it returned (0 the stream's first), and how many.
        octets: (u64, u64),
        /// Which `send()` of the other side had given the missing octet, 1 the first; where that was seen.
        send: Option<u64>,
    },
    /// The run was told without system calls: who waited is not known.
    NoCalls,
    /// A duplicate acknowledgment, because a frame had come above a gap.
    RepeatsAck {
        /// The how-manieth.
        nth: u32,
        /// The first acknowledgment of that number.
        of: FrameName,
        /// The number: the first octet that is missing.
        missing: u32,
        /// The frame that had come above the gap.
        because: Option<FrameName>,
    },
    /// What had become of the frame that left the gap.
    Gap(LossCause),
    /// A second copy that the wire made.
    Copy {
        /// Why.
        by: Rule,
    },
    /// The second segment of a handshake.
    AnswersSyn(FrameName),
    /// The third.
    AnswersSynAck(FrameName),
    /// A RST: nobody listens.
    Refuses(FrameName),
    /// A RST that answers a segment to a side that had closed.
    AfterClose {
        /// The segment.
        segment: FrameName,
        /// The FIN of the side that answers.
        closed: FrameName,
    },
    /// A RST of a side whose program closed without having read all that had come (RFC 1122 s4.2.2.13).
    ClosedUnread {
        /// That side.
        side: Side,
        /// Octets that its program had read.
        read: u64,
        /// Octets that its kernel had acknowledged beyond those.
        unread: u64,
    },
    /// A RST that nothing seen explains.
    ResetUnexplained,
    /// An ICMP error, and the packet that it is about.
    Reports {
        /// What it reports.
        kind: IcmpKind,
        /// The packet.
        about: Option<FrameName>,
    },
    /// An echo reply.
    AnswersEcho(FrameName),
    /// An ARP request, because this packet was waiting.
    Asks {
        /// For whom.
        address: Ipv4Addr,
        /// The next packet to that address.
        waiting: Option<FrameName>,
        /// Requests before it that nobody answered.
        repeat: u32,
    },
    /// An ARP reply.
    AnswersArp(FrameName),
    /// It acknowledges what came with this frame.
    Acknowledges {
        /// That frame.
        last: FrameName,
        /// From its arrival to this acknowledgment.
        after: Duration,
    },
    /// More room than before: the program has read.
    WindowUpdate {
        /// Octets of room now.
        window: u32,
    },
    /// A window probe or a keep-alive.
    Probe {
        /// The frame that had closed the window; `None` for a keep-alive.
        closed_by: Option<FrameName>,
    },
    /// It has octets that were not sent before: a program gave them.
    NewOctets {
        /// The `send()` that gave the first of them, 1 the side's first; where that was seen.
        send: Option<u64>,
    },
    /// A later frame brought its octets again.
    RepeatedBy(FrameName),
    /// It is what it is, and no earlier frame caused it.
    First,
    /// What became of it.
    Fate(LossCause),
}

/// A claim and what it rests on.
#[derive(Clone, PartialEq, Debug)]
pub struct Link {
    /// What is claimed.
    pub claim: Claim,
    /// What it rests on.
    pub evidence: Vec<Exhibit>,
    /// How sure it is.
    pub certainty: Certainty,
}

/// Why a frame is what it is: from the frame itself back to its cause, then what came of it.
#[derive(Clone, PartialEq, Debug)]
pub struct Chain {
    /// The frame.
    pub frame: FrameName,
    /// When it was sent; without a ledger when it was captured.
    pub at: Time,
    /// Its facts.
    pub seen: Box<Seen>,
    /// The links.
    pub links: Vec<Link>,
}
