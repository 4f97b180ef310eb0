//! What one segment is in its conversation. The terms and their rules are Wireshark's `tcp.analysis.*`, made stricter where
//! Wireshark guesses: see each rule.

use super::half::Half;
use super::{Arrival, Flow};
use crate::model::{FrameId, Tcp, TcpFlags, TcpNote, Time};
use crate::stack::TcpFacts;

/// A segment among what was seen before it.
struct Segment<'a, 'f> {
    facts: &'a TcpFacts<'f>,
    id: FrameId,
    now: Time,
    arrival: Arrival,
    /// Offset of its first octet, and after its last (SYN and FIN count one each).
    start: i64,
    end: i64,
    /// Its window, scaled.
    window: u32,
}

impl Segment<'_, '_> {
    fn has(&self, flag: TcpFlags) -> bool {
        self.facts.flags.has(flag)
    }

    /// Whether it has none of SYN, FIN and RST.
    fn is_ordinary(&self) -> bool {
        !self.has(TcpFlags::SYN) && !self.has(TcpFlags::FIN) && !self.has(TcpFlags::RST)
    }

    fn ack(&self) -> Option<u32> {
        self.has(TcpFlags::ACK).then_some(self.facts.ack)
    }

    fn len(&self) -> u32 {
        self.facts.payload_len
    }

    fn is_pure_ack(&self) -> bool {
        self.len() == 0 && self.is_ordinary() && self.ack().is_some()
    }

    /// A zero-window probe (RFC 9293 s3.8.6.1): against a closed window, one new octet, or what is no news at all. Linux sends
    /// the latter, an empty segment just below the next number, which Wireshark calls a keep-alive.
    fn is_probe(&self, me: &Half, peer: &Half) -> bool {
        let (Some(next), Some(0)) = (me.next, peer.window) else {
            return false;
        };
        self.is_ordinary()
            && match self.len() {
                0 => self.start == next - 1,
                1 => self.start == next || self.start == next - 1 && me.acked >= next,
                _ => false,
            }
    }

    /// A keep-alive (RFC 9293 s3.8.4). One octet that nobody has acknowledged yet is data sent again, though Wireshark calls
    /// that a keep-alive too.
    fn is_keep_alive(&self, me: &Half) -> bool {
        let Some(next) = me.next else {
            return false;
        };
        let nothing_new = self.len() == 0 || self.len() == 1 && me.acked >= next;
        self.is_ordinary() && nothing_new && self.start == next - 1
    }

    /// Whether it says again what this side's last acknowledgment said, window aside.
    fn repeats_ack(&self, me: &Half) -> bool {
        self.is_pure_ack()
            && me.next == Some(self.start)
            && me.run.of.is_some_and(|(number, _)| number == self.facts.ack)
    }
}

impl Flow {
    /// Whether this segment opens a new connection between the same ends: a SYN with another initial sequence number.
    pub(super) fn is_renewed_by(&self, side: usize, facts: &TcpFacts<'_>) -> bool {
        facts.flags.has(TcpFlags::SYN)
            && !facts.flags.has(TcpFlags::ACK)
            && self.halves[side].base.is_some_and(|base| base != facts.seq)
    }

