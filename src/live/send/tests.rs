//! One end that sends, against real listeners on loopback.

use super::*;
use crate::live::serve::{Mode, Quiet};
use crate::model::{Backend, Call, Endpoint, Event, Flow, Returned, What};
use std::io::{Cursor, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::Ordering;

/// Long enough that no test ever waits it out; tests of waiting have their own.
const PATIENCE: Duration = Duration::from_secs(30);

fn scene() -> Scene {
    let clock = Clock::start();
    let end = Endpoint { ip: Ipv4Addr::LOCALHOST.into(), mac: None };
    let run = Run {
        command: "layerlab tcp send".into(),
        version: "0".into(),
        system: "test".into(),
        seed: 0,
        backend: Backend::Loopback,
        wire: String::new(),
        mtu: 65_536,
        routers: 0,
        client: end,
        server: end,
        epoch_unix_ns: clock.epoch_unix_ns(),
    };
    Scene { run, clock, listening: true }
}

fn texts(texts: &[&str], count: usize) -> Source {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    Source::List(Messages::new(&texts, count, None, Duration::ZERO))
}

fn size(size: usize) -> Source {
    Source::List(Messages::new(&[], 1, Some(size), Duration::ZERO))
}

fn lines(text: &str) -> Source {
    Source::Lines(Box::new(Cursor::new(text.to_owned())), Duration::ZERO)
}

#[derive(Default)]
struct Heard(Vec<Event>);

impl Sink for Heard {
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.0.push(event.clone());
        Ok(Flow::Continue)
    }
}

impl Heard {
    /// The calls that returned, in order.
    fn returned(&self) -> Vec<(Call, bool)> {
        let call = |event: &Event| match &event.what {
            What::Returned { call, result, .. } => Some((call.clone(), result.is_ok())),
            _ => None,
        };
        self.0.iter().filter_map(call).collect()
    }

    fn names(&self) -> Vec<&'static str> {
        self.returned().iter().map(|(call, _)| call.name()).collect()
    }
}

/// Runs `client` against a server of ours, and gives what `client` gave and how much the server received.
fn against_tcp<T>(mode: Mode, client: impl FnOnce(SocketAddr) -> T) -> (T, u64) {
    use crate::live::serve::tcp::{Server, TcpServe};
    let options = TcpServe { mode, ..TcpServe::new((Ipv4Addr::LOCALHOST, 0).into()) };
    let server = Server::bind(options, &mut Quiet).unwrap();
    let (at, waker, stop) = (server.local_addr(), server.waker(), Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || server.run(&mut Quiet, &flag).unwrap());
    let got = client(at);
    stop.store(true, Ordering::Relaxed);
    waker.wake().unwrap();
    (got, thread.join().unwrap().received)
}

fn tcp(to: SocketAddr, source: Source) -> tcp::TcpSend {
    tcp::TcpSend { to: vec![to], source, half_close: false, wait: true, nodelay: false, timeout: PATIENCE }
}

fn send_tcp(send: tcp::TcpSend) -> (Result<Report, SendError>, Heard) {
    let mut heard = Heard::default();
    let done = tcp::run(send, &scene(), &mut heard, &AtomicBool::new(false));
    (done, heard)
}

#[test]
fn messages_go_and_their_echoes_come_back_in_turn() {
    let ((done, heard), received) =
        against_tcp(Mode::Echo, |to| send_tcp(tcp(to, texts(&["hello", "you"], 2))));
    let report = done.unwrap();
    assert_eq!((report.messages, report.sent, report.received, report.silences), (4, 16, 16, 0));
    assert_eq!(received, 16);
    let names = heard.names();
    assert_eq!(names[..4], ["socket", "connect", "send", "recv"]);
    assert_eq!(names.last(), Some(&"close"));
    let octets: Vec<_> = heard.0.iter().filter_map(|event| event.bytes.as_ref()).collect();
    assert_eq!(&octets[0].bytes[..], b"hello");
}

#[test]
fn a_mebibyte_is_sent_and_read_at_the_same_time() {
    for half_close in [false, true] {
        let ((done, _), received) = against_tcp(Mode::Echo, |to| {
            send_tcp(tcp::TcpSend { half_close, nodelay: true, ..tcp(to, size(8 << 20)) })
        });
        let report = done.unwrap();
        assert_eq!((report.sent, report.received, received), (8 << 20, 8 << 20, 8 << 20));
        assert_eq!((report.messages, report.ended), (1, half_close));
    }
}

