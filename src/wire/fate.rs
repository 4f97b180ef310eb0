//! The judge: decides what becomes of each frame, without seeing its bytes.

use super::dice::{Dice, Kin, Purpose};
use super::error::SpecError;
use super::loss::LossState;
use super::queue::Queue;
use super::script::{Asked, Script, Scripts};
use super::spec::{DirectionSpec, Keying, Loss, ReorderBy, Spec};
use super::words::Change;
use crate::model::{Class, Delivery, Direction, Fate, FrameId, Row, Rule, Time, TooBig, Unused, WireChange};
use std::time::Duration;

/// How long a frame waits at most, past the moment when it would have arrived, for the next frame of its
/// direction to trade places with. Below TCP's least retransmission timeout on Linux (200 ms), so that
/// no timeout passes meanwhile.
pub const SWAP_HOLD: Duration = Duration::from_millis(100);

/// What the delay line of one direction holds at most; a frame past either is dropped by
/// [`Rule::QueueFull`] with the number of frames that filled it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineCap {
    /// Frames.
    pub frames: u32,
    /// Their octets.
    pub octets: u64,
}

impl Default for LineCap {
    /// 65,536 frames, 256 MiB.
    fn default() -> LineCap {
        LineCap { frames: 65_536, octets: 256 << 20 }
    }
}

/// Frames of one direction, counted as the wire read them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Frames read.
    pub frames: u64,
    /// Of these, dropped.
    pub dropped: u64,
    /// Octets read.
    pub octets: u64,
}

/// A row whose swap is over: how it ended is known now.
#[derive(Clone, PartialEq, Debug)]
pub struct Settled {
    /// The row, final.
    pub row: Row,
    /// The frame that went first; `None` when none came in time, and the frame was only held.
    pub behind: Option<FrameId>,
}

/// Decides the fate of each frame when the wire reads it. Holds no bytes and reads no clock; the same
/// spec, seed and calls give the same rows.
#[derive(Debug)]
pub struct Judge {
    lanes: [Lane; 2],
    scripts: Scripts,
    /// The same scripts as they were typed.
    added: Vec<Script>,
    frames: u64,
    cap: LineCap,
}

/// One direction.
#[derive(Debug)]
struct Lane {
    direction: Direction,
    spec: DirectionSpec,
    /// Nothing to decide, as long as nothing is on its way.
    plain: bool,
    /// Nothing to decide but this chance of a loss, which may be 0.
    chance: Option<f64>,
    /// By [`Kin`].
    kin: [Luck; 2],
    queue: Queue,
    /// No frame that keeps its place arrives before this.
    floor: Time,
    pending: Option<Row>,
    settled: Option<Settled>,
    held: (u32, u64),
    counts: Counts,
}

/// The chances of frames that share a count.
#[derive(Debug)]
struct Luck {
    dice: Dice,
    loss: LossState,
    /// Frames so far, the one being judged included.
    count: u64,
    /// Frames since the last that was put out of order (netem's counter).
    since_reordered: u64,
}

impl Luck {
    fn new(seed: u64, direction: Direction, kin: Kin) -> Luck {
        let dice = Dice::new(seed, direction, kin);
        Luck { dice, loss: LossState::default(), count: 0, since_reordered: 0 }
    }

    fn happens(&mut self, purpose: Purpose, probability: f64) -> bool {
        self.dice.happens(purpose, self.count, probability)
    }

    fn below(&mut self, purpose: Purpose, bound: u64) -> u64 {
        self.dice.below(purpose, self.count, bound)
    }
}

/// A frame to be judged.
#[derive(Clone, Copy)]
struct Asking {
    now: Time,
    len: u32,
    ip_len: u32,
    class: Class,
}

impl Judge {
    /// A judge of a wire. The spec should have passed [`Spec::check`]; one that hasn't is judged all the
    /// same, with delays below zero taken as zero.
    pub fn new(spec: &Spec, seed: u64) -> Judge {
        let scripts = Scripts::new(&spec.scripts);
        let lanes = Direction::BOTH.map(|d| Lane::new(d, spec.direction(d).clone(), seed, &scripts));
        Judge { lanes, scripts, added: spec.scripts.clone(), frames: 0, cap: LineCap::default() }
    }

    /// Replaces the delay line's bounds.
    pub fn with_cap(mut self, cap: LineCap) -> Judge {
        self.cap = cap;
        self
    }

