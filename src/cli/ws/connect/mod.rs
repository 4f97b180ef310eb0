//! `layerlab ws connect`: a client for any WebSocket server.

mod args;
mod input;
mod show;
mod tell;
#[cfg(feature = "edit")]
mod terminal;
mod typed;

pub(crate) use args::{AFTER_HELP, WsConnectArgs};

use crate::cli::exit::Answer;
#[cfg(not(feature = "tls"))]
use crate::cli::exit::Cannot;
use crate::host::{Clock, entropy, signal};
#[cfg(feature = "tls")]
use crate::live::ws::Tls;
use crate::live::ws::{Driver, Stream, Turn, dial};
use crate::model::Time;
#[cfg(feature = "tls")]
use crate::model::{Protocol, What};
use crate::narrate::client::{self, Waited};
use crate::stack::l7_application::http1::{Fields, ResponseHead};
use crate::stack::l7_application::ws::handshake::{ClientRequest, DeflateWish, Refusal};
use crate::stack::l7_application::ws::machine::{Command, Event, Settings, Waiting};
use crate::stack::l7_application::ws::{CloseCode, Kind, Limits, Masks, Misuse, Setup, WebSocket};
use anyhow::Context;
use input::{Cut, Input};
use show::Screen;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;
use tell::Teller;
use typed::Order;

/// How often Ctrl-C is looked for where no call is interrupted by it.
const GLANCE: Duration = Duration::from_millis(100);

/// What a shell says of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// `layerlab ws connect`.
pub(crate) fn run(args: &WsConnectArgs) -> anyhow::Result<Answer> {
    let mut screen = Screen::new(args);
    let (request, masks) = request(args);
    // Before Ctrl-C is caught: the resolver waits long, and looks at no flag.
    let clock = Clock::start();
    let mut teller = Teller::new(args, clock);
    let stream = stream(args, &mut teller, &mut screen)?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let machine = WebSocket::client(request, masks, Arc::new(settings(args)));
    let driver = Driver::new(stream, machine, clock).context("there is no way to wait for the server")?;
    let driver = match teller.ear() {
        Some(ear) => driver.overheard_by(ear),
        None => driver,
    };
    let mut talk = Talk {
        args,
        screen: &mut screen,
        teller,
        driver: driver.stalling_at_most(args.timeout),
        input: None,
        close_at: None,
        response: None,
        failure: None,
        typing: false,
        stopping: false,
        closed_with: None,
        failed_with: None,
        told: false,
        unsent: false,
        answer: Answer::No,
    };
    talk.driver.command(Command::Begin)?;
    talk.until_over(&stop)?;
    talk.teller.finish(talk.stopping)?;
    Ok(talk.answer)
}

/// A connection to the URL's host: TCP, and TLS on it where the URL says wss.
fn stream(args: &WsConnectArgs, teller: &mut Teller, screen: &mut Screen) -> anyhow::Result<Stream> {
    #[cfg(feature = "tls")]
    let tls = if args.url.secure { Some(tls(args, screen)?) } else { None };
    #[cfg(not(feature = "tls"))]
    if args.url.secure {
        return Err(
            Cannot("this layerlab was built without TLS (its feature `tls`): use ws://".to_owned()).into()
        );
    }
    let dialled = dial(&args.url, args.timeout)?;
    teller.dialled(&dialled, screen)?;
    #[cfg(feature = "tls")]
    if let Some(tls) = tls {
        let (stream, settled) = tls.handshake(dialled.stream, args.timeout)?;
        teller.happened(Protocol::Tls, What::Tls(Box::new(settled)), screen)?;
        return Ok(stream);
    }
    Stream::plain(dialled.stream).context("the socket cannot be set up")
}

/// Whom to believe; said before anything is sent.
#[cfg(feature = "tls")]
fn tls(args: &WsConnectArgs, screen: &mut Screen) -> anyhow::Result<Tls> {
    if let Some(warning) = args.tls.warning() {
        screen.complain(warning)?;
    }
    super::tls::tls(&args.url, &args.tls.trust())
}

