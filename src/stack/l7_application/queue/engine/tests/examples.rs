//! What the engine does, one promise at a time.

use super::*;

#[test]
fn six_tasks_for_two_workers_go_out_in_turns_and_no_more_than_each_can_hold() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (x, y) = (b.subscribe(q, prefetch(1)), b.subscribe(q, prefetch(1)));
    b.publish_all(q, &["0", "1", "2", "3", "4", "5"]);
    assert_eq!(b.run(), [(x, 0), (y, 1)]);
    assert_eq!(b.ack(y, Span::One(1)), Ok(1));
    assert_eq!(b.run(), [(y, 2)], "who is done gets the next; who is not, waits");
    b.ack(x, Span::One(0)).unwrap();
    b.ack(y, Span::One(2)).unwrap();
    assert_eq!(b.run(), [(x, 3), (y, 4)]);
    let report = b.report(q);
    assert_eq!((report.ready, report.unacked), (1, 2));
    assert_eq!((report.counts.published, report.counts.delivered, report.counts.acked), (6, 5, 3));
}

#[test]
fn consumers_with_much_credit_take_turns_too() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let consumers = [prefetch(0); 3].map(|wanted| b.subscribe(q, wanted));
    b.publish_all(q, &["x"; 7]);
    let got: Vec<ConsumerId> = b.run().into_iter().map(|(consumer, _)| consumer).collect();
    let want: Vec<ConsumerId> = consumers.into_iter().cycle().take(7).collect();
    assert_eq!(got, want);
}

#[test]
fn one_message_calls_one_consumer_and_the_next_message_the_next_one() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (x, y) = (b.subscribe(q, prefetch(9)), b.subscribe(q, prefetch(9)));
    for (offset, turn) in [x, y, x, y].into_iter().enumerate() {
        b.publish_all(q, &["a"]);
        assert_eq!(b.engine.take_ready(), Some(turn));
        assert_eq!(b.engine.take_ready(), None);
        assert_eq!(b.next(turn), Some((offset as u64, 1)));
    }
}

#[test]
fn who_has_no_room_is_passed_over_until_it_has() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (x, y) = (b.subscribe(q, prefetch(9)), b.subscribe(q, prefetch(9)));
    b.publish_all(q, &["a"]);
    assert_eq!(b.engine.take_ready(), Some(x));
    b.engine.pause(x);
    assert_eq!(b.engine.take_ready(), Some(y), "the message that was meant for x");
    b.engine.pause(y);
    assert_eq!(b.engine.take_ready(), None);
    b.engine.resume(x);
    b.engine.resume(x);
    assert_eq!(b.run(), [(x, 0)]);
    b.engine.resume(y);
    assert_eq!(b.run(), []);
}

#[test]
fn who_leaves_when_called_leaves_the_message_to_another() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let [x, y, z] = [prefetch(9); 3].map(|wanted| b.subscribe(q, wanted));
    b.publish_all(q, &["a"]);
    assert_eq!(b.engine.take_ready(), Some(x));
    b.leave(x).unwrap();
    assert_eq!(b.engine.take_ready(), Some(y), "x had been taken");
    b.engine.pause(y);
    b.leave(z).unwrap();
    assert_eq!(b.engine.take_ready(), None, "z was called and not yet taken");
    b.engine.resume(y);
    assert_eq!(b.run(), [(y, 0)]);
}

#[test]
fn who_has_no_credit_is_not_called() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (x, y) = (b.subscribe(q, prefetch(1)), b.subscribe(q, prefetch(1)));
    b.publish_all(q, &["a"]);
    assert_eq!(b.next(y), Some((0, 1)), "unasked, out of its turn");
    assert_eq!(b.run(), []);
    b.publish_all(q, &["b"]);
    assert_eq!(b.engine.take_ready(), Some(x));
    assert_eq!(b.engine.take_ready(), None);
}

