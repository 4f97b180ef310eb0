//! One end on the real network, through the built program: what a script, a shell or a program of somebody
//! else meets. Loopback and ephemeral ports alone.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

/// A hang fails the test instead of the whole run.
const GUARD: Duration = Duration::from_secs(30);

fn layerlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> (i32, String, String) {
    told(layerlab(arguments).output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    let text = |octets| String::from_utf8(octets).unwrap();
    (output.status.code().expect("ended by itself"), text(output.stdout), text(output.stderr))
}

/// A server that has said where it listens; ended when dropped.
struct Server {
    child: Option<Child>,
    out: BufReader<ChildStdout>,
    before: String,
    at: SocketAddr,
}

impl Server {
    fn start(arguments: &[&str]) -> Server {
        let mut child = layerlab(arguments).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut before = String::new();
        let at = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended after {before:?}");
            match line.trim_end().strip_prefix("listening on ") {
                Some(at) => break at.parse().unwrap(),
                None => before.push_str(&line),
            }
        };
        Server { child: Some(child), out, before, at }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(GUARD)).unwrap();
        stream
    }

    /// Sends the signal: the status, the rest of standard output, and standard error.
    fn stop(mut self, signal: &str) -> (i32, String, String) {
        let child = self.child.take().unwrap();
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let (code, _, err) = told(child.wait_with_output().unwrap());
        (code, rest, err)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn ctrl_c_ends_a_server_with_a_summary_and_success() {
    for signal in ["-INT", "-TERM"] {
        let server = Server::start(&["tcp", "serve", "--listen", "0", "--ascii"]);
        assert!(server.at.ip().is_loopback() && server.at.port() > 0);
        assert!(server.before.contains("loopback") && server.before.contains("listen("), "{}", server.before);
        let mut stream = server.connect();
        stream.write_all(b"hello").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = String::new();
        stream.read_to_string(&mut back).unwrap();
        assert_eq!(back, "hello");
        let (code, rest, err) = server.stop(signal);
        assert_eq!(code, 0, "{err}");
        assert!(rest.contains("accept(") && rest.contains("\"hello\""), "{rest}");
        assert!(rest.contains("interrupted"), "{rest}");
        assert!(err.contains("1 connection accepted") && err.contains("5 octets received, 5 sent"), "{err}");
    }
}

#[test]
fn a_quiet_server_says_where_it_listens_and_what_it_did_and_nothing_else() {
    let server = Server::start(&["tcp", "serve", "--listen", "0", "--quiet"]);
    assert_eq!(server.before, "");
    let mut stream = server.connect();
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    let (code, rest, err) = server.stop("-INT");
    assert_eq!((code, rest.as_str()), (0, ""));
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("1 still open"), "{err}");
}

#[test]
fn a_server_that_listens_beyond_loopback_does_not_call_itself_loopback() {
    let server = Server::start(&["udp", "serve", "--listen", "0.0.0.0:0", "--ascii"]);
    assert!(server.before.contains("the real network"), "{}", server.before);
    assert!(!server.before.contains("loopback"), "{}", server.before);
    let (code, ..) = server.stop("-INT");
    assert_eq!(code, 0);
}

/// A WebSocket client of another make.
fn websocket(at: SocketAddr, path: &str) -> tungstenite::WebSocket<TcpStream> {
    let stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    tungstenite::client(format!("ws://{at}{path}"), stream).unwrap().0
}

#[test]
fn a_websocket_server_serves_a_client_of_another_make_and_says_1001() {
    for telling in ["--quiet", "--ascii"] {
        let server = Server::start(&["ws", "serve", "--listen", "0", "--path", "/chat", telling]);
        let mut client = websocket(server.at, "/chat");
        client.send("Hello".into()).unwrap();
        assert_eq!(client.read().unwrap().into_text().unwrap(), "Hello");
        let mut page = server.connect();
        page.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut whole = String::new();
        page.read_to_string(&mut whole).unwrap();
        assert!(whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.ends_with("</html>\n"), "{whole}");
        let closed = std::thread::spawn(move || client.read().unwrap());
        let (code, rest, err) = server.stop("-INT");
        let tungstenite::Message::Close(Some(close)) = closed.join().unwrap() else { panic!("no Close") };
        assert_eq!(u16::from(close.code), 1001);
        assert_eq!(code, 0, "{err}");
        if telling == "--quiet" {
            assert_eq!(rest, "");
        } else {
            // Each frame is told, from the octets of send() and recv().
            for told in ["GET /chat HTTP/1.1", "WebSocket is open", "WebSocket Text FIN=1 len=5", "\"Hello\""]
            {
                assert!(rest.contains(told), "{told}: {rest}");
            }
        }
        for said in ["1 WebSocket opened", "1 message received", "1 asked for the page"] {
            assert!(err.contains(said), "{err}");
        }
    }
}

