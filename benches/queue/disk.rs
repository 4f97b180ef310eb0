//! What the disk itself has to give: records written and brought to it one by one, by nobody's protocol.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The file before it is written.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Before {
    /// Empty: every `fdatasync()` must write down that it has grown, too.
    Empty,
    /// Room was made by fallocate(2): the size stands, but what was never written must be marked as written.
    Reserved,
    /// Full of zeros: nothing but the octets changes.
    Zeroed,
}

/// Octets of a file, as of one of the journal's.
const ROOM: u64 = 64 << 20;

/// `fdatasync()` calls a second, each after one write of `size` octets.
pub(crate) fn syncs(folder: &Path, size: usize, before: Before, time: Duration) -> io::Result<f64> {
    let path = folder.join("raw");
    let result = run(&path, size, before, time);
    let _ = std::fs::remove_file(&path);
    result
}

fn run(path: &Path, size: usize, before: Before, time: Duration) -> io::Result<f64> {
    let (mut done, mut took) = (0_u32, Duration::ZERO);
    let record = vec![b'x'; size];
    while took < time {
        let mut file = make(path, before)?;
        let began = Instant::now();
        for _ in 0..ROOM / size as u64 {
            file.write_all(&record)?;
            file.sync_data()?;
            done += 1;
            if took + began.elapsed() >= time {
                break;
            }
        }
        took += began.elapsed();
    }
    Ok(f64::from(done) / took.as_secs_f64())
}

fn make(path: &Path, before: Before) -> io::Result<File> {
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    match before {
        Before::Empty => {}
        Before::Reserved => {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, ROOM)?;
        }
        Before::Zeroed => {
            use std::io::Seek;
            let zeros = vec![0; 1 << 20];
            for _ in 0..ROOM >> 20 {
                file.write_all(&zeros)?;
            }
            file.rewind()?;
        }
    }
    file.sync_all()?;
    Ok(file)
}
