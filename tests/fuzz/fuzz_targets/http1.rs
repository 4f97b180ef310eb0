//! HTTP/1.1 heads and bodies.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::http1::fuzz_http1(octets));
