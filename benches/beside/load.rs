//! The load: one thread, many connections, a fixed number of messages under way on each.

use super::server::Server;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::thread::CpuSet;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The servers' processor.
pub(crate) const SERVER_CPU: usize = 0;
/// The load's processor.
pub(crate) const LOAD_CPU: usize = 1;
/// Without a reply for this long a server is said to have stalled.
const STALL: Duration = Duration::from_secs(2);
/// Of so many reads one is compared with what must come back.
const SAMPLED: u64 = 16;

/// What is asked of a server.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) size: usize,
    pub(crate) connections: usize,
    pub(crate) depth: usize,
}

impl Cell {
    pub(crate) fn name(&self) -> String {
        let size =
            if self.size < 1024 { format!("{} B", self.size) } else { format!("{} KiB", self.size >> 10) };
        format!("{size} {}x{}", self.connections, self.depth)
    }
}

/// What is said on a connection, as octets that repeat.
pub(crate) struct Talk {
    /// Opens a connection: a handshake, if there is one.
    pub(crate) open: fn(&mut TcpStream) -> io::Result<()>,
    /// One message for each that may be under way, and all of them again, so that any of them can be followed by
    /// as many as are owed.
    pub(crate) asks: Vec<u8>,
    /// What must come back for `asks`.
    pub(crate) answers: Vec<u8>,
}

/// What one server did in one cell in one round.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Messages echoed a second.
    pub(crate) rate: f64,
    /// The server's processor time, user and system, in microseconds a message.
    pub(crate) cpu: f64,
}

/// Keeps this thread on one processor where there is more than one.
pub(crate) fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    if rustix::thread::sched_setaffinity(None, &set).is_err() {
        eprintln!("processor {cpu} is not to be had: figures will be noisier");
    }
}

struct Connection {
    stream: TcpStream,
    /// Octets of answers received, modulo those of `depth` messages.
    received: usize,
    /// Octets sent, modulo those of `depth` messages.
    sent: usize,
    /// Octets still to be sent.
    owed: usize,
}

impl Connection {
    fn send(&mut self, asks: &[u8]) -> io::Result<()> {
        while self.owed > 0 {
            match self.stream.write(&asks[self.sent..self.sent + self.owed]) {
                Ok(taken) => {
                    self.owed -= taken;
                    self.sent = (self.sent + taken) % (asks.len() / 2);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Loads the server for `warm`, then for `measured`; `None` when it stalled, failed or answered wrongly.
pub(crate) fn measure(
    server: &Server,
    cell: &Cell,
    talk: &Talk,
    warm: Duration,
    measured: Duration,
) -> Option<Sample> {
    run(server, cell, talk, warm, measured)
        .inspect_err(|error| eprintln!("{}, {}: {error}", server.name, cell.name()))
        .ok()
}

fn run(server: &Server, cell: &Cell, talk: &Talk, warm: Duration, measured: Duration) -> io::Result<Sample> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut buffer = vec![0; 256 << 10];
    let period = talk.answers.len() / 2;
    let (ask, answer) = (talk.asks.len() / 2 / cell.depth, period / cell.depth);
    let mut connections = Vec::new();
    for i in 0..cell.connections {
        let stream = connect(server.address, talk)?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
        epoll::add(&poll, &stream, EventData::new_u64(i as u64), flags)?;
        connections.push(Connection { stream, received: 0, sent: 0, owed: ask * cell.depth });
    }
    for connection in &mut connections {
        connection.send(&talk.asks)?;
    }
    let mut reads = 0_u64;
    let mut load = |until: Instant| -> io::Result<u64> {
        let mut done = 0;
        let mut events = Vec::with_capacity(256);
        let stall = rustix::event::Timespec { tv_sec: STALL.as_secs() as i64, tv_nsec: 0 };
        while Instant::now() < until {
            events.clear();
            if epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&stall))? == 0 {
                return Err(io::Error::new(ErrorKind::TimedOut, "no reply for 2 s: the server stalled"));
            }
            for event in &events {
                let connection = &mut connections[event.data.u64() as usize];
                loop {
                    let got = match connection.stream.read(&mut buffer) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(got) => got,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    };
                    reads += 1;
                    let looked_at = if reads % SAMPLED == 1 { got.min(period) } else { 0 };
                    let wanted = &talk.answers[connection.received..][..looked_at];
                    if buffer[..looked_at] != *wanted {
                        return Err(io::Error::new(ErrorKind::InvalidData, "it did not echo what was sent"));
                    }
                    let whole = (connection.received % answer + got) / answer;
                    connection.received = (connection.received + got) % period;
                    connection.owed += whole * ask;
                    done += whole as u64;
                    if got < buffer.len() {
                        break;
                    }
                }
                connection.send(&talk.asks)?;
            }
        }
        Ok(done)
    };
    load(Instant::now() + warm)?;
    let cpu = cpu_nanos(server.pid());
    let began = Instant::now();
    let done = load(began + measured)?;
    let took = began.elapsed();
    let cpu = cpu_nanos(server.pid()).saturating_sub(cpu);
    if done == 0 {
        return Err(io::Error::new(ErrorKind::TimedOut, "not one message came back whole"));
    }
    Ok(Sample { rate: done as f64 / took.as_secs_f64(), cpu: cpu as f64 / 1e3 / done as f64 })
}

/// A connection on which `talk` can begin.
pub(crate) fn connect(address: SocketAddr, talk: &Talk) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    // A machine's default may be bbr, whose pacing halves bulk on loopback.
    socket.set_tcp_congestion(b"reno")?;
    socket.connect(&address.into())?;
    // Nagle's algorithm would hold back what does not fill a segment; an echo's load must not.
    socket.set_tcp_nodelay(true)?;
    socket.set_read_timeout(Some(STALL))?;
    let mut stream = socket.into();
    (talk.open)(&mut stream)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Processor time of all processes of the group, in nanoseconds. `schedstat` counts nanoseconds; where the
/// kernel does not keep it, `stat` counts ticks of 10 ms.
pub(crate) fn cpu_nanos(group: u32) -> u64 {
    let Ok(folder) = fs::read_dir("/proc") else { return 0 };
    let numbers = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter_map(|pid| process_nanos(pid, group)).sum()
}

fn process_nanos(pid: u32, group: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the name, may hold anything; what follows its last parenthesis does not.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if fields[2].parse() != Ok(group) {
        return None;
    }
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let nanos: u64 = tasks
        .flatten()
        .filter_map(|task| {
            fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
        })
        .sum();
    let ticks = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
    Some(if nanos > 0 { nanos } else { ticks * 10_000_000 })
}
