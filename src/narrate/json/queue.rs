//! The keys of a frame of layerlab's and of what its queue's two ends say in it.

use super::websocket::{carried, lost};
use super::{Object, json, nanos, put, put_some};
use crate::model::Value;
use crate::model::queue::{Carrier, Frame, Queue, Relation, Step};
use std::fmt::Write as _;

pub(super) fn fields(o: &mut Object, seen: &Queue) {
    let step = match &seen.step {
        Step::Frame(_) => "frame",
        Step::Fault(_) => "fault",
        Step::Lost(_) => "lost",
        Step::Ended { .. } => "ended",
    };
    put(o, "step", step);
    put(o, "sender", seen.sender.name());
    put(o, "carrier", seen.carrier.name());
    put(o, "offset", seen.at.start);
    put(o, "length", seen.at.end - seen.at.start);
    if seen.dropped {
        put(o, "dropped", true);
    }
    if let Some(by) = &seen.carried {
        carried(o, by);
        if seen.carrier == Carrier::Udp {
            o.remove("tcp.stream");
        }
    }
    match &seen.step {
        Step::Frame(frame) => frame_fields(o, frame),
        Step::Fault(fault) => {
            put(o, "rule", fault.rule.as_str());
            put(o, "code", fault.code);
        }
        Step::Lost(why) => put(o, "lost", lost(why)),
        Step::Ended { reset, closed, unconfirmed, unacked } => {
            put(o, "reset", *reset);
            put(o, "closed", *closed);
            put(o, "unconfirmed", *unconfirmed);
            put(o, "unacked", *unacked);
        }
    }
}

/// The header's and the payload's fields under their names in docs/wireshark/layerlab.lua.
fn frame_fields(o: &mut Object, frame: &Frame) {
    put(o, "layerlab.frame.type", frame.kind);
    put(o, "type_name", frame.name);
    put(o, "layerlab.frame.length", frame.length);
    put(o, "layerlab.frame.header_checksum", format!("0x{:08x}", frame.header_checksum));
    put(o, "layerlab.frame.payload_checksum", format!("0x{:08x}", frame.payload_checksum));
    for part in frame.said.parts() {
        match part.value {
            Value::Uint(value) => put(o, part.name, value),
            Value::Octets(octets) => {
                let hex = octets.iter().fold(String::new(), |mut text, octet| {
                    let _ = write!(text, "{octet:02x}");
                    text
                });
                put(o, part.name, hex);
            }
            value => put(o, part.name, value.to_string()),
        }
    }
    let follows = frame.follows.map(|earlier| {
        let relation = match earlier.relation {
            Relation::Answers => "answers",
            Relation::Settles => "settles",
            Relation::Repeats => "repeats",
        };
        json!({
            "relation": relation,
            "name": earlier.name,
            "count": earlier.count,
            "after_ns": nanos(earlier.after),
            "frame": earlier.frame.map(|id| id.0),
            "tcp_ack": earlier.tcp_ack.map(|id| id.0),
        })
    });
    put_some(o, "follows", follows);
    put_some(o, "illegal", frame.illegal.map(|illegal| illegal.name()));
}
