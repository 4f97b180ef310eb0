//! What is said of an answer that did not come, that comes late, or that says no: whose it is, and no more than was seen.

use super::fixture::*;
use super::observed::{data, of, open};
use super::{tales, timeline, webs};
use crate::model::*;
use crate::narrate::Style;
use Direction::{ToClient, ToServer};
use Side::{Client, Server};

const AGAIN: &str = "#1 had reached the host";

/// A SYN that came and was sent again a second later; `answered`: by a SYN-ACK that came.
fn asked_again(answered: bool) -> String {
    let mut t = Tale::new(1);
    let syn = segment(ToServer, SYN, 0, None, 0, &[TcpNote::HandshakeSyn]);
    let of_syn = t.tcp(10, ToServer, syn.clone(), None);
    if answered {
        let notes = [TcpNote::HandshakeSynAck { answers: of_syn }];
        t.tcp(1_020, ToClient, segment(ToClient, SYN_ACK, 0, Some(1), 0, &notes), None);
    }
    let again = TcpNote::Retransmission { of: of_syn, duplicate_acks: 0, needless: true };
    t.tcp(1_000_010, ToServer, Tcp { notes: vec![again, TcpNote::HandshakeSyn], ..syn }, None);
    let first = of(&t, "#1");
    assert!(first.starts_with("first of a handshake's three"), "{first}");
    of(&t, if answered { "#3" } else { "#2" })
}

#[test]
fn a_syn_that_came_and_got_no_answer_is_a_new_chance() {
    let told = asked_again(false);
    assert!(
        told.contains(&format!("{AGAIN}, but no SYN-ACK for it was seen: this asks once more")),
        "{told}"
    );
    assert!(!told.contains("nothing new") && !told.contains("first of"), "{told}");
    let told = asked_again(true);
    assert!(told.contains(&format!("{AGAIN}: this brings it nothing new")), "{told}");
}

#[test]
fn octets_that_came_and_that_nobody_acknowledged_are_no_news_of_nothing() {
    let told = |acknowledged: bool| {
        let mut t = open();
        let of_data = t.tcp(20_100, ToServer, data(1, 100, &[]), None);
        if acknowledged {
            t.tcp(30_200, ToClient, segment(ToClient, ACK, 1, Some(101), 0, &[]), None);
        }
        let again = TcpNote::Retransmission { of: of_data, duplicate_acks: 0, needless: true };
        t.tcp(264_000, ToServer, data(1, 100, &[again]), None);
        of(&t, if acknowledged { "#5" } else { "#4" })
    };
    assert!(
        told(false).contains("#3 had reached the host, but no ACK for it was seen yet"),
        "{}",
        told(false)
    );
    assert!(told(true).contains("#3 had reached the host: this brings it nothing new"), "{}", told(true));
}

#[test]
fn one_more_rst_says_what_drew_it() {
    let mut t = open();
    t.tcp(20_100, ToServer, segment(ToServer, FIN_ACK, 1, Some(1), 0, &[TcpNote::FirstFin]), None);
    t.tcp(20_200, ToClient, segment(ToClient, RST_ACK, 1, Some(1), 0, &[TcpNote::Reset]), None);
    t.tcp(30_200, ToClient, segment(ToClient, TcpFlags::RST, 1, None, 0, &[]), None);
    // Its number is nobody's acknowledgment; and one that acknowledges.
    t.tcp(30_300, ToClient, segment(ToClient, TcpFlags::RST, 77, None, 0, &[]), None);
    t.tcp(30_400, ToClient, segment(ToClient, RST_ACK, 1, Some(1), 0, &[]), None);
    let [drawn, other, acknowledging] = ["#5", "#6", "#7"].map(|frame| of(&t, frame));
    assert!(drawn.contains("inferred: one more RST, drawn by a segment that came after the end"), "{drawn}");
    for told in [other, acknowledging] {
        assert_eq!(told, "one more RST: the connection was ended before");
    }
}

/// What is said of a recv() that was called at `began`; ICMP comes at 2.12 ms.
fn told_of_a_closed_port(began: u64) -> String {
    let recv = |t: &mut Tale| t.call(began, Client, Some(5), Call::Recv { size: 9 });
    let mut called = None;
    let mut t = tales::refused_datagram(|t| called = (began < 2_000).then(|| recv(t)));
    let called = called.unwrap_or_else(|| recv(&mut t));
    t.back(20_000, called, Err(errno(111, "ECONNREFUSED")));
    of(&t, "recv")
}

#[test]
fn a_closed_udp_port_is_told_to_the_call_that_waits_or_to_the_next() {
    let [waited, kept] = [900, 19_000].map(told_of_a_closed_port);
    assert!(waited.starts_with("ICMP #2 (about #1) came during this call, and ended it"), "{waited}");
    assert!(!waited.contains("kept") && !waited.contains("late"), "{waited}");
    assert!(kept.starts_with("ICMP #2 (about #1) had come before this call: your kernel kept it"), "{kept}");
}

/// A recv() whose kernel then says CLOSED, after a call at which it said `before`.
fn closed_after(before: TcpState, result: Result<Returned, Errno>) -> bool {
    let mut t = open();
    t.quick(20_100, Client, Some(5), Call::Shutdown(How::Write), Ok(Returned::Done));
    t.quick(40_000, Client, Some(5), Call::Recv { size: 9 }, result);
    let states = [before, TcpState::Closed];
    let returned = t.events.iter_mut().rev().filter_map(|e| match &mut e.what {
        What::Returned { tcp_info, .. } => Some(tcp_info),
        _ => None,
    });
    for (tcp_info, state) in returned.zip(states.into_iter().rev()) {
        *tcp_info = Some(Box::new(TcpInfo { state, ..tales::info() }));
    }
    let told = timeline(&t, Style::default());
    assert!(told.contains("client kernel: CLOSED"), "{told}");
    told.contains("TIME-WAIT, if any")
}

#[test]
fn a_socket_that_says_closed_may_have_left_time_wait_behind() {
    let end = || Ok(Returned::Octets(0));
    for before in [TcpState::Established, TcpState::FinWait1, TcpState::FinWait2, TcpState::Closing] {
        assert!(closed_after(before, end()), "{before:?}");
    }
    // Who closes second never waits, and a RST leaves nothing.
    assert!(!closed_after(TcpState::LastAck, end()));
    assert!(!closed_after(TcpState::FinWait1, Err(errno(104, "ECONNRESET"))));
}

#[test]
fn a_failed_handshake_says_whose_fault_it_is_and_who_refuses() {
    let told = |blame, status| of(&webs::refused(blame, status), "#4");
    let wrong = told(Server, 101);
    assert!(wrong.contains("the server's fault, so it is the client that has to refuse"), "{wrong}");
    let no = told(Server, 404);
    assert!(no.contains("the server did not switch") && !no.contains("fault"), "{no}");
    assert!(
        told(Client, 101).contains("the client's fault: a server has to refuse"),
        "{}",
        told(Client, 101)
    );
}
