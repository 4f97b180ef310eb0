//! Every field of every header, held against tshark's reading of the same frames: frames made by other
//! libraries, and frames that kernels sent (`tests/data/captures`).
//!
//! `LAYERLAB_BLESS=1 cargo test --test stack_golden` makes the made frames' capture and asks tshark (4.0) anew.

#[path = "stack_golden/judge.rs"]
mod judge;
#[path = "stack_golden/made.rs"]
mod made;
#[path = "stack_golden/names.rs"]
mod names;

use judge::Row;
use layerlab::capture::Reader;
use layerlab::stack;
use std::fs;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn blessing() -> bool {
    std::env::var_os("LAYERLAB_BLESS").is_some()
}

/// Made frames as a classic capture file of this link type.
fn pcap(link: u32, frames: &[made::Made]) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic number, version 2.4, no offset, longest frame.
    for word in [0xa1b2_c3d4, 4 << 16 | 2, 0, 0, 65_535, link] {
        file.extend(word.to_le_bytes());
    }
    for (second, made) in frames.iter().enumerate() {
        for word in [second, 0, made.kept, made.frame.len()] {
            file.extend((word as u32).to_le_bytes());
        }
        file.extend(&made.frame[..made.kept]);
    }
    file
}

/// Name, link type and frames of each capture that is made.
fn captures() -> [(&'static str, u32, Vec<made::Made>); 6] {
    [
        ("made", 1, made::frames()),
        ("made-sll", 113, made::cooked(false)),
        ("made-sll2", 276, made::cooked(true)),
        ("made-raw", 101, made::raw()),
        ("made-null", 0, made::loopback(false)),
        ("made-loop", 108, made::loopback(true)),
    ]
}

#[test]
fn the_made_captures_are_what_the_builders_build() {
    for (name, link, frames) in captures() {
        let file = data(&format!("stack-{name}.pcap"));
        let made = pcap(link, &frames);
        if blessing() {
            fs::write(&file, &made).expect("written");
        }
        assert!(made == fs::read(file).expect(name), "{name}: bless and look at the difference");
    }
}

/// Our reading of a capture, and whether the frame is whole.
fn ours(capture: &Path) -> Vec<(Vec<Row>, bool, usize)> {
    let file = fs::File::open(capture).expect("the capture");
    let mut reader = Reader::new(file).expect("a capture");
    let mut frames = Vec::new();
    while let Some(record) = reader.next_record().expect("a record") {
        let frame = frames.len() + 1;
        let mut rows = Vec::new();
        for header in stack::headers_as(record.link_type().expect("a link type"), record.bytes) {
            for field in header.fields {
                assert!(names::NAMES.contains(&field.name), "{} is not in the list of names", field.name);
                assert!(field.at.end <= record.bytes.len(), "{field:?} lies outside frame {frame}");
                let value = field.value.to_string();
                let mut row = Row::new(frame, field.name, field.at.start, field.at.len(), &value);
                if field.bits.is_some() {
                    // tshark gives the whole number that the bits are cut from; so only that they lie in it.
                    row.len = 0;
                }
                rows.push(row);
            }
        }
        frames.push((rows, record.bytes.len() == record.original_len as usize, record.bytes.len()));
    }
    frames
}

/// `but` names a field that is not compared.
fn compare(capture: &str, table: &str, but: &str) {
    let (capture, table) = (data(capture), data(table));
    if blessing() {
        fs::write(&table, judge::ask(&capture)).expect("written");
    }
    let theirs = judge::read(&fs::read_to_string(&table).expect("the table"));
    let mut wrong = Vec::new();
    let frames = ours(&capture);
    assert!(theirs.iter().all(|row| row.frame <= frames.len()));
    for (n, (mut ours, whole, _)) in frames.into_iter().enumerate() {
        ours.retain(|row| row.name != but);
        for row in theirs.iter().filter(|row| row.frame == n + 1 && row.name != but) {
            let same = |our: &Row| {
                our.name == row.name
                    && our.value == row.value
                    && match our.len {
                        0 => (row.offset..row.offset + row.len).contains(&our.offset),
                        len => our.offset == row.offset && len == row.len,
                    }
            };
            match ours.iter().position(same) {
                Some(found) => drop(ours.remove(found)),
                None => wrong.push(format!("tshark alone: {row:?}")),
            }
        }
        // Of a frame that is cut short tshark may say less.
        if whole {
            wrong.extend(ours.iter().map(|row| format!("layerlab alone: {row:?}")));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn made_frames_read_as_tshark_reads_them() {
    for (name, link, frames) in captures() {
        let file = format!("stack-{name}.pcap");
        if blessing() {
            fs::write(data(&file), pcap(link, &frames)).expect("written");
        }
        compare(&file, &format!("stack-{name}.tsv"), "");
    }
}

/// ARP, multicast and a WebSocket between two hosts, as `tcpdump -i any` writes them in both versions.
#[test]
fn cooked_frames_read_as_tshark_reads_them() {
    for name in ["sll", "sll2"] {
        compare(&format!("captures/{name}.pcap"), &format!("stack-{name}.tsv"), "data.data");
    }
}

#[test]
fn frames_that_kernels_sent_read_as_tshark_reads_them() {
    for name in [
        "arp_absent",
        "ping",
        "tcp_echo",
        "tcp_one_octet_lost",
        "tcp_refused_ipv6",
        "udp_fragments",
        "udp_port_unreachable",
    ] {
        // tshark takes the first octets of ping's data for a time stamp where they come near the frame's own
        // time, and leaves them out of the data.
        let but = if name == "ping" { "data.data" } else { "" };
        compare(&format!("captures/{name}.pcapng"), &format!("stack-{name}.tsv"), but);
    }
}
