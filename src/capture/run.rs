//! The section header's comment: what the run was, and back.
//!
//! Two lines: `command: ` and the command line for people, then one machine-readable line,
//! `layerlab run version="0.1.0" command="..." system="..." seed=7 backend=tap wire="..." mtu=1500 routers=0
//! client=10.0.0.1 client-mac=02:.. server=10.0.0.2 server-mac=02:.. epoch=1767225600000000000`, with `epoch` in
//! nanoseconds since 1970-01-01 UTC and a `-mac` only where the host has one.

use super::mark::MarkError;
use super::pairs::{Pairs, push, push_quoted};
use crate::model::{Backend, Endpoint, Run, Value};
use std::fmt::Write;

const PREFIX: &str = "layerlab run ";

/// The comment of the section header of this run's capture.
pub fn run_comment(run: &Run) -> String {
    let mut line = String::from("layerlab run");
    push_quoted(&mut line, "version", &run.version);
    push_quoted(&mut line, "command", &run.command);
    push_quoted(&mut line, "system", &run.system);
    push(&mut line, "seed", run.seed);
    push(&mut line, "backend", run.backend.name());
    push_quoted(&mut line, "wire", &run.wire);
    push(&mut line, "mtu", run.mtu);
    push(&mut line, "routers", run.routers);
    for (name, endpoint) in [("client", &run.client), ("server", &run.server)] {
        push(&mut line, name, endpoint.ip);
        if let Some(mac) = endpoint.mac {
            let _ = write!(line, " {name}-mac={}", Value::Mac(mac));
        }
    }
    push(&mut line, "epoch", run.epoch_unix_ns);
    format!("command: {}\n{line}", run.command.replace(['\n', '\r'], " "))
}

/// Reads a section header's comment back.
///
/// # Errors
/// [`MarkError::Absent`] when layerlab did not write it, the others when the line does not read.
pub fn parse_run(comment: &str) -> Result<Run, MarkError> {
    let line = comment.lines().find(|line| line.starts_with(PREFIX)).ok_or(MarkError::Absent)?;
    let pairs = Pairs::parse(&line[PREFIX.len()..])?;
    let backend = pairs.need("backend")?;
    let endpoint = |ip: &'static str, mac: &str| -> Result<Endpoint, MarkError> {
        let bad = |got: &str| MarkError::Value { key: mac.to_owned(), got: got.to_owned() };
        Ok(Endpoint {
            ip: pairs.number(ip)?,
            mac: pairs.get(mac).map(|m| parse_mac(m).ok_or_else(|| bad(m))).transpose()?,
        })
    };
    Ok(Run {
        command: pairs.need("command")?.to_owned(),
        version: pairs.need("version")?.to_owned(),
        system: pairs.need("system")?.to_owned(),
        seed: pairs.number("seed")?,
        backend: Backend::ALL
            .into_iter()
            .find(|b| b.name() == backend)
            .ok_or_else(|| MarkError::Value { key: "backend".to_owned(), got: backend.to_owned() })?,
        wire: pairs.need("wire")?.to_owned(),
        mtu: pairs.number("mtu")?,
        routers: pairs.number("routers")?,
        client: endpoint("client", "client-mac")?,
        server: endpoint("server", "server-mac")?,
        epoch_unix_ns: pairs.number("epoch")?,
    })
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut mac {
        let part = parts.next().filter(|p| p.len() == 2)?;
        *octet = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn any_endpoint() -> impl Strategy<Value = Endpoint> {
        (any::<IpAddr>(), any::<Option<[u8; 6]>>()).prop_map(|(ip, mac)| Endpoint { ip, mac })
    }

    proptest! {
        #[test]
        fn a_run_parses_back(
            texts in (any::<String>(), any::<String>(), any::<String>(), any::<String>()),
            seed in any::<u64>(), mtu in any::<u32>(), routers in any::<u8>(), epoch_unix_ns in any::<u64>(),
            backend in prop_oneof![
                Just(Backend::Tap), Just(Backend::Veth), Just(Backend::Loopback), Just(Backend::OwnLoopback), Just(Backend::Network)
            ],
            client in any_endpoint(), server in any_endpoint(),
        ) {
            let (command, version, system, wire) = texts;
            // A command line that imitates the machine-readable line is the one thing that could mislead.
            prop_assume!(!command.contains(PREFIX));
            let run = Run { command, version, system, seed, backend, wire, mtu, routers, client, server, epoch_unix_ns };
            prop_assert_eq!(parse_run(&run_comment(&run)).unwrap(), run);
        }

        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>()) {
            let _ = parse_run(&text);
            let _ = parse_run(&format!("{PREFIX}{text}"));
        }
    }
}
