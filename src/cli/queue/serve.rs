//! `layerlab queue serve`.

use crate::cli::args::{ShowArgs, duration};
use crate::cli::exit::{Answer, Usage};
use crate::cli::real;
use crate::live::journal::{self, Damage, Fsync, Report};
use crate::live::serve::queue::{self, Addresses, QueueError, QueueServe, QueueSummary};
use crate::stack::l7_application::queue::access::Access;
use crate::stack::l7_application::queue::engine::Limits;
use crate::stack::l7_application::queue::journal::kind;
use anyhow::Context;
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const AFTER_HELP: &str = "\
--fsync says when a message is safe enough to be confirmed:
  always          it is on the disk: the loss of power costs nothing that was confirmed
  interval[:TIME] the kernel has it, and the disk every TIME (1s): a killed server
                  loses nothing, the loss of power what was confirmed since
  never           the kernel has it, and writes it when it likes

The frames are specified in docs/protocols/queue.md; any program can speak them.";

/// Octets beside a message in its frame: seq, queue's name, id.
const BESIDE: u32 = 8 + 256 + 65;

/// Options of `queue serve`.
#[derive(Args, Debug)]
#[command(mut_arg("bytes", |arg| arg.hide(true)), mut_arg("ledger", |arg| arg.hide(true)))]
pub(crate) struct QueueServeArgs {
    /// Address to listen on with TCP; a bare port means 127.0.0.1
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "127.0.0.1:7100")]
    listen: String,
    /// Listen for WebSocket too
    #[arg(long, value_name = "[ADDR:]PORT")]
    ws: Option<String>,
    /// Listen for datagrams too
    #[arg(long, value_name = "[ADDR:]PORT")]
    udp: Option<String>,
    /// Directory of the journal; without one, a server that ends forgets everything
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Journal")]
    data: Option<PathBuf>,
    /// When a message is safe enough to be confirmed [default: always]
    #[arg(long, value_name = "WHEN", value_parser = fsync, requires = "data", help_heading = "Journal")]
    fsync: Option<Fsync>,
    /// Octets of a journal's file, about; then the next is begun
    #[arg(long, value_name = "N", default_value_t = 64 << 20, help_heading = "Journal", value_parser = clap::value_parser!(u64).range(1 << 16..=1 << 34))]
    segment: u64,
    /// Who may do what: lines like `user alice token s3cret publish orders.* consume *`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    auth: Option<PathBuf>,
    /// Octets of a message, at most
    #[arg(long, value_name = "N", default_value_t = 1 << 20, help_heading = "Bounds", value_parser = clap::value_parser!(u32).range(1..=16_776_000))]
    max_message: u32,
    /// Octets of messages in all queues, at most; then publishing is refused
    #[arg(long, value_name = "N", default_value_t = 1 << 30, help_heading = "Bounds")]
    max_memory: u64,
    /// Queues, at most
    #[arg(long, value_name = "N", default_value_t = 1024, help_heading = "Bounds", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_queues: u32,
    /// Connections open at the same time, at most
    #[arg(long, default_value_t = 16_384, value_name = "N", help_heading = "Bounds", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_clients: u32,
    /// Close a client that is silent this long; `0s` never
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s", help_heading = "Bounds")]
    idle: Duration,
    /// Congestion control: reno, cubic, bbr or another that your kernel has
    #[arg(long, value_name = "NAME")]
    cc: Option<String>,
    /// listen()'s backlog
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    backlog: i32,
    #[command(flatten)]
    show: ShowArgs,
}

fn fsync(text: &str) -> Result<Fsync, String> {
    match text.split_once(':') {
        None if text == "always" => Ok(Fsync::Always),
        None if text == "never" => Ok(Fsync::Never),
        None if text == "interval" => Ok(Fsync::Interval(Duration::from_secs(1))),
        Some(("interval", time)) => match duration(time)? {
            short if short < Duration::from_millis(1) => Err("write at least interval:1ms".to_owned()),
            time => Ok(Fsync::Interval(time)),
        },
        _ => Err("write always, interval, interval:200ms or never".to_owned()),
    }
}