    /// Takes a segment of `side` (0 the lower end); gives its facts and notes.
    pub(super) fn see(
        &mut self,
        side: usize,
        id: FrameId,
        now: Time,
        arrival: Arrival,
        facts: &TcpFacts<'_>,
    ) -> Tcp {
        let [low, high] = &mut self.halves;
        let (me, peer) = if side == 0 { (low, high) } else { (high, low) };
        let syn = facts.flags.has(TcpFlags::SYN);
        let fin = facts.flags.has(TcpFlags::FIN);
        let ack = facts.flags.has(TcpFlags::ACK).then_some(facts.ack);
        // Where the SYN was not seen, the first number seen stands for the one after it, as in Wireshark.
        if me.base.is_none() {
            me.base = Some(if syn { facts.seq } else { facts.seq.wrapping_sub(1) });
        }
        if let (None, Some(ack)) = (peer.base, ack) {
            peer.base = Some(ack.wrapping_sub(1));
        }
        if syn {
            // RFC 7323 s2.3: a larger shift counts as 14.
            me.shift = facts.window_scale.map(|s| s.min(14));
        }
        // The shift is in force where both sides offered one, and never on a SYN itself (RFC 7323 s2.2).
        let window = match (me.shift, peer.shift) {
            (Some(shift), Some(_)) if !syn => u32::from(facts.window) << shift,
            _ => u32::from(facts.window),
        };
        let start = me.offset(facts.seq);
        let end = start + i64::from(facts.payload_len) + i64::from(syn) + i64::from(fin);
        let segment = Segment { facts, id, now, arrival, start, end, window };
        let sack: Vec<(u32, u32)> =
            facts.sack.iter().map(|(from, to)| (peer.relative(*from), peer.relative(*to))).collect();
        let mut notes = Vec::new();
        if syn || facts.flags.has(TcpFlags::RST) || !self.established {
            handshake(&segment, me, peer, &mut self.established, &mut self.reset, &mut notes);
        }
        if fin && !me.fin {
            notes.push(if peer.fin { TcpNote::SecondFin } else { TcpNote::FirstFin });
        }
        let silent = window_notes(&segment, me, peer, &mut notes);
        sequence_notes(&segment, me, peer, silent, &mut notes);
        acknowledgment_notes(&segment, me, peer, &mut notes);
        me.remember(&segment, peer, silent, &notes);
        Tcp {
            stream: self.number,
            source_port: facts.source_port,
            destination_port: facts.destination_port,
            flags: facts.flags,
            seq: me.relative(facts.seq),
            ack: ack.map(|ack| peer.relative(ack)),
            len: facts.payload_len,
            window,
            mss: facts.mss.filter(|_| syn),
            sack_permitted: facts.sack_permitted && syn,
            sack,
            checksum_good: facts.checksum_good,
            notes,
        }
    }
}

/// The three segments that open a connection, and the one that ends it.
fn handshake(
    s: &Segment<'_, '_>,
    me: &Half,
    peer: &Half,
    established: &mut bool,
    reset: &mut bool,
    notes: &mut Vec<TcpNote>,
) {
    let answers = |what: Option<FrameId>| {
        // It acknowledges at least the SYN, and nothing that was not sent.
        let ack = peer.offset(s.ack()?);
        what.filter(|_| ack >= 1 && peer.next.is_some_and(|next| ack <= next))
    };
    if s.has(TcpFlags::RST) {
        // Whoever has sent nothing but RSTs has no connection to end.
        match answers(peer.syn.newest(s.now)).filter(|_| me.next.is_none() && !me.syn.is_seen()) {
            Some(syn) => notes.push(TcpNote::Refused { answers: syn }),
            None if !*reset => notes.push(TcpNote::Reset),
            None => {}
        }
        *reset = true;
    } else if s.has(TcpFlags::SYN) {
        match s.ack() {
            None => notes.push(TcpNote::HandshakeSyn),
            Some(_) => {
                if let Some(syn) = answers(peer.syn.newest(s.now)) {
                    notes.push(TcpNote::HandshakeSynAck { answers: syn });
                }
            }
        }
    } else if me.syn.is_seen()
        && !*established
        && let Some(syn_ack) = answers(peer.syn_ack.first(s.now))
    {
        notes.push(TcpNote::HandshakeAck { answers: syn_ack });
        *established = true;
    }
}

