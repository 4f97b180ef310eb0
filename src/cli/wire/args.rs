//! What is typed after `layerlab wire`.

use crate::cli::args::{NetArgs, ShowArgs, SideArg, duration};
use crate::cli::impair::{Impairments, PatchArgs};
use clap::{ArgGroup, Args, Subcommand, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// `layerlab wire ...`
#[derive(Subcommand, Debug)]
pub(crate) enum WireCommand {
    /// Run any two programs on two private hosts, with the wire between them
    #[command(after_help = RUN)]
    Run(Box<RunArgs>),
    /// A shell on a host of a running network; where none runs, of a new one
    #[command(after_help = SHELL)]
    Shell(Box<ShellArgs>),
    /// Change the wire of a running network, from the next frame on
    #[command(after_help = SET)]
    Set(Box<SetArgs>),
    /// The networks that run, with their wires
    List(ListArgs),
    /// What a wire's dice give, over many seeds; nothing is sent, no network is made
    Dice(Box<DiceArgs>),
}

const SHELL: &str = "Examples:
  layerlab wire shell server --loss 5%         starts a network, with this wire
  layerlab wire shell client                   in another terminal: joins it
  layerlab wire shell client -- ping -c 3 server

In the shell: ping server, python3 -m http.server, tcpdump -i eth0, ip address. A network ends with the shell
or the run that started it, and whatever runs on its hosts ends then.";

const SET: &str = "Examples:
  layerlab wire set --loss 20%
  layerlab wire set lab1 --to-server-loss 20% --delay 80ms
  layerlab wire set lab1 --cut                 and then: layerlab wire set lab1 --restore
  layerlab wire set lab1 --loss none --rate none

What is not named stays as it is. The change is told in the run's own story and capture.";

/// Options of `wire shell`.
#[derive(Args, Debug)]
pub(crate) struct ShellArgs {
    /// Which host
    #[arg(value_enum, value_name = "HOST")]
    pub(crate) side: SideArg,
    /// A command instead of $SHELL, word by word
    #[arg(last = true, value_name = "WORDS", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) words: Vec<OsString>,
    /// The network to join, or the name of a new one
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub(crate) name: Option<String>,
    /// Start a new network, even where one runs
    #[arg(long, help_heading = "Network")]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) net: NetArgs,
    /// Say nothing about the wire
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Options of `wire set`.
#[derive(Args, Debug)]
pub(crate) struct SetArgs {
    /// The network; the only one that runs, when not given
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) patch: PatchArgs,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `wire list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// As JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `wire dice`.
#[derive(Args, Debug)]
pub(crate) struct DiceArgs {
    /// Frames of each seed, from the client to the server
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) frames: u32,
    /// How many seeds
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) seeds: u32,
    /// The first of them; the others follow it
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) impairments: Impairments,
    /// One JSON object a seed (docs/json.md)
    #[arg(long)]
    pub(crate) json: bool,
}

const RUN: &str = "Examples:
  layerlab wire run --loss 5% --server 'python3 -m http.server' -- curl -s http://server:8000/
  layerlab wire run --rate 10mbit --delay 20ms --server 'iperf3 -s -1' --client 'iperf3 -c server'
  layerlab wire run --drop 'tcp.data#3' --capture out.pcapng --server ./srv --client ./cli
  layerlab wire run --delay 50ms -- ping -c 3 server

CMD is run by `sh -c`; the words after -- are run as they are, without a shell. The client has your standard
input, output and error; what the server says goes to standard error. The hosts are called client and server;
$LAYERLAB_SERVER_ADDR and $LAYERLAB_CLIENT_ADDR are their addresses, and $LAYERLAB_SERVER_PORT, for the client,
the port that the server was found to listen on.

Exit status: the client's (128 + N when signal N ended it); without a client, the server's. The server's (1 for
0) when it ended before the client could start; 126 and 127 for a command that cannot be started or does not
exist; 124 after --timeout; 2 for wrong usage and 3 for a machine that can't, before anything was started.";

/// Options of `wire run`.
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("programs").required(true).multiple(true).args(["server", "client", "words"]))]
pub(crate) struct RunArgs {
    /// The server's command, for sh -c
    #[arg(long, value_name = "CMD", help_heading = "Programs", value_hint = ValueHint::CommandString)]
    pub(crate) server: Option<OsString>,
    /// The client's command, for sh -c; it starts when the server listens
    #[arg(long, value_name = "CMD", help_heading = "Programs", conflicts_with = "words", value_hint = ValueHint::CommandString)]
    pub(crate) client: Option<OsString>,
    /// The client's command, word by word
    #[arg(last = true, value_name = "CLIENT", help_heading = "Programs", value_hint = ValueHint::CommandWithArguments)]
    pub(crate) words: Vec<OsString>,
    /// How long the client waits for the server to listen, before it starts all the same
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", help_heading = "Programs")]
    pub(crate) wait: Duration,
    /// Wait for a listener on this port; any port is enough without it
    #[arg(long, value_name = "N", help_heading = "Programs", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) wait_port: Option<u16>,
    /// Start the client at once
    #[arg(long, help_heading = "Programs", conflicts_with_all = ["wait", "wait_port"])]
    pub(crate) no_wait: bool,
    /// End both programs after this long
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Programs")]
    pub(crate) timeout: Option<Duration>,
    /// The network's name, for `wire shell`, `wire set` and `wire list` [default: wire1, wire2 ...]
    #[arg(long, value_name = "NAME", help_heading = "Network")]
    pub(crate) name: Option<String>,
    /// Tell every frame and its fate on standard error (as --json does, in JSON)
    #[arg(long = "show", help_heading = "Output")]
    pub(crate) tell: bool,
    /// Where --show and --json tell it, instead of on standard error
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) log: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) net: NetArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}
