//! Captures of layerlab's that somebody changed.

use layerlab::capture::{Reader, unpacked};
use layerlab::dissect::{Tell, read};
use layerlab::lab::recorded::RECORDED;
use layerlab::narrate::Json;
use proptest::prelude::*;
use std::io::Read;

/// A recording of a lab, unpacked.
fn recording(name: &str) -> Vec<u8> {
    let (_, packed) = RECORDED.iter().find(|(recorded, _)| *recorded == name).unwrap();
    let mut octets = Vec::new();
    unpacked(*packed).unwrap().read_to_end(&mut octets).unwrap();
    octets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What a student handed in may be anything: it is told, or refused.
    #[test]
    fn a_recording_with_any_octets_changed_is_told(
        which in prop::sample::select(vec!["04-1.pcapng", "06-4.pcapng", "12-2.pcapng"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        number in prop::option::of(any::<u64>()),
    ) {
        let mut octets = recording(which);
        for (at, to) in changes {
            let at = at.index(octets.len());
            octets[at] = to;
        }
        if let Some(number) = number {
            // Every digit of the system calls' numbers, each line as long as before.
            let digits = number.to_string();
            let mut digits = digits.bytes().cycle();
            let begin = octets.windows(15).position(|w| w == b"layerlab event=").unwrap_or(0);
            for at in begin..octets.len() {
                if octets[at].is_ascii_digit() && octets[at - 1] != b'0' {
                    octets[at] = digits.next().unwrap_or(b'9');
                }
            }
        }
        layerlab::dissect::fuzz_file(&octets);
        if let Ok(mut reader) = Reader::new(&octets[..]) {
            let mut tell = Tell::new(Json::new(Vec::new()));
            let _ = read(&mut reader, &mut tell);
        }
    }
}
