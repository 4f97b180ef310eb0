//! Frames made by hand, and a lane of them.

use super::*;
use crate::model::{
    Backend, Carried, Class, Delivery, Direction, Endpoint, Fate, FrameId, Ip, LinkLayer, Packet, Rule, Tcp,
    TcpFlags,
};

pub(super) fn ms(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// A segment towards the server that left 25 ms before it arrives, or is dropped.
pub(super) fn data(id: u64, seq: u32, len: u32, arrives: Option<Time>) -> Frame {
    let at = arrives.map_or(ms(id), |at| at - Duration::from_millis(25));
    let fate = match arrives {
        Some(at) => Fate::Delivered(Delivery::plain(at)),
        None => Fate::Dropped { by: Rule::Random(0.05) },
    };
    let address = "10.0.0.1".parse().unwrap();
    let ip = Ip {
        source: address,
        destination: address,
        ttl: 64,
        len: 52 + len,
        df: true,
        fragment: None,
        checksum_good: Some(true),
    };
    let tcp = Tcp {
        stream: 0,
        source_port: 40_000,
        destination_port: 7,
        flags: TcpFlags::ACK,
        seq,
        ack: Some(1),
        len,
        window: 65_535,
        mss: None,
        sack_permitted: false,
        sack: Vec::new(),
        checksum_good: Some(true),
        notes: Vec::new(),
    };
    let class = Class::TCP.with(Class::IPV4).with(Class::TCP_DATA);
    let (id, direction, len) = (FrameId(id), Direction::ToServer, 66 + len);
    Frame {
        row: Row { id, direction, index: id.0, at, len, class, fate },
        seen: Seen {
            id,
            direction,
            len,
            source: [2; 6],
            destination: [2; 6],
            link: LinkLayer::default(),
            packet: Packet::Ip(ip, Carried::Tcp(tcp)),
        },
        arrived: arrives.into_iter().collect(),
    }
}

/// Ten messages of 10 octets, one every 10 ms from 0 on, the third segment lost and sent again.
pub(super) fn brick() -> Lane {
    let mut frames: Vec<Frame> = (0..10)
        .map(|n: u64| {
            let arrives = (n != 2).then(|| ms(26 + 10 * n));
            Frame { ..data(n + 1, n as u32 * 10 + 1, 10, arrives) }
        })
        .collect();
    frames.push(data(11, 21, 10, Some(ms(116))));
    let there = stream::arrivals(&frames, 10, 10);
    let messages = there
        .iter()
        .enumerate()
        .map(|(n, there)| Message {
            due: ms(10 * n as u64),
            sent: Some(ms(10 * n as u64)),
            received: there.in_order.into_iter().collect(),
            reached: there.reached,
            in_order: there.in_order,
        })
        .collect();
    let host = Endpoint { ip: "10.0.0.1".parse().unwrap(), mac: None };
    Lane {
        transport: Transport::Tcp { congestion: "cubic".to_owned() },
        run: Run {
            command: "layerlab loss".to_owned(),
            version: "0.1.0".to_owned(),
            system: "linux".to_owned(),
            seed: 7,
            backend: Backend::Tap,
            wire: "--drop data#3".to_owned(),
            mtu: 1500,
            routers: 0,
            client: host,
            server: host,
            epoch_unix_ns: 0,
        },
        outcome: Outcome::default(),
        opened: Time::ZERO,
        began: Time::ZERO,
        ended: Some(ms(116)),
        received: 100,
        messages,
        frames,
        retransmissions: vec![Retransmission {
            frame: 10,
            of: Some(2),
            trigger: Trigger::Fast,
            needless: false,
        }],
        samples: Vec::new(),
        failures: Vec::new(),
    }
}

#[test]
fn one_missing_brick_adds_up() {
    let score = Score::of(&brick());
    assert_eq!((score.sent, score.delivered, score.lost, score.reordered), (10, 10, 0, 0));
    // Messages 4 to 9 came between 56 and 106 ms and waited until 116; message 10 came at 116 itself.
    assert_eq!((score.stalled, score.longest_stall), (6, Duration::from_millis(60)));
    assert_eq!(score.stall, Duration::from_millis(60 + 50 + 40 + 30 + 20 + 10));
    assert_eq!(score.again, [1, 0, 0, 0]);
    assert_eq!((score.all_dropped(), score.data), (1, Share { hits: 1, of: 11 }));
    assert_eq!(score.latency.unwrap().max, Duration::from_millis(96));
    assert_eq!(score.frames, [11, 0]);
    assert_eq!(score.overhead, Some(11.0 * 76.0 / 100.0));
}

#[test]
fn a_message_that_comes_late_is_reordered_and_a_second_copy_duplicated() {
    let mut lane = brick();
    lane.messages[2].received = vec![ms(60), ms(300)];
    lane.messages[3].received = vec![ms(56)];
    lane.messages[4].received = vec![ms(66)];
    lane.messages[5].received.clear();
    let score = Score::of(&lane);
    assert_eq!((score.delivered, score.lost, score.duplicated, score.reordered), (9, 1, 1, 1));
    assert_eq!(score.unread, 1, "the sixth had reached the host");
}

/// The keys of an object and of what it holds, as docs/json.md writes them.
fn keys(prefix: &str, value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                keys(&name, value, into);
                into.insert(name);
            }
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| keys(&format!("{prefix}[]"), v, into)),
        _ => {}
    }
}

