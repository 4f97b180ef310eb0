//! WebSocket frames, from either side.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::ws::fuzz_frames(octets));
