//! Clients that break the rules, or just do not care, against a server in this process.

use super::*;
use crate::live::queue::{Client, Incoming, Settings, Target};
use crate::stack::l7_application::framing::{self, MAX_PAYLOAD, parse};
use crate::stack::l7_application::queue::Code;
use crate::stack::l7_application::queue::engine::{self, From, Mode, Subscription};
use crate::stack::l7_application::queue::message::{Declare, Message, kind};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(20);

/// A server on a thread of its own, stopped with this.
pub(crate) struct Running {
    pub(crate) at: Addresses,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<QueueSummary>>,
}

impl Running {
    pub(crate) fn with(change: impl FnOnce(&mut QueueServe)) -> Running {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut options = QueueServe { ws: Some(any), udp: Some(any), ..QueueServe::new(any) };
        change(&mut options);
        let server = Server::bind(&options, &mut Quiet).expect("a server");
        let (at, waker, stop) = (server.addresses(), server.waker(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || server.run(&mut Quiet, &stopped).expect("it runs"));
        Running { at, stop, waker, thread: Some(thread) }
    }

    pub(crate) fn new() -> Running {
        Running::with(|_| {})
    }

    pub(crate) fn target(&self, scheme: &str) -> Target {
        let at = match scheme {
            "ws" => self.at.ws.expect("it listens"),
            "udp" => self.at.udp.expect("it listens"),
            _ => self.at.tcp,
        };
        format!("{scheme}://{at}").parse().expect("a target")
    }

    pub(crate) fn client(&self, scheme: &str) -> Client {
        let settings = Settings { patience: GUARD, ..Settings::named("test") };
        Client::connect(&self.target(scheme), &settings).expect("it is taken")
    }

    pub(crate) fn stop(mut self) -> QueueSummary {
        self.halt().expect("once")
    }

    fn halt(&mut self) -> Option<QueueSummary> {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.waker.wake();
        self.thread.take().map(|thread| thread.join().expect("no panic"))
    }

    /// A connection that says what it likes.
    fn raw(&self) -> Raw {
        let stream = TcpStream::connect(self.at.tcp).expect("it listens");
        stream.set_read_timeout(Some(GUARD)).expect("a socket");
        Raw { stream, octets: Vec::new() }
    }

    fn hello(&self) -> Raw {
        let mut raw = self.raw();
        raw.say(&[Message::Hello { client: "raw", token: "" }]);
        assert!(raw.hear().starts_with("Welcome"));
        raw
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.halt();
        }
    }
}

struct Raw {
    stream: TcpStream,
    octets: Vec<u8>,
}

fn frames(messages: &[Message<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut out));
    out
}

impl Raw {
    fn say(&mut self, messages: &[Message<'_>]) {
        self.stream.write_all(&frames(messages)).expect("it reads");
    }

    /// The next message, in words; empty at the end of the stream.
    #[track_caller]
    fn hear(&mut self) -> String {
        loop {
            if let Some(frame) = parse(&self.octets, MAX_PAYLOAD).expect("frames") {
                let (words, len) = (format!("{:?}", Message::decode(&frame).unwrap()), frame.octets.len());
                self.octets.drain(..len);
                return words;
            }
            let mut more = [0; 4096];
            match self.stream.read(&mut more).expect("it answers in time, and does not reset") {
                0 => return String::new(),
                got => self.octets.extend_from_slice(&more[..got]),
            }
        }
    }

    /// The server says CLOSE with this code, and ends its direction.
    #[track_caller]
    fn is_closed_with(&mut self, code: Code) {
        let said = self.hear();
        assert!(said.starts_with(&format!("Close {{ code: {code:?}")), "{said}");
        assert_eq!(self.hear(), "", "nothing follows");
    }
}

fn declare(request: u32, queue: &str) -> Message<'_> {
    Message::Declare(Declare {
        request,
        queue,
        kind: engine::Kind::Work,
        policy: engine::Policy::Reject,
        max_messages: 0,
        max_bytes: 0,
        max_age_ms: 0,
        max_deliveries: 0,
        window: 0,
        dead_letter: "",
    })
}

fn publish(seq: u64, body: &[u8]) -> Message<'_> {
    Message::Publish { seq, queue: "q", id: b"", body }
}

