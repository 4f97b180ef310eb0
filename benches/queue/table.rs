//! Rounds, and what they gave: a table, the goals, and JSON.

use crate::beside::Arguments;
use crate::disk::{self, Before};
use crate::load::{Flood, Pair};
use crate::servers::{Contender, Ring};
use serde_json::{Value, json};
use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

/// Messages a second at which a confirmation's time is taken.
const RATE: u32 = 2000;

/// What one contender did in one round.
#[derive(Clone)]
struct Sample {
    /// With 256 messages unconfirmed at a time.
    wide: Flood,
    /// With one.
    narrow: Flood,
    /// p50, p99 and p99.9 of a confirmation, in microseconds.
    confirm: [f64; 3],
}

/// A ratio that is to be reached.
struct Goal {
    ours: &'static str,
    peer: &'static str,
    least: f64,
}

const GOALS: [Goal; 5] = [
    Goal { ours: "ours always", peer: "redis always", least: 3.0 },
    Goal { ours: "ours always", peer: "rabbitmq persistent", least: 6.0 },
    Goal { ours: "ours interval", peer: "redis everysec", least: 1.5 },
    Goal { ours: "ours no journal", peer: "redis no file", least: 1.0 },
    Goal { ours: "ours no journal", peer: "jetstream memory", least: 2.5 },
];

/// Whose p99 is held against whose: who promises as much.
const ALIKE: [(&str, &[&str]); 3] = [
    ("ours always", &["redis always", "rabbitmq persistent", "jetstream file"]),
    ("ours interval", &["redis everysec"]),
    ("ours no journal", &["redis no file", "rabbitmq transient", "jetstream memory"]),
];

/// The disk's own figures: octets of a record, and the file before.
const RECORDS: [(usize, Before, &str); 6] = [
    (1 << 10, Before::Empty, "1 KiB, growing file"),
    (1 << 10, Before::Reserved, "1 KiB, room reserved"),
    (1 << 10, Before::Zeroed, "1 KiB, room zeroed"),
    (256 << 10, Before::Empty, "256 KiB, growing file"),
    (256 << 10, Before::Reserved, "256 KiB, room reserved"),
    (256 << 10, Before::Zeroed, "256 KiB, room zeroed"),
];

/// All rounds.
pub(crate) struct Results {
    names: Vec<&'static str>,
    /// By contender, one for each round.
    samples: Vec<Vec<Result<Sample, String>>>,
    /// `fdatasync()` a second, by [`RECORDS`], one for each round.
    disk: Vec<Vec<f64>>,
    rounds: usize,
    load_before: String,
}

/// Interleaved rounds: in each, everybody does everything once, and another one begins.
pub(crate) fn measure(ring: &mut Ring, arguments: &Arguments) -> Results {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let quick = arguments.has("--quick");
    let rounds =
        arguments.value("--rounds").and_then(|n| n.parse().ok()).unwrap_or(if quick { 1 } else { 5 });
    let time = Duration::from_millis(if quick { 400 } else { 1000 });
    let many = ring.contenders.len();
    let mut results = Results {
        names: ring.contenders.iter().map(|contender| contender.name).collect(),
        samples: vec![Vec::new(); many],
        disk: vec![Vec::new(); RECORDS.len()],
        rounds,
        load_before: load.split(' ').next().unwrap_or_default().to_owned(),
    };
    for round in 0..rounds {
        for turn in 0..many {
            let c = (turn + round) % many;
            let contender = &mut ring.contenders[c];
            let sample = sample(contender, time).map_err(|error| error.to_string());
            if let Err(error) = &sample {
                eprintln!("{}, round {round}: {error}", contender.name);
            }
            results.samples[c].push(sample);
        }
        for (r, (size, before, _)) in RECORDS.into_iter().enumerate() {
            results.disk[r].extend(disk::syncs(&ring.folder.0, size, before, time / 3));
        }
    }
    results
}

fn sample(contender: &mut Contender, time: Duration) -> io::Result<Sample> {
    let until = |time: Duration| {
        let end = Instant::now() + time;
        move |_: u64, now: Instant| now >= end
    };
    // A queue of its own for each part, so that none begins with what another one left.
    let mut pair = Pair::producer(contender)?.with_consumer()?;
    pair.flood(256, until(time / 10))?;
    let wide = pair.flood(256, until(time))?;
    let mut pair = Pair::producer(contender)?.with_consumer()?;
    pair.flood(1, until(time / 20))?;
    let narrow = pair.flood(1, until(time / 2))?;
    let took = pair.paced(RATE, time)?;
    // The share of confirmations that took no longer.
    let at = |share: f64| {
        let place = (took.len() as f64 * share).ceil() as usize;
        took.get(place.max(1) - 1).map_or(f64::NAN, |nanos| *nanos as f64 / 1e3)
    };
    Ok(Sample { wide, narrow, confirm: [at(0.5), at(0.99), at(0.999)] })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    if n == 0 { None } else { Some((values[(n - 1) / 2] + values[n / 2]) / 2.0) }
}

impl Results {
    /// Whether somebody failed, so that a figure is missing.
    pub(crate) fn failed(&self) -> bool {
        self.samples.iter().flatten().any(Result::is_err)
    }

    fn samples(&self, name: &str) -> &[Result<Sample, String>] {
        self.names.iter().position(|n| *n == name).map_or(&[], |at| &self.samples[at])
    }

    /// A median over the rounds. Who failed once is not to be trusted with the other rounds.
    fn median(&self, name: &str, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        let values = self.samples(name).iter().map(|s| s.as_ref().ok().map(&of));
        values.collect::<Option<Vec<_>>>().and_then(median)
    }

