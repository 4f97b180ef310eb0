//! `layerlab ws compare`: the same events pushed three ways, each on a fresh network with the same wire.

use crate::cli::args::{CommonSocketArgs, NetArgs, duration};
use crate::cli::exit::{Answer, Usage, cut_short};
use crate::cli::plan::{self, Ground};
use crate::cli::run::note_unused;
use crate::host::{entropy, signal};
use crate::live::echo::ws::WsEcho;
use crate::live::echo::{Experiment, Messages};
use crate::live::push::{Push, Way};
use crate::live::setup::{Finished, RunError, Setup};
use crate::live::{loopback, private};
use crate::model::NullSink;
use crate::narrate::push as words;
use crate::report::push::{Pushed, table};
use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The port of the three servers.
const PORT: u16 = 80;
/// What a call may wait for beyond the time between two events.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest that a way may take.
const LONGEST: Duration = Duration::from_secs(600);
/// Messages of each side that show that neither waits for the other.
const DUPLEX: usize = 10;

/// Options of `ws compare`.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// What each event says
    #[arg(default_value = "temperature is 21 C")]
    event: String,
    /// Events that the server has for the client
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "Experiment")]
    count: u32,
    /// Time between two events
    #[arg(long, default_value = "100ms", value_name = "TIME", value_parser = duration, help_heading = "Experiment")]
    every: Duration,
    /// The client that polls asks once in each such time, at a moment that the seed draws
    #[arg(long, default_value = "50ms", value_name = "TIME", value_parser = duration, help_heading = "Experiment")]
    poll_every: Duration,
    #[command(flatten)]
    net: NetArgs,
    /// One JSON object a line instead of the table (docs/json.md)
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// Columns of the output at most [default: the terminal's, 80 otherwise]
    #[arg(long, value_name = "N", help_heading = "Output", value_parser = clap::value_parser!(u16).range(40..=1000))]
    width: Option<u16>,
}

/// Runs every way, one after the other, and the duplex experiment.
pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Answer> {
    let check = |text: &str| Err(Usage(text.to_owned()).into());
    if args.every.saturating_mul(args.count) > LONGEST {
        return check("the events of one way take more than 600 s: fewer with --count, or a shorter --every");
    }
    if args.poll_every < Duration::from_millis(1) {
        return check("--poll-every goes from 1ms: a client that asks without a pause floods the server");
    }
    if args.event.contains('\n') {
        return check("an event is one line");
    }
    if args.net.capture.file.is_some() || args.net.why.is_some() {
        return check("ws compare makes four runs, so --capture and --why have nothing to name: use ws echo");
    }
    let ground = plan::ground(&args.net)?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let seed = args.net.place.seed.unwrap_or_else(entropy::seed);
    let common = CommonSocketArgs { ttl: None, port: PORT, timeout: args.every + PATIENCE };
    let setup = Setup { seed, ..plan::setup(&args.net, &common, &[], true) };
    let (mut ways, mut outcomes) = (Vec::new(), Vec::new());
    for way in Way::ALL {
        let push = Push {
            way,
            event: Bytes::copy_from_slice(args.event.as_bytes()),
            count: args.count,
            every: args.every,
            poll_every: args.poll_every,
            seed,
            notes: Arc::default(),
        };
        let finished = one(&ground, &push, &setup, &stop)?;
        if let Some(answer) = cut_short(&finished) {
            return Ok(answer);
        }
        ways.push(pushed(&push, &finished));
        outcomes.push(finished.outcome);
    }
    let messages = Messages::new(std::slice::from_ref(&args.event), DUPLEX, None, Duration::ZERO);
    let duplex = WsEcho { duplex: true, ..WsEcho::new(messages, seed) };
    let finished = one(&ground, &duplex, &setup, &stop)?;
    if let Some(answer) = cut_short(&finished) {
        return Ok(answer);
    }
    show(args, seed, &ground, &ways, &duplex)?;
    note_unused(outcomes.iter().chain([&finished.outcome]))?;
    let whole = ways.iter().all(|way| way.after.len() == args.count as usize);
    Ok(if whole && finished.client.echoed == DUPLEX { Answer::Yes } else { Answer::No })
}

fn one<E: Experiment>(
    ground: &Ground,
    experiment: &E,
    setup: &Setup,
    stop: &AtomicBool,
) -> anyhow::Result<Finished> {
    let finished = match ground {
        Ground::Private => private::run(experiment, setup, &mut NullSink, stop),
        Ground::Loopback { own, .. } => loopback::run(experiment, setup, *own, &mut NullSink, stop),
    };
    finished.map_err(|error| match error {
        RunError::Host(error) => plan::cannot(error),
        error => error.into(),
    })
}

fn pushed(push: &Push, finished: &Finished) -> Pushed {
    let notes = push.notes();
    Pushed {
        name: push.way.name().to_owned(),
        made: notes.made.len(),
        after: notes.made.iter().zip(&notes.heard).map(|(made, heard)| heard.since(*made)).collect(),
        requests: notes.requests,
        empty: notes.empty,
        octets: notes.octets,
        opening: notes.opening,
        closing: notes.closing,
        frames: finished.outcome.frames,
        wire_octets: finished.outcome.octets,
    }
}

/// What there is to say about a way.
fn told(way: &Pushed) -> words::Told<'_> {
    words::Told {
        way: &way.name,
        requests: way.requests,
        empty: way.empty,
        heard: way.after.len(),
        median: way.median(),
        opening: way.opening.iter().sum(),
        closing: way.closing.iter().sum(),
        octets_an_event: way.octets_an_event(),
    }
}

fn show(
    args: &CompareArgs,
    seed: u64,
    ground: &Ground,
    ways: &[Pushed],
    duplex: &WsEcho,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        for way in ways {
            writeln!(out, "{}", way.json(seed, words::way(&told(way)).as_deref()))?;
        }
        return Ok(());
    }
    let wide = plan::width(args.width, false);
    let wire = args.net.impairments.0.to_string();
    writeln!(out, "{}", words::opening(args.count, args.event.len(), args.every, &wire, seed))?;
    if let Ground::Loopback { instead_because, .. } = ground {
        writeln!(out, "{}", words::on_loopback(instead_because.as_deref()))?;
    }
    writeln!(out, "\n{}", table(ways, wide))?;
    let order = duplex.heard().map(|heard| (heard.first_sent, heard.last_heard));
    let sentences =
        ways.iter().filter_map(|way| words::way(&told(way))).chain([words::duplex(order, DUPLEX)]);
    for sentence in sentences {
        writeln!(out, "{}", words::wrapped(&sentence, wide))?;
    }
    Ok(())
}
