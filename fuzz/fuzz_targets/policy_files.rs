#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| policy::fuzz::policy_files(octets));
