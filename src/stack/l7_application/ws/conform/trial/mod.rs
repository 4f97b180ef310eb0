//! One case under way: what is to be written next, what is waited for, and what it comes to. It touches no
//! socket and no clock: whoever runs it writes what it asks for, and tells what came or that nothing came.

mod steps;

use super::super::close::CloseCode;
use super::super::deflate::Window;
use super::super::sender::Masks;
use super::ear::{Ear, Heard};
use super::opening::{Door, Opened};
use super::record::Record;
use super::script::{Case, Frame, Step, close};
use crate::model::Side;
use crate::model::conformance::{Came, Expected, Finding, Passed, Traffic, Verdict};
use std::collections::VecDeque;
use std::time::Duration;
use steps::broke;

/// What the checker knows about the server under test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The `Host` field.
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Further fields of each request.
    pub fields: Vec<(String, String)>,
    /// Text messages come back.
    pub text: bool,
    /// Binary messages come back.
    pub binary: bool,
    /// permessage-deflate was agreed on when it was offered, and whether the client may refer to earlier messages.
    pub deflate: Option<bool>,
    /// Octets of the largest message that is sent; of those that are taken too, with some room.
    pub max: u64,
}

/// What whoever runs a trial is to do next. What comes in the meantime is told too.
#[derive(Debug)]
pub enum Ask<'a> {
    /// Write the octets, and tell how many were taken. `alone`: each such write is to be a segment of its own.
    Write {
        /// The octets.
        octets: &'a [u8],
        /// Not joined with the next.
        alone: bool,
    },
    /// End our half of TCP.
    Finish,
    /// Wait for something to come.
    Wait(Patience),
    /// It is over: hang up.
    Done,
}

/// How long silence lasts before it means something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// As long as the user allows.
    Full,
    /// What a server takes that answers Pings sooner than it looks at messages.
    Grace,
    /// What a server takes that would have answered at once.
    Brief,
}

/// What has been decided.
struct Ruling {
    verdict: Verdict,
    expected: Expected,
    came: Came,
}

/// One case under way.
pub struct Trial {
    case: Case,
    target: Target,
    steps: VecDeque<Step>,
    masks: Masks,
    record: Record,
    out: Vec<u8>,
    written: usize,
    chop: Option<usize>,
    finish: bool,
    /// Nothing more can be sent.
    mute: bool,
    /// Until the server's answer is there.
    door: Option<Door>,
    ear: Option<Ear>,
    /// The client's and the server's window, where permessage-deflate was agreed on.
    windows: Option<[Window; 2]>,
    /// Of the step at hand: answers that came.
    got: usize,
    pongs: usize,
    fenced: bool,
    went_on: bool,
    brief: bool,
    said_close: bool,
    heard_close: bool,
    ended: bool,
    /// What is left of a frame that was begun.
    rest: Vec<u8>,
    ruling: Option<Ruling>,
    done: bool,
}

impl Trial {
    /// Begins the case. What it lacks in the server ends it before anything is sent.
    pub fn new(case: &Case, target: &Target, mut masks: Masks) -> Trial {
        let nonce = masks.nonce();
        let mut record = Record::default();
        let (door, octets) = Door::new(case, target, nonce);
        record.head(Side::Client, &octets);
        let mut out = octets;
        let early = door.early().to_vec();
        let mut trial = Trial {
            steps: case.steps.clone().into(),
            chop: door.chop(),
            case: case.clone(),
            target: target.clone(),
            masks,
            record,
            out: Vec::new(),
            written: 0,
            finish: false,
            mute: false,
            door: Some(door),
            ear: None,
            windows: None,
            got: 0,
            pongs: 0,
            fenced: false,
            went_on: false,
            brief: false,
            said_close: false,
            heard_close: false,
            ended: false,
            rest: Vec::new(),
            ruling: None,
            done: false,
        };
        trial.frames(&early, &mut out);
        trial.out = out;
        trial
    }

