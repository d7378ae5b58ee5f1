//! Fuzzes what `fanfold_fuzz::job` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::job(bytes));
