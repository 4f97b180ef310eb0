//! What was typed. What it means is worked out in [`super::plan`].

use super::impair::Impairments;
use super::wire::WireCommand;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    /// Every layer once: a TCP echo and a UDP datagram between two private hosts (with --step, at your pace)
    Tour(Box<TourArgs>),
    /// TCP: both ends with the wire between them, or one end on the real network
    #[command(subcommand)]
    Tcp(TcpCommand),
    /// UDP: both ends with the wire between them, or one end on the real network
    #[command(subcommand)]
    Udp(UdpCommand),
    /// Any two programs of yours on the two hosts: curl, iperf3, your homework
    #[command(subcommand)]
    Wire(WireCommand),
    /// TCP beside UDP under loss: the same messages on the same seeded wire, and a scorecard
    Loss(Box<super::loss::LossArgs>),
    /// The chain of causes behind one frame of a capture; without FRAME, the frames worth asking about
    #[command(
        after_help = "FRAME is the number in the file, as Wireshark counts, or '#12' (in quotes) for the \
        wire's own number. A run has the same as --why."
    )]
    Why(WhyArgs),
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
    pub(crate) show: ShowArgs,
}

/// What is sent.
#[derive(Args, Debug)]
pub(crate) struct MessageArgs {
    /// The messages, one each [default: hello]
    pub(crate) message: Vec<String>,
    /// Send the messages this many times
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "N")]
    pub(crate) count: u32,
    /// Send N octets of a..z instead of texts
    #[arg(long, value_name = "N", conflicts_with = "message", value_parser = clap::value_parser!(u32).range(0..=100_000_000))]
    pub(crate) size: Option<u32>,
    /// Time between the beginnings of two sends
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0ms")]
    pub(crate) every: Duration,
}

/// Options of `tcp echo`.
#[derive(Args, Debug)]
pub(crate) struct TcpEchoArgs {
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
    /// Send all messages before reading any echo
    #[arg(long, help_heading = "Experiment")]
    pub(crate) burst: bool,
    /// Hand each message over in pieces of these sizes, a send() each (the last piece takes the rest)
    #[arg(long, value_name = "N,N", value_delimiter = ',', help_heading = "Experiment")]
    pub(crate) split: Vec<usize>,
    /// The server answers only when a whole message is there
    #[arg(long, help_heading = "Experiment")]
    pub(crate) whole: bool,
    /// The client shuts its sending half after the last message; the server answers after that
    #[arg(long, help_heading = "Experiment")]
    pub(crate) half_close: bool,
    /// Close with a reset (SO_LINGER of zero) instead of FIN
    #[arg(long, help_heading = "Experiment")]
    pub(crate) reset: bool,
    /// Which side closes first [default: client; server with --reuseaddr]
    #[arg(long, value_enum, value_name = "SIDE", help_heading = "Experiment")]
    pub(crate) close_first: Option<SideArg>,
    /// After the server's close, the client sends twice more
    #[arg(long, requires = "close_first", help_heading = "Experiment")]
    pub(crate) send_after_close: bool,
    /// The server listens but never calls accept()
    #[arg(long, help_heading = "Experiment")]
    pub(crate) no_accept: bool,
    /// listen()'s backlog
    #[arg(long, default_value_t = 128, value_name = "N", help_heading = "Experiment", value_parser = clap::value_parser!(i32).range(0..))]
    pub(crate) backlog: i32,
    /// Connections opened at the same time
    #[arg(long, default_value_t = 1, value_name = "N", help_heading = "Experiment", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) clients: u16,
    /// The server accepts and never reads
    #[arg(long, help_heading = "Experiment", conflicts_with = "read_after")]
    pub(crate) no_read: bool,
    /// The server waits this long after accept() before it reads
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0ms", help_heading = "Experiment")]
    pub(crate) read_after: Duration,
    /// Nobody listens on the port
    #[arg(long, help_heading = "Experiment", conflicts_with_all = ["absent_host", "no_accept", "no_read"])]
    pub(crate) closed_port: bool,
    /// Connect to an address that no host has
    #[arg(long, help_heading = "Experiment", conflicts_with_all = ["no_accept", "no_read"])]
    pub(crate) absent_host: bool,
    /// Leave the connection open and quiet this long before closing it
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0ms", help_heading = "Experiment")]
    pub(crate) idle: Duration,
    /// Afterwards bind the server's port again; SO_REUSEADDR on the old listener, the new socket, both, none
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, default_missing_value = "both", help_heading = "Experiment")]
    pub(crate) reuseaddr: Option<ReuseArg>,
    /// Buffer of each recv(), in octets
    #[arg(long, default_value_t = 4096, value_name = "N", help_heading = "Sockets", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(crate) recv_size: u32,
    /// TCP_NODELAY on both sides: no waiting to fill a segment (Nagle's algorithm off)
    #[arg(long, help_heading = "Sockets")]
    pub(crate) nodelay: bool,
    /// SO_RCVBUF of the server, in octets (Linux doubles it)
    #[arg(long, value_name = "N", help_heading = "Sockets")]
    pub(crate) rcvbuf: Option<usize>,
    /// SO_SNDBUF of the client, in octets (Linux doubles it)
    #[arg(long, value_name = "N", help_heading = "Sockets")]
    pub(crate) sndbuf: Option<usize>,
    /// Congestion control of both sides: reno, cubic, bbr or another that your kernel has
    #[arg(long, value_name = "NAME", help_heading = "Sockets")]
    pub(crate) cc: Option<String>,
    /// Keepalive probes from the client: idle time before the first, then interval and number
    #[arg(long, value_name = "TIME[,TIME[,N]]", value_parser = keepalive, help_heading = "Sockets")]
    pub(crate) keepalive: Option<KeepAlive>,
    #[command(flatten)]
    pub(crate) common: CommonSocketArgs,
    #[command(flatten)]
    pub(crate) net: NetArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Options of `udp echo`.
