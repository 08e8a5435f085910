//! The policy directory as servers get it: only sets that compile and hold a policy are published, and what is published stays
//! whole.
//!
//! Files are copied to `DATA/published`, named by their digest, before the manifest names them: somebody who edits a file
//! meanwhile changes the next manifest and not this one. A set that is refused changes nothing: the last good one goes on, after
//! a restart too, and log, metrics and console say why.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use incident::wire::{PolicyFile, PolicyManifest};
use policy::index::IndexKeys;
use tokio_util::sync::CancellationToken;

use super::versions;
use crate::fleet::{Policies, RENEW_EVERY};

/// How often the directory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Another server sees a change of a shared directory a little later.
const SAID_AFTER: Duration = Duration::from_secs(10);
const DEEPEST: usize = 8;
/// The files of the last good set. Not its keys: they lie where they are kept.
const GOOD: &str = "good.json";

/// Path, size and time of files, in order.
type Found = BTreeSet<(String, u64, Option<SystemTime>)>;

/// What is published now.
#[derive(Debug)]
pub(crate) struct Published {
    policies: PathBuf,
    keys: PathBuf,
    store: PathBuf,
    /// What the directory held when it was last good.
    ready: RwLock<Arc<PolicyManifest>>,
    /// What servers are told.
    manifest: RwLock<Arc<PolicyManifest>>,
    /// Why what the directory holds now is not published.
    refused: RwLock<Option<String>>,
    /// Numbers and names of the policies of the directory, as of when it was last good; by name.
    names: RwLock<Arc<[(u32, String)]>>,
    /// Path, size and time of each file, at the last look; none before the first.
    looked: Mutex<Option<Found>>,
}

impl Published {
    pub(crate) fn new(policies: &Path, keys: &Path, data: &Path) -> Self {
        Self {
            policies: policies.to_owned(),
            keys: keys.to_owned(),
            store: data.join("published"),
            ready: RwLock::default(),
            manifest: RwLock::default(),
            refused: RwLock::default(),
            names: RwLock::default(),
            looked: Mutex::default(),
        }
    }

    /// The manifest that servers are told; empty while there is none.
    pub(crate) fn manifest(&self) -> Arc<PolicyManifest> {
        read(&self.manifest)
    }

    /// The set of the directory, as of when it was last good; empty until it was.
    pub(crate) fn set(&self) -> String {
        read(&self.ready).etag.clone()
    }

