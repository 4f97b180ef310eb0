//! The results as a table and as JSON.

use crate::load::{CELLS, Sample};
use std::fmt::Write;

/// Samples by cell and server, one for each round; `None` where a server stalled.
pub(crate) struct Results {
    servers: Vec<&'static str>,
    /// The machine's load average before anything was measured: what else ran.
    pub(crate) load_before: f64,
    samples: Vec<Vec<Vec<Option<Sample>>>>,
}

impl Results {
    pub(crate) fn new(servers: &[&'static str]) -> Results {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load_before = load.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
        Results {
            servers: servers.to_vec(),
            load_before,
            samples: vec![vec![Vec::new(); servers.len()]; CELLS.len()],
        }
    }

    pub(crate) fn add(&mut self, cell: usize, server: usize, sample: Option<Sample>) {
        self.samples[cell][server].push(sample);
    }

    fn median(&self, cell: usize, server: usize, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        let samples = &self.samples[cell][server];
        // A server that stalled once is not to be trusted with the other rounds.
        samples.iter().map(|s| s.as_ref().map(&of)).collect::<Option<Vec<_>>>().and_then(median)
    }

    /// The better of epoll and tokio in this cell, by median rate.
    fn peer(&self, cell: usize) -> Option<usize> {
        (0..self.servers.len())
            .filter(|&s| matches!(self.servers[s], "epoll" | "tokio"))
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

pub(crate) fn text(results: &Results, missing: &[String], rounds: usize) -> String {
    let default = default_congestion();
    let mut out = format!(
        "TCP echo over loopback, {rounds} interleaved rounds, medians. reno on both ends (ncat's: {default}).\n\
         ratio: to the better of epoll and tokio in the cell, round by round; cpu: the server's us a message.\n\n\
         {:<14}{:<8}{:>12}{:>10}{:>9}{:>11}\n",
        "cell", "server", "messages/s", "ratio", "cpu us", "cpu ratio"
    );
    for (c, cell) in CELLS.iter().enumerate() {
        if results.samples[c].iter().all(Vec::is_empty) {
            continue;
        }
        for (s, name) in results.servers.iter().enumerate() {
            let label = if s == 0 { cell.name() } else { String::new() };
            let _ = match (results.median(c, s, |x| x.rate), results.median(c, s, |x| x.cpu)) {
                (Some(rate), Some(cpu)) => {
                    let show = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| format!("{r:.3}"));
                    let (r, u) = (results.ratio(c, s, |x| x.rate), results.ratio(c, s, |x| x.cpu));
                    writeln!(out, "{label:<14}{name:<8}{rate:>12.0}{:>10}{cpu:>9.2}{:>11}", show(r), show(u))
                }
                _ => writeln!(out, "{label:<14}{name:<8}{:>12}", "stalled"),
            };
        }
    }
    if results.load_before > 0.5 {
        let _ = writeln!(
            out,
            "Other programs were running (load average {:.2} before): trust the ratios little, the rates less.",
            results.load_before
        );
    }
    for why in missing {
        let _ = writeln!(out, "{why}");
    }
    out
}

pub(crate) fn json(results: &Results, missing: &[String], rounds: usize) -> serde_json::Value {
    let cells: Vec<_> = (0..CELLS.len())
        .filter(|&c| results.samples[c].iter().any(|samples| !samples.is_empty()))
        .flat_map(|c| (0..results.servers.len()).map(move |s| (c, s)))
        .map(|(c, s)| {
            serde_json::json!({
                "size": CELLS[c].size,
                "connections": CELLS[c].connections,
                "depth": CELLS[c].depth,
                "server": results.servers[s],
                "messages_per_s": results.median(c, s, |x| x.rate),
                "ratio": results.ratio(c, s, |x| x.rate),
                "cpu_us_per_message": results.median(c, s, |x| x.cpu),
                "cpu_ratio": results.ratio(c, s, |x| x.cpu),
            })
        })
        .collect();
    serde_json::json!({ "bench": "tcp_echo", "congestion_control": "reno",
        "congestion_control_of_ncat": default_congestion(), "rounds": rounds, "cells": cells,
        "load_average_before": results.load_before,
        "did_not_run": missing })
}
