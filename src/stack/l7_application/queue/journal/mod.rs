//! A journal's octets: changes of the engine as frames, one behind the other, and reading them back when some are damaged.

mod record;
mod scan;

pub use record::{Owned, Record, kind};
pub use scan::{Found, Lost, Scan};

#[cfg(test)]
mod tests;

/// The body of a fuzz target: whatever a journal's file holds, reading it ends, and accounts for every octet.
#[doc(hidden)]
pub fn fuzz_journal(octets: &[u8]) {
    let mut scan = Scan::new(octets, 7, 1 << 16);
    let mut restore = super::engine::Restore::new(super::engine::Limits::default());
    let mut accounted = 0;
    while let Ok(Some(found)) = scan.read_next() {
        match found {
            Found::Record { record, octets } => {
                accounted += octets;
                if let Record::Change(change) = record {
                    restore.apply(change.as_change());
                }
            }
            Found::Lost(lost) => accounted += lost.octets,
        }
    }
    assert!(accounted <= octets.len() as u64);
    assert!(octets[accounted as usize..].iter().all(|octet| *octet == 0), "octets that nobody accounted for");
    let _ = restore.finish();
}
