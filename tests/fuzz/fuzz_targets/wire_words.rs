//! What is typed to describe a wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| layerlab::wire::fuzz_words(text));
