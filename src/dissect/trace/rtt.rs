//! A sender's idea of its round-trip time, as RFC 6298 s2 has it, made from what was seen of it.

use std::time::Duration;

/// Linux adds at least this to the smoothed round-trip time (`TCP_RTO_MIN`); RFC 6298 s2.4 would round up to a second.
const LINUX_MIN: Duration = Duration::from_millis(200);
/// The timeout before the first sample (RFC 6298 s2.1).
const INITIAL: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Rtt {
    /// Smoothed, and its mean deviation; nanoseconds.
    state: Option<(u64, u64)>,
}

impl Rtt {
    pub(super) fn sample(&mut self, rtt: Duration) {
        let r = u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX) / 16;
        // Sixteenths leave room to multiply; what is dropped is below any clock here.
        let (srtt, var) = match self.state {
            None => (r, r / 2),
            Some((srtt, var)) => (srtt / 8 * 7 + r / 8, var / 4 * 3 + srtt.abs_diff(r) / 4),
        };
        self.state = Some((srtt, var));
    }

    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.state.map(|(srtt, _)| Duration::from_nanos(srtt.saturating_mul(16)))
    }

    /// What the retransmission timeout is about, before any back-off.
    pub(super) fn timeout(&self, linux: bool) -> Duration {
        let Some((srtt, var)) = self.state else {
            return INITIAL;
        };
        let least = if linux { LINUX_MIN } else { Duration::ZERO };
        let var = Duration::from_nanos(var.saturating_mul(64)).max(least);
        Duration::from_nanos(srtt.saturating_mul(16)).saturating_add(var)
    }
}
