//! Random commands to the engine and to the model: every answer and every state must agree, also over crashes.

use super::model::{Model, ModelConsumer, ModelQueue};
use super::promises::Handed;
use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{TestCaseError, TestRunner};

const NAMES: [&str; 4] = ["a", "b", "c", "dead"];

/// The queue that is there from the start.
const DEAD: usize = 3;

/// So small that every bound is met.
pub(super) const LIMITS: Limits =
    Limits { queues: 3, consumers: 5, name: 9, message: 16, messages: 12, bytes: 60, prefetch: 4, ids: 5 };

/// Queues and consumers are chosen by number among those that are, or were, there.
#[derive(Clone, Debug)]
pub(super) enum Command {
    Declare(usize, Settings),
    Delete(usize),
    Purge(usize),
    Publish(usize, u8, usize),
    Subscribe(usize, Subscription),
    /// A driver at work: hands out, or pauses those whose bit is not set.
    Serve(u8),
    /// A driver that takes a consumer, and comes for the message later.
    Take,
    Next(usize),
    Pause(usize),
    Resume(usize),
    Ack(usize, u64, bool),
    Nack(usize, u64, bool, bool),
    Leave(usize),
    Wait(u64),
    /// All that was told makes a new engine; `true`: from a snapshot.
    Crash(bool),
}

fn settings() -> impl Strategy<Value = Settings> {
    let policy = prop_oneof![Just(Policy::Reject), Just(Policy::DropOldest), Just(Policy::DeadLetter)];
    let dead = prop_oneof![2 => Just(None), 1 => (0..NAMES.len()).prop_map(Some), 2 => Just(Some(DEAD))];
    (any::<bool>(), 0..5_u64, 0..2_u64, 0..2_u64, 0..3_u32, policy, dead, 0..4_u32).prop_map(
        |(topic, max_messages, bytes, age, max_deliveries, policy, dead, window)| Settings {
            kind: if topic { Kind::Topic } else { Kind::Work },
            max_messages,
            max_bytes: bytes * 20,
            max_age: Duration::from_millis(age * 5),
            max_deliveries,
            policy,
            dead_letter: dead.map(|name| NAMES[name].into()),
            window,
        },
    )
}

fn subscription() -> impl Strategy<Value = Subscription> {
    let from =
        prop_oneof![3 => Just(From::New), 1 => Just(From::Start), 1 => (0..20_u64).prop_map(From::Offset)];
    let mode = prop_oneof![1 => Just(Mode::AtMostOnce), 3 => Just(Mode::AtLeastOnce)];
    (0..6_u32, mode, from).prop_map(|(prefetch, mode, from)| Subscription { prefetch, mode, from })
}

/// `compact`: whether a crash may follow on a compaction, after which only a snapshot is told.
pub(super) fn command(compact: bool) -> impl Strategy<Value = Command> {
    let (queue, consumer, offset) = (0..8_usize, 0..8_usize, 0..12_u64);
    prop_oneof![
        4 => (0..NAMES.len(), settings()).prop_map(|(n, s)| Command::Declare(n, s)),
        1 => queue.clone().prop_map(Command::Delete),
        1 => queue.clone().prop_map(Command::Purge),
        16 => (queue.clone(), 0..7_u8, 0..18_usize).prop_map(|(q, id, len)| Command::Publish(q, id, len)),
        5 => (queue, subscription()).prop_map(|(q, s)| Command::Subscribe(q, s)),
        6 => any::<u8>().prop_map(|room| Command::Serve(room | 0b1001)),
        4 => Just(Command::Take),
        10 => consumer.clone().prop_map(Command::Next),
        1 => consumer.clone().prop_map(Command::Pause),
        2 => consumer.clone().prop_map(Command::Resume),
        8 => (consumer.clone(), offset.clone(), any::<bool>()).prop_map(|(c, o, up)| Command::Ack(c, o, up)),
        7 => (consumer.clone(), offset, any::<bool>(), any::<bool>())
            .prop_map(|(c, o, up, again)| Command::Nack(c, o, up, again)),
        2 => consumer.prop_map(Command::Leave),
        3 => (0..7_u64).prop_map(Command::Wait),
        1 => any::<bool>().prop_map(move |compacted| Command::Crash(compacted && compact)),
    ]
}

