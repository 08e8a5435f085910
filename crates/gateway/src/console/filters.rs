//! Content filtering policies: their order, and each as the text that the configuration file would have.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Stale, Tint, facts};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::{Center, words};
use crate::filter::Filter;
use crate::{Error, FilterRow};

/// Octets of a filter's text.
const TEXT: usize = 100_000;

/// What a new filter begins as.
const BEGIN: &str = r#"name = "Large mail to partners"
enabled = true
go-on = false

# When it applies: "always", "has-unique-message-id", or one of
#   { policy-id = [23, 24] }
#   { sender = { ends-with = "@company.example" } }        also: is, contains, starts-with, any-of, matches, "present"
#   { recipient = { contains = "partner" } }
#   { header = { name = "X-Class", value = { is = "secret" } } }
#   { size-over = 10000000 }
#   { all = [ … ] }   { any = [ … ] }   { not = … }
when = "has-unique-message-id"

# What is done: { hold = "FOLDER" }, { inform = "FOLDER" }, "deliver", "delete", { redirect = ["a@b.example"] },
#   { archive = { to = "archive@company.example" } }, { add-header = { name = "X-Note", value = "…" } },
#   { remove-header = "X-Note" }, { tag-subject = { prefix = "[seen]" } }, { route = "smtp://HOST:25" },
#   { notify = { to = ["sender"], subject = "…", text = "…" } }
actions = [{ hold = "Data Loss Prevention" }]

# What the reviewers' buttons mean for mail that it held.
approve = ["deliver"]
reject = ["delete"]
custom = [{ tag-subject = { prefix = "[DLP reviewed]" } }, "deliver"]
"#;

#[derive(Template)]
#[template(path = "filters.html")]
struct FiltersPage {
    form: Html,
    /// The numbers of the filters in order, for the forms that move one.
    order: String,
    rows: Vec<Row>,
    in_file: bool,
    changes: Vec<(String, String, String, Moment)>,
}

struct Row {
    id: u64,
    place: usize,
    name: String,
    state: Chip,
    does: String,
    buttons: String,
    changed: (String, Moment),
    first: bool,
    last: bool,
}

/// `GET /configuration/filters`
pub(super) async fn list(State(center): State<Arc<Center>>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    let filters = center.gateway.filters().await?;
    let (count, order) = (filters.len(), order_of(&filters));
    let rows = filters.into_iter().enumerate().map(|(at, row)| {
        let filter = &row.filter;
        Row {
            id: row.id,
            place: at + 1,
            name: filter.name.clone(),
            state: if filter.enabled { Chip::new("On", Tint::Good) } else { Chip::new("Off", Tint::Plain) },
            does: words::actions(&filter.actions),
            buttons: format!(
                "Approve: {}. Reject: {}. Custom: {}.",
                words::actions(&filter.approve),
                words::actions(&filter.reject),
                words::actions(&filter.custom)
            ),
            changed: (row.changed_by.clone(), Moment(row.changed_at.as_millisecond())),
            first: at == 0,
            last: at + 1 == count,
        }
    });
    let rows = rows.collect();
    let changes = center.gateway.changes(20).await?.into_iter().map(|change| {
        let what = if change.definition.is_some() { "changed" } else { "deleted" };
        (
            format!("{} {}", change.kind, change.name),
            what.to_owned(),
            change.who,
            Moment(change.at.as_millisecond()),
        )
    });
    let content = FiltersPage {
        form: viewer.form(),
        order,
        rows,
        in_file: center.gateway.definitions_are_in_file(),
        changes: changes.collect(),
    };
    Page::new(&viewer, "Filters").show(&content)
}

#[derive(Debug, Deserialize)]
pub(super) struct Move {
    /// `up 7` or `down 7`.
    r#move: String,
    /// The order that the form showed.
    #[serde(default)]
    was: String,
}

