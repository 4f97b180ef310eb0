//! One end on the real network: `tcp serve`, `tcp send`, `udp serve`, `udp send`.

use super::args::{self, SendArgs, ShowArgs, TcpSendArgs, TcpServeArgs, UdpSendArgs, UdpServeArgs};
use super::exit::{Answer, Cannot, Usage};
use super::listeners::Listeners;
use super::plan;
use crate::host::{Clock, signal};
use crate::live::send::{self, Report, Scene, SendError, Source};
use crate::live::serve::{ErrorCounts, Mode, ServeError, tcp, udp};
use crate::model::{Backend, Endpoint, Outcome, Run, Sink, Time};
use anyhow::Context;
use std::io::{self, BufReader, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Octets of a call that its sentence can show.
const PREVIEW: usize = 256;

/// `layerlab tcp serve`.
pub(crate) fn tcp_serve(args: &TcpServeArgs) -> anyhow::Result<Answer> {
    let recv_size = args.recv_size as usize;
    let options = tcp::TcpServe {
        mode: mode(args.discard),
        nodelay: args.nodelay,
        congestion: args.cc.clone(),
        recv_size,
        backlog: args.backlog,
        max_connections: args.max_clients as usize,
        idle: args.idle_timeout,
        show: shown(&args.show, recv_size),
        ..tcp::TcpServe::new(address(&args.listen)?)
    };
    serve(
        &args.show,
        options.listen,
        |stop, ready| tcp::run_quiet(options.clone(), ready, stop),
        |now, sink, stop, ready| tcp::run(options.clone(), now, sink, ready, stop),
        tcp_words,
    )
}

/// `layerlab udp serve`.
pub(crate) fn udp_serve(args: &UdpServeArgs) -> anyhow::Result<Answer> {
    let recv_size = args.recv_size as usize;
    let options = udp::UdpServe {
        mode: mode(args.discard),
        recv_size,
        show: shown(&args.show, recv_size),
        ..udp::UdpServe::new(address(&args.listen)?)
    };
    serve(
        &args.show,
        options.listen,
        |stop, ready| udp::run_quiet(options.clone(), ready, stop),
        |now, sink, stop, ready| udp::run(options.clone(), now, sink, ready, stop),
        udp_words,
    )
}

/// On the real network there are no frames of ours to show.
fn without_frames(show: &ShowArgs) -> anyhow::Result<()> {
    let asked = if show.bytes.is_some() {
        "--bytes"
    } else if show.ledger {
        "--ledger"
    } else if show.view == Some(args::ViewArg::Auto) {
        "--view"
    } else {
        return Ok(());
    };
    Err(Usage(format!(
        "{asked} is about frames, and a program on the real network sees none: use tcp echo or udp echo, or capture with \
         Wireshark or tcpdump"
    ))
    .into())
}

fn mode(discard: bool) -> Mode {
    if discard { Mode::Discard } else { Mode::Echo }
}

/// How many octets of each call the listeners want.
fn shown(show: &ShowArgs, all: usize) -> usize {
    if show.json { all } else { PREVIEW }
}

pub(crate) fn address(text: &str) -> anyhow::Result<SocketAddr> {
    args::listen_address(text).map_err(|why| Usage(why).into())
}

/// Tells where a server can be reached.
pub(crate) type Ready<'a> = &'a mut dyn FnMut(SocketAddr);
/// Says something as soon as a server listens.
pub(crate) type Announce<'a> = &'a mut dyn FnMut(&str);

/// Runs a server until Ctrl-C, quietly or told, and says what it did.
pub(crate) fn serve<S>(
    show: &ShowArgs,
    at: SocketAddr,
    quiet: impl FnOnce(&AtomicBool, Ready<'_>) -> Result<S, ServeError>,
    told: impl FnOnce(&dyn Fn() -> Time, &mut dyn Sink, &AtomicBool, Ready<'_>) -> Result<S, ServeError>,
    words: impl FnOnce(&S) -> String,
) -> anyhow::Result<Answer> {
    serve_and_say(
        show,
        at,
        |stop, say| quiet(stop, &mut |at| say(&format!("listening on {at}"))).map_err(serving),
        |now, sink, stop, say| {
            told(now, sink, stop, &mut |at| say(&format!("listening on {at}"))).map_err(serving)
        },
        words,
    )
}

/// The same for a server with something of its own to say as soon as it listens.
pub(crate) fn serve_and_say<S>(
    show: &ShowArgs,
    at: SocketAddr,
    quiet: impl FnOnce(&AtomicBool, Announce<'_>) -> anyhow::Result<S>,
    told: impl FnOnce(&dyn Fn() -> Time, &mut dyn Sink, &AtomicBool, Announce<'_>) -> anyhow::Result<S>,
    words: impl FnOnce(&S) -> String,
) -> anyhow::Result<Answer> {
    without_frames(show)?;
    let stop = interrupt()?;
    let mut announced = Ok(());
    // Whoever reads a closed pipe is gone: nobody will come to a port that nobody knows of.
    let flag = Arc::clone(&stop);
    let mut ready = |line: &str| {
        announced = announce(line, show.json);
        flag.fetch_or(announced.is_err(), std::sync::atomic::Ordering::Relaxed);
    };
    let summary = if show.quiet {
        quiet(&stop, &mut ready)?
    } else {
        let clock = Clock::start();
        let any = if at.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { IpAddr::from([0_u16; 8]) };
        let client = if at.ip().is_loopback() { at.ip() } else { any };
        let mut sink = Listeners::new(show, false).into_sink();
        sink.begin(&describe(&clock, client, at.ip()))?;
        let served = told(&|| clock.now(), &mut sink, &stop, &mut ready);
        let at = clock.now();
        let interrupted = stop.load(std::sync::atomic::Ordering::Relaxed);
        let signal = signal::raised_by().filter(|_| interrupted);
        let took = at.since(Time::ZERO);
        let finished = sink.finish(&Outcome { at, took, interrupted, signal, ..Outcome::default() });
        let summary = served?;
        finished?;
        summary
    };
    announced?;
    note(&words(&summary))?;
    Ok(Answer::Yes)
}

pub(crate) fn interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    signal::on_interrupt().context("Ctrl-C cannot be caught")
}

/// Says at once where the server can be reached: a script may wait for this line. Standard output is
/// JSON's alone where that is asked for.
fn announce(line: &str, json: bool) -> io::Result<()> {
    if json {
        return writeln!(io::stderr(), "{line}");
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// What is missing here is this machine's doing; every other failure is an answer.
pub(crate) fn serving(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::NotPermitted { .. } | ServeError::NoCongestionControl { .. } => {
            Cannot(error.to_string()).into()
        }
        error => error.into(),
    }
}

/// What runs: an end on loopback, or one on the real network.
pub(crate) fn describe(clock: &Clock, client: IpAddr, server: IpAddr) -> Run {
    let loopback = client.is_loopback() && server.is_loopback();
    Run {
        command: plan::command_line(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: plan::system(),
        seed: 0,
        backend: if loopback { Backend::Loopback } else { Backend::Network },
        wire: String::new(),
        mtu: 0,
        routers: 0,
        client: Endpoint { ip: client, mac: None },
        server: Endpoint { ip: server, mac: None },
        epoch_unix_ns: clock.epoch_unix_ns(),
    }
}

fn tcp_words(summary: &tcp::TcpSummary) -> String {
    let mut parts = vec![
        format!("{} accepted", plural(summary.accepted, "connection")),
        format!("{} at once at most", summary.peak_open),
        format!("{} received", plural(summary.received, "octet")),
        format!("{} sent", summary.sent),
    ];
    let beside = [
        (summary.open as u64, "still open"),
        (summary.unsent, "never taken by their peers"),
        (summary.stalls, "writes that a peer did not take at once"),
        (summary.idle_closed, "closed for their silence"),
        (summary.accept_pauses, "times accepting paused"),
    ];
    parts.extend(beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    failures(&mut parts, &summary.errors);
    parts.join(", ")
}

fn udp_words(summary: &udp::UdpSummary) -> String {
    let mut parts = vec![
        format!("{} received", plural(summary.datagrams, "datagram")),
        format!("{} in them", plural(summary.received, "octet")),
        format!("{} answered", summary.answered),
    ];
    let beside = [
        (summary.truncated, "cut: longer than --recv-size"),
        (summary.dropped, "answers dropped: the kernel took no more"),
        (summary.own, "from the server itself, not answered"),
    ];
    parts.extend(beside.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    failures(&mut parts, &summary.errors);
    parts.join(", ")
}

pub(crate) fn failures(parts: &mut Vec<String>, errors: &ErrorCounts) {
    parts.extend(errors.iter().map(|(name, n)| format!("{n} failed with {name}")));
}

pub(crate) fn plural(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A remark beside the run, on standard error.
pub(crate) fn note(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "layerlab: {text}")
}

/// `layerlab tcp send`.
pub(crate) fn tcp_send(args: &TcpSendArgs) -> anyhow::Result<Answer> {
    let TcpSendArgs { send: common, half_close, nodelay } = args;
    let (half_close, nodelay) = (*half_close, *nodelay);
    sending(common, |to, source, scene, sink, stop| {
        let (wait, timeout) = (!common.no_wait, common.timeout);
        let asked = send::tcp::TcpSend { to, source, half_close, wait, nodelay, timeout };
        send::tcp::run(asked, scene, sink, stop)
    })
}

/// `layerlab udp send`.
pub(crate) fn udp_send(args: &UdpSendArgs) -> anyhow::Result<Answer> {
    let common = &args.send;
    sending(common, |to, source, scene, sink, stop| {
        let (recv_size, wait, timeout) = (args.recv_size as usize, !common.no_wait, common.timeout);
        let asked = send::udp::UdpSend { to, source, recv_size, wait, timeout };
        send::udp::run(asked, scene, sink, stop)
    })
}

fn sending(
    args: &SendArgs,
    run: impl FnOnce(Vec<SocketAddr>, Source, &Scene, &mut dyn Sink, &AtomicBool) -> Result<Report, SendError>,
) -> anyhow::Result<Answer> {
    without_frames(&args.show)?;
    let (host, port) = host_and_port(&args.to)?;
    // Before Ctrl-C is caught: the resolver waits long, and looks at no flag.
    let to = send::resolve(host, port)?;
    let source = source(args);
    let stop = interrupt()?;
    let listeners = Listeners::new(&args.show, false);
    let clock = Clock::start();
    let first = to[0];
    let run_is = describe(&clock, send::source_address(first), first.ip());
    let scene = Scene { run: run_is, clock, listening: listeners.any() };
    let report = run(to, source, &scene, &mut listeners.into_sink(), &stop)?;
    if !args.show.quiet {
        note(&report_words(&report))?;
    }
    let unheard = report.answers == 0 && report.silences > 0;
    Ok(if unheard || report.interrupted { Answer::No } else { Answer::Yes })
}

/// What to send: what was typed, or the lines of an input that is no terminal.
fn source(args: &SendArgs) -> Source {
    let typed = !args.messages.message.is_empty() || args.messages.size.is_some();
    if typed || io::stdin().is_terminal() {
        Source::List(plan::messages(&args.messages))
    } else {
        Source::Lines(Box::new(BufReader::new(io::stdin())), args.messages.every)
    }
}

/// `HOST:PORT`, an IPv6 address in brackets.
fn host_and_port(text: &str) -> anyhow::Result<(&str, u16)> {
    let parted = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok().filter(|&port: &u16| port > 0)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => host,
            None => Some(host).filter(|host| !host.contains(':'))?,
        };
        (!host.is_empty()).then_some((host, port))
    });
    parted.ok_or_else(|| {
        Usage(format!("'{text}' is not HOST:PORT: write localhost:7000, 192.0.2.1:7000 or [::1]:7000")).into()
    })
}

fn report_words(report: &Report) -> String {
    let mut parts = vec![
        format!("{} sent ({})", plural(report.messages, "message"), plural(report.sent, "octet")),
        format!("{} received", plural(report.received, "octet")),
    ];
    if report.silences > 0 {
        parts.push(format!("waited {} in vain", plural(report.silences, "time")));
    }
    if report.ended {
        parts.push("the peer ended its direction".to_owned());
    }
    if report.interrupted {
        parts.push("interrupted".to_owned());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        assert_eq!(host_and_port("localhost:7").unwrap(), ("localhost", 7));
        assert_eq!(host_and_port("[::1]:7000").unwrap(), ("::1", 7000));
        for wrong in ["localhost", "localhost:", ":7", "::1:7", "h:70000", "h:0", "[]:7", ""] {
            assert!(host_and_port(wrong).unwrap_err().is::<Usage>(), "{wrong}");
        }
    }
}
