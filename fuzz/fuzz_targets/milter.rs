#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| prevent::fuzz::milter(octets));
