//! Policies: browse, read with their tests, edit with the same checks as on the command line, switch, and go back.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{Html as Body, IntoResponse};
use policy::{Diagnostic, Mode, PolicyInfo};
use serde::{Deserialize, Serialize};
use web::layout::{Chip, Html, Page, Stale, Tint, facts};
use web::pages::encoded;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::diagnostics::{Texts, shown};
use super::list::see_other;
use super::policy_files::{FileChange, Files, counts, hash, named};
use super::policy_stale::stale;
use super::sent::sent;
use super::upload::Uploaded;
use super::{Answer, Console, actor};

pub(super) fn files(console: &Console) -> Files {
    let options = &console.enforce.options;
    Files { dir: options.policies.clone(), keys: options.index_keys.clone() }
}

// ---- browse

#[derive(Template)]
#[template(path = "policies.html")]
struct Policies {
    form: Html,
    set: String,
    families: Vec<(String, Vec<Row>)>,
    others: Vec<String>,
    wrong: Vec<Html>,
    /// Why what the directory holds is not published, and the set that is.
    refused: Option<String>,
    published: String,
}

struct Row {
    id: u32,
    name: String,
    description: String,
    file: String,
    mode: Chip,
    /// The mode, for the form that switches it.
    was: &'static str,
    off: bool,
    severity: Chip,
    version: String,
    respond: String,
}

pub(super) async fn list(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let files = files(&console);
    let sources = files.sources().await?;
    let mut families: Vec<(String, Vec<Row>)> = Vec::new();
    let (mut set, mut wrong) = (String::new(), Vec::new());
    match files.load().await? {
        Ok(loaded) => {
            loaded.set.id().clone_into(&mut set);
            for info in loaded.set.policies() {
                let family = if info.family.is_empty() { "Others".to_owned() } else { info.family.clone() };
                let row = Row {
                    id: info.id,
                    name: info.name.clone(),
                    description: info.description.clone(),
                    file: info.file.clone(),
                    mode: mode_chip(info.mode),
                    was: info.mode.as_str(),
                    off: info.mode == Mode::Off,
                    severity: Chip::severity(info.severity.as_str()),
                    version: info.version.clone(),
                    respond: info.respond.join(", "),
                };
                match families.iter_mut().find(|(known, _)| *known == family) {
                    Some((_, rows)) => rows.push(row),
                    None => families.push((family, vec![row])),
                }
            }
        }
        Err(diagnostics) => wrong = shown(&diagnostics, Texts::OnDisk),
    }
    families.sort_by(|a, b| a.0.cmp(&b.0));
    let shown_files: Vec<&str> =
        families.iter().flat_map(|(_, rows)| rows.iter().map(|row| row.file.as_str())).collect();
    let others = sources.iter().map(|source| source.name.as_str()).filter(|name| !shown_files.contains(name));
    let content = Policies {
        form: viewer.form(),
        set,
        others: others.map(str::to_owned).filter(|name| named(name).is_ok()).collect(),
        families,
        wrong,
        refused: console.enforce.policies_refused(),
        published: console.enforce.published_set(),
    };
    Ok(Page::new(&viewer, "Policies").wide().show(&content)?)
}

/// Which set the directory holds, and its policies.
pub(crate) async fn policies_in_force(console: &Console) -> Answer<(String, Vec<Arc<PolicyInfo>>)> {
    match files(console).load().await? {
        Ok(loaded) => Ok((loaded.set.id().to_owned(), loaded.set.policies().to_vec())),
        Err(_) => {
            let why = "The policies in the directory cannot be used; the page Policies says why.";
            Err(Problem::Unavailable(why.to_owned()).into())
        }
    }
}

pub(super) fn mode_chip(mode: Mode) -> Chip {
    match mode {
        Mode::On => Chip::new("on", Tint::Good),
        Mode::Trial => Chip::new("trial", Tint::Warn),
        Mode::Off => Chip::new("off", Tint::Plain),
    }
}

// ---- one file

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    form: Html,
    name: String,
    text: String,
    was: String,
    is_new: bool,
    cases: Option<String>,
    wrong: Vec<Html>,
    why: String,
    /// Whether this role may see what a change would have done.
    backtest: bool,
}

