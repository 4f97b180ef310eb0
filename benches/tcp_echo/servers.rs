//! The servers that are measured, each in a process of its own.

use crate::beside::Arguments;
use crate::beside::load::{SERVER_CPU, pin};
use crate::beside::server::{Server, spawn};
use rustix::event::epoll;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Rounds in which the servers that fork for each connection take part.
const ROUNDS_OF_FORKERS: usize = 6;

/// Starts all servers, or only those named. Gives also those that did not start, and why.
pub(crate) fn start(arguments: &Arguments) -> (Vec<Server>, Vec<String>) {
    // Children inherit it.
    pin(SERVER_CPU);
    let mut running = Vec::new();
    let mut missing = Vec::new();
    for name in ["ours", "epoll", "tokio", "socat", "ncat"] {
        if !arguments.wants(name) {
            continue;
        }
        let started = match name {
            "socat" | "ncat" => foreign(name),
            "ours" => ours(),
            _ => own(name),
        };
        match started {
            Ok(server) => running.push(server),
            Err(why) => missing.push(format!("{name} did not run: {why}")),
        }
    }
    (running, missing)
}

/// One of the servers below, in this same program.
fn own(name: &'static str) -> Result<Server, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    Server::telling(name, Command::new(program).args(["--server", name]))
}

/// The program itself, as anybody would start it.
fn ours() -> Result<Server, String> {
    let program = env!("CARGO_BIN_EXE_layerlab");
    Server::telling(
        "ours",
        Command::new(program).args(["tcp", "serve", "--quiet", "--listen", "0", "--cc", "reno"]),
    )
}

/// A program that others wrote.
fn foreign(name: &'static str) -> Result<Server, String> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr());
    let address = free.map_err(|e| e.to_string())?;
    let port = address.port();
    let mut command = Command::new(name);
    if name == "socat" {
        // Option 13 of level 6 is TCP_CONGESTION, and the octets are "reno". Accepted connections inherit it.
        let listen = format!(
            "TCP4-LISTEN:{port},bind=127.0.0.1,fork,reuseaddr,backlog=128,setsockopt-listen=6:13:x72656e6f"
        );
        command.args(["-b", "131072", &listen, "PIPE"]);
    } else {
        command.args(["-k", "-l", "127.0.0.1", &port.to_string(), "-c", "cat"]);
    }
    if !installed(name) {
        return Err(format!("{name} is not installed"));
    }
    let child = spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let mut server = Server::of(name, address, child);
    server.rounds = Some(ROUNDS_OF_FORKERS);
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        if began.elapsed() > Duration::from_secs(3) {
            return Err("it did not listen within 3 s".to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

fn installed(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Becomes the server of this name, for ever.
pub(crate) fn be(name: &str) {
    match name {
        "epoll" => bare_epoll(),
        "tokio" => with_tokio(),
        other => eprintln!("no server is called {other:?}"),
    }
}

fn say(address: SocketAddr) {
    println!("{address}");
    std::io::stdout().flush().expect("the bench reads this");
}

fn listener() -> TcpListener {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("socket");
    socket.set_tcp_congestion(b"reno").expect("reno is always there");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bind");
    socket.listen(1024).expect("listen");
    socket.set_nonblocking(true).expect("fcntl");
    let listener: TcpListener = socket.into();
    say(listener.local_addr().expect("getsockname"));
    listener
}

/// The least that an epoll echo can be: level-triggered, one shared buffer, one read and one write for
/// each readiness. A peer that does not take everything makes it wait for that peer alone.
fn bare_epoll() {
    let listener = listener();
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll_create");
    epoll::add(&poll, &listener, epoll::EventData::new_u64(u64::MAX), epoll::EventFlags::IN).expect("add");
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut next = 0_u64;
    let mut buffer = vec![0; 256 << 10];
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        match epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => panic!("{error}"),
        }
        for event in &events {
            let token = event.data.u64();
            if token == u64::MAX {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).expect("fcntl");
                    epoll::add(&poll, &stream, epoll::EventData::new_u64(next), epoll::EventFlags::IN)
                        .expect("add");
                    connections.resize_with(next as usize + 1, || None);
                    connections[next as usize] = Some(stream);
                    next += 1;
                }
                continue;
            }
            let Some(stream) = connections[token as usize].as_mut() else { continue };
            match stream.read(&mut buffer) {
                Ok(got) if got > 0 => {
                    if write_all(stream, &buffer[..got]).is_err() {
                        connections[token as usize] = None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => connections[token as usize] = None,
            }
        }
    }
}

fn write_all(stream: &mut TcpStream, mut octets: &[u8]) -> std::io::Result<()> {
    while !octets.is_empty() {
        match stream.write(octets) {
            Ok(taken) => octets = &octets[taken..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut wait = [rustix::event::PollFd::new(stream, rustix::event::PollFlags::OUT)];
                rustix::event::poll(&mut wait, None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Tokio as its own documentation writes an echo server, on one thread, with a buffer of 128 KiB for
/// each connection (16 KiB, what many use, halves its bulk).
fn with_tokio() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = listener();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("nonblocking");
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            tokio::spawn(async move {
                let mut buffer = vec![0; 128 << 10];
                while let Ok(got) = stream.read(&mut buffer).await {
                    if got == 0 || stream.write_all(&buffer[..got]).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}
