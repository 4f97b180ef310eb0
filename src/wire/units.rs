//! Numbers as tc(8) and tc-netem(8) write them: percentages, times, rates, counts.

use super::error::ValueError;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A probability, typed and printed as a percentage from `0%` to `100%`.
///
/// Kept as the typed percentage, so that it prints back to the same value; [`Percent::fraction`] is
/// the probability.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Percent(f64);

impl Percent {
    /// Never.
    pub const ZERO: Percent = Percent(0.0);
    /// Always.
    pub const ALL: Percent = Percent(100.0);

    /// `percent` from 0 to 100; `None` outside, or for NaN.
    pub fn new(percent: f64) -> Option<Percent> {
        // Adding zero turns -0 into 0, which prints without a sign.
        (0.0..=100.0).contains(&percent).then_some(Percent(percent + 0.0))
    }

    /// The probability, from 0 to 1.
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }

    /// Whether it never happens.
    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }

    /// What is missing to 100%.
    pub(super) fn rest(self) -> Percent {
        Percent(100.0 - self.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl FromStr for Percent {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Percent, ValueError> {
        let malformed =
            || ValueError::Malformed { got: got.into(), wanted: "a percentage", example: "5% or 0.1%" };
        let (number, unit) = split_unit(got.strip_prefix('-').unwrap_or(got));
        let value: f64 = number.parse().map_err(|_| malformed())?;
        match unit {
            "%" if got.starts_with('-') && value > 0.0 => {
                Err(ValueError::PercentNegative { got: got.into() })
            }
            "%" => Percent::new(value).ok_or_else(|| ValueError::PercentTooLarge { got: got.into() }),
            "" => Err(ValueError::PercentNoUnit { got: got.into() }),
            _ => Err(malformed()),
        }
    }
}

/// A rate in bits a second, from 1 to [`Rate::MAX`].
///
/// Parsed with tc's units, upper or lower case: `bit kbit mbit gbit tbit` are powers of 1000,
/// `kibit mibit gibit tibit` powers of 1024, and the same with `bps` for `bit` count *bytes*, as tc
/// has it: `1mbps` is `8mbit`. Printed in bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Rate(u64);

impl Rate {
    /// The highest: 100 tbit.
    pub const MAX: Rate = Rate(100_000_000_000_000);

    /// `bits` a second; `None` for zero or more than [`Rate::MAX`].
    pub const fn new(bits: u64) -> Option<Rate> {
        if bits == 0 || bits > Rate::MAX.0 { None } else { Some(Rate(bits)) }
    }

    /// Bits a second.
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units =
            [(1_000_000_000_000, "tbit"), (1_000_000_000, "gbit"), (1_000_000, "mbit"), (1000, "kbit")];
        let (scale, unit) = units.into_iter().find(|(s, _)| self.0.is_multiple_of(*s)).unwrap_or((1, "bit"));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(got: &str) -> Result<Rate, ValueError> {
        let malformed = || ValueError::Malformed { got: got.into(), wanted: "a rate", example: "10mbit" };
        let (number, unit) = split_unit(got);
        if number.is_empty() {
            return Err(malformed());
        }
        let scale = match unit {
            "" => return Err(ValueError::RateNoUnit { got: got.into() }),
            _ => {
                rate_unit(unit).ok_or_else(|| ValueError::RateUnit { got: got.into(), unit: unit.into() })?
            }
        };
        match scaled(number, scale, Rate::MAX.0).ok_or_else(malformed)? {
            Scaled::TooLarge => Err(ValueError::RateTooLarge { got: got.into() }),
            Scaled::Is(bits) => Rate::new(bits).ok_or_else(|| ValueError::RateZero { got: got.into() }),
        }
    }
}

/// Bits a second in one of tc's units of rate.
fn rate_unit(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_lowercase();
    let (prefix, bits) = match unit.strip_suffix("bit") {
        Some(p) => (p, 1),
        None => (unit.strip_suffix("bps")?, 8),
    };
    let power = |n: u32, base: u64| Some(bits * base.pow(n));
    match prefix {
        "" => Some(bits),
        "k" => power(1, 1000),
        "m" => power(2, 1000),
        "g" => power(3, 1000),
        "t" => power(4, 1000),
        "ki" => power(1, 1024),
        "mi" => power(2, 1024),
        "gi" => power(3, 1024),
        "ti" => power(4, 1024),
        _ => None,
    }
}

/// The longest time that [`parse_time`] takes.
pub const LONGEST: Duration = Duration::from_secs(86_400);

/// A time with tc's units: `20ms`, `5us`, `1.5s`, and `ns`; from zero to a day, rounded to the nanosecond.
pub fn parse_time(got: &str) -> Result<Duration, ValueError> {
    let malformed = || ValueError::Malformed { got: got.into(), wanted: "a time", example: "20ms" };
    let (number, unit) = split_unit(got);
    if number.is_empty() {
        return Err(malformed());
    }
    let scale = match unit {
        "s" | "sec" | "secs" => 1_000_000_000,
        "ms" | "msec" | "msecs" => 1_000_000,
        "us" | "usec" | "usecs" => 1_000,
        "ns" | "nsec" | "nsecs" => 1,
        "" => return Err(ValueError::TimeNoUnit { got: got.into() }),
        _ => return Err(ValueError::TimeUnit { got: got.into(), unit: unit.into() }),
    };
    match scaled(number, scale, LONGEST.as_nanos() as u64).ok_or_else(malformed)? {
        Scaled::Is(nanos) => Ok(Duration::from_nanos(nanos)),
        Scaled::TooLarge => Err(ValueError::TimeTooLong { got: got.into() }),
    }
}

/// A time that prints with the largest unit that keeps it whole: `20ms`, `1500us`, `2s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShowTime(pub Duration);

impl fmt::Display for ShowTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")];
        match units.into_iter().find(|(s, _)| nanos.is_multiple_of(*s)) {
            Some((scale, unit)) => write!(f, "{}{unit}", nanos / scale),
            None => write!(f, "{nanos}ns"),
        }
    }
}

