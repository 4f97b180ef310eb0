//! A recording of every run of the course, for machines that allow no private network. `UPDATE=1 cargo test --test labs
//! recordings` makes them anew; a test holds them against the labs as they stand.

use super::parse::Run;
use super::record::Record;
use super::words::words;

macro_rules! recorded {
    ($($name:literal)*) => { &[$(($name, include_bytes!(concat!("../../labs/captures/", $name, ".gz")))),*] };
}

/// Each recording's name and its octets, packed.
#[rustfmt::skip]
pub const RECORDED: &[(&str, &[u8])] = recorded![
];

/// The recording of a lab's run, 1 the first.
#[must_use]
pub fn of(lab: u32, run: usize) -> Option<(&'static str, &'static [u8])> {
    let begin = format!("{lab:02}-{run}.");
    RECORDED.iter().find(|(name, _)| name.starts_with(&begin)).copied()
}

/// Whether a recording is of this command: its words come first, and what follows them is the program's own.
#[must_use]
pub fn is_of(run: &Run, record: &Record) -> bool {
    let Some(command) = record.run["command"].as_str() else {
        // What makes several runs prints no line about one.
        return !run.can_be_kept();
    };
    let typed = words(command).unwrap_or_default();
    typed.split_first().is_some_and(|(program, rest)| {
        program == "layerlab"
            && rest
                .strip_prefix(&*run.words)
                .is_some_and(|rest| rest.first().is_some_and(|word| word == "--json"))
    })
}
