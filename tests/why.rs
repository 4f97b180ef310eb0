//! The chain of causes, held against the kernel that made the frames: its own counters (`TcpExt` of
//! `/proc/net/netstat`) say how it found each retransmission.
//!
//! A user namespace can only be entered while the process has one thread, so this binary has a `main` of its own.

#[cfg(target_os = "linux")]
#[path = "why/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {}
