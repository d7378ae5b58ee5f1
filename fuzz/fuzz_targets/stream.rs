//! Fuzzes what `fanfold_fuzz::stream` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::stream(bytes));