#[derive(Args, Debug)]
pub(crate) struct UdpEchoArgs {
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
    /// Send all datagrams before reading any echo
    #[arg(long, help_heading = "Experiment")]
    pub(crate) burst: bool,
    /// connect() the client's socket: it then hears of ICMP errors
    #[arg(long, help_heading = "Experiment")]
    pub(crate) connect_udp: bool,
    /// No socket is bound to the port
    #[arg(long, help_heading = "Experiment", conflicts_with = "absent_host")]
    pub(crate) closed_port: bool,
    /// Send to an address that no host has
    #[arg(long, help_heading = "Experiment")]
    pub(crate) absent_host: bool,
    /// The server receives and answers nothing
    #[arg(long, help_heading = "Experiment")]
    pub(crate) no_reply: bool,
    /// How long the client waits for each echo
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1s", help_heading = "Experiment")]
    pub(crate) wait: Duration,
    /// Buffer of each recvfrom(), in octets; what does not fit of a datagram is gone
    #[arg(long, default_value_t = 65_535, value_name = "N", help_heading = "Sockets", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) recv_size: u32,
    /// SO_RCVBUF of the server, in octets (Linux doubles it)
    #[arg(long, value_name = "N", help_heading = "Sockets")]
    pub(crate) rcvbuf: Option<usize>,
    /// SO_SNDBUF of the client, in octets (Linux doubles it)
    #[arg(long, value_name = "N", help_heading = "Sockets")]
    pub(crate) sndbuf: Option<usize>,
    /// Never fragment: IP_MTU_DISCOVER set to IP_PMTUDISC_DO (Linux)
    #[arg(long, help_heading = "Sockets")]
    pub(crate) dont_fragment: bool,
    #[command(flatten)]
    pub(crate) common: CommonSocketArgs,
    #[command(flatten)]
    pub(crate) net: NetArgs,
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
    /// Colour (NO_COLOR is honoured)
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: ColorArg,
    /// Plain ASCII only
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
}

/// The port of the echo protocol (RFC 862).
pub(crate) const ECHO_PORT: u16 = 7;

/// Options that both experiments have.
#[derive(Args, Debug)]
pub(crate) struct CommonSocketArgs {
    /// IP time to live of what the client sends
    #[arg(long, value_name = "N", help_heading = "Sockets", value_parser = clap::value_parser!(u32).range(1..=255))]
    pub(crate) ttl: Option<u32>,
    /// The server's port on the private network
    #[arg(long, default_value_t = ECHO_PORT, value_name = "N", help_heading = "Sockets", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: u16,
    /// How long any one call may block (SO_RCVTIMEO and SO_SNDTIMEO)
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s", help_heading = "Sockets")]
    pub(crate) timeout: Duration,
}

