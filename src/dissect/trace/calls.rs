//! What programs asked of their sockets: which octets of a stream each call took or gave, and how long it waited.

use crate::model::{Call, CallName, Event, Place, Returned, Side, What};
use std::collections::BTreeMap;

/// Calls that are kept at most.
pub(super) const CALLS_MAX: usize = 1 << 16;

/// A `send()` or `recv()` of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) call: CallName,
    /// The first octet, 0 the stream's first, and how many.
    pub(super) from: u64,
    pub(super) len: u64,
    /// 1 the first of its kind on this connection.
    pub(super) nth: u64,
}

impl Moved {
    /// Where the next begins. What a file says of a call may be any number.
    fn end(&self) -> u64 {
        self.from.saturating_add(self.len)
    }
}

/// One side's calls on one connection.
#[derive(Debug, Default)]
pub(super) struct Socket {
    pub(super) sends: Vec<Moved>,
    pub(super) recvs: Vec<Moved>,
    /// Its `close()`.
    pub(super) close: Option<CallName>,
}

impl Socket {
    /// Octets that its program has read.
    pub(super) fn read(&self) -> u64 {
        self.recvs.last().map_or(0, Moved::end)
    }

    /// The call that moved the octet `at`.
    pub(super) fn moving(calls: &[Moved], at: u64) -> Option<&Moved> {
        calls.get(calls.partition_point(|c| c.end() <= at)).filter(|c| c.from <= at)
    }
}

/// The calls that were heard of.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Which connection a descriptor is: the client's port.
    ports: BTreeMap<(Side, i32), u16>,
    sockets: BTreeMap<(Side, u16), Socket>,
    kept: usize,
    any: bool,
}

impl Calls {
    /// Whether any call was told.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    /// Whether no call was left out.
    pub(super) fn complete(&self) -> bool {
        self.kept < CALLS_MAX
    }

    /// The calls of `side` on the connection from the client's port `port`.
    pub(super) fn of(&self, side: Side, port: u16) -> Option<&Socket> {
        self.sockets.get(&(side, port))
    }

    pub(super) fn hear(&mut self, event: &Event) {
        let (Place::Host(side), What::Returned { fd, call, result, took, .. }) = (event.place, &event.what)
        else {
            return;
        };
        self.any = true;
        let name = CallName {
            side,
            name: call.name(),
            event: event.id,
            called: event.at - *took,
            returned: event.at,
        };
        match (call, result) {
            (Call::Connect(_), Ok(Returned::Local(local))) => {
                if let Some(fd) = fd {
                    self.open(side, *fd, local.port());
                }
            }
            (Call::Accept, Ok(Returned::Accepted { fd, peer })) => self.open(side, *fd, peer.port()),
            (Call::Close, _) => {
                let port = fd.and_then(|fd| self.ports.remove(&(side, fd)));
                if let Some(socket) = port.and_then(|port| self.sockets.get_mut(&(side, port))) {
                    socket.close = Some(name);
                }
            }
            (Call::Send { .. } | Call::Recv { .. }, Ok(Returned::Octets(len))) => {
                let port = fd.and_then(|fd| self.ports.get(&(side, fd)));
                if let Some(socket) = port.and_then(|port| self.sockets.get_mut(&(side, *port)))
                    && self.kept < CALLS_MAX
                {
                    self.kept += 1;
                    let list =
                        if matches!(call, Call::Send { .. }) { &mut socket.sends } else { &mut socket.recvs };
                    let from = list.last().map_or(0, Moved::end);
                    list.push(Moved { call: name, from, len: *len as u64, nth: list.len() as u64 + 1 });
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, side: Side, fd: i32, port: u16) {
        if self.sockets.len() < CALLS_MAX {
            self.ports.insert((side, fd), port);
            self.sockets.insert((side, port), Socket::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, Evidence, Heading, Protocol, Time};
    use std::time::Duration;

    #[test]
    fn a_file_may_name_any_number_of_octets() {
        let mut calls = Calls::default();
        let peer = "10.0.0.2:7".parse().unwrap();
        let local = Returned::Local("10.0.0.1:5000".parse().unwrap());
        let mut hear = |call, result| {
            let what =
                What::Returned { fd: Some(3), call, result: Ok(result), took: Duration::MAX, tcp_info: None };
            calls.hear(&Event {
                id: EventId(1),
                cause: None,
                at: Time::ZERO,
                place: Place::Host(Side::Client),
                heading: Heading::Local,
                protocol: Protocol::Sockets,
                what,
                bytes: None,
                evidence: Evidence::Syscall,
                cite: None,
            });
        };
        hear(Call::Connect(peer), local);
        for _ in 0..3 {
            hear(Call::Send { len: 1 }, Returned::Octets(usize::MAX));
        }
        let socket = calls.of(Side::Client, 5000).unwrap();
        assert_eq!(socket.sends.len(), 3);
        assert_eq!(Socket::moving(&socket.sends, 9).map(|moved| moved.nth), Some(1));
        assert_eq!(Socket::moving(&socket.sends, u64::MAX).map(|moved| moved.nth), None);
    }
}
