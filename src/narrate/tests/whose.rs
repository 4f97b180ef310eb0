//! Of several connections' frames, and of one that came twice, a call is told with its own and with the first.

use super::fixture::*;
use super::observed::{data, of, open};
use crate::model::*;
use Direction::{ToClient, ToServer};
use Side::Client;
use std::net::IpAddr;

fn on_port(port: u16, tcp: Tcp) -> Tcp {
    if tcp.source_port == 7 {
        Tcp { destination_port: port, ..tcp }
    } else {
        Tcp { source_port: port, ..tcp }
    }
}

fn syn(t: &mut Tale, us: u64, port: u16, again: Option<FrameId>, fate: Option<Fate>) -> FrameId {
    let again = again.map(|of| TcpNote::Retransmission { of, duplicate_acks: 0, needless: false });
    let notes: Vec<_> = again.into_iter().chain([TcpNote::HandshakeSyn]).collect();
    t.tcp(us, ToServer, on_port(port, segment(ToServer, SYN, 0, None, 0, &notes)), fate)
}

fn answer(t: &mut Tale, us: u64, port: u16, syn: FrameId, flags: TcpFlags) -> FrameId {
    let note = if flags == SYN_ACK {
        TcpNote::HandshakeSynAck { answers: syn }
    } else {
        TcpNote::Refused { answers: syn }
    };
    t.tcp(us, ToClient, on_port(port, segment(ToClient, flags, 0, Some(1), 0, &[note])), None)
}

/// `n` connect()s at the same time, of the descriptors from 5 on.
fn connects(t: &mut Tale, n: i32) -> Vec<EventId> {
    let fds = 5..5 + n;
    for fd in fds.clone() {
        t.quick(0, Client, None, Call::Socket(SocketKind::Stream), Ok(Returned::Descriptor(fd)));
    }
    fds.map(|fd| t.call(10, Client, Some(fd), Call::Connect(server_addr()))).collect()
}

fn local(port: u16) -> Result<Returned, Errno> {
    Ok(Returned::Local((CLIENT_IP, port).into()))
}

#[test]
fn each_connect_is_told_with_its_own_syn() {
    let mut t = Tale::new(1);
    let calls = connects(&mut t, 3);
    let one = syn(&mut t, 20, 40_001, None, None);
    let lost = syn(&mut t, 30, 40_002, None, Some(Fate::Dropped { by: Rule::Random(0.5) }));
    let three = syn(&mut t, 40, 40_003, None, None);
    answer(&mut t, 1_030, 40_001, one, SYN_ACK);
    answer(&mut t, 1_050, 40_003, three, SYN_ACK);
    t.back(2_060, calls[0], local(40_001));
    t.back(2_070, calls[2], local(40_003));
    let again = syn(&mut t, 1_000_030, 40_002, Some(lost), None);
    answer(&mut t, 1_001_040, 40_002, again, SYN_ACK);
    t.back(1_002_050, calls[1], local(40_002));
    let told = ["connect(5", "connect(6", "connect(7"].map(|call| of(&t, call));
    assert!(told[0].starts_with("SYN #1 out, SYN-ACK #4 back: one round trip"), "{}", told[0]);
    assert!(told[1].starts_with("SYN went out 2 times (#2, #6); SYN-ACK #7 came back"), "{}", told[1]);
    assert!(told[2].starts_with("SYN #3 out, SYN-ACK #5 back: one round trip"), "{}", told[2]);
}

