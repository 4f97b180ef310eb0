//! The server's work: clients' frames to the engine, its messages to clients, and between them the journal.
//!
//! Every batch of events ends with [`Service::settle`]: one commit for all that was published and acknowledged, then the
//! confirmations and deliveries that it allows, then the sending. So nothing is confirmed or handed out that a crash could
//! undo, and a batch costs one `fdatasync()`. While the disk fails nothing new is stored and nothing confirmed, but what is
//! held is handed out at least once: its acknowledgment may be what makes room.

use super::carrier::{Carrier, Heard};
use super::core::{Core, Who};
use super::datagrams::Datagrams;
use super::party::{Party, Then};
use super::report;
use crate::live::serve::Watch;
use crate::live::serve::reactor::{Next, Service, TURN, Why};
use crate::live::serve::stream::{Stream, Tally};
use crate::stack::l7_application::framing::MAX_DATAGRAM_PAYLOAD;
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::engine::{Change, ConsumerId, Mode};
use crate::stack::l7_application::queue::message::{Message, kind};
use crate::stack::l7_application::queue::session::Farewell;
use mio::net::UdpSocket;
use std::io;
use std::time::{Duration, Instant};

/// Octets of deliveries that one client is given before the others.
const HANDFUL: usize = 256 << 10;
/// The same when all together hold the budget.
const MEAGRE: usize = 4 << 10;
/// Octets that wait for a commit, from which on nothing more is read before it.
const BATCH: usize = 8 << 20;
/// How long a connection may be open without HELLO.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// How long a client whose session is over may take to end its direction.
const LINGER: Duration = Duration::from_secs(2);
/// How often connections are looked at by the clock.
const SWEEP: Duration = Duration::from_millis(500);

/// What was counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Counts {
    pub(super) frames: u64,
    pub(super) published: u64,
    pub(super) delivered: u64,
    pub(super) faults: u64,
    pub(super) silent: u64,
    pub(super) bad_datagrams: u64,
}

/// A TCP connection.
pub(super) struct Connection {
    stream: Stream,
    seat: usize,
    carrier: Carrier,
    opened: Instant,
    /// Reading must go on until `EAGAIN`: an edge was not followed.
    drain: bool,
    /// The peer's direction has ended.
    ended: bool,
    /// Ours has; the peer's end is awaited until then.
    closing: Option<Instant>,
}

/// The service.
pub(super) struct Hub {
    pub(super) core: Core,
    pub(super) tally: Tally,
    pub(super) counts: Counts,
    parties: Vec<Option<Party>>,
    pub(super) datagrams: Option<Datagrams>,
    /// Seats for which something waits: octets, or a confirmation.
    dirty: Vec<usize>,
    buffer: Box<[u8]>,
    /// Consumers who get nothing while the journal cannot be written.
    held_back: Vec<ConsumerId>,
    /// Clients that asked for a report.
    asking: Vec<Who>,
    /// Clients for whom something waits that must be written down first: see [`Party::unsure`].
    unsure: Vec<Who>,
    /// Something was done behind the round's commit, or consumers wait for their turn: another round, though nothing
    /// new will come.
    more: bool,
    stopping: bool,
}

impl Hub {
    pub(super) fn new(core: Core, datagrams: Option<Datagrams>, budget: usize) -> Hub {
        Hub {
            core,
            tally: Tally { budget, ..Tally::default() },
            counts: Counts::default(),
            parties: Vec::new(),
            datagrams,
            dirty: Vec::new(),
            held_back: Vec::new(),
            asking: Vec::new(),
            unsure: Vec::new(),
            buffer: vec![0; 256 << 10].into_boxed_slice(),
            more: false,
            stopping: false,
        }
    }

    fn party(&mut self, who: Who) -> Option<&mut Party> {
        match who {
            Who::Seat(seat) => self.parties.get_mut(seat).and_then(Option::as_mut),
            Who::Address(place) => self.datagrams.as_mut().and_then(|d| d.party(place)),
        }
    }

    /// What a client calls itself.
    fn name(&self, who: Who) -> Option<String> {
        let party = match who {
            Who::Seat(seat) => self.parties.get(seat).and_then(Option::as_ref),
            Who::Address(place) => self.datagrams.as_ref().and_then(|d| d.at(place)),
        };
        party.and_then(|party| party.session.client()).map(str::to_owned)
    }

