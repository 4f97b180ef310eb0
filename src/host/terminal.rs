//! The terminal, lent to a program as a shell lends it: whose group is in the foreground.

use rustix::process::{Pid, getpgrp};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcsetattr, tcsetpgrp};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The terminal of this process, while its own process group is in the foreground.
#[derive(Debug)]
pub struct Terminal {
    fd: OwnedFd,
    own: Pid,
    modes: Termios,
}

impl Terminal {
    /// Whether standard input is a terminal, whoever is in its foreground.
    pub fn is_stdin() -> bool {
        isatty(io::stdin())
    }

    /// Standard input, where it is the terminal and this process may lend it.
    pub fn of_stdin() -> Option<Terminal> {
        let stdin = io::stdin();
        let own = getpgrp();
        if !isatty(&stdin) || tcgetpgrp(&stdin).ok()? != own {
            return None;
        }
        let modes = tcgetattr(&stdin).ok()?;
        Some(Terminal { fd: stdin.as_fd().try_clone_to_owned().ok()?, own, modes })
    }

    /// Puts a process group in the foreground.
    pub(super) fn give(&self, group: Pid) -> io::Result<()> {
        without_stopping(|| Ok(tcsetpgrp(&self.fd, group)?))
    }

    /// Takes it back, with the modes that it had when it was `reset`.
    pub fn take_back(&self, reset: bool) {
        // A terminal that has gone meanwhile needs nothing.
        let _ = self.give(self.own);
        if reset {
            let _ = without_stopping(|| Ok(tcsetattr(&self.fd, OptionalActions::Drain, &self.modes)?));
        }
    }

    /// In a child, before exec: its own group takes the terminal on standard input.
    pub(super) fn take_for_own_group() -> io::Result<()> {
        without_stopping(|| {
            // SAFETY: 0 is a descriptor that is open here: the child's standard input.
            #[allow(unsafe_code)]
            let stdin = unsafe { rustix::fd::BorrowedFd::borrow_raw(0) };
            Ok(tcsetpgrp(stdin, getpgrp())?)
        })
    }
}

/// Whether the terminal on standard input has gone: its window was closed, its line was hung up.
pub fn terminal_is_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // HUP and ERR are told whether they were asked for or not (poll(2)).
    poll(&mut fds, Some(&now)).is_ok_and(|found| found > 0)
}

/// A process in the background that speaks to its terminal is stopped by SIGTTOU (tcsetpgrp(3)), unless it
/// holds that back.
#[allow(unsafe_code)]
fn without_stopping<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are this function's own; sigemptyset and the first pthread_sigmask fill them in.
    unsafe {
        let mut held = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(held.as_mut_ptr());
        libc::sigaddset(held.as_mut_ptr(), libc::SIGTTOU);
        if libc::pthread_sigmask(libc::SIG_BLOCK, held.as_ptr(), before.as_mut_ptr()) != 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
    }
    let result = work();
    // SAFETY: `before` was filled in above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    result
}
