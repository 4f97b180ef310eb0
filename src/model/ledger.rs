//! The wire's ledger: one row a frame, and what became of it.

use super::place::Direction;
use super::time::Time;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A frame's number on the wire: 1 the first that the wire read, both directions counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrameId(pub u64);

impl fmt::Display for FrameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// What a frame is, as far as a script can ask: a set of traits, found by `stack`, read by `wire`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Class(u32);

impl Class {
    /// Nothing known.
    pub const NONE: Class = Class(0);
    /// An ARP packet.
    pub const ARP: Class = Class(1);
    /// An IPv4 packet.
    pub const IPV4: Class = Class(1 << 1);
    /// An IPv6 packet.
    pub const IPV6: Class = Class(1 << 2);
    /// An ICMP or ICMPv6 message.
    pub const ICMP: Class = Class(1 << 3);
    /// A UDP datagram (or the first fragment of one).
    pub const UDP: Class = Class(1 << 4);
    /// A TCP segment.
    pub const TCP: Class = Class(1 << 5);
    /// A fragment of an IPv4 packet, the first included.
    pub const FRAGMENT: Class = Class(1 << 6);
    /// A TCP segment with SYN set.
    pub const TCP_SYN: Class = Class(1 << 7);
    /// A TCP segment with ACK set.
    pub const TCP_ACK: Class = Class(1 << 8);
    /// A TCP segment with FIN set.
    pub const TCP_FIN: Class = Class(1 << 9);
    /// A TCP segment with RST set.
    pub const TCP_RST: Class = Class(1 << 10);
    /// A TCP segment with payload.
    pub const TCP_DATA: Class = Class(1 << 11);
    /// A frame to the Ethernet broadcast address.
    pub const BROADCAST: Class = Class(1 << 12);
    /// An IPv4 packet whose DF (don't fragment) flag is set.
    pub const DF: Class = Class(1 << 13);

    /// The union of both.
    pub const fn with(self, other: Class) -> Class {
        Class(self.0 | other.0)
    }

    /// Whether every trait of `other` is here.
    pub const fn has(self, other: Class) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any trait of `other` is here.
    pub const fn meets(self, other: Class) -> bool {
        self.0 & other.0 != 0
    }
}

/// The rule that decided something about a frame.
#[derive(Clone, PartialEq, Debug)]
pub enum Rule {
    /// Independent random choice with this probability (0 to 1).
    Random(f64),
    /// The Gilbert-Elliott model, in the named state when it decided.
    GilbertElliott {
        /// Whether the chain was in its bad state.
        bad: bool,
    },
    /// The rate limiter's queue was full: its limit in frames.
    QueueFull {
        /// Frames that the queue holds at most.
        limit: u32,
    },
    /// A script's line, as it was typed.
    Script(Arc<str>),
    /// The wire was cut.
    Cut,
    /// The IP packet was larger than the wire's MTU.
    Mtu {
        /// The MTU in octets of IP packet.
        mtu: u32,
        /// What its sender is told.
        reply: TooBig,
    },
    /// A router on the path found no TTL left: which one, from the client, 1 the first.
    TtlExceeded {
        /// The router's number.
        hop: u8,
    },
    /// The frame was for a router itself (ARP for its address, a ping to it) and ended there.
    ForRouter {
        /// The router's number.
        hop: u8,
    },
}

/// What the sender of a packet that is larger than the wire's MTU is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooBig {
    /// ICMP goes back (RFC 1191 s4, RFC 8201 s4).
    Icmp,
    /// Nothing, as was asked for: a black hole.
    Silence,
    /// Nothing: DF is clear, so a router would split the packet (RFC 791 s2.3), and this wire doesn't.
    MaySplit,
    /// Nothing: no ICMP error may be sent about such a packet, as an ICMP error (RFC 1122 s3.2.2, RFC 4443 s2.4).
    NeverTold,
}

impl TooBig {
    /// Every one.
    pub const ALL: [TooBig; 4] = [TooBig::Icmp, TooBig::Silence, TooBig::MaySplit, TooBig::NeverTold];

    /// `icmp`, `silence`, `may_split` or `never_told`.
    pub const fn name(self) -> &'static str {
        match self {
            TooBig::Icmp => "icmp",
            TooBig::Silence => "silence",
            TooBig::MaySplit => "may_split",
            TooBig::NeverTold => "never_told",
        }
    }
}

