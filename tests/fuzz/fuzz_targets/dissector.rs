//! Frames one after another, through the dissector.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::dissect::fuzz_dissector(octets));
