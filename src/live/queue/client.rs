//! The client's side of a session: what it asks, what it was answered, and over datagrams what it asks again.

use super::pipe::{Pipe, PipeError, Waited};
use super::target::Target;
use crate::stack::l7_application::framing::Frame;
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::engine::{self, Subscription};
use crate::stack::l7_application::queue::message::{Declare, Malformed, Message, kind};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Octets of frames that are gathered before they are sent.
const GATHER: usize = 64 << 10;
/// How long an answer over datagrams may take before it is asked for again; then twice as long.
const RESEND: Duration = Duration::from_millis(250);
/// Times that something is asked over datagrams.
const ATTEMPTS: u32 = 6;

/// Pings without a word from the server, after which it is gone.
const PINGS: u32 = 3;

/// How a client behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// What it calls itself, for people to read.
    pub name: String,
    /// The proof that it may; empty where nobody asks.
    pub token: String,
    /// How long a connection and each answer may take.
    pub patience: Duration,
}

impl Settings {
    /// Under this name, without a token, with 5 s of patience.
    pub fn named(name: &str) -> Settings {
        Settings { name: name.to_owned(), token: String::new(), patience: Duration::from_secs(5) }
    }
}

/// Why something did not come about.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The transport.
    #[error(transparent)]
    Pipe(#[from] PipeError),
    /// The server said no.
    #[error("{reason}")]
    Refused {
        /// For programs.
        code: Code,
        /// For people.
        reason: String,
    },
    /// The server ended the session.
    #[error("the server closed the connection with {code}: {reason}")]
    Closed {
        /// For programs.
        code: Code,
        /// For people.
        reason: String,
    },
    /// The server did not answer.
    #[error(
        "no answer within {0:?}: see whether a server is there (`layerlab queue serve`), or wait longer with --timeout"
    )]
    Silent(Duration),
    /// What the server sent makes no sense.
    #[error("the server broke the protocol: {0}")]
    Malformed(#[from] Malformed),
    /// A name, id or body is too long for one frame.
    #[error("{what} of {len} octets: at most {most} fit")]
    TooLong {
        /// Which.
        what: &'static str,
        /// Its octets.
        len: usize,
        /// Octets allowed.
        most: usize,
    },
}

/// A message for a subscriber.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The subscription that it came by.
    pub subscription: u32,
    /// Its number in its queue.
    pub offset: u64,
    /// The how manieth time it is handed out; above 1 it is redelivered.
    pub deliveries: u32,
    /// What its publisher calls it.
    pub id: Vec<u8>,
    /// The message itself.
    pub body: Vec<u8>,
}

/// What the server said without being asked just now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// A message.
    Delivery(Delivery),
    /// These publishes are the server's now.
    Confirmed {
        /// The first.
        first: u64,
        /// The last.
        last: u64,
    },
    /// This publish's id was known, and stands there.
    Duplicate {
        /// The publish.
        seq: u64,
        /// The offset of the first message with the id.
        offset: u64,
    },
    /// Something was not done.
    Refused {
        /// The type of what was refused.
        what: u8,
        /// Its number.
        number: u64,
        /// Why.
        code: Code,
        /// For people.
        reason: String,
    },
}

/// A subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribed {
    /// Its number.
    pub number: u32,
    /// The first offset that can come.
    pub start: u64,
}

/// An answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Answer {
    Welcome(u32, u32),
    Done(u32, u64),
    Report(u32, String),
}

/// Something that was asked over datagrams and has no answer yet.
struct Asked {
    what: (u8, u64),
    frame: Vec<u8>,
    due: Instant,
    attempts: u32,
}

impl Asked {
    fn is_publish(&self, first: u64, last: u64) -> bool {
        self.what.0 == kind::PUBLISH && (first..=last).contains(&self.what.1)
    }
}

/// A client with an open session.
pub struct Client {
    pipe: Pipe,
    out: Vec<u8>,
    incoming: VecDeque<Incoming>,
    answers: VecDeque<Answer>,
    closed: Option<(Code, String)>,
    malformed: Option<Malformed>,
    patience: Duration,
    max_payload: u32,
    ping_every: Option<Duration>,
    ping_at: Option<Instant>,
    /// Pings since the server was heard last.
    pings: u32,
    seq: u64,
    number: u32,
    unconfirmed: u64,
    asked: Vec<Asked>,
}

