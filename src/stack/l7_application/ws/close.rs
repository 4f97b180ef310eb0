//! Close codes and the body of a Close frame (RFC 6455 s5.5.1, s7.4).

use super::error::Rule;
use std::fmt;

/// A close code. Holds any number: whether it may be sent is [`CloseCode::may_be_sent`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The endpoint goes away: a server stops, a browser leaves the page.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A kind of data that the endpoint cannot accept.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// Never on the wire: "the Close frame held no code", told to the program.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// Never on the wire: "the connection ended without a Close frame", told to the program.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// Data that does not fit the message's type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: CloseCode = CloseCode(1007);
    /// A policy of the endpoint was violated.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message too big to process.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// The client needed an extension that the server did not agree to.
    pub const MANDATORY_EXTENSION: CloseCode = CloseCode(1010);
    /// The server met an unexpected condition.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// Never on the wire: "the TLS handshake failed", told to the program.
    pub const TLS: CloseCode = CloseCode(1015);

    /// The registered codes: number, name, whether it may stand in a Close frame, and what it means to the
    /// program that gets it. 1012 to 1014 were registered with IANA after RFC 6455.
    pub const REGISTERED: [(u16, &'static str, bool); 16] = [
        (1000, "Normal Closure", true),
        (1001, "Going Away", true),
        (1002, "Protocol error", true),
        (1003, "Unsupported Data", true),
        (1004, "Reserved", false),
        (1005, "No Status Rcvd", false),
        (1006, "Abnormal Closure", false),
        (1007, "Invalid frame payload data", true),
        (1008, "Policy Violation", true),
        (1009, "Message Too Big", true),
        (1010, "Mandatory Ext.", true),
        (1011, "Internal Error", true),
        (1012, "Service Restart", true),
        (1013, "Try Again Later", true),
        (1014, "Bad Gateway", true),
        (1015, "TLS handshake", false),
    ];

    /// Whether the code may stand in a Close frame: the registered ones but 1004, 1005, 1006 and 1015;
    /// 3000 to 3999 (registered by libraries) and 4000 to 4999 (private) (RFC 6455 s7.4.2).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// The registered name; empty for a library's or a private code.
    pub fn name(self) -> &'static str {
        let found = CloseCode::REGISTERED.iter().find(|(code, ..)| *code == self.0);
        found.map_or("", |(_, name, _)| name)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Reads the body of a Close frame: the code and the reason, or `None` for an empty body. Fails on one
/// octet, on a code that may not be sent, and on a reason that is not UTF-8.
pub fn parse_body(body: &[u8]) -> Result<Option<(CloseCode, &str)>, Rule> {
    let (code, reason) = match body {
        [] => return Ok(None),
        [_] => return Err(Rule::CloseBody),
        [high, low, reason @ ..] => (CloseCode(u16::from_be_bytes([*high, *low])), reason),
    };
    if !code.may_be_sent() {
        return Err(Rule::CloseCode { got: code.0 });
    }
    let reason = std::str::from_utf8(reason);
    let reason = reason.map_err(|e| Rule::CloseReason { offset: e.valid_up_to() as u64 })?;
    Ok(Some((code, reason)))
}

/// The body of a Close frame. The reason is cut at a character's edge so that the body fits the 125 octets
/// of a control frame.
pub fn body(code: CloseCode, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(super::frame::MAX_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    [&code.0.to_be_bytes(), &reason.as_bytes()[..end]].concat()
}
