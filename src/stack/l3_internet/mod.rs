//! OSI layer 3, the Internet layer of RFC 1122: IPv4, IPv6, ICMP for both, and the routers between.

pub mod icmp;
pub mod ipv4;
pub mod ipv6;
pub mod router;

/// IP protocol numbers (IANA "Assigned Internet Protocol Numbers").
pub mod protocol {
    /// ICMP (RFC 792).
    pub const ICMP: u8 = 1;
    /// TCP (RFC 9293).
    pub const TCP: u8 = 6;
    /// UDP (RFC 768).
    pub const UDP: u8 = 17;
    /// ICMPv6 (RFC 4443).
    pub const ICMPV6: u8 = 58;
}

/// The name of an IP protocol or IPv6 next-header number.
pub(crate) const fn protocol_name(number: u64) -> Option<&'static str> {
    Some(match number as u8 {
        0 => "hop-by-hop options",
        protocol::ICMP => "ICMP",
        2 => "IGMP",
        protocol::TCP => "TCP",
        protocol::UDP => "UDP",
        41 => "IPv6",
        43 => "routing",
        44 => "fragment",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        protocol::ICMPV6 => "ICMPv6",
        59 => "no next header",
        60 => "destination options",
        132 => "SCTP",
        _ => return None,
    })
}

/// The name of an ECN codepoint (RFC 3168 s5).
pub(crate) const fn ecn_name(number: u64) -> Option<&'static str> {
    match number {
        0 => Some("Not-ECT"),
        1 => Some("ECT(1)"),
        2 => Some("ECT(0)"),
        3 => Some("CE"),
        _ => None,
    }
}
