//! The file that keeps a sweep's rows, so that an interrupted one goes on.

use crate::cli::exit::Usage;
use crate::report::sweep::{self, Kept, Plan, Row};
use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Octets of a file that is read back at most: some millions of rows.
const LARGEST: u64 = 1 << 30;

/// A file of rows.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    file: File,
}

/// Opens the file, or makes it, and gives what it holds so far.
///
/// # Errors
/// When it cannot be opened or written to.
pub(super) fn open(path: &Path) -> anyhow::Result<(Keeper, String)> {
    let named = || format!("the file of rows {} cannot be opened", path.display());
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(named)?;
    let none_of_ours = || Usage(format!("{} holds no rows of a sweep: name another file", path.display()));
    if !file.metadata().with_context(named)?.is_file() {
        return Err(none_of_ours().into());
    }
    let mut octets = Vec::new();
    (&mut file).take(LARGEST + 1).read_to_end(&mut octets).with_context(named)?;
    if octets.len() as u64 > LARGEST {
        return Err(none_of_ours().into());
    }
    // A line may be torn inside a character; everything before it is text.
    let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1);
    let text = match std::str::from_utf8(&octets) {
        Ok(text) => text.to_owned(),
        Err(error) if whole > 0 && error.valid_up_to() >= whole => {
            String::from_utf8_lossy(&octets[..whole]).into_owned()
        }
        Err(_) => return Err(none_of_ours().into()),
    };
    Ok((Keeper { path: path.to_owned(), file }, text))
}

impl Keeper {
    /// What it keeps of this sweep; a torn last line is cut off, and a new file gets its first line.
    pub(super) fn begin(&mut self, text: &str, plan: &Plan, header: &str) -> anyhow::Result<Vec<Row>> {
        let Kept { rows, whole } = sweep::read(text, plan).map_err(|error| {
            Usage(format!("{} cannot be continued: {error}; name another file", self.path.display()))
        })?;
        let cut = self.file.set_len(whole as u64).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.with_context(|| format!("{} cannot be written", self.path.display()))?;
        if whole == 0 {
            self.line(header)?;
        }
        Ok(rows)
    }

    /// Keeps one more line: in one piece, so that an interruption tears nothing.
    pub(super) fn line(&mut self, line: &str) -> anyhow::Result<()> {
        self.file.write_all(format!("{line}\n").as_bytes()).with_context(|| {
            format!(
                "a row cannot be written to {}; those before it are kept, and the same command goes on from there",
                self.path.display()
            )
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
