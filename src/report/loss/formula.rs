//! What theory expects of a long TCP transfer under loss, to stand beside what was measured.
//!
//! Both formulas are of Reno (RFC 5681) in the long run, with the window as the only limit: not the link's rate, not
//! a buffer. Cubic (RFC 9438) is above Reno where windows are large, and BBR does not slow down at each loss: for
//! these the formulas only show what Reno would do.

use std::time::Duration;

/// Segments that a receiver acknowledges at a time: Linux, as RFC 5681 s4.2 asks, acknowledges at least every second.
const B: f64 = 2.0;

/// Mathis, Semke, Mahdavi and Ott, "The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm", 1997: mss / rtt x
/// sqrt(3 / 2b) / sqrt(p), in bit/s. `mss` in octets of payload, `p` the share of segments lost. `None` without loss or
/// round-trip time.
pub fn mathis(mss: u32, rtt: Duration, p: f64) -> Option<f64> {
    let rtt = rtt.as_secs_f64();
    (p > 0.0 && rtt > 0.0).then(|| f64::from(mss) * 8.0 / rtt * (1.5 / B).sqrt() / p.sqrt())
}

/// Padhye, Firoiu, Towsley and Kurose, "Modeling TCP Throughput", 1998, as RFC 5348 s3.1 writes it: it adds
/// what timeouts of `rto` cost. In bit/s.
pub fn padhye(mss: u32, rtt: Duration, rto: Duration, p: f64) -> Option<f64> {
    let (rtt, rto) = (rtt.as_secs_f64(), rto.as_secs_f64());
    let fast = rtt * (2.0 * B * p / 3.0).sqrt();
    let slow = rto * (3.0 * (3.0 * B * p / 8.0).sqrt()).min(1.0) * p * (1.0 + 32.0 * p * p);
    (p > 0.0 && rtt > 0.0).then(|| f64::from(mss) * 8.0 / (fast + slow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_agree_where_timeouts_are_rare() {
        let rtt = Duration::from_millis(50);
        let at =
            |p| (mathis(1448, rtt, p).unwrap(), padhye(1448, rtt, Duration::from_millis(250), p).unwrap());
        // 1448 x 8 / 0.05 x sqrt(0.75) / sqrt(0.0001) = 20.06 Mbit/s.
        let (m, p) = at(0.0001);
        assert!((m / 20.06e6 - 1.0).abs() < 1e-3, "{m}");
        assert!((p / m - 1.0).abs() < 0.01, "{p} {m}");
        // At 5% timeouts count: Padhye is well below.
        let (m, p) = at(0.05);
        assert!(p < 0.8 * m, "{p} {m}");
        assert_eq!(mathis(1448, rtt, 0.0), None);
    }
}
