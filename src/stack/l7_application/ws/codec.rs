//! One direction's octets to frames and back (RFC 6455 s5), in place.
//!
//! [`Decoder::feed`] takes what one read gave, cut anywhere, and yields [`Piece`]s that borrow from it: it
//! copies no payload and allocates nothing. A frame that lies whole in the octets is one piece; a longer
//! one is as many pieces as there are reads, so the decoder's memory is a header's 14 octets, whatever
//! length a peer announces.

use super::error::{Fault, Rule};
use super::frame::{FrameHeader, MAX_HEADER, Opcode};
use super::mask;
use crate::model::Side;

/// A frame, or the part of one that one read held.
#[derive(PartialEq, Eq, Debug)]
pub struct Piece<'b> {
    /// The frame's header.
    pub header: FrameHeader,
    /// Octets of the frame's payload that came in earlier pieces.
    pub offset: u64,
    /// The frame's first piece. It comes as soon as the header is whole, even without payload.
    pub first: bool,
    /// The frame's last piece. A frame without payload has one piece that is both.
    pub last: bool,
    /// What lay in the receive buffer: the header's octets as far as this read held them, then payload.
    octets: &'b mut [u8],
    /// Where the payload begins in `octets`.
    payload_at: usize,
}

impl<'b> Piece<'b> {
    /// This piece's payload, unmasked.
    pub fn payload(&self) -> &[u8] {
        &self.octets[self.payload_at..]
    }

    /// The octets of the receive buffer that the piece lies in, and where in them its payload begins. The
    /// octets before the payload were the frame's header and are free to be written over: an answer of the
    /// same length can get its header in place.
    pub fn into_octets(self) -> (&'b mut [u8], usize) {
        (self.octets, self.payload_at)
    }
}

/// One direction's octets to frames. Strict: it fails on everything that a frame by itself can get wrong,
/// at the first octet that shows it.
#[derive(Clone, Debug)]
pub struct Decoder {
    sender: Side,
    deflate: bool,
    failed: bool,
    /// The beginning of a header whose end is missing.
    head: [u8; MAX_HEADER],
    head_len: u8,
    max_frame: u64,
    /// The frame whose payload is not all there yet, and how much of it is.
    open: Option<(FrameHeader, u64)>,
}

impl Decoder {
    /// Of what `sender` sends. `deflate`: permessage-deflate was agreed on, so RSV1 has a meaning. Frames
    /// of more than `max_frame` octets of payload are refused.
    pub const fn new(sender: Side, deflate: bool, max_frame: u64) -> Decoder {
        Decoder { sender, deflate, failed: false, head: [0; MAX_HEADER], head_len: 0, max_frame, open: None }
    }

    /// Whether the octets so far end at a frame's edge.
    pub const fn is_between_frames(&self) -> bool {
        self.head_len == 0 && self.open.is_none()
    }

    /// Takes the next octets, which are unmasked in place. All of them must be drawn from the iterator: what is
    /// dropped with it is lost. After a fault the decoder yields nothing more: the stream has lost its edges.
    #[inline]
    pub fn feed<'d, 'b>(&'d mut self, octets: &'b mut [u8]) -> Pieces<'d, 'b> {
        Pieces { decoder: self, rest: octets }
    }

    /// Reads a header from the front of `rest`, with what an earlier read left of it. How many octets of `rest` it
    /// took; no header when it is not whole.
    #[inline]
    fn header(&mut self, rest: &[u8]) -> Result<(Option<FrameHeader>, usize), Rule> {
        if self.head_len == 0 {
            if let Some((header, taken)) = FrameHeader::parse(rest, self.deflate)? {
                return Ok((Some(header), taken));
            }
            // An unfinished header is shorter than the longest.
            self.head[..rest.len()].copy_from_slice(rest);
            self.head_len = rest.len() as u8;
            return Ok((None, rest.len()));
        }
        let have = usize::from(self.head_len);
        let more = rest.len().min(MAX_HEADER - have);
        self.head[have..have + more].copy_from_slice(&rest[..more]);
        if let Some((header, taken)) = FrameHeader::parse(&self.head[..have + more], self.deflate)? {
            self.head_len = 0;
            return Ok((Some(header), taken - have));
        }
        self.head_len += more as u8;
        Ok((None, more))
    }

    /// What only the direction and the limit decide.
    #[inline]
    fn admit(&self, header: &FrameHeader) -> Result<(), Rule> {
        match (self.sender, header.mask) {
            (Side::Client, None) => return Err(Rule::Unmasked),
            (Side::Server, Some(_)) => return Err(Rule::Masked),
            _ => {}
        }
        if header.len > self.max_frame {
            return Err(Rule::FrameTooLarge { len: header.len, limit: self.max_frame });
        }
        Ok(())
    }
}

/// The pieces of one read. See [`Decoder::feed`].
#[derive(Debug)]
pub struct Pieces<'d, 'b> {
    decoder: &'d mut Decoder,
    rest: &'b mut [u8],
}

