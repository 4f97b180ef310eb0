//! What needs a process of its own: entering anew, running out of room, dying by SIGKILL.

use layerlab::host::probe::{Namespaces, survey};
use layerlab::host::{HostError, PrivateNetwork, Privilege, Refusal, Topology, enter};
use layerlab::model::{Backend, Side};
use libtest_mimic::Failed;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Verdict = Result<(), Box<dyn std::error::Error>>;

/// A trial that runs as a child of its own: its outcome is the child's.
pub(crate) fn expect(mode: &str) -> Result<(), Failed> {
    let output = child(mode)?.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

fn child(mode: &str) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--child", mode]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}

pub(crate) fn run(mode: &str) -> ExitCode {
    let verdict = match mode {
        "refused" => refused(),
        "survey" => foretold(),
        "no-room" => no_room(),
        "threads" => threads(),
        "build" => build(false),
        "stay" => build(true),
        "warden" => warden(),
        _ => Err("no such child".into()),
    };
    match verdict {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "{mode}: {e}");
            ExitCode::FAILURE
        }
    }
}

/// A line on stdout, at once.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Enters a user namespace, whose limits are its own: those of the machine are not touched.
fn enter_with_own_limits() -> Verdict {
    match enter()? {
        Privilege::UserNamespace { .. } => Ok(()),
        Privilege::Administrator { refused } => Err(refused.into()),
    }
}

/// Limits the namespaces below the user namespace that this process entered.
fn limit(what: &str, number: u32) -> std::io::Result<()> {
    fs::write(format!("/proc/sys/user/{what}"), number.to_string())
}

