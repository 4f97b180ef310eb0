//! Clients that send datagrams: known by their address, forgotten when they are silent.
//!
//! An address is easily forged. So an unknown one gets an answer only to a good HELLO, and one no longer than what it
//! sent is likely to be; and no more than [`MOST`] are known at once.

use super::core::{Core, Who};
use super::hub::Counts;
use super::party::{Party, Then};
use crate::live::serve::{Step, Watch, number};
use crate::model::{Call, Returned};
use crate::stack::l7_application::framing::{self, HEADER, Header, MAX_DATAGRAM_PAYLOAD};
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::engine::ConsumerId;
use crate::stack::l7_application::queue::message::Message;
use crate::stack::l7_application::queue::session::Farewell;
use mio::net::UdpSocket;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Addresses known at once.
pub(super) const MOST: usize = 4096;
/// Datagrams taken in one turn.
const TURN: usize = 1024;
/// How long a silent address is known where the server itself never tires.
const PATIENCE: Duration = Duration::from_secs(300);

struct Known {
    party: Party,
    address: SocketAddr,
    heard: Instant,
}

/// The socket, and who is known.
pub(super) struct Datagrams {
    socket: UdpSocket,
    known: Vec<Option<Known>>,
    free: Vec<usize>,
    places: HashMap<SocketAddr, usize>,
    buffer: Box<[u8]>,
    /// There may be more than the last turn took.
    more: bool,
    /// Who asked for a report.
    pub(super) asking: Vec<Who>,
}

impl Datagrams {
    pub(super) fn new(socket: UdpSocket) -> Datagrams {
        let buffer = vec![0; 65_536].into_boxed_slice();
        Datagrams {
            socket,
            known: Vec::new(),
            free: Vec::new(),
            places: HashMap::new(),
            buffer,
            more: false,
            asking: Vec::new(),
        }
    }

    pub(super) fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    /// Whether the last turn left something.
    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    pub(super) fn parties(&self) -> impl Iterator<Item = &Party> {
        self.known.iter().flatten().map(|known| &known.party)
    }

    pub(super) fn at(&self, place: usize) -> Option<&Party> {
        self.known.get(place).and_then(Option::as_ref).map(|known| &known.party)
    }

    /// The server stops: says so to everybody.
    pub(super) fn farewell<W: Watch>(&mut self, core: &mut Core, watch: &mut W) {
        for known in self.known.iter_mut().flatten() {
            known.party.end(&Farewell::new(Code::GoingAway, "the server is being stopped"), core);
        }
        self.send(core, watch);
    }

    pub(super) fn party(&mut self, place: usize) -> Option<&mut Party> {
        self.known.get_mut(place).and_then(Option::as_mut).map(|known| &mut known.party)
    }

    /// Takes what has come. Gives consumers of other clients that are gone with their queues.
    pub(super) fn receive<W: Watch>(
        &mut self,
        now: Instant,
        core: &mut Core,
        counts: &mut Counts,
        watch: &mut W,
    ) -> Vec<(Who, ConsumerId)> {
        let mut gone = Vec::new();
        self.more = true;
        for _ in 0..TURN {
            let began = watch.now();
            let Ok((got, from)) = self.socket.recv_from(&mut self.buffer) else {
                self.more = false;
                break;
            };
            let octets = &self.buffer[..got];
            watch.returned(None, || Step {
                octets,
                ..Step::plain(
                    number(&self.socket),
                    Call::RecvFrom { size: 65_536 },
                    Ok(Returned::Datagram { len: got, from, truncated_from: None }),
                    began,
                )
            });
            let cap = core.max_payload.min(MAX_DATAGRAM_PAYLOAD);
            let frame = framing::whole(octets, cap);
            let message = frame.ok().and_then(|frame| Message::decode(&frame).ok());
            let Some(message) = message else {
                // A datagram stands alone: a bad one says nothing of the next.
                counts.bad_datagrams += 1;
                continue;
            };
            counts.frames += 1;
            counts.published += u64::from(matches!(message, Message::Publish { .. }));
            let place = match self.places.get(&from) {
                Some(place) => *place,
                None if matches!(message, Message::Hello { .. }) && self.places.len() < MOST => {
                    let place = self.free.pop().unwrap_or(self.known.len());
                    let known = Known { party: Party::new(Who::Address(place)), address: from, heard: now };
                    if place == self.known.len() {
                        self.known.push(Some(known));
                    } else {
                        self.known[place] = Some(known);
                    }
                    self.places.insert(from, place);
                    place
                }
                None => {
                    counts.bad_datagrams += 1;
                    continue;
                }
            };
            if let Some(known) = self.known[place].as_mut() {
                known.heard = now;
                if let Then::Gone(consumers) = known.party.hear(message, core) {
                    gone.extend(consumers);
                }
                if !known.party.asked.is_empty() {
                    self.asking.push(Who::Address(place));
                }
            }
        }
        gone
    }

    /// Makes deliveries again that nobody acknowledged, and forgets who is silent.
    pub(super) fn tick(&mut self, now: Instant, core: &mut Core) {
        let patience = core.idle.unwrap_or(PATIENCE);
        let time = core.now();
        for known in self.known.iter_mut().flatten() {
            if known.party.session.deadline().is_some_and(|due| due <= time) {
                core.lend(|house| known.party.session.tick(house));
            }
            if !known.party.over && now.saturating_duration_since(known.heard) >= patience {
                known.party.end(&Farewell::new(Code::Idle, "nothing was heard for too long"), core);
            }
        }
    }

    pub(super) fn confirm(&mut self) {
        for known in self.known.iter_mut().flatten() {
            known.party.session.confirm(&mut known.party.out);
        }
    }

    /// Sends what waits, a frame a datagram. What the kernel does not take is lost, as any datagram may be.
    pub(super) fn send<W: Watch>(&mut self, core: &mut Core, watch: &mut W) {
        for place in 0..self.known.len() {
            let Some(known) = self.known[place].as_mut() else { continue };
            let mut rest = &known.party.out[..];
            while let Some(head) = rest.first_chunk::<HEADER>()
                && let Ok(header) = Header::parse(head, framing::MAX_PAYLOAD)
                && let Some((frame, behind)) = rest.split_at_checked(header.frame_len())
            {
                let (to, began) = (known.address, watch.now());
                let sent = self.socket.send_to(frame, to);
                watch.returned(None, || Step {
                    octets: frame,
                    ..Step::plain(
                        number(&self.socket),
                        Call::SendTo { len: frame.len(), to },
                        sent.as_ref().map(|taken| Returned::Octets(*taken)),
                        began,
                    )
                });
                rest = behind;
            }
            known.party.out.clear();
            if !known.party.paused.is_empty() {
                known.party.unblock(core);
                self.more = true;
            }
            if known.party.over {
                let address = known.address;
                self.known[place] = None;
                self.free.push(place);
                self.places.remove(&address);
            }
        }
    }

    pub(super) fn deadline(&self, core: &Core) -> Option<Instant> {
        if self.more {
            return Some(Instant::now());
        }
        let due = self.parties().filter_map(|party| party.session.deadline()).min();
        due.map(|at| core.instant(at))
    }
}
