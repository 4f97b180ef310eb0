//! Networks that run already: `wire set`, `wire list`, and a shell on one of their hosts.

use super::args::{ListArgs, SetArgs, ShellArgs};
use crate::cli::args::SideArg;
use crate::cli::exit::{Answer, Usage};
use crate::host::control::{self, Doors};
use crate::live::programs::StartError;
use crate::model::Side;
use anyhow::{Context, bail};
use serde_json::json;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::Command;

/// The network of this name, or the only one that runs.
fn which(name: Option<&str>) -> anyhow::Result<String> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let mut all = control::networks()?;
    match (all.pop(), all.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => {
            bail!("no network is running: start one with `layerlab wire run` or `layerlab wire shell`")
        }
        (Some(last), more) => {
            let list = more.join(", ");
            Err(Usage(format!("several networks are running: say which, {list} or {last}")).into())
        }
    }
}

/// `layerlab wire set`.
pub(super) fn set(args: &SetArgs) -> anyhow::Result<Answer> {
    let name = which(args.name.as_deref())?;
    let reply = control::ask(&name, &format!("set {}", args.patch.0))?;
    if !reply.done {
        bail!("{name}: {}", reply.text);
    }
    let (words, wire) = reply.text.split_once('\n').unwrap_or((&reply.text, ""));
    let mut out = io::stdout().lock();
    if args.json {
        let line = json!({ "schema": 1, "kind": "wire_set", "name": name, "set": words, "wire": wire });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out, "{name}: {words}\n{name} is now: {}", or_nothing(wire))?;
    }
    Ok(Answer::Yes)
}

fn or_nothing(wire: &str) -> &str {
    if wire.is_empty() { "transparent" } else { wire }
}

/// `layerlab wire list`.
pub(super) fn list(args: &ListArgs) -> anyhow::Result<Answer> {
    let mut out = io::stdout().lock();
    for name in control::networks()? {
        // One that ends at this moment is no longer one of them.
        let Ok(reply) = control::ask(&name, "about") else { continue };
        let mut lines = reply.text.lines();
        let mut next = || lines.next().unwrap_or("");
        let [wire, pid, backend, command] = [next(), next(), next(), next()];
        if args.json {
            let pid: u64 = pid.parse().unwrap_or(0);
            let line = json!({ "schema": 1, "kind": "network", "name": name, "pid": pid, "backend": backend,
                "wire": wire, "command": command });
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{name}  {}\n  process {pid}, {backend}: {command}", or_nothing(wire))?;
        }
    }
    Ok(Answer::Yes)
}

/// The network whose host a shell is wanted on, where one runs.
pub(super) fn to_join(args: &ShellArgs) -> anyhow::Result<Option<String>> {
    match &args.name {
        _ if args.new => Ok(None),
        Some(name) if control::networks()?.contains(name) => Ok(Some(name.clone())),
        Some(_) => Ok(None),
        None if control::networks()?.is_empty() => Ok(None),
        None => which(None).map(Some),
    }
}

/// A shell, or a command, on a host of a running network.
pub(super) fn join(name: &str, side: SideArg, words: &[OsString]) -> anyhow::Result<Answer> {
    let side = match side {
        SideArg::Client => Side::Client,
        SideArg::Server => Side::Server,
    };
    let host = side.name();
    let reply = control::ask(name, &format!("join {host}"))?;
    let Some(doors) = reply.doors else { bail!("{name}: {}", reply.text) };
    let (client, server) = reply.text.split_once('\n').unwrap_or((&reply.text, ""));
    let [first, rest @ ..] = words else { bail!("there is no command to run") };
    let mut command = Command::new(first);
    command.args(rest).env("LAYERLAB_HOST", host);
    command.env("LAYERLAB_CLIENT_ADDR", client).env("LAYERLAB_SERVER_ADDR", server);
    Doors::enter(doors).with_context(|| format!("the {host} of {name} cannot be entered"))?;
    match crate::host::run_in_front(command) {
        Ok(exit) => Ok(Answer::Program(exit.code())),
        Err(source) => {
            let command = first.to_string_lossy().into_owned();
            super::cannot_start(&StartError { side, command, source })
        }
    }
}