/// The engine beside the model.
pub(super) struct Pair {
    pub(super) bench: Bench,
    model: Model,
    /// All that ever were: asking for one that is gone is a case too.
    queues: Vec<QueueId>,
    consumers: Vec<ConsumerId>,
    /// Taken by the driver, who has not yet come for the message.
    coming: Vec<ConsumerId>,
    /// What was met on the way: how messages ended, why things were refused, and the like.
    met: BTreeSet<String>,
    /// Every delivery.
    pub(super) handed: Vec<Handed>,
    life: u32,
}

type Checked = Result<(), TestCaseError>;

fn pick<T: Copy>(among: &[T], n: usize) -> Option<T> {
    // The youngest first: those are the ones that are mostly still there.
    among.iter().rev().nth(n % among.len().max(1)).copied()
}

impl Pair {
    pub(super) fn new() -> Pair {
        let mut pair = Pair {
            bench: Bench::with(LIMITS),
            model: Model { limits: LIMITS, queues: Vec::new(), consumers: Vec::new() },
            queues: Vec::new(),
            consumers: Vec::new(),
            coming: Vec::new(),
            met: BTreeSet::new(),
            handed: Vec::new(),
            life: 0,
        };
        pair.declare(NAMES[DEAD], &work()).expect("an engine without queues takes one");
        pair
    }

    /// Both answers, which must be equal.
    fn agree<T: PartialEq + std::fmt::Debug>(
        &mut self,
        got: &Result<T, Refusal>,
        want: &Result<T, Refusal>,
    ) -> Checked {
        if let Err(refusal) = got {
            let name = format!("{refusal:?}");
            self.met.insert(name.split([' ', '(']).next().unwrap_or_default().to_owned());
        }
        prop_assert_eq!(got, want);
        Ok(())
    }

    pub(super) fn run(&mut self, command: &Command) -> Checked {
        match *command {
            Command::Declare(name, ref settings) => self.declare(NAMES[name], settings)?,
            Command::Publish(queue, id, len) => {
                let Some(queue) = pick(&self.queues, queue) else { return Ok(()) };
                // Bodies up to one octet too many.
                let id = ["", "", "i", "j", "k", "kk", "kkk"][usize::from(id)];
                let message = message(id, &"0123456789abcdefg"[..len.min(17)]);
                let want = self.model.publish(self.bench.now, queue, message.clone());
                let got = self.bench.publish(queue, message);
                self.agree(&got, &want)?;
                if got.is_ok_and(|published| published.duplicate) {
                    self.met.insert("duplicate".into());
                }
            }
            Command::Subscribe(queue, wanted) => {
                let Some(queue) = pick(&self.queues, queue) else { return Ok(()) };
                self.subscribe(queue, wanted)?;
            }
            Command::Delete(queue) => {
                let Some(queue) = pick(&self.queues, queue) else { return Ok(()) };
                let (got, want) = (self.bench.delete(queue), self.model.delete(queue));
                self.agree(&got, &want)?;
            }
            Command::Purge(queue) => {
                let Some(queue) = pick(&self.queues, queue) else { return Ok(()) };
                let (got, want) = (self.bench.purge(queue), self.model.purge(queue));
                self.agree(&got, &want)?;
            }
            Command::Serve(room) => self.serve(room)?,
            Command::Take => self.coming.extend(self.bench.engine.take_ready()),
            Command::Wait(ms) => {
                self.bench.wait(Duration::from_millis(ms));
                self.model.tick(self.bench.now);
            }
            Command::Crash(compacted) => {
                if compacted {
                    self.bench.told = durable(&self.bench.engine);
                }
                let mut restore = Restore::new(LIMITS);
                self.bench.told.iter().for_each(|change| _ = restore.apply(change.change()));
                self.bench.engine = restore.finish();
                if self.model.queues.iter().any(|q| q.messages.iter().any(|m| m.in_hand)) {
                    self.met.insert("crash with messages in hand".into());
                }
                self.model.crash();
                self.coming.clear();
                self.life += 1;
            }
            Command::Next(consumer)
            | Command::Pause(consumer)
            | Command::Resume(consumer)
            | Command::Ack(consumer, ..)
            | Command::Nack(consumer, ..)
            | Command::Leave(consumer) => {
                // Often one that the driver has taken.
                let among =
                    if consumer < 4 && !self.coming.is_empty() { &self.coming } else { &self.consumers };
                let Some(consumer) = pick(among, consumer) else { return Ok(()) };
                self.speak(consumer, command)?;
            }
        }
        Ok(())
    }