#[test]
fn the_page_lists_exactly_the_keys_that_are_written() {
    let page = include_str!("../../../docs/json.md");
    let load = Load::Messages { count: 10, size: 10, every: Duration::from_millis(10) };
    let comparison = Comparison { load, lanes: vec![brick()] };
    let lines = json::lines(&comparison, [Offered::Independent(0.05), Offered::None], true);
    for kind in ["comparison", "lane", "message", "retransmission", "frame"] {
        let mut written = std::collections::BTreeSet::new();
        lines.iter().filter(|l| l["kind"] == kind).for_each(|line| keys("", line, &mut written));
        let section = page.split("\n## ").find(|s| s.lines().next() == Some(kind)).expect(kind);
        let said: std::collections::BTreeSet<String> = section
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
            .chain(["schema".to_owned(), "kind".to_owned()])
            .collect();
        assert_eq!(written, said, "{kind}");
    }
}

#[test]
fn a_table_and_a_picture_fit_and_say_in_words_what_they_show() {
    let lane = brick();
    let score = Score::of(&lane);
    let load = Load::Messages { count: 10, size: 10, every: Duration::from_millis(10) };
    let offered = [Offered::Independent(0.05), Offered::None];
    for width in [60, 80] {
        let look = text::Look { width, ascii: true };
        let name = lane.transport.name();
        let column = text::Column { name: &name, score: &score, offered };
        let table = text::scorecard(&[column, column], &load, look);
        let lanes = text::scorecard(&[column; 7], &load, look);
        assert_eq!(lanes.matches(&name).count(), 7, "no lane is left out");
        let dots = text::dots(&name, &lane.messages, Duration::from_millis(96), look);
        let list = text::list(&name, lane.began, &lane.messages, look);
        for text in [&table, &lanes, &dots, &list] {
            assert!(text.is_ascii());
            assert!(text.lines().all(|line| line.len() <= width && line.trim_end() == line), "{text}");
        }
        assert!(list.contains("2:36 3:116 4:116"), "{list}");
    }
    let mut gone = lane.messages.clone();
    gone[4].received.clear();
    let look = text::Look { width: 80, ascii: true };
    let dots = text::dots("UDP", &gone, Duration::from_millis(96), look);
    // One in the word "lost".
    assert_eq!(dots.matches('o').count(), 9 + 1, "{dots}");
    // Ten messages stand six columns apart, behind an axis of ten.
    assert_eq!(dots.lines().last().and_then(|line| line.find('X')), Some(10 + 4 * 6), "{dots}");
    assert!(text::list("UDP", lane.began, &gone, look).contains("5:--"));
}
