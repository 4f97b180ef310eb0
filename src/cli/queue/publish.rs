//! `layerlab queue publish`.

use super::shared::{AtArgs, EnsureArgs};
use crate::cli::args::duration;
use crate::cli::exit::Answer;
use crate::cli::real;
use crate::live::queue::{Client, ClientError, Incoming};
use crate::stack::l7_application::queue::message::kind;
use anyhow::Context;
use clap::Args;
use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const AFTER_HELP: &str = "\
A message that is not confirmed may or may not be stored. Published again with the
same id, it is stored once: --id order gives the messages the ids order-1, order-2, ...

Examples:
  layerlab queue publish orders 'two of the blue ones'
  seq 1000 | layerlab queue publish numbers --id run7
  layerlab queue publish load --count 100000 --size 1024 --window 256

Exit status: 0 all confirmed, 1 not all.";

/// Options of `queue publish`.
#[derive(Args, Debug)]
pub(crate) struct PublishArgs {
    /// The queue
    queue: String,
    /// Messages [default: the lines of standard input]
    message: Vec<String>,
    #[command(flatten)]
    at: AtArgs,
    /// Publish so many messages of --size octets instead
    #[arg(long, value_name = "N", conflicts_with = "message")]
    count: Option<u64>,
    /// Octets of each message of --count
    #[arg(long, value_name = "N", default_value_t = 64, requires = "count")]
    size: usize,
    /// Give the messages ids: this word, a hyphen and their number
    #[arg(long, value_name = "WORD")]
    id: Option<String>,
    /// Messages under way without a confirmation, at most
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    window: u64,
    /// Wait so long between two messages
    #[arg(long, value_name = "TIME", value_parser = duration)]
    every: Option<Duration>,
    /// Ask for no confirmation: at most once
    #[arg(long, conflicts_with = "id")]
    unconfirmed: bool,
    /// One line for each message, with its answer
    #[arg(long, short)]
    verbose: bool,
    /// Say nothing but what failed
    #[arg(long, short, conflicts_with = "verbose")]
    quiet: bool,
    #[command(flatten)]
    ensure: EnsureArgs,
}

/// Where messages come from.
enum Source<'a> {
    Typed(std::slice::Iter<'a, String>),
    /// Lines, read by a thread of its own: who waits for the next one still hears Ctrl-C, and the server still hears us.
    Lines(Receiver<io::Result<Vec<u8>>>),
    Load {
        left: u64,
        size: usize,
    },
}

enum Next {
    Message,
    NotYet,
    End,
}

impl Source<'_> {
    fn of(args: &PublishArgs) -> Source<'_> {
        match args.count {
            Some(left) => Source::Load { left, size: args.size },
            None if args.message.is_empty() => Source::Lines(lines()),
            None => Source::Typed(args.message.iter()),
        }
    }

    /// The next message, if it comes in that time.
    fn next(&mut self, body: &mut Vec<u8>, patience: Duration) -> io::Result<Next> {
        body.clear();
        match self {
            Source::Typed(texts) => match texts.next() {
                Some(text) => body.extend_from_slice(text.as_bytes()),
                None => return Ok(Next::End),
            },
            Source::Load { left: 0, .. } => return Ok(Next::End),
            Source::Load { left, size } => {
                *left -= 1;
                body.resize(*size, b'x');
            }
            Source::Lines(lines) => match lines.recv_timeout(patience) {
                Ok(line) => *body = line?,
                Err(RecvTimeoutError::Timeout) => return Ok(Next::NotYet),
                Err(RecvTimeoutError::Disconnected) => return Ok(Next::End),
            },
        }
        Ok(Next::Message)
    }
}

/// The lines of standard input, a few ahead.
fn lines() -> Receiver<io::Result<Vec<u8>>> {
    let (tell, lines) = sync_channel(64);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            let last = !matches!(read, Ok(octets) if octets > 0);
            for end in *b"\n\r" {
                line.pop_if(|octet| *octet == end);
            }
            if matches!(read, Ok(0)) || tell.send(read.map(|_| line)).is_err() || last {
                return;
            }
        }
    });
    lines
}

/// Long enough to sleep, short enough for Ctrl-C.
const GLANCE: Duration = Duration::from_millis(250);

/// What became of the messages.
#[derive(Default)]
struct Tally {
    published: u64,
    confirmed: u64,
    duplicates: u64,
    refused: u64,
    why: Option<String>,
}