/// Options of `tcp serve`.
#[derive(Args, Debug)]
#[command(mut_arg("bytes", |arg| arg.hide(true)), mut_arg("ledger", |arg| arg.hide(true)))]
pub(crate) struct TcpServeArgs {
    /// Address to listen on; a bare port means 127.0.0.1
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "127.0.0.1:7000")]
    pub(crate) listen: String,
    /// Read and throw away instead of echoing
    #[arg(long)]
    pub(crate) discard: bool,
    /// TCP_NODELAY on each connection
    #[arg(long)]
    pub(crate) nodelay: bool,
    /// Congestion control: reno, cubic, bbr or another that your kernel has
    #[arg(long, value_name = "NAME")]
    pub(crate) cc: Option<String>,
    /// Octets that one recv() asks for, at most
    #[arg(long, default_value_t = 262_144, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub(crate) recv_size: u32,
    /// listen()'s backlog
    #[arg(long, default_value_t = 1024, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) backlog: i32,
    /// Connections open at the same time, at most
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_clients: u32,
    /// Close a connection that is silent this long
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) idle_timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Options of `udp serve`.
#[derive(Args, Debug)]
#[command(mut_arg("bytes", |arg| arg.hide(true)), mut_arg("ledger", |arg| arg.hide(true)))]
pub(crate) struct UdpServeArgs {
    /// Address to bind; a bare port means 127.0.0.1
    #[arg(long, value_name = "[ADDR:]PORT", default_value = "127.0.0.1:7000")]
    pub(crate) listen: String,
    /// Receive and throw away instead of echoing
    #[arg(long)]
    pub(crate) discard: bool,
    /// Buffer of each recvfrom(), in octets; what does not fit of a datagram is gone
    #[arg(long, default_value_t = 65_535, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) recv_size: u32,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Options that `tcp send` and `udp send` share.
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// Where to: HOST:PORT, such as localhost:7000 or [::1]:7000
    pub(crate) to: String,
    #[command(flatten)]
    pub(crate) messages: MessageArgs,
    /// Do not wait for answers
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait for the connection (TCP), and for each answer
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "5s")]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Options of `tcp send`.
#[derive(Args, Debug)]
#[command(mut_arg("bytes", |arg| arg.hide(true)), mut_arg("ledger", |arg| arg.hide(true)))]
pub(crate) struct TcpSendArgs {
    #[command(flatten)]
    pub(crate) send: SendArgs,
    /// Shut the sending half after the last message, and read to the end
    #[arg(long)]
    pub(crate) half_close: bool,
    /// TCP_NODELAY
    #[arg(long)]
    pub(crate) nodelay: bool,
}

/// Options of `udp send`.
#[derive(Args, Debug)]
#[command(mut_arg("bytes", |arg| arg.hide(true)), mut_arg("ledger", |arg| arg.hide(true)))]
pub(crate) struct UdpSendArgs {
    #[command(flatten)]
    pub(crate) send: SendArgs,
    /// Buffer of each recv(), in octets; what does not fit of a datagram is gone
    #[arg(long, default_value_t = 65_535, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) recv_size: u32,
}

/// Where it runs.
#[derive(Args, Debug, Clone)]
pub(crate) struct PlaceArgs {
    /// Where to run: two private hosts and a wire, this machine's loopback, or the best there is
    #[arg(long, value_enum, default_value = "auto", value_name = "WHERE", help_heading = "Network")]
    pub(crate) net: NetArg,
    /// How the private hosts are joined to the wire
    #[arg(long, value_enum, default_value = "auto", value_name = "KIND", help_heading = "Network")]
    pub(crate) backend: BackendArg,
    /// The number from which every random decision derives (printed when not given)
    #[arg(long, value_name = "N", help_heading = "Network")]
    pub(crate) seed: Option<u64>,
}

