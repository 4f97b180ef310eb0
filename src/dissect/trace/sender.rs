//! One sender's side of a connection, walked through in the order in which that sender knew things: how it found each time
//! that it had to send octets again. The rules are in docs/why.md.

use super::cause::Causes;
use super::ranges::{Carried, Ranges};
use super::rtt::Rtt;
use super::segments::{Segment, Stream};
use super::{Heard, Trace};
use crate::model::{Certainty, LossCause, Repair, Retransmission, Seen, Signal, TcpFlags, Time};
use std::time::Duration;

/// Acknowledgments that are named as those which told, at most.
const TOLD_MAX: usize = 16;
/// Without a ledger, what comes out of order and within this time may have been put out of order on its way.
const REORDERED: Duration = Duration::from_millis(3);

/// What both senders of a connection sent again.
pub(super) fn retransmissions(trace: &Trace, stream: &Stream) -> Vec<Retransmission> {
    [0, 1].into_iter().flat_map(|side| Walk::new(trace, stream, side).run()).collect()
}

/// A timer that fired for octets which were both the first missing and the last sent.
struct Undecided {
    /// Its retransmission.
    index: usize,
    quiet: Duration,
    at: Time,
}

struct Walk<'a> {
    trace: &'a Trace,
    stream: &'a Stream,
    side: usize,
    causes: Causes<'a>,
    carried: Carried,
    /// Offset after the highest octet sent, and before the first that is not acknowledged.
    next: Option<i64>,
    una: i64,
    /// What the far host reported beyond that.
    sacked: Ranges,
    rtt: Rtt,
    /// The far host's last window.
    window: Option<u32>,
    /// When the latest segment was sent of those that are known to have arrived (RFC 8985 s5.2, RACK.xmit_ts).
    newest_arrived: Option<Time>,
    /// Duplicate acknowledgments of `una`: when they came, and which.
    duplicates: Vec<(Time, usize)>,
    /// Acknowledgments that brought new SACK blocks.
    signals: Vec<(Time, usize)>,
    last_sent: Time,
    last_heard: Time,
    last_progress: Time,
    /// The acknowledgment of the last progress.
    progress: Option<usize>,
    /// The last SYN that came; those that no SYN-ACK has answered yet, and whether each came before; and the one that
    /// the segment at hand answers.
    syn: Option<usize>,
    asks: Vec<(Time, usize, bool)>,
    asked: Option<(Time, usize, bool)>,
    /// Fast recovery until this is acknowledged (RFC 6582 s3.2, `recover`).
    recover: Option<i64>,
    /// After a timeout: until this is acknowledged, and the retransmission that it began with.
    lost: Option<(i64, usize)>,
    /// Timers that fired since the last progress, of these timeouts, and the one that may have been either.
    timers: u32,
    timeouts: u32,
    undecided: Option<Undecided>,
    found: Vec<Retransmission>,
}

