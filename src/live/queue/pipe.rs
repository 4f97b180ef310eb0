//! What carries a client's frames there and the server's back. It blocks, but never longer than it is told to.

use super::target::{Carrier, Target};
use crate::host::{Clock, entropy};
use crate::live::send::{self, SendError};
use crate::live::serve::queue::SUBPROTOCOL;
use crate::live::ws::{Driver, Stream, Turn};
use crate::stack::l7_application::framing::{self, Decoder, Fault, Frame, MAX_PAYLOAD, OVERHEAD, Wrong};
use crate::stack::l7_application::ws::handshake::ClientRequest;
use crate::stack::l7_application::ws::machine::{self, Command, Event};
use crate::stack::l7_application::ws::{Kind, Limits, Masks, Setup, WebSocket};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Octets of one read.
const READ: usize = 256 << 10;

/// Why no frames come or go any more.
#[derive(Debug, thiserror::Error)]
pub enum PipeError {
    /// The name is nobody's, or nobody answers.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Nobody listens there.
    #[error(
        "{to} refused the connection: start a server there (`layerlab queue serve`), or check the address"
    )]
    Refused {
        /// Whom we asked.
        to: SocketAddr,
    },
    /// Another failure of the transport.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    /// What came is no frame.
    #[error("this is no queue's server, or not its TCP port: {0}")]
    Stream(#[from] Fault),
    /// What came in a WebSocket message is no frame.
    #[error("the server's message is no frame: {0}")]
    Message(Wrong),
    /// The WebSocket was not opened.
    #[error("this is no queue's server, or not its WebSocket port: {0}")]
    Handshake(String),
    /// The other end is gone.
    #[error("the server has gone without a word")]
    Gone,
}

/// What carries the frames.
pub(super) enum Pipe {
    Tcp { stream: TcpStream, decoder: Decoder, buffer: Box<[u8]>, patience: Option<Duration> },
    Ws(Box<Driver>),
    Udp { socket: UdpSocket, buffer: Box<[u8]> },
}

/// What waiting gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waited {
    /// Something came.
    Heard,
    /// Nothing did in that time.
    Silence,
}

