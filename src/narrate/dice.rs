//! What is said of a wire's dice: from what they gave, nothing else.

use super::text::count;

/// What all seeds together gave.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The wire, in the words of the options.
    pub wire: &'a str,
    /// Seeds.
    pub seeds: u64,
    /// Frames of each.
    pub frames: u64,
    /// Lost ones of all seeds.
    pub lost: u64,
    /// How often one or several in a row were lost.
    pub runs: u64,
    /// The least and the most that a seed lost.
    pub range: (u64, u64),
}

/// A part in per cent.
fn share(lost: u64, of: u64) -> f64 {
    // Frames are far below 2^53.
    100.0 * lost as f64 / of.max(1) as f64
}

/// One seed.
pub fn seed(seed: u64, frames: u64, lost: u64, runs: u64) -> String {
    format!("seed {seed}: {}", lost_of([frames, lost, runs]))
}

/// All seeds.
pub fn total(seeds: u64, all: [u64; 3]) -> String {
    format!("all {}: {}", count(seeds, "seed"), lost_of(all))
}

/// So many frames, so many of them lost, so often one or several in a row.
pub fn lost_of([frames, lost, runs]: [u64; 3]) -> String {
    let mean = lost as f64 / runs.max(1) as f64;
    let row =
        if lost == 0 { String::new() } else { format!(", {mean:.2} in a row ({})", count(runs, "time")) };
    format!("{lost} of {} lost, {:.2}%{row}", count(frames, "frame"), share(lost, frames))
}

/// Three lines.
pub fn dice(told: &Told<'_>) -> String {
    let wire = if told.wire.is_empty() { "as it is, without a loss" } else { told.wire };
    let mean = told.lost as f64 / told.runs.max(1) as f64;
    format!(
        "wire     {wire}\n\
         lost     {:.2}% of {}, {} of {} each; the least of a seed {:.2}%, the most {:.2}%\n\
         in a row {mean:.2} on average, {}\n",
        share(told.lost, told.seeds * told.frames),
        count(told.seeds * told.frames, "frame"),
        count(told.seeds, "seed"),
        told.frames,
        share(told.range.0, told.frames),
        share(told.range.1, told.frames),
        count(told.runs, "time"),
    )
}
