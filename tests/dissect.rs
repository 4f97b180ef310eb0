//! Captures that real kernels made, read and explained: against golden listings, and against what tshark says of them.
//!
//! `tests/data/captures/record` made the captures and tshark's tables. A golden listing that ought to change is accepted
//! with `INSTA_UPDATE=always cargo test --test dissect`, and read before it is committed.

use layerlab::capture::{CaptureSink, CutBy, Flush, Mark, Reader, Target, Writer};
use layerlab::dissect::{Dissector, FileError, Frame, Tell, read};
use layerlab::model::{
    self, Backend, Carried, Delivery, Direction, Endpoint, Event, EventId, Fate, FrameId, Moment, Outcome,
    Packet, Row, Rule, Run, Seen, Side, Sink, Tcp, TcpNote, Time, Vantage, What, WireFrame,
};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "dissect/cooked.rs"]
mod cooked;
#[path = "dissect/hostile.rs"]
mod hostile;
#[path = "dissect/links.rs"]
mod links;
#[path = "dissect/listing.rs"]
mod listing;

const CAPTURES: [&str; 16] = [
    "arp_absent",
    "ping",
    "tcp_echo",
    "tcp_half_close",
    "tcp_keepalive",
    "tcp_no_sack",
    "tcp_one_octet_lost",
    "tcp_refused",
    "tcp_refused_ipv6",
    "tcp_reset_and_again",
    "tcp_retransmission",
    "tcp_syn_lost",
    "tcp_zero_window",
    "udp_echo",
    "udp_fragments",
    "udp_port_unreachable",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures")
}

/// Keeps what it is told.
#[derive(Default)]
struct Ear {
    run: Option<Run>,
    events: Vec<Event>,
    frames: Vec<(FrameId, Moment)>,
    outcome: Option<Outcome>,
}

impl Sink for Ear {
    fn begin(&mut self, run: &Run) -> io::Result<()> {
        self.run = Some(run.clone());
        Ok(())
    }
    fn event(&mut self, event: &Event) -> io::Result<model::Flow> {
        self.events.push(event.clone());
        Ok(model::Flow::Continue)
    }
    fn frame(&mut self, frame: &WireFrame<'_>) -> io::Result<model::Flow> {
        self.frames.push((frame.row.id, frame.moment));
        Ok(model::Flow::Continue)
    }
    fn finish(&mut self, outcome: &Outcome) -> io::Result<()> {
        self.outcome = Some(outcome.clone());
        Ok(())
    }
}

fn told(file: impl io::Read) -> Ear {
    let mut tell = Tell::new(Ear::default()).with_bytes(true);
    read(&mut Reader::new(file).unwrap(), &mut tell).unwrap();
    tell.into_inner()
}

fn capture(name: &str) -> Ear {
    told(File::open(folder().join(name).with_extension("pcapng")).unwrap())
}

fn seen(event: &Event) -> &Seen {
    match &event.what {
        What::Frame(seen) => seen,
        other => panic!("not a frame: {other:?}"),
    }
}

fn tcp(event: &Event) -> Option<&Tcp> {
    match &seen(event).packet {
        Packet::Ip(_, Carried::Tcp(tcp)) => Some(tcp),
        _ => None,
    }
}

#[test]
fn golden_listings() {
    for name in CAPTURES {
        let ear = capture(name);
        let text: String = ear.events.iter().map(listing::line).collect();
        insta::with_settings!({
            snapshot_path => folder(), prepend_module_to_snapshot => false, omit_expression => true,
        }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

#[test]
fn every_capture_is_tried() {
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".pcapng").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, CAPTURES);
}

/// tshark's table of a capture: a row a frame, a value a field, the first where a frame has several.
struct Table {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(name: &str) -> Table {
        let text = std::fs::read_to_string(folder().join(name).with_extension("tsv")).unwrap();
        let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect::<Vec<_>>());
        Table { names: lines.next().unwrap(), rows: lines.collect() }
    }

    fn text(&self, row: usize, field: &str) -> &str {
        let column = self.names.iter().position(|n| n == field).unwrap_or_else(|| panic!("no {field}"));
        &self.rows[row][column]
    }

    fn number(&self, row: usize, field: &str) -> Option<u64> {
        let first = self.text(row, field).split(',').next().unwrap();
        let hex = first.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16).unwrap());
        hex.or_else(|| (!first.is_empty()).then(|| first.parse().unwrap()))
    }

    fn list(&self, row: usize, field: &str) -> Vec<u32> {
        self.text(row, field).split(',').filter(|v| !v.is_empty()).map(|v| v.parse().unwrap()).collect()
    }

    fn has(&self, row: usize, fields: &[&str]) -> bool {
        fields.iter().any(|f| !self.text(row, f).is_empty())
    }
}

