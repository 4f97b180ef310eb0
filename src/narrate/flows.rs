//! What a narrator remembers of the octets of TCP connections, seen from each of their two senders: which send()
//! handed them over, which acknowledgments came for them, and how the program ended. Bounded.

use super::memory::{Memory, Recent};
use crate::model::{Call, FrameId, How, Repair, Seen, Side, Tcp, TcpFlags, TcpNote, Time};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Calls of send() and acknowledgments that are remembered of each sender.
const REMEMBERED: usize = 128;
/// Shorter waits between send() and its segment are the kernel's way through its own stack.
const WAITED: Duration = Duration::from_micros(500);
/// Linux delays an ACK for at least 40 ms (TCP_DELACK_MIN), others for less; RFC 1122 s4.2.3.2 allows 500 ms.
const DELAYED: RangeInclusive<Duration> = Duration::from_millis(20)..=Duration::from_millis(550);
/// Linux waits for at least this much more than a round trip before it takes octets for lost (TCP_RTO_MIN); before the first
/// round trip a timeout is a second (RFC 6298 s2.1).
const TIMEOUT_MORE: Duration = Duration::from_millis(200);
const TIMEOUT_FIRST: Duration = Duration::from_secs(1);

/// How a program gave up sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// `close()`: it does not read any more either.
    Closed,
    /// `shutdown()` of the sending half: it still reads.
    Shut,
}

/// One sender of a connection.
#[derive(Debug, Default)]
struct Sender {
    /// Whether its SYN was seen: only then are octets counted from the first on.
    from_start: bool,
    nodelay: bool,
    /// Octets that send() took so far; where each call ended, and when it returned.
    handed: u64,
    sends: VecDeque<(u64, Time)>,
    /// Octets that were seen leaving, and the frames that carried the last of them, or FIN: what is acknowledged.
    sent: u64,
    carried: VecDeque<FrameId>,
    /// Whether octets were sent again: its congestion window is then no longer what it began with.
    again: bool,
    /// What its peer's SYN allows in a segment, and the peer's last window.
    mss: Option<u32>,
    window: Option<u32>,
    /// Acknowledgments that its peer sent: up to which octet, and the right-most SACK block.
    acks: VecDeque<(u64, Option<u32>, FrameId)>,
    /// When it sent last, and its SYN (or SYN-ACK): a round trip later the answer came.
    last_sent: Option<Time>,
    syn: Option<Time>,
    syn_ack: Option<FrameId>,
    /// SYNs of its peer, and when it answered one.
    asks: VecDeque<FrameId>,
    answers: VecDeque<Time>,
    /// What it sent again last, where a timer made it: the first octet, and how long it had waited.
    waited: Option<(u32, Duration)>,
    end: Option<End>,
}

/// Octets that TCP kept back until an acknowledgment came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    /// The acknowledgment.
    pub(super) until: FrameId,
    /// How long after send() had returned.
    pub(super) waited: Duration,
    /// Octets that were not acknowledged when send() returned.
    pub(super) in_flight: u64,
}

/// A wait that is long enough for a retransmission timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Waited {
    pub(super) took: Duration,
    /// About twice as long as the wait for the same octets before.
    pub(super) doubled: bool,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Flows {
    /// By the sender: its side, its port, its peer's.
    senders: Recent<(Side, u16, u16), Sender>,
}

impl Flows {
    pub(super) fn new(limit: usize) -> Flows {
        Flows { senders: Recent::new(limit) }
    }

    fn of(&self, seen: &Seen, tcp: &Tcp) -> Option<&Sender> {
        self.senders.get((seen.direction.from(), tcp.source_port, tcp.destination_port))
    }

    /// The program of `side` is about to end its sending, by this call. The first such call counts.
    pub(super) fn ended(&mut self, side: Side, (mine, theirs): (u16, u16), call: &Call) {
        let end = match call {
            Call::Close => End::Closed,
            Call::Shutdown(How::Write) => End::Shut,
            Call::Shutdown(How::Both) => End::Closed,
            _ => return,
        };
        self.senders.obtain((side, mine, theirs)).end.get_or_insert(end);
    }

