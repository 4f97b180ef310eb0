//! Nothing is claimed that was not observed: runs told by hand, each beside the one that differs in what was seen.

use super::fixture::*;
use crate::model::*;
use crate::narrate::{Glyphs, Narrator, Note};
use Direction::{ToClient, ToServer};
use Side::{Client, Server};
use std::net::Ipv4Addr;
use std::time::Duration;

/// All that was said, one line an event: the fact, then the notes.
fn told(tale: &Tale) -> Vec<(String, Vec<Note>)> {
    let mut narrator = Narrator::new(Glyphs::ASCII);
    narrator.begin(&run());
    tale.events.iter().map(|e| narrator.tell(e)).map(|s| (s.head, s.notes)).collect()
}

/// What was said of the last event whose fact begins so, its notes joined.
pub(super) fn of(tale: &Tale, head: &str) -> String {
    let all = told(tale);
    let (_, notes) =
        all.iter().rev().find(|(h, _)| h.starts_with(head) && !h.contains("arrives at")).expect(head);
    notes.iter().map(|n| n.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// A connection that is open, both descriptors known, with a wire of 10 ms each way; and the next number of a frame.
pub(super) fn open() -> Tale {
    let mut t = Tale::new(10);
    t.quick(0, Server, None, Call::Socket(SocketKind::Stream), Ok(Returned::Descriptor(3)));
    t.quick(1, Server, Some(3), Call::Bind(server_addr()), Ok(Returned::Local(server_addr())));
    t.quick(2, Client, None, Call::Socket(SocketKind::Stream), Ok(Returned::Descriptor(5)));
    let connect = t.call(3, Client, Some(5), Call::Connect(server_addr()));
    let syn = t.tcp(10, ToServer, segment(ToServer, SYN, 0, None, 0, &[TcpNote::HandshakeSyn]), None);
    let notes = [TcpNote::HandshakeSynAck { answers: syn }];
    t.tcp(10_020, ToClient, segment(ToClient, SYN_ACK, 0, Some(1), 0, &notes), None);
    t.back(20_030, connect, Ok(Returned::Local(client_addr())));
    t
}

pub(super) fn data(seq: u32, len: u32, notes: &[TcpNote]) -> Tcp {
    segment(ToServer, DATA, seq, Some(1), len, notes)
}

fn again(of: FrameId) -> [TcpNote; 1] {
    [TcpNote::Retransmission { of, duplicate_acks: 0, needless: false }]
}

#[test]
fn what_is_sent_again_for_a_smaller_mtu_names_the_icmp_message_that_told() {
    let too_big = |answered: bool| {
        let mut t = open();
        let reply = if answered { TooBig::Icmp } else { TooBig::Silence };
        let by = Rule::Mtu { mtu: 600, reply };
        let lost = t.tcp(20_100, ToServer, data(1, 1_348, &[]), Some(Fate::Dropped { by }));
        if answered {
            let kind = IcmpKind::FragmentationNeeded { mtu: 600 };
            let (about, echo, checksum_good) = (Some(lost), None, Some(true));
            let icmp =
                Icmp { v6: false, kind_number: 3, code: 4, kind, about, echo, neighbor: None, checksum_good };
            let at = Time::from_micros(20_120);
            let fate = Some(Fate::Delivered(Delivery::plain(at)));
            t.frame(20_110, ToClient, 590, Packet::Ip(ip(ToClient, 576), Carried::Icmp(icmp)), fate);
        }
        t.tcp(if answered { 20_150 } else { 224_000 }, ToServer, data(1, 548, &again(lost)), None);
        of(&t, if answered { "#5" } else { "#4" })
    };
    let told = too_big(true);
    assert!(told.contains("#4 told its sender that packets must be smaller"), "{told}");
    assert!(told.contains("octets that were in #3") && !told.contains("timer"), "{told}");
    let told = too_big(false);
    assert!(told.contains("inferred: no duplicate ACK came, so a timer"), "{told}");
    assert!(!told.contains("ICMP #"), "{told}");
}

/// Each is about a packet of its own: what is sent again is told by the one that quotes it.
#[test]
fn octets_of_two_segments_name_both_and_the_messages_about_them() {
    let mut t = open();
    let too_big = |t: &mut Tale, us, seq| {
        let fate = Fate::Dropped { by: Rule::Mtu { mtu: 1200, reply: TooBig::Icmp } };
        let lost = t.tcp(us, ToServer, data(seq, 1_448, &[]), Some(fate));
        let kind = IcmpKind::FragmentationNeeded { mtu: 1200 };
        let (about, echo, checksum_good) = (Some(lost), None, Some(true));
        let icmp =
            Icmp { v6: false, kind_number: 3, code: 4, kind, about, echo, neighbor: None, checksum_good };
        let fate = Some(Fate::Delivered(Delivery::plain(Time::from_micros(us + 20))));
        t.frame(us + 10, ToClient, 590, Packet::Ip(ip(ToClient, 576), Carried::Icmp(icmp)), fate);
        lost
    };
    let first = too_big(&mut t, 20_100, 1);
    let second = too_big(&mut t, 20_200, 1_449);
    for (us, seq, len, of) in
        [(20_300, 1, 1_148, first), (20_310, 1_149, 1_148, first), (20_320, 2_297, 600, second)]
    {
        t.tcp(us, ToServer, data(seq, len, &again(of)), None);
    }
    let told = ["#7", "#8", "#9"].map(|id| of(&t, id));
    let has = |told: &str, parts: [&str; 3]| {
        parts.iter().for_each(|part| assert!(told.contains(part), "{part}: {told}"))
    };
    has(&told[0], ["octets that were in #3;", "because #3 was dropped", "inferred: #4 told"]);
    has(
        &told[1],
        ["octets that were in #3 and #5;", "because #3 and #5 were dropped", "inferred: #4 and #6 told"],
    );
    has(&told[2], ["octets that were in #5;", "because #5 was dropped", "inferred: #6 told"]);
}

#[test]
fn a_timer_is_inferred_only_from_silence() {
    let mut t = open();
    let lost = t.tcp(20_100, ToServer, data(1, 100, &[]), Some(Fate::Dropped { by: Rule::Random(0.5) }));
    t.tcp(20_200, ToServer, data(101, 100, &[]), None);
    t.tcp(21_000, ToServer, data(1, 100, &again(lost)), None);
    let told = of(&t, "#5");
    assert!(told.contains("was dropped") && !told.contains("inferred"), "{told}");
}

#[test]
fn a_second_hole_is_told_by_sack_and_by_no_timer() {
    let mut t = open();
    let dropped = || Some(Fate::Dropped { by: Rule::Random(0.5) });
    t.tcp(20_100, ToServer, data(1, 100, &[]), dropped());
    let second = t.tcp(20_110, ToServer, data(101, 100, &[]), dropped());
    t.tcp(20_120, ToServer, data(201, 100, &[]), None);
    let mut sack = segment(ToClient, ACK, 1, Some(1), 0, &[]);
    sack.sack.push((201, 301));
    let ack = t.tcp(30_200, ToClient, sack, None);
    t.tcp(40_300, ToServer, data(101, 100, &again(second)), None);
    let told = of(&t, "#7");
    assert!(told.contains(&format!("{ack} had told by SACK")) && !told.contains("timer"), "{told}");
}

/// A datagram of a socket that waits for its answer until 1 s have gone; `meanwhile` says what the frames show.
fn datagram(connected: bool, meanwhile: impl FnOnce(&mut Tale)) -> String {
    let mut t = Tale::new(1);
    t.quick(0, Client, None, Call::Socket(SocketKind::Datagram), Ok(Returned::Descriptor(5)));
    let send = if connected {
        t.quick(5, Client, Some(5), Call::Connect(server_addr()), Ok(Returned::Local(client_addr())));
        Call::Send { len: 5 }
    } else {
        Call::SendTo { len: 5, to: server_addr() }
    };
    t.quick(10, Client, Some(5), send, Ok(Returned::Octets(5)));
    let recv = t.call(20, Client, Some(5), Call::RecvFrom { size: 100 });
    meanwhile(&mut t);
    t.back(1_000_020, recv, Err(errno(11, "EAGAIN")));
    of(&t, "recvfrom(5, 100) = -1 EAGAIN")
}

#[test]
fn a_wait_in_vain_says_what_had_become_of_the_question_and_of_the_answer() {
    let script = || Rule::Script("udp#1".into());
    let lost = |t: &mut Tale, direction| {
        let udp = Udp { source_port: 40_000, destination_port: 7, len: 5, checksum_good: Some(true) };
        let udp = match direction {
            ToServer => udp,
            ToClient => Udp { source_port: 7, destination_port: 40_000, ..udp },
        };
        let packet = Packet::Ip(ip(direction, 33), Carried::Udp(udp));
        t.frame(30, direction, 47, packet, Some(Fate::Dropped { by: script() }));
    };
    let question = datagram(false, |t| lost(t, ToServer));
    assert!(question.starts_with("#1 was dropped: script 'udp#1'; nothing came"), "{question}");
    let answer = datagram(false, |t| {
        t.udp(25, ToServer, 5);
        lost(t, ToClient);
    });
    assert!(answer.starts_with("#2, on its way back, was dropped"), "{answer}");
    let late = datagram(false, |t| {
        t.delay = Duration::from_secs(2);
        t.udp(25, ToServer, 5);
    });
    assert!(late.starts_with("#1 is still under way: it arrives at 2000.025"), "{late}");
    // Of frames that nobody saw nothing is said; and nothing of the network's innocence.
    let unseen = datagram(false, |_| {});
    assert!(unseen.starts_with("nothing came in the time") && !unseen.contains("network"), "{unseen}");
}

#[test]
fn an_icmp_error_that_a_socket_is_not_told_of_is_named() {
    let closed = |connected| {
        datagram(connected, |t| {
            let about = Some(t.udp(25, ToServer, 5));
            let kind = IcmpKind::PortUnreachable;
            let icmp = Icmp {
                v6: false,
                kind_number: 3,
                code: 3,
                kind,
                about,
                echo: None,
                neighbor: None,
                checksum_good: Some(true),
            };
            t.frame(1_100, ToClient, 73, Packet::Ip(ip(ToClient, 59), Carried::Icmp(icmp)), None);
        })
    };
    assert!(closed(false).starts_with("ICMP #2 came (port unreachable), but an unconnected UDP socket"));
    assert!(closed(true).starts_with("ICMP #2 came (port unreachable), but your kernel did not"));
}

#[test]
fn a_fin_is_told_by_the_call_that_caused_it() {
    let fin = |call: Option<Call>| {
        let mut t = open();
        if let Some(call) = call {
            t.quick(30_000, Client, Some(5), call, Ok(Returned::Done));
        }
        let fin = segment(ToServer, FIN_ACK, 1, Some(1), 0, &[TcpNote::FirstFin]);
        t.tcp(30_010, ToServer, fin, None);
        of(&t, "#3")
    };
    assert_eq!(fin(Some(Call::Close)), "first FIN: its program closed the socket, and will not read either");
    let shut = "first FIN: this side sends no more, but still reads";
    assert_eq!(fin(Some(Call::Shutdown(How::Write))), shut);
    assert_eq!(fin(None), "first FIN: this side sends no more; the other still may");
}

#[test]
fn close_ends_a_connection_only_where_there_is_one() {
    let close = |t: &mut Tale, at| t.quick(at, Client, Some(5), Call::Close, Ok(Returned::Done));
    let mut opened = open();
    close(&mut opened, 30_000);
    assert_eq!(of(&opened, "close(5) = 0"), "the descriptor is gone; your kernel ends the connection");
    let mut refused = super::tales::refused();
    close(&mut refused, 30_000);
    assert_eq!(of(&refused, "close(5) = 0"), "the descriptor is gone; there was no connection to end");
    let mut reset = open();
    let recv = Call::Recv { size: 9 };
    reset.quick(25_000, Client, Some(5), recv, Err(errno(104, "ECONNRESET")));
    close(&mut reset, 30_000);
    assert_eq!(of(&reset, "close(5) = 0"), "the descriptor is gone; the connection was before");
}

/// Three send()s of one octet each; the first leaves at once, its ACK comes at 40.1 ms, the rest then.
fn small_sends(nodelay: bool, leaves: u64) -> String {
    let mut t = open();
    if nodelay {
        let option = SocketOption { name: "TCP_NODELAY", value: "1".to_owned() };
        t.quick(20_040, Client, Some(5), Call::SetOption(option), Ok(Returned::Done));
    }
    for n in 0..3 {
        t.quick(20_050 + n * 10, Client, Some(5), Call::Send { len: 1 }, Ok(Returned::Octets(1)));
    }
    let first = t.tcp(20_090, ToServer, data(1, 1, &[]), None);
    let notes = [TcpNote::Acknowledges { last: first }];
    if leaves >= 40_100 {
        t.tcp(30_100, ToClient, segment(ToClient, ACK, 1, Some(2), 0, &notes), None);
    }
    t.tcp(leaves, ToServer, data(2, 2, &[]), None);
    of(&t, if leaves >= 40_100 { "#5" } else { "#4" })
}

#[test]
fn nagle_is_inferred_from_calls_and_frames_or_not_at_all() {
    let held = small_sends(false, 40_120);
    assert_eq!(
        held,
        "octets of 2 send()s in one segment; inferred: Nagle's algorithm held it 20.055 ms until ACK #4 came; \
         1 octet was unacknowledged"
    );
    // Switched off; before the ACK came; long after it.
    for other in [small_sends(true, 40_120), small_sends(false, 30_000), small_sends(false, 90_000)] {
        assert_eq!(other, "octets of 2 send()s in one segment");
    }
}

/// A connect() whose SYN left at 10.2 ms, behind `before`.
fn connecting(rtt_us: u64, before: impl FnOnce(&mut Tale)) -> String {
    let mut t = Tale::new(5);
    t.quick(0, Client, None, Call::Socket(SocketKind::Stream), Ok(Returned::Descriptor(5)));
    let connect = t.call(100, Client, Some(5), Call::Connect(server_addr()));
    before(&mut t);
    let syn = t.tcp(10_200, ToServer, segment(ToServer, SYN, 0, None, 0, &[TcpNote::HandshakeSyn]), None);
    let notes = [TcpNote::HandshakeSynAck { answers: syn }];
    t.tcp(15_220, ToClient, segment(ToClient, SYN_ACK, 0, Some(1), 0, &notes), None);
    t.back(20_230, connect, Ok(Returned::Local(client_addr())));
    if let Some(Event { what: What::Returned { tcp_info, .. }, .. }) = t.events.last_mut() {
        *tcp_info = Some(Box::new(TcpInfo { rtt: Duration::from_micros(rtt_us), ..super::tales::info() }));
    }
    of(&t, "connect(5")
}

#[test]
fn a_connect_that_waited_for_arp_says_so_and_no_other() {
    let told = connecting(20_100, |t| {
        let who = t.arp_request(150, SERVER_IP, 0);
        t.arp_reply(5_180, who);
    });
    assert!(
        told.contains("ARP #1, #2 first: one round trip; then SYN #3 out, SYN-ACK #4 back: another"),
        "{told}"
    );
    assert!(told.contains("srtt of 20.1 ms has the wait for ARP in it;"), "{told}");
    assert!(told.contains("from #3's departure to #4's arrival it was 10.02 ms"), "{told}");
    // Asked twice: the wait was longer than a round trip.
    let told = connecting(10_010, |t| {
        t.arp_request(150, SERVER_IP, 0);
        let who = t.arp_request(1_150, SERVER_IP, 1);
        t.arp_reply(5_180, who);
    });
    assert!(
        told.contains("ARP #1, #2, #3 first; then SYN #4 out, SYN-ACK #5 back: one round trip"),
        "{told}"
    );
    assert!(!told.contains("rtt"), "{told}");
    // It asked for another host, the answer came only after the SYN had left, or there was no question.
    let other = connecting(20_100, |t| {
        let who = t.arp_request(150, Ipv4Addr::new(10, 0, 0, 7), 0);
        t.arp_reply(5_180, who);
    });
    let late = connecting(20_100, |t| {
        let who = t.arp_request(150, SERVER_IP, 0);
        t.arp_reply(10_100, who);
    });
    for told in [other, late, connecting(20_100, |_| {})] {
        assert!(told.starts_with("SYN #") && told.contains("back: one round trip"), "{told}");
        assert!(!told.contains("ARP") && !told.contains("rtt"), "{told}");
    }
}

#[test]
fn a_datagram_that_waited_for_arp_says_how_long_and_no_other() {
    let mut t = Tale::new(10);
    t.quick(0, Client, None, Call::Socket(SocketKind::Datagram), Ok(Returned::Descriptor(5)));
    let send = |t: &mut Tale, us, result| {
        t.quick(us, Client, Some(5), Call::SendTo { len: 5, to: server_addr() }, result);
    };
    // The kernel did not take this one: no frame of it will come.
    send(&mut t, 50, Err(errno(90, "EMSGSIZE")));
    send(&mut t, 100, Ok(Returned::Octets(5)));
    let who = t.arp_request(110, SERVER_IP, 0);
    send(&mut t, 6_100, Ok(Returned::Octets(5)));
    t.arp_reply(10_120, who);
    send(&mut t, 16_500, Ok(Returned::Octets(5)));
    for us in [20_150, 20_160, 20_170] {
        t.udp(us, ToServer, 5);
    }
    send(&mut t, 40_000, Ok(Returned::Octets(5)));
    t.udp(50_000, ToServer, 5);
    assert!(
        of(&t, "#3").contains("inferred: its kernel held it 20.05 ms until ARP #2 came"),
        "{}",
        of(&t, "#3")
    );
    assert!(of(&t, "#4").contains("held it 14.06 ms until ARP #2"), "{}", of(&t, "#4"));
    // Too short to be seen, and without an answer in between.
    for id in ["#5", "#6"] {
        assert!(!of(&t, id).contains("ARP"), "{id} {}", of(&t, id));
    }
}

/// What is said of the ACK that leaves `after_us` from when the last octets reached its host; `change` alters the run.
fn acknowledged(after_us: u64, tcp: impl FnOnce(FrameId) -> Tcp, change: impl FnOnce(&mut Tale)) -> String {
    let mut t = open();
    t.tcp(30_000, ToServer, data(1, 100, &[]), None);
    let last = t.tcp(31_000, ToServer, data(101, 100, &[]), None);
    let ack = t.tcp(41_000 + after_us, ToClient, tcp(last), None);
    change(&mut t);
    of(&t, &format!("{ack} "))
}

#[test]
fn an_ack_that_its_kernel_kept_back_is_told_with_its_wait_and_no_other() {
    let ack = |last| segment(ToClient, ACK, 1, Some(201), 0, &[TcpNote::Acknowledges { last }]);
    let told = acknowledged(40_200, ack, |_| {});
    assert!(told.contains("inferred: a delayed ACK: its kernel waited 40.2 ms for data"), "{told}");
    let no = |told: String| assert!(told.contains("acknowledges") && !told.contains("delayed"), "{told}");
    // At once, longer than any ACK may wait, and with something of its own to tell: data, room, an end.
    no(acknowledged(5_000, ack, |_| {}));
    no(acknowledged(900_000, ack, |_| {}));
    let with = |len, flags, also: Option<TcpNote>| {
        move |last| {
            let notes: Vec<_> = [TcpNote::Acknowledges { last }].into_iter().chain(also).collect();
            segment(ToClient, flags, 1, Some(201), len, &notes)
        }
    };
    no(acknowledged(40_200, with(5, DATA, None), |_| {}));
    no(acknowledged(40_200, with(0, ACK, Some(TcpNote::ZeroWindow)), |_| {}));
    no(acknowledged(40_200, with(0, FIN_ACK, Some(TcpNote::FirstFin)), |_| {}));
    // Seen where it arrives, not where it left: the way there is in its time.
    no(acknowledged(40_200, ack, |t| {
        for event in &mut t.events {
            if let What::Fate(row) = &mut event.what
                && row.direction == ToClient
            {
                row.at = row.at - Duration::from_millis(10);
            }
        }
    }));
    // Nobody says when the octets arrived.
    no(acknowledged(40_200, ack, |t| t.events.retain(|event| !matches!(event.what, What::Fate(_)))));
}

#[test]
fn an_ack_right_behind_the_octets_that_were_missing_is_not_delayed() {
    let mut t = open();
    let lost = t.tcp(30_000, ToServer, data(1, 100, &[]), Some(Fate::Dropped { by: Rule::Random(0.5) }));
    let last = t.tcp(30_100, ToServer, data(101, 100, &[]), None);
    t.tcp(80_000, ToServer, data(1, 100, &again(lost)), None);
    let notes = [TcpNote::Acknowledges { last }];
    let ack = t.tcp(90_010, ToClient, segment(ToClient, ACK, 1, Some(201), 0, &notes), None);
    assert!(!of(&t, &format!("{ack} ")).contains("delayed"), "{}", of(&t, &format!("{ack} ")));
}

#[test]
fn a_lost_answer_is_named_where_octets_had_come() {
    let told = |fate: Option<Fate>, after: u64| {
        let mut t = open();
        let whole = t.tcp(20_100, ToServer, data(1, 100, &[]), None);
        t.tcp(30_200, ToClient, segment(ToClient, ACK, 1, Some(101), 0, &[]), fate);
        let again = [TcpNote::Retransmission { of: whole, duplicate_acks: 0, needless: true }];
        t.tcp(after, ToServer, data(1, 100, &again), None);
        of(&t, "#5")
    };
    let by = Rule::Random(0.5);
    let at = Time::from_micros(40_200);
    let damaged = Delivery { corrupted: Some((7, by.clone())), ..Delivery::plain(at) };
    let had = "not for a lost octet: #3 had come, but its acknowledgment, #4,";
    let dropped = told(Some(Fate::Dropped { by }), 264_000);
    assert!(dropped.contains(&format!("{had} was dropped by the wire: loss 50%")), "{dropped}");
    let damaged = told(Some(Fate::Delivered(damaged)), 264_000);
    assert!(damaged.contains(&format!("{had} came with a flipped bit")), "{damaged}");
    let late = told(None, 35_000);
    assert!(late.contains("its acknowledgment, #4, was on its way until"), "{late}");
    // Its sender was told: nothing was lost, and nothing says why it sent again.
    let came = told(None, 264_000);
    assert!(came.contains("#3 had reached the host: this brings it nothing new"), "{came}");
    assert!(!came.contains("lost octet"), "{came}");
}

#[test]
fn a_syn_that_comes_twice_is_answered_twice() {
    let told = |copied: bool, second: u64| {
        let mut t = Tale::new(10);
        let at = || Delivery::plain(Time::from_micros(10_010));
        let fate = || Fate::Duplicated { first: at(), second: at(), by: Rule::Random(1.0) };
        let notes = [TcpNote::HandshakeSyn];
        let syn = segment(ToServer, SYN, 0, None, 0, &notes);
        let syn = t.tcp(10, ToServer, syn, copied.then(fate));
        let answers = TcpNote::HandshakeSynAck { answers: syn };
        let first = t.tcp(
            10_020,
            ToClient,
            segment(ToClient, SYN_ACK, 0, Some(1), 0, std::slice::from_ref(&answers)),
            None,
        );
        let again = TcpNote::Retransmission { of: first, duplicate_acks: 0, needless: false };
        t.tcp(second, ToClient, segment(ToClient, SYN_ACK, 0, Some(1), 0, &[again, answers]), None);
        of(&t, "#3")
    };
    let copy = told(true, 10_055);
    assert!(copy.contains("an answer to the second copy of #1") && !copy.contains("timer"), "{copy}");
    let nobody_asked = told(false, 10_055);
    assert!(!nobody_asked.contains("timer") && !nobody_asked.contains("an answer"), "{nobody_asked}");
    let timer = "no answer came, so a timer of its sender ran out";
    for late in [told(false, 1_010_000), told(true, 1_010_000)] {
        assert!(late.contains(timer), "{late}");
    }
}

#[test]
fn what_sack_told_long_ago_is_not_why_a_timer_ran_out() {
    let mut t = open();
    let drop = || Some(Fate::Dropped { by: Rule::Random(0.5) });
    let lost = t.tcp(20_100, ToServer, data(1, 100, &[]), drop());
    t.tcp(20_110, ToServer, data(101, 100, &[]), None);
    let sack = Tcp { sack: vec![(101, 201)], ..segment(ToClient, ACK, 1, Some(1), 0, &[]) };
    t.tcp(30_120, ToClient, sack, None);
    let by = "#5 had told by SACK";
    let mut sent = |us, of| t.tcp(us, ToServer, data(1, 100, &again(of)), drop());
    let prompt = sent(45_000, lost);
    let first = sent(265_000, prompt);
    let second = sent(705_000, first);
    let prompt = of(&t, &prompt.to_string());
    assert!(prompt.contains(by) && !prompt.contains("timer"), "{prompt}");
    let [first, second] = [first, second].map(|id| of(&t, &id.to_string()));
    assert!(first.contains("no ACK came for 220 ms, so a timer of its sender ran out"), "{first}");
    assert!(!first.contains(by) && !first.contains("twice"), "{first}");
    assert!(second.contains("it waited about twice as long as before") && !second.contains(by), "{second}");
}
