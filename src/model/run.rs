//! What a run was: enough to do it again, and to read its capture later.

use super::ledger::Rule;
use super::place::{Direction, Side};
use super::time::Time;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What the run ran on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Backend {
    /// Two network namespaces joined by TAP devices.
    Tap,
    /// Two network namespaces joined by veth pairs and AF_PACKET sockets.
    Veth,
    /// The machine's loopback interface: no wire of ours, frames not seen.
    Loopback,
    /// The loopback interface of a network namespace of the run's own: no wire of ours, but frames are seen.
    OwnLoopback,
    /// The machine's own interfaces and whatever network is behind them: no wire of ours, frames not seen.
    Network,
}

impl Backend {
    /// Every one.
    pub const ALL: [Backend; 5] =
        [Backend::Tap, Backend::Veth, Backend::Loopback, Backend::OwnLoopback, Backend::Network];

    /// `tap`, `veth`, `loopback` or `network`.
    pub const fn name(self) -> &'static str {
        match self {
            Backend::Tap => "tap",
            Backend::Veth => "veth",
            Backend::Loopback => "loopback",
            Backend::OwnLoopback => "own_loopback",
            Backend::Network => "network",
        }
    }

    /// Whether frames cross a wire of ours.
    pub const fn has_wire(self) -> bool {
        matches!(self, Backend::Tap | Backend::Veth)
    }
}

/// Where a capture is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Vantage {
    /// At this host's interface: what it sent (dropped frames included, and so marked) and what reached it.
    At(Side),
    /// On the wire: every frame once, when the wire read it.
    Wire,
}

/// A host of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// Its address; the unspecified one where it may be any, as a server's clients are.
    pub ip: IpAddr,
    /// Its link-layer address, where it has one.
    pub mac: Option<[u8; 6]>,
}

/// What a run is, known when it begins.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// The command line.
    pub command: String,
    /// layerlab's version.
    pub version: String,
    /// The operating system and its version.
    pub system: String,
    /// The seed from which every random decision derives; without a wire nothing does.
    pub seed: u64,
    /// What it runs on.
    pub backend: Backend,
    /// The wire's specification in the words of the options; empty for a wire that does nothing.
    pub wire: String,
    /// The MTU of the hosts' interfaces in octets of IP packet, whatever the wire lets through; 0 where it is not known.
    pub mtu: u32,
    /// Routers on the path.
    pub routers: u8,
    /// The client.
    pub client: Endpoint,
    /// The server.
    pub server: Endpoint,
    /// Nanoseconds from the Unix epoch to [`Time::ZERO`].
    pub epoch_unix_ns: u64,
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outcome {
    /// When.
    pub at: Time,
    /// Frames that the wire read, by direction.
    pub frames: [u64; 2],
    /// Frames that it dropped, by direction.
    pub dropped: [u64; 2],
    /// The same by the rule that dropped them, in the order in which each did so first.
    pub dropped_by: Vec<(Rule, [u64; 2])>,
    /// Its scripts that named no frame.
    pub unused: Vec<Unused>,
    /// Octets that it read, by direction.
    pub octets: [u64; 2],
    /// How long the run took.
    pub took: Duration,
    /// Whether it was ended early from outside.
    pub interrupted: bool,
    /// The signal that did, where one did.
    pub signal: Option<Interrupt>,
    /// Of a capture that was read: whether it could not be read to its end, so that nobody knows what came then.
    pub cut: bool,
}

/// A script of the wire that named no frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unused {
    /// The option that made it, without dashes: `drop`.
    pub option: &'static str,
    /// Its value, as typed.
    pub rule: Arc<str>,
    /// The kind of frame that it counts: `tcp.synack`.
    pub kind: &'static str,
    /// The direction that it counts in; both together without.
    pub direction: Option<Direction>,
    /// Frames of that kind that the wire read, by [`Direction::index`].
    pub seen: [u64; 2],
    /// Where all of them went the other way: the rule that would have named some of them.
    pub instead: Option<String>,
}

/// A signal that asks a run to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interrupt {
    /// SIGINT: what a terminal sends on Ctrl-C.
    Int,
    /// SIGTERM: what kill(1), timeout(1) and a shutdown send.
    Term,
}

impl Interrupt {
    /// Its name in C.
    pub const fn name(self) -> &'static str {
        match self {
            Interrupt::Int => "SIGINT",
            Interrupt::Term => "SIGTERM",
        }
    }
}
