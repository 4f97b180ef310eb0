//! Where no frame is seen: the octets that one side's send() took and recv() gave are the two streams.

use super::overheard::Overheard;
use crate::dissect::recent::Recent;
use crate::model::{Backend, Call, Event, Heading, Place, Returned, Side, What};

/// Sockets that are watched at most.
const SOCKETS_MAX: usize = 1024;

/// A side's socket.
type Key = (Side, i32);

/// What a socket carries.
#[derive(Debug)]
enum Socket {
    /// Nothing yet.
    Fresh,
    /// Something else.
    Other,
    /// Something that is read, perhaps; the part that the program plays in it.
    Watched(Overheard, Side),
}

/// The sockets of a run without frames.
#[derive(Debug)]
pub(in crate::dissect) struct Calls {
    on: bool,
    /// The first side that sent or received: the other's calls would tell the same again.
    side: Option<Side>,
    sockets: Recent<Key, Socket>,
}

impl Calls {
    pub(in crate::dissect) fn new() -> Calls {
        Calls { on: false, side: None, sockets: Recent::new(SOCKETS_MAX) }
    }

    /// A run begins: its calls matter where no frames are seen.
    pub(in crate::dissect) fn begin(&mut self, backend: Backend) {
        self.on = matches!(backend, Backend::Loopback | Backend::Network);
    }

    /// Takes an event; gives the steps that it completes, their numbers 0.
    pub(in crate::dissect) fn see(&mut self, event: &Event) -> Vec<Event> {
        let (true, Place::Host(side), What::Returned { fd: Some(fd), call, result: Ok(result), .. }) =
            (self.on, event.place, &event.what)
        else {
            return Vec::new();
        };
        let key = (side, *fd);
        let outward = match (call, result) {
            (Call::Send { .. }, Returned::Octets(_)) => true,
            (Call::Recv { .. }, Returned::Octets(_)) => false,
            (Call::Close, _) => {
                // The number may soon be another socket's.
                self.sockets.remove(&key);
                return Vec::new();
            }
            _ => return Vec::new(),
        };
        let octets = event.bytes.as_ref().map_or(&[][..], |located| &located.bytes);
        if octets.is_empty() || *self.side.get_or_insert(side) != side {
            return Vec::new();
        }
        let socket = self.sockets.obtain(key, |_| true, || Socket::Fresh);
        if let Socket::Fresh = socket {
            let part = if outward { Side::Client } else { Side::Server };
            *socket = Socket::Watched(Overheard::new(side), part);
        }
        let Socket::Watched(overheard, part) = socket else { return Vec::new() };
        let sender = if outward { *part } else { part.other() };
        let mut told = overheard.hear(event.at, sender, octets);
        if !overheard.goes_on() {
            *socket = Socket::Other;
        }
        let heading = Heading::Toward(if outward { side } else { side.other() }.outward());
        for step in &mut told {
            (step.cause, step.heading) = (Some(event.id), heading);
        }
        told
    }
}
