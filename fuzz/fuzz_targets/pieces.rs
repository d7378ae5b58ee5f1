//! Fuzzes what `fanfold_fuzz::pieces` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::pieces(bytes));
