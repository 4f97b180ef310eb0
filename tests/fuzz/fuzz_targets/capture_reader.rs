//! Captures: pcapng, pcap, and the marks in their comments.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| layerlab::capture::fuzz_reader(octets));
