//! What people write first, kept to be watched failing: a length of two octets before each message and nothing else.
//!
//! It has no mark where a frame begins, no checksum and no cap but its width. One flipped bit in a length, or one octet
//! lost, and every later message is cut at the wrong place, without anybody noticing: lab 20.

/// Appends one message behind its length. What does not fit in 16 bits is cut off, as such code does.
pub fn encode(out: &mut Vec<u8>, message: &[u8]) {
    let length = message.len().min(usize::from(u16::MAX));
    out.extend_from_slice(&(length as u16).to_be_bytes());
    out.extend_from_slice(&message[..length]);
}

/// Reads messages from a stream, believing every length.
#[derive(Clone, Default, Debug)]
pub struct Decoder {
    kept: Vec<u8>,
}

impl Decoder {
    /// Takes the next octets; the messages that they complete.
    pub fn feed(&mut self, octets: &[u8]) -> Vec<Vec<u8>> {
        self.kept.extend_from_slice(octets);
        let mut messages = Vec::new();
        while let Some((head, rest)) = self.kept.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*head));
            let Some(message) = rest.get(..length) else { break };
            messages.push(message.to_vec());
            self.kept.drain(..2 + length);
        }
        messages
    }

    /// Octets that wait for the rest of a message which may never come.
    pub fn waiting(&self) -> usize {
        self.kept.len()
    }
}
