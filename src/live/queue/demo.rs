//! The demonstration: a queue's server on one host, its clients on the other, and one scene at a time of what a queue
//! is for.
//!
//! The programs are the real ones: [`serve::queue`](crate::live::serve::queue) and [`Client`]. What they did they note
//! down themselves; what crossed the wire is told from its frames.

use super::client::{Client, ClientError, Delivery, Incoming, Settings as Introduction};
use super::target::{Carrier, Target};
use crate::live::calls::Program;
use crate::live::echo::{Ending, Experiment, ServerCue};
use crate::live::serve::queue::{QueueServe, Server};
use crate::live::serve::{Step, Watch};
use crate::model::deed::{Answer, Deed, Deeds};
use crate::model::{Call, EventId, Time};
use crate::stack::l7_application::queue::engine::{From, Kind, Mode, Policy, Settings, Subscription};
use crate::stack::l7_application::queue::message::kind;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a program listens for what should come.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a task takes the fast worker, and the slow one.
const FAST: Duration = Duration::from_millis(20);
const SLOW: Duration = Duration::from_millis(200);
/// How long it listens for what may come.
const SILENCE: Duration = Duration::from_millis(300);

/// One scene.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scene {
    /// A consumer is away, and nobody keeps for it what was published.
    Missed,
    /// The same, and it comes back with the offset that it had reached.
    Replayed,
    /// Two consumers listen, and each gets every event; what was published before they came is nobody's.
    Fanout,
    /// The acknowledgment is lost, not the message.
    LostAck,
    /// A consumer goes with two messages in hand.
    Holding,
    /// Six tasks, two workers of which one is slow: one task at a time for each, or as many as come.
    Workers {
        /// Tasks in hand at a time.
        prefetch: u32,
    },
    /// More is published than the queue may hold.
    Bound {
        /// The oldest makes room; else the newest is refused.
        drop_oldest: bool,
    },
    /// A datagram with a message is lost.
    Datagram {
        /// The publisher wants a confirmation, and tries again without one.
        confirmed: bool,
    },
}

impl Scene {
    /// What carries the frames.
    pub const fn carrier(self) -> Carrier {
        match self {
            Scene::LostAck | Scene::Datagram { .. } => Carrier::Udp,
            _ => Carrier::Tcp,
        }
    }
}

/// A scene to be played.
#[derive(Clone, Debug)]
pub struct Demo {
    scene: Scene,
    deeds: Arc<Mutex<Deeds>>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Demo {
    /// Of this scene.
    pub fn new(scene: Scene) -> Demo {
        Demo { scene, deeds: Arc::default(), failure: Arc::default() }
    }

    /// What the programs did, in order.
    pub fn deeds(&self) -> Deeds {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, error: &dyn std::error::Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string());
    }

    /// Why it ended too early.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Experiment for Demo {
    fn server(&self, program: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let mut options = QueueServe::new(at);
        options.idle = None;
        if self.scene.carrier() == Carrier::Udp {
            options.udp = Some(at);
        }
        let mut watch = UntilDone { cue, emitter_now: &|| program.emitter.now() };
        match Server::bind(&options, &mut watch) {
            Ok(server) => {
                let addresses = server.addresses();
                cue.ready(addresses.udp.unwrap_or(addresses.tcp));
                if let Err(error) = server.run(&mut watch, &AtomicBool::new(false)) {
                    self.fail(&error);
                }
            }
            Err(error) => self.fail(&error),
        }
        Ending::default()
    }

    fn client(&self, _: &Program, to: SocketAddr) -> Ending {
        let target = Target { carrier: self.scene.carrier(), host: to.ip().to_string(), port: to.port() };
        let stage = Stage { target, began: Instant::now(), deeds: &self.deeds };
        if let Err(error) = stage.play(self.scene) {
            self.fail(&error);
        }
        Ending::default()
    }

    fn absent_host(&self) -> bool {
        false
    }

    fn closed_port(&self) -> bool {
        false
    }
}

/// Tells nothing (the frames do), and ends the server with the clients.
struct UntilDone<'a> {
    cue: &'a ServerCue,
    emitter_now: &'a dyn Fn() -> Time,
}

impl Watch for UntilDone<'_> {
    const ON: bool = false;

    fn now(&self) -> Time {
        (self.emitter_now)()
    }
    fn called(&mut self, _: Option<i32>, _: impl FnOnce() -> Call) -> Option<EventId> {
        None
    }
    fn returned<'a>(&mut self, _: Option<EventId>, _: impl FnOnce() -> Step<'a>) {}
    fn over(&self) -> bool {
        self.cue.client_is_done()
    }
}

/// What all programs of a scene share.
struct Stage<'a> {
    target: Target,
    began: Instant,
    deeds: &'a Mutex<Deeds>,
}

type Played = Result<(), ClientError>;

