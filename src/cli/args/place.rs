//! Where a run takes place, and what is kept of it.

use super::values::{BackendArg, NetArg, OffloadArg, VantageArg, sysctl};
use crate::cli::impair::Impairments;
use clap::{ArgAction, Args, ValueHint};
use std::path::PathBuf;

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