const SUBSCRIBE: Message<'static> =
    Message::Subscribe { subscription: 1, queue: "q", prefetch: 0, mode: Mode::AtLeastOnce, from: From::New };

#[test]
fn octets_that_are_no_frames_are_answered_with_the_reason() {
    let server = Running::new();
    let good = frames(&[Message::Ping { token: 1 }]);
    let mut bad = vec![(b"GET / HTTP/1.1\r\n\r\n".to_vec(), Code::BadFrame), (vec![0; 64], Code::BadFrame)];
    for (at, octet) in [(2, 9), (4, 0x40), (8, 0xff), (good.len() - 1, 0xff)] {
        let mut octets = good.clone();
        octets[at] ^= octet;
        bad.push((octets, Code::BadFrame));
    }
    let mut over = Vec::new();
    framing::encode(&mut over, kind::PUBLISH, |out| out.extend_from_slice(&vec![0; (1 << 20) + 1025]));
    bad.push((over[..framing::HEADER].to_vec(), Code::BadFrame));
    for (kind, payload) in
        [(0x7f, &b""[..]), (kind::ACK, &[0; 4]), (kind::PING, &[0; 9]), (kind::HELLO, &[1, 0xff, 0])]
    {
        let mut octets = Vec::new();
        framing::encode(&mut octets, kind, |out| out.extend_from_slice(payload));
        bad.push((octets, Code::BadMessage));
    }
    let many = bad.len() as u64;
    for (octets, code) in bad {
        let mut raw = server.hello();
        raw.stream.write_all(&octets).unwrap();
        // What comes behind is not read as frames any more.
        raw.stream.write_all(&good).unwrap();
        raw.is_closed_with(code);
    }
    for early in [Message::Ping { token: 1 }, publish(1, b"x")] {
        let mut raw = server.raw();
        raw.say(&[early]);
        raw.is_closed_with(Code::Unexpected);
    }
    let mut raw = server.hello();
    raw.say(&[Message::Hello { client: "again", token: "" }]);
    raw.is_closed_with(Code::Unexpected);
    let summary = server.stop();
    assert_eq!(summary.errors, ErrorCounts::default());
    assert!(summary.faults >= many, "{summary:?}");
}

#[test]
fn datagrams_that_are_no_frames_cost_nothing() {
    let server = Running::new();
    let to = server.at.udp.unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(GUARD)).unwrap();
    let hello = frames(&[Message::Hello { client: "far", token: "" }]);
    let two = [&hello[..], &hello[..]].concat();
    for bad in
        [&b""[..], b"x", &[0; 1000], &hello[..hello.len() - 1], &two, &frames(&[Message::Ping { token: 1 }])]
    {
        socket.send_to(bad, to).unwrap();
    }
    socket.send_to(&hello, to).unwrap();
    let mut answer = [0; 1000];
    let got = socket.recv(&mut answer).unwrap();
    let frame = framing::whole(&answer[..got], MAX_PAYLOAD).unwrap();
    assert_eq!(frame.kind, kind::WELCOME, "the first answer is to the first good HELLO");
    assert_eq!(server.stop().bad_datagrams, 6);
}

#[test]
fn half_a_frame_and_then_silence_ends_by_the_clock() {
    // Long beside any stall of a busy machine.
    let server = Running::with(|options| options.idle = Some(Duration::from_secs(3)));
    let mut raw = server.hello();
    raw.stream.write_all(&frames(&[publish(1, &[7; 100])])[..50]).unwrap();
    // Who pings stays.
    let mut quiet = server.client("tcp");
    assert_eq!(quiet.next(Some(Duration::from_secs(4))).unwrap(), None);
    raw.is_closed_with(Code::Idle);
    assert_eq!(server.stop().silent, 1);
}

