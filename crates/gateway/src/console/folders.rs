//! Content incident folders: what waits in each, and their settings.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use web::layout::{Field, Html, Kind, Moment, Page, Size, Stale, plot::grouped};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::reach::Reach;
use super::{Center, words};
use crate::filter::Archive;
use crate::{Error, Folder, FolderContents, FolderKind, FolderRow, Limit};

#[derive(Template)]
#[template(path = "folders.html")]
struct OverviewPage {
    rows: Vec<Row>,
    figures: Vec<(&'static str, String, &'static str)>,
    updates: Option<Updates>,
}

struct Updates {
    last: Option<Moment>,
    waiting: String,
    error: Option<String>,
}

struct Row {
    id: u64,
    name: String,
    description: String,
    kind: &'static str,
    waiting: String,
    any: bool,
    held: bool,
    size: Size,
    oldest: Option<Moment>,
    limits: String,
    over: bool,
}

fn row(row: FolderRow, contents: FolderContents) -> Row {
    let limits = limits(&row.folder);
    let over = row.folder.most_octets().is_some_and(|most| contents.octets > most);
    Row {
        id: row.id,
        kind: row.folder.kind.title(),
        held: row.folder.kind == FolderKind::Hold,
        waiting: grouped(contents.waiting),
        any: contents.waiting > 0,
        size: Size(contents.octets),
        oldest: contents.oldest.map(|at| Moment(at.as_millisecond())),
        name: row.folder.name,
        description: row.folder.description,
        limits,
        over,
    }
}

/// Folders with what is in them.
async fn rows(center: &Center, folders: Vec<FolderRow>) -> Result<Vec<Row>, Problem> {
    let contents = center.gateway.contents().await?;
    let of = |folder: &FolderRow| contents.get(&folder.id).copied().unwrap_or_default();
    Ok(folders
        .into_iter()
        .map(|folder| (of(&folder), folder))
        .map(|(in_it, folder)| row(folder, in_it))
        .collect())
}

fn limits(folder: &Folder) -> String {
    let mut parts = Vec::new();
    parts.extend(folder.max_megabytes.map(|most| format!("{most} MB")));
    parts.extend(folder.max_days.map(|most| format!("{most} days")));
    if parts.is_empty() {
        return "no limit".to_owned();
    }
    format!("{}; then {}", parts.join(", "), words::limit(folder.at_limit))
}

/// `GET /folders`
pub(super) async fn overview(State(center): State<Arc<Center>>, viewer: Viewer) -> Result<Response, Problem> {
    let reach = Reach::of(&center, &viewer).await?;
    let mut figures = Vec::new();
    if reach.everything() {
        let copies = center.gateway.count_copies().await?;
        figures.push(("Held for review", grouped(copies.held), "/incidents?state=held"));
        figures.push(("Informational", grouped(copies.informational), "/incidents?state=informational"));
        figures.push(("Decided", grouped(copies.decided), "/incidents"));
    }
    if viewer.may(Privilege::ManageQueue) {
        let queue = center.gateway.queue(&crate::QueueFilter { limit: 1, ..Default::default() }).await?;
        figures.push(("In the delivery queue", grouped(queue.total), "/queue"));
    }
    let state = center.gateway.update_state().await?;
    let updates = state.configured.then(|| Updates {
        last: state.last_sent.map(|at| Moment(at.as_millisecond())),
        waiting: grouped(state.waiting),
        error: state.last_error,
    });
    let content = OverviewPage { rows: rows(&center, reach.folders).await?, figures, updates };
    Page::new(&viewer, "Folders").show(&content)
}

#[derive(Template)]
#[template(path = "folder_settings.html")]
struct SettingsPage {
    rows: Vec<Row>,
    in_file: bool,
}

/// `GET /configuration/folders`
pub(super) async fn list(State(center): State<Arc<Center>>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    let rows = rows(&center, center.gateway.folders().await?).await?;
    let content = SettingsPage { rows, in_file: center.gateway.definitions_are_in_file() };
    Page::new(&viewer, "Folder settings").show(&content)
}

