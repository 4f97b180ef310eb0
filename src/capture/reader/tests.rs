//! The reader against what the writer writes, hand-made blocks of every kind, and hostile octets.

use super::*;
use crate::capture::{AtInterface, Flush, Writer};
use proptest::prelude::*;

/// Everything that a file gives, and how it ends.
type Owned = (u64, u64, u32, Vec<u8>, u32, Vec<String>);

fn read_all(file: &[u8]) -> (Vec<Owned>, Result<(), ReadError>) {
    let mut records = Vec::new();
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(e) => return (records, Err(e)),
    };
    loop {
        match reader.next_record() {
            Ok(Some(r)) => records.push((
                r.number,
                r.at_unix_ns,
                r.interface,
                r.bytes.to_vec(),
                r.original_len,
                r.comments.map(Cow::into_owned).collect(),
            )),
            Ok(None) => return (records, Ok(())),
            Err(e) => return (records, Err(e)),
        }
    }
}

fn written(packets: &[(u64, Vec<u8>, String)]) -> Vec<u8> {
    let mut writer =
        Writer::new(Vec::new(), Flush::Paced, "layerlab 9", "Linux 6", "a comment", "client:eth0").unwrap();
    for (at, bytes, comment) in packets {
        writer.packet(*at, Some(AtInterface::Inbound), bytes, comment).unwrap();
    }
    writer.flush().unwrap();
    writer.into_target()
}

/// Puts blocks together by hand, in either byte order.
struct Ng {
    big: bool,
    file: Vec<u8>,
}

impl Ng {
    fn new(big: bool) -> Ng {
        let mut ng = Ng { big, file: Vec::new() };
        let mut body = ng.u32(0x1a2b_3c4d);
        body.extend(ng.u16(1));
        body.extend(ng.u16(0));
        body.extend([0xff; 8]);
        ng.block(0x0a0d_0d0a, &body);
        ng
    }

    fn u16(&self, v: u16) -> Vec<u8> {
        if self.big { v.to_be_bytes().to_vec() } else { v.to_le_bytes().to_vec() }
    }

