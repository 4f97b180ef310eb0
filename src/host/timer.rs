//! Waking at a moment: timers that do not wait for the kernel's next tick.

use super::clock::Clock;
use crate::model::Time;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// `CLOCK_MONOTONIC` now, in nanoseconds.
pub(super) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative: the clock counts from boot.
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// A timer as a descriptor: readable when its moment has come (timerfd_create(2)). It is driven by
/// the kernel's high-resolution timer, where `poll()`'s and `epoll_wait()`'s timeouts count whole
/// milliseconds.
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    clock: Clock,
    set: Option<Time>,
}

impl Timer {
    /// A timer that is not set, for moments of the given clock.
    ///
    /// # Errors
    ///
    /// Those of `timerfd_create()`, such as EMFILE.
    pub fn new(clock: Clock) -> io::Result<Timer> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Timer { fd: timerfd_create(TimerfdClockId::Monotonic, flags)?, clock, set: None })
    }

    /// Sets the moment, or none. A moment already past makes it readable at once. Costs nothing when
    /// it is set to that moment already and has not been acknowledged since.
    ///
    /// # Errors
    ///
    /// Those of `timerfd_settime()`.
    pub fn set(&mut self, at: Option<Time>) -> io::Result<()> {
        if at == self.set {
            return Ok(());
        }
        // Zero would mean "off": the earliest moment is 1 ns.
        let ns = at.map_or(0, |at| self.clock.monotonic_ns(at).max(1));
        let value = Timespec {
            tv_sec: (ns / 1_000_000_000).cast_signed(),
            tv_nsec: (ns % 1_000_000_000).cast_signed() as _,
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &once)?;
        self.set = at;
        Ok(())
    }

    /// Acknowledges an expiry, so that the descriptor is no longer readable: the timer is then not
    /// set. Whether it had expired.
    ///
    /// # Errors
    ///
    /// Those of `read()`; that it has not expired is none.
    pub fn acknowledge(&mut self) -> io::Result<bool> {
        match rustix::io::read(&self.fd, &mut [0u8; 8]) {
            Ok(_) => {
                self.set = None;
                Ok(true)
            }
            Err(rustix::io::Errno::AGAIN) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Asks that the calling thread's timed sleeps end on time: by default the kernel may be 50 µs late
/// to wake several threads at once (`PR_SET_TIMERSLACK`, prctl(2)).
///
/// # Errors
///
/// Those of `prctl()`.
pub fn punctual() -> io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use std::time::Duration;

    fn readable(timer: &Timer, wait: Duration) -> bool {
        let wait = Timespec::try_from(wait).expect("fits");
        poll(&mut [PollFd::new(timer, PollFlags::IN)], Some(&wait)).expect("poll") == 1
    }

    #[test]
    fn wakes_not_before_its_moment_and_once() {
        let clock = Clock::start();
        let mut timer = Timer::new(clock).expect("timerfd");
        assert!(!timer.acknowledge().expect("read"));
        let at = clock.now() + Duration::from_millis(5);
        timer.set(Some(at)).expect("set");
        assert!(readable(&timer, Duration::from_secs(10)));
        assert!(clock.now() >= at);
        assert!(timer.acknowledge().expect("read"));
        assert!(!timer.acknowledge().expect("read"));
        // The same moment again, now past: readable at once.
        timer.set(Some(at)).expect("set");
        assert!(readable(&timer, Duration::from_secs(10)));
    }

    #[test]
    fn can_be_called_off() {
        let clock = Clock::start();
        let mut timer = Timer::new(clock).expect("timerfd");
        timer.set(Some(Time::ZERO)).expect("set");
        assert!(readable(&timer, Duration::from_secs(10)));
        timer.set(None).expect("set");
        assert!(!readable(&timer, Duration::ZERO));
    }
}
