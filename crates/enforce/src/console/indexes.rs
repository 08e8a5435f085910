//! Indexes of our own data: which there are, how old, whether they can be used; a finished one is taken in if all of it is whole and
//! the set is good with it, and replaces the old one in one step. Detection servers get it with the policy set.

use std::path::{Path, PathBuf};

use askama::Template;
use axum::Form;
use axum::extract::{Multipart, State};
use policy::Set;
use policy::index::{INDEX_FOLDER, IndexKeys, IndexKind, Indexes};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use web::audit::Entry;
use web::layout::{Chip, Html, Moment, Page, Size, Tint, plot::grouped};
use web::mail::line;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::diagnostics::{Texts, shown};
use super::dictionaries::already;
use super::list::see_other;
use super::policies::files;
use super::policy_files::{Checked, Files, blocking, counts};
use super::{Answer, Console, Trouble};

/// Where indexes are listed and sent to.
pub(super) const PATH: &str = "/policies/indexes";
/// Octets of an index that is sent.
pub(super) const MOST: u64 = 1 << 30;
/// Octets of its name.
const NAME: usize = 200;

#[derive(Template)]
#[template(path = "policy_indexes.html")]
struct IndexesPage {
    form: Html,
    rows: Vec<Row>,
    broken: Vec<(String, String)>,
    wrong: Vec<Html>,
    most: Size,
}

struct Row {
    file: String,
    kind: &'static str,
    name: String,
    count: String,
    unit: &'static str,
    built: Moment,
    age: i64,
    state: Chip,
    source: Html,
    size: Size,
    key: String,
    details: String,
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    page(&console, &viewer, Vec::new()).await
}

async fn page(console: &Console, viewer: &Viewer, wrong: Vec<Html>) -> Answer {
    let files = files(console);
    let infos = blocking(move || files.indexes().infos()).await?;
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    for info in infos {
        let info = match info {
            Ok(info) => info,
            Err((file, error)) => {
                broken.push((file.rsplit('/').next().unwrap_or(&file).to_owned(), error.to_string()));
                continue;
            }
        };
        let details: Vec<String> =
            info.details.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        rows.push(Row {
            file: format!("{}.{}", info.name, info.kind.as_str()),
            kind: match info.kind {
                IndexKind::Exact => "exact data",
                IndexKind::Documents => "documents",
                IndexKind::Learned => "learned",
            },
            unit: match info.kind {
                IndexKind::Exact => "rows",
                IndexKind::Documents => "documents",
                IndexKind::Learned => "texts",
            },
            count: grouped(info.count),
            built: Moment(info.built.saturating_mul(1_000)),
            age: info.age_days(),
            state: match info.is_stale() {
                true => Chip::new("stale", Tint::Warn),
                false => Chip::new("good", Tint::Good),
            },
            source: line(&info.source, 200),
            size: Size(info.size),
            key: info.key,
            details: details.join(", "),
            name: info.name,
        });
    }
    let unfit = !wrong.is_empty();
    let content = IndexesPage { form: viewer.form(), rows, broken, wrong, most: Size(MOST) };
    let page = Page::new(viewer, "Indexes").within("/policies").below("Policies", "/policies");
    Ok(page.wide().unfit(unfit).show(&content)?)
}

// ---- upload

