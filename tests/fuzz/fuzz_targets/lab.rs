//! A lab's file, and the lines of a run that it is held against.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| layerlab::lab::fuzz_lab(text));
