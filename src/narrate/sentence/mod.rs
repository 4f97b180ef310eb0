//! Event -> sentence, from typed facts alone.

mod again;
mod call;
mod failure;
mod fate;
mod frame;
mod queue;
mod tls;
mod websocket;

use super::memory::Memory;
use super::style::Glyphs;
use super::text::safe;
use crate::model::{
    Backend, Cite, Direction, Event, Evidence, Heading, Place, Protocol, Run, Side, TcpInfo, TcpSocket,
    TcpState, What, WireChange, WireSet,
};
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

pub(super) use call::tcp_info;
pub(super) use fate::{Doing, rule_words};

/// What a note is about. "Your kernel did" and "the RFC says" are never one sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoteKind {
    /// What the event is in its conversation.
    Meaning,
    /// What a kernel did, or will do, of itself.
    Kernel,
    /// Why it came so.
    Why,
    /// What the layer that acts cannot see. Said once a run.
    BlindSpot,
}

impl NoteKind {
    /// `meaning`, `kernel`, `why` or `blind_spot`.
    pub const fn name(self) -> &'static str {
        match self {
            NoteKind::Meaning => "meaning",
            NoteKind::Kernel => "kernel",
            NoteKind::Why => "why",
            NoteKind::BlindSpot => "blind_spot",
        }
    }
}

/// One thing said about an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The words; no full stop at the end.
    pub text: String,
    /// What it is about.
    pub kind: NoteKind,
    /// How we know.
    pub evidence: Evidence,
    /// Where the rule stands, where it has one of its own.
    pub cite: Option<Cite>,
}

/// What is said about an event: the fact, then what it means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentence {
    /// The fact: a frame with its fields, a call with its result, a frame's fate.
    pub head: String,
    /// What it means, most important first; often nothing.
    pub notes: Vec<Note>,
    /// The one source: the event's own, else the first note's, else the manual page of the call.
    pub cite: Option<Cite>,
}

impl fmt::Display for Sentence {
    /// All on one line: `head: note; note [source]`. Leaves out what the layer cannot see.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        let notes = self.notes.iter().filter(|n| n.kind != NoteKind::BlindSpot);
        for (i, note) in notes.enumerate() {
            f.write_str(if i == 0 { ": " } else { "; " })?;
            f.write_str(&note.text)?;
        }
        if let Some(cite) = self.cite {
            write!(f, " [{cite}]")?;
        }
        Ok(())
    }
}

/// The sentence about one event by itself, in ASCII: nothing that earlier events would have shown is
/// claimed. For events in their order use a [`Narrator`].
pub fn sentence(event: &Event) -> Sentence {
    Narrator::new(Glyphs::ASCII).tell(event)
}

/// Makes sentences from events in time order and remembers what was seen, so that "the peer sent FIN"
/// is said of a FIN that a frame showed, and is marked as inferred otherwise. Memory is bounded.
#[derive(Debug)]
pub struct Narrator {
    glyphs: Glyphs,
    memory: Memory,
    said: BTreeSet<&'static str>,
    run: Option<Ends>,
}

/// Who the two ends of a run are: whatever else speaks stands between them.
#[derive(Clone, Copy, Debug)]
struct Ends {
    addresses: [IpAddr; 2],
    routers: bool,
    /// Whether frames cross a wire of ours, where every sender fills its checksums in.
    wire: bool,
    /// Whether it is a loopback interface, where nothing could damage a frame and checksums are left out.
    loopback: bool,
}

impl Narrator {
    /// A narrator that has seen nothing yet.
    pub fn new(glyphs: Glyphs) -> Narrator {
        Narrator { glyphs, memory: Memory::new(), said: BTreeSet::new(), run: None }
    }

    /// Learns who the two ends are, so that a frame from between them is not taken for an end's.
    pub fn begin(&mut self, run: &Run) {
        self.run = Some(Ends {
            addresses: [run.client.ip, run.server.ip],
            routers: run.routers > 0,
            wire: run.backend.has_wire(),
            loopback: matches!(run.backend, Backend::Loopback | Backend::OwnLoopback),
        });
    }

