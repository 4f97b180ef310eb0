//! What the wire holds of a frame while it is under way: the frame itself, or a share in a superframe whose
//! other segments are due with it.

use crate::model::{Fate, Offload, Row, Time};
use crate::stack::offload::{Superframe, finished};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// See the module's page.
#[derive(Clone, Debug)]
pub(super) enum Parcel {
    /// A frame, and what its host left undone on it.
    Frame { bytes: Vec<u8>, offload: Offload },
    /// A segment among others.
    Share(Share),
}

impl Parcel {
    /// The frame as it is on a cable.
    pub(super) fn frame(&self) -> Vec<u8> {
        match self {
            Parcel::Frame { bytes, offload } => finished(bytes, *offload),
            Parcel::Share(share) => share.frame(),
        }
    }
}

/// Asked for by whoever flips a bit, so no checksum may be left to be summed after that.
impl AsMut<[u8]> for Parcel {
    fn as_mut(&mut self) -> &mut [u8] {
        if !matches!(self, Parcel::Frame { offload: Offload::NONE, .. }) {
            *self = Parcel::Frame { bytes: self.frame(), offload: Offload::NONE };
        }
        match self {
            Parcel::Frame { bytes, .. } => bytes,
            Parcel::Share(_) => &mut [],
        }
    }
}

/// One segment of a run that is held together.
#[derive(Clone, Debug)]
pub(super) struct Share {
    batch: Arc<Batch>,
    /// Which run of the batch.
    run: usize,
    /// Which segment of the run.
    nth: usize,
}

impl Share {
    /// The segment as it is on a cable.
    pub(super) fn frame(&self) -> Vec<u8> {
        let (bytes, offload) = self.batch.run(self.run);
        match Superframe::new(bytes, offload) {
            Some(run) => run.frame(self.nth),
            None => finished(bytes, offload),
        }
    }
}

/// What is left of one superframe: its runs of segments that are due together. Filled in when the last
/// segment has been judged, before any is due.
#[derive(Default, Debug)]
struct Batch(OnceLock<Vec<(Vec<u8>, Offload)>>);

impl Batch {
    fn run(&self, nth: usize) -> (&[u8], Offload) {
        let run = self.0.get().and_then(|runs| runs.get(nth));
        run.map_or((&[], Offload::NONE), |(bytes, offload)| (bytes, *offload))
    }
}

/// Deals out the segments of one superframe as they are judged. Only what is still to arrive is kept, so
/// memory is as the wire counts it.
#[derive(Default)]
pub(super) struct Sharing {
    batch: Arc<Batch>,
    runs: Vec<(Range<usize>, Time)>,
}

impl Sharing {
    /// What to hold for a segment with this fate; `settled` unless it waits for a swap.
    pub(super) fn parcel(&mut self, whole: &Superframe<'_>, nth: usize, row: &Row, settled: bool) -> Parcel {
        // Shared is what arrives in its turn, untouched; what is out of the ordinary goes alone.
        let at = match &row.fate {
            Fate::Delivered(delivery) if delivery.is_plain() && settled => delivery.at,
            _ => return Parcel::Frame { bytes: whole.frame(nth), offload: Offload::NONE },
        };
        match self.runs.last_mut() {
            Some((segments, due)) if segments.end == nth && *due == at => segments.end += 1,
            _ => self.runs.push((nth..nth + 1, at)),
        }
        let run = self.runs.len() - 1;
        Parcel::Share(Share { batch: self.batch.clone(), run, nth: nth - self.runs[run].0.start })
    }

    /// All have been judged.
    pub(super) fn done(self, whole: &Superframe<'_>) {
        if !self.runs.is_empty() {
            let runs = self.runs.into_iter().map(|(segments, _)| whole.run(segments)).collect();
            // It is empty: only here it is filled, once.
            let _ = self.batch.0.set(runs);
        }
    }
}

/// Segments of one run that have become due one after the other, to leave as one frame.
pub(super) struct Leaving {
    batch: Arc<Batch>,
    run: usize,
    segments: Range<usize>,
}

impl Leaving {
    pub(super) fn new(Share { batch, run, nth }: Share) -> Leaving {
        Leaving { batch, run, segments: nth..nth + 1 }
    }

    /// Takes the next segment of the same run; gives any other back.
    pub(super) fn extend(&mut self, share: Share) -> Result<(), Share> {
        let next = Arc::ptr_eq(&self.batch, &share.batch) && self.run == share.run;
        if next && share.nth == self.segments.end {
            self.segments.end += 1;
            return Ok(());
        }
        Err(share)
    }

    /// Hands them over as one frame.
    pub(super) fn give<T>(self, give: impl FnOnce(&[u8], Offload) -> T) -> T {
        let (bytes, offload) = self.batch.run(self.run);
        match Superframe::new(bytes, offload) {
            Some(run) if self.segments != (0..run.count()) => {
                let (part, left) = run.run(self.segments);
                give(&part, left)
            }
            _ => give(bytes, offload),
        }
    }
}
