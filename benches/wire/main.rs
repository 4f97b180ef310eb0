//! The wire without impairment: bulk throughput and round trips between the two hosts, beside a plain
//! forwarder on the same ports, in one run.
//!
//! `cargo bench --bench wire` (Linux; runs as an ordinary user). `-- --quick` for a short run, `--json`
//! for rows, `--backend tap|veth` for one of them alone.

#![allow(clippy::print_stdout)]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("did not run: the private network needs Linux");
}

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}
