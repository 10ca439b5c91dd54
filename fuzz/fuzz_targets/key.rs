#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| leadhook_fuzz::key(data));
