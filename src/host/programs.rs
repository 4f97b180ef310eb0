//! A host's programs: any command, run inside that host, and ended with it.
//!
//! Beside its network a [`Home`] has mounts, process numbers and a host name of its own:
//!
//! - `/etc/hosts` knows the hosts by name and `/etc/resolv.conf` names no server, because files of the
//!   host's own lie over the machine's, seen in the host's own mounts alone;
//! - its processes live in a PID namespace. When the first of them ends, the kernel kills all others,
//!   daemons that left their group included (pid_namespaces(7)); and it ends when layerlab does, however that
//!   happens (`PR_SET_PDEATHSIG`).

use super::control::Doors;
use super::error::{HostError, Step};
use super::netns::{LIMIT, Namespace, Steps};
use super::signal;
use super::terminal::Terminal;
use crate::model::{Exit, Side};
use rustix::mount::{self, MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::process::{self, Pid, Signal, WaitId, WaitIdOptions, WaitOptions};
use rustix::thread::{CapabilitySet, UnshareFlags, unshare_unsafe};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

mod first;

/// Where the files of a host's own stand in its mounts.
const HOSTS: &str = "/etc/hosts";
const RESOLV: &str = "/etc/resolv.conf";

type Job = Box<dyn FnOnce() + Send>;

/// See the module's page. Dropping it kills every process in it.
pub struct Home {
    steps: Steps,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    first: Pid,
    named: bool,
    doors: Arc<Doors>,
}

/// A program that was started. It is ended with its [`Home`].
#[derive(Clone, Copy, Debug)]
pub struct Running {
    pid: Pid,
}

/// What a program's parent hears of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It ended. [`Running::reap`] tells how.
    Ended,
    /// It was stopped by a signal, as by Ctrl-Z.
    Stopped,
}

impl Home {
    /// Makes a host's home in its network. `hosts` is what its `/etc/hosts` says.
    ///
    /// # Errors
    /// Naming the step; within five seconds.
    pub fn open(network: &Namespace, side: Side, hosts: String) -> Result<Home, HostError> {
        let (jobs, queue) = sync_channel::<Job>(1);
        let (tell, ready) = sync_channel(1);
        let steps = network.steps();
        let inside = steps.clone();
        let thread = network.spawn("programs", move || {
            let settled = settle_in(side, &hosts, &inside);
            let failed = settled.is_err();
            if tell.send(settled).is_err() || failed {
                return;
            }
            // The first process dies with this thread, so it stays until the home is given up.
            while let Ok(job) = queue.recv() {
                job();
            }
        })?;
        let (first, named) = ready.recv_timeout(LIMIT).map_err(|_| steps.too_slow())??;
        let doors = steps.run(Step::OpenNamespace, || Doors::of(first.as_raw_nonzero().get()))?;
        let doors = Arc::new(doors);
        Ok(Home { steps, jobs: Some(jobs), thread: Some(thread), first, named, doors })
    }

    /// Whether the hosts' names can be resolved: not where the machine has no `/etc/hosts` to lay one over.
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// The way in for a process from outside.
    pub fn doors(&self) -> Arc<Doors> {
        self.doors.clone()
    }

    /// Starts a program in a process group of its own; with `terminal` that is the terminal's foreground.
    ///
    /// # Errors
    /// Those of starting it: [`io::ErrorKind::NotFound`] where there is no such command.
    pub fn start(&self, command: Command, terminal: Option<&Terminal>) -> io::Result<Running> {
        let (tell, started) = sync_channel(1);
        let in_front = terminal.is_some();
        let job: Job = Box::new(move || {
            let _ = tell.send(spawn(command, in_front));
        });
        let gone = || io::Error::other(format!("{}: its programs' thread has ended", self.steps.name()));
        self.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        started.recv().map_err(|_| gone())?
    }

    /// Kills whatever runs in it, and takes note of the end of those that were started.
    pub fn end(mut self, running: &[Running]) {
        self.kill(running);
    }

