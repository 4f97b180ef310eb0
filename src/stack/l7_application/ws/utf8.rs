//! UTF-8 checked as it comes (RFC 6455 s8.1), in any chunking: an octet that cannot stand where it stands is
//! found with the octets that hold it, not at the message's end.

/// Checks one text, octets in order.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Utf8 {
    /// Octets of characters that are whole.
    before: u64,
    /// The beginning of a character whose end is missing.
    pending: [u8; 3],
    pending_len: u8,
}

/// The offset in the text of the first octet that cannot stand there; the text's length when it ends inside
/// a character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadAt(pub u64);

impl Utf8 {
    /// At the beginning of a text.
    pub const fn new() -> Utf8 {
        Utf8 { before: 0, pending: [0; 3], pending_len: 0 }
    }

    /// Takes the next octets. Fails at the first octet with which no UTF-8 text goes on.
    #[inline]
    pub fn feed(&mut self, octets: &[u8]) -> Result<(), BadAt> {
        let mut rest = octets;
        while self.pending_len > 0 {
            let [octet, after @ ..] = rest else { return Ok(()) };
            self.top_up(*octet)?;
            rest = after;
        }
        match std::str::from_utf8(rest) {
            Ok(_) => self.before += rest.len() as u64,
            Err(error) => {
                self.before += error.valid_up_to() as u64;
                let tail = &rest[error.valid_up_to()..];
                if error.error_len().is_some() {
                    return Err(BadAt(self.before + bad_octet(tail)));
                }
                // Without an `error_len` the tail is the beginning of a character: 1 to 3 octets.
                let len = tail.len().min(3);
                self.pending[..len].copy_from_slice(&tail[..len]);
                self.pending_len = len as u8;
            }
        }
        Ok(())
    }

    /// Takes one more octet of the pending character.
    fn top_up(&mut self, octet: u8) -> Result<(), BadAt> {
        let have = usize::from(self.pending_len);
        let mut character = [0; 4];
        character[..have].copy_from_slice(&self.pending[..have]);
        character[have] = octet;
        match std::str::from_utf8(&character[..have + 1]) {
            Ok(_) => {
                self.before += have as u64 + 1;
                self.pending_len = 0;
            }
            Err(error) if error.error_len().is_some() => return Err(BadAt(self.before + have as u64)),
            // Four octets are a whole character or an error, so there is room for this one.
            Err(_) => {
                self.pending[have] = octet;
                self.pending_len += 1;
            }
        }
        Ok(())
    }

    /// The text ends here. Fails when it ends inside a character.
    pub fn finish(&self) -> Result<(), BadAt> {
        match self.pending_len {
            0 => Ok(()),
            len => Err(BadAt(self.before + u64::from(len))),
        }
    }
}

/// Where in `octets`, which begin with an error, the first octet is that cannot stand there: the first
/// itself when it begins no character, else the first that does not continue one.
fn bad_octet(octets: &[u8]) -> u64 {
    let begins = |n: usize| std::str::from_utf8(&octets[..n]).is_err_and(|e| e.error_len().is_none());
    (1..octets.len().min(4)).take_while(|&n| begins(n)).count() as u64
}