/// `POST /configuration/filters`: one place up or down.
pub(super) async fn order(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Form(form): Form<Move>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    let strange = || Problem::Bad("The move cannot be read: open the page again.".to_owned());
    let (direction, id) = form.r#move.split_once(' ').ok_or_else(strange)?;
    let id: u64 = id.parse().map_err(|_| strange())?;
    let was = ids_of(&form.was).ok_or_else(strange)?;
    let mut ids = was.clone();
    let at = ids.iter().position(|known| *known == id).ok_or_else(strange)?;
    let to = match direction {
        "up" => at.checked_sub(1).ok_or_else(strange)?,
        "down" if at + 1 < ids.len() => at + 1,
        _ => return Err(strange()),
    };
    ids.swap(at, to);
    let gateway =
        center.gateway.noting(viewer.entry("FILTERS_ORDERED", &format!("filter number {id}"), direction));
    match gateway.order_filters(&was, &ids, &viewer.name).await {
        Err(Error::Changed(_)) => moved_meanwhile(center.gateway.filters().await?, &form).show(&viewer),
        done => {
            done?;
            Ok(Redirect::to("/configuration/filters").into_response())
        }
    }
}

/// The numbers of filters as a form carries them.
fn ids_of(text: &str) -> Option<Vec<u64>> {
    text.split(' ').filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect()
}

fn order_of(filters: &[FilterRow]) -> String {
    filters.iter().map(|row| row.id.to_string()).collect::<Vec<_>>().join(" ")
}