/// Where we and tshark 4.0 differ, and why. Each entry is a claim that the test below holds us to.
const DIFFERENT: [(&str, u64, &str); 5] = [
    ("tcp_zero_window", 11, "Linux's zero-window probe is empty; tshark calls it a keep-alive"),
    ("tcp_zero_window", 13, "the same"),
    ("tcp_zero_window", 15, "the same"),
    ("tcp_keepalive", 7, "the answer to a keep-alive gives more room; tshark calls it a window update"),
    ("tcp_one_octet_lost", 9, "one octet sent again that was not acknowledged; tshark calls it a keep-alive"),
];

#[test]
fn tshark_says_the_same_of_every_segment() {
    let mut compared = 0;
    for name in CAPTURES {
        let table = Table::read(name);
        let ear = capture(name);
        assert_eq!(table.rows.len(), ear.events.len(), "{name}");
        for (row, event) in ear.events.iter().enumerate() {
            let number = table.number(row, "frame.number").unwrap();
            let at = format!("{name} frame {number}: {}", listing::line(event));
            assert_eq!(seen(event).id, FrameId(number), "{at}");
            let Some(tcp) = tcp(event) else {
                assert_eq!(table.number(row, "tcp.stream"), None, "{at}");
                continue;
            };
            compared += 1;
            let field = |field| table.number(row, field);
            assert_eq!(field("tcp.stream"), Some(tcp.stream.into()), "{at}");
            assert_eq!(field("tcp.seq"), Some(tcp.seq.into()), "{at}");
            // tshark shows the number as it stands where there is no ACK.
            assert_eq!(field("tcp.ack").unwrap_or(0), u64::from(tcp.ack.unwrap_or(0)), "{at}");
            assert_eq!(field("tcp.len"), Some(tcp.len.into()), "{at}");
            assert_eq!(field("tcp.flags"), Some(tcp.flags.0.into()), "{at}");
            assert_eq!(field("tcp.window_size"), Some(tcp.window.into()), "{at}");
            let (left, right): (Vec<u32>, Vec<u32>) = tcp.sack.iter().copied().unzip();
            assert_eq!(table.list(row, "tcp.options.sack_le"), left, "{at}");
            assert_eq!(table.list(row, "tcp.options.sack_re"), right, "{at}");
            if DIFFERENT.iter().any(|(n, f, _)| (*n, *f) == (name, number)) {
                assert_ne!(
                    analysis_of(tcp),
                    analysis(&table, row),
                    "{at} agrees, but is listed as different"
                );
                continue;
            }
            assert_eq!(analysis_of(tcp), analysis(&table, row), "{at}");
            assert_acknowledged(field("tcp.analysis.acks_frame"), tcp, &ear.events, &at);
        }
    }
    assert!(compared > 150, "{compared}");
}

