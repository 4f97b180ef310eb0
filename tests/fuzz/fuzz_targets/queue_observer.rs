//! Both ends of a queue, seen from outside.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l7_application::queue::observer::fuzz_observer(octets));
