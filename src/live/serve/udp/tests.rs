//! The UDP server against real sockets on loopback.

use super::*;
use crate::model::{Event, Flow, What};
use std::net::{Ipv4Addr, UdpSocket as Plain};
use std::thread::{self, JoinHandle};

/// A hang of the server fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(30);

struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<UdpSummary>,
}

fn options() -> UdpServe {
    UdpServe::new((Ipv4Addr::LOCALHOST, 0).into())
}

fn start(options: UdpServe) -> Running {
    let server = Server::bind(options, &mut Quiet).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (address, waker, flag) = (server.local_addr(), server.waker(), Arc::clone(&stop));
    let thread = thread::spawn(move || server.run(&mut Quiet, &flag).unwrap());
    Running { address, stop, waker, thread }
}

impl Running {
    fn client(&self) -> Plain {
        let socket = Plain::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(GUARD)).unwrap();
        socket.connect(self.address).unwrap();
        socket
    }

    fn stop(self) -> UdpSummary {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake().unwrap();
        self.thread.join().unwrap()
    }
}

fn echo(client: &Plain, message: &[u8]) -> Vec<u8> {
    client.send(message).unwrap();
    let mut back = vec![0; 65_535];
    let n = client.recv(&mut back).unwrap();
    back.truncate(n);
    back
}

#[test]
fn the_empty_datagram_and_the_longest_come_back_whole() {
    let server = start(options());
    let client = server.client();
    for len in [0, 1, 1472, 65_507] {
        let message: Vec<u8> = (0..len).map(|i| (i * 31 + i / 251) as u8).collect();
        assert!(echo(&client, &message) == message, "{len} octets");
    }
    let summary = server.stop();
    let all = 1 + 1472 + 65_507;
    assert_eq!((summary.datagrams, summary.answered), (4, 4));
    assert_eq!((summary.received, summary.sent, summary.truncated), (all, all, 0));
    assert!(summary.errors.is_empty());
}

#[cfg(unix)]
#[test]
fn what_the_buffer_has_no_room_for_is_cut_and_counted() {
    let server = start(UdpServe { recv_size: 4, ..options() });
    let client = server.client();
    assert_eq!(echo(&client, b"12345678"), b"1234");
    assert_eq!(echo(&client, b"1234"), b"1234");
    let summary = server.stop();
    assert_eq!((summary.datagrams, summary.truncated, summary.received), (2, 1, 8));
}

#[test]
fn many_clients_each_get_their_own() {
    let server = start(options());
    let clients: Vec<_> = (0..50).map(|_| server.client()).collect();
    for (i, client) in clients.iter().enumerate() {
        assert_eq!(echo(client, format!("{i}").as_bytes()), format!("{i}").as_bytes());
    }
    assert_eq!(server.stop().answered, 50);
}

#[test]
fn a_client_that_is_gone_before_its_answer_harms_nobody() {
    let server = start(options());
    let gone = server.client();
    gone.send(b"bye").unwrap();
    drop(gone);
    assert_eq!(echo(&server.client(), b"still here"), b"still here");
    let summary = server.stop();
    assert_eq!(summary.datagrams, 2);
}

#[test]
fn a_taken_address_is_told_as_such() {
    let server = start(options());
    let taken = Server::bind(UdpServe::new(server.address), &mut Quiet).err().unwrap();
    assert!(matches!(taken, ServeError::InUse { address } if address == server.address), "{taken}");
    assert_eq!(server.stop(), UdpSummary::default());
}

#[test]
fn a_datagram_from_the_server_itself_is_not_answered() {
    let server = Server::bind(options(), &mut Quiet).unwrap();
    let (local, waker) = (server.local_addr(), server.waker());
    server.socket.send_to(b"loop", local).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || server.run(&mut Quiet, &flag).unwrap());
    let client = Plain::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    client.set_read_timeout(Some(GUARD)).unwrap();
    client.connect(local).unwrap();
    assert_eq!(echo(&client, b"after it"), b"after it");
    stop.store(true, Ordering::Relaxed);
    waker.wake().unwrap();
    let summary = thread.join().unwrap();
    assert_eq!((summary.datagrams, summary.own, summary.answered), (2, 1, 1));
}

/// Stops the server when it has told of this many calls of this name.
struct Until(&'static str, usize, Vec<Event>);

impl Sink for Until {
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if matches!(&event.what, What::Returned { call, .. } if call.name() == self.0) {
            self.1 -= 1;
        }
        self.2.push(event.clone());
        Ok(if self.1 == 0 { Flow::Stop } else { Flow::Continue })
    }
}

/// Runs the server until that, against what `client` does.
fn narrated(options: UdpServe, until: Until, client: impl FnOnce(SocketAddr)) -> (UdpSummary, Vec<Event>) {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let mut until = until;
        let ready = |address| tell.send(address).unwrap();
        let summary = run(options, &|| Time::ZERO, &mut until, ready, &AtomicBool::new(false)).unwrap();
        (summary, until.2)
    });
    client(told.recv_timeout(GUARD).unwrap());
    thread.join().unwrap()
}

#[test]
fn discard_answers_nothing() {
    let client = Plain::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options = UdpServe { mode: Mode::Discard, ..options() };
    let (summary, events) = narrated(options, Until("recvfrom", 3, Vec::new()), |to| {
        (0..3).for_each(|_| assert_eq!(client.send_to(b"x", to).unwrap(), 1));
    });
    assert_eq!((summary.datagrams, summary.answered, summary.dropped), (3, 0, 0));
    assert!(!events.iter().any(|e| matches!(&e.what, What::Returned { call: Call::SendTo { .. }, .. })));
}

#[test]
fn the_narrated_server_tells_each_call_and_stops_when_its_listener_has_enough() {
    let client = Plain::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options = UdpServe { recv_size: 3, show: 2, ..options() };
    let (summary, events) = narrated(options, Until("sendto", 1, Vec::new()), |to| {
        client.send_to(b"hello", to).unwrap();
    });
    assert_eq!((summary.datagrams, summary.answered), (1, 1));
    let names: Vec<_> = events
        .iter()
        .map(|event| match &event.what {
            What::Returned { call, .. } => call.name(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["socket", "bind", "recvfrom", "sendto"]);
    let from = client.local_addr().unwrap();
    #[cfg(unix)]
    assert!(events.iter().any(|event| matches!(
        &event.what,
        What::Returned { result: Ok(Returned::Datagram { len: 3, from: who, truncated_from: Some(5) }), .. }
            if *who == from
    )));
    assert_eq!(events[2].bytes.as_ref().map(|located| &located.bytes[..]), Some(&b"he"[..]));
}
