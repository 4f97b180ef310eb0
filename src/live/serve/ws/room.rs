//! What all clients of the WebSocket server share, and what is done when it is a client's turn.

mod farewell;

use super::chat::Chat;
use super::client::{Client, Open, Phase};
use super::ear::{self, Ear, Echo, Large};
use super::frames::{Mailboxes, Watched};
use super::log::Log;
use super::web::{self, Asked, Web};
use super::{Mode, WsServe, WsSummary};
use crate::host::entropy;
use crate::live::serve::Watch;
use crate::live::serve::reactor::{Next, Service, TURN, Why};
use crate::live::serve::stream::{Stream, Tally};
use crate::model::Side;
use crate::stack::l7_application::http1::{self, HeadDecoder, ResponseHead};
use crate::stack::l7_application::ws::handshake::{Agreed, Refusal};
use crate::stack::l7_application::ws::{Endpoint, Kind, Progress, Sender, Setup};
use farewell::Farewell;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The bounds of a handshake's head.
const HEAD: http1::Limits = http1::Limits { head: 8 << 10, fields: 100, body: 0, chunk_overhead: 0 };
/// Octets of answers that the shared buffer for them keeps room for.
const KEEP: usize = 1 << 20;
/// How often the clock looks at each connection.
const LOOK: Duration = Duration::from_secs(1);

/// The room.
pub(in crate::live::serve) struct Room {
    options: WsServe,
    web: Web,
    /// The one receive buffer. Nothing stays in it between two turns.
    buffer: Box<[u8]>,
    /// All answers to one read, but for those that go out from where they lie.
    out: Vec<u8>,
    large: Vec<Large>,
    tally: Tally,
    /// Octets of messages that are not whole, of all connections.
    unfinished: usize,
    /// Connections that compress.
    deflating: usize,
    log: Log,
    /// Where the log ended when all were last driven for it.
    spread: u64,
    chat: Chat,
    boxes: Mailboxes,
    now: Instant,
    did: WsSummary,
}

impl Room {
    pub(super) fn new(options: WsServe) -> Room {
        // One message of the largest size must fit, several times.
        let budget = options.budget.max((options.limits.message as usize).saturating_mul(4));
        Room {
            web: Web::new(&options),
            buffer: vec![0; options.recv_size.max(1)].into_boxed_slice(),
            out: Vec::new(),
            large: Vec::new(),
            tally: Tally { budget, ..Tally::default() },
            unfinished: 0,
            deflating: 0,
            log: Log::new(options.lag),
            spread: 0,
            chat: Chat::default(),
            boxes: Mailboxes::default(),
            now: Instant::now(),
            did: WsSummary::default(),
            options,
        }
    }

    pub(super) fn into_summary(self) -> (WsSummary, Tally) {
        (WsSummary { unshown: self.boxes.missed, ..self.did }, self.tally)
    }

    /// Sends what waits for this client: what is held, what was said to all, what is in its mailbox. What is next when
    /// it can't be read from now.
    fn flush<W: Watch>(&mut self, client: &mut Client, watch: &mut W) -> io::Result<Option<Next>> {
        let Client { stream, phase, .. } = client;
        if !stream.flush(&mut self.tally, watch)? {
            return Ok(Some(Next::Wait));
        }
        match phase {
            // After our own Close nothing follows it.
            Phase::Open(open) if open.endpoint.dialogue().said_close(Side::Server) => Ok(None),
            Phase::Open(open) => {
                if let Some(id) = open.watches {
                    let mail = self.boxes.take(id);
                    if !mail.is_empty() && !stream.send(&mail, &mut self.tally, watch)? {
                        return Ok(Some(Next::Wait));
                    }
                }
                self.catch_up(client, watch)
            }
            Phase::Ending { shut, .. } => {
                if !std::mem::replace(shut, true) {
                    stream.half_close(watch);
                }
                Ok(None)
            }
            Phase::Shaking(..) => Ok(None),
        }
    }

