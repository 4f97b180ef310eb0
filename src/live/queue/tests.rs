//! The client against a server in this process, over each carrier.

use super::*;
use crate::live::serve::queue::tests::Running;
use crate::stack::l7_application::framing::{self, MAX_PAYLOAD};
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::access::Access;
use crate::stack::l7_application::queue::engine::{
    From, Kind, Mode, Policy, Settings as Queue, Subscription,
};
use crate::stack::l7_application::queue::message::kind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

const GUARD: Duration = Duration::from_secs(20);

#[track_caller]
fn delivery(client: &mut Client) -> Delivery {
    loop {
        match client.next(Some(GUARD)).expect("the session goes on") {
            Some(Incoming::Delivery(delivery)) => return delivery,
            Some(_) => {}
            None => panic!("no delivery came"),
        }
    }
}

#[track_caller]
fn refused(error: ClientError) -> Code {
    let ClientError::Refused { code, .. } = error else { panic!("{error}") };
    code
}

#[test]
fn everything_a_client_can_ask_is_answered_on_every_carrier() {
    let server = Running::new();
    for scheme in ["tcp", "ws", "udp"] {
        let (queue, log) = (&format!("jobs-{scheme}")[..], &format!("log-{scheme}")[..]);
        let mut client = server.client(scheme);
        let settings = Queue { window: 10, max_messages: 3, ..Queue::default() };
        client.declare(queue, &settings).unwrap();
        client.declare(queue, &settings).unwrap();
        assert_eq!(refused(client.declare(queue, &Queue::default()).unwrap_err()), Code::Differs);
        // Published, confirmed, known already, full.
        for n in 1..=3_u8 {
            let seq = client.publish(queue, &[n], &[n; 3]).unwrap();
            assert_eq!((seq, client.unconfirmed()), (n.into(), 1));
            client.confirmed(seq).unwrap();
            assert_eq!(client.unconfirmed(), 0);
        }
        assert_eq!(client.heard(), None, "an answer that was waited for is not told again");
        client.publish(queue, &[1], b"again").unwrap();
        let known = client.next(Some(GUARD)).unwrap();
        assert_eq!(known, Some(Incoming::Duplicate { seq: 4, offset: 0 }));
        client.confirmed(4).unwrap();
        let seq = client.publish(queue, b"", b"one too many").unwrap();
        assert_eq!(refused(client.confirmed(seq).unwrap_err()), Code::Full);
        let seq = client.publish("nowhere", b"", b"x").unwrap();
        assert_eq!(refused(client.confirmed(seq).unwrap_err()), Code::NoQueue);
        // Taken, handed back, redelivered, acknowledged.
        let mut consumer = server.client(scheme);
        let wanted = Subscription { prefetch: 2, ..Subscription::default() };
        let Subscribed { number, start } = consumer.subscribe(queue, wanted).unwrap();
        assert_eq!(start, 0);
        let first = delivery(&mut consumer);
        assert_eq!(
            (first.offset, first.deliveries, &first.id[..], &first.body[..]),
            (0, 1, &[1][..], &[1; 3][..])
        );
        assert_eq!(delivery(&mut consumer).offset, 1);
        consumer.nack(number, 0, true).unwrap();
        let again = delivery(&mut consumer);
        assert_eq!((again.offset, again.deliveries), (0, 2));
        consumer.ack_up_to(number, 1).unwrap();
        assert_eq!(delivery(&mut consumer).offset, 2);
        // Who goes leaves what it had in hand.
        consumer.close().unwrap();
        let mut consumer = server.client(scheme);
        let number = consumer.subscribe(queue, wanted).unwrap().number;
        let left = delivery(&mut consumer);
        assert_eq!((left.offset, left.deliveries), (2, 2));
        consumer.ack(number, 2).unwrap();
        consumer.unsubscribe(number).unwrap();
        // The report is made behind the ACK.
        let report: serde_json::Value =
            serde_json::from_str(&consumer.inspect(Some(queue)).unwrap()).unwrap();
        let report = &report["queues"][0];
        assert_eq!(
            (&report["ready"], &report["unacked"], &report["acked"]),
            (&0.into(), &0.into(), &3.into())
        );
        assert_eq!(refused(consumer.inspect(Some("nowhere")).unwrap_err()), Code::NoQueue);
        // A topic, from where one likes.
        let topic =
            Queue { kind: Kind::Topic, max_messages: 3, policy: Policy::DropOldest, ..Queue::default() };
        client.declare(log, &topic).unwrap();
        for n in 0..5_u8 {
            let seq = client.publish(log, b"", &[n]).unwrap();
            client.confirmed(seq).unwrap();
        }
        for (from, first) in [(From::Start, 2), (From::Offset(1), 2), (From::Offset(4), 4)] {
            let mode = Mode::AtMostOnce;
            let made = client.subscribe(log, Subscription { prefetch: 0, mode, from }).unwrap();
            assert_eq!(made.start, first);
            for offset in first..5 {
                let got = delivery(&mut client);
                assert_eq!(
                    (got.subscription, got.offset, got.body),
                    (made.number, offset, vec![offset as u8])
                );
            }
            client.unsubscribe(made.number).unwrap();
        }
        // Emptied, and deleted under a consumer.
        assert_eq!(client.purge(log).unwrap(), 3);
        consumer.subscribe(queue, wanted).unwrap();
        client.delete(queue).unwrap();
        assert_eq!(refused(client.delete(queue).unwrap_err()), Code::NoQueue);
        assert_eq!(refused(consumer.purge(queue).unwrap_err()), Code::NoQueue);
        consumer.close().unwrap();
        client.close().unwrap();
    }
    let summary = server.stop();
    assert_eq!((summary.faults, summary.held), (0, 0));
}

