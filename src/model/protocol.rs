//! The protocols that layerlab speaks of, and where each stands in the two layer models.
//!
//! An event names its protocol, never its layer: the layer is derived here, so the two cannot disagree.
//! OSI's layers 5 and 6 are data in this table and nothing else; no protocol of ours sits honestly in one.

use super::cite::Cite;
use std::fmt;

/// What acted in an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    /// The emulated wire: delay, loss, rate.
    Wire,
    /// Ethernet II.
    Ethernet,
    /// Linux's cooked capture header.
    Sll,
    /// The loopback header of BSD captures.
    Null,
    /// A VLAN tag.
    Vlan,
    /// ARP for IPv4 over Ethernet.
    Arp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// ICMP for IPv4.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// TLS.
    Tls,
    /// HTTP/1.1.
    Http,
    /// WebSocket.
    WebSocket,
    /// layerlab's frame: length, type, checksums.
    Framing,
    /// layerlab's message queue.
    Queue,
    /// The socket interface: an API, no protocol, with no bytes of its own on any wire.
    Sockets,
    /// Bytes of the application that no decoder claims.
    Data,
}

/// One or two neighbouring OSI layers; `convention` where the model itself does not settle it (shown as `~`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct OsiSpan {
    /// The lower layer, 1 to 7.
    pub low: u8,
    /// The upper layer, 1 to 7; equal to `low` for a single layer.
    pub high: u8,
    /// Whether the placing is only a convention.
    pub convention: bool,
}

impl fmt::Display for OsiSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.convention {
            f.write_str("~")?;
        }
        if self.low == self.high {
            write!(f, "{}", self.low)
        } else if self.convention {
            // Duties of both, not a place between them.
            write!(f, "{}/{}", self.low, self.high)
        } else {
            write!(f, "{}-{}", self.low, self.high)
        }
    }
}

/// A layer of the TCP/IP model (RFC 1122 s1.1.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TcpIp {
    /// Below what RFC 1122 describes: the physical wire.
    BelowLink,
    /// The link layer.
    Link,
    /// The internet layer.
    Internet,
    /// The transport layer.
    Transport,
    /// The application layer.
    Application,
}

impl TcpIp {
    /// The layer's name as RFC 1122 writes it.
    pub const fn name(self) -> &'static str {
        match self {
            TcpIp::BelowLink => "below Link",
            TcpIp::Link => "Link",
            TcpIp::Internet => "Internet",
            TcpIp::Transport => "Transport",
            TcpIp::Application => "Application",
        }
    }
}

/// Where something stands in both models. `None` for what is no layer's: an API has no place in either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// The place in the OSI reference model (ISO/IEC 7498-1).
    pub osi: Option<OsiSpan>,
    /// The place in the TCP/IP model (RFC 1122).
    pub tcpip: Option<TcpIp>,
    /// The source for the placing.
    pub cite: Cite,
}

const fn osi(low: u8, high: u8) -> Option<OsiSpan> {
    Some(OsiSpan { low, high, convention: false })
}

impl Protocol {
    /// Every protocol of the table, bottom up.
    pub const ALL: [Protocol; 19] = [
        Protocol::Wire,
        Protocol::Ethernet,
        Protocol::Sll,
        Protocol::Null,
        Protocol::Vlan,
        Protocol::Arp,
        Protocol::Ipv4,
        Protocol::Ipv6,
        Protocol::Icmp,
        Protocol::Icmpv6,
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Tls,
        Protocol::Http,
        Protocol::WebSocket,
        Protocol::Framing,
        Protocol::Queue,
        Protocol::Sockets,
        Protocol::Data,
    ];

