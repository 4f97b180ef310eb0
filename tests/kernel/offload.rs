//! Superframes: cut as the kernel cuts, judged as single frames are, and nothing lost on the way.

use crate::linux::frames;
use crate::linux::{Outcome, check};
use layerlab::host::{Choice, Port, PrivateNetwork, Sysctl, Topology};
use layerlab::live::calls::Program;
use layerlab::live::echo::{Ending, Experiment, ServerCue};
use layerlab::live::private;
use layerlab::live::setup::Setup;
use layerlab::model::{
    Backend, Direction, Fate, Flow, Moment, Offload, PartialChecksum, Rule, SegmentKind, Segmentation, Sink,
    TcpFlags, Time, WireFrame,
};
use layerlab::stack::checksum::Pseudo;
use layerlab::stack::l3_internet::{ipv4, protocol};
use layerlab::stack::l4_transport::{tcp, udp};
use layerlab::stack::offload::Superframe;
use layerlab::wire::{Spec, Word};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

type Trial = fn() -> Outcome;

/// All of them need TAP.
pub(crate) const TRIALS: [(&str, Trial); 4] = [
    ("tap::superframes_are_cut_as_the_kernel_cuts", cut_as_the_kernel),
    ("tap::segments_are_told_as_frames", told_as_frames),
    ("tap::fates_are_the_same_with_and_without_offload", same_fates),
    ("tap::octets_arrive_whole_when_nobody_listens", unheard),
];

fn topology(offload: bool) -> Topology {
    Topology { backend: Choice::Only(Backend::Tap), offload, ..Topology::default() }
}

const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];
const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x0b];
const NOBODY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 50);

/// A superframe from the server's address to nobody's, and what is left to do to it.
fn superframe(kind: SegmentKind, ttl: u8, macs: [[u8; 6]; 2], payload: &[u8]) -> (Vec<u8>, Offload) {
    let (source, destination) = (Ipv4Addr::new(10, 0, 0, 2), NOBODY);
    let pseudo = Pseudo::V4 { source, destination };
    let mut transport = Vec::new();
    let (number, offset) = if kind == SegmentKind::Udp {
        let header = udp::Header { source_port: 4000, destination_port: 7 };
        header.encode(pseudo, payload, &mut transport).expect("it fits");
        (protocol::UDP, udp::at::CHECKSUM)
    } else {
        let header = tcp::Header {
            source_port: 4000,
            destination_port: 7,
            seq: u32::MAX - 3000,
            ack: 77,
            flags: TcpFlags(TcpFlags::ACK.0 | TcpFlags::PSH.0 | TcpFlags::FIN.0),
            window: 502,
            urgent_pointer: 0,
            options: vec![tcp::TcpOption::Nop; 12],
        };
        header.encode(pseudo, payload, &mut transport).expect("it fits");
        (protocol::TCP, tcp::at::CHECKSUM)
    };
    let mut frame = macs.concat();
    frame.extend([8, 0]);
    let header = ipv4::Header {
        id: 0xfffd,
        dont_fragment: true,
        ttl,
        ..ipv4::Header::new(number, source, destination)
    };
    header.encode(transport.len(), &mut frame).expect("it fits");
    let start = frame.len();
    let partial = !pseudo.sum(number, transport.len()).finish();
    transport[offset..offset + 2].copy_from_slice(&partial.to_be_bytes());
    frame.extend(&transport);
    let header_len = frame.len() - payload.len();
    let offload = Offload {
        checksum: Some(PartialChecksum { start: start as u16, offset: offset as u16 }),
        segmentation: Some(Segmentation { kind, size: 1000, header_len: header_len as u16, ecn: false }),
    };
    (frame, offload)
}

/// Reads the port until `found` has enough; an error after 5 s.
fn until<T>(
    port: &mut Port,
    mut found: impl FnMut(&mut Port, &[u8]) -> Option<T>,
) -> Result<T, libtest_mimic::Failed> {
    let mut buffer = vec![0; port.frame_max()];
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        match port.recv(&mut buffer)? {
            Some(len) => {
                if let Some(found) = found(port, &buffer[..len]) {
                    return Ok(found);
                }
            }
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    }
    Err("nothing came for 5 s".into())
}

