//! What passed in a case, frame by frame, the first octets of each: enough to show, and bounded.

use super::super::codec::Piece;
use super::super::explain;
use crate::model::Side;
use crate::model::conformance::{Passed, Traffic};

/// Octets that are kept of a frame.
const FRAME: usize = 48;
/// Octets that are kept of a head.
const HEAD: usize = 2048;
/// Entries that are kept.
const ENTRIES: usize = 24;

/// The record of one case.
#[derive(Debug, Default)]
pub(super) struct Record {
    passed: Vec<Passed>,
    left_out: usize,
}

impl Record {
    pub(super) fn push(&mut self, from: Side, what: Traffic) {
        if self.passed.len() < ENTRIES {
            self.passed.push(Passed { from, what });
            return;
        }
        // The beginning and the last.
        self.left_out += 1;
        self.passed.truncate(ENTRIES);
        self.passed.push(Passed { from, what });
    }

    pub(super) fn head(&mut self, from: Side, octets: &[u8]) {
        self.push(from, Traffic::Head(octets[..octets.len().min(HEAD)].to_vec()));
    }

    /// A frame of which `octets` are there, at least its first ones.
    pub(super) fn raw(&mut self, from: Side, octets: &[u8], len: usize) {
        let kept = &octets[..octets.len().min(FRAME)];
        let header = explain::frame(kept, 0);
        self.push(from, Traffic::Frame { octets: kept.to_vec(), len: len as u64, header });
    }

    /// The server's: its header is made again, which gives the same octets, for the decoder takes the shortest form
    /// alone.
    pub(super) fn piece(&mut self, piece: &Piece<'_>) {
        if !piece.first {
            return;
        }
        let (header, len) = piece.header.octets();
        let payload = piece.payload();
        let octets = [&header[..len], &payload[..payload.len().min(FRAME - len)]].concat();
        self.raw(Side::Server, &octets, len + piece.header.len.min(1 << 40) as usize);
    }

    pub(super) fn finish(mut self) -> Vec<Passed> {
        if self.left_out > 1 {
            let more = Passed { from: Side::Client, what: Traffic::More(self.left_out - 1) };
            self.passed.insert(ENTRIES, more);
        }
        self.passed
    }
}