    /// Numbers and names of the policies of that set.
    pub(crate) fn names(&self) -> Arc<[(u32, String)]> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why what the directory holds now is not published.
    pub(crate) fn refused(&self) -> Option<String> {
        self.refused.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether what the directory held when it was last good is what servers are told.
    fn is_told(&self) -> bool {
        read(&self.ready).etag == self.manifest().etag
    }

    /// Tells servers the set of the directory.
    pub(crate) fn tell(&self) {
        if self.is_told() {
            return;
        }
        let ready = read(&self.ready);
        tracing::info!(
            etag = ready.etag,
            files = ready.files.len(),
            "policies are published for the servers"
        );
        *self.manifest.write().unwrap_or_else(PoisonError::into_inner) = ready;
    }

    /// Tells servers nothing: they keep what they have.
    fn withdraw(&self) {
        *self.manifest.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    /// Looks at the directory, and makes it ready to be told if it changed. Takes a while then.
    fn look(&self) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = files(&self.policies);
        seen.extend(files(&self.keys).into_iter().map(|(path, size, at)| (format!("keys/{path}"), size, at)));
        // What could not be published is tried again at the next look.
        if looked.as_ref() != Some(&seen) && self.publish() {
            *looked = Some(seen);
        }
    }

    /// A published file.
    pub(crate) fn file(&self, digest: &str) -> Option<PathBuf> {
        let is_digest = digest.len() == 64 && digest.bytes().all(|octet| octet.is_ascii_hexdigit());
        is_digest.then(|| self.store.join(digest)).filter(|path| path.is_file())
    }

    /// False if the files could not be read or copied.
    fn publish(&self) -> bool {
        let copied = self.copy();
        let done = copied.is_ok();
        let refused = match copied {
            Ok(Ok(manifest)) => {
                self.make_ready(manifest);
                None
            }
            Ok(Err(why)) => Some(why),
            Err(why) => Some(format!("the policies cannot be read or copied: {why}")),
        };
        if let Some(why) = &refused {
            if self.set().is_empty() {
                self.recall();
            }
            tracing::error!(why, set = self.set(), "policies refused; servers are told the last good set");
        }
        *self.refused.write().unwrap_or_else(PoisonError::into_inner) = refused;
        done
    }

    fn make_ready(&self, manifest: PolicyManifest) {
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(manifest);
    }

    /// The inner error is why the set is refused.
    fn copy(&self) -> io::Result<Result<PolicyManifest, String>> {
        fs::create_dir_all(&self.store)?;
        let mut kept = Vec::new();
        for (path, ..) in files(&self.policies) {
            kept.push(self.keep(path)?);
        }
        let manifest = self.named(kept)?;
        Ok(match self.judge(&manifest)? {
            Ok(()) => {
                self.remember(&manifest)?;
                self.sweep(&manifest);
                Ok(manifest)
            }
            Err(why) => Err(why),
        })
    }

    /// What was published before this process began, if it is still whole and good.
    fn recall(&self) {
        let Ok(text) = fs::read(self.store.join(GOOD)) else { return };
        let recalled = || -> io::Result<Result<PolicyManifest, String>> {
            let manifest = self.named(serde_json::from_slice(&text)?)?;
            Ok(self.judge(&manifest)?.map(|()| manifest))
        };
        match recalled() {
            Ok(Ok(manifest)) => self.make_ready(manifest),
            Ok(Err(why)) => tracing::warn!(why, "the set that was published last cannot be used any more"),
            Err(why) => tracing::warn!(%why, "the set that was published last is not whole any more"),
        }
    }

    fn remember(&self, manifest: &PolicyManifest) -> io::Result<()> {
        let new = self.store.join("good.new");
        fs::write(&new, serde_json::to_vec(&manifest.files)?)?;
        fs::rename(&new, self.store.join(GOOD))
    }

    /// These files with the keys of today, under a name of their own.
    fn named(&self, files_kept: Vec<PolicyFile>) -> io::Result<PolicyManifest> {
        let mut manifest = PolicyManifest { files: files_kept, ..PolicyManifest::default() };
        for (name, ..) in files(&self.keys) {
            manifest.index_keys.push((name.clone(), fs::read_to_string(self.keys.join(name))?));
        }
        let plain = serde_json::to_vec(&(&manifest.files, &manifest.index_keys)).unwrap_or_default();
        manifest.etag = blake3::hash(&plain).to_hex()[..32].to_owned();
        Ok(manifest)
    }

    /// What was copied is what is judged: laid out once more, it is loaded as a server would.
    fn judge(&self, manifest: &PolicyManifest) -> io::Result<Result<(), String>> {
        let trial = self.store.join("trial");
        let _ = fs::remove_dir_all(&trial);
        for file in &manifest.files {
            let to = trial.join(&file.path);
            fs::create_dir_all(to.parent().unwrap_or(&trial))?;
            fs::hard_link(self.store.join(&file.digest), &to)
                .or_else(|_| fs::copy(self.store.join(&file.digest), &to).map(|_| ()))?;
        }
        fs::create_dir_all(&trial)?;
        let loaded = policy::Set::load_with(&trial, &IndexKeys::in_dir(self.keys.clone()));
        let _ = fs::remove_dir_all(&trial);
        Ok(match loaded {
            Ok(loaded) if loaded.set.policies().iter().any(|one| one.id != policy::NOT_FULLY_INSPECTED) => {
                let named = loaded.set.policies().iter().map(|one| (one.id, one.name.clone()));
                let mut names: Vec<_> = named.collect();
                names.sort_by_key(|one| one.1.to_lowercase());
                *self.names.write().unwrap_or_else(PoisonError::into_inner) = names.into();
                Ok(())
            }
            Ok(_) => Err(format!(
                "there is no policy in {}: mail would go on uninspected. Is the directory there, and what is in it?",
                self.policies.display()
            )),
            Err(diagnostics) => {
                let text: Vec<String> = diagnostics.iter().map(|one| one.render(false)).collect();
                tracing::error!("the policies do not compile:\n{}", text.join("\n"));
                Err("they do not compile; the page Policies says why".to_owned())
            }
        })
    }

    fn keep(&self, path: String) -> io::Result<PolicyFile> {
        let new = self.store.join("new");
        let size = fs::copy(self.policies.join(&path), &new)?;
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut fs::File::open(&new)?, &mut hasher)?;
        let digest = hasher.finalize().to_hex().to_string();
        fs::rename(&new, self.store.join(&digest))?;
        Ok(PolicyFile { path, size, digest })
    }

