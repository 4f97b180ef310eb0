//! Reading the fields of a payload one after the other, each failure naming message and field; and writing a name.

use super::message::Malformed;

/// The fields not read yet.
pub(super) struct Fields<'a> {
    message: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'static str, payload: &'a [u8]) -> Fields<'a> {
        Fields { message, rest: payload }
    }

    #[inline]
    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (array, rest) =
            self.rest.split_first_chunk().ok_or(Malformed::Short { message: self.message, field })?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array(field).map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_be_bytes)
    }

    #[inline]
    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_be_bytes)
    }

    #[inline]
    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// An octet that numbers one of `choices`, from 0.
    pub(super) fn choice<T: Copy>(&mut self, field: &'static str, choices: &[T]) -> Result<T, Malformed> {
        let got = self.u8(field)?;
        let message = self.message;
        choices.get(usize::from(got)).copied().ok_or(Malformed::Meaningless {
            message,
            field,
            got: got.into(),
        })
    }

    /// Octets behind their length of one octet.
    #[inline]
    pub(super) fn short(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let [length] = self.array(field)?;
        let short = Malformed::Short { message: self.message, field };
        let (octets, rest) = self.rest.split_at_checked(length.into()).ok_or(short)?;
        self.rest = rest;
        Ok(octets)
    }

    #[inline]
    pub(super) fn name(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.short(field)?).map_err(|_| Malformed::Utf8 { message: self.message, field })
    }

    #[inline]
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.rest()).map_err(|_| Malformed::Utf8 { message: self.message, field })
    }

    #[inline]
    pub(super) fn end(self) -> Result<(), Malformed> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(Malformed::Extra { message: self.message, extra }),
        }
    }
}

/// Appends a length of one octet and the octets, of which more than 255 are cut.
#[inline]
pub(super) fn put_name(out: &mut Vec<u8>, name: &[u8]) {
    let name = &name[..name.len().min(255)];
    out.push(name.len() as u8);
    out.extend_from_slice(name);
}
