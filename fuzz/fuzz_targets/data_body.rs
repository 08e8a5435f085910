#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| smtp::fuzz::data_body(octets));