    /// These consumers are gone with their queues.
    fn forget(&mut self, gone: Vec<(Who, ConsumerId)>) {
        for (who, consumer) in gone {
            if let Some(party) = self.party(who) {
                party.forget(consumer);
                if let Who::Seat(seat) = who {
                    self.dirty.push(seat);
                }
            }
        }
    }

    /// Hands out what can be handed out.
    fn pump(&mut self) {
        let now = self.core.now();
        // What is not written down may be undone by a crash: a message, and that it was handed out.
        let stopped = self.core.journal.as_ref().is_some_and(|journal| journal.failure().is_some());
        let handful = if self.tally.held > self.tally.budget { MEAGRE } else { HANDFUL };
        while let Some(consumer) = self.core.engine.take_ready() {
            let Some(owner) = self.core.owners.get(&consumer).copied() else {
                self.core.engine.pause(consumer);
                continue;
            };
            let Core { engine, journal, .. } = &mut self.core;
            let party = match owner.who {
                Who::Seat(seat) => self.parties.get_mut(seat).and_then(Option::as_mut),
                Who::Address(place) => self.datagrams.as_mut().and_then(|d| d.party(place)),
            };
            let Some(party) = party else {
                engine.pause(consumer);
                continue;
            };
            if stopped {
                engine.pause(consumer);
                self.held_back.push(consumer);
                continue;
            }
            if party.blocked || party.out.len() >= handful {
                engine.pause(consumer);
                party.paused.push(consumer);
                continue;
            }
            let mut tell = |change: Change<'_>| {
                if let Some(journal) = journal.as_mut() {
                    journal.tell(change);
                }
            };
            if let Some(delivery) = engine.next(consumer, &mut tell) {
                if party.out.is_empty()
                    && let Who::Seat(seat) = owner.who
                {
                    self.dirty.push(seat);
                }
                if owner.mode == Mode::AtMostOnce && party.unsure.is_none() {
                    party.unsure = Some(party.out.len());
                    self.unsure.push(owner.who);
                }
                party.session.deliver(now, owner.subscription, owner.mode, &delivery, &mut party.out);
                self.counts.delivered += 1;
            }
        }
    }

    /// Deliveries that are made at most once go out where it has been written that they were made. Else they are lost, and
    /// their client is told to come back: the engine has forgotten them.
    fn make_sure(&mut self, written: bool) {
        for who in std::mem::take(&mut self.unsure) {
            let party = match who {
                Who::Seat(seat) => self.parties.get_mut(seat).and_then(Option::as_mut),
                Who::Address(place) => self.datagrams.as_mut().and_then(|d| d.party(place)),
            };
            if let Some(party) = party {
                party.settle(written, &mut self.core);
            }
        }
    }

    /// Answers who asked what is here.
    fn report(&mut self) {
        if let Some(datagrams) = &mut self.datagrams {
            self.asking.append(&mut datagrams.asking);
        }
        for who in std::mem::take(&mut self.asking) {
            let Some(party) = self.party(who) else { continue };
            for (request, queue) in std::mem::take(&mut party.asked) {
                let Some(user) = self.party(who).and_then(|party| party.session.user().cloned()) else {
                    break;
                };
                let json = report::json(&self.core, queue, &user, |who| self.name(who));
                let fits = matches!(who, Who::Seat(_)) || json.len() + 4 <= MAX_DATAGRAM_PAYLOAD as usize;
                let answer = if fits {
                    Message::Report { request, json: &json }
                } else {
                    let (code, reason) =
                        (Code::TooLarge, "this does not fit in a datagram: ask for one queue, or over TCP");
                    Message::Refused { what: kind::INSPECT, number: request.into(), code, reason }
                };
                if let Some(party) = self.party(who) {
                    answer.encode(&mut party.out);
                }
            }
            if let Who::Seat(seat) = who {
                self.dirty.push(seat);
            }
        }
    }

    /// Reads what has come, until there is no more or the turn is over.
    fn read<W: Watch>(&mut self, it: &mut Connection, watch: &mut W) -> io::Result<Next> {
        for _ in 0..TURN {
            // Where no commit is possible nothing big waits: what is published is refused.
            if self.core.journal.as_ref().is_some_and(|j| j.waiting() >= BATCH && j.failure().is_none()) {
                return Ok(Next::Again);
            }
            let room = self.tally.room(self.buffer.len());
            let Some(got) = it.stream.receive(&mut self.buffer[..room], &mut self.tally, watch)? else {
                it.drain = false;
                return Ok(Next::Wait);
            };
            let seat = it.seat;
            let Some(party) = self.parties.get_mut(seat).and_then(Option::as_mut) else {
                return Ok(Next::Close);
            };
            if got == 0 {
                it.ended = true;
                if !party.over {
                    party.leave(&mut self.core);
                }
                self.dirty.push(seat);
                self.more = true;
                return Ok(if it.closing.is_some() { Next::Close } else { Next::Wait });
            }
            let (core, counts) = (&mut self.core, &mut self.counts);
            let mut gone = Vec::new();
            let now = core.now();
            it.carrier.hear(now, &self.buffer[..got], |heard| match heard {
                Heard::Message(message) => {
                    counts.frames += 1;
                    counts.published += u64::from(matches!(message, Message::Publish { .. }));
                    if let Then::Gone(consumers) = party.hear(message, core) {
                        gone.extend(consumers);
                    }
                }
                Heard::Fault(farewell) => {
                    counts.faults += u64::from(!party.over);
                    party.end(&farewell, core);
                }
                Heard::Gone => {
                    if !party.over {
                        party.leave(core);
                    }
                }
            });
            if !party.asked.is_empty() {
                self.asking.push(Who::Seat(seat));
            }
            // Also what is only waiting for the commit.
            self.dirty.push(seat);
            self.more = true;
            self.forget(gone);
            if got < room && !it.drain && cfg!(unix) {
                return Ok(Next::Wait);
            }
        }
        Ok(Next::Again)
    }

    /// Sends what waits. Whether all of it went.
    fn send<W: Watch>(&mut self, it: &mut Connection, watch: &mut W) -> io::Result<bool> {
        if it.stream.held() > 0 {
            if !it.stream.flush(&mut self.tally, watch)? {
                return Ok(false);
            }
            // Edges that came while nothing was read are gone: look for oneself.
            it.drain = true;
        }
        let Some(party) = self.parties.get_mut(it.seat).and_then(Option::as_mut) else { return Ok(true) };
        let octets = it.carrier.wrap(self.core.now(), &party.out, party.over);
        let all = octets.is_empty() || it.stream.send(octets, &mut self.tally, watch)?;
        it.carrier.sent(&mut party.out);
        if !all {
            party.blocked = true;
            return Ok(false);
        }
        if party.blocked || !party.paused.is_empty() {
            party.unblock(&mut self.core);
            self.more = true;
        }
        Ok(true)
    }
}

