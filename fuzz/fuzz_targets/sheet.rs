//! Fuzzes what `fanfold_fuzz::sheet` says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The reader catches the panics of its library. The fuzzer's hook would end the process at each of them; what is not caught
    // ends it without the hook.
    drop(std::panic::take_hook());
    fanfold_fuzz::sheet(bytes);
});
