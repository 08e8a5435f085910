//! The files of the policy directory, which is the one truth: read, checked as the command line checks them, and written whole
//! or not at all. What changed on disk since it was read is never written over.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use policy::index::{IndexKeys, Indexes};
use policy::{Diagnostic, Loaded, Set, SourceFile};
use store::database::Transaction;
use tokio::sync::OwnedSemaphorePermit;
use web::Problem;

use super::{Answer, Trouble};
use crate::fleet::Policies;

/// Octets of a file that the console writes.
pub(super) use crate::servers::VERSIONED as MOST;

/// Where the policies are, and the keys of their indexes.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub(super) dir: PathBuf,
    pub(super) keys: PathBuf,
}

/// The set, or all that is wrong with it.
pub(super) type Checked = Result<Loaded, Vec<Diagnostic>>;

impl Files {
    /// All files, read now.
    pub(super) async fn sources(&self) -> Answer<Vec<SourceFile>> {
        let dir = self.dir.clone();
        blocking(move || Set::read_directory(&dir).0).await
    }

    /// One file as it is on disk.
    pub(super) async fn text(&self, name: &str) -> Answer<String> {
        let sources = self.sources().await?;
        let found = sources.iter().find(|source| source.name == name);
        Ok(found.ok_or(Problem::NotFound)?.text.to_string())
    }

    /// The set with this file in the place of the one on disk, checked like `weir policy check`.
    pub(super) async fn check(&self, name: &str, text: &str) -> Answer<Checked> {
        self.with(name, text, Set::check_files_with, None).await
    }

    /// The same; another one waits for this until it is through, also where nobody wants to know any more.
    pub(super) async fn check_holding(
        &self,
        name: &str,
        text: &str,
        held: OwnedSemaphorePermit,
    ) -> Answer<Checked> {
        self.with(name, text, Set::check_files_with, Some(held)).await
    }

    /// The same set as a server would load it.
    pub(super) async fn load_with(&self, name: &str, text: &str) -> Answer<Checked> {
        self.with(name, text, Set::load_files_with, None).await
    }

    async fn with(
        &self,
        name: &str,
        text: &str,
        compile: fn(&[SourceFile], &Indexes) -> Checked,
        held: Option<OwnedSemaphorePermit>,
    ) -> Answer<Checked> {
        named(name)?;
        if text.len() > MOST {
            return Err(Problem::TooLarge.into());
        }
        let (files, name, text) = (self.clone(), name.to_owned(), text.to_owned());
        blocking(move || {
            let _held = held;
            let mut sources: Vec<SourceFile> = Set::read_directory(&files.dir).0;
            sources.retain(|source| source.name != name);
            sources.push(SourceFile::new(name, text));
            sources.sort_by(|a, b| a.name.cmp(&b.name));
            compile(&sources, &files.indexes())
        })
        .await
    }

    /// The set in use, as far as the files on disk say.
    pub(super) async fn load(&self) -> Answer<Checked> {
        let files = self.clone();
        blocking(move || Set::load_files_with(&Set::read_directory(&files.dir).0, &files.indexes())).await
    }

    /// Makes a change that was checked, and commits what tells of it. Where that fails, the file is again as it was.
    pub(super) async fn change(&self, change: &FileChange<'_>, told: Box<dyn Transaction>) -> Answer<()> {
        let text = change.text.unwrap_or_default();
        self.put(change.name, change.was, change.text).await?;
        let Err(error) = told.commit().await else { return Ok(()) };
        let now = if change.text.is_some() { hash(text) } else { String::new() };
        let before = (!change.was.is_empty()).then_some(change.before);
        if let Err(Trouble(why)) = self.put(change.name, &now, before).await {
            tracing::error!(file = change.name, ?why, "a policy file was changed, and nothing tells of it");
        }
        Err(error.into())
    }

    /// The text that a file is to have; none: it goes.
    async fn put(&self, name: &str, was: &str, text: Option<&str>) -> Answer<()> {
        named(name)?;
        let (path, was, text) = (self.dir.join(name), was.to_owned(), text.map(str::to_owned));
        blocking(move || put(&path, &was, text.as_deref())).await?.map_err(Trouble)
    }

    /// The indexes on disk.
    pub(super) fn indexes(&self) -> Indexes {
        Indexes::open(&self.dir, &IndexKeys::in_dir(self.keys.clone()))
    }
}

/// A change of a file.
pub(super) struct FileChange<'a> {
    pub(super) name: &'a str,
    /// The hash of the text that its author saw; empty for a new file.
    pub(super) was: &'a str,
    /// That text, as it stands there.
    pub(super) before: &'a str,
    /// The new one; none: the file is removed.
    pub(super) text: Option<&'a str>,
}

/// Only where the policy directory counts is it written to.
pub(super) fn counts(console: &super::Console) -> Answer<()> {
    match console.enforce.fleet.policies() {
        Policies::Ours => Ok(()),
        Policies::Same(owner) | Policies::Differ(owner) => Err(Problem::Conflict(format!(
            "Policies are changed at {owner}: the policy directory of that server is the one that counts. Nothing was written."
        ))
        .into()),
    }
}

/// Names of files that begin so.
pub(super) async fn names(dir: &Path, prefix: &'static str) -> Answer<Vec<String>> {
    let dir = dir.to_owned();
    let sources = blocking(move || Set::read_directory(&dir).0).await?;
    Ok(sources.into_iter().map(|source| source.name).filter(|name| name.starts_with(prefix)).collect())
}

/// What tells one text from another.
pub(super) fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..32].to_owned()
}

