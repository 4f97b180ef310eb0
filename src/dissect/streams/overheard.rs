//! One connection of a program of ours, by the octets that it sent and received, in the clear where it speaks TLS.

use super::reader::{Found, Reader};
use super::watch::Watch;
use super::what;
use crate::model::{Event, EventId, Evidence, Heading, Place, Side, Time};

/// Reads what both streams carry.
#[derive(Debug)]
pub struct Overheard {
    /// `None` once it is nothing that is read here.
    reader: Option<Reader>,
    place: Side,
}

impl Overheard {
    /// What the program on this side says and hears.
    pub const fn new(place: Side) -> Overheard {
        Overheard { reader: Some(Reader::new(true)), place }
    }

    /// It asks for an upgrade, and payloads are told up to so many octets, not 256.
    #[must_use]
    pub fn telling(self, octets: usize) -> Overheard {
        Overheard { reader: Some(Reader::Web(Box::new(Watch::new(octets)))), ..self }
    }

    /// Whether it is worth listening on.
    pub(super) const fn goes_on(&self) -> bool {
        self.reader.is_some()
    }

    /// The next octets of `sender`'s stream; gives the steps that are whole with them, their numbers 0.
    pub fn hear(&mut self, at: Time, sender: Side, octets: &[u8]) -> Vec<Event> {
        let mut found = Vec::new();
        if self.reader.as_mut().is_some_and(|reader| !reader.feed(sender, octets, (None, at), &mut found)) {
            self.reader = None;
        }
        found.into_iter().map(|found| event(self.place, at, found)).collect()
    }
}

/// A step of a call's octets; its number is 0.
pub(super) fn event(place: Side, at: Time, (sender, lies, told): Found) -> Event {
    let (protocol, what) = what((sender, told), lies, None, |_| None);
    Event {
        id: EventId(0),
        cause: None,
        at,
        place: Place::Host(place),
        heading: Heading::Toward(sender.outward()),
        protocol,
        what,
        bytes: None,
        evidence: Evidence::Syscall,
        cite: None,
    }
}
