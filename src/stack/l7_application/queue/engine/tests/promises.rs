//! What is promised to those who use a queue, checked on what the engine said alone: a model may share an error with the
//! engine, a list of what was said does not.

use super::commands::{LIMITS, Pair, command};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A message, wherever it was told.
type Place = (QueueId, u64);

/// A delivery, and who got it.
#[derive(Clone, Debug)]
pub(super) struct Handed {
    pub(super) consumer: ConsumerId,
    pub(super) mode: Mode,
    pub(super) kind: Kind,
    pub(super) place: Place,
    pub(super) deliveries: u32,
    /// A crash forgets who had what, and how often.
    pub(super) life: u32,
    /// Messages of the queue that nobody had in hand at this moment, this one among them.
    pub(super) waiting: Vec<u64>,
}

/// Stored once, settled once and then not held; the rest is held, unless its queue was deleted.
fn nothing_is_lost_or_made_up(told: &[Owned], engine: &Engine) {
    let mut held: BTreeMap<Place, &Message> = BTreeMap::new();
    let mut next: BTreeMap<QueueId, u64> = BTreeMap::new();
    for change in told {
        match change {
            Owned::Declared { queue, .. } => assert!(next.insert(*queue, 0).is_none(), "an id comes again"),
            Owned::Deleted { queue } => held.retain(|(at, _), _| at != queue),
            Owned::Stored { queue, offset, message, .. } => {
                assert_eq!(next.insert(*queue, offset + 1), Some(*offset), "offsets follow each other");
                held.insert((*queue, *offset), message);
            }
            Owned::Settled { queue, first, last, .. } => {
                for offset in *first..=*last {
                    assert!(held.remove(&(*queue, offset)).is_some(), "settled, and not held");
                }
            }
            Owned::Remembered { .. } => panic!("only a snapshot remembers"),
        }
    }
    let holds = durable(engine);
    let holds: BTreeMap<Place, &Message> = holds
        .iter()
        .filter_map(|change| match change {
            Owned::Stored { queue, offset, message, .. } => Some(((*queue, *offset), message)),
            _ => None,
        })
        .collect();
    assert_eq!(holds, held);
}

/// No bound is ever exceeded.
fn bounds_hold(engine: &Engine) {
    let (mut messages, mut bytes) = (0, 0);
    for q in engine.inspect(Time::MAX) {
        let held = q.ready + if q.settings.kind == Kind::Work { q.unacked } else { 0 };
        let within = |bound: u64, value: u64| bound == 0 || value <= bound;
        assert!(within(q.settings.max_messages, held) && within(q.settings.max_bytes, q.bytes), "{q:?}");
        assert!(
            q.consumers.iter().all(|c| c.unacked <= u64::from(c.prefetch) && c.prefetch <= LIMITS.prefetch)
        );
        (messages, bytes) = (messages + held, bytes + q.bytes);
    }
    assert!(messages <= LIMITS.messages && bytes <= LIMITS.bytes);
}

/// Deliveries keep their order, and their number within what was asked for.
fn deliveries_keep_their_promises(handed: &[Handed], most: &BTreeMap<QueueId, u32>) {
    let mut first: BTreeMap<(QueueId, Option<ConsumerId>, u32), u64> = BTreeMap::new();
    let mut times: BTreeMap<(Place, Option<ConsumerId>, u32), u32> = BTreeMap::new();
    let mut once: BTreeSet<(Place, Option<(ConsumerId, u32)>)> = BTreeSet::new();
    for h in handed {
        let (queue, offset) = h.place;
        // A topic promises to each consumer what a work queue promises to all together.
        let reader = (h.kind == Kind::Topic).then_some(h.consumer);
        if h.deliveries == 1 {
            let before = first.insert((queue, reader, h.life), offset);
            assert!(before.is_none_or(|before| before < offset), "{offset} came first after {before:?}");
        }
        if h.kind == Kind::Work {
            assert_eq!(h.waiting.first(), Some(&offset), "not from the head of the queue");
            assert!(!once.contains(&(h.place, None)), "at most once, and again");
        }
        let who = reader.map(|consumer| (consumer, h.life));
        if h.mode == Mode::AtMostOnce {
            assert!(once.insert((h.place, who)), "at most once, and again");
        }
        let n = times.entry((h.place, reader, h.life)).or_default();
        *n += 1;
        assert_eq!(*n, h.deliveries, "deliveries are counted");
        let most = most.get(&queue).copied().unwrap_or_default();
        assert!(most == 0 || *n <= most, "delivered {n} times");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_promised_is_kept(commands in proptest::collection::vec(command(false), 1..150)) {
        let mut pair = Pair::new();
        for command in &commands {
            pair.run(command)?;
            bounds_hold(&pair.bench.engine);
        }
        nothing_is_lost_or_made_up(&pair.bench.told, &pair.bench.engine);
        let most = pair.bench.told.iter().filter_map(|change| match change {
            Owned::Declared { queue, settings, .. } => Some((*queue, settings.max_deliveries)),
            _ => None,
        });
        deliveries_keep_their_promises(&pair.handed, &most.collect());
    }

    /// Queues are declared and deleted in order; what happened to messages may be told in any, and again.
    #[test]
    fn any_order_of_what_was_told_gives_the_same_engine(
        (commands, order) in (proptest::collection::vec(command(true), 1..100), any::<u64>())
    ) {
        let mut pair = Pair::new();
        for command in &commands {
            pair.run(command)?;
        }
        let whole = |change: &Owned| matches!(change, Owned::Declared { .. } | Owned::Deleted { .. });
        let (mut told, mut rest): (Vec<Owned>, Vec<Owned>) = pair.bench.told.iter().cloned().partition(whole);
        let again = rest.iter().step_by(3).cloned().collect::<Vec<_>>();
        rest.extend(again);
        let mut n = order | 1;
        rest.sort_by_cached_key(|_| {
            // Knuth's generator: this is a shuffle that a seed decides.
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            n >> 32
        });
        told.extend(rest);
        prop_assert_eq!(durable(&restored(&told)), durable(&pair.bench.engine));
    }
}
