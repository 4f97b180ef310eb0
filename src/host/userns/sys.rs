//! Children that the process forks off: one that maps users from outside, one that tries things out.

// fork(2) has no safe wrapper: the child shares nothing but the page tables, and locks that other
// threads held stay locked in it.
#![allow(unsafe_code)]

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, set_parent_process_death_signal, waitpid,
};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long a child may take: a machine that hangs must not hang us.
const LIMIT: Duration = Duration::from_secs(20);

/// A forked child, killed and reaped when dropped.
struct Child(Pid);

impl Child {
    /// Forks; in the child runs `body` and exits with what it returns.
    fn fork(body: impl FnOnce() -> i32) -> io::Result<Child> {
        let parent = getpid();
        // SAFETY: the child runs `body` and leaves by `_exit`, never returning into the caller's
        // frames. Callers that have other threads keep `body` to system calls and to allocation,
        // which the C library makes safe in a forked child.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                let code = catch_unwind(AssertUnwindSafe(|| {
                    // A child never outlives its parent: the kernel ends it then, or it finds at its first step
                    // that somebody else adopted it, because the parent died before it could ask for that.
                    match set_parent_process_death_signal(Some(Signal::KILL)) {
                        Ok(()) if getppid() == Some(parent) => body(),
                        _ => 1,
                    }
                }))
                .unwrap_or(1);
                // SAFETY: ends the process without running the parent's exit handlers a second time.
                unsafe { libc::_exit(code) }
            }
            pid => Pid::from_raw(pid).map(Child).ok_or_else(|| io::Error::other("fork gave no pid")),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
        while let Err(rustix::io::Errno::INTR) = waitpid(Some(self.0), WaitOptions::empty()) {}
    }
}

/// Runs `work` in a forked child and gives back the octets that it returned. The caller is not
/// changed by anything that `work` does to its own process.
///
/// # Errors
///
/// When there can be no child, or when it has not answered within five seconds.
pub(in crate::host) fn in_child(work: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    let (reader, mut writer) = io::pipe()?;
    let child = Child::fork(|| i32::from(writer.write_all(&work()).is_err()))?;
    drop(writer);
    let result = read_all_within(reader, LIMIT);
    drop(child);
    result
}

fn read_all_within(mut reader: PipeReader, limit: Duration) -> io::Result<Vec<u8>> {
    let until = Instant::now() + limit;
    let mut all = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(e) => return Err(e.into()),
        }
        let mut some = [0; 4096];
        match reader.read(&mut some)? {
            0 => return Ok(all),
            n => all.extend_from_slice(&some[..n]),
        }
    }
}

/// A child that stays in the old user namespace to map all of its users into the new one: once the
/// process itself has left, it lacks the right (user_namespaces(7)).
pub(super) struct Mapper {
    _child: Child,
    go: PipeWriter,
    done: PipeReader,
}

impl Mapper {
    /// Starts the child; it waits.
    pub(super) fn start() -> io::Result<Mapper> {
        let pid = std::process::id();
        let maps = [
            (format!("/proc/{pid}/uid_map"), identity(&std::fs::read_to_string("/proc/self/uid_map")?)),
            (format!("/proc/{pid}/gid_map"), identity(&std::fs::read_to_string("/proc/self/gid_map")?)),
        ];
        let (mut waiting, go) = io::pipe()?;
        let (done, mut telling) = io::pipe()?;
        let child = Child::fork(|| {
            let mut byte = [0];
            if !matches!(waiting.read(&mut byte), Ok(1)) {
                return 1;
            }
            for (path, lines) in &maps {
                let opened = File::options().write(true).open(path);
                if opened.and_then(|mut f| f.write_all(lines.as_bytes())).is_err() {
                    return 1;
                }
            }
            i32::from(telling.write_all(&[1]).is_err())
        })?;
        Ok(Mapper { _child: child, go, done })
    }

    /// Lets it write the maps of the user namespace that the process is in now. Whether it did.
    pub(super) fn map_everyone(self) -> bool {
        let Mapper { _child, mut go, done } = self;
        go.write_all(&[1]).is_ok() && matches!(read_all_within(done, LIMIT).as_deref(), Ok([1]))
    }
}

/// A map of the same ids onto themselves, from a map of `inside outside count` lines.
fn identity(map: &str) -> String {
    let mut lines = String::new();
    for line in map.lines() {
        let mut columns = line.split_whitespace();
        if let (Some(inside), _, Some(count)) = (columns.next(), columns.next(), columns.next()) {
            lines.push_str(&format!("{inside} {inside} {count}\n"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_ids_map_onto_themselves() {
        assert_eq!(identity("         0          0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(identity("0 100000 65536\n65536 5 1\n"), "0 0 65536\n65536 65536 1\n");
        assert_eq!(identity(""), "");
    }

    #[test]
    fn a_child_answers_and_cannot_change_its_parent() {
        let mut here = 1;
        let told = in_child(|| {
            here = 2;
            vec![7, 8]
        });
        assert_eq!(told.ok(), Some(vec![7, 8]));
        assert_eq!(here, 1);
    }
}
