//! What a TLS handshake settled (RFC 8446 s4), as the library that did it reports: of its records nothing is seen.

use std::time::Duration;

/// What both sides agreed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsHandshake {
    /// The name or address that the certificate had to be for.
    pub server: String,
    /// `TLSv1.3`.
    pub version: String,
    /// `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// How the keys were agreed on: `X25519`.
    pub key_exchange: Option<String>,
    /// What was agreed on to speak inside (ALPN, RFC 7301).
    pub alpn: Option<String>,
    /// Certificates that the server sent.
    pub certificates: usize,
    /// Who checked them.
    pub checked_by: CheckedBy,
    /// How long the handshake took.
    pub took: Duration,
}

/// Against whose word the server's certificates were checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CheckedBy {
    /// The authorities that this machine's programs believe.
    System,
    /// The authorities in this file.
    File(String),
    /// Nobody's: whoever answered is believed.
    Nobody,
}
