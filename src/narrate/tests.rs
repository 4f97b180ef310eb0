//! Snapshots of whole runs told by hand, and what must hold for any event.

mod answers;
mod arbitrary;
mod fixture;
mod observed;
mod queues;
mod tales;
mod views;
mod webs;
mod whose;

use super::text::columns;
use super::{Json, Models, Style, TcpInfoShow, Timeline};
use crate::model;
use crate::model::{Backend, Event, Evidence, Fate, Flow, Outcome, Packet, Rule, Run, Sink, Time, What};
use crate::model::{
    Call, Carried, Delivery, Direction, FrameId, Icmp, IcmpKind, Returned, Side, TcpFlags, TcpNote, TcpState,
    TooBig,
};
use fixture::Tale;
use proptest::prelude::*;
use std::io;

fn timeline(tale: &Tale, style: Style) -> String {
    let mut sink = Timeline::new(Vec::new(), style);
    sink.begin(&fixture::run()).unwrap();
    for e in &tale.events {
        sink.event(e).unwrap();
    }
    sink.finish(&tale.outcome(50_000)).unwrap();
    String::from_utf8(sink.into_inner()).unwrap()
}

#[test]
fn tcp_echo() {
    insta::assert_snapshot!(timeline(&tales::echo(), Style::default()));
}

#[test]
fn tcp_refused() {
    insta::assert_snapshot!(timeline(&tales::refused(), Style::default()));
}

#[test]
fn absent_host() {
    insta::assert_snapshot!(timeline(&tales::absent(), Style::default()));
}

#[test]
fn udp_closed_port() {
    insta::assert_snapshot!(timeline(&tales::closed_port(), Style::default()));
}

#[test]
fn drop_and_retransmission() {
    insta::assert_snapshot!(timeline(&tales::lossy(), Style::default()));
}

#[test]
fn a_websocket_conversation() {
    insta::assert_snapshot!(timeline(&webs::conversation(), Style::default()));
}

#[test]
fn a_close_after_a_fault_waits_for_no_answer() {
    let told = timeline(&webs::given_up(), Style::default());
    assert!(told.contains("gives the connection up") && !told.contains("has to say Close too"), "{told}");
}

#[test]
fn websocket_troubles() {
    insta::assert_snapshot!(timeline(&webs::troubles(), Style::default()));
}

#[test]
fn a_conversation_of_a_queue() {
    insta::assert_snapshot!(timeline(&queues::conversation(), Style { verbose: true, ..Style::default() }));
}

#[test]
fn troubles_of_a_queue() {
    insta::assert_snapshot!(timeline(&queues::troubles(), Style::default()));
}

#[test]
fn a_frame_of_ours_bit_by_bit() {
    let style = Style { ascii: true, ..Style::default() };
    let wide = super::queue_bits(&queues::publish(2, b"a-1", b"hello"), &style);
    let narrow = super::queue_bits(&queues::publish(2, b"", b""), &Style { width: 60, ..style });
    assert!(wide.iter().all(|line| columns(line) <= 80) && narrow.iter().all(|line| columns(line) <= 60));
    insta::assert_snapshot!(format!("{}\n\n{}", wide.join("\n"), narrow.join("\n")));
}

