//! `layerlab ws connect`, through the built program, against servers that nobody here wrote (tungstenite): what a script, a
//! person at a terminal and a broken server meet.
#![cfg(unix)]

#[cfg(feature = "edit")]
mod terminal;
#[cfg(feature = "tls")]
#[path = "ws_connect/tls.rs"]
mod tls;
#[cfg(feature = "edit")]
#[path = "ws_connect/typing.rs"]
mod typing;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocket};
use tungstenite::{Bytes, Message};

const LAYERLAB: &str = env!("CARGO_BIN_EXE_layerlab");

/// A hang fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(60);

/// A server for any number of connections, on a port of its own.
fn serving(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    at
}

/// A WebSocket server.
fn speaking(serve: impl Fn(WebSocket<TcpStream>) + Send + Sync + Clone + 'static) -> String {
    let at = serving(move |stream| {
        if let Ok(peer) = tungstenite::accept(stream) {
            serve(peer);
        }
    });
    format!("ws://{at}/")
}

/// Sends back what comes, until the client closes.
fn echo<S: Read + Write>(mut peer: WebSocket<S>) {
    while let Ok(message) = peer.read() {
        if (message.is_text() || message.is_binary()) && peer.send(message).is_err() {
            return;
        }
    }
}

/// One that answers every request with these octets.
fn answering(octets: &'static str) -> String {
    let at = serving(move |mut stream| {
        let mut head = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while head.read_line(&mut line).is_ok_and(|n| n > 2) {
            line.clear();
        }
        let _ = stream.write_all(octets.as_bytes());
    });
    format!("ws://{at}/")
}

struct Told {
    code: i32,
    out: Vec<u8>,
    err: String,
}

