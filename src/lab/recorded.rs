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
    "01-1.pcapng"
    "01-2.pcapng"
    "01-3.pcapng"
    "01-4.pcapng"
    "02-1.pcapng"
    "02-2.pcapng"
    "03-1.pcapng"
    "03-2.pcapng"
    "03-3.pcapng"
    "03-4.pcapng"
    "04-1.pcapng"
    "04-2.pcapng"
    "05-1.pcapng"
    "05-2.pcapng"
    "06-1.pcapng"
    "06-2.pcapng"
    "06-3.pcapng"
    "06-4.pcapng"
    "07-1.pcapng"
    "08-1.pcapng"
    "08-2.pcapng"
    "08-3.pcapng"
    "08-4.pcapng"
    "08-5.pcapng"
    "09-1.pcapng"
    "09-2.pcapng"
    "09-3.pcapng"
    "10-1.pcapng"
    "10-2.pcapng"
    "11-1.pcapng"
    "11-2.pcapng"
    "11-3.pcapng"
    "11-4.pcapng"
    "12-1.pcapng"
    "12-2.pcapng"
    "13-1.pcapng"
    "13-2.pcapng"
    "13-3.pcapng"
    "13-4.pcapng"
    "13-5.pcapng"
    "13-6.pcapng"
    "14-1.pcapng"
    "14-2.pcapng"
    "14-3.pcapng"
    "15-1.pcapng"
    "15-2.pcapng"
    "15-3.pcapng"
    "16-1.pcapng"
    "16-2.pcapng"
    "16-3.jsonl"
    "17-1.pcapng"
    "17-2.pcapng"
    "17-3.pcapng"
    "17-4.pcapng"
    "18-1.pcapng"
    "18-2.pcapng"
    "19-1.pcapng"
    "19-2.pcapng"
    "20-2.pcapng"
    "20-3.pcapng"
    "21-1.pcapng"
    "21-2.pcapng"
    "21-3.pcapng"
    "22-1.pcapng"
    "22-2.pcapng"
    "22-3.pcapng"
    "22-4.pcapng"
    "22-5.pcapng"
    "22-6.pcapng"
    "22-7.pcapng"
    "22-8.pcapng"
    "22-9.pcapng"
    "22-10.pcapng"
    "23-1.jsonl"
    "23-2.pcapng"
    "23-3.pcapng"
    "23-4.pcapng"
    "26-1.pcapng"
    "26-2.pcapng"
    "27-1.pcapng"
    "27-2.pcapng"
    "27-3.pcapng"
    "27-4.pcapng"
    "27-5.pcapng"
];

/// The recording of a lab's run, 1 the first.
#[must_use]
pub fn of(lab: u32, run: usize) -> Option<(&'static str, &'static [u8])> {
    let begin = format!("{lab:02}-{run}.");
    RECORDED.iter().find(|(name, _)| name.starts_with(&begin)).copied()
}

/// The command that a recording is of, without what `lab` adds; none where it does not say.
#[must_use]
pub fn typed(record: &Record) -> Option<String> {
    let command = record.run["command"].as_str()?;
    Some(command.split(" --json").next().unwrap_or(command).to_owned())
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