    /// Sends a member what was said to all since its last turn.
    fn catch_up<W: Watch>(&mut self, client: &mut Client, watch: &mut W) -> io::Result<Option<Next>> {
        let Client { stream, phase: Phase::Open(open), .. } = client else { return Ok(None) };
        let Some(place) = &mut open.place else { return Ok(None) };
        loop {
            let Some(octets) = self.log.from(*place) else {
                self.did.behind += 1;
                self.say_farewell(client, Farewell::Behind, watch)?;
                return Ok(Some(Next::Wait));
            };
            if octets.is_empty() {
                return Ok(None);
            }
            let taken = stream.write(octets, &mut self.tally, watch)?;
            *place += taken as u64;
            if taken < octets.len() {
                // From a frame's edge on it can wait; the frame that was begun must be ended first.
                let rest = self.log.rest_of_frame(*place);
                *place += rest.len() as u64;
                stream.hold(&rest, &mut self.tally);
                if self.tally.held + self.unfinished > self.tally.budget {
                    self.did.behind += 1;
                    return Ok(Some(Next::Close));
                }
                return Ok(Some(Next::Wait));
            }
        }
    }

    /// Octets of a handshake.
    fn shake<W: Watch>(&mut self, client: &mut Client, got: usize, watch: &mut W) -> io::Result<()> {
        let Phase::Shaking(head, _) = &mut client.phase else { return Ok(()) };
        let (taken, asked) = match head.feed(&self.buffer[..got]) {
            Ok((_, None)) => return Ok(()),
            Ok((taken, Some(request))) => {
                let ends = || ends(&client.stream);
                let deflate = self.options.deflate && self.deflating < self.options.deflate_most;
                let asked = self.web.answer(&request, ends, deflate);
                let watched = web::mailbox(&request).filter(|&id| self.boxes.is_open(id)).map(Watched::new);
                (taken, (asked, watched.map(|watched| (watched, head.octets().to_vec()))))
            }
            Err(fault) => (got, (Asked::Refused(self.web.refuse(Refusal::Http(fault))), None)),
        };
        let (asked, watched) = asked;
        self.out.clear();
        let mut answer = |head: &ResponseHead| head.encode(&mut self.out);
        match asked {
            Asked::Page(head, text) => {
                answer(&head);
                self.out.extend_from_slice(text.as_bytes());
                self.did.pages += 1;
                self.end(client);
            }
            Asked::Refused(head) => {
                answer(&head);
                self.did.refused += 1;
                self.end(client);
            }
            Asked::Watch(head) => {
                answer(&head);
                self.open(client, Agreed::default(), true);
                if matches!(&client.phase, Phase::Open(open) if open.watches.is_none()) {
                    self.say_farewell(client, Farewell::Watched, watch)?;
                }
            }
            Asked::Open(head, agreed) => {
                answer(&head);
                let mut watched = watched;
                if let Some((watched, request)) = &mut watched {
                    watched.shook(request, &self.out, &mut self.boxes);
                }
                self.open(client, agreed, false);
                if let (Phase::Open(open), Some((watched, _))) = (&mut client.phase, watched) {
                    open.watched = Some(Box::new(watched));
                }
            }
        }
        self.send_out(client, watch)?;
        if taken < got && matches!(client.phase, Phase::Open(_)) {
            self.frames(client, taken..got, watch)?;
        }
        Ok(())
    }

    /// The handshake is done.
    fn open(&mut self, client: &mut Client, agreed: Agreed, watches: bool) {
        self.did.opened += 1;
        let setup = Setup { limits: self.options.limits, deflate: agreed.deflate, ..Setup::default() };
        let mut open = Open {
            endpoint: Endpoint::new(Sender::server(), &setup),
            place: None,
            name: None,
            watched: None,
            watches: None,
            deflate: agreed.deflate.is_some(),
            close_by: None,
        };
        self.deflating += usize::from(open.deflate);
        if watches {
            let id = entropy::seed();
            let first = json!({
                "path": self.options.path.as_deref().unwrap_or("/"),
                "mode": match self.options.mode {
                    Mode::Echo => "echo",
                    Mode::Broadcast => "broadcast",
                    Mode::Chat => "chat",
                },
            });
            if self.boxes.open(id, &first) {
                open.watches = Some(id);
            }
        } else if self.options.mode != Mode::Echo {
            open.place = Some(self.log.end());
            if self.options.mode == Mode::Chat {
                let (name, told) = self.chat.join();
                self.log.push(Kind::Text, told.as_bytes());
                open.name = Some(name);
            }
        }
        client.phase = Phase::Open(Box::new(open));
    }

