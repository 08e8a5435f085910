//! What is changed in the policy directory itself, by an editor or a deployment, becomes a version and a line of the audit log, as
//! what the console changes does. Noted is what servers are told, by the Enforce server whose directory counts.

use std::path::Path;

use incident::wire::PolicyManifest;

use crate::{Enforce, Error};

/// Octets of a file whose versions are kept: those that the console may write.
pub(crate) const MOST: usize = 512 << 10;
const WHO: &str = "policy directory";
const WHY: &str = "changed in the policy directory";

/// A file that is there, with its text.
type Found = (String, String);

/// Notes what the files of the published set are; the first time, all of them as they were found.
pub(super) async fn note(enforce: &Enforce) -> Result<(), Error> {
    let desk = enforce.desk();
    let mut transaction = enforce.database().begin().await?;
    let known = desk.known_policy_files(&mut *transaction).await?;
    let (dir, set) = (enforce.options.policies.clone(), enforce.published.manifest());
    let names: Vec<String> = known.keys().cloned().collect();
    let looked = tokio::task::spawn_blocking(move || (found(&dir, &set), gone(&dir, names)));
    let (found, gone) =
        looked.await.map_err(|_| Error::Refused("the policy directory was not read".into()))?;
    let mut changes: Vec<Found> = Vec::new();
    for (file, text) in found {
        if known.is_empty() {
            desk.know_policy_file(&mut *transaction, &file, &text).await?;
        } else if known.get(&file) != Some(&text) {
            changes.push((file, text));
        }
    }
    changes.extend(gone.into_iter().map(|file| (file, String::new())));
    let who = incident::desk::Actor { who: WHO.to_owned(), origin: None };
    for (file, text) in &changes {
        let before = known.get(file).map_or("", String::as_str);
        desk.keep_policy_version(&mut *transaction, &who, file, before, text, WHY).await?;
    }
    let audited = web::audit::Actor { who: "weir".to_owned(), ..Default::default() };
    for (file, text) in &changes {
        let action = if text.is_empty() { "POLICY_REMOVED" } else { "POLICY_SAVED" };
        enforce.site.audit().add_within(&mut *transaction, &audited, action, file, WHY).await?;
    }
    Ok(transaction.commit().await?)
}

/// The texts of a set, as far as they still are on disk what was published: what changed since then is noted with the next set.
fn found(dir: &Path, set: &PolicyManifest) -> Vec<Found> {
    let fits = |size: u64| size > 0 && size <= MOST as u64;
    let text = |file: &incident::wire::PolicyFile| {
        let octets = std::fs::read(dir.join(&file.path)).ok()?;
        let is_same = blake3::hash(&octets).to_hex().as_str() == file.digest;
        let text = String::from_utf8(octets).ok().filter(|_| is_same)?;
        Some((file.path.clone(), text))
    };
    set.files.iter().filter(|file| fits(file.size)).filter_map(text).collect()
}

fn gone(dir: &Path, mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| matches!(std::fs::symlink_metadata(dir.join(name)), Err(why) if why.kind() == std::io::ErrorKind::NotFound));
    names
}