impl Service for Hub {
    type Connection = Connection;

    fn open(&mut self, stream: Stream, seat: usize, opened: Instant) -> Connection {
        if seat >= self.parties.len() {
            self.parties.resize_with(seat + 1, || None);
        }
        self.parties[seat] = Some(Party::new(Who::Seat(seat)));
        let carrier = Carrier::new(stream.door, self.core.now(), self.core.max_payload);
        Connection { stream, seat, carrier, opened, drain: false, ended: false, closing: None }
    }

    fn drive<W: Watch>(&mut self, it: &mut Connection, why: Why, watch: &mut W) -> io::Result<Next> {
        it.drain |= why.drain;
        if !self.send(it, watch)? {
            return Ok(Next::Wait);
        }
        let Some(party) = self.parties.get(it.seat).and_then(Option::as_ref) else { return Ok(Next::Close) };
        if (party.over || it.carrier.is_over()) && it.closing.is_none() && !party.session.is_unconfirmed() {
            if it.ended {
                return Ok(Next::Close);
            }
            // What the peer has sent and we never read would make close() a reset, and undo our last words.
            it.stream.half_close(watch);
            it.closing = Some(Instant::now() + LINGER);
        }
        if it.ended || (why.news && !it.drain) {
            return Ok(Next::Wait);
        }
        self.read(it, watch)
    }

    fn close<W: Watch>(&mut self, it: Connection, watch: &mut W) {
        if let Some(mut party) = self.parties.get_mut(it.seat).and_then(Option::take)
            && !party.over
        {
            party.leave(&mut self.core);
            // What it had in hand is another's now.
            self.more = true;
        }
        it.stream.close(&mut self.tally, watch);
    }