#[test]
fn a_dead_consumers_messages_go_to_the_head_in_order_and_are_marked() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (x, y) = (b.subscribe(q, prefetch(0)), b.subscribe(q, prefetch(0)));
    b.publish_all(q, &["0", "1", "2", "3", "4", "5"]);
    assert_eq!(b.next(x), Some((0, 1)));
    assert_eq!(b.next(x), Some((1, 1)));
    assert_eq!(b.next(y), Some((2, 1)));
    assert_eq!(b.next(x), Some((3, 1)));
    b.ack(x, Span::One(1)).unwrap();
    b.leave(x).unwrap();
    let got: Vec<_> = std::iter::from_fn(|| b.next(y)).collect();
    assert_eq!(got, [(0, 2), (3, 2), (4, 1), (5, 1)]);
    assert_eq!(b.report(q).counts.redelivered, 2);
    assert_eq!(b.leave(x), Err(Refusal::NoConsumer));
}

#[test]
fn a_message_is_acknowledged_once_and_by_who_has_it() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let (x, y) = (b.subscribe(q, prefetch(0)), b.subscribe(q, prefetch(0)));
    b.publish_all(q, &["0", "1", "2", "3"]);
    assert_eq!((b.drain(x), b.drain(y)), (vec![0, 1, 2, 3], vec![]));
    let no = |offset, up_to| Err(Refusal::NotUnacked { offset, up_to });
    assert_eq!(b.ack(y, Span::One(0)), no(0, false));
    assert_eq!(b.ack(x, Span::One(1)), Ok(1));
    assert_eq!(b.ack(x, Span::One(1)), no(1, false));
    assert_eq!(b.ack(x, Span::UpTo(2)), Ok(2), "0 and 2: 1 was before");
    assert_eq!(b.ack(x, Span::UpTo(2)), no(2, true));
    assert_eq!(b.nack(x, Span::One(0), true), no(0, false));
    assert_eq!(b.nack(x, Span::One(3), true), Ok(1));
    assert_eq!(b.ack(x, Span::One(3)), no(3, false));
    assert_eq!(b.next(x), Some((3, 2)));
    assert_eq!(b.ack(x, Span::One(3)), Ok(1));
    assert_eq!(b.report(q).ready, 0);
    assert_eq!(Refusal::NotUnacked { offset: 2, up_to: true }.blame(), Blame::Asker);
}

#[test]
fn neighbours_are_settled_in_one_change() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let x = b.subscribe(q, prefetch(0));
    b.publish_all(q, &["x"; 10]);
    b.drain(x);
    b.ack(x, Span::One(4)).unwrap();
    b.told.clear();
    b.ack(x, Span::UpTo(8)).unwrap();
    let settled = |first, last| Owned::Settled { queue: q, first, last, end: End::Acked };
    assert_eq!(b.told, [settled(0, 3), settled(5, 8)]);
}

#[test]
fn at_most_once_is_settled_when_it_is_handed_out() {
    let mut b = Bench::new();
    let q = b.declare("tasks", work());
    let wanted = Subscription { mode: Mode::AtMostOnce, prefetch: 1, ..Subscription::default() };
    let x = b.subscribe(q, wanted);
    b.publish_all(q, &["0", "1"]);
    assert_eq!(b.drain(x), [0, 1], "no credit is needed");
    assert_eq!(b.ends(), [(0, End::HandedOut), (1, End::HandedOut)]);
    assert!(b.ack(x, Span::One(0)).is_err());
    b.leave(x).unwrap();
    assert_eq!(b.report(q).ready, 0);
}

#[test]
fn every_subscriber_of_a_topic_gets_all_of_it_from_where_it_likes() {
    let mut b = Bench::new();
    let q = b.declare("events", topic());
    b.publish_all(q, &["0", "1", "2"]);
    let at = |from| Subscription { from, ..Subscription::default() };
    let start = b.subscribe(q, at(From::Start));
    let new = b.subscribe(q, at(From::New));
    let one = b.subscribe(q, at(From::Offset(1)));
    b.publish_all(q, &["3"]);
    assert_eq!(b.run().len(), 4 + 1 + 3);
    assert_eq!(b.run(), []);
    b.publish_all(q, &["4"]);
    assert_eq!(b.run(), [(new, 4), (one, 4), (start, 4)]);
    for consumer in [start, new, one] {
        b.ack(consumer, Span::UpTo(4)).unwrap();
    }
    assert_eq!((b.report(q).ready, b.report(q).unacked), (5, 0), "an ack takes nothing out of a log");
}

