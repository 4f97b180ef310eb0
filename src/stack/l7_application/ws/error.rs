//! What may be wrong with frames and messages, whose fault it is, where the rule stands, and the close
//! code that answers it.

use super::close::CloseCode;
use super::frame::Opcode;
use crate::model::{Cite, Side};

/// A rule that a peer's frames broke. Handshakes have their own: [`Refusal`](super::handshake::Refusal).
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rule {
    /// A reserved bit is set and no extension gave it a meaning.
    #[error("expected reserved bits 0, got RSV {bits:03b}: no extension gives them a meaning")]
    Reserved {
        /// RSV1, RSV2, RSV3 as three bits, RSV1 the highest.
        bits: u8,
    },
    /// RSV1 (compressed) on a frame that may not carry it.
    #[error("RSV1 (compressed) may only be set on a message's first frame, got it on {opcode}")]
    CompressedHere {
        /// The frame's opcode.
        opcode: Opcode,
    },
    /// An opcode that nobody has given a meaning.
    #[error("opcode 0x{got:x} is reserved: expected 0, 1, 2, 8, 9 or 10")]
    ReservedOpcode {
        /// The four bits.
        got: u8,
    },
    /// A client's frame without a masking key.
    #[error("a client must mask its frames, got one without a key")]
    Unmasked,
    /// A server's frame with a masking key.
    #[error("a server must not mask its frames, got one with a key")]
    Masked,
    /// A length in a longer form than it needs.
    #[error("length {len} in {bits} bits: the shortest form must be used")]
    LengthNotMinimal {
        /// The length.
        len: u64,
        /// The form: 16 or 64 bits.
        bits: u8,
    },
    /// A 64-bit length with its highest bit set.
    #[error("the highest bit of a 64-bit length must be 0")]
    LengthTopBit,
    /// A control frame without FIN.
    #[error("a control frame must not be fragmented, got {opcode} without FIN")]
    ControlFragmented {
        /// The frame's opcode.
        opcode: Opcode,
    },
    /// A control frame of more than 125 octets.
    #[error("a control frame carries at most 125 octets, got {opcode} announcing {len} or more")]
    ControlTooLong {
        /// The frame's opcode.
        opcode: Opcode,
        /// The 7 bits of length: 126 or 127.
        len: u8,
    },
    /// A frame before both sides agreed on the handshake.
    #[error("{opcode} came before the opening handshake was done")]
    BeforeOpen {
        /// The frame's opcode.
        opcode: Opcode,
    },
    /// A continuation, but no message is unfinished.
    #[error("a continuation came, but there is no unfinished message to continue")]
    NothingToContinue,
    /// A new message inside an unfinished one.
    #[error("expected a continuation of the unfinished message, got {opcode}")]
    MessageUnfinished {
        /// The frame's opcode.
        opcode: Opcode,
    },
    /// A frame after the side's own Close.
    #[error("{opcode} came after the sender's own Close")]
    AfterClose {
        /// The frame's opcode.
        opcode: Opcode,
    },
    /// A Close with a body of one octet: half a code.
    #[error("a Close body is empty or begins with a code of 2 octets, got 1 octet")]
    CloseBody,
    /// A code that may not stand in a Close frame.
    #[error("close code {got} may not be sent in a Close frame")]
    CloseCode {
        /// The code.
        got: u16,
    },
    /// A reason that is not UTF-8.
    #[error("the Close reason is not UTF-8 from octet {offset} on")]
    CloseReason {
        /// Offset in the reason.
        offset: u64,
    },
    /// Text that is not UTF-8.
    #[error("the text message is not UTF-8: octet {offset} cannot stand there")]
    Utf8 {
        /// Offset of the first bad octet in the message (after inflating), or the message's length when it
        /// ends inside a character.
        offset: u64,
    },
    /// Compressed data that does not inflate.
    #[error("the compressed message is not valid DEFLATE data")]
    Deflate,
    /// A frame over our limit.
    #[error("a frame of {len} octets: at most {limit} are accepted here")]
    FrameTooLarge {
        /// Octets announced.
        len: u64,
        /// Octets allowed.
        limit: u64,
    },
    /// A message over our limit.
    #[error("a message of more than {limit} octets")]
    MessageTooLarge {
        /// Octets allowed, after inflating.
        limit: u64,
    },
    /// A message in more frames than our limit.
    #[error("a message of more than {limit} fragments")]
    TooManyFragments {
        /// Frames allowed.
        limit: u32,
    },
}

