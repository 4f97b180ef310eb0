//! The opening handshake (RFC 6455 s4): an HTTP/1.1 request to upgrade, and the answer 101.
//!
//! The client sends 16 octets of its choice; the server proves that it understood the request as a
//! WebSocket handshake by hashing them with a fixed text. See [`AcceptSteps`].

mod client;
mod extensions;
mod refusal;
mod server;

pub use client::{ClientRequest, judge_answer};
pub use extensions::{DeflateWish, Extension};
pub use refusal::Refusal;
pub use server::{Answer, ServerPolicy};

use super::deflate::Window;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The text that a key is hashed with (RFC 6455 s1.3). It is no secret: it only is unlikely to be known to
/// a server that does not speak WebSocket.
pub const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The version that RFC 6455 defines, in `Sec-WebSocket-Version`.
pub const VERSION: &str = "13";

/// How `Sec-WebSocket-Accept` is computed from `Sec-WebSocket-Key`, step by step (RFC 6455 s4.2.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcceptSteps {
    /// The key as it came, base64 of 16 octets. It is used as text, never decoded.
    pub key: String,
    /// The key and [`GUID`], one after the other.
    pub joined: String,
    /// SHA-1 of `joined`.
    pub sha1: [u8; 20],
    /// base64 of `sha1`: the answer.
    pub accept: String,
}

impl AcceptSteps {
    /// All of them.
    pub fn of(key: &str) -> AcceptSteps {
        let joined = format!("{key}{GUID}");
        let sha1: [u8; 20] = Sha1::digest(joined.as_bytes()).into();
        let accept = STANDARD.encode(sha1);
        AcceptSteps { key: key.into(), joined, sha1, accept }
    }
}

/// What both sides agreed on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Agreed {
    /// The subprotocol, if any.
    pub subprotocol: Option<String>,
    /// The client's and the server's window, where permessage-deflate was agreed on.
    pub deflate: Option<[Window; 2]>,
}

/// The text of a key: base64 of its 16 octets.
pub fn encode_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The 16 octets of a key (RFC 6455 s4.2.1); `None` where the text is none.
pub fn decode_key(text: &str) -> Option<[u8; 16]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// Whether this is the base64 of 16 octets.
pub fn is_key(text: &str) -> bool {
    decode_key(text).is_some()
}
