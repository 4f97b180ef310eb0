//! For tests: a writer that nobody reads from any more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Waits until nothing more can be written: the kernels' buffers are full, and the server reads no further. `written` is
/// what went so far; gives how much that was.
pub(super) fn held_up(written: &AtomicUsize) -> usize {
    let (mut before, mut unchanged) = (0, 0);
    while unchanged < 4 {
        thread::sleep(Duration::from_millis(100));
        let now = written.load(Ordering::Relaxed);
        unchanged = if now == before && now > 0 { unchanged + 1 } else { 0 };
        before = now;
    }
    before
}
