//! Memory of messages that nobody has acknowledged yet, and after they were.

use crate::load::{Pair, beside};
use crate::servers::Contender;
use std::fmt::Write;
use std::io;

/// Messages that are held at once.
const HELD: u64 = 1_000_000;

/// Resident octets: at the beginning, with half, with all, when all were consumed, and with as many again.
struct Story([f64; 5]);

/// The table.
pub(crate) fn table(contenders: &mut [Contender]) -> String {
    let mut out = format!(
        "Resident MiB of the server while {HELD} messages of 1 KiB are published without a consumer, consumed, and\n\
         published again. octets: a message's beside its own 1,024; growth: second time over first.\n\n\
         {:<20}{:>8}{:>8}{:>8}{:>10}{:>8}{:>8}{:>8}\n",
        "server", "before", "half", "all", "consumed", "again", "octets", "growth"
    );
    for contender in contenders {
        let name = contender.name;
        let _ = match run(contender) {
            Err(error) => writeln!(out, "{name:<20}no figure: {error}"),
            Ok(Story(at)) => {
                let mib = at.map(|octets| octets / f64::from(1 << 20));
                let [before, half, all, consumed, again] = mib;
                let (each, growth) = (beside(at[2] - at[0], HELD), at[4] / at[2]);
                writeln!(
                    out,
                    "{name:<20}{before:>8.0}{half:>8.0}{all:>8.0}{consumed:>10.0}{again:>8.0}{each:>8.0}{growth:>8.3}"
                )
            }
        };
    }
    out
}

fn run(contender: &mut Contender) -> io::Result<Story> {
    let mut pair = Pair::producer(contender)?;
    let before = pair.resident()?;
    pair.flood(256, |done, _| done >= HELD / 2)?;
    let half = pair.resident()?;
    pair.flood(256, |done, _| done >= HELD / 2)?;
    let all = pair.resident()?;
    let mut pair = pair.with_consumer()?;
    pair.drain()?;
    let consumed = pair.resident()?;
    let mut pair = pair.without_consumer();
    pair.flood(256, |done, _| done >= HELD)?;
    let again = pair.resident()?;
    let mut pair = pair.with_consumer()?;
    pair.drain()?;
    Ok(Story([before, half, all, consumed, again]))
}