#[test]
fn a_topic_says_what_of_the_wanted_offsets_is_gone() {
    let mut b = Bench::new();
    let q = b.declare("events", Settings { max_messages: 2, policy: Policy::DropOldest, ..topic() });
    b.publish_all(q, &["0", "1", "2", "3"]);
    let from = |offset| Subscription { from: From::Offset(offset), ..Subscription::default() };
    let start = |b: &mut Bench, offset| b.engine.subscribe(q, from(offset)).map(|s| (s.asked, s.start));
    assert_eq!(start(&mut b, 1), Ok((Some(1), 2)));
    assert_eq!(start(&mut b, 3), Ok((Some(3), 3)));
    assert_eq!(start(&mut b, 99), Ok((Some(99), 4)));
    let w = b.declare("tasks", work());
    assert_eq!(start(&mut b, 1).map(|_| ()), Ok(()));
    assert_eq!(b.engine.subscribe(w, from(0)).map(|_| ()), Err(Refusal::NoOffsets));
}

#[test]
fn a_slow_subscriber_learns_how_much_it_missed() {
    let mut b = Bench::new();
    let q = b.declare("events", Settings { max_messages: 3, policy: Policy::DropOldest, ..topic() });
    let x = b.subscribe(q, prefetch(1));
    b.publish_all(q, &["0", "1"]);
    assert_eq!(b.next(x), Some((0, 1)));
    b.publish_all(q, &["x"; 8]);
    b.nack(x, Span::One(0), true).unwrap();
    assert_eq!(b.next(x), Some((7, 1)), "what it handed back is gone too");
    assert_eq!(b.report(q).consumers[0].missed, 7);
}

#[test]
fn a_subscriber_of_a_topic_hands_back_for_itself_alone() {
    let mut b = Bench::new();
    let q = b.declare("events", topic());
    let (x, y) = (b.subscribe(q, prefetch(0)), b.subscribe(q, prefetch(0)));
    b.publish_all(q, &["0", "1"]);
    b.run();
    b.nack(x, Span::One(0), true).unwrap();
    assert_eq!(b.run(), [(x, 0)]);
    assert_eq!(b.report(q).consumers.iter().map(|c| c.unacked).collect::<Vec<_>>(), [2, 2]);
    b.nack(y, Span::UpTo(1), false).unwrap();
    assert_eq!(b.run(), []);
}

#[test]
fn a_publish_that_is_tried_again_stores_nothing_twice() {
    let mut b = Bench::new();
    let q = b.declare("tasks", Settings { window: 2, max_messages: 3, ..work() });
    let publish = |b: &mut Bench, id| b.publish(q, message(id, "x")).map(|p| (p.offset, p.duplicate));
    assert_eq!(publish(&mut b, "a"), Ok((0, false)));
    assert_eq!(publish(&mut b, "b"), Ok((1, false)));
    assert_eq!(publish(&mut b, "a"), Ok((0, true)));
    assert_eq!(publish(&mut b, ""), Ok((2, false)));
    assert_eq!(publish(&mut b, ""), Err(Refusal::QueueFull));
    assert_eq!(publish(&mut b, "b"), Ok((1, true)), "full or not: it is there");
    let x = b.subscribe(q, prefetch(0));
    b.drain(x);
    b.ack(x, Span::UpTo(2)).unwrap();
    assert_eq!(publish(&mut b, "a"), Ok((0, true)), "done with or not: it was there");
    assert_eq!(publish(&mut b, "c"), Ok((3, false)));
    assert_eq!(publish(&mut b, "a"), Ok((4, false)), "two ids are remembered, and a is the third");
    assert_eq!(b.report(q).counts.duplicates, 3);
    let long = "x".repeat(MAX_ID + 1);
    assert_eq!(publish(&mut b, &long), Err(Refusal::IdTooLong { len: MAX_ID + 1 }));
    assert_eq!(publish(&mut b, &long[1..]), Ok((5, false)));
    assert_eq!(publish(&mut b, &long[1..]), Ok((5, true)));
}