/// Where it runs, and over what wire.
#[derive(Args, Debug)]
pub(crate) struct NetArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Routers on the path: each takes one from the TTL
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = "Network", value_parser = clap::value_parser!(u8).range(0..=8))]
    pub(crate) routers: u8,
    /// Use IPv6 between the hosts
    #[arg(long, short = '6', help_heading = "Network", conflicts_with = "routers")]
    pub(crate) ipv6: bool,
    /// A kernel setting of both private hosts, such as net.ipv4.tcp_sack=0
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Network", value_parser = sysctl, action = ArgAction::Append)]
    pub(crate) sysctl: Vec<(String, String)>,
    /// Let the hosts hand over up to 64 KiB at once, as to a network card; fates stay per frame (docs/wire.md)
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN", help_heading = "Network")]
    pub(crate) offload: OffloadArg,
    #[command(flatten)]
    pub(crate) impairments: Impairments,
    #[command(flatten)]
    pub(crate) capture: CaptureArgs,
    /// When the run is over: why each segment was sent again, or the chain behind this frame
    #[arg(long, value_name = "FRAME", num_args = 0..=1, require_equals = true, default_missing_value = "", help_heading = "Output")]
    pub(crate) why: Option<String>,
}

impl NetArgs {
    /// A wire that does nothing, and no capture.
    pub(crate) fn plain(place: PlaceArgs) -> NetArgs {
        NetArgs {
            place,
            routers: 0,
            ipv6: false,
            sysctl: Vec::new(),
            offload: OffloadArg::Auto,
            impairments: Impairments::default(),
            capture: CaptureArgs { file: None, vantage: VantageArg::Client },
            why: None,
        }
    }
}

/// Whether and where a capture is written.
#[derive(Args, Debug)]
pub(crate) struct CaptureArgs {
    /// Write every frame to a pcapng file (`-` for standard output, for `wireshark -k -i -`)
    #[arg(id = "capture", long = "capture", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Capture")]
    pub(crate) file: Option<PathBuf>,
    /// Where the capture is taken
    #[arg(long, value_enum, default_value = "client", value_name = "WHERE", help_heading = "Capture")]
    pub(crate) vantage: VantageArg,
}

impl CaptureArgs {
    /// Whether the capture takes standard output.
    pub(crate) fn is_stdout(&self) -> bool {
        self.file.as_deref() == Some(std::path::Path::new("-"))
    }
}

/// How it is shown.
#[derive(Args, Debug, Clone)]
pub(crate) struct ShowArgs {
    /// Every frame's bytes, layer by layer, each field named; `=all` shows long payloads whole
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "headers", help_heading = "Output")]
    pub(crate) bytes: Option<BytesArg>,
    /// Every row of the wire's ledger, not only the remarkable ones
    #[arg(long, help_heading = "Output")]
    pub(crate) ledger: bool,
    /// What the kernel says of the connection (TCP_INFO): at each change, at every call, or never
    #[arg(long, value_enum, default_value = "changes", value_name = "WHEN", help_heading = "Output")]
    pub(crate) tcp_info: TcpInfoArg,
    /// Also say what each layer cannot see
    #[arg(long, short, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// One JSON object a line instead of sentences (docs/json.md)
    #[arg(long, help_heading = "Output", conflicts_with_all = ["quiet", "step"])]
    pub(crate) json: bool,
    /// Which layer model to show
    #[arg(long, value_enum, default_value = "both", value_name = "MODEL", help_heading = "Output")]
    pub(crate) model: ModelArg,
    /// Colour (NO_COLOR is honoured)
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN", help_heading = "Output")]
    pub(crate) color: ColorArg,
    /// Plain ASCII only
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,
    /// Wait for a key after each step: space or Enter the next, a all the rest, q the end
    #[arg(long, help_heading = "Output")]
    pub(crate) step: bool,
    /// Say nothing (a server: only where it listens, and what it did)
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Columns to write in [default: the terminal's, at most 80]
    #[arg(long, value_name = "N", help_heading = "Output", value_parser = clap::value_parser!(u16).range(60..=200))]
    pub(crate) width: Option<u16>,
}

impl ShowArgs {
    /// Of a run that tells nothing.
    pub(crate) fn silent() -> ShowArgs {
        ShowArgs {
            bytes: None,
            ledger: false,
            tcp_info: TcpInfoArg::Off,
            verbose: false,
            json: false,
            model: ModelArg::Both,
            color: ColorArg::Never,
            ascii: false,
            step: false,
            quiet: true,
            width: None,
        }
    }
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

/// A side.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SideArg {
    /// The client
    Client,
    /// The server
    Server,
}