    fn sweep_every(&self) -> Option<Duration> {
        Some(SWEEP)
    }

    fn sweep<W: Watch>(
        &mut self,
        it: &mut Connection,
        now: Instant,
        silence: Duration,
        _: &mut W,
    ) -> io::Result<Next> {
        if it.closing.is_some_and(|until| now >= until) {
            return Ok(Next::Close);
        }
        let Some(party) = self.parties.get_mut(it.seat).and_then(Option::as_mut) else {
            return Ok(Next::Close);
        };
        let silent = match party.session.client() {
            None => now.saturating_duration_since(it.opened) >= INTRODUCTION,
            Some(_) => self.core.idle.is_some_and(|idle| silence >= idle),
        };
        if !party.over && silent {
            self.counts.silent += 1;
            party.end(&Farewell::new(Code::Idle, "nothing was heard for too long"), &mut self.core);
            self.dirty.push(it.seat);
            self.more = true;
        } else if party.over && silence >= LINGER + LINGER && it.stream.held() > 0 {
            // It never takes its last words.
            return Ok(Next::Close);
        }
        if it.carrier.tick(self.core.now()) {
            self.dirty.push(it.seat);
        }
        Ok(Next::Wait)
    }

    fn datagrams(&mut self) -> Option<&mut UdpSocket> {
        self.datagrams.as_mut().map(Datagrams::socket)
    }

    fn heard_datagrams<W: Watch>(&mut self, now: Instant, watch: &mut W) {
        let Some(mut datagrams) = self.datagrams.take() else { return };
        let gone = datagrams.receive(now, &mut self.core, &mut self.counts, watch);
        self.datagrams = Some(datagrams);
        self.forget(gone);
    }

    fn has_more_datagrams(&self) -> bool {
        self.datagrams.as_ref().is_some_and(Datagrams::has_more)
    }

    fn settle<W: Watch>(&mut self, now: Instant, due: &mut Vec<usize>, watch: &mut W) {
        self.more = false;
        let time = self.core.now();
        if self.core.engine.deadline().is_some_and(|at| at <= time) {
            let Core { engine, journal, .. } = &mut self.core;
            let mut tell = |change: Change<'_>| {
                if let Some(journal) = journal.as_mut() {
                    journal.tell(change);
                }
            };
            engine.tick(time, &mut tell);
        }
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.tick(now, &mut self.core);
        }
        if self.core.commit(now) {
            for seat in &self.dirty {
                if let Some(party) = self.parties.get_mut(*seat).and_then(Option::as_mut) {
                    party.session.confirm(&mut party.out);
                }
            }
            if let Some(datagrams) = &mut self.datagrams {
                datagrams.confirm();
            }
            for consumer in self.held_back.drain(..) {
                self.core.engine.resume(consumer);
            }
        }
        self.pump();
        self.report();
        self.core.give_back();
        // What was handed out at most once must not be handed out again by a crash.
        let awaited = self.core.journal.as_ref().is_some_and(|journal| journal.is_awaited());
        let written = !awaited || self.core.commit(now);
        self.make_sure(written);
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.send(&mut self.core, watch);
        }
        due.append(&mut self.dirty);
        due.sort_unstable();
        due.dedup();
        // Who waits for a commit that failed is looked at again.
        self.dirty.extend(due.iter().copied().filter(|seat| {
            let party = self.parties.get(*seat).and_then(Option::as_ref);
            party.is_some_and(|party| party.session.is_unconfirmed())
        }));
    }

    fn deadline(&self) -> Option<Instant> {
        if self.more {
            return Some(Instant::now());
        }
        let engine = self.core.engine.deadline().map(|at| self.core.instant(at));
        let journal = self.core.journal.as_ref().and_then(|journal| journal.deadline());
        let far = self.datagrams.as_ref().and_then(|d| d.deadline(&self.core));
        [engine, journal, far].into_iter().flatten().min()
    }

    fn farewell<W: Watch>(&mut self, it: &mut Connection, watch: &mut W) -> io::Result<Next> {
        self.stopping = true;
        if let Some(party) = self.parties.get_mut(it.seat).and_then(Option::as_mut) {
            party.end(&Farewell::new(Code::GoingAway, "the server is being stopped"), &mut self.core);
        }
        self.drive(it, Why { drain: true, news: false }, watch)
    }
}
