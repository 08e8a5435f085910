//! Content filtering policies: their order, and each as the text that the configuration file would have.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Tint};
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
    let count = filters.len();
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
    let mut ids: Vec<u64> = center.gateway.filters().await?.iter().map(|row| row.id).collect();
    let at = ids.iter().position(|known| *known == id).ok_or(Problem::NotFound)?;
    let to = match direction {
        "up" => at.checked_sub(1).ok_or_else(strange)?,
        "down" if at + 1 < ids.len() => at + 1,
        _ => return Err(strange()),
    };
    ids.swap(at, to);
    center.gateway.order_filters(&ids, &viewer.name).await?;
    viewer.log("FILTERS_ORDERED", &format!("filter number {id}"), direction).await?;
    Ok(Redirect::to("/configuration/filters").into_response())
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
    let text = toml::to_string(&row.filter).map_err(|why| Problem::Internal(why.to_string()))?;
    show(&center, &viewer, &Typed { version: row.version, text }, Some(&row), None)
}

/// `POST /configuration/filters/{id}`
pub(super) async fn change(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    let row = find(&center, &viewer, id).await?;
    save(&center, &viewer, &typed, Some(&row)).await
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
    let saved = match &parsed {
        Ok(filter) => center.gateway.save_filter(filter, at, &viewer.name).await,
        Err(error) => Err(Error::Invalid(error.to_string())),
    };
    match saved {
        Ok(_) => {
            let name = parsed.map(|filter| filter.name).unwrap_or_default();
            viewer.log("FILTER_SAVED", &format!("filter {name}"), "").await?;
            viewer.say(Tone::Done, format!("The filter {name} is saved and in force.")).await?;
            Ok(Redirect::to("/configuration/filters").into_response())
        }
        Err(error @ (Error::Invalid(_) | Error::Changed(_) | Error::KeptInFile | Error::InUse { .. })) => {
            show(center, viewer, typed, known, Some(&error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /configuration/filters/{id}/delete`
pub(super) async fn delete(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let row = find(&center, &viewer, id).await?;
    match center.gateway.delete_filter(id, &viewer.name).await {
        Ok(()) => {
            viewer.log("FILTER_DELETED", &format!("filter {}", row.filter.name), "").await?;
            viewer.say(Tone::Done, format!("The filter {} is deleted.", row.filter.name)).await?;
            Ok(Redirect::to("/configuration/filters").into_response())
        }
        Err(error @ (Error::InUse { .. } | Error::KeptInFile)) => {
            let text = toml::to_string(&row.filter).map_err(|why| Problem::Internal(why.to_string()))?;
            show(
                &center,
                &viewer,
                &Typed { version: row.version, text },
                Some(&row),
                Some(&error.to_string()),
            )
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