fn moved_meanwhile(now: Vec<FilterRow>, form: &Move) -> Stale {
    Stale {
        what: "the order of the filters".to_owned(),
        was: ("was", order_of(&now)),
        now: (1..)
            .zip(&now)
            .map(|(place, row)| (format!("Place {place}"), row.filter.name.clone()))
            .collect(),
        sent: facts([("move", form.r#move.clone())]),
        action: "/configuration/filters".to_owned(),
        open: "/configuration/filters".to_owned(),
    }
}

#[derive(Template)]
#[template(path = "filter.html")]
struct FilterPage {
    form: Html,
    title: String,
    id: Option<u64>,
    version: u64,
    text: Field,
    changed: Option<(String, Moment)>,
    in_file: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    version: u64,
    text: String,
}

fn show(
    center: &Center,
    viewer: &Viewer,
    typed: &Typed,
    known: Option<&FilterRow>,
    wrong: Option<&str>,
) -> Result<Response, Problem> {
    let title = known.map_or_else(|| "New filter".to_owned(), |row| row.filter.name.clone());
    let rows = u8::try_from(typed.text.lines().count().clamp(12, 40) + 2).unwrap_or(40);
    let content = FilterPage {
        form: viewer.form(),
        title: title.clone(),
        id: known.map(|row| row.id),
        version: typed.version,
        text: Field::new(Kind::Lines(rows), "text", "Definition")
            .value(&typed.text)
            .wrong(wrong.unwrap_or_default())
            .hint("The same words as in the configuration file. Filters are tried in order; the first that applies decides, unless it says go-on.")
            .with("class", "mono")
            .with("spellcheck", "false"),
        changed: known.map(|row| (row.changed_by.clone(), Moment(row.changed_at.as_millisecond()))),
        in_file: center.gateway.definitions_are_in_file(),
    };
    Page::new(viewer, title)
        .within("/configuration/filters")
        .below("Filters", "/configuration/filters")
        .unfit(wrong.is_some())
        .show(&content)
}

async fn find(center: &Center, viewer: &Viewer, id: u64) -> Result<FilterRow, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    let filters = center.gateway.filters().await?;
    filters.into_iter().find(|row| row.id == id).ok_or(Problem::NotFound)
}

/// `GET /configuration/filters/new`
pub(super) async fn ask_new(State(center): State<Arc<Center>>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    show(&center, &viewer, &Typed { version: 0, text: BEGIN.to_owned() }, None, None)
}

/// `POST /configuration/filters/new`
pub(super) async fn add(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ConfigureQuarantine)?;
    save(&center, &viewer, &typed, None).await
}

/// `GET /configuration/filters/{id}`
pub(super) async fn one(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let row = find(&center, &viewer, id).await?;
    let text = text_of(&row)?;
    show(&center, &viewer, &Typed { version: row.version, text }, Some(&row), None)
}

/// `POST /configuration/filters/{id}`
pub(super) async fn change(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    match find(&center, &viewer, id).await {
        Ok(row) => save(&center, &viewer, &typed, Some(&row)).await,
        Err(Problem::NotFound) if typed.version > 0 => stale(&typed, None)?.show(&viewer),
        Err(problem) => Err(problem),
    }
}

/// A filter from its text; what is wrong comes with line and column.
fn parse(text: &str) -> Result<Filter, Error> {
    if text.len() > TEXT {
        return Err(Error::Invalid(format!("the definition is too long: at most {TEXT} octets")));
    }
    toml::from_str(text).map_err(|why| Error::Invalid(why.to_string()))
}

async fn save(
    center: &Center,
    viewer: &Viewer,
    typed: &Typed,
    known: Option<&FilterRow>,
) -> Result<Response, Problem> {
    let at = known.map(|row| (row.id, typed.version));
    let parsed = parse(&typed.text);
    let name = parsed.as_ref().map(|filter| filter.name.clone()).unwrap_or_default();
    let gateway = center.gateway.noting(viewer.entry("FILTER_SAVED", &format!("filter {name}"), ""));
    let saved = match &parsed {
        Ok(filter) => gateway.save_filter(filter, at, &viewer.name).await,
        Err(error) => Err(Error::Invalid(error.to_string())),
    };
    match saved {
        Ok(_) => {
            viewer.say(Tone::Done, format!("The filter {name} is saved and in force.")).await?;
            Ok(Redirect::to("/configuration/filters").into_response())
        }
        Err(Error::Changed(_)) => {
            let filters = center.gateway.filters().await?;
            let now = filters.into_iter().find(|row| known.is_some_and(|known| known.id == row.id));
            stale(typed, now)?.show(viewer)
        }
        Err(error @ (Error::Invalid(_) | Error::KeptInFile | Error::InUse { .. })) => {
            show(center, viewer, typed, known, Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// A filter that was changed meanwhile, or deleted: then it is made anew.
fn stale(typed: &Typed, now: Option<FilterRow>) -> Result<Stale, Problem> {
    let address = |id: u64| format!("/configuration/filters/{id}");
    let now = now.as_ref();
    Ok(Stale {
        what: now.map_or_else(|| "this filter".to_owned(), |row| format!("the filter {}", row.filter.name)),
        now: now.map(text_of).transpose()?.map(|text| facts([("Definition", text)])).unwrap_or_default(),
        sent: facts([("text", typed.text.clone())]),
        was: ("version", now.map_or(0, |row| row.version).to_string()),
        action: now.map_or_else(|| "/configuration/filters/new".to_owned(), |row| address(row.id)),
        open: now.map_or_else(|| "/configuration/filters".to_owned(), |row| address(row.id)),
    })
}

/// A filter as its form shows it.
fn text_of(row: &FilterRow) -> Result<String, Problem> {
    toml::to_string(&row.filter).map_err(|why| Problem::Internal(why.to_string()))
}

/// `POST /configuration/filters/{id}/delete`
pub(super) async fn delete(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let row = find(&center, &viewer, id).await?;
    let entry = viewer.entry("FILTER_DELETED", &format!("filter {}", row.filter.name), "");
    match center.gateway.noting(entry).delete_filter(id, &viewer.name).await {
        Ok(()) => {
            viewer.say(Tone::Done, format!("The filter {} is deleted.", row.filter.name)).await?;
            Ok(Redirect::to("/configuration/filters").into_response())
        }
        Err(error @ (Error::InUse { .. } | Error::KeptInFile)) => {
            let typed = Typed { version: row.version, text: text_of(&row)? };
            show(&center, &viewer, &typed, Some(&row), Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_new_filter_begins_as_is_a_filter_and_comes_back_as_it_was() {
        let filter = parse(BEGIN).unwrap();
        filter.check(&[crate::Folder::standard()]).unwrap();
        assert_eq!(parse(&toml::to_string(&filter).unwrap()).unwrap(), filter);
        let standard = Filter::standard("x");
        assert_eq!(parse(&toml::to_string(&standard).unwrap()).unwrap(), standard);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let error = parse("name = \"a\"\nwhen = \"sometimes\"\nactions = []").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("sometimes"), "{error}");
        assert!(parse("name = \"a\"\nwhat = 1").unwrap_err().to_string().contains("what"));
    }
}
