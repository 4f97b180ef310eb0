//! What each vantage sees of a run, and how a capture ends.

use super::*;
use crate::capture::{Mark, Reader, parse_run};
use crate::model::{
    Backend, Class, Delivery, Direction, Endpoint, EventId, Evidence, Fate, Heading as Way, LinkLayer,
    Packet, Place, Protocol, Row, Rule, Seen, Side, Time,
};

fn run() -> Run {
    Run {
        command: "layerlab tcp echo hello".into(),
        version: "0.1.0".into(),
        system: "Linux 6.18".into(),
        seed: 7,
        backend: Backend::Tap,
        wire: "--loss 5%".into(),
        mtu: 1500,
        routers: 0,
        client: Endpoint { ip: [10, 0, 0, 1].into(), mac: Some([2, 0, 0, 0, 0, 1]) },
        server: Endpoint { ip: [10, 0, 0, 2].into(), mac: None },
        epoch_unix_ns: 1_700_000_000_000_000_000,
    }
}

fn row(id: u64, direction: Direction, fate: Fate) -> Row {
    Row { id: FrameId(id), direction, index: id, at: Time::from_millis(id), len: 3, class: Class::NONE, fate }
}

fn event(row: &Row, what: What) -> Event {
    Event {
        id: EventId(1),
        cause: None,
        at: row.at,
        place: Place::Wire,
        heading: Way::Toward(row.direction),
        protocol: Protocol::Ethernet,
        what,
        bytes: None,
        evidence: Evidence::Frame,
        cite: None,
    }
}

fn seen(row: &Row) -> What {
    What::Frame(Box::new(Seen {
        id: row.id,
        direction: row.direction,
        len: row.len,
        source: [0; 6],
        destination: [0; 6],
        link: LinkLayer::default(),
        packet: Packet::Other(0),
    }))
}

fn narrator() -> Narrator<'static> {
    Box::new(|event| match &event.what {
        What::Frame(seen) => format!("frame {} went", seen.id),
        What::Fate(row) => format!("frame {} met its fate", row.id),
        _ => String::new(),
    })
}

/// Plays four frames: one delivered, one dropped, one duplicated and corrupted, one from the server.
fn play(sink: &mut impl Sink) -> io::Result<()> {
    sink.begin(&run())?;
    let ms = Time::from_millis;
    let corrupted = Delivery { corrupted: Some((3, Rule::Random(0.01))), ..Delivery::plain(ms(12)) };
    let rows = [
        row(1, Direction::ToServer, Fate::Delivered(Delivery::plain(ms(10)))),
        row(2, Direction::ToServer, Fate::Dropped { by: Rule::Random(0.05) }),
        row(
            3,
            Direction::ToServer,
            Fate::Duplicated { first: Delivery::plain(ms(11)), second: corrupted, by: Rule::Random(0.5) },
        ),
        row(4, Direction::ToClient, Fate::Delivered(Delivery::plain(ms(13)))),
    ];
    for row in &rows {
        sink.event(&event(row, seen(row)))?;
        sink.event(&event(row, What::Fate(Box::new(row.clone()))))?;
        let frame = WireFrame { row, at: row.at, moment: Moment::Entered, bytes: &[1, 2, 3] };
        sink.frame(&frame)?;
    }
    for (i, at, copy, bytes) in
        [(0, 10, 0, [1, 2, 3]), (2, 11, 0, [1, 2, 3]), (2, 12, 1, [1, 2, 7]), (3, 13, 0, [1, 2, 3])]
    {
        let moment = Moment::Arrived { copy };
        sink.frame(&WireFrame { row: &rows[i], at: ms(at), moment, bytes: &bytes })?;
    }
    sink.finish(&Outcome::default())
}

/// Frame id, copy, milliseconds since the epoch, last octet, first lines of the comment.
type Line = (u64, Option<u8>, u64, u8, String);