#[test]
fn many_in_flight_are_confirmed_each_once() {
    let server = Running::new();
    for scheme in ["tcp", "ws"] {
        let mut client = server.client(scheme);
        client.declare(scheme, &Queue::default()).unwrap();
        for n in 0..3000_u32 {
            client.publish(scheme, b"", &n.to_be_bytes()).unwrap();
        }
        // Any one may be waited for first.
        for seq in [2000, 1, 3000] {
            client.confirmed(seq).unwrap();
        }
        let mut seen = vec![false; 3001];
        while client.unconfirmed() > 0 {
            client.listen(GUARD).unwrap();
        }
        while let Some(Incoming::Confirmed { first, last }) = client.heard() {
            for seq in first..=last {
                assert!(!std::mem::replace(&mut seen[seq as usize], true), "{seq} twice");
            }
        }
        let missing: Vec<usize> = (1..=3000).filter(|seq| !seen[*seq]).collect();
        assert_eq!(missing, [1, 2000, 3000], "those were told already");
        let number = client
            .subscribe(scheme, Subscription { prefetch: 100, ..Subscription::default() })
            .unwrap()
            .number;
        for n in 0..3000_u32 {
            let got = delivery(&mut client);
            assert_eq!((got.offset, got.body), (n.into(), n.to_be_bytes().to_vec()));
            if n % 100 == 99 {
                client.ack_up_to(number, n.into()).unwrap();
            }
        }
        client.close().unwrap();
    }
    assert_eq!(server.stop().held, 0);
}

#[test]
fn a_token_is_asked_for_and_rights_hold() {
    let access =
        Access::parse("user alice token s3cret publish orders consume orders declare orders\n").unwrap();
    let server = Running::with(|options| options.access = Some(Arc::new(access)));
    for scheme in ["tcp", "ws", "udp"] {
        let at = server.target(scheme);
        let wrong = Settings { token: "guess".into(), ..Settings::named("eve") };
        let error = Client::connect(&at, &wrong).err().expect("nobody's token");
        assert!(
            matches!(error, ClientError::Closed { code: Code::Unauthenticated, .. }),
            "{scheme}: {error}"
        );
        let right = Settings { token: "s3cret".into(), ..Settings::named("alice") };
        let mut client = Client::connect(&at, &right).unwrap();
        client.declare("orders", &Queue::default()).unwrap();
        assert_eq!(refused(client.declare("other", &Queue::default()).unwrap_err()), Code::Forbidden);
    }
}

#[test]
fn what_does_not_fit_is_told_before_it_is_sent() {
    let server = Running::new();
    let mut client = server.client("tcp");
    client.declare("q", &Queue::default()).unwrap();
    assert!(matches!(
        client.publish("q", b"", &vec![0; 2 << 20]),
        Err(ClientError::TooLong { what: "a message", .. })
    ));
    assert!(matches!(
        client.publish("q", &[0; 65], b""),
        Err(ClientError::TooLong { what: "an id", most: 64, .. })
    ));
    assert!(matches!(client.inspect(Some(&"q".repeat(256))), Err(ClientError::TooLong { most: 255, .. })));
    let mut far = server.client("udp");
    assert!(matches!(far.publish("q", b"", &[0; 65_500]), Err(ClientError::TooLong { .. })));
    let seq = far.publish("q", b"", &vec![0; 60_000]).unwrap();
    far.confirmed(seq).unwrap();
}

