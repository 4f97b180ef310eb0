//! A client or a server, whole: handshake, messages, timers, the closing handshake (RFC 6455).
//!
//! Everything the peer does wrong ends as events and a hang-up, never as an error of [`WebSocket::handle`]: that is for what the
//! program on top asked for wrongly.
//!
//! A Close that answers the peer's, or says its fault, is sent with the next input that is no command; a Tick
//! is due at once. So whoever learns of a message and of the Close behind it from one read can still answer the
//! message.

mod ear;

use super::close::CloseCode;
use super::endpoint::{Endpoint, Progress, Setup};
use super::error::{Fault, Misuse};
use super::frame::FrameHeader;
use super::handshake::{AcceptSteps, Agreed, Answer, ClientRequest, Refusal, ServerPolicy};
use super::message::Kind;
use super::sender::{Masks, Sender};
use crate::model::{Hangup, Input, Machine, Outbox, Side, Time};
use crate::stack::l7_application::http1::{self, HeadDecoder, RequestHead, ResponseHead};
use ear::Ear;
use std::sync::Arc;
use std::time::Duration;

/// How a machine behaves, beyond what the RFCs fix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Bounds on the handshake's heads.
    pub http: http1::Limits,
    /// Bounds on messages, and how they are compressed once that was agreed on ([`Setup::deflate`] is set by
    /// the handshake).
    pub setup: Setup,
    /// How long the handshake may take.
    pub handshake_within: Duration,
    /// How often a Ping is sent; `None` for never.
    pub ping_every: Option<Duration>,
    /// How long after a Ping of its own the machine waits for a sign of life.
    pub pong_within: Duration,
    /// How long after its own Close the machine waits for the peer's, and for the end of TCP.
    pub close_within: Duration,
    /// Whether every frame is told as an event, with at most this many octets of its payload.
    pub tell_frames: Option<usize>,
}

impl Default for Settings {
    /// 10 s for the handshake, no Pings (20 s to answer one), 5 s to close, frames not told.
    fn default() -> Settings {
        Settings {
            http: http1::Limits::default(),
            setup: Setup::default(),
            handshake_within: Duration::from_secs(10),
            ping_every: None,
            pong_within: Duration::from_secs(20),
            close_within: Duration::from_secs(5),
            tell_frames: None,
        }
    }
}

/// What the program on top may ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Client: send the handshake, once TCP is connected.
    Begin,
    /// Send a message, in frames of at most `fragment` octets when that is given.
    Message {
        /// What it holds.
        kind: Kind,
        /// The payload; UTF-8 when it is text.
        payload: Vec<u8>,
        /// Octets of payload in a frame.
        fragment: Option<usize>,
    },
    /// Send one frame of a fragmented message; Pings and Pongs may go between.
    Fragment {
        /// The message's kind with its first frame, `None` with the others.
        begin: Option<Kind>,
        /// Whether it is the last.
        fin: bool,
        /// The payload.
        payload: Vec<u8>,
    },
    /// Send a Ping.
    Ping(Vec<u8>),
    /// Send a Pong that nobody asked for.
    Pong(Vec<u8>),
    /// Begin the closing handshake.
    Close(Option<(CloseCode, String)>),
    /// Send these octets as they are, legal or not: for experiments with what a peer makes of them.
    Raw(Vec<u8>),
}

/// What the program on top is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The request went out (client) or came in (server).
    Request(RequestHead),
    /// The answer came in (client) or went out (server), and how its accept value is computed.
    Response(ResponseHead, Option<AcceptSteps>),
    /// The connection is open.
    Opened(Agreed),
    /// The handshake failed.
    Refused(Refusal),
    /// A frame was sent or received whole; told when [`Settings::tell_frames`] asks for it.
    Frame {
        /// Who sent it.
        sender: Side,
        /// Its header.
        header: FrameHeader,
        /// The beginning of its payload, unmasked.
        payload: Vec<u8>,
    },
    /// A message came in.
    Message(Kind, Vec<u8>),
    /// A Ping came in, and was answered.
    Ping(Vec<u8>),
    /// A Pong came in; how long after the Ping of the same payload, if we sent one.
    Pong(Vec<u8>, Option<Duration>),
    /// A Close came in.
    Close(Option<(CloseCode, String)>),
    /// The peer broke a rule; the Close that says so was sent.
    Fault(Fault),
    /// Something took too long.
    TimedOut(Waiting),
    /// The connection is over. The last event.
    Closed {
        /// The peer's code; 1005 when its Close held none, 1006 when it sent no Close.
        code: CloseCode,
        /// The peer's reason.
        reason: String,
        /// Whether both sides sent a Close (RFC 6455 s7.1.4).
        clean: bool,
    },
}

