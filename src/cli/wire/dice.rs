//! `layerlab wire dice`: what a wire's dice give, seed by seed. Nothing is sent.

use super::args::DiceArgs;
use crate::cli::exit::{Answer, Usage};
use crate::model::{Class, Direction, Fate, Time};
use crate::narrate::dice as words;
use crate::report::dice::{Throws, total};
use crate::wire::{Judge, Spec};
use std::io::{self, Write};
use std::time::Duration;

/// What is judged at most: some seconds.
const MOST: u64 = 10_000_000;

/// Octets of a frame that is judged, and of the IP packet in it: a datagram of 100 and its headers.
const LEN: (u32, u32) = (142, 128);
/// From one frame to the next.
const APART: Duration = Duration::from_millis(1);

/// Throws them.
pub(super) fn dice(args: &DiceArgs) -> anyhow::Result<Answer> {
    let (seeds, frames) = (u64::from(args.seeds), u64::from(args.frames));
    if seeds * frames > MOST {
        return Err(
            Usage(format!("{seeds} seeds of {frames} frames are more than {MOST} frames: fewer")).into()
        );
    }
    if !args.impairments.1.is_empty() {
        return Err(Usage("--at changes a wire while it runs, and here nothing does".to_owned()).into());
    }
    let spec = &args.impairments.0;
    let mut told =
        words::Told { wire: &spec.to_string(), seeds, frames, lost: 0, runs: 0, range: (u64::MAX, 0) };
    let mut out = io::stdout().lock();
    for seed in (0..seeds).map(|n| args.seed.wrapping_add(n)) {
        let throws = throws(spec, seed, args.frames);
        let lost = throws.lost.len() as u64;
        told.lost += lost;
        told.runs += throws.runs() as u64;
        told.range = (told.range.0.min(lost), told.range.1.max(lost));
        if args.json {
            let sentence = words::seed(seed, frames, lost, throws.runs() as u64);
            writeln!(out, "{}", throws.json(&sentence))?;
        }
    }
    if args.json {
        let all = [seeds * frames, told.lost, told.runs];
        writeln!(out, "{}", total(seeds, all, &words::total(seeds, all)))?;
    } else {
        out.write_all(words::dice(&told).as_bytes())?;
    }
    Ok(Answer::Yes)
}

/// Asks the wire about so many frames.
fn throws(spec: &Spec, seed: u64, frames: u32) -> Throws {
    let mut judge = Judge::new(spec, seed);
    let dropped = |index: &u32| {
        let now = Time::ZERO + APART * *index;
        let row = judge.judge(now, Direction::ToServer, LEN.0, LEN.1, Class::IPV4.with(Class::UDP));
        matches!(row.fate, Fate::Dropped { .. })
    };
    let lost = (1..=frames).filter(dropped).map(u64::from).collect();
    Throws { seed, frames: frames.into(), lost }
}