/// Which sockets carry SO_REUSEADDR.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReuseArg {
    /// Neither
    None,
    /// The old listener
    Old,
    /// The new socket
    New,
    /// Both
    Both,
}

/// Where an experiment runs.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NetArg {
    /// The private network where this machine allows one, else loopback
    Auto,
    /// Two hosts of your own and a wire between them
    Private,
    /// This machine's loopback interface
    Loopback,
}

/// How private hosts are joined to the wire.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BackendArg {
    /// TAP where /dev/net/tun is open, else veth
    Auto,
    /// TAP devices
    Tap,
    /// veth pairs and AF_PACKET sockets
    Veth,
}

/// Whether the hosts leave segmentation and checksums to the wire.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OffloadArg {
    /// Where nobody hears of single frames and the wire keeps their order and distance
    Auto,
    /// Also where each frame is told or captured
    On,
    /// Never
    Off,
}

/// Where a capture is taken.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VantageArg {
    /// At the client's interface: what it sent (dropped frames too, so marked) and what reached it
    Client,
    /// At the server's interface
    Server,
    /// On the wire: every frame once
    Wire,
}

/// How much of a frame's bytes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BytesArg {
    /// Every header, and the first 256 octets of the payload
    Headers,
    /// Everything
    All,
}

/// When TCP_INFO is shown.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TcpInfoArg {
    /// When something in it changed
    Changes,
    /// After every call
    All,
    /// Never
    Off,
}

/// A layer model.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ModelArg {
    /// OSI's seven layers
    Osi,
    /// The four of TCP/IP
    Tcpip,
    /// Both
    Both,
}

/// When to colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ColorArg {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--keepalive`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeepAlive {
    pub(crate) idle: Duration,
    pub(crate) interval: Duration,
    pub(crate) count: u32,
}

/// A time with its unit, as everywhere in layerlab: `20ms`, `1.5s`, `50us`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    crate::wire::parse_time(text).map_err(|error| error.to_string())
}

/// A time to wait: zero would mean for ever to the kernel (socket(7), SO_RCVTIMEO).
fn waiting_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("waiting needs some time: write 100ms, 5s, ...".to_owned()),
        time => Ok(time),
    }
}

fn keepalive(text: &str) -> Result<KeepAlive, String> {
    let mut parts = text.split(',');
    let idle = duration(parts.next().unwrap_or_default())?;
    let interval = parts.next().map_or(Ok(idle), duration)?;
    let count = parts.next().map_or(Ok(3), |n| {
        n.parse()
            .ok()
            .filter(|n| (1..=127).contains(n))
            .ok_or_else(|| format!("'{n}' is not a number of probes from 1 to 127"))
    })?;
    if parts.next().is_some() {
        return Err("at most three parts: idle time, interval, number of probes".to_owned());
    }
    for time in [idle, interval] {
        if time.as_secs() == 0 || time.subsec_nanos() != 0 {
            return Err("the kernel counts keepalive times in whole seconds: write 1s, 2s, ...".to_owned());
        }
    }
    Ok(KeepAlive { idle, interval, count })
}

pub(crate) fn sysctl(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if name.starts_with("net.") => Ok((name.to_owned(), value.to_owned())),
        Some((name, _)) => {
            Err(format!("'{name}' is not a setting of a network namespace: they begin with net."))
        }
        None => Err("write NAME=VALUE, such as net.ipv4.tcp_sack=0".to_owned()),
    }
}

/// Where a listener listens: an address and a port; a bare port means this machine only.
pub(crate) fn listen_address(text: &str) -> Result<std::net::SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok((std::net::Ipv4Addr::LOCALHOST, port).into());
    }
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    match text.rsplit_once(':') {
        Some(("localhost", port)) => {
            port.parse().ok().map(|port: u16| (std::net::Ipv4Addr::LOCALHOST, port).into())
        }
        Some(("*", port)) => {
            port.parse().ok().map(|port: u16| (std::net::Ipv4Addr::UNSPECIFIED, port).into())
        }
        _ => text.parse::<IpAddr>().ok().map(|ip| (ip, 7000).into()),
    }
    .ok_or_else(|| {
        format!("'{text}' is no address to listen on: write 127.0.0.1:7000, [::1]:7000 or a bare port")
    })
}
