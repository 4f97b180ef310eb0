//! The header of a frame (RFC 6455 s5.2): a lenient view and the strict value.
//!
//! ```text
//!  octet 0          octet 1
//! +-+-+-+-+-------+-+-------------+-------------------------------+----------------+
//! |F|R|R|R| opcode|M| payload len |  extended payload length      |  masking key   |
//! |I|S|S|S|  (4)  |A|     (7)     |  16 bits if len is 126        |  32 bits       |
//! |N|V|V|V|       |S|             |  64 bits if len is 127        |  if MASK is 1  |
//! | |1|2|3|       |K|             |                               |                |
//! +-+-+-+-+-------+-+-------------+-------------------------------+----------------+
//! ```

use super::error::Rule;
use std::fmt;

/// Octets of the longest header: 2, 8 of length, 4 of key.
pub const MAX_HEADER: usize = 14;

/// Octets of payload that a control frame carries at most.
pub const MAX_CONTROL: usize = 125;

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Opcode {
    /// More of the message that an earlier frame began.
    Continuation = 0,
    /// A message of UTF-8 text, or its beginning.
    Text = 1,
    /// A message of octets, or its beginning.
    Binary = 2,
    /// The end of what the sender has to say.
    Close = 8,
    /// "Are you there?"
    Ping = 9,
    /// The answer to a Ping, with its payload; or unasked, a sign of life.
    Pong = 10,
}

impl Opcode {
    /// Every opcode that has a meaning, by number.
    pub const ALL: [Opcode; 6] =
        [Opcode::Continuation, Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Ping, Opcode::Pong];

    /// The opcode of these four bits; `None` for a reserved one.
    pub const fn new(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return None,
        })
    }

    /// Whether it is Close, Ping or Pong: the highest bit of the opcode.
    pub const fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }

    /// Wireshark's name.
    pub const fn name(self) -> &'static str {
        match self {
            Opcode::Continuation => "Continuation",
            Opcode::Text => "Text",
            Opcode::Binary => "Binary",
            Opcode::Close => "Connection Close",
            Opcode::Ping => "Ping",
            Opcode::Pong => "Pong",
        }
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A frame's header as it lies in memory, read without judging it. What is not there reads as `None`.
#[derive(Clone, Copy, Debug)]
pub struct View<'a>(&'a [u8]);

impl<'a> View<'a> {
    /// Looks at `octets` as the beginning of a frame; `None` below 2 octets.
    pub fn new(octets: &'a [u8]) -> Option<View<'a>> {
        (octets.len() >= 2).then_some(View(octets))
    }

    /// FIN: the message's last frame.
    pub fn fin(&self) -> bool {
        self.0[0] & 0x80 != 0
    }

    /// RSV1, RSV2, RSV3 as three bits, RSV1 the highest.
    pub fn rsv(&self) -> u8 {
        self.0[0] >> 4 & 7
    }

    /// The four bits of the opcode.
    pub fn opcode(&self) -> u8 {
        self.0[0] & 0xf
    }

    /// MASK: a masking key follows the length.
    pub fn masked(&self) -> bool {
        self.0[1] & 0x80 != 0
    }

    /// The 7 bits of length; 126 and 127 announce 16 and 64 more bits.
    pub fn len7(&self) -> u8 {
        self.0[1] & 0x7f
    }

    /// Octets of extended length: 0, 2 or 8.
    pub fn extended(&self) -> usize {
        match self.len7() {
            126 => 2,
            127 => 8,
            _ => 0,
        }
    }

    /// Octets of payload.
    pub fn payload_len(&self) -> Option<u64> {
        match self.len7() {
            126 => Some(u64::from(u16::from_be_bytes(*self.0.get(2..)?.first_chunk()?))),
            127 => Some(u64::from_be_bytes(*self.0.get(2..)?.first_chunk()?)),
            len => Some(u64::from(len)),
        }
    }

    /// The masking key, where the frame has one.
    pub fn masking_key(&self) -> Option<[u8; 4]> {
        let at = 2 + self.extended();
        if !self.masked() {
            return None;
        }
        self.0.get(at..)?.first_chunk().copied()
    }

    /// Octets of the header, 2 to 14.
    pub fn header_len(&self) -> usize {
        2 + self.extended() + if self.masked() { 4 } else { 0 }
    }

    /// The payload as far as it is there, as it lies there: masked where the frame is.
    pub fn payload(&self) -> &'a [u8] {
        let rest = self.0.get(self.header_len()..).unwrap_or_default();
        let len = self.payload_len().and_then(|len| usize::try_from(len).ok());
        &rest[..len.map_or(rest.len(), |len| len.min(rest.len()))]
    }
}

