//! Fuzzes what `fanfold_fuzz::jsonl` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::jsonl(bytes));
