//! A comparison as JSON lines: `comparison`, then for each lane a `lane`, its `message`s, its `retransmission`s and,
//! where asked for, its `frame`s. The schema is docs/json.md, key by key; a test holds the two together.

use super::text::rule_name;
use super::{Comparison, Frame, Lane, Load, Message, Offered, Retransmission, Score, Share, Trigger};
use crate::model::{Carried, Direction, Fate, Packet, Time};
use serde_json::{Value, json};
use std::time::Duration;

/// Raised when a key changes its meaning or goes, together with that of every other line.
const SCHEMA: u32 = 1;

/// Every line of a comparison. `offered` is by [`Direction::index`].
pub fn lines(comparison: &Comparison, offered: [Offered; 2], frames: bool) -> Vec<Value> {
    let mut lines = Vec::new();
    if let Some(run) = comparison.lanes.first().map(|lane| &lane.run) {
        let (messages, bulk) = match comparison.load {
            Load::Messages { count, size, every } => {
                (json!({ "count": count, "size": size, "every_ns": nanos(every) }), Value::Null)
            }
            Load::Bulk { octets } => (Value::Null, json!(octets)),
        };
        lines.push(json!({
            "schema": SCHEMA,
            "kind": "comparison",
            "command": run.command,
            "version": run.version,
            "system": run.system,
            "seed": run.seed,
            "backend": run.backend.name(),
            "wire": run.wire,
            "messages": messages,
            "bulk": bulk,
            "lanes": comparison.lanes.iter().map(|lane| lane.transport.slug()).collect::<Vec<_>>(),
        }));
    }
    for lane in &comparison.lanes {
        let name = lane.transport.slug();
        lines.push(lane_line(&name, lane, offered));
        lines.extend((1..).zip(&lane.messages).map(|(n, m)| message_line(&name, n, m)));
        lines.extend(lane.retransmissions.iter().map(|r| again_line(&name, lane, r)));
        if frames {
            lines.extend(lane.frames.iter().map(|frame| frame_line(&name, frame)));
        }
    }
    lines
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn at(time: Option<Time>) -> Value {
    time.map_or(Value::Null, |time| json!(time.as_nanos()))
}

fn lane_line(name: &str, lane: &Lane, offered: [Offered; 2]) -> Value {
    let score = Score::of(lane);
    let latency = score.latency.map(
        |l| json!({ "p50": nanos(l.p50), "p95": nanos(l.p95), "p99": nanos(l.p99), "max": nanos(l.max) }),
    );
    let dropped: Vec<Value> = score
        .dropped
        .iter()
        .map(|(d, rule, n)| json!({ "direction": d.name(), "rule": rule_name(rule), "frames": n }))
        .collect();
    let again: serde_json::Map<String, Value> =
        Trigger::ALL.into_iter().zip(score.again).map(|(t, n)| (t.name().to_owned(), json!(n))).collect();
    json!({
        "schema": SCHEMA,
        "kind": "lane",
        "lane": name,
        "opened_ns": lane.opened.as_nanos(),
        "began_ns": lane.began.as_nanos(),
        "ended_ns": at(lane.ended),
        "sent": score.sent,
        "delivered": score.delivered,
        "lost": score.lost,
        "unread": score.unread,
        "duplicated": score.duplicated,
        "reordered": score.reordered,
        "stalled": score.stalled,
        "stall_longest_ns": nanos(score.longest_stall),
        "stall_ns": nanos(score.stall),
        "latency_ns": latency,
        "first_ns": score.first.map(nanos),
        "goodput_bit_s": score.goodput,
        "received": lane.received,
        "frames": two(score.frames.map(|n| json!(n))),
        "octets": two(score.octets.map(|n| json!(n))),
        "overhead": score.overhead,
        "dropped": dropped,
        "sent_again": again,
        "needless": score.needless,
        "offered": two(offered.map(|o| match o {
            Offered::None => Value::Null,
            Offered::Independent(p) | Offered::Bursts(p) => json!(p),
        })),
        "observed": two(Direction::BOTH.map(|d| share(score.chance[d.index()], offered[d.index()]))),
        "failures": lane.failures,
    })
}

/// A value for each direction.
fn two([to_server, to_client]: [Value; 2]) -> Value {
    json!({ "to_server": to_server, "to_client": to_client })
}

fn share(share: Share, offered: Offered) -> Value {
    let interval = share.interval().filter(|_| matches!(offered, Offered::Independent(_)));
    json!({
        "lost": share.hits,
        "of": share.of,
        "low": interval.map(|(low, _)| low),
        "high": interval.map(|(_, high)| high),
    })
}

fn message_line(name: &str, number: u32, message: &Message) -> Value {
    json!({
        "schema": SCHEMA,
        "kind": "message",
        "lane": name,
        "number": number,
        "due_ns": message.due.as_nanos(),
        "sent_ns": at(message.sent),
        "received_ns": message.received.iter().map(|at| at.as_nanos()).collect::<Vec<_>>(),
        "reached_ns": at(message.reached),
        "in_order_ns": at(message.in_order),
    })
}

fn again_line(name: &str, lane: &Lane, again: &Retransmission) -> Value {
    let id = |place: usize| lane.frames.get(place).map(|frame| frame.row.id.0);
    json!({
        "schema": SCHEMA,
        "kind": "retransmission",
        "lane": name,
        "frame": id(again.frame),
        "of": again.of.and_then(id),
        "trigger": again.trigger.name(),
        "needless": again.needless,
    })
}

fn frame_line(name: &str, frame: &Frame) -> Value {
    let row = &frame.row;
    let tcp = match &frame.seen.packet {
        Packet::Ip(_, Carried::Tcp(tcp)) => json!({
            "flags": tcp.flags.to_string(),
            "seq": tcp.seq,
            "ack": tcp.ack,
            "len": tcp.len,
            "sack": tcp.sack,
        }),
        _ => Value::Null,
    };
    let dropped = match &row.fate {
        Fate::Dropped { by } => json!(rule_name(by)),
        _ => Value::Null,
    };
    json!({
        "schema": SCHEMA,
        "kind": "frame",
        "lane": name,
        "frame": row.id.0,
        "direction": row.direction.name(),
        "index": row.index,
        "data": super::is_data(row.class),
        "at_ns": row.at.as_nanos(),
        "octets": row.len,
        "dropped": dropped,
        "arrived_ns": frame.arrived.iter().map(|at| at.as_nanos()).collect::<Vec<_>>(),
        "tcp": tcp,
    })
}
