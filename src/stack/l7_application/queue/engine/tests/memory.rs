//! Memory is linear in what is held, not in what was published.

use super::shelf::Shelf;
use super::*;

#[test]
fn one_message_that_nobody_acknowledges_does_not_keep_a_million_others() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (stuck, busy) = (b.subscribe(q, prefetch(1)), b.subscribe(q, prefetch(0)));
    b.publish_all(q, &["stuck"]);
    assert_eq!(b.next(stuck), Some((0, 1)));
    for _ in 0..100 {
        for _ in 0..1000 {
            b.engine.publish(b.now, q, message("", "x"), &mut |_| ()).unwrap();
        }
        assert_eq!(std::iter::from_fn(|| b.engine.next(busy, &mut |_| ())).count(), 1000);
        b.engine.ack(busy, Span::UpTo(u64::MAX), &mut |_| ()).unwrap();
    }
    let queue = b.engine.queues.get(q.0).unwrap();
    let slots = queue.held.capacity();
    assert!((queue.held.len(), slots <= 4096) == (1, true), "{slots} slots for one message");
    b.ack(stuck, Span::One(0)).unwrap();
    assert_eq!(b.report(q).bytes, 0);
}

#[test]
fn a_flood_that_is_over_leaves_no_room_behind() {
    let mut shelf = Shelf::new();
    for offset in 0..100_000_u64 {
        assert!(shelf.insert(offset, offset));
    }
    // From the middle outwards: every kind of hole.
    for n in 0..49_000 {
        assert_eq!(shelf.remove(50_000 + n), Some(50_000 + n));
        assert_eq!(shelf.remove(49_999 - n), Some(49_999 - n));
    }
    assert_eq!(shelf.len(), 2000);
    assert!(shelf.capacity() < 20_000, "{} slots for 2000 values", shelf.capacity());
    assert!(shelf.iter().map(|(offset, _)| offset).eq((0..1000).chain(99_000..100_000)));
}

#[test]
fn a_shelf_is_a_sorted_map() {
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    proptest!(|(steps in proptest::collection::vec((0..4_u8, 0..300_u64), 0..600))| {
        let (mut shelf, mut map) = (Shelf::new(), BTreeMap::new());
        for (n, (what, offset)) in steps.into_iter().enumerate() {
            match what {
                0 | 1 => {
                    // Mostly at the end, as in life.
                    let offset = if what == 0 { offset } else { shelf.last().map_or(0, |last| last + 1) };
                    prop_assert_eq!(shelf.insert(offset, n), !map.contains_key(&offset));
                    map.entry(offset).or_insert(n);
                }
                2 => prop_assert_eq!(shelf.remove(offset), map.remove(&offset)),
                _ => {
                    let first = map.first_key_value().map(|(offset, _)| *offset).unwrap_or_default();
                    prop_assert_eq!(shelf.remove(first), map.remove(&first));
                }
            }
            prop_assert_eq!(shelf.get(offset), map.get(&offset));
            prop_assert_eq!(shelf.first_from(offset), map.range(offset..).next().map(|(o, v)| (*o, v)));
            prop_assert_eq!(shelf.first().map(|(o, _)| o), map.keys().next().copied());
            prop_assert_eq!(shelf.last(), map.keys().next_back().copied());
            prop_assert!(shelf.iter().map(|(o, v)| (o, *v)).eq(map.iter().map(|(o, v)| (*o, *v))));
        }
    });
}
