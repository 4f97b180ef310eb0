//! What a server holds, as JSON for INSPECT.

use super::core::{Core, Who};
use crate::stack::l7_application::queue::access::{Right, User};
use crate::stack::l7_application::queue::engine::{ConsumerReport, Kind, Mode, Policy, QueueId, QueueReport};
use serde_json::{Value, json};

/// All queues that this user may see, or one of them.
pub(super) fn json(
    core: &Core,
    one: Option<QueueId>,
    user: &User,
    client: impl Fn(Who) -> Option<String>,
) -> String {
    let queues: Vec<Value> = core
        .engine
        .inspect(core.now())
        .filter(|queue| one.is_none_or(|one| one == queue.queue))
        .filter(|queue| user.may(Right::Consume, &queue.name))
        .map(|report| queue(core, &report, &client))
        .collect();
    let journal = core.journal.as_ref().map(|journal| {
        let stats = journal.stats();
        json!({
            "files": stats.files,
            "octets": stats.octets,
            "commits": stats.commits,
            "records": stats.records,
            "largest_commit": stats.largest,
            "fsyncs": stats.syncs,
            "snapshots": stats.snapshots,
            "failures": stats.failures,
            "failing": journal.failure().map(ToString::to_string),
        })
    });
    json!({ "queues": queues, "journal": journal }).to_string()
}

fn queue(core: &Core, report: &QueueReport, client: &impl Fn(Who) -> Option<String>) -> Value {
    let settings = &report.settings;
    let counts = &report.counts;
    json!({
        "name": report.name,
        "kind": match settings.kind { Kind::Work => "work", Kind::Topic => "topic" },
        "ready": report.ready,
        "unacked": report.unacked,
        "bytes": report.bytes,
        "next_offset": report.next,
        "oldest_ms": report.oldest.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        "policy": match settings.policy {
            Policy::Reject => "reject",
            Policy::DropOldest => "drop-oldest",
            Policy::DeadLetter => "dead-letter",
        },
        "max_messages": settings.max_messages,
        "max_bytes": settings.max_bytes,
        "max_age_ms": u64::try_from(settings.max_age.as_millis()).unwrap_or(u64::MAX),
        "max_deliveries": settings.max_deliveries,
        "window": settings.window,
        "dead_letter": settings.dead_letter,
        "published": counts.published,
        "duplicates": counts.duplicates,
        "refused": counts.refused,
        "delivered": counts.delivered,
        "redelivered": counts.redelivered,
        "acked": counts.acked,
        "nacked": counts.nacked,
        "dead_lettered": counts.dead_lettered,
        "lost": counts.lost,
        "purged": counts.purged,
        "consumers": report.consumers.iter().map(|it| consumer(core, it, client)).collect::<Vec<_>>(),
    })
}

fn consumer(core: &Core, report: &ConsumerReport, client: &impl Fn(Who) -> Option<String>) -> Value {
    let owner = core.owners.get(&report.consumer);
    json!({
        "client": owner.and_then(|owner| client(owner.who)),
        "subscription": owner.map(|owner| owner.subscription),
        "mode": match report.mode { Mode::AtMostOnce => "at-most-once", Mode::AtLeastOnce => "at-least-once" },
        "prefetch": report.prefetch,
        "unacked": report.unacked,
        "delivered": report.delivered,
        "missed": report.missed,
        "paused": report.paused,
    })
}
