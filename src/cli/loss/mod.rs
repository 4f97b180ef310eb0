//! `layerlab loss`: TCP beside UDP, and UDP with our acknowledge-and-resend, on one seeded wire.

mod args;
mod lane;
mod show;
mod sweep;
mod tags;

pub(crate) use args::LossArgs;

use super::args::{CaptureArgs, CommonSocketArgs, ECHO_PORT, NetArg, NetArgs, OffloadArg, VantageArg};
use super::exit::{Answer, Usage};
use super::impair::Impairments;
use super::plan;
use super::report_dir::ReportDir;
use super::run::note_unused;
use crate::host::{entropy, probe, signal};
use crate::live::calls::Setting;
use crate::live::loss::{Carrier, Haul, Journal, Work};
use crate::live::setup::Setup;
use crate::model::Direction;
use crate::report::loss::{Comparison, Load, Offered, Transport};
use crate::report::{FILES, files};
use crate::wire::{Action, Keying, Loss, Spec};
use anyhow::Context;
use args::{LaneArg, LossCommand};
use lane::Done;
use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The longest schedule that is run, without what comes after it.
const PATIENCE: Duration = Duration::from_secs(600);
/// What a datagram may be late beyond what the wire was asked for: the hosts' own doing.
const SLACK: Duration = Duration::from_millis(200);
/// What a wire that changes may hold a datagram up more than it does at first.
const CHANGES: Duration = Duration::from_secs(2);
/// The wire when nothing is said of it.
const DEFAULT_WIRE: &str = "--loss 5% --delay 25ms";

/// Runs the lanes one after the other, each on a fresh network with the same seed, and shows what they came to.
pub(crate) fn run(args: &LossArgs) -> anyhow::Result<Answer> {
    if let Some(LossCommand::Sweep(args)) = &args.command {
        return sweep::run(args);
    }
    check(args)?;
    let report = args.report.as_deref().map(|path| ReportDir::ready(path, &FILES)).transpose()?;
    let net = network(args)?;
    plan::ground(&net)?;
    let stop = signal::on_interrupt().context("Ctrl-C cannot be caught")?;
    let default: &[&str] = if args.bulk.is_some() { &["reno", "cubic", "bbr"] } else { &["cubic"] };
    let lanes = lanes(args, &congestion(&args.cc, default)?, &net.impairments.0);
    let mut screen = show::Screen::new(args);
    screen.before(args, &net, &lanes.iter().map(|(t, _)| t.clone()).collect::<Vec<_>>())?;
    let mut done = Vec::new();
    for (i, (transport, haul)) in lanes.iter().enumerate() {
        if std::io::stderr().is_terminal() && !args.show.json {
            let _ = write!(std::io::stderr(), "\rlane {} of {}: {:12}", i + 1, lanes.len(), transport.name());
        }
        let setup = setup(args, &net);
        done.push(lane::run(transport.clone(), haul, &setup, args.capture.as_deref(), &stop)?);
        if stop.load(Relaxed) {
            break;
        }
    }
    if std::io::stderr().is_terminal() && !args.show.json {
        let _ = write!(std::io::stderr(), "\r{:40}\r", "");
    }
    let whole = done.len() == lanes.len() && !stop.load(Relaxed);
    let (lanes, events): (Vec<_>, Vec<_>) =
        done.into_iter().map(|Done { lane, events }| (lane, events)).unzip();
    let comparison = Comparison { load: load(args), lanes };
    if !whole && !args.show.json {
        let text = "interrupted: the last lane is not whole, and what was under way in it counts as lost";
        writeln!(std::io::stderr(), "layerlab: {text}")?;
    }
    // A wire that changes has no one probability to hold the losses against.
    let asked = if net.impairments.1.is_empty() { offered(&net.impairments.0) } else { Default::default() };
    screen.after(args, &comparison, &events, asked)?;
    note_unused(comparison.lanes.iter().map(|lane| &lane.outcome))?;
    if let Some(report) = report {
        let page = report.write(&files(&comparison))?;
        writeln!(std::io::stderr(), "layerlab: the report: {}", page.display())?;
    }
    Ok(if whole { Answer::Yes } else { Answer::No })
}

/// What the parser cannot see.
fn check(args: &LossArgs) -> anyhow::Result<()> {
    let usage = |text: String| Err(Usage(text).into());
    if args.place.net == NetArg::Loopback {
        return usage(
            "losing frames needs the private network. Over loopback, layerlab could only drop what a relay of its \
             own had read, and TCP acknowledges octets when the relay's host has them: they would be lost for \
             good, which no network does to TCP. Leave out --net loopback"
                .to_owned(),
        );
    }
    if args.bulk.is_none() && args.every.saturating_mul(args.messages) > PATIENCE {
        return usage(format!(
            "{} messages, one every {:?}, take {:.0} s in each lane; {} s are the most: fewer --messages, or a shorter \
             --every",
            args.messages,
            args.every,
            args.every.as_secs_f64() * f64::from(args.messages),
            PATIENCE.as_secs()
        ));
    }
    if args.wait.is_zero() || args.wait > PATIENCE {
        return usage(format!("--wait goes from more than nothing to {} s", PATIENCE.as_secs()));
    }
    Ok(())
}