impl Pipe {
    pub(super) fn open(target: &Target, patience: Duration) -> Result<Pipe, PipeError> {
        let addresses = send::resolve(&target.host, target.port)?;
        let Some(first) = addresses.first().copied() else { return Err(PipeError::Gone) };
        if target.carrier == Carrier::Udp {
            let any: SocketAddr =
                if first.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
            let socket = UdpSocket::bind(any)?;
            socket.connect(first)?;
            return Ok(Pipe::Udp { socket, buffer: vec![0; 65_536].into() });
        }
        let mut failed = None;
        let mut connected = None;
        for to in addresses {
            match TcpStream::connect_timeout(&to, patience) {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    failed = Some(PipeError::Refused { to });
                }
                Err(error) => failed = failed.or(Some(PipeError::Io(error))),
            }
        }
        let Some(stream) = connected else { return Err(failed.unwrap_or(PipeError::Gone)) };
        stream.set_nodelay(true)?;
        if target.carrier == Carrier::Tcp {
            let decoder = Decoder::new(MAX_PAYLOAD);
            return Ok(Pipe::Tcp { stream, decoder, buffer: vec![0; READ].into(), patience: None });
        }
        Pipe::upgrade(target, stream, patience)
    }

    fn upgrade(target: &Target, stream: TcpStream, patience: Duration) -> Result<Pipe, PipeError> {
        let most = u64::from(MAX_PAYLOAD) + OVERHEAD as u64;
        let limits = Limits { frame: most, message: most, ..Limits::default() };
        let settings = machine::Settings {
            setup: Setup { limits, ..Setup::default() },
            handshake_within: patience,
            ..machine::Settings::default()
        };
        let mut masks = Masks::seeded(entropy::seed());
        let authority = format!("{}:{}", target.host, target.port);
        let mut request = ClientRequest::new(authority, "/", masks.nonce());
        request.subprotocols = vec![SUBPROTOCOL.to_owned()];
        let machine = WebSocket::client(request, masks, Arc::new(settings));
        let mut driver = Driver::new(Stream::plain(stream)?, machine, Clock::start())?;
        // A machine that has just been made takes this command.
        let _ = driver.command(Command::Begin);
        loop {
            match driver.next(None) {
                Turn::Event(Event::Opened(_)) => return Ok(Pipe::Ws(Box::new(driver))),
                Turn::Event(Event::Refused(why)) => return Err(PipeError::Handshake(why.to_string())),
                Turn::Event(Event::Closed { reason, .. }) => return Err(PipeError::Handshake(reason)),
                Turn::Failed(error) => return Err(error.into()),
                Turn::Over => return Err(PipeError::Gone),
                Turn::Event(_) | Turn::Woken | Turn::Elapsed => {}
            }
        }
    }

    pub(super) fn is_datagrams(&self) -> bool {
        matches!(self, Pipe::Udp { .. })
    }

    /// Sends frames, which are left empty.
    pub(super) fn send(&mut self, frames: &mut Vec<u8>) -> Result<(), PipeError> {
        match self {
            Pipe::Tcp { stream, .. } => stream.write_all(frames)?,
            Pipe::Ws(driver) => {
                for frame in each_frame(frames) {
                    let payload = frame.to_vec();
                    let message = Command::Message { kind: Kind::Binary, payload, fragment: None };
                    driver.command(message).map_err(|_| PipeError::Gone)?;
                }
            }
            Pipe::Udp { socket, .. } => {
                for frame in each_frame(frames) {
                    match socket.send(frame) {
                        // An ICMP "port unreachable" for an earlier datagram; a server may yet come.
                        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                        sent => drop(sent?),
                    }
                }
            }
        }
        frames.clear();
        Ok(())
    }

    /// Waits for what comes, until then at most, and hands on the frames of it.
    pub(super) fn receive(
        &mut self,
        until: Option<Instant>,
        each: &mut dyn FnMut(Frame<'_>),
    ) -> Result<Waited, PipeError> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match self {
            Pipe::Tcp { stream, decoder, buffer, patience } => {
                // Zero would mean for ever.
                let wanted = left.map(|left| left.max(Duration::from_micros(1)));
                if *patience != wanted {
                    stream.set_read_timeout(wanted)?;
                    *patience = wanted;
                }
                let got = match stream.read(buffer) {
                    Ok(0) => return Err(PipeError::Gone),
                    Ok(got) => got,
                    Err(error) if is_silence(&error) => return Ok(Waited::Silence),
                    Err(error) => return Err(error.into()),
                };
                decoder.feed(&buffer[..got], |frame| -> Result<(), PipeError> {
                    each(frame);
                    Ok(())
                })?;
                Ok(Waited::Heard)
            }
            Pipe::Ws(driver) => {
                let until = left.map(|left| driver.now() + left);
                match driver.next(until) {
                    Turn::Event(Event::Message(Kind::Binary, payload)) => {
                        each(framing::whole(&payload, MAX_PAYLOAD).map_err(PipeError::Message)?);
                        Ok(Waited::Heard)
                    }
                    Turn::Event(_) | Turn::Woken => Ok(Waited::Heard),
                    Turn::Elapsed => Ok(Waited::Silence),
                    Turn::Failed(error) => Err(error.into()),
                    Turn::Over => Err(PipeError::Gone),
                }
            }
            Pipe::Udp { socket, buffer } => {
                socket.set_read_timeout(left.map(|left| left.max(Duration::from_micros(1))))?;
                match socket.recv(buffer) {
                    Ok(got) => {
                        // One that is damaged is as good as lost.
                        if let Ok(frame) = framing::whole(&buffer[..got], MAX_PAYLOAD) {
                            each(frame);
                        }
                        Ok(Waited::Heard)
                    }
                    Err(error) if is_silence(&error) => Ok(Waited::Silence),
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(Waited::Heard),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// Says that no more follows, and lets what was sent arrive.
    pub(super) fn finish(&mut self) {
        match self {
            Pipe::Tcp { stream, .. } => {
                let _ = stream.shutdown(std::net::Shutdown::Write);
            }
            Pipe::Ws(driver) => {
                let _ = driver.command(Command::Close(None));
                let until = driver.now() + Duration::from_secs(2);
                while !matches!(driver.next(Some(until)), Turn::Over | Turn::Elapsed | Turn::Failed(_)) {}
            }
            Pipe::Udp { .. } => {}
        }
    }
}

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The frames in octets that are whole frames.
pub(super) fn each_frame(mut frames: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let frame = framing::parse(frames, MAX_PAYLOAD).ok().flatten()?.octets;
        frames = &frames[frame.len()..];
        Some(frame)
    })
}
