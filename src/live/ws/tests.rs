//! A driver against servers that nobody here wrote (tungstenite), and against ones that misbehave.

use super::*;
use crate::host::Clock;
use crate::stack::l7_application::ws::handshake::ClientRequest;
use crate::stack::l7_application::ws::machine::{Command, Event, Settings, Waiting};
use crate::stack::l7_application::ws::{CloseCode, Kind, Masks, Url, WebSocket};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A hang fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(20);

/// A server for one connection, on a port of its own.
fn serving(serve: impl FnOnce(TcpStream) + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at: SocketAddr = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    format!("ws://{at}/").parse().unwrap()
}

/// Echoes until the client closes.
fn echo(stream: TcpStream) {
    let mut peer = tungstenite::accept(stream).unwrap();
    while let Ok(message) = peer.read() {
        if (message.is_text() || message.is_binary()) && peer.send(message).is_err() {
            return;
        }
    }
}

fn drive(url: &Url, settings: Settings) -> Driver {
    let dialled = dial(url, Duration::from_secs(5)).unwrap();
    let mut masks = Masks::seeded(1);
    let request = ClientRequest::new(url.authority(), url.target.clone(), masks.nonce());
    let machine = WebSocket::client(request, masks, Arc::new(settings));
    let mut driver = Driver::new(Stream::plain(dialled.stream).unwrap(), machine, Clock::start()).unwrap();
    driver.command(Command::Begin).unwrap();
    driver
}

/// Every event to the end, with what `on` does at each.
fn play(driver: &mut Driver, mut on: impl FnMut(&mut Driver, &Event)) -> (Vec<Event>, Vec<io::ErrorKind>) {
    let (mut events, mut errors) = (Vec::new(), Vec::new());
    let until = driver.now() + GUARD;
    loop {
        match driver.next(Some(until)) {
            Turn::Event(event) => {
                on(driver, &event);
                events.push(event);
            }
            Turn::Failed(error) => errors.push(error.kind()),
            Turn::Woken => {}
            Turn::Elapsed => panic!("no end after {events:?}"),
            Turn::Over => return (events, errors),
        }
    }
}

fn text(text: &str) -> Command {
    Command::Message { kind: Kind::Text, payload: text.into(), fragment: None }
}

#[test]
fn messages_come_back_and_the_close_is_clean() {
    let mut driver = drive(&serving(echo), Settings::default());
    let big = "x".repeat(3 << 20);
    let (events, errors) = play(&mut driver, |driver, event| match event {
        Event::Opened(_) => {
            driver.command(text("small")).unwrap();
            driver.command(text(&big)).unwrap();
        }
        Event::Message(_, payload) if payload.len() > 9 => {
            driver.command(Command::Close(Some((CloseCode::NORMAL, "done".into())))).unwrap();
        }
        _ => {}
    });
    assert!(errors.is_empty(), "{errors:?}");
    let came: Vec<usize> = events
        .iter()
        .filter_map(|event| if let Event::Message(_, payload) = event { Some(payload.len()) } else { None })
        .collect();
    assert_eq!(came, [5, big.len()]);
    assert!(matches!(events.last(), Some(Event::Closed { code: CloseCode::NORMAL, clean: true, .. })));
}

