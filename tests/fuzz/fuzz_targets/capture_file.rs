//! A capture file with frames, marks and system calls, told and explained.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::dissect::fuzz_file(octets));