impl Client {
    /// Connects and introduces itself.
    ///
    /// # Errors
    /// Nobody listens there, it is no queue's server, or it does not want us.
    pub fn connect(target: &Target, settings: &Settings) -> Result<Client, ClientError> {
        for (what, text) in [("a name", &settings.name), ("a token", &settings.token)] {
            fits(what, text.len(), 255)?;
        }
        let pipe = Pipe::open(target, settings.patience)?;
        let mut client = Client {
            pipe,
            out: Vec::new(),
            incoming: VecDeque::new(),
            answers: VecDeque::new(),
            closed: None,
            malformed: None,
            patience: settings.patience,
            max_payload: u32::MAX,
            ping_every: None,
            ping_at: None,
            pings: 0,
            seq: 0,
            number: 0,
            unconfirmed: 0,
            asked: Vec::new(),
        };
        client.ask(Message::Hello { client: &settings.name, token: &settings.token }, 0);
        let answer = client.answer(kind::HELLO, 0, |answer| matches!(answer, Answer::Welcome(..)))?;
        if let Answer::Welcome(max_payload, idle_ms) = answer {
            client.max_payload = max_payload;
            client.ping_every = (idle_ms > 0).then(|| Duration::from_millis(idle_ms.into()) / 3);
            client.ping_at = client.ping_every.map(|every| Instant::now() + every);
        }
        Ok(client)
    }

    /// Makes a queue, or finds it as described.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: it stands with other settings, or we may not.
    pub fn declare(&mut self, queue: &str, settings: &engine::Settings) -> Result<(), ClientError> {
        let dead_letter = settings.dead_letter.as_deref().unwrap_or_default();
        fits("a queue's name", queue.len().max(dead_letter.len()), 255)?;
        let request = self.next_number();
        let declare = Declare {
            request,
            queue,
            kind: settings.kind,
            policy: settings.policy,
            max_messages: settings.max_messages,
            max_bytes: settings.max_bytes,
            max_age_ms: u64::try_from(settings.max_age.as_millis()).unwrap_or(u64::MAX),
            max_deliveries: settings.max_deliveries,
            window: settings.window,
            dead_letter,
        };
        self.ask(Message::Declare(declare), request.into());
        self.done(kind::DECLARE, request).map(drop)
    }

