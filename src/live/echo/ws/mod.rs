//! WebSocket echo: the handshake, messages there and back, the closing handshake; or a rule broken on purpose.

mod wrong;

pub use wrong::Wrong;

use super::{Ending, Experiment, Messages, ServerCue, accept_one, connect_one};
use crate::live::calls::{CallError, Program, Traced};
use crate::live::talk::Talk;
use crate::model::{Side, Time};
use crate::stack::l7_application::http1::{self, Fields, HeadDecoder, RequestHead, ResponseHead};
use crate::stack::l7_application::ws::handshake::{AcceptSteps, ClientRequest, DeflateWish, ServerPolicy};
use crate::stack::l7_application::ws::machine::{Command, Event, Settings};
use crate::stack::l7_application::ws::{CloseCode, Kind, Masks, WebSocket};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The key of RFC 6455's own example (s1.3): its accept value is right for no other.
const EXAMPLE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The most of a request that is read before it is called none.
const HEAD: usize = 4096;

/// The options. [`WsEcho::new`] is the messages, each in one frame, closed by the client with 1000.
#[derive(Clone, Debug)]
pub struct WsEcho {
    /// What is sent.
    pub messages: Messages,
    /// What the messages are.
    pub kind: Kind,
    /// Octets of payload in a frame of the client.
    pub fragment: Option<usize>,
    /// The client sends each message as two frames, with a Ping between.
    pub ping_between: bool,
    /// Both sides send all their messages before either reads: the server does not echo, it speaks too.
    pub duplex: bool,
    /// Whether permessage-deflate is wished for by the client and accepted by the server.
    pub deflate: bool,
    /// Subprotocols that the client offers, the dearest first.
    pub subprotocols: Vec<String>,
    /// Those that the server speaks.
    pub spoken: Vec<String>,
    /// Whose Close is the first.
    pub closes_first: Side,
    /// What it says; `None` for an empty body.
    pub close: Option<(CloseCode, String)>,
    /// The rule that is broken.
    pub wrong: Option<Wrong>,
    /// The target of the client's request.
    pub target: String,
    /// The handshake's key; drawn from the seed otherwise.
    pub key: Option<[u8; 16]>,
    /// The masking key of each frame of the client; drawn from the seed otherwise.
    pub mask: Option<[u8; 4]>,
    /// Octets of a message that the server takes, where that is not what it takes anyway.
    pub max_message: Option<u64>,
    /// How often the client sends a Ping; with no sign of life for as long after one, it gives up.
    pub ping_every: Option<Duration>,
    /// How long the client stays quiet before it closes.
    pub idle: Duration,
    /// Masks and the key derive from it.
    pub seed: u64,
    /// What the two ends were told.
    pub heard: Arc<Mutex<[Heard; 2]>>,
}

/// What one end was told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Heard {
    /// Whether the handshake succeeded.
    pub opened: bool,
    /// Why it failed.
    pub refused: Option<String>,
    /// The subprotocol agreed on.
    pub subprotocol: Option<String>,
    /// Whether compression was agreed on.
    pub deflate: bool,
    /// Pongs that answered a Ping.
    pub pongs: usize,
    /// When it began to hand over its first message, where both sides send before either reads.
    pub first_sent: Option<Time>,
    /// When the last message came to it.
    pub last_heard: Option<Time>,
    /// The code that the peer's Close had, 1005 for none, 1006 without a Close, and whether both sides sent one.
    pub closed: Option<(CloseCode, bool)>,
}

impl WsEcho {
    /// The messages, and every other option as it is by default.
    pub fn new(messages: Messages, seed: u64) -> WsEcho {
        WsEcho {
            messages,
            kind: Kind::Text,
            fragment: None,
            ping_between: false,
            duplex: false,
            deflate: false,
            subprotocols: Vec::new(),
            spoken: Vec::new(),
            closes_first: Side::Client,
            close: Some((CloseCode::NORMAL, String::new())),
            wrong: None,
            target: "/".to_owned(),
            key: None,
            mask: None,
            max_message: None,
            ping_every: None,
            idle: Duration::ZERO,
            seed,
            heard: Arc::default(),
        }
    }

