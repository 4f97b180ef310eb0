//! An engine out of a journal's files.

use super::disk::{Disk, Name};
use crate::stack::l7_application::framing;
use crate::stack::l7_application::queue::engine::{Engine, Limits, Restore};
use crate::stack::l7_application::queue::journal::{Found, Lost, Owned, Record, Scan};
use std::io;

/// What was found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Files read.
    pub files: u64,
    /// Their octets.
    pub octets: u64,
    /// Good records in them.
    pub records: u64,
    /// A record that was being written when the machine stopped: cut off. It was never confirmed.
    pub torn: Option<Damage>,
    /// Octets that are no record though others follow: something damaged the file. What they said is lost.
    pub damaged: Vec<Damage>,
    /// Messages of queues that nothing undamaged declares. They are lost.
    pub strays: u64,
}

/// Octets that are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The file.
    pub file: u64,
    /// What is wrong in it.
    pub lost: Lost,
}

/// What a journal's files say.
#[derive(Debug)]
pub struct Recovered {
    /// As it was.
    pub engine: Engine,
    /// The files that count, and their octets.
    pub files: Vec<(Name, u64)>,
    /// What was found on the way.
    pub report: Report,
}

/// Reads all files from the last snapshot on, and cuts off their ends what is no record: a torn tail, and zeros.
///
/// # Errors
/// A file cannot be read, or the tail not be cut.
pub fn recover(disk: &dyn Disk, limits: Limits) -> io::Result<Recovered> {
    let names = disk.list()?;
    let mut from = 0;
    for (at, name) in names.iter().enumerate() {
        if begins_with_snapshot(disk, *name)? {
            from = at;
        }
    }
    let (old, names) = names.split_at(from);
    // What a snapshot stands for: it was not removed in time.
    for name in old {
        disk.remove(*name)?;
    }
    let mut restore = Restore::new(limits);
    let (mut report, files) = read(disk, names, &mut restore, true)?;
    if restore.strays() > 0 {
        // The first declaration of a queue is damaged. A later file may have another: what is told twice changes nothing.
        let first = restore.strays();
        let names: Vec<Name> = files.iter().map(|(name, _)| *name).collect();
        read(disk, &names, &mut restore, false)?;
        report.strays = restore.strays() - first;
    }
    Ok(Recovered { engine: restore.finish(), files, report })
}

/// Reads these files in their order. With `mend`, what says nothing is removed, and ends that are no record are cut off.
fn read(
    disk: &dyn Disk,
    names: &[Name],
    restore: &mut Restore,
    mend: bool,
) -> io::Result<(Report, Vec<(Name, u64)>)> {
    let (mut report, mut files) = (Report::default(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        let (mut len, mut changes) = (0, 0);
        let mut scan = Scan::new(disk.read(*name)?, name.salt, framing::MAX_PAYLOAD);
        while let Some(found) = scan.read_next()? {
            match found {
                Found::Record { record, octets } => {
                    report.records += 1;
                    len += octets;
                    if let Record::Change(change) = record {
                        let repeated = matches!(change, Owned::Declared(..));
                        changes += u64::from(restore.apply(change.as_change()) || !repeated);
                    }
                }
                // Only the last file can have been in the writing.
                Found::Lost(lost) if lost.tail && at + 1 == names.len() => {
                    report.torn = Some(Damage { file: name.number, lost });
                }
                Found::Lost(lost) => {
                    len += lost.octets;
                    changes += 1;
                    report.damaged.push(Damage { file: name.number, lost });
                }
            }
        }
        report.files += 1;
        report.octets += len;
        if mend && changes == 0 {
            // It says nothing: a server that is started again and again must not leave a file each time.
            disk.remove(*name)?;
            continue;
        }
        if mend && scan.seen() > len {
            // A torn tail, or room made in advance that nobody will use.
            disk.cut(*name, len)?;
        }
        files.push((*name, len));
    }
    Ok((report, files))
}

fn begins_with_snapshot(disk: &dyn Disk, name: Name) -> io::Result<bool> {
    let mut scan = Scan::new(io::Read::take(disk.read(name)?, 256), name.salt, framing::MAX_PAYLOAD);
    let first = scan.read_next()?;
    Ok(matches!(first, Some(Found::Record { record: Record::Segment { snapshot: true, .. }, .. })))
}
