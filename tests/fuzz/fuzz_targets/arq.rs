//! Acknowledge and resend, both sides.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::arq::fuzz_arq(octets));
