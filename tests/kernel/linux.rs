//! The trials. `children.rs` holds what runs in processes of their own, `frames.rs` reads frames,
//! `offload.rs` tries superframes.

#[path = "children.rs"]
mod children;
#[path = "frames.rs"]
pub(crate) mod frames;
#[path = "offload.rs"]
mod offload;

use frames::{Kind, Wire};
use layerlab::host::probe::{Finding, survey};
use layerlab::host::sockopt::{self, PathMtu};
use layerlab::host::{
    Choice, HostError, Namespace, PrivateNetwork, Privilege, Step, Sysctl, Topology, enter, errno::errno_of,
};
use layerlab::model::{Backend, Direction, Side};
use libtest_mimic::{Arguments, Failed, Trial};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::time::Duration;

pub(crate) type Outcome = Result<(), Failed>;

/// A trial that is run once for each backend.
type OnBackend = fn(Backend) -> Outcome;

/// Those on each backend, and whether they write below `/proc/sys`, which a container may show read-only.
const ON_EACH_BACKEND: [(&str, OnBackend, bool); 10] = [
    ("a_fresh_network_is_silent", silent, false),
    ("arp_then_udp_cross_and_arrive", arp_then_udp, false),
    ("frames_fit_the_mtu_and_verify", frames_fit_and_verify, false),
    ("a_damaged_checksum_is_noticed", damage_is_noticed, false),
    ("parameters_are_pinned", pinned, true),
    ("routers_are_the_gateways", routed, false),
    ("ipv6_when_asked_for", ipv6, true),
    ("networks_side_by_side_do_not_meet", side_by_side, false),
    ("a_small_mtu_fragments", small_mtu, false),
    ("a_burst_waits_in_the_port", burst, false),
];

pub(crate) fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    if args.next().as_deref() == Some("--child") {
        return children::run(args.next().as_deref().unwrap_or_default());
    }
    let machine = children::Machine::before();
    let entered = enter();
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun").err();
    if let Err(e) = &entered {
        children::say(&format!("no private networks on this machine: {e}"));
        for command in e.remedies().iter().flat_map(|r| r.commands()) {
            children::say(&format!("    to allow them: {command}"));
        }
    } else if let Some(e) = &tun {
        children::say(&format!("the trials on TAP do not run: /dev/net/tun: {e}"));
    }

    let read_only = match survey().parameters {
        Finding::Fails(errno) => {
            children::say(&format!("the trials that write below /proc/sys do not run: {errno}"));
            true
        }
        _ => false,
    };

    let refused = entered.is_err();
    // Without a user namespace of its own, the limits on namespaces are the machine's: hands off.
    let no_limits = read_only || !matches!(entered, Ok(Privilege::UserNamespace { .. }));
    let tap_opens = tun.is_none();
    let mut trials = Vec::new();
    for (name, trial, writes) in ON_EACH_BACKEND {
        for backend in [Backend::Tap, Backend::Veth] {
            let ignored = refused || (writes && read_only) || (backend == Backend::Tap && !tap_opens);
            let name = format!("{}::{name}", backend.name());
            trials.push(Trial::test(name, move || trial(backend)).with_ignored_flag(ignored));
        }
    }
    let mut add = |name: &str, ignored: bool, trial: Box<dyn FnOnce() -> Outcome + Send>| {
        trials.push(Trial::test(name, trial).with_ignored_flag(ignored));
    };
    add("the_best_backend_is_chosen", refused, Box::new(move || chosen(tap_opens)));
    add("a_failure_names_host_and_step", refused, Box::new(failure_is_named));
    add("panics_pass_and_hangs_end", refused, Box::new(panics_and_hangs));
    add("threads_join_their_host", refused, Box::new(threads_join));
    add("threads_before_entering_are_blamed", refused, Box::new(|| children::expect("threads")));
    add("no_room_for_namespaces_is_said", no_limits, Box::new(|| children::expect("no-room")));
    add("killed_networks_leave_nothing", no_limits, Box::new(|| children::expect("warden")));
    add("a_refusal_is_explained", read_only, Box::new(|| children::expect("refused")));
    for (name, trial) in offload::TRIALS {
        add(name, refused || !tap_opens || read_only, Box::new(trial));
    }
    // This one holds on any machine.
    add("the_survey_foretells_what_runs", false, Box::new(|| children::expect("survey")));

    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    machine.assert_unchanged();
    conclusion.exit_code()
}

