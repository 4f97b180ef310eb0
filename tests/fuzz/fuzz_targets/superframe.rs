//! Superframes cut and joined; the first octet chooses the kind, the next two the size.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::fuzz_superframe(octets));