    /// Ends a queue with all that it holds.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub fn delete(&mut self, queue: &str) -> Result<(), ClientError> {
        fits("a queue's name", queue.len(), 255)?;
        let request = self.next_number();
        self.ask(Message::Delete { request, queue }, request.into());
        self.done(kind::DELETE, request).map(drop)
    }

    /// Drops what waits in a queue; how many messages that were.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub fn purge(&mut self, queue: &str) -> Result<u64, ClientError> {
        fits("a queue's name", queue.len(), 255)?;
        let request = self.next_number();
        self.ask(Message::Purge { request, queue }, request.into());
        self.done(kind::PURGE, request)
    }

    /// What the server holds, as JSON: of one queue, or of all that we may see.
    ///
    /// # Errors
    /// [`ClientError::Refused`].
    pub fn inspect(&mut self, queue: Option<&str>) -> Result<String, ClientError> {
        let queue = queue.unwrap_or_default();
        fits("a queue's name", queue.len(), 255)?;
        let request = self.next_number();
        self.ask(Message::Inspect { request, queue }, request.into());
        let wanted = |answer: &Answer| matches!(answer, Answer::Report(number, _) if *number == request);
        match self.answer(kind::INSPECT, request.into(), wanted)? {
            Answer::Report(_, json) => Ok(json),
            Answer::Welcome(..) | Answer::Done(..) => Ok(String::new()),
        }
    }

    /// Publishes a message; its number in this session. It is on its way with the next [`Client::flush`] or
    /// [`Client::next`], and safe once that number has been [confirmed](Incoming::Confirmed).
    ///
    /// # Errors
    /// It does not fit in a frame that the server takes, or the connection is gone.
    pub fn publish(&mut self, queue: &str, id: &[u8], body: &[u8]) -> Result<u64, ClientError> {
        fits("a queue's name", queue.len(), 255)?;
        fits("an id", id.len(), engine::MAX_ID)?;
        let beside = 8 + 1 + queue.len() + 1 + id.len();
        let cap = if self.pipe.is_datagrams() {
            self.max_payload.min(crate::stack::l7_application::framing::MAX_DATAGRAM_PAYLOAD)
        } else {
            self.max_payload
        };
        fits("a message", body.len(), (cap as usize).saturating_sub(beside))?;
        self.seq += 1;
        self.unconfirmed += 1;
        self.ask(Message::Publish { seq: self.seq, queue, id, body }, self.seq);
        if self.out.len() >= GATHER {
            self.flush()?;
        }
        Ok(self.seq)
    }

    /// Publishes and forgets: nobody answers, and it may be lost.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn publish_unconfirmed(&mut self, queue: &str, body: &[u8]) -> Result<(), ClientError> {
        fits("a queue's name", queue.len(), 255)?;
        Message::Publish { seq: 0, queue, id: &[], body }.encode(&mut self.out);
        if self.out.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    /// Publishes without an answer yet.
    pub fn unconfirmed(&self) -> u64 {
        self.unconfirmed
    }

    /// Waits until a publish has been confirmed, and takes that answer: [`Client::next`] will not tell it again. What else
    /// comes meanwhile is kept.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: it was not stored.
    pub fn confirmed(&mut self, seq: u64) -> Result<(), ClientError> {
        let until = Instant::now() + self.patience;
        let mut looked = 0;
        loop {
            while let Some(incoming) = self.incoming.get(looked) {
                match *incoming {
                    Incoming::Confirmed { first, last } if (first..=last).contains(&seq) => {
                        self.incoming.remove(looked);
                        for (first, last) in [(seq + 1, last), (first, seq - 1)] {
                            if first <= last {
                                self.incoming.insert(looked, Incoming::Confirmed { first, last });
                            }
                        }
                        return Ok(());
                    }
                    Incoming::Duplicate { seq: known, .. } if known == seq => {
                        self.incoming.remove(looked);
                    }
                    Incoming::Refused { what: kind::PUBLISH, number, .. } if number == seq => {
                        if let Some(Incoming::Refused { code, reason, .. }) = self.incoming.remove(looked) {
                            return Err(ClientError::Refused { code, reason });
                        }
                    }
                    _ => looked += 1,
                }
            }
            if !self.wait(Some(until))? {
                return Err(ClientError::Silent(self.patience));
            }
        }
    }

    /// Asks for a queue's messages.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: there is no such queue, or we may not.
    pub fn subscribe(&mut self, queue: &str, wanted: Subscription) -> Result<Subscribed, ClientError> {
        fits("a queue's name", queue.len(), 255)?;
        let number = self.next_number();
        let Subscription { prefetch, mode, from } = wanted;
        self.ask(Message::Subscribe { subscription: number, queue, prefetch, mode, from }, number.into());
        self.done(kind::SUBSCRIBE, number).map(|start| Subscribed { number, start })
    }

    /// Wants no more; what was not acknowledged goes back.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn unsubscribe(&mut self, subscription: u32) -> Result<(), ClientError> {
        Message::Unsubscribe { subscription }.encode(&mut self.out);
        self.flush()
    }

    /// Is done with a message. On its way with the next [`Client::flush`] or [`Client::next`].
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ack(&mut self, subscription: u32, offset: u64) -> Result<(), ClientError> {
        Message::Ack { subscription, multiple: false, offset }.encode(&mut self.out);
        if self.out.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    /// Is done with a message and all unacknowledged before it.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn ack_up_to(&mut self, subscription: u32, offset: u64) -> Result<(), ClientError> {
        Message::Ack { subscription, multiple: true, offset }.encode(&mut self.out);
        if self.out.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    /// Hands a message back: to be delivered again, or for good.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn nack(&mut self, subscription: u32, offset: u64, requeue: bool) -> Result<(), ClientError> {
        Message::Nack { subscription, requeue, offset }.encode(&mut self.out);
        if self.out.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    /// Sends what was gathered.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn flush(&mut self) -> Result<(), ClientError> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.pipe.send(&mut self.out) {
            Ok(()) => Ok(()),
            Err(error) => {
                // It may have said why before it went.
                while self.closed.is_none() && matches!(self.hear(Some(Instant::now())), Ok(true)) {}
                self.closing()?;
                Err(error.into())
            }
        }
    }

    /// What the server says next; `None` when it says nothing in that time.
    ///
    /// # Errors
    /// The session is over.
    pub fn next(&mut self, patience: Option<Duration>) -> Result<Option<Incoming>, ClientError> {
        let until = patience.map(|patience| Instant::now() + patience);
        loop {
            if let Some(incoming) = self.incoming.pop_front() {
                return Ok(Some(incoming));
            }
            if !self.wait(until)? {
                return Ok(None);
            }
        }
    }

    /// Waits until the server has said something, or that time is over.
    ///
    /// # Errors
    /// The session is over.
    pub fn listen(&mut self, patience: Duration) -> Result<(), ClientError> {
        if self.incoming.is_empty() {
            self.wait(Some(Instant::now() + patience)).map(drop)
        } else {
            self.flush()
        }
    }

    /// What has been said already, without waiting.
    pub fn heard(&mut self) -> Option<Incoming> {
        self.incoming.pop_front()
    }

    /// Ends the session. What was sent arrives; what was not acknowledged goes back to its queue.
    ///
    /// # Errors
    /// The connection was gone already.
    pub fn close(mut self) -> Result<(), ClientError> {
        Message::Close { code: Code::Normal, reason: "" }.encode(&mut self.out);
        self.flush()?;
        self.pipe.finish();
        // Until the server has ended its direction too, what we sent may not have been read.
        let until = Instant::now() + Duration::from_secs(2);
        while !self.pipe.is_datagrams() && matches!(self.hear(Some(until)), Ok(true)) {}
        Ok(())
    }

    fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// Appends a message; over datagrams it is asked again until it is answered.
    fn ask(&mut self, message: Message<'_>, number: u64) {
        let start = self.out.len();
        message.encode(&mut self.out);
        if self.pipe.is_datagrams() {
            self.asked.push(Asked {
                what: (message.kind(), number),
                frame: self.out[start..].to_vec(),
                due: Instant::now() + RESEND,
                attempts: 1,
            });
        }
    }

    fn done(&mut self, what: u8, number: u32) -> Result<u64, ClientError> {
        let wanted = |answer: &Answer| matches!(answer, Answer::Done(request, _) if *request == number);
        match self.answer(what, number.into(), wanted)? {
            Answer::Done(_, value) => Ok(value),
            Answer::Welcome(..) | Answer::Report(..) => Ok(0),
        }
    }

    /// Waits for an answer, or a refusal of what was asked.
    fn answer(
        &mut self,
        what: u8,
        number: u64,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, ClientError> {
        let until = Instant::now() + self.patience;
        loop {
            if let Some(at) = self.answers.iter().position(&wanted)
                && let Some(answer) = self.answers.remove(at)
            {
                self.settled(what, number, number);
                return Ok(answer);
            }
            let refused = self.incoming.iter().position(|incoming| {
                matches!(incoming, Incoming::Refused { what: w, number: n, .. } if (*w, *n) == (what, number))
            });
            if let Some(Incoming::Refused { code, reason, .. }) =
                refused.and_then(|at| self.incoming.remove(at))
            {
                self.settled(what, number, number);
                return Err(ClientError::Refused { code, reason });
            }
            if !self.wait(Some(until))? {
                return Err(ClientError::Silent(self.patience));
            }
        }
    }

    fn settled(&mut self, what: u8, first: u64, last: u64) {
        self.asked.retain(|asked| asked.what.0 != what || !(first..=last).contains(&asked.what.1));
    }

    /// Sends what is due and waits for something to come; whether something did before that time.
    fn wait(&mut self, until: Option<Instant>) -> Result<bool, ClientError> {
        self.closing()?;
        let now = Instant::now();
        if let (Some(at), Some(every)) = (self.ping_at, self.ping_every)
            && now >= at
        {
            if self.pings == PINGS {
                return Err(ClientError::Silent(every * PINGS));
            }
            self.pings += 1;
            Message::Ping { token: 0 }.encode(&mut self.out);
            self.ping_at = Some(now + every);
        }
        for asked in &mut self.asked {
            if asked.due <= now {
                if asked.attempts >= ATTEMPTS {
                    return Err(ClientError::Silent(RESEND * (1 << ATTEMPTS)));
                }
                self.out.extend_from_slice(&asked.frame);
                asked.due = now + RESEND * (1 << asked.attempts);
                asked.attempts += 1;
            }
        }
        self.flush()?;
        let due = self.asked.iter().map(|asked| asked.due).min();
        let wake = [until, due, self.ping_at].into_iter().flatten().min();
        let heard = self.hear(wake)?;
        if heard {
            self.pings = 0;
        }
        Ok(heard || until.is_none_or(|until| Instant::now() < until))
    }

    /// The server's CLOSE, or its nonsense, as an error.
    fn closing(&self) -> Result<(), ClientError> {
        if let Some(wrong) = self.malformed {
            return Err(wrong.into());
        }
        match &self.closed {
            Some((code, reason)) => Err(ClientError::Closed { code: *code, reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn hear(&mut self, until: Option<Instant>) -> Result<bool, ClientError> {
        let Client { pipe, incoming, answers, closed, malformed, unconfirmed, asked, .. } = self;
        let datagrams = pipe.is_datagrams();
        let waited = pipe.receive(until, &mut |frame: Frame<'_>| match Message::decode(&frame) {
            Ok(Message::Deliver { subscription, offset, deliveries, id, body }) => {
                let (id, body) = (id.to_vec(), body.to_vec());
                incoming.push_back(Incoming::Delivery(Delivery {
                    subscription,
                    offset,
                    deliveries,
                    id,
                    body,
                }));
            }
            Ok(Message::Confirm { first, last }) => match datagrams {
                false => {
                    *unconfirmed = unconfirmed.saturating_sub(last.saturating_sub(first).saturating_add(1));
                    incoming.push_back(Incoming::Confirmed { first, last });
                }
                // What was asked twice may be answered twice.
                true => asked.retain(|asked| {
                    let answered = asked.is_publish(first, last);
                    if answered {
                        *unconfirmed = unconfirmed.saturating_sub(1);
                        incoming.push_back(Incoming::Confirmed { first: asked.what.1, last: asked.what.1 });
                    }
                    !answered
                }),
            },
            Ok(Message::Duplicate { seq, offset }) => incoming.push_back(Incoming::Duplicate { seq, offset }),
            Ok(Message::Refused { what, number, code, reason }) => {
                if what == kind::PUBLISH {
                    let before = asked.len();
                    asked.retain(|asked| !asked.is_publish(number, number));
                    if datagrams && asked.len() == before {
                        return;
                    }
                    *unconfirmed = unconfirmed.saturating_sub(1);
                }
                incoming.push_back(Incoming::Refused { what, number, code, reason: reason.to_owned() });
            }
            Ok(Message::Welcome { max_payload, idle_ms, .. }) => {
                answers.push_back(Answer::Welcome(max_payload, idle_ms));
            }
            Ok(Message::Done { request, value }) => answers.push_back(Answer::Done(request, value)),
            Ok(Message::Report { request, json }) => {
                answers.push_back(Answer::Report(request, json.to_owned()))
            }
            Ok(Message::Close { code, reason }) => *closed = Some((code, reason.to_owned())),
            Ok(_) => {}
            Err(wrong) => *malformed = Some(wrong),
        });
        // Answers over datagrams may come twice: only as many as can be meant are kept.
        if answers.len() > 64 {
            answers.pop_front();
        }
        match waited {
            Ok(waited) => Ok(waited == Waited::Heard),
            Err(error) => {
                self.closing()?;
                Err(error.into())
            }
        }
    }
}

fn fits(what: &'static str, len: usize, most: usize) -> Result<(), ClientError> {
    if len > most { Err(ClientError::TooLong { what, len, most }) } else { Ok(()) }
}
