//! What was typed, turned into what it means: where the run takes place, on which wire, how it looks.

use super::args::{
    BackendArg, BytesArg, ColorArg, CommonSocketArgs, ECHO_PORT, LookArgs, MessageArgs, ModelArg, NetArg,
    NetArgs, OffloadArg, ShowArgs, TcpInfoArg, VantageArg,
};
use super::exit::{Cannot, Usage};
use crate::host::{Choice, Sysctl, Topology};
use crate::host::{HostError, entropy};
use crate::live::echo::Messages;
use crate::live::setup::Setup;
use crate::model::{Backend, Side, Vantage};
use crate::narrate::{MAX_WIDTH, MIN_WIDTH, Models, Style, TcpInfoShow};
use crate::wire::Spec;
use std::env;
use std::io::{self, IsTerminal};
use std::time::Duration;

/// Where a run takes place.
#[derive(Debug)]
pub(crate) enum Ground {
    /// Two private hosts; this process has entered its user namespace.
    Private,
    /// Loopback, and why no private network where one was wished for.
    Loopback {
        /// Whether this process has a namespace of its own, so that frames can be seen there.
        own: bool,
        /// The machine's reason, as one sentence; `None` when loopback was asked for.
        instead_because: Option<String>,
    },
}

/// Decides where to run, and enters the user namespace where that is needed. Call it before any thread
/// is started.
pub(crate) fn ground(net: &NetArgs) -> anyhow::Result<Ground> {
    ground_for(net, false)
}

/// As [`ground`]; `absent_host`: the experiment needs an address that no host has.
pub(crate) fn ground_for(net: &NetArgs, absent_host: bool) -> anyhow::Result<Ground> {
    check(net)?;
    let needs_private = if absent_host { Some("--absent-host") } else { needs_private(net) };
    match net.place.net {
        NetArg::Loopback => {
            if let Some(why) = needs_private {
                return Err(Usage(format!(
                    "{why} needs the private network: loopback has no wire of ours; leave out --net loopback"
                ))
                .into());
            }
            let own = crate::host::enter();
            if net.capture.file.is_some()
                && let Err(error) = own
            {
                return Err(cannot(error));
            }
            Ok(Ground::Loopback { own: own.is_ok(), instead_because: None })
        }
        NetArg::Private => {
            crate::host::enter().map_err(cannot)?;
            Ok(Ground::Private)
        }
        NetArg::Auto => match crate::host::enter() {
            Ok(_) => Ok(Ground::Private),
            Err(error) if needs_private.is_some() => Err(cannot(error)),
            Err(error) => Ok(Ground::Loopback { own: false, instead_because: Some(error.to_string()) }),
        },
    }
}

/// The first thing asked for that only the private network has.
fn needs_private(net: &NetArgs) -> Option<&'static str> {
    if net.place.net == NetArg::Auto && net.capture.file.is_some() {
        Some("--capture")
    } else if !net.impairments.0.is_transparent() || !net.impairments.1.is_empty() {
        Some("an impairment of the wire")
    } else if net.routers > 0 {
        Some("--routers")
    } else if net.ipv6 {
        Some("--ipv6")
    } else if !net.sysctl.is_empty() {
        Some("--sysctl")
    } else if net.place.backend != BackendArg::Auto {
        Some("--backend")
    } else if net.offload == OffloadArg::On {
        Some("--offload on")
    } else {
        None
    }
}

/// Refuses what does not go together: IPv6 and a smaller MTU than it asks of a link, `--offload on` and what that would make
/// untrue.
pub(crate) fn check(net: &NetArgs) -> Result<(), Usage> {
    if net.ipv6 {
        let states = net.impairments.0.states(&net.impairments.1);
        let fit = states.and_then(|states| states.iter().try_for_each(Spec::check_ipv6));
        fit.map_err(|error| Usage(error.to_string()))?;
    }
    match against_offload(net).filter(|_| net.offload == OffloadArg::On) {
        Some(why) => Err(Usage(format!("--offload on does not go with {why}: leave it out"))),
        None => Ok(()),
    }
}

/// What was asked for that superframes would make untrue: docs/wire.md has the rule.
fn against_offload(net: &NetArgs) -> Option<&'static str> {
    let states = net.impairments.0.states(&net.impairments.1).unwrap_or_default();
    if !states.iter().all(Spec::keeps_pace) {
        Some("what moves frames apart: --rate, --jitter, --reorder, --swap, --delay-frame")
    } else if net.routers > 0 {
        Some("--routers")
    } else if net.place.backend == BackendArg::Veth {
        Some("--backend veth")
    } else {
        None
    }
}

/// An error of the machine as one sentence with its remedies, for exit status 3.
pub(crate) fn cannot(error: HostError) -> anyhow::Error {
    let remedies: Vec<String> = error
        .remedies()
        .iter()
        .map(|remedy| remedy.commands().iter().map(|line| format!("\n  {line}")).collect::<String>())
        .collect();
    let mut text = error.to_string();
    if !remedies.is_empty() {
        text.push_str("\nWhat helps:");
        text.extend(remedies);
    }
    text.push_str("\n`layerlab doctor` tells what this machine allows.");
    Cannot(text).into()
}

