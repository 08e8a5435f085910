//! Where the policy set comes from: a directory, or the set built into the binary.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use policy::index::IndexKeys;
use policy::{Diagnostic, Loaded, Set, SourceFile};

/// Name and octets of each file of the repository's `policies/`.
static BUILT_IN: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/policies.rs"));

/// The built-in files, for `weir policy init`.
pub(crate) fn built_in() -> &'static [(&'static str, &'static [u8])] {
    BUILT_IN
}

/// Where keys of indexes are, if it was said on the command line or in the environment.
static INDEX_KEYS: OnceLock<PathBuf> = OnceLock::new();

/// Says where keys of indexes are; the first to say it is heard.
pub(crate) fn keys_are_in(dir: Option<&Path>) {
    if let Some(dir) = dir {
        let _ = INDEX_KEYS.set(dir.to_path_buf());
    }
}

/// Keys of indexes: where it was said, otherwise in `keys/indexes` of the data directory.
pub(crate) fn index_keys(data: &Path) -> IndexKeys {
    IndexKeys::in_dir(index_keys_dir(data))
}

/// Where keys of indexes lie.
pub(crate) fn index_keys_dir(data: &Path) -> PathBuf {
    INDEX_KEYS.get().cloned().unwrap_or_else(|| data.join("keys/indexes"))
}

/// Writes the built-in set to a directory that is not there yet; a crash leaves none.
pub(crate) fn write_built_in(dir: &Path) -> Result<()> {
    let new = dir.with_extension("new");
    let _ = std::fs::remove_dir_all(&new);
    let write = || {
        for (name, octets) in BUILT_IN {
            let to = new.join(name);
            std::fs::create_dir_all(to.parent().unwrap_or(&new))?;
            std::fs::write(to, octets)?;
        }
        std::fs::rename(&new, dir)
    };
    write().map_err(|why: std::io::Error| {
        anyhow!("cannot write the built-in policies to {}: {why}", dir.display())
    })
}

/// Loads a directory, with keys of indexes from the data directory; an empty path stands for the built-in set. The error holds all diagnostics, ready to read.
pub(crate) fn load(dir: &Path, data: &Path) -> Result<Loaded> {
    if dir.as_os_str().is_empty() {
        let sources = built_in_sources();
        return Set::load_files(&sources).map_err(|diagnostics| refused("the built-in set", &diagnostics));
    }
    Set::load_with(dir, &index_keys(data))
        .map_err(|diagnostics| refused(&dir.display().to_string(), &diagnostics))
}

/// Loads, logs what is legal but surely wrong, and shares the set.
pub(crate) fn load_and_warn(dir: &Path, data: &Path) -> Result<Arc<Set>> {
    let loaded = load(dir, data)?;
    for warning in loaded.warnings.iter().filter(|warning| !is_as_it_came(dir, &warning.file)) {
        tracing::warn!(code = warning.code, file = warning.file, "{}", warning.message);
    }
    Ok(Arc::new(loaded.set))
}

/// Whether the file is the program's own: nobody here wrote it, and a warning of it helps nobody.
fn is_as_it_came(dir: &Path, file: &str) -> bool {
    let unchanged = |octets: &[u8]| std::fs::read(dir.join(file)).is_ok_and(|here| here == octets);
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == file);
    dir.as_os_str().is_empty() || built_in.is_some_and(|(_, octets)| unchanged(octets))
}

/// Whether the set has a policy beside the one that is always there. One without is a mistake, whoever gives it: a wrong path, a
/// volume that is not mounted. Policies are switched off one by one, or by break-glass.
pub(crate) fn holds_any(set: &Set) -> bool {
    set.policies().iter().any(|policy| policy.id != policy::NOT_FULLY_INSPECTED)
}

/// The built-in files as sources.
pub(crate) fn built_in_sources() -> Vec<SourceFile> {
    let texts = BUILT_IN.iter().filter(|(name, _)| !name.ends_with(".md"));
    texts.map(|(name, octets)| SourceFile::new(*name, String::from_utf8_lossy(octets))).collect()
}

fn refused(what: &str, diagnostics: &[Diagnostic]) -> anyhow::Error {
    let text: Vec<String> = diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect();
    anyhow!("the policies of {what} cannot be used:\n{}", text.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_with_the_program_warns_nobody_until_somebody_changes_it() {
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policies");
        write_built_in(&policies).unwrap();
        let loaded = load(&policies, dir.path()).unwrap();
        let own = |of: &Loaded| of.warnings.iter().filter(|one| !is_as_it_came(&policies, &one.file)).count();
        assert!(!loaded.warnings.is_empty());
        assert_eq!(own(&loaded), 0, "{:?}", loaded.warnings);
        let file = policies.join(&loaded.warnings[0].file);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text + "\n# ours now\n").unwrap();
        assert!(own(&loaded) > 0);
    }
}
