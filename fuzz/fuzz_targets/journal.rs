//! Fuzzes what `fanfold_fuzz::journal` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::journal(bytes));
