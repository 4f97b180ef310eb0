//! Message queues side by side: ours, Redis streams, NATS JetStream, RabbitMQ. Messages of 1 KiB, one producer that waits for
//! confirmations, one consumer that acknowledges.
//!
//! `cargo bench --bench queue [-- [--quick] [--json] [--rounds N] [--only "ours always,redis"] [--memory] [--dir DIR]]`
//!
//! The peers are looked for on PATH (Debian's packages redis-server, nats-server, rabbitmq-server); the table says which did
//! not run. LAYERLAB names another program than the one just built, to compare two. A message that is lost, doubled or out
//! of order is a failure, and so is one that is not confirmed. How it measures: see docs/performance.md.
#![allow(clippy::print_stdout, clippy::print_stderr)]

// Of what the echoes' benches share, this one needs the arguments, the servers' processes and the processors.
#[cfg(target_os = "linux")]
#[path = "../beside/mod.rs"]
#[allow(dead_code)]
mod beside;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod faces;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod table;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    let arguments = beside::Arguments::read();
    if !arguments.has("--bench") {
        eprintln!("queue measures nothing unless it is run by `cargo bench --bench queue`");
        return ExitCode::SUCCESS;
    }
    let mut ring = servers::start(&arguments);
    beside::load::pin(beside::load::LOAD_CPU);
    if arguments.has("--memory") {
        println!("{}\n{}", memory::table(&mut ring.contenders), ring.missing.join("\n"));
        return ExitCode::SUCCESS;
    }
    let results = table::measure(&mut ring, &arguments);
    if arguments.has("--json") {
        println!("{}", results.json(&ring.missing));
    } else {
        println!("{}", results.text(&ring.missing));
        if !arguments.has("--quick") {
            ring.contenders.retain(|contender| contender.name == "ours no journal");
            println!("{}", memory::table(&mut ring.contenders));
        }
    }
    if results.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("queue did not run: it needs Linux (processor affinity, /proc)");
}