/// The client as a router: what it gets for somebody else it sends on, cut by its kernel, because its
/// interface may leave nothing undone.
fn cut_as_the_kernel() -> Outcome {
    let sysctls = vec![Sysctl::both("net/ipv4/ip_forward", "1")];
    let mut net = PrivateNetwork::build(&Topology { sysctls, ..topology(true) })?;
    let [mut port, _server] = net.take_ports().ok_or("no ports")?;
    check(port.offloads(), "no offload")?;
    port.set_offload(false)?;
    let payload: Vec<u8> = (0..7_500_u32).map(|n| ((n * n) >> 3) as u8).collect();
    for kind in [SegmentKind::Tcp4, SegmentKind::Udp] {
        let (bytes, offload) = superframe(kind, 64, [CLIENT_MAC, SERVER_MAC], &payload);
        check(port.send_offloaded(&bytes, offload)?, "no room")?;
        let mut cut = Vec::new();
        until(&mut port, |port, frame| {
            match frames::kind(frame) {
                // Nobody answers that it is there.
                frames::Kind::Arp { request: true } if frame[38..42] == NOBODY.octets() => {
                    let mut reply =
                        [&CLIENT_MAC[..], &SERVER_MAC, &frame[12..20], &[0, 2], &SERVER_MAC].concat();
                    reply.extend(NOBODY.octets());
                    reply.extend(&frame[22..32]);
                    port.send(&reply).expect("a reply");
                }
                frames::Kind::Tcp | frames::Kind::Udp if frame[30..34] == NOBODY.octets() => {
                    assert!(port.offload().is_none(), "the kernel left something undone");
                    cut.push(frame.to_vec());
                }
                _ => {}
            }
            (cut.len() == 8).then_some(())
        })?;
        let (bytes, offload) = superframe(kind, 63, [SERVER_MAC, CLIENT_MAC], &payload);
        let ours = Superframe::new(&bytes, offload).ok_or("not cut")?;
        check(ours.count() == cut.len(), format!("{} segments", ours.count()))?;
        for (nth, theirs) in cut.iter().enumerate() {
            let ours = ours.frame(nth);
            let both = format!("{nth}:\n{}\n{}", frames::describe(&ours), frames::describe(theirs));
            check(ours == *theirs, both)?;
        }
    }
    Ok(())
}

/// A transfer of octets that the server checks one by one.
#[derive(Clone)]
struct Transfer {
    octets: usize,
    whole: Arc<AtomicBool>,
}

