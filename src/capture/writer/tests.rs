//! The writer against full disks, short writes and pipes.

use super::*;
use crate::capture::Reader;
use proptest::prelude::*;

/// A disk of so many octets that takes at most so many in one write.
struct Disk {
    held: Vec<u8>,
    room: usize,
    bite: usize,
    can_cut: bool,
    writes: usize,
}

impl Disk {
    fn new(room: usize, bite: usize) -> Disk {
        Disk { held: Vec::new(), room, bite, can_cut: true, writes: 0 }
    }
}

impl Write for Disk {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if self.writes.is_multiple_of(3) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let n = buf.len().min(self.bite).min(self.room - self.held.len());
        if n == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.held.extend(&buf[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Disk {
    fn cut_to(&mut self, len: u64) -> io::Result<bool> {
        if self.can_cut {
            self.held.truncate(usize::try_from(len).unwrap());
        }
        Ok(self.can_cut)
    }
}

/// How many packets a file holds; panics unless it ends at a block boundary.
fn packets_in(file: &[u8]) -> u64 {
    let mut reader = Reader::new(file).unwrap();
    let mut n = 0;
    while reader.next_record().unwrap().is_some() {
        n += 1;
    }
    n
}

proptest! {
    #[test]
    fn a_full_disk_leaves_whole_blocks(room in 0usize..3000, bite in 1usize..200, every in any::<bool>()) {
        let flush = if every { Flush::Every } else { Flush::Paced };
        let mut disk = Disk::new(room, bite);
        let mut told = None;
        match Writer::new(&mut disk, flush, "a", "b", "c", "d") {
            Ok(mut writer) => {
                // All at one moment, so that pacing lets none through after the first thousand: flush now and then.
                for i in 0..40u64 {
                    let bytes = vec![7; 60 + i as usize];
                    let result = writer.packet(i, None, &bytes, "comment").and_then(|()| writer.flush());
                    if let Err(e) = result {
                        prop_assert!(told.is_none(), "the failure is told once");
                        told = Some(e);
                    }
                }
                prop_assert!(told.is_some(), "3000 octets cannot hold 40 packets");
            }
            Err(e) => told = Some(e),
        }
        let Some(WriteError::Target { kept, packets, whole, source }) = told else {
            return Err(TestCaseError::fail("no failure"));
        };
        prop_assert!(whole);
        prop_assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        prop_assert_eq!(kept, disk.held.len() as u64);
        if kept > 0 {
            prop_assert_eq!(packets_in(&disk.held), packets);
        }
    }
}

#[test]
fn a_target_that_cannot_be_cut_says_so() {
    let mut disk = Disk::new(300, 100);
    disk.can_cut = false;
    let mut writer = Writer::new(&mut disk, Flush::Every, "a", "b", "c", "d").unwrap();
    let error = (0..10).find_map(|i| writer.packet(i, None, &[0; 100], "").err()).unwrap();
    assert!(matches!(error, WriteError::Target { whole: false, .. }));
    assert!(error.to_string().contains("the last perhaps in part"), "{error}");
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn every_flushes_every_packet_and_paced_most() {
    // 1 ms apart: each is on its way at once under both policies.
    for flush in [Flush::Every, Flush::Paced] {
        let mut writer = Writer::new(Vec::new(), flush, "", "", "", "x").unwrap();
        for i in 1..=5000u64 {
            writer.packet(i * 1_000_000, None, &[0; 60], "").unwrap();
            assert_eq!(writer.packets(), i);
        }
        assert_eq!(packets_in(&writer.target), 5000);
    }
    // A microsecond apart: they share writes, and what is kept back stays under the bound.
    let mut writer = Writer::new(Vec::new(), Flush::Paced, "", "", "", "x").unwrap();
    let mut flushes = 0;
    for i in 1..=50_000u64 {
        let before = writer.kept();
        writer.packet(i * 1000, None, &[0; 60], "").unwrap();
        flushes += u64::from(writer.kept() > before);
        assert!(writer.blocks.get_ref().len() < BUFFER);
    }
    assert!((1000..2000).contains(&flushes), "{flushes}");
    writer.flush().unwrap();
    assert_eq!(packets_in(&writer.target), 50_000);
}

#[test]
fn long_texts_are_cut_at_a_character_and_long_packets_refused() {
    let long = "é".repeat(50_000);
    let mut writer = Writer::new(Vec::new(), Flush::Every, "", "", &long, "x").unwrap();
    writer.packet(1, None, &[1], &long).unwrap();
    assert!(matches!(
        writer.packet(1, None, &vec![0; 300_000], ""),
        Err(WriteError::TooLong { len: 300_000 })
    ));
    writer.packet(2, None, &[2], "").unwrap();
    let file = writer.into_target();
    let mut reader = Reader::new(&file[..]).unwrap();
    assert_eq!(reader.section().comments[0].len(), OPTION_MAX);
    let record = reader.next_record().unwrap().unwrap();
    assert_eq!(record.comments.map(|c| c.len()).collect::<Vec<_>>(), [OPTION_MAX]);
    assert_eq!(reader.next_record().unwrap().unwrap().bytes, [2]);
}
