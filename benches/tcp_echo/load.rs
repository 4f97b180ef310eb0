//! The load: one thread, many connections, a fixed number of messages under way on each.

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

/// What is asked of a server.
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

/// The cells: latency, many clients, many messages under way, bulk.
pub(crate) const CELLS: [Cell; 4] = [
    Cell { size: 64, connections: 1, depth: 1 },
    Cell { size: 64, connections: 50, depth: 1 },
    Cell { size: 64, connections: 50, depth: 32 },
    Cell { size: 64 << 10, connections: 8, depth: 1 },
];

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
    /// Octets received beyond whole messages.
    part: usize,
    /// Octets still to be sent.
    owed: usize,
}

impl Connection {
    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        while self.owed > 0 {
            match self.stream.write(&octets[..self.owed.min(octets.len())]) {
                Ok(taken) => self.owed -= taken,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Loads `address` for `warm`, then for `measured`; `None` when the server stalled or failed.
pub(crate) fn measure(
    address: SocketAddr,
    group: u32,
    cell: &Cell,
    warm: Duration,
    measured: Duration,
) -> Option<Sample> {
    run(address, group, cell, warm, measured).inspect_err(|error| eprintln!("{}: {error}", cell.name())).ok()
}

fn run(
    address: SocketAddr,
    group: u32,
    cell: &Cell,
    warm: Duration,
    measured: Duration,
) -> io::Result<Sample> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let octets = vec![0x6c; cell.size * cell.depth];
    let mut buffer = vec![0; 256 << 10];
    let mut connections = Vec::new();
    for i in 0..cell.connections {
        let stream = connect(address)?;
        epoll::add(
            &poll,
            &stream,
            EventData::new_u64(i as u64),
            EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        )?;
        connections.push(Connection { stream, part: 0, owed: octets.len() });
    }
    for connection in &mut connections {
        connection.send(&octets)?;
    }
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
                    connection.part += got;
                    let whole = connection.part / cell.size;
                    connection.part %= cell.size;
                    connection.owed += whole * cell.size;
                    done += whole as u64;
                    if got < buffer.len() {
                        break;
                    }
                }
                connection.send(&octets)?;
            }
        }
        Ok(done)
    };
    load(Instant::now() + warm)?;
    let cpu = cpu_nanos(group);
    let began = Instant::now();
    let done = load(began + measured)?;
    let took = began.elapsed();
    let cpu = cpu_nanos(group).saturating_sub(cpu);
    if done == 0 {
        return Err(io::Error::new(ErrorKind::TimedOut, "not one message came back whole"));
    }
    Ok(Sample { rate: done as f64 / took.as_secs_f64(), cpu: cpu as f64 / 1e3 / done as f64 })
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    // A machine's default may be bbr, whose pacing halves bulk on loopback.
    socket.set_tcp_congestion(b"reno")?;
    socket.connect(&address.into())?;
    socket.set_nonblocking(true)?;
    // Nagle's algorithm would hold back what does not fill a segment; an echo's load must not.
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// Processor time of all processes of the group, in nanoseconds. `schedstat` counts nanoseconds; where the
/// kernel does not keep it, `stat` counts ticks of 10 ms.
fn cpu_nanos(group: u32) -> u64 {
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