impl Rule {
    /// Where the rule stands.
    pub const fn cite(&self) -> Cite {
        match self {
            Rule::Reserved { .. }
            | Rule::ReservedOpcode { .. }
            | Rule::LengthNotMinimal { .. }
            | Rule::LengthTopBit => Cite::rfc(6455, "5.2"),
            Rule::CompressedHere { .. } => Cite::rfc(7692, "6.1"),
            Rule::Unmasked | Rule::Masked => Cite::rfc(6455, "5.1"),
            Rule::ControlFragmented { .. } | Rule::ControlTooLong { .. } => Cite::rfc(6455, "5.5"),
            Rule::BeforeOpen { .. } => Cite::rfc(6455, "4.1"),
            Rule::NothingToContinue | Rule::MessageUnfinished { .. } => Cite::rfc(6455, "5.4"),
            Rule::AfterClose { .. } | Rule::CloseBody | Rule::CloseReason { .. } => Cite::rfc(6455, "5.5.1"),
            Rule::CloseCode { .. } => Cite::rfc(6455, "7.4"),
            Rule::Utf8 { .. } => Cite::rfc(6455, "8.1"),
            Rule::Deflate => Cite::rfc(7692, "7.2.2"),
            Rule::FrameTooLarge { .. } | Rule::MessageTooLarge { .. } | Rule::TooManyFragments { .. } => {
                Cite::rfc(6455, "10.4")
            }
        }
    }

    /// Whether it is a limit of the receiver's own: nothing was done wrong.
    pub const fn is_limit(&self) -> bool {
        matches!(
            self,
            Rule::FrameTooLarge { .. } | Rule::MessageTooLarge { .. } | Rule::TooManyFragments { .. }
        )
    }

    /// The close code that says it (RFC 6455 s7.4.1).
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Rule::CloseReason { .. } | Rule::Utf8 { .. } | Rule::Deflate => CloseCode::INVALID_PAYLOAD,
            Rule::FrameTooLarge { .. } | Rule::MessageTooLarge { .. } => CloseCode::TOO_BIG,
            Rule::TooManyFragments { .. } => CloseCode::POLICY,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

/// A broken rule, and the side that broke it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {rule}", Fault::what(*blame, rule))]
pub struct Fault {
    /// Whose frame it was.
    pub blame: Side,
    /// The rule.
    pub rule: Rule,
}

impl Fault {
    fn what(blame: Side, rule: &Rule) -> String {
        if rule.is_limit() {
            return format!("the {} sent more than the {} takes", blame.name(), blame.other().name());
        }
        format!("the {} broke {}", blame.name(), rule.cite())
    }
}

/// What the program on top asked for and may not have. Nothing was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Misuse {
    /// The connection is not open (yet, or any more).
    #[error("nothing can be sent: the connection is not open")]
    NotOpen,
    /// The opening handshake was begun before.
    #[error("the opening handshake was begun before")]
    AlreadyBegun,
    /// A fragmented message of ours is unfinished: only its continuation and control frames may be sent.
    #[error("a fragmented message is unfinished: finish it first (RFC 6455 s5.4)")]
    Unfinished,
    /// A continuation of nothing.
    #[error("there is no unfinished message to continue (RFC 6455 s5.4)")]
    NothingToContinue,
    /// A control frame's payload is over 125 octets.
    #[error("a control frame carries at most 125 octets (RFC 6455 s5.5), got {len}")]
    ControlTooLong {
        /// Octets asked for.
        len: usize,
    },
    /// A code that may not stand in a Close frame.
    #[error("close code {code} may not be sent (RFC 6455 s7.4.1)")]
    CloseCode {
        /// The code.
        code: u16,
    },
    /// Text that is not UTF-8.
    #[error("a text message must be UTF-8 (RFC 6455 s5.6)")]
    Utf8,
    /// Datagrams: WebSocket runs on a byte stream.
    #[error("WebSocket runs on a byte stream, not on datagrams")]
    Datagram,
}