    /// What one consumer says.
    fn speak(&mut self, consumer: ConsumerId, command: &Command) -> Checked {
        let now = self.bench.now;
        // Mostly about a message that it has in hand.
        let span = |model: &Model, n: u64, up_to: bool| {
            let hand = model.who(consumer).map_or(&[][..], |who| &model.consumers[who].hand);
            let offset = pick(hand, n as usize).filter(|_| n < 10).map_or(n, |(offset, _)| offset);
            if up_to { Span::UpTo(offset) } else { Span::One(offset) }
        };
        match *command {
            Command::Next(_) => self.next(consumer)?,
            Command::Pause(_) => self.set_paused(consumer, true),
            Command::Resume(_) => self.set_paused(consumer, false),
            Command::Ack(_, n, up_to) => {
                let span = span(&self.model, n, up_to);
                let (got, want) = (self.bench.ack(consumer, span), self.model.ack(consumer, span));
                self.agree(&got, &want)?;
            }
            Command::Nack(_, n, up_to, requeue) => {
                let span = span(&self.model, n, up_to);
                let want = self.model.nack(now, consumer, span, requeue);
                let got = self.bench.nack(consumer, span, requeue);
                self.agree(&got, &want)?;
            }
            _ => {
                let (got, want) = (self.bench.leave(consumer), self.model.leave(now, consumer));
                self.agree(&got, &want)?;
            }
        }
        Ok(())
    }

    fn declare(&mut self, name: &str, settings: &Settings) -> Checked {
        let want = self.model.declare(name, settings);
        let told = &mut self.bench.told;
        let got = self.bench.engine.declare(name, settings.clone(), &mut |c| told.push(Owned::of(c)));
        let Ok(None) = want else { return self.agree(&got.map(Some), &want) };
        let id = got.map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
        prop_assert!(!self.queues.contains(&id), "an id for the second time");
        self.queues.push(id);
        let (name, settings) = (name.into(), settings.clone());
        let (messages, ids, counts) = (Vec::new(), Vec::new(), Counts::default());
        self.model.queues.push(ModelQueue { id, name, settings, next: 0, messages, ids, counts });
        self.model.queues.sort_by_key(|q| q.id);
        Ok(())
    }

    fn subscribe(&mut self, queue: QueueId, wanted: Subscription) -> Checked {
        let got = self.bench.engine.subscribe(queue, wanted);
        let want = self.model.start(queue, wanted);
        self.agree(&got.clone().map(|s| (s.prefetch, s.start, s.asked)), &want)?;
        let Ok(Subscribed { consumer: id, prefetch, start: fresh, .. }) = got else { return Ok(()) };
        if !self.consumers.contains(&id) {
            self.consumers.push(id);
        }
        let (hand, returned, paused, delivered, missed) = (Vec::new(), Vec::new(), false, 0, 0);
        self.model.consumers.push(ModelConsumer {
            id,
            queue,
            wanted,
            prefetch,
            hand,
            fresh,
            returned,
            paused,
            delivered,
            missed,
        });
        Ok(())
    }