/// Runs it.
pub(crate) fn run(args: &PublishArgs) -> anyhow::Result<Answer> {
    let mut client = args.at.connect()?;
    args.ensure.declare(&mut client, &args.queue)?;
    let stop = real::interrupt()?;
    let (mut tally, began) = (Tally::default(), Instant::now());
    let published = publish(args, &mut client, &stop, &mut tally);
    let took = began.elapsed();
    let closed = published.and_then(|()| Ok(client.close()?));
    if !args.quiet {
        real::note(&words(args, &tally, took))?;
    }
    closed?;
    if let Some(why) = tally.why {
        anyhow::bail!("{} refused: {why}", real::plural(tally.refused, "message"));
    }
    let all = args.unconfirmed || tally.confirmed == tally.published;
    Ok(if all && !stop.load(Ordering::Relaxed) { Answer::Yes } else { Answer::No })
}

fn publish(
    args: &PublishArgs,
    client: &mut Client,
    stop: &AtomicBool,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let (mut source, mut body, mut patience) = (Source::of(args), Vec::new(), Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        match source.next(&mut body, patience).context("standard input cannot be read")? {
            Next::Message => patience = Duration::ZERO,
            Next::End => break,
            Next::NotYet => {
                // Who waits for the next line wants to see the answer to the last.
                settle(args, client, tally, stop, 0)?;
                client.listen(Duration::ZERO)?;
                patience = GLANCE;
                continue;
            }
        }
        if args.unconfirmed {
            client.publish_unconfirmed(&args.queue, &body)?;
            tally.published += 1;
        } else {
            let id =
                args.id.as_ref().map(|word| format!("{word}-{}", tally.published + 1)).unwrap_or_default();
            client.publish(&args.queue, id.as_bytes(), &body)?;
            tally.published += 1;
            settle(args, client, tally, stop, args.window - 1)?;
        }
        if let Some(every) = args.every {
            let until = Instant::now() + every;
            while !stop.load(Ordering::Relaxed) && Instant::now() < until {
                client.listen(GLANCE.min(until.saturating_duration_since(Instant::now())))?;
                while let Some(incoming) = client.heard() {
                    account(args, tally, incoming)?;
                }
            }
        }
    }
    client.flush()?;
    settle(args, client, tally, stop, 0)
}

/// Takes the answers, until at most so many are still missing.
fn settle(
    args: &PublishArgs,
    client: &mut Client,
    tally: &mut Tally,
    stop: &AtomicBool,
    missing: u64,
) -> anyhow::Result<()> {
    let mut silent_since = Instant::now();
    loop {
        while let Some(incoming) = client.heard() {
            silent_since = Instant::now();
            account(args, tally, incoming)?;
        }
        if client.unconfirmed() <= missing {
            return Ok(());
        }
        match client.next(Some(GLANCE))? {
            Some(incoming) => {
                silent_since = Instant::now();
                account(args, tally, incoming)?;
            }
            // A full disk is waited out as long as somebody wants to wait.
            None if stop.load(Ordering::Relaxed) => return Ok(()),
            None if silent_since.elapsed() > args.at.patience() => {
                return Err(ClientError::Silent(args.at.patience()).into());
            }
            None => {}
        }
    }
}

fn account(args: &PublishArgs, tally: &mut Tally, incoming: Incoming) -> io::Result<()> {
    let line = match incoming {
        Incoming::Confirmed { first, last } => {
            tally.confirmed += last - first + 1;
            if first == last {
                format!("{first}  confirmed")
            } else {
                format!("{first} to {last}  confirmed")
            }
        }
        Incoming::Duplicate { seq, offset } => {
            tally.duplicates += 1;
            format!("{seq}  known already: stored before at offset {offset}, and not again")
        }
        Incoming::Refused { what: kind::PUBLISH, number, code, reason } => {
            tally.refused += 1;
            let line = format!("{number}  refused with {code}: {reason}");
            tally.why.get_or_insert(reason);
            line
        }
        Incoming::Refused { .. } | Incoming::Delivery(_) => return Ok(()),
    };
    if args.verbose { writeln!(io::stdout(), "{line}") } else { Ok(()) }
}

fn words(args: &PublishArgs, tally: &Tally, took: Duration) -> String {
    let mut parts = vec![format!("{} published", real::plural(tally.published, "message"))];
    if args.unconfirmed {
        parts.push("no confirmation asked for".to_owned());
    } else {
        parts.push(format!("{} confirmed", tally.confirmed));
    }
    let beside = [
        (tally.duplicates, "known already, not stored again"),
        (tally.refused, "refused"),
        (
            if args.unconfirmed {
                0
            } else {
                tally.published - tally.confirmed.min(tally.published) - tally.refused
            },
            "without an answer",
        ),
    ];
    parts.extend(beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    if args.count.is_some() && took > Duration::ZERO {
        parts.push(format!("{:.0} a second", tally.published as f64 / took.as_secs_f64()));
    }
    parts.join(", ")
}