    fn u32(&self, v: u32) -> Vec<u8> {
        if self.big { v.to_be_bytes().to_vec() } else { v.to_le_bytes().to_vec() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let len = u32::try_from(body.len().next_multiple_of(4) + 12).unwrap();
        let mut block = self.u32(kind);
        block.extend(self.u32(len));
        block.extend(body);
        block.resize(block.len().next_multiple_of(4), 0);
        block.extend(self.u32(len));
        self.file.extend(block);
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = self.u16(code);
        option.extend(self.u16(u16::try_from(value.len()).unwrap()));
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn interface(&mut self, link: u16, snaplen: u32, options: &[Vec<u8>]) {
        let mut body = self.u16(link);
        body.extend(self.u16(0));
        body.extend(self.u32(snaplen));
        options.iter().for_each(|o| body.extend(o));
        self.block(1, &body);
    }

    fn enhanced(&mut self, interface: u32, time: u64, data: &[u8], options: &[Vec<u8>]) {
        let mut body = self.u32(interface);
        body.extend(self.u32((time >> 32) as u32));
        body.extend(self.u32(time as u32));
        body.extend(self.u32(data.len() as u32));
        body.extend(self.u32(1000));
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        options.iter().for_each(|o| body.extend(o));
        self.block(6, &body);
    }
}

fn classic(big: bool, nano: bool, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let u32_ = |v: u32| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let u16_ = |v: u16| if big { v.to_be_bytes() } else { v.to_le_bytes() };
    let mut file = u32_(if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    file.extend([u16_(2), u16_(4)].concat());
    file.extend([u32_(0), u32_(0), u32_(96), u32_(1)].concat());
    for (s, f, data) in packets {
        file.extend([u32_(*s), u32_(*f), u32_(data.len() as u32), u32_(1514)].concat());
        file.extend(*data);
    }
    file
}

#[test]
fn what_the_writer_writes_the_reader_reads() {
    let file = written(&[(1, vec![1, 2, 3], "one\ntwo".into()), (u64::MAX, vec![], String::new())]);
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(
        *reader.section(),
        Section {
            application: "layerlab 9".into(),
            system: "Linux 6".into(),
            comments: vec!["a comment".into()]
        }
    );
    assert!(reader.next_record().unwrap().is_some());
    assert_eq!(reader.interfaces()[0].name, "client:eth0");
    assert_eq!((reader.interfaces()[0].link, reader.interfaces()[0].snaplen), (LINK_ETHERNET, 0));
    let (records, end) = read_all(&file);
    assert!(end.is_ok());
    assert_eq!(
        records,
        [(1, 1, 0, vec![1, 2, 3], 3, vec!["one\ntwo".to_owned()]), (2, u64::MAX, 0, vec![], 0, vec![])]
    );
}

proptest! {
    #[test]
    fn any_packets_come_back_and_any_cut_keeps_the_whole_ones(
        packets in proptest::collection::vec(
            (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..80), "[^\\x00]{0,20}"), 0..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let file = written(&packets);
        let (records, end) = read_all(&file);
        prop_assert!(end.is_ok());
        prop_assert_eq!(records.len(), packets.len());
        for (record, (at, bytes, comment)) in records.iter().zip(&packets) {
            prop_assert_eq!((&record.1, &record.3), (at, bytes));
            prop_assert_eq!(record.5.first().map_or("", |c| c), comment);
        }
        let cut = cut.index(file.len() + 1);
        let (fewer, end) = read_all(&file[..cut]);
        prop_assert_eq!(&fewer[..], &records[..fewer.len()]);
        // A cut that is no block boundary is told, with an offset inside what is there.
        if let Err(e) = end {
            let told = matches!(e, ReadError::Truncated { offset, .. } if offset <= cut as u64);
            prop_assert!(told, "{e}");
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz(&data);
    }

    #[test]
    fn any_changed_octet_is_read_or_refused(at in any::<prop::sample::Index>(), to in any::<u8>(), big in any::<bool>()) {
        let mut ng = Ng::new(big);
        let resolution = ng.option(9, &[6]);
        ng.interface(1, 0, &[resolution]);
        let comment = ng.option(1, b"hello");
        ng.enhanced(0, 5, &[1, 2, 3, 4, 5], &[comment]);
        ng.block(3, &[0, 0, 0, 0, 1]);
        let mut file = ng.file;
        let at = at.index(file.len());
        file[at] = to;
        fuzz(&file);
        let mut file = classic(big, to & 1 == 0, &[(1, 2, &[1, 2, 3]), (4, 5, &[6])]);
        let at = at % file.len();
        file[at] = to;
        fuzz(&file);
    }
}

#[test]
fn both_byte_orders_and_every_block_that_holds_a_packet() {
    for big in [false, true] {
        let mut ng = Ng::new(big);
        ng.interface(1, 4, &[]);
        ng.block(0xbad, &[1, 2, 3]);
        let mut obsolete = [ng.u16(0), ng.u16(7)].concat();
        obsolete.extend([ng.u32(0), ng.u32(3), ng.u32(2), ng.u32(60)].concat());
        obsolete.extend([8, 9]);
        ng.block(2, &obsolete);
        let simple = [ng.u32(9), vec![1, 2, 3, 4]].concat();
        ng.block(3, &simple);
        // No opt_endofopt, an unknown option, a comment that is not UTF-8.
        let options = [ng.option(1, &[b'a', 0xff]), ng.option(77, &[1, 2, 3]), ng.option(1, b"two")];
        ng.enhanced(0, 7, &[5], &options);
        let (records, end) = read_all(&ng.file);
        assert!(end.is_ok(), "{end:?}");
        assert_eq!(
            records,
            [
                (1, 3_000, 0, vec![8, 9], 60, vec![]),
                (2, 0, 0, vec![1, 2, 3, 4], 9, vec![]),
                (3, 7_000, 0, vec![5], 1000, vec!["a\u{fffd}".to_owned(), "two".to_owned()]),
            ]
        );
    }
}

#[test]
fn timestamps_count_what_the_interface_says() {
    let mut ng = Ng::new(true);
    let options: Vec<Vec<Vec<u8>>> = vec![
        vec![ng.option(9, &[9])],
        vec![ng.option(9, &[3])],
        vec![ng.option(9, &[0x80 | 10])],
        vec![ng.option(9, &[0x80 | 127])],
        vec![ng.option(9, &[38])],
        vec![ng.option(9, &[0]), ng.option(14, &10i64.to_be_bytes())],
        vec![ng.option(14, &(-1i64).to_be_bytes())],
    ];
    for o in &options {
        ng.interface(1, 0, o);
    }
    for i in 0..7 {
        ng.enhanced(i, 1536, &[], &[]);
    }
    ng.enhanced(6, 2_000_000, &[], &[]);
    ng.enhanced(1, u64::MAX, &[], &[]);
    let (records, end) = read_all(&ng.file);
    assert!(end.is_ok());
    let at: Vec<u64> = records.iter().map(|r| r.1).collect();
    assert_eq!(at, [1536, 1_536_000_000, 1_500_000_000, 0, 0, 1_546_000_000_000, 0, 1_000_000_000, u64::MAX]);
}

#[test]
fn a_new_section_has_its_own_byte_order_and_interfaces() {
    let mut first = Ng::new(false);
    first.interface(1, 0, &[]);
    first.enhanced(0, 1, &[1], &[]);
    let mut second = Ng::new(true);
    second.enhanced(0, 1, &[1], &[]);
    first.file.extend(second.file);
    let (records, end) = read_all(&first.file);
    assert_eq!(records.len(), 1);
    assert!(matches!(end, Err(ReadError::NoInterface { frame: 2, interface: 0, known: 0, .. })), "{end:?}");
}

#[test]
fn classic_files_of_every_kind() {
    for big in [false, true] {
        for (nano, unit) in [(false, 1000), (true, 1)] {
            let (records, end) =
                read_all(&classic(big, nano, &[(1, 2, &[1, 2]), (3, 999_999, &[]), (4, 0, &[9; 96])]));
            assert!(end.is_ok());
            assert_eq!(records.len(), 3);
            assert_eq!(records[0], (1, 1_000_000_000 + 2 * unit, 0, vec![1, 2], 1514, vec![]));
            assert_eq!(records[1].1, 3_000_000_000 + 999_999 * unit);
        }
    }
}

#[test]
fn what_is_wrong_and_where_is_told() {
    let told = |file: &[u8]| read_all(file).1.unwrap_err().to_string();
    assert_eq!(
        told(b"GIF89a"),
        "this is no capture file: it begins with [47, 49, 46, 38], which is neither pcapng nor pcap"
    );
    assert_eq!(
        told(b"\x0a\x0d"),
        "the file ends in the middle of its header: at offset 0, 4 octets were expected and 2 are there"
    );
    let mut ng = Ng::new(false);
    ng.interface(1, 0, &[]);
    ng.enhanced(0, 1, &[1], &[]);
    let at = ng.file.len();
    ng.enhanced(0, 1, &[1], &[]);
    let whole = ng.file;
    assert_eq!(
        told(&whole[..at + 20]),
        format!(
            "the file ends in the middle of a record, before frame 2: at offset {at}, 36 octets were expected and \
             20 are there"
        )
    );
    let mut file = whole.clone();
    file[at + 4..at + 8].copy_from_slice(&0x7fff_fffcu32.to_le_bytes());
    assert_eq!(
        told(&file),
        format!(
            "the block length is 2147483644 at offset {} (before frame 2); expected a multiple of 4 from 32 to \
             16777216",
            at + 4
        )
    );
    let mut file = whole.clone();
    file[at + 20..at + 24].copy_from_slice(&5u32.to_le_bytes());
    assert!(told(&file).contains("the captured length is 5"), "{}", told(&file));
    let mut file = whole;
    file[at + 8] = 3;
    assert!(told(&file).contains("is of interface 3, but the file has described 1"), "{}", told(&file));
}

/// A source of endless zeros that counts what is asked of it.
struct Zeros(u64);

impl Read for Zeros {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        buf.fill(0);
        self.0 += buf.len() as u64;
        Ok(buf.len())
    }
}

#[test]
fn a_lying_length_costs_no_memory() {
    let mut ng = Ng::new(false);
    ng.file.extend([6, 0, 0, 0]);
    ng.file.extend((BLOCK_MAX - 4).to_le_bytes());
    let (_, end) = read_all(&ng.file);
    assert!(matches!(end, Err(ReadError::Truncated { needed: 16_777_212, got: 8, .. })), "{end:?}");
    // A block of the greatest length from an endless source: read once, refused by its trailer, nothing beyond.
    let mut zeros = Zeros(0);
    let mut reader = Reader::new((&ng.file[..]).chain(&mut zeros)).unwrap();
    assert!(matches!(reader.next_record(), Err(ReadError::Length { .. })));
    assert!(reader.next_record().unwrap().is_none());
    drop(reader);
    assert!(zeros.0 <= u64::from(BLOCK_MAX) + 512 * 1024, "{} octets were read", zeros.0);
}

#[test]
fn interfaces_are_bounded() {
    let mut ng = Ng::new(false);
    for _ in 0..=INTERFACES_MAX {
        ng.interface(1, 0, &[]);
    }
    assert!(matches!(read_all(&ng.file).1, Err(ReadError::TooManyInterfaces { limit: INTERFACES_MAX, .. })));
}
