//! From numbers to places on an axis, and which of them are marked.

/// How an axis spreads its numbers.
#[derive(Clone, PartialEq, Debug)]
pub enum Scale {
    /// Evenly, from zero.
    Linear,
    /// Evenly, over its own numbers only: a detail.
    Detail,
    /// By factors: 1, 10, 100. Numbers that are not above zero have no place on it.
    Log,
    /// These names, evenly spaced; the first stands at 0, the second at 1.
    Names(Vec<String>),
}

/// An axis: what it measures and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// What it measures, with the unit: `latency, ms`.
    pub label: String,
    /// How it is spread.
    pub scale: Scale,
}

impl Axis {
    /// An even axis.
    pub fn linear(label: &str) -> Axis {
        Axis { label: label.to_owned(), scale: Scale::Linear }
    }

    /// An axis by factors.
    pub fn log(label: &str) -> Axis {
        Axis { label: label.to_owned(), scale: Scale::Log }
    }
}

/// A mark on an axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// An axis laid over the numbers that it must hold.
pub(super) struct Ruler<'a> {
    scale: &'a Scale,
    from: f64,
    to: f64,
    pub(super) ticks: Vec<Tick>,
}

impl<'a> Ruler<'a> {
    /// Holds every finite one of `numbers`, with about `count` ticks. `snug`: it ends where the numbers
    /// do; else at a tick.
    pub(super) fn over(
        scale: &'a Scale,
        numbers: impl Iterator<Item = f64>,
        count: usize,
        snug: bool,
    ) -> Ruler<'a> {
        let fits = |n: &f64| n.is_finite() && (*scale != Scale::Log || *n > 0.0);
        let range = numbers.filter(fits).fold(None, |range: Option<(f64, f64)>, n| {
            Some(range.map_or((n, n), |(low, high)| (low.min(n), high.max(n))))
        });
        let (from, to, marks) = match scale {
            Scale::Names(names) => {
                let marks =
                    names.iter().enumerate().map(|(i, name)| Tick { at: i as f64, label: name.clone() });
                let ticks = marks.collect();
                return Ruler { scale, from: -0.5, to: names.len().max(1) as f64 - 0.5, ticks };
            }
            Scale::Linear => {
                let (low, high) = range.unwrap_or((0.0, 1.0));
                linear((low.min(0.0), high.max(0.0)), count, snug)
            }
            Scale::Detail => linear(range.unwrap_or((0.0, 1.0)), count, snug),
            Scale::Log => log(range.unwrap_or((1.0, 10.0))),
        };
        let ticks = marks.into_iter().map(|at| Tick { at, label: number(at) }).collect();
        Ruler { scale, from, to, ticks }
    }

    /// Where `value` stands, 0 to 1; `None` where it has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let (value, from, to) = match self.scale {
            Scale::Log if value <= 0.0 => return None,
            Scale::Log => (value.log10(), self.from.log10(), self.to.log10()),
            _ => (value, self.from, self.to),
        };
        value.is_finite().then(|| (value - from) / (to - from))
    }
}

/// In steps of 1, 2 or 5 times a power of ten.
fn linear((low, high): (f64, f64), count: usize, snug: bool) -> (f64, f64, Vec<f64>) {
    let high = if high > low { high } else { low + 1.0 };
    let rough = (high - low) / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough * 0.999).unwrap_or(rough);
    let (first, last) = ((low / step).floor(), (high / step - 1e-9).ceil());
    let edge = (high - low) * 0.015;
    let (from, to) = match snug {
        // A first tick at the edge, such as zero, is the edge.
        true if first * step >= low => (low, high + edge),
        true => (low - edge, high + edge),
        false => (first * step, last * step),
    };
    // Counted, not added up, so that the tenth tick is as exact as the first.
    let ticks = (0..=(last - first) as u32).map(|i| (first + f64::from(i)) * step);
    (from, to, ticks.filter(|at| (from..=to).contains(at)).collect())
}

/// Whole decades where there are several, else 1, 2 and 5 of each.
fn log((low, high): (f64, f64)) -> (f64, f64, Vec<f64>) {
    let (low, high) = if high > low { (low, high) } else { (low / 2.0, high * 2.0) };
    let decades = high.log10().ceil() as i32 - low.log10().floor() as i32;
    let parts: &[f64] = if decades > 3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let marks: Vec<f64> = powers.flat_map(|p| parts.iter().map(move |m| m * 10f64.powi(p))).collect();
    let from = marks.iter().rev().find(|m| **m <= low * 1.000_001).copied().unwrap_or(low);
    let to = marks.iter().find(|m| **m >= high * 0.999_999).copied().unwrap_or(high);
    let shown = marks.into_iter().filter(|m| (from..=to).contains(m)).collect();
    (from, to, shown)
}

/// A number as a person writes it: `1,500`, `0.25`, no more digits than it needs and six at most.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let digits = if value == 0.0 { 0 } else { 5 - (value.abs().log10().floor() as i32).clamp(-4, 5) };
    let text = format!("{value:.*}", digits.unsigned_abs() as usize);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let (whole, rest) = text.split_once('.').map_or((text, ""), |(whole, rest)| (whole, rest));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut out = String::from(if whole == "0" && rest.is_empty() { "" } else { sign });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    out
}
