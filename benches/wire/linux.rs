//! What is measured, and with what.

use layerlab::host::{self, Choice, Port, PrivateNetwork, Topology, sockopt};
use layerlab::live::calls::Program;
use layerlab::live::echo::{Ending, Experiment, ServerCue};
use layerlab::live::private;
use layerlab::live::setup::Setup;
use layerlab::model::{Backend, NullSink, Side};
use layerlab::wire::Spec;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PORT: u16 = 5001;
/// A congestion control without pacing: bbr, a common default, halves bulk on a fast link.
const CONGESTION: &str = "cubic";

/// What one run found.
#[derive(Clone, Copy, Default)]
struct Found {
    gbit_per_second: f64,
    ping_median_us: f64,
    ping_p99_us: f64,
}

/// The two loads.
#[derive(Clone, Copy, PartialEq)]
enum Load {
    Bulk,
    Ping,
}

#[derive(Clone)]
struct Measure {
    load: Load,
    time: Duration,
    found: Arc<Mutex<Found>>,
}

impl Measure {
    fn new(load: Load, time: Duration) -> Measure {
        Measure { load, time, found: Arc::default() }
    }
    fn keep(&self, change: impl FnOnce(&mut Found)) {
        change(&mut self.found.lock().expect("no measurement panicked"));
    }
    fn found(&self) -> Found {
        *self.found.lock().expect("no measurement panicked")
    }

