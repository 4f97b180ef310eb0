//! Superframes on the wire: judged segment by segment as if each were a frame of its own, and cut only
//! where one of them is lost, late or changed.

use super::super::parcel::{Leaving, Share, Sharing};
use super::super::setup::RunError;
use super::Pump;
use crate::model::{Direction, Moment, Row};
use crate::stack::offload::Superframe;
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

impl Pump {
    /// A superframe enters the wire. Each segment has its own row, in order, at one time: what its fate
    /// would be if it had come as a frame.
    pub(super) fn enter_superframe(
        &mut self,
        direction: Direction,
        whole: &Superframe<'_>,
    ) -> Result<(), RunError> {
        let now = self.clock.now();
        let mut sharing = Sharing::default();
        let mut straight = 0..0;
        let mut nth = 0;
        while nth < whole.count() {
            let (len, ip_len) = whole.sizes(nth);
            if !self.emitter.listening() {
                // Only the last is shorter. Nobody asks for their rows, so none are made.
                let alike = (whole.count() - 1 - nth).max(1);
                let passed = self.wire.pass(now, direction, len, alike as u64);
                self.count_passed(now, direction, len, passed);
                straight.end += passed as usize;
                nth += passed as usize;
                if passed == alike as u64 {
                    continue;
                }
            }
            let mut row = self.wire.judge(now, direction, len, ip_len, whole.class(nth));
            let reply = self.middle.too_big(direction, &mut row.fate, || whole.frame(nth));
            self.count(&row);
            let entered = self.emitter.listening().then(|| Bytes::from(whole.frame(nth)));
            if row.fate.is_immediate(now) && self.wire.is_empty(direction) {
                if entered.is_some() {
                    let row = Arc::new(row);
                    self.tell_entered(&row, entered.clone());
                    self.tell_arrived(&row, 0, || entered.unwrap_or_default());
                }
                straight.end = nth + 1;
                nth += 1;
                continue;
            }
            self.pass_straight(direction, whole, straight)?;
            straight = nth + 1..nth + 1;
            if row.fate.is_dropped() {
                self.tell_entered(&Arc::new(row), entered);
            } else {
                let parcel = sharing.parcel(whole, nth, &row, !self.wire.is_pending(&row));
                self.keep(now, row, parcel, entered);
            }
            self.settle(now);
            if let Some(reply) = reply {
                self.answer(direction, reply)?;
            }
            nth += 1;
        }
        sharing.done(whole);
        self.pass_straight(direction, whole, straight)
    }

    /// Hands on the segments that pass straight through, as one frame.
    fn pass_straight(
        &mut self,
        direction: Direction,
        whole: &Superframe<'_>,
        segments: Range<usize>,
    ) -> Result<(), RunError> {
        if segments.is_empty() {
            return Ok(());
        }
        let to = direction.other().index();
        if segments == (0..whole.count()) {
            let (bytes, left) = whole.whole();
            return self.give(to, bytes, left);
        }
        let (run, left) = whole.run(segments);
        self.give(to, &run, left)
    }

    /// A segment is due: it leaves with its neighbours, once the last of them is due.
    pub(super) fn gather(&mut self, direction: Direction, share: Share) -> Result<(), RunError> {
        let way = direction.index();
        let share = match self.leaving[way].as_mut().map(|leaving| leaving.extend(share.clone())) {
            Some(Ok(())) => return Ok(()),
            _ => share,
        };
        self.let_go(direction)?;
        self.leaving[way] = Some(Leaving::new(share));
        Ok(())
    }

    /// Hands on the segments that have gathered in this direction.
    pub(super) fn let_go(&mut self, direction: Direction) -> Result<(), RunError> {
        let to = direction.other().index();
        match self.leaving[direction.index()].take() {
            Some(leaving) => leaving.give(|bytes, offload| self.give(to, bytes, offload)),
            None => Ok(()),
        }
    }

    /// Tells that a copy arrives. Told before it is handed over: what the far host does about it comes later.
    pub(super) fn tell_arrived(&self, row: &Arc<Row>, copy: u8, frame: impl FnOnce() -> Bytes) {
        if self.emitter.listening() {
            self.emitter.frame(row.clone(), self.clock.now(), Moment::Arrived { copy }, frame());
        }
    }
}