    /// Decides about the next frame of `direction`: `len` octets from the Ethernet header on without FCS, of
    /// which `ip_len` are an IP packet (0 when it carries none). `now` must not run backwards.
    ///
    /// A frame that waits for a swap gets a row with the latest moment of its arrival, and
    /// [`Judge::is_pending`] says so; the final row comes from [`Judge::settled`].
    pub fn judge(&mut self, now: Time, direction: Direction, len: u32, ip_len: u32, class: Class) -> Row {
        self.frames += 1;
        let id = FrameId(self.frames);
        let lane = &mut self.lanes[direction.index()];
        lane.count(len, class);
        let index = lane.counts.frames;
        let row = |fate| Row { id, direction, index, at: now, len, class, fate };
        if lane.plain && lane.held.0 == 0 && lane.floor <= now && lane.pending.is_none() {
            self.scripts.ask(direction, class);
            return row(Fate::Delivered(Delivery::plain(now)));
        }
        let asked = self.scripts.ask(direction, class);
        let verdict = lane.decide(Asking { now, len, ip_len, class }, asked, self.cap);
        lane.counts.dropped += u64::from(verdict.fate.is_dropped());
        let row = row(verdict.fate);
        if verdict.swap {
            lane.pending = Some(row.clone());
        } else if verdict.in_place {
            lane.pass(&row);
        }
        row
    }

    /// Lets up to `count` frames of `len` octets each pass untouched where there is nothing to decide about
    /// them, and says how many: those before the first that is lost by chance. That one, and whatever this
    /// lets not pass, is for [`Judge::judge`]; nothing is changed for it. The frames have the numbers that
    /// they would have had, but no rows are made.
    ///
    /// Only a wire that does nothing, or nothing but independent losses keyed by frame, lets any pass.
    pub fn pass(&mut self, now: Time, direction: Direction, len: u32, count: u64) -> u64 {
        let lane = &mut self.lanes[direction.index()];
        if lane.held.0 > 0 || lane.floor > now || lane.pending.is_some() {
            return 0;
        }
        // Keyed by frame, all frames are of one kin.
        let luck = &mut lane.kin[Kin::Data as usize];
        let passed = match lane.chance {
            None => 0,
            Some(0.0) => count,
            Some(p) => {
                let next = luck.count + 1;
                (0..count).find(|i| luck.dice.happens(Purpose::Loss, next + i, p)).unwrap_or(count)
            }
        };
        luck.count += passed;
        lane.counts.frames += passed;
        lane.counts.octets += passed * u64::from(len);
        self.frames += passed;
        passed
    }

    /// Gives a frame its row when somebody else decided that it ends here, such as a router on the path.
    /// It counts like any other: scripts count it, and chances are drawn for it.
    pub fn end(&mut self, now: Time, direction: Direction, len: u32, class: Class, by: Rule) -> Row {
        self.frames += 1;
        self.scripts.ask(direction, class);
        let lane = &mut self.lanes[direction.index()];
        lane.count(len, class);
        lane.counts.dropped += 1;
        let index = lane.counts.frames;
        lane.step(class);
        Row { id: FrameId(self.frames), direction, index, at: now, len, class, fate: Fate::Dropped { by } }
    }

    /// Whether the frame waits for a swap, so that its row is not final yet.
    pub fn is_pending(&self, row: &Row) -> bool {
        self.lanes[row.direction.index()].pending.as_ref().is_some_and(|p| p.id == row.id)
    }

    /// A row that has become final: ask after each frame, and when [`Judge::deadline`] has come, until
    /// there is none. At most one waits for each direction; one that is not taken gives way to the next.
    pub fn settled(&mut self, now: Time) -> Option<Settled> {
        self.lanes.iter_mut().find_map(|lane| {
            if lane.settled.is_none() {
                lane.expire(now);
            }
            lane.settled.take()
        })
    }

    /// When a frame that waits for a swap goes without one.
    pub fn deadline(&self) -> Option<Time> {
        self.lanes.iter().filter_map(|l| latest(l.pending.as_ref()?)).min()
    }

    /// Tells what the delay line of `direction` now holds, for [`LineCap`]. Whoever stores the frames
    /// calls this; a judge that is never told never drops for it.
    pub fn set_held(&mut self, direction: Direction, frames: u32, octets: u64) {
        self.lanes[direction.index()].held = (frames, octets);
    }

