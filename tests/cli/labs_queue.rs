//! Labs 20, 26 and 27: what a queue is for, each scene by the frames that crossed the wire.

use crate::child::{layerlab, ran};
use crate::lab::{Lab, everywhere, number};
use serde_json::Value;

/// The queue's frames of this type.
fn frames<'a>(lab: &'a Lab, name: &str) -> Vec<&'a Value> {
    lab.all("queue", |event| event["type_name"] == name)
}

/// What was delivered, in order: body and the how manieth time.
fn delivered(lab: &Lab) -> Vec<(String, u64)> {
    let body = |frame: &Value| {
        let hex = frame["layerlab.queue.body"].as_str().expect("a body");
        let octets = (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hex"));
        String::from_utf8(octets.collect()).expect("text")
    };
    let one = |frame: &Value| (body(frame), number(frame, "layerlab.queue.deliveries"));
    frames(lab, "DELIVER").into_iter().map(one).collect()
}

fn bodies(lab: &Lab) -> Vec<String> {
    delivered(lab).into_iter().map(|(body, _)| body).collect()
}

#[test]
fn who_is_away_misses_what_an_offset_would_bring_back() {
    for lab in everywhere("queue demo missed") {
        assert_eq!(frames(&lab, "PUBLISH").len(), 4);
        assert_eq!(bodies(&lab), ["e1", "e4"]);
    }
    for lab in everywhere("queue demo replayed") {
        assert_eq!(bodies(&lab), ["e1", "e2", "e3", "e4"]);
        // The second subscription says from where.
        let from =
            frames(&lab, "SUBSCRIBE").into_iter().map(|s| s["layerlab.queue.offset"].clone()).next_back();
        assert_eq!(from, Some(1.into()));
    }
}

#[test]
fn a_topic_is_for_everybody_who_listens() {
    for lab in everywhere("queue demo fanout") {
        let mut all = bodies(&lab);
        all.sort();
        assert_eq!(all, ["e1", "e1", "e2", "e2", "e3", "e3"]);
        assert_eq!(frames(&lab, "PUBLISH").len(), 4);
    }
}

#[test]
fn a_lost_acknowledgment_is_a_second_delivery() {
    for lab in everywhere("queue demo lost-ack") {
        let lost = lab.all("fate", |row| row["fate"] == "dropped");
        assert_eq!(lost.len(), 1, "{lost:?}");
        let all = delivered(&lab);
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!((all[0].1, all[1].1), (1, 2));
        assert_eq!(all[0].0, all[1].0);
        // The handler ran twice, and the work took effect once.
        let deeds = |what: &str| lab.deeds.iter().filter(|deed| deed["deed"] == what).collect::<Vec<_>>();
        assert_eq!(deeds("handled").len(), 2, "{:?}", lab.deeds);
        let known: Vec<&Value> = deeds("effect").iter().map(|deed| &deed["known"]).collect();
        assert_eq!(known, [false, true]);
        // One ACK crossed the wire whole, the second; the first is the frame that was dropped.
        let acks: Vec<bool> = frames(&lab, "ACK").iter().map(|ack| ack["dropped"] == true).collect();
        assert_eq!(acks, [true, false]);
    }
}

#[test]
fn what_a_dead_worker_held_comes_first_and_says_so() {
    for lab in everywhere("queue demo holding") {
        let all = delivered(&lab);
        let told: Vec<(&str, u64)> = all.iter().map(|(body, n)| (&**body, *n)).collect();
        assert_eq!(told, [("m1", 1), ("m2", 1), ("m1", 2), ("m2", 2), ("m3", 1)]);
    }
}

#[test]
fn prefetch_decides_who_gets_how_many() {
    let by_connection = |lab: &Lab| {
        let mut counts = std::collections::BTreeMap::new();
        for frame in frames(lab, "DELIVER") {
            *counts.entry(frame["tcp.stream"].as_u64()).or_insert(0) += 1;
        }
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort_unstable();
        counts
    };
    for lab in everywhere("queue demo turns") {
        assert_eq!(by_connection(&lab), [3, 3]);
    }
    for lab in everywhere("queue demo prefetch") {
        let counts = by_connection(&lab);
        assert_eq!(counts.iter().sum::<u32>(), 6);
        assert!(counts[0] < counts[1], "{counts:?}");
    }
}

#[test]
fn a_bound_is_met_as_it_was_declared() {
    for lab in everywhere("queue demo full") {
        let refused = frames(&lab, "REFUSED");
        let numbers: Vec<u64> = refused.iter().map(|frame| number(frame, "layerlab.queue.number")).collect();
        assert_eq!(numbers, [4, 5]);
        assert!(refused.iter().all(|frame| frame["layerlab.queue.code"] == 32), "{refused:?}");
        assert_eq!(bodies(&lab), ["m1", "m2", "m3"]);
    }
    for lab in everywhere("queue demo drop-oldest") {
        assert!(frames(&lab, "REFUSED").is_empty());
        assert_eq!(bodies(&lab), ["m3", "m4", "m5"]);
    }
}

#[test]
fn a_datagram_is_sent_again_only_where_somebody_asked() {
    for lab in everywhere("queue demo datagram") {
        assert_eq!(bodies(&lab), ["11 C", "33 C"]);
        assert!(frames(&lab, "CONFIRM").is_empty());
    }
    for lab in everywhere("queue demo confirmed") {
        let mut all = bodies(&lab);
        all.sort();
        assert_eq!(all, ["11 C", "22 C", "33 C"]);
        assert_eq!(frames(&lab, "CONFIRM").len(), 3);
    }
}

#[test]
fn a_bare_length_loses_its_edges_and_a_frame_says_so() {
    let ran = ran(layerlab("queue demo naive".split(' ')));
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert!(ran.out.contains(r#"1 believed: "one\x00\x03tw""#), "{}", ran.out);
    assert!(ran.out.contains("the header's checksum is"), "{}", ran.out);
    assert!(ran.out.contains("0 believed"), "{}", ran.out);
    assert!(ran.out.contains("4294967295 octets: at most 16777216"), "{}", ran.out);
}