/// What the segment says of room. Gives whether it carries no news of its own: a probe or a keep-alive.
fn window_notes(s: &Segment<'_, '_>, me: &Half, peer: &Half, notes: &mut Vec<TcpNote>) -> bool {
    let probe = s.is_probe(me, peer);
    let keep_alive = !probe && s.is_keep_alive(me);
    if probe {
        notes.push(TcpNote::ZeroWindowProbe);
    } else if keep_alive {
        notes.push(TcpNote::KeepAlive);
    }
    if s.window == 0 && s.is_ordinary() && s.ack().is_some() {
        notes.push(TcpNote::ZeroWindow);
    } else if s.repeats_ack(me)
        && me.window.is_some_and(|before| s.window > before)
        && s.facts.sack.is_empty()
        && !peer.kept_alive
    {
        // With SACK blocks it tells of segments that came (a duplicate), after a keep-alive it answers; Wireshark says
        // window update of both.
        notes.push(TcpNote::WindowUpdate);
    }
    probe || keep_alive
}

/// Where its octets stand among those sent before.
fn sequence_notes(s: &Segment<'_, '_>, me: &Half, peer: &Half, silent: bool, notes: &mut Vec<TcpNote>) {
    let Some(next) = me.next.filter(|_| !s.has(TcpFlags::RST)) else {
        return;
    };
    if s.start > next {
        notes.push(TcpNote::OutOfOrder);
    }
    if silent || s.start >= next {
        return;
    }
    let again = s.end.min(next);
    if let Some(earlier) = me.overlapping(s.start, again).next() {
        notes.push(TcpNote::Retransmission {
            of: earlier.last,
            duplicate_acks: peer.duplicates_of(s.facts.seq, earlier.at, s.now),
            needless: me.far_host_has(peer, s.start, again),
        });
    }
}

/// What it acknowledges.
fn acknowledgment_notes(s: &Segment<'_, '_>, me: &mut Half, peer: &mut Half, notes: &mut Vec<TcpNote>) {
    let Some(number) = s.ack().filter(|_| !s.has(TcpFlags::RST)) else {
        return;
    };
    let in_handshake =
        notes.iter().any(|n| matches!(n, TcpNote::HandshakeSynAck { .. } | TcpNote::HandshakeAck { .. }));
    // The handshake's own notes say what they answer.
    if let Some(last) = peer.acknowledge(peer.offset(number)).filter(|_| !in_handshake) {
        notes.push(TcpNote::Acknowledges { last });
    }
    let repeats = s.repeats_ack(me) && s.window != 0;
    if repeats && peer.kept_alive {
        notes.push(TcpNote::KeepAliveAck);
    }
    let same_window = me.window == Some(s.window) || !s.facts.sack.is_empty();
    // Where nothing is under way it says again what is well (RFC 5681 s2, condition a), as after a needless retransmission;
    // Wireshark calls that a duplicate too.
    let outstanding = peer.next.is_some_and(|next| next > peer.offset(number));
    let duplicate = repeats && same_window && outstanding && !peer.kept_alive;
    let arrives = match s.arrival {
        Arrival::Unknown => Some(s.now),
        Arrival::At(at) => Some(at),
        Arrival::Never => None,
    };
    if let Some((nth, of)) = me.acknowledges(number, s.id, duplicate, arrives) {
        notes.push(TcpNote::DuplicateAck { nth, of });
    }
}

impl Half {
    /// Remembers what later segments are judged by.
    fn remember(&mut self, s: &Segment<'_, '_>, peer: &Half, silent: bool, notes: &[TcpNote]) {
        if s.has(TcpFlags::RST) {
            return;
        }
        self.kept_alive = notes.contains(&TcpNote::KeepAlive);
        if s.has(TcpFlags::SYN) {
            self.open(s.ack().is_some(), s.id, s.arrival);
        }
        self.fin |= s.has(TcpFlags::FIN);
        self.window = Some(s.window);
        self.sacked = [(0, 0); 4];
        for (kept, (from, to)) in self.sacked.iter_mut().zip(s.facts.sack.iter()) {
            *kept = (peer.offset(*from), peer.offset(*to));
        }
        if silent {
            return;
        }
        if s.end > s.start {
            self.send(s.start, s.end, (s.id, s.now), matches!(s.arrival, Arrival::At(_)));
        }
        self.next = Some(self.next.map_or(s.end, |next| next.max(s.end)));
    }
}