fn request(args: &WsConnectArgs) -> (ClientRequest, Masks) {
    let mut masks = Masks::new(entropy::octets());
    let mut request = ClientRequest::new(args.url.authority(), args.url.target.clone(), masks.nonce());
    request.origin = args.origin.clone();
    for name in &args.subprotocol {
        // A subprotocol is offered once (RFC 6455 s4.1).
        if !request.subprotocols.contains(name) {
            request.subprotocols.push(name.clone());
        }
    }
    request.deflate = args.deflate.then(DeflateWish::default);
    request.fields =
        args.header.iter().fold(Fields::new(), |fields, (name, value)| fields.with(name, value.as_str()));
    (request, masks)
}

fn settings(args: &WsConnectArgs) -> Settings {
    let limits = Limits { frame: args.max_message, message: args.max_message, ..Limits::default() };
    Settings {
        setup: Setup { limits, ..Setup::default() },
        handshake_within: args.timeout,
        ping_every: args.ping_every,
        pong_within: args.timeout,
        close_within: args.timeout,
        ..Settings::default()
    }
}

/// One connection, from the handshake to its end.
struct Talk<'a> {
    args: &'a WsConnectArgs,
    screen: &'a mut Screen,
    teller: Teller,
    driver: Driver,
    /// Standard input, once the connection is open and until it ends.
    input: Option<Receiver<Input>>,
    /// The end of input came: when to close.
    close_at: Option<Time>,
    response: Option<ResponseHead>,
    /// Why the transport ended, where it failed.
    failure: Option<io::Error>,
    /// A person types, and sees what comes.
    typing: bool,
    /// Ctrl-C came.
    stopping: bool,
    /// The code of our Close, where we said it first.
    closed_with: Option<CloseCode>,
    /// The code with which a fault of the server's was answered; its own Close is read no more.
    failed_with: Option<CloseCode>,
    /// Why it failed has been said.
    told: bool,
    /// Not everything was sent that should have been.
    unsent: bool,
    answer: Answer,
}