/// For a run whose sockets are not ours.
pub(crate) fn no_sockets() -> CommonSocketArgs {
    CommonSocketArgs { ttl: None, port: ECHO_PORT, timeout: Duration::ZERO }
}

/// The experiment's setting on the private network.
pub(crate) fn setup(
    net: &NetArgs,
    common: &CommonSocketArgs,
    extra: &[(&str, &str)],
    listening: bool,
) -> Setup {
    let asked = net.sysctl.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let topology = Topology {
        routers: net.routers,
        ipv6: net.ipv6,
        offload: match net.offload {
            OffloadArg::On => true,
            OffloadArg::Auto => !listening && against_offload(net).is_none(),
            OffloadArg::Off => false,
        },
        backend: match net.place.backend {
            // The other backend can't.
            BackendArg::Auto if net.offload == OffloadArg::On => Choice::Only(Backend::Tap),
            BackendArg::Auto => Choice::Best,
            BackendArg::Tap => Choice::Only(Backend::Tap),
            BackendArg::Veth => Choice::Only(Backend::Veth),
        },
        sysctls: extra.iter().copied().chain(asked).map(|(name, value)| Sysctl::both(name, value)).collect(),
        ..Topology::default()
    };
    Setup {
        command: command_line(),
        system: system(),
        topology,
        wire: net.impairments.0.clone(),
        later: net.impairments.1.clone(),
        seed: net.place.seed.unwrap_or_else(entropy::seed),
        port: common.port,
        patience: common.timeout,
        listening,
    }
}

/// The operating system and its version, for the record of a run.
pub(crate) fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", env::consts::OS, release.trim()).trim_end().to_owned()
}

/// The command line as it was typed, quoted for a shell where it must be.
pub(crate) fn command_line() -> String {
    let words: Vec<String> = env::args_os()
        .enumerate()
        .map(|(i, word)| {
            let word = word.to_string_lossy().into_owned();
            // The program by its name: the path to it says nothing about the run.
            if i == 0 { "layerlab".to_owned() } else { quoted(word) }
        })
        .collect();
    words.join(" ")
}

fn quoted(word: String) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

pub(crate) fn messages(args: &MessageArgs) -> Messages {
    Messages::new(&args.message, args.count as usize, args.size.map(|size| size as usize), args.every)
}

pub(crate) fn vantage(arg: VantageArg) -> Vantage {
    match arg {
        VantageArg::Client => Vantage::At(Side::Client),
        VantageArg::Server => Vantage::At(Side::Server),
        VantageArg::Wire => Vantage::Wire,
    }
}

pub(crate) fn models(arg: ModelArg) -> Models {
    match arg {
        ModelArg::Osi => Models::Osi,
        ModelArg::Tcpip => Models::TcpIp,
        ModelArg::Both => Models::Both,
    }
}

/// How sentences look on standard output, or on standard error when that is taken by a capture.
pub(crate) fn style(show: &ShowArgs, to_stderr: bool) -> Style {
    Style {
        width: width(show.width, to_stderr),
        ledger: show.ledger,
        verbose: show.verbose,
        bytes: show.bytes.is_some(),
        whole: show.bytes == Some(BytesArg::All),
        tcp_info: match show.tcp_info {
            TcpInfoArg::Changes => TcpInfoShow::Changes,
            TcpInfoArg::All => TcpInfoShow::All,
            TcpInfoArg::Off => TcpInfoShow::Off,
        },
        ..plain_style(show.look, show.model, to_stderr)
    }
}

/// Columns to write in: what was asked for, else the terminal's, but no more than a projector or a printed page takes.
pub(crate) fn width(asked: Option<u16>, to_stderr: bool) -> usize {
    if let Some(asked) = asked {
        return asked.into();
    }
    let told = env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse::<u16>().ok());
    let terminal = if to_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let its = || if terminal { crossterm::terminal::size().ok().map(|(columns, _)| columns) } else { None };
    match told.or_else(its) {
        Some(columns) if columns > 0 => usize::from(columns).clamp(MIN_WIDTH, MAX_WIDTH),
        _ => MAX_WIDTH,
    }
}

/// Whether a terminal would know escape sequences: one that says that it is dumb does not.
pub(crate) fn knows_sequences() -> bool {
    env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How text looks where no run is shown.
pub(crate) fn plain_style(look: LookArgs, model: ModelArg, to_stderr: bool) -> Style {
    let terminal = if to_stderr { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        ascii: look.ascii,
        color: match look.color {
            ColorArg::Always => true,
            ColorArg::Never => false,
            ColorArg::Auto => terminal && !no_color && knows_sequences(),
        },
        models: models(model),
        ..Style::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_split_is_quoted() {
        assert_eq!(quoted("--loss=5%".into()), "--loss=5%");
        assert_eq!(quoted("tcp.data#3".into()), "'tcp.data#3'");
        assert_eq!(quoted("it's".into()), r"'it'\''s'");
        assert_eq!(quoted(String::new()), "''");
    }
}
