//! Events become lines and come back, and any other line is refused.

use super::*;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use std::net::SocketAddr;

fn any_call() -> impl Strategy<Value = Call> {
    let option = (select(SocketOption::NAMES), any::<String>());
    prop_oneof![
        select(&[SocketKind::Stream, SocketKind::Datagram][..]).prop_map(Call::Socket),
        option.prop_map(|(name, value)| Call::SetOption(SocketOption { name, value })),
        any::<SocketAddr>().prop_map(plain).prop_map(Call::Bind),
        any::<i32>().prop_map(Call::Listen),
        any::<SocketAddr>().prop_map(plain).prop_map(Call::Connect),
        Just(Call::Accept),
        any::<usize>().prop_map(|len| Call::Send { len }),
        proptest::collection::vec(any::<usize>(), 1..4).prop_map(|pieces| Call::SendMsg { pieces }),
        (any::<usize>(), any::<SocketAddr>()).prop_map(|(len, to)| Call::SendTo { len, to: plain(to) }),
        any::<usize>().prop_map(|size| Call::Recv { size }),
        any::<usize>().prop_map(|size| Call::RecvFrom { size }),
        select(&[How::Read, How::Write, How::Both][..]).prop_map(Call::Shutdown),
        Just(Call::Close),
    ]
}

/// Flow information is no part of an address as it is written.
fn plain(mut address: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut address {
        v6.set_flowinfo(0);
    }
    address
}

fn any_result() -> impl Strategy<Value = Result<Returned, Errno>> {
    prop_oneof![
        Just(Ok(Returned::Done)),
        any::<i32>().prop_map(|fd| Ok(Returned::Descriptor(fd))),
        any::<SocketAddr>().prop_map(|local| Ok(Returned::Local(plain(local)))),
        (any::<i32>(), any::<SocketAddr>())
            .prop_map(|(fd, peer)| Ok(Returned::Accepted { fd, peer: plain(peer) })),
        any::<usize>().prop_map(|octets| Ok(Returned::Octets(octets))),
        (any::<usize>(), any::<SocketAddr>(), of(any::<usize>())).prop_map(|(len, from, truncated_from)| {
            Ok(Returned::Datagram { len, from: plain(from), truncated_from })
        }),
        (any::<i32>(), select(Errno::NAMES)).prop_map(|(code, name)| Err(Errno { code, name })),
    ]
}

fn any_info() -> impl Strategy<Value = TcpInfo> {
    let times = any::<[u64; 3]>().prop_map(|times| times.map(Duration::from_nanos));
    (select(&TcpState::ALL[..]), times, any::<[u32; 6]>(), of(any::<u32>())).prop_map(
        |(state, [rtt, rttvar, rto], n, snd_ssthresh)| TcpInfo {
            state,
            rtt,
            rttvar,
            rto,
            snd_cwnd: n[0],
            snd_ssthresh,
            snd_mss: n[1],
            pmtu: n[2],
            unacked: n[3],
            backoff: n[4],
            total_retrans: n[5],
        },
    )
}

/// What happened, and of what protocol and evidence that is.
fn any_what() -> impl Strategy<Value = (What, Heading, Protocol, Evidence)> {
    let socket = (any::<SocketAddr>(), any::<SocketAddr>(), select(&TcpState::ALL[..]))
        .prop_map(|(local, remote, state)| TcpSocket { local: plain(local), remote: plain(remote), state });
    let calls = Protocol::Sockets;
    prop_oneof![
        (of(any::<i32>()), any_call()).prop_map(move |(fd, call)| (
            What::Called { fd, call },
            Heading::Local,
            calls,
            Evidence::Syscall
        )),
        (of(any::<i32>()), any_call(), any_result(), any::<u64>(), of(any_info())).prop_map(
            move |(fd, call, result, took, info)| {
                let (took, tcp_info) = (Duration::from_nanos(took), info.map(Box::new));
                let what = What::Returned { fd, call, result, took, tcp_info };
                (what, Heading::Local, calls, Evidence::Syscall)
            }
        ),
        prop::collection::vec(socket, 0..5).prop_map(|left| (
            What::Connections(left),
            Heading::Local,
            Protocol::Tcp,
            Evidence::Syscall
        )),
        (select(&Direction::BOTH[..]), any::<bool>()).prop_map(|(direction, cut)| {
            let change = if cut { WireChange::Cut } else { WireChange::Restored };
            (What::Wire(change), Heading::Toward(direction), Protocol::Wire, Evidence::Ledger)
        }),
        (any::<String>(), any::<String>(), of(any::<String>())).prop_map(|(words, wire, refused)| {
            let what = What::WireSet(Box::new(WireSet { words, wire, refused }));
            (what, Heading::Local, Protocol::Wire, Evidence::Ledger)
        }),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    let place = prop_oneof![Just(Place::Wire), select(&Side::BOTH[..]).prop_map(Place::Host)];
    (any::<u64>(), of(any::<u64>()), any::<u64>(), place, any_what()).prop_map(
        |(id, cause, at, place, (what, heading, protocol, evidence))| Event {
            id: EventId(id),
            cause: cause.map(EventId),
            at: Time::from_nanos(at),
            place,
            heading,
            protocol,
            what,
            bytes: None,
            evidence,
            cite: None,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_reads_back(event in any_event()) {
        let line = note(&event).expect("every one of these is written");
        prop_assert!(!line.contains(['\n', '\r']), "{line:?} is more than a line");
        prop_assert_eq!(parse_note(&line).unwrap(), event, "{}", line);
    }

    #[test]
    fn a_deed_reads_back(deed in any::<String>()) {
        let block = deed_block(&deed).unwrap();
        let line = String::from_utf8(block[8..block.len() - 4].to_vec()).unwrap();
        prop_assert_eq!(parse_deed(&line), Ok(deed));
    }

    #[test]
    fn a_stamp_reads_back(lab in any::<u32>(), run in any::<u32>(), student in of(any::<String>()), exit in any::<i32>()) {
        let stamp = Stamp { lab, run, student, exit };
        prop_assert_eq!(Stamp::parse(&stamp.line()).unwrap(), stamp);
    }

    #[test]
    fn any_text_reads_or_is_refused(text in any::<String>(), event in any_event(), at in any::<prop::sample::Index>(), to in 0x20u8..0x7f) {
        for prefix in ["", PREFIX, STAMP] {
            let _ = parse_note(&format!("{prefix}{text}"));
            let _ = Stamp::parse(&format!("{prefix}{text}"));
        }
        let mut line = note(&event).unwrap().into_bytes();
        let at = at.index(line.len());
        line[at] = to;
        crate::capture::fuzz_reader(&line);
        line.truncate(at);
        crate::capture::fuzz_reader(&line);
    }
}

#[test]
fn a_long_line_is_neither_written_nor_read() {
    let set = WireSet { words: "x".repeat(NOTE_MAX), wire: String::new(), refused: None };
    let what = What::WireSet(Box::new(set));
    let text = format!("{PREFIX}1 at=0 what=wire_set set=\"{}\" wire=\"\"", "x".repeat(NOTE_MAX));
    assert_eq!(parse_note(&text), Err(MarkError::Absent));
    let (place, heading) = (Place::Wire, Heading::Local);
    let (protocol, evidence) = (Protocol::Wire, Evidence::Ledger);
    let (id, at) = (EventId(1), Time::ZERO);
    assert_eq!(
        note(&Event {
            id,
            cause: None,
            at,
            place,
            heading,
            protocol,
            what,
            bytes: None,
            evidence,
            cite: None
        }),
        None
    );
}
