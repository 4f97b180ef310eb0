//! What a peer must not do, done on purpose: to see what the other side makes of it.

use crate::stack::l7_application::ws::{CloseCode, FrameHeader, Masks, Opcode, codec};

/// Text that is not UTF-8: the octet 0xff is in no character (RFC 3629 s3).
const NOT_UTF8: &[u8] = b"caf\xff";
/// An opcode that RFC 6455 reserves for data frames to come (s5.2).
const RESERVED: u8 = 3;

/// A rule to break.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// The client sends a frame without a mask (RFC 6455 s5.1).
    Unmasked,
    /// The client sends a text that is not UTF-8 (s8.1).
    BadUtf8,
    /// The client sends a frame of an opcode that nobody has defined (s5.2).
    BadOpcode,
    /// The server's accept value is not the one that the key asks for (s4.1).
    WrongAccept,
}

impl Wrong {
    /// The close code that the RFC wants for it; `None` where the handshake fails before there could be a Close.
    pub const fn expected(self) -> Option<CloseCode> {
        match self {
            Wrong::Unmasked | Wrong::BadOpcode => Some(CloseCode::PROTOCOL_ERROR),
            Wrong::BadUtf8 => Some(CloseCode::INVALID_PAYLOAD),
            Wrong::WrongAccept => None,
        }
    }

    /// The octets of the frame that breaks the rule.
    pub(super) fn frame(self, message: &[u8], masks: &mut Masks) -> Vec<u8> {
        let mut out = Vec::new();
        let masked = |payload: &[u8], key: [u8; 4], out: &mut Vec<u8>| {
            let header = FrameHeader { mask: Some(key), ..FrameHeader::new(Opcode::Text, 0) };
            codec::encode(&header, payload, out);
        };
        match self {
            Wrong::Unmasked => codec::encode(&FrameHeader::new(Opcode::Text, 0), message, &mut out),
            Wrong::BadUtf8 => masked(NOT_UTF8, masks.key(), &mut out),
            Wrong::BadOpcode => {
                masked(message, masks.key(), &mut out);
                out[0] = out[0] & 0xf0 | RESERVED;
            }
            Wrong::WrongAccept => {}
        }
        out
    }
}
