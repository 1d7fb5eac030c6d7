//! See the property of this name in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| privet_fuzz::memory::check("key_file", bytes));