/// A failed connect() does not tell its own port: what may be another's is not said to be its own.
#[test]
fn a_failed_connect_claims_no_frame_that_may_be_anothers() {
    let refused = |n: i32| {
        let mut t = Tale::new(1);
        let calls = connects(&mut t, n);
        for port in 0..n as u16 {
            let syn = syn(&mut t, 20, 40_001 + port, None, None);
            answer(&mut t, 1_030, 40_001 + port, syn, RST_ACK);
        }
        t.back(2_050, calls[0], Err(errno(111, "ECONNREFUSED")));
        of(&t, "connect(5")
    };
    assert!(refused(1).starts_with("the RST is frame #2;"), "{}", refused(1));
    let one_of =
        "the RST is one of #2, #4, of connections to 10.0.0.2:7: a failed call does not tell its own port;";
    assert!(refused(2).starts_with(one_of), "{}", refused(2));

    // Of three, one had come to its end: what is left to choose from is not its frames.
    let gone = |errno, others: i32| {
        let mut t = Tale::new(1);
        let calls = connects(&mut t, 1 + others);
        for port in 0..1 + others as u16 {
            let fate = (port > 0).then_some(Fate::Dropped { by: Rule::Random(0.5) });
            let syn = syn(&mut t, 20, 40_001 + port, None, fate);
            if port == 0 {
                answer(&mut t, 1_030, 40_001, syn, SYN_ACK);
            }
        }
        t.back(2_050, calls[0], local(40_001));
        t.back(5_000_000, calls[1], Err(errno));
        of(&t, "connect(6")
    };
    let timed_out = errno(110, "ETIMEDOUT");
    assert!(gone(timed_out, 1).starts_with("SYN went out 1 times: #3"), "{}", gone(timed_out, 1));
    assert!(
        gone(timed_out, 2).starts_with("SYNs to 10.0.0.2:7 went out from 2 ports"),
        "{}",
        gone(timed_out, 2)
    );
    let in_vain = errno(115, "EINPROGRESS");
    assert!(gone(in_vain, 1).starts_with("#3 was dropped"), "{}", gone(in_vain, 1));
    assert!(!gone(in_vain, 2).contains('#'), "{}", gone(in_vain, 2));
}

#[test]
fn what_came_twice_is_told_with_the_first_that_arrived() {
    let fin = |first: Option<Fate>| {
        let mut t = open();
        let recv = t.call(20_100, Client, Some(5), Call::Recv { size: 9 });
        let fin = segment(ToClient, FIN_ACK, 1, Some(1), 0, &[TcpNote::FirstFin]);
        let of_first = t.tcp(30_000, ToClient, fin.clone(), first);
        let notes = vec![TcpNote::Retransmission { of: of_first, duplicate_acks: 0, needless: true }];
        t.tcp(30_500, ToClient, Tcp { notes, ..fin }, None);
        t.back(41_000, recv, Ok(Returned::Octets(0)));
        of(&t, "recv(5, 9) = 0")
    };
    assert!(fin(None).ends_with("the peer's FIN was frame #3"), "{}", fin(None));
    let lost = || Some(Fate::Dropped { by: Rule::Random(0.5) });
    assert!(fin(lost()).ends_with("the peer's FIN was frame #4"), "{}", fin(lost()));
    let late = || Some(Fate::Delivered(Delivery::plain(Time::from_micros(40_700))));
    assert!(fin(late()).ends_with("the peer's FIN was frame #4"), "{}", fin(late()));

    // A SYN that reached the server twice is answered twice, at once: no timer, and the second answer opens nothing.
    let mut t = Tale::new(1);
    let calls = connects(&mut t, 1);
    let syn_1 = syn(&mut t, 20, 40_001, None, None);
    let first = answer(&mut t, 1_030, 40_001, syn_1, SYN_ACK);
    let again = TcpNote::Retransmission { of: first, duplicate_acks: 0, needless: true };
    let notes = [again, TcpNote::HandshakeSynAck { answers: syn_1 }];
    t.tcp(1_060, ToClient, on_port(40_001, segment(ToClient, SYN_ACK, 0, Some(1), 0, &notes)), None);
    t.back(2_080, calls[0], local(40_001));
    assert!(of(&t, "connect(5").starts_with("SYN #1 out, SYN-ACK #2 back"), "{}", of(&t, "connect(5"));
    assert!(!of(&t, "#3").contains("timer"), "{}", of(&t, "#3"));

    // A SYN sent again by its timer answers nothing that had come: the first SYN-ACK is still on its way.
    let mut t = Tale::new(600);
    let calls = connects(&mut t, 1);
    let syn_1 = syn(&mut t, 20, 40_001, None, None);
    answer(&mut t, 600_030, 40_001, syn_1, SYN_ACK);
    syn(&mut t, 1_000_030, 40_001, Some(syn_1), None);
    t.back(1_200_080, calls[0], local(40_001));
    assert!(of(&t, "#3").contains("inferred: no answer came, so a timer"), "{}", of(&t, "#3"));
    let told = of(&t, "connect(5");
    assert!(told.starts_with("SYN went out 2 times (#1, #3); SYN-ACK #2 came back"), "{told}");
}