/// A file that is being sent; gone unless it was put in its place.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) async fn upload(State(console): State<Console>, viewer: Viewer, mut form: Multipart) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    counts(&console)?;
    let Ok(_alone) = console.uploading.try_lock() else {
        return Err(Problem::Conflict(
            "Another index is being taken in. Send yours again when it is through.".to_owned(),
        )
        .into());
    };
    let mut sent = None;
    let (mut wanted, mut replaces) = (String::new(), false);
    while let Some(mut field) = form.next_field().await.map_err(broken_off)? {
        match field.name() {
            Some("name") => {
                let mut text = Vec::new();
                while let Some(octets) = field.chunk().await.map_err(broken_off)? {
                    text.extend_from_slice(&octets);
                    if text.len() > NAME {
                        return Err(Problem::TooLarge.into());
                    }
                }
                String::from_utf8_lossy(&text).trim().clone_into(&mut wanted);
            }
            // The form has it before the file: nobody sends a gigabyte to hear that it is not taken.
            Some("replace") => {
                while field.chunk().await.map_err(broken_off)?.is_some() {}
                replaces = true;
            }
            Some("file") if sent.is_none() => {
                let file = field.file_name().unwrap_or_default().to_owned();
                let (kind, name) = place(&file, &wanted)?;
                if !replaces && is_there(&console, kind, &name).await? {
                    return Err(already(&format!("an index {name}.{}", kind.as_str())).into());
                }
                let part = part(&console, &file).await?;
                let mut out = tokio::fs::File::create_new(&part.0).await.map_err(failed)?;
                while let Some(octets) = field.chunk().await.map_err(broken_off)? {
                    out.write_all(&octets).await.map_err(failed)?;
                }
                out.sync_all().await.map_err(failed)?;
                sent = Some((kind, name, part));
            }
            _ => {}
        }
    }
    let (kind, name, part) =
        sent.ok_or_else(|| Problem::Unfit("Choose the file of an index that weir index made.".to_owned()))?;
    let files = files(&console);
    let path = part.0.clone();
    let (trial, checked_name) = (files.clone(), name.clone());
    let checked = blocking(move || checked(&trial, kind, &checked_name, &path)).await?;
    let checked = checked.map_err(|why| Trouble(Problem::Unfit(why)))?;
    if let Err(diagnostics) = checked {
        return page(&console, &viewer, shown(&diagnostics, Texts::OnDisk)).await;
    }
    let file = format!("{name}.{}", kind.as_str());
    let to = kind.file_in(&files.dir, &name);
    told(&console, viewer.entry("INDEX_UPLOADED", &file, ""), move || Aside::replaced(&to, Some(&part.0)))
        .await?;
    viewer
        .say(Tone::Done, format!("{file} is in use. Detection servers get it with the policy set."))
        .await?;
    Ok(see_other(PATH))
}

async fn is_there(console: &Console, kind: IndexKind, name: &str) -> Answer<bool> {
    Ok(tokio::fs::try_exists(kind.file_in(&files(console).dir, name)).await.map_err(failed)?)
}

/// Kind and name: the kind by the file's ending, the name as wanted, or the file's own.
fn place(file: &str, wanted: &str) -> Result<(IndexKind, String), Problem> {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let own = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let file = if wanted.is_empty() { own.to_owned() } else { format!("{wanted}.{ending}") };
    let found = IndexKind::of_file(&file).map(|(kind, name)| (kind, name.to_owned()));
    found.ok_or_else(|| {
        Problem::Unfit(
            "The file of an index is called NAME.exact, NAME.documents or NAME.learned; a name has letters, digits, _ and -."
                .to_owned(),
        )
    })
}

