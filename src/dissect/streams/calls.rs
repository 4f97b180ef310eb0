//! Where no frame is seen: the octets that one side's send() took and recv() gave are the two streams, and each of its
//! sendto() and recvfrom() is a datagram.

use super::overheard::{self, Overheard};
use super::reader::Told;
use crate::dissect::recent::Recent;
use crate::model::queue::Carrier;
use crate::model::{Backend, Call, Event, Heading, Place, Returned, Side, What};
use crate::stack::l7_application::queue::{Observer, observer::is_frame};
use std::net::SocketAddr;

/// Sockets that are watched at most.
const SOCKETS_MAX: usize = 1024;
/// Conversations in datagrams that are remembered at most.
const TALKS_MAX: usize = 64;

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
    /// Conversations in datagrams, by the socket and the other end.
    talks: Recent<(Key, SocketAddr), Box<Observer>>,
}

impl Calls {
    pub(in crate::dissect) fn new() -> Calls {
        Calls { on: false, side: None, sockets: Recent::new(SOCKETS_MAX), talks: Recent::new(TALKS_MAX) }
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
        let (outward, peer) = match (call, result) {
            (Call::Send { .. }, Returned::Octets(_)) => (true, None),
            (Call::Recv { .. }, Returned::Octets(_)) => (false, None),
            (Call::SendTo { to, .. }, Returned::Octets(_)) => (true, Some(*to)),
            (Call::RecvFrom { .. }, Returned::Datagram { from, truncated_from: None, .. }) => {
                (false, Some(*from))
            }
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
        if let Some(peer) = peer {
            return self.datagram((key, peer), outward, octets, event).into_iter().collect();
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
    /// What a datagram says, where it is a queue's.
    fn datagram(
        &mut self,
        key: (Key, SocketAddr),
        outward: bool,
        octets: &[u8],
        event: &Event,
    ) -> Option<Event> {
        if self.talks.get_mut(&key).is_none() && !is_frame(octets) {
            return None;
        }
        let talk = self.talks.obtain(key, |_| true, || Box::new(Observer::new(false, true)));
        // Who is the client, the frames' types say.
        let side = if outward { Side::Client } else { Side::Server };
        let at = 0..octets.len() as u64;
        let seen = talk.datagram(side, octets, at.clone(), (event.at, None));
        let ((place, _), told) = (key.0, Told::Queue(Box::new(seen), Carrier::Udp));
        let heading = Heading::Toward(if outward { place } else { place.other() }.outward());
        let step = overheard::event(place, event.at, (side, at, told));
        Some(Event { cause: Some(event.id), heading, ..step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, Evidence, Located, Protocol, Time};
    use crate::stack::l7_application::queue::Message;
    use std::time::Duration;

    fn returned(call: Call, result: Returned, bytes: Vec<u8>) -> Event {
        let what =
            What::Returned { fd: Some(3), call, result: Ok(result), took: Duration::ZERO, tcp_info: None };
        Event {
            id: EventId(9),
            cause: None,
            at: Time::ZERO,
            place: Place::Host(Side::Server),
            heading: Heading::Local,
            protocol: Protocol::Sockets,
            what,
            bytes: Some(Located { bytes: bytes.into(), headers: Vec::new() }),
            evidence: Evidence::Syscall,
            cite: None,
        }
    }

    #[test]
    fn each_datagram_of_a_queue_is_told() {
        let mut calls = Calls::new();
        calls.begin(Backend::Network);
        let peer: SocketAddr = "10.0.0.1:5000".parse().unwrap();
        let [mut hello, mut welcome] = [const { Vec::new() }; 2];
        Message::Hello { client: "c", token: "" }.encode(&mut hello);
        Message::Welcome { server: "s", max_payload: 9, idle_ms: 0 }.encode(&mut welcome);
        let came = |len: usize| Returned::Datagram { len, from: peer, truncated_from: None };
        let mut see = |call, result, bytes: &[u8]| -> Vec<(Side, Heading)> {
            let step = |event: Event| match event.what {
                What::Queue(seen) => {
                    assert_eq!((event.cause, seen.carrier), (Some(EventId(9)), Carrier::Udp));
                    (seen.sender, event.heading)
                }
                other => panic!("{other:?}"),
            };
            calls.see(&returned(call, result, bytes.to_vec())).into_iter().map(step).collect()
        };
        let recv = Call::RecvFrom { size: 100 };
        assert_eq!(see(recv.clone(), came(4), b"else"), []);
        let to_server = Heading::Toward(Side::Client.outward());
        assert_eq!(see(recv, came(hello.len()), &hello), [(Side::Client, to_server)]);
        let send = Call::SendTo { len: welcome.len(), to: peer };
        let to_client = Heading::Toward(Side::Server.outward());
        assert_eq!(see(send, Returned::Octets(welcome.len()), &welcome), [(Side::Server, to_client)]);
    }
}
