//! Sets of one policy that asks the indexes in a folder.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;

use policy::index::{IndexKeys, Indexes};
use policy::{Set, SourceFile};

pub fn set(dir: &Path, condition: &str) -> Set {
    set_with(dir, condition, "")
}

/// With settings of the set.
pub fn set_with(dir: &Path, condition: &str, settings: &str) -> Set {
    let indexes = Indexes::open(dir, &IndexKeys::in_dir(dir.join("keys")));
    let policy = format!("id = 1\nname = \"P\"\nmode = \"on\"\n[[rule]]\nname = \"R\"\n{condition}");
    let files = [SourceFile::new("p.toml", policy), SourceFile::new("settings.toml", settings)];
    match Set::load_files_with(&files, &indexes) {
        Ok(loaded) => loaded.set,
        Err(told) => panic!("{}", told.iter().map(ToString::to_string).collect::<String>()),
    }
}