/// What the machine waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Waiting {
    /// The end of the opening handshake.
    Handshake,
    /// A sign of life after a Ping.
    Pong,
    /// The peer's Close, or the end of TCP after it.
    Close,
}

#[derive(Debug)]
enum Phase {
    /// Client: waits for the answer; the head is sent with [`Command::Begin`].
    Asking { request: Box<ClientRequest>, begun: bool, masks: Masks, answer: HeadDecoder<ResponseHead> },
    /// Server: waits for the request.
    Listening { policy: Arc<ServerPolicy>, request: HeadDecoder<RequestHead> },
    /// Frames.
    Open(Box<Endpoint>),
    /// Nothing more is read or sent; the end of TCP is awaited unless it was told.
    Over { told: bool },
}

/// A WebSocket client or server: one connection, from the handshake to the end.
#[derive(Debug)]
pub struct WebSocket {
    side: Side,
    settings: Arc<Settings>,
    phase: Phase,
    now: Time,
    handshake_by: Option<Time>,
    ping_at: Option<Time>,
    pong_by: Option<Time>,
    close_by: Option<Time>,
    /// The peer broke a rule.
    failed: bool,
    ear: Ear,
    /// Our Pings so far: the payload of the next is its number.
    pings: u64,
    /// A copy of a read, to be unmasked in place.
    scratch: Vec<u8>,
}

impl WebSocket {
    /// A client that asks for `request` with [`Command::Begin`].
    pub fn client(request: ClientRequest, masks: Masks, settings: Arc<Settings>) -> WebSocket {
        let answer = HeadDecoder::new(settings.http);
        let phase = Phase::Asking { request: Box::new(request), begun: false, masks, answer };
        WebSocket::new(Side::Client, phase, settings)
    }

    /// A server for one connection, accepted at `now`.
    pub fn server(now: Time, policy: Arc<ServerPolicy>, settings: Arc<Settings>) -> WebSocket {
        let phase = Phase::Listening { policy, request: HeadDecoder::new(settings.http) };
        let handshake_by = Some(now + settings.handshake_within);
        WebSocket { now, handshake_by, ..WebSocket::new(Side::Server, phase, settings) }
    }

    fn new(side: Side, phase: Phase, settings: Arc<Settings>) -> WebSocket {
        let ear = Ear::new(side.other(), settings.tell_frames);
        WebSocket {
            side,
            settings,
            phase,
            now: Time::ZERO,
            handshake_by: None,
            ping_at: None,
            pong_by: None,
            close_by: None,
            failed: false,
            ear,
            pings: 0,
            scratch: Vec::new(),
        }
    }

    /// Which side it plays.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Whether messages can be sent.
    pub fn is_open(&self) -> bool {
        matches!(&self.phase, Phase::Open(endpoint) if !endpoint.dialogue().said_close(self.side))
    }

    /// Octets while the handshake lasts; what follows its head is frames.
    fn shake_hands(&mut self, octets: &[u8], out: &mut Outbox<Event>) {
        let (taken, opened) = match &mut self.phase {
            Phase::Asking { request, answer, .. } => match answer.feed(octets) {
                Ok((taken, None)) => (taken, None),
                Ok((taken, Some(head))) => {
                    let result = request.check(&head);
                    out.events.push_back(Event::Response(head, Some(request.steps())));
                    (taken, Some(result))
                }
                Err(fault) => (octets.len(), Some(Err(Refusal::Http(fault)))),
            },
            Phase::Listening { policy, request } => {
                let (taken, answer) = match request.feed(octets) {
                    Ok((taken, None)) => (taken, None),
                    Ok((taken, Some(head))) => {
                        let answer = policy.answer(&head);
                        out.events.push_back(Event::Request(head));
                        (taken, Some(answer))
                    }
                    Err(fault) => (octets.len(), Some(policy.refuse(Refusal::Http(fault)))),
                };
                let result = answer.map(|Answer { head, result, steps }| {
                    head.encode(&mut out.stream);
                    out.events.push_back(Event::Response(head, steps));
                    result
                });
                (taken, result)
            }
            Phase::Open(_) | Phase::Over { .. } => return,
        };
        match opened {
            None => {}
            Some(Ok(agreed)) => {
                self.open(agreed, out);
                self.frames(&octets[taken..], out);
            }
            Some(Err(refusal)) => {
                out.events.push_back(Event::Refused(refusal));
                self.finish(out);
            }
        }
    }