fn build(backend: Backend) -> Result<PrivateNetwork, HostError> {
    PrivateNetwork::build(&Topology { backend: Choice::Only(backend), ..Topology::default() })
}

pub(crate) fn check(holds: bool, what: impl Into<Failed>) -> Outcome {
    if holds { Ok(()) } else { Err(what.into()) }
}

fn udp(net: &PrivateNetwork, side: Side, port: u16) -> Result<UdpSocket, Failed> {
    let ip = net.addressing().host(side).ipv4;
    let socket = net.host(side).call(move || UdpSocket::bind((ip, port)))??;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn chosen(tap_opens: bool) -> Outcome {
    let net = PrivateNetwork::build(&Topology::default())?;
    if tap_opens {
        check(net.backend() == Backend::Tap && net.passed_over().is_empty(), "TAP works but was not used")
    } else {
        check(net.backend() == Backend::Veth, "veth not chosen though TAP is closed")?;
        let [why] = net.passed_over() else { return Err("one better backend was passed over".into()) };
        check(why.backend == Backend::Tap, "TAP is the better one")?;
        let named = matches!(why.because, HostError::Step { step: Step::OpenTun, .. });
        check(named, format!("the step is not named: {}", why.because))
    }
}

fn silent(backend: Backend) -> Outcome {
    let mut net = build(backend)?;
    let mut wire = Wire::of(&mut net);
    let mut frames = Vec::new();
    wire.carry_for(Duration::from_secs(2), |_, frame| frames.push(frames::describe(frame)));
    check(frames.is_empty(), format!("frames without a program: {frames:?}"))
}

fn arp_then_udp(backend: Backend) -> Outcome {
    let mut net = build(backend)?;
    let mut wire = Wire::of(&mut net);
    let client = udp(&net, Side::Client, 4000)?;
    let server = udp(&net, Side::Server, 7)?;
    client.send_to(b"hello", (net.addressing().server.ipv4, 7))?;

    let mut seen = Vec::new();
    let mut buffer = [0; 64];
    let mut got = None;
    wire.carry_until(
        |direction, frame| seen.push((direction, frame.to_vec())),
        || {
            got = server.recv_from(&mut buffer).ok();
            got.is_some()
        },
    )?;
    check(got == Some((5, "10.0.0.1:4000".parse()?)), format!("arrived: {got:?}"))?;
    check(&buffer[..5] == b"hello", "other octets arrived")?;

    let kinds: Vec<_> = seen.iter().map(|(d, f)| (*d, frames::kind(f))).collect();
    let expected = [
        (Direction::ToServer, Kind::Arp { request: true }),
        (Direction::ToClient, Kind::Arp { request: false }),
        (Direction::ToServer, Kind::Udp),
    ];
    check(kinds == expected, format!("{kinds:?}"))?;
    let (request, datagram) = (&seen[0].1, &seen[2].1);
    check(
        request[..6] == [0xff; 6] && request[6..12] == [2, 0, 0, 0, 0, 0x0a],
        "the ARP request's addresses",
    )?;
    check(datagram[..6] == [2, 0, 0, 0, 0, 0x0b], "the datagram's MAC")?;
    check(datagram[22] == 64, "the datagram's TTL is not 64")?;
    // CURRICULUM lab 2: 14 + 20 + 8 + 5.
    check(datagram.len() == 47, format!("{} octets on the wire", datagram.len()))
}

fn frames_fit_and_verify(backend: Backend) -> Outcome {
    const TOTAL: usize = 4_000_000;
    let mut net = build(backend)?;
    let mut wire = Wire::of(&mut net);
    let server_ip = net.addressing().server.ipv4;
    let listener = net.host(Side::Server).call(move || TcpListener::bind((server_ip, 80)))??;
    let receiving = std::thread::spawn(move || -> std::io::Result<usize> {
        let (mut stream, _) = listener.accept()?;
        stream.read_to_end(&mut Vec::new())
    });
    let sending = net.host(Side::Client).spawn("sender", move || -> std::io::Result<()> {
        let mut stream = TcpStream::connect((server_ip, 80))?;
        stream.write_all(&vec![0x5a; TOTAL])
    })?;
    let (mut frames, mut longest, mut wrong) = (0, 0, Vec::new());
    let (mut next, mut skipped) = (None, 0);
    wire.carry_until(
        |direction, frame| {
            frames += 1;
            // A segment that starts beyond what was seen so far overtook another on the way here.
            if let (Direction::ToServer, Some((start, end))) = (direction, frames::octets_of_stream(frame)) {
                let before = |a: u32, b: u32| (a.wrapping_sub(b) as i32) < 0;
                skipped += usize::from(next.is_some_and(|next| before(next, start)));
                next = Some(next.filter(|&next| before(end, next)).unwrap_or(end));
            }
            longest = longest.max(frame.len());
            wrong.extend(frames::wrong_checksum(frame));
        },
        || receiving.is_finished(),
    )?;
    check(receiving.join().map_err(|_| "receiver panicked")?? == TOTAL, "not all octets arrived")?;
    sending.join().map_err(|_| "sender panicked")??;
    check(wrong.is_empty(), format!("{} of {frames} checksums wrong: {:?}", wrong.len(), wrong.first()))?;
    check(skipped == 0, format!("{skipped} segments overtook others before the wire saw them"))?;
    check(longest == 1514, format!("the longest frame has {longest} octets"))?;
    check(frames > TOTAL / 1460, format!("only {frames} frames"))
}

fn damage_is_noticed(backend: Backend) -> Outcome {
    let mut net = build(backend)?;
    let mut wire = Wire::of(&mut net);
    let client = udp(&net, Side::Client, 4000)?;
    let server = udp(&net, Side::Server, 7)?;
    let to = (net.addressing().server.ipv4, 7);
    // The third frame of this direction (after ARP) is damaged in its last octet.
    wire.damage = Some(|frame| frame.ends_with(b"damaged"));
    client.send_to(b"damaged", to)?;
    client.send_to(b"whole", to)?;
    let mut buffer = [0; 64];
    let mut got = None;
    wire.carry_until(
        |_, _| (),
        || {
            got = server.recv(&mut buffer).ok();
            got.is_some()
        },
    )?;
    check(got == Some(5) && &buffer[..5] == b"whole", "the damaged datagram was accepted")
}

fn pinned(backend: Backend) -> Outcome {
    let sysctls = vec![
        Sysctl::both("net.ipv4.ipfrag_time", "2"),
        Sysctl { side: Some(Side::Server), path: "net/ipv4/tcp_sack".into(), value: "0".into() },
    ];
    let topology = Topology { backend: Choice::Only(backend), sysctls, ..Topology::default() };
    let net = PrivateNetwork::build(&topology)?;
    check(net.unpinned().is_empty(), format!("not pinned: {:?}", net.unpinned()))?;
    for (side, path, expected) in [
        (Side::Client, "ipv4/tcp_no_metrics_save", "1"),
        (Side::Client, "ipv4/ip_default_ttl", "64"),
        (Side::Server, "ipv4/ip_forward", "0"),
        (Side::Server, "ipv4/ip_unprivileged_port_start", "0"),
        (Side::Client, "ipv6/conf/eth0/disable_ipv6", "1"),
        (Side::Client, "ipv4/ipfrag_time", "2"),
        (Side::Server, "ipv4/ipfrag_time", "2"),
        (Side::Client, "ipv4/tcp_sack", "1"),
        (Side::Server, "ipv4/tcp_sack", "0"),
    ] {
        let value = net.host(side).call(move || fs::read_to_string(format!("/proc/sys/net/{path}")))??;
        check(value.trim() == expected, format!("{}: {path} is {value}", side.name()))?;
    }
    // An ICMP socket without CAP_NET_RAW (icmp(7)), and loopback up.
    net.host(Side::Client).call(|| Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)))??;
    net.host(Side::Server).call(|| -> std::io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        TcpStream::connect(listener.local_addr()?).map(drop)
    })??;
    Ok(())
}

