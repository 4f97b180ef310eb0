//! The loads: what the two hosts do, and what is read off while they do it.

use layerlab::host::sockopt;
use layerlab::live::calls::Program;
use layerlab::live::echo::{Ending, Experiment, ServerCue};
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A congestion control without pacing: bbr, a common default, halves bulk on a fast link.
const CONGESTION: &str = "cubic";
/// With IP, UDP and Ethernet headers a frame of 1514 octets.
const DATAGRAM: usize = 1472;
/// Octets of such a frame.
pub(crate) const FRAME: f64 = 1514.0;

/// What one run found; 0 what it did not measure.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) gbit_per_second: f64,
    /// Processor seconds of the whole process, both hosts' kernels included, for 10^9 octets.
    pub(crate) cpu_seconds_per_gb: f64,
    pub(crate) ping_median_us: f64,
    pub(crate) ping_p99_us: f64,
    /// Datagrams that arrived.
    pub(crate) arrived_per_second: f64,
    /// Processor time of the carrier's thread under load, ns.
    pub(crate) carrier_ns: f64,
    /// Frames that it read from the client; segments, where they came as superframes.
    pub(crate) frames: f64,
}

/// The loads.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Load {
    /// One TCP connection, as much as it takes.
    Bulk,
    /// Echo requests, one at a time.
    Ping,
    /// UDP datagrams in bursts of this many, a millisecond apart.
    Blast(u32),
    /// UDP datagrams as fast as they go.
    Flood,
}

#[derive(Clone)]
pub(crate) struct Measure {
    load: Load,
    time: Duration,
    /// The thread that carries frames, by its name.
    carrier: &'static str,
    found: Arc<Mutex<Found>>,
}

impl Measure {
    pub(crate) fn new(load: Load, time: Duration, carrier: &'static str) -> Measure {
        Measure { load, time, carrier, found: Arc::default() }
    }

    pub(crate) fn found(&self) -> Found {
        *self.found.lock().expect("no measurement panicked")
    }

    fn keep(&self, change: impl FnOnce(&mut Found)) {
        change(&mut self.found.lock().expect("no measurement panicked"));
    }

    /// What the carrier says when all is over.
    pub(crate) fn carried(&self, frames: u64) {
        self.keep(|found| found.frames = frames as f64);
    }

    /// The server's program; `ready` is called when the client may start.
    pub(crate) fn serve(&self, at: SocketAddr, ready: impl FnOnce(), client_done: impl FnOnce()) {
        match self.load {
            Load::Bulk => {
                let listener = TcpListener::bind(at).expect("bind");
                ready();
                self.sink(&listener);
            }
            Load::Blast(_) | Load::Flood => {
                let socket = UdpSocket::bind(at).expect("bind");
                ready();
                self.count(&socket);
            }
            Load::Ping => {
                ready();
                client_done();
            }
        }
    }

    /// The client's program.
    pub(crate) fn drive(&self, to: SocketAddr) {
        match self.load {
            Load::Bulk => self.source(to),
            Load::Blast(burst) => self.blast(to, burst, Duration::from_millis(1)),
            Load::Flood => self.blast(to, 256, Duration::ZERO),
            Load::Ping => self.ping(to),
        }
    }

    /// Receives until the end of the stream and counts.
    fn sink(&self, listener: &TcpListener) {
        let (mut stream, _) = listener.accept().expect("accept");
        let mut buffer = vec![0; 256 * 1024];
        let (mut octets, began, cpu) = (0u64, Instant::now(), process_cpu());
        loop {
            match stream.read(&mut buffer).expect("recv") {
                0 => break,
                n => octets += n as u64,
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        let cpu = process_cpu() - cpu;
        self.keep(|found| {
            found.gbit_per_second = octets as f64 * 8.0 / seconds / 1e9;
            found.cpu_seconds_per_gb = cpu / (octets as f64 / 1e9);
        });
    }

    fn source(&self, to: SocketAddr) {
        let mut stream = TcpStream::connect(to).expect("connect");
        sockopt::set_congestion(&SockRef::from(&stream), CONGESTION).expect("congestion control");
        let (until, before) = (Instant::now() + self.time, thread_cpu(self.carrier));
        let octets = vec![0x61; 256 * 1024];
        while Instant::now() < until {
            stream.write_all(&octets).expect("send");
        }
        self.used_since(before);
    }

    fn used_since(&self, before: u64) {
        let used = thread_cpu(self.carrier) - before;
        self.keep(|found| found.carrier_ns = used as f64);
    }

    /// Counts datagrams from the first to the last; a second without one is the end.
    fn count(&self, socket: &UdpSocket) {
        SockRef::from(socket).set_recv_buffer_size(4 << 20).expect("buffer");
        socket.set_read_timeout(Some(Duration::from_secs(1))).expect("timeout");
        let mut buffer = [0; 2048];
        let (mut first, mut last, mut arrived) = (None, Instant::now(), 0u64);
        while socket.recv(&mut buffer).is_ok() {
            last = Instant::now();
            first.get_or_insert(last);
            arrived += 1;
        }
        let Some(first) = first else { return };
        // The first began before it was counted.
        let rate = (arrived - 1) as f64 / (last - first).as_secs_f64();
        self.keep(|found| found.arrived_per_second = rate);
    }

    fn blast(&self, to: SocketAddr, burst: u32, pause: Duration) {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("bind");
        let octets = [0x61; DATAGRAM];
        let (until, before) = (Instant::now() + self.time, thread_cpu(self.carrier));
        while Instant::now() < until {
            for _ in 0..burst {
                // ENOBUFS, where the host's own queue is full, is no matter here.
                let _ = socket.send_to(&octets, to);
            }
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
        // What is still under way costs the carrier time too.
        thread::sleep(Duration::from_millis(50));
        self.used_since(before);
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
        let longest = self.time * 2 + Duration::from_secs(5);
        self.serve(at, || cue.ready(at), || cue.wait_for_client(longest));
        Ending::default()
    }
    fn client(&self, _: &Program, to: SocketAddr) -> Ending {
        self.drive(to);
        Ending::default()
    }
    fn absent_host(&self) -> bool {
        false
    }
    fn closed_port(&self) -> bool {
        false
    }
}

/// Processor seconds of this process so far, its threads' and their kernel work's.
fn process_cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Processor time of the threads of this name so far, in ns; 0 where there is none, or the kernel does not
/// count. The veth backend's idle namespace has a thread of the wire's name, too.
fn thread_cpu(name: &str) -> u64 {
    let used = |task: &Path| -> Option<u64> {
        let comm = fs::read_to_string(task.join("comm")).ok()?;
        let schedstat = fs::read_to_string(task.join("schedstat")).ok()?;
        if comm.trim_end() == name { schedstat.split(' ').next()?.parse().ok() } else { None }
    };
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|task| used(&task.path())).sum()
}