    /// Octets of frames.
    #[inline]
    fn frames<W: Watch>(&mut self, client: &mut Client, at: Range<usize>, watch: &mut W) -> io::Result<()> {
        let Phase::Open(open) = &mut client.phase else { return Ok(()) };
        let octets = &mut self.buffer[at.clone()];
        let mut unsupported = false;
        // Who was told Close has no say any more, however much it sends before it answers.
        let heard = open.watches.is_none() && !open.endpoint.dialogue().said_close(Side::Server);
        let result = if self.options.mode == Mode::Echo && open.watched.is_none() && open.watches.is_none() {
            let read = (!W::ON).then_some(octets.as_ptr_range());
            let mut echo = Echo { read, large: &mut self.large, messages: 0 };
            let result = open.endpoint.receive(octets, &mut self.out, &mut echo);
            self.did.messages += echo.messages;
            result
        } else {
            let mut ear = Ear {
                mode: heard.then_some(self.options.mode),
                log: &mut self.log,
                chat: &mut self.chat,
                name: &mut open.name,
                watched: open.watched.as_deref_mut(),
                boxes: &mut self.boxes,
                messages: 0,
                unsupported: false,
            };
            let result = open.endpoint.receive(octets, &mut self.out, &mut ear);
            unsupported = ear.unsupported;
            self.did.messages += ear.messages;
            // It was sent all before it was read from: what is new is its own.
            if self.options.mode == Mode::Broadcast {
                open.place = open.place.map(|_| self.log.end());
            }
            result
        };
        let unfinished = open.endpoint.buffered();
        self.unfinished = self.unfinished + unfinished - client.unfinished;
        client.unfinished = unfinished;
        self.did.faults += u64::from(result.is_err());
        self.send_answers(client, at, watch)?;
        if !matches!(result, Ok(Progress::Open)) {
            self.end(client);
        }
        if unsupported {
            self.say_farewell(client, Farewell::Unsupported, watch)?;
        }
        if client.unfinished > 0 && self.tally.held + self.unfinished > self.tally.budget {
            self.did.overloaded += 1;
            self.say_farewell(client, Farewell::Overloaded, watch)?;
            self.end(client);
        }
        Ok(())
    }

    /// Sends the answers to the read that lies at `at`, all at once.
    #[inline]
    fn send_answers<W: Watch>(
        &mut self,
        client: &mut Client,
        at: Range<usize>,
        watch: &mut W,
    ) -> io::Result<()> {
        if self.large.is_empty() {
            return self.send_out(client, watch);
        }
        let mut answers = ear::in_order(&self.out, &self.large, &self.buffer[at]);
        let sent = client.stream.send_all(&mut answers, &mut self.tally);
        self.out.clear();
        self.large.clear();
        sent.map(drop)
    }

    /// Sends what was gathered in one place.
    #[inline]
    fn send_out<W: Watch>(&mut self, client: &mut Client, watch: &mut W) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        if let Phase::Open(open) = &mut client.phase
            && let Some(watched) = &mut open.watched
        {
            watched.sent(&self.out, &mut self.boxes);
        }
        let sent = client.stream.send(&self.out, &mut self.tally, watch);
        self.out.clear();
        sent?;
        if self.out.capacity() > KEEP {
            self.out = Vec::new();
        }
        Ok(())
    }
}

impl Service for Room {
    type Connection = Client;

    fn open(&mut self, stream: Stream, _: usize, now: Instant) -> Client {
        let by = now + self.options.handshake_within;
        let phase = Phase::Shaking(Box::new(HeadDecoder::new(HEAD)), by);
        Client { stream, phase, drain: false, pinged: false, unfinished: 0 }
    }

