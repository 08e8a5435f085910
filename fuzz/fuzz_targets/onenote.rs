#![no_main]
libfuzzer_sys::fuzz_target!(|octets: &[u8]| content::documents::fuzz_docs::onenote(octets));