    /// Makes a change from the next frame on, in one direction or both. Frames already judged keep their
    /// fates, and later ones still don't overtake them. A script counts from its adding on; a loss model
    /// begins in its good state.
    ///
    /// # Errors
    /// When the change doesn't go with the rest of the direction's spec; nothing is changed then.
    pub fn set(&mut self, direction: Option<Direction>, change: &Change) -> Result<(), SpecError> {
        self.set_all(&[(direction, change.clone())])
    }

    /// Makes several changes as one, as [`Judge::set`] makes each.
    ///
    /// # Errors
    /// When what they make doesn't go together; nothing is changed then.
    pub fn set_all(&mut self, changes: &[(Option<Direction>, Change)]) -> Result<(), SpecError> {
        let mut specs = self.lanes.each_ref().map(|l| l.spec.clone());
        for (direction, change) in changes {
            for d in Direction::BOTH.into_iter().filter(|d| direction.is_none_or(|only| only == *d)) {
                specs[d.index()].apply(change);
            }
        }
        Direction::BOTH.into_iter().try_for_each(|d| specs[d.index()].check(d))?;
        for (_, change) in changes {
            if let Change::Script(script) = change {
                self.scripts.add(script.clone());
                self.added.push(script.clone());
            }
        }
        for (lane, spec) in self.lanes.iter_mut().zip(specs) {
            if lane.spec.loss != spec.loss {
                lane.kin.iter_mut().for_each(|kin| kin.loss = LossState::default());
            }
            lane.spec = spec;
            lane.plain = lane.spec.is_transparent() && !self.scripts.concern(lane.direction);
            lane.chance = only_chance(&lane.spec).filter(|_| self.scripts.is_empty());
        }
        Ok(())
    }

    /// Cuts the wire at `at` in one direction or both: what the wire reads from then on is dropped, what is
    /// on its way still arrives.
    ///
    /// # Errors
    /// When it is cut already then.
    pub fn cut(&mut self, direction: Option<Direction>, at: Time) -> Result<(), SpecError> {
        self.set(direction, &Change::At(at.since(Time::ZERO), WireChange::Cut))
    }

    /// Restores it at `at`.
    ///
    /// # Errors
    /// When it is whole then.
    pub fn restore(&mut self, direction: Option<Direction>, at: Time) -> Result<(), SpecError> {
        self.set(direction, &Change::At(at.since(Time::ZERO), WireChange::Restored))
    }

    /// The first moment after `after` at which the wire is cut or restored, and what happens then, by
    /// [`Direction::index`].
    pub fn next_change(&self, after: Time) -> Option<(Time, [Option<WireChange>; 2])> {
        let next = self.lanes.each_ref().map(|l| l.spec.cuts.next(after.since(Time::ZERO)));
        let at = next.iter().flatten().map(|(at, _)| *at).min()?;
        Some((Time::ZERO + at, next.map(|n| n.filter(|(t, _)| *t == at).map(|(_, change)| change))))
    }

    /// What the wire is asked to do now, scripts that were added included.
    pub fn asked(&self) -> Spec {
        let directions = self.lanes.each_ref().map(|lane| lane.spec.clone());
        Spec { directions, scripts: self.added.clone() }
    }

    /// The scripts that named no frame so far.
    pub fn unused(&self) -> Vec<Unused> {
        self.scripts.unused()
    }

    /// What a direction is asked to do now.
    pub fn spec(&self, direction: Direction) -> &DirectionSpec {
        &self.lanes[direction.index()].spec
    }

    /// Frames that wait before the rate limiter of `direction` at `now`, the one being sent included.
    pub fn queued(&self, direction: Direction, now: Time) -> usize {
        self.lanes[direction.index()].queue.len(now)
    }

    /// What the wire has read so far.
    pub fn counts(&self, direction: Direction) -> Counts {
        self.lanes[direction.index()].counts
    }
}

/// What was decided about a frame, and how that bears on a frame that waits for a swap.
struct Verdict {
    fate: Fate,
    /// It waits for a swap itself.
    swap: bool,
    /// It passes in its place: not dropped, and not late on purpose.
    in_place: bool,
}

impl Lane {
    fn new(direction: Direction, spec: DirectionSpec, seed: u64, scripts: &Scripts) -> Lane {
        Lane {
            direction,
            plain: spec.is_transparent() && !scripts.concern(direction),
            chance: only_chance(&spec).filter(|_| scripts.is_empty()),
            spec,
            kin: [Kin::Data, Kin::Rest].map(|kin| Luck::new(seed, direction, kin)),
            queue: Queue::default(),
            floor: Time::ZERO,
            pending: None,
            settled: None,
            held: (0, 0),
            counts: Counts::default(),
        }
    }

