//! A stream's octets to frames, cut anywhere.

use super::{Fault, Frame, HEADER, Header, parse};

/// One direction's octets to frames. Any cutting of the octets gives the same frames.
///
/// What lies whole in the octets of one read is handed out in place; only a frame that two reads hold between them is
/// kept and copied. It never keeps more than one frame, and that grows with what has come, not with what was announced.
#[derive(Clone, Debug)]
pub struct Decoder {
    cap: u32,
    /// The beginning of a frame whose end is missing.
    kept: Vec<u8>,
    /// Octets of the stream before `kept`.
    before: u64,
    fault: Option<Fault>,
}

impl Decoder {
    /// Payloads of more than `cap` octets are refused.
    pub const fn new(cap: u32) -> Decoder {
        Decoder { cap, kept: Vec::new(), before: 0, fault: None }
    }

    /// Octets kept of an unfinished frame.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Whether the octets so far end at a frame's edge.
    pub fn is_between_frames(&self) -> bool {
        self.kept.is_empty() && self.fault.is_none()
    }

    /// Octets of the stream up to the last frame's edge.
    pub fn consumed(&self) -> u64 {
        self.before
    }

    /// Takes the next octets and hands each frame that they complete to `each`.
    ///
    /// # Errors
    /// The stream's [`Fault`], from then on always: it has lost its edges. An error of `each` ends the reading, and what
    /// stood behind that frame is lost.
    pub fn feed<E: From<Fault>>(
        &mut self,
        mut octets: &[u8],
        mut each: impl FnMut(Frame<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(fault) = self.fault {
            return Err(fault.into());
        }
        while !self.kept.is_empty() {
            // First only what the frame still needs, so that all behind it can be read in place.
            let need = match self.kept.first_chunk::<HEADER>() {
                None => HEADER,
                Some(header) => {
                    Header::parse(header, self.cap).map_err(|wrong| self.fail(wrong))?.frame_len()
                }
            };
            let (more, rest) = octets.split_at(octets.len().min(need - self.kept.len()));
            self.kept.extend_from_slice(more);
            octets = rest;
            match parse(&self.kept, self.cap) {
                Err(wrong) => return Err(self.fail(wrong).into()),
                Ok(Some(frame)) => {
                    self.before += frame.octets.len() as u64;
                    let told = each(frame);
                    self.kept.clear();
                    told?;
                }
                Ok(None) if octets.is_empty() => return Ok(()),
                Ok(None) => {}
            }
        }
        while !octets.is_empty() {
            match parse(octets, self.cap) {
                Err(wrong) => return Err(self.fail(wrong).into()),
                Ok(Some(frame)) => {
                    self.before += frame.octets.len() as u64;
                    octets = &octets[frame.octets.len()..];
                    each(frame)?;
                }
                Ok(None) => {
                    self.kept.extend_from_slice(octets);
                    return Ok(());
                }
            }
        }
        // A connection that is idle at a frame's edge holds no buffer.
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
        Ok(())
    }

    fn fail(&mut self, wrong: super::Wrong) -> Fault {
        self.kept = Vec::new();
        *self.fault.insert(Fault { at: self.before, wrong })
    }
}