    fn drive<W: Watch>(&mut self, client: &mut Client, why: Why, watch: &mut W) -> io::Result<Next> {
        client.drain |= why.drain;
        if let Some(next) = self.flush(client, watch)? {
            // Edges that come while nothing is read are gone: look for oneself then.
            client.drain = true;
            return Ok(next);
        }
        if why.news && !client.drain {
            return Ok(Next::Wait);
        }
        for _ in 0..TURN {
            let room = self.tally.room(self.buffer.len());
            let Some(got) = client.stream.receive(&mut self.buffer[..room], &mut self.tally, watch)? else {
                client.drain = false;
                return Ok(Next::Wait);
            };
            if got == 0 {
                return Ok(Next::Close);
            }
            client.pinged = false;
            match client.phase {
                Phase::Open(_) => self.frames(client, 0..got, watch)?,
                Phase::Shaking(..) => self.shake(client, got, watch)?,
                Phase::Ending { .. } => {}
            }
            let waits = client.stream.held() > 0 || matches!(client.phase, Phase::Ending { shut: false, .. });
            if waits && let Some(next) = self.flush(client, watch)? {
                client.drain = true;
                return Ok(next);
            }
            // epoll(7), "Possible pitfalls": a stream's read that gave less than was asked for has emptied the socket.
            if got < room && !client.drain && cfg!(unix) {
                return Ok(Next::Wait);
            }
        }
        Ok(Next::Again)
    }

    fn close<W: Watch>(&mut self, client: Client, watch: &mut W) {
        let mut client = client;
        self.end(&mut client);
        client.stream.close(&mut self.tally, watch);
    }

    fn sweep_every(&self) -> Option<Duration> {
        let asked = [self.options.idle, self.options.ping_every, Some(self.options.handshake_within)];
        asked.into_iter().flatten().map(|every| every / 4).chain([LOOK]).min()
    }

    fn sweep<W: Watch>(
        &mut self,
        client: &mut Client,
        now: Instant,
        silence: Duration,
        watch: &mut W,
    ) -> io::Result<Next> {
        self.now = now;
        let due = |by: Instant| now >= by;
        let late = match &client.phase {
            Phase::Shaking(_, by) | Phase::Ending { by, .. } => due(*by),
            Phase::Open(open) => open.close_by.is_some_and(due),
        };
        let over = |limit: Option<Duration>, times: u32| limit.is_some_and(|limit| silence >= limit * times);
        if late || over(self.options.ping_every, 2) && client.pinged {
            self.did.silent += 1;
            return self.give_up(client, watch);
        }
        let Phase::Open(open) = &mut client.phase else { return Ok(Next::Wait) };
        if open.close_by.is_some() {
            return Ok(Next::Wait);
        }
        if over(self.options.idle, 1) {
            self.did.silent += 1;
            self.say_farewell(client, Farewell::Silent, watch)?;
        } else if over(self.options.ping_every, 1) && !client.pinged {
            client.pinged = true;
            if open.endpoint.ping(b"", &mut self.out).is_ok() {
                self.send_out(client, watch)?;
            }
        }
        Ok(Next::Wait)
    }

    fn has_news(&self) -> bool {
        self.log.end() > self.spread || self.boxes.has_mail()
    }

    fn take_news(&mut self) {
        self.spread = self.log.end();
        self.boxes.mail_is_fetched();
    }

    fn farewell<W: Watch>(&mut self, client: &mut Client, watch: &mut W) -> io::Result<Next> {
        match client.phase {
            Phase::Shaking(..) => Ok(Next::Close),
            Phase::Open(_) => self.say_farewell(client, Farewell::Stops, watch).map(|()| Next::Wait),
            Phase::Ending { .. } => Ok(Next::Wait),
        }
    }
}

/// The peer's address, and ours.
fn ends(stream: &Stream) -> Option<[SocketAddr; 2]> {
    Some([stream.socket.peer_addr().ok()?, stream.socket.local_addr().ok()?])
}
