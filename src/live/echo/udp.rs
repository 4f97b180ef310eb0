//! UDP datagrams: each message one datagram, echoed as one datagram.

use super::{Ending, Experiment, Messages, ServerCue};
use crate::live::calls::{CallError, Program, Setting, Traced};
use crate::model::{Side, SocketKind};
use bytes::Bytes;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How often a waiting server looks whether the experiment is over.
const NAP: Duration = Duration::from_millis(20);

/// The options.
#[derive(Clone, PartialEq, Debug)]
pub struct UdpEcho {
    /// What is sent, a datagram each.
    pub messages: Messages,
    /// Send every datagram before reading any.
    pub burst: bool,
    /// Buffer of each `recvfrom()`.
    pub recv_size: usize,
    /// The client's socket is connected: it hears of ICMP errors.
    pub connect: bool,
    /// No socket is bound to the port.
    pub closed_port: bool,
    /// The address belongs to nobody.
    pub absent_host: bool,
    /// The server answers nothing.
    pub no_reply: bool,
    /// How long the client waits for each echo.
    pub wait: Duration,
    /// Options for the client's socket.
    pub client_settings: Vec<Setting>,
    /// Options for the server's socket.
    pub server_settings: Vec<Setting>,
}

impl UdpEcho {
    /// The messages, and every other option as it is by default.
    pub fn new(messages: Messages) -> UdpEcho {
        UdpEcho {
            messages,
            burst: false,
            recv_size: 65_535,
            connect: false,
            closed_port: false,
            absent_host: false,
            no_reply: false,
            wait: Duration::from_secs(1),
            client_settings: Vec::new(),
            server_settings: Vec::new(),
        }
    }
}

impl Experiment for UdpEcho {
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
        // Short naps, so that the server notices when the client is done: UDP itself never says.
        let program = Program { patience: NAP, ..program.clone() };
        let bound = program.socket(SocketKind::Datagram, &at).and_then(|socket| {
            for setting in &self.server_settings {
                socket.set(setting)?;
            }
            let here = socket.bind(at)?;
            Ok((socket, here))
        });
        let Some((socket, here)) = ending.note(bound) else { return ending };
        cue.ready(here);
        // Who waits for no reply may be done while datagrams are still under way: then it is silence that ends.
        let (mut heard, mut silent_since) = (0, None);
        while let Some((datagram, from)) = ending
            .note(socket.recv_from_unless(self.recv_size, || {
                let mut silence = || silent_since.get_or_insert_with(Instant::now).elapsed();
                cue.client_is_done()
                    && (!self.no_reply || heard >= self.messages.list.len() || silence() >= self.wait)
            }))
            .flatten()
        {
            ending.received += datagram.len();
            heard += 1;
            silent_since = None;
            if !self.no_reply
                && let Some(n) = ending.note(socket.send_to(&datagram, from))
            {
                ending.sent += n;
            }
        }
        socket.close();
        ending
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        let mut ending = Ending::default();
        let program = Program { patience: self.wait, ..program.clone() };
        let ready = program.socket(SocketKind::Datagram, &to).and_then(|socket| {
            for setting in &self.client_settings {
                socket.set(setting)?;
            }
            if self.connect {
                socket.connect(to)?;
            }
            Ok(socket)
        });
        let Some(socket) = ending.note(ready) else { return ending };
        self.exchange(&socket, to, &mut ending);
        socket.close();
        ending
    }
}

impl UdpEcho {
    fn exchange(&self, socket: &Traced, to: SocketAddr, ending: &mut Ending) {
        let began = Instant::now();
        let mut pending = Pending { messages: Vec::new(), recv_size: self.recv_size };
        for (nth, message) in self.messages.list.iter().enumerate() {
            if !self.messages.every.is_zero() {
                let due = self.messages.every * u32::try_from(nth).unwrap_or(u32::MAX);
                thread::sleep(due.saturating_sub(began.elapsed()));
            }
            let sent = if self.connect { socket.send(message) } else { socket.send_to(message, to) };
            // An error here may be the observation (ECONNREFUSED, EMSGSIZE): go on with the next.
            let Some(n) = ending.note(sent) else { continue };
            ending.sent += n;
            if self.no_reply {
                continue;
            }
            pending.messages.push(message.clone());
            if !self.burst {
                self.read_echoes(socket, &mut pending, |came| came == message, ending);
            }
        }
        if self.burst && !pending.messages.is_empty() {
            self.read_echoes(socket, &mut pending, |_| false, ending);
        }
    }

    /// Reads until nothing is pending, the message came back that is waited for, or the patience is over. A datagram that came
    /// twice answers one message: the second copy is read and counts for none.
    fn read_echoes(
        &self,
        socket: &Traced,
        pending: &mut Pending,
        enough: impl Fn(&Bytes) -> bool,
        ending: &mut Ending,
    ) {
        let mut since = Instant::now();
        while !pending.messages.is_empty() {
            let got = if self.connect {
                socket.recv(self.recv_size)
            } else {
                socket.recv_from(self.recv_size).map(|(datagram, ..)| datagram)
            };
            let Some(datagram) = ending.note(got) else { return };
            ending.received += datagram.len();
            match pending.answered_by(&datagram) {
                Some(message) => {
                    since = Instant::now();
                    ending.echoed += usize::from(datagram == message);
                    if enough(&message) {
                        return;
                    }
                }
                None if since.elapsed() >= self.wait => return,
                None => {}
            }
        }
    }
}

/// Messages that did not come back yet.
struct Pending {
    messages: Vec<Bytes>,
    /// A larger one comes back cut.
    recv_size: usize,
}

impl Pending {
    /// Takes out the first message whose echo this may be.
    fn answered_by(&mut self, datagram: &Bytes) -> Option<Bytes> {
        let is_echo = |message: &Bytes| datagram[..] == message[..message.len().min(self.recv_size)];
        let at = self.messages.iter().position(is_echo)?;
        Some(self.messages.remove(at))
    }
}

/// Whether a failure is only the end of this side's waiting for an answer.
pub fn is_silence(error: &CallError) -> bool {
    error.side == Side::Client
        && matches!(error.source.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_answers_no_other_message_and_a_cut_echo_its_own() {
        let messages = ["a", "b", "long one"].map(Bytes::from).to_vec();
        let mut pending = Pending { messages, recv_size: 4 };
        let came = ["a", "a", "long", "b", "?"].map(|echo| pending.answered_by(&Bytes::from(echo)));
        assert_eq!(came, [Some("a".into()), None, Some("long one".into()), Some("b".into()), None]);
        assert!(pending.messages.is_empty());
    }
}