#[test]
fn a_chat_through_the_program_carries_names() {
    let server = Server::start(&["ws", "serve", "--listen", "0", "--chat", "--quiet"]);
    let (mut anna, mut bob) = (websocket(server.at, "/"), websocket(server.at, "/"));
    bob.send("hi".into()).unwrap();
    let mut heard = Vec::new();
    while heard.last().is_none_or(|line: &String| !line.ends_with(": hi")) {
        heard.push(anna.read().unwrap().into_text().unwrap().to_string());
    }
    assert_eq!(heard, ["* join guest1", "* join guest2", "guest2: hi"]);
}

#[test]
fn json_has_standard_output_for_itself() {
    let mut child = layerlab(&["tcp", "serve", "--listen", "0", "--json"]).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let at: SocketAddr = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
    drop(TcpStream::connect(at).unwrap());
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (code, out, _) = told(child.wait_with_output().unwrap());
    assert_eq!(code, 0);
    let kinds: Vec<_> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!((&kinds[0], &kinds[kinds.len() - 1]), (&"run".into(), &"outcome".into()));
}

#[test]
fn messages_come_back_from_a_server_of_ours() {
    let server = Server::start(&["tcp", "serve", "--listen", "0", "--quiet"]);
    let to = server.at.to_string();
    let (code, out, err) = output(&["tcp", "send", &to, "hello", "you", "--ascii"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("connect(") && out.contains("\"hello\"") && out.contains("\"you\""), "{out}");
    assert!(err.contains("2 messages sent (8 octets), 8 octets received"), "{err}");
    let (code, out, _) = output(&["tcp", "send", &to, "--size", "1000000", "--half-close", "--quiet"]);
    assert_eq!((code, out.as_str()), (0, ""));
}

#[test]
fn lines_of_standard_input_are_messages() {
    let server = Server::start(&["udp", "serve", "--listen", "0", "--quiet"]);
    let mut child = layerlab(&["udp", "send", &server.at.to_string()]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"one\ntwo\n").unwrap();
    let (code, _, err) = told(child.wait_with_output().unwrap());
    assert_eq!(code, 0, "{err}");
    assert!(err.contains("2 messages sent (8 octets), 8 octets received"), "{err}");
    let (_, _, err) = server.stop("-INT");
    assert!(err.contains("2 datagrams received, 8 octets in them, 2 answered"), "{err}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, err) = output(&["tcp", "serve", "--listen", &port, "--quiet"]);
    assert_eq!(code, 1);
    assert!(err.contains(&format!("127.0.0.1:{port} is in use")) && err.contains("another port"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

#[test]
fn failures_to_reach_a_server_say_whose_they_are() {
    let (code, _, err) = output(&["tcp", "send", "no-such-host.invalid:7", "x"]);
    assert_eq!(code, 1);
    assert!(err.contains("no address is known for the host \"no-such-host.invalid\""), "{err}");
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (code, _, err) = output(&["tcp", "send", &tcp.to_string(), "x", "--quiet"]);
    assert_eq!(code, 1);
    assert!(err.contains("refused the connection") && err.contains("tcp serve --listen"), "{err}");
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (code, _, err) = output(&["udp", "send", &udp.to_string(), "x", "--quiet", "--timeout", "10s"]);
    assert_eq!(code, 1);
    assert!(err.contains("no socket on UDP port") && err.contains("udp serve --listen"), "{err}");
}

#[test]
fn a_silent_server_is_an_answer_of_no() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = silent.local_addr().unwrap().to_string();
    let (code, _, err) = output(&["udp", "send", &to, "x", "--timeout", "20ms"]);
    assert_eq!(code, 1);
    assert!(err.contains("waited 1 time in vain"), "{err}");
    let (code, ..) = output(&["udp", "send", &to, "x", "--no-wait"]);
    assert_eq!(code, 0);
}

#[test]
fn wrong_usage_is_told_as_such() {
    for wrong in [
        &["tcp", "send", "nowhere"][..],
        &["tcp", "serve", "--listen", "over there"],
        &["udp", "send", "::1:7", "x"],
        &["udp", "send", "localhost:7", "x", "--timeout", "0s"],
    ] {
        let (code, _, err) = output(wrong);
        assert_eq!(code, 2, "{wrong:?}: {err}");
    }
}

#[test]
fn a_closed_pipe_is_success() {
    // Nobody reads: the line that says where it listens has nowhere to go.
    let mut child = layerlab(&["tcp", "serve", "--listen", "0", "--quiet"]).spawn().unwrap();
    drop(child.stdout.take());
    let (code, _, err) = told(child.wait_with_output().unwrap());
    assert_eq!(code, 0, "{err}");
    let server = Server::start(&["tcp", "serve", "--listen", "0", "--quiet"]);
    let mut child = layerlab(&["tcp", "send", &server.at.to_string(), "x"]).spawn().unwrap();
    drop(child.stdout.take());
    let (code, _, err) = told(child.wait_with_output().unwrap());
    assert_eq!(code, 0, "{err}");
}
