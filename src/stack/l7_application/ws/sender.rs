//! Messages to frames, for one role: masked where the role asks for it, compressed where it was agreed on.

use super::close::{self, CloseCode};
use super::codec;
use super::deflate::{Deflater, Window};
use super::frame::{FrameHeader, Opcode};
use super::message::Kind;
use crate::model::Side;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of masking keys and handshake keys. As unpredictable as its seed: RFC 6455 s5.3 and s10.3 want keys that
/// whoever chose the payload cannot foresee, so a client on a real network seeds it from the system's entropy. The
/// same seed gives the same keys: what an experiment wants.
#[derive(Clone, Debug)]
pub struct Masks {
    drawn: Box<ChaCha12Rng>,
    fixed: Option<[u8; 4]>,
}

impl Masks {
    /// From 32 octets of seed.
    pub fn new(seed: [u8; 32]) -> Masks {
        Masks { drawn: Box::new(ChaCha12Rng::from_seed(seed)), fixed: None }
    }

    /// From a run's seed.
    pub fn seeded(seed: u64) -> Masks {
        Masks { drawn: Box::new(ChaCha12Rng::seed_from_u64(seed)), fixed: None }
    }

    /// The same, but each masking key is this one: to show the frames that a book shows. RFC 6455 s5.3 wants a new
    /// one for each frame, which nobody can foresee.
    #[must_use]
    pub fn always(self, key: [u8; 4]) -> Masks {
        Masks { fixed: Some(key), ..self }
    }

    /// The next masking key.
    pub fn key(&mut self) -> [u8; 4] {
        self.fixed.unwrap_or_else(|| self.drawn.next_u32().to_ne_bytes())
    }

    /// The 16 octets of a `Sec-WebSocket-Key` (RFC 6455 s4.1).
    pub fn nonce(&mut self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.drawn.fill_bytes(&mut nonce);
        nonce
    }
}

/// The sending half of one side.
#[derive(Debug)]
pub struct Sender {
    masks: Option<Masks>,
    deflate: Option<Compressor>,
}

#[derive(Debug)]
struct Compressor {
    window: Window,
    /// Made with the first message that is worth it: an idle connection holds none.
    deflater: Option<Box<Deflater>>,
    /// Messages of fewer octets are sent as they are.
    from: usize,
    level: u32,
}

impl Sender {
    /// A client's, which masks.
    pub const fn client(masks: Masks) -> Sender {
        Sender { masks: Some(masks), deflate: None }
    }

    /// A server's, which does not.
    pub const fn server() -> Sender {
        Sender { masks: None, deflate: None }
    }

    /// From now on compresses messages of `from` octets or more with this direction's window, at zlib's `level`.
    pub fn compress(&mut self, window: Window, from: usize, level: u32) {
        self.deflate = Some(Compressor { window, deflater: None, from, level });
    }

    /// Whether it compresses messages.
    #[inline]
    pub const fn compresses(&self) -> bool {
        self.deflate.is_some()
    }

    /// Whether it is a client's.
    pub const fn side(&self) -> Side {
        if self.masks.is_some() { Side::Client } else { Side::Server }
    }

    /// Appends one frame, as given but for the mask.
    #[inline]
    pub fn frame(&mut self, header: &FrameHeader, payload: &[u8], out: &mut Vec<u8>) {
        let mask = self.masks.as_mut().map(Masks::key);
        codec::encode(&FrameHeader { mask, ..*header }, payload, out);
    }

    /// Appends one message, in frames of at most `fragment` octets of payload each when that is given and
    /// not 0.
    #[inline]
    pub fn message(&mut self, kind: Kind, payload: &[u8], fragment: Option<usize>, out: &mut Vec<u8>) {
        if self.deflate.is_none() && fragment.is_none() {
            return self.frame(&FrameHeader::new(kind.opcode(), 0), payload, out);
        }
        match self.compressed(payload) {
            Some(compressed) => self.fragments(kind, true, &compressed, fragment, out),
            None => self.fragments(kind, false, payload, fragment, out),
        }
    }

    fn compressed(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let Compressor { window, deflater, level, .. } =
            self.deflate.as_mut().filter(|c| payload.len() >= c.from)?;
        let deflater = deflater.get_or_insert_with(|| Box::new(Deflater::new(*window, *level)));
        let mut compressed = Vec::new();
        deflater.message(payload, &mut compressed);
        Some(compressed)
    }

    fn fragments(
        &mut self,
        kind: Kind,
        compressed: bool,
        payload: &[u8],
        fragment: Option<usize>,
        out: &mut Vec<u8>,
    ) {
        let size = fragment.filter(|&size| size > 0).unwrap_or(usize::MAX);
        let mut header = FrameHeader { compressed, ..FrameHeader::new(kind.opcode(), 0) };
        let mut rest = payload;
        loop {
            let (part, after) = rest.split_at(rest.len().min(size));
            header.fin = after.is_empty();
            self.frame(&header, part, out);
            if after.is_empty() {
                return;
            }
            header = FrameHeader { opcode: Opcode::Continuation, compressed: false, ..header };
            rest = after;
        }
    }

    /// Appends a Close. The reason is cut to fit; without a code the body is empty.
    pub fn close(&mut self, close: Option<(CloseCode, &str)>, out: &mut Vec<u8>) {
        let body = close.map(|(code, reason)| close::body(code, reason)).unwrap_or_default();
        self.frame(&FrameHeader::new(Opcode::Close, 0), &body, out);
    }
}
