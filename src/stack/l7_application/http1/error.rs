//! What may be wrong with HTTP/1.1, whose fault it is, and where the rule stands.

use crate::model::{Cite, Side};

/// A rule of HTTP/1.1 that octets broke.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// An octet that no start line may hold: this is not HTTP.
    #[error("octet 0x{octet:02x} at offset {offset} of the start line: this is not HTTP")]
    NotHttp {
        /// Offset from the first octet of the head.
        offset: usize,
        /// The octet.
        octet: u8,
    },
    /// A TLS record where a start line was expected.
    #[error("a TLS handshake came where plain HTTP was expected (https or wss to a port without TLS?)")]
    Tls,
    /// The start line is not what the grammar asks for.
    #[error("the start line is malformed: expected {expected}")]
    StartLine {
        /// The form that was expected.
        expected: &'static str,
    },
    /// Not HTTP/1.0 or HTTP/1.1.
    #[error("expected HTTP/1.1, got another version")]
    Version,
    /// A field line is malformed.
    #[error("a field line is malformed: {what}")]
    FieldLine {
        /// Which part of it.
        what: &'static str,
    },
    /// The head is larger than the limit.
    #[error("the head is larger than {limit} octets")]
    HeadTooLarge {
        /// Octets allowed.
        limit: usize,
    },
    /// The head has more field lines than the limit.
    #[error("the head has more than {limit} fields")]
    TooManyFields {
        /// Fields allowed.
        limit: usize,
    },
    /// `Content-Length` is no decimal number that fits 64 bits.
    #[error("Content-Length {got:?} is not a number of octets")]
    ContentLength {
        /// The value as it came.
        got: String,
    },
    /// Several `Content-Length` values that differ.
    #[error("Content-Length is given more than once, with different values")]
    ContentLengthsDiffer,
    /// Both `Content-Length` and `Transfer-Encoding`: two answers to where the body ends.
    #[error("both Content-Length and Transfer-Encoding are given: they may disagree on where the body ends")]
    LengthAndCoding,
    /// A transfer coding other than `chunked` alone.
    #[error("Transfer-Encoding {got:?}: only \"chunked\" is understood")]
    TransferCoding {
        /// The value as it came.
        got: String,
    },
    /// The body is larger than the limit.
    #[error("the body is larger than {limit} octets")]
    BodyTooLarge {
        /// Octets allowed.
        limit: u64,
    },
    /// A chunk does not begin with its size in hexadecimal.
    #[error("a chunk must begin with its size in hexadecimal digits, got octet 0x{octet:02x}")]
    ChunkSize {
        /// The octet that is out of place.
        octet: u8,
    },
    /// Chunk extensions or trailers are larger than the limit.
    #[error("chunk extensions or trailers are larger than {limit} octets")]
    ChunkOverhead {
        /// Octets allowed.
        limit: usize,
    },
    /// A chunk's data is not followed by CRLF.
    #[error("expected CRLF after a chunk's data, got octet 0x{octet:02x}")]
    ChunkEnd {
        /// The octet that is out of place.
        octet: u8,
    },
    /// The stream ended inside a head or body.
    #[error("the stream ended inside the {part}")]
    Truncated {
        /// `head` or `body`.
        part: &'static str,
    },
}

impl Violation {
    /// Where the rule stands.
    pub const fn cite(&self) -> Cite {
        match self {
            Violation::NotHttp { .. } | Violation::StartLine { .. } => Cite::rfc(9112, "2.2"),
            Violation::Tls => Cite::rfc(9110, "4.2.2"),
            Violation::Version => Cite::rfc(9112, "2.3"),
            Violation::FieldLine { .. } => Cite::rfc(9112, "5"),
            Violation::HeadTooLarge { .. } | Violation::TooManyFields { .. } => Cite::rfc(9110, "5.4"),
            Violation::ContentLength { .. } | Violation::ContentLengthsDiffer => Cite::rfc(9110, "8.6"),
            Violation::LengthAndCoding => Cite::rfc(9112, "6.3"),
            Violation::TransferCoding { .. } => Cite::rfc(9112, "6.1"),
            Violation::BodyTooLarge { .. } => Cite::rfc(9110, "15.5.14"),
            Violation::ChunkSize { .. } | Violation::ChunkEnd { .. } => Cite::rfc(9112, "7.1"),
            Violation::ChunkOverhead { .. } => Cite::rfc(9112, "7.1.1"),
            Violation::Truncated { .. } => Cite::rfc(9112, "8"),
        }
    }

    /// The status code with which a server should refuse a request that breaks this rule.
    pub const fn status(&self) -> u16 {
        match self {
            Violation::HeadTooLarge { .. } | Violation::TooManyFields { .. } => 431,
            Violation::BodyTooLarge { .. } => 413,
            Violation::TransferCoding { .. } => 501,
            Violation::Version => 505,
            _ => 400,
        }
    }
}

/// A broken rule, and the side that broke it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {} broke {}: {violation}", blame.name(), violation.cite())]
pub struct Fault {
    /// Whose octets they were.
    pub blame: Side,
    /// The rule.
    pub violation: Violation,
}
