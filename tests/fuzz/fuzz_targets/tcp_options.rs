//! The walk over TCP options.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::fuzz_tcp_options(octets));
