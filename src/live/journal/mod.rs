//! A queue's journal: what must survive a crash, appended to files and brought to the disk before anything is confirmed.
//!
//! ```text
//!   engine --Change--> batch --commit()--> write, fdatasync --> confirmations
//!                                 |
//!            a round of the loop: one write and one fdatasync for all that it brought (group commit)
//! ```
//!
//! A file that has grown to [`Settings::segment`] is followed by the next. When more than half of all files is about
//! messages that are gone, the next file begins with a *snapshot*, all that is still true, and the older ones go.
//!
//! **When the disk fails.** A write that fails (no space left) leaves the batch as it is: the file is cut back to its last
//! good octet, nothing is confirmed, and the same batch is tried again later. After an fsync that fails nothing written
//! since the last one can be trusted, whatever a second call says (fsync(2)): the journal goes on in a new file with a
//! snapshot, or not at all.

mod disk;
mod recover;
mod syncer;

pub use disk::{Append, Directory, Disk, Name, Unusable};
pub use recover::{Damage, Recovered, Report, recover};

use crate::host::entropy;
use crate::stack::l7_application::framing;
use crate::stack::l7_application::queue::engine::{Change, End, Engine};
use crate::stack::l7_application::queue::journal::Record;
use std::io;
use std::time::{Duration, Instant};
use syncer::Syncer;

#[cfg(test)]
mod tests;

/// When octets are brought from the kernel's memory to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Fsync {
    /// Before anything is confirmed: what was confirmed survives the loss of power.
    #[default]
    Always,
    /// Every so often, beside the work: a loss of power costs what was confirmed since. A killed process loses nothing.
    Interval(Duration),
    /// When the kernel likes.
    Never,
}

/// How a journal is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// When it is brought to the disk.
    pub fsync: Fsync,
    /// Octets after which a file is followed by the next.
    pub segment: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { fsync: Fsync::Always, segment: 64 << 20 }
    }
}

/// How long acknowledgments alone wait for company: nobody is told of them, so one fsync serves them and the next publish.
const COMPANY: Duration = Duration::from_millis(5);
/// How long the disk is left alone after a failure.
const PATIENCE: Duration = Duration::from_millis(250);
/// Octets of a stored message's record beside id and body: the frame's own, salt, queue, offset, time, length of the id.
const RECORD: u64 = framing::OVERHEAD as u64 + 4 * 8 + 1;
/// Octets of a snapshot that are gathered before they are written.
const CHUNK: usize = 1 << 20;

/// Why the journal cannot be written at the moment.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A write failed. The same octets are tried again.
    #[error("the journal cannot be written: {0}")]
    Write(#[source] io::Error),
    /// What was written may be lost.
    #[error("the journal's last writes may be lost, fsync said: {0}")]
    Sync(#[source] io::Error),
}

/// What a journal did, for people.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stats {
    /// Files.
    pub files: u64,
    /// Octets in them.
    pub octets: u64,
    /// Batches written.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// The most records in one batch.
    pub largest: u64,
    /// `fdatasync()` calls.
    pub syncs: u64,
    /// Snapshots written, to make room or after an fsync that failed.
    pub snapshots: u64,
    /// Times that a write or fsync failed.
    pub failures: u64,
}

/// An open journal.
pub struct Journal {
    disk: Box<dyn Disk>,
    settings: Settings,
    file: Box<dyn Append>,
    name: Name,
    /// Octets of the file that are whole records.
    len: u64,
    /// Octets at which the next file is begun.
    full_at: u64,
    /// The highest number that a file was, or was to be, given. Each attempt takes another: what a failed one may have
    /// left behind never comes after a later file.
    number: u64,
    /// Octets of the last snapshot that were about no message: queues, and ids that are remembered.
    beside: u64,
    /// Older files that still count.
    older: Vec<(Name, u64)>,
    /// Records that are in no file yet.
    batch: Vec<u8>,
    records: u64,
    /// Somebody waits for one of them.
    awaited: bool,
    /// There are but acknowledgments, which wait for company until then.
    company_until: Option<Instant>,
    failure: Option<Failure>,
    retry: Option<Instant>,
    syncer: Option<Syncer>,
    sync_at: Option<Instant>,
    stats: Stats,
}

impl Journal {
    /// Goes on behind what [`recover`] has read.
    ///
    /// # Errors
    /// No file can be made.
    pub fn open(
        disk: Box<dyn Disk>,
        settings: Settings,
        older: Vec<(Name, u64)>,
        engine: &Engine,
    ) -> io::Result<Journal> {
        let number = older.last().map_or(0, |(name, _)| name.number) + 1;
        let (file, name, len) = begin(&*disk, number, settings, engine)?;
        let mut journal = Journal {
            disk,
            settings,
            file,
            name,
            len,
            full_at: settings.segment,
            number,
            beside: 0,
            older,
            batch: Vec::new(),
            records: 0,
            awaited: false,
            company_until: None,
            failure: None,
            retry: None,
            syncer: None,
            sync_at: None,
            stats: Stats::default(),
        };
        journal.follow();
        Ok(journal)
    }

