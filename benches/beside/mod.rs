//! What the benches of servers side by side share: the load, the servers' processes, the table.
//!
//! Every server is a process of its own on one processor, the load one thread on another. Rounds are
//! interleaved: in each, every server serves every cell once, so that what else the machine does hits all
//! alike. Ratios are taken within a round and their median is shown. See docs/performance.md.

pub(crate) mod load;
pub(crate) mod server;
pub(crate) mod table;

use load::{Cell, Talk};
use server::Server;
use std::time::Duration;

/// What the command line asks for; the same words for every bench.
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// Those of this process.
    pub(crate) fn read() -> Arguments {
        Arguments(std::env::args().skip(1).collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|a| a == name)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().position(|a| a == name).and_then(|i| self.0.get(i + 1)).map(String::as_str)
    }

    /// Whether a server of this name takes part.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.value("--only").is_none_or(|names| names.split(',').any(|n| n == name))
    }
}

/// Interleaved rounds of all cells: what each server did.
pub(crate) fn rounds(
    arguments: &Arguments,
    default: usize,
    cells: &[Cell],
    servers: &[Server],
    peers: &'static [&'static str],
    talk: impl Fn(&Cell) -> Talk,
) -> table::Results {
    // Many short rounds rather than few long ones: what else the machine does then falls on all servers
    // alike, and a median over the rounds' ratios passes it by.
    let default = if arguments.has("--quick") { default.div_ceil(6) } else { default };
    let rounds = arguments.value("--rounds").and_then(|n| n.parse().ok()).unwrap_or(default);
    let names = servers.iter().map(|server| server.name).collect::<Vec<_>>();
    let mut results = table::Results::new(cells, &names, peers, rounds);
    for round in 0..rounds {
        for (c, cell) in cells.iter().enumerate() {
            if arguments.value("--cell").is_some_and(|wanted| !cell.name().contains(wanted)) {
                continue;
            }
            let talk = talk(cell);
            for turn in 0..servers.len() {
                // Another one begins in each round, so that none always follows the same neighbour.
                let s = (turn + round) % servers.len();
                let server = &servers[s];
                // Those far behind are known well enough after a few.
                if server.rounds.is_some_and(|most| round >= most) {
                    continue;
                }
                // Connections take their time to open and to fill.
                let warm = Duration::from_millis(30 + cell.connections as u64 / 5);
                results.add(c, s, load::measure(server, cell, &talk, warm, Duration::from_millis(120)));
            }
        }
    }
    results
}
