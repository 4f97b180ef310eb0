//! HTTP/1.1, the little of it that an upgrade and long polling need (RFC 9110, RFC 9112): heads, field
//! lookup, and bodies with a length or in chunks.
//!
//! A head is an ASCII start line, field lines and one empty line; what follows it is the body, whose end
//! must be known from the head. Everything here takes the stream in any chunking and in bounded memory:
//! see [`Limits`].

mod body;
mod error;
pub mod explain;
mod fields;
mod head;

pub use body::{BodyDecoder, Framing, encode_chunk, encode_last_chunk};
pub use error::{Fault, Violation};
pub(crate) use fields::split_outside_quotes;
pub use fields::{Fields, is_token, list};
pub use head::{Head, HeadDecoder, Limits, RequestHead, ResponseHead, reason};

#[cfg(test)]
mod tests;

/// The body of a fuzz target: no octets make a decoder panic, take more than it was given, or hold more
/// than its limits.
#[doc(hidden)]
pub fn fuzz_http1(octets: &[u8]) {
    let limits = Limits { head: 64, fields: 4, body: 64, chunk_overhead: 16 };
    let mut request = HeadDecoder::<RequestHead>::new(limits);
    let mut response = HeadDecoder::<ResponseHead>::new(limits);
    for piece in octets.chunks(7) {
        if request.feed(piece).is_err() {
            break;
        }
        assert!(request.octets().len() <= limits.head);
    }
    let _ = response.feed(octets);
    for framing in [Framing::Chunked, Framing::Length(9), Framing::UntilClose] {
        let mut body = Vec::new();
        if let Ok(mut decoder) = BodyDecoder::new(crate::model::Side::Client, framing, limits) {
            let taken = decoder.feed(octets, &mut body).unwrap_or(0);
            assert!(taken <= octets.len() && body.len() as u64 <= limits.body);
        }
    }
    let _ = explain::head(octets, 0);
}