impl Stage<'_> {
    fn note(&self, deed: Deed) {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).push((self.began.elapsed(), deed));
    }

    fn enter(&self, who: &'static str) -> Result<Client, ClientError> {
        Client::connect(&self.target, &Introduction { patience: PATIENCE, ..Introduction::named(who) })
    }

    /// A consumer comes.
    fn come(
        &self,
        who: &'static str,
        queue: &str,
        wanted: Subscription,
    ) -> Result<(Client, u32), ClientError> {
        let mut client = self.enter(who)?;
        let subscribed = client.subscribe(queue, wanted)?;
        self.note(Deed::Came { who });
        Ok((client, subscribed.number))
    }

    /// Publishes, and waits for what becomes of it.
    fn publish(&self, client: &mut Client, queue: &str, id: &str, body: &str) -> Played {
        let seq = client.publish(queue, id.as_bytes(), body.as_bytes())?;
        let mut answer = Answer::Confirmed;
        match client.confirmed(seq) {
            Ok(()) => {}
            Err(ClientError::Refused { code, .. }) => answer = Answer::Refused(code.number()),
            Err(error) => return Err(error),
        }
        while let Some(incoming) = client.heard() {
            if matches!(incoming, Incoming::Duplicate { seq: known, .. } if known == seq) {
                answer = Answer::Duplicate;
            }
        }
        self.note(Deed::Published { body: body.to_owned(), answer });
        Ok(())
    }

    /// Takes up to so many messages that come within that time, and does the work of each.
    fn take(
        &self,
        who: &'static str,
        client: &mut Client,
        most: usize,
        silence: Duration,
        mut done: impl FnMut(&mut Client, &Delivery) -> Played,
    ) -> Result<usize, ClientError> {
        let mut taken = 0;
        while taken < most {
            let Some(incoming) = client.next(Some(silence))? else { break };
            if let Incoming::Delivery(delivery) = incoming {
                taken += 1;
                self.note(Deed::Handled {
                    who,
                    body: String::from_utf8_lossy(&delivery.body).into_owned(),
                    offset: delivery.offset,
                    deliveries: delivery.deliveries,
                });
                done(client, &delivery)?;
            }
        }
        client.flush()?;
        Ok(taken)
    }

    fn play(&self, scene: Scene) -> Played {
        match scene {
            Scene::Missed => self.away(Mode::AtMostOnce, false),
            Scene::Replayed => self.away(Mode::AtLeastOnce, true),
            Scene::Fanout => self.fanout(),
            Scene::LostAck => self.lost_ack(),
            Scene::Holding => self.holding(),
            Scene::Workers { prefetch } => self.workers(prefetch),
            Scene::Bound { drop_oldest } => self.bound(drop_oldest),
            Scene::Datagram { confirmed } => self.datagram(confirmed),
        }
    }

    /// Four events; the consumer is away for the second and third.
    fn away(&self, mode: Mode, replay: bool) -> Played {
        let mut publisher = self.enter("publisher")?;
        publisher.declare("news", &Settings { kind: Kind::Topic, ..Settings::default() })?;
        let wanted = Subscription { prefetch: 0, mode, from: From::New };
        let (mut reader, number) = self.come("reader", "news", wanted)?;
        let mut next = 0;
        let mut read = |client: &mut Client, number: u32, most| {
            self.take("reader", client, most, PATIENCE, |client, delivery| {
                next = delivery.offset + 1;
                match mode {
                    Mode::AtLeastOnce => client.ack(number, delivery.offset),
                    Mode::AtMostOnce => Ok(()),
                }
            })
        };
        self.publish(&mut publisher, "news", "", "e1")?;
        read(&mut reader, number, 1)?;
        reader.close()?;
        self.note(Deed::Left { who: "reader", holding: 0 });
        for body in ["e2", "e3"] {
            self.publish(&mut publisher, "news", "", body)?;
        }
        let reached = From::Offset(1);
        let wanted = Subscription { from: if replay { reached } else { From::New }, ..wanted };
        let (mut reader, number) = self.come("reader", "news", wanted)?;
        self.publish(&mut publisher, "news", "", "e4")?;
        read(&mut reader, number, if replay { 3 } else { 1 })?;
        reader.close()?;
        publisher.close()
    }

    /// An event before anybody listens, and three for both readers.
    fn fanout(&self) -> Played {
        let mut publisher = self.enter("publisher")?;
        publisher.declare("news", &Settings { kind: Kind::Topic, ..Settings::default() })?;
        self.publish(&mut publisher, "news", "", "e0")?;
        let wanted = Subscription { prefetch: 0, mode: Mode::AtMostOnce, from: From::New };
        let mut readers = Vec::new();
        for who in ["reader A", "reader B"] {
            readers.push((who, self.come(who, "news", wanted)?.0));
        }
        for body in ["e1", "e2", "e3"] {
            self.publish(&mut publisher, "news", "", body)?;
        }
        for (who, mut reader) in readers {
            self.take(who, &mut reader, 3, PATIENCE, |_, _| Ok(()))?;
            // A fourth would be a surprise, and is to be seen.
            self.take(who, &mut reader, 1, SILENCE, |_, _| Ok(()))?;
            reader.close()?;
        }
        publisher.close()
    }

    /// The consumer's ACK is dropped by the wire; it keeps the ids whose work has taken effect.
    fn lost_ack(&self) -> Played {
        let mut client = self.enter("worker")?;
        client.declare("orders", &Settings::default())?;
        self.publish(&mut client, "orders", "order-17", "send two blue ones")?;
        let wanted = Subscription { prefetch: 1, ..Subscription::default() };
        let number = client.subscribe("orders", wanted)?.number;
        self.note(Deed::Came { who: "worker" });
        let mut done: Vec<Vec<u8>> = Vec::new();
        self.take("worker", &mut client, 2, PATIENCE, |client, delivery| {
            let known = done.contains(&delivery.id);
            if !known {
                done.push(delivery.id.clone());
            }
            self.note(Deed::Effect { id: String::from_utf8_lossy(&delivery.id).into_owned(), known });
            client.ack(number, delivery.offset)
        })?;
        client.close()
    }

    /// The first worker goes with two messages in hand; the second is there already, with nothing to do.
    fn holding(&self) -> Played {
        let mut publisher = self.enter("publisher")?;
        publisher.declare("orders", &Settings::default())?;
        let two = Subscription { prefetch: 2, ..Subscription::default() };
        let (mut first, _) = self.come("worker A", "orders", two)?;
        for body in ["m1", "m2", "m3"] {
            self.publish(&mut publisher, "orders", "", body)?;
        }
        let held = self.take("worker A", &mut first, 2, PATIENCE, |_, _| Ok(()))?;
        // Without a word, as if it had been killed: the kernel closes its socket.
        drop(first);
        self.note(Deed::Left { who: "worker A", holding: held });
        let one = Subscription { prefetch: 1, ..Subscription::default() };
        let (mut second, number) = self.come("worker B", "orders", one)?;
        self.take("worker B", &mut second, 3, PATIENCE, |client, delivery| {
            client.ack(number, delivery.offset)
        })?;
        second.close()?;
        publisher.close()
    }

    /// Two workers at once, each a thread of its own.
    fn workers(&self, prefetch: u32) -> Played {
        let mut publisher = self.enter("publisher")?;
        publisher.declare("tasks", &Settings::default())?;
        let wanted = Subscription { prefetch, ..Subscription::default() };
        let (come, came) = channel();
        std::thread::scope(|scope| {
            let work = |who, pause: Duration| {
                let come = come.clone();
                move || -> Played {
                    let (mut client, number) = self.come(who, "tasks", wanted)?;
                    let _ = come.send(());
                    drop(come);
                    self.take(who, &mut client, 6, SLOW * 2, |client, delivery| {
                        std::thread::sleep(pause);
                        client.ack(number, delivery.offset)?;
                        client.flush()
                    })?;
                    client.close()
                }
            };
            let workers = [scope.spawn(work("fast", FAST)), scope.spawn(work("slow", SLOW))];
            // Fewer come where one has failed; its thread says why.
            drop(come);
            let _ = (came.recv(), came.recv());
            for n in 1..=6 {
                self.publish(&mut publisher, "tasks", "", &format!("t{n}"))?;
            }
            for worker in workers {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            publisher.close()
        })
    }

    /// Five messages for a queue of three.
    fn bound(&self, drop_oldest: bool) -> Played {
        let mut publisher = self.enter("publisher")?;
        let policy = if drop_oldest { Policy::DropOldest } else { Policy::Reject };
        publisher.declare("small", &Settings { max_messages: 3, policy, ..Settings::default() })?;
        for n in 1..=5 {
            self.publish(&mut publisher, "small", "", &format!("m{n}"))?;
        }
        let (mut reader, number) = self.come("reader", "small", Subscription::default())?;
        self.take("reader", &mut reader, 3, PATIENCE, |client, delivery| {
            client.ack(number, delivery.offset)
        })?;
        reader.close()?;
        publisher.close()
    }

    /// Three messages in datagrams, of which the wire drops the second.
    fn datagram(&self, confirmed: bool) -> Played {
        let mut client = self.enter("sensor")?;
        client.declare("readings", &Settings { window: 100, ..Settings::default() })?;
        for n in 1..=3 {
            let body = format!("{n}{n} C");
            if confirmed {
                self.publish(&mut client, "readings", &format!("reading-{n}"), &body)?;
            } else {
                client.publish_unconfirmed("readings", body.as_bytes())?;
                client.flush()?;
                self.note(Deed::Published { body, answer: Answer::NotAsked });
            }
        }
        let number = client.subscribe("readings", Subscription::default())?.number;
        self.note(Deed::Came { who: "reader" });
        let most = if confirmed { 3 } else { 2 };
        self.take("reader", &mut client, most, PATIENCE, |client, delivery| {
            client.ack(number, delivery.offset)
        })?;
        // What else may come would be a surprise, and is to be seen.
        self.take("reader", &mut client, 1, SILENCE, |client, delivery| client.ack(number, delivery.offset))?;
        client.close()
    }
}

/// Whether a frame of the protocol is one that a scene is about: not the opening, not the end.
pub const fn is_scenic(frame: u8) -> bool {
    matches!(
        frame,
        kind::PUBLISH
            | kind::CONFIRM
            | kind::DUPLICATE
            | kind::REFUSED
            | kind::SUBSCRIBE
            | kind::DELIVER
            | kind::ACK
            | kind::NACK
    )
}
