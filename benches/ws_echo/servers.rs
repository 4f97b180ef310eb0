//! The servers that are measured.

use crate::beside::Arguments;
use crate::beside::load::{SERVER_CPU, pin};
use crate::beside::server::Server;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts all servers, or only those named. Gives also those that did not start, and why.
pub(crate) fn start(arguments: &Arguments) -> (Vec<Server>, Vec<String>) {
    let own = std::env::current_exe().map_err(|e| e.to_string());
    let crates: Vec<&str> = ["sockudo", "tungstenite", "fastwebsockets"]
        .into_iter()
        .filter(|name| arguments.wants(name))
        .collect();
    let built = if crates.is_empty() { Ok(String::new()) } else { build() };
    // Children inherit it; cargo, above, may use all.
    pin(SERVER_CPU);
    let (mut running, mut missing) = (Vec::new(), Vec::new());
    for name in ["ours", "floor", "uwebsockets", "sockudo", "tungstenite", "fastwebsockets"] {
        if !arguments.wants(name) {
            continue;
        }
        let started = match name {
            "ours" => Server::telling(name, &mut ours()),
            "floor" => own.clone().and_then(|own| Server::telling(name, Command::new(own).arg("--floor"))),
            "uwebsockets" => match std::env::var_os("UWEBSOCKETS") {
                Some(program) => Server::telling(name, &mut Command::new(program)),
                None => {
                    Err("UWEBSOCKETS names no program; see benches/ws_echo/peers/uwebsockets.cpp".to_owned())
                }
            },
            _ => built.clone().and_then(|program| Server::telling(name, Command::new(program).arg(name))),
        };
        match started {
            Ok(server) => running.push(server),
            Err(why) => missing.push(format!("{name} did not run: {why}")),
        }
    }
    (running, missing)
}

/// The program itself, as anybody would start it.
fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_layerlab"));
    command.args(["ws", "serve", "--quiet", "--listen", "127.0.0.1:0", "--cc", "reno"]);
    command.args(["--max-clients", "20000"]);
    command
}

/// Builds the servers made with others' crates, and gives their program.
fn build() -> Result<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/ws_echo/peers");
    let target = folder.join("../../../target/ws-echo-peers");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"));
    let done =
        cargo.arg("--target-dir").arg(&target).stdin(Stdio::null()).status().map_err(|e| e.to_string())?;
    if !done.success() {
        return Err(format!("cargo could not build it: {done}"));
    }
    Ok(target.join("release/ws-echo-peers").display().to_string())
}