    /// Receives until the end of the stream and counts.
    fn sink(&self, listener: &TcpListener) {
        let (mut stream, _) = listener.accept().expect("accept");
        let mut buffer = vec![0; 256 * 1024];
        let (mut octets, began) = (0u64, Instant::now());
        loop {
            match stream.read(&mut buffer).expect("recv") {
                0 => break,
                n => octets += n as u64,
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        self.keep(|found| found.gbit_per_second = octets as f64 * 8.0 / seconds / 1e9);
    }

    fn source(&self, to: SocketAddr) {
        let mut stream = TcpStream::connect(to).expect("connect");
        sockopt::set_congestion(&SockRef::from(&stream), CONGESTION).expect("congestion control");
        let until = Instant::now() + self.time;
        let octets = vec![0x61; 256 * 1024];
        while Instant::now() < until {
            stream.write_all(&octets).expect("send");
        }
    }

    /// Echo requests from a ping socket; the far kernel answers, no program is in the way.
    fn ping(&self, to: SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)).expect("ping socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("timeout");
        let mut request = [0u8; 64];
        request[0] = 8;
        let mut answer = [0u8; 256];
        let mut times = Vec::new();
        let until = Instant::now() + self.time;
        while Instant::now() < until {
            let began = Instant::now();
            socket.send_to(&request, &to.into()).expect("send");
            // A lossy wire may have taken it: only answers count.
            if (&socket).read(&mut answer).is_ok() {
                times.push(began.elapsed());
            }
            thread::sleep(Duration::from_millis(1));
        }
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        self.keep(|found| {
            found.ping_median_us = at(0.5);
            found.ping_p99_us = at(0.99);
        });
    }
}

impl Experiment for Measure {
    fn server(&self, _: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let listener = TcpListener::bind(at).expect("bind");
        cue.ready(at);
        match self.load {
            Load::Bulk => self.sink(&listener),
            Load::Ping => cue.wait_for_client(self.time * 2 + Duration::from_secs(5)),
        }
        Ending::default()
    }
    fn client(&self, _: &Program, to: SocketAddr) -> Ending {
        match self.load {
            Load::Bulk => self.source(to),
            Load::Ping => self.ping(to),
        }
        Ending::default()
    }
    fn absent_host(&self) -> bool {
        false
    }
    fn closed_port(&self) -> bool {
        false
    }
}

fn topology(backend: Backend) -> Topology {
    Topology { backend: Choice::Only(backend), ..Topology::default() }
}

/// Ours: the wire with its judge, nobody listening.
fn ours(backend: Backend, measure: &Measure) {
    let setup = Setup {
        command: "bench".to_owned(),
        system: String::new(),
        topology: topology(backend),
        wire: Spec::default(),
        seed: 7,
        port: PORT,
        patience: Duration::from_secs(5),
        listening: false,
    };
    private::run(measure, &setup, &mut NullSink, &AtomicBool::new(false)).expect("a run");
}

/// The peer: reads a frame, writes a frame, sleeps in poll() when there is none. No wire in between.
fn plain(backend: Backend, measure: &Measure) {
    let mut network = PrivateNetwork::build(&topology(backend)).expect("a network");
    let [client, server] = network.take_ports().expect("ports");
    let stop = Arc::new(AtomicBool::new(false));
    let forwarder = {
        let stop = stop.clone();
        thread::spawn(move || forward([client, server], &stop))
    };
    let at = SocketAddr::from((network.addressing().server.ipv4, PORT));
    let (ready, is_ready) = std::sync::mpsc::channel();
    let server = {
        let measure = measure.clone();
        network.host(Side::Server).spawn("server", move || {
            let listener = TcpListener::bind(at).expect("bind");
            ready.send(()).expect("the bench waits");
            if measure.load == Load::Bulk {
                measure.sink(&listener);
            }
        })
    };
    is_ready.recv().expect("the server is up");
    let client = {
        let measure = measure.clone();
        network.host(Side::Client).spawn("client", move || match measure.load {
            Load::Bulk => measure.source(at),
            Load::Ping => measure.ping(at),
        })
    };
    client.expect("a thread").join().expect("the client");
    server.expect("a thread").join().expect("the server");
    stop.store(true, Relaxed);
    forwarder.join().expect("the forwarder");
}

fn forward(mut ports: [Port; 2], stop: &AtomicBool) {
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};
    let mut poll = Poll::new().expect("poll");
    for (i, port) in ports.iter().enumerate() {
        let mut source = SourceFd(&port.as_raw_fd());
        poll.registry().register(&mut source, Token(i), Interest::READABLE).expect("register");
    }
    let mut events = Events::with_capacity(4);
    let mut buffer = vec![0; 65_600];
    while !stop.load(Relaxed) {
        let mut idle = true;
        for from in 0..2 {
            if let Some(len) = ports[from].recv(&mut buffer).expect("read") {
                idle = false;
                while !ports[1 - from].send(&buffer[..len]).expect("write") {}
            }
        }
        if idle {
            poll.poll(&mut events, Some(Duration::from_millis(50))).expect("poll");
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn main() {
    let args: Vec<String> = std::env::args().collect();
    let given = |name: &str| args.iter().any(|arg| arg == name);
    let (rounds, time) =
        if given("--quick") { (1, Duration::from_millis(500)) } else { (5, Duration::from_secs(2)) };
    if let Err(error) = host::enter() {
        println!("did not run: {error}");
        return;
    }
    for backend in [Backend::Tap, Backend::Veth] {
        if args.iter().any(|arg| arg == "--backend") && !given(backend.name()) {
            continue;
        }
        if let Err(error) = PrivateNetwork::build(&topology(backend)) {
            println!("{}: did not run: {error}", backend.name());
            continue;
        }
        type Runner = Box<dyn Fn(&Measure)>;
        let runners: [(&str, Runner); 2] = [
            ("wire", Box::new(move |m| ours(backend, m))),
            ("plain forwarder", Box::new(move |m| plain(backend, m))),
        ];
        let mut rows = vec![(Vec::new(), Vec::new(), Vec::new()); runners.len()];
        // Round by round, so that a slow minute of the machine meets all of them.
        for _ in 0..rounds {
            for ((_, run), row) in runners.iter().zip(&mut rows) {
                for load in [Load::Bulk, Load::Ping] {
                    let measure = Measure::new(load, time);
                    run(&measure);
                    let found = measure.found();
                    match load {
                        Load::Bulk => row.0.push(found.gbit_per_second),
                        Load::Ping => {
                            row.1.push(found.ping_median_us);
                            row.2.push(found.ping_p99_us);
                        }
                    }
                }
            }
        }
        let rows: Vec<[f64; 3]> =
            rows.into_iter().map(|(a, b, c)| [median(a), median(b), median(c)]).collect();
        let peer = rows[1];
        for ((name, _), [gbit, ping, p99]) in runners.iter().zip(&rows) {
            if given("--json") {
                println!(
                    "{{\"backend\":\"{}\",\"what\":\"{name}\",\"gbit_per_second\":{gbit:.3},\"ping_median_us\":{ping:.1},\"ping_p99_us\":{p99:.1}}}",
                    backend.name()
                );
            } else {
                println!(
                    "{:5} {name:16} {gbit:6.2} Gbit/s ({:4.2}x)  ping median {ping:7.1} us ({:4.2}x)  p99 {p99:7.1} us",
                    backend.name(),
                    gbit / peer[0],
                    ping / peer[1],
                );
            }
        }
    }
}
