//! A child of ours with a bound: it ends by itself, or it is killed and the test says so.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const LAYERLAB: &str = env!("CARGO_BIN_EXE_layerlab");

/// Longer than any run here takes, on a machine with other work too.
const GUARD: Duration = Duration::from_secs(60);

/// `layerlab` with these arguments; nothing of the caller's own taste in colours and widths reaches it.
pub(crate) fn layerlab<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(LAYERLAB);
    command.args(arguments);
    plain(command)
}

/// A shell in a user namespace of its own, where it is root and its settings are its own; `"$@"` are the
/// arguments behind the script, `layerlab` first. `flags` are unshare(1)'s, beside `-Ur`.
pub(crate) fn in_namespace(flags: &str, script: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.arg(format!("-Ur{flags}")).args(["sh", "-c", script, "sh", LAYERLAB]).args(arguments);
    plain(command)
}

fn plain(mut command: Command) -> Command {
    command.env("COLUMNS", "80").env_remove("NO_COLOR").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a child ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The exit status; a child that a signal ended has none, and the test fails.
    #[track_caller]
    pub(crate) fn code(&self) -> i32 {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => code,
            (None, signal) => panic!("ended by signal {signal:?}: {}", self.err),
        }
    }

    /// Standard output of a run whose exit status is this.
    #[track_caller]
    pub(crate) fn out(&self, code: i32) -> &str {
        assert_eq!(self.code(), code, "{}", self.err);
        &self.out
    }
}

/// A child that is waited for, but not for ever.
pub(crate) struct Bounded {
    child: Child,
    until: Instant,
    pipes: [Option<JoinHandle<Vec<u8>>>; 2],
}

impl Bounded {
    pub(crate) fn start(mut command: Command) -> Bounded {
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?} does not start: {e}"));
        Bounded { child, until: Instant::now() + GUARD, pipes: [None, None] }
    }

    /// To take a pipe from, or the id.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the end and for what was said until then.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        self.pipes[0] = self.child.stdout.take().map(listen);
        self.pipes[1] = self.child.stderr.take().map(listen);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > self.until => self.give_up(),
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        let [out, err] = self.pipes.each_mut().map(|pipe| {
            let octets = pipe.take().map(|pipe| pipe.join().unwrap()).unwrap_or_default();
            String::from_utf8(octets).expect("UTF-8")
        });
        Ran { status, out, err }
    }

    #[track_caller]
    fn give_up(&mut self) -> ! {
        let _ = self.child.kill();
        let _ = self.child.wait();
        panic!("child {} did not end within {GUARD:?}", self.child.id());
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut octets = Vec::new();
        pipe.read_to_end(&mut octets).expect("a pipe that can be read");
        octets
    })
}

/// Runs it to its end.
#[track_caller]
pub(crate) fn ran(command: Command) -> Ran {
    Bounded::start(command).end()
}

/// Runs `layerlab` with these arguments, words parted by spaces.
#[track_caller]
pub(crate) fn run(line: &str) -> Ran {
    ran(layerlab(line.split_whitespace()))
}

/// A folder of a test's own, removed with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("layerlab-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
