//! Frames one after another, taken apart and explained.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::dissect::fuzz_trace(octets));
