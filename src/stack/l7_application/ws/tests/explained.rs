//! Fields as tshark names and shows them.

use super::explain;
use super::*;

/// The fields of a frame, as `name=value`, as `tshark -T fields` prints them.
fn shown(octets: &str) -> Vec<String> {
    let header = explain::frame(&hex(octets), 54).unwrap();
    assert!(header.fields.iter().all(|f| f.at.start >= 54 && f.at.end <= header.at.end));
    header.fields.iter().map(|f| format!("{}={}", f.name.trim_start_matches("websocket."), f.value)).collect()
}

#[test]
fn fields_as_tshark_shows_them() {
    let masked = shown("81 85 37fa213d 7f9f4d5158");
    let first = ["fin=1", "rsv=0x00", "pmc=0", "opcode=1", "mask=1", "payload_length=5"];
    assert_eq!(masked[..6], first);
    assert_eq!(masked[6..], ["masking_key=37fa213d", "payload.text=Hello"]);
    assert_eq!(shown("c1 07 f248cdc9c90700")[1..3], ["rsv=0x04", "pmc=1"]);
    assert_eq!(shown("82 7e 0100")[5..], ["payload_length=126", "payload_length_ext_16=256"]);
    assert_eq!(shown("82 7f 0000000000010000")[6..], ["payload_length_ext_64=65536"]);
    let close = shown("88 87 37fa213d 341243447282");
    assert_eq!(close.len(), 7, "the payload is not all there: {close:?}");
    assert_eq!(
        shown("88 05 03e8 627965")[6..],
        ["payload.close.status_code=1000", "payload.close.reason=bye"]
    );
    assert_eq!(shown("89 01 41")[6..], ["payload.ping=41"]);
    assert_eq!(shown("8b 01 41")[6..], ["payload.unknown=41"]);
    assert_eq!(explain::frame(&[0x81], 0), None);
}

#[test]
fn bits_tile_the_first_two_octets() {
    let header = explain::frame(&hex("81 85 37fa213d 7f9f4d5158"), 0).unwrap();
    let mut seen = [false; 16];
    for field in header.fields.iter().filter(|f| f.name != "websocket.pmc") {
        if let Some((first, count)) = field.bits {
            for bit in first..first + count {
                let n = field.at.start * 8 + usize::from(bit);
                assert!(!std::mem::replace(&mut seen[n], true), "{} lies over another", field.name);
            }
        }
    }
    assert_eq!(seen, [true; 16]);
}

#[test]
fn masking_octet_by_octet() {
    let octets = hex("81 85 37fa213d 7f9f4d5158");
    let view = View::new(&octets).unwrap();
    let rows: Vec<_> = explain::unmasking(&view).collect();
    let clear: Vec<u8> = rows.iter().map(|row| row.clear).collect();
    assert_eq!(clear, b"Hello");
    assert_eq!((rows[4].wire, rows[4].key), (0x58, 0x37));
    assert_eq!(explain::unmasking(&View::new(&hex("81 01 41")).unwrap()).count(), 0);
}
