//! What was typed for `layerlab loss sweep`.

use crate::cli::args::{BackendArg, duration, sysctl};
use crate::live::loss::{LEAST, MOST};
use crate::wire::{Percent, Rate, parse_time};
use clap::{ArgAction, Args, ValueHint};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// Options of `loss sweep`.
#[derive(Args, Debug)]
#[command(after_help = "Every run is what `layerlab loss` with one transport does; a row names its seed. \
    Ctrl-C keeps the rows that are done: the same command with --resume FILE goes on.")]
pub(crate) struct SweepArgs {
    /// Losses, each for both directions; the last one's unit is for all
    #[arg(long, value_name = "P,P%", value_parser = losses, default_value = "0,0.1,0.5,1,2,5,10%", help_heading = "Wires")]
    pub(crate) loss: Losses,
    /// Delays, one way; the last one's unit is for all
    #[arg(long, value_name = "T,TIME", value_parser = delays, default_value = "10,50,100ms", help_heading = "Wires")]
    pub(crate) delay: Delays,
    /// Carry so many bits a second, such as 10mbit, on every wire
    #[arg(long, value_name = "RATE", help_heading = "Wires")]
    pub(crate) rate: Option<Rate>,
    /// Frames that wait for the rate at most
    #[arg(long, value_name = "N", requires = "rate", help_heading = "Wires", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) limit: Option<u32>,
    /// Runs of each transport over each wire, each with a seed of its own
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) runs: u32,
    /// The number from which every run's seed derives (printed when not given)
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Runs at the same time, each on a private network of its own [default: 4 for each core]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroU16>,
    /// Begin without asking, however many runs it is
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// TCP's congestion controls [default: reno, cubic and bbr, as far as the kernel has them]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', help_heading = "Transports")]
    pub(crate) cc: Vec<String>,
    /// Also run UDP with layerlab's own acknowledge-and-resend
    #[arg(long, help_heading = "Transports")]
    pub(crate) arq: bool,
    /// Messages of a run
    #[arg(long, default_value_t = 200, value_name = "N", help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) messages: u32,
    /// Octets of each message
    #[arg(long, default_value_t = 1000, value_name = "N", help_heading = "Load", value_parser = clap::value_parser!(u32).range(i64::from(LEAST)..=i64::from(MOST)))]
    pub(crate) size: u32,
    /// Time between the beginnings of two messages
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5ms", help_heading = "Load")]
    pub(crate) every: Duration,
    /// How long to wait, at most, for what is missing after a run's last message
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s", help_heading = "Load")]
    pub(crate) wait: Duration,
    /// How the private hosts are joined to the wire
    #[arg(long, value_enum, default_value = "auto", value_name = "KIND", help_heading = "Network")]
    pub(crate) backend: BackendArg,
    /// A kernel setting of both hosts, such as net.ipv4.tcp_sack=0
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Network", value_parser = sysctl, action = ArgAction::Append)]
    pub(crate) sysctl: Vec<(String, String)>,
    /// Keep each row in FILE as soon as its run is done, and skip the runs that it holds already
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub(crate) resume: Option<PathBuf>,
    /// Write a page with pictures, and its numbers, to this folder (docs/report.md); keeps its rows there too
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,
    /// A line of JSON for each run, as soon as it is done, instead of the table (docs/report.md)
    #[arg(long, help_heading = "Output", conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Every run as comma-separated values, instead of the table
    #[arg(long, help_heading = "Output")]
    pub(crate) csv: bool,
}

/// Losses in percent.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Losses(pub(crate) Vec<f64>);

/// Delays.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Delays(pub(crate) Vec<Duration>);

/// The parts of a list, each with a unit: its own, or the last one's.
fn with_units(text: &str) -> impl Iterator<Item = String> + '_ {
    let bare = |part: &str| part.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    let unit = text.trim_start_matches(|c: char| "0123456789.,eE+- ".contains(c));
    let unit = if unit.contains(',') { text.rsplit(',').next().unwrap_or(text) } else { unit };
    let unit = unit.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').to_owned();
    text.split(',').map(move |part| if bare(part) { format!("{part}{unit}") } else { part.to_owned() })
}

fn losses(text: &str) -> Result<Losses, String> {
    let mut losses = Vec::new();
    for part in with_units(text) {
        let percent: Percent = part.parse().map_err(|error| format!("{error}"))?;
        losses.push(percent.to_string().trim_end_matches('%').parse().map_err(|_| part.clone())?);
    }
    twice(&losses).map_or(Ok(Losses(losses)), |loss: f64| Err(format!("{loss}% stands there twice")))
}

fn delays(text: &str) -> Result<Delays, String> {
    let delays: Result<Vec<Duration>, _> = with_units(text).map(|part| parse_time(&part)).collect();
    let delays = delays.map_err(|error| error.to_string())?;
    twice(&delays).map_or(Ok(Delays(delays)), |delay: Duration| Err(format!("{delay:?} stands there twice")))
}

fn twice<T: PartialEq + Copy>(list: &[T]) -> Option<T> {
    list.iter().enumerate().find(|(i, item)| list[..*i].contains(item)).map(|(_, item)| *item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_unit_is_for_all() {
        assert_eq!(losses("0,0.1,0.5,1,2,5,10%"), Ok(Losses(vec![0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0])));
        assert_eq!(losses("0%,5%"), Ok(Losses(vec![0.0, 5.0])));
        let ms = Duration::from_millis;
        assert_eq!(delays("10,50,100ms"), Ok(Delays(vec![ms(10), ms(50), ms(100)])));
        assert_eq!(delays("500us,1,2s"), Ok(Delays(vec![Duration::from_micros(500), ms(1000), ms(2000)])));
        assert_eq!(delays("0ms"), Ok(Delays(vec![ms(0)])));
        for wrong in ["", "5", "1,2", "101%", "-1%", "5%,5%", "1,,2%", "%", "NaN%", "a%", "5%,"] {
            assert!(losses(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "5", "5%", "10,10ms", "ms", ",", "1s,", "\u{e9}"] {
            assert!(delays(wrong).is_err(), "{wrong}");
        }
    }
}