#[test]
fn nobody_there_and_nobody_of_ours_are_told_apart() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Client::connect(&format!("{free}").parse().unwrap(), &Settings::named("c")).err().unwrap();
    assert!(matches!(error, ClientError::Pipe(_)));
    assert!(
        error.to_string().ends_with("start a server there (`layerlab queue serve`), or check the address"),
        "{error}"
    );
    let settings = Settings { patience: Duration::from_millis(300), ..Settings::named("c") };
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = format!("udp://{}", silent.local_addr().unwrap()).parse().unwrap();
    let error = Client::connect(&at, &settings).err().unwrap();
    assert!(matches!(error, ClientError::Silent(_)), "{error}");
    // Octets of something else.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("{}", other.local_addr().unwrap()).parse().unwrap();
    let answering = thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = other.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream
    });
    let error = Client::connect(&at, &Settings { patience: GUARD, ..settings }).err().unwrap();
    assert!(error.to_string().starts_with("this is no queue's server, or not its TCP port"), "{error}");
    drop(answering.join().unwrap());
}

/// Between a client and a server on datagrams: drops the nth frames of some types.
struct Wire {
    at: Target,
    dropped: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
}

impl Wire {
    fn new(server: &Running, drop: &'static [(u8, u32)]) -> Wire {
        let (near, far) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        far.connect(server.at.udp.unwrap()).unwrap();
        let at = format!("udp://{}", near.local_addr().unwrap()).parse().unwrap();
        let (dropped, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (lost, ended) = (Arc::clone(&dropped), Arc::clone(&over));
        thread::spawn(move || {
            let (mut client, mut octets, mut seen) = (None, vec![0; 65_536], [0_u32; 256]);
            for socket in [&near, &far] {
                socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            }
            while !ended.load(Ordering::Relaxed) {
                for upwards in [true, false] {
                    let Ok((got, from)) = (if upwards { &near } else { &far }).recv_from(&mut octets) else {
                        continue;
                    };
                    let frame = framing::whole(&octets[..got], MAX_PAYLOAD).expect("both speak frames");
                    let nth = &mut seen[usize::from(frame.kind)];
                    *nth += 1;
                    if drop.contains(&(frame.kind, *nth)) {
                        lost.fetch_add(1, Ordering::Relaxed);
                    } else if upwards {
                        client = Some(from);
                        far.send(&octets[..got]).unwrap();
                    } else if let Some(client) = client {
                        near.send_to(&octets[..got], client).unwrap();
                    }
                }
            }
        });
        Wire { at, dropped, over }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[test]
fn over_a_lossy_wire_what_is_asked_again_happens_once() {
    let server = Running::new();
    // Each request and each answer is lost the first time.
    let drop = &[
        (kind::HELLO, 1),
        (kind::WELCOME, 1),
        (kind::DECLARE, 1),
        (kind::DONE, 1),
        (kind::PUBLISH, 1),
        (kind::CONFIRM, 1),
        (kind::CONFIRM, 2),
    ];
    let wire = Wire::new(&server, drop);
    let mut client =
        Client::connect(&wire.at, &Settings { patience: GUARD, ..Settings::named("far") }).unwrap();
    client.declare("q", &Queue { window: 10, ..Queue::default() }).unwrap();
    let seqs = [client.publish("q", b"a", b"x").unwrap(), client.publish("q", b"b", b"y").unwrap()];
    assert_eq!(client.unconfirmed(), 2);
    seqs.into_iter().for_each(|seq| client.confirmed(seq).unwrap());
    assert_eq!(client.unconfirmed(), 0, "an answer that comes twice counts once");
    assert_eq!(wire.dropped.load(Ordering::Relaxed), drop.len() as u32);
    // A second Welcome or Done, late, is taken for nothing else.
    client.declare("other", &Queue::default()).unwrap();
    assert_eq!(server.stop().held, 2, "stored once each");
}

#[test]
fn over_a_lossy_wire_a_lost_ack_or_delivery_means_redelivery() {
    let server = Running::new();
    let wire = Wire::new(&server, &[(kind::ACK, 1), (kind::DELIVER, 2)]);
    let mut client =
        Client::connect(&wire.at, &Settings { patience: GUARD, ..Settings::named("far") }).unwrap();
    client.declare("q", &Queue { window: 10, ..Queue::default() }).unwrap();
    let seq = client.publish("q", b"a", b"x").unwrap();
    client.confirmed(seq).unwrap();
    let number = client.subscribe("q", Subscription::default()).unwrap().number;
    let first = delivery(&mut client);
    assert_eq!((first.offset, first.deliveries), (0, 1));
    // The ACK is lost, and the second delivery too.
    client.ack(number, 0).unwrap();
    let third = delivery(&mut client);
    assert_eq!((third.offset, third.deliveries), (0, 3));
    client.ack(number, 0).unwrap();
    client.ack(number, 0).unwrap();
    client.inspect(None).unwrap();
    assert_eq!(client.heard(), None, "acknowledged twice is harmless");
    client.close().unwrap();
    assert_eq!(server.stop().held, 0);
}