    /// What the two ends were told, the client first.
    pub fn heard(&self) -> [Heard; 2] {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, side: Side, now: Time, event: &Event) {
        let mut both = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = &mut both[side as usize];
        match event {
            Event::Message(..) => heard.last_heard = Some(now),
            Event::Opened(agreed) => {
                heard.opened = true;
                heard.subprotocol.clone_from(&agreed.subprotocol);
                heard.deflate = agreed.deflate.is_some();
            }
            Event::Refused(refusal) => heard.refused = Some(refusal.to_string()),
            Event::Pong(_, Some(_)) => heard.pongs += 1,
            Event::Closed { code, clean, .. } => heard.closed = Some((*code, *clean)),
            _ => {}
        }
    }

    fn begins_to_send(&self, side: Side, now: Time) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)[side as usize].first_sent = Some(now);
    }

    fn message(&self, payload: &Bytes) -> Command {
        Command::Message { kind: self.kind, payload: payload.to_vec(), fragment: self.fragment }
    }
}

impl Experiment for WsEcho {
    fn absent_host(&self) -> bool {
        false
    }

    fn closed_port(&self) -> bool {
        false
    }

    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        accept_one(program, at, 128, cue, |connection, ending| match self.wrong {
            Some(Wrong::WrongAccept) => accept_wrongly(connection),
            _ => self.serve(program, connection, ending),
        })
    }

    fn client(&self, program: &Program, to: SocketAddr) -> Ending {
        connect_one(program, to, |socket, ending| self.converse(program, socket, to, ending))
    }
}

