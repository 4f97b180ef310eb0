//! Ctrl-C, as a flag to look at.

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