#[test]
fn a_waker_ends_a_wait_and_so_does_patience() {
    let mut driver = drive(&serving(echo), Settings::default());
    let opened = |driver: &mut Driver| loop {
        match driver.next(None) {
            Turn::Event(Event::Opened(_)) => break,
            Turn::Event(_) => {}
            other => panic!("{other:?}"),
        }
    };
    opened(&mut driver);
    let soon = driver.now() + Duration::from_millis(30);
    assert!(matches!(driver.next(Some(soon)), Turn::Elapsed));
    assert!(driver.now() >= soon);
    let waker = driver.waker();
    let waking = thread::spawn(move || waker.wake().unwrap());
    assert!(matches!(driver.next(None), Turn::Woken));
    waking.join().unwrap();
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    for (says, what) in [("", Waiting::Handshake), ("HTTP/1.1 101 S", Waiting::Handshake)] {
        let url = serving(move |mut stream| {
            stream.write_all(says.as_bytes()).unwrap();
            let _ = io::copy(&mut stream, &mut io::sink());
        });
        let settings = Settings { handshake_within: Duration::from_millis(150), ..Settings::default() };
        let began = Instant::now();
        let (events, _) = play(&mut drive(&url, settings), |_, _| ());
        assert!(events.contains(&Event::TimedOut(what)), "{events:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_server_that_does_not_close_is_given_up() {
    let url = serving(|stream| {
        let mut peer = tungstenite::accept(stream).unwrap();
        // It reads nothing more: it never hears the Close.
        thread::sleep(Duration::from_secs(3));
        let _ = peer.close(None);
    });
    let settings = Settings { close_within: Duration::from_millis(100), ..Settings::default() };
    let began = Instant::now();
    let (events, _) = play(&mut drive(&url, settings), |driver, event| {
        if let Event::Opened(_) = event {
            driver.command(Command::Close(None)).unwrap();
        }
    });
    assert!(events.contains(&Event::TimedOut(Waiting::Close)), "{events:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_and_memory_stays_bounded() {
    let url = serving(|stream| {
        let _peer = tungstenite::accept(stream).unwrap();
        thread::sleep(Duration::from_secs(10));
    });
    let mut driver = drive(&url, Settings::default()).stalling_at_most(Duration::from_millis(200));
    let mut said = 0;
    let until = driver.now() + GUARD;
    let mut failed = None;
    loop {
        while driver.machine().is_open() && failed.is_none() && !driver.is_full() {
            driver.command(text(&"y".repeat(100_000))).unwrap();
            said += 100_000;
        }
        match driver.next(Some(until)) {
            Turn::Failed(error) => failed = Some(error.kind()),
            Turn::Elapsed => panic!("it hangs"),
            Turn::Over => break,
            Turn::Event(_) | Turn::Woken => {}
        }
    }
    assert_eq!(failed, Some(io::ErrorKind::TimedOut));
    // What the kernel took, and what waited here.
    assert!(said < 64 << 20, "{said}");
}

#[test]
fn a_reset_is_told_with_its_error_and_ends_it() {
    let url = serving(|stream| {
        let peer = tungstenite::accept(stream).unwrap();
        let mut stream = peer.into_inner();
        // Unread octets make close() a reset (RFC 9293 s3.6.1).
        let mut one = [0];
        stream.read_exact(&mut one).unwrap();
    });
    let (events, errors) = play(&mut drive(&url, Settings::default()), |driver, event| {
        if let Event::Opened(_) = event {
            driver.command(text("these are never read")).unwrap();
        }
    });
    assert_eq!(errors, [io::ErrorKind::ConnectionReset], "{events:?}");
    assert!(matches!(events.last(), Some(Event::Closed { code: CloseCode::ABNORMAL, clean: false, .. })));
}

#[test]
fn nobody_there_is_a_sentence() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url: Url = format!("ws://{free}/").parse().unwrap();
    let error = dial(&url, Duration::from_secs(2)).unwrap_err();
    assert!(matches!(error, DialError::Refused { to, secure: false } if to == free), "{error}");
    assert!(error.to_string().contains("layerlab ws serve"), "{error}");
    let url: Url = "ws://no-such-host.invalid/".parse().unwrap();
    assert!(dial(&url, Duration::from_secs(2)).unwrap_err().to_string().contains("no-such-host.invalid"));
}

#[test]
fn every_address_is_tried() {
    // A listener on IPv4 alone: where `localhost` is ::1 too, that one refuses first.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dialled = dial(&format!("ws://localhost:{port}/").parse().unwrap(), GUARD).unwrap();
    assert!(dialled.peer.is_ipv4());
    assert_eq!(dialled.failed.len() + 1, dialled.failed.iter().filter(|(to, _)| to.is_ipv6()).count() + 1);
    assert!(dialled.failed.len() < dialled.addresses);
}
