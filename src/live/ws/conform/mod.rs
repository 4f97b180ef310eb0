//! Runs the cases of a conformance check against a server on the real network: several connections at a time, the
//! findings in the order of the cases.
//!
//! What a case sends, waits for and comes to is decided by [`Trial`], which is pure; here are the sockets and the
//! time. Nothing sleeps for a fixed time: a wait ends with what comes, and a cut between two writes is a millisecond in
//! which the server may already answer.

use super::stream::Stream;
use super::{DialError, dial};
#[cfg(feature = "tls")]
use super::{Tls, TlsError};
use crate::model::conformance::{Came, Expected, Finding, Verdict};
use crate::stack::l7_application::ws::conform::{Ask, Case, Patience, Target, Trial, probes};
use crate::stack::l7_application::ws::{Masks, Url};
use mio::{Events, Poll, Token};
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server gets that would have answered at once.
const BRIEF: Duration = Duration::from_millis(300);
/// Between two writes that are to be segments of their own.
const CUT: Duration = Duration::from_millis(1);
/// How much longer than its patience a case may last, whatever the server sends.
const LONGEST: u32 = 12;
/// Octets of one read.
const READ: usize = 64 << 10;

/// What is asked of the checker.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub url: Url,
    /// How TLS is spoken, where the URL asks for it.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// Further fields of each request.
    pub fields: Vec<(String, String)>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Connections at a time.
    pub parallel: usize,
    /// The seed of keys and masks.
    pub seed: u64,
    /// Octets of the largest message.
    pub max: u64,
}

