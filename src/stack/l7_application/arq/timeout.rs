//! How long to wait for an acknowledgment: RFC 6298, with a smaller floor.

use std::time::Duration;

/// The timeout before anything was measured (RFC 6298 s2.1).
pub const INITIAL: Duration = Duration::from_secs(1);
/// The longest, doubled or not (RFC 6298 s2.5 asks for at least 60 s).
pub const LONGEST: Duration = Duration::from_secs(60);
/// What is added to the smoothed round-trip time at least: the clock granularity G of RFC 6298 s2.3. The RFC then
/// rounds up to 1 s (s2.4), and Linux to 200 ms; we don't, so that on a steady path a loss costs little more
/// than a round trip. On a path that strays more suddenly than it did before, that sends some messages twice.
pub const GRANULARITY: Duration = Duration::from_millis(10);

/// The estimate. Empty before the first measurement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timeout {
    /// Smoothed round-trip time, and its mean deviation.
    estimate: Option<(Duration, Duration)>,
}

impl Timeout {
    /// Takes in a round-trip time (RFC 6298 s2.2, s2.3: alpha 1/8, beta 1/4).
    pub fn measured(&mut self, rtt: Duration) {
        let rtt = rtt.min(LONGEST);
        self.estimate = Some(match self.estimate {
            None => (rtt, rtt / 2),
            Some((srtt, rttvar)) => ((srtt * 7 + rtt) / 8, (rttvar * 3 + srtt.abs_diff(rtt)) / 4),
        });
    }

    /// The smoothed round-trip time, once there is one.
    pub fn srtt(&self) -> Option<Duration> {
        self.estimate.map(|(srtt, _)| srtt)
    }

    /// How long to wait after the given attempt, 1 the first: twice as long each time (RFC 6298 s5.5).
    pub fn after(&self, attempt: u8) -> Duration {
        let first = self.estimate.map_or(INITIAL, |(srtt, rttvar)| srtt + GRANULARITY.max(rttvar * 4));
        let factor = 1_u32.checked_shl(u32::from(attempt.saturating_sub(1))).unwrap_or(u32::MAX);
        first.saturating_mul(factor).min(LONGEST)
    }
}
