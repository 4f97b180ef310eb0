//! Request and response heads (RFC 9112 s3 to s5): decoded from a stream in any chunking, and encoded.

use super::error::{Fault, Violation};
use super::fields::Fields;
use crate::model::Side;

/// The bounds of what a peer may make us hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Octets of a head, the empty line included.
    pub head: usize,
    /// Field lines of a head.
    pub fields: usize,
    /// Octets of a body.
    pub body: u64,
    /// Octets of all chunk extensions of a body, and of its trailers.
    pub chunk_overhead: usize,
}

impl Default for Limits {
    /// 16 KiB and 100 fields a head, 1 MiB a body, 8 KiB of chunk extensions and trailers.
    fn default() -> Limits {
        Limits { head: 16 << 10, fields: 100, body: 1 << 20, chunk_overhead: 8 << 10 }
    }
}

/// The head of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestHead {
    /// The method: case matters.
    pub method: String,
    /// The request target as it was written, such as `/chat?room=1`.
    pub target: String,
    /// The digit after `HTTP/1.`.
    pub minor_version: u8,
    /// The fields.
    pub fields: Fields,
}

/// The head of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseHead {
    /// The digit after `HTTP/1.`.
    pub minor_version: u8,
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase: for people, no program should read it (RFC 9112 s4).
    pub reason: String,
    /// The fields.
    pub fields: Fields,
}

impl RequestHead {
    /// An HTTP/1.1 request without fields.
    pub fn new(method: impl Into<String>, target: impl Into<String>) -> RequestHead {
        RequestHead { method: method.into(), target: target.into(), minor_version: 1, fields: Fields::new() }
    }

    /// The path of the target, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Appends the head as octets, the empty line included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = format!("{} {} HTTP/1.{}\r\n", self.method, self.target, self.minor_version);
        out.extend_from_slice(line.as_bytes());
        encode_fields(&self.fields, out);
    }
}

impl ResponseHead {
    /// An HTTP/1.1 response with the usual reason phrase and no fields.
    pub fn new(status: u16) -> ResponseHead {
        ResponseHead { minor_version: 1, status, reason: reason(status).into(), fields: Fields::new() }
    }

    /// Appends the head as octets, the empty line included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let line = format!("HTTP/1.{} {} {}\r\n", self.minor_version, self.status, self.reason);
        out.extend_from_slice(line.as_bytes());
        encode_fields(&self.fields, out);
    }
}

