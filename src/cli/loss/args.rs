//! What was typed for `layerlab loss`.

use super::sweep::SweepArgs;
use crate::cli::args::{LookArgs, PlaceArgs, duration, sysctl};
use crate::cli::impair::Impairments;
use crate::live::loss::{LEAST, MOST};
use clap::{ArgAction, Args, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `loss`.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LossArgs {
    #[command(subcommand)]
    pub(crate) command: Option<LossCommand>,
    /// Messages, from the client to the server
    #[arg(long, default_value_t = 200, value_name = "N", help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) messages: u32,
    /// Octets of each message (its number takes the first four)
    #[arg(long, default_value_t = 200, value_name = "N", help_heading = "Load", value_parser = clap::value_parser!(u32).range(i64::from(LEAST)..=i64::from(MOST)))]
    pub(crate) size: u32,
    /// Time between the beginnings of two messages
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10ms", help_heading = "Load")]
    pub(crate) every: Duration,
    /// Instead: so many octets as fast as TCP takes them, once for each congestion control
    #[arg(long, value_name = "OCTETS", value_parser = octets, help_heading = "Load", conflicts_with_all = ["messages", "size", "every", "lanes"])]
    pub(crate) bulk: Option<u64>,
    /// How long to wait, at most, for what is missing after the last message
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s", help_heading = "Load")]
    pub(crate) wait: Duration,
    /// The transports to compare
    #[arg(long, value_enum, value_name = "LANE,LANE", value_delimiter = ',', default_values = ["tcp", "udp", "arq"], help_heading = "Transports")]
    pub(crate) lanes: Vec<LaneArg>,
    /// TCP's congestion control; several make a lane each [default: cubic; with --bulk reno, cubic and bbr, as far as
    /// the kernel has them]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', help_heading = "Transports")]
    pub(crate) cc: Vec<String>,
    /// Leave Nagle's algorithm on: TCP then may hold small messages back (otherwise TCP_NODELAY is set)
    #[arg(long, help_heading = "Transports")]
    pub(crate) nagle: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// A kernel setting of both hosts, such as net.ipv4.tcp_sack=0
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Network", value_parser = sysctl, action = ArgAction::Append)]
    pub(crate) sysctl: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) impairments: Impairments,
    /// Write each lane's frames as both hosts saw them: NAME.pcapng gives NAME-tcp-cubic-client.pcapng and so on
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Capture")]
    pub(crate) capture: Option<PathBuf>,
    /// Write a page with pictures, and its numbers as CSV and JSON, to this folder (docs/report.md)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) show: LossShow,
}

/// `layerlab loss ...`
#[derive(Subcommand, Debug)]
pub(crate) enum LossCommand {
    /// Many wires, many runs: goodput and latency of TCP and UDP over loss and delay
    Sweep(Box<SweepArgs>),
}

/// How it is shown.
#[derive(Args, Debug)]
pub(crate) struct LossShow {
    /// With --json: also a line for every frame
    #[arg(long, requires = "json", help_heading = "Output")]
    pub(crate) ledger: bool,
    /// One JSON object a line instead of tables and sentences (docs/json.md)
    #[arg(long, help_heading = "Output", conflicts_with = "quiet")]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// The scorecard alone
    #[arg(long, short, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Columns to write in [default: the terminal's, at most 80]
    #[arg(long, value_name = "N", help_heading = "Output", value_parser = clap::value_parser!(u16).range(60..=200))]
    pub(crate) width: Option<u16>,
}

/// A transport.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LaneArg {
    /// TCP, each message behind a length prefix
    Tcp,
    /// UDP, each message a datagram
    Udp,
    /// UDP with layerlab's own acknowledge-and-resend
    Arq,
}

/// An amount of octets: `10MB`, `400kB`, `1MiB`, or a bare number.
fn octets(text: &str) -> Result<u64, String> {
    const MOST: u64 = 100_000_000;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kb" | "k" => Some(1000),
        "mb" | "m" => Some(1_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gb" | "g" => Some(1_000_000_000),
        "gib" => Some(1 << 30),
        _ => None,
    };
    let example = "write a whole number of octets such as 10MB, 400kB or 65536";
    let amount = number.parse::<u64>().ok().zip(factor).and_then(|(n, factor)| n.checked_mul(factor));
    match amount {
        None => Err(format!("'{text}' is no amount of octets: {example}")),
        Some(0) => Err(format!("nothing at all cannot be measured: {example}")),
        Some(n) if n > MOST => Err("every frame is kept for the scorecard: 100MB at most".to_owned()),
        Some(n) => Ok(n),
    }
}

#[cfg(test)]
mod tests {
    use super::octets;

    #[test]
    fn amounts_need_a_known_unit_and_a_number() {
        assert_eq!(octets("10MB"), Ok(10_000_000));
        assert_eq!(octets("1MiB"), Ok(1 << 20));
        assert_eq!(octets("400kB"), Ok(400_000));
        assert_eq!(octets("77"), Ok(77));
        assert!(octets("1GB").is_err_and(|why| why.contains("100MB at most")));
        for wrong in ["", "0", "0MB", "1GB", "101MB", "1.5MB", "MB", "99999999999999999999MB"] {
            assert!(octets(wrong).is_err(), "{wrong}");
        }
    }
}
