//! Fuzzes what `fanfold_fuzz::reply` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::reply(bytes));
