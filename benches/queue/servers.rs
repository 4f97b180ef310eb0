//! The servers that are measured, each with directories and ports of its own.

use crate::beside::Arguments;
use crate::beside::load::{SERVER_CPU, pin};
use crate::beside::server::{Server, spawn};
use crate::faces::Face;
use crate::faces::{nats::Nats, ours::Ours, rabbit::Rabbit, redis::Redis};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long a server may take to listen. RabbitMQ takes ten seconds on a processor of its own.
const START: Duration = Duration::from_secs(90);

/// A server, and how its clients speak.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) server: Rc<Server>,
    pub(crate) face: Box<dyn Face>,
}

/// Everybody, in the table's order.
pub(crate) const NAMES: [&str; 11] = [
    "ours always",
    "ours interval",
    "ours never",
    "ours no journal",
    "redis always",
    "redis everysec",
    "redis no file",
    "jetstream file",
    "jetstream memory",
    "rabbitmq persistent",
    "rabbitmq transient",
];

/// What runs, and where it keeps its files. Both go when this is dropped.
pub(crate) struct Ring {
    pub(crate) contenders: Vec<Contender>,
    pub(crate) missing: Vec<String>,
    _epmd: Option<Daemon>,
    // Last: the servers are ended before their files go.
    pub(crate) folder: Folder,
}

/// A folder that is removed with all that is in it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn make(arguments: &Arguments) -> Folder {
        let base = arguments.value("--dir").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = base.join(format!("layerlab-bench-queue-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Folder(path)
    }

    fn inner(&self, name: &str) -> PathBuf {
        let path = self.0.join(name.replace(' ', "-"));
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A helper of RabbitMQ's that would outlive it.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a contender takes part: `--only "ours always,redis"` means those that begin so.
pub(crate) fn wants(arguments: &Arguments, name: &str) -> bool {
    let wanted = arguments.value("--only");
    wanted.is_none_or(|list| list.split(',').any(|begin| name.starts_with(begin.trim())))
}

/// Starts all, or only those named.
pub(crate) fn start(arguments: &Arguments) -> Ring {
    // Children inherit it.
    pin(SERVER_CPU);
    let folder = Folder::make(arguments);
    let mut ring = Ring { contenders: Vec::new(), missing: Vec::new(), _epmd: None, folder };
    let each = arguments.has("--ack-each");
    let (mut nats, mut rabbit) = (None, None);
    for name in NAMES.into_iter().filter(|name| wants(arguments, name)) {
        let folder = &ring.folder;
        let (who, how) = name.split_once(' ').unwrap_or((name, ""));
        let started: Result<(Rc<Server>, Box<dyn Face>), String> = match who {
            "ours" => ours(name, how, folder).map(|server| (Rc::new(server), Box::new(Ours::new(each)) as _)),
            "redis" => redis(name, how, folder).map(|server| (Rc::new(server), Box::new(Redis::new()) as _)),
            "jetstream" => {
                let server = nats.get_or_insert_with(|| jetstream(folder).map(Rc::new)).clone();
                let storage = if how == "file" { "file" } else { "memory" };
                server.map(|server| (server, Box::new(Nats::new(storage)) as _))
            }
            _ => {
                let daemon = &mut ring._epmd;
                let server = rabbit.get_or_insert_with(|| rabbitmq(folder, daemon).map(Rc::new)).clone();
                server.map(|server| (server, Box::new(Rabbit::new(how == "persistent")) as _))
            }
        };
        match started {
            Ok((server, face)) => ring.contenders.push(Contender { name, server, face }),
            Err(why) => ring.missing.push(format!("{name} did not run: {why}")),
        }
    }
    ring
}

/// The program itself, as anybody would start it.
fn ours(name: &'static str, how: &str, folder: &Folder) -> Result<Server, String> {
    let program = std::env::var_os("LAYERLAB").unwrap_or_else(|| env!("CARGO_BIN_EXE_layerlab").into());
    let mut command = Command::new(program);
    command.args(["queue", "serve", "--quiet", "--listen", "127.0.0.1:0", "--cc", "reno"]);
    // Room for the messages whose memory is measured.
    command.args(["--max-memory", "4294967296"]);
    if how != "no journal" {
        command.args(["--fsync", how, "--data"]).arg(folder.inner(name));
    }
    Server::telling(name, &mut command)
}

fn redis(name: &'static str, how: &str, folder: &Folder) -> Result<Server, String> {
    let program = found("redis-server", "redis-server")?;
    listening(
        name,
        |port, command| {
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            command.args(["--auto-aof-rewrite-percentage", "0", "--dir"]).arg(folder.inner(name));
            match how {
                "no file" => command.args(["--appendonly", "no"]),
                how => command.args(["--appendonly", "yes", "--appendfsync", how]),
            };
        },
        &program,
    )
}

fn jetstream(folder: &Folder) -> Result<Server, String> {
    let program = found("nats-server", "nats-server")?;
    listening(
        "jetstream",
        |port, command| {
            command
                .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
                .arg(folder.inner("jetstream"));
        },
        &program,
    )
}

fn rabbitmq(folder: &Folder, daemon: &mut Option<Daemon>) -> Result<Server, String> {
    let named = found("rabbitmq-server", "rabbitmq-server")?;
    // Debian's wrapper changes the user and begins a session, in which nobody would end the server.
    let inner = Path::new("/usr/lib/rabbitmq/bin/rabbitmq-server");
    let program = if inner.exists() { inner.to_owned() } else { named };
    let home = folder.inner("rabbitmq");
    // The name server of Erlang's nodes: started by the first of them as a daemon, unless it is there.
    let epmd_port = free_port()?.to_string();
    let mut epmd = Command::new(found("epmd", "erlang-base")?);
    epmd.args(["-port", &epmd_port, "-address", "127.0.0.1"]);
    *daemon = Some(Daemon(spawn(epmd.stdout(Stdio::null()).stderr(Stdio::null()))?));
    let dist = free_port()?.to_string();
    listening(
        "rabbitmq",
        |port, command| {
            command.current_dir(&home).env("HOME", &home).env("ERL_EPMD_PORT", &epmd_port);
            for (name, value) in [
                ("NODENAME", format!("bench{port}@localhost")),
                ("NODE_PORT", port.to_string()),
                ("NODE_IP_ADDRESS", "127.0.0.1".to_owned()),
                ("DIST_PORT", dist.clone()),
            ] {
                command.env(format!("RABBITMQ_{name}"), value);
            }
            for name in [
                "MNESIA_BASE",
                "LOG_BASE",
                "ENABLED_PLUGINS_FILE",
                "CONFIG_FILE",
                "PID_FILE",
                "CONF_ENV_FILE",
            ] {
                command.env(format!("RABBITMQ_{name}"), home.join(name.to_lowercase()));
            }
        },
        &program,
    )
}

/// A program by its name.
fn found(name: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let at = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    at.ok_or_else(|| format!("no {name} on PATH (Debian's package {package})"))
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|at| at.port()).map_err(|error| error.to_string())
}

/// Starts a server that is told its port, and waits until it listens.
fn listening(
    name: &'static str,
    arguments: impl Fn(u16, &mut Command),
    program: &Path,
) -> Result<Server, String> {
    let port = free_port()?;
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut command = Command::new(program);
    arguments(port, &mut command);
    let server = Server::of(name, at, spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?);
    let until = Instant::now() + START;
    while TcpStream::connect(at).is_err() {
        if Instant::now() > until {
            return Err(format!("it did not listen within {} s", START.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(server)
}
