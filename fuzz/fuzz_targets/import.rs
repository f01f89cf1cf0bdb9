#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| planrun::fuzzing::import(bytes));