/// Runs it.
pub(crate) fn run(args: &QueueServeArgs) -> anyhow::Result<Answer> {
    let address = |text: &Option<String>| text.as_deref().map(real::address).transpose();
    let access = match &args.auth {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            let access =
                Access::parse(&text).map_err(|wrong| Usage(format!("{}, {wrong}", path.display())))?;
            Some(Arc::new(access))
        }
    };
    let options = QueueServe {
        ws: address(&args.ws)?,
        udp: address(&args.udp)?,
        data: args.data.clone(),
        journal: journal::Settings { fsync: args.fsync.unwrap_or_default(), segment: args.segment },
        access,
        limits: Limits {
            queues: args.max_queues,
            message: args.max_message.into(),
            bytes: args.max_memory,
            ..Limits::default()
        },
        max_payload: args.max_message + BESIDE,
        idle: (!args.idle.is_zero()).then_some(args.idle),
        max_connections: args.max_clients as usize,
        backlog: args.backlog,
        congestion: args.cc.clone(),
        show: 256 << 10,
        ..QueueServe::new(real::address(&args.listen)?)
    };
    real::serve_and_say(
        &args.show,
        options.listen,
        |stop, say| queue::run_quiet(&options, |at, found| announce(at, found, say), stop).map_err(failed),
        |now, sink, stop, say| {
            queue::run(&options, now, sink, |at, found| announce(at, found, say), stop).map_err(failed)
        },
        words,
    )
}

fn failed(error: QueueError) -> anyhow::Error {
    match error {
        QueueError::Serve(error) => real::serving(error),
        error => error.into(),
    }
}

/// What was found first, so that whoever waits for an address has read it.
fn announce(at: Addresses, found: Option<&Report>, say: &mut dyn FnMut(&str)) {
    if let Some(found) = found {
        if found.files > 0 {
            say(&format!(
                "journal: {} in {}",
                real::plural(found.records, "record"),
                real::plural(found.files, "file")
            ));
        }
        if let Some(Damage { file, lost }) = found.torn {
            say(&format!(
                "journal: the last record is not whole, {} of file {file} cut off: if the machine stopped while it was \
                 written, it was never confirmed; if something damaged it, {}",
                real::plural(lost.octets, "octet"),
                if lost.kind.is_none_or(|kind| kind == kind::STORED) {
                    "a message is lost"
                } else {
                    "a change is lost"
                }
            ));
        }
        for Damage { file, lost } in found.damaged.iter().take(10) {
            let what = match lost.kind {
                Some(kind::STORED) => "a message is lost",
                Some(kind::SETTLED) => "acknowledgments are lost: their messages come again",
                Some(_) => "a change of a queue is lost",
                None => "what they said is lost",
            };
            say(&format!(
                "journal: damaged in file {file}, {} from octet {} on: {what}",
                real::plural(lost.octets, "octet"),
                lost.at
            ));
        }
        if found.damaged.len() > 10 {
            say(&format!("journal: and {} more places are damaged", found.damaged.len() - 10));
        }
    }
    if let Some(strays) = found.map(|found| found.strays).filter(|strays| *strays > 0) {
        say(&format!(
            "journal: {} lost: the declaration of their queue is damaged",
            real::plural(strays, "message")
        ));
    }
    if let Some(ws) = at.ws {
        say(&format!("listening on ws://{ws}"));
    }
    if let Some(udp) = at.udp {
        say(&format!("listening on udp://{udp}"));
    }
    say(&format!("listening on {}", at.tcp));
}

fn words(summary: &QueueSummary) -> String {
    let mut parts = vec![
        format!("{} accepted", real::plural(summary.accepted, "connection")),
        format!("{} at once at most", summary.peak_open),
        format!("{} published", real::plural(summary.published, "message")),
        format!("{} delivered", summary.delivered),
        format!("{} left", summary.held),
        format!("{} in, {} out", real::plural(summary.received, "octet"), summary.sent),
    ];
    if let Some(journal) = &summary.journal {
        parts.push(format!(
            "{} in {}, {}",
            real::plural(journal.records, "record"),
            real::plural(journal.commits, "commit"),
            real::plural(journal.syncs, "fsync")
        ));
        let beside = [(journal.snapshots, "snapshots"), (journal.failures, "failures of the disk")];
        parts.extend(beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    }
    let beside = [
        (summary.open as u64, "still open"),
        (summary.faults, "broke a rule"),
        (summary.silent, "closed for their silence"),
        (summary.bad_datagrams, "datagrams that were no frames"),
        (summary.unsent, "octets never taken by their peers"),
        (summary.stalls, "writes that a peer did not take at once"),
        (summary.accept_pauses, "pauses of accepting"),
    ];
    parts.extend(beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    real::failures(&mut parts, &summary.errors);
    parts.join(", ")
}
