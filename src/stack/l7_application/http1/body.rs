//! Where a body ends (RFC 9112 s6), and the chunked transfer coding (s7.1).

use super::error::{Fault, Violation};
use super::fields::Fields;
use super::head::{Limits, RequestHead, ResponseHead};
use crate::model::Side;

/// How the end of a body is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// There is none.
    Empty,
    /// It has this many octets.
    Length(u64),
    /// It comes in chunks, the last of size 0.
    Chunked,
    /// It ends with the stream (responses alone).
    UntilClose,
}

impl Framing {
    /// The framing of a request's body. Fails where two readers could disagree on its end (request smuggling).
    pub fn of_request(head: &RequestHead) -> Result<Framing, Fault> {
        let framing = Framing::stated(&head.fields, Framing::Empty);
        framing.map_err(|violation| Fault { blame: Side::Client, violation })
    }

    /// The framing of a response's body, given the method of the request that it answers. `101` has none:
    /// what follows it is the new protocol.
    pub fn of_response(head: &ResponseHead, method: &str) -> Result<Framing, Fault> {
        if method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304 {
            return Ok(Framing::Empty);
        }
        let framing = Framing::stated(&head.fields, Framing::UntilClose);
        framing.map_err(|violation| Fault { blame: Side::Server, violation })
    }

