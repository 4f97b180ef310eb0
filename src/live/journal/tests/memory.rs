//! A disk in memory that fails when it is told to, and forgets what was not synced when the machine stops.

use crate::live::journal::{Append, Disk, Name};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::{Arc, Mutex, MutexGuard};

/// How a disk behaves.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Faults {
    /// Of a thousand calls, so many fail.
    pub(super) errors: u64,
    /// Of a thousand writes, so many take only a part.
    pub(super) short: u64,
    /// Of a thousand syncs, so many fail.
    pub(super) sync: u64,
    /// Octets that fit.
    pub(super) room: Option<u64>,
}

#[derive(Clone, Debug)]
struct Contents {
    data: Vec<u8>,
    /// Octets that survive a crash.
    safe: usize,
    /// An fsync failed: the kernel has dropped what it could not write, and will not try again (fsync(2)).
    lost: bool,
    /// The name that is not whole yet.
    new: bool,
    /// What a crash may find of its name.
    named: Named,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Named {
    Never,
    Perhaps,
    Surely,
}

#[derive(Debug)]
pub(super) struct State {
    files: BTreeMap<Name, Contents>,
    /// Removed, but a crash may bring them back.
    ghosts: BTreeMap<Name, Contents>,
    pub(super) faults: Faults,
    rng: ChaCha8Rng,
    /// What was asked of it, by name.
    pub(super) asked: BTreeMap<&'static str, u64>,
    /// The call of that name that fails next, counted from now.
    pub(super) fail: Option<(&'static str, u64)>,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Memory(Arc<Mutex<State>>);

impl State {
    fn dice(&mut self, of_a_thousand: u64) -> bool {
        self.rng.next_u64() % 1000 < of_a_thousand
    }

    fn call(&mut self, name: &'static str) -> io::Result<()> {
        *self.asked.entry(name).or_default() += 1;
        if let Some((wanted, left)) = &mut self.fail
            && *wanted == name
        {
            if *left == 0 {
                self.fail = None;
                return Err(io::Error::other(format!("told to fail: {name}")));
            }
            *left -= 1;
        }
        let rate = if name == "sync" { self.faults.sync } else { self.faults.errors };
        if self.dice(rate) { Err(io::Error::other(format!("by chance: {name}"))) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.files.values().map(|file| file.data.len() as u64).sum()
    }

    fn left(&self) -> u64 {
        self.faults.room.map_or(u64::MAX, |room| room.saturating_sub(self.used()))
    }

    fn file(&mut self, name: Name) -> io::Result<&mut Contents> {
        self.files.get_mut(&name).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Memory {
    pub(super) fn new(seed: u64) -> Memory {
        Memory(Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            faults: Faults::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            asked: BTreeMap::new(),
            fail: None,
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with it in hand")
    }

    pub(super) fn used(&self) -> u64 {
        self.state().used()
    }

    /// The machine stops, and comes back with a disk that works. What was synced is there, and of the rest any prefix, and
    /// zeros where room was made.
    pub(super) fn crash(&self) -> Memory {
        let mut state = self.state();
        let seed = state.rng.next_u64();
        let after = Memory::new(seed);
        let mut names: Vec<(Name, Contents)> = state.files.iter().map(|(n, c)| (*n, c.clone())).collect();
        names.extend(state.ghosts.iter().map(|(n, c)| (*n, c.clone())));
        for (name, mut file) in names {
            let named = match file.named {
                Named::Never => false,
                Named::Perhaps => state.dice(500),
                Named::Surely => true,
            };
            if !named {
                continue;
            }
            let more = (file.data.len() - file.safe) as u64;
            let kept = file.safe + (state.rng.next_u64() % (more + 1)) as usize;
            file.data.truncate(kept);
            if state.dice(300) {
                file.data.extend_from_slice(&[0; 100]);
            }
            (file.safe, file.new, file.named, file.lost) = (file.data.len(), false, Named::Surely, false);
            after.state().files.insert(name, file);
        }
        after
    }

    /// The process is killed: what it wrote is there, and what it renamed and removed too.
    pub(super) fn kill(&self) -> Memory {
        let mut state = self.state();
        let seed = state.rng.next_u64();
        let after = Memory::new(seed);
        after.state().files = state.files.clone();
        after.state().files.retain(|_, file| !file.new);
        after
    }

    pub(super) fn flip(&self, nth: usize, at: usize) {
        let mut state = self.state();
        let file = state.files.values_mut().nth(nth).expect("so many files");
        file.data[at] ^= 1;
    }

    pub(super) fn sizes(&self) -> Vec<usize> {
        self.state().files.values().map(|file| file.data.len()).collect()
    }
}

struct Open {
    disk: Memory,
    name: Name,
}

impl Append for Open {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.call("write")?;
        let mut take = octets.len();
        if take > 1 && state.faults.short > 0 && {
            let rate = state.faults.short;
            state.dice(rate)
        } {
            take = 1 + (state.rng.next_u64() % (take as u64 - 1)) as usize;
        }
        let left = state.left();
        if left == 0 && take > 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        take = take.min(usize::try_from(left).unwrap_or(usize::MAX));
        state.file(self.name)?.data.extend_from_slice(&octets[..take]);
        Ok(take)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.call("cut")?;
        let file = state.file(self.name)?;
        file.data.truncate(len as usize);
        file.safe = file.safe.min(len as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let done = state.call("sync");
        let file = state.file(self.name)?;
        match done {
            Ok(()) if !file.lost => file.safe = file.data.len(),
            Ok(()) => {}
            Err(_) => file.lost = true,
        }
        done
    }

    fn again(&self) -> io::Result<Box<dyn Append>> {
        self.disk.state().call("again")?;
        Ok(Box::new(Open { disk: self.disk.clone(), name: self.name }))
    }
}

impl Disk for Memory {
    fn list(&self) -> io::Result<Vec<Name>> {
        Ok(self.state().files.iter().filter(|(_, file)| !file.new).map(|(name, _)| *name).collect())
    }

    fn read(&self, name: Name) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(Cursor::new(self.state().file(name)?.data.clone())))
    }

    fn create(&self, name: Name, _: u64) -> io::Result<Box<dyn Append>> {
        let mut state = self.state();
        state.call("create")?;
        assert!(!state.files.contains_key(&name), "a name is given once");
        let contents = Contents { data: Vec::new(), safe: 0, lost: false, new: true, named: Named::Never };
        state.files.insert(name, contents);
        Ok(Box::new(Open { disk: self.clone(), name }))
    }

    fn publish(&self, name: Name) -> io::Result<()> {
        let mut state = self.state();
        state.call("rename")?;
        let file = state.file(name)?;
        (file.new, file.named) = (false, Named::Perhaps);
        state.call("names")?;
        state.file(name)?.named = Named::Surely;
        Ok(())
    }

    fn remove(&self, name: Name) -> io::Result<()> {
        let mut state = self.state();
        state.call("remove")?;
        if let Some(file) = state.files.remove(&name)
            && file.named != Named::Never
        {
            state.ghosts.insert(name, Contents { named: Named::Perhaps, ..file });
        }
        state.call("names")?;
        // All names are on the disk as they are now.
        state.ghosts.clear();
        for file in state.files.values_mut().filter(|file| !file.new) {
            file.named = Named::Surely;
        }
        Ok(())
    }

    fn cut(&self, name: Name, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.call("cut")?;
        let file = state.file(name)?;
        file.data.truncate(len as usize);
        file.safe = file.data.len();
        Ok(())
    }
}
