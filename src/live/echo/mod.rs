//! The experiments: a client's and a server's program, each an ordinary sequence of blocking calls.
//!
//! The programs know nothing of the network that they run on. [`super::private`] runs them on two hosts
//! joined by the wire, [`super::loopback`] on the machine's loopback interface.

pub mod tcp;
pub mod udp;
pub mod ws;

use super::calls::{CallError, Program, Traced};
use crate::model::SocketKind;
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What the messages are.
#[derive(Clone, PartialEq, Debug)]
pub struct Messages {
    /// The messages, in order.
    pub list: Vec<Bytes>,
    /// Time between the beginnings of two sends; zero for none.
    pub every: Duration,
}

impl Messages {
    /// The texts (or `hello`), each `count` times; with `size` each message is that many octets of a
    /// repeating alphabet instead.
    pub fn new(texts: &[String], count: usize, size: Option<usize>, every: Duration) -> Messages {
        let one: Vec<Bytes> = match (size, texts) {
            (Some(size), _) => vec![(b'a'..=b'z').cycle().take(size).collect()],
            (None, []) => vec![Bytes::from_static(b"hello")],
            (None, texts) => texts.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect(),
        };
        let list = one.iter().cycle().take(one.len() * count).cloned().collect();
        Messages { list, every }
    }

    /// Octets in all messages together.
    pub fn octets(&self) -> usize {
        self.list.iter().map(Bytes::len).sum()
    }
}

/// How one side's program ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// Octets of application data sent.
    pub sent: usize,
    /// Octets of application data received.
    pub received: usize,
    /// Messages whose echo came back whole and equal (the client's).
    pub echoed: usize,
    /// The calls that failed. An experiment may be about a failure: the caller judges.
    pub failures: Vec<CallError>,
}

impl Ending {
    /// Keeps the error, where there is one, and gives the value, where there is one.
    fn note<T>(&mut self, result: Result<T, CallError>) -> Option<T> {
        result.map_err(|error| self.failures.push(error)).ok()
    }
}

/// What an experiment is, for whoever runs it.
pub trait Experiment: Clone + Send + 'static {
    /// The server's program. It says through `stage` when the client may start, and waits there for the
    /// client's end where the experiment asks for it.
    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending;

    /// The client's program, against the server at `to`.
    fn client(&self, program: &Program, to: SocketAddr) -> Ending;

    /// Whether the client speaks to an address where no host is.
    fn absent_host(&self) -> bool;

    /// Whether nobody listens on the port that the client speaks to.
    fn closed_port(&self) -> bool;
}

/// A server's program of one connection: listens, accepts, lets `serve` speak, and closes both sockets.
pub(super) fn accept_one(
    program: &Program,
    at: SocketAddr,
    backlog: i32,
    cue: &ServerCue,
    serve: impl FnOnce(&Traced, &mut Ending) -> Result<(), CallError>,
) -> Ending {
    let mut ending = Ending::default();
    let listening = || {
        let listener = program.socket(SocketKind::Stream, &at)?;
        let here = listener.bind(at)?;
        listener.listen(backlog)?;
        Ok((listener, here))
    };
    let Some((listener, here)) = ending.note(listening()) else { return ending };
    cue.ready(here);
    let came = listener.accept_unless(|| cue.client_is_done());
    if let Some((connection, _)) = ending.note(came).flatten() {
        let served = serve(&connection, &mut ending);
        ending.note(served);
        connection.close();
    }
    listener.close();
    ending
}

/// A client's program of one connection: connects, lets `converse` speak, and closes.
pub(super) fn connect_one(
    program: &Program,
    to: SocketAddr,
    converse: impl FnOnce(&Traced, &mut Ending) -> Result<(), CallError>,
) -> Ending {
    let mut ending = Ending::default();
    let Some(socket) = ending.note(program.socket(SocketKind::Stream, &to)) else { return ending };
    if ending.note(socket.connect(to)).is_some() {
        let conversed = converse(&socket, &mut ending);
        ending.note(conversed);
    }
    socket.close();
    ending
}

/// The server's end of the experiment's own agreement (no network involved).
pub struct ServerCue {
    ready: Sender<SocketAddr>,
    client_done: Receiver<()>,
}

/// The client's end.
pub struct ClientCue {
    ready: Receiver<SocketAddr>,
    done: Sender<()>,
}

/// A pair of cues.
pub fn cues() -> (ServerCue, ClientCue) {
    let (ready, is_ready) = channel();
    let (done, client_done) = channel();
    (ServerCue { ready, client_done }, ClientCue { ready: is_ready, done })
}

impl ServerCue {
    /// The client may start; the server is to be found at `at`.
    pub fn ready(&self, at: SocketAddr) {
        // An error means that the client's thread is gone already; its own ending says why.
        let _ = self.ready.send(at);
    }

    /// Waits until the client's program has ended, at most this long.
    pub fn wait_for_client(&self, at_most: Duration) {
        let _ = self.client_done.recv_timeout(at_most);
    }

    /// Whether the client's program has ended.
    pub fn client_is_done(&self) -> bool {
        !matches!(self.client_done.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty))
    }
}

impl ClientCue {
    /// Waits for the server; `None` when it never came up (its own ending says why).
    pub fn wait_for_server(&self) -> Option<SocketAddr> {
        self.ready.recv().ok()
    }

    /// The client's program has ended.
    pub fn done(&self) {
        let _ = self.done.send(());
    }
}
