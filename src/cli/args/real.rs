//! What one end on the real network is asked to do: `serve` and `send`.

use super::experiment::MessageArgs;
use super::show::ShowArgs;
use super::values::{duration, waiting_time};
use clap::Args;
use std::time::Duration;

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
