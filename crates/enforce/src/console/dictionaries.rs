//! Dictionaries of the policy set: which there are, and a list of words taken in, replaced or removed, each a version that can be
//! gone back to.

use std::path::Path;
use std::time::UNIX_EPOCH;

use askama::Template;
use axum::Form;
use axum::extract::State;
use policy::{Set, SourceFile};
use serde::Deserialize;
use web::layout::{Html, Moment, Page, Size, plot::grouped};
use web::mail::line;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::diagnostics::{Texts, shown};
use super::list::see_other;
use super::policies::{changed, files, stored};
use super::policy_files::{FileChange, Files, MOST, blocking, counts, hash};
use super::upload::Uploaded;
use super::{Answer, Console};

/// Where dictionaries are listed and sent to.
pub(super) const PATH: &str = "/policies/dictionaries";
/// The folder of the set that they are in.
const FOLDER: &str = "dictionaries/";

#[derive(Template)]
#[template(path = "policy_dictionaries.html")]
struct DictionariesPage {
    form: Html,
    rows: Vec<Row>,
    wrong: Vec<Html>,
    most: Size,
}

struct Row {
    file: String,
    stem: String,
    words: String,
    language: Html,
    about: Html,
    changed: Option<Moment>,
    size: Size,
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    page(&console, &viewer, Vec::new()).await
}

async fn page(console: &Console, viewer: &Viewer, wrong: Vec<Html>) -> Answer {
    let dir = files(console).dir;
    let rows = blocking(move || {
        let sources = Set::read_directory(&dir).0;
        let dictionaries = sources.into_iter().filter(|source| source.name.starts_with(FOLDER));
        dictionaries.map(|source| row(&dir, &source)).collect()
    });
    let unfit = !wrong.is_empty();
    let content = DictionariesPage { form: viewer.form(), rows: rows.await?, wrong, most: Size(MOST as u64) };
    let page = Page::new(viewer, "Dictionaries").within("/policies").below("Policies", "/policies");
    Ok(page.wide().unfit(unfit).show(&content)?)
}

fn row(dir: &Path, source: &SourceFile) -> Row {
    let changed = std::fs::metadata(dir.join(&source.name)).and_then(|meta| meta.modified()).ok();
    let changed = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let stem = source.name.trim_start_matches(FOLDER);
    let (stem, is_list) = match stem.strip_suffix(".txt") {
        Some(stem) => (stem, true),
        None => (stem.trim_end_matches(".toml"), false),
    };
    let table: toml_edit::DocumentMut =
        if is_list { toml_edit::DocumentMut::new() } else { source.text.parse().unwrap_or_default() };
    let said = |key: &str| table.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    let words = match is_list {
        true => source.text.lines().filter(|word| is_word(word)).count(),
        false => table.get("words").and_then(|words| words.as_array()).map_or(0, |words| words.len()),
    };
    let about = if said("description").is_empty() { said("source") } else { said("description") };
    Row {
        stem: stem.to_owned(),
        words: grouped(words as u64),
        language: line(said("language"), 40),
        about: line(about, 200),
        changed: changed.map(|at| Moment(at.as_millis() as i64)),
        size: Size(source.text.len() as u64),
        file: source.name.clone(),
    }
}

/// A line of a plain list that is no comment.
fn is_word(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.starts_with('#')
}

// ---- take in

pub(super) async fn take_in(State(console): State<Console>, viewer: Viewer, mut sent: Uploaded) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let octets = sent.file.take().ok_or_else(|| {
        Problem::Unfit("Choose a file: one word or phrase on each line, or a dictionary in TOML.".to_owned())
    })?;
    let wanted = sent.take("name");
    let name = place(&sent.file_name, wanted.trim())?;
    let text = std::str::from_utf8(&octets).map_err(|why| {
        let line = octets[..why.valid_up_to()].iter().filter(|octet| **octet == b'\n').count() + 1;
        Problem::Unfit(format!("The file is not UTF-8 text: line {line}. Nothing was changed."))
    })?;
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let files = files(&console);
    let before = files.sources().await?.into_iter().find(|source| source.name == name);
    if let Some(there) = before.as_ref().filter(|_| sent.take("replace").is_empty()) {
        let there = row(&files.dir, there);
        let what = format!("a dictionary {}, with {} words", there.stem, there.words);
        return Err(already(&what).into());
    }
    let was = before.map(|source| hash(&source.text)).unwrap_or_default();
    if let Some(wrong) = stored(&console, &viewer, &name, &was, &text, &sent.take("why")).await? {
        return page(&console, &viewer, shown(&wrong, Texts::Sent(&name))).await;
    }
    viewer.say(Tone::Done, format!("{name} is in use.")).await?;
    Ok(see_other(PATH))
}

/// Nothing is replaced by a name that two things have by chance.
pub(super) fn already(what: &str) -> Problem {
    Problem::Conflict(format!(
        "There is {what}, already; it stays as it is. Choose another name, or tick \"Replace what has this name\" and send the \
        file again."
    ))
}

/// The file in the set: named as wanted, or as the file that was sent.
fn place(file: &str, wanted: &str) -> Result<String, Problem> {
    let own = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let (stem, ending) = own.rsplit_once('.').unwrap_or((own, ""));
    let stem = if wanted.is_empty() { stem } else { wanted };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if stem.is_empty() || !stem.chars().all(fits) || !["txt", "toml"].contains(&ending) {
        return Err(Problem::Unfit(
            "The file of a dictionary is called NAME.txt (one word or phrase on each line) or NAME.toml; a name has letters, \
            digits, _ and -."
                .to_owned(),
        ));
    }
    Ok(format!("{FOLDER}{stem}.{ending}"))
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
    let name = removed.file;
    let files = files(&console);
    let sources = files.sources().await?;
    let source = sources.iter().find(|source| source.name == name && name.starts_with(FOLDER));
    let text = source.ok_or(Problem::NotFound)?.text.to_string();
    if let Err(diagnostics) = without(&files, sources, &name).await? {
        return page(&console, &viewer, shown(&diagnostics, Texts::OnDisk)).await;
    }
    let was = hash(&text);
    let change = FileChange { name: &name, was: &was, before: &text, text: None };
    changed(&console, &viewer, "POLICY_REMOVED", &change, "removed").await?;
    let done = format!("{name} is removed. It can be brought back on /policies/history?name={name}");
    viewer.say(Tone::Done, done).await?;
    Ok(see_other(PATH))
}

/// The set without a file. Policies that are off count too: they are not to be found broken when they are switched on.
async fn without(
    files: &Files,
    mut sources: Vec<SourceFile>,
    name: &str,
) -> Answer<super::policy_files::Checked> {
    sources.retain(|source| source.name != name);
    let files = files.clone();
    blocking(move || Set::check_files_with(&sources, &files.indexes())).await
}