    fn stated(fields: &Fields, otherwise: Framing) -> Result<Framing, Violation> {
        let coded = fields.all("transfer-encoding").next().is_some();
        let mut length = None;
        for value in fields.all("content-length").flat_map(|v| v.split(|&o| o == b',')) {
            let text = value.trim_ascii();
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(text).ok().and_then(|t| t.parse::<u64>().ok());
            let Some(number) = number.filter(|_| digits) else {
                return Err(Violation::ContentLength { got: String::from_utf8_lossy(value).into() });
            };
            if length.is_some_and(|l| l != number) {
                return Err(Violation::ContentLengthsDiffer);
            }
            length = Some(number);
        }
        match (coded, length) {
            (true, Some(_)) => Err(Violation::LengthAndCoding),
            (true, None) => {
                let codings: Vec<&str> = fields.list("transfer-encoding").collect();
                if codings.len() == 1 && codings[0].eq_ignore_ascii_case("chunked") {
                    return Ok(Framing::Chunked);
                }
                Err(Violation::TransferCoding { got: codings.join(", ") })
            }
            (false, Some(0)) => Ok(Framing::Empty),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(otherwise),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Counted { left: u64 },
    UntilClose,
    Size { digits: u8, size: u64 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    Trailer { empty: bool },
    TrailerLf { last: bool },
    Done,
}

/// Takes one body from a stream, in any chunking of its octets.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    sender: Side,
    limits: Limits,
    state: State,
    taken: u64,
    overhead: usize,
}

impl BodyDecoder {
    /// A body of `sender`'s, framed so. Fails at once when a stated length is over the limit.
    pub fn new(sender: Side, framing: Framing, limits: Limits) -> Result<BodyDecoder, Fault> {
        let state = match framing {
            Framing::Empty => State::Done,
            Framing::Length(left) if left > limits.body => {
                let violation = Violation::BodyTooLarge { limit: limits.body };
                return Err(Fault { blame: sender, violation });
            }
            Framing::Length(left) => State::Counted { left },
            Framing::Chunked => State::Size { digits: 0, size: 0 },
            Framing::UntilClose => State::UntilClose,
        };
        Ok(BodyDecoder { sender, limits, state, taken: 0, overhead: 0 })
    }

    /// Whether the body is whole.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Appends the body's octets among `bytes` to `body`; how many of `bytes` it took. It stops at the body's
    /// end: what it left is the next message. Fails at the first octet that breaks a rule or a limit.
    pub fn feed(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<usize, Fault> {
        self.advance(bytes, body).map_err(|violation| Fault { blame: self.sender, violation })
    }

    /// What the end of the stream means now. Fails unless the body may end here.
    pub fn eof(&mut self) -> Result<(), Fault> {
        match self.state {
            State::UntilClose | State::Done => {
                self.state = State::Done;
                Ok(())
            }
            _ => Err(Fault { blame: self.sender, violation: Violation::Truncated { part: "body" } }),
        }
    }

    fn advance(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> Result<usize, Violation> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            let left = match self.state {
                State::Counted { left } | State::Data { left } => left,
                State::UntilClose => u64::MAX,
                _ => {
                    self.state = self.step(bytes[at])?;
                    at += 1;
                    continue;
                }
            };
            let rest = &bytes[at..];
            let run = usize::try_from(left).map_or(rest.len(), |left| rest.len().min(left));
            self.taken += run as u64;
            if self.taken > self.limits.body {
                return Err(Violation::BodyTooLarge { limit: self.limits.body });
            }
            body.extend_from_slice(&rest[..run]);
            at += run;
            let left = left - run as u64;
            self.state = match self.state {
                State::Counted { .. } if left == 0 => State::Done,
                State::Counted { .. } => State::Counted { left },
                State::Data { .. } if left == 0 => State::DataCr,
                State::Data { .. } => State::Data { left },
                other => other,
            };
        }
        Ok(at)
    }

    /// One octet of what surrounds the data of chunks.
    fn step(&mut self, octet: u8) -> Result<State, Violation> {
        Ok(match (self.state, octet) {
            (State::Size { digits, size }, _) if octet.is_ascii_hexdigit() => {
                if digits == 16 {
                    return Err(Violation::ChunkSize { octet });
                }
                let digit = u64::from((octet as char).to_digit(16).unwrap_or_default());
                State::Size { digits: digits + 1, size: size << 4 | digit }
            }
            (State::Size { digits: 0, .. }, _) => return Err(Violation::ChunkSize { octet }),
            (State::Size { size, .. } | State::Extension { size }, b'\r') => State::SizeLf { size },
            (State::Size { size, .. }, b';' | b' ' | b'\t') => State::Extension { size },
            (State::Extension { size }, 0x20.. | b'\t') => {
                self.spend()?;
                State::Extension { size }
            }
            (State::SizeLf { size: 0 }, b'\n') => State::Trailer { empty: true },
            (State::SizeLf { size }, b'\n') => {
                if self.taken.saturating_add(size) > self.limits.body {
                    return Err(Violation::BodyTooLarge { limit: self.limits.body });
                }
                State::Data { left: size }
            }
            (State::Size { .. } | State::Extension { .. } | State::SizeLf { .. }, _) => {
                return Err(Violation::ChunkSize { octet });
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { digits: 0, size: 0 },
            (State::DataCr | State::DataLf, _) => return Err(Violation::ChunkEnd { octet }),
            // Trailer fields are read past: nobody here asks for them (RFC 9110 s6.5.1 allows that).
            (State::Trailer { empty }, b'\r') => State::TrailerLf { last: empty },
            (State::Trailer { .. }, 0x20.. | b'\t') => {
                self.spend()?;
                State::Trailer { empty: false }
            }
            (State::TrailerLf { last: true }, b'\n') => State::Done,
            (State::TrailerLf { last: false }, b'\n') => State::Trailer { empty: true },
            (State::Trailer { .. } | State::TrailerLf { .. }, _) => {
                return Err(Violation::FieldLine { what: "a trailer line must end with CRLF" });
            }
            (state @ (State::Counted { .. } | State::Data { .. } | State::UntilClose | State::Done), _) => {
                state
            }
        })
    }

    fn spend(&mut self) -> Result<(), Violation> {
        self.overhead += 1;
        if self.overhead > self.limits.chunk_overhead {
            return Err(Violation::ChunkOverhead { limit: self.limits.chunk_overhead });
        }
        Ok(())
    }
}

/// Appends one chunk. Nothing for no data: a chunk of size 0 would end the body.
pub fn encode_chunk(data: &[u8], out: &mut Vec<u8>) {
    if !data.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends the chunk of size 0 that ends the body, without trailers.
pub fn encode_last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}