impl Talk<'_> {
    fn until_over(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let mut seen = false;
        loop {
            // A second signal ends the process: see `on_interrupt`.
            if !seen && stop.load(Ordering::Relaxed) {
                seen = true;
                self.interrupted()?;
            }
            self.take_input()?;
            if self.answer == Answer::Program(INTERRUPTED) {
                return Ok(());
            }
            if self.close_at.is_some_and(|at| at <= self.driver.now()) {
                if self.driver.is_waiting() {
                    self.heard();
                } else {
                    self.close_at = None;
                    self.close()?;
                }
            }
            let glance = self.driver.now() + GLANCE;
            let patience = self.close_at.map_or(glance, |at| at.min(glance));
            let turn = self.driver.next(Some(patience));
            self.teller.catch_up(self.screen)?;
            match turn {
                Turn::Event(event) => self.event(event)?,
                Turn::Failed(error) => self.failure = Some(error),
                Turn::Woken | Turn::Elapsed => {}
                Turn::Over => return Ok(()),
            }
        }
    }

    /// How long the server must be quiet after the end of input. A person sees whether it is, and ends when that is so.
    fn linger(&self) -> Duration {
        if self.typing { Duration::ZERO } else { self.args.linger }
    }

    /// Something is still on its way: the quiet begins anew.
    fn heard(&mut self) {
        if self.close_at.is_some() {
            self.close_at = Some(self.driver.now() + self.linger());
        }
    }

    /// Ctrl-C: the first closes as asked for, the second waits for nobody.
    fn interrupted(&mut self) -> anyhow::Result<()> {
        if self.stopping || !self.driver.machine().is_open() {
            self.answer = Answer::Program(INTERRUPTED);
        } else {
            self.stopping = true;
            self.close()?;
        }
        Ok(())
    }

    /// Sends what was put in, as long as the server takes it.
    fn take_input(&mut self) -> anyhow::Result<()> {
        while !self.driver.is_full() {
            let Some(input) = &self.input else { return Ok(()) };
            match input.try_recv() {
                Ok(Input::Messages(_, lines)) if self.typing => {
                    for line in lines {
                        self.line(&String::from_utf8_lossy(&line))?;
                    }
                }
                Ok(Input::Messages(kind, messages)) => {
                    for payload in messages {
                        self.send(kind, payload, None)?;
                    }
                }
                #[cfg(feature = "edit")]
                Ok(Input::Interrupt) => self.interrupted()?,
                Ok(Input::End) | Err(TryRecvError::Disconnected) => {
                    self.input = None;
                    self.close_at = Some(self.driver.now() + self.linger());
                }
                Ok(Input::Failed(error)) => {
                    self.screen.complain(&format!("standard input cannot be read any further: {error}"))?;
                    (self.input, self.unsent) = (None, true);
                    self.close_with(CloseCode::GOING_AWAY, "")?;
                }
                Err(TryRecvError::Empty) => return Ok(()),
            }
        }
        Ok(())
    }

    /// A line that a person typed.
    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        let command = match typed::order(line) {
            Ok(Order::Text(text, fragment)) => return self.send(Kind::Text, text.into_bytes(), fragment),
            Ok(Order::Binary(octets)) => return self.send(Kind::Binary, octets, None),
            Ok(Order::Close(None)) => return self.close(),
            Ok(Order::Close(Some((code, reason)))) => return self.close_with(code, &reason),
            Ok(Order::Ping(payload)) => Command::Ping(payload),
            Ok(Order::Pong(payload)) => Command::Pong(payload),
            Ok(Order::Raw(octets)) => Command::Raw(octets),
            Ok(Order::Help) => return Ok(self.screen.complain(&format!("commands\n{}", typed::HELP))?),
            Err(why) => return Ok(self.screen.complain(&why)?),
        };
        match self.driver.command(command) {
            Ok(()) => Ok(()),
            Err(misuse) => Ok(self.screen.complain(&misuse.to_string())?),
        }
    }

    fn send(&mut self, kind: Kind, payload: Vec<u8>, fragment: Option<usize>) -> anyhow::Result<()> {
        match self.driver.command(Command::Message { kind, payload, fragment }) {
            // The peer closed meanwhile: its Close tells why.
            Ok(()) | Err(Misuse::NotOpen) => Ok(()),
            Err(Misuse::Utf8) => {
                (self.input, self.unsent) = (None, true);
                self.screen.complain(
                    "a line that is not UTF-8 cannot be a text message (RFC 6455 s5.6): use --binary",
                )?;
                self.close_with(CloseCode::GOING_AWAY, "")
            }
            Err(error) => Err(error.into()),
        }
    }

    fn close(&mut self) -> anyhow::Result<()> {
        let (code, reason) = self.args.close.clone();
        self.close_with(code, &reason)
    }

    fn close_with(&mut self, code: CloseCode, reason: &str) -> anyhow::Result<()> {
        match self.driver.command(Command::Close(Some((code, reason.to_owned())))) {
            Ok(()) => self.closed_with = Some(code),
            // The peer was first.
            Err(Misuse::NotOpen) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> anyhow::Result<()> {
        self.heard();
        match event {
            // The teller heard of it.
            Event::Request(_) | Event::Frame { .. } | Event::Ping(_) => {}
            Event::Response(head, _) => self.response = Some(head),
            // Told when everything is over.
            Event::Close(_) => {}
            Event::Opened(agreed) => {
                let deflate = self.args.deflate && agreed.deflate.is_none();
                let subprotocol = !self.args.subprotocol.is_empty() && agreed.subprotocol.is_none();
                if let Some(text) = client::declined(deflate, subprotocol) {
                    self.screen.remark(&text)?;
                }
                self.opened()?;
            }
            Event::Refused(refusal) => self.refused(&refusal)?,
            Event::Message(kind, payload) => {
                if self.args.echo {
                    if !self.args.quiet {
                        self.screen.message(kind, &payload)?;
                    }
                    self.send(kind, payload, None)?;
                } else {
                    self.screen.message(kind, &payload)?;
                }
            }
            Event::Pong(_, after) => {
                if self.typing && self.args.verbose == 0 {
                    self.screen.remark(&client::pong(after))?;
                }
            }
            Event::Fault(fault) => {
                let code = fault.rule.close_code();
                self.failed_with = Some(code);
                let next = if code == CloseCode::TOO_BIG { "; --max-message lets more in" } else { "" };
                self.screen.complain(&format!("{fault}{next}"))?;
            }
            Event::TimedOut(what) => {
                self.told |= what == Waiting::Handshake;
                let what = match what {
                    Waiting::Handshake => Waited::Handshake,
                    Waiting::Pong => Waited::Pong,
                    Waiting::Close => Waited::Close,
                };
                self.screen.complain(&client::waited(what, self.args.timeout))?;
            }
            Event::Closed { code, reason, clean } => self.closed(code, &reason, clean)?,
        }
        Ok(())
    }

    fn opened(&mut self) -> anyhow::Result<()> {
        if self.args.echo {
            return Ok(());
        }
        let (tell, input) = input::channel(self.driver.waker());
        self.input = Some(input);
        self.typing = show::is_terminal() && !self.args.binary && !self.args.json;
        if self.typing {
            self.screen
                .remark(&format!("connected to {}; /help lists commands, Ctrl-D closes", self.args.url))?;
            #[cfg(feature = "edit")]
            if crate::cli::plan::knows_sequences() {
                self.screen.edited(terminal::edit(tell)?);
                return Ok(());
            }
        }
        let cut = match (self.args.binary, self.args.chunk) {
            (false, _) => Cut::Lines,
            (true, None) => Cut::Reads,
            (true, Some(size)) => Cut::Chunks(size as usize),
        };
        input::read(io::stdin(), cut, tell);
        Ok(())
    }

    fn refused(&mut self, refusal: &Refusal) -> anyhow::Result<()> {
        self.told = true;
        let text = match (refusal, &self.response) {
            (Refusal::Status { got, reason }, Some(head)) => {
                let field = |name| head.fields.text(name);
                client::not_switched(*got, reason, field("location"), field("sec-websocket-version"))
            }
            _ => format!("the handshake failed: {refusal} ({})", refusal.cite()),
        };
        Ok(self.screen.complain(&text)?)
    }

    fn closed(&mut self, code: CloseCode, reason: &str, clean: bool) -> anyhow::Result<()> {
        self.input = None;
        let fine = [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS];
        let ours = self.closed_with == Some(code);
        if clean && !self.unsent && (fine.contains(&code) || ours) {
            self.answer = Answer::Yes;
        }
        // Of a handshake that failed this says nothing new.
        if self.told {
            return Ok(());
        }
        if self.response.is_none() {
            let how = self.failure.take().map(|error| error.to_string());
            return Ok(self.screen.complain(&client::no_answer(how.as_deref()))?);
        }
        // After a fault the server's Close is not read (RFC 6455 s7.1.7): ours alone is known.
        let code = self.failed_with.unwrap_or(code);
        let by_peer = self.closed_with.is_none() && self.failed_with.is_none();
        let mut text = client::closed(code.0, code.name(), reason, by_peer);
        if let Some(error) = self.failure.take().filter(|_| !clean) {
            text = format!("{text}: {error}");
        }
        let said =
            if self.answer == Answer::Yes { self.screen.remark(&text) } else { self.screen.complain(&text) };
        Ok(said?)
    }
}