/// The network of every lane: private, with dice for a comparison.
fn network(args: &LossArgs) -> anyhow::Result<NetArgs> {
    let mut spec = args.impairments.0.clone();
    if spec.is_transparent() && args.impairments.1.is_empty() {
        spec = DEFAULT_WIRE.parse::<Spec>().context("the wire by default")?;
    }
    for direction in &mut spec.directions {
        direction.dice = Keying::Data;
    }
    let mut place = args.place.clone();
    place.net = NetArg::Private;
    place.seed = Some(place.seed.unwrap_or_else(entropy::seed));
    Ok(NetArgs {
        routers: 0,
        ipv6: false,
        sysctl: args.sysctl.clone(),
        // Every frame is listened to, so `auto` is `off`.
        offload: OffloadArg::Auto,
        impairments: Impairments(spec, args.impairments.1.clone()),
        capture: CaptureArgs { file: None, vantage: VantageArg::Client },
        place,
        why: None,
    })
}

fn setup(args: &LossArgs, net: &NetArgs) -> Setup {
    let common = CommonSocketArgs { ttl: None, port: ECHO_PORT, timeout: args.wait };
    let mut setup = plan::setup(net, &common, &[], true);
    // ARP would cost UDP's first datagram the round trip that TCP pays in its handshake.
    setup.topology.acquainted = true;
    setup
}

fn load(args: &LossArgs) -> Load {
    match args.bulk {
        Some(octets) => Load::Bulk { octets },
        None => Load::Messages { count: args.messages, size: args.size, every: args.every },
    }
}

fn each_once<T: Clone + PartialEq>(asked: &[T]) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for one in asked {
        if !once.contains(one) {
            once.push(one.clone());
        }
    }
    once
}

/// The congestion controls asked for, or those of `default` that the kernel has.
fn congestion(asked: &[String], default: &[&str]) -> anyhow::Result<Vec<String>> {
    let has: Vec<String> = probe::survey().congestion;
    let known = |name: &String| has.is_empty() || has.contains(name);
    if let Some(name) = asked.iter().find(|name| !known(name)) {
        return Err(Usage(format!(
            "this kernel has no congestion control '{name}'; it has {}: choose among these",
            has.join(", ")
        ))
        .into());
    }
    Ok(match asked {
        [] => default.iter().map(|name| (*name).to_owned()).filter(known).collect(),
        names => each_once(names),
    })
}

/// Each lane's transport and programs; TCP's once for each of `names`.
fn lanes(args: &LossArgs, names: &[String], spec: &Spec) -> Vec<(Transport, Haul)> {
    let work = match args.bulk {
        Some(octets) => Work::Bulk(octets),
        None => Work::Messages { count: args.messages, size: args.size, every: args.every },
    };
    let changes = if args.impairments.1.is_empty() { Duration::ZERO } else { CHANGES };
    let under_way = under_way(spec, args.size) + changes;
    let haul = |carrier, settings| {
        let journal = Journal::default();
        Haul { carrier, work, settings, under_way, wait: args.wait, journal }
    };
    let asked = if args.bulk.is_some() { vec![LaneArg::Tcp] } else { each_once(&args.lanes) };
    let mut lanes = Vec::new();
    for lane in asked {
        match lane {
            LaneArg::Tcp => lanes.extend(names.iter().map(|name| {
                let mut settings = vec![Setting::Congestion(name.clone())];
                settings.extend((!args.nagle).then_some(Setting::NoDelay(true)));
                (Transport::Tcp { congestion: name.clone() }, haul(Carrier::Tcp, settings))
            })),
            LaneArg::Udp => lanes.push((Transport::Udp, haul(Carrier::Udp, Vec::new()))),
            LaneArg::Arq => lanes.push((Transport::Arq, haul(Carrier::Arq, Vec::new()))),
        }
    }
    lanes
}

/// How long silence may last while a datagram is still under way.
fn under_way(spec: &Spec, size: u32) -> Duration {
    let scripts: Duration = spec
        .scripts
        .iter()
        .map(|script| match script.action() {
            Action::Delay(by) => by,
            Action::Swap => crate::wire::SWAP_HOLD,
            Action::Drop | Action::Dup => Duration::ZERO,
        })
        .sum();
    // With a rate, a message arrives each time that one has been sent: silence is no longer than that.
    let link = Direction::BOTH.into_iter().filter_map(|d| spec.direction(d).rate);
    let one =
        link.map(|rate| Duration::from_secs_f64(f64::from(size + 100) * 8.0 / rate.bits() as f64)).max();
    (spec.longest_delay() + scripts + one.unwrap_or_default() * 2 + SLACK).min(PATIENCE)
}

/// The chance losses that the wire was asked for, by direction.
fn offered(spec: &Spec) -> [Offered; 2] {
    Direction::BOTH.map(|direction| match &spec.direction(direction).loss {
        Loss::None => Offered::None,
        Loss::Random(p) => Offered::Independent(p.fraction()),
        Loss::Gemodel(model) => {
            let (p, r) = (model.p.fraction(), model.r.fraction());
            let bad = if p + r > 0.0 { p / (p + r) } else { 0.0 };
            Offered::Bursts(bad * model.loss_in_bad.fraction() + (1.0 - bad) * model.loss_in_good.fraction())
        }
    })
}
