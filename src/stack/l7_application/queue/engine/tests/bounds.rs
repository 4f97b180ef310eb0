//! What happens at the bounds: full queues, old messages, too many deliveries, and dead letters.

use super::*;

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
fn a_flood_that_grows_old_at_once_is_dropped_in_parts() {
    let mut b = Bench::new();
    let second = Duration::from_secs(1);
    let queues = ["a", "b"].map(|name| b.declare(name, Settings { max_age: second, ..work() }));
    for n in 0..25_000 {
        b.publish(queues[n % 2], message("", "")).unwrap();
    }
    let mut left = Vec::new();
    b.now += second;
    while b.engine.deadline().is_some_and(|due| due <= b.now) {
        b.wait(Duration::ZERO);
        left.push(queues.map(|q| b.report(q).ready));
    }
    assert_eq!(left, [[2500, 12_500], [0, 5000], [0, 0]]);
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
