//! The least that a WebSocket echo server can be: it shows what the machine and the load could do.
//!
//! One shared buffer; each frame unmasked and given its new header where it lies, one write for one read. It checks
//! nothing, collects no message, and waits for a peer that does not read: it could not be used for real.

use layerlab::stack::l7_application::ws::{FrameHeader, MAX_HEADER, mask};
use rustix::event::{PollFd, PollFlags, epoll};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

struct Connection {
    stream: TcpStream,
    open: bool,
    /// The beginning of a header, at the end of a read.
    head: Vec<u8>,
    key: [u8; 4],
    /// Octets of the payload so far, and those still to come.
    done: u64,
    left: u64,
}

/// Serves for ever.
pub(crate) fn serve() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("socket");
    socket.set_tcp_congestion(b"reno").expect("reno is always there");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("bind");
    socket.listen(4096).expect("listen");
    socket.set_nonblocking(true).expect("fcntl");
    let listener: TcpListener = socket.into();
    println!("listening on {}", listener.local_addr().expect("getsockname"));
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll_create");
    let add = |stream: BorrowedFd<'_>, n| {
        epoll::add(&poll, stream, epoll::EventData::new_u64(n), epoll::EventFlags::IN).expect("epoll_ctl");
    };
    add(listener.as_fd(), u64::MAX);
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None).expect("epoll_wait");
        for event in &events {
            let token = event.data.u64();
            if token != u64::MAX {
                let connection = &mut connections[token as usize];
                if !connection.as_mut().is_some_and(|c| c.turn(&mut buffer)) {
                    *connection = None;
                }
                continue;
            }
            while let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).expect("fcntl");
                add(stream.as_fd(), connections.len() as u64);
                let (head, key) = (Vec::new(), [0; 4]);
                connections.push(Some(Connection { stream, open: false, head, key, done: 0, left: 0 }));
            }
        }
    }
}

impl Connection {
    /// One read and one write. Whether the connection lives on.
    fn turn(&mut self, buffer: &mut [u8]) -> bool {
        let kept = self.head.len();
        buffer[..kept].copy_from_slice(&self.head);
        self.head.clear();
        match self.stream.read(&mut buffer[kept..]) {
            Ok(got) if got > 0 => {
                let answer =
                    if self.open { self.answer(&mut buffer[..kept + got]) } else { self.shake_hands() };
                write_all(&mut self.stream, &buffer[..answer])
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            _ => false,
        }
    }

    /// The answer to the one request that the load sends, which comes whole.
    fn shake_hands(&mut self) -> usize {
        self.open = write_all(&mut self.stream, ANSWER);
        0
    }

    /// Turns what came into what goes back, in place; a header gets shorter by the key. How many octets that are.
    fn answer(&mut self, octets: &mut [u8]) -> usize {
        let (mut from, mut to) = (0, 0);
        while from < octets.len() {
            if self.left == 0 {
                let Ok(Some((header, taken))) = FrameHeader::parse(&octets[from..], false) else {
                    assert!(octets.len() - from < MAX_HEADER, "the load sends frames");
                    self.head.extend_from_slice(&octets[from..]);
                    break;
                };
                (self.key, self.done, self.left) = (header.mask.unwrap_or_default(), 0, header.len);
                let (head, len) = FrameHeader { mask: None, ..header }.octets();
                octets[to..to + len].copy_from_slice(&head[..len]);
                (from, to) = (from + taken, to + len);
            }
            let run = self.left.min((octets.len() - from) as u64) as usize;
            octets.copy_within(from..from + run, to);
            mask::apply(self.key, self.done, &mut octets[to..to + run]);
            (self.done, self.left) = (self.done + run as u64, self.left - run as u64);
            (from, to) = (from + run, to + run);
        }
        to
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Whether the peer lives.
fn write_all(stream: &mut TcpStream, mut octets: &[u8]) -> bool {
    while !octets.is_empty() {
        match stream.write(octets) {
            Ok(taken) => octets = &octets[taken..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let mut wait = [PollFd::new(stream, PollFlags::OUT)];
                if rustix::event::poll(&mut wait, None).is_err() {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
    true
}
