//! Fuzzes what `fanfold_fuzz::retry_after` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::retry_after(bytes));