/// A frame's header. Encodes itself in the shortest form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// The message's last frame.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692 s6).
    pub compressed: bool,
    /// What the frame is for.
    pub opcode: Opcode,
    /// The masking key of a masked frame.
    pub mask: Option<[u8; 4]>,
    /// Octets of payload, below 2^63.
    pub len: u64,
}

impl FrameHeader {
    /// A whole, uncompressed and unmasked frame.
    pub const fn new(opcode: Opcode, len: u64) -> FrameHeader {
        FrameHeader { fin: true, compressed: false, opcode, mask: None, len }
    }

    /// Reads a header strictly: it and its length in octets, or `None` while octets are missing. Fails as soon as
    /// an octet breaks a rule of s5.2 or s5.5, however many are missing. RSV1 has a meaning when
    /// `deflate` was agreed on.
    #[inline]
    pub fn parse(octets: &[u8], deflate: bool) -> Result<Option<(FrameHeader, usize)>, Rule> {
        let [first, rest @ ..] = octets else { return Ok(None) };
        let (fin, rsv) = (first & 0x80 != 0, first >> 4 & 7);
        let Some(opcode) = Opcode::new(first & 0xf) else {
            return Err(Rule::ReservedOpcode { got: first & 0xf });
        };
        if rsv != 0 {
            if rsv != 4 || !deflate {
                return Err(Rule::Reserved { bits: rsv });
            }
            if !matches!(opcode, Opcode::Text | Opcode::Binary) {
                return Err(Rule::CompressedHere { opcode });
            }
        }
        if opcode.is_control() && !fin {
            return Err(Rule::ControlFragmented { opcode });
        }
        let [second, rest @ ..] = rest else { return Ok(None) };
        let (masked, len7) = (second & 0x80 != 0, second & 0x7f);
        if opcode.is_control() && len7 > MAX_CONTROL as u8 {
            return Err(Rule::ControlTooLong { opcode, len: len7 });
        }
        let (len, rest) = match (len7, rest) {
            (126, [a, b, rest @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), rest),
            (127, [a, b, c, d, e, f, g, h, rest @ ..]) => {
                (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), rest)
            }
            (126 | 127, _) => return Ok(None),
            (len, rest) => (u64::from(len), rest),
        };
        match len7 {
            126 if len < 126 => return Err(Rule::LengthNotMinimal { len, bits: 16 }),
            127 if len >> 63 != 0 => return Err(Rule::LengthTopBit),
            127 if len < 1 << 16 => return Err(Rule::LengthNotMinimal { len, bits: 64 }),
            _ => {}
        }
        let (mask, rest) = match (masked, rest) {
            (true, [a, b, c, d, rest @ ..]) => (Some([*a, *b, *c, *d]), rest),
            (true, _) => return Ok(None),
            (false, rest) => (None, rest),
        };
        let header = FrameHeader { fin, compressed: rsv != 0, opcode, mask, len };
        Ok(Some((header, octets.len() - rest.len())))
    }

    /// Octets that the header encodes to, 2 to 14.
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        let extended = match self.len {
            0..126 => 0,
            126..0x1_0000 => 2,
            _ => 8,
        };
        2 + extended + if self.mask.is_some() { 4 } else { 0 }
    }

    /// The header's octets, and how many of them count.
    #[inline]
    pub fn octets(&self) -> ([u8; MAX_HEADER], usize) {
        let mut octets = [0; MAX_HEADER];
        octets[0] = u8::from(self.fin) << 7 | u8::from(self.compressed) << 6 | self.opcode as u8;
        octets[1] = u8::from(self.mask.is_some()) << 7;
        let mut end = 2;
        match self.len {
            0..126 => octets[1] |= self.len as u8,
            126..0x1_0000 => {
                octets[1] |= 126;
                octets[2..4].copy_from_slice(&(self.len as u16).to_be_bytes());
                end = 4;
            }
            _ => {
                octets[1] |= 127;
                octets[2..10].copy_from_slice(&self.len.to_be_bytes());
                end = 10;
            }
        }
        if let Some(key) = self.mask {
            octets[end..end + 4].copy_from_slice(&key);
            end += 4;
        }
        (octets, end)
    }
}