fn routed(backend: Backend) -> Outcome {
    let topology = Topology { routers: 3, backend: Choice::Only(backend), ..Topology::default() };
    let mut net = PrivateNetwork::build(&topology)?;
    let mut wire = Wire::of(&mut net);
    let addressing = net.addressing().clone();
    for side in Side::BOTH {
        let socket = udp(&net, side, 4000)?;
        socket.send_to(b"hello", (addressing.host(side.other()).ipv4, 7))?;
        let first = std::cell::RefCell::new(None);
        wire.carry_until(
            |direction, frame| {
                // The other host may be asking again meanwhile.
                if direction == side.outward() {
                    first.borrow_mut().get_or_insert(frame.to_vec());
                }
            },
            || first.borrow().is_some(),
        )?;
        let frame = first.into_inner().ok_or("no frame")?;
        let gateway = addressing.host(side).gateway.ok_or("no gateway")?;
        check(frames::kind(&frame) == Kind::Arp { request: true }, "no ARP request")?;
        check(frame[38..42] == gateway.octets(), "asked for another than the gateway")?;
    }
    Ok(())
}

fn ipv6(backend: Backend) -> Outcome {
    let topology = Topology { ipv6: true, backend: Choice::Only(backend), ..Topology::default() };
    let mut net = PrivateNetwork::build(&topology)?;
    let mut wire = Wire::of(&mut net);
    let mut early = Vec::new();
    wire.carry_for(Duration::from_secs(2), |_, frame| early.push(frames::describe(frame)));
    check(early.is_empty(), format!("frames without a program: {early:?}"))?;
    let sockets = Side::BOTH.map(|side| {
        net.host(side).call(|| -> std::io::Result<UdpSocket> {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 7))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
    });
    let [client, server] = sockets;
    let (client, server) = (client??, server??);
    let to = net.addressing().server.ipv6.ok_or("no IPv6 address")?;
    client.send_to(b"hello", (to, 7))?;
    let mut got = None;
    wire.carry_until(
        |_, _| (),
        || {
            got = server.recv_from(&mut [0; 64]).ok();
            got.is_some()
        },
    )?;
    let from: SocketAddr = "[fd00:6c61:6221::1]:7".parse()?;
    check(got == Some((5, from)), format!("{got:?}"))
}