fn encode_fields(fields: &Fields, out: &mut Vec<u8>) {
    for (name, value) in fields.iter() {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The registered reason phrase of the status codes that we send, else an empty one (RFC 9110 s15).
pub const fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}

/// A request or a response head.
pub trait Head: Sized {
    /// Who sends such a head.
    const SENDER: Side;
    /// Reads one whole head, the empty line included. Fails with the rule that it breaks.
    fn parse(octets: &[u8], limits: &Limits) -> Result<Self, Violation>;
}

impl Head for RequestHead {
    const SENDER: Side = Side::Client;

    fn parse(octets: &[u8], limits: &Limits) -> Result<RequestHead, Violation> {
        const EXPECTED: &str = "method SP request-target SP HTTP-version";
        let mut room = vec![httparse::EMPTY_HEADER; limits.fields];
        let mut head = httparse::Request::new(&mut room);
        let done = head.parse(octets).map_err(|e| violation(e, EXPECTED, limits))?;
        let (httparse::Status::Complete(_), Some(method), Some(target), Some(minor_version)) =
            (done, head.method, head.path, head.version)
        else {
            return Err(Violation::StartLine { expected: EXPECTED });
        };
        let fields = fields(head.headers);
        Ok(RequestHead { method: method.into(), target: target.into(), minor_version, fields })
    }
}

impl Head for ResponseHead {
    const SENDER: Side = Side::Server;

    fn parse(octets: &[u8], limits: &Limits) -> Result<ResponseHead, Violation> {
        const EXPECTED: &str = "HTTP-version SP status-code SP [ reason-phrase ]";
        let mut room = vec![httparse::EMPTY_HEADER; limits.fields];
        let mut head = httparse::Response::new(&mut room);
        let done = head.parse(octets).map_err(|e| violation(e, EXPECTED, limits))?;
        let (httparse::Status::Complete(_), Some(minor_version), Some(status)) =
            (done, head.version, head.code)
        else {
            return Err(Violation::StartLine { expected: EXPECTED });
        };
        let reason = head.reason.unwrap_or_default().into();
        Ok(ResponseHead { minor_version, status, reason, fields: fields(head.headers) })
    }
}

fn fields(headers: &[httparse::Header<'_>]) -> Fields {
    let mut fields = Fields::new();
    headers.iter().for_each(|h| fields.push(h.name, h.value));
    fields
}

fn violation(error: httparse::Error, expected: &'static str, limits: &Limits) -> Violation {
    match error {
        httparse::Error::HeaderName => Violation::FieldLine { what: "the name is not a token and a colon" },
        httparse::Error::HeaderValue => Violation::FieldLine { what: "the value holds a control octet" },
        httparse::Error::NewLine => Violation::FieldLine { what: "a line must end with CRLF" },
        httparse::Error::TooManyHeaders => Violation::TooManyFields { limit: limits.fields },
        httparse::Error::Version => Violation::Version,
        httparse::Error::Token | httparse::Error::Status => Violation::StartLine { expected },
    }
}

/// Collects one head from a stream. Holds at most [`Limits::head`] octets and looks at each once, so that
/// a peer who sends one octet at a time costs no more than one who sends all at once.
#[derive(Clone, Debug)]
pub struct HeadDecoder<H> {
    limits: Limits,
    octets: Vec<u8>,
    line: Line,
    lines: usize,
    head: std::marker::PhantomData<H>,
}

/// What the line at hand holds so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    Empty,
    Cr,
    Text,
}

impl<H: Head> HeadDecoder<H> {
    /// Waits for the first octet.
    pub fn new(limits: Limits) -> HeadDecoder<H> {
        let head = std::marker::PhantomData;
        HeadDecoder { limits, octets: Vec::new(), line: Line::Empty, lines: 0, head }
    }

    /// The octets of the head so far; after it was complete, all of them.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Takes octets up to the end of the head: how many it took, and the head once it is whole. The rest of
    /// `bytes` is what follows the head. Fails at the first octet that cannot be part of a start line, at the
    /// limits, and when the whole head is malformed; the decoder is of no further use then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Option<H>), Fault> {
        self.advance(bytes).map_err(|violation| Fault { blame: H::SENDER, violation })
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<(usize, Option<H>), Violation> {
        for (taken, &octet) in (1..).zip(bytes) {
            if self.octets.len() == self.limits.head {
                return Err(Violation::HeadTooLarge { limit: self.limits.head });
            }
            self.octets.push(octet);
            if self.ends_with(octet)? {
                return Ok((taken, Some(H::parse(&self.octets, &self.limits)?)));
            }
        }
        Ok((bytes.len(), None))
    }

    /// Whether this octet, the last of `octets`, ends the head.
    fn ends_with(&mut self, octet: u8) -> Result<bool, Violation> {
        match octet {
            b'\n' => {
                let empty = self.line != Line::Text;
                self.line = Line::Empty;
                // Empty lines before a start line are skipped (RFC 9112 s2.2).
                if empty && self.lines == 0 {
                    self.octets.clear();
                    return Ok(false);
                }
                self.lines += 1;
                return Ok(empty);
            }
            b'\r' if self.line == Line::Empty => self.line = Line::Cr,
            _ => self.line = Line::Text,
        }
        let control = octet < b' ' && octet != b'\t' && octet != b'\r';
        if self.lines == 0 && control {
            let offset = self.octets.len() - 1;
            // A TLS record of type handshake begins with 22 and the version 3 (RFC 8446 s5.1).
            let tls = offset == 0 && octet == 0x16;
            return Err(if tls { Violation::Tls } else { Violation::NotHttp { offset, octet } });
        }
        Ok(false)
    }

    /// What the end of the stream means now.
    pub fn eof(&self) -> Result<(), Fault> {
        if self.octets.is_empty() {
            return Ok(());
        }
        Err(Fault { blame: H::SENDER, violation: Violation::Truncated { part: "head" } })
    }
}
