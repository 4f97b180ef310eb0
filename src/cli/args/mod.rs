//! What was typed. What it means is worked out in [`super::plan`].

use super::lab::LabCommand;
use super::queue::QueueCommand;
use super::wire::WireCommand;
use super::ws::WsCommand;
use clap::{Args, Parser, Subcommand, ValueHint};
use std::path::PathBuf;

mod experiment;
mod place;
mod real;
mod show;
mod values;

pub(crate) use experiment::*;
pub(crate) use place::*;
pub(crate) use real::*;
pub(crate) use show::*;
pub(crate) use values::*;

/// See every byte of your sockets, and which layer it sits on.
#[derive(Parser, Debug)]
#[command(name = "layerlab", version, about, max_term_width = 80, arg_required_else_help = true)]
#[command(after_help = "Start here: layerlab tour\n\
    Exit status: 0 done; 1 it ran and the answer is no; 2 wrong usage; 3 this machine can't\n\
    (`layerlab doctor` says why, and what to do).")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Five moments of the course in a minute, on real hosts of your own (with --step, at your pace)
    Tour(Box<TourArgs>),
    /// TCP: both ends with the wire between them, or one end on the real network
    #[command(subcommand)]
    Tcp(TcpCommand),
    /// UDP: both ends with the wire between them, or one end on the real network
    #[command(subcommand)]
    Udp(UdpCommand),
    /// WebSocket: the handshake, frames and closing of both ends, or one end on the real network
    #[command(subcommand)]
    Ws(WsCommand),
    /// A message queue in frames that you can read: a server, publishers and consumers, over TCP, WebSocket and UDP
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Any two programs of yours on the two hosts: curl, iperf3, your homework
    #[command(subcommand)]
    Wire(WireCommand),
    /// TCP beside UDP under loss: the same messages on the same seeded wire, and a scorecard
    Loss(Box<super::loss::LossArgs>),
    /// A capture, explained: every frame, and the upgrades, WebSocket messages and queues that it carries
    #[command(
        after_help = "Captures of tcpdump, Wireshark and others too: pcapng or pcap, of Ethernet (with VLANs), Linux cooked, loopback or bare IP. A run's own capture \
        also says what the wire did. One that breaks off is told as far as it can be read, with exit status 0: the end \
        line says so (`cut` in --json)."
    )]
    Dissect(DissectArgs),
    /// The chain of causes behind one frame of a capture; without FRAME, the frames worth asking about
    #[command(
        after_help = "FRAME is the number in the file, as Wireshark counts, or '#12' (in quotes) for the \
        wire's own number. A run has the same as --why."
    )]
    Why(WhyArgs),
    /// The course: labs that run; predict, observe, explain, and every claim is checked
    #[command(subcommand)]
    Lab(LabCommand),
    /// The two layer models side by side: what sits where, and where they don't fit
    Layers(LayersArgs),
    /// What a term means, at which layer, and what it is often confused with
    Explain(ExplainArgs),
    /// What this machine allows, which backend will be used, and the remedy where it can't
    #[command(after_help = "Exit status: 0 a private network can be had, 3 it cannot.")]
    Doctor(DoctorArgs),
    /// Print a completion script for your shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff); with a directory, write one page a subcommand there
    Man {
        /// Directory for the pages
        #[arg(value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// `layerlab tcp ...`
#[derive(Subcommand, Debug)]
pub(crate) enum TcpCommand {
    /// Both ends: connect, send, echo, close; every call, frame and fate told
    Echo(Box<TcpEchoArgs>),
    /// A server on the real network that echoes, for nc, socat or your own program
    Serve(TcpServeArgs),
    /// A client on the real network: connect, send, read the answer
    #[command(after_help = WITHOUT_MESSAGE)]
    Send(TcpSendArgs),
}

/// `layerlab udp ...`
#[derive(Subcommand, Debug)]
pub(crate) enum UdpCommand {
    /// Both ends: datagrams there and back; every call, frame and fate told
    Echo(Box<UdpEchoArgs>),
    /// A server on the real network that echoes datagrams
    Serve(UdpServeArgs),
    /// A client on the real network: send datagrams, wait for answers
    #[command(after_help = WITHOUT_MESSAGE)]
    Send(UdpSendArgs),
}

/// Below the options of `send`.
const WITHOUT_MESSAGE: &str = "Without MESSAGE and --size: the lines of standard input, each with its line end, \
    when that is no terminal; else hello.";

/// Options of `tour`.
#[derive(Args, Debug)]
pub(crate) struct TourArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Every event of every run as one JSON object a line instead (docs/json.md)
    #[arg(long, help_heading = "Output", conflicts_with_all = ["quiet", "step"])]
    pub(crate) json: bool,
    /// Wait for a key before each run and after each answer: space or Enter goes on, a shows all the rest, q ends
    #[arg(long, help_heading = "Output")]
    pub(crate) step: bool,
    /// Say nothing
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// Options of `dissect`.
#[derive(Args, Debug)]
#[command(mut_arg("tcp_info", |arg| arg.hide(true)))]
pub(crate) struct DissectArgs {
    /// A capture, pcapng or pcap (`-` for standard input)
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Only what these protocols do: websocket,tcp (an upgrade's HTTP counts as websocket's)
    #[arg(long, value_enum, value_name = "PROTOCOL,..", value_delimiter = ',', help_heading = "Output")]
    pub(crate) only: Vec<OnlyArg>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Options of `why`.
#[derive(Args, Debug)]
pub(crate) struct WhyArgs {
    /// A capture, pcapng or pcap (`-` for standard input); layerlab's own say what the wire did
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The frame
    pub(crate) frame: Option<String>,
    /// One JSON object a line instead of sentences (docs/json.md)
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Which layer model to show
    #[arg(long, value_enum, default_value = "both", value_name = "MODEL", help_heading = "Output")]
    pub(crate) model: ModelArg,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// Options of `layers`.
#[derive(Args, Debug)]
pub(crate) struct LayersArgs {
    /// Which model to show
    #[arg(long, value_enum, default_value = "both", value_name = "MODEL")]
    pub(crate) model: ModelArg,
    /// Plain ASCII only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The term, such as MTU, TIME-WAIT or ECONNREFUSED; `misconceptions` for a list; none lists all
    pub(crate) term: Vec<String>,
    /// Plain ASCII only
    #[arg(long)]
    pub(crate) ascii: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
