//! One datagram, there and back. The shape stands on the [module's page](super).

/// Octets before the message.
pub const HEADER: usize = 8;

const MAGIC: u8 = b'A';
const DATA: u8 = 1;
const ACK: u8 = 2;

/// A datagram's meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    /// A message.
    Data {
        /// Its number, 1 the first.
        number: u32,
        /// Which attempt this is, 1 the first.
        attempt: u8,
        /// The message.
        message: &'a [u8],
    },
    /// An acknowledgment of one datagram.
    Ack {
        /// The message's number.
        number: u32,
        /// The attempt that is acknowledged.
        attempt: u8,
    },
}

/// Why a datagram is none of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// It ends within the header.
    #[error("a datagram of {got} octets is shorter than the header of {HEADER}")]
    Short {
        /// Its octets.
        got: usize,
    },
    /// The first octet, the kind, the attempt, the reserved octet or the number has a value without a meaning.
    #[error("octet {offset} of the header is {value}, which means nothing")]
    Meaningless {
        /// Where.
        offset: usize,
        /// What stands there.
        value: u8,
    },
    /// An acknowledgment with something behind it.
    #[error("an acknowledgment is {HEADER} octets long, this one {got}")]
    Long {
        /// Its octets.
        got: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`Malformed`], naming the octet.
    pub fn decode(datagram: &'a [u8]) -> Result<Packet<'a>, Malformed> {
        let Some((header, message)) = datagram.split_first_chunk::<HEADER>() else {
            return Err(Malformed::Short { got: datagram.len() });
        };
        let [magic, kind, attempt, reserved, a, b, c, d] = *header;
        let number = u32::from_be_bytes([a, b, c, d]);
        let wrong = |offset, value| Err(Malformed::Meaningless { offset, value });
        match kind {
            _ if magic != MAGIC => wrong(0, magic),
            _ if attempt == 0 => wrong(2, attempt),
            _ if reserved != 0 => wrong(3, reserved),
            _ if number == 0 => wrong(7, 0),
            DATA => Ok(Packet::Data { number, attempt, message }),
            ACK if message.is_empty() => Ok(Packet::Ack { number, attempt }),
            ACK => Err(Malformed::Long { got: datagram.len() }),
            _ => wrong(1, kind),
        }
    }

    /// Writes a datagram.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, number, attempt, message) = match *self {
            Packet::Data { number, attempt, message } => (DATA, number, attempt, message),
            Packet::Ack { number, attempt } => (ACK, number, attempt, &[][..]),
        };
        let mut datagram = Vec::with_capacity(HEADER + message.len());
        datagram.extend([MAGIC, kind, attempt, 0]);
        datagram.extend(number.to_be_bytes());
        datagram.extend(message);
        datagram
    }
}
