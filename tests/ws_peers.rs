//! tokio-tungstenite, which nobody here wrote, as a client of `ws serve` and as the server of `ws connect`, through the
//! built program. npm's `ws` does the same, with compression, in tests/interop/websocket.py.
#![cfg(target_os = "linux")]

use futures_util::{SinkExt, StreamExt};
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::Frame};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// Runs to its end, or fails after half a minute.
fn within<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), work).await.expect("a hang") })
}

fn layerlab(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// `layerlab ws serve`, ended when dropped.
struct Server(Child, SocketAddr);

impl Server {
    fn start() -> Server {
        let mut child = layerlab(&["ws", "serve", "--quiet", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let at = line.trim_end().rsplit(['/', ' ']).find_map(|word| word.parse().ok());
        Server(child, at.unwrap_or_else(|| panic!("{line:?}")))
    }

    async fn connect(&self) -> WebSocketStream<TcpStream> {
        let stream = TcpStream::connect(self.1).await.unwrap();
        client_async(format!("ws://{}/", self.1), stream).await.unwrap().0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(n: usize) -> String {
    format!("message {n} {}", "ä".repeat(n % 90))
}

/// 1 MiB that no shift of its own equals.
fn mebibyte() -> Vec<u8> {
    (0..1_u64 << 20).map(|n| ((n * n) >> 7) as u8).collect()
}

fn frame(payload: &[u8], data: Data, fin: bool) -> Message {
    Message::Frame(Frame::message(payload.to_vec(), OpCode::Data(data), fin))
}

#[test]
fn its_client_gets_texts_in_order_and_a_mebibyte_back() {
    let server = Server::start();
    within(async {
        let (mut say, mut hear) = server.connect().await.split();
        let sent = mebibyte();
        let saying = async {
            for n in 0..1000 {
                say.feed(Message::text(text(n))).await.unwrap();
            }
            say.send(Message::binary(sent.clone())).await.unwrap();
        };
        let hearing = async {
            for n in 0..1000 {
                assert_eq!(hear.next().await.unwrap().unwrap(), Message::text(text(n)));
            }
            assert!(hear.next().await.unwrap().unwrap() == Message::binary(sent.clone()), "another mebibyte");
        };
        tokio::join!(saying, hearing);
    });
}

#[test]
fn its_client_fragments_and_pings_between() {
    let server = Server::start();
    within(async {
        let mut socket = server.connect().await;
        // Cut inside a character.
        let (begin, end) = "naïve".as_bytes().split_at(3);
        socket.send(frame(begin, Data::Text, false)).await.unwrap();
        socket.send(Message::Ping("between".into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("between".into()));
        socket.send(frame(b"", Data::Continue, false)).await.unwrap();
        socket.send(frame(end, Data::Continue, true)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("naïve"));
    });
}

#[test]
fn its_client_gets_its_close_code_back_and_the_servers_own() {
    let server = Server::start();
    within(async {
        for code in [1000, 1001, 1008, 3000, 4999].map(CloseCode::from) {
            let mut socket = server.connect().await;
            socket.close(Some(CloseFrame { code, reason: "so long".into() })).await.unwrap();
            let Some(Ok(Message::Close(Some(answer)))) = socket.next().await else { panic!("{code}") };
            assert_eq!(answer.code, code);
            assert!(socket.next().await.is_none(), "the server ends the connection");
        }
        // What it must not send: 1007 for octets that are no text, 1002 for a continuation of nothing.
        let wrong = [
            (frame(b"\xc3\x28", Data::Text, true), CloseCode::Invalid),
            (frame(b"", Data::Continue, true), CloseCode::Protocol),
        ];
        for (message, code) in wrong {
            let mut socket = server.connect().await;
            socket.send(message).await.unwrap();
            let Some(Ok(Message::Close(Some(answer)))) = socket.next().await else { panic!("{code}") };
            assert_eq!(answer.code, code);
        }
    });
}

/// `ws connect` against `serve`: standard input and output, standard error, exit status.
async fn connect<F: Future<Output = ()>>(
    options: &[&str],
    input: Vec<u8>,
    serve: impl FnOnce(WebSocketStream<TcpStream>) -> F,
) -> (Vec<u8>, String, Option<i32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let mut client: tokio::process::Command = layerlab(&["ws", "connect", "--quiet"]).into();
    let mut child = client.args(options).arg(url).kill_on_drop(true).spawn().unwrap();
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut out, mut error) = (Vec::new(), String::new());
    let feeding = async move { stdin.write_all(&input).await.unwrap() };
    let serving = async { serve(accept_async(listener.accept().await.unwrap().0).await.unwrap()).await };
    let (_, _, told, said) =
        tokio::join!(feeding, serving, stdout.read_to_end(&mut out), stderr.read_to_string(&mut error));
    told.and(said).unwrap();
    (out, error, child.wait().await.unwrap().code())
}

async fn echo(mut socket: WebSocketStream<TcpStream>) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() || message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

#[test]
fn its_server_echoes_what_ws_connect_sends() {
    within(async {
        let lines: String = (0..1000).map(|n| text(n) + "\n").collect();
        let (out, error, status) = connect(&[], lines.clone().into(), echo).await;
        assert_eq!((String::from_utf8(out).unwrap(), error.as_str(), status), (lines, "", Some(0)));
        let (out, error, status) = connect(&["--binary", "--chunk", "1048576"], mebibyte(), echo).await;
        assert!(out == mebibyte(), "another mebibyte: {} octets", out.len());
        assert_eq!((error.as_str(), status), ("", Some(0)));
    });
}

#[test]
fn its_server_fragments_pings_and_closes() {
    within(async {
        let (out, error, status) = connect(&["--linger", "10s"], Vec::new(), async |mut socket| {
            let (begin, end) = "naïve".as_bytes().split_at(3);
            socket.send(frame(begin, Data::Text, false)).await.unwrap();
            socket.send(Message::Ping("between".into())).await.unwrap();
            socket.send(frame(end, Data::Continue, true)).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("between".into()));
            let close = CloseFrame { code: CloseCode::from(4001), reason: "so long".into() };
            socket.close(Some(close)).await.unwrap();
            let answer = socket.next().await.unwrap().unwrap();
            assert!(matches!(answer, Message::Close(Some(close)) if close.code == CloseCode::from(4001)));
            assert!(socket.next().await.is_none());
        })
        .await;
        assert_eq!(String::from_utf8(out).unwrap(), "naïve\n");
        assert!(error.contains("4001") && error.contains("so long"), "{error}");
        assert_eq!(status, Some(1));
    });
}
