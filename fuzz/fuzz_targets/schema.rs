//! Fuzzes what `fanfold_fuzz::schema` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fanfold_fuzz::schema(bytes));