    /// Counts a frame, whatever will be decided about it.
    fn count(&mut self, len: u32, class: Class) {
        self.counts.frames += 1;
        self.counts.octets += u64::from(len);
        self.kin[Kin::of(class, self.spec.dice) as usize].count += 1;
    }

    /// What steps with every frame, whatever becomes of it: the loss chain and the reorder gap.
    fn step(&mut self, class: Class) -> (Option<Rule>, Option<(ReorderBy, Rule)>) {
        let luck = &mut self.kin[Kin::of(class, self.spec.dice) as usize];
        let lost = luck.loss.decide(&self.spec.loss, &mut luck.dice, luck.count);
        let reorder = self.spec.reorder.and_then(|reorder| {
            let p = reorder.p.fraction();
            let candidate = luck.since_reordered >= u64::from(reorder.gap.saturating_sub(1));
            if candidate && luck.happens(Purpose::Reorder, p) {
                luck.since_reordered = 0;
                return Some((reorder.how, Rule::Random(p)));
            }
            luck.since_reordered += 1;
            None
        });
        (lost, reorder)
    }

    fn decide(&mut self, frame: Asking, asked: Asked, cap: LineCap) -> Verdict {
        let (lost, reorder) = self.step(frame.class);
        let kin = Kin::of(frame.class, self.spec.dice) as usize;
        self.expire(frame.now);
        let dropped = |by| Verdict { fate: Fate::Dropped { by }, swap: false, in_place: false };

        // The order says which rule is named when several would drop it: docs/wire.md.
        if self.spec.cuts.is_cut(frame.now.since(Time::ZERO)) {
            return dropped(Rule::Cut);
        }
        if let Some(by) = asked.drop {
            return dropped(by);
        }
        if let Some(by) = self.too_large(frame) {
            return dropped(by);
        }
        if let Some(by) = lost {
            return dropped(by);
        }
        // A script outdoes chance, and a frame that waits is the next one's to pass: no swap of that.
        let waiting = self.pending.is_some();
        let swap = match (&asked.delay, asked.swap, &reorder) {
            (Some(_), ..) => None,
            (None, Some(rule), _) => Some(rule),
            (None, None, Some((ReorderBy::Swap, rule))) => Some(rule.clone()),
            _ => None,
        }
        .filter(|_| !waiting);
        let late = match reorder {
            Some((ReorderBy::Late(by), rule)) if asked.delay.is_none() && swap.is_none() => Some((by, rule)),
            _ => None,
        };

        let (frames, octets) = self.held;
        let room = |copies: u32| {
            frames.saturating_add(copies) <= cap.frames
                && octets.saturating_add(u64::from(frame.len) * u64::from(copies)) <= cap.octets
        };
        if !room(1) {
            return dropped(Rule::QueueFull { limit: frames });
        }
        let room_for_two = room(2);
        let Some(first) = self.copy(frame, [Purpose::Jitter, Purpose::Corrupt, Purpose::Bit]) else {
            return dropped(Rule::QueueFull { limit: self.spec.limit });
        };
        let twice = asked.dup.or_else(|| {
            let p = self.spec.duplicate.fraction();
            (p > 0.0 && self.kin[kin].happens(Purpose::Duplicate, p)).then_some(Rule::Random(p))
        });
        // A copy that finds the queue full is not made; the frame itself arrives.
        let second = twice.filter(|_| room_for_two).and_then(|by| {
            let purposes = [Purpose::SecondJitter, Purpose::SecondCorrupt, Purpose::SecondBit];
            Some((self.copy(frame, purposes)?, by))
        });

        let out_of_place = |mut delivery: Delivery| {
            if let Some((by, rule)) = &asked.delay {
                delivery.at += *by;
                delivery.held = Some((*by, rule.clone()));
            } else if let Some(rule) = &swap {
                // Both copies wait as one, from the moment when the last would have arrived.
                delivery.at = self.floor + SWAP_HOLD;
                delivery.reordered = Some(rule.clone());
            } else if let Some((by, rule)) = &late {
                delivery.at += *by;
                delivery.reordered = Some(rule.clone());
            }
            delivery
        };
        let fate = match second {
            None => Fate::Delivered(out_of_place(first)),
            Some((second, by)) => {
                Fate::Duplicated { first: out_of_place(first), second: out_of_place(second), by }
            }
        };
        let in_place = swap.is_none() && late.is_none() && asked.delay.is_none();
        Verdict { fate, swap: swap.is_some(), in_place }
    }