#[test]
fn a_queue_is_declared_again_with_the_same_settings_only() {
    let mut b = Bench::new();
    let q = b.declare("a", work());
    assert_eq!(b.declare("a", work()), q);
    assert_eq!(b.told.len(), 1);
    let declare = |b: &mut Bench, name: &str, settings| b.engine.declare(name, settings, &mut |_| ());
    assert_eq!(declare(&mut b, "a", topic()), Err(Refusal::Differs { name: "a".into() }));
    for name in ["", "a b", "a*", "a\n", &"x".repeat(256)] {
        assert!(matches!(declare(&mut b, name, work()), Err(Refusal::Name(_))), "{name}");
    }
    let to = |name: &str| Settings { dead_letter: Some(name.into()), ..work() };
    assert_eq!(declare(&mut b, "b", to("c")), Err(Refusal::NoDeadLetter { name: "c".into() }));
    assert_eq!(declare(&mut b, "b", to("b")), Err(Refusal::DeadLetterCircle { name: "b".into() }));
    let unnamed = Settings { policy: Policy::DeadLetter, ..work() };
    assert_eq!(declare(&mut b, "b", unnamed), Err(Refusal::DeadLetterUnnamed));
    b.declare("b", to("a"));
    b.delete(q).unwrap();
    assert_eq!(declare(&mut b, "a", to("b")), Err(Refusal::DeadLetterCircle { name: "b".into() }));
}

#[test]
fn a_deleted_queue_is_gone_with_all_that_belongs_to_it() {
    let mut b = Bench::new();
    let q = b.declare("a", Settings { max_age: Duration::from_secs(1), ..work() });
    let x = b.subscribe(q, prefetch(0));
    b.publish_all(q, &["0", "1"]);
    b.next(x).unwrap();
    assert_eq!(b.delete(q), Ok(vec![x]));
    assert_eq!((b.engine.take_ready(), b.engine.deadline()), (None, None));
    assert_eq!(b.ack(x, Span::One(0)), Err(Refusal::NoConsumer));
    assert_eq!(b.publish(q, message("", "")), Err(Refusal::NoQueue));
    assert_eq!((b.delete(q), b.purge(q)), (Err(Refusal::NoQueue), Err(Refusal::NoQueue)));
    assert_eq!(b.engine.queue("a"), None);
    let again = b.declare("a", work());
    assert_ne!(again, q, "an id is never given to another");
    assert_eq!(b.publish(again, message("", "")).map(|p| p.offset), Ok(0));
}

#[test]
fn a_purge_leaves_what_consumers_have_in_hand() {
    let mut b = Bench::new();
    let q = b.declare("a", work());
    let x = b.subscribe(q, prefetch(0));
    b.publish_all(q, &["0", "1", "2", "3"]);
    b.next(x).unwrap();
    b.next(x).unwrap();
    b.nack(x, Span::One(1), true).unwrap();
    assert_eq!(b.purge(q), Ok(3));
    assert_eq!((b.bodies(q), b.next(x)), (vec!["0".into()], None));
    b.ack(x, Span::One(0)).unwrap();
    b.publish_all(q, &["4"]);
    assert_eq!(b.run(), [(x, 4)]);
}

#[test]
fn a_refusal_is_one_sentence() {
    let said = |refusal: Refusal| refusal.to_string();
    assert_eq!(
        said(Refusal::NotUnacked { offset: 7, up_to: false }),
        "the consumer has no unacknowledged message 7"
    );
    assert_eq!(
        said(Refusal::NotUnacked { offset: 7, up_to: true }),
        "the consumer has no unacknowledged message 7 or before"
    );
    assert_eq!(
        said(Refusal::Name(NameFlaw::Character('*'))),
        "this cannot be a queue's name: it contains '*': blanks, control characters and * may not stand in a name"
    );
}