#[test]
fn a_half_close_reads_to_the_end() {
    let ((done, heard), _) = against_tcp(Mode::Echo, |to| {
        send_tcp(tcp::TcpSend { half_close: true, ..tcp(to, texts(&["a", "b"], 1)) })
    });
    let report = done.unwrap();
    assert_eq!((report.sent, report.received, report.ended), (2, 2, true));
    let names = heard.names();
    let shutdown = names.iter().position(|&name| name == "shutdown").unwrap();
    assert!(names[..shutdown].iter().all(|&name| name != "recv"));
}

#[test]
fn lines_keep_their_ends_and_need_none_at_the_last() {
    let ((done, heard), received) = against_tcp(Mode::Echo, |to| send_tcp(tcp(to, lines("one\n\nthree"))));
    let report = done.unwrap();
    assert_eq!((report.messages, report.received, received), (3, 10, 10));
    let sends = heard.returned().into_iter().filter_map(|(call, _)| match call {
        Call::Send { len } => Some(len),
        _ => None,
    });
    assert_eq!(sends.collect::<Vec<_>>(), [4, 1, 5]);
}

#[test]
fn a_peer_that_does_not_answer_is_waited_for_once_a_patience() {
    let ((done, heard), received) = against_tcp(Mode::Discard, |to| {
        send_tcp(tcp::TcpSend { timeout: Duration::from_millis(300), ..tcp(to, texts(&["x"], 2)) })
    });
    let report = done.unwrap();
    assert_eq!((report.messages, report.silences, report.received, received), (2, 2, 0, 2));
    let recvs = heard.returned().into_iter().filter(|(call, _)| matches!(call, Call::Recv { .. }));
    assert_eq!(recvs.map(|(_, ok)| ok).collect::<Vec<_>>(), [false, false]);
}

#[test]
fn without_waiting_nothing_is_read() {
    let ((done, heard), _) =
        against_tcp(Mode::Discard, |to| send_tcp(tcp::TcpSend { wait: false, ..tcp(to, texts(&["x"], 3)) }));
    assert_eq!(done.unwrap().messages, 3);
    assert_eq!(heard.names(), ["socket", "connect", "send", "send", "send", "close"]);
}

#[test]
fn a_port_without_a_listener_refuses_and_the_next_address_is_tried() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (done, heard) = send_tcp(tcp(closed, texts(&["x"], 1)));
    let error = done.unwrap_err();
    assert!(matches!(error, SendError::Refused { to } if to == closed), "{error}");
    assert!(error.to_string().contains(&format!("--listen {}", closed.port())), "{error}");
    assert_eq!(heard.names(), ["socket", "connect", "close"]);
    let ((done, _), _) = against_tcp(Mode::Echo, |to| {
        send_tcp(tcp::TcpSend { to: vec![closed, to], ..tcp(to, texts(&["x"], 1)) })
    });
    assert_eq!(done.unwrap().received, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_host_that_never_answers_is_given_up() {
    // A full backlog drops further SYNs (listen(2)): silence, on loopback.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let to = listener.local_addr().unwrap().as_socket().unwrap();
    let _held = std::net::TcpStream::connect(to).unwrap();
    let timeout = Duration::from_millis(50);
    let (done, _) = send_tcp(tcp::TcpSend { timeout, ..tcp(to, texts(&["x"], 1)) });
    let error = done.unwrap_err();
    assert!(matches!(error, SendError::TimedOut { after, .. } if after == timeout), "{error}");
}

#[test]
fn a_reset_is_the_peers_doing_and_no_closed_pipe() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 1]).unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let (done, _) = send_tcp(tcp(to, texts(&["hello"], 1)));
    thread.join().unwrap();
    let error = done.unwrap_err();
    assert!(matches!(error, SendError::Reset { .. }), "{error}");
    assert!(std::error::Error::source(&error).is_none());
}

#[test]
fn a_peer_that_ends_early_is_not_sent_the_rest() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 2]).unwrap();
        stream.write_all(b"k").unwrap();
    });
    let (done, _) = send_tcp(tcp(to, texts(&["hi"], 5)));
    thread.join().unwrap();
    let report = done.unwrap();
    assert_eq!((report.messages, report.received, report.ended), (1, 1, true));
}

#[test]
fn a_peer_that_does_not_read_is_told_as_such() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let timeout = Duration::from_millis(50);
    let (done, _) = send_tcp(tcp::TcpSend { wait: false, timeout, ..tcp(to, size(64 << 20)) });
    let error = done.unwrap_err();
    assert!(matches!(error, SendError::NotTaken { .. }), "{error}");
}

