//! One narrated step.

use super::cite::Cite;
use super::field::Header;
use super::ledger::Row;
use super::packet::Seen;
use super::place::{Direction, Place};
use super::protocol::{Protocol, Standing};
use super::queue::Queue;
use super::syscall::{Call, Errno, Returned, TcpInfo, TcpSocket};
use super::time::Time;
use super::tls::TlsHandshake;
use super::websocket::WebSocket;
use bytes::Bytes;
use std::time::Duration;

/// An event's number in its run: 1 the first, in time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId(pub u64);

/// How we know.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Evidence {
    /// A frame's bytes were read and decoded.
    Frame,
    /// The wire's ledger says so: the wire itself decided it.
    Ledger,
    /// A system call returned it.
    Syscall,
    /// Not seen; concluded from what a system call returned.
    Inferred,
}

/// Which way the step points.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Heading {
    /// Something on its way.
    Toward(Direction),
    /// Something that stays in place.
    Local,
}

/// The bytes that an event is about, and the headers found in them.
#[derive(Clone, PartialEq, Debug)]
pub struct Located {
    /// A whole frame, or the octets that a system call took or gave.
    pub bytes: Bytes,
    /// The headers, outermost first; empty for a system call's octets.
    pub headers: Vec<Header>,
}

/// A change of the wire itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WireChange {
    /// Nothing crosses from now on.
    Cut,
    /// It is whole again.
    Restored,
}

/// The wire was given other words while it carried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireSet {
    /// What was said anew: `loss=30% delay=5ms`.
    pub words: String,
    /// The whole wire from now on, in the words of the options; empty for one that does nothing.
    pub wire: String,
    /// Why it was not done, where it was not.
    pub refused: Option<String>,
}

/// A system call that never returned.
#[derive(Clone, PartialEq, Debug)]
pub struct Waiting {
    /// The descriptor it was called on.
    pub fd: Option<i32>,
    /// The call.
    pub call: Call,
    /// When it was entered.
    pub since: Time,
    /// When its program closed the descriptor all the same, where it did.
    pub closed: Option<Time>,
}

/// What happened: closed, typed facts, never prose.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// A system call was entered. Emitted at once; its `Returned` names this event as its cause.
    Called {
        /// The descriptor it is called on; `None` for `socket()`.
        fd: Option<i32>,
        /// The call.
        call: Call,
    },
    /// A system call returned.
    Returned {
        /// The descriptor it was called on; `None` for `socket()`.
        fd: Option<i32>,
        /// The call.
        call: Call,
        /// What it gave, or the error number.
        result: Result<Returned, Errno>,
        /// How long it took.
        took: Duration,
        /// What the kernel then said of the connection (Linux, TCP).
        tcp_info: Option<Box<TcpInfo>>,
    },
    /// A frame entered the wire.
    Frame(Box<Seen>),
    /// The ledger's row for a frame; its cause is that frame's event.
    Fate(Box<Row>),
    /// The wire itself changed.
    Wire(WireChange),
    /// What the wire is asked to do changed.
    WireSet(Box<WireSet>),
    /// The connections that a host's kernel still holds, programs or no (`/proc/net/tcp`); listeners left
    /// out.
    Connections(Vec<TcpSocket>),
    /// The calls of a host's programs that had not returned when the run ended, in the order in which they were entered.
    Waiting(Vec<Waiting>),
    /// A TLS handshake is done, as the library that did it reports.
    Tls(Box<TlsHandshake>),
    /// A step of an HTTP/1.1 upgrade or of WebSocket, read from a TCP stream; its cause is the frame (or the call) with
    /// which it was whole.
    WebSocket(Box<WebSocket>),
    /// A frame of layerlab's, or the message of its queue; its cause is the frame (or the call) with which it was whole.
    Queue(Box<Queue>),
}

/// One narrated step of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its number.
    pub id: EventId,
    /// The event that it follows from, where that is known.
    pub cause: Option<EventId>,
    /// When.
    pub at: Time,
    /// Where.
    pub place: Place,
    /// Which way.
    pub heading: Heading,
    /// What acted: its layer is derived from it.
    pub protocol: Protocol,
    /// The facts.
    pub what: What,
    /// The bytes, where somebody asked for them.
    pub bytes: Option<Located>,
    /// How we know.
    pub evidence: Evidence,
    /// Where the rule stands.
    pub cite: Option<Cite>,
}

impl Event {
    /// Where the event's protocol stands in the two layer models.
    pub const fn standing(&self) -> Standing {
        self.protocol.standing()
    }
}