/// A file of a policy set: folders and a name of plain characters, and an ending of ours; plain lists are dictionaries.
pub(super) fn named(name: &str) -> Result<(), Problem> {
    let step = |step: &str| {
        !step.is_empty()
            && !step.starts_with(['.', '_'])
            && step.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let fine = name.len() <= 200 && name.split('/').count() <= 6 && name.split('/').all(step);
    let list = name.starts_with("dictionaries/") && name.ends_with(".txt");
    if fine && (list || name.ends_with(".toml")) {
        return Ok(());
    }
    Err(Problem::Unfit(
        "A policy file is named like folder/name.toml, with letters, digits, dots, hyphens and underscores."
            .to_owned(),
    ))
}

/// The file has, at each moment, the old text or the new one; without a new text it is gone.
fn put(path: &Path, was: &str, text: Option<&str>) -> Result<(), Problem> {
    /// Between the look at a file and its new text nobody else writes.
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let failed =
        |why: std::io::Error| Problem::Internal(format!("{} cannot be written: {why}", path.display()));
    let now = match std::fs::read_to_string(path) {
        Ok(now) => hash(&now),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    if now != was {
        return Err(Problem::Conflict(
            "The file changed on disk since you opened it; nothing was written. Copy your text, open the file again, and \
            bring the two together."
                .to_owned(),
        ));
    }
    let dir = path.parent().ok_or(Problem::NotFound)?;
    let synced = || std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed);
    let Some(text) = text else {
        std::fs::remove_file(path).map_err(failed)?;
        return synced();
    };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // A name that begins with a dot is no file of the set, should it be left behind.
    let part = dir.join(format!(".{name}.{}.part", uuid::Uuid::now_v7()));
    let written = write_whole(&part, text).and_then(|()| std::fs::rename(&part, path));
    if let Err(error) = written {
        let _ = std::fs::remove_file(&part);
        return Err(failed(error));
    }
    synced()
}

fn write_whole(part: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Work that others are not to wait for.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Answer<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|why| Problem::Internal(format!("work on policies failed: {why}")).into())
}

#[cfg(test)]
mod tests {
    use store::database::{self, Dialect, Row, Session, Value};

    use super::*;

    #[test]
    fn only_names_of_policy_files_are_taken() {
        for name in ["a.toml", "us-regulatory/glba.cases.toml", "settings.toml", "dictionaries/words.txt"] {
            assert!(named(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "../a.toml",
            "/etc/a.toml",
            "a/../b.toml",
            "a//b.toml",
            ".a.toml",
            "a.sh",
            "a\\b.toml",
            "a/b c.toml",
            "words.txt",
        ] {
            assert!(named(name).is_err(), "{name}");
        }
    }

    fn write(path: &Path, was: &str, text: &str) -> Result<(), Problem> {
        put(path, was, Some(text))
    }

    #[test]
    fn a_file_that_changed_on_disk_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        write(&path, "", "one").unwrap();
        write(&path, &hash("one"), "two").unwrap();
        assert!(matches!(write(&path, &hash("one"), "three"), Err(Problem::Conflict(_))));
        assert!(matches!(write(&path, "", "three"), Err(Problem::Conflict(_))));
        assert!(matches!(put(&path, &hash("one"), None), Err(Problem::Conflict(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left behind");
        put(&path, &hash("two"), None).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// A transaction whose commit fails.
    struct Refusing;

    impl Session for Refusing {
        fn dialect(&self) -> Dialect {
            Dialect::Sqlite
        }

        fn fetch<'a>(&'a mut self, _: &'a str, _: Vec<Value>) -> database::Answer<'a, Vec<Row>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn run<'a>(&'a mut self, _: &'a str, _: Vec<Value>) -> database::Answer<'a, u64> {
            Box::pin(async { Ok(0) })
        }

        fn lock(&mut self, _: i64) -> database::Answer<'_, ()> {
            Box::pin(async { Ok(()) })
        }
    }

    impl Transaction for Refusing {
        fn commit(self: Box<Self>) -> database::Answer<'static, ()> {
            Box::pin(async { Err(store::Error::Schema("the disk is full".to_owned())) })
        }
    }

    #[tokio::test]
    async fn a_file_whose_change_cannot_be_committed_is_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { dir: dir.path().to_owned(), keys: dir.path().join("keys") };
        std::fs::write(dir.path().join("old.toml"), "one").unwrap();
        let was = hash("one");
        for change in [
            FileChange { name: "old.toml", was: &was, before: "one", text: Some("two") },
            FileChange { name: "old.toml", was: &was, before: "one", text: None },
            FileChange { name: "new.toml", was: "", before: "", text: Some("two") },
        ] {
            assert!(files.change(&change, Box::new(Refusing)).await.is_err());
            assert_eq!(std::fs::read_to_string(dir.path().join("old.toml")).unwrap(), "one");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{}", change.name);
        }
    }

    #[test]
    fn of_two_authors_who_save_at_the_same_time_one_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        write(&path, "", "begin").unwrap();
        for round in 0..20 {
            let was = hash(&std::fs::read_to_string(&path).unwrap());
            let saved = std::thread::scope(|scope| {
                let author = |number: u32| {
                    let (path, was) = (&path, &was);
                    scope.spawn(move || write(path, was, &format!("{round} {number}")).is_ok())
                };
                let authors: Vec<_> = (0..4).map(author).collect();
                authors.into_iter().map(|one| one.join().unwrap()).filter(|saved| *saved).count()
            });
            assert_eq!(saved, 1);
        }
    }
}