    /// What is said about the next event.
    pub fn tell(&mut self, event: &Event) -> Sentence {
        let mut draft = Draft {
            event,
            glyphs: self.glyphs,
            memory: &self.memory,
            said: &mut self.said,
            ends: self.run,
            notes: Vec::new(),
        };
        let head = match &event.what {
            What::Called { fd, call } => call::called(&mut draft, *fd, call),
            What::Returned { fd, call, result, took, .. } => {
                call::returned(&mut draft, *fd, call, result, *took)
            }
            What::Frame(seen) => frame::seen(&mut draft, seen),
            What::Fate(row) => fate::row(&mut draft, row),
            What::Wire(change) => draft.wire(*change),
            What::WireSet(set) => draft.wire_set(set),
            What::Connections(left) => draft.connections(left),
            What::WebSocket(seen) => websocket::step(&mut draft, seen),
            What::Queue(seen) => queue::step(&mut draft, seen),
            What::Waiting(calls) => call::waiting(&draft, calls),
            What::Tls(settled) => tls::settled(&mut draft, settled),
        };
        // What is not shown must not use up what is said only once.
        let plain = match &event.what {
            What::Called { .. } => true,
            What::Fate(row) => !row.fate.is_remarkable(),
            _ => false,
        };
        if !plain {
            draft.blind_spot();
        }
        let notes = draft.notes;
        let page = match &event.what {
            What::Called { call, .. } | What::Returned { call, .. } => Some(call::page(call)),
            _ => None,
        };
        // What says no more than the call's own page does gives way to what a note has.
        let own = event.cite.filter(|c| Some(*c) != page);
        let cite = own.or_else(|| notes.iter().find_map(|n| n.cite)).or(event.cite).or(page);
        self.memory.learn(host(event.place), event);
        Sentence { head, notes, cite }
    }

    /// The kernel's view of a connection in one line.
    pub fn tcp_info(&self, info: &TcpInfo) -> String {
        tcp_info(info)
    }
}

const fn host(place: Place) -> Option<Side> {
    match place {
        Place::Host(side) => Some(side),
        Place::Wire | Place::Router(_) => None,
    }
}

/// A sentence in the making.
struct Draft<'a> {
    event: &'a Event,
    glyphs: Glyphs,
    memory: &'a Memory,
    said: &'a mut BTreeSet<&'static str>,
    ends: Option<Ends>,
    notes: Vec<Note>,
}