    fn next(&mut self, consumer: ConsumerId) -> Checked {
        self.coming.retain(|other| *other != consumer);
        let waiting = self.waiting(consumer);
        let want = self.model.next(consumer);
        let got = self.bench.engine.next(consumer, &mut |c| self.bench.told.push(Owned::of(c)));
        if let (Some(delivery), Some((mode, kind, waiting))) = (&got, waiting) {
            let (place, deliveries, life) =
                ((delivery.queue, delivery.offset), delivery.deliveries, self.life);
            self.handed.push(Handed { consumer, mode, kind, place, deliveries, life, waiting });
            if deliveries > 1 {
                self.met.insert("redelivered".into());
            }
        }
        prop_assert_eq!(got, want);
        Ok(())
    }

    /// How a consumer is given messages, what its queue is, and the offsets that nobody has in hand there.
    fn waiting(&self, consumer: ConsumerId) -> Option<(Mode, Kind, Vec<u64>)> {
        let engine = &self.bench.engine;
        let c = engine.consumers.get(consumer.0)?;
        let q = engine.queues.get(c.queue.0)?;
        let of_queue = engine.consumers.iter().filter(|(_, other)| other.queue == c.queue);
        let in_hand: BTreeSet<u64> =
            of_queue.flat_map(|(_, other)| other.unacked.iter().map(|(offset, _)| offset)).collect();
        let waiting = q.held.iter().map(|(offset, _)| offset).filter(|offset| !in_hand.contains(offset));
        Some((c.mode, q.settings.kind, waiting.collect()))
    }

    fn set_paused(&mut self, consumer: ConsumerId, paused: bool) {
        if paused {
            self.coming.retain(|other| *other != consumer);
            self.bench.engine.pause(consumer);
        } else {
            self.bench.engine.resume(consumer);
        }
        if let Some(who) = self.model.who(consumer) {
            self.model.consumers[who].paused = paused;
        }
    }

    /// A driver at work. When it is done, nobody who could take a message is left waiting for one.
    fn serve(&mut self, room: u8) -> Checked {
        for consumer in std::mem::take(&mut self.coming) {
            self.next(consumer)?;
        }
        for _ in 0..1000 {
            let Some(consumer) = self.bench.engine.take_ready() else { break };
            let who = self.model.who(consumer);
            prop_assert!(who.is_some_and(|who| !self.model.consumers[who].paused), "called in vain");
            if room & 1 << (who.unwrap_or_default() % 8) == 0 {
                self.set_paused(consumer, true);
            } else {
                self.next(consumer)?;
            }
        }
        prop_assert_eq!(self.bench.engine.take_ready(), None, "it never ends");
        for c in self.model.consumers.iter().filter(|c| !c.paused) {
            prop_assert_eq!(self.model.peek(c.id), None, "{:?} was forgotten", c.id);
        }
        Ok(())
    }

    /// Everything that can be seen from outside.
    fn check(&self) -> Checked {
        let (engine, now) = (&self.bench.engine, self.bench.now);
        let want: Vec<QueueReport> = self.model.queues.iter().map(|q| self.report(q)).collect();
        prop_assert_eq!(engine.inspect(now).collect::<Vec<_>>(), want);
        prop_assert_eq!(
            engine.load.messages,
            self.model.queues.iter().map(|q| q.messages.len() as u64).sum::<u64>()
        );
        prop_assert_eq!(engine.load.bytes, self.model.queues.iter().map(ModelQueue::bytes).sum::<u64>());
        let holds: Vec<Owned> =
            durable(engine).into_iter().filter(|change| !matches!(change, Owned::Deleted { .. })).collect();
        prop_assert_eq!(holds, self.model.queues.iter().flat_map(durable_queue).collect::<Vec<_>>());
        for q in &self.model.queues {
            let oldest = q.messages.iter().find(|m| !m.in_hand).filter(|_| !q.settings.max_age.is_zero());
            let due = oldest.map(|m| m.time + q.settings.max_age);
            prop_assert!(
                due.is_none_or(|due| engine.deadline().is_some_and(|at| at <= due)),
                "the alarm is late"
            );
        }
        Ok(())
    }

