//! WebSocket's client and server, before and after the handshake.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::ws::fuzz_machine(octets));
