//! The server against clients that behave, stall, reset, vanish or come in crowds.

use super::*;
use crate::live::serve::Step;
use crate::live::serve::still::held_up;
use crate::model::{Call, Event, Evidence, Flow, How, Returned, What};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// A hang of the server fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(30);

/// The calls that a server made, for the tests to wait on instead of sleeping.
#[derive(Default)]
struct Log {
    calls: Mutex<Vec<(Call, Result<Returned, String>)>>,
    more: Condvar,
}

impl Log {
    fn wait(&self, what: &str, mut found: impl FnMut(&Call, &Result<Returned, String>) -> bool) {
        let calls = self.calls.lock().unwrap();
        let (calls, timeout) = self
            .more
            .wait_timeout_while(calls, GUARD, |calls| !calls.iter().any(|(call, result)| found(call, result)))
            .unwrap();
        assert!(!timeout.timed_out(), "never saw {what} in {calls:?}");
    }
}

struct Recorder(Arc<Log>);

impl Watch for Recorder {
    const ON: bool = true;
    fn now(&self) -> Time {
        Time::ZERO
    }
    fn called(&mut self, _: Option<i32>, _: impl FnOnce() -> Call) -> Option<crate::model::EventId> {
        None
    }
    fn returned<'a>(&mut self, _: Option<crate::model::EventId>, step: impl FnOnce() -> Step<'a>) {
        let step = step();
        let result = step.result.map_err(|error| format!("{:?}", error.kind()));
        self.0.calls.lock().unwrap().push((step.call, result));
        self.0.more.notify_all();
    }
    fn over(&self) -> bool {
        false
    }
}

struct Running {
    address: SocketAddr,
    bound: usize,
    log: Arc<Log>,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<TcpSummary>,
}

fn options() -> TcpServe {
    TcpServe::new((Ipv4Addr::LOCALHOST, 0).into())
}

fn start(options: TcpServe) -> Running {
    let log = Arc::new(Log::default());
    let mut recorder = Recorder(Arc::clone(&log));
    let server = Server::bind(options, &mut recorder).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (address, waker, bound) = (server.local_addr(), server.waker(), server.pending_bound());
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || server.run(&mut recorder, &flag).unwrap());
    Running { address, bound, log, stop, waker, thread }
}

impl Running {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        stream
    }

    fn stop(self) -> TcpSummary {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake().unwrap();
        self.thread.join().unwrap()
    }
}

fn echoed(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(message).unwrap();
    let mut back = vec![0; message.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, message);
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

#[test]
fn one_octet_at_a_time_comes_back_whole() {
    let server = start(options());
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    let message = pattern(300);
    for octet in &message {
        stream.write_all(std::slice::from_ref(octet)).unwrap();
    }
    let mut back = vec![0; message.len()];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, message);
    let summary = server.stop();
    assert_eq!((summary.accepted, summary.open, summary.received, summary.sent), (1, 1, 300, 300));
    assert!(summary.errors.is_empty());
}

#[test]
fn a_mebibyte_goes_through_a_small_buffer_and_the_half_close_is_answered_after_it() {
    for recv_size in [1000, 256 << 10] {
        let server = start(TcpServe { recv_size, ..options() });
        let mut stream = server.connect();
        let message = pattern(1 << 20);
        let mut writer = stream.try_clone().unwrap();
        let sent = message.clone();
        let thread = thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        thread.join().unwrap();
        assert!(back == message);
        let summary = server.stop();
        assert_eq!((summary.accepted, summary.open), (1, 0));
        assert_eq!((summary.received, summary.sent, summary.unsent), (1 << 20, 1 << 20, 0));
    }
}

#[test]
fn two_hundred_clients_at_once_each_get_their_own() {
    let server = start(TcpServe { nodelay: true, ..options() });
    let mut streams: Vec<_> = (0..200).map(|_| server.connect()).collect();
    for (i, stream) in streams.iter_mut().enumerate() {
        stream.write_all(format!("{i:05}").as_bytes()).unwrap();
    }
    for (i, stream) in streams.iter_mut().enumerate() {
        let mut back = [0; 5];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, *format!("{i:05}").as_bytes());
    }
    let summary = server.stop();
    assert_eq!((summary.accepted, summary.open, summary.peak_open), (200, 200, 200));
    assert_eq!((summary.received, summary.sent), (1000, 1000));
}

#[test]
fn a_reset_closes_one_connection_and_no_other() {
    let server = start(options());
    let mut other = server.connect();
    echoed(&mut other, b"before");
    let mut reset = server.connect();
    echoed(&mut reset, b"x");
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    server.log.wait("close", |call, _| *call == Call::Close);
    echoed(&mut other, b"after");
    let summary = server.stop();
    assert_eq!((summary.accepted, summary.open), (2, 1));
    assert_eq!(summary.errors.values().sum::<u64>(), 1);
}

