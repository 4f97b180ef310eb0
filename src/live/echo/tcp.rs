//! TCP echo: one connection (or several), with the options that make the classical experiments.

use super::{Ending, Experiment, Messages, ServerCue};
use crate::live::calls::{Program, Setting, Traced};
use crate::model::{How, Side, SocketKind};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long each client's connect() has for itself where nobody calls accept().
const TURN: Duration = Duration::from_millis(200);

/// Which sockets of the address-in-use experiment carry `SO_REUSEADDR`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reuse {
    /// The listener of the first connection.
    pub old: bool,
    /// The socket that binds the same port afterwards.
    pub new: bool,
}

/// The options. `Default` is one `hello`, echoed, closed by the client.
#[derive(Clone, PartialEq, Debug)]
pub struct TcpEcho {
    /// What is sent.
    pub messages: Messages,
    /// Send every message before reading any echo.
    pub burst: bool,
    /// Each message is handed over in pieces of these sizes (the last takes the rest).
    pub split: Vec<usize>,
    /// These pieces are handed over together, with one `sendmsg()`.
    pub gather: bool,
    /// The server answers only once a whole message is there (it knows the sizes).
    pub whole: bool,
    /// Buffer of each `recv()`.
    pub recv_size: usize,
    /// The client closes its sending half after the last message; the server answers after that.
    pub half_close: bool,
    /// `close()` of the side that closes first resets the connection.
    pub reset: bool,
    /// Which side closes first.
    pub closes_first: Side,
    /// After the server has closed, the client sends twice more.
    pub send_after_close: bool,
    /// The server never calls `accept()`.
    pub no_accept: bool,
    /// `listen()`'s backlog.
    pub backlog: i32,
    /// Connections that the client opens at the same time.
    pub clients: usize,
    /// The server never reads.
    pub no_read: bool,
    /// The server waits this long after `accept()` before it reads.
    pub read_after: Duration,
    /// Nobody listens on the port.
    pub closed_port: bool,
    /// The address belongs to nobody.
    pub absent_host: bool,
    /// The connection stays open and quiet this long before it is closed.
    pub idle: Duration,
    /// After everything, the server binds its port again.
    pub reuse: Option<Reuse>,
    /// The server's port is bound once more while the listener is there.
    pub second_listener: bool,
    /// Options for the client's socket, set before `connect()`.
    pub client_settings: Vec<Setting>,
    /// Options for the listener, inherited by what it accepts, set before `bind()`.
    pub server_settings: Vec<Setting>,
}

impl TcpEcho {
    /// The messages, and every other option as it is by default.
    pub fn new(messages: Messages) -> TcpEcho {
        TcpEcho {
            messages,
            burst: false,
            split: Vec::new(),
            gather: false,
            whole: false,
            recv_size: 4096,
            half_close: false,
            reset: false,
            closes_first: Side::Client,
            send_after_close: false,
            no_accept: false,
            backlog: 128,
            clients: 1,
            no_read: false,
            read_after: Duration::ZERO,
            closed_port: false,
            absent_host: false,
            idle: Duration::ZERO,
            reuse: None,
            second_listener: false,
            client_settings: Vec::new(),
            server_settings: Vec::new(),
        }
    }

