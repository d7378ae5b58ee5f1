//! Fuzzes what `fanfold_fuzz::csv` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::csv(bytes));