#[derive(Template)]
#[template(path = "folder.html")]
struct FolderPage {
    form: Html,
    title: String,
    id: Option<u64>,
    version: u64,
    fields: Vec<Field>,
    changed: Option<(String, Moment)>,
    in_file: bool,
}

/// What was typed about a folder, as it was typed.
#[derive(Debug, Default)]
struct Typed {
    version: u64,
    values: std::collections::BTreeMap<String, String>,
}

impl Typed {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let mut typed = Self::default();
        for (name, value) in pairs {
            if name == "version" {
                typed.version = value
                    .parse()
                    .map_err(|_| Problem::Bad("The form is damaged: open the page again.".to_owned()))?;
            } else {
                typed.values.insert(name, value);
            }
        }
        Ok(typed)
    }

    fn of(row: &FolderRow) -> Self {
        let folder = &row.folder;
        let number = |value: Option<String>| value.unwrap_or_default();
        let values = [
            ("name", folder.name.clone()),
            ("kind", kind_word(folder.kind).to_owned()),
            ("description", folder.description.clone()),
            ("max_megabytes", number(folder.max_megabytes.map(|most| most.to_string()))),
            ("max_days", number(folder.max_days.map(|most| most.to_string()))),
            ("at_limit", limit_word(folder.at_limit).to_owned()),
            ("notify", folder.notify.join("\n")),
            ("archive_to", folder.archive.as_ref().map(|archive| archive.to.clone()).unwrap_or_default()),
            (
                "archive_tag",
                folder.archive.as_ref().and_then(|archive| archive.tag.clone()).unwrap_or_default(),
            ),
            ("reviewers", folder.reviewers.join("\n")),
        ];
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { version: row.version, values }
    }

    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |value| value.trim())
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let parts = self.value(name).split(['\n', '\r', ',']).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
    }

    fn folder(&self) -> Result<Folder, Error> {
        let number = |name: &str, what: &str| match self.value(name) {
            "" => Ok(None),
            text => text.parse::<u32>().map(Some).map_err(|_| {
                Error::Invalid(format!("{what}: write a whole number, or leave it empty for no limit"))
            }),
        };
        let archive_to = self.value("archive_to");
        let tag = self.value("archive_tag");
        Ok(Folder {
            name: self.value("name").to_owned(),
            kind: KINDS
                .into_iter()
                .find(|kind| kind_word(*kind) == self.value("kind"))
                .ok_or_else(|| Error::Invalid("choose what the folder is for".to_owned()))?,
            description: self.value("description").to_owned(),
            max_megabytes: number("max_megabytes", "Most megabytes")?.map(u64::from),
            max_days: number("max_days", "Most days")?,
            at_limit: LIMITS
                .into_iter()
                .find(|limit| limit_word(*limit) == self.value("at_limit"))
                .ok_or_else(|| Error::Invalid("choose what happens at the limit".to_owned()))?,
            notify: self.lines("notify"),
            archive: (!archive_to.is_empty()).then(|| Archive {
                to: archive_to.to_owned(),
                tag: Some(tag.to_owned()).filter(|tag| !tag.is_empty()),
            }),
            reviewers: self.lines("reviewers"),
        })
    }
}

const KINDS: [FolderKind; 2] = [FolderKind::Hold, FolderKind::Informational];
const LIMITS: [Limit; 4] = [Limit::Reject, Limit::Delete, Limit::Keep, Limit::DeliverUnreviewedMail];

fn kind_word(kind: FolderKind) -> &'static str {
    match kind {
        FolderKind::Hold => "hold",
        FolderKind::Informational => "informational",
    }
}