    fn open(&mut self, agreed: Agreed, out: &mut Outbox<Event>) {
        let setup = Setup { deflate: agreed.deflate, ..self.settings.setup };
        let over = Phase::Over { told: false };
        let sender = match std::mem::replace(&mut self.phase, over) {
            Phase::Asking { masks, .. } => Sender::client(masks),
            _ => Sender::server(),
        };
        self.phase = Phase::Open(Box::new(Endpoint::new(sender, &setup).patient()));
        self.handshake_by = None;
        self.ping_at = self.settings.ping_every.map(|every| self.now + every);
        out.events.push_back(Event::Opened(agreed));
    }

    fn frames(&mut self, octets: &[u8], out: &mut Outbox<Event>) {
        let Phase::Open(endpoint) = &mut self.phase else { return };
        if octets.is_empty() {
            return;
        }
        // Whatever comes is a sign of life.
        self.pong_by = None;
        self.scratch.clear();
        self.scratch.extend_from_slice(octets);
        let sent = out.stream.len();
        let result = endpoint.receive(&mut self.scratch, &mut out.stream, self.ear.at(self.now));
        let due = endpoint.is_close_due();
        out.events.append(&mut self.ear.events);
        self.tell_sent(sent, out);
        match result {
            Ok(Progress::Open) => {}
            Ok(Progress::Closed) => self.closed(out),
            Err(fault) => {
                out.events.push_back(Event::Fault(fault));
                self.failed = true;
                if !due {
                    self.finish(out);
                }
            }
        }
    }

    /// Sends the Close that waits, and draws the consequences.
    fn close_now(&mut self, out: &mut Outbox<Event>) {
        let Phase::Open(endpoint) = &mut self.phase else { return };
        if !endpoint.is_close_due() {
            return;
        }
        let sent = out.stream.len();
        endpoint.close_now(&mut out.stream);
        self.tell_sent(sent, out);
        if self.failed { self.finish(out) } else { self.closed(out) }
    }

    /// Both Closes are said.
    fn closed(&mut self, out: &mut Outbox<Event>) {
        self.await_close();
        // The server ends TCP first, so that TIME-WAIT stays with it (RFC 6455 s7.1.1).
        if self.side == Side::Server {
            out.hang_up(Hangup::Finish);
        }
    }

    /// Nothing more is read: ends our half, and waits for the peer's.
    fn finish(&mut self, out: &mut Outbox<Event>) {
        self.phase = Phase::Over { told: false };
        (self.handshake_by, self.ping_at, self.pong_by) = (None, None, None);
        out.hang_up(Hangup::Finish);
        self.await_close();
    }

    fn await_close(&mut self) {
        (self.ping_at, self.pong_by) = (None, None);
        self.close_by.get_or_insert(self.now + self.settings.close_within);
    }

    /// The end: told once.
    fn over(&mut self, how: Hangup, out: &mut Outbox<Event>) {
        out.hang_up(how);
        let told = matches!(self.phase, Phase::Over { told: true });
        let ours = matches!(&self.phase, Phase::Open(endpoint) if endpoint.dialogue().is_clean());
        self.phase = Phase::Over { told: true };
        (self.handshake_by, self.ping_at, self.pong_by, self.close_by) = (None, None, None, None);
        if told {
            return;
        }
        let heard = self.ear.close.take();
        let clean = ours && heard.is_some();
        let (code, reason) = match heard {
            Some(Some(close)) => close,
            Some(None) => (CloseCode::NO_STATUS, String::new()),
            None => (CloseCode::ABNORMAL, String::new()),
        };
        out.events.push_back(Event::Closed { code, reason, clean });
    }

    fn tick(&mut self, out: &mut Outbox<Event>) {
        let due = |at: Option<Time>| at.is_some_and(|at| at <= self.now);
        let waiting = match () {
            () if due(self.handshake_by) => Waiting::Handshake,
            () if due(self.pong_by) => Waiting::Pong,
            () if due(self.close_by) => Waiting::Close,
            () if due(self.ping_at) => return self.ping(out),
            () => return,
        };
        out.events.push_back(Event::TimedOut(waiting));
        self.over(Hangup::Abort, out);
    }