    fn too_large(&self, frame: Asking) -> Option<Rule> {
        let mtu = self.spec.mtu.filter(|mtu| frame.ip_len > *mtu)?;
        // Only IPv6 and IPv4 with DF may be answered: elsewhere a router would fragment, which this wire
        // doesn't (RFC 792, type 3 code 4; RFC 4443 s3.2).
        let reply = match self.spec.icmp {
            _ if !frame.class.meets(Class::IPV6.with(Class::DF)) => TooBig::MaySplit,
            true => TooBig::Icmp,
            false => TooBig::Silence,
        };
        Some(Rule::Mtu { mtu, reply })
    }

    /// One copy's way through queue and distance; `None` when the queue is full.
    fn copy(&mut self, frame: Asking, [jitter, corrupt, bit]: [Purpose; 3]) -> Option<Delivery> {
        let departs = match self.spec.rate {
            Some(rate) => self.queue.admit(frame.now, frame.len, rate, self.spec.limit)?,
            None => frame.now,
        };
        // Behind whatever is on its way: jitter alone never puts frames out of order.
        let at = (departs + self.strayed_delay(jitter, frame.class)).max(self.floor);
        self.floor = at;
        let p = self.spec.corrupt.fraction();
        let luck = &mut self.kin[Kin::of(frame.class, self.spec.dice) as usize];
        let corrupted = (p > 0.0 && frame.len > 0 && luck.happens(corrupt, p))
            .then(|| (luck.below(bit, u64::from(frame.len) * 8) as u32, Rule::Random(p)));
        Some(Delivery {
            at,
            queued: departs.since(frame.now),
            delayed: at.since(departs),
            reordered: None,
            corrupted,
            held: None,
        })
    }

    fn strayed_delay(&mut self, purpose: Purpose, class: Class) -> Duration {
        let spread = self.spec.jitter.spread.as_nanos() as u64;
        if spread == 0 {
            return self.spec.delay;
        }
        // Uniform over the whole nanoseconds from -spread to +spread.
        let luck = &mut self.kin[Kin::of(class, self.spec.dice) as usize];
        let stray = luck.below(purpose, spread.saturating_mul(2).saturating_add(1));
        self.spec.delay.saturating_add(Duration::from_nanos(stray)).saturating_sub(self.spec.jitter.spread)
    }

    /// A frame passes in its place: one that waits for it arrives right behind it.
    fn pass(&mut self, passing: &Row) {
        let Some(last) = passing.fate.deliveries().map(|d| d.at).max() else { return };
        let Some(mut row) = self.pending.take() else { return };
        if latest(&row).is_some_and(|limit| last > limit) {
            self.pending = Some(row);
            self.expire(Time::MAX);
            return;
        }
        for delivery in deliveries_mut(&mut row.fate) {
            delivery.at = last;
        }
        self.settled = Some(Settled { row, behind: Some(passing.id) });
    }

    /// Lets a frame go that has waited its time: it was held, not reordered, and its row says so.
    fn expire(&mut self, now: Time) {
        let Some(mut row) = self.pending.take_if(|row| latest(row).is_some_and(|at| at <= now)) else {
            return;
        };
        for delivery in deliveries_mut(&mut row.fate) {
            delivery.held = delivery.reordered.take().map(|rule| (SWAP_HOLD, rule));
        }
        // Nobody overtakes it now: whatever is judged from here on arrives later than this.
        self.settled = Some(Settled { row, behind: None });
    }
}

/// The chance of a loss, where a direction does nothing else and counts all frames alike.
fn only_chance(spec: &DirectionSpec) -> Option<f64> {
    let p = match spec.loss {
        Loss::None => 0.0,
        Loss::Random(p) => p.fraction(),
        Loss::Gemodel(_) => return None,
    };
    let rest = DirectionSpec { loss: Loss::None, ..spec.clone() };
    (rest.is_transparent() && spec.dice == Keying::Frame).then_some(p)
}

fn latest(row: &Row) -> Option<Time> {
    row.fate.deliveries().map(|d| d.at).max()
}

fn deliveries_mut(fate: &mut Fate) -> impl Iterator<Item = &mut Delivery> {
    let (a, b) = match fate {
        Fate::Delivered(d) => (Some(d), None),
        Fate::Duplicated { first, second, .. } => (Some(first), Some(second)),
        Fate::Dropped { .. } => (None, None),
    };
    a.into_iter().chain(b)
}