    /// send() took `n` octets and returned at `at`.
    pub(super) fn handed_over(
        &mut self,
        side: Side,
        (mine, theirs): (u16, u16),
        n: usize,
        at: Time,
        nodelay: bool,
    ) {
        let sender = self.senders.obtain((side, mine, theirs));
        sender.handed += n as u64;
        sender.nodelay = nodelay;
        remember(&mut sender.sends, (sender.handed, at));
    }

    /// Learns from a segment. `waited`: for how long its sender had been silent, where that was a timeout's time.
    pub(super) fn segment(&mut self, at: Time, seen: &Seen, tcp: &Tcp, waited: Option<Duration>) {
        let side = seen.direction.from();
        let syn = tcp.flags.has(TcpFlags::SYN);
        let me = self.senders.obtain((side, tcp.source_port, tcp.destination_port));
        let again = tcp.notes.iter().any(|n| matches!(n, TcpNote::Retransmission { .. }));
        if syn && !again && (me.sent > 0 || me.end.is_some()) {
            // A new connection under the same ports.
            *me = Sender { asks: std::mem::take(&mut me.asks), ..Sender::default() };
        }
        if again {
            me.again = true;
            me.waited = waited.map(|took| (tcp.seq, took));
        }
        if syn {
            me.from_start = true;
            me.syn = Some(at);
            if tcp.ack.is_some() {
                remember(&mut me.answers, at);
            }
        } else {
            me.sent = me.sent.max(u64::from(tcp.seq.saturating_sub(1)) + u64::from(tcp.len));
        }
        if tcp.len > 0 || tcp.flags.has(TcpFlags::FIN) {
            remember(&mut me.carried, seen.id);
        }
        if tcp.len > 0 || syn || tcp.flags.has(TcpFlags::FIN) {
            me.last_sent = Some(at);
        }
        let peer = self.senders.obtain((side.other(), tcp.destination_port, tcp.source_port));
        peer.window = Some(tcp.window);
        peer.mss = peer.mss.or(tcp.mss.map(u32::from));
        if syn && tcp.ack.is_none() {
            if !again {
                peer.asks.clear();
                peer.answers.clear();
            }
            remember(&mut peer.asks, seen.id);
        }
        if let Some(ack) = tcp.ack {
            let top = tcp.sack.iter().map(|(_, right)| *right).max();
            remember(&mut peer.acks, (u64::from(ack.saturating_sub(1)), top, seen.id));
            if syn || peer.syn_ack.is_none() {
                peer.syn_ack = Some(seen.id);
            }
        }
    }

    /// How the program whose FIN this is gave up sending, where its call was seen.
    pub(super) fn end(&self, seen: &Seen, tcp: &Tcp) -> Option<End> {
        self.of(seen, tcp)?.end
    }

    /// How many send()s gave the octets of this segment; 0 where that was not seen.
    pub(super) fn sends_in(&self, seen: &Seen, tcp: &Tcp) -> usize {
        let Some(me) = self.of(seen, tcp).filter(|me| me.from_start) else { return 0 };
        let start = u64::from(tcp.seq.saturating_sub(1));
        let end = start + u64::from(tcp.len);
        let whole = me.sends.front().is_some_and(|(first, _)| *first <= start || start == 0);
        if !whole || end > me.handed || tcp.len == 0 {
            return 0;
        }
        let before = me.sends.iter().take_while(|(call, _)| *call <= start).count();
        me.sends.iter().skip(before).take_while(|(call, _)| *call < end).count() + 1
    }

