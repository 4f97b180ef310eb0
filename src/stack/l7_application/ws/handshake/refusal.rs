//! Why a handshake fails: whose fault, the rule and its section, and the status that says it.

use crate::model::{Cite, Side};
use crate::stack::l7_application::http1;

/// A value in quotation marks, or that there is none.
fn words(got: Option<&str>) -> String {
    got.map_or_else(|| "none".to_owned(), |got| format!("{got:?}"))
}

/// Why a handshake failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no HTTP/1.1.
    #[error(transparent)]
    Http(http1::Fault),
    /// The method is not GET.
    #[error("expected method GET, got {got:?}")]
    Method {
        /// The method.
        got: String,
    },
    /// HTTP/1.0 knows no upgrade.
    #[error("expected HTTP/1.1, got HTTP/1.{minor}")]
    HttpVersion {
        /// The digit after `HTTP/1.`.
        minor: u8,
    },
    /// Not exactly one `Host`.
    #[error("expected one Host field, got {got}")]
    Host {
        /// Lines of that name.
        got: usize,
    },
    /// `Upgrade` does not name `websocket`.
    #[error("expected \"Upgrade: websocket\", got {}", words(got.as_deref()))]
    Upgrade {
        /// The field's first value; `None` where there is none.
        got: Option<String>,
    },
    /// `Connection` does not name `upgrade`.
    #[error("expected \"Connection: Upgrade\", got {}", words(got.as_deref()))]
    Connection {
        /// The field's first value; `None` where there is none.
        got: Option<String>,
    },
    /// The key is not the base64 of 16 octets, or there is not exactly one.
    #[error("expected one Sec-WebSocket-Key, base64 of 16 octets, got {}", words(got.as_deref()))]
    Key {
        /// The field's first value; `None` where there is none.
        got: Option<String>,
    },
    /// Another version than 13.
    #[error("expected Sec-WebSocket-Version 13, got {}", words(got.as_deref()))]
    Version {
        /// The field's first value; `None` where there is none.
        got: Option<String>,
    },
    /// A page from elsewhere.
    #[error("origin {got:?} is not among those allowed")]
    Origin {
        /// The origin.
        got: String,
    },
    /// Nothing is served at this path.
    #[error("nothing is served at {path:?}")]
    Path {
        /// The path.
        path: String,
    },
    /// The request announces a body.
    #[error("a handshake has no body")]
    Body,
    /// The list of subprotocols is malformed.
    #[error("Sec-WebSocket-Protocol must list distinct tokens, got {got:?}")]
    Subprotocols {
        /// The element that is wrong.
        got: String,
    },
    /// `Sec-WebSocket-Extensions` is malformed.
    #[error("Sec-WebSocket-Extensions is malformed: {got:?}")]
    Extensions {
        /// The element that is wrong.
        got: String,
    },
    /// The server did not answer 101.
    #[error("expected status 101, got {got} {reason}")]
    Status {
        /// The status.
        got: u16,
        /// The reason phrase.
        reason: String,
    },
    /// The answer says 101, but not that it switches to WebSocket.
    #[error("expected {expected:?} in the answer, got {}", words(got.as_deref()))]
    NotSwitched {
        /// What was expected.
        expected: &'static str,
        /// The field's first value; `None` where there is none.
        got: Option<String>,
    },
    /// The answer to the key is wrong.
    #[error("expected Sec-WebSocket-Accept {expected:?}, got {}", words(got.as_deref()))]
    Accept {
        /// What the key asks for.
        expected: String,
        /// The field's first value; `None` where there is none.
        got: Option<String>,
    },
    /// A subprotocol that the client did not ask for, or several.
    #[error("the server chose subprotocol {got:?}, which was not offered")]
    SubprotocolNotOffered {
        /// The choice.
        got: String,
    },
    /// An extension that the client did not offer, or with parameters that it must not have.
    #[error("the server answered with extension {got:?}, which does not fit what was offered")]
    ExtensionNotOffered {
        /// The extension and its parameters.
        got: String,
    },
}

impl Refusal {
    /// Whose fault it is.
    pub const fn blame(&self) -> Side {
        match self {
            Refusal::Http(fault) => fault.blame,
            Refusal::Status { .. }
            | Refusal::NotSwitched { .. }
            | Refusal::Accept { .. }
            | Refusal::SubprotocolNotOffered { .. }
            | Refusal::ExtensionNotOffered { .. } => Side::Server,
            _ => Side::Client,
        }
    }

    /// Where the rule stands.
    pub const fn cite(&self) -> Cite {
        match self {
            Refusal::Http(fault) => fault.violation.cite(),
            Refusal::Method { .. }
            | Refusal::HttpVersion { .. }
            | Refusal::Host { .. }
            | Refusal::Upgrade { .. }
            | Refusal::Connection { .. }
            | Refusal::Key { .. } => Cite::rfc(6455, "4.2.1"),
            Refusal::Version { .. } => Cite::rfc(6455, "4.4"),
            Refusal::Origin { .. } => Cite::rfc(6455, "10.2"),
            Refusal::Path { .. } => Cite::rfc(6455, "4.2.2"),
            Refusal::Body => Cite::rfc(9110, "7.8"),
            Refusal::Subprotocols { .. } => Cite::rfc(6455, "11.3.4"),
            Refusal::Extensions { .. } => Cite::rfc(6455, "9.1"),
            Refusal::Status { .. }
            | Refusal::NotSwitched { .. }
            | Refusal::Accept { .. }
            | Refusal::SubprotocolNotOffered { .. }
            | Refusal::ExtensionNotOffered { .. } => Cite::rfc(6455, "4.1"),
        }
    }

    /// The status with which a server refuses such a request (RFC 6455 s4.2.2, s4.4; RFC 9110 s15).
    pub const fn status(&self) -> u16 {
        match self {
            Refusal::Http(fault) => fault.violation.status(),
            Refusal::Method { .. } => 405,
            Refusal::Upgrade { .. } | Refusal::Version { .. } => 426,
            Refusal::Origin { .. } => 403,
            Refusal::Path { .. } => 404,
            _ => 400,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_missing_is_called_none() {
        let wrong = Refusal::Upgrade { got: Some("h2c".into()) };
        assert_eq!(wrong.to_string(), "expected \"Upgrade: websocket\", got \"h2c\"");
        let missing = Refusal::NotSwitched { expected: "Upgrade: websocket", got: None };
        assert_eq!(missing.to_string(), "expected \"Upgrade: websocket\" in the answer, got none");
    }
}