/// A new file beside the indexes that no set takes for one of them. What an end of the server left of others goes.
async fn part(console: &Console, file: &str) -> Answer<Part> {
    let folder = console.enforce.options.policies.join(INDEX_FOLDER);
    let name = format!(".{}.{}.part", super::policy_files::hash(file), uuid::Uuid::now_v7());
    let made = blocking(move || {
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)?.flatten() {
            let left = entry.file_name().to_string_lossy().into_owned();
            if left.starts_with('.') && left.ends_with(".part") {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok::<_, std::io::Error>(Part(folder.join(name)))
    });
    Ok(made.await?.map_err(failed)?)
}

/// The set with this index, or why it is none.
fn checked(files: &Files, kind: IndexKind, name: &str, path: &Path) -> Result<Checked, String> {
    let keys = IndexKeys::in_dir(files.keys.clone());
    let indexes = files.indexes().with(kind, name, path, &keys);
    let indexes = indexes.map_err(|why| format!("This index cannot be used: {why}. Nothing was changed."))?;
    Ok(compiled(files, &indexes))
}

fn compiled(files: &Files, indexes: &Indexes) -> Checked {
    Set::load_files_with(&Set::read_directory(&files.dir).0, indexes)
}

/// Changes an index together with its line in the audit log: both, or it is again as it was.
async fn told(
    console: &Console,
    entry: Entry,
    change: impl FnOnce() -> std::io::Result<Aside> + Send + 'static,
) -> Answer<()> {
    let mut transaction = console.enforce.database().begin().await?;
    entry.write(&mut *transaction).await?;
    let aside = blocking(change).await?.map_err(failed)?;
    let committed = transaction.commit().await;
    let done = committed.is_ok();
    blocking(move || if done { aside.forget() } else { aside.put_back() }).await?.map_err(failed)?;
    Ok(committed?)
}

/// An index that gave way, kept until nobody needs it back.
struct Aside {
    place: PathBuf,
    /// Where it is meanwhile; none: there was none.
    old: Option<PathBuf>,
}

impl Aside {
    /// The index in its place is this one from now on, or none. At each moment there is the old index or the new one.
    fn replaced(place: &Path, new: Option<&Path>) -> std::io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let folder = place.parent().unwrap_or(Path::new("."));
        let aside = folder.join(format!(".{}.part", uuid::Uuid::now_v7()));
        let old = match std::fs::hard_link(place, &aside) {
            Ok(()) => Some(aside),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => None,
            Err(why) => return Err(why),
        };
        let this = Self { place: place.to_owned(), old };
        let done = match new {
            Some(new) => std::fs::set_permissions(new, std::fs::Permissions::from_mode(0o640))
                .and_then(|()| std::fs::rename(new, place)),
            None => std::fs::remove_file(place),
        };
        if let Err(why) = done {
            this.forget()?;
            return Err(why);
        }
        std::fs::File::open(folder)?.sync_all()?;
        Ok(this)
    }

    fn forget(self) -> std::io::Result<()> {
        self.old.map_or(Ok(()), std::fs::remove_file)
    }

    fn put_back(self) -> std::io::Result<()> {
        match self.old {
            Some(old) => std::fs::rename(old, &self.place),
            None => std::fs::remove_file(&self.place),
        }
    }
}

fn broken_off(why: axum::extract::multipart::MultipartError) -> Problem {
    let mut source = std::error::Error::source(&why);
    while let Some(error) = source {
        if error.to_string().contains(web::guard::MORE_THAN_MAY_BE_SENT) {
            return Problem::TooLarge;
        }
        source = error.source();
    }
    Problem::Bad("The file did not come whole. Send it again; nothing was changed.".to_owned())
}

fn failed(why: std::io::Error) -> Problem {
    Problem::Internal(format!("an index cannot be written: {why}"))
}

// ---- remove

#[derive(Deserialize)]
pub(super) struct Removed {
    file: String,
}

pub(super) async fn remove(
    State(console): State<Console>,
    viewer: Viewer,
    Form(removed): Form<Removed>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    counts(&console)?;
    let (kind, name) = IndexKind::of_file(&removed.file).ok_or(Problem::NotFound)?;
    let _alone = console.uploading.lock().await;
    let files = files(&console);
    let path = kind.file_in(&files.dir, name);
    if !is_there(&console, kind, name).await? {
        return Err(Problem::NotFound.into());
    }
    let without = name.to_owned();
    let trial = files.clone();
    // Policies that are off count too: they are not to be found broken when they are switched on.
    let checked = blocking(move || {
        let indexes = trial.indexes().without(kind, &without);
        Set::check_files_with(&Set::read_directory(&trial.dir).0, &indexes)
    });
    if let Err(diagnostics) = checked.await? {
        return page(&console, &viewer, shown(&diagnostics, Texts::OnDisk)).await;
    }
    told(&console, viewer.entry("INDEX_REMOVED", &removed.file, ""), move || Aside::replaced(&path, None))
        .await?;
    viewer.say(Tone::Done, format!("{} is removed. Its key stays where keys are.", removed.file)).await?;
    Ok(see_other(PATH))
}