    fn kill(&mut self, running: &[Running]) {
        let Some(thread) = self.thread.take() else { return };
        let _ = process::kill_process(self.first, Signal::KILL);
        // The first process is only gone when somebody took note of all others.
        for one in running {
            one.reap();
        }
        wait(self.first);
        self.jobs = None;
        let _ = thread.join();
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = process::kill_process(self.first, Signal::KILL);
            self.jobs = None;
            let _ = thread.join();
        }
    }
}

/// Starts a command in a process group of its own from the calling thread, whose namespaces it gets.
///
/// # Errors
/// Those of starting it.
#[allow(unsafe_code)]
pub(super) fn spawn(mut command: Command, in_front: bool) -> io::Result<Running> {
    command.process_group(0);
    if in_front {
        // SAFETY: between fork and exec it makes system calls alone and allocates nothing.
        unsafe { command.pre_exec(Terminal::take_for_own_group) };
    }
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied if is_nowhere(command.get_program()) => {
            io::ErrorKind::NotFound.into()
        }
        _ => error,
    })?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(Running { pid: pid.ok_or_else(|| io::Error::other("a process without a number"))? })
}

/// Whether no folder of `PATH` shows such a command. One that may not be looked into makes exec() say that it is
/// forbidden (exec(3)), where a shell says that there is none.
fn is_nowhere(command: &OsStr) -> bool {
    let bare = !command.as_encoded_bytes().contains(&b'/');
    let path = std::env::var_os("PATH").unwrap_or_default();
    bare && !std::env::split_paths(&path).any(|folder| folder.join(command).exists())
}

impl Running {
    /// Sends a signal to its whole group. To be called before [`Running::reap`] alone: later the number may be
    /// somebody else's.
    pub fn signal(self, signal: i32) {
        // It may have ended just now, or its group may have.
        if let Some(signal) = Signal::from_named_raw(signal) {
            let _ = process::kill_process_group(self.pid, signal);
        }
    }

    /// Tells its changes from a thread of its own, until its end or until `tell` says that nobody listens.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn watch(self, tell: impl Fn(Change) -> bool + Send + 'static) -> io::Result<()> {
        let watching = move || {
            loop {
                let change = self.wait_for_change();
                if !tell(change) || change == Change::Ended {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("waiting".to_owned()).spawn(watching).map(drop)
    }

    /// Waits until something happens to it. Its end stays to be taken note of by [`Running::reap`].
    pub fn wait_for_change(self) -> Change {
        let id = WaitId::Pid(self.pid);
        loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::STOPPED | WaitIdOptions::NOWAIT;
            match process::waitid(id.clone(), options) {
                Ok(Some(status)) if status.stopped() => {
                    // Told once: looked at without NOWAIT it is not told again.
                    let _ = process::waitid(id, WaitIdOptions::STOPPED | WaitIdOptions::NOHANG);
                    return Change::Stopped;
                }
                Err(rustix::io::Errno::INTR) | Ok(None) => {}
                _ => return Change::Ended,
            }
        }
    }

    /// Waits for its end and tells how it was; `None` when that was told before.
    pub fn reap(self) -> Option<Exit> {
        wait(self.pid)
    }
}

fn wait(pid: Pid) -> Option<Exit> {
    let number = |n: i32| u8::try_from(n & 0xff).unwrap_or(0);
    loop {
        match process::waitpid(Some(pid), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) | Ok(None) => return None,
            Ok(Some((_, status))) => {
                return match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Some(Exit::Status(number(code))),
                    (None, Some(signal)) => Some(Exit::Signal(number(signal))),
                    (None, None) => None,
                };
            }
        }
    }
}