#[test]
fn who_leaves_in_the_middle_is_just_gone() {
    let server = Running::new();
    let mut raw = server.hello();
    raw.say(&[declare(1, "q"), publish(1, b"a"), publish(2, b"b")]);
    raw.stream.write_all(&frames(&[publish(3, &[7; 100])])[..50]).unwrap();
    // The direction ends inside a frame; what was whole is confirmed all the same.
    raw.stream.shutdown(Shutdown::Write).unwrap();
    assert!(raw.hear().starts_with("Done"));
    assert_eq!(raw.hear(), "Confirm { first: 1, last: 2 }");
    assert_eq!(raw.hear(), "");
    let mut raw = server.hello();
    raw.say(&[SUBSCRIBE]);
    assert!(raw.hear().starts_with("Done") && raw.hear().starts_with("Deliver"));
    drop(raw);
    // Its two are handed out again, to the next who asks.
    let mut client = server.client("tcp");
    let number = client.subscribe("q", Subscription::default()).unwrap().number;
    for offset in 0..2 {
        let Some(Incoming::Delivery(delivery)) = client.next(Some(GUARD)).unwrap() else {
            panic!("a delivery")
        };
        assert_eq!((delivery.offset, delivery.deliveries), (offset, 2));
        client.ack(number, offset).unwrap();
    }
    client.close().unwrap();
    assert_eq!(server.stop().held, 0);
}

/// DELETE takes effect where it stands: what the same client says behind it meets no queue.
#[test]
fn what_follows_a_delete_is_about_a_queue_that_is_gone() {
    let server = Running::new();
    let mut other = server.client("tcp");
    let mut raw = server.hello();
    raw.say(&[declare(1, "q"), SUBSCRIBE]);
    assert!(raw.hear().starts_with("Done") && raw.hear().starts_with("Done"));
    other.subscribe("q", Subscription::default()).unwrap();
    let delete = Message::Delete { request: 2, queue: "q" };
    raw.say(&[
        publish(1, b"before"),
        delete,
        publish(2, b"behind"),
        declare(3, "q"),
        SUBSCRIBE,
        publish(3, b"anew"),
    ]);
    let said: Vec<String> = (0..7).map(|_| raw.hear()).collect();
    assert!(said[0].starts_with("Done { request: 2"), "{said:?}");
    assert!(said[1].starts_with("Refused { what: 4, number: 1, code: NoQueue"), "{said:?}");
    assert!(said[2].starts_with("Refused { what: 3, number: 2, code: NoQueue"), "{said:?}");
    assert!(said[3].starts_with("Done { request: 3") && said[4].starts_with("Done { request: 1"), "{said:?}");
    assert!(said[5..].contains(&"Confirm { first: 1, last: 1 }".to_owned()), "{said:?}");
    // The other's consumer went with the old queue, and it was told.
    let told = other.next(Some(Duration::from_secs(5))).unwrap();
    let refused = matches!(told, Some(Incoming::Refused { what: kind::SUBSCRIBE, code: Code::NoQueue, .. }));
    assert!(refused, "{told:?}");
    let report = other.inspect(None).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["queues"][0]["consumers"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["queues"][0]["next_offset"], 1);
    drop(server);
}

/// A consumer that never acks keeps its prefetch and no more; one that never reads costs a bounded amount.
#[test]
fn who_does_not_ack_or_read_costs_a_bounded_amount() {
    const BODY: usize = 8 << 10;
    let server = Running::new();
    let mut client = server.client("tcp");
    client.declare("q", &engine::Settings::default()).unwrap();
    let mut never = server.client("tcp");
    let wanted = Subscription { prefetch: 5, ..Subscription::default() };
    never.subscribe("q", wanted).unwrap();
    for _ in 0..4000 {
        client.publish("q", b"", &[7; BODY]).unwrap();
    }
    client.confirmed(4000).unwrap();
    for _ in 0..5 {
        assert!(matches!(never.next(Some(GUARD)).unwrap(), Some(Incoming::Delivery(_))));
    }
    never.inspect(None).unwrap();
    assert_eq!(never.heard(), None, "five are all");
    // 32 MB wait for one who reads nothing: what leaves the engine is what the kernel takes, and a handful.
    let mut deaf = server.hello();
    deaf.say(&[SUBSCRIBE]);
    let unacked = |client: &mut Client| {
        let report: serde_json::Value = serde_json::from_str(&client.inspect(Some("q")).unwrap()).unwrap();
        let consumers = report["queues"][0]["consumers"].as_array().unwrap().clone();
        consumers.iter().map(|consumer| consumer["unacked"].as_u64().unwrap()).max().unwrap() as usize
    };
    let (mut last, mut same) = (0, 0);
    while same < 20 {
        let now = unacked(&mut client);
        same = if now == last && now > 5 { same + 1 } else { 0 };
        last = now;
        thread::sleep(Duration::from_millis(5));
    }
    assert!(last * BODY < 20 << 20, "{last} messages under way to a client that does not read");
    // Others are served meanwhile, and the deaf one goes on where it stopped when it reads.
    let mut offset = 0;
    for expected in 5..1000 {
        while offset < expected {
            let said = deaf.hear();
            if let Some(rest) = said.strip_prefix("Deliver { subscription: 1, offset: ") {
                offset = rest.split(',').next().unwrap().parse().unwrap();
            }
        }
        assert_eq!(offset, expected, "in order");
    }
    drop(never);
    server.stop();
}