fn side_by_side(backend: Backend) -> Outcome {
    let (mut a, mut b) = (build(backend)?, build(backend)?);
    let ids = [&a, &b].map(|n| Side::BOTH.map(|s| n.host(s).id()));
    let mut all = Vec::new();
    for id in ids.into_iter().flatten() {
        all.push(id?);
    }
    all.sort_unstable();
    all.dedup();
    check(all.len() == 4, "hosts share a namespace")?;

    let mut wires = [Wire::of(&mut a), Wire::of(&mut b)];
    let servers = [udp(&a, Side::Server, 7)?, udp(&b, Side::Server, 7)?];
    let clients = [udp(&a, Side::Client, 4000)?, udp(&b, Side::Client, 4000)?];
    for (client, text) in clients.iter().zip(["one", "two"]) {
        client.send_to(text.as_bytes(), (a.addressing().server.ipv4, 7))?;
    }
    for ((wire, server), text) in wires.iter_mut().zip(&servers).zip(["one", "two"]) {
        let mut buffer = [0; 64];
        let mut got = None;
        wire.carry_until(
            |_, _| (),
            || {
                got = server.recv(&mut buffer).ok();
                got.is_some()
            },
        )?;
        check(got == Some(3) && &buffer[..3] == text.as_bytes(), "the other network's datagram")?;
    }
    Ok(())
}

fn small_mtu(backend: Backend) -> Outcome {
    let topology = Topology { mtu: 600, backend: Choice::Only(backend), ..Topology::default() };
    let mut net = PrivateNetwork::build(&topology)?;
    let mut wire = Wire::of(&mut net);
    let client = udp(&net, Side::Client, 4000)?;
    let server = udp(&net, Side::Server, 7)?;
    let to = (net.addressing().server.ipv4, 7);
    sockopt::set_path_mtu_discovery(&SockRef::from(&client), PathMtu::Do)?;
    let refused = client.send_to(&[0; 573], to).err().and_then(|e| errno_of(&e));
    check(refused.is_some_and(|e| e.name == "EMSGSIZE"), format!("573 octets with DF: {refused:?}"))?;
    sockopt::set_path_mtu_discovery(&SockRef::from(&client), PathMtu::Dont)?;
    client.send_to(&[7; 2000], to)?;
    let (mut longest, mut got) = (0, None);
    let mut buffer = [0; 4000];
    wire.carry_until(
        |_, frame| longest = longest.max(frame.len()),
        || {
            got = server.recv(&mut buffer).ok();
            got.is_some()
        },
    )?;
    check(got == Some(2000), format!("{got:?}"))?;
    // 600 is not a multiple of 8 beyond the header: fragments carry 576 octets.
    check(longest == 14 + 20 + 576, format!("longest frame {longest}"))
}