/// The acknowledgment of a FIN is measured from the FIN, not from octets long before it.
#[test]
fn the_acknowledgment_of_a_fin_is_no_delayed_one() {
    let acknowledged = |after_us: u64| {
        let mut t = open();
        let last = t.tcp(30_000, ToServer, data(1, 100, &[]), None);
        let notes = [TcpNote::Acknowledges { last }];
        t.tcp(40_010, ToClient, segment(ToClient, ACK, 1, Some(101), 0, &notes), None);
        let fin = segment(ToServer, FIN_ACK, 101, Some(1), 0, &[TcpNote::FirstFin]);
        let fin = t.tcp(70_000, ToServer, fin, None);
        let notes = [TcpNote::Acknowledges { last: fin }];
        let ack = segment(ToClient, ACK, 1, Some(102), 0, &notes);
        let ack = t.tcp(80_000 + after_us, ToClient, ack, None);
        of(&t, &format!("{ack} "))
    };
    assert_eq!(acknowledged(600), "acknowledges all up to #5");
    let told = acknowledged(40_300);
    assert!(told.contains("a delayed ACK: its kernel waited 40.3 ms"), "{told}");
}

/// IPv6 asks for the MAC by ICMPv6 (RFC 4861): a round trip of its own, where nobody but a tryer of addresses asked.
#[test]
fn a_connect_over_ipv6_that_waited_for_its_neighbor_says_so() {
    let [client, server]: [IpAddr; 2] = ["fd00::1", "fd00::2"].map(|ip| ip.parse().unwrap());
    let told = |asker: IpAddr, answered: bool| {
        let mut t = Tale::new(20);
        t.quick(0, Client, None, Call::Socket(SocketKind::Stream), Ok(Returned::Descriptor(5)));
        let connect = t.call(10, Client, Some(5), Call::Connect((server, 7).into()));
        let mut neighbor = |us, direction, source, destination, kind_number, neighbor| {
            let packet = ip(direction, 72);
            let packet = Ip { source, destination, checksum_good: None, ..packet };
            let kind = IcmpKind::Other;
            let (about, echo, neighbor, checksum_good) = (None, None, Some(neighbor), Some(true));
            let icmp = Icmp { v6: true, kind_number, code: 0, kind, about, echo, neighbor, checksum_good };
            t.frame(us, direction, 86, Packet::Ip(packet, Carried::Icmp(icmp)), None);
        };
        let IpAddr::V6(target) = server else { panic!() };
        let group = "ff02::1:ff00:2".parse().unwrap();
        neighbor(20, ToServer, asker, group, 135, Neighbor::Asks(target));
        if answered {
            neighbor(20_030, ToClient, server, client, 136, Neighbor::Tells(target));
        }
        let syn = syn(&mut t, 40_040, 40_001, None, None);
        answer(&mut t, 60_050, 40_001, syn, SYN_ACK);
        t.back(80_060, connect, Ok(Returned::Local((client, 40_001).into())));
        of(&t, "connect(5")
    };
    let waited = "neighbor discovery #1, #2 first: one round trip; then SYN #3 out, SYN-ACK #4 back: another";
    assert!(told(client, true).starts_with(waited), "{}", told(client, true));
    let tried = told("::".parse().unwrap(), true);
    assert!(tried.starts_with("SYN #3 out, SYN-ACK #4 back: one round trip"), "{tried}");
    assert!(told(client, false).starts_with("SYN #2 out"), "{}", told(client, false));
}
