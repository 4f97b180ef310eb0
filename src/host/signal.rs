//! Signals: Ctrl-C as a flag to look at, or all that end a program as something to pass on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A flag that the first SIGINT or SIGTERM raises. A second one ends the process as if nobody had
/// listened, so that a program that does not come to an end can still be ended.
///
/// # Errors
/// When the operating system takes no handler.
pub fn on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: at the first signal the flag is still down when the shutdown looks at it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, raised.clone())?;
        signal_hook::flag::register(signal, raised.clone())?;
    }
    Ok(raised)
}

/// Tells each SIGINT, SIGTERM and SIGHUP from now on, from a thread of its own, instead of ending the process.
///
/// # Errors
/// When the operating system takes no handler, or there can be no thread.
#[cfg(unix)]
pub fn to_pass_on(mut tell: impl FnMut(i32) + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let listening = move || signals.forever().for_each(&mut tell);
    std::thread::Builder::new().name("signals".to_owned()).spawn(listening).map(drop)
}

/// Stops this process until somebody continues it, as Ctrl-Z does.
#[cfg(target_os = "linux")]
pub fn stop_here() {
    // It cannot fail: SIGSTOP to oneself is always allowed.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}