/// On the home's own thread: what its programs see. Gives their first process, and whether the hosts have
/// names.
fn settle_in(side: Side, hosts: &str, steps: &Steps) -> Result<(Pid, bool), HostError> {
    steps.run(Step::OwnSurroundings, || {
        own_surroundings()?;
        // What the machine mounts from now on must not come in, nor what is mounted here go out.
        mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        rustix::system::sethostname(side.name().as_bytes())?;
        Ok(())
    })?;
    keep_network_capabilities();
    // Files of nobody else's, in a file system in memory that only the two mounts below keep.
    let shelf = Path::new("/proc");
    steps.run(Step::OwnFile { path: HOSTS }, || {
        Ok(mount::mount("layerlab", shelf, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, None)?)
    })?;
    let lay = |path: &'static str, text: &str| {
        steps.run(Step::OwnFile { path }, || {
            if !Path::new(path).exists() {
                return Ok(false);
            }
            let own = shelf.join(path.rsplit('/').next().unwrap_or(path));
            fs::write(&own, text)?;
            mount::mount_bind(&own, path)?;
            Ok(true)
        })
    };
    let named = lay(HOSTS, hosts)?;
    // No name server: glibc then asks 127.0.0.1 (resolv.conf(5)), where nobody listens, and is done at once.
    lay(RESOLV, "# layerlab: a private host has no name server; /etc/hosts knows its names.\n")?;
    steps.run(Step::OwnFile { path: HOSTS }, || Ok(mount::unmount(shelf, UnmountFlags::DETACH)?))?;
    Ok((steps.run(Step::FirstProcess, first::start)?, named))
}

#[allow(unsafe_code)]
fn own_surroundings() -> io::Result<()> {
    let own = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWUTS;
    // SAFETY: of these flags none unshares memory or descriptors; NEWNS also unshares the thread's root and
    // working folder, which stay what they are.
    Ok(unsafe { unshare_unsafe(own) }?)
}

/// Lets programs of an ordinary user keep, inside this host's network alone, what tcpdump and ip need. (For
/// root exec() keeps everything.) Where that is refused they go without.
pub(super) fn keep_network_capabilities() {
    let network = CapabilitySet::NET_RAW | CapabilitySet::NET_ADMIN;
    let Ok(mut sets) = rustix::thread::capabilities(None) else { return };
    sets.inheritable |= network & sets.permitted;
    if rustix::thread::set_capabilities(None, sets).is_ok() {
        for one in [CapabilitySet::NET_RAW, CapabilitySet::NET_ADMIN] {
            let _ = rustix::thread::configure_capability_in_ambient_set(one, true);
        }
    }
}

/// Stops this process because its program in the foreground was stopped (Ctrl-Z), so that the shell notices;
/// when the shell continues it, so is the program.
pub fn stop_together(running: Running, terminal: &mut Option<Terminal>) {
    if let Some(terminal) = terminal {
        terminal.take_back(false);
    }
    signal::stop_here();
    *terminal = Terminal::of_stdin();
    if let Some(terminal) = terminal {
        // A terminal that went away meanwhile is the program's to notice.
        let _ = terminal.give(running.pid);
    }
    running.signal(libc::SIGCONT);
}

/// Runs a command from the calling thread, whose namespaces it gets, in the terminal's foreground where there is
/// one, and waits for its end. It does not outlive this process.
///
/// # Errors
/// Those of starting it.
#[allow(unsafe_code)]
pub fn run_in_front(mut command: Command) -> io::Result<Exit> {
    let parent = process::getpid();
    // SAFETY: system calls without pointers, between fork and exec.
    unsafe {
        command.pre_exec(move || {
            process::set_parent_process_death_signal(Some(Signal::HUP))?;
            // One that died before that is noticed here; one in another process namespace has no number.
            match process::getppid() {
                Some(adopter) if adopter != parent => Err(io::ErrorKind::BrokenPipe.into()),
                _ => Ok(()),
            }
        });
    }
    let mut terminal = Terminal::of_stdin();
    let running = spawn(command, terminal.is_some())?;
    while running.wait_for_change() == Change::Stopped {
        if Terminal::is_stdin() {
            stop_together(running, &mut terminal);
        }
    }
    let exit = running.reap().ok_or_else(|| io::Error::other("its end was lost"))?;
    if let Some(terminal) = &terminal {
        terminal.take_back(matches!(exit, Exit::Signal(_)));
    }
    Ok(exit)
}
