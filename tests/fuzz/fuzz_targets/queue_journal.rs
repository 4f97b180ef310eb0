//! A journal's file, read to its end.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::queue::journal::fuzz_journal(octets));