    /// Whether Nagle's algorithm kept this segment back (RFC 9293 s3.7.4). Told where nothing else that the calls and the
    /// frames show would have: send() had returned, something was unacknowledged, the window was open, little
    /// was under way, nothing had been sent again; and it left right after the last acknowledgment.
    pub(super) fn held(&self, memory: &Memory, now: Time, seen: &Seen, tcp: &Tcp) -> Option<Held> {
        let me = self.of(seen, tcp).filter(|me| me.from_start && !me.nodelay && !me.again)?;
        let start = u64::from(tcp.seq.checked_sub(1)?);
        if tcp.len == 0 || start != me.sent || tcp.flags.has(TcpFlags::FIN) {
            return None;
        }
        let (_, given) = *me.sends.iter().find(|(end, _)| *end > start)?;
        let waited = now.since(given);
        let mut arrived =
            me.acks.iter().filter_map(|(up_to, _, id)| Some((memory.arrived(*id)?, *up_to, *id)));
        let acknowledged = me
            .acks
            .iter()
            .filter(|(_, _, id)| memory.arrived(*id).is_some_and(|at| at <= given))
            .map(|(up_to, ..)| *up_to)
            .max()
            .unwrap_or(0);
        let in_flight = start.checked_sub(acknowledged).filter(|n| *n > 0)?;
        // The first that acknowledged everything.
        let (came, _, until) = arrived.find(|(_, up_to, _)| *up_to >= start)?;
        let mss = u64::from(me.mss?);
        let small = u64::from(tcp.len) + 12 < mss && in_flight < mss;
        let room = me.window.is_some_and(|window| u64::from(window) >= u64::from(tcp.len));
        let right_after = came > given && came <= now && now.since(came) * 2 < waited;
        (waited >= WAITED && small && room && right_after).then_some(Held { until, waited, in_flight })
    }

    /// How long the receiver of data was silent between the last that reached it and this ACK, where it must have kept the
    /// ACK back: it acknowledges something for the first time, and has nothing else to tell (RFC 9293 s3.8.6.3). Only of
    /// frames that are seen where it stands: on our wire, or where there is none in between.
    pub(super) fn delayed(
        &self,
        memory: &Memory,
        now: Time,
        (seen, tcp): (&Seen, &Tcp),
        loopback: bool,
    ) -> Option<Duration> {
        let news = matches!(tcp.notes.as_slice(), [TcpNote::Acknowledges { .. }]);
        let near = loopback || memory.seen_entering(seen.direction);
        if !news || !near || tcp.len > 0 || tcp.flags != TcpFlags::ACK || !tcp.sack.is_empty() {
            return None;
        }
        let peer = (seen.direction.to(), tcp.destination_port, tcp.source_port);
        let carried = self.senders.get(peer)?.carried.iter();
        let came =
            carried.filter_map(|id| memory.known_to_arrive(*id, loopback)).filter(|at| *at <= now).max()?;
        Some(now.since(came)).filter(|waited| DELAYED.contains(waited))
    }

    /// The acknowledgment that told this segment's sender, by SACK, that octets beyond it had arrived.
    pub(super) fn sacked(&self, memory: &Memory, now: Time, seen: &Seen, tcp: &Tcp) -> Option<FrameId> {
        let me = self.of(seen, tcp)?;
        let told = |(_, top, id): &&(u64, Option<u32>, FrameId)| {
            top.is_some_and(|top| top > tcp.seq) && memory.arrived(*id).is_some_and(|at| at <= now)
        };
        me.acks.iter().rev().find(told).map(|(.., id)| *id)
    }

    /// The acknowledgments, in the order in which they were sent, of this segment's first octet; none where the first of them
    /// is forgotten.
    pub(super) fn acknowledging(&self, seen: &Seen, tcp: &Tcp) -> impl Iterator<Item = FrameId> {
        let covers = |up_to: u64| up_to >= u64::from(tcp.seq);
        let acks = self.of(seen, tcp).map(|me| &me.acks);
        let acks =
            acks.filter(|a| a.len() < REMEMBERED || a.front().is_some_and(|(first, ..)| !covers(*first)));
        acks.into_iter().flatten().filter(move |(up_to, ..)| covers(*up_to)).map(|(.., id)| *id)
    }