    /// A change to be written with the next commit.
    #[inline]
    pub fn tell(&mut self, change: Change<'_>) {
        Record::encode_change(&mut self.batch, self.name.salt, change);
        self.records += 1;
        self.awaited |= !matches!(change, Change::Settled { end: End::Acked, .. });
    }

    /// Whether somebody waits for a commit.
    pub fn is_awaited(&self) -> bool {
        self.awaited
    }

    /// Octets that wait for a commit.
    pub fn waiting(&self) -> usize {
        self.batch.len()
    }

    /// Why nothing can be confirmed at the moment.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// When [`Journal::commit`] wants to be called though nothing changed.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry.or([self.sync_at, self.company_until].into_iter().flatten().min())
    }

    /// What it did so far.
    pub fn stats(&self) -> Stats {
        let octets = self.len + self.older.iter().map(|(_, len)| len).sum::<u64>();
        Stats { files: 1 + self.older.len() as u64, octets, ..self.stats }
    }

    /// The same as [`Journal::commit`], but acknowledgments alone are left to wait for company, until the deadline.
    pub fn commit_in_time(&mut self, now: Instant, engine: &Engine) -> bool {
        if self.records > 0 && !self.awaited && self.failure.is_none() {
            self.company_until.get_or_insert(now + COMPANY);
            if self.deadline().is_some_and(|due| now < due) {
                return true;
            }
        }
        self.commit(now, engine)
    }

    /// Writes what was told since the last success and brings it to the disk as the settings ask. `true`: all that was
    /// told is as safe as it was to be made, and may be confirmed. `engine` is asked for a snapshot when one is needed.
    pub fn commit(&mut self, now: Instant, engine: &Engine) -> bool {
        if self.retry.is_some_and(|retry| now < retry) {
            return false;
        }
        if let Some(error) = self.syncer.as_ref().and_then(Syncer::failure) {
            self.fail(now, Failure::Sync(error));
        }
        let done = match &self.failure {
            Some(Failure::Sync(_)) => self.renew(engine),
            // No space is left: what is dead in the files may make some.
            Some(Failure::Write(_)) if self.is_mostly_dead(engine, 0) => self.renew(engine),
            _ if self.records == 0 && self.failure.is_none() => Ok(()),
            _ => self.append(now).and_then(|()| self.roll(engine)),
        };
        match done {
            Ok(()) => {
                (self.failure, self.retry) = (None, None);
                self.sync_in_time(now);
                self.failure.is_none()
            }
            Err(failure) => {
                self.fail(now, failure);
                false
            }
        }
    }

    fn fail(&mut self, now: Instant, failure: Failure) {
        self.stats.failures += 1;
        self.retry = Some(now + PATIENCE);
        // A lost fsync is the graver one, and stays.
        if !matches!(self.failure, Some(Failure::Sync(_))) {
            self.failure = Some(failure);
        }
    }

    /// One write and one fsync for the whole batch.
    fn append(&mut self, now: Instant) -> Result<(), Failure> {
        if let Err(error) = write_all(&mut *self.file, &self.batch) {
            // What part of it was written would be read as a torn tail, but more is to follow: cut it off.
            return Err(match self.file.cut(self.len) {
                Ok(()) => Failure::Write(error),
                Err(error) => Failure::Sync(error),
            });
        }
        self.len += self.batch.len() as u64;
        self.stats.commits += 1;
        self.stats.records += self.records;
        self.stats.largest = self.stats.largest.max(self.records);
        self.batch.clear();
        // One round with very much must not cost memory for ever.
        self.batch.shrink_to(1 << 20);
        (self.records, self.awaited, self.company_until) = (0, false, None);
        match self.settings.fsync {
            Fsync::Always => {
                self.stats.syncs += 1;
                self.file.sync().map_err(Failure::Sync)?;
            }
            Fsync::Interval(every) => self.sync_at = self.sync_at.or(Some(now + every)),
            Fsync::Never => {}
        }
        Ok(())
    }

    /// Has the file synced by the other thread, where that is due.
    fn sync_in_time(&mut self, now: Instant) {
        if self.sync_at.is_some_and(|at| now >= at) {
            self.sync_at = None;
            self.stats.syncs += 1;
            match &self.syncer {
                // Where one is waiting already, it will see to what was written up to now.
                Some(syncer) => syncer.ask(),
                // There was no thread to be had.
                None => {
                    if let Err(error) = self.file.sync() {
                        self.fail(now, Failure::Sync(error));
                    }
                }
            }
        }
    }

    /// Whether the files hold more that is gone than what is not, and more than `least` of it.
    fn is_mostly_dead(&self, engine: &Engine, least: u64) -> bool {
        let (messages, octets) = engine.held();
        let live = octets + messages * RECORD + self.beside;
        self.stats().octets.saturating_sub(live) > live.max(least)
    }

    /// Goes on in the next file where this one is full. Where none can be made this one grows on.
    fn roll(&mut self, engine: &Engine) -> Result<(), Failure> {
        if self.len < self.full_at {
            return Ok(());
        }
        self.full_at = self.len + self.settings.segment;
        if self.is_mostly_dead(engine, self.settings.segment) {
            return match self.renew(engine) {
                Err(Failure::Write(_)) => Ok(()),
                renewed => renewed,
            };
        }
        // What was written to the old file under `interval` must not be forgotten with it.
        if self.settings.fsync != Fsync::Never {
            self.file.sync().map_err(Failure::Sync)?;
            // A failure is told once, and the other thread may have been the one to hear of it.
            self.syncer.take().map_or(Ok(()), Syncer::finish).map_err(Failure::Sync)?;
        }
        // Room made in advance that was not used is given back.
        let _ = self.file.cut(self.len);
        self.number += 1;
        match begin(&*self.disk, self.number, self.settings, engine) {
            Ok((file, name, len)) => self.replace(file, name, len),
            // This one grows on.
            Err(_) => self.follow(),
        }
        Ok(())
    }

    /// From now on this is the file that is written.
    fn replace(&mut self, file: Box<dyn Append>, name: Name, len: u64) {
        let old = (std::mem::replace(&mut self.name, name), std::mem::replace(&mut self.len, len));
        self.older.push(old);
        self.file = file;
        self.full_at = self.settings.segment;
        self.follow();
    }

    /// Has the syncing thread look at the present file. Where the system has no thread for it, we sync ourselves.
    fn follow(&mut self) {
        if let Fsync::Interval(_) = self.settings.fsync {
            self.syncer = self.file.again().and_then(Syncer::start).ok();
        }
    }

    /// Goes on in a new file that begins with all that is true now; older files are not needed any more.
    fn renew(&mut self, engine: &Engine) -> Result<(), Failure> {
        self.number += 1;
        let name = Name { number: self.number, salt: entropy::seed() };
        let (file, len) = self.write_snapshot(name, engine).map_err(|error| {
            // It has no name that a crash finds: if it stays, it only takes room.
            let _ = self.disk.remove(name);
            Failure::Write(error)
        })?;
        if let Err(error) = self.disk.publish(name) {
            // A snapshot that a crash may find stands for all that is in older files: also for what would be appended to
            // them from now on. Either it is certainly gone, or nothing counts before the next one.
            return Err(match self.disk.remove(name) {
                Ok(()) => Failure::Write(error),
                Err(_) => Failure::Sync(error),
            });
        }
        self.stats.snapshots += 1;
        self.batch.clear();
        (self.records, self.awaited, self.company_until) = (0, false, None);
        let (messages, octets) = engine.held();
        self.beside = len.saturating_sub(octets + messages * RECORD);
        self.replace(file, name, len);
        // One that cannot be removed now is tried again with the next snapshot; recovery passes it over.
        let disk = &self.disk;
        self.older.retain(|(name, _)| disk.remove(*name).is_err());
        Ok(())
    }

    fn write_snapshot(&mut self, name: Name, engine: &Engine) -> io::Result<(Box<dyn Append>, u64)> {
        let mut file = self.disk.create(name, 0)?;
        let (mut out, mut len) = (Vec::with_capacity(CHUNK), 0);
        Record::encode_segment(&mut out, name.salt, name.number, true);
        for change in engine.snapshot() {
            Record::encode_change(&mut out, name.salt, change);
            if out.len() >= CHUNK {
                write_all(&mut *file, &out)?;
                len += out.len() as u64;
                out.clear();
            }
        }
        write_all(&mut *file, &out)?;
        len += out.len() as u64;
        file.sync()?;
        self.stats.syncs += 1;
        Ok((file, len))
    }

    /// Ends it: what was told is written and brought to the disk, whatever the settings.
    ///
    /// # Errors
    /// [`Failure`]: what was not confirmed may be lost.
    pub fn close(mut self, engine: &Engine) -> Result<Stats, Failure> {
        self.retry = None;
        self.settings.fsync = Fsync::Always;
        if !self.commit(Instant::now(), engine) {
            return Err(self.failure.take().unwrap_or_else(|| Failure::Write(io::Error::other("unknown"))));
        }
        self.file.cut(self.len).map_err(Failure::Write)?;
        self.file.sync().map_err(Failure::Sync)?;
        Ok(self.stats())
    }
}

/// A new file, which a crash finds, with its first record and once more what queues there are.
fn begin(
    disk: &dyn Disk,
    number: u64,
    settings: Settings,
    engine: &Engine,
) -> io::Result<(Box<dyn Append>, Name, u64)> {
    let name = Name { number, salt: entropy::seed() };
    let made = (|| {
        // A disk that has not that much room may still have enough for a while.
        let mut file = disk.create(name, settings.segment).or_else(|_| disk.create(name, 0))?;
        let mut out = Vec::new();
        Record::encode_segment(&mut out, name.salt, number, false);
        for declared in engine.declarations() {
            Record::encode_change(&mut out, name.salt, declared);
        }
        write_all(&mut *file, &out)?;
        file.sync()?;
        disk.publish(name)?;
        Ok((file, name, out.len() as u64))
    })();
    if made.is_err() {
        let _ = disk.remove(name);
    }
    made
}

fn write_all(file: &mut dyn Append, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        match file.write(octets) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => octets = &octets[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
