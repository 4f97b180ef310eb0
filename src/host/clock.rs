//! The one clock of a run: the monotonic clock, read as time since the run's epoch.

use crate::model::Time;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A started clock. Copies of it agree: they share the epoch.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
    /// `CLOCK_MONOTONIC` at the epoch in nanoseconds: `Instant` does not tell its own, and absolute
    /// timers need it.
    #[cfg(target_os = "linux")]
    epoch_monotonic_ns: u64,
    epoch_unix_ns: u64,
}

impl Clock {
    /// Starts a clock: now is [`Time::ZERO`].
    pub fn start() -> Clock {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            #[cfg(target_os = "linux")]
            epoch_monotonic_ns: super::timer::monotonic_ns(),
            epoch: Instant::now(),
            epoch_unix_ns: u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// The time now.
    pub fn now(&self) -> Time {
        #[cfg(target_os = "linux")]
        return Time::from_nanos(super::timer::monotonic_ns().saturating_sub(self.epoch_monotonic_ns));
        #[cfg(not(target_os = "linux"))]
        return Time::ZERO + self.epoch.elapsed();
    }

    /// The moment as an [`Instant`], for calls that take one.
    pub fn instant(&self, at: Time) -> Instant {
        self.epoch + at.since(Time::ZERO)
    }

    /// Nanoseconds from the Unix epoch to [`Time::ZERO`], by the machine's wall clock.
    pub const fn epoch_unix_ns(&self) -> u64 {
        self.epoch_unix_ns
    }

    /// The moment on `CLOCK_MONOTONIC`, in nanoseconds.
    #[cfg(target_os = "linux")]
    pub(super) const fn monotonic_ns(&self, at: Time) -> u64 {
        self.epoch_monotonic_ns.saturating_add(at.as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back_and_starts_near_zero() {
        let clock = Clock::start();
        let mut last = clock.now();
        for _ in 0..1000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
        // 2020-01-01: a wall clock before that is broken, and a capture's dates with it.
        assert!(clock.epoch_unix_ns() > 1_577_836_800_000_000_000);
    }
}