/// It publishes and never reads its confirmations: in the end it is not read either, and costs little.
#[test]
fn a_publisher_that_never_reads_is_not_read_for_ever() {
    let server = Running::with(|options| options.idle = Some(Duration::from_secs(2)));
    let mut raw = server.hello();
    raw.say(&[declare(1, "q")]);
    raw.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    // Refusals are longer than what they answer, and nobody reads them.
    let mut sent = 0;
    'full: for round in 0..20_000_u64 {
        let many: Vec<Message<'_>> = (1..=100)
            .map(|n| Message::Publish { seq: round * 100 + n, queue: "none", id: b"", body: b"" })
            .collect();
        let octets = frames(&many);
        let mut rest = &octets[..];
        while !rest.is_empty() {
            match raw.stream.write(rest) {
                Ok(got) => rest = &rest[got..],
                Err(_) => break 'full,
            }
        }
        sent += octets.len();
    }
    assert!(sent < 64 << 20, "the server took {sent} octets from a client that reads nothing");
    // Others are served as before.
    let mut client = server.client("ws");
    client.declare("mine", &engine::Settings::default()).unwrap();
    let seq = client.publish("mine", b"", b"x").unwrap();
    client.confirmed(seq).unwrap();
    drop(raw);
    client.close().unwrap();
    server.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn many_idle_connections_are_held_and_closed_by_the_clock() {
    // Both ends are ours, and others test beside us.
    let room = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let many = (room.saturating_sub(200) / 2).min(2000) as usize;
    assert!(many >= 100, "{room} descriptors are too few to test with");
    let server = Running::with(|options| options.max_connections = many + 1);
    let mut idle: Vec<Raw> = (0..many).map(|_| server.raw()).collect();
    for raw in &mut idle {
        raw.say(&[Message::Hello { client: "idle", token: "" }]);
    }
    for raw in &mut idle {
        assert!(raw.hear().starts_with("Welcome"));
    }
    let mut client = server.client("tcp");
    client.declare("q", &engine::Settings::default()).unwrap();
    let seq = client.publish("q", b"", b"x").unwrap();
    client.confirmed(seq).unwrap();
    drop(client);
    let stopping = thread::spawn(move || server.stop());
    for raw in &mut idle {
        raw.is_closed_with(Code::GoingAway);
    }
    drop(idle);
    let summary = stopping.join().unwrap();
    assert_eq!((summary.peak_open, summary.unsent), (many + 1, 0));
}

#[test]
fn a_server_that_stops_says_so_on_every_carrier() {
    let server = Running::new();
    let mut clients: Vec<Client> =
        ["tcp", "ws", "udp"].into_iter().map(|scheme| server.client(scheme)).collect();
    let stopping = thread::spawn(move || server.stop());
    for client in &mut clients {
        let error = client.next(Some(GUARD)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server closed the connection with 1 (going-away): the server is being stopped"
        );
    }
    stopping.join().unwrap();
}

#[test]
fn a_websocket_without_our_subprotocol_or_with_text_is_refused() {
    let server = Running::new();
    let mut stream = TcpStream::connect(server.at.ws.unwrap()).unwrap();
    stream.set_read_timeout(Some(GUARD)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    // Octets of the other carrier.
    let mut raw = Raw { stream: TcpStream::connect(server.at.ws.unwrap()).unwrap(), octets: Vec::new() };
    raw.stream.set_read_timeout(Some(GUARD)).unwrap();
    raw.say(&[Message::Hello { client: "lost", token: "" }]);
    raw.stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    raw.stream.read_to_end(&mut answer).unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
    assert_eq!(server.stop().frames, 0);
}
