//! Kernel parameters of a host, set so that every machine teaches the same.

use super::error::{HostError, Step};
use super::netns::Steps;
use super::topology::Topology;
use crate::model::Side;
use std::fs::OpenOptions;
use std::io::{self, Write};

/// A parameter that could not be pinned, because the machine shows `/proc/sys` read-only (as Docker
/// does) or its kernel lacks it. The network works; a run may differ from other machines' in this.
#[derive(Debug)]
pub struct Unpinned {
    /// Which host.
    pub side: Side,
    /// Why, with the parameter.
    pub because: HostError,
}

/// What every host is pinned to, below `/proc/sys/net`. A new namespace takes some of its values
/// from the machine's (`net.core.devconf_inherit_init_net`, the TCP memory), others from the kernel.
fn pins(topology: &Topology) -> Vec<(&'static str, String)> {
    let mut pins = vec![
        // A connection must not start with what an earlier one to the same host learnt.
        ("ipv4/tcp_no_metrics_save", "1".to_owned()),
        // A connection whose process was killed keeps its namespace until its FIN is acknowledged or given up:
        // here after 6 s, not after the 102 s of the kernel's default of 8 (0.2 s x (2^(n+1) - 1)).
        ("ipv4/tcp_orphan_retries", "4".to_owned()),
        // A machine that routes (Docker's host) passes that on; a host does not forward. Written
        // before the others: it resets them to a host's defaults (ip-sysctl.rst).
        ("ipv4/ip_forward", "0".to_owned()),
        // Packets made by hand may have any source.
        ("ipv4/conf/all/rp_filter", "0".to_owned()),
        ("ipv4/conf/default/rp_filter", "0".to_owned()),
        // Any port for anybody: `serve` on port 80 is no privilege in here.
        ("ipv4/ip_unprivileged_port_start", "0".to_owned()),
        // ICMP sockets without CAP_NET_RAW, for the process's own group (icmp(7)).
        ("ipv4/ping_group_range", own_group()),
        // The kernel's own defaults where memory is plentiful: the machine's are often tuned.
        ("ipv4/tcp_rmem", "4096 131072 6291456".to_owned()),
        ("ipv4/tcp_wmem", "4096 16384 4194304".to_owned()),
    ];
    if topology.ipv6 {
        pins.extend([
            // No router advertises, nobody's address is a duplicate, and the address is given.
            ("ipv6/conf/all/disable_ipv6", "0".to_owned()),
            ("ipv6/conf/default/disable_ipv6", "0".to_owned()),
            ("ipv6/conf/default/accept_ra", "0".to_owned()),
            ("ipv6/conf/default/accept_dad", "0".to_owned()),
            ("ipv6/conf/default/dad_transmits", "0".to_owned()),
            ("ipv6/conf/default/router_solicitations", "0".to_owned()),
            // Joining its address's group is reported twice (RFC 3810 s6.1): soon, so that it is over soon.
            ("ipv6/conf/default/mldv2_unsolicited_report_interval", "1".to_owned()),
        ]);
    } else {
        // `all` sets `default` too, so interfaces made from now on have none either.
        pins.push(("ipv6/conf/all/disable_ipv6", "1".to_owned()));
    }
    pins
}

/// The range of groups that holds the process's own and no other.
fn own_group() -> String {
    // SAFETY: reads the process's group and cannot fail.
    #[allow(unsafe_code)]
    let gid = unsafe { libc::getegid() };
    format!("{gid} {gid}")
}

/// Pins a host, in whose namespace the calling thread is. Gives what could not be pinned.
///
/// # Errors
///
/// When a parameter that the topology asks for cannot be set, or a pin fails for another reason
/// than that it can't be written here.
pub(super) fn apply(side: Side, topology: &Topology, steps: &Steps) -> Result<Vec<Unpinned>, HostError> {
    let mut unpinned = Vec::new();
    for (path, value) in pins(topology) {
        let path = format!("net/{path}");
        let step = Step::Sysctl { path: path.clone(), value: value.clone() };
        match steps.run(step, || write(&path, &value)) {
            Ok(()) => {}
            Err(because) if excusable(&because) => unpinned.push(Unpinned { side, because }),
            Err(e) => return Err(e),
        }
    }
    for sysctl in topology.sysctls.iter().filter(|s| s.side.is_none_or(|s| s == side)) {
        let path = sysctl.path.replace('.', "/");
        let step = Step::Sysctl { path: path.clone(), value: sysctl.value.clone() };
        steps.run(step, || write(&path, &sysctl.value))?;
    }
    Ok(unpinned)
}

/// Not there (no IPv6, an older kernel), or not writable here: the network works all the same.
fn excusable(error: &HostError) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error, HostError::Step { source, .. }
        if matches!(source.kind(), NotFound | PermissionDenied | ReadOnlyFilesystem))
}

/// Only parameters of the network namespace are the calling thread's own; others are the machine's.
fn write(path: &str, value: &str) -> io::Result<()> {
    if !path.starts_with("net/") || path.split('/').any(|part| part == "..") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "only parameters below net/ belong to a host",
        ));
    }
    OpenOptions::new().write(true).open(format!("/proc/sys/{path}"))?.write_all(value.as_bytes())
}

/// In the wire's own namespace, where nobody speaks: no IPv6.
pub(super) fn silence() -> io::Result<()> {
    write("net/ipv6/conf/all/disable_ipv6", "1")
}

/// Whether a host's parameters can be written at all, tried on one that every kernel has.
pub(super) fn try_writing() -> io::Result<()> {
    write("net/ipv4/tcp_no_metrics_save", "1")
}

/// Allows ICMP sockets to the process's own group.
pub(super) fn allow_ping() -> io::Result<()> {
    write("net/ipv4/ping_group_range", &own_group())
}
