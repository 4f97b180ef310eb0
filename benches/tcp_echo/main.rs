//! TCP echo servers side by side over loopback: ours against a bare epoll loop, tokio, socat and ncat.
//!
//! `cargo bench --bench tcp_echo [-- [--quick] [--json] [--rounds N] [--only ours,epoll] [--cell 50x32]]`
//!
//! Every server is a process of its own on one processor, the load one thread on another. Rounds are
//! interleaved: in each, every server serves every cell once, so that what else the machine does hits all
//! alike. Ratios are taken within a round and their median is shown. See docs/performance.md.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod table;

/// Rounds in which the servers that fork for each connection take part.
#[cfg(target_os = "linux")]
const ROUNDS_OF_FORKERS: usize = 6;

#[cfg(target_os = "linux")]
fn main() {
    use std::time::Duration;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).map(String::as_str)
    };
    if let Some(name) = value("--server") {
        return servers::be(name);
    }
    if !arguments.iter().any(|a| a == "--bench") {
        eprintln!("tcp_echo measures nothing unless it is run by `cargo bench --bench tcp_echo`");
        return;
    }
    let quick = arguments.iter().any(|a| a == "--quick");
    // Many short rounds rather than few long ones: what else the machine does then falls on all servers
    // alike, and a median over the rounds' ratios passes it by.
    let rounds = value("--rounds").and_then(|n| n.parse().ok()).unwrap_or(if quick { 6 } else { 40 });
    let (warm, measured) = (Duration::from_millis(30), Duration::from_millis(120));
    let only: Option<Vec<&str>> = value("--only").map(|names| names.split(',').collect());
    let (running, missing) = servers::start(only.as_deref());
    load::pin(load::LOAD_CPU);

    let mut results = table::Results::new(&running.iter().map(|server| server.name).collect::<Vec<_>>());
    for round in 0..rounds {
        for (c, cell) in load::CELLS.iter().enumerate() {
            if value("--cell").is_some_and(|wanted| !cell.name().contains(wanted)) {
                continue;
            }
            for turn in 0..running.len() {
                // Another one begins in each round, so that none always follows the same neighbour.
                let s = (turn + round) % running.len();
                let server = &running[s];
                // Those far behind are known well enough after a few.
                if round >= ROUNDS_OF_FORKERS && server.forks() {
                    continue;
                }
                results.add(c, s, load::measure(server.address, server.pid(), cell, warm, measured));
            }
        }
    }
    let text = table::text(&results, &missing, rounds);
    if arguments.iter().any(|a| a == "--json") {
        println!("{}", table::json(&results, &missing, rounds));
    } else {
        println!("{text}");
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("tcp_echo did not run: it needs Linux (epoll, processor affinity, /proc)");
}