fn limit_word(limit: Limit) -> &'static str {
    match limit {
        Limit::Reject => "reject",
        Limit::Delete => "delete",
        Limit::Keep => "keep",
        Limit::DeliverUnreviewedMail => "deliver-unreviewed-mail",
    }
}

fn limit_title(limit: Limit) -> &'static str {
    match limit {
        Limit::Reject => "Reject the oldest mail, as its filter says",
        Limit::Delete => "Delete the oldest mail",
        Limit::Keep => "Keep everything and warn",
        Limit::DeliverUnreviewedMail => "Deliver unreviewed mail (as its filter says for Approve)",
    }
}

fn fields(typed: &Typed) -> Vec<Field> {
    let field = |kind, name: &'static str, label| Field::new(kind, name, label).value(typed.value(name));
    vec![
        field(Kind::Text, "name", "Name").required().with("maxlength", "200"),
        field(Kind::OneOf, "kind", "What it is for")
            .choices(KINDS.map(|kind| (kind_word(kind), kind.title()))),
        field(Kind::Text, "description", "Description"),
        field(Kind::Text, "max_megabytes", "Most megabytes")
            .hint("Empty: no limit.")
            .with("inputmode", "numeric"),
        field(Kind::Text, "max_days", "Most days").hint("Empty: no limit.").with("inputmode", "numeric"),
        field(Kind::OneOf, "at_limit", "At the limit")
            .choices(LIMITS.map(|limit| (limit_word(limit), limit_title(limit))))
            .hint("Mail that nobody reviewed is delivered only if you choose that in so many words."),
        field(Kind::Lines(2), "notify", "Tell these reviewers of new incidents")
            .hint("One mail address on each line."),
        field(Kind::Text, "archive_to", "Archive a copy at").hint("A mail address. Empty: no copy."),
        field(Kind::Text, "archive_tag", "Archive tag").hint("X-archive-tag of the copy."),
        field(Kind::Lines(2), "reviewers", "Only these users and roles may see it")
            .hint("One name on each line. Empty: everybody whose role may view folders."),
    ]
}

fn show(
    center: &Center,
    viewer: &Viewer,
    typed: &Typed,
    known: Option<&FolderRow>,
    wrong: Option<&str>,
) -> Result<Response, Problem> {
    let title = known.map_or_else(|| "New folder".to_owned(), |row| row.folder.name.clone());
    let content = FolderPage {
        form: viewer.form(),
        title: title.clone(),
        id: known.map(|row| row.id),
        version: typed.version,
        fields: fields(typed),
        changed: known.map(|row| (row.changed_by.clone(), Moment(row.changed_at.as_millisecond()))),
        in_file: center.gateway.definitions_are_in_file(),
    };
    Page::new(viewer, title)
        .within("/configuration/folders")
        .below("Folder settings", "/configuration/folders")
        .wrong(wrong)
        .show(&content)
}

async fn find(center: &Center, viewer: &Viewer, id: u64) -> Result<FolderRow, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    let folders = center.gateway.folders().await?;
    folders.into_iter().find(|row| row.id == id).ok_or(Problem::NotFound)
}

/// `GET /configuration/folders/new`
pub(super) async fn ask_new(State(center): State<Arc<Center>>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    show(&center, &viewer, &Typed::default(), None, None)
}

/// `POST /configuration/folders/new`
pub(super) async fn add(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    let typed = Typed::read(pairs)?;
    save(&center, &viewer, &typed, None).await
}

/// `GET /configuration/folders/{id}`
pub(super) async fn one(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let row = find(&center, &viewer, id).await?;
    show(&center, &viewer, &Typed::of(&row), Some(&row), None)
}

/// `POST /configuration/folders/{id}`
pub(super) async fn change(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let typed = Typed::read(pairs)?;
    match find(&center, &viewer, id).await {
        Ok(row) => save(&center, &viewer, &typed, Some(&row)).await,
        Err(Problem::NotFound) if typed.version > 0 => stale(&typed, None).show(&viewer),
        Err(problem) => Err(problem),
    }
}

