//! Workflow statuses and custom attributes: the product's to look at, one's own to make, change and remove.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{AttributeDefinition, Saved, StatusRow};
use serde::{Deserialize, Serialize};
use web::Problem;
use web::Viewer;
use web::layout::{Chip, Html, Page, Stale, facts};
use web::people::Privilege;
use web::session::Tone;

use super::list::see_other;
use super::sent::sent;
use super::{Answer, Console};

#[derive(Template)]
#[template(path = "statuses.html")]
struct Statuses {
    form: Html,
    statuses: Vec<(StatusRow, Chip)>,
    attributes: Vec<AttributeDefinition>,
    /// Those that are changed in the forms.
    status: Option<StatusRow>,
    attribute: Option<AttributeDefinition>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    status: u64,
    #[serde(default)]
    attribute: u64,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let statuses = console.desk.statuses().await?;
    let attributes = console.desk.attribute_definitions().await?;
    let content = Statuses {
        form: viewer.form(),
        status: statuses.iter().find(|one| one.id == asked.status && !one.built_in).cloned(),
        attribute: attributes.iter().find(|one| one.id == asked.attribute).cloned(),
        statuses: statuses.into_iter().map(|one| (one.clone(), Chip::status(&one.name))).collect(),
        attributes,
    };
    Ok(Page::new(&viewer, "Statuses and attributes").within("/statuses").show(&content)?)
}

#[derive(Deserialize, Serialize)]
pub(super) struct New {
    name: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    position: String,
    #[serde(default)]
    closed: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    was: String,
}

impl New {
    /// Its place; at the end where nothing is said.
    fn position(&self) -> Result<i64, Problem> {
        match self.position.trim() {
            "" => Ok(100),
            text => text
                .parse()
                .ok()
                .filter(|position| (0..=10_000).contains(position))
                .ok_or_else(|| Problem::Unfit("A place is a number from 0 to 10000.".to_owned())),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Gone {
    id: u64,
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<New>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let (position, closed) = (new.position()?, !new.closed.is_empty());
    let desk = console.desk.noting(viewer.entry("STATUS_SAVED", new.name.trim(), new.group.trim()));
    match desk.save_status(&new.name, &new.group, closed, position, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale_status(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(sentence(why).into()),
    }
    viewer.say(Tone::Done, format!("The status {} is saved.", new.name.trim())).await?;
    Ok(see_other("/statuses"))
}

fn stale_status(new: &New, now: Option<StatusRow>) -> Stale {
    let shown = |one: &StatusRow| {
        facts([
            ("Group", one.group.clone()),
            ("Place", one.position.to_string()),
            ("Means", if one.closed { "decided" } else { "somebody works on it" }.to_owned()),
        ])
    };
    Stale {
        what: format!("the status {}", new.name.trim()),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: sent(new),
        was: ("was", now.as_ref().map(StatusRow::mark).unwrap_or_default()),
        action: "/statuses".to_owned(),
        open: now.map_or("/statuses".to_owned(), |one| format!("/statuses?status={}#status", one.id)),
    }
}

fn stale_attribute(new: &New, now: Option<AttributeDefinition>) -> Stale {
    let shown = |one: &AttributeDefinition| {
        facts([
            ("Group", one.group.clone()),
            ("Place", one.position.to_string()),
            ("Holds", if one.is_email { "an address" } else { "text" }.to_owned()),
        ])
    };
    Stale {
        what: format!("the attribute {}", new.name.trim()),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: sent(new),
        was: ("was", now.as_ref().map(AttributeDefinition::mark).unwrap_or_default()),
        action: "/statuses/attribute".to_owned(),
        open: now.map_or("/statuses".to_owned(), |one| format!("/statuses?attribute={}#attribute", one.id)),
    }
}

pub(super) async fn remove(State(console): State<Console>, viewer: Viewer, Form(gone): Form<Gone>) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let name = console.desk.statuses().await?.into_iter().find(|one| one.id == gone.id).map(|one| one.name);
    let mut users = match &name {
        Some(name) => console.responses.users_of(|action| action.status() == Some(name)).await?,
        None => Vec::new(),
    };
    let ageing = console.desk.ageing_rules().await?.into_iter();
    users.extend(ageing.filter(|rule| Some(&rule.status) == name.as_ref()).map(|rule| rule.name));
    if !users.is_empty() {
        return Err(Problem::Conflict(format!("Rules need it: {}.", users.join(", "))).into());
    }
    let desk = console.desk.noting(viewer.entry("STATUS_REMOVED", name.as_deref().unwrap_or_default(), ""));
    desk.remove_status(gone.id).await?.map_err(|why| Problem::Conflict(capital(&why)))?;
    viewer.say(Tone::Done, "The status is removed.").await?;
    Ok(see_other("/statuses"))
}

pub(super) async fn save_attribute(
    State(console): State<Console>,
    viewer: Viewer,
    Form(new): Form<New>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let group = if new.group.trim().is_empty() { "Attributes" } else { new.group.trim() };
    let desk = console.desk.noting(viewer.entry("ATTRIBUTE_SAVED", new.name.trim(), group));
    let (position, is_email) = (new.position()?, !new.email.is_empty());
    match desk.save_attribute(&new.name, group, position, is_email, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale_attribute(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(sentence(why).into()),
    }
    viewer.say(Tone::Done, format!("The attribute {} is saved.", new.name.trim())).await?;
    Ok(see_other("/statuses"))
}

pub(super) async fn remove_attribute(
    State(console): State<Console>,
    viewer: Viewer,
    Form(gone): Form<Gone>,
) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let known = console.desk.attribute_definitions().await?;
    let name =
        known.into_iter().find(|one| one.id == gone.id).map(|one| one.name).ok_or(Problem::NotFound)?;
    let desk = console.desk.noting(viewer.entry("ATTRIBUTE_REMOVED", &name, "with its values"));
    let values = desk.remove_attribute(gone.id).await?.ok_or(Problem::NotFound)?;
    viewer.say(Tone::Done, format!("The attribute {name} is removed, and {values} values of it.")).await?;
    Ok(see_other("/statuses"))
}

fn sentence(why: String) -> Problem {
    Problem::Unfit(format!("{}.", capital(&why)))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