    /// What is to be done next.
    pub fn ask(&mut self) -> Ask<'_> {
        if self.done {
            return Ask::Done;
        }
        if self.written < self.out.len() {
            let rest = &self.out[self.written..];
            let run = self.chop.unwrap_or(rest.len()).min(rest.len());
            return Ask::Write { octets: &rest[..run], alone: self.chop.is_some() };
        }
        if std::mem::take(&mut self.finish) {
            return Ask::Finish;
        }
        Ask::Wait(match (self.went_on, self.brief) {
            (true, _) => Patience::Grace,
            (false, true) => Patience::Brief,
            (false, false) => Patience::Full,
        })
    }

    /// So many octets of the last [`Ask::Write`] were taken.
    pub fn wrote(&mut self, octets: usize) {
        self.written += octets;
        if self.written >= self.out.len() {
            self.out = Vec::new();
            self.written = 0;
            self.advance(None);
        }
    }

    /// Nothing more is taken: the server reset the connection, or reads no more.
    pub fn cannot_write(&mut self) {
        self.mute = true;
        self.out = Vec::new();
        self.written = 0;
        self.finish = false;
        self.advance(None);
    }

    /// The server sent these octets.
    pub fn receive(&mut self, octets: &mut [u8]) {
        let octets = match &mut self.door {
            None => octets,
            Some(door) => match door.feed(octets, &mut self.record) {
                None => return,
                Some((taken, opened)) => {
                    self.opened(opened);
                    &mut octets[taken..]
                }
            },
        };
        if let Some(ear) = &mut self.ear {
            ear.feed(octets, &mut self.record);
        }
        self.advance(None);
    }

    /// The server ended TCP.
    pub fn end(&mut self, reset: bool) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.record.push(Side::Server, Traffic::End { reset });
        self.mute = true;
        self.out = Vec::new();
        self.written = 0;
        if let Some(door) = self.door.take() {
            return self.opened(door.ended(reset));
        }
        if let Some(ear) = &mut self.ear {
            ear.heard.push_back(Heard::End { reset });
        }
        self.advance(None);
    }

    /// Nothing came for as long as [`Ask::Wait`] said, which was `after`.
    pub fn silence(&mut self, after: Duration) {
        match self.door.take() {
            Some(door) => self.opened(door.silent(after)),
            None => self.advance(Some(after)),
        }
    }

    /// It lasts too long: the server keeps sending.
    pub fn give_up(&mut self, after: Duration) {
        let expected = self.ruling.as_ref().map_or(Expected::Switch, |ruling| ruling.expected.clone());
        self.fault(Verdict::Unclean, expected, Came::NotEnded { after });
    }

    /// Whether a client's messages may refer to earlier ones; `None` where permessage-deflate was not agreed on.
    pub const fn client_takeover(&self) -> Option<bool> {
        match self.windows {
            Some([client, _]) => Some(client.takeover),
            None => None,
        }
    }

    /// What the case came to.
    pub fn finding(self, took: Duration) -> Finding {
        let nothing = Ruling { verdict: Verdict::Ok, expected: Expected::Switch, came: Came::AsExpected };
        let Ruling { verdict, expected, came } = self.ruling.unwrap_or(nothing);
        let mild = verdict.severity() <= self.case.at_worst.severity();
        let verdict = if mild { verdict } else { self.case.at_worst };
        let passed: Vec<Passed> = self.record.finish();
        Finding { case: self.case.id, clause: self.case.clause, verdict, expected, came, passed, took }
    }

    fn opened(&mut self, opened: Opened) {
        self.door = None;
        match opened {
            Opened::Ruled { verdict, expected, came } => {
                self.rule(verdict, expected, came);
                self.done = true;
            }
            Opened::Open { windows, looked_at } => {
                if let Some(expected) = looked_at {
                    self.rule(Verdict::Ok, expected, Came::AsExpected);
                }
                let max = self.target.max.saturating_mul(2).max(1 << 20);
                self.windows = windows;
                self.ear = Some(Ear::new(windows.map(|[_, server]| server), max));
                self.chop = None;
            }
        }
    }

    /// Decides, unless something worse is decided already.
    fn rule(&mut self, verdict: Verdict, expected: Expected, came: Came) {
        let worse = |ruling: &Ruling| verdict.severity() > ruling.verdict.severity();
        if self.ruling.as_ref().is_none_or(|ruling| ruling.verdict == Verdict::Ok || worse(ruling)) {
            self.ruling = Some(Ruling { verdict, expected, came });
        }
    }

    /// Decides against the server, which ends the case.
    fn fault(&mut self, verdict: Verdict, expected: Expected, came: Came) {
        self.rule(verdict, expected, came);
        self.done = true;
    }

    fn frames(&mut self, frames: &[Frame], out: &mut Vec<u8>) {
        for frame in frames {
            let at = out.len();
            frame.encode(&mut self.masks, out);
            self.record.raw(Side::Client, &out[at..], out.len() - at);
        }
    }

    fn send(&mut self, frames: &[Frame]) {
        if self.mute {
            return;
        }
        let mut out = std::mem::take(&mut self.out);
        self.frames(frames, &mut out);
        self.out = out;
    }

    /// Goes on with the script as far as what has come allows. `silence` is how long nothing came, where that is what
    /// happened.
    fn advance(&mut self, mut silence: Option<Duration>) {
        while !self.done && self.ear.is_some() {
            let Some(step) = self.steps.pop_front() else { return self.farewell(silence) };
            let over = match &step {
                // What is not written yet goes first.
                Step::Send(_) | Step::Chop(..) | Step::Begin(..) | Step::Rest | Step::Finish
                    if !self.out.is_empty() =>
                {
                    false
                }
                Step::Send(frames) => {
                    self.chop = None;
                    self.send(frames);
                    true
                }
                Step::Chop(octets, frames) => {
                    self.chop = Some(*octets);
                    self.send(frames);
                    true
                }
                Step::Begin(frame, octets) => {
                    self.chop = None;
                    self.send(std::slice::from_ref(frame));
                    let cut = self.out.len() - frame.payload.len() + octets;
                    if !self.mute {
                        self.rest = self.out.split_off(cut);
                    }
                    true
                }
                Step::Rest => {
                    self.out = if self.mute { Vec::new() } else { std::mem::take(&mut self.rest) };
                    true
                }
                Step::Finish => {
                    self.finish = !self.mute;
                    true
                }
                Step::Answers(answers) => self.answers(answers, false, silence.take()),
                Step::AnswersOrLimit(answers) => self.answers(answers, true, silence.take()),
                Step::FailsAtOnce(fails) => self.fails_at_once(fails, silence.take()),
                Step::Fails(fails) => self.fails(fails, silence.take()),
                Step::Closes { codes, before, otherwise } => {
                    self.closes(codes, before, *otherwise, silence.take())
                }
                Step::Ends => self.ends(silence.take()),
            };
            if !over {
                return self.steps.push_front(step);
            }
            (self.got, self.pongs, self.fenced, self.went_on, self.brief) = (0, 0, false, false, false);
        }
    }

    fn next(&mut self) -> Option<Heard> {
        let heard = self.ear.as_mut().and_then(|ear| ear.heard.pop_front())?;
        if let Heard::Close(close) = &heard {
            self.heard_close = true;
            // The same code back, as a client does (RFC 6455 s5.5.1); not in the middle of a frame of ours.
            if !self.said_close && self.rest.is_empty() && self.out.is_empty() {
                let code = close.as_ref().map_or(CloseCode::NORMAL, |(code, _)| *code);
                self.say_close(code);
            }
        }
        Some(heard)
    }

    fn say_close(&mut self, code: CloseCode) {
        self.said_close = true;
        self.send(&[close(code.0, b"")]);
    }

    /// The script is done. Closes as a client does; only what the server must never do still counts.
    fn farewell(&mut self, silence: Option<Duration>) {
        self.brief = true;
        if !self.said_close && !self.heard_close && self.rest.is_empty() && self.out.is_empty() {
            self.say_close(CloseCode::NORMAL);
        }
        let expected = self.ruling.as_ref().map_or(Expected::Switch, |ruling| ruling.expected.clone());
        while let Some(heard) = self.next() {
            match heard {
                Heard::Message(_, payload) if self.echoes() => {
                    let came = Came::UnaskedMessage { len: payload.len() as u64 };
                    return self.fault(Verdict::Failed, expected, came);
                }
                Heard::Broke(fault) => {
                    let came = broke(&fault);
                    return self.fault(Verdict::Failed, expected, came);
                }
                Heard::End { .. } => self.done = true,
                _ => {}
            }
        }
        self.done |= silence.is_some() || self.ended;
    }

    /// Whether messages are echoes; where they are not, a server may send what it likes.
    fn echoes(&self) -> bool {
        self.target.text || self.target.binary
    }
}
