//! What `tcp echo` and `udp echo` are asked to do.

use super::place::NetArgs;
use super::show::ShowArgs;
use super::values::{KeepAlive, ReuseArg, SideArg, duration, keepalive};
use clap::Args;
use std::time::Duration;

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
    /// Hand the pieces of --split over together, with one sendmsg() (as writev() does)
    #[arg(long, requires = "split", help_heading = "Experiment")]
    pub(crate) gather: bool,
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
    /// Bind and listen on the server's port a second time while the first listener is there
    #[arg(long, help_heading = "Experiment")]
    pub(crate) second_listener: bool,
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