    fn ping(&mut self, out: &mut Outbox<Event>) {
        let payload = self.pings.to_be_bytes();
        self.ping_at = self.settings.ping_every.map(|every| self.now + every);
        let sent = out.stream.len();
        let Phase::Open(endpoint) = &mut self.phase else { return };
        if endpoint.ping(&payload, &mut out.stream).is_ok() {
            self.pings += 1;
            self.ear.pinged(&payload, self.now);
            self.pong_by.get_or_insert(self.now + self.settings.pong_within);
            self.tell_sent(sent, out);
        }
    }

    fn command(&mut self, command: Command, out: &mut Outbox<Event>) -> Result<(), Misuse> {
        if let Command::Begin = command {
            let Phase::Asking { request, begun, .. } = &mut self.phase else {
                return Err(Misuse::AlreadyBegun);
            };
            if std::mem::replace(begun, true) {
                return Err(Misuse::AlreadyBegun);
            }
            let head = request.head();
            head.encode(&mut out.stream);
            out.events.push_back(Event::Request(head));
            self.handshake_by = Some(self.now + self.settings.handshake_within);
            return Ok(());
        }
        let sent = out.stream.len();
        let Phase::Open(endpoint) = &mut self.phase else { return Err(Misuse::NotOpen) };
        match command {
            Command::Begin => {}
            Command::Message { kind, payload, fragment } => {
                endpoint.message(kind, &payload, fragment, &mut out.stream)?;
            }
            Command::Fragment { begin, fin, payload } => {
                endpoint.fragment(begin, fin, &payload, &mut out.stream)?;
            }
            Command::Ping(payload) => {
                endpoint.ping(&payload, &mut out.stream)?;
                self.ear.pinged(&payload, self.now);
            }
            Command::Pong(payload) => endpoint.pong(&payload, &mut out.stream)?,
            Command::Close(close) => {
                let close = close.as_ref().map(|(code, reason)| (*code, reason.as_str()));
                endpoint.close(close, &mut out.stream)?;
                self.await_close();
            }
            Command::Raw(octets) => {
                out.stream.extend_from_slice(&octets);
                return Ok(());
            }
        }
        self.tell_sent(sent, out);
        Ok(())
    }

    /// Tells the frames that lie in the outbox from `sent` on.
    fn tell_sent(&self, sent: usize, out: &mut Outbox<Event>) {
        let Some(most) = self.settings.tell_frames else { return };
        let mut rest = &out.stream[sent..];
        while let Ok(Some((header, at))) = FrameHeader::parse(rest, true) {
            let (frame, after) = rest.split_at((at + header.len as usize).min(rest.len()));
            let mut payload = frame[at..frame.len().min(at.saturating_add(most))].to_vec();
            if let Some(key) = header.mask {
                super::mask::apply(key, 0, &mut payload);
            }
            out.events.push_back(Event::Frame { sender: self.side, header, payload });
            rest = after;
        }
    }

    fn eof(&mut self, out: &mut Outbox<Event>) {
        let truncated = match &self.phase {
            Phase::Asking { answer, .. } => Some(answer.eof()),
            Phase::Listening { request, .. } => Some(request.eof()),
            Phase::Open(_) | Phase::Over { .. } => None,
        };
        if let Some(Err(fault)) = truncated {
            out.events.push_back(Event::Refused(Refusal::Http(fault)));
        }
        self.over(Hangup::Finish, out);
    }
}

impl Machine for WebSocket {
    type Command = Command;
    type Event = Event;
    type Error = Misuse;

    fn handle(
        &mut self,
        now: Time,
        input: Input<'_, Command>,
        out: &mut Outbox<Event>,
    ) -> Result<(), Misuse> {
        self.now = self.now.max(now);
        if !matches!(input, Input::Command(_)) {
            self.close_now(out);
        }
        match input {
            Input::Stream(octets) => match self.phase {
                Phase::Open(_) => self.frames(octets, out),
                _ => self.shake_hands(octets, out),
            },
            Input::Eof => self.eof(out),
            Input::Tick => {}
            Input::Command(command) => self.command(command, out)?,
            Input::Datagram(_) => return Err(Misuse::Datagram),
        }
        self.tick(out);
        Ok(())
    }

    fn deadline(&self) -> Option<Time> {
        let due = matches!(&self.phase, Phase::Open(endpoint) if endpoint.is_close_due());
        let timers = [self.handshake_by, self.ping_at, self.pong_by, self.close_by, due.then_some(self.now)];
        timers.into_iter().flatten().min()
    }
}
