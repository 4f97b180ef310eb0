//! What all clients share: the queues, the journal behind them, and who owns which consumer.

use crate::host::{Clock, memory};
use crate::live::journal::Journal;
use crate::model::Time;
use crate::stack::l7_application::queue::access::Access;
use crate::stack::l7_application::queue::engine::{Change, ConsumerId, Engine, Mode, QueueId};
use crate::stack::l7_application::queue::session::House;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A client: the seat of a connection, or the place of an address that sends datagrams.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Who {
    /// A connection.
    Seat(usize),
    /// An address.
    Address(usize),
}

/// Whose a consumer is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) who: Who,
    /// Its number for the client.
    pub(super) subscription: u32,
    pub(super) mode: Mode,
}

/// What all clients share.
pub(super) struct Core {
    pub(super) engine: Engine,
    pub(super) journal: Option<Journal>,
    pub(super) access: Option<Arc<Access>>,
    pub(super) owners: HashMap<ConsumerId, Owner>,
    pub(super) max_payload: u32,
    pub(super) idle: Option<Duration>,
    pub(super) clock: Clock,
    /// Octets of messages that were held at most since freed memory was given back.
    pub(super) peak: u64,
}

/// Octets that must have become free before they are worth the system's time.
const FREED: u64 = 64 << 20;

impl Core {
    /// The engine's time: nanoseconds since 1970, so that it goes on over a restart, but it never runs back while we run.
    pub(super) fn now(&self) -> Time {
        Time::from_nanos(self.clock.epoch_unix_ns().saturating_add(self.clock.now().as_nanos()))
    }

    /// The moment on the engine's clock as one of the loop's.
    pub(super) fn instant(&self, at: Time) -> Instant {
        Instant::now() + at.since(self.now())
    }

    /// Lends everything to a session.
    #[inline]
    pub(super) fn lend<R>(&mut self, act: impl FnOnce(&mut House<'_>) -> R) -> R {
        let now = self.now();
        let Core { engine, journal, access, max_payload, idle, .. } = self;
        let stopped = journal.as_ref().and_then(|journal| journal.failure()).map(ToString::to_string);
        let mut tell = |change: Change<'_>| {
            if let Some(journal) = journal.as_mut() {
                journal.tell(change);
            }
        };
        act(&mut House {
            engine,
            access: access.as_deref(),
            now,
            tell: &mut tell,
            stopped: stopped.as_deref(),
            max_payload: *max_payload,
            idle: *idle,
        })
    }

    /// Gives memory back when half of what was held is gone: in proportion to it, so that it is not done often.
    pub(super) fn give_back(&mut self) {
        let (_, held) = self.engine.held();
        self.peak = self.peak.max(held);
        if self.peak - held >= FREED.max(held) {
            memory::give_back();
            self.peak = held;
        }
    }

    /// Ends a queue. Gives its consumers and whose they were: they are told nothing more.
    pub(super) fn delete(&mut self, queue: QueueId) -> Vec<(Who, ConsumerId)> {
        let gone = self.lend(|house| house.engine.delete(queue, &mut *house.tell)).unwrap_or_default();
        let owned = |consumer| self.owners.remove(&consumer).map(|owner| (owner.who, consumer));
        gone.into_iter().filter_map(owned).collect()
    }

    /// Brings to the disk what somebody waits for. Whether what was published may be confirmed.
    pub(super) fn commit(&mut self, now: Instant) -> bool {
        let Core { engine, journal, .. } = self;
        journal.as_mut().is_none_or(|journal| journal.commit_in_time(now, engine))
    }
}
