//! A payload to a message of the queue, and back.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::queue::fuzz_message(octets));