fn capture(vantage: Vantage) -> Vec<Line> {
    let mut file = Vec::new();
    play(&mut CaptureSink::new(&mut file, vantage, Flush::Paced, narrator())).unwrap();
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(parse_run(&reader.section().comments[0]).unwrap(), run());
    assert_eq!(reader.section().application, "layerlab 0.1.0");
    assert_eq!(reader.section().system, "Linux 6.18");
    let mut lines = Vec::new();
    while let Some(record) = reader.next_record().unwrap() {
        let comment = record.comments.clone().next().unwrap().into_owned();
        let mark = Mark::find(&comment).unwrap();
        assert_eq!(mark.seed, 7);
        let (story, _) = comment.rsplit_once('\n').unwrap();
        lines.push((
            mark.id.0,
            mark.copy,
            (record.at_unix_ns - run().epoch_unix_ns) / 1_000_000,
            record.bytes[2],
            story.to_owned(),
        ));
    }
    lines
}

#[test]
fn the_client_sees_what_it_sent_and_what_reached_it() {
    assert_eq!(
        capture(Vantage::At(Side::Client)),
        [
            (1, None, 1, 3, "frame #1 went".to_owned()),
            (2, None, 2, 3, "frame #2 went\nframe #2 met its fate".to_owned()),
            (3, None, 3, 3, "frame #3 went\nframe #3 met its fate".to_owned()),
            (4, Some(0), 13, 3, "frame #4 went".to_owned()),
        ]
    );
}

#[test]
fn the_server_sees_copies_as_delivered_and_no_dropped_frame() {
    assert_eq!(
        capture(Vantage::At(Side::Server)),
        [
            (4, None, 4, 3, "frame #4 went".to_owned()),
            (1, Some(0), 10, 3, "frame #1 went".to_owned()),
            (3, Some(0), 11, 3, "frame #3 went\nframe #3 met its fate".to_owned()),
            (3, Some(1), 12, 7, "frame #3 went\nframe #3 met its fate".to_owned()),
        ]
    );
}

#[test]
fn the_wire_sees_every_frame_once() {
    let ids: Vec<_> = capture(Vantage::Wire).iter().map(|l| (l.0, l.1)).collect();
    assert_eq!(ids, [(1, None), (2, None), (3, None), (4, None)]);
}

/// A pipe whose reader has gone, or a disk that is full.
struct Broken(io::ErrorKind);

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Broken {
    fn cut_to(&mut self, _: u64) -> io::Result<bool> {
        Ok(false)
    }
}

#[test]
fn a_closed_pipe_is_a_stop_and_a_full_disk_an_error() {
    let sink =
        |kind| CaptureSink::new(Broken(kind), Vantage::Wire, Flush::Every, Box::new(|_| String::new()));
    let row = row(1, Direction::ToServer, Fate::Dropped { by: Rule::Cut });
    let frame = WireFrame { row: &row, at: row.at, moment: Moment::Entered, bytes: &[1, 2, 3] };
    let mut pipe = sink(io::ErrorKind::BrokenPipe);
    pipe.begin(&run()).unwrap();
    assert_eq!(pipe.frame(&frame).unwrap(), Flow::Stop);
    pipe.finish(&Outcome::default()).unwrap();
    let mut disk = sink(io::ErrorKind::StorageFull);
    let error = disk.begin(&run()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("the capture could not be written further"), "{error}");
}

#[test]
fn sentences_of_frames_that_never_arrive_are_bounded() {
    let mut file = Vec::new();
    let mut sink = CaptureSink::new(&mut file, Vantage::At(Side::Client), Flush::Paced, narrator());
    sink.begin(&run()).unwrap();
    for id in 1..=(IN_FLIGHT_MAX as u64 + 10) {
        let row = row(id, Direction::ToClient, Fate::Delivered(Delivery::plain(Time::MAX)));
        sink.event(&event(&row, seen(&row))).unwrap();
        sink.frame(&WireFrame { row: &row, at: row.at, moment: Moment::Entered, bytes: &[] }).unwrap();
    }
    assert_eq!(sink.in_flight.len(), IN_FLIGHT_MAX);
    assert_eq!(sink.in_flight.first_key_value().unwrap().0.0, 11);
}

#[test]
fn the_narrator_hears_of_every_fate() {
    let (mut file, mut heard) = (Vec::new(), 0);
    let narrator: Narrator<'_> = Box::new(|event| {
        heard += u32::from(matches!(event.what, What::Fate(_)));
        String::new()
    });
    play(&mut CaptureSink::new(&mut file, Vantage::Wire, Flush::Paced, narrator)).unwrap();
    assert_eq!(heard, 4);
}