    fn report(&self, q: &ModelQueue) -> QueueReport {
        let consumers: Vec<ConsumerReport> = self
            .model
            .consumers
            .iter()
            .filter(|c| c.queue == q.id)
            .map(|c| ConsumerReport {
                consumer: c.id,
                mode: c.wanted.mode,
                prefetch: c.prefetch,
                unacked: c.hand.len() as u64,
                delivered: c.delivered,
                missed: c.missed,
                paused: c.paused,
            })
            .collect();
        QueueReport {
            queue: q.id,
            name: q.name.clone(),
            settings: q.settings.clone(),
            ready: q.messages.iter().filter(|m| !m.in_hand).count() as u64,
            unacked: consumers.iter().map(|c| c.unacked).sum(),
            bytes: q.bytes(),
            oldest: q.messages.first().map(|m| self.bench.now.since(m.time)),
            next: q.next,
            counts: q.counts,
            consumers,
        }
    }
}

/// What of a queue survives a crash.
fn durable_queue(q: &ModelQueue) -> Vec<Owned> {
    let declared =
        Owned::Declared { queue: q.id, name: q.name.to_string(), settings: q.settings.clone(), next: q.next };
    let mut ids: Vec<_> = q.window().filter(|(offset, _)| q.position(*offset).is_none()).collect();
    ids.reverse();
    let ids = ids.into_iter().map(|(offset, id)| Owned::Remembered {
        queue: q.id,
        offset: *offset,
        id: id.to_vec(),
    });
    let held = q.messages.iter().map(|m| Owned::Stored {
        queue: q.id,
        offset: m.offset,
        time: m.time,
        message: m.message.clone(),
    });
    std::iter::once(declared).chain(ids).chain(held).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_model_does(commands in proptest::collection::vec(command(true), 1..150)) {
        let mut pair = Pair::new();
        for command in &commands {
            pair.run(command)?;
            pair.check()?;
        }
        prop_assert_eq!(durable(&restored(&pair.bench.told)), durable(&pair.bench.engine));
        let snapshot = durable(&pair.bench.engine);
        prop_assert_eq!(durable(&restored(&snapshot)), snapshot);
    }
}

/// Random commands that never filled a queue would prove little.
#[test]
fn the_commands_meet_everything_that_can_happen() {
    let mut runner = TestRunner::deterministic();
    let mut met = BTreeSet::new();
    for _ in 0..600 {
        let commands = proptest::collection::vec(command(true), 150).new_tree(&mut runner).unwrap().current();
        let mut pair = Pair::new();
        commands.iter().for_each(|command| pair.run(command).unwrap());
        met.extend(pair.bench.ends().into_iter().map(|(_, end)| format!("{end:?}")));
        if pair.model.consumers.iter().any(|c| c.missed > 0) {
            met.insert("missed".into());
        }
        met.extend(pair.met);
    }
    let want = [
        "Acked",
        "Differs",
        "DeadLetterCircle",
        "DeadLetterUnnamed",
        "EngineFull",
        "HandedOut",
        "Lost(Expired)",
        "Lost(Full)",
        "Lost(Refused)",
        "Lost(TooOften)",
        "Moved(Expired)",
        "Moved(Full)",
        "Moved(Refused)",
        "Moved(TooOften)",
        "NoConsumer",
        "NoDeadLetter",
        "NoOffsets",
        "NoQueue",
        "NotUnacked",
        "Purged",
        "QueueFull",
        "QueueInHand",
        "TooLarge",
        "TooManyConsumers",
        "TooManyQueues",
        "WindowTooLarge",
        "crash with messages in hand",
        "duplicate",
        "missed",
        "redelivered",
    ];
    assert_eq!(want.iter().filter(|what| !met.contains(**what)).collect::<Vec<_>>(), [&""; 0]);
}
