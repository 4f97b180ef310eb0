//! The first process of a host: it does nothing but live as long as layerlab does.

// fork(2) has no safe wrapper; the child makes system calls alone.
#![allow(unsafe_code)]

use super::wait;
use rustix::process::Pid;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};

/// Forks it. The calling thread is its parent: it dies with it. It is in the PID namespace that the thread
/// made for its children, and all of those die with it.
pub(super) fn start() -> io::Result<Pid> {
    let (mut ready, telling) = io::pipe()?;
    let telling_fd = telling.as_raw_fd();
    // SAFETY: the child runs `live`, which makes system calls alone and never returns.
    let pid = match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => live(telling_fd),
        pid => Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork gave no pid"))?,
    };
    drop(telling);
    if ready.read_exact(&mut [0]).is_ok() {
        return Ok(pid);
    }
    wait(pid);
    Err(io::Error::other("it ended at once"))
}

/// The child's whole life.
fn live(telling: RawFd) -> ! {
    // SAFETY: plain system calls; the strings are literals that end in zero, and the pointers to the octet
    // and the empty data are good for the calls.
    unsafe {
        // In a session of its own: what is typed at the terminal does not concern it.
        libc::setsid();
        // Its processes by their own numbers. A container may refuse it; then theirs are the machine's.
        libc::mount(
            c"proc".as_ptr(),
            c"/proc".as_ptr(),
            c"proc".as_ptr(),
            libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC,
            std::ptr::null(),
        );
        // Orphans of the host become its children; ignoring their end lets the kernel bury them.
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE] {
            libc::signal(signal, libc::SIG_IGN);
        }
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // A parent that died before that is noticed here: the pipe has no reader then.
        let octet = 1u8;
        if libc::write(telling, (&raw const octet).cast(), 1) != 1 {
            libc::_exit(1);
        }
        // What the parent has open is none of its business: a pipe would never end.
        if libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) != 0 {
            (0..4096).for_each(|fd| {
                libc::close(fd);
            });
        }
        loop {
            libc::pause();
        }
    }
}