impl Draft<'_> {
    fn note(&mut self, kind: NoteKind, evidence: Evidence, cite: Option<Cite>, text: impl Into<String>) {
        self.notes.push(Note { text: text.into(), kind, evidence, cite });
    }

    /// A note with the event's own evidence.
    fn meaning(&mut self, cite: Option<Cite>, text: impl Into<String>) {
        self.note(NoteKind::Meaning, self.event.evidence, cite, text);
    }

    /// A note that is only said the first time.
    fn once(&mut self, key: &'static str, kind: NoteKind, cite: Option<Cite>, text: &str) {
        if self.said.insert(key) {
            self.note(kind, self.event.evidence, cite, text);
        }
    }

    fn side(&self) -> Option<Side> {
        host(self.event.place)
    }

    fn wire(&mut self, change: WireChange) -> String {
        match change {
            WireChange::Cut => {
                self.meaning(None, "nothing crosses from now on; neither host is told");
                format!("the wire is cut{}", self.alone())
            }
            WireChange::Restored => {
                self.meaning(
                    None,
                    "frames cross again; what was dropped stays lost unless a host repeats it",
                );
                format!("the wire is whole again{}", self.alone())
            }
        }
    }

    fn wire_set(&mut self, set: &WireSet) -> String {
        let ascii = self.glyphs.ascii;
        let words = safe(&set.words, ascii);
        if let Some(why) = &set.refused {
            return format!("the wire stays as it is, {words} can't be had: {}", safe(why, ascii));
        }
        self.meaning(
            None,
            match set.wire.as_str() {
                "" => "from now on it passes everything at once".to_owned(),
                wire => format!("from now on: {}", safe(wire, ascii)),
            },
        );
        format!("the wire is set: {words}")
    }

    fn connections(&mut self, left: &[TcpSocket]) -> String {
        if left.is_empty() {
            return "kernel: no connection left".to_owned();
        }
        let waiting = left.iter().filter(|socket| socket.state == TcpState::TimeWait).count();
        if waiting > 0 {
            // The head names each one's state: said again only where they differ.
            let which = if waiting < left.len() { "TIME-WAIT: " } else { "" };
            self.note(
                NoteKind::Kernel,
                Evidence::Syscall,
                Some(Cite::rfc(9293, "3.6.1")),
                format!("{which}this side closed first, and waits for stragglers (Linux: 60 s)"),
            );
        }
        let arrow = self.glyphs.arrow;
        let list: Vec<String> = left
            .iter()
            .map(|TcpSocket { local, remote, state }| format!("{local}{arrow}{remote} {}", state.name()))
            .collect();
        format!("kernel: still holds {}", list.join(", "))
    }

    /// Which direction a change of the wire is about: each can be cut alone.
    fn alone(&self) -> &'static str {
        match self.event.heading {
            Heading::Toward(Direction::ToServer) => " toward the server",
            Heading::Toward(Direction::ToClient) => " toward the client",
            Heading::Local => "",
        }
    }

    fn blind_spot(&mut self) {
        let (key, text) = match self.event.protocol {
            Protocol::Wire => ("blind wire", "a wire sees signals: no address, no port, no connection"),
            Protocol::Ethernet => {
                ("blind eth", "Ethernet sees MAC addresses on this link: no IP address beyond it, no port")
            }
            Protocol::Sll => {
                ("blind sll", "a cooked header is the capturing kernel's note: no octet of it was on a wire")
            }
            Protocol::Null => (
                "blind null",
                "a loopback header is the capturing kernel's note: no octet of it was on a wire",
            ),
            Protocol::Vlan => (
                "blind vlan",
                "a VLAN tag tells switches whose frame it is; it sees no address, and no router passes it on",
            ),
            Protocol::Arp => {
                ("blind arp", "ARP finds a host on this link; it cannot see whether a program listens there")
            }
            Protocol::Ipv4 | Protocol::Ipv6 => {
                ("blind ip", "IP sees addresses and a TTL; it cannot see ports, order or loss")
            }
            Protocol::Icmp | Protocol::Icmpv6 => (
                "blind icmp",
                "ICMP reports on packets; it cannot see programs, and nobody repeats it when it is lost",
            ),
            Protocol::Tcp => {
                ("blind tcp", "TCP sees numbered octets; it cannot see where your messages begin or end")
            }
            Protocol::Udp => ("blind udp", "UDP keeps no memory; it cannot see that a datagram is missing"),
            Protocol::Http => {
                ("blind http", "HTTP sees requests and responses; it cannot see segments or loss")
            }
            Protocol::Tls => (
                "blind tls",
                "TLS sees octets; it cannot see messages, and what it seals a program sees only in the clear: no record",
            ),
            Protocol::WebSocket => (
                "blind websocket",
                "WebSocket sees its own frames and messages; it cannot see segments or loss",
            ),
            Protocol::Framing => (
                "blind framing",
                "a frame's checksums find damage, not malice: whoever alters it computes them anew",
            ),
            Protocol::Queue => (
                "blind queue",
                "a queue sees messages and their ACKs; it cannot see whether the work behind an ACK was done",
            ),
            Protocol::Sockets => {
                ("blind api", "a program sees octets and errors; it cannot see segments, ACKs or repeats")
            }
            Protocol::Data => ("blind data", "an application sees what recv() gives; it cannot see frames"),
        };
        self.once(key, NoteKind::BlindSpot, None, text);
    }
}