impl Told {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

fn connecting(arguments: &[&str]) -> Child {
    let mut command = Command::new(LAYERLAB);
    command.args(["ws", "connect"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(mut child: Child, input: &[u8]) -> Told {
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = thread::spawn(move || stdin.write_all(&input));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let _ = writing.join().unwrap();
    Told {
        code: status.code().expect("ended by itself"),
        out: stdout,
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs it with this input, to its end.
fn connect(arguments: &[&str], input: &[u8]) -> Told {
    ended(connecting(arguments), input)
}

#[test]
fn lines_become_messages_and_come_back_in_order() {
    let url = speaking(echo);
    let told = connect(&[&url], "one\ntwo \u{e9}\n\nlast".as_bytes());
    assert_eq!((told.code, told.text()), (0, "one\ntwo \u{e9}\n\nlast\n"), "{}", told.err);
    assert!(told.err.contains("1000"), "{}", told.err);
    let many: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let told = connect(&[&url, "--quiet"], many.as_bytes());
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    assert!(told.text() == many, "5000 lines in order");
    // Not even the first write of a long line is a whole message.
    let long = "x".repeat(3_000_000);
    assert_eq!(connect(&[&url, "-q"], long.as_bytes()).out.len(), long.len() + 1);
}

#[test]
fn octets_go_through_as_they_are() {
    let octets: Vec<u8> = (0..700_000u32).map(|n| ((n * 7) >> 3) as u8).collect();
    for chunk in [&[][..], &["--chunk", "1000"], &["--deflate"]] {
        let url = speaking(echo);
        let told = connect(&[&[url.as_str(), "--binary"], chunk].concat(), &octets);
        assert_eq!(told.code, 0, "{}", told.err);
        assert!(told.out == octets, "{chunk:?}: {} of {} octets", told.out.len(), octets.len());
    }
}

#[test]
fn chunks_are_messages_of_that_size() {
    let url = speaking(|mut peer| {
        while let Ok(message) = peer.read() {
            if let Message::Binary(octets) = message {
                peer.send(Message::text(octets.len().to_string())).unwrap();
            }
        }
    });
    let told = connect(&[&url, "-b", "--chunk", "4"], b"0123456789");
    // With --binary all that comes is written as it is.
    assert_eq!((told.code, told.text()), (0, "442"), "{}", told.err);
    // Without it a binary message is shown as a dump.
    let url = speaking(|mut peer| {
        peer.send(Message::Binary(Bytes::from_static(b"\x00\xffab"))).unwrap();
        peer.close(None).unwrap();
        while peer.read().is_ok() {}
    });
    let told = connect(&[&url], b"");
    assert_eq!(told.text().split_whitespace().collect::<Vec<_>>(), ["0000", "00", "ff", "61", "62", "..ab"]);
}

#[test]
fn the_handshake_says_what_was_asked_for() {
    let at = serving(|stream| {
        let mut said = String::new();
        #[allow(clippy::result_large_err)] // The callback's own type.
        let keep = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            let field = |name: &str| {
                request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
            };
            let fields = ["host", "origin", "authorization", "x-two", "sec-websocket-protocol"].map(field);
            said = format!("{}|{}", fields.join("|"), request.uri());
            response.headers_mut().insert("Sec-WebSocket-Protocol", "b".parse().unwrap());
            Ok(response)
        };
        let mut peer = tungstenite::accept_hdr(stream, keep).unwrap();
        peer.send(Message::text(said)).unwrap();
        echo(peer);
    });
    let url = format!("ws://{at}/chat?room=1&name=a b");
    let more = [
        "--origin",
        "https://o.example",
        "-H",
        "Authorization: Basic eDp5",
        "-H",
        "X-Two: 2",
        "--subprotocol",
        "a,b",
    ];
    let told = connect(&[&[url.as_str()], &more[..]].concat(), b"");
    let expected = format!("{at}|https://o.example|Basic eDp5|2|a, b|/chat?room=1&name=a%20b\n");
    assert_eq!((told.code, told.text()), (0, expected.as_str()), "{}", told.err);
}

#[test]
fn what_cannot_be_asked_for_is_refused_before_anything_is_sent() {
    for (arguments, says) in [
        (&["http://h/"][..], "ws://HOST"),
        (&["localhost:9001"], "ws://HOST"),
        (&["ws://u:p@h/"], "Authorization"),
        (&["ws://h/#f"], "%23"),
        (&["ws://h:0/"], "no port"),
        (&["ws://h/", "--header", "Host: x"], "the URL's host"),
        (&["ws://h/", "--header", "A: b\r\nC: d"], "control characters"),
        (&["ws://h/", "--close", "1006"], "close code"),
        (&["ws://h/", "--chunk", "5"], "--binary"),
        (&["ws://h/", "--subprotocol", "a b"], "token"),
        (&["ws://h/", "--timeout", "0s"], "needs some time"),
    ] {
        let told = connect(arguments, b"");
        assert_eq!(told.code, 2, "{arguments:?}: {}", told.err);
        assert!(told.err.contains(says), "{arguments:?}: {}", told.err);
    }
}

#[test]
fn every_refusal_says_what_to_do_next() {
    for (answer, says) in [
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "check the URL's path"),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "--origin"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "check the path"),
        ("HTTP/1.1 302 Found\r\nLocation: wss://x.example/\r\n\r\n", "wss://x.example/"),
        ("HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 8\r\n\r\n", "version 8"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            "Sec-WebSocket-Accept",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n", "Upgrade"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "handshake failed"),
        ("", "without an answer"),
    ] {
        let told = connect(&[&answering(answer)], b"never sent\n");
        assert_eq!((told.code, told.text()), (1, ""), "{answer:?}: {}", told.err);
        assert!(told.err.contains(says), "{answer:?}: {}", told.err);
        assert_eq!(told.err.lines().count(), 1, "one sentence: {}", told.err);
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = connect(&[&format!("ws://{free}/")], b"");
    assert!(
        told.code == 1 && told.err.contains("refused") && told.err.contains("layerlab ws serve"),
        "{}",
        told.err
    );
    let told = connect(&["ws://no-such-host.invalid/"], b"");
    assert!(told.code == 1 && told.err.contains("check its spelling"), "{}", told.err);
}

#[test]
fn the_status_says_whether_it_ended_well() {
    let closing = |code: u16, reason: &'static str| {
        speaking(move |mut peer| {
            peer.close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() })).unwrap();
            while peer.read().is_ok() {}
        })
    };
    for (code, status) in [(1000, 0), (1001, 0), (1008, 1), (1011, 1), (4001, 1)] {
        // Lingering: else its Close and ours would cross.
        let told = connect(&[&closing(code, "because"), "--linger", "20s"], b"");
        assert_eq!(told.code, status, "{code}: {}", told.err);
        assert!(told.err.contains(&format!("the server closed with {code}")), "{}", told.err);
        assert!(told.err.contains("because"), "{}", told.err);
    }
    // A code of ours that comes back is what was asked for.
    let told = connect(&[&speaking(echo), "--close", "4000:so long"], b"");
    assert!(told.code == 0 && told.err.contains("4000"), "{}", told.err);
    // TCP's end without a Close is none.
    let told = connect(&[&speaking(drop)], b"");
    assert!(told.code == 1 && told.err.contains("1006"), "{}", told.err);
    // A frame that breaks a rule: whose fault, and which.
    let told =
        connect(&[&speaking(|peer| peer.into_inner().write_all(&[0x81, 0x81, 0, 0, 0, 0, 0]).unwrap())], b"");
    assert!(told.code == 1 && told.err.contains("RFC 6455 s5.1"), "{}", told.err);
}

#[test]
fn a_limit_of_our_own_is_told_as_ours_and_with_our_code() {
    let told = connect(&[&speaking(echo), "--max-message", "3"], b"hello\n");
    assert_eq!(told.code, 1, "{}", told.err);
    let lines: Vec<&str> = told.err.lines().collect();
    let [limit, closed] = lines[..] else { panic!("{}", told.err) };
    assert!(limit.contains("the server sent more than the client takes: a frame of 5 octets"), "{limit}");
    assert!(limit.contains("--max-message") && !limit.contains("broke"), "{limit}");
    assert_eq!(closed, "layerlab: closed with 1009 (Message Too Big)");
    let told = connect(&[&speaking(echo), "--max-message", "3", "-vv"], b"hello\n");
    let words = told.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("this side need not wait for the other's Close [RFC 6455 s7.1.7]"), "{words}");
    assert!(!words.contains("has to say Close too") && !words.contains("1006"), "{words}");
}

