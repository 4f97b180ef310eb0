//! The few things that a journal asks of a disk, and the real one: a directory.
//!
//! Files are named by number and salt, `0000000001-89abcdef01234567.journal`; one that is not whole yet ends in `.new`, and
//! means nothing after a crash. `lock` keeps a second server out.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// A journal file's name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Name {
    /// Its place in the order.
    pub number: u64,
    /// What its records bear.
    pub salt: u64,
}

impl Name {
    fn file(self) -> String {
        format!("{:010}-{:016x}.journal", self.number, self.salt)
    }

    fn parse(file: &str) -> Option<Name> {
        let (number, salt) = file.strip_suffix(".journal")?.split_once('-')?;
        let name = Name { number: number.parse().ok()?, salt: u64::from_str_radix(salt, 16).ok()? };
        (name.file() == file).then_some(name)
    }
}

/// An open file that is only appended to.
pub trait Append: Send {
    /// Writes some octets behind the last; how many.
    ///
    /// # Errors
    /// The disk is full, or failed.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize>;

    /// Cuts the file to `len` octets; the next are written there.
    ///
    /// # Errors
    /// The disk failed.
    fn cut(&mut self, len: u64) -> io::Result<()>;

    /// Returns when all that was written is on the disk.
    ///
    /// # Errors
    /// The disk failed. What was written since the last success may be lost, *also* where a later call succeeds
    /// (fsync(2), "Errors"): the file is not to be trusted any more.
    fn sync(&mut self) -> io::Result<()>;

    /// A second handle of the same file, for a thread that only syncs.
    ///
    /// # Errors
    /// The system has no more descriptors.
    fn again(&self) -> io::Result<Box<dyn Append>>;
}

/// Where a journal's files are.
pub trait Disk: Send {
    /// All whole files, by number.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self) -> io::Result<Vec<Name>>;

    /// A file's octets.
    ///
    /// # Errors
    /// It cannot be opened.
    fn read(&self, name: Name) -> io::Result<Box<dyn Read>>;

    /// Makes a file that is not whole yet, with room for `room` octets where that can be made in advance.
    ///
    /// # Errors
    /// The disk is full, or failed.
    fn create(&self, name: Name, room: u64) -> io::Result<Box<dyn Append>>;

    /// The file is whole: from now on a crash finds it.
    ///
    /// # Errors
    /// The disk failed.
    fn publish(&self, name: Name) -> io::Result<()>;

    /// Removes a file. One that is gone already is no failure.
    ///
    /// # Errors
    /// The disk failed.
    fn remove(&self, name: Name) -> io::Result<()>;

    /// Cuts a whole file to `len` octets.
    ///
    /// # Errors
    /// The disk failed.
    fn cut(&self, name: Name, len: u64) -> io::Result<()>;
}

/// A directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Held while the journal is open. The kernel drops the lock when the process ends, however it ends.
    _lock: File,
}

/// Why a directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Another server has it.
    #[error("{} is in use by another server: stop that one, or choose another directory", .0.display())]
    InUse(PathBuf),
    /// It cannot be made, opened or locked.
    #[error("{} cannot be used for a journal: {source}", .path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Directory {
    /// Makes the directory if it is not there, and takes it for ourselves. What an unfinished file left is removed.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn open(path: &Path) -> Result<Directory, Unusable> {
        let failed = |source| Unusable::Io { path: path.into(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Unusable::InUse(path.into())),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().ends_with(".journal.new") {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(Directory { path: path.into(), _lock: lock })
    }

    /// Reads a directory's files without taking it: another server may be writing them.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn peek(path: &Path) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.extend(Name::parse(&entry?.file_name().to_string_lossy()));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn file(&self, name: Name) -> PathBuf {
        self.path.join(name.file())
    }

    fn unfinished(&self, name: Name) -> PathBuf {
        self.path.join(name.file() + ".new")
    }

    /// Makes what was done to names survive a crash.
    fn sync_names(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<Name>> {
        Directory::peek(&self.path)
    }

    fn read(&self, name: Name) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(self.file(name))?))
    }

    fn create(&self, name: Name, room: u64) -> io::Result<Box<dyn Append>> {
        let path = self.unfinished(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let reserved = reserve(&file, room);
        if let Err(error) = reserved {
            drop(file);
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(Box::new(Appended { file }))
    }

    fn publish(&self, name: Name) -> io::Result<()> {
        fs::rename(self.unfinished(name), self.file(name))?;
        self.sync_names()
    }

    fn remove(&self, name: Name) -> io::Result<()> {
        for path in [self.file(name), self.unfinished(name)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync_names()
    }

    fn cut(&self, name: Name, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.file(name))?;
        file.set_len(len)?;
        file.sync_all()
    }
}

/// Makes room in advance: an `fdatasync()` in it need not write down that the file has grown. Where the system or its
/// file system knows no such thing, the file just grows.
fn reserve(file: &File, room: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if room > 0
        && let Err(error) = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, room)
        && error == rustix::io::Errno::NOSPC
    {
        return Err(error.into());
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, room);
    Ok(())
}

struct Appended {
    file: File,
}

impl Append for Appended {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.file.write(octets)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        use std::io::Seek;
        self.file.set_len(len)?;
        self.file.seek(io::SeekFrom::Start(len)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn again(&self) -> io::Result<Box<dyn Append>> {
        Ok(Box::new(Appended { file: self.file.try_clone()? }))
    }
}