impl Rule {
    /// `random`, `gilbert_elliott`, `queue_full`, `script`, `cut`, `mtu`, `ttl_exceeded` or `for_router`.
    pub const fn name(&self) -> &'static str {
        match self {
            Rule::Random(_) => "random",
            Rule::GilbertElliott { .. } => "gilbert_elliott",
            Rule::QueueFull { .. } => "queue_full",
            Rule::Script(_) => "script",
            Rule::Cut => "cut",
            Rule::Mtu { .. } => "mtu",
            Rule::TtlExceeded { .. } => "ttl_exceeded",
            Rule::ForRouter { .. } => "for_router",
        }
    }
}

/// One copy of a frame on its way to the other host.
#[derive(Clone, PartialEq, Debug)]
pub struct Delivery {
    /// When the far host gets it.
    pub at: Time,
    /// How long it waited for the rate limiter, serialisation included.
    pub queued: Duration,
    /// How long the emulated distance delayed it, jitter included.
    pub delayed: Duration,
    /// Present when the wire put it out of order on purpose, with the rule.
    pub reordered: Option<Rule>,
    /// Present when the wire flipped a bit: the bit's number from the frame's first bit, and the rule.
    pub corrupted: Option<(u32, Rule)>,
    /// Present when it was delayed further on purpose: by how much, and the rule. A script's delay, or
    /// the wait for a frame to trade places with that never came.
    pub held: Option<(Duration, Rule)>,
}

impl Delivery {
    /// A delivery at `at` to which the wire did nothing else.
    pub const fn plain(at: Time) -> Delivery {
        Delivery {
            at,
            queued: Duration::ZERO,
            delayed: Duration::ZERO,
            reordered: None,
            corrupted: None,
            held: None,
        }
    }

    /// Whether the wire did nothing but (perhaps) queue and delay it.
    pub const fn is_plain(&self) -> bool {
        self.reordered.is_none() && self.corrupted.is_none() && self.held.is_none()
    }
}

/// What became of a frame. Decided when the frame enters the wire.
#[derive(Clone, PartialEq, Debug)]
pub enum Fate {
    /// One copy arrives.
    Delivered(Delivery),
    /// Two copies arrive.
    Duplicated {
        /// The copy that was sent.
        first: Delivery,
        /// The copy that the wire made.
        second: Delivery,
        /// Why.
        by: Rule,
    },
    /// None arrives.
    Dropped {
        /// Why.
        by: Rule,
    },
}

impl Fate {
    /// The copies that arrive: none, one or two.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> + Clone {
        let (a, b) = match self {
            Fate::Delivered(d) => (Some(d), None),
            Fate::Duplicated { first, second, .. } => (Some(first), Some(second)),
            Fate::Dropped { .. } => (None, None),
        };
        a.into_iter().chain(b)
    }

    /// The rule that flipped a bit of a copy, of the first that has one.
    pub fn damage(&self) -> Option<&Rule> {
        self.deliveries().find_map(|d| d.corrupted.as_ref()).map(|(_, by)| by)
    }

    /// Whether the frame was dropped.
    pub const fn is_dropped(&self) -> bool {
        matches!(self, Fate::Dropped { .. })
    }

    /// Whether none arrives although it was for the far host: what a router was to have ended where it should.
    pub const fn is_lost(&self) -> bool {
        matches!(self, Fate::Dropped { by } if !matches!(by, Rule::ForRouter { .. }))
    }

    /// Whether one untouched copy is due at `now` already: it can be written straight through.
    pub fn is_immediate(&self, now: Time) -> bool {
        matches!(self, Fate::Delivered(d) if d.at <= now && d.is_plain())
    }

    /// Whether the wire did anything to the frame beyond queueing and delaying it.
    pub fn is_remarkable(&self) -> bool {
        match self {
            Fate::Delivered(d) => !d.is_plain(),
            _ => true,
        }
    }
}

/// One row of the ledger.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The frame.
    pub id: FrameId,
    /// Its direction.
    pub direction: Direction,
    /// Its place among the frames of its direction, 1 the first. Fates are keyed by it.
    pub index: u64,
    /// When the wire read it.
    pub at: Time,
    /// Its length in octets, from the Ethernet header on, without FCS.
    pub len: u32,
    /// What it is.
    pub class: Class,
    /// What became of it.
    pub fate: Fate,
}