#[test]
fn an_offer_that_was_declined_is_told() {
    let told = connect(&[&speaking(echo), "--deflate"], b"");
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("the server declined permessage-deflate"), "{}", told.err);
}

#[test]
fn text_that_is_no_text_is_not_sent() {
    let told = connect(&[&speaking(echo)], b"good\n\xff\n");
    assert_eq!((told.code, told.text()), (1, "good\n"), "{}", told.err);
    assert!(told.err.contains("--binary"), "{}", told.err);
}

#[test]
fn a_silent_server_is_not_waited_for() {
    let silent = serving(|stream| {
        thread::sleep(GUARD);
        drop(stream);
    });
    let began = Instant::now();
    let told = connect(&[&format!("ws://{silent}/"), "--timeout", "300ms"], b"");
    assert!(told.code == 1 && told.err.contains("--timeout"), "{}", told.err);
    // One that does not read: what it does not take is given up, and memory stays bounded.
    let deaf = speaking(|peer| {
        thread::sleep(GUARD);
        drop(peer);
    });
    let endless = Command::new("yes").stdout(Stdio::piped()).spawn().unwrap();
    let mut endless = scopeguard(endless);
    let told = Command::new(LAYERLAB)
        .args(["ws", "connect", &deaf, "--timeout", "500ms"])
        .stdin(endless.0.stdout.take().unwrap())
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(1));
    // Pings find out that nobody is there.
    let mut child = connecting(&[&deaf, "--timeout", "300ms", "--ping-every", "100ms"]);
    let stdin = child.stdin.take();
    let told = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&told.stderr).contains("no sign of life"), "{told:?}");
    drop(stdin);
    assert!(began.elapsed() < GUARD / 2);
}

/// Ended when dropped.
struct Ended(Child);

