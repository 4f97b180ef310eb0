//! The server against clients that behave, stall, lie, vanish or come in crowds. The well-behaved client is
//! tungstenite's; the others are octets.

use super::*;
use crate::live::serve::still::held_up;
use socket2::SockRef;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use tungstenite::protocol::frame::coding::CloseCode as Code;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{ClientRequestBuilder, Error, Message, WebSocket};

mod misbehaving;
mod rooms;
mod web;

/// A hang of the server fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(30);

type Client = WebSocket<TcpStream>;

struct Running {
    at: SocketAddr,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: JoinHandle<WsSummary>,
}

fn options() -> WsServe {
    WsServe::new((Ipv4Addr::LOCALHOST, 0).into())
}

fn start(options: WsServe) -> Running {
    let server = Server::bind(options, &mut Quiet).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (at, waker, flag) = (server.local_addr(), server.waker(), Arc::clone(&stop));
    let thread = thread::spawn(move || server.run(&mut Quiet, &flag).unwrap());
    Running { at, stop, waker, thread }
}

impl Running {
    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream.set_write_timeout(Some(GUARD)).unwrap();
        stream
    }

    /// A WebSocket at this path, by tungstenite.
    fn connect(&self, path: &str) -> Client {
        self.try_connect(self.request(path)).unwrap()
    }

    fn request(&self, path: &str) -> ClientRequestBuilder {
        ClientRequestBuilder::new(format!("ws://{}{path}", self.at).parse().unwrap())
    }

    fn try_connect(&self, request: ClientRequestBuilder) -> Result<Client, u16> {
        let most = Some(1 << 30);
        let config = WebSocketConfig::default().max_message_size(most).max_frame_size(most);
        match tungstenite::client::client_with_config(request, self.tcp(), Some(config)) {
            Ok((client, _)) => Ok(client),
            Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => Err(response.status().into()),
            Err(other) => panic!("{other}"),
        }
    }

    /// A WebSocket opened by hand: octets from here on.
    fn raw(&self) -> TcpStream {
        let mut stream = self.tcp();
        stream.write_all(HANDSHAKE).unwrap();
        let head = head_of(&mut stream);
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        stream
    }

    /// Stops it, and gives what it did.
    fn stop(self) -> WsSummary {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake().unwrap();
        self.thread.join().unwrap()
    }
}

/// The handshake of RFC 6455 s1.3.
const HANDSHAKE: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Reads up to an empty line.
fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A client's frame, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..0x1_0000 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// What comes until the server ends TCP.
fn rest_of(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// Waits for the server's Close and the end of TCP after it; gives the code and the reason.
fn closed(client: &mut Client) -> (u16, String) {
    let mut said = None;
    loop {
        match client.read() {
            Ok(Message::Close(close)) => said = close,
            Ok(_) => {}
            Err(Error::ConnectionClosed) => break,
            Err(other) => panic!("{other}"),
        }
    }
    said.map(|close: CloseFrame| (close.code.into(), close.reason.to_string())).unwrap()
}

#[test]
fn every_length_and_kind_comes_back_as_it_was() {
    for recv_size in [100, 256 << 10] {
        let server = start(WsServe { recv_size, ..options() });
        let mut client = server.connect("/");
        let lengths = [0, 1, 125, 126, 127, 1000, 16 << 10, 65_535, 65_536, 200_000, 3 << 20];
        for len in lengths {
            client.send(Message::binary(pattern(len))).unwrap();
            assert!(client.read().unwrap() == Message::binary(pattern(len)), "{len} octets");
            client.send(Message::text("\u{e9}".repeat(len / 2))).unwrap();
            assert!(
                client.read().unwrap() == Message::text("\u{e9}".repeat(len / 2)),
                "{len} octets of text"
            );
        }
        client.send(Message::Ping(b"are you there".as_slice().into())).unwrap();
        assert_eq!(client.read().unwrap(), Message::Pong(b"are you there".as_slice().into()));
        client.close(Some(CloseFrame { code: Code::from(4321), reason: "enough".into() })).unwrap();
        assert_eq!(closed(&mut client), (4321, String::new()));
        let summary = server.stop();
        assert_eq!((summary.opened, summary.messages), (1, 2 * lengths.len() as u64));
        assert_eq!((summary.abnormal, summary.faults, summary.unsent), (0, 0, 0));
    }
}

/// Small answers are copied, large ones go out from where they lie, and a peer that reads late makes the server hold the
/// rest of either: the order is that of the messages all the same.
#[test]
fn answers_of_every_size_keep_their_order() {
    let (large, halves) = (pattern(70_000), pattern(100_000));
    let asked = [
        frame(0x81, b"first"),
        frame(0x82, &large),
        frame(0x89, b"between"),
        frame(0x02, &halves[..60_000]),
        frame(0x89, b"inside"),
        frame(0x80, &halves[60_000..]),
        frame(0x81, b"last"),
        frame(0x82, &large[..20_000]),
    ]
    .concat()
    .repeat(40);
    let answered = [
        &b"\x81\x05first\x82\x7f\0\0\0\0\0\x01\x11\x70"[..],
        &large,
        b"\x8a\x07between\x8a\x06inside\x82\x7f\0\0\0\0\0\x01\x86\xa0",
        &halves,
        b"\x81\x04last\x82\x7e\x4e\x20",
        &large[..20_000],
    ]
    .concat()
    .repeat(40);
    for recv_size in [64 << 10, 512 << 10] {
        let server = start(WsServe { recv_size, ..options() });
        let mut stream = server.raw();
        SockRef::from(&stream).set_recv_buffer_size(16 << 10).unwrap();
        SockRef::from(&stream).set_send_buffer_size(16 << 10).unwrap();
        let mut writer = stream.try_clone().unwrap();
        let asked = asked.clone();
        let written = Arc::new(AtomicUsize::new(0));
        let progress = written.clone();
        let writes = thread::spawn(move || {
            for part in asked.chunks(16 << 10) {
                writer.write_all(part).unwrap();
                progress.fetch_add(part.len(), Ordering::Relaxed);
            }
            // A reserved opcode: what was asked before it is answered before the Close.
            writer.write_all(&frame(0x83, b"")).unwrap();
        });
        // The server holds answers by then.
        held_up(&written);
        let rest = rest_of(&mut stream);
        assert!(rest == [&answered[..], b"\x88\x02\x03\xea"].concat(), "{} octets", rest.len());
        writes.join().unwrap();
        let summary = server.stop();
        assert_eq!((summary.messages, summary.faults, summary.unsent), (40 * 5, 1, 0));
        assert!(summary.stalls > 0);
    }
}

#[test]
fn many_clients_at_once_each_get_their_own_in_order() {
    let server = start(options());
    let mut clients: Vec<_> = (0..200).map(|_| server.connect("/")).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        for n in 0..20 {
            client.write(Message::text(format!("{i} {n}"))).unwrap();
        }
        client.flush().unwrap();
    }
    for (i, client) in clients.iter_mut().enumerate() {
        for n in 0..20 {
            assert_eq!(client.read().unwrap(), Message::text(format!("{i} {n}")));
        }
    }
    let summary = server.stop();
    assert_eq!((summary.peak_open, summary.open, summary.messages), (200, 200, 4000));
}

