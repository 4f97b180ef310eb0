//! Routers on the path; the first octet chooses the direction and how much of the frame is put right.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::l3_internet::router::fuzz_router(octets));
