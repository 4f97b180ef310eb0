//! TCP echo servers side by side over loopback: ours against a bare epoll loop, tokio, socat and ncat.
//!
//! `cargo bench --bench tcp_echo [-- [--quick] [--json] [--rounds N] [--only ours,epoll] [--cell 50x32]]`
//!
//! How it measures: see `benches/beside/mod.rs` and docs/performance.md.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(target_os = "linux")]
#[path = "../beside/mod.rs"]
mod beside;
#[cfg(target_os = "linux")]
mod servers;

#[cfg(target_os = "linux")]
fn main() {
    use beside::load::{self, Cell, Talk};

    // Latency, many clients, many messages under way, bulk.
    const CELLS: [Cell; 4] = [
        Cell { size: 64, connections: 1, depth: 1 },
        Cell { size: 64, connections: 50, depth: 1 },
        Cell { size: 64, connections: 50, depth: 32 },
        Cell { size: 64 << 10, connections: 8, depth: 1 },
    ];
    let arguments = beside::Arguments::read();
    if let Some(name) = arguments.value("--server") {
        return servers::be(name);
    }
    if !arguments.has("--bench") {
        eprintln!("tcp_echo measures nothing unless it is run by `cargo bench --bench tcp_echo`");
        return;
    }
    let (running, missing) = servers::start(&arguments);
    load::pin(load::LOAD_CPU);
    let results = beside::rounds(&arguments, 40, &CELLS, &running, &["epoll", "tokio"], |cell| {
        let octets = vec![0x6c; 2 * cell.size * cell.depth];
        Talk { open: |_| Ok(()), asks: octets.clone(), answers: octets }
    });
    if arguments.has("--json") {
        println!("{}", results.json("tcp_echo", &missing));
    } else {
        println!("{}", results.text("TCP echo over loopback", "ncat's", &missing));
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("tcp_echo did not run: it needs Linux (epoll, processor affinity, /proc)");
}
