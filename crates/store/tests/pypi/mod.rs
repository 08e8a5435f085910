//! Programs of other people's making that PyPI has, each fetched once by pip into an environment of its own in the target directory.

// Helpers panic: that is how a test fails.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment with these packages; None: it cannot be had, and `WEIR_TESTS_ALLOW_SKIP=1`; otherwise that fails the test.
/// Blocks.
pub(crate) fn environment(packages: &str) -> Option<PathBuf> {
    match fetched(packages) {
        Ok(dir) => Some(dir),
        Err(why) => {
            let skip = std::env::var_os("WEIR_TESTS_ALLOW_SKIP").is_some_and(|value| value == "1");
            assert!(
                skip,
                "no {packages}: {why}; apt-get install python3-venv, or set WEIR_TESTS_ALLOW_SKIP=1"
            );
            eprintln!("skipped: no {packages}: {why}");
            None
        }
    }
}

fn fetched(packages: &str) -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(target).map_err(|why| why.to_string())?;
    // Programs of a virtual environment know its place, so it is made where it stays; the mark says that it is whole.
    let name: String = packages.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let dir = target.join(&name);
    let whole = dir.join("whole");
    // Several test processes may want it at one time.
    let lock = File::create(target.join(format!("{name}.lock"))).map_err(|why| why.to_string())?;
    lock.lock().map_err(|why| why.to_string())?;
    if whole.exists() {
        return Ok(dir);
    }
    let run = |command: &mut Command| {
        let done = command.output().map_err(|why| why.to_string())?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
    let quiet = ["install", "--quiet", "--disable-pip-version-check"];
    run(Command::new(dir.join("bin/pip")).args(quiet).args(packages.split(' ')))?;
    fs::write(whole, "").map_err(|why| why.to_string())?;
    Ok(dir)
}
