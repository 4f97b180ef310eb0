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
fn a_full_queue_refuses_or_drops_the_oldest() {
    let mut b = Bench::new();
    let two = Settings { max_messages: 2, ..work() };
    let reject = b.declare("reject", two.clone());
    b.publish_all(reject, &["0", "1"]);
    assert_eq!(b.publish(reject, message("", "2")), Err(Refusal::QueueFull));
    assert_eq!(b.report(reject).counts.refused, 1);
    let drop = b.declare("drop", Settings { policy: Policy::DropOldest, ..two });
    b.publish_all(drop, &["0", "1", "2", "3"]);
    assert_eq!(b.bodies(drop), ["2", "3"]);
    assert_eq!(b.ends(), [(0, End::Lost(Cause::Full)), (1, End::Lost(Cause::Full))]);
    assert_eq!(b.report(drop).counts.lost, 2);
}

#[test]
fn octets_are_a_bound_too() {
    let mut b = Bench::new();
    let q = b.declare("small", Settings { max_bytes: 10, policy: Policy::DropOldest, ..work() });
    b.publish_all(q, &["aaaa", "bbbb", "c"]);
    assert_eq!(b.publish(q, message("", "01234567890")), Err(Refusal::TooLarge { len: 11, limit: 10 }));
    b.publish_all(q, &["0123456789"]);
    assert_eq!(b.bodies(q), ["0123456789"]);
    b.publish(q, message("id", "01234567")).unwrap();
    assert_eq!(b.bodies(q), ["01234567"], "an id counts");
    assert_eq!(b.report(q).bytes, 10);
}

#[test]
fn what_a_consumer_has_in_hand_is_never_dropped_from_a_work_queue() {
    let mut b = Bench::new();
    let q = b.declare("small", Settings { max_messages: 2, policy: Policy::DropOldest, ..work() });
    let x = b.subscribe(q, prefetch(0));
    b.publish_all(q, &["0", "1"]);
    assert_eq!(b.next(x), Some((0, 1)));
    b.publish_all(q, &["2"]);
    assert_eq!(b.bodies(q), ["0", "2"]);
    assert_eq!(b.drain(x), [2]);
    assert_eq!(b.publish(q, message("", "3")), Err(Refusal::QueueInHand));
    b.nack(x, Span::One(0), true).unwrap();
    b.publish_all(q, &["3"]);
    assert_eq!(b.bodies(q), ["2", "3"], "once handed back it is the oldest");
    assert_eq!(b.run(), [(x, 3)]);
}