fn pattern(octets: usize) -> Vec<u8> {
    (0..octets as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Experiment for Transfer {
    fn server(&self, _: &Program, at: SocketAddr, cue: &ServerCue) -> Ending {
        let listener = TcpListener::bind(at).expect("bind");
        cue.ready(at);
        let (mut stream, _) = listener.accept().expect("accept");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).expect("recv");
        self.whole.store(got == pattern(self.octets), std::sync::atomic::Ordering::Relaxed);
        Ending::default()
    }
    fn client(&self, _: &Program, to: SocketAddr) -> Ending {
        let mut stream = TcpStream::connect(to).expect("connect");
        stream.write_all(&pattern(self.octets)).expect("send");
        Ending::default()
    }
    fn absent_host(&self) -> bool {
        false
    }
    fn closed_port(&self) -> bool {
        false
    }
}

/// What a listener hears of frames.
#[derive(Default)]
struct Heard {
    /// Direction, index, when, and what dropped it.
    rows: Vec<(Direction, u64, Time, Option<Rule>)>,
    arrived: usize,
    longest: usize,
    wrong: Vec<String>,
    misstated: usize,
}

impl Sink for Heard {
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<Flow> {
        self.longest = self.longest.max(frame.bytes.len());
        self.misstated += usize::from(frame.bytes.len() != frame.row.len as usize);
        self.wrong.extend(frames::wrong_checksum(frame.bytes));
        match frame.moment {
            Moment::Entered => {
                let by = match &frame.row.fate {
                    Fate::Dropped { by } => Some(by.clone()),
                    _ => None,
                };
                self.rows.push((frame.row.direction, frame.row.index, frame.row.at, by));
            }
            Moment::Arrived { .. } => self.arrived += 1,
            Moment::Observed => {}
        }
        Ok(Flow::Continue)
    }
}

fn transfer(offload: bool, octets: usize, words: &[(Word, &str)]) -> Result<Heard, libtest_mimic::Failed> {
    let experiment = Transfer { octets, whole: Arc::default() };
    let setup = Setup {
        later: Vec::new(),
        command: "test".to_owned(),
        system: String::new(),
        topology: topology(offload),
        wire: Spec::from_options(words.iter().map(|(word, value)| (None, *word, *value)))?,
        seed: 7,
        port: 80,
        patience: Duration::from_secs(20),
        listening: true,
    };
    let mut heard = Heard::default();
    private::run(&experiment, &setup, &mut heard, &AtomicBool::new(false))?;
    check(experiment.whole.load(std::sync::atomic::Ordering::Relaxed), "other octets arrived")?;
    check(heard.wrong.is_empty(), format!("{} wrong: {:?}", heard.wrong.len(), heard.wrong.first()))?;
    check(heard.misstated == 0, format!("{} rows with another length", heard.misstated))?;
    check(heard.longest == 1514, format!("the longest frame has {}", heard.longest))?;
    for direction in Direction::BOTH {
        let indices = heard.rows.iter().filter(|(d, ..)| *d == direction).map(|(_, index, ..)| *index);
        check(indices.eq(1..=indices_of(&heard, direction)), "a row is missing or out of its turn")?;
    }
    Ok(heard)
}

fn indices_of(heard: &Heard, direction: Direction) -> u64 {
    heard.rows.iter().filter(|(d, ..)| *d == direction).count() as u64
}

/// The most segments that were read at one moment: more than one only if they came as a superframe.
fn largest_batch(heard: &Heard) -> usize {
    heard.rows.chunk_by(|a, b| a.0 == b.0 && a.2 == b.2).map(<[_]>::len).max().unwrap_or(0)
}

fn told_as_frames() -> Outcome {
    let heard = transfer(true, 3_000_000, &[(Word::Loss, "1%")])?;
    check(largest_batch(&heard) > 4, format!("batches of {}", largest_batch(&heard)))?;
    let dropped = heard.rows.iter().filter(|row| row.3.is_some()).count();
    check(dropped > 0 && heard.arrived + dropped == heard.rows.len(), format!("{dropped} dropped"))
}

fn same_fates() -> Outcome {
    let words = [
        (Word::Loss, "gemodel:1%,30%"),
        (Word::Drop, "tcp.data#40-42,100"),
        (Word::Drop, "to-client:tcp.ack#3"),
        (Word::Duplicate, "1%"),
        (Word::Delay, "1ms"),
    ];
    let [with, without] = [true, false].map(|offload| transfer(offload, 1_000_000, &words));
    let (with, without) = (with?, without?);
    check(largest_batch(&with) > 4, format!("batches of {}", largest_batch(&with)))?;
    for direction in Direction::BOTH {
        let fates = |heard: &Heard| -> Vec<Option<Rule>> {
            heard.rows.iter().filter(|row| row.0 == direction).map(|row| row.3.clone()).collect()
        };
        let (a, b) = (fates(&with), fates(&without));
        let both = a.len().min(b.len());
        check(both > 50, format!("only {both} frames"))?;
        for (index, (a, b)) in a.iter().zip(&b).enumerate() {
            // What a script counts is a segment with data: the same while the segments are.
            let scripted = |rule: &Option<Rule>| matches!(rule, Some(Rule::Script(_)));
            if index < 40 || !(scripted(a) || scripted(b)) {
                check(a == b, format!("{direction:?} {}: {a:?}, {b:?}", index + 1))?;
            }
        }
        check(a.iter().flatten().count() > 0, "nothing was dropped")?;
    }
    Ok(())
}

fn unheard() -> Outcome {
    // Straight through, straight through between losses, and held in runs.
    unheard_over(&[])?;
    unheard_over(&[(Word::Loss, "0.5%")])?;
    unheard_over(&[(Word::Delay, "5ms"), (Word::Loss, "0.5%"), (Word::Corrupt, "0.2%")])
}

fn unheard_over(words: &[(Word, &str)]) -> Outcome {
    // A flipped bit makes a checksum wrong, as it should: so nobody listens here, and TCP is the judge.
    let experiment = Transfer { octets: 20_000_000, whole: Arc::default() };
    let setup = Setup {
        later: Vec::new(),
        command: "test".to_owned(),
        system: String::new(),
        topology: topology(true),
        wire: Spec::from_options(words.iter().map(|(word, value)| (None, *word, *value)))?,
        seed: 7,
        port: 80,
        patience: Duration::from_secs(20),
        listening: false,
    };
    let finished =
        private::run(&experiment, &setup, &mut layerlab::model::NullSink, &AtomicBool::new(false))?;
    check(experiment.whole.load(std::sync::atomic::Ordering::Relaxed), "other octets arrived")?;
    let [to_server, _] = finished.outcome.frames;
    // Segments, not superframes, are counted, and those lost too.
    let lossy = words.iter().any(|(word, _)| *word == Word::Loss);
    check((finished.outcome.dropped[0] > 0) == lossy, format!("{:?} dropped", finished.outcome.dropped))?;
    check(to_server as usize > 20_000_000 / 1460, format!("{to_server} frames"))
}
