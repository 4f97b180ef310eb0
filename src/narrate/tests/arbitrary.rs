//! Any event at all, hostile ones included.

mod link;

use super::{fixture, queues, tales, webs};
use crate::model::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

fn frame_id() -> BoxedStrategy<FrameId> {
    prop_oneof![(1u64..20).prop_map(FrameId), any::<u64>().prop_map(FrameId)].boxed()
}

fn duration() -> BoxedStrategy<Duration> {
    prop_oneof![Just(Duration::ZERO), (0u64..u64::MAX).prop_map(Duration::from_nanos)].boxed()
}

fn time() -> BoxedStrategy<Time> {
    prop_oneof![(0u64..100_000_000).prop_map(Time::from_nanos), any::<u64>().prop_map(Time::from_nanos)]
        .boxed()
}

fn ip_addr() -> BoxedStrategy<IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|n| IpAddr::V4(Ipv4Addr::from(n))),
        any::<u128>().prop_map(|n| IpAddr::V6(Ipv6Addr::from(n)))
    ]
    .boxed()
}

fn addr() -> BoxedStrategy<SocketAddr> {
    prop_oneof![
        Just(fixture::server_addr()),
        Just(fixture::client_addr()),
        (ip_addr(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
    ]
    .boxed()
}

fn direction() -> BoxedStrategy<Direction> {
    prop_oneof![Just(Direction::ToServer), Just(Direction::ToClient)].boxed()
}

fn call() -> BoxedStrategy<Call> {
    prop_oneof![
        prop_oneof![Just(SocketKind::Stream), Just(SocketKind::Datagram)].prop_map(Call::Socket),
        (prop_oneof![Just("TCP_NODELAY"), Just("SO_LINGER"), Just("SO_REUSEADDR"), Just("X")], ".{0,20}")
            .prop_map(|(name, value)| Call::SetOption(SocketOption { name, value })),
        addr().prop_map(Call::Bind),
        any::<i32>().prop_map(Call::Listen),
        addr().prop_map(Call::Connect),
        Just(Call::Accept),
        any::<usize>().prop_map(|len| Call::Send { len }),
        any::<[usize; 2]>().prop_map(|lens| Call::SendMsg { pieces: lens.to_vec() }),
        (any::<usize>(), addr()).prop_map(|(len, to)| Call::SendTo { len, to }),
        any::<usize>().prop_map(|size| Call::Recv { size }),
        any::<usize>().prop_map(|size| Call::RecvFrom { size }),
        prop_oneof![Just(How::Read), Just(How::Write), Just(How::Both)].prop_map(Call::Shutdown),
        Just(Call::Close),
    ]
    .boxed()
}

const ERRORS: [&str; 14] = [
    "ECONNREFUSED",
    "EHOSTUNREACH",
    "ECONNRESET",
    "EPIPE",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EMSGSIZE",
    "ETIMEDOUT",
    "EAGAIN",
    "ENETUNREACH",
    "EINTR",
    "ENOTCONN",
    "E?",
    "EACCES",
];

fn result() -> BoxedStrategy<Result<Returned, Errno>> {
    prop_oneof![
        Just(Ok(Returned::Done)),
        (0i32..6).prop_map(|n| Ok(Returned::Descriptor(n))),
        addr().prop_map(|a| Ok(Returned::Local(a))),
        (0i32..6, addr()).prop_map(|(fd, peer)| Ok(Returned::Accepted { fd, peer })),
        prop_oneof![Just(0), any::<usize>()].prop_map(|n| Ok(Returned::Octets(n))),
        (any::<usize>(), addr(), option::of(any::<usize>()))
            .prop_map(|(len, from, truncated_from)| Ok(Returned::Datagram { len, from, truncated_from })),
        (any::<i32>(), 0..ERRORS.len()).prop_map(|(code, i)| Err(Errno { code, name: ERRORS[i] })),
    ]
    .boxed()
}

fn tcp_info() -> BoxedStrategy<Option<Box<TcpInfo>>> {
    option::of((duration(), duration(), any::<u32>(), option::of(any::<u32>()), any::<u32>()).prop_map(
        |(rtt, rto, snd_cwnd, snd_ssthresh, n)| {
            let (total_retrans, backoff) = (n, n);
            Box::new(TcpInfo { rtt, rto, snd_cwnd, snd_ssthresh, total_retrans, backoff, ..tales::info() })
        },
    ))
    .boxed()
}

fn note() -> BoxedStrategy<TcpNote> {
    (0usize..16, frame_id(), any::<u32>(), any::<bool>())
        .prop_map(|(which, frame, n, needless)| match which {
            0 => TcpNote::HandshakeSyn,
            1 => TcpNote::HandshakeSynAck { answers: frame },
            2 => TcpNote::HandshakeAck { answers: frame },
            3 => TcpNote::Refused { answers: frame },
            4 => TcpNote::Reset,
            5 => TcpNote::Acknowledges { last: frame },
            6 => TcpNote::DuplicateAck { nth: n, of: frame },
            7 => TcpNote::Retransmission { of: frame, duplicate_acks: n % 5, needless },
            8 => TcpNote::OutOfOrder,
            9 => TcpNote::FirstFin,
            10 => TcpNote::SecondFin,
            11 => TcpNote::ZeroWindow,
            12 => TcpNote::WindowUpdate,
            13 => TcpNote::ZeroWindowProbe,
            14 => TcpNote::KeepAlive,
            _ => TcpNote::KeepAliveAck,
        })
        .boxed()
}

fn malformed() -> BoxedStrategy<Malformed> {
    (0..Protocol::ALL.len(), any::<usize>(), 0u8..3, any::<usize>())
        .prop_map(|(p, offset, which, n)| Malformed {
            protocol: Protocol::ALL[p],
            offset,
            problem: match which {
                0 => Problem::Truncated { needed: n, got: n / 2 },
                1 => Problem::BadLength { value: n },
                _ => Problem::BadVersion { value: n as u8 },
            },
        })
        .boxed()
}

fn tcp() -> BoxedStrategy<Tcp> {
    let numbers =
        (any::<u32>(), option::of(any::<u32>()), any::<u32>(), any::<u32>(), option::of(any::<u16>()));
    let rest = (vec((any::<u32>(), any::<u32>()), 0..5), option::of(any::<bool>()), vec(note(), 0..4));
    (0u32..3, any::<bool>(), any::<u16>(), numbers, rest)
        .prop_map(|(stream, known, flags, (seq, ack, len, window, mss), (sack, checksum_good, notes))| Tcp {
            stream,
            source_port: if known { 7 } else { flags },
            destination_port: if known { 40_000 } else { 7 },
            flags: TcpFlags(flags & 0xfff),
            seq,
            ack,
            len,
            window,
            mss,
            sack_permitted: known,
            sack,
            checksum_good,
            notes,
        })
        .boxed()
}

fn icmp() -> BoxedStrategy<Icmp> {
    let rest = (option::of(frame_id()), option::of((any::<u16>(), any::<u16>())), option::of(any::<bool>()));
    (any::<bool>(), any::<u8>(), any::<u8>(), 0u8..8, any::<u32>(), rest)
        .prop_map(|(v6, kind_number, code, kind, mtu, (about, echo, checksum_good))| Icmp {
            v6,
            kind_number,
            code,
            kind: match kind {
                0 => IcmpKind::EchoRequest,
                1 => IcmpKind::EchoReply,
                2 => IcmpKind::PortUnreachable,
                3 => IcmpKind::HostUnreachable,
                4 => IcmpKind::FragmentationNeeded { mtu },
                5 => IcmpKind::TtlExceeded,
                6 => IcmpKind::ReassemblyTimeExceeded,
                _ => IcmpKind::Other,
            },
            about,
            echo,
            neighbor: v6
                .then(|| if code < 128 { Neighbor::Asks } else { Neighbor::Tells }(u128::from(mtu).into())),
            checksum_good,
        })
        .boxed()
}

fn packet() -> BoxedStrategy<Packet> {
    let arp = (0u16..4, any::<[u8; 6]>(), any::<u32>(), any::<u32>(), option::of(frame_id()), any::<u32>())
        .prop_map(|(op, mac, a, b, answers, repeat)| {
            Packet::Arp(Arp {
                operation: match op {
                    1 => ArpOperation::Request,
                    2 => ArpOperation::Reply,
                    n => ArpOperation::Other(n),
                },
                sender_mac: mac,
                sender_ip: Ipv4Addr::from(a),
                target_mac: mac,
                target_ip: Ipv4Addr::from(b),
                answers,
                repeat,
            })
        });
    let udp = (any::<u16>(), any::<u16>(), 0u32..=u32::MAX, option::of(any::<bool>())).prop_map(
        |(source_port, destination_port, len, checksum_good)| {
            Carried::Udp(Udp { source_port, destination_port, len, checksum_good })
        },
    );
    let arp = arp.boxed();
    let udp = udp.boxed();
    let carried = prop_oneof![
        4 => tcp().prop_map(Carried::Tcp),
        2 => udp,
        2 => icmp().prop_map(Carried::Icmp),
        1 => any::<u8>().prop_map(|protocol| Carried::Fragment { protocol }),
        1 => any::<u8>().prop_map(Carried::Other),
        1 => malformed().prop_map(Carried::Malformed),
    ];
    let fragment = (any::<u32>(), any::<u32>(), any::<u32>(), any::<bool>())
        .prop_map(|(id, offset, len, more)| IpFragment { id, offset, len, more });
    let ip = (
        ip_addr(),
        ip_addr(),
        any::<u8>(),
        any::<u32>(),
        any::<bool>(),
        option::of(fragment),
        option::of(any::<bool>()),
    )
        .prop_map(|(source, destination, ttl, len, df, fragment, checksum_good)| Ip {
            source,
            destination,
            ttl,
            len,
            df,
            fragment,
            checksum_good,
        });
    let (ip, carried) = (ip.boxed(), carried.boxed());
    prop_oneof![
        2 => arp,
        8 => (ip, carried).prop_map(|(ip, carried)| Packet::Ip(ip, carried)),
        1 => any::<u16>().prop_map(Packet::Other),
        1 => malformed().prop_map(Packet::Malformed),
    ]
    .boxed()
}

fn rule() -> BoxedStrategy<Rule> {
    prop_oneof![
        (0f64..=1.0).prop_map(Rule::Random),
        any::<bool>().prop_map(|bad| Rule::GilbertElliott { bad }),
        any::<u32>().prop_map(|limit| Rule::QueueFull { limit }),
        ".{0,60}".prop_map(|s: String| Rule::Script(Arc::from(s))),
        Just(Rule::Cut),
        (any::<u32>(), 0..4_usize).prop_map(|(mtu, n)| Rule::Mtu { mtu, reply: TooBig::ALL[n] }),
        any::<u8>().prop_map(|hop| Rule::TtlExceeded { hop }),
        any::<u8>().prop_map(|hop| Rule::ForRouter { hop }),
    ]
    .boxed()
}

fn delivery() -> BoxedStrategy<Delivery> {
    let odd = (option::of(rule()), option::of((any::<u32>(), rule())), option::of((duration(), rule())));
    (time(), duration(), duration(), odd)
        .prop_map(|(at, queued, delayed, (reordered, corrupted, held))| Delivery {
            at,
            queued,
            delayed,
            reordered,
            corrupted,
            held,
        })
        .boxed()
}

fn fate() -> BoxedStrategy<Fate> {
    prop_oneof![
        time().prop_map(|at| Fate::Delivered(Delivery::plain(at))),
        delivery().prop_map(Fate::Delivered),
        (delivery(), delivery(), rule()).prop_map(|(first, second, by)| Fate::Duplicated {
            first,
            second,
            by
        }),
        rule().prop_map(|by| Fate::Dropped { by }),
    ]
    .boxed()
}

/// A step of an upgrade or of WebSocket, with octets and words of whoever may be at the other end.
fn websocket() -> BoxedStrategy<What> {
    use crate::model::websocket::{Carried, Completes, Step, WebSocket};
    let steps: Vec<(Step, Option<Carried>)> = webs::everything()
        .into_iter()
        .filter_map(|event| match event.what {
            What::WebSocket(seen) => Some((seen.step, seen.carried)),
            _ => None,
        })
        .collect();
    let hostile = (".{0,60}", ".{0,60}", vec(any::<u8>(), 0..300), any::<[u8; 2]>(), any::<u64>());
    let held = option::of((frame_id(), duration()));
    (0..steps.len(), any::<bool>(), hostile, held)
        .prop_map(move |(n, client, (name, value, octets, [bits, more], len), held)| {
            let (mut step, mut carried) = steps[n].clone();
            match &mut step {
                Step::Request(head) => {
                    head.method = name.clone();
                    head.target = value.clone();
                    head.fields.iter_mut().for_each(|(_, v)| *v = value.clone());
                }
                Step::Response(head) => {
                    head.status = u16::from_be_bytes([bits, more]);
                    head.reason = value.clone();
                    if let Some(accept) = &mut head.accept {
                        (accept.key, accept.sent) = (name, (more > 99).then_some(value));
                    }
                }
                Step::Opened(agreed) => agreed.subprotocol = Some(value),
                Step::Refused(why) | Step::Fault { broken: why, .. } => why.rule = value,
                Step::Frame(frame) => {
                    (frame.fin, frame.rsv, frame.opcode) = (bits & 0x80 != 0, bits >> 4 & 7, bits & 0xf);
                    (frame.payload_length, frame.payload) = (len, octets.clone());
                    match &mut frame.completes {
                        Completes::Message(message) => message.sample = octets,
                        Completes::Close(close) => (close.code, close.reason) = (Some(more.into()), value),
                        _ => {}
                    }
                }
                Step::Lost(_) | Step::Ended { .. } => {}
            }
            if let Some(carried) = &mut carried {
                carried.held = held;
            }
            let sender = if client { Side::Client } else { Side::Server };
            What::WebSocket(Box::new(WebSocket { sender, at: 0..len, carried, step }))
        })
        .boxed()
}

/// A step of a queue, with numbers and words of whoever may be at the other end.
fn queue() -> BoxedStrategy<What> {
    use crate::model::queue::{Carrier, Queue, Rest, Said, Step};
    let steps: Vec<Queue> = queues::everything()
        .into_iter()
        .filter_map(|event| match event.what {
            What::Queue(seen) => Some(*seen),
            _ => None,
        })
        .collect();
    let hostile = (".{0,60}", vec(any::<u8>(), 0..300), any::<u64>(), any::<u32>(), any::<u8>());
    let carrier = prop_oneof![Just(Carrier::Tcp), Just(Carrier::Udp), Just(Carrier::WebSocket)];
    (0..steps.len(), carrier, any::<bool>(), hostile, option::of((frame_id(), duration())))
        .prop_map(move |(n, carrier, client, (text, octets, long, word, octet), held)| {
            let mut seen = steps[n].clone();
            let rest = Rest { len: long, sample: octets.clone() };
            match &mut seen.step {
                Step::Frame(frame) => {
                    (frame.length, frame.header_checksum) = (word, word);
                    if let Some(follows) = &mut frame.follows {
                        (follows.count, follows.after) = (long, Duration::from_nanos(long));
                        follows.frame = follows.frame.filter(|_| client);
                    }
                    match &mut frame.said {
                        Said::Hello { client, token } => (*client, *token) = (text.clone(), text),
                        Said::Welcome { server, max_payload, idle_ms } => {
                            (*server, *max_payload, *idle_ms) = (text, word, word);
                        }
                        Said::Declare(d) => {
                            (d.queue, d.dead_letter, d.kind, d.policy) = (text.clone(), text, octet, octet);
                            (d.max_messages, d.max_bytes, d.max_deliveries) = (long, long, word);
                        }
                        Said::Publish { seq, queue, id, body } => {
                            (*seq, *queue, *id, *body) = (long, text, octets, rest);
                        }
                        Said::Subscribe { queue, prefetch, mode, from, offset, .. } => {
                            (*queue, *prefetch, *mode, *from, *offset) = (text, word, octet, octet, long);
                        }
                        Said::Close { code, reason, .. } => (*code, *reason) = (word as u16, rest),
                        Said::Refused { what, what_name, number, reason, .. } => {
                            (*what, *what_name, *number, *reason) = (octet, "", long, rest);
                        }
                        Said::Deliver { offset, deliveries, id, body, .. } => {
                            (*offset, *deliveries, *id, *body) = (long, word, octets, rest);
                        }
                        Said::Report { json, .. } => *json = rest,
                        Said::Confirm { first, last } => (*first, *last) = (long, word.into()),
                        Said::Done { request, value } => (*request, *value) = (word, long),
                        Said::Delete { queue, .. } | Said::Purge { queue, .. } => *queue = text,
                        _ => {}
                    }
                }
                Step::Fault(fault) => (fault.rule, fault.code) = (text, word as u16),
                Step::Lost(_) => {}
                Step::Ended { unconfirmed, unacked, .. } => (*unconfirmed, *unacked) = (long, long),
            }
            if let Some(carried) = &mut seen.carried {
                carried.held = held;
            }
            seen.carrier = carrier;
            seen.sender = if client { Side::Client } else { Side::Server };
            What::Queue(Box::new(seen))
        })
        .boxed()
}

fn what() -> BoxedStrategy<What> {
    let fd = || option::of(0i32..6);
    let seen =
        (frame_id(), direction(), any::<u32>(), any::<[u8; 6]>(), any::<bool>(), packet(), link::link())
            .prop_map(|(id, direction, len, mac, broadcast, packet, link)| {
                let destination = if broadcast { fixture::BROADCAST } else { mac };
                What::Frame(Box::new(Seen { id, direction, len, source: mac, destination, link, packet }))
            });
    let row = (frame_id(), direction(), any::<u64>(), time(), any::<u32>(), fate()).prop_map(
        |(id, direction, index, at, len, fate)| {
            What::Fate(Box::new(Row { id, direction, index, at, len, class: Class::NONE, fate }))
        },
    );
    prop_oneof![
        2 => (fd(), call()).prop_map(|(fd, call)| What::Called { fd, call }),
        3 => (fd(), call(), result(), duration(), tcp_info())
            .prop_map(|(fd, call, result, took, tcp_info)| What::Returned { fd, call, result, took, tcp_info }),
        4 => seen,
        3 => row,
        1 => prop_oneof![Just(WireChange::Cut), Just(WireChange::Restored)].prop_map(What::Wire),
        2 => websocket(),
        2 => queue(),
        1 => ".{0,40}".prop_map(|text| What::Tls(Box::new(tales::settled(&text, &text, 2, CheckedBy::System)))),
        1 => (".{0,40}", ".{0,40}", option::of(".{0,40}"))
            .prop_map(|(words, wire, refused)| What::WireSet(Box::new(WireSet { words, wire, refused }))),
    ]
    .boxed()
}

fn located() -> BoxedStrategy<Located> {
    let value = prop_oneof![
        any::<u64>().prop_map(Value::Uint),
        (any::<u64>(), 0u8..20).prop_map(|(v, n)| Value::Hex(v, n)),
        any::<bool>().prop_map(Value::Bool),
        any::<[u8; 6]>().prop_map(Value::Mac),
        any::<u128>().prop_map(|n| Value::Ipv6(Ipv6Addr::from(n))),
        vec(any::<u8>(), 0..40).prop_map(Value::Octets),
        ".{0,80}".prop_map(Value::Text),
    ];
    let meaning = prop_oneof![
        Just(Meaning::Name("IPv4")),
        Just(Meaning::Flags(vec!["SYN", "ACK", "FIN", "PSH", "URG", "ECE", "CWR", "RST", "AE"])),
        Just(Meaning::Flags(Vec::new())),
        (any::<bool>(), any::<u16>()).prop_map(|(good, expected)| Meaning::Checksum { good, expected }),
        any::<u64>().prop_map(Meaning::Octets),
        any::<u64>().prop_map(Meaning::Derived),
    ];
    let field = (
        prop_oneof![
            Just("tcp.seq_raw"),
            Just("a.name.that.is.longer.than.any.line.should.ever.be.in.a.terminal")
        ],
        0usize..200,
        0usize..200,
        option::of((0u8..8, 0u8..40)),
        value,
        option::of(meaning),
    )
        .prop_map(|(name, a, b, bits, value, meaning)| Field { name, at: a..b, bits, value, meaning });
    let header = (0..Protocol::ALL.len(), 0usize..200, 0usize..200, vec(field, 0..4))
        .prop_map(|(p, a, b, fields)| Header { protocol: Protocol::ALL[p], at: a..b, fields });
    (vec(any::<u8>(), 0..400), vec(header, 0..4))
        .prop_map(|(bytes, headers)| Located { bytes: bytes::Bytes::from(bytes), headers })
        .boxed()
}

/// An event; its number and its cause are set by whoever puts it in an order.
fn event() -> BoxedStrategy<Event> {
    let place = prop_oneof![
        Just(Place::Host(Side::Client)),
        Just(Place::Host(Side::Server)),
        Just(Place::Wire),
        any::<u8>().prop_map(Place::Router)
    ];
    let evidence = prop_oneof![
        Just(Evidence::Frame),
        Just(Evidence::Ledger),
        Just(Evidence::Syscall),
        Just(Evidence::Inferred)
    ];
    let cite = option::of(prop_oneof![
        Just(Cite::rfc(9293, "3.10.7.4")),
        Just(Cite::named("a document with a rather long name that has to be broken somewhere", "1.2.3"))
    ]);
    (time(), place, 0..Protocol::ALL.len(), what(), option::of(located()), evidence, cite)
        .prop_map(|(at, place, p, what, bytes, evidence, cite)| Event {
            id: EventId(0),
            cause: None,
            at,
            place,
            heading: Heading::Local,
            protocol: Protocol::ALL[p],
            what,
            bytes,
            evidence,
            cite,
        })
        .boxed()
}

/// Events with numbers, each naming the one before it, or none, as its cause.
pub(super) fn events() -> BoxedStrategy<Vec<Event>> {
    vec((event(), any::<bool>()), 1..12)
        .prop_map(|list| {
            let number = |(n, (mut event, follows)): (u64, (Event, bool))| {
                event.id = EventId(n);
                event.cause = (follows && n > 1).then_some(EventId(n - 1));
                event
            };
            (1..).zip(list).map(number).collect()
        })
        .boxed()
}
