//! After a crash: an engine out of changes.

use super::*;

/// An engine that has seen a little of everything.
fn busy() -> Bench {
    let mut b = Bench::new();
    b.declare("gone", work());
    b.delete(b.engine.queue("gone").unwrap()).unwrap();
    let dead = b.declare("dead", topic());
    let q = b.declare("tasks", Settings { window: 3, dead_letter: Some("dead".into()), ..work() });
    let x = b.subscribe(q, prefetch(0));
    for id in ["a", "b", "c", "d", "e"] {
        b.publish(q, message(id, id)).unwrap();
    }
    b.drain(x);
    b.ack(x, Span::One(4)).unwrap();
    b.ack(x, Span::One(1)).unwrap();
    b.nack(x, Span::One(2), false).unwrap();
    assert_eq!((b.bodies(q), b.bodies(dead)), (vec!["a".into(), "d".into()], vec!["c".into()]));
    b
}

#[test]
fn what_was_told_makes_the_same_engine() {
    let b = busy();
    let again = restored(&b.told);
    assert_eq!(durable(&again), durable(&b.engine));
    assert_eq!(durable(&restored(&durable(&b.engine))), durable(&b.engine), "so does a snapshot");
}

#[test]
fn it_goes_on_where_it_stopped() {
    let b = busy();
    let mut again = Bench { engine: restored(&b.told), now: b.now, told: Vec::new() };
    let q = again.engine.queue("tasks").unwrap();
    let publish = |b: &mut Bench, id| b.publish(q, message(id, "x")).map(|p| (p.offset, p.duplicate));
    assert_eq!(publish(&mut again, "e"), Ok((4, true)));
    assert_eq!(publish(&mut again, "f"), Ok((5, false)));
    let x = again.subscribe(q, prefetch(0));
    assert_eq!(again.drain(x), [0, 3, 5]);
}

#[test]
fn no_order_and_no_repetition_of_messages_changes_it() {
    let b = busy();
    let want = durable(&b.engine);
    let (declared, mut rest): (Vec<Owned>, Vec<Owned>) = b
        .told
        .into_iter()
        .partition(|change| matches!(change, Owned::Declared { .. } | Owned::Deleted { .. }));
    rest.reverse();
    let mut told = [declared.clone(), rest.clone()].concat();
    assert_eq!(durable(&restored(&told)), want, "backwards");
    rest.reverse();
    told.extend(declared);
    told.extend(rest);
    assert_eq!(durable(&restored(&told)), want, "and forwards again");
}

#[test]
fn a_journal_read_twice_brings_nothing_back() {
    let mut b = busy();
    let q = b.engine.queue("tasks").unwrap();
    b.delete(q).unwrap();
    let want = durable(&b.engine);
    let twice = [b.told.clone(), b.told.clone()].concat();
    assert_eq!(durable(&restored(&twice)), want);
    // The deleted queue once more, from the middle.
    let declared = |change: &&Owned| matches!(change, Owned::Declared { queue, .. } if *queue == q);
    let ghost = b.told.iter().find(declared).unwrap().clone();
    b.told.push(ghost);
    assert_eq!(durable(&restored(&b.told)), want);
}

#[test]
fn messages_of_a_queue_that_nobody_declared_are_counted() {
    let mut b = busy();
    let dead = b.engine.queue("dead").unwrap();
    let tell = |told: &[Owned]| {
        let mut restore = Restore::new(Limits::default());
        told.iter().for_each(|change| _ = restore.apply(change.change()));
        restore.strays()
    };
    b.delete(dead).unwrap();
    assert_eq!(
        tell(&[b.told.clone(), b.told.clone()].concat()),
        0,
        "a deleted queue's messages are not lost"
    );
    let q = b.engine.queue("tasks").unwrap();
    b.told.retain(|change| !matches!(change, Owned::Declared { queue, .. } if *queue == q));
    assert_eq!(tell(&b.told), 5);
}

#[test]
fn an_offset_that_was_settled_is_not_given_again() {
    let mut b = busy();
    let q = b.engine.queue("tasks").unwrap();
    b.told.retain(|change| !matches!(change, Owned::Stored { queue, .. } if *queue == q));
    let mut again = Bench { engine: restored(&b.told), now: b.now, told: Vec::new() };
    assert_eq!(
        again.publish(q, message("", "x")).map(|p| p.offset),
        Ok(5),
        "4 was the last that is told settled"
    );
}

#[test]
fn dead_letters_in_a_circle_come_to_an_end() {
    let mut b = Bench::new();
    let one = Settings { max_messages: 1, policy: Policy::DeadLetter, ..work() };
    let to = |name: &str| Settings { dead_letter: Some(name.into()), ..one.clone() };
    // Only a journal that nobody wrote declares these two.
    let declared = |bits, name: &str, other| {
        let queue = QueueId::from_bits(bits);
        Owned::Declared { queue, name: name.into(), settings: to(other), next: 0 }
    };
    b.engine = restored(&[declared(0, "a", "b"), declared(1, "b", "a")]);
    let [x, y] = [0, 1].map(QueueId::from_bits);
    for n in 0..5 {
        let stored = b.publish(x, message("", "x"));
        assert!(stored.is_ok() || stored == Err(Refusal::QueueFull), "{n}: {stored:?}");
        assert!(b.report(x).ready <= 1 && b.report(y).ready <= 1);
    }
}

#[test]
fn nonsense_does_no_harm() {
    let mut restore = Restore::new(Limits::default());
    let queue = QueueId::from_bits(0xffff_ffff_0000_0003);
    let far = QueueId::from_bits(0xffff_ffff);
    let settings = work();
    let declared = |queue, name| Change::Declared { queue, name, settings: &settings, next: u64::MAX };
    assert!(!restore.apply(declared(far, "far")), "a slot beyond all bounds");
    assert!(!restore.apply(Change::Deleted { queue: far }));
    assert!(!restore.apply(Change::Settled { queue, first: 0, last: 1, end: End::Acked }));
    assert!(restore.apply(declared(queue, "a")));
    assert!(!restore.apply(declared(QueueId::from_bits(1), "a")), "a name that is taken");
    assert!(!restore.apply(Change::Settled { queue, first: 9, last: 1, end: End::Acked }));
    let message = message(&"x".repeat(99), "body");
    let stored = Change::Stored { queue, offset: u64::MAX, time: Time::MAX, message: &message };
    assert!(restore.apply(stored));
    assert!(!restore.apply(stored));
    let mut b = Bench { engine: restore.finish(), now: Time::ZERO, told: Vec::new() };
    assert_eq!(b.publish(queue, message.clone()), Err(Refusal::IdTooLong { len: 99 }));
    let x = b.subscribe(queue, prefetch(0));
    assert_eq!(b.run(), [(x, u64::MAX)]);
    b.ack(x, Span::UpTo(u64::MAX)).unwrap();
    assert_eq!(b.engine.publish(b.now, queue, Message::default(), &mut |_| ()), Err(Refusal::OffsetsSpent));
    b.delete(queue).unwrap();
    assert_ne!(b.declare("a", work()), queue);
}