/// Seen from outside at 10,000 connections: 417 octets each, allocator included.
#[test]
fn a_connection_that_waits_holds_less_than_a_kibibyte() {
    let held = size_of::<client::Client>() + size_of::<client::Open>();
    assert!(held < 600, "{held}");
}

#[test]
fn the_server_ends_tcp_first_after_both_closes() {
    let server = start(options());
    let mut stream = server.raw();
    stream.write_all(&frame(0x88, &1000_u16.to_be_bytes())).unwrap();
    // The client's direction is still open, and yet the server's ends.
    assert_eq!(rest_of(&mut stream), b"\x88\x02\x03\xe8");
    drop(stream);
    let summary = server.stop();
    assert_eq!((summary.abnormal, summary.silent), (0, 0));
}

#[test]
fn a_server_that_stops_says_1001_and_waits_for_the_answers() {
    let server = start(options());
    let (at_once, mut clients) = (Instant::now(), Vec::from_iter((0..5).map(|_| server.connect("/"))));
    let thread = thread::spawn(move || {
        let said: Vec<_> = clients.iter_mut().map(closed).collect();
        said
    });
    let summary = server.stop();
    let said = thread.join().unwrap();
    assert!(said.iter().all(|close| *close == (1001, "the server stops".into())), "{said:?}");
    assert_eq!((summary.open, summary.abnormal), (5, 0));
    assert!(at_once.elapsed() < GUARD / 2);
}

#[test]
fn a_server_that_stops_waits_no_longer_than_two_seconds() {
    let server = start(options());
    let _deaf = [server.raw(), server.raw()];
    let _undecided = server.tcp();
    let began = Instant::now();
    let summary = server.stop();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(summary.abnormal, 2);
}

#[test]
fn compressed_messages_go_both_ways_and_only_so_many_connections_compress() {
    let server = start(WsServe { deflate: true, deflate_most: 1, ..options() });
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let shake = String::from_utf8_lossy(HANDSHAKE).replacen("\r\n\r\n", &format!("\r\n{offer}"), 1);
    let mut stream = server.tcp();
    stream.write_all(shake.as_bytes()).unwrap();
    assert!(head_of(&mut stream).contains("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    // "Hello" of RFC 7692 s7.2.3.1, and again by reference to it (s7.2.3.2): both come back as text that is too short
    // to be worth compressing.
    stream.write_all(&frame(0xc1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00])).unwrap();
    stream.write_all(&frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00])).unwrap();
    let mut back = [0; 14];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"\x81\x05Hello\x81\x05Hello");
    // A longer one is compressed.
    stream.write_all(&frame(0x82, &[b'a'; 1000])).unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    assert!(head[0] == 0xc2 && head[1] < 50, "{head:?}");
    let mut second = server.tcp();
    second.write_all(shake.as_bytes()).unwrap();
    assert!(!head_of(&mut second).contains("permessage-deflate"));
    drop(stream);
    server.stop();
}
