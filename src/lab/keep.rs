//! What is kept of a run, for another machine or another day: a capture with its stamp, or the lines that were printed.

use super::parse::Run;
use super::record::kind;
use super::run::RunError;
use crate::capture::{Item, ReadError, Reader, Stamp, deed_block, parse_deed, unpacked};
use std::fs::{self, File};
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

/// Octets of kept lines that are read at most.
const LINES_MAX: u64 = 64 << 20;
/// Octets of a capture, unpacked; the longest of the course has some two million.
const CAPTURE_MAX: u64 = 8 << 20;

/// Where a run is kept, and what is written on it.
#[derive(Debug, Clone)]
pub struct Keep {
    /// A capture, or JSON lines where its name ends so.
    pub file: PathBuf,
    /// The lab's number.
    pub lab: u32,
    /// The how manieth run of it, 1 the first.
    pub run: u32,
    /// Whose run it is.
    pub student: Option<String>,
}

/// How a run is kept: its frames, or where there are several networks in it what it printed. `None` for one that
/// every machine can make.
#[must_use]
pub fn ending(run: &Run) -> Option<&'static str> {
    match (run.can_be_kept(), run.is_local()) {
        (true, _) => Some("pcapng"),
        (false, false) => Some("jsonl"),
        (false, true) => None,
    }
}

/// A run's file below a folder: `04-1.pcapng`.
#[must_use]
pub fn name(lab: u32, nth: u32, ending: &str) -> String {
    format!("{lab:02}-{nth}.{ending}")
}

impl Keep {
    pub(super) fn is_lines(&self) -> bool {
        is_lines(&self.file)
    }

    /// Ends what was begun: the capture gets what the programs said that they did, and the stamp; the lines are written.
    pub(super) fn complete(&self, printed: &str, exit: i32) -> Result<(), RunError> {
        let written = if self.is_lines() {
            fs::write(&self.file, printed)
        } else {
            let stamp = Stamp { lab: self.lab, run: self.run, student: self.student.clone(), exit };
            let deeds = printed.lines().filter(|line| kind(line).as_deref() == Some("deed"));
            let mut blocks: Vec<u8> = deeds.filter_map(deed_block).flatten().collect();
            blocks.extend(stamp.block());
            File::options().append(true).open(&self.file).and_then(|mut file| file.write_all(&blocks))
        };
        written.map_err(|source| RunError::Keep { file: self.file.display().to_string(), source })
    }
}

/// Whether a file is kept lines, packed or not, and no capture.
#[must_use]
pub fn is_lines(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
}

/// What stands in a capture beside what crossed the wire.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Which run of which lab it says that it is. The last word counts: it stands at the end.
    pub stamp: Option<Stamp>,
    /// What the programs said that they did, each a line of JSON.
    pub deeds: Vec<String>,
}

/// Reads what `lab` puts into a capture.
///
/// # Errors
/// When it cannot be read to its end: what is cut shows less than was there, which nobody may take for all of it.
pub fn kept(capture: impl BufRead) -> Result<Kept, ReadError> {
    let unpacked = unpacked(capture).map_err(|source| ReadError::Io { offset: 0, source })?;
    let mut reader = Reader::new(Bounded { inner: unpacked, left: CAPTURE_MAX })?;
    let mut kept = Kept::default();
    while let Some(item) = reader.next_item()? {
        if let Item::Note(line) = item {
            kept.deeds.extend(parse_deed(&line));
            kept.stamp = Stamp::parse(&line).ok().or(kept.stamp);
        }
    }
    Ok(kept)
}

/// A few octets may unpack to any number: so many are read, and then no more.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(octets as u64).ok_or_else(|| {
            io::Error::other(format!("it has more than {} MiB, and no run of a lab has", CAPTURE_MAX >> 20))
        })?;
        Ok(octets)
    }
}

/// Lines that were kept packed.
///
/// # Errors
/// When they are no text.
pub fn lines(packed: &[u8]) -> io::Result<String> {
    io::read_to_string(unpacked(packed)?.take(LINES_MAX))
}
