//! `layerlab ws serve`.

use crate::cli::args::{ShowArgs, duration};
use crate::cli::exit::Answer;
use crate::cli::real;
use crate::live::serve::ws::{self, Mode, WsServe, WsSummary};
use crate::stack::l7_application::ws::Limits;
use clap::Args;
use std::time::Duration;

/// Options of `ws serve`.
#[derive(Args, Debug)]
#[command(mut_arg("bytes", |arg| arg.hide(true)), mut_arg("ledger", |arg| arg.hide(true)))]
pub(crate) struct WsServeArgs {
    /// Address to listen on; a bare port means 127.0.0.1
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "127.0.0.1:7000")]
    listen: String,
    /// The one path that speaks WebSocket [default: every path]
    #[arg(long, value_name = "PATH", value_parser = path)]
    path: Option<String>,
    /// Send each message back to its sender (so without --broadcast and --chat)
    #[arg(long, help_heading = "Messages")]
    echo: bool,
    /// Send each message to all others
    #[arg(long, help_heading = "Messages", conflicts_with = "echo")]
    broadcast: bool,
    /// Send each text to all, with its sender's name; `/nick NAME` changes it
    #[arg(long, help_heading = "Messages", conflicts_with_all = ["echo", "broadcast"])]
    chat: bool,
    /// Octets of a message, at most; a longer one is answered with Close 1009
    #[arg(long, value_name = "N", default_value_t = 16 << 20, help_heading = "Messages", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    max_message: u64,
    /// Octets that a reader may fall behind with --broadcast and --chat; then it gets Close 1008
    #[arg(long, value_name = "N", default_value_t = 4 << 20, help_heading = "Messages", value_parser = clap::value_parser!(u32).range(1024..))]
    lag: u32,
    /// Let pages of this origin connect, such as http://example.org (may be repeated), besides our own page [default: all]
    #[arg(long, value_name = "URL", help_heading = "Handshake")]
    origin: Vec<String>,
    /// Agree to this subprotocol (may be repeated)
    #[arg(long, value_name = "NAME", help_heading = "Handshake", value_parser = token)]
    subprotocol: Vec<String>,
    /// Agree to permessage-deflate (RFC 7692), at most 256 connections at once
    #[arg(long, help_heading = "Handshake")]
    deflate: bool,
    /// Send a Ping into a silence this long; after as long again, give the peer up [default: off]
    #[arg(long, value_name = "TIME", value_parser = waiting, help_heading = "Connections")]
    ping_every: Option<Duration>,
    /// Close a connection that is silent this long, with 1001 [default: off]
    #[arg(long, value_name = "TIME", value_parser = waiting, help_heading = "Connections")]
    idle: Option<Duration>,
    /// Connections open at the same time, at most
    #[arg(long, default_value_t = 10_000, value_name = "N", help_heading = "Connections", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_clients: u32,
    /// Congestion control: reno, cubic, bbr or another that your kernel has
    #[arg(long, value_name = "NAME", help_heading = "Connections")]
    cc: Option<String>,
    /// listen()'s backlog
    #[arg(long, default_value_t = 1024, value_name = "N", help_heading = "Connections", value_parser = clap::value_parser!(i32).range(1..))]
    backlog: i32,
    #[command(flatten)]
    show: ShowArgs,
}

fn path(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'?' | b'#'));
    if text.starts_with('/') && plain {
        return Ok(text.to_owned());
    }
    Err("a path begins with / and has no query: write /chat".to_owned())
}

fn token(text: &str) -> Result<String, String> {
    if crate::stack::l7_application::http1::is_token(text) {
        return Ok(text.to_owned());
    }
    Err("a subprotocol is one word of letters, digits and -._ (RFC 6455 s4.1)".to_owned())
}

fn waiting(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_millis(10) => Err("write at least 10ms".to_owned()),
        time => Ok(time),
    }
}

/// Runs it.
pub(crate) fn run(args: &WsServeArgs) -> anyhow::Result<Answer> {
    let options = WsServe {
        mode: match (args.broadcast, args.chat) {
            (true, _) => Mode::Broadcast,
            (_, true) => Mode::Chat,
            _ => Mode::Echo,
        },
        path: args.path.clone(),
        origins: (!args.origin.is_empty()).then(|| args.origin.clone()),
        subprotocols: args.subprotocol.clone(),
        deflate: args.deflate,
        limits: Limits { frame: args.max_message, message: args.max_message, ..Limits::default() },
        ping_every: args.ping_every,
        idle: args.idle,
        congestion: args.cc.clone(),
        backlog: args.backlog,
        max_connections: args.max_clients as usize,
        lag: args.lag as usize,
        show: 512 << 10,
        ..WsServe::new(real::address(&args.listen)?)
    };
    real::serve(
        &args.show,
        options.listen,
        |stop, ready| ws::run_quiet(options.clone(), ready, stop),
        |now, sink, stop, ready| ws::run(options.clone(), now, sink, ready, stop),
        words,
    )
}

fn words(summary: &WsSummary) -> String {
    let mut parts = vec![
        format!("{} accepted", real::plural(summary.accepted, "connection")),
        format!("{} opened", real::plural(summary.opened, "WebSocket")),
        format!("{} at once at most", summary.peak_open),
        format!("{} received", real::plural(summary.messages, "message")),
        format!("{} in, {} out", real::plural(summary.received, "octet"), summary.sent),
    ];
    let beside = [
        (summary.open as u64, "still open"),
        (summary.pages, "asked for the page"),
        (summary.refused, "refused"),
        (summary.faults, "broke a rule"),
        (summary.abnormal, "ended without the closing handshake"),
        (summary.behind, "closed with 1008 for reading too slowly"),
        (summary.silent, "closed for their silence"),
        (summary.overloaded, "closed with 1013, since too much was held"),
        (summary.unsent, "octets never taken by their peers"),
        (summary.stalls, "writes that a peer did not take at once"),
        (summary.unshown, "frames not shown to a page that watched too slowly"),
        (summary.accept_pauses, "pauses in accepting"),
    ];
    parts.extend(beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    real::failures(&mut parts, &summary.errors);
    parts.join(", ")
}
