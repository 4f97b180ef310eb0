//! A thread that does nothing but `fdatasync()`, so that the loop need not wait for it.

use super::disk::Append;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// The thread, and the two ways to it. It ends when this is dropped, after the call that it is in.
pub(super) struct Syncer {
    ask: SyncSender<()>,
    outcome: Receiver<io::Result<()>>,
}

impl Syncer {
    /// Begins, for one file.
    pub(super) fn start(mut file: Box<dyn Append>) -> io::Result<Syncer> {
        let (ask, asked) = sync_channel(1);
        let (tell, outcome) = sync_channel(4);
        thread::Builder::new().name("layerlab-fsync".to_owned()).spawn(move || {
            while let Ok(()) = asked.recv() {
                // A full channel holds older outcomes that nobody has looked at yet, and they say enough.
                let _ = tell.try_send(file.sync());
            }
        })?;
        Ok(Syncer { ask, outcome })
    }

    /// Asks for a sync. Where one is waiting to begin, that one will do.
    pub(super) fn ask(&self) {
        let _ = self.ask.try_send(());
    }

    /// The first failure that nobody has heard of.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.outcome.try_iter().find_map(Result::err)
    }

    /// Ends it, and waits for the call that it is in.
    pub(super) fn finish(self) -> io::Result<()> {
        let Syncer { ask, outcome } = self;
        drop(ask);
        outcome.iter().collect()
    }
}
