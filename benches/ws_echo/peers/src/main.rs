//! Echo servers made with others' crates, each on one thread, as its own documentation writes one, but for
//! one thing: where the crate can send several messages in one write, the answers to what is there already go out
//! together. Says `listening on ADDRESS`, and serves until it is ended.

use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(tokio::task::LocalSet::new().run_until(serve(name)))
}

async fn serve(name: String) -> Result<(), Failure> {
    let listener = listen()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match name.as_str() {
            "tungstenite" => tokio::task::spawn_local(async { tungstenite(stream).await.unwrap_or(()) }),
            "fastwebsockets" => tokio::task::spawn_local(async { fastwebsockets(stream).await.unwrap_or(()) }),
            "sockudo" => tokio::task::spawn_local(async { sockudo(stream).await.unwrap_or(()) }),
            other => return Err(format!("no server is called {other:?}").into()),
        };
    }
}

/// With reno, which accepted connections inherit: bbr, some machines' default, halves bulk on loopback.
fn listen() -> Result<TcpListener, Failure> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_tcp_congestion(b"reno")?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket.into())?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

/// Answers everything that is there, then flushes once.
async fn echo<S, M, E>(mut socket: S, is_data: impl Fn(&M) -> bool) -> Result<(), Failure>
where
    S: Stream<Item = Result<M, E>> + Sink<M, Error = E> + Unpin,
    E: std::error::Error + 'static,
{
    while let Some(message) = socket.next().await {
        let mut message = Some(message);
        while let Some(there) = message {
            let there = there?;
            if is_data(&there) {
                socket.feed(there).await?;
            }
            message = socket.next().now_or_never().flatten();
        }
        socket.flush().await?;
    }
    Ok(())
}

async fn tungstenite(stream: TcpStream) -> Result<(), Failure> {
    let socket = tokio_tungstenite::accept_async(stream).await?;
    echo(socket, |message| message.is_text() || message.is_binary()).await
}

async fn sockudo(mut stream: TcpStream) -> Result<(), Failure> {
    use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
    let mut head = Vec::new();
    loop {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
        if let Some((request, _)) = parse_request(&head)? {
            let response = build_response(&generate_accept_key(request.key), None, None);
            stream.write_all(&response).await?;
            break;
        }
    }
    let socket = sockudo_ws::WebSocketStream::server(stream, sockudo_ws::Config::default());
    use sockudo_ws::protocol::Message;
    echo(socket, |message| matches!(message, Message::Text(_) | Message::Binary(_))).await
}

/// It has no way to send several frames in one write.
async fn fastwebsockets(stream: TcpStream) -> Result<(), Failure> {
    use fastwebsockets::{FragmentCollector, OpCode, upgrade};
    let service = hyper::service::service_fn(|mut request| async move {
        let (response, socket) = upgrade::upgrade(&mut request)?;
        tokio::task::spawn_local(async move {
            let mut socket = FragmentCollector::new(socket.await?);
            loop {
                let frame = socket.read_frame().await?;
                match frame.opcode {
                    OpCode::Close => return Ok::<(), fastwebsockets::WebSocketError>(()),
                    OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
                    _ => {}
                }
            }
        });
        Ok::<_, fastwebsockets::WebSocketError>(response)
    });
    let connection = hyper::server::conn::http1::Builder::new();
    connection.serve_connection(hyper_util::rt::TokioIo::new(stream), service).with_upgrades().await?;
    Ok(())
}