    /// Wireshark's filter name where the protocol has one (`eth`, `arp`, `ip`, ...), else a name of ours.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Wire => "wire",
            Protocol::Ethernet => "eth",
            Protocol::Sll => "sll",
            Protocol::Null => "null",
            Protocol::Vlan => "vlan",
            Protocol::Arp => "arp",
            Protocol::Ipv4 => "ip",
            Protocol::Ipv6 => "ipv6",
            Protocol::Icmp => "icmp",
            Protocol::Icmpv6 => "icmpv6",
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Tls => "tls",
            Protocol::Http => "http",
            Protocol::WebSocket => "websocket",
            Protocol::Framing => "layerlab",
            Protocol::Queue => "layerlab.queue",
            Protocol::Sockets => "sockets",
            Protocol::Data => "data",
        }
    }

    /// Where the protocol stands in the two models.
    pub const fn standing(self) -> Standing {
        match self {
            Protocol::Wire => Standing {
                osi: osi(1, 1),
                tcpip: Some(TcpIp::BelowLink),
                cite: Cite::named("ISO/IEC 7498-1", "7.7"),
            },
            Protocol::Ethernet => {
                Standing { osi: osi(2, 2), tcpip: Some(TcpIp::Link), cite: Cite::rfc(1122, "2.3.3") }
            }
            // It stands where a link-layer header would; no link ever carried it.
            Protocol::Sll => Standing {
                osi: Some(OsiSpan { low: 2, high: 2, convention: true }),
                tcpip: Some(TcpIp::Link),
                cite: Cite::named("LINKTYPE_LINUX_SLL2", ""),
            },
            Protocol::Null => Standing {
                osi: Some(OsiSpan { low: 2, high: 2, convention: true }),
                tcpip: Some(TcpIp::Link),
                cite: Cite::named("LINKTYPE_NULL", ""),
            },
            Protocol::Vlan => {
                Standing { osi: osi(2, 2), tcpip: Some(TcpIp::Link), cite: Cite::named("IEEE 802.1Q", "9") }
            }
            Protocol::Arp => {
                Standing { osi: osi(2, 3), tcpip: Some(TcpIp::Link), cite: Cite::rfc(1122, "2.3.2") }
            }
            Protocol::Ipv4 | Protocol::Icmp => {
                Standing { osi: osi(3, 3), tcpip: Some(TcpIp::Internet), cite: Cite::rfc(1122, "1.1.3") }
            }
            Protocol::Ipv6 | Protocol::Icmpv6 => {
                Standing { osi: osi(3, 3), tcpip: Some(TcpIp::Internet), cite: Cite::rfc(8200, "1") }
            }
            Protocol::Tcp | Protocol::Udp => {
                Standing { osi: osi(4, 4), tcpip: Some(TcpIp::Transport), cite: Cite::rfc(1122, "1.1.3") }
            }
            // The application's side of the border to transport; what it does is what OSI gives to layers 5 and 6.
            Protocol::Tls => Standing {
                osi: Some(OsiSpan { low: 5, high: 6, convention: true }),
                tcpip: Some(TcpIp::Application),
                cite: Cite::rfc(8446, "1"),
            },
            Protocol::Http => {
                Standing { osi: osi(7, 7), tcpip: Some(TcpIp::Application), cite: Cite::rfc(9110, "1.1") }
            }
            // Some of its duties (who may speak when, an orderly end) are what OSI gives to layer 5.
            Protocol::WebSocket => {
                Standing { osi: osi(7, 7), tcpip: Some(TcpIp::Application), cite: Cite::rfc(6455, "1.5") }
            }
            // RFC 1122's application layer is one; that framing makes edges, as layer 2 does, moves it nowhere.
            Protocol::Framing | Protocol::Queue => Standing {
                osi: Some(OsiSpan { low: 7, high: 7, convention: true }),
                tcpip: Some(TcpIp::Application),
                cite: Cite::rfc(1122, "1.1.3"),
            },
            Protocol::Sockets => Standing { osi: None, tcpip: None, cite: Cite::rfc(9293, "3.9.1") },
            Protocol::Data => {
                Standing { osi: osi(7, 7), tcpip: Some(TcpIp::Application), cite: Cite::rfc(1122, "1.1.3") }
            }
        }
    }
}
