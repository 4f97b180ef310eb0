//! WebSocket echo servers side by side over loopback: ours against crates, uWebSockets, and the least that one can be.
//!
//! `cargo bench --bench ws_echo [-- [--quick] [--json] [--rounds N] [--only ours,sockudo] [--cell "1 KiB"] [--idle]]`
//!
//! Builds the servers made with others' crates (`benches/ws_echo/peers`) by cargo; takes uWebSockets' from where UWEBSOCKETS
//! says. `--idle` measures memory alone: 10,000 connections of which each has echoed one message. How it measures:
//! see `benches/beside/mod.rs` and docs/performance.md.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(target_os = "linux")]
#[path = "../beside/mod.rs"]
mod beside;
#[cfg(target_os = "linux")]
mod floor;
#[cfg(target_os = "linux")]
mod idle;
#[cfg(target_os = "linux")]
mod servers;
#[cfg(target_os = "linux")]
mod talk;

#[cfg(target_os = "linux")]
fn main() {
    use beside::load::{self, Cell};

    let arguments = beside::Arguments::read();
    if arguments.has("--floor") {
        return floor::serve();
    }
    if !arguments.has("--bench") {
        eprintln!("ws_echo measures nothing unless it is run by `cargo bench --bench ws_echo`");
        return;
    }
    let mut cells = Vec::new();
    for size in [16, 1 << 10, 64 << 10] {
        for connections in [1, 50, 500] {
            cells.extend([1, 32].map(|depth| Cell { size, connections, depth }));
        }
    }
    // Before the servers start, which inherit it.
    let descriptors = idle::raise_descriptors();
    let (running, missing) = servers::start(&arguments);
    load::pin(load::LOAD_CPU);
    if arguments.has("--idle") {
        return println!("{}\n{}", idle::table(&running, descriptors), missing.join("\n"));
    }
    let peers = &["sockudo", "tungstenite", "fastwebsockets"];
    let results = beside::rounds(&arguments, 20, &cells, &running, peers, talk::of);
    if arguments.has("--json") {
        return println!("{}", results.json("ws_echo", &missing));
    }
    println!("{}", results.text("WebSocket echo over loopback", "the machine's own", &missing));
    // Anew: what a server has used before it uses again.
    drop(running);
    let (running, _) = servers::start(&arguments);
    load::pin(load::LOAD_CPU);
    println!("{}", idle::table(&running, descriptors));
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("ws_echo did not run: it needs Linux (epoll, processor affinity, /proc)");
}
