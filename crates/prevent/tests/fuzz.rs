//! The fuzz bodies over every kept seed.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;

type Body = fn(&[u8]);

#[test]
fn every_kept_seed_keeps_the_promises() {
    let bodies = [("header", prevent::fuzz::header as Body), ("milter", prevent::fuzz::milter)];
    for (name, body) in bodies {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
        let seeds: Vec<_> = fs::read_dir(&folder).unwrap_or_else(|_| panic!("seeds of {name}")).collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            body(&fs::read(seed.unwrap().path()).unwrap());
        }
    }
}
