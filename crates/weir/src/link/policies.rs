//! The policy set that Enforce publishes: fetched whole, checked, and only then put in the place of the last good one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use incident::wire::{PolicyFile, PolicyManifest, paths};

use super::client::{Client, Failure};
use super::identity::Place;
use crate::policies;

/// Files of one set, and octets of all of them.
const FILES: usize = 20_000;
const OCTETS: u64 = 20 << 30;

/// The directory of the last good set; none if Enforce gave none yet.
pub(crate) fn current(data: &Path) -> Option<PathBuf> {
    let dir = Place::of(data).policies();
    let etag = fs::read_to_string(dir.join("current")).ok()?;
    Some(dir.join(etag.trim())).filter(|dir| dir.is_dir())
}

/// The ETag of the last good set.
pub(super) fn etag(data: &Path) -> String {
    let text = fs::read_to_string(Place::of(data).policies().join("current"));
    text.map(|etag| etag.trim().to_owned()).unwrap_or_default()
}

/// Fetches what is new. Ok(true): another set is in place now. What is wrong with the set itself comes as text.
pub(super) async fn fetch(client: &Client, data: &Path) -> Result<Result<bool, String>, Failure> {
    let manifest = client.get_new::<PolicyManifest>(paths::POLICIES, &etag(data)).await?;
    let Some(manifest) = manifest else { return Ok(Ok(false)) };
    if let Err(error) = check(&manifest) {
        return Ok(Err(format!("{error:#}")));
    }
    let place = Place::of(data);
    let new = place.policies().join(format!("{}.new", manifest.etag));
    let _ = fs::remove_dir_all(&new);
    for file in &manifest.files {
        let octets = match known(data, file) {
            Some(octets) => octets,
            None => client.octets(&format!("{}/{}", paths::POLICY_FILES, file.digest)).await?,
        };
        if let Err(error) = lay_down(&new, file, &octets) {
            return Ok(Err(format!("{error:#}")));
        }
    }
    let data = data.to_owned();
    let done = tokio::task::spawn_blocking(move || put_in_place(&data, &manifest, &new));
    Ok(match done.await {
        Ok(Ok(())) => Ok(true),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(error) => Err(error.to_string()),
    })
}

/// Nothing of it leaves the directory that it is laid down in.
fn check(manifest: &PolicyManifest) -> Result<()> {
    let plain = |name: &str| {
        !name.is_empty()
            && name != "."
            && name != ".."
            && !name.contains(['/', '\\', '\0'])
            && !name.starts_with('.')
    };
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    ensure!(hex(&manifest.etag) && manifest.files.len() <= FILES, "the list of policies makes no sense");
    ensure!(manifest.files.iter().map(|file| file.size).sum::<u64>() <= OCTETS, "the policies are too big");
    for file in &manifest.files {
        ensure!(
            file.path.split('/').all(plain) && hex(&file.digest),
            "{:?} is no name of a policy file",
            file.path
        );
    }
    for (name, _) in &manifest.index_keys {
        ensure!(plain(name), "{name:?} is no name of a key");
    }
    Ok(())
}

/// The octets of a file that did not change.
fn known(data: &Path, file: &PolicyFile) -> Option<Vec<u8>> {
    let octets = fs::read(current(data)?.join(&file.path)).ok()?;
    (blake3::hash(&octets).to_hex().as_str() == file.digest).then_some(octets)
}

fn lay_down(dir: &Path, file: &PolicyFile, octets: &[u8]) -> Result<()> {
    if blake3::hash(octets).to_hex().as_str() != file.digest {
        bail!("{} came damaged", file.path);
    }
    let to = dir.join(&file.path);
    fs::create_dir_all(to.parent().unwrap_or(dir))
        .and_then(|()| fs::write(&to, octets))
        .with_context(|| format!("cannot write {}", to.display()))
}

fn put_in_place(data: &Path, manifest: &PolicyManifest, new: &Path) -> Result<()> {
    fs::create_dir_all(new)?;
    let place = Place::of(data);
    let keys = data.join("keys/indexes");
    for (name, text) in &manifest.index_keys {
        fs::create_dir_all(&keys)?;
        place.write(&keys.join(name), text.as_bytes())?;
    }
    ensure!(
        policies::holds_any(&policies::load(new, data)?.set),
        "there is no policy in the set: mail would go on uninspected. Is the policy directory of Enforce there, and what is in it?"
    );
    let dir = place.policies().join(&manifest.etag);
    let _ = fs::remove_dir_all(&dir);
    fs::rename(new, &dir).with_context(|| format!("cannot move the policies to {}", dir.display()))?;
    place.write(&place.policies().join("current"), manifest.etag.as_bytes())?;
    // Those before are not needed any more; a server that is reading one has it in memory.
    for entry in fs::read_dir(place.policies())?.flatten() {
        if entry.path().is_dir() && entry.path() != dir {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_without_any_policy_does_not_take_the_place_of_the_last_good_one() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = PolicyManifest { etag: "ab".into(), ..PolicyManifest::default() };
        let new = Place::of(dir.path()).policies().join("ab.new");
        let why = put_in_place(dir.path(), &manifest, &new).unwrap_err().to_string();
        assert!(why.contains("no policy in the set"), "{why}");
        assert_eq!((current(dir.path()), etag(dir.path())), (None, String::new()));
    }

    #[test]
    fn a_list_that_would_write_elsewhere_is_refused() {
        let manifest = |path: &str| PolicyManifest {
            etag: "ab".into(),
            files: vec![PolicyFile { path: path.into(), size: 1, digest: "ab".into() }],
            index_keys: Vec::new(),
        };
        check(&manifest("cards/payment.toml")).unwrap();
        for path in ["../x", "/etc/passwd", "a//b", "a/../../b", "", ".x", "a\0"] {
            assert!(check(&manifest(path)).is_err(), "{path:?}");
        }
        let keys = PolicyManifest { index_keys: vec![("../k".into(), String::new())], ..manifest("a") };
        assert!(check(&keys).is_err());
    }
}