async fn save(
    center: &Center,
    viewer: &Viewer,
    typed: &Typed,
    known: Option<&FolderRow>,
) -> Result<Response, Problem> {
    let at = known.map(|row| (row.id, typed.version));
    let name = typed.value("name");
    let gateway = center.gateway.noting(viewer.entry("FOLDER_SAVED", &format!("folder {name}"), ""));
    let saved = match typed.folder() {
        Ok(folder) => gateway.save_folder(&folder, at, &viewer.name).await,
        Err(error) => Err(error),
    };
    match saved {
        Ok(_) => {
            viewer.say(Tone::Done, format!("The folder {name} is saved.")).await?;
            Ok(Redirect::to("/configuration/folders").into_response())
        }
        Err(Error::Changed(_)) => {
            let folders = center.gateway.folders().await?;
            let now = folders.into_iter().find(|row| known.is_some_and(|known| known.id == row.id));
            stale(typed, now).show(viewer)
        }
        Err(error @ (Error::Invalid(_) | Error::InUse { .. } | Error::KeptInFile)) => {
            show(center, viewer, typed, known, Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A folder that was changed meanwhile, or deleted: then it is made anew.
fn stale(typed: &Typed, now: Option<FolderRow>) -> Stale {
    let address = |id: u64| format!("/configuration/folders/{id}");
    let now = now.as_ref();
    let shown = |row: &FolderRow| {
        let facts = fields(&Typed::of(row)).iter().map(Field::fact).collect::<Vec<_>>();
        facts.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    };
    Stale {
        what: format!("the folder {}", typed.value("name")),
        now: now.map(shown).unwrap_or_default(),
        sent: typed.values.clone().into_iter().collect(),
        was: ("version", now.map_or(0, |row| row.version).to_string()),
        action: now.map_or_else(|| "/configuration/folders/new".to_owned(), |row| address(row.id)),
        open: now.map_or_else(|| "/configuration/folders".to_owned(), |row| address(row.id)),
    }
}

/// `POST /configuration/folders/{id}/delete`
pub(super) async fn delete(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let row = find(&center, &viewer, id).await?;
    let entry = viewer.entry("FOLDER_DELETED", &format!("folder {}", row.folder.name), "");
    match center.gateway.noting(entry).delete_folder(id, &viewer.name).await {
        Ok(()) => {
            viewer.say(Tone::Done, format!("The folder {} is deleted.", row.folder.name)).await?;
            Ok(Redirect::to("/configuration/folders").into_response())
        }
        Err(error @ (Error::InUse { .. } | Error::KeptInFile)) => {
            show(&center, &viewer, &Typed::of(&row), Some(&row), Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_comes_back_from_its_form_as_it_was() {
        let folder = Folder {
            name: "Finance".into(),
            kind: FolderKind::Hold,
            description: "d".into(),
            max_megabytes: Some(500),
            max_days: Some(30),
            at_limit: Limit::DeliverUnreviewedMail,
            notify: vec!["a@x.example".into(), "b@x.example".into()],
            archive: Some(Archive { to: "c@x.example".into(), tag: None }),
            reviewers: vec!["Remediator".into()],
        };
        let row = FolderRow {
            id: 1,
            version: 3,
            changed_at: jiff::Timestamp::UNIX_EPOCH,
            changed_by: String::new(),
            folder: folder.clone(),
        };
        assert_eq!(Typed::of(&row).folder().unwrap(), folder);
    }

    #[test]
    fn unreviewed_mail_is_delivered_only_if_that_was_chosen() {
        let typed = |limit: &str| {
            let pairs = [("name", "a"), ("kind", "hold"), ("at_limit", limit)];
            Typed::read(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()).unwrap()
        };
        assert!(typed("").folder().is_err() && typed("deliver").folder().is_err());
        assert_eq!(typed("reject").folder().unwrap().at_limit, Limit::Reject);
    }
}