#[test]
fn a_stopped_run_says_so_and_keeps_its_counts() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let stop = AtomicBool::new(false);
    /// Raises the flag when the first octets have been sent.
    struct Raise<'a>(&'a AtomicBool);
    impl Sink for Raise<'_> {
        fn event(&mut self, event: &Event) -> io::Result<Flow> {
            if matches!(&event.what, What::Returned { result: Ok(Returned::Octets(2)), .. }) {
                self.0.store(true, Ordering::Relaxed);
            }
            Ok(Flow::Continue)
        }
    }
    let report = tcp::run(tcp(to, texts(&["hi"], 1)), &scene(), &mut Raise(&stop), &stop).unwrap();
    assert_eq!((report.sent, report.received, report.interrupted), (2, 0, true));
}

#[test]
fn names_are_resolved_or_said_to_be_unknown() {
    assert_eq!(resolve("127.0.0.1", 7).unwrap(), [SocketAddr::from((Ipv4Addr::LOCALHOST, 7))]);
    assert!(resolve("localhost", 7).unwrap().iter().all(|address| address.ip().is_loopback()));
    // RFC 2606 s2 keeps .invalid from ever having an address.
    let error = resolve("no-such-host.invalid", 7).unwrap_err();
    assert!(
        matches!(&error, SendError::UnknownHost { host, .. } if host == "no-such-host.invalid"),
        "{error}"
    );
    assert_eq!(source_address(SocketAddr::from((Ipv4Addr::LOCALHOST, 7))), IpAddr::from(Ipv4Addr::LOCALHOST));
}

fn against_udp<T>(mode: Mode, client: impl FnOnce(SocketAddr) -> T) -> T {
    use crate::live::serve::udp::{Server, UdpServe};
    let options = UdpServe { mode, ..UdpServe::new((Ipv4Addr::LOCALHOST, 0).into()) };
    let server = Server::bind(options, &mut Quiet).unwrap();
    let (at, waker, stop) = (server.local_addr(), server.waker(), Arc::new(AtomicBool::new(false)));
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || server.run(&mut Quiet, &flag).unwrap());
    let got = client(at);
    stop.store(true, Ordering::Relaxed);
    waker.wake().unwrap();
    thread.join().unwrap();
    got
}

fn udp(to: SocketAddr, source: Source) -> udp::UdpSend {
    udp::UdpSend { to: vec![to], source, recv_size: 65_535, wait: true, timeout: PATIENCE }
}

fn send_udp(send: udp::UdpSend) -> (Result<Report, SendError>, Heard) {
    let mut heard = Heard::default();
    let done = udp::run(send, &scene(), &mut heard, &AtomicBool::new(false));
    (done, heard)
}

#[test]
fn datagrams_go_and_come_back_empty_ones_and_the_longest_too() {
    for len in [0, 5, 65_507] {
        let (done, heard) = against_udp(Mode::Echo, |to| send_udp(udp(to, size(len))));
        let report = done.unwrap();
        assert_eq!((report.messages, report.answers), (1, 1));
        assert_eq!((report.sent, report.received), (len as u64, len as u64));
        assert_eq!(heard.names(), ["socket", "connect", "send", "recv", "close"]);
    }
}

#[cfg(unix)]
#[test]
fn a_datagram_that_cannot_be_is_too_long() {
    let (done, _) = against_udp(Mode::Echo, |to| send_udp(udp(to, size(65_508))));
    let error = done.unwrap_err();
    assert!(matches!(error, SendError::TooLong { len: 65_508, .. }), "{error}");
}

#[test]
fn silence_is_no_error_with_udp() {
    let (done, _) = against_udp(Mode::Discard, |to| {
        send_udp(udp::UdpSend { timeout: Duration::from_millis(20), ..udp(to, texts(&["x"], 2)) })
    });
    let report = done.unwrap();
    assert_eq!((report.messages, report.answers, report.silences), (2, 0, 2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_port_without_a_socket_is_heard_of_and_the_next_address_is_tried() {
    let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (done, _) = send_udp(udp(closed, texts(&["x"], 1)));
    let error = done.unwrap_err();
    assert!(matches!(error, SendError::PortUnreachable { to } if to == closed), "{error}");
    let (done, _) = against_udp(Mode::Echo, |to| {
        send_udp(udp::UdpSend { to: vec![closed, to], ..udp(to, texts(&["x"], 2)) })
    });
    assert_eq!(done.unwrap().answers, 2);
}
