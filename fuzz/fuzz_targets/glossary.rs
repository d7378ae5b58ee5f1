//! Fuzzes what `fanfold_fuzz::glossary` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::glossary(bytes));