    fn pieces(&self, message: &Bytes) -> Vec<Bytes> {
        let mut rest = message.clone();
        let mut pieces: Vec<Bytes> =
            self.split.iter().map(|&size| rest.split_to(size.min(rest.len()))).collect();
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

impl Experiment for TcpEcho {
    fn absent_host(&self) -> bool {
        self.absent_host
    }

    fn closed_port(&self) -> bool {
        self.closed_port
    }

    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let mut ending = Ending::default();
        if self.closed_port || self.absent_host {
            cue.ready(at);
            cue.wait_for_client(program.patience * 4);
            return ending;
        }
        let Some((listener, here)) = ending.note(self.listen(program, at)) else { return ending };
        if self.second_listener {
            ending.note(rebind(program, here, self.reuse.is_some_and(|reuse| reuse.new)));
        }
        cue.ready(here);
        if self.no_accept {
            cue.wait_for_client(program.patience * 4);
            listener.close();
            return ending;
        }
        thread::scope(|scope| {
            let mut conversations = Vec::new();
            for nth in 1..=self.clients {
                // A client that failed before it connected leaves nobody to wait for.
                let came = listener.accept_unless(|| cue.client_is_done());
                let Some((connection, _)) = ending.note(came).flatten() else { break };
                if nth == self.clients && self.clients == 1 {
                    self.serve(program, connection, cue, &mut ending);
                } else {
                    conversations.push(scope.spawn(move || {
                        let mut ending = Ending::default();
                        self.serve_quietly(connection, &mut ending);
                        ending
                    }));
                }
            }
            for conversation in conversations {
                // A panic in there is a bug of ours; it is passed on.
                let one = conversation.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                ending.sent += one.sent;
                ending.received += one.received;
                ending.failures.extend(one.failures);
            }
        });
        listener.close();
        if let Some(reuse) = self.reuse {
            cue.wait_for_client(program.patience * 4);
            until_closed();
            ending.note(rebind(program, here, reuse.new));
        }
        ending
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        if self.clients == 1 {
            return self.converse(program, to, None);
        }
        thread::scope(|scope| {
            let mut running = Vec::new();
            for _ in 0..self.clients {
                let (connected, turn) = mpsc::channel();
                running.push(scope.spawn(move || self.converse(program, to, Some(connected))));
                if self.no_accept {
                    // SYNs that come together pass the listener's queue before any of them has filled it.
                    let _ = turn.recv_timeout(TURN);
                }
            }
            running.into_iter().fold(Ending::default(), |mut all, one| {
                let one = one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.sent += one.sent;
                all.received += one.received;
                all.echoed += one.echoed;
                all.failures.extend(one.failures);
                all
            })
        })
    }
}

type Called<T> = Result<T, crate::live::calls::CallError>;

impl TcpEcho {
    fn listen(&self, program: &Program, at: SocketAddr) -> Called<(Traced, SocketAddr)> {
        let listener = program.socket(SocketKind::Stream, &at)?;
        if self.reuse.is_some_and(|reuse| reuse.old) {
            listener.set(&Setting::ReuseAddr(true))?;
        }
        for setting in &self.server_settings {
            listener.set(setting)?;
        }
        let here = listener.bind(at)?;
        listener.listen(self.backlog)?;
        Ok((listener, here))
    }

    fn serve(&self, program: &Program, connection: Traced, cue: &ServerCue, ending: &mut Ending) {
        if self.no_read {
            if self.closes_first == Side::Server {
                // Closing with octets unread is the experiment: let them arrive first, those behind the first too.
                connection.until_readable();
                thread::sleep(self.read_after.max(Duration::from_millis(100)));
            } else {
                cue.wait_for_client(program.patience * 4);
            }
            connection.close();
            return;
        }
        self.serve_quietly(connection, ending);
    }

    /// Echoes until the end of the stream, or until all messages are answered where this side closes
    /// first.
    fn serve_quietly(&self, connection: Traced, ending: &mut Ending) {
        if !self.read_after.is_zero() {
            thread::sleep(self.read_after);
        }
        let expected = self.messages.octets();
        let mut collected = BytesMut::new();
        let mut sizes = self.messages.list.iter().map(Bytes::len);
        let mut awaited = sizes.next().unwrap_or(0);
        'conversation: loop {
            if self.closes_first == Side::Server && ending.received >= expected && !self.half_close {
                break;
            }
            let Some(got) = ending.note(connection.recv(self.recv_size)) else { break };
            if got.is_empty() {
                if !collected.is_empty() {
                    self.answer(&connection, collected.split().freeze(), ending);
                }
                break;
            }
            ending.received += got.len();
            if self.half_close {
                collected.extend_from_slice(&got);
            } else if self.whole {
                collected.extend_from_slice(&got);
                while awaited > 0 && collected.len() >= awaited {
                    if !self.answer(&connection, collected.split_to(awaited).freeze(), ending) {
                        break 'conversation;
                    }
                    awaited = sizes.next().unwrap_or(0);
                }
            } else if !self.answer(&connection, got, ending) {
                break;
            }
        }
        if self.closes_first == Side::Server && self.reset {
            ending.note(connection.set(&Setting::ResetOnClose));
        }
        connection.close();
    }

    /// Whether it could be sent. A client that sends more than all buffers hold before it reads leaves both sides waiting
    /// for each other; the first whose patience is over must give up, or they would wait again with every call.
    fn answer(&self, connection: &Traced, octets: Bytes, ending: &mut Ending) -> bool {
        let len = octets.len();
        let sent = ending.note(connection.send_all(&octets)).is_some();
        if sent {
            ending.sent += len;
        }
        sent
    }

    /// One connection from its beginning to its end. `connected` is dropped when connect() came back.
    fn converse(&self, program: &Program, to: SocketAddr, connected: Option<Sender<()>>) -> Ending {
        let mut ending = Ending::default();
        let Some(socket) = ending.note(program.socket(SocketKind::Stream, &to)) else { return ending };
        for setting in &self.client_settings {
            if ending.note(socket.set(setting)).is_none() {
                return ending;
            }
        }
        if ending.note(socket.connect(to)).is_none() {
            socket.close();
            return ending;
        }
        drop(connected);
        self.exchange(&socket, &mut ending);
        if !self.idle.is_zero() {
            thread::sleep(self.idle);
        }
        if self.closes_first == Side::Server && ending.failures.is_empty() && !self.half_close {
            self.meet_the_end(&socket, &mut ending);
        }
        if self.reset && self.closes_first == Side::Client {
            ending.note(socket.set(&Setting::ResetOnClose));
        }
        socket.close();
        ending
    }