#[derive(Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) name: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Named>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let files = files(&console);
    let is_new = asked.name.is_empty();
    let text = if is_new { String::new() } else { files.text(&asked.name).await? };
    let content = PolicyPage {
        form: viewer.form(),
        cases: cases_of(&files, &asked.name).await?,
        was: if is_new { String::new() } else { hash(&text) },
        name: asked.name,
        text,
        is_new,
        wrong: Vec::new(),
        why: String::new(),
        backtest: super::backtest::may(&viewer).is_ok(),
    };
    page(&viewer, content)
}

fn page(viewer: &Viewer, content: PolicyPage) -> Answer {
    let title = if content.is_new { "New policy file".to_owned() } else { content.name.clone() };
    let page =
        Page::new(viewer, title).within("/policies").below("Policies", "/policies").script("editor.js");
    Ok(page.unfit(!content.wrong.is_empty()).show(&content)?)
}

/// The file of tests beside a policy.
async fn cases_of(files: &Files, name: &str) -> Answer<Option<String>> {
    let Some(stem) = name.strip_suffix(".toml").filter(|stem| !stem.ends_with(".cases")) else {
        return Ok(None);
    };
    let cases = format!("{stem}.cases.toml");
    let there = files.sources().await?.iter().any(|source| source.name == cases);
    Ok(there.then_some(cases))
}

/// A text that is being edited.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct Edit {
    pub(super) name: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) was: String,
    #[serde(default)]
    pub(super) why: String,
}

impl Edit {
    /// A form sends CRLF; files have LF.
    pub(super) fn text(&self) -> String {
        self.text.replace("\r\n", "\n")
    }
}

#[derive(Template)]
#[template(path = "policy_checked.html")]
struct CheckedPart {
    good: bool,
    policies: usize,
    wrong: Vec<Html>,
}

pub(super) async fn check(State(console): State<Console>, viewer: Viewer, Form(edit): Form<Edit>) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let checking = console.checking.clone().acquire_owned().await;
    let checking = checking.map_err(|why| Problem::Internal(why.to_string()))?;
    // A file that has no name yet is checked all the same.
    let name = if edit.name.is_empty() { UNNAMED } else { &edit.name };
    let part = match files(&console).check_holding(name, &edit.text(), checking).await? {
        Ok(loaded) => CheckedPart {
            good: true,
            policies: loaded.set.policies().len(),
            wrong: shown(&only_of(&loaded.warnings, name), Texts::Edited(name)),
        },
        Err(diagnostics) => {
            CheckedPart { good: false, policies: 0, wrong: shown(&diagnostics, Texts::Edited(name)) }
        }
    };
    Ok(Body(part.render()?).into_response())
}

/// What a new file is called before its author says so.
const UNNAMED: &str = "new-policy.toml";

fn only_of(warnings: &[Diagnostic], name: &str) -> Vec<Diagnostic> {
    warnings.iter().filter(|one| one.file == name).cloned().collect()
}

/// The editor with a text that is not saved yet.
pub(super) async fn edit_again(
    State(console): State<Console>,
    viewer: Viewer,
    mut asked: Uploaded,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    let edit = Edit {
        name: asked.take("name"),
        text: asked.take("text"),
        was: asked.take("was"),
        why: asked.take("why"),
    };
    editor(&console, &viewer, edit).await
}

/// The editor with a text that somebody may save.
pub(super) async fn editor(console: &Console, viewer: &Viewer, edit: Edit) -> Answer {
    let cases = cases_of(&files(console), &edit.name).await?;
    page(viewer, PolicyPage { cases, ..unsaved(viewer, edit, Vec::new()) })
}

/// The editor with a text that cannot be used, and why.
pub(super) fn unfit(viewer: &Viewer, edit: Edit, wrong: &[Diagnostic]) -> Answer {
    let wrong = shown(wrong, Texts::Edited(&edit.name));
    page(viewer, unsaved(viewer, edit, wrong))
}