impl<'b> Pieces<'_, 'b> {
    /// The octets that no piece took yet.
    pub fn rest(&self) -> &[u8] {
        self.rest
    }

    /// The next frame, if it is what nearly every frame of a busy connection is: a message of one frame of less
    /// than 64 KiB, uncompressed and all there. `None` for every other, of which nothing is taken then: draw it from
    /// the iterator. It changes no result, only saves the time that the general way takes.
    #[inline]
    pub(super) fn short_message(&mut self) -> Option<Piece<'b>> {
        if self.decoder.open.is_some() || self.decoder.head_len != 0 || self.decoder.failed {
            return None;
        }
        let [first, second, ..] = *self.rest else { return None };
        let opcode = match first {
            0x81 => Opcode::Text,
            0x82 => Opcode::Binary,
            _ => return None,
        };
        let masked = self.decoder.sender == Side::Client;
        let (extended, len) = match (second ^ if masked { 0x80 } else { 0 }, &*self.rest) {
            (len @ 0..126, _) => (0, usize::from(len)),
            (126, [_, _, high, low, ..]) if *high != 0 || *low >= 126 => {
                (2, usize::from(u16::from_be_bytes([*high, *low])))
            }
            _ => return None,
        };
        let payload_at = 2 + extended + if masked { 4 } else { 0 };
        if self.rest.len() < payload_at + len || len as u64 > self.decoder.max_frame {
            return None;
        }
        let (octets, rest) = std::mem::take(&mut self.rest).split_at_mut(payload_at + len);
        self.rest = rest;
        let (head, payload) = octets.split_at_mut(payload_at);
        let mask = head.last_chunk().copied().filter(|_| masked);
        if let Some(key) = mask {
            mask::apply(key, 0, payload);
        }
        let header = FrameHeader { fin: true, compressed: false, opcode, mask, len: len as u64 };
        Some(Piece { header, offset: 0, first: true, last: true, octets, payload_at })
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Piece<'b>>, Rule> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (header, offset, payload_at) = match self.decoder.open {
            Some((header, offset)) => (header, offset, 0),
            None => {
                let (header, taken) = self.decoder.header(self.rest)?;
                let Some(header) = header else {
                    self.rest = &mut [];
                    return Ok(None);
                };
                self.decoder.admit(&header)?;
                (header, 0, taken)
            }
        };
        let first = self.decoder.open.is_none();
        let there = self.rest.len() - payload_at;
        let left = header.len - offset;
        let last = left <= there as u64;
        let run = if last { left as usize } else { there };
        let (octets, rest) = std::mem::take(&mut self.rest).split_at_mut(payload_at + run);
        self.rest = rest;
        self.decoder.open = if last { None } else { Some((header, offset + run as u64)) };
        if let Some(key) = header.mask {
            mask::apply(key, offset, &mut octets[payload_at..]);
        }
        Ok(Some(Piece { header, offset, first, last, octets, payload_at }))
    }
}

impl<'b> Iterator for Pieces<'_, 'b> {
    type Item = Result<Piece<'b>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Result<Piece<'b>, Fault>> {
        if self.decoder.failed {
            return None;
        }
        match self.step() {
            Ok(piece) => piece.map(Ok),
            Err(rule) => {
                self.decoder.failed = true;
                Some(Err(Fault { blame: self.decoder.sender, rule }))
            }
        }
    }
}

/// Appends one frame: the header, its length taken from `payload`, and the payload, masked where the header
/// has a key.
#[inline]
pub fn encode(header: &FrameHeader, payload: &[u8], out: &mut Vec<u8>) {
    let header = FrameHeader { len: payload.len() as u64, ..*header };
    let (octets, len) = header.octets();
    out.reserve(MAX_HEADER + payload.len());
    match (len, octets) {
        // The shortest header by itself: two octets at once are cheaper than a copy of some.
        (2, [first, second, ..]) => out.extend_from_slice(&[first, second]),
        _ => out.extend_from_slice(&octets[..len]),
    }
    let at = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = header.mask {
        mask::apply(key, 0, &mut out[at..]);
    }
}

/// Writes an unmasked header for the payload at `octets[payload_at..]` right before it, and gives the whole
/// frame; `None` when there is no room for it. A client's header is longer by the key than the answer's of
/// the same length, so an echo always has room.
#[inline]
pub fn reframe<'a>(header: &FrameHeader, octets: &'a mut [u8], payload_at: usize) -> Option<&'a mut [u8]> {
    let len = octets.len().checked_sub(payload_at)? as u64;
    let (head, head_len) = FrameHeader { len, mask: None, ..*header }.octets();
    let start = payload_at.checked_sub(head_len)?;
    octets[start..payload_at].copy_from_slice(&head[..head_len]);
    Some(&mut octets[start..])
}