fn burst(backend: Backend) -> Outcome {
    const DATAGRAMS: usize = 2000;
    let mut net = build(backend)?;
    let mut wire = Wire::of(&mut net);
    let client = udp(&net, Side::Client, 4000)?;
    let server = udp(&net, Side::Server, 7)?;
    let to = (net.addressing().server.ipv4, 7);
    // Neighbours first: only three datagrams wait for ARP.
    client.send_to(b"first", to)?;
    wire.carry_until(|_, _| (), || server.recv(&mut [0; 8]).is_ok())?;
    // Nobody reads the port meanwhile: what it can't hold would be lost and in no ledger.
    for _ in 0..DATAGRAMS {
        client.send_to(&[0; 1000], to)?;
    }
    let mut count = 0;
    wire.drain(Side::Client, |frame| count += usize::from(frames::kind(frame) == Kind::Udp));
    check(count == DATAGRAMS, format!("{count} of {DATAGRAMS} frames waited"))?;
    check(wire.missed(Side::Client) == 0, "missed none, but says otherwise")?;
    // Far more than it holds: what is lost is counted.
    for _ in 0..3 * DATAGRAMS {
        client.send_to(&[0; 1000], to)?;
    }
    let mut count = 0;
    wire.drain(Side::Client, |frame| count += usize::from(frames::kind(frame) == Kind::Udp));
    let missed = usize::try_from(wire.missed(Side::Client))?;
    check(missed > 0 && count + missed == 3 * DATAGRAMS, format!("{count} came, {missed} missed"))
}

fn failure_is_named() -> Outcome {
    let sysctls = vec![Sysctl::both("net/ipv4/no_such_parameter", "1")];
    let Err(e) = PrivateNetwork::build(&Topology { sysctls, ..Topology::default() }) else {
        return Err("a parameter that does not exist was set".into());
    };
    let text = e.to_string();
    check(
        text.starts_with("client: write \"1\" to /proc/sys/net/ipv4/no_such_parameter: ENOENT"),
        format!("it says: {text}"),
    )?;
    // The machine's own parameters are out of reach.
    let sysctls = vec![Sysctl::both("net/../kernel/hostname", "mine")];
    let outside = PrivateNetwork::build(&Topology { sysctls, ..Topology::default() });
    check(outside.is_err(), "a parameter outside of net/ was set")
}

fn panics_and_hangs() -> Outcome {
    let namespace = Namespace::new("test")?;
    let panic = catch_unwind(AssertUnwindSafe(|| namespace.call(|| resume_unwind(Box::new(7u8)))));
    let payload = panic.err().ok_or("the panic did not pass")?;
    check(payload.downcast_ref() == Some(&7u8), "another panic")?;
    check(namespace.call(|| 1)? == 1, "the namespace did not survive the panic")?;
    // A call that never ends is given up, with the place named.
    let e = namespace.call(std::thread::park).err().ok_or("the call ended")?;
    check(matches!(e, HostError::TooSlow { .. }), format!("{e}"))?;
    check(e.to_string().starts_with("test: "), format!("{e}"))
}

fn threads_join() -> Outcome {
    let namespace = Namespace::new("test")?;
    let own = |()| fs::read_link("/proc/thread-self/ns/net");
    let inside = namespace.call(move || own(()))??;
    let spawned = namespace.spawn("worker", move || own(()))?.join().map_err(|_| "panicked")??;
    check(inside == spawned, "the thread is elsewhere")?;
    check(inside != own(())?, "the caller was moved")?;
    check(inside.to_string_lossy().contains(&namespace.id()?.to_string()), "another id")
}