    /// What neither this manifest nor the one that servers are told names is not needed any more.
    fn sweep(&self, manifest: &PolicyManifest) {
        let before = self.manifest();
        let needed: BTreeSet<&str> =
            manifest.files.iter().chain(&before.files).map(|file| file.digest.as_str()).collect();
        for entry in fs::read_dir(&self.store).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.len() == 64 && !needed.contains(name.as_str()) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn read(manifest: &RwLock<Arc<PolicyManifest>>) -> Arc<PolicyManifest> {
    manifest.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Looks again and again, beside everything else, until stopped.
pub(crate) async fn keep_published(enforce: Arc<crate::Enforce>, stop: CancellationToken) {
    let mut settled: Option<Instant> = None;
    let mut differs = Differs::default();
    let mut noted = String::new();
    loop {
        let looking = enforce.clone();
        let _ = tokio::task::spawn_blocking(move || looking.published.look()).await;
        enforce.site.set_policies(enforce.published.names());
        if !enforce.published.is_told() || settled.is_none_or(|at| at.elapsed() >= RENEW_EVERY) {
            match enforce.settle_policies().await {
                Ok(policies) => differs.note(&policies),
                Err(error) => {
                    tracing::error!(%error, "whose policies count cannot be looked up; servers keep what they have")
                }
            }
            settled = Some(Instant::now());
        }
        let told = enforce.published_set();
        if told != noted && enforce.fleet.policies() == Policies::Ours {
            match versions::note(&enforce).await {
                Ok(()) => noted = told,
                Err(error) => {
                    tracing::error!(%error, "what changed in the policy directory cannot be noted yet")
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

impl crate::Enforce {
    /// The set of policies that servers are told now; empty while they are told none.
    pub fn published_set(&self) -> String {
        self.published.manifest().etag.clone()
    }

    /// Why what the policy directory holds now is not published: servers are told the last good set, if there was one.
    pub fn policies_refused(&self) -> Option<String> {
        self.published.refused()
    }

    /// The console of the Enforce server whose policies count, where those here are different ones: none of them are published.
    pub fn policies_differ_from(&self) -> Option<String> {
        match self.fleet.policies() {
            Policies::Differ(owner) => Some(owner),
            Policies::Ours | Policies::Same(_) => None,
        }
    }

    /// Tells servers the policies here, unless those of another Enforce server count and are different ones.
    pub(crate) async fn settle_policies(&self) -> Result<Policies, crate::Error> {
        let policies = self.fleet.settle(&self.published.set()).await?;
        match policies {
            Policies::Ours | Policies::Same(_) => self.published.tell(),
            Policies::Differ(_) => self.published.withdraw(),
        }
        Ok(policies)
    }
}

/// Says once that the directory is another than the owner's. One that both share may change under this server first.
#[derive(Debug, Default)]
struct Differs {
    since: Option<Instant>,
    said: bool,
}

impl Differs {
    fn note(&mut self, policies: &Policies) {
        let Policies::Differ(owner) = policies else {
            *self = Self::default();
            return;
        };
        if self.since.get_or_insert_with(Instant::now).elapsed() >= SAID_AFTER && !self.said {
            self.said = true;
            tracing::error!(
                %owner,
                "the policy directory here is not that of the Enforce server whose policies count: nothing of it is published"
            );
        }
    }
}

/// Every file below a directory that servers need: not hidden, no editor's remains, no cases. Path, size and time, in order.
fn files(dir: &Path) -> Found {
    let (mut found, mut todo) = (BTreeSet::new(), vec![(dir.to_owned(), String::new(), 0)]);
    while let Some((path, prefix, depth)) = todo.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(meta) = fs::metadata(entry.path()) else { continue };
            if name.starts_with('.')
                || name.ends_with('~')
                || name.ends_with(".new")
                || name.contains(".cases")
            {
                continue;
            }
            if meta.is_dir() && depth < DEEPEST {
                todo.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
            } else if meta.is_file() {
                found.insert((format!("{prefix}{name}"), meta.len(), meta.modified().ok()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "id = 17\nname = \"Words\"\nmode = \"on\"\n\n[[rule]]\nname = \"w\"\nall = [ { keywords = [\"zebra\"] } ]\n";

    #[test]
    fn what_could_not_be_published_is_tried_again() {
        let dir = tempfile::tempdir().unwrap();
        let policies = dir.path().join("policies");
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("words.toml"), POLICY).unwrap();
        // A file stands where the copies go.
        fs::write(dir.path().join("published"), "").unwrap();
        let published = Published::new(&policies, &dir.path().join("keys"), dir.path());
        published.look();
        assert_eq!(published.set(), "");
        assert!(published.refused().unwrap().contains("cannot be read or copied"));
        fs::remove_file(dir.path().join("published")).unwrap();
        published.look();
        assert_ne!(published.set(), "", "the directory of policies did not change");
        assert_eq!(published.refused(), None);
    }

    /// A directory of policies, and what publishes it.
    fn place() -> (tempfile::TempDir, PathBuf, impl Fn() -> Published) {
        let dir = tempfile::tempdir().unwrap();
        let (policies, data) = (dir.path().join("policies"), dir.path().join("data"));
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("words.toml"), POLICY).unwrap();
        let (from, keys) = (policies.clone(), dir.path().join("keys"));
        (dir, policies, move || Published::new(&from, &keys, &data))
    }

    #[test]
    fn a_directory_without_policies_is_refused_and_the_last_good_set_goes_on() {
        let (_dir, policies, start) = place();
        let published = start();
        published.look();
        published.tell();
        let good = published.manifest();
        let whole = |published: &Published| {
            good.files.iter().all(|file| published.file(&file.digest).is_some())
                && published.set() == good.etag
        };
        assert!(whole(&published) && good.files.len() == 1);
        fs::remove_file(policies.join("words.toml")).unwrap();
        published.look();
        assert!(published.refused().unwrap().contains("there is no policy in"), "{:?}", published.refused());
        assert!(whole(&published) && published.is_told());
        // Gone altogether, and after a restart.
        fs::remove_dir_all(&policies).unwrap();
        let published = start();
        published.look();
        assert!(published.refused().is_some() && whole(&published));
        published.tell();
        assert_eq!(published.manifest(), good);
        // What is right again is published.
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("others.toml"), POLICY.replace("Words", "Others")).unwrap();
        published.look();
        assert_eq!(published.refused(), None);
        assert_ne!(published.set(), good.etag);
    }

    #[test]
    fn a_set_that_does_not_compile_is_refused_and_one_that_is_not_whole_is_not_recalled() {
        let (dir, policies, start) = place();
        let published = start();
        published.look();
        fs::write(policies.join("words.toml"), "id = ").unwrap();
        published.look();
        assert!(published.refused().unwrap().contains("do not compile"));
        let good = published.set();
        assert_ne!(good, "");
        let published = start();
        published.look();
        assert_eq!(published.set(), good);
        for entry in fs::read_dir(dir.path().join("data/published")).unwrap().flatten() {
            if entry.file_name().len() == 64 {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        fs::write(policies.join("words.toml"), "id =").unwrap();
        let published = start();
        published.look();
        assert_eq!(published.set(), "");
    }
}
