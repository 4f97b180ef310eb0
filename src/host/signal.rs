//! Signals: Ctrl-C as a flag to look at, or all that end a program as something to pass on.

use crate::model::Interrupt;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

/// Which signal came last, 0 for none. Signals come to the process as a whole, and so does this.
static CAME: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// A flag that the first SIGINT or SIGTERM raises. A second one ends the process as if nobody had
/// listened, so that a program that does not come to an end can still be ended.
///
/// # Errors
/// When the operating system takes no handler.
pub fn on_interrupt() -> io::Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: at the first signal the flag is still down when the shutdown looks at it, and
        // which signal it was is known when the flag is seen. A shell says 128 and the signal's number of
        // a program that a signal ended.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, raised.clone())?;
        signal_hook::flag::register_usize(signal, CAME.clone(), signal.unsigned_abs() as usize)?;
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
    use signal_hook::consts::SIGHUP;
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let listening = move || signals.forever().for_each(&mut tell);
    std::thread::Builder::new().name("signals".to_owned()).spawn(listening).map(drop)
}

/// Calls `tidy` before a signal ends this process: SIGHUP, and with `all` SIGINT and SIGTERM too.
///
/// # Errors
/// When the operating system takes no handler, or there can be no thread.
pub fn before_the_end(all: bool, tidy: fn()) -> io::Result<()> {
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGHUP;
        let which: &[i32] = if all { &[SIGHUP, SIGINT, SIGTERM] } else { &[SIGHUP] };
        let mut signals = signal_hook::iterator::Signals::new(which)?;
        let listening = move || {
            for signal in signals.forever() {
                tidy();
                // It gives an error for a signal that it does not know; it knows these.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(listening)?;
    }
    let _ = (all, tidy);
    Ok(())
}

/// What Ctrl-C does, where the terminal hands it over as a key.
pub fn interrupt() {
    // It fails for a number that is no signal.
    let _ = signal_hook::low_level::raise(SIGINT);
}

/// Stops this process until somebody continues it, as Ctrl-Z does.
#[cfg(target_os = "linux")]
pub fn stop_here() {
    // It cannot fail: SIGSTOP to oneself is always allowed.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
}

/// The signal that raised the flag of [`on_interrupt`]; `None` when none came.
pub fn raised_by() -> Option<Interrupt> {
    match i32::try_from(CAME.load(Relaxed)) {
        Ok(SIGINT) => Some(Interrupt::Int),
        Ok(SIGTERM) => Some(Interrupt::Term),
        _ => None,
    }
}
