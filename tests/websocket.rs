//! Captures of WebSocket between programs that nobody here wrote, read and explained: against what tshark says of them.
//!
//! `tests/data/websocket/record` made the captures and tshark's tables.

use layerlab::capture::Reader;
use layerlab::dissect::{Tell, read};
use layerlab::model::websocket::{Completes, Frame, Step, WebSocket};
use layerlab::model::{Event, Flow, Side, Sink, What};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/websocket")
}

#[derive(Default)]
struct Ear(Vec<WebSocket>);

impl Sink for Ear {
    fn event(&mut self, event: &Event) -> io::Result<Flow> {
        if let What::WebSocket(seen) = &event.what {
            self.0.push((**seen).clone());
        }
        Ok(Flow::Continue)
    }
}

fn steps(name: &str) -> Vec<WebSocket> {
    let file = File::open(folder().join(name).with_extension("pcapng")).unwrap();
    let mut tell = Tell::new(Ear::default());
    read(&mut Reader::new(file).unwrap(), &mut tell).unwrap();
    tell.into_inner().0
}

/// tshark's table: for each frame of the file that has any, the values of each field.
fn table(name: &str) -> Vec<Vec<Vec<String>>> {
    let text = fs::read_to_string(folder().join(name).with_extension("tsv")).unwrap();
    let cells = |line: &str| -> Vec<Vec<String>> {
        let cell = |c: &str| c.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect();
        line.split('\t').map(cell).collect()
    };
    text.lines().map(cells).collect()
}

/// A frame's header as tshark's columns have it: FIN, RSV, opcode, MASK, the length's three forms, the key, the close code.
fn columns(frame: &Frame) -> [Option<String>; 9] {
    let (len7, ext16, ext64) = match frame.length_bits {
        16 => (126, Some(frame.payload_length), None),
        64 => (127, None, Some(frame.payload_length)),
        _ => (frame.payload_length, None, None),
    };
    let code = match &frame.completes {
        Completes::Close(close) => close.code,
        _ => None,
    };
    [
        Some(u8::from(frame.fin).to_string()),
        Some(format!("0x{:02x}", frame.rsv)),
        Some(frame.opcode.to_string()),
        Some(u8::from(frame.masking_key.is_some()).to_string()),
        Some(len7.to_string()),
        ext16.map(|len| len.to_string()),
        ext64.map(|len| len.to_string()),
        frame.masking_key.map(|key| key.iter().map(|octet| format!("{octet:02x}")).collect()),
        code.map(|code| code.to_string()),
    ]
}

#[test]
fn every_frame_is_as_tshark_has_it() {
    for (name, at_least) in [("talk", 16), ("deflate", 8), ("lost", 10)] {
        let rows = table(name);
        let all =
            |column: usize| -> Vec<String> { rows.iter().flat_map(|row| row[column].clone()).collect() };
        let seen = steps(name);
        let frames: Vec<_> = seen.iter().filter_map(|s| s.step.frame()).map(columns).collect();
        assert!(frames.len() >= at_least, "{name}: {} frames", frames.len());
        for n in 0..9 {
            let ours: Vec<String> = frames.iter().filter_map(|frame| frame[n].clone()).collect();
            assert_eq!(ours, all(6 + n), "{name}, column {}", 6 + n);
        }
        let [
            WebSocket { step: Step::Request(request), .. },
            WebSocket { step: Step::Response(response), .. },
            ..,
        ] = &seen[..]
        else {
            panic!("{name}: {seen:?}")
        };
        let accept = response.accept.as_ref().unwrap();
        assert_eq!(accept.sent.as_ref(), Some(&accept.expected));
        let status = response.status.to_string();
        let ours = [&request.method, &request.target, &status, &accept.key, &accept.expected];
        assert_eq!(ours.map(|v| vec![v.clone()]).to_vec(), (1..6).map(all).collect::<Vec<_>>(), "{name}");
    }
}

/// Every step is told with the frame in which tshark finds it whole.
#[test]
fn every_frame_is_told_with_its_last_segment() {
    for name in ["talk", "deflate"] {
        let rows = table(name);
        let theirs = rows.iter().flat_map(|row| row[6].iter().map(|_| row[0][0].parse::<u64>().unwrap()));
        let seen = steps(name);
        let frames = seen.iter().filter(|s| s.step.frame().is_some());
        let ours: Vec<u64> = frames.map(|s| s.carried.unwrap().last.0).collect();
        assert_eq!(ours, theirs.collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn messages_are_whole_whatever_carried_them() {
    let messages = |name, sender| -> Vec<(u64, u32, bool)> {
        steps(name)
            .into_iter()
            .filter(|s| s.sender == sender)
            .filter_map(|s| match s.step {
                Step::Frame(Frame { completes: Completes::Message(m), .. }) => {
                    Some((m.len, m.frames, m.compressed.is_some()))
                }
                _ => None,
            })
            .collect()
    };
    let sent = messages("talk", Side::Client);
    let lengths: Vec<u64> = sent.iter().map(|m| m.0).collect();
    assert_eq!(lengths, [5, 0, 8, 200, 70_000, 25]);
    assert!(sent[5].1 > 1, "the last in several frames");
    let back: Vec<u64> = messages("talk", Side::Server).iter().map(|m| m.0).collect();
    assert_eq!(back, lengths);
    assert_eq!(messages("deflate", Side::Client), [(180, 1, true), (180, 1, true), (400, 1, true)]);
    assert_eq!(messages("lost", Side::Server).len(), 8);
}

#[test]
fn a_lost_segment_holds_back_what_stands_behind_it() {
    let seen = steps("lost");
    let held: Vec<_> = seen.iter().filter_map(|s| s.carried.and_then(|c| c.held)).collect();
    assert!(!held.is_empty());
    let sound = |s: &WebSocket| !s.step.is_failure();
    assert!(seen.iter().all(sound), "{seen:?}");
    assert!(matches!(seen.last().unwrap().step, Step::Ended { clean: true, .. }), "{:?}", seen.last());
}