impl WsEcho {
    /// The server's whole conversation: every message is sent back as it came.
    fn serve(&self, program: &Program, connection: &Traced, ending: &mut Ending) -> Result<(), CallError> {
        let deflate = self.deflate.then(DeflateWish::default);
        let policy = ServerPolicy { subprotocols: self.spoken.clone(), deflate, ..ServerPolicy::default() };
        let mut settings = Settings::default();
        settings.setup.limits.message = self.max_message.unwrap_or(settings.setup.limits.message);
        let machine = WebSocket::server(program.emitter.now(), Arc::new(policy), Arc::new(settings));
        let mut talk = Talk::new(program, connection, machine);
        let mut left = self.messages.list.len();
        let result = loop {
            let event = match talk.hear() {
                Ok(Some(event)) => event,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            self.note(Side::Server, program.emitter.now(), &event);
            let said = match event {
                Event::Opened(_) if self.duplex => {
                    self.begins_to_send(Side::Server, talk.now());
                    self.messages.list.iter().try_for_each(|message| talk.say(self.message(message)))
                }
                Event::Message(kind, payload) => {
                    left = left.saturating_sub(1);
                    let echo = Command::Message { kind, payload, fragment: None };
                    let said = if self.duplex { Ok(()) } else { talk.say(echo) };
                    if left == 0 && self.closes_first == Side::Server && self.wrong.is_none() {
                        said.and_then(|()| talk.say(Command::Close(self.close.clone())))
                    } else {
                        said
                    }
                }
                _ => Ok(()),
            };
            if said.is_err() {
                break said;
            }
        };
        [ending.sent, ending.received] = talk.octets;
        result
    }

    /// The client's.
    fn converse(
        &self,
        program: &Program,
        socket: &Traced,
        to: SocketAddr,
        ending: &mut Ending,
    ) -> Result<(), CallError> {
        let mut masks = Masks::seeded(self.seed);
        let nonce = self.key.unwrap_or_else(|| masks.nonce());
        if let Some(key) = self.mask {
            masks = masks.always(key);
        }
        // Port 80 is ws's own and left out (RFC 6455 s3, s4.1).
        let host = if to.port() == 80 { host(to) } else { to.to_string() };
        let mut request = ClientRequest::new(host, self.target.as_str(), nonce);
        request.subprotocols.clone_from(&self.subprotocols);
        request.deflate = self.deflate.then(DeflateWish::default);
        let mut settings = Settings { ping_every: self.ping_every, ..Settings::default() };
        settings.pong_within = self.ping_every.unwrap_or(settings.pong_within);
        let machine = WebSocket::client(request, masks.clone(), Arc::new(settings));
        let mut talk = Talk::new(program, socket, machine);
        let result = self.exchange(&mut talk, &mut masks, ending);
        [ending.sent, ending.received] = talk.octets;
        result
    }

    fn exchange(&self, talk: &mut Talk<'_>, masks: &mut Masks, ending: &mut Ending) -> Result<(), CallError> {
        talk.say(Command::Begin)?;
        if self.until(talk, |event| matches!(event, Event::Opened(_)))?.is_none() {
            return Ok(());
        }
        self.begins_to_send(Side::Client, talk.now());
        let began = Instant::now();
        for (nth, message) in self.messages.list.iter().enumerate() {
            if !self.messages.every.is_zero() {
                let due = self.messages.every * u32::try_from(nth).unwrap_or(u32::MAX);
                thread::sleep(due.saturating_sub(began.elapsed()));
            }
            match self.wrong {
                Some(wrong) => talk.say(Command::Raw(wrong.frame(message, masks)))?,
                None if self.ping_between => self.with_a_ping_between(talk, message)?,
                None => talk.say(self.message(message))?,
            }
            if !self.duplex && !self.read_echo(talk, message, ending)? {
                return Ok(());
            }
        }
        if self.duplex {
            for message in &self.messages.list {
                if !self.read_echo(talk, message, ending)? {
                    return Ok(());
                }
            }
        }
        if !self.idle.is_zero() && self.quiet(talk)? {
            return Ok(());
        }
        if self.closes_first == Side::Client {
            talk.say(Command::Close(self.close.clone()))?;
        }
        self.until(talk, |_| false).map(|_| ())
    }

    /// Says nothing for a while, but for Pings. True when the connection is over meanwhile.
    fn quiet(&self, talk: &mut Talk<'_>) -> Result<bool, CallError> {
        let end = talk.now() + self.idle;
        while talk.now() < end {
            match talk.hear_until(end)? {
                Some(event) => {
                    self.note(Side::Client, talk.now(), &event);
                    if matches!(event, Event::Closed { .. }) {
                        return Ok(true);
                    }
                }
                None => return Ok(talk.now() < end),
            }
        }
        Ok(false)
    }

    fn with_a_ping_between(&self, talk: &mut Talk<'_>, message: &Bytes) -> Result<(), CallError> {
        let (first, rest) = message.split_at(message.len().div_ceil(2));
        talk.say(Command::Fragment { begin: Some(self.kind), fin: false, payload: first.to_vec() })?;
        talk.say(Command::Ping(b"between".to_vec()))?;
        talk.say(Command::Fragment { begin: None, fin: true, payload: rest.to_vec() })
    }

    /// Waits until this message is back. False when the connection is over before.
    fn read_echo(
        &self,
        talk: &mut Talk<'_>,
        message: &Bytes,
        ending: &mut Ending,
    ) -> Result<bool, CallError> {
        let back = self.until(talk, |event| matches!(event, Event::Message(..)))?;
        let Some(Event::Message(_, payload)) = back else { return Ok(false) };
        ending.echoed += usize::from(payload == message[..]);
        Ok(true)
    }

    /// Hears until something happens; `None` when the connection is over before.
    fn until(
        &self,
        talk: &mut Talk<'_>,
        awaited: impl Fn(&Event) -> bool,
    ) -> Result<Option<Event>, CallError> {
        while let Some(event) = talk.hear()? {
            self.note(Side::Client, talk.now(), &event);
            if awaited(&event) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// The host of an authority without its port: an IPv6 address stands in brackets (RFC 3986 s3.2.2).
fn host(of: SocketAddr) -> String {
    match of {
        SocketAddr::V4(of) => of.ip().to_string(),
        SocketAddr::V6(of) => format!("[{}]", of.ip()),
    }
}

/// A server that answers every handshake alike, as a cache would that knows nothing of WebSocket.
fn accept_wrongly(connection: &Traced) -> Result<(), CallError> {
    let mut decoder = HeadDecoder::<RequestHead>::new(http1::Limits::default());
    let head = loop {
        let got = connection.recv(HEAD)?;
        match decoder.feed(&got) {
            Ok((_, None)) if !got.is_empty() => {}
            Ok((_, Some(head))) => break head,
            _ => return Ok(()),
        }
    };
    let mut octets = Vec::new();
    stale(&ServerPolicy::default().answer(&head).head).encode(&mut octets);
    connection.send_all(&octets.into())?;
    while !connection.recv(HEAD)?.is_empty() {}
    Ok(())
}

/// The same answer with the accept value of another key.
fn stale(answer: &ResponseHead) -> ResponseHead {
    let mut fields = Fields::new();
    for (name, value) in answer.fields.iter() {
        let accept = AcceptSteps::of(EXAMPLE_KEY).accept;
        let stale = name.eq_ignore_ascii_case("sec-websocket-accept");
        fields.push(name, if stale { accept.into_bytes() } else { value.to_vec() });
    }
    ResponseHead { fields, ..answer.clone() }
}
