//! The walk over IPv6 extension headers.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::stack::fuzz_ipv6_extensions(octets));
