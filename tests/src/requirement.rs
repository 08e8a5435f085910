//! What a test needs from the machine: present, or the test fails and names the Debian package.

use std::path::{Path, PathBuf};

/// The full path of a program, or the end of the test: failed, or skipped if `WEIR_TESTS_ALLOW_SKIP=1`.
///
/// Write `let Some(path) = program("swaks", "swaks") else { return };`.
pub fn program(name: &str, package: &str) -> Option<PathBuf> {
    find(name).or_else(|| missing(name, package))
}

/// True if the tests run as root, which real Postfix needs; otherwise as [`program`].
pub fn root(what: &str) -> bool {
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    if !is_root && !skipping() {
        panic!(
            "{what} needs root; run the tests as root, or set WEIR_TESTS_ALLOW_SKIP=1 to leave such tests out"
        );
    }
    is_root
}

/// Looks a program up in PATH and where administrators' programs live.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from));
    places.map(|place| place.join(name)).find(|file: &PathBuf| Path::is_file(file))
}

fn missing(name: &str, package: &str) -> Option<PathBuf> {
    if skipping() {
        eprintln!("skipped: `{name}` is not installed (package {package})");
        return None;
    }
    panic!(
        "`{name}` is not installed: apt-get install --no-install-recommends {package}, \
         or set WEIR_TESTS_ALLOW_SKIP=1 to leave such tests out"
    );
}

fn skipping() -> bool {
    std::env::var_os("WEIR_TESTS_ALLOW_SKIP").is_some_and(|value| value == "1")
}