#[test]
fn dead_letters_move_and_are_stored_before_they_are_settled() {
    let mut b = Bench::new();
    let dead = b.declare("dead", work());
    let to_dead = Settings { dead_letter: Some("dead".into()), ..work() };
    let q = b.declare("tasks", Settings { max_messages: 2, policy: Policy::DeadLetter, ..to_dead });
    b.publish_all(q, &["0", "1"]);
    b.told.clear();
    b.publish_all(q, &["2"]);
    let kinds: Vec<String> = b
        .told
        .iter()
        .map(|change| match change {
            Owned::Stored { queue, offset, .. } => format!("{offset} stored in dead: {}", *queue == dead),
            Owned::Settled { first, end, .. } => format!("{first} settled: {end:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["0 stored in dead: true", "0 settled: Moved(Full)", "2 stored in dead: false"]);
    assert_eq!((b.bodies(dead), b.bodies(q)), (vec!["0".into()], vec!["1".into(), "2".into()]));
    assert_eq!(b.report(q).counts.dead_lettered, 1);
}

#[test]
fn a_message_is_delivered_so_many_times_and_then_a_dead_letter() {
    let mut b = Bench::new();
    let dead = b.declare("dead", work());
    let settings = Settings { max_deliveries: 2, dead_letter: Some("dead".into()), ..work() };
    let q = b.declare("tasks", settings.clone());
    let lossy = b.declare("lossy", Settings { dead_letter: None, ..settings });
    for (queue, end) in [(q, End::Moved(Cause::TooOften)), (lossy, End::Lost(Cause::TooOften))] {
        b.publish_all(queue, &["poison"]);
        let x = b.subscribe(queue, prefetch(0));
        assert_eq!(b.next(x), Some((0, 1)));
        b.nack(x, Span::One(0), true).unwrap();
        assert_eq!(b.next(x), Some((0, 2)));
        b.leave(x).unwrap();
        assert_eq!(b.ends().last(), Some(&(0, end)));
        assert_eq!(b.report(queue).ready, 0);
    }
    assert_eq!(b.bodies(dead), ["poison"]);
}

#[test]
fn a_refused_message_is_a_dead_letter_of_a_topic_a_copy() {
    let mut b = Bench::new();
    let dead = b.declare("dead", work());
    let to_dead = |settings| Settings { dead_letter: Some("dead".into()), ..settings };
    let (q, t) = (b.declare("tasks", to_dead(work())), b.declare("events", to_dead(topic())));
    for (queue, left) in [(q, 0), (t, 1)] {
        let x = b.subscribe(queue, prefetch(0));
        b.publish_all(queue, &["no"]);
        b.next(x).unwrap();
        b.nack(x, Span::One(0), false).unwrap();
        assert_eq!(b.next(x), None);
        assert_eq!(b.report(queue).ready, left);
        assert_eq!(b.report(queue).counts.dead_lettered, 1);
    }
    assert_eq!(b.bodies(dead), ["no", "no"]);
}

#[test]
fn dead_letters_push_others_on_and_the_last_queue_loses_its_oldest() {
    let mut b = Bench::new();
    let one = Settings { max_messages: 1, policy: Policy::DropOldest, ..work() };
    let to =
        |name: &str| Settings { policy: Policy::DeadLetter, dead_letter: Some(name.into()), ..one.clone() };
    let queues = [b.declare("c", one.clone()), b.declare("b", to("c")), b.declare("a", to("b"))];
    b.publish_all(queues[2], &["0", "1", "2", "3"]);
    assert_eq!(queues.map(|q| b.bodies(q)), [["1"], ["2"], ["3"]]);
    assert_eq!(b.report(queues[0]).counts.lost, 1);
}

#[test]
fn a_dead_letter_is_stored_though_its_id_is_known_and_is_remembered_by_its_later_offset() {
    let mut b = Bench::new();
    let dead = b.declare("dead", Settings { window: 2, ..work() });
    let q = b.declare("tasks", Settings { dead_letter: Some("dead".into()), ..work() });
    b.publish(dead, message("i", "mine")).unwrap();
    b.publish(q, message("i", "other")).unwrap();
    let x = b.subscribe(q, prefetch(0));
    b.next(x).unwrap();
    b.nack(x, Span::One(0), false).unwrap();
    assert_eq!(b.bodies(dead), ["mine", "other"]);
    b.publish(dead, message("j", "")).unwrap();
    let known = b.publish(dead, message("i", "")).unwrap();
    assert_eq!((known.offset, known.duplicate), (1, true), "the window has lost offset 0, not the id");
}

#[test]
fn messages_grow_too_old_and_the_deadline_says_when() {
    let mut b = Bench::new();
    let second = Duration::from_secs(1);
    let q = b.declare("news", Settings { max_age: second, ..work() });
    assert_eq!(b.engine.deadline(), None);
    b.publish_all(q, &["0"]);
    let due = b.now + second;
    b.wait(second / 2);
    b.publish_all(q, &["1"]);
    assert_eq!(b.engine.deadline(), Some(due));
    b.wait(second / 2 - Duration::from_nanos(1));
    assert_eq!(b.report(q).ready, 2);
    b.wait(Duration::from_nanos(1));
    assert_eq!(b.bodies(q), ["1"]);
    assert_eq!(b.engine.deadline(), Some(due + second / 2));
    let x = b.subscribe(q, prefetch(0));
    assert_eq!(b.run(), [(x, 1)]);
    b.wait(second * 9);
    assert_eq!((b.bodies(q).len(), b.engine.deadline()), (1, None), "in hand it does not age");
    b.leave(x).unwrap();
    assert_eq!(b.engine.deadline(), Some(due + second / 2));
    b.wait(Duration::ZERO);
    assert_eq!(b.report(q).ready, 0);
    assert_eq!(b.ends(), [(0, End::Lost(Cause::Expired)), (1, End::Lost(Cause::Expired))]);
}

#[test]
fn a_clock_that_goes_back_makes_no_message_older_than_the_one_before() {
    let mut b = Bench::new();
    let q = b.declare("news", Settings { max_age: Duration::from_secs(1), ..work() });
    b.publish_all(q, &["0"]);
    let first = b.now;
    b.now = Time::ZERO;
    b.publish_all(q, &["1"]);
    let again = restored(&b.told);
    let times = durable(&again).into_iter().filter_map(|change| match change {
        Owned::Stored { time, .. } => Some(time),
        _ => None,
    });
    assert_eq!(times.collect::<Vec<_>>(), [first, first]);
    b.wait(Duration::from_secs(1));
    assert_eq!(b.report(q).ready, 2);
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
fn everything_that_clients_may_ask_for_has_a_bound() {
    let limits =
        Limits { queues: 2, consumers: 1, message: 8, messages: 3, bytes: 10, ids: 5, prefetch: 2, name: 3 };
    let mut b = Bench::with(limits);
    let q = b.declare("a", Settings { window: 3, ..work() });
    let declare = |b: &mut Bench, settings| b.engine.declare("b", settings, &mut |_| ());
    let window = declare(&mut b, Settings { window: 3, ..work() });
    assert_eq!(window, Err(Refusal::WindowTooLarge { asked: 3, left: 2 }));
    let drop = declare(&mut b, Settings { window: 2, policy: Policy::DropOldest, ..work() }).unwrap();
    let more = b.engine.declare("c", work(), &mut |_| ());
    assert_eq!(more, Err(Refusal::TooManyQueues { limit: 2 }));
    assert_eq!(b.publish(q, message("", "123456789")), Err(Refusal::TooLarge { len: 9, limit: 8 }));
    b.publish_all(q, &["1234"]);
    b.publish_all(drop, &["12345"]);
    assert_eq!(b.publish(q, message("", "12")), Err(Refusal::EngineFull));
    b.publish_all(drop, &["123456"]);
    assert_eq!(b.bodies(drop), ["123456"], "it makes room among its own");
    assert_eq!(b.publish(drop, message("", "1234567")), Err(Refusal::EngineFull), "but not among others'");
    let got = b.engine.subscribe(q, prefetch(0)).unwrap();
    assert_eq!(got.prefetch, 2);
    assert_eq!(b.engine.subscribe(q, prefetch(0)), Err(Refusal::TooManyConsumers { limit: 1 }));
    assert_eq!(Refusal::EngineFull.blame(), Blame::Load);
}

#[test]
fn many_who_come_and_go_leave_nothing_behind() {
    let mut b = Bench::new();
    let q = b.declare("a", work());
    for _ in 0..1000 {
        let x = b.subscribe(q, prefetch(1));
        b.engine.pause(x);
        b.engine.resume(x);
        b.leave(x).unwrap();
    }
    let queue = b.engine.queues.get(q.0).unwrap();
    assert_eq!((queue.idle.len(), queue.consumers.len(), queue.called), (0, 0, 0));
    assert_eq!((b.engine.ready.len(), b.engine.consumers.len()), (0, 0));
    for _ in 0..10 {
        let q = b.declare("short", work());
        b.subscribe(q, prefetch(1));
        b.publish_all(q, &["called"]);
        b.delete(q).unwrap();
    }
    assert_eq!(b.engine.ready.len(), 0);
}

#[test]
fn who_hands_the_same_message_back_for_ever_stands_in_one_list() {
    let mut b = Bench::new();
    let q = b.declare("events", topic());
    let (x, y) = (b.subscribe(q, prefetch(0)), b.subscribe(q, prefetch(0)));
    b.publish_all(q, &["0"]);
    assert_eq!(b.run(), [(x, 0), (y, 0)]);
    for _ in 0..10 {
        b.nack(x, Span::One(0), true).unwrap();
        assert_eq!(b.run(), [(x, 0)]);
    }
    assert_eq!(b.engine.queues.get(q.0).unwrap().idle, [y, x]);
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