/// A refusal says why, whether this machine refuses or is made to.
fn refused() -> Verdict {
    match enter() {
        Ok(Privilege::UserNamespace { .. }) => {}
        Ok(Privilege::Administrator { refused: HostError::Refused { .. } }) => return Ok(()),
        Err(HostError::Refused { refusal, .. }) if !matches!(refusal, Refusal::Threads { .. }) => {
            return Ok(());
        }
        other => return Err(format!("not a refusal: {other:?}").into()),
    }
    // The owner of this namespace may make network namespaces even where it may make no user
    // namespace in it, and is told so.
    limit("max_user_namespaces", 0)?;
    match enter()? {
        Privilege::Administrator {
            refused:
                refused @ HostError::Refused { refusal: Refusal::MaxUserNamespaces { limit: Some(0) }, .. },
        } if !refused.remedies().is_empty() => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// The survey leaves the process as it was, and says what then happens.
fn foretold() -> Verdict {
    let own = || ["user", "net"].map(|kind| fs::read_link(format!("/proc/self/ns/{kind}")).ok());
    let before = own();
    let survey = survey();
    if own() != before {
        return Err("the survey moved the process".into());
    }
    let entered = enter();
    let built = PrivateNetwork::build(&Topology::default());
    let agrees = match (&entered, &survey.namespaces, &built) {
        (Ok(Privilege::UserNamespace { .. }), Namespaces::User, Ok(net))
        | (Ok(Privilege::Administrator { .. }), Namespaces::Administrator, Ok(net)) => {
            survey.backend == net.backend() && survey.unavailable.len() == net.passed_over().len()
        }
        (
            Err(HostError::Refused { step, errno, refusal }),
            Namespaces::Refused { step: told, errno: number, refusal: why },
            _,
        ) => survey.backend == Backend::Loopback && (step, errno, refusal) == (told, number, why),
        _ => false,
    };
    if agrees && survey.loopback.works() && !survey.kernel.is_empty() && !survey.congestion.is_empty() {
        return Ok(());
    }
    Err(format!("{survey:?}, but {entered:?}, {built:?}").into())
}

fn no_room() -> Verdict {
    enter_with_own_limits()?;
    limit("max_net_namespaces", 1)?;
    let began = Instant::now();
    let error = PrivateNetwork::build(&Topology::default()).err().ok_or("there was room")?;
    // A bound that the library promises, not a measurement.
    if began.elapsed() > Duration::from_secs(6) {
        return Err("the error came too late".into());
    }
    match error.to_string().as_str() {
        "client: create a network namespace: ENOSPC" => Ok(()),
        other => Err(format!("it says: {other}").into()),
    }
}

fn threads() -> Verdict {
    let own = || fs::read_link("/proc/self/ns/net");
    let before = own()?;
    let other = std::thread::spawn(std::thread::park);
    let result = enter();
    other.thread().unpark();
    match result {
        Err(HostError::Refused { refusal: Refusal::Threads { count: 2 }, .. }) if own()? == before => Ok(()),
        other => Err(format!("{other:?}").into()),
    }
}

/// Builds a network with life in it. Stays until it is killed, or succeeds.
fn build(stay: bool) -> Verdict {
    enter()?;
    let mut net = PrivateNetwork::build(&Topology::default())?;
    let ports = net.take_ports();
    let listener = net.host(Side::Server).call(|| TcpListener::bind("127.0.0.1:0"))??;
    let to = listener.local_addr()?;
    let stream = net.host(Side::Server).call(move || TcpStream::connect(to))??;
    let thread = net.host(Side::Client).spawn("waiting", std::thread::park)?;
    if stay {
        say("up");
        loop {
            std::thread::park();
        }
    }
    thread.thread().unpark();
    drop((ports, stream, listener));
    Ok(())
}

/// Where the victims stand, so that files they leave are seen. Removed in any case.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Kills networks in the making and in use. Their namespaces are counted by the kernel itself: the
/// limit leaves room for one network at a time, so the next can only be built when nothing of the
/// killed one is left.
fn warden() -> Verdict {
    const ROUNDS: u64 = 20;
    let machine = Machine::before();
    enter_with_own_limits()?;
    let scratch = Scratch(std::env::temp_dir().join(format!("layerlab-kernel-{}", std::process::id())));
    fs::create_dir(&scratch.0)?;
    // This process's namespace, the child's own, two hosts, and the wire's where that is needed.
    let backend = PrivateNetwork::build(&Topology::default())?.backend();
    let room = if backend == Backend::Tap { 4 } else { 5 };
    limit("max_net_namespaces", room)?;
    let fits = || -> Verdict {
        let until = Instant::now() + Duration::from_secs(20);
        // The kernel takes namespaces apart some time after their last process has gone, those of
        // attempts in vain too: so each waits longer than the one before.
        let mut pause = Duration::from_millis(10);
        loop {
            let output = child("build")?.current_dir(&scratch.0).output()?;
            if output.status.success() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
    };
    fits()?;
    // One more namespace than that does not fit: the count is exact.
    limit("max_net_namespaces", room - 1)?;
    if child("build")?.output()?.status.success() {
        return Err("the limit does not limit".into());
    }
    limit("max_net_namespaces", room)?;

    let mut random = 0x6c61_7965_726c_6162u64;
    for round in 0..ROUNDS {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let moment = Duration::from_micros((random >> 33) % 15_000);
        kill_one(round % 2 == 1, moment, &scratch.0).map_err(|e| format!("round {round}: {e}"))?;
        fits().map_err(|e| format!("after kill {round} at {moment:?}: {e}"))?;
    }
    let files = fs::read_dir(&scratch.0)?.count();
    if files > 0 {
        return Err(format!("{files} files left").into());
    }
    machine.assert_unchanged();
    Ok(())
}

/// Starts a network and kills it at a moment of its making, or after it came up. One that found no
/// room, because the one before is still being taken apart, does not count.
fn kill_one(when_up: bool, moment: Duration, scratch: &Path) -> Verdict {
    let until = Instant::now() + Duration::from_secs(20);
    while Instant::now() < until {
        let mut victim: Child = child("stay")?.current_dir(scratch).spawn()?;
        if when_up {
            let stdout = victim.stdout.take().ok_or("no stdout")?;
            BufReader::new(stdout).read_line(&mut String::new())?;
        }
        std::thread::sleep(moment);
        victim.kill()?;
        if victim.wait()?.signal() == Some(9) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err("it never came up".into())
}

/// What the machine shows of itself: its interfaces and mounts.
pub(crate) struct Machine {
    interfaces: Vec<String>,
    /// Opened before the process leaves the machine's network namespace, of which it goes on telling.
    devices: File,
    device_names: Vec<String>,
    mounts: String,
}

impl Machine {
    pub(crate) fn before() -> Machine {
        let mut devices = File::open("/proc/self/net/dev").expect("/proc/self/net/dev");
        let device_names = names(&mut devices);
        Machine { interfaces: interfaces(), devices, device_names, mounts: mounts() }
    }

    pub(crate) fn assert_unchanged(mut self) {
        assert_eq!(interfaces(), self.interfaces, "/sys/class/net");
        assert_eq!(names(&mut self.devices), self.device_names, "/proc/net/dev");
        assert_eq!(mounts(), self.mounts, "a namespace is pinned in the file system");
    }
}

fn interfaces() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut names: Vec<_> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn names(devices: &mut File) -> Vec<String> {
    devices.rewind().expect("rewind");
    let lines = BufReader::new(devices).lines().map_while(Result::ok);
    lines.filter_map(|l| l.split_once(':').map(|(name, _)| name.trim().to_owned())).collect()
}

/// The mounts that hold a namespace (nsfs).
fn mounts() -> String {
    let all = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    all.lines().filter(|l| l.contains(" - nsfs ")).collect::<Vec<_>>().join("\n")
}
