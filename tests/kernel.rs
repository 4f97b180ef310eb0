//! Beliefs about the operating system, as tests: each trial builds a private network of its own.
//!
//! A user namespace can only be entered while the process has one thread, so this binary has a
//! `main` of its own and enters before the first trial starts. Where the machine allows no user
//! namespace, or no TAP device, the trials that need it are listed as ignored and the reason is
//! printed: what did not run is not green.

#[cfg(target_os = "linux")]
#[path = "kernel/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    use layerlab::host::{HostError, PrivateNetwork, Topology, enter};
    assert!(matches!(enter(), Err(HostError::Unsupported { .. })));
    assert!(matches!(PrivateNetwork::build(&Topology::default()), Err(HostError::Unsupported { .. })));
}
