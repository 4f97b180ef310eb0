//! The glossary: every word is there once, is found however it is typed, and fits on a terminal.

use super::*;
use crate::model::{Call, SocketKind, TcpFlags, TcpState};
use crate::narrate::reason;
use crate::narrate::text::columns;
use std::collections::BTreeMap;

#[track_caller]
fn found(word: &str) -> &'static Entry {
    match find(word) {
        Lookup::Found(entry) => entry,
        other => panic!("{word}: {other:?}"),
    }
}

#[test]
fn no_name_leads_to_two_entries() {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for entry in entries() {
        for name in std::iter::once(&entry.term).chain(entry.aliases) {
            assert!(!key(name).is_empty(), "{name} has no letter");
            if let Some(other) = seen.insert(key(name), entry.term) {
                panic!("{name}: both {other} and {}", entry.term);
            }
        }
    }
}

#[test]
fn every_entry_says_everything_and_has_one_source() {
    for entry in entries() {
        for text in [entry.is, entry.confusion, entry.truth] {
            assert!(text.ends_with('.'), "{}: {text}", entry.term);
            assert!(text.is_ascii() && text.len() <= 260, "{}: {} octets: {text}", entry.term, text.len());
            assert!(!text.contains("  "), "{}: {text}", entry.term);
        }
        assert!(!entry.cite.to_string().is_empty());
    }
}

#[test]
fn the_curriculums_vocabulary_is_there() {
    for word in [
        "socket",
        "WebSocket",
        "Socket.IO",
        "Engine.IO",
        "client",
        "server",
        "OSI model",
        "TCP/IP model",
        "TCP",
        "UDP",
        "packet",
        "frame",
        "segment",
        "datagram",
        "message",
        "port",
        "handshake",
        "ack",
        "sequence number",
        "window",
        "congestion window",
        "MTU",
        "MSS",
        "fragment",
        "TTL",
        "ARP",
        "ICMP",
        "namespace",
        "room",
        "adapter",
        "event",
        "broadcast",
        "message queue",
        "producer",
        "consumer",
        "exchange",
        "prefetch",
        "at-most-once",
        "at-least-once",
        "exactly-once",
        "idempotency",
        "head-of-line blocking",
        "Nagle",
        "delayed ACK",
        "SACK",
        "RTO",
        "tail-loss probe",
        "fast retransmit",
        "cwnd",
        "ssthresh",
        "Gilbert-Elliott",
        "MSG_TRUNC",
        "DF",
        "MF",
        "TIME-WAIT",
    ] {
        found(word);
    }
}

/// In titles, questions and explanations of the labs, and in the tour.
#[test]
fn the_labs_and_the_tours_words_are_there() {
    for word in [
        "burst",
        "bursts",
        "flight",
        "flow control",
        "congestion control",
        "slow start",
        "stream",
        "descriptor",
        "listener",
        "backlog",
        "reassembly",
        "traceroute",
        "black hole",
        "desync",
        "long poll",
        "mask",
        "opcode",
        "SHA-1",
        "base64",
        "upgrade",
        "fan-out",
        "round robin",
        "DELIVER",
        "script",
        "dropped",
        "win",
        "prefetch",
        "half-close",
        "window update",
        "duplicate ACK",
    ] {
        found(word);
    }
}

#[test]
fn what_the_program_prints_can_be_asked_for() {
    for name in TcpFlags(0xff).names() {
        found(name);
    }
    for state in [
        TcpState::Listen,
        TcpState::SynSent,
        TcpState::SynReceived,
        TcpState::Established,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::CloseWait,
        TcpState::Closing,
        TcpState::LastAck,
        TcpState::TimeWait,
        TcpState::Closed,
    ] {
        found(state.name());
    }
    for entry in interface::ERRORS.iter().filter(|e| e.term != "errno") {
        assert!(reason(entry.term, None, &Call::Accept).is_some(), "{} is never explained", entry.term);
    }
    assert_ne!(
        reason("ECONNREFUSED", Some(SocketKind::Datagram), &Call::Close),
        reason("ECONNREFUSED", Some(SocketKind::Stream), &Call::Close)
    );
}

#[test]
fn spelling_makes_no_difference() {
    for word in ["time wait", "TIME_WAIT", "timewait", "Time-Wait", "TIME-WAIT"] {
        assert_eq!(found(word).term, "TIME-WAIT");
    }
    assert_eq!(found("segments").term, "segment");
    assert_eq!(found("socketio").term, "Socket.IO");
    assert_eq!(found("EWOULDBLOCK").term, "EAGAIN");
    assert_eq!(found("connect").term, "connect()");
    assert_eq!(find("misconceptions"), Lookup::Misconceptions);
}

#[test]
fn near_misses_are_suggested_and_nonsense_is_not() {
    let near = |word: &str| match find(word) {
        Lookup::Near(list) => list,
        other => panic!("{other:?}"),
    };
    assert_eq!(near("datagrm")[0], "datagram");
    assert!(near("retransmision").contains(&"retransmission"));
    assert!(near("ECONREFUSED").contains(&"ECONNREFUSED"));
    assert!(near("qqqqzzzz").is_empty());
    assert!(near("").is_empty());
    assert!(near(&"x".repeat(100_000)).len() <= 5);
    let style = Style { ascii: true, ..Style::default() };
    let text = unknown("a\u{1b}[31mb", &near("datagrm"), &style);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn it_fits_on_a_terminal() {
    for width in [60, 80] {
        for models in [Models::Osi, Models::TcpIp, Models::Both] {
            let style = Style { width, models, ascii: true, ..Style::default() };
            let mut text: String = entries().map(|e| explain(e, &style)).collect();
            text.push_str(&misconceptions(&style));
            text.push_str(&index(&style));
            for line in text.lines() {
                assert!(columns(line) <= width, "{line}");
                assert!(line.is_ascii());
            }
        }
    }
}

#[test]
fn an_entry_reads_well() {
    let style = Style { ascii: true, ..Style::default() };
    let text: String = ["SYN", "namespace", "psh"].map(|w| explain(found(w), &style)).join("\n");
    insta::assert_snapshot!(text);
}
