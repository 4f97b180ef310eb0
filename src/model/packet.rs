//! What a frame turned out to be: the typed facts that a sentence is made from.
//!
//! Numbers in [`Tcp`] are relative to each side's initial sequence number, as Wireshark shows them; the
//! raw ones are in the frame's [`Header`](super::Header)s.

use super::ledger::FrameId;
use super::link_layer::LinkLayer;
use super::place::Direction;
use super::protocol::Protocol;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A decoded frame.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// Its number on the wire.
    pub id: FrameId,
    /// Its direction.
    pub direction: Direction,
    /// Its length in octets, from the Ethernet header on, without FCS.
    pub len: u32,
    /// Ethernet source; of a cooked frame the sender's address, where it has one of 6 octets.
    pub source: [u8; 6],
    /// Ethernet destination; zeros where the capture does not hold it.
    pub destination: [u8; 6],
    /// What stands below the packet: Ethernet's header, or what a capture has in its place, and VLAN tags.
    pub link: LinkLayer,
    /// What it carries.
    pub packet: Packet,
}

/// What a frame carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Packet {
    /// ARP.
    Arp(Arp),
    /// An IP packet (IPv4 or IPv6).
    Ip(Ip, Carried),
    /// Something that layerlab does not decode: its EtherType.
    Other(u16),
    /// Something that does not hold together.
    Malformed(Malformed),
}

/// The facts of an IP header.
#[derive(Clone, PartialEq, Debug)]
pub struct Ip {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live (IPv4) or hop limit (IPv6).
    pub ttl: u8,
    /// Total length of the packet in octets.
    pub len: u32,
    /// Don't-fragment flag (IPv4).
    pub df: bool,
    /// Present when the packet is a fragment.
    pub fragment: Option<IpFragment>,
    /// Whether the header checksum verified; `None` where there is none (IPv6).
    pub checksum_good: Option<bool>,
}

/// A fragment's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpFragment {
    /// The identification that all fragments of one packet share.
    pub id: u32,
    /// Offset of its first octet in the whole payload.
    pub offset: u32,
    /// Octets of payload in this fragment.
    pub len: u32,
    /// Whether more follow.
    pub more: bool,
}

/// What an IP packet carries.
#[derive(Clone, PartialEq, Debug)]
pub enum Carried {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram.
    Udp(Udp),
    /// An ICMP message.
    Icmp(Icmp),
    /// A later fragment: no transport header in it.
    Fragment {
        /// The IP protocol number of the whole packet.
        protocol: u8,
    },
    /// Something that layerlab does not decode: its IP protocol number.
    Other(u8),
    /// A transport header that does not hold together.
    Malformed(Malformed),
}

/// ARP's operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArpOperation {
    /// Who has this address?
    Request,
    /// It is at this link-layer address.
    Reply,
    /// Anything else.
    Other(u16),
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, PartialEq, Debug)]
pub struct Arp {
    /// Request or reply.
    pub operation: ArpOperation,
    /// Sender's link-layer address.
    pub sender_mac: [u8; 6],
    /// Sender's IPv4 address.
    pub sender_ip: Ipv4Addr,
    /// Target's link-layer address (zero in a request).
    pub target_mac: [u8; 6],
    /// Target's IPv4 address.
    pub target_ip: Ipv4Addr,
    /// For a reply: the request that it answers, when that was seen.
    pub answers: Option<FrameId>,
    /// For a request: how many for this address went unanswered before it.
    pub repeat: u32,
}

/// A UDP datagram.
#[derive(Clone, PartialEq, Debug)]
pub struct Udp {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Octets of payload (of the whole datagram, when it was fragmented).
    pub len: u32,
    /// Whether the checksum verified; `None` when there is none, or the frame does not hold all of it.
    pub checksum_good: Option<bool>,
}