/// A whole number from `min` to `max`.
pub(super) fn parse_number(
    got: &str,
    wanted: &'static str,
    min: u64,
    max: u64,
    example: u64,
) -> Result<u64, ValueError> {
    // `u64::from_str` takes a leading '+', which nobody means.
    let digits = !got.is_empty() && got.bytes().all(|b| b.is_ascii_digit());
    got.parse().ok().filter(|n| digits && (min..=max).contains(n)).ok_or_else(|| ValueError::Number {
        got: got.into(),
        wanted,
        min,
        max,
        example,
    })
}

/// `1.5ms` as `1.5` and `ms`.
fn split_unit(s: &str) -> (&str, &str) {
    let end = s.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(s.len());
    s.split_at(end)
}

enum Scaled {
    Is(u64),
    TooLarge,
}

/// A decimal number times `scale` in whole numbers, rounded half up. `None` when it is no decimal number.
fn scaled(number: &str, scale: u64, max: u64) -> Option<Scaled> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() > 18 {
        return Some(Scaled::TooLarge);
    }
    // Digits past the 18th are below every unit here: 10^-18 of a day's worth of nanoseconds.
    let fraction = &fraction[..fraction.len().min(18)];
    let parse = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u128>().ok() };
    let tenth = 10_u128.pow(fraction.len() as u32);
    let value =
        parse(whole)? * u128::from(scale) + (parse(fraction)? * u128::from(scale) + tenth / 2) / tenth;
    Some(if value > u128::from(max) { Scaled::TooLarge } else { Scaled::Is(value as u64) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_those_of_tc() {
        let bits = |s: &str| s.parse::<Rate>().unwrap().bits();
        assert_eq!(bits("1mbit"), 1_000_000);
        assert_eq!(bits("1Mibit"), 1_048_576);
        assert_eq!(bits("1mbps"), 8_000_000);
        assert_eq!(bits("1.5KBit"), 1_500);
        assert_eq!(bits("100tbit"), Rate::MAX.bits());
        assert_eq!(parse_time("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(parse_time("5us").unwrap(), Duration::from_micros(5));
        assert_eq!(parse_time(".5ms").unwrap(), Duration::from_micros(500));
        assert_eq!(parse_time("0.0000000005s").unwrap(), Duration::from_nanos(1), "rounded half up");
        assert_eq!("0.1%".parse::<Percent>().unwrap().fraction(), 0.001);
    }

    #[test]
    fn a_day_is_the_longest_time() {
        assert_eq!(parse_time("86400s").unwrap(), LONGEST);
        assert!(matches!(parse_time("86400.000000001s"), Err(ValueError::TimeTooLong { .. })));
        assert!(matches!(parse_time(&format!("{}s", "9".repeat(400))), Err(ValueError::TimeTooLong { .. })));
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_back(percent in 0.0..=100.0_f64, bits in 1..=Rate::MAX.bits(), ns in 0..=86_400_000_000_000_u64) {
            let percent = Percent::new(percent).unwrap();
            prop_assert_eq!(percent.to_string().parse::<Percent>().unwrap(), percent);
            let rate = Rate::new(bits).unwrap();
            prop_assert_eq!(rate.to_string().parse::<Rate>().unwrap(), rate);
            let time = Duration::from_nanos(ns);
            prop_assert_eq!(parse_time(&ShowTime(time).to_string()).unwrap(), time);
        }

        #[test]
        fn nothing_typed_panics(s in ".{0,40}") {
            let _ = s.parse::<Percent>();
            let _ = s.parse::<Rate>();
            let _ = parse_time(&s);
        }
    }
}
