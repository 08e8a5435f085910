//! A smart response rule on one incident: asked first, then done.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use web::layout::{Html, Page};
use web::session::Tone;
use web::{Problem, Viewer};

use super::decision::target;
use super::filter::Filter;
use super::list::see_other;
use super::once::{new_once, read_once};
use super::seen::{access, may_remediate};
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::respond::On;

#[derive(Template)]
#[template(path = "respond.html")]
struct Confirm {
    form: Html,
    once: String,
    id: u64,
    rule: u64,
    name: String,
    description: String,
    words: String,
    acts_on_mail: bool,
    second_person: bool,
    siblings: usize,
    recipients: usize,
    query: String,
}

pub(super) async fn confirm(
    State(console): State<Console>,
    viewer: Viewer,
    Path((id, rule)): Path<(u64, u64)>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    may_remediate(&viewer)?;
    let filter = Filter::asked(&console.desk, &viewer, &pairs).await?;
    let look = console.desk.look(&access(&viewer), id).await?.ok_or(Problem::NotFound)?;
    let rule = console.responses.rule(rule).await?.ok_or(Problem::NotFound)?;
    let content = Confirm {
        form: viewer.form(),
        once: new_once(),
        id,
        rule: rule.id,
        words: rule.words(),
        second_person: console.responses.needs_second_person(&rule).await?,
        acts_on_mail: rule.actions.iter().any(|action| action.plugin().is_some()),
        name: rule.name.clone(),
        description: rule.description,
        siblings: look.siblings.len(),
        recipients: look.incident.summary.recipients.len(),
        query: filter.query(),
    };
    let page = Page::new(&viewer, rule.name).within("/incidents").below("Incidents", "/incidents");
    Ok(page.below(format!("Incident {id}"), format!("/incidents/{id}?{}", filter.query())).show(&content)?)
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    #[serde(default)]
    query: String,
    once: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    advance: String,
}

pub(super) async fn respond(
    State(console): State<Console>,
    viewer: Viewer,
    Path((id, rule)): Path<(u64, u64)>,
    Form(confirmed): Form<Confirmed>,
) -> Answer {
    may_remediate(&viewer)?;
    let access = access(&viewer);
    if !console.desk.may_see(&access, id).await? {
        return Err(Problem::NotFound.into());
    }
    let rule = console.responses.rule(rule).await?.ok_or(Problem::NotFound)?;
    let filter = Filter::asked(&console.desk, &viewer, &super::bulk::parsed(&confirmed.query)).await?;
    let to = target(&console, &viewer, &filter, id, !confirmed.advance.is_empty()).await?;
    let entry = viewer.entry("SMART_RESPONSE", &format!("incident {id}"), &rule.name);
    let once = confirmed.once.as_deref().map(read_once).transpose().map_err(bad)?;
    let on = On { ids: &[id], note: &confirmed.note, once, ..On::default() };
    let done = console.responses.noting(entry).run(&access, &actor(&viewer), &rule, on).await?;
    let done = done.map_err(bad)?;
    let said = match done.first() {
        Some(one) if one.waits => {
            format!("{} waits for a second person, who has to confirm it for incident {id}.", rule.name)
        }
        Some(one) if one.requested => {
            format!("{} was requested for incident {id}; the history says what comes of it.", rule.name)
        }
        _ => format!("{} was done for incident {id}.", rule.name),
    };
    viewer.say(Tone::Done, said).await?;
    Ok(see_other(&to))
}
