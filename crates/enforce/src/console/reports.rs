//! Saved reports: a name for the filters of a list, for oneself or for all.

use askama::Template;
use axum::Form;
use axum::extract::State;
use serde::Deserialize;
use web::layout::{Html, Page};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::bulk::parsed;
use super::filter::Filter;
use super::list::see_other;
use super::trouble::bad;
use super::{Answer, Console};

#[derive(Template)]
#[template(path = "reports.html")]
struct Reports {
    form: Html,
    rows: Vec<Row>,
}

struct Row {
    id: u64,
    name: String,
    address: String,
    query: String,
    owner: String,
    shared: bool,
    own: bool,
}

#[derive(Deserialize)]
pub(super) struct New {
    name: String,
    query: String,
    #[serde(default)]
    shared: String,
}

#[derive(Deserialize)]
pub(super) struct Gone {
    id: u64,
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let reports = console.desk.reports(&viewer.name).await?;
    let rows = reports.into_iter().map(|report| Row {
        id: report.id,
        name: report.name,
        address: format!("/incidents?{}", report.query),
        query: report.query,
        own: report.owner == viewer.name,
        owner: report.owner,
        shared: report.shared,
    });
    let content = Reports { form: viewer.form(), rows: rows.collect() };
    Ok(Page::new(&viewer, "Saved reports").show(&content)?)
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<New>) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    // Only what this console would have written is kept: a report is opened by others.
    let query = Filter::read(&parsed(&new.query)).map_err(bad)?.query();
    let saved = console.desk.save_report(&viewer.name, &new.name, !new.shared.is_empty(), &query).await?;
    saved.map_err(Problem::Unfit)?;
    viewer.say(Tone::Done, "The report is saved.").await?;
    Ok(see_other("/reports"))
}

pub(super) async fn remove(State(console): State<Console>, viewer: Viewer, Form(gone): Form<Gone>) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    if !console.desk.remove_report(&viewer.name, gone.id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The report is removed.").await?;
    Ok(see_other("/reports"))
}