    /// Whether its peer was seen to say nothing of this segment's first octet, nor by SACK of any beyond it.
    pub(super) fn unanswered(&self, seen: &Seen, tcp: &Tcp) -> bool {
        let says = |(up_to, top, _): &(u64, Option<u32>, FrameId)| {
            *up_to >= u64::from(tcp.seq) || top.is_some_and(|top| top > tcp.seq)
        };
        self.of(seen, tcp).is_some_and(|me| !me.acks.iter().any(says))
    }

    /// Whether its peer acknowledged just what comes before this segment.
    pub(super) fn was_told_to_send(&self, seen: &Seen, tcp: &Tcp) -> bool {
        let before = tcp.seq.checked_sub(1).map(u64::from);
        self.of(seen, tcp).is_some_and(|me| me.acks.iter().any(|(up_to, ..)| Some(*up_to) == before))
    }

    /// The SYN that this SYN-ACK answers, one that came again, and whether that was the copy that the wire made: each that
    /// comes is answered at once.
    pub(super) fn asked(
        &self,
        memory: &Memory,
        now: Time,
        seen: &Seen,
        tcp: &Tcp,
    ) -> Option<(FrameId, bool)> {
        let me = self.of(seen, tcp).filter(|_| tcp.ack.is_some())?;
        let copies = me.asks.iter().filter_map(|id| Some((memory.copy_arrives(*id)?, *id, true)));
        let came = me.asks.iter().filter_map(|id| Some((memory.arrived(*id)?, *id, false))).chain(copies);
        let mut came: Vec<_> =
            came.filter(|(at, ..)| *at <= now && now.since(*at) < Repair::ANSWERED).collect();
        came.sort_unstable_by_key(|(at, id, copy)| (*at, *copy, *id));
        let (first, ..) = came.first()?;
        let answered = me.answers.iter().filter(|at| *at >= first).count();
        came.get(answered).map(|(_, id, copy)| (*id, *copy))
    }

    /// How long its sender had neither sent nor heard anything, and the round trip that its SYN took.
    fn quiet(
        &self,
        memory: &Memory,
        now: Time,
        seen: &Seen,
        tcp: &Tcp,
    ) -> Option<(Duration, Option<Duration>)> {
        let me = self.of(seen, tcp)?;
        let heard = me.acks.iter().filter_map(|(.., id)| memory.arrived(*id)).filter(|at| *at <= now).max();
        let last = me.last_sent.max(heard)?;
        let back = me.syn_ack.and_then(|id| memory.arrived(id)).filter(|at| *at <= now);
        Some((now.since(last), back.zip(me.syn).map(|(back, sent)| back.since(sent))))
    }

    /// Whether its sender was silent for long enough that a timer is what made it send.
    pub(super) fn silent(&self, memory: &Memory, now: Time, seen: &Seen, tcp: &Tcp) -> bool {
        let quiet = self.quiet(memory, now, seen, tcp);
        quiet
            .is_some_and(|(quiet, round_trip)| quiet >= Repair::TIMER_MIN.max(round_trip.unwrap_or_default()))
    }

    /// Whether it was silent for about as long as a retransmission timeout waits. What acknowledgments had told before is then
    /// not what made it send: that is acted on when they come, or within a round trip (RFC 8985 s6.2).
    pub(super) fn timed_out(&self, memory: &Memory, now: Time, seen: &Seen, tcp: &Tcp) -> Option<Waited> {
        let (took, round_trip) = self.quiet(memory, now, seen, tcp)?;
        let timeout = round_trip.map_or(TIMEOUT_FIRST, |round_trip| round_trip.saturating_add(TIMEOUT_MORE));
        let before = self.of(seen, tcp)?.waited.filter(|(seq, _)| *seq == tcp.seq);
        let doubled = before.is_some_and(|(_, before)| took >= before * 8 / 5 && took <= before * 27 / 10);
        (took >= timeout / 4 * 3).then_some(Waited { took, doubled })
    }
}

fn remember<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(one);
}