impl<'a> Walk<'a> {
    fn new(trace: &'a Trace, stream: &'a Stream, side: usize) -> Walk<'a> {
        Walk {
            trace,
            stream,
            side,
            causes: Causes::new(trace, stream, side),
            carried: Carried::default(),
            next: None,
            una: 0,
            sacked: Ranges::default(),
            rtt: Rtt::default(),
            window: None,
            newest_arrived: None,
            duplicates: Vec::new(),
            signals: Vec::new(),
            last_sent: Time::ZERO,
            last_heard: Time::ZERO,
            last_progress: Time::ZERO,
            progress: None,
            syn: None,
            asks: Vec::new(),
            asked: None,
            recover: None,
            lost: None,
            timers: 0,
            timeouts: 0,
            undecided: None,
            found: Vec::new(),
        }
    }

    fn segment(&self, index: usize) -> &'a Segment {
        &self.stream.segments[index]
    }

    fn frame(&self, index: usize) -> &'a Heard {
        &self.trace.frames[self.segment(index).frame]
    }

    fn seen(&self, index: usize) -> &'a Seen {
        &self.frame(index).seen
    }

    fn run(mut self) -> Vec<Retransmission> {
        // At one moment, what comes from the ledger is known before anything is sent.
        let mut steps: Vec<(Time, u8, usize)> = Vec::new();
        let mut latest = Time::ZERO;
        for (index, segment) in self.stream.segments.iter().enumerate() {
            let frame = self.frame(index);
            if frame.row.is_none() {
                // The file's order is all there is: a clock that was set back does not change it.
                latest = latest.max(frame.at);
                steps.push((latest, 1, index));
            } else if segment.side == self.side {
                steps.push((frame.sent(), 1, index));
            } else {
                steps.extend(frame.arrivals().map(|at| (at, 0, index)));
            }
        }
        steps.sort_unstable();
        for (at, _, index) in steps {
            if self.segment(index).flags.has(TcpFlags::RST) {
                continue;
            }
            if self.segment(index).side == self.side { self.send(at, index) } else { self.hear(at, index) }
        }
        self.decide_at_the_end();
        self.found
    }

    fn send(&mut self, at: Time, index: usize) {
        let s = self.segment(index);
        if s.silent || s.end == s.start {
            return;
        }
        let next = *self.next.get_or_insert_with(|| {
            // Nothing was sent before the first that is seen.
            self.una = self.una.max(s.start);
            s.start
        });
        if s.is_syn() && s.ack.is_some() {
            self.asks.retain(|(heard, ..)| at.since(*heard) < Repair::ANSWERED);
            self.asked = (!self.asks.is_empty()).then(|| self.asks.remove(0));
        }
        if s.start < next {
            self.again(at, index, next);
        }
        let frame = self.frame(index);
        let came = frame.row.is_some() && frame.arrives().is_some();
        self.carried.carry(s.start, s.end, index, at, came);
        self.next = Some(next.max(s.end));
        self.last_sent = at;
    }

    fn hear(&mut self, at: Time, index: usize) {
        let s = self.segment(index);
        if s.is_syn() {
            self.asks.retain(|(heard, ..)| at.since(*heard) < Repair::ANSWERED);
            let copy = self.syn.replace(index) == Some(index);
            if self.asks.len() < TOLD_MAX {
                self.asks.push((at, index, copy));
            }
        }
        let Some(ack) = s.ack else { return };
        let same_window = self.window == Some(s.window);
        self.window = Some(s.window);
        let next = self.next.unwrap_or(ack);
        if ack > self.una {
            self.progress(at, index, ack);
        } else if ack == self.una
            && s.pure
            && !s.silent
            && next > ack
            && (same_window || !s.sack().is_empty())
        {
            self.duplicates.push((at, index));
            self.last_heard = at;
        }
        for (nth, (from, to)) in s.sack().iter().copied().enumerate() {
            if to <= ack {
                // D-SACK stands first and reports what had come before (RFC 2883 s4).
                if nth == 0 {
                    self.causes.reported_twice(from, to, index);
                }
                continue;
            }
            let new = self.sacked.add(from.max(ack), to.min(next));
            if !new.is_empty() {
                self.signals.push((at, index));
                self.last_heard = at;
            }
            for (from, to) in new {
                self.arrived(at, from, to);
            }
        }
    }

    fn progress(&mut self, at: Time, index: usize, ack: i64) {
        // What a SACK block had told of is no news.
        for (from, to) in self.sacked.add(self.una, ack) {
            self.arrived(at, from, to);
        }
        self.una = ack;
        self.duplicates.clear();
        (self.timers, self.timeouts, self.undecided) = (0, 0, None);
        (self.last_progress, self.last_heard) = (at, at);
        self.progress = Some(index);
        // Without SACK an acknowledgment of just that much may still be an echo of what was sent needlessly: recovery ends
        // above it (RFC 6582 s4.1), and so it does in Linux.
        let over = |until: i64| ack > until || ack == until && self.stream.uses_sack() != Some(false);
        self.recover = self.recover.filter(|until| !over(*until));
        self.lost = self.lost.filter(|(until, _)| !over(*until));
    }

    /// The octets `from..to` are known to have arrived, at `at` for the first time.
    fn arrived(&mut self, at: Time, from: i64, to: i64) {
        let (mut newest, mut clear) = (None, true);
        for (_, sent) in self.carried.within(from, to) {
            newest = newest.max(Some(sent.last_at));
            clear &= sent.times == 1;
        }
        self.newest_arrived = self.newest_arrived.max(newest);
        // Of octets sent twice nobody knows which sending is answered, and what waited for them tells nothing of the
        // round trip (RFC 6298 s3, Karn).
        if let Some(sent) = newest.filter(|_| clear) {
            self.rtt.sample(at.since(sent));
        }
    }

    /// A segment with octets from below `next`.
    fn again(&mut self, at: Time, index: usize, next: i64) {
        let s = self.segment(index);
        let again = s.end.min(next);
        let before = self.carried.at(s.start, again);
        let marked = self.frame(index).row.is_some();
        if before.is_none() && !marked && !self.lacked(s.start, at) {
            return;
        }
        let sent_before = before.map(|b| b.last_at);
        let quiet = at.since(self.last_sent.max(self.last_heard));
        let told_since = sent_before.unwrap_or(Time::ZERO);
        let (repair, certainty) = self.judge(at, s, sent_before, quiet);
        let told_by = match repair {
            Repair::Fast(Signal::PartialAck) => self.progress.into_iter().collect(),
            Repair::Fast(_) => self.told_by(told_since),
            Repair::Asked { .. } => self.asked.map(|(_, i, _)| i).into_iter().collect(),
            _ => Vec::new(),
        };
        // Where some had come, the reason is what became of the others.
        let cause = match self.carried.lacking(s.start, again) {
            Some((start, sent)) => {
                self.causes.of(at, start, sent.came.unwrap_or(sent.last), told_by.last().copied())
            }
            None => LossCause::NotCaptured,
        };
        let name = |i: usize| self.frame(i).name();
        self.found.push(Retransmission {
            stream: self.stream.number,
            direction: self.seen(index).direction,
            frame: name(index),
            at,
            seq: s.start as u32,
            octets: (again - s.start) as u32,
            new_octets: (s.end - again) as u32,
            original: before.map(|b| name(b.first)),
            previous: before.map(|b| name(b.last)),
            nth: before.map_or(1, |b| b.times),
            gap: sent_before.map(|before| at.since(before)),
            quiet,
            repair,
            certainty,
            told_by: told_by.into_iter().map(name).collect(),
            cause,
        });
        self.causes.sent_again(s.start, self.found.len() - 1);
        self.enter(at, s, quiet, repair);
    }

    /// Without a ledger, and of octets that were never seen: whether the far host had lacked them for long enough that
    /// this is no mere change of order on the way.
    fn lacked(&self, start: i64, at: Time) -> bool {
        let waited =
            |told: &[(Time, usize)]| told.first().is_some_and(|(first, _)| at.since(*first) > REORDERED);
        start == self.una && (waited(&self.duplicates) && self.duplicates.len() >= 3)
    }

    /// How its sender found out, by what it had heard.
    fn judge(
        &self,
        at: Time,
        s: &Segment,
        sent_before: Option<Time>,
        quiet: Duration,
    ) -> (Repair, Certainty) {
        use Certainty::{Inferred, Shown, Unknown};
        if s.is_syn() {
            return match (self.asked, sent_before) {
                (Some((_, _, copy)), _) if s.ack.is_some() => (Repair::Asked { copy }, Inferred),
                // The way may have made two of one: there is no such timer.
                (_, Some(sent)) if at.since(sent) < Repair::TIMER_MIN => (Repair::Unknown, Unknown),
                _ => (Repair::Handshake, Shown),
            };
        }
        let round_trip = self.rtt.smoothed();
        let timeout = self.rtt.timeout(self.trace.on_linux());
        // Acknowledgments that tell are acted on when they come, or (RACK) within a round trip.
        let prompt = quiet <= round_trip.unwrap_or(timeout / 4);
        let waited_out = quiet >= timeout / 4 * 3;
        // Acknowledgments that bring nothing new do not restart the timeout (RFC 6298 s5.3), and it sends the first missing
        // octets.
        let running = self.last_progress.max(sent_before.unwrap_or(Time::ZERO));
        let expired = at.since(running) >= timeout / 8 * 7 && s.start <= self.sacked.first_missing(self.una);
        if let Some((_, first)) = self.lost
            && !expired
            && self.last_progress > self.found[first].at
        {
            return (Repair::AfterTimeout { timeout: self.found[first].frame }, Inferred);
        }
        if let Some(sent) = sent_before
            && self.only_acknowledged(s, sent)
        {
            return self.timer(at, s, at.since(sent), timeout);
        }
        if let Some(signal) = self.signal(s.start, sent_before)
            && !(waited_out || expired && (signal == Signal::PartialAck || !prompt))
        {
            return (Repair::Fast(signal), Shown);
        }
        if expired {
            return self.timer(at, s, quiet, timeout);
        }
        if quiet < Repair::TIMER_MIN || round_trip.is_some_and(|rtt| quiet < rtt) {
            return match self.lost {
                // Right behind what the timeout sent, with nothing heard in between.
                Some((_, first)) => (Repair::AfterTimeout { timeout: self.found[first].frame }, Inferred),
                None => (Repair::Unknown, Unknown),
            };
        }
        self.timer(at, s, quiet, timeout)
    }

    /// Whether all that was heard of the segment since it was sent is that it had arrived. No sender that knows so sends it
    /// again: a timer ran out while the acknowledgment was between the place where it was seen and the sender's TCP.
    fn only_acknowledged(&self, s: &Segment, sent: Time) -> bool {
        let told = self.signals.last().is_some_and(|(heard, _)| *heard >= sent);
        self.stream.uses_sack() == Some(true) && s.end <= self.una && !told
    }

    /// What acknowledgments told of the octets at `start`, since they were sent last.
    fn signal(&self, start: i64, sent_before: Option<Time>) -> Option<Signal> {
        let since = sent_before.unwrap_or(Time::ZERO);
        let duplicates = self.duplicates.partition_point(|(heard, _)| *heard < since);
        let duplicates = (self.duplicates.len() - duplicates) as u32;
        // Something sent later, or with it and behind it, has arrived (RFC 8985 s6.2): the mark of loss, whichever rule the
        // sender goes by.
        let behind = self.sacked.top().is_some_and(|top| top > start);
        let overtaken = match (sent_before, self.newest_arrived) {
            (Some(before), Some(newest)) => newest > before || newest == before && behind,
            (Some(_), None) => false,
            (None, _) => behind,
        };
        if overtaken && self.stream.uses_sack() != Some(false) {
            return Some(Signal::Sack(if start == self.una { duplicates } else { 0 }));
        }
        if start != self.una {
            return None;
        }
        match self.recover {
            None if duplicates >= 3 => Some(Signal::DuplicateAcks(duplicates)),
            Some(_) if sent_before.is_some_and(|before| self.last_progress > before) => {
                Some(Signal::PartialAck)
            }
            _ => None,
        }
    }

    /// Which timer it was.
    fn timer(&self, at: Time, s: &Segment, quiet: Duration, timeout: Duration) -> (Repair, Certainty) {
        let next_timeout = (Repair::Timeout { backoff: self.timeouts }, Certainty::Inferred);
        if let Some(first) = &self.undecided {
            // The timer after a timeout waits twice as long, the one after a probe does not (RFC 6298 s5.5, RFC 8985 s7.3).
            let backoff = u32::from(was_timeout(first, at, timeout));
            return (Repair::Timeout { backoff }, Certainty::Inferred);
        }
        let repairing = self.recover.is_some() || self.lost.is_some();
        if self.timers > 0 || self.stream.uses_sack() == Some(false) || repairing {
            return next_timeout;
        }
        let head = s.start <= self.sacked.first_missing(self.una);
        let tail = self.next.is_none_or(|next| s.end >= next);
        match (head, tail) {
            (true, false) => next_timeout,
            (false, true) => (Repair::TailLossProbe, Certainty::Inferred),
            (true, true) if quiet < timeout / 4 * 3 && self.rtt.smoothed().is_some() => {
                (Repair::TailLossProbe, Certainty::Inferred)
            }
            (true, true) => (Repair::Timer, Certainty::Unknown),
            (false, false) => (Repair::Unknown, Certainty::Unknown),
        }
    }

    /// What the sender is in from now on.
    fn enter(&mut self, at: Time, s: &Segment, quiet: Duration, repair: Repair) {
        let index = self.found.len() - 1;
        let next = self.next.unwrap_or(s.end);
        match repair {
            Repair::Fast(_) => {
                self.recover.get_or_insert(next);
            }
            Repair::Timer => {
                self.timers += 1;
                self.undecided = Some(Undecided { index, quiet, at });
            }
            Repair::TailLossProbe => self.timers += 1,
            Repair::Timeout { backoff } => {
                if let Some(first) = self.undecided.take() {
                    let repair =
                        if backoff > 0 { Repair::Timeout { backoff: 0 } } else { Repair::TailLossProbe };
                    let first = &mut self.found[first.index];
                    (first.repair, first.certainty) = (repair, Certainty::Inferred);
                }
                self.timers += 1;
                self.timeouts = backoff + 1;
                self.recover = None;
                self.lost = Some((next, index));
            }
            Repair::AfterTimeout { .. } | Repair::Handshake | Repair::Asked { .. } | Repair::Unknown => {}
        }
    }

    /// A single timer that nothing followed. Where a sender probes at all, its probe is never later than its timeout (RFC 8985
    /// s7.2), so the first timer of an episode is the probe; and Linux does probe where SACK is in use.
    fn decide_at_the_end(&mut self) {
        if self.trace.on_linux() && self.stream.uses_sack() == Some(true) {
            for r in self.found.iter_mut().filter(|r| r.repair == Repair::Timer) {
                (r.repair, r.certainty) = (Repair::TailLossProbe, Certainty::Inferred);
            }
        }
        self.causes.finish(&mut self.found);
    }

    fn told_by(&self, since: Time) -> Vec<usize> {
        let recent = |told: &[(Time, usize)]| -> Vec<usize> {
            let mut told: Vec<usize> =
                told.iter().rev().take_while(|(t, _)| *t >= since).take(TOLD_MAX).map(|(_, i)| *i).collect();
            told.reverse();
            told
        };
        let mut told = recent(&self.duplicates);
        if told.is_empty() {
            told = recent(&self.signals);
        }
        told
    }
}

/// Whether the first of two timers was a retransmission timeout: then the second waited about twice as long.
fn was_timeout(first: &Undecided, second_at: Time, timeout: Duration) -> bool {
    let second = second_at.since(first.at);
    first.quiet >= timeout / 4 * 3 && second >= first.quiet * 8 / 5 && second <= first.quiet * 27 / 10
}
