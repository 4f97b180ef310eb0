//! Every reading of a frame: facts, header fields, traits.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::fuzz_frame(octets));