#[test]
fn a_client_that_only_connects_and_goes_leaves_nothing() {
    let server = start(options());
    drop(server.connect());
    server.log.wait("close", |call, _| *call == Call::Close);
    let summary = server.stop();
    assert_eq!((summary.accepted, summary.open, summary.received), (1, 0, 0));
    assert!(summary.errors.is_empty());
}

#[test]
fn a_client_that_does_not_read_is_not_read_from_and_loses_nothing() {
    const TOTAL: usize = 48 << 20;
    let server = start(TcpServe { recv_size: 64 << 10, ..options() });
    let mut stream = server.connect();
    let mut writer = stream.try_clone().unwrap();
    let written = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&written);
    let thread = thread::spawn(move || {
        let chunk = pattern(1 << 20);
        for _ in 0..TOTAL / chunk.len() {
            for part in chunk.chunks(64 << 10) {
                writer.write_all(part).unwrap();
                progress.fetch_add(part.len(), Ordering::Relaxed);
            }
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(held_up(&written) < TOTAL);
    // The server must go on serving others meanwhile.
    echoed(&mut server.connect(), b"meanwhile");
    let (mut got, mut chunk, expected) = (0, vec![0; 1 << 20], pattern(1 << 20));
    while got < TOTAL {
        stream.read_exact(&mut chunk).unwrap();
        assert!(chunk == expected);
        got += chunk.len();
    }
    assert_eq!(stream.read(&mut chunk).unwrap(), 0);
    thread.join().unwrap();
    let summary = server.stop();
    assert!(summary.stalls > 0);
    assert!(summary.peak_pending <= 64 << 10, "held {} octets", summary.peak_pending);
    assert_eq!(summary.sent, TOTAL as u64 + 9);
}

#[test]
fn many_clients_that_do_not_read_stay_within_the_budget() {
    let server =
        start(TcpServe { recv_size: 256 << 10, pending_budget: 64 << 10, max_connections: 8, ..options() });
    let streams: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for stream in &streams {
        stream.set_nonblocking(true).unwrap();
    }
    // Push on all of them until none takes any more.
    let (written, full) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let chunk = vec![7; 256 << 10];
            while !full.load(Ordering::Relaxed) {
                for mut stream in &streams {
                    match stream.write(&chunk) {
                        Ok(n) => _ = written.fetch_add(n, Ordering::Relaxed),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        held_up(&written);
        full.store(true, Ordering::Relaxed);
    });
    let bound = server.bound;
    assert_eq!(bound, (64 << 10) + 8 * 4096);
    let summary = server.stop();
    assert!(summary.stalls > 0);
    assert!(summary.peak_pending <= bound, "held {} octets of {bound}", summary.peak_pending);
    assert_eq!(summary.received, summary.sent + summary.unsent);
}

#[test]
fn more_clients_than_allowed_wait_their_turn() {
    let server = start(TcpServe { max_connections: 2, ..options() });
    let (mut first, mut second, mut third) = (server.connect(), server.connect(), server.connect());
    echoed(&mut first, b"1");
    echoed(&mut second, b"2");
    third.write_all(b"3").unwrap();
    drop(first);
    let mut back = [0];
    third.read_exact(&mut back).unwrap();
    assert_eq!(back, *b"3");
    let summary = server.stop();
    assert_eq!((summary.accepted, summary.open, summary.peak_open), (3, 2, 2));
    assert!(summary.accept_pauses >= 1);
}

#[test]
fn a_silent_client_is_closed_where_a_limit_is_set() {
    let server = start(TcpServe { idle: Some(Duration::from_millis(40)), ..options() });
    let mut stream = server.connect();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
    let summary = server.stop();
    assert_eq!((summary.accepted, summary.open, summary.idle_closed), (1, 0, 1));
}

#[test]
fn discard_answers_nothing() {
    let server = start(TcpServe { mode: Mode::Discard, recv_size: 100, ..options() });
    let mut stream = server.connect();
    stream.write_all(&pattern(100_000)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert!(back.is_empty());
    let summary = server.stop();
    assert_eq!((summary.received, summary.sent), (100_000, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn urgent_data_stays_in_the_stream_and_stops_nothing() {
    let server = start(options());
    let mut stream = server.connect();
    let raw = socket2::SockRef::from(&stream);
    raw.send(b"ab").unwrap();
    raw.send_out_of_band(b"c").unwrap();
    raw.send(b"de").unwrap();
    raw.send_out_of_band(b"f").unwrap();
    raw.send(b"g").unwrap();
    let mut back = [0; 7];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, *b"abcdefg");
    server.stop();
}

#[test]
fn a_taken_address_and_a_foreign_one_are_told_apart() {
    let server = start(options());
    let taken = Server::bind(TcpServe::new(server.address), &mut Quiet).err().unwrap();
    assert!(matches!(taken, ServeError::InUse { address } if address == server.address), "{taken}");
    let foreign = Server::bind(TcpServe::new(([192, 0, 2, 1], 0).into()), &mut Quiet).err().unwrap();
    assert!(matches!(foreign, ServeError::NotHere { .. }), "{foreign}");
    let summary = server.stop();
    assert_eq!(summary, TcpSummary::default());
}

#[derive(Default)]
struct Heard(Arc<Mutex<Vec<Event>>>);

impl Sink for Heard {
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        self.0.lock().unwrap().push(event.clone());
        Ok(Flow::Continue)
    }
}

#[test]
fn the_narrated_server_tells_each_call_in_order_with_its_octets() {
    let heard = Heard::default();
    let events = Arc::clone(&heard.0);
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let thread = thread::spawn(move || {
        let mut heard = heard;
        let ticks = std::cell::Cell::new(0);
        let now = || {
            ticks.set(ticks.get() + 1);
            Time::from_nanos(ticks.get())
        };
        run(TcpServe { mode: Mode::Echo, show: 3, ..options() }, &now, &mut heard, |_| {}, &flag).unwrap()
    });
    let began = Instant::now();
    let find = |found: &dyn Fn(&What) -> Option<SocketAddr>| loop {
        assert!(began.elapsed() < GUARD, "never told");
        if let Some(it) = events.lock().unwrap().iter().find_map(|event| found(&event.what)) {
            return it;
        }
        thread::yield_now();
    };
    let address = find(&|what| match what {
        What::Returned { result: Ok(Returned::Local(address)), .. } => Some(*address),
        _ => None,
    });
    let mut stream = TcpStream::connect(address).unwrap();
    echoed(&mut stream, b"hello");
    drop(stream);
    find(&|what| matches!(what, What::Returned { call: Call::Close, .. }).then_some(address));
    stop.store(true, Ordering::Relaxed);
    let summary = thread.join().unwrap();
    assert_eq!((summary.accepted, summary.received, summary.sent), (1, 5, 5));

    let events = events.lock().unwrap();
    let names: Vec<_> = events
        .iter()
        .map(|event| match &event.what {
            What::Returned { call, .. } => call.name(),
            other => panic!("{other:?}"),
        })
        .filter(|name| *name != "setsockopt")
        .collect();
    let expected =
        ["socket", "bind", "listen", "accept", "recv", "send", "recv", "shutdown", "close", "close"];
    assert_eq!(names, expected);
    assert!(events.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].id < pair[1].id));
    assert!(events.iter().all(|event| event.evidence == Evidence::Syscall));
    #[cfg(target_os = "linux")]
    assert!(events.iter().all(|event| match &event.what {
        What::Returned { call: Call::Recv { .. } | Call::Send { .. }, tcp_info, .. } => tcp_info.is_some(),
        What::Returned { call: Call::Close, tcp_info, .. } => tcp_info.is_none(),
        _ => true,
    }));
    let octets: Vec<_> = events.iter().filter_map(|event| event.bytes.as_ref()).collect();
    assert_eq!(octets.len(), 2);
    assert!(octets.iter().all(|located| &located.bytes[..] == b"hel"));
    assert!(events.iter().any(|event| {
        matches!(
            &event.what,
            What::Returned { call: Call::Shutdown(How::Write), result: Ok(Returned::Done), .. }
        )
    }));
}

/// Runs in a process of its own (the next test), which may open only a few descriptors.
#[test]
#[ignore = "run by running_out_of_descriptors_pauses_accepting with a low limit"]
fn with_few_descriptors() {
    let server = start(options());
    // As many as fit, half of them the server's; the last ones wait in the backlog.
    let mut streams = Vec::new();
    while let Ok(stream) = TcpStream::connect(server.address) {
        streams.push(stream);
    }
    server.log.wait("a refused accept", |call, result| *call == Call::Accept && result.is_err());
    // The earliest ones were accepted. Make room: the one waiting longest is then served.
    let mut last = streams.pop().unwrap();
    last.set_read_timeout(Some(GUARD)).unwrap();
    last.write_all(b"late").unwrap();
    streams.clear();
    let mut back = [0; 4];
    last.read_exact(&mut back).unwrap();
    assert_eq!(back, *b"late");
    let summary = server.stop();
    assert!(summary.accept_pauses >= 1);
    // A paused server tries again ten times a second; one that spins would try thousands of times.
    assert!(summary.errors.values().sum::<u64>() < 1000, "{:?}", summary.errors);
}

#[cfg(unix)]
#[test]
fn running_out_of_descriptors_pauses_accepting() {
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact --ignored --test-threads=1 \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("live::serve::tcp::tests::with_few_descriptors")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}
