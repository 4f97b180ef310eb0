//! The wire beside a plain forwarder on the same ports, in one run: bulk throughput and round trips without
//! impairment, what impairments cost the wire's thread, and how exact delay and rate are. And with superframes
//! (`--offload`) beside a veth pair that joins the hosts directly.
//!
//! `cargo bench --bench wire` (Linux; runs as an ordinary user). `-- --quick` for a short run, `--json`
//! for rows, `--backend tap|veth` for one of them alone, `--superframes` for those alone.

#![allow(clippy::print_stdout)]

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("did not run: the private network needs Linux");
}

#[cfg(target_os = "linux")]
mod ground;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod load;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}