    fn exchange(&self, socket: &Traced, ending: &mut Ending) {
        // Nobody will answer; what can be learned is how much the kernels take.
        let unanswered = self.no_read || self.no_accept;
        let together = self.burst || self.half_close || unanswered;
        let began = Instant::now();
        for (nth, message) in self.messages.list.iter().enumerate() {
            if !self.messages.every.is_zero() {
                let due = self.messages.every * u32::try_from(nth).unwrap_or(u32::MAX);
                thread::sleep(due.saturating_sub(began.elapsed()));
            }
            let mut pieces = self.pieces(message);
            if self.gather && !unanswered {
                let Some(taken) = ending.note(socket.send_pieces(&pieces)) else { return };
                ending.sent += taken;
                // What the kernel had no room for.
                pieces = vec![message.slice(taken..)];
            }
            for piece in pieces {
                if unanswered {
                    // One call each: a short count, or the patience running out, is the observation.
                    match ending.note(socket.send(&piece)) {
                        Some(n) => ending.sent += n,
                        None => return,
                    }
                } else {
                    if ending.note(socket.send_all(&piece)).is_none() {
                        return;
                    }
                    ending.sent += piece.len();
                }
            }
            if !together && !self.read_echo(socket, message, ending) {
                return;
            }
        }
        if self.half_close && ending.note(socket.shutdown(How::Write)).is_none() {
            return;
        }
        if together && !unanswered {
            for message in &self.messages.list {
                if !self.read_echo(socket, message, ending) {
                    return;
                }
            }
            if self.half_close {
                ending.note(socket.recv(self.recv_size));
            }
        }
    }

    /// Reads until this message's octets are all back. False when the connection gave out before.
    fn read_echo(&self, socket: &Traced, message: &Bytes, ending: &mut Ending) -> bool {
        let mut expected = message.clone();
        let mut equal = true;
        while !expected.is_empty() {
            let room = self.recv_size.min(expected.len());
            let Some(got) = ending.note(socket.recv(room)) else { return false };
            if got.is_empty() {
                return false;
            }
            ending.received += got.len();
            equal &= expected.split_to(got.len()) == got;
        }
        ending.echoed += usize::from(equal);
        true
    }

    /// The server closes first: see the end of the stream, and perhaps send all the same.
    fn meet_the_end(&self, socket: &Traced, ending: &mut Ending) {
        if ending.note(socket.recv(self.recv_size)).is_none() {
            return;
        }
        if self.send_after_close {
            let late = Bytes::from_static(b"late");
            if let Some(n) = ending.note(socket.send(&late)) {
                ending.sent += n;
            }
            // Long enough for the answer to come back over any distance that the patience allows for.
            thread::sleep(Duration::from_secs(1));
            if let Some(n) = ending.note(socket.send(&late)) {
                ending.sent += n;
            }
        }
    }
}

/// Waits (a second at most) until this host's connections are closed, or in TIME-WAIT: what stands in the
/// way of a new socket is then what stays.
fn until_closed() {
    let until = Instant::now() + Duration::from_secs(1);
    // The peer's FIN may be under way still.
    thread::sleep(Duration::from_millis(20));
    #[cfg(target_os = "linux")]
    while crate::host::connections_closing() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    #[cfg(not(target_os = "linux"))]
    thread::sleep(until.saturating_duration_since(Instant::now()));
}

/// Binds and listens on `at` once more.
fn rebind(program: &Program, at: SocketAddr, reuse: bool) -> Called<()> {
    let again = program.socket(SocketKind::Stream, &at)?;
    let result = (|| {
        if reuse {
            again.set(&Setting::ReuseAddr(true))?;
        }
        again.bind(at)?;
        again.listen(1)
    })();
    again.close();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Topology;
    use crate::live::loopback;
    use crate::live::setup::Setup;
    use crate::model::NullSink;
    use crate::wire::Spec;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn sides_that_wait_for_each_other_give_up() {
        let message = crate::live::echo::Messages::new(&[], 1, Some(50_000_000), Duration::ZERO);
        let setup = Setup {
            later: Vec::new(),
            command: String::new(),
            system: String::new(),
            topology: Topology::default(),
            wire: Spec::default(),
            seed: 0,
            port: 7,
            patience: Duration::from_millis(300),
            listening: false,
        };
        let stop = AtomicBool::new(false);
        let began = Instant::now();
        let ended = loopback::run(&TcpEcho::new(message), &setup, false, &mut NullSink, &stop).unwrap();
        assert_eq!(ended.client.echoed, 0);
        assert!(!ended.server.failures.is_empty() && !ended.client.failures.is_empty(), "{ended:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
