//! Octets to frames, cut anywhere.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::framing::fuzz_framing(octets));