fn scopeguard(child: Child) -> Ended {
    Ended(child)
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_handshake_and_every_frame_can_be_seen() {
    let told = connect(&[&speaking(echo), "-vv", "--ascii"], b"Hello\n");
    assert_eq!((told.code, told.text()), (0, "Hello\n"), "{}", told.err);
    let in_order = [
        ", 127.0.0.1:",
        "client>server HTTP GET / HTTP/1.1",
        "> Sec-WebSocket-Key: ",
        "server>client HTTP/1.1 101 Switching Protocols",
        "258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
        "equal to what was sent",
        "< sec-websocket-accept: ",
        "client>server WebSocket Text FIN=1 len=5",
        "server>client WebSocket Text FIN=1 len=5",
        "client>server WebSocket Close FIN=1",
        "server>client WebSocket Close FIN=1",
    ];
    let mut from = 0;
    for line in in_order {
        let at = told.err[from..].find(line);
        from += at.unwrap_or_else(|| panic!("no {line:?} in its place in {}", told.err));
    }
}

#[test]
fn what_happens_comes_as_json_and_messages_with_it() {
    let long = "x".repeat(1000);
    let told = connect(&[&speaking(echo), "--json"], format!("Hello\n{long}\n").as_bytes());
    assert_eq!(told.code, 0, "{}", told.err);
    let lines: Vec<serde_json::Value> =
        told.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["schema"] == 1));
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("run", "outcome"));
    let events: Vec<_> = lines.iter().filter(|line| line["kind"] == "event").collect();
    assert!(events.iter().zip(1..).all(|(event, id)| event["id"] == id));
    assert_eq!((&events[0]["call"], &events[0]["ok"]), (&"connect".into(), &true.into()));
    let steps: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event["sender"].as_str()?, event["step"].as_str()?)))
        .collect();
    assert_eq!(steps[..3], [("client", "request"), ("server", "response"), ("server", "opened")]);
    for sender in ["client", "server"] {
        let messages: Vec<_> = events
            .iter()
            .filter(|event| event["sender"] == sender)
            .filter_map(|event| event["message"]["sample"].as_str())
            .collect();
        assert_eq!(messages, ["Hello", &long], "{sender}");
    }
}

#[test]
fn answers_are_waited_for_until_the_server_is_quiet() {
    // As many servers do, it answers nothing more once a Close came; and it takes its time.
    let late = speaking(|mut peer| {
        let messages: Vec<Message> = (0..4).map_while(|_| peer.read().ok()).collect();
        for message in messages {
            peer.get_ref().set_read_timeout(Some(Duration::from_millis(400))).unwrap();
            if peer.get_ref().peek(&mut [0]).is_ok() || peer.send(message).is_err() {
                return;
            }
        }
        peer.get_ref().set_read_timeout(None).unwrap();
        while peer.read().is_ok() {}
    });
    let told = connect(&[&late, "--linger", "4s"], b"1\n2\n3\n4\n");
    assert_eq!((told.code, told.text()), (0, "1\n2\n3\n4\n"), "{}", told.err);
    // Without, the Close goes at once.
    let began = Instant::now();
    let told = connect(&[&speaking(echo), "--linger", "0s"], b"");
    assert!(told.code == 0 && began.elapsed() < Duration::from_secs(10), "{}", told.err);
}

#[test]
fn echo_sends_back_what_comes_and_reads_no_input() {
    let url = speaking(|mut peer| {
        for message in [Message::text("a"), Message::Binary(Bytes::from(vec![7; 70_000])), Message::text("")]
        {
            peer.send(message.clone()).unwrap();
            assert_eq!(peer.read().unwrap(), message);
        }
        peer.close(None).unwrap();
        while peer.read().is_ok() {}
    });
    let told = connect(&[&url, "--echo", "--quiet"], b"this is not read\n");
    assert_eq!((told.code, told.text(), told.err.as_str()), (0, "", ""));
}

#[test]
fn ctrl_c_closes_and_a_second_one_waits_for_nobody() {
    let signal = |child: &Child, name: &str| {
        assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    };
    let first_line = |child: &mut Child| {
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line
    };
    let greeting = |close: bool| {
        speaking(move |mut peer| {
            peer.send(Message::text("hello")).unwrap();
            if close {
                while peer.read().is_ok() {}
            } else {
                thread::sleep(GUARD);
            }
        })
    };
    let mut child = connecting(&[&greeting(true)]);
    assert_eq!(first_line(&mut child), "hello\n");
    signal(&child, "-INT");
    let told = child.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let mut child = connecting(&[&greeting(false), "--timeout", "60s"]);
    assert_eq!(first_line(&mut child), "hello\n");
    let began = Instant::now();
    signal(&child, "-INT");
    thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it waits for the server's Close");
    signal(&child, "-INT");
    let told = child.wait_with_output().unwrap();
    assert_eq!(told.status.code(), Some(130), "{told:?}");
    assert!(began.elapsed() < GUARD / 2);
}
