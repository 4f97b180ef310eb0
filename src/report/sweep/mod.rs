//! `layerlab loss sweep`: the same load over many wires, run by run.
//!
//! ```text
//!   Plan -- cells() --> Cell (a wire, a transport, a run) --> its Lane --> Row --> rows.rs (the file)
//!                                                                            \--> summary.rs, page.rs
//! ```

mod page;
mod rows;
mod summary;
#[cfg(test)]
mod tests;

pub use page::{FILES, files, rows_table};
pub use rows::{Kept, RowsError, header, line, read, seed};
pub use summary::{Spread, Summary, summaries, table, text, too_busy};

use super::loss::{Lane, Transport, quantile};
use crate::model::{Direction, Outcome};
use sha1::{Digest, Sha1};
use std::time::Duration;

/// What a sweep runs.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    /// Losses in percent, in the order asked for.
    pub losses: Vec<f64>,
    /// Delays one way.
    pub delays: Vec<Duration>,
    /// Transports, each over every wire.
    pub transports: Vec<Transport>,
    /// Runs of each.
    pub runs: u32,
    /// The seed from which every run's own derives.
    pub seed: u64,
    /// The load, as a person reads it: it tells whether two sweeps are the same.
    pub load: String,
    /// What else the wire does, in the words of the options.
    pub wire: String,
}

/// One run of one transport over one wire.
#[derive(Clone, PartialEq, Debug)]
pub struct Cell {
    /// Loss in percent.
    pub loss: f64,
    /// Delay one way.
    pub delay: Duration,
    /// What carries the load.
    pub transport: Transport,
    /// 1 the first.
    pub run: u32,
    /// The run's own seed.
    pub seed: u64,
}

impl Cell {
    /// What tells the cell from every other of its sweep.
    pub fn key(&self) -> String {
        format!("{} % {:?} {} {}", self.loss, self.delay, self.transport.name(), self.run)
    }
}

impl Plan {
    /// How many runs it makes; `None` for more than can be counted.
    pub fn len(&self) -> Option<u64> {
        [self.losses.len(), self.delays.len(), self.transports.len()]
            .into_iter()
            .try_fold(u64::from(self.runs), |product, n| product.checked_mul(n as u64))
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Its runs, in their order: the first run of every wire and transport before the second of any, so that
    /// an interrupted sweep has something of everything.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        (1..=self.runs).flat_map(move |run| {
            self.losses.iter().flat_map(move |loss| {
                self.delays.iter().flat_map(move |delay| {
                    let seed = derived(self.seed, *loss, *delay, run);
                    self.transports.iter().map(move |transport| Cell {
                        loss: *loss,
                        delay: *delay,
                        transport: transport.clone(),
                        run,
                        seed,
                    })
                })
            })
        })
    }
}

/// A run's seed: the first 6 octets of the SHA-1 of what tells the run from others. The transport is not in it:
/// all of them meet the same wire. 48 bits, so that any reader of JSON keeps them exactly (RFC 8259 s6).
fn derived(seed: u64, loss: f64, delay: Duration, run: u32) -> u64 {
    let text = format!("layerlab sweep, version 1\n{seed}\n{loss}\n{}\n{run}\n", delay.as_nanos());
    Sha1::digest(text.as_bytes()).iter().take(6).fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// What a run came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Which run.
    pub cell: Cell,
    /// Octets of the load that the receiving program had, in bits a second from the first message's time to the
    /// last octet. Zero when it had none.
    pub goodput: f64,
    /// Latency that half of the messages that arrived did not exceed, in milliseconds.
    pub p50: Option<f64>,
    /// The same for 99 of 100.
    pub p99: Option<f64>,
    /// The slowest of them.
    pub max: Option<f64>,
    /// Messages of the schedule.
    pub messages: u64,
    /// Those that the receiving program never had.
    pub lost: u64,
    /// Frames towards the server that the wire read.
    pub frames: u64,
    /// Those that it dropped.
    pub dropped: u64,
    /// Frames that carried again what an earlier one had carried.
    pub retransmissions: u64,
    /// How late the sending program handed over a message, at most, in milliseconds. For UDP, which never makes
    /// it wait, this is the machine's doing.
    pub late: f64,
    /// How long the run took, in milliseconds.
    pub took: f64,
    /// What went wrong in the programs, if something did.
    pub failed: Option<String>,
}

/// Milliseconds, to the microsecond: as fine as the clocks are, and the same after being written and read.
fn ms(time: Duration) -> f64 {
    (time.as_nanos() as f64 / 1e3).round() / 1e3
}

impl Row {
    /// What this lane came to.
    pub fn of(cell: Cell, lane: &Lane) -> Row {
        let Outcome { frames, dropped, took, .. } = &lane.outcome;
        let mut sorted: Vec<f64> = lane.messages.iter().filter_map(|m| m.latency()).map(ms).collect();
        sorted.sort_by(f64::total_cmp);
        let lasted = lane.ended.map_or(0.0, |end| end.since(lane.began).as_secs_f64());
        let late = lane.messages.iter().filter_map(|m| Some(ms(m.sent?.since(m.due)))).fold(0.0, f64::max);
        let there = Direction::ToServer as usize;
        Row {
            cell,
            goodput: if lasted > 0.0 { (lane.received as f64 * 8.0 / lasted).round() } else { 0.0 },
            p50: quantile(&sorted, 0.5),
            p99: quantile(&sorted, 0.99),
            max: sorted.last().copied(),
            messages: lane.messages.len() as u64,
            lost: (lane.messages.len() - sorted.len()) as u64,
            frames: frames[there],
            dropped: dropped[there],
            retransmissions: lane.retransmissions.len() as u64,
            late,
            took: ms(*took),
            failed: lane.failures.first().cloned(),
        }
    }
}