fn unsaved(viewer: &Viewer, edit: Edit, wrong: Vec<Html>) -> PolicyPage {
    PolicyPage {
        form: viewer.form(),
        cases: None,
        text: edit.text(),
        is_new: edit.was.is_empty(),
        name: edit.name,
        was: edit.was,
        wrong,
        why: edit.why,
        backtest: super::backtest::may(viewer).is_ok(),
    }
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(edit): Form<Edit>) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    if let Some(stale) = stale(&console, (&edit.name, &edit.was), "/policies/file", sent(&edit)).await? {
        return Ok(stale.show(&viewer)?);
    }
    let text = edit.text();
    if let Some(wrong) = stored(&console, &viewer, &edit.name, &edit.was, &text, &edit.why).await? {
        return unfit(&viewer, edit, &wrong);
    }
    viewer.say(Tone::Done, format!("{} is saved.", edit.name)).await?;
    Ok(see_other(&format!("/policies/file?name={}", encoded(&edit.name))))
}

/// Checks and writes; what is wrong comes back, and then nothing was written.
pub(super) async fn stored(
    console: &Console,
    viewer: &Viewer,
    name: &str,
    was: &str,
    text: &str,
    why: &str,
) -> Answer<Option<Vec<Diagnostic>>> {
    counts(console)?;
    let files = files(console);
    if let Err(diagnostics) = files.check(name, text).await? {
        return Ok(Some(diagnostics));
    }
    let before = files.text(name).await.unwrap_or_default();
    let change = FileChange { name, was, before: &before, text: Some(text) };
    changed(console, viewer, "POLICY_SAVED", &change, why).await?;
    Ok(None)
}

/// Changes a file, with its version and its line in the audit log: all of it or nothing.
pub(super) async fn changed(
    console: &Console,
    viewer: &Viewer,
    action: &str,
    change: &FileChange<'_>,
    why: &str,
) -> Answer<()> {
    let mut transaction = console.enforce.database().begin().await?;
    let (db, text) = (&mut *transaction, change.text.unwrap_or_default());
    console.desk.keep_policy_version(db, &actor(viewer), change.name, change.before, text, why).await?;
    viewer.entry(action, change.name, why).write(db).await?;
    files(console).change(change, transaction).await
}

// ---- on, trial, off

#[derive(Deserialize, Serialize)]
pub(super) struct Switch {
    name: String,
    mode: String,
    /// The mode that the form showed.
    #[serde(default)]
    was: String,
}

pub(super) async fn mode(
    State(console): State<Console>,
    viewer: Viewer,
    Form(switch): Form<Switch>,
) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    if !["on", "trial", "off"].contains(&switch.mode.as_str()) {
        return Err(Problem::Bad("A policy is on, in trial or off.".to_owned()).into());
    }
    let text = files(&console).text(&switch.name).await?;
    let mut document: toml_edit::DocumentMut =
        text.parse().map_err(|why| Problem::Unfit(format!("The file cannot be read: {why}")))?;
    if !document.contains_key("id") {
        return Err(Problem::Unfit("This file is no policy.".to_owned()).into());
    }
    counts(&console)?;
    let now = document.get("mode").and_then(|mode| mode.as_str()).unwrap_or(Mode::Trial.as_str());
    if now != switch.was {
        return Ok(switched_meanwhile(&switch, now).show(&viewer)?);
    }
    document["mode"] = toml_edit::value(switch.mode.as_str());
    let why = format!("mode {}", switch.mode);
    let changed = document.to_string();
    if stored(&console, &viewer, &switch.name, &hash(&text), &changed, &why).await?.is_some() {
        return Err(Problem::Conflict(
            "The set would not be good with it: open the file and look.".to_owned(),
        )
        .into());
    }
    viewer.say(Tone::Done, format!("{}: {}.", switch.name, switch.mode)).await?;
    Ok(see_other("/policies"))
}

fn switched_meanwhile(switch: &Switch, now: &str) -> Stale {
    Stale {
        what: format!("the mode of {}", switch.name),
        now: facts([("Mode", now.to_owned())]),
        sent: sent(switch),
        was: ("was", now.to_owned()),
        action: "/policies/mode".to_owned(),
        open: "/policies".to_owned(),
    }
}