/// The server could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ConformError {
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// No TLS.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A WebSocket cannot be opened there.
    #[error(
        "{url} answered a good opening handshake with status {status}, not 101: check the path, or give the fields \
         that the server wants with --header"
    )]
    Refused {
        /// The server.
        url: String,
        /// The status.
        status: u16,
    },
    /// Nothing that a WebSocket server would say.
    #[error("{url} answered a good opening handshake with no HTTP response: it may be no WebSocket server")]
    NotHttp {
        /// The server.
        url: String,
    },
    /// The operating system failed.
    #[error("the connection could not be watched: {0}")]
    System(#[from] io::Error),
    /// It was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl Plan {
    fn target(&self) -> Target {
        Target {
            host: self.url.authority(),
            path: self.url.target.clone(),
            fields: self.fields.clone(),
            text: true,
            binary: true,
            deflate: None,
            max: self.max,
        }
    }

    fn open(&self) -> Result<Stream, ConformError> {
        let dialled = dial(&self.url, self.timeout)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let (stream, _) = tls.handshake(dialled.stream, self.timeout)?;
            return Ok(stream);
        }
        Ok(Stream::plain(dialled.stream)?)
    }

    /// Its own masks for each case, whichever run before it.
    fn masks(&self, case: &Case) -> Masks {
        // FNV-1a: the case's name, so that `--case` sends what the whole run does.
        let name = case.id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
        });
        Masks::seeded(self.seed ^ name)
    }

    fn trial(
        &self,
        case: &Case,
        target: &Target,
        stop: &AtomicBool,
    ) -> Result<(Trial, Duration), ConformError> {
        let mut stream = self.open()?;
        let began = Instant::now();
        let mut trial = Trial::new(case, target, self.masks(case));
        drive(&mut trial, &mut stream, self.timeout, stop)?;
        Ok((trial, began.elapsed()))
    }

    /// What the server does with a text message, a binary message and an offer of compression.
    ///
    /// # Errors
    /// [`ConformError`]: without a connection there is nothing to check.
    pub fn survey(&self, stop: &AtomicBool) -> Result<Target, ConformError> {
        let mut target = self.target();
        let [text, binary, deflate] = probes();
        // One first: where nothing answers, one sentence is enough.
        let (finding, _) = self.probe(&text, &target, stop)?;
        let url = || self.url.to_string();
        match finding.came {
            Came::Status { status } => return Err(ConformError::Refused { url: url(), status }),
            Came::Answer { .. } => return Err(ConformError::NotHttp { url: url() }),
            Came::Silence { .. } | Came::Ended { .. } if finding.expected == Expected::Switch => {
                return Err(ConformError::NotHttp { url: url() });
            }
            _ => {}
        }
        let is_ok = |finding: &Finding| finding.verdict == Verdict::Ok;
        let all = target.clone();
        target.text = is_ok(&finding);
        target.binary = is_ok(&self.probe(&binary, &all, stop)?.0);
        target.deflate = self.probe(&deflate, &all, stop)?.1;
        Ok(target)
    }

    fn probe(
        &self,
        case: &Case,
        target: &Target,
        stop: &AtomicBool,
    ) -> Result<(Finding, Option<bool>), ConformError> {
        let (trial, took) = self.trial(case, target, stop)?;
        let deflate = trial.client_takeover();
        Ok((trial.finding(took), deflate))
    }

    fn case(&self, case: &Case, target: &Target, stop: &AtomicBool) -> Finding {
        let early = |verdict, came| Finding {
            case: case.id.clone(),
            clause: case.clause,
            verdict,
            expected: Expected::Switch,
            came,
            passed: Vec::new(),
            took: Duration::ZERO,
        };
        if let Some(need) = case.lacks(target) {
            return early(Verdict::NotApplicable, Came::Lacks(need));
        }
        match self.trial(case, target, stop) {
            Ok((trial, took)) => trial.finding(took),
            Err(error) => early(Verdict::Failed, Came::NoConnection { reason: error.to_string() }),
        }
    }

    /// Tries the cases and tells each finding, in the cases' order, until `each` or `stop` says that it is enough.
    pub fn run(
        &self,
        cases: &[Case],
        target: &Target,
        stop: &AtomicBool,
        each: &mut dyn FnMut(Finding) -> io::Result<()>,
    ) -> io::Result<()> {
        let (next, enough) = (AtomicUsize::new(0), AtomicBool::new(false));
        let over = || stop.load(Relaxed) || enough.load(Relaxed);
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..self.parallel.clamp(1, cases.len().max(1)) {
                let (tell, next, over) = (tell.clone(), &next, &over);
                scope.spawn(move || {
                    while let Some((n, case)) = cases.iter().enumerate().nth(next.fetch_add(1, Relaxed)) {
                        let finding = self.case(case, target, stop);
                        if over() || tell.send((n, finding)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(tell);
            let mut waiting = std::collections::BTreeMap::new();
            let mut due = 0;
            for (n, finding) in told {
                waiting.insert(n, finding);
                while let Some(finding) = waiting.remove(&due) {
                    due += 1;
                    if let Err(error) = each(finding) {
                        enough.store(true, Relaxed);
                        return Err(error);
                    }
                }
            }
            Ok(())
        })
    }
}

/// One connection, until the trial is done.
fn drive(
    trial: &mut Trial,
    stream: &mut Stream,
    patience: Duration,
    stop: &AtomicBool,
) -> Result<(), ConformError> {
    let mut poll = Poll::new()?;
    stream.register(poll.registry(), Token(0))?;
    let mut events = Events::with_capacity(4);
    let mut buffer = vec![0; READ];
    let began = Instant::now();
    let mut quiet_since = began;
    // Edge-triggered: nothing is known before it was tried.
    let (mut readable, mut writable, mut ended) = (true, true, false);
    loop {
        if stop.load(Relaxed) {
            return Err(ConformError::Interrupted);
        }
        if readable && !ended {
            match stream.read(&mut buffer) {
                Ok(0) => {
                    ended = true;
                    trial.end(false);
                }
                Ok(n) => {
                    quiet_since = Instant::now();
                    trial.receive(&mut buffer[..n]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    ended = true;
                    trial.end(true);
                }
            }
            if began.elapsed() < patience * LONGEST {
                continue;
            }
        }
        let mut limit = patience;
        match trial.ask() {
            Ask::Done => return Ok(()),
            Ask::Finish => {
                let _ = stream.finish();
                continue;
            }
            Ask::Write { octets, alone } if writable => {
                match stream.write(octets).and_then(|n| stream.flush().or_else(would_block).map(|()| n)) {
                    Ok(n) => {
                        quiet_since = Instant::now();
                        trial.wrote(n);
                        if alone {
                            wait(&mut poll, &mut events, CUT, &mut readable, &mut writable)?;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => writable = false,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => trial.cannot_write(),
                }
                continue;
            }
            Ask::Write { .. } => {}
            Ask::Wait(Patience::Full) => {}
            Ask::Wait(Patience::Grace) => limit = patience / 3,
            Ask::Wait(Patience::Brief) => limit = BRIEF.min(patience),
        }
        let left = limit.saturating_sub(quiet_since.elapsed());
        if left.is_zero() || began.elapsed() >= patience * LONGEST {
            if !writable {
                // It does not read: what it says is still worth hearing.
                writable = true;
                trial.cannot_write();
            }
            trial.silence(limit);
            if began.elapsed() >= patience * LONGEST {
                trial.give_up(began.elapsed());
                return Ok(());
            }
            quiet_since = Instant::now();
            continue;
        }
        if stream.is_pending() && stream.flush().or_else(would_block).is_err() {
            trial.cannot_write();
        }
        wait(&mut poll, &mut events, left.min(Duration::from_millis(100)), &mut readable, &mut writable)?;
    }
}

/// Nothing to worry about: it goes out later.
fn would_block(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}

fn wait(
    poll: &mut Poll,
    events: &mut Events,
    limit: Duration,
    readable: &mut bool,
    writable: &mut bool,
) -> io::Result<()> {
    match poll.poll(events, Some(limit)) {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
        result => result?,
    }
    for event in &*events {
        *readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        *writable |= event.is_writable() || event.is_error();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
