//! Messages that are too old.

use super::change::{Cause, Tell};
use super::{Engine, QueueId};
use crate::model::Time;

/// Messages that one tick drops at most: whoever drives many things must not wait for a flood that grew old at once.
const MOST_AT_ONCE: usize = 10_000;

impl Engine {
    /// When [`Engine::tick`] is due; `None` while nothing depends on time. Never too late, but sometimes early: what
    /// would have been too old may be done with by then.
    #[inline]
    pub fn deadline(&self) -> Option<Time> {
        self.alarms.first().map(|(time, _)| *time)
    }

    /// Drops what is too old, from the queue first whose oldest message has been so for longest. Where that is very much,
    /// some is left, and the next tick is due at once. Between two ticks a message may grow older than its queue allows,
    /// and be delivered.
    pub fn tick(&mut self, now: Time, tell: Tell<'_>) {
        // Each queue is looked at once, and once more if its alarm was early: what is dead-lettered in here is young
        // where it arrives.
        let mut left = MOST_AT_ONCE;
        for _ in 0..2 * self.alarms.len() {
            let Some((time, queue)) = self.alarms.first().copied().filter(|(time, _)| *time <= now) else {
                return;
            };
            self.alarms.pop_first();
            let Some(q) = self.queues.get_mut(queue.0) else { continue };
            q.alarm = None;
            if q.expiry() == Some(time) {
                self.expire(now, queue, &mut left, tell);
            }
            self.set_alarm(queue);
        }
    }

    fn expire(&mut self, now: Time, queue: QueueId, left: &mut usize, tell: Tell<'_>) {
        while *left > 0
            && let Some(q) = self.queues.get_mut(queue.0)
        {
            let Some((offset, held)) = q.oldest_ready() else { return };
            if now.since(held.time) < q.settings.max_age {
                return;
            }
            q.cursor.skip(offset);
            *left -= 1;
            self.bury(now, queue, offset, Cause::Expired, 0, tell);
        }
    }

    /// Sets a queue's alarm for its oldest message, unless it has an earlier one.
    pub(super) fn set_alarm(&mut self, queue: QueueId) {
        let Some(q) = self.queues.get_mut(queue.0) else { return };
        let Some(due) = q.expiry() else { return };
        match q.alarm {
            Some(set) if set <= due => return,
            Some(set) => drop(self.alarms.remove(&(set, queue))),
            None => {}
        }
        q.alarm = Some(due);
        self.alarms.insert((due, queue));
    }
}