#[test]
fn a_websocket_frame_bit_by_bit() {
    let style = Style { ascii: true, ..Style::default() };
    let mut text = super::websocket_bits(&webs::hello(), &style);
    for (length_bits, payload_length) in [(16, 256), (64, 65_536)] {
        text.push(String::new());
        let mask = webs::hello().masking_key.filter(|_| length_bits == 64);
        let frame = model::websocket::Frame {
            length_bits,
            payload_length,
            masking_key: mask,
            payload: b"Hello, World!".to_vec(),
            ..webs::hello()
        };
        text.extend(super::websocket_bits(&frame, &style));
    }
    assert!(text.iter().all(|line| columns(line) <= 80));
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn json_lines() {
    let tale = tales::closed_port();
    let mut sink = Json::new(Vec::new());
    sink.begin(&fixture::run()).unwrap();
    for e in &tale.events {
        sink.event(e).unwrap();
    }
    sink.finish(&tale.outcome(50_000)).unwrap();
    insta::assert_snapshot!(String::from_utf8(sink.into_inner()).unwrap());
}

#[test]
fn octets_of_a_syn() {
    let style = Style { ascii: true, ..Style::default() };
    insta::assert_snapshot!(super::bytes(&tales::syn_octets(), &style).join("\n"));
    let narrow = Style { width: 60, ..style };
    insta::assert_snapshot!("octets_of_a_syn_narrow", super::bytes(&tales::syn_octets(), &narrow).join("\n"));
}

#[test]
fn ladder_of_an_echo_and_of_a_loss() {
    let ascii = Style { ascii: true, ..Style::default() };
    insta::assert_snapshot!(super::ladder::ladder(&tales::echo().events, &ascii));
    insta::assert_snapshot!(
        "ladder_of_a_loss",
        super::ladder::ladder(&tales::lossy().events, &Style::default())
    );
}

#[test]
fn a_name_of_blanks_leaves_none_at_the_end_of_its_line() {
    let text = super::heading::run(&Run { wire: " ".to_owned(), ..fixture::run() }, &Style::default());
    assert!(text.lines().any(|line| line == "wire"), "{text}");
}

fn style() -> impl Strategy<Value = Style> {
    let models = prop_oneof![Just(Models::Osi), Just(Models::TcpIp), Just(Models::Both)];
    let show = prop_oneof![Just(TcpInfoShow::Off), Just(TcpInfoShow::Changes), Just(TcpInfoShow::All)];
    (0usize..120, any::<[bool; 5]>(), models, show).prop_map(
        |(width, [ascii, ledger, verbose, bytes, whole], models, tcp_info)| Style {
            width,
            ascii,
            color: false,
            models,
            ledger,
            verbose,
            bytes,
            whole,
            tcp_info,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_event_breaks_a_line(events in arbitrary::events(), style in style(), name in ".{0,90}") {
        let run = Run { command: name.clone(), wire: name, ..fixture::run() };
        let mut sink = Timeline::new(Vec::new(), style.clone());
        sink.begin(&run).unwrap();
        for e in &events {
            prop_assert_eq!(sink.event(e).unwrap(), Flow::Continue);
        }
        sink.finish(&Outcome { frames: [u64::MAX; 2], octets: [u64::MAX; 2], ..Outcome::default() }).unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        for line in text.lines() {
            prop_assert!(columns(line) <= style.columns(), "{:?} has {} columns", line, columns(line));
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
            prop_assert_eq!(line.trim_end(), line);
        }
        prop_assert!(!style.ascii || text.is_ascii());
        let ladder = super::ladder::ladder(&events, &style);
        for line in ladder.lines() {
            prop_assert!(columns(line) <= style.columns(), "{:?}", line);
        }
        prop_assert!(!style.ascii || ladder.is_ascii());
    }

    #[test]
    fn every_event_is_one_line_of_json(events in arbitrary::events()) {
        let mut sink = Json::new(Vec::new());
        for e in &events {
            sink.event(e).unwrap();
        }
        let text = String::from_utf8(sink.into_inner()).unwrap();
        prop_assert_eq!(text.lines().count(), events.len());
        for (line, event) in text.lines().zip(&events) {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            prop_assert_eq!(object["id"].as_u64(), Some(event.id.0));
        }
    }

    #[test]
    fn colour_changes_no_word(events in arbitrary::events()) {
        let tell = |color| {
            let mut sink = Timeline::new(Vec::new(), Style { color, bytes: true, ..Style::default() });
            for e in &events {
                sink.event(e).unwrap();
            }
            String::from_utf8(sink.into_inner()).unwrap()
        };
        let mut plain = String::new();
        let mut in_escape = false;
        for c in tell(true).chars() {
            match c {
                '\u{1b}' => in_escape = true,
                'm' if in_escape => in_escape = false,
                _ if in_escape => {}
                c => plain.push(c),
            }
        }
        let trimmed = |s: &str| s.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(trimmed(&plain), trimmed(&tell(false)));
    }
}

/// A pipe whose reader is gone after some octets.
struct Closing(usize);

impl io::Write for Closing {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n = buf.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_the_run_without_an_error() {
    let tale = tales::echo();
    let mut sinks: [Box<dyn Sink>; 2] =
        [Box::new(Timeline::new(Closing(2_000), Style::default())), Box::new(Json::new(Closing(2_000)))];
    for sink in &mut sinks {
        sink.begin(&fixture::run()).unwrap();
        let flows: Vec<Flow> = tale.events.iter().map(|e| sink.event(e).unwrap()).collect();
        assert_eq!(flows[0], Flow::Continue);
        assert_eq!(flows.last(), Some(&Flow::Stop));
        sink.finish(&tale.outcome(1)).unwrap();
    }
}

#[test]
fn calls_that_overlap_are_told_in_time_order() {
    let mut t = Tale::new(0);
    let first = t.call(10, Side::Server, Some(3), Call::Recv { size: 9 });
    let second = t.call(20, Side::Client, Some(4), Call::Recv { size: 9 });
    t.back(30, first, Ok(Returned::Octets(0)));
    t.udp(40, Direction::ToServer, 5);
    t.back(50, second, Ok(Returned::Octets(0)));
    let mut sink = Timeline::new(Vec::new(), Style::default());
    for e in &t.events {
        sink.event(e).unwrap();
    }
    let text = String::from_utf8(sink.into_inner()).unwrap();
    let starts: Vec<&str> = text.lines().filter(|l| l.starts_with("    0.0")).map(|l| &l[4..9]).collect();
    assert_eq!(starts, ["0.020", "0.030", "0.040", "0.050"], "{text}");
}

/// What is said of a repeated segment: the first has this fate, and this happens in between.
fn retransmission(fate: Fate, len: u32, between: impl Fn(&mut Tale, FrameId)) -> String {
    let mut t = Tale::new(1);
    let segment =
        |len, notes: &[TcpNote]| fixture::segment(Direction::ToServer, TcpFlags::ACK, 1, Some(1), len, notes);
    let of = t.tcp(1_000, Direction::ToServer, segment(1448, &[]), Some(fate));
    between(&mut t, of);
    let note = TcpNote::Retransmission { of, duplicate_acks: 0, needless: false };
    t.tcp(9_000, Direction::ToServer, segment(len, &[note]), None);
    let mut narrator = super::Narrator::new(super::Glyphs::ASCII);
    let told: Vec<String> = t.events.iter().map(|e| narrator.tell(e).to_string()).collect();
    told[told.len() - 2].clone()
}

#[test]
fn a_retransmission_has_the_cause_that_was_seen() {
    let delivery = |ms| Delivery::plain(Time::from_millis(ms));
    let early = retransmission(Fate::Delivered(delivery(20)), 1448, |_, _| {});
    assert!(
        early.contains("the same numbers as #1; #1 is still on its way and arrives at 20.000"),
        "{early}"
    );
    let damaged = Delivery { corrupted: Some((300, Rule::Random(0.05))), ..delivery(2) };
    let again = retransmission(Fate::Delivered(damaged), 1448, |_, _| {});
    assert!(again.contains("because #1 was damaged: corrupt 5% (random)"), "{again}");

    let too_big = || Fate::Dropped { by: Rule::Mtu { mtu: 1200, reply: TooBig::Icmp } };
    let told = |t: &mut Tale, of| {
        let kind = IcmpKind::FragmentationNeeded { mtu: 1200 };
        let icmp = Icmp {
            v6: false,
            kind_number: 3,
            code: 4,
            kind,
            about: Some(of),
            echo: None,
            neighbor: None,
            checksum_good: None,
        };
        let packet = Packet::Ip(fixture::ip(Direction::ToClient, 576), Carried::Icmp(icmp));
        t.frame(2_000, Direction::ToClient, 590, packet, None);
    };
    let smaller = retransmission(too_big(), 1148, told);
    assert!(smaller.contains("retransmission: octets that were in #1"), "{smaller}");
    assert!(smaller.contains("inferred: #2 told its sender") && !smaller.contains("timer"), "{smaller}");
    let silent = retransmission(too_big(), 1448, |_, _| {});
    assert!(silent.contains("so a timer of its sender ran out"), "{silent}");
}

#[test]
fn each_block_is_a_step_and_a_step_may_stop() {
    let left = std::rc::Rc::new(std::cell::Cell::new(3));
    let steps = left.clone();
    let step = Box::new(move || {
        steps.set(steps.get() - 1);
        Ok(if steps.get() == 0 { Flow::Stop } else { Flow::Continue })
    });
    let mut sink = Timeline::new(Vec::new(), Style::default()).with_step(step);
    let stopped = tales::echo().events.iter().any(|e| sink.event(e).unwrap() == Flow::Stop);
    assert!(stopped);
    assert_eq!(left.get(), 0);
    sink.finish(&Outcome::default()).unwrap();
    let text = String::from_utf8(sink.into_inner()).unwrap();
    assert_eq!(text.matches(" API ").count(), 3, "{text}");
    assert!(text.contains("stopped at your key") && !text.contains("done"), "{text}");
}

#[test]
fn every_kind_of_event_has_its_sentence() {
    let told: Vec<String> = tales::everything().iter().map(|e| super::sentence(e).to_string()).collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// What is said of the `recv()` that gave 0.
fn end_of_stream(events: &[Event]) -> super::Sentence {
    let mut narrator = super::Narrator::new(super::Glyphs::ASCII);
    let told = events
        .iter()
        .map(|e| narrator.tell(e))
        .find(|s| s.head.contains(") = 0") && s.head.starts_with("recv"));
    told.expect("a recv() that gives 0")
}

/// Changes what became of the first FIN.
fn with_fin(fate: impl Fn(Time) -> Fate) -> Vec<Event> {
    let mut events = tales::echo().events;
    let is_fin = |e: &Event| {
        matches!(&e.what, What::Frame(seen)
            if matches!(&seen.packet, Packet::Ip(_, Carried::Tcp(tcp)) if tcp.flags.has(TcpFlags::FIN)))
    };
    let fin = events.iter().position(is_fin).unwrap();
    if let What::Fate(row) = &mut events[fin + 1].what {
        row.fate = fate(row.at);
    }
    events
}

#[test]
fn a_fin_is_claimed_only_where_one_was_seen_to_arrive() {
    let delivered = |at: Time| Fate::Delivered(crate::model::Delivery::plain(at));
    let note = &end_of_stream(&with_fin(delivered)).notes[0];
    assert_eq!((note.evidence, note.text.contains("frame #10")), (Evidence::Frame, true));
    let lost = |_| Fate::Dropped { by: Rule::Random(0.5) };
    let late = |at: Time| delivered(at + std::time::Duration::from_secs(1));
    for events in [with_fin(lost), with_fin(late)] {
        let note = &end_of_stream(&events).notes[0];
        assert_eq!(note.evidence, Evidence::Inferred, "{}", note.text);
        assert!(note.text.contains("inferred") && !note.text.contains('#'), "{}", note.text);
    }
}

#[test]
fn without_frames_what_tcp_did_is_inferred() {
    let tale = tales::echo();
    let mut sink = Timeline::new(Vec::new(), Style { ascii: true, ..Style::default() });
    let run = Run { backend: Backend::Loopback, wire: String::new(), ..fixture::run() };
    sink.begin(&run).unwrap();
    for e in tale.events.iter().filter(|e| !matches!(e.what, What::Frame(_) | What::Fate(_))) {
        sink.event(e).unwrap();
    }
    sink.finish(&Outcome::default()).unwrap();
    insta::assert_snapshot!(String::from_utf8(sink.into_inner()).unwrap());
}

#[test]
fn the_kernels_view_says_nothing_that_its_state_does_not_have() {
    let info = |state, unacked| crate::model::TcpInfo { state, unacked, ..tales::info() };
    let words = |state, unacked| super::sentence::tcp_info(&info(state, unacked));
    assert_eq!(words(TcpState::Closed, 0), "kernel: CLOSED");
    // Linux counts what waits for accept() where an open connection counts segments.
    assert_eq!(words(TcpState::Listen, 2), "kernel: LISTEN, 2 connections for accept()");
    assert!(words(TcpState::Established, 2).ends_with("mss 1448, unacked 2"));
}
