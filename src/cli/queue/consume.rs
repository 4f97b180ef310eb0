//! `layerlab queue consume`.

use super::shared::{AtArgs, EnsureArgs};
use crate::cli::args::waiting_time;
use crate::cli::exit::Answer;
use crate::cli::real;
use crate::live::queue::{Client, Delivery, Incoming};
use crate::stack::l7_application::queue::engine::{From, Mode, Subscription};
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) const AFTER_HELP: &str = "\
A message is acknowledged when its line has been written. Whoever dies before gets it
again, or somebody else does: with --json, `deliveries` above 1 says so.

Examples:
  layerlab queue consume orders
  layerlab queue consume news --from start --wait 1s
  layerlab queue consume orders --count 2 --no-ack      take two, and leave without a word

Exit status: 0 done, 1 fewer than --count came.";

/// Options of `queue consume`.
#[derive(Args, Debug)]
pub(crate) struct ConsumeArgs {
    /// The queue
    queue: String,
    #[command(flatten)]
    at: AtArgs,
    /// Stop after so many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Stop when none came for this long [default: wait for ever]
    #[arg(long, value_name = "TIME", value_parser = waiting_time)]
    wait: Option<Duration>,
    /// Messages in hand unacknowledged, at most; 0: as many as the server allows
    #[arg(long, value_name = "N", default_value_t = 256)]
    prefetch: u32,
    /// Where to begin in a topic: new, start, or an offset
    #[arg(long, value_name = "WHERE", value_parser = from, default_value = "new")]
    from: From,
    /// The server forgets each message as it sends it: what is lost on the way, or comes beyond --count, is lost
    #[arg(long, conflicts_with_all = ["no_ack", "nack", "requeue"])]
    at_most_once: bool,
    /// Acknowledge nothing: all of it comes again, to somebody
    #[arg(long, conflicts_with_all = ["nack", "requeue"])]
    no_ack: bool,
    /// Hand each message back for good: it is a dead letter
    #[arg(long, conflicts_with = "requeue")]
    nack: bool,
    /// Hand each message back, to be delivered again
    #[arg(long, requires = "count")]
    requeue: bool,
    /// One JSON object a line: offset, deliveries, id, and the message as text or base64
    #[arg(long)]
    json: bool,
    /// No summary at the end
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    ensure: EnsureArgs,
}

fn from(text: &str) -> Result<From, String> {
    match text {
        "new" => Ok(From::New),
        "start" => Ok(From::Start),
        number => number
            .parse()
            .map(From::Offset)
            .map_err(|_| "write new, start, or an offset such as 41".to_owned()),
    }
}

/// Runs it.
pub(crate) fn run(args: &ConsumeArgs) -> anyhow::Result<Answer> {
    let mut client = args.at.connect()?;
    args.ensure.declare(&mut client, &args.queue)?;
    let stop = real::interrupt()?;
    let mode = if args.at_most_once { Mode::AtMostOnce } else { Mode::AtLeastOnce };
    // Nobody should wait for messages that we will not look at.
    let most = args.count.map_or(u32::MAX, |count| u32::try_from(count).unwrap_or(u32::MAX).max(1));
    let prefetch = if args.prefetch == 0 { args.count.map_or(0, |_| most) } else { args.prefetch.min(most) };
    let wanted = Subscription { prefetch, mode, from: args.from };
    let subscribed = client.subscribe(&args.queue, wanted)?;
    if let From::Offset(asked) = args.from
        && asked != subscribed.start
    {
        let why = if subscribed.start > asked { "what came before is gone" } else { "no more has come" };
        real::note(&format!("asked from offset {asked}, gets from {} on: {why}", subscribed.start))?;
    }
    let mut taken = Taken::default();
    let consumed = consume(args, &mut client, subscribed.number, &stop, &mut taken);
    // What was acknowledged goes out, whatever stopped us.
    let closed = if args.no_ack { Ok(()) } else { client.close() };
    if !args.quiet {
        let again =
            if taken.again > 0 { format!(", {} not for the first time", taken.again) } else { String::new() };
        real::note(&format!("{} taken{again}", real::plural(taken.messages, "message")))?;
    }
    consumed?;
    closed?;
    Ok(if args.count.is_some_and(|count| taken.messages < count) { Answer::No } else { Answer::Yes })
}

#[derive(Default)]
struct Taken {
    messages: u64,
    again: u64,
}

fn consume(
    args: &ConsumeArgs,
    client: &mut Client,
    subscription: u32,
    stop: &AtomicBool,
    taken: &mut Taken,
) -> anyhow::Result<()> {
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut pending = Vec::new();
    let mut heard = Instant::now();
    loop {
        let enough = args.count.is_some_and(|count| taken.messages >= count);
        let incoming = if enough { None } else { client.heard() };
        match incoming {
            Some(Incoming::Delivery(delivery)) => {
                heard = Instant::now();
                taken.messages += 1;
                taken.again += u64::from(delivery.deliveries > 1);
                line(args, &delivery, &mut out)?;
                pending.push(delivery.offset);
                continue;
            }
            Some(Incoming::Refused { code, reason, .. }) => anyhow::bail!("refused with {code}: {reason}"),
            Some(_) => continue,
            None => {}
        }
        // Written first, acknowledged then: what is lost between comes again.
        out.flush()?;
        for offset in pending.drain(..) {
            match (args.no_ack || args.at_most_once, args.nack || args.requeue) {
                (true, _) => {}
                (false, true) => client.nack(subscription, offset, args.requeue)?,
                (false, false) => client.ack(subscription, offset)?,
            }
        }
        client.flush()?;
        if enough || stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Long enough to sleep, short enough for Ctrl-C.
        let mut patience = Duration::from_millis(250);
        if let Some(wait) = args.wait {
            let left = wait.saturating_sub(heard.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            patience = patience.min(left);
        }
        client.listen(patience)?;
    }
}

fn line(args: &ConsumeArgs, delivery: &Delivery, out: &mut impl Write) -> io::Result<()> {
    let Delivery { offset, deliveries, id, body, .. } = delivery;
    if !args.json {
        out.write_all(body)?;
        return out.write_all(b"\n");
    }
    let mut object = json!({ "offset": offset, "deliveries": deliveries });
    for (key, octets) in [("id", id), ("body", body)] {
        match std::str::from_utf8(octets) {
            Ok(text) => object[key] = text.into(),
            Err(_) => {
                use base64::Engine;
                object[format!("{key}_base64")] = base64::prelude::BASE64_STANDARD.encode(octets).into();
            }
        }
    }
    writeln!(out, "{object}")
}