    /// The median over the rounds of one's figure divided by another's in the same round.
    fn ratio(&self, ours: &str, peer: &str, of: impl Fn(&Sample) -> f64) -> Option<f64> {
        let rounds = self.samples(ours).iter().zip(self.samples(peer));
        let ratios = rounds.map(|(a, b)| Some(of(a.as_ref().ok()?) / of(b.as_ref().ok()?)));
        ratios.collect::<Option<Vec<_>>>().and_then(median)
    }

    fn disk(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> + '_ {
        RECORDS.iter().zip(&self.disk).map(|((_, _, name), values)| (*name, median(values.clone())))
    }

    /// The table.
    pub(crate) fn text(&self, missing: &[String]) -> String {
        let mut out = format!(
            "Queues: 1 KiB, one producer, one consumer; {} interleaved rounds, medians.\n\
             window 256: confirmed publishes/s, consumed/s, the server's cpu us a message;\n\
             window 1: publishes/s; at {RATE}/s: a confirmation's time, us.\n\n\
             {:<20}{:>9}{:>9}{:>8}{:>8}{:>8}{:>8}{:>9}\n",
            self.rounds, "server", "publish", "consume", "cpu us", "1: pub", "p50", "p99", "p99.9"
        );
        for name in &self.names {
            let of = |of: fn(&Sample) -> f64| self.median(name, of).unwrap_or(f64::NAN);
            let _ = writeln!(
                out,
                "{name:<20}{:>9.0}{:>9.0}{:>8.2}{:>8.0}{:>8.0}{:>8.0}{:>9.0}",
                of(|s| s.wide.published),
                of(|s| s.wide.consumed),
                of(|s| s.wide.cpu),
                of(|s| s.narrow.published),
                of(|s| s.confirm[0]),
                of(|s| s.confirm[1]),
                of(|s| s.confirm[2]),
            );
        }
        out += "\nThe disk alone, fdatasync/s:\n";
        for (name, syncs) in self.disk() {
            let _ = writeln!(out, "  {name:<26}{:>9.0}", syncs.unwrap_or(f64::NAN));
        }
        let _ = writeln!(
            out,
            "\nRatios, round by round, medians:\n{:<38}{:>7}{:>9}{:>9}{:>7}{:>8}",
            "", "goal", "publish", "consume", "cpu", "1: pub"
        );
        for Goal { ours, peer, least } in GOALS {
            let Some(published) = self.ratio(ours, peer, |s| s.wide.published) else { continue };
            let of = |of: fn(&Sample) -> f64| self.ratio(ours, peer, of).unwrap_or(f64::NAN);
            let (consumed, cpu) = (of(|s| s.wide.consumed), of(|s| s.wide.cpu));
            let pair = format!("{ours} / {peer}");
            let verdict = if published.min(consumed) >= least { "" } else { "  missed" };
            let narrow = of(|s| s.narrow.published);
            let _ = writeln!(
                out,
                "{pair:<38}{least:>7.1}{published:>9.2}{consumed:>9.2}{cpu:>7.2}{narrow:>8.2}{verdict}"
            );
        }
        for (ours, peers) in ALIKE {
            for peer in peers {
                let Some(ratio) = self.ratio(ours, peer, |s| s.confirm[1]) else { continue };
                let pair = format!("p99, {ours} / {peer}");
                let verdict = if ratio < 1.0 { "" } else { "  missed" };
                let _ = writeln!(out, "{pair:<38}{:>7}{ratio:>9.2}{verdict}", "< 1");
            }
        }
        if self.load_before.parse::<f64>().is_ok_and(|load| load > 0.5) {
            let _ = writeln!(
                out,
                "\nOther programs were running (load average {} before): trust the ratios little, the rates less.",
                self.load_before
            );
        }
        for (name, samples) in self.names.iter().zip(&self.samples) {
            for error in samples.iter().filter_map(|sample| sample.as_ref().err()) {
                let _ = writeln!(out, "{name} failed: {error}");
            }
        }
        for why in missing {
            let _ = writeln!(out, "{why}");
        }
        out
    }

    /// The same for programs.
    pub(crate) fn json(&self, missing: &[String]) -> Value {
        let rows = self.names.iter().map(|name| {
            json!({
                "server": name,
                "published_per_s": self.median(name, |s| s.wide.published),
                "consumed_per_s": self.median(name, |s| s.wide.consumed),
                "cpu_us_per_message": self.median(name, |s| s.wide.cpu),
                "published_per_s_window_1": self.median(name, |s| s.narrow.published),
                "confirm_us_p50": self.median(name, |s| s.confirm[0]),
                "confirm_us_p99": self.median(name, |s| s.confirm[1]),
                "confirm_us_p999": self.median(name, |s| s.confirm[2]),
            })
        });
        let goals = GOALS.iter().map(|Goal { ours, peer, least }| {
            json!({
                "ours": ours, "peer": peer, "least": least,
                "published": self.ratio(ours, peer, |s| s.wide.published),
                "consumed": self.ratio(ours, peer, |s| s.wide.consumed),
            })
        });
        let disk: Vec<_> =
            self.disk().map(|(name, syncs)| json!({ "record": name, "fdatasync_per_s": syncs })).collect();
        json!({ "bench": "queue", "rounds": self.rounds, "servers": rows.collect::<Vec<_>>(), "disk": disk,
            "goals": goals.collect::<Vec<_>>(), "load_average_before": self.load_before, "did_not_run": missing })
    }
}
