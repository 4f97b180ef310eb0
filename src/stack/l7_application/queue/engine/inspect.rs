//! What the engine holds, for people to look at.

use super::consumer::Mode;
use super::settings::Settings;
use super::{ConsumerId, Engine, QueueId};
use crate::model::Time;
use std::time::Duration;

/// What happened in a queue since the engine began: a restart begins anew.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Counts {
    /// Messages stored, dead letters that arrived here among them.
    pub published: u64,
    /// Publishes that stored nothing, because their id was remembered.
    pub duplicates: u64,
    /// Publishes refused.
    pub refused: u64,
    /// Messages handed out, each time counted.
    pub delivered: u64,
    /// Of these, not for the first time.
    pub redelivered: u64,
    /// Messages acknowledged.
    pub acked: u64,
    /// Messages handed back by their consumers.
    pub nacked: u64,
    /// Messages moved, or of a topic copied, to the dead-letter queue.
    pub dead_lettered: u64,
    /// Messages dropped by a bound or given up by a consumer, and kept nowhere.
    pub lost: u64,
    /// Messages dropped on request.
    pub purged: u64,
}

/// A queue at this moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueReport {
    /// Its id.
    pub queue: QueueId,
    /// Its name.
    pub name: Box<str>,
    /// What it was declared to be.
    pub settings: Settings,
    /// Messages that nobody has in hand; of a topic, all that are kept.
    pub ready: u64,
    /// Messages that consumers have in hand. Of a topic one message counts for each consumer.
    pub unacked: u64,
    /// Octets of ids and bodies of all that it holds.
    pub bytes: u64,
    /// The age of the oldest message that it holds.
    pub oldest: Option<Duration>,
    /// The offset of its next message.
    pub next: u64,
    /// What happened so far.
    pub counts: Counts,
    /// Who reads it, in the order in which they came.
    pub consumers: Vec<ConsumerReport>,
}

/// A consumer at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerReport {
    /// Its id.
    pub consumer: ConsumerId,
    /// How often it is given each message.
    pub mode: Mode,
    /// Messages that it may have in hand.
    pub prefetch: u32,
    /// Messages that it has in hand.
    pub unacked: u64,
    /// Messages handed to it.
    pub delivered: u64,
    /// Messages of a topic that were dropped before it got to them.
    pub missed: u64,
    /// Whether its driver said that there is no room.
    pub paused: bool,
}

impl Engine {
    /// Every queue with its consumers.
    pub fn inspect(&self, now: Time) -> impl Iterator<Item = QueueReport> {
        self.queues.iter().map(move |(key, q)| {
            let consumers: Vec<ConsumerReport> =
                q.consumers.iter().filter_map(|id| self.inspect_consumer(*id)).collect();
            QueueReport {
                queue: QueueId(key),
                name: q.name.clone(),
                settings: q.settings.clone(),
                ready: q.ready().messages,
                unacked: consumers.iter().map(|c| c.unacked).sum(),
                bytes: q.load.bytes,
                oldest: q.held.first().map(|(_, held)| now.since(held.time)),
                next: q.next,
                counts: q.counts,
                consumers,
            }
        })
    }

    /// One consumer.
    pub fn inspect_consumer(&self, consumer: ConsumerId) -> Option<ConsumerReport> {
        self.consumers.get(consumer.0).map(|c| ConsumerReport {
            consumer,
            mode: c.mode,
            prefetch: c.prefetch,
            unacked: c.unacked.len() as u64,
            delivered: c.delivered,
            missed: c.missed,
            paused: c.paused,
        })
    }
}