/// What tshark says a segment is: `retransmission`, `duplicate_ack 2` and so on.
fn analysis(table: &Table, row: usize) -> Vec<String> {
    let flag = |name: &str, fields: &[&str]| table.has(row, fields).then(|| name.to_owned());
    // How tshark tells these apart is a guess by times; what they have in common is that the octets were sent before.
    let again = [
        "tcp.analysis.retransmission",
        "tcp.analysis.fast_retransmission",
        "tcp.analysis.spurious_retransmission",
        "tcp.analysis.out_of_order",
    ];
    let duplicate = table.number(row, "tcp.analysis.duplicate_ack_num");
    [
        flag("retransmission", &again),
        flag("lost_segment", &["tcp.analysis.lost_segment"]),
        duplicate.map(|n| format!("duplicate_ack {n}")),
        flag("window_update", &["tcp.analysis.window_update"]),
        flag("zero_window", &["tcp.analysis.zero_window"]),
        flag("zero_window_probe", &["tcp.analysis.zero_window_probe"]),
        flag("keep_alive", &["tcp.analysis.keep_alive"]),
        flag("keep_alive_ack", &["tcp.analysis.keep_alive_ack"]),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The same of ours, in the same order.
fn analysis_of(tcp: &Tcp) -> Vec<String> {
    let mut found: Vec<(u8, String)> = tcp
        .notes
        .iter()
        .filter_map(|note| {
            Some(match note {
                TcpNote::Retransmission { .. } => (0, "retransmission".to_owned()),
                TcpNote::OutOfOrder => (1, "lost_segment".to_owned()),
                TcpNote::DuplicateAck { nth, .. } => (2, format!("duplicate_ack {nth}")),
                TcpNote::WindowUpdate => (3, "window_update".to_owned()),
                TcpNote::ZeroWindow => (4, "zero_window".to_owned()),
                TcpNote::ZeroWindowProbe => (5, "zero_window_probe".to_owned()),
                TcpNote::KeepAlive => (6, "keep_alive".to_owned()),
                TcpNote::KeepAliveAck => (7, "keep_alive_ack".to_owned()),
                _ => return None,
            })
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}

/// tshark names the acknowledged frame where the number is exactly a segment's end. Of octets that were sent twice it names
/// the first frame, which was lost; we name the one that repeated it.
fn assert_acknowledged(theirs: Option<u64>, tcp: &Tcp, events: &[Event], at: &str) {
    let ours = tcp.notes.iter().find_map(|note| match note {
        TcpNote::Acknowledges { last: frame }
        | TcpNote::HandshakeSynAck { answers: frame }
        | TcpNote::HandshakeAck { answers: frame }
        | TcpNote::Refused { answers: frame } => Some(*frame),
        _ => None,
    });
    let Some(theirs) = theirs.map(FrameId).filter(|theirs| ours != Some(*theirs)) else {
        return;
    };
    let of = ours.and_then(|FrameId(ours)| self::tcp(&events[ours as usize - 1]));
    let repeats = |note: &TcpNote| matches!(note, TcpNote::Retransmission { of, .. } if *of == theirs);
    assert!(of.is_some_and(|tcp| tcp.notes.iter().any(repeats)), "{at}: tshark says {theirs}");
}

#[test]
fn tshark_says_the_same_of_every_other_packet() {
    let mut compared = 0;
    for name in CAPTURES {
        let table = Table::read(name);
        for (row, event) in capture(name).events.iter().enumerate() {
            let at = format!("{name}: {}", listing::line(event));
            let field = |field| table.number(row, field);
            compared += 1;
            match &seen(event).packet {
                Packet::Arp(arp) => {
                    let operation = match arp.operation {
                        model::ArpOperation::Request => 1,
                        model::ArpOperation::Reply => 2,
                        model::ArpOperation::Other(other) => other,
                    };
                    assert_eq!(field("arp.opcode"), Some(operation.into()), "{at}");
                }
                Packet::Ip(ip, carried) => {
                    if ip.source.is_ipv4() {
                        assert_eq!(field("ip.ttl"), Some(ip.ttl.into()), "{at}");
                        // tshark 4.0 prints the offset as it stands, in units of 8 octets.
                        let offset = ip.fragment.map_or(0, |f| u64::from(f.offset) / 8);
                        assert_eq!(field("ip.frag_offset"), Some(offset), "{at}");
                        assert_eq!(
                            field("ip.flags.mf"),
                            Some(ip.fragment.is_some_and(|f| f.more).into()),
                            "{at}"
                        );
                    }
                    match carried {
                        Carried::Udp(udp) => {
                            assert_eq!(field("udp.length"), Some(u64::from(udp.len) + 8), "{at}");
                            assert_eq!(field("udp.srcport"), Some(udp.source_port.into()), "{at}");
                        }
                        Carried::Icmp(icmp) if !icmp.v6 => {
                            assert_eq!(field("icmp.type"), Some(icmp.kind_number.into()), "{at}");
                            assert_eq!(field("icmp.code"), Some(icmp.code.into()), "{at}");
                        }
                        Carried::Fragment { .. } => assert_eq!(field("udp.length"), None, "{at}"),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
    assert!(compared > 200, "{compared}");
}

#[test]
fn every_checksum_verifies_and_causes_come_before() {
    for name in CAPTURES {
        for event in &capture(name).events {
            let line = listing::line(event);
            assert!(event.cause.is_none_or(|cause| cause < event.id), "{line}");
            if let Packet::Ip(ip, carried) = &seen(event).packet {
                assert_ne!(ip.checksum_good, Some(false), "{line}");
                let good = match carried {
                    Carried::Tcp(tcp) => tcp.checksum_good,
                    Carried::Udp(udp) if ip.fragment.is_none() => udp.checksum_good,
                    Carried::Icmp(icmp) => icmp.checksum_good,
                    _ => continue,
                };
                assert_eq!(good, Some(true), "{line}");
            }
        }
    }
}

#[test]
fn every_frame_cut_anywhere_is_dissected() {
    for name in CAPTURES {
        let mut reader =
            Reader::new(File::open(folder().join(name).with_extension("pcapng")).unwrap()).unwrap();
        let mut dissector = Dissector::new().with_bytes(true);
        let mut id = 0;
        while let Some(record) = reader.next_record().unwrap() {
            let ends = (0..record.bytes.len().min(90)).chain([record.bytes.len()]);
            for end in ends {
                id += 1;
                let frame = Frame {
                    id: FrameId(id),
                    direction: Direction::ToServer,
                    at: Time::from_nanos(id),
                    bytes: &record.bytes[..end],
                    len: record.original_len,
                    fate: None,
                    link: layerlab::model::LinkType::Ethernet,
                };
                dissector.frame(EventId(id), &frame);
            }
        }
    }
}

/// A run of ours whose frames are those of a recorded capture, the frames of `lost` dropped, told to `sink`.
fn replay(name: &str, lost: &[u64], sink: &mut impl Sink) {
    let run = Run {
        command: "layerlab tcp echo \"two words\"".into(),
        version: "0.1.0".into(),
        system: "Linux 6".into(),
        seed: 7,
        backend: Backend::Tap,
        wire: "--drop 'tcp.data#3'".into(),
        mtu: 1500,
        routers: 0,
        client: Endpoint { ip: [10, 0, 0, 1].into(), mac: Some([2, 0, 0, 0, 0, 10]) },
        server: Endpoint { ip: [10, 0, 0, 2].into(), mac: Some([2, 0, 0, 0, 0, 11]) },
        epoch_unix_ns: 1_700_000_000_000_000_000,
    };
    sink.begin(&run).unwrap();
    let mut reader = Reader::new(File::open(folder().join(name).with_extension("pcapng")).unwrap()).unwrap();
    let (mut index, mut epoch) = ([0; 2], None);
    let mut on_the_way: Vec<(Row, Vec<u8>)> = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let at = Time::from_nanos(record.at_unix_ns - *epoch.get_or_insert(record.at_unix_ns));
        let direction = if record.bytes[11] == 10 { Direction::ToServer } else { Direction::ToClient };
        index[direction.index()] += 1;
        let arrives = at + Duration::from_micros(1);
        let fate = if lost.contains(&record.number) {
            Fate::Dropped { by: Rule::Script("tcp.data#3".into()) }
        } else {
            Fate::Delivered(Delivery { delayed: Duration::from_micros(1), ..Delivery::plain(arrives) })
        };
        let row = Row {
            id: FrameId(record.number),
            direction,
            index: index[direction.index()],
            at,
            len: record.original_len,
            class: layerlab::stack::classify(record.bytes),
            fate,
        };
        let arrive = |(row, bytes): (Row, Vec<u8>), sink: &mut dyn Sink| {
            let at = row.fate.deliveries().next().unwrap().at;
            sink.frame(&WireFrame { row: &row, at, moment: Moment::Arrived { copy: 0 }, bytes: &bytes })
                .unwrap();
        };
        let due = on_the_way.iter().take_while(|(r, _)| r.at + Duration::from_micros(1) <= at).count();
        on_the_way.drain(..due).for_each(|item| arrive(item, sink));
        sink.frame(&WireFrame { row: &row, at, moment: Moment::Entered, bytes: record.bytes }).unwrap();
        if !row.fate.is_dropped() {
            on_the_way.push((row, record.bytes.to_vec()));
        }
    }
    for (row, bytes) in on_the_way {
        let at = row.fate.deliveries().next().unwrap().at;
        sink.frame(&WireFrame { row: &row, at, moment: Moment::Arrived { copy: 0 }, bytes: &bytes }).unwrap();
    }
    sink.finish(&Outcome::default()).unwrap();
}

/// A capture of a replayed run, with listings for narration.
fn captured(name: &str, lost: &[u64], vantage: Vantage) -> (Ear, Vec<u8>) {
    let mut file = Vec::new();
    let mut ear = Ear::default();
    let mut fan = model::Fan::new();
    fan.push(&mut ear);
    fan.push(CaptureSink::new(
        &mut file,
        vantage,
        Flush::Paced,
        Box::new(|event| listing::line(event).trim_end().to_owned()),
    ));
    replay(name, lost, &mut Tell::new(fan));
    (ear, file)
}

#[test]
fn our_own_capture_tells_the_run_again() {
    // Frames 8 and 27 are those that the recording lost.
    let (ear, file) = captured("tcp_retransmission", &[8, 27], Vantage::Wire);
    let again = told(&file[..]);
    assert_eq!(again.run, ear.run);
    let strip = |events: &[Event]| -> Vec<Event> {
        events.iter().map(|e| Event { bytes: None, ..e.clone() }).collect()
    };
    assert_eq!(strip(&again.events), strip(&ear.events));
    let entered: Vec<_> = ear.frames.iter().filter(|(_, m)| *m == Moment::Entered).copied().collect();
    assert_eq!(again.frames, entered);
    assert_eq!(again.outcome.unwrap().dropped, [2, 0]);
    let needless: Vec<_> = ear
        .events
        .iter()
        .filter(|e| matches!(e.what, What::Frame(_)))
        .filter_map(|e| tcp(e)?.notes.iter().find(|n| matches!(n, TcpNote::Retransmission { .. })).cloned())
        .collect();
    assert_eq!(
        needless,
        [
            TcpNote::Retransmission { of: FrameId(8), duplicate_acks: 3, needless: false },
            TcpNote::Retransmission { of: FrameId(27), duplicate_acks: 0, needless: false },
        ]
    );
    // The same frames, none lost: what was sent again was needless.
    let (ear, _) = captured("tcp_retransmission", &[], Vantage::Wire);
    let all = ear.events.iter().filter(|e| matches!(e.what, What::Frame(_))).filter_map(tcp);
    let needless =
        all.flat_map(|t| &t.notes).filter(|n| matches!(n, TcpNote::Retransmission { needless: true, .. }));
    assert_eq!(needless.count(), 2);
}

#[test]
fn a_host_s_capture_has_what_it_sent_and_what_reached_it() {
    for (side, sent) in [(Side::Client, Direction::ToServer), (Side::Server, Direction::ToClient)] {
        let (_, file) = captured("tcp_retransmission", &[8, 27], Vantage::At(side));
        let mut reader = Reader::new(&file[..]).unwrap();
        let (mut before, mut dropped) = (0, 0);
        while let Some(record) = reader.next_record().unwrap() {
            assert!(record.at_unix_ns >= before, "packets are in time order");
            before = record.at_unix_ns;
            let comment = record.comments.clone().next().unwrap().into_owned();
            let mark = Mark::find(&comment).unwrap();
            assert_eq!(mark.copy.is_none(), mark.direction == sent);
            assert!(comment.starts_with(&format!("{} ", mark.id.0)), "{comment}");
            dropped += usize::from(mark.fate.is_dropped());
        }
        assert_eq!(dropped, if side == Side::Client { 2 } else { 0 });
        // Told again, every frame has its event and its row.
        let again = told(&file[..]);
        assert_eq!(again.events.len(), again.frames.len() * 2);
    }
}

#[test]
fn the_client_is_who_speaks_first() {
    let directions =
        |name: &str| -> Vec<Direction> { capture(name).events.iter().map(|e| seen(e).direction).collect() };
    use Direction::{ToClient, ToServer};
    assert_eq!(directions("tcp_refused"), [ToServer, ToClient, ToServer, ToClient]);
    assert_eq!(directions("udp_port_unreachable")[2..], [ToServer, ToClient, ToServer, ToClient]);
    assert_eq!(directions("tcp_refused_ipv6")[3..7], [ToServer, ToClient, ToServer, ToClient]);
}

#[test]
fn a_link_that_is_not_known_is_refused() {
    // Classic pcap, LINKTYPE_IEEE802_11 (105), one empty packet.
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
    file.extend([0; 12]);
    file.extend([105, 0, 0, 0]);
    file.extend([0; 16]);
    let mut tell = Tell::new(Ear::default());
    let error = read(&mut Reader::new(&file[..]).unwrap(), &mut tell).unwrap_err();
    assert!(matches!(error, FileError::Link { frame: 1, link: 105 }), "{error}");
    let outcome = tell.into_inner().outcome.expect("the sink is finished all the same");
    assert!(outcome.cut, "not all of it was told");
}

#[test]
fn a_file_is_cut_back_to_whole_blocks() {
    let path = std::env::temp_dir().join(format!("layerlab-cut-{}.pcapng", std::process::id()));
    let mut target = CutBy(File::create(&path).unwrap(), |file: &mut File, len| {
        file.set_len(len)?;
        file.seek(SeekFrom::Start(len))?;
        Ok(true)
    });
    let mut writer = Writer::new(&mut target, Flush::Every, "layerlab", "", "", "wire").unwrap();
    writer.packet(1, None, &[1; 60], "one").unwrap();
    let kept = writer.kept();
    drop(writer);
    // Half a block got through before the disk was full.
    target.write_all(&[6, 0, 0, 0, 200, 0, 0, 0, 1]).unwrap();
    assert!(target.cut_to(kept).unwrap());
    drop(target);
    let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
    assert_eq!(reader.next_record().unwrap().unwrap().bytes, [1; 60]);
    assert!(reader.next_record().unwrap().is_none());
    std::fs::remove_file(&path).unwrap();
}
