//! layerlab's frame: one message, with its length, its type and two checksums. The *same* octets travel on a TCP stream, in
//! one UDP datagram, in one WebSocket binary message, and lie in a journal's file. Specified in docs/protocols/queue.md.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+---------------+---------------+
//! |  0x4c  'L'    |  0x46  'F'    |  version: 1   |     type      |
//! +---------------+---------------+---------------+---------------+
//! |              length of the payload, big-endian                |
//! +---------------------------------------------------------------+
//! |         CRC-32C of the 8 octets above, big-endian             |
//! +---------------------------------------------------------------+
//! |                          payload ...                          |
//! +---------------------------------------------------------------+
//! |            CRC-32C of the payload, big-endian                 |
//! +---------------------------------------------------------------+
//! ```
//!
//! Why two checksums: a receiver acts on the length *before* the payload is there. With one checksum at the end a
//! corrupted length would be believed first, and a reader would wait for octets that never come, or take the middle of
//! one message for the beginning of the next. The header's own checksum makes the length safe to act on.
//!
//! The polynomial is Castagnoli's, as iSCSI has it (RFC 3720 s12.1, appendix B.4).

mod decoder;
pub mod naive;

pub use decoder::Decoder;

#[cfg(test)]
mod tests;

/// A frame's first two octets: "LF".
pub const MAGIC: [u8; 2] = *b"LF";
/// The version that this code speaks.
pub const VERSION: u8 = 1;
/// Octets before the payload.
pub const HEADER: usize = 12;
/// Octets behind the payload.
pub const TRAILER: usize = 4;
/// Octets that a frame has beside its payload.
pub const OVERHEAD: usize = HEADER + TRAILER;
/// The longest payload that the format allows: 16 MiB. Each receiver has a cap of its own, at most this.
pub const MAX_PAYLOAD: u32 = 16 << 20;
/// The longest payload of a frame that fits in one UDP datagram over IPv4: 65,507 octets, less the frame's own 16.
pub const MAX_DATAGRAM_PAYLOAD: u32 = 65_507 - OVERHEAD as u32;

/// A whole frame whose checksums were found right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// What the payload is: the type octet.
    pub kind: u8,
    /// The payload.
    pub payload: &'a [u8],
    /// All its octets, header and trailer included.
    pub octets: &'a [u8],
}

/// What is wrong with octets that should be a frame. It is always the fault of who wrote or carried them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// The first octets are not "LF".
    #[error("a frame begins with 4c 46 (\"LF\"), got {:02x} {:02x}: this is no frame, or its beginning was missed", .got[0], .got[1])]
    Magic {
        /// The two octets.
        got: [u8; 2],
    },
    /// The version is another.
    #[error("frame version {got}: this end speaks version {VERSION}")]
    Version {
        /// The octet.
        got: u8,
    },
    /// The header is not as it was sent.
    #[error(
        "the header's checksum is {stated:08x}, but its octets give {found:08x}: the header, perhaps its length, was corrupted"
    )]
    Header {
        /// What the frame says.
        stated: u32,
        /// What its octets give.
        found: u32,
    },
    /// The payload is longer than this receiver takes.
    #[error("a payload of {length} octets: at most {cap} are accepted here")]
    TooLong {
        /// Octets announced.
        length: u32,
        /// Octets allowed.
        cap: u32,
    },
    /// The payload is not as it was sent.
    #[error(
        "the payload's checksum is {stated:08x}, but its octets give {found:08x}: the payload was corrupted"
    )]
    Payload {
        /// What the frame says.
        stated: u32,
        /// What its octets give.
        found: u32,
    },
    /// A datagram or message that ends inside its frame.
    #[error("the frame needs {need} octets, and {got} are there")]
    Short {
        /// Octets that are missing at least to go on, all together.
        need: usize,
        /// Octets there.
        got: usize,
    },
    /// A datagram or message that goes on behind its frame.
    #[error("{extra} octets follow the frame: one datagram or WebSocket message holds exactly one")]
    Extra {
        /// Octets behind it.
        extra: usize,
    },
}

/// A stream's fault, and where in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("octet {at} of the stream: {wrong}")]
pub struct Fault {
    /// Where the bad frame begins, counted from the stream's first octet.
    pub at: u64,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// CRC-32C (RFC 3720 appendix B.4) of `octets`; that of none is 0.
pub fn checksum(octets: &[u8]) -> u32 {
    crc32c::crc32c(octets)
}

/// What a good header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The type octet.
    pub kind: u8,
    /// Octets of payload.
    pub length: u32,
}

