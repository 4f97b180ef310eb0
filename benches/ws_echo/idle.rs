//! Memory of connections that say nothing any more.

use crate::beside::load::{self, Cell};
use crate::beside::server::Server;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fmt::Write as _;
use std::io::{Read, Write};

const CONNECTIONS: usize = 10_000;
/// Descriptors besides those of the connections.
const OTHERS: u64 = 100;

/// Asks for as many descriptors as there are connections, here and for the servers, which inherit it. How many there are.
pub(crate) fn raise_descriptors() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let wanted = CONNECTIONS as u64 + OTHERS;
    let maximum = now.maximum.map(|most| most.max(wanted));
    let raised = Rlimit { current: Some(wanted), maximum };
    if now.current.is_some_and(|current| current < wanted) && setrlimit(Resource::Nofile, raised).is_err() {
        // Without the privilege to raise the hard limit, up to that.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The table.
pub(crate) fn table(servers: &[Server], descriptors: u64) -> String {
    if descriptors < CONNECTIONS as u64 + OTHERS {
        return format!(
            "Idle connections were not measured: there are but {descriptors} descriptors (ulimit -n)."
        );
    }
    let mut out = format!(
        "{CONNECTIONS} idle connections, each after one echo of 16 B. Resident memory of the server, without the kernel's.\n\n\
         {:<15}{:>14}{:>14}{:>22}\n",
        "server", "before, KiB", "with all, KiB", "octets a connection"
    );
    for server in servers {
        let _ = match measure(server) {
            Ok((before, after)) => {
                let each = (after.saturating_sub(before) * 1024) as f64 / CONNECTIONS as f64;
                writeln!(out, "{:<15}{before:>14}{after:>14}{each:>22.0}", server.name)
            }
            Err(error) => writeln!(out, "{:<15}no figure: {error}", server.name),
        };
    }
    out
}

/// Resident KiB of a server with one connection, and with all.
fn measure(server: &Server) -> std::io::Result<(u64, u64)> {
    let talk = crate::talk::of(&Cell { size: 16, connections: 1, depth: 1 });
    let (ask, answer) = (&talk.asks[..talk.asks.len() / 2], &talk.answers[..talk.answers.len() / 2]);
    let mut connections = Vec::new();
    let mut before = 0;
    for n in 0..CONNECTIONS {
        let mut stream = load::connect(server.address, &talk)?;
        stream.set_nonblocking(false)?;
        stream.write_all(ask)?;
        let mut came = vec![0; answer.len()];
        stream.read_exact(&mut came)?;
        connections.push(stream);
        if n == 0 {
            before = resident(server.pid())?;
        }
    }
    Ok((before, resident(server.pid())?))
}

fn resident(pid: u32) -> std::io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0))
}