/// The flags of a TCP header, as the low 12 bits of octets 12 and 13 (reserved bits and AE included).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// No more data from sender.
    pub const FIN: TcpFlags = TcpFlags(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: TcpFlags = TcpFlags(0x002);
    /// Reset the connection.
    pub const RST: TcpFlags = TcpFlags(0x004);
    /// Push function.
    pub const PSH: TcpFlags = TcpFlags(0x008);
    /// The acknowledgment field is significant.
    pub const ACK: TcpFlags = TcpFlags(0x010);
    /// The urgent pointer is significant.
    pub const URG: TcpFlags = TcpFlags(0x020);
    /// ECN echo.
    pub const ECE: TcpFlags = TcpFlags(0x040);
    /// Congestion window reduced.
    pub const CWR: TcpFlags = TcpFlags(0x080);
    /// Accurate ECN.
    pub const AE: TcpFlags = TcpFlags(0x100);

    const NAMES: [(TcpFlags, &'static str); 9] = [
        (TcpFlags::FIN, "FIN"),
        (TcpFlags::SYN, "SYN"),
        (TcpFlags::RST, "RST"),
        (TcpFlags::PSH, "PSH"),
        (TcpFlags::ACK, "ACK"),
        (TcpFlags::URG, "URG"),
        (TcpFlags::ECE, "ECE"),
        (TcpFlags::CWR, "CWR"),
        (TcpFlags::AE, "AE"),
    ];

    /// Whether every flag of `other` is set.
    pub const fn has(self, other: TcpFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set, FIN first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        TcpFlags::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = TcpFlags;
    fn bitor(self, other: TcpFlags) -> TcpFlags {
        TcpFlags(self.0 | other.0)
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpFlags({self})")
    }
}

/// A TCP segment.
#[derive(Clone, PartialEq, Debug)]
pub struct Tcp {
    /// The connection's number in this run, 0 the first (Wireshark's `tcp.stream`).
    pub stream: u32,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The flags.
    pub flags: TcpFlags,
    /// Sequence number, relative to the sender's initial one.
    pub seq: u32,
    /// Acknowledgment number, relative to the other side's initial one; `None` without ACK.
    pub ack: Option<u32>,
    /// Octets of payload.
    pub len: u32,
    /// The window, scaled where the handshake was seen.
    pub window: u32,
    /// Maximum segment size option (only on SYN).
    pub mss: Option<u16>,
    /// Whether the SACK-permitted option is there (only on SYN).
    pub sack_permitted: bool,
    /// SACK blocks, relative to the other side's initial sequence number.
    pub sack: Vec<(u32, u32)>,
    /// Whether the checksum verified; `None` when the frame does not hold the whole segment.
    pub checksum_good: Option<bool>,
    /// What it is in the conversation, as far as the frames before it show.
    pub notes: Vec<TcpNote>,
}

/// What a segment is in its conversation. Each follows from frames that were seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpNote {
    /// The first segment of the handshake (RFC 9293 s3.5).
    HandshakeSyn,
    /// The second, answering the SYN in this frame.
    HandshakeSynAck {
        /// The SYN.
        answers: FrameId,
    },
    /// The third, answering the SYN-ACK in this frame.
    HandshakeAck {
        /// The SYN-ACK.
        answers: FrameId,
    },
    /// A RST that answers a SYN: nobody listens.
    Refused {
        /// The SYN.
        answers: FrameId,
    },
    /// A RST that ends an existing connection.
    Reset,
    /// It acknowledges, for the first time, all of the data up to the one in this frame.
    Acknowledges {
        /// The last frame whose octets (or SYN, FIN) it acknowledges.
        last: FrameId,
    },
    /// The n-th acknowledgment of the same number in a row while octets from there on are under way (RFC 5681 s2),
    /// without data, and without a change of window unless it carries SACK blocks: then what it tells is what arrived
    /// meanwhile (RFC 6675 s2).
    DuplicateAck {
        /// 1 the first duplicate.
        nth: u32,
        /// The first acknowledgment of that number.
        of: FrameId,
    },
    /// It repeats octets (or a SYN, FIN) that an earlier frame carried.
    Retransmission {
        /// The earlier frame.
        of: FrameId,
        /// How many duplicate acknowledgments of its first octet its sender had seen pass.
        duplicate_acks: u32,
        /// Whether the far host already had these octets (the earlier frame was delivered).
        needless: bool,
    },
    /// Its octets come after some that were not seen yet.
    OutOfOrder,
    /// The first FIN of the connection.
    FirstFin,
    /// The second FIN of the connection.
    SecondFin,
    /// The receiver has no room left.
    ZeroWindow,
    /// The receiver has room again, or more room than before, and acknowledges nothing new.
    WindowUpdate,
    /// One octet (or none) sent against a closed window, to ask whether it opened.
    ZeroWindowProbe,
    /// A segment just below the next sequence number, to ask whether the peer lives.
    KeepAlive,
    /// The answer to a keep-alive.
    KeepAliveAck,
}

/// The kind of an ICMP message, as far as layerlab names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpKind {
    /// Echo request.
    EchoRequest,
    /// Echo reply.
    EchoReply,
    /// Destination unreachable: port.
    PortUnreachable,
    /// Destination unreachable: host.
    HostUnreachable,
    /// Destination unreachable: fragmentation needed (packet too big in ICMPv6), with the next hop's MTU.
    FragmentationNeeded {
        /// The next hop's MTU in octets.
        mtu: u32,
    },
    /// Time exceeded in transit.
    TtlExceeded,
    /// Time exceeded while reassembling fragments.
    ReassemblyTimeExceeded,
    /// Any other.
    Other,
}

/// What IPv6 has in ARP's place: a question for an address, or the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Neighbor {
    /// A neighbor solicitation for this address. One whose sender has no address yet asks for nobody: it tries its own.
    Asks(Ipv6Addr),
    /// A neighbor advertisement of this address.
    Tells(Ipv6Addr),
}

/// An ICMP message.
#[derive(Clone, PartialEq, Debug)]
pub struct Icmp {
    /// ICMPv6 rather than ICMP.
    pub v6: bool,
    /// The type's number.
    pub kind_number: u8,
    /// The code's number.
    pub code: u8,
    /// What the two mean.
    pub kind: IcmpKind,
    /// For an error: the frame that it answers, found by the quoted header, when that was seen.
    pub about: Option<FrameId>,
    /// For an echo: identifier and sequence number.
    pub echo: Option<(u16, u16)>,
    /// For a neighbor solicitation or advertisement: the address whose MAC it asks for, or tells (RFC 4861 s4.3, s4.4).
    pub neighbor: Option<Neighbor>,
    /// Whether the checksum verified; `None` when the frame does not hold all of it.
    pub checksum_good: Option<bool>,
}

/// Bytes that do not hold together, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The protocol whose rule was broken.
    pub protocol: Protocol,
    /// Offset in the frame at which it was found.
    pub offset: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The frame ends too early.
    Truncated {
        /// Octets needed.
        needed: usize,
        /// Octets there.
        got: usize,
    },
    /// A length field contradicts the frame or the header's own minimum.
    BadLength {
        /// The field's value, in octets.
        value: usize,
    },
    /// The version field is not this protocol's.
    BadVersion {
        /// The field's value.
        value: u8,
    },
}