impl Header {
    /// Reads a header, in the order in which trust grows: magic, version, checksum, and only then the length.
    ///
    /// # Errors
    /// [`Wrong`], naming the first thing that is.
    #[inline]
    pub fn parse(octets: &[u8; HEADER], cap: u32) -> Result<Header, Wrong> {
        let [m0, m1, version, kind, l0, l1, l2, l3, c0, c1, c2, c3] = *octets;
        if [m0, m1] != MAGIC {
            return Err(Wrong::Magic { got: [m0, m1] });
        }
        if version != VERSION {
            return Err(Wrong::Version { got: version });
        }
        let (stated, found) = (u32::from_be_bytes([c0, c1, c2, c3]), checksum(&octets[..8]));
        if stated != found {
            return Err(Wrong::Header { stated, found });
        }
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let cap = cap.min(MAX_PAYLOAD);
        if length > cap {
            return Err(Wrong::TooLong { length, cap });
        }
        Ok(Header { kind, length })
    }

    /// Octets of the whole frame.
    #[inline]
    pub fn frame_len(&self) -> usize {
        OVERHEAD + self.length as usize
    }
}

/// The frame at the front of `octets`; `None` when it is not whole yet.
///
/// # Errors
/// [`Wrong`], as soon as the octets show it.
#[inline]
pub fn parse(octets: &[u8], cap: u32) -> Result<Option<Frame<'_>>, Wrong> {
    let Some(header) = octets.first_chunk::<HEADER>() else {
        return early(octets).map(|()| None);
    };
    let header = Header::parse(header, cap)?;
    let Some(octets) = octets.get(..header.frame_len()) else { return Ok(None) };
    let (payload, trailer) = octets[HEADER..].split_at(header.length as usize);
    let stated = trailer.iter().fold(0, |n, octet| n << 8 | u32::from(*octet));
    let found = checksum(payload);
    if stated != found {
        return Err(Wrong::Payload { stated, found });
    }
    Ok(Some(Frame { kind: header.kind, payload, octets }))
}

/// What the first octets of an unfinished header already show.
fn early(octets: &[u8]) -> Result<(), Wrong> {
    match *octets {
        [m0, m1, ..] if [m0, m1] != MAGIC => Err(Wrong::Magic { got: [m0, m1] }),
        [_, _, version, ..] if version != VERSION => Err(Wrong::Version { got: version }),
        _ => Ok(()),
    }
}

/// The one frame that a datagram or a WebSocket message is.
///
/// # Errors
/// [`Wrong`]: also where it ends early or goes on.
pub fn whole(octets: &[u8], cap: u32) -> Result<Frame<'_>, Wrong> {
    match parse(octets, cap)? {
        Some(frame) if frame.octets.len() == octets.len() => Ok(frame),
        Some(frame) => Err(Wrong::Extra { extra: octets.len() - frame.octets.len() }),
        None => {
            let need =
                octets.first_chunk().map_or(Ok(HEADER), |h| Header::parse(h, cap).map(|h| h.frame_len()))?;
            Err(Wrong::Short { need, got: octets.len() })
        }
    }
}

/// Appends a frame of type `kind` to `out`. `payload` appends the payload, of at most [`MAX_PAYLOAD`] octets.
///
/// # Panics
/// When the payload is longer.
#[inline]
pub fn encode(out: &mut Vec<u8>, kind: u8, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[MAGIC[0], MAGIC[1], VERSION, kind, 0, 0, 0, 0, 0, 0, 0, 0]);
    payload(out);
    let length = out.len() - start - HEADER;
    assert!(length <= MAX_PAYLOAD as usize, "a payload of {length} octets in one frame");
    out[start + 4..start + 8].copy_from_slice(&(length as u32).to_be_bytes());
    let sum = checksum(&out[start..start + 8]);
    out[start + 8..start + 12].copy_from_slice(&sum.to_be_bytes());
    let sum = checksum(&out[start + HEADER..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

/// The body of a fuzz target: no octets make the decoder panic, keep more than a frame, or disagree with itself when
/// they come in other pieces.
#[doc(hidden)]
pub fn fuzz_framing(octets: &[u8]) {
    let [cut, octets @ ..] = octets else { return };
    let read = |size: usize| {
        let (mut decoder, mut frames) = (Decoder::new(100), Vec::new());
        let mut fault = None;
        for part in octets.chunks(size) {
            let fed = decoder.feed(part, |frame| {
                frames.push((frame.kind, frame.payload.to_vec()));
                Ok::<(), Fault>(())
            });
            assert!(decoder.kept() < OVERHEAD + 100);
            if let Err(f) = fed {
                fault = Some(f);
                break;
            }
        }
        (frames, fault)
    };
    assert_eq!(read(octets.len().max(1)), read(usize::from(*cut) + 1));
    let _ = whole(octets, 100);
}
