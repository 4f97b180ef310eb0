//! A server's process.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A server that runs; it is ended when this is dropped.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    /// It takes part in so many rounds at most.
    pub(crate) rounds: Option<usize>,
    child: Child,
}

impl Server {
    /// One that says where it listens on its first line.
    pub(crate) fn telling(name: &'static str, command: &mut Command) -> Result<Server, String> {
        let mut child = spawn(command.stdout(Stdio::piped()))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or("no output")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
        // "listening on 127.0.0.1:4000", or a URL, or the address alone.
        let words = line.split(|c: char| c.is_whitespace() || c == '/');
        let address = words.filter_map(|word| word.parse().ok()).next();
        let address = address.ok_or_else(|| format!("it said {line:?} instead of its address"))?;
        Ok(Server::of(name, address, child))
    }

    /// A process that listens at `address`.
    pub(crate) fn of(name: &'static str, address: SocketAddr, child: Child) -> Server {
        Server { name, address, rounds: None, child }
    }

    /// The process, which leads a group of its own.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

/// Starts a process as the leader of a group of its own.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, String> {
    command.stdin(Stdio::null()).process_group(0).spawn().map_err(|e| e.to_string())
}

impl Drop for Server {
    fn drop(&mut self) {
        // The whole group, which is ours alone: some fork.
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
