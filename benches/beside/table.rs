//! The results as a table and as JSON.

use super::load::{Cell, Sample};
use std::fmt::Write;

/// Samples by cell and server, one for each round; `None` where a server stalled.
pub(crate) struct Results {
    cells: Vec<Cell>,
    servers: Vec<&'static str>,
    /// The best of these in a cell is what ratios are taken to.
    peers: &'static [&'static str],
    rounds: usize,
    /// The machine's load average before anything was measured: what else ran.
    load_before: f64,
    samples: Vec<Vec<Vec<Option<Sample>>>>,
}

impl Results {
    pub(crate) fn new(
        cells: &[Cell],
        servers: &[&'static str],
        peers: &'static [&'static str],
        rounds: usize,
    ) -> Results {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_before = load.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        let samples = vec![vec![Vec::new(); servers.len()]; cells.len()];
        Results { cells: cells.to_vec(), servers: servers.to_vec(), peers, rounds, load_before, samples }
    }

    pub(crate) fn add(&mut self, cell: usize, server: usize, sample: Option<Sample>) {
        self.samples[cell][server].push(sample);
    }

    fn median(&self, cell: usize, server: usize, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        let samples = &self.samples[cell][server];
        // A server that stalled once is not to be trusted with the other rounds.
        samples.iter().map(|s| s.as_ref().map(&of)).collect::<Option<Vec<_>>>().and_then(median)
    }

    /// The best peer in this cell, by median rate.
    fn peer(&self, cell: usize) -> Option<usize> {
        (0..self.servers.len())
            .filter(|&s| self.peers.contains(&self.servers[s]))
            .filter_map(|s| Some((s, self.median(cell, s, |x| x.rate)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(s, _)| s)
    }

    /// The median over the rounds of a server's figure divided by the peer's in the same round.
    fn ratio(&self, cell: usize, server: usize, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        let (own, peer) = (&self.samples[cell][server], &self.samples[cell][self.peer(cell)?]);
        let ratios = own.iter().zip(peer).map(|(a, b)| Some(of(a.as_ref()?) / of(b.as_ref()?)));
        ratios.collect::<Option<Vec<_>>>().and_then(median)
    }

    /// The table. `default` names those on whose side the machine's own congestion control is.
    pub(crate) fn text(&self, title: &str, default: &str, missing: &[String]) -> String {
        let mut out = format!(
            "{title}, {} interleaved rounds, medians. reno on both ends ({default}: {}).\n\
             ratio: to the best of {} in the cell, round by round; cpu: the server's us a message.\n\n\
             {:<15}{:<15}{:>12}{:>9}{:>9}{:>11}\n",
            self.rounds,
            default_congestion(),
            self.peers.join(", "),
            "cell",
            "server",
            "messages/s",
            "ratio",
            "cpu us",
            "cpu ratio"
        );
        for (c, cell) in self.cells.iter().enumerate() {
            if self.samples[c].iter().all(Vec::is_empty) {
                continue;
            }
            for (s, name) in self.servers.iter().enumerate() {
                let label = if s == 0 { cell.name() } else { String::new() };
                let _ = match (self.median(c, s, |x| x.rate), self.median(c, s, |x| x.cpu)) {
                    (Some(rate), Some(cpu)) => {
                        let show = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| format!("{r:.3}"));
                        let (r, u) = (self.ratio(c, s, |x| x.rate), self.ratio(c, s, |x| x.cpu));
                        let (r, u) = (show(r), show(u));
                        writeln!(out, "{label:<15}{name:<15}{rate:>12.0}{r:>9}{cpu:>9.2}{u:>11}")
                    }
                    _ => writeln!(out, "{label:<15}{name:<15}{:>12}", "no figure"),
                };
            }
        }
        if self.load_before > 0.5 {
            let _ = writeln!(
                out,
                "Other programs were running (load average {:.2} before): trust the ratios little, the rates less.",
                self.load_before
            );
        }
        for why in missing {
            let _ = writeln!(out, "{why}");
        }
        out
    }

    pub(crate) fn json(&self, bench: &str, missing: &[String]) -> serde_json::Value {
        let cells: Vec<_> = (0..self.cells.len())
            .filter(|&c| self.samples[c].iter().any(|samples| !samples.is_empty()))
            .flat_map(|c| (0..self.servers.len()).map(move |s| (c, s)))
            .map(|(c, s)| {
                serde_json::json!({
                    "size": self.cells[c].size,
                    "connections": self.cells[c].connections,
                    "depth": self.cells[c].depth,
                    "server": self.servers[s],
                    "messages_per_s": self.median(c, s, |x| x.rate),
                    "ratio": self.ratio(c, s, |x| x.rate),
                    "cpu_us_per_message": self.median(c, s, |x| x.cpu),
                    "cpu_ratio": self.ratio(c, s, |x| x.cpu),
                })
            })
            .collect();
        serde_json::json!({ "bench": bench, "congestion_control": "reno",
            "congestion_control_by_default": default_congestion(), "rounds": self.rounds, "peers": self.peers,
            "cells": cells, "load_average_before": self.load_before, "did_not_run": missing })
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { None } else { Some((values[(n - 1) / 2] + values[n / 2]) / 2.0) }
}

/// The machine's own, which a server that sets none has on its side.
fn default_congestion() -> String {
    let told = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control");
    told.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
