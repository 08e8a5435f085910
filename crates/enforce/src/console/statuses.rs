//! Workflow statuses and custom attributes: the product's to look at, one's own to make, change and remove.

use askama::Template;
use axum::Form;
use axum::extract::State;
use incident::desk::{AttributeDefinition, StatusRow};
use serde::Deserialize;
use web::Problem;
use web::Viewer;
use web::layout::{Chip, Html, Page};
use web::people::Privilege;
use web::session::Tone;

use super::list::see_other;
use super::{Answer, Console};

#[derive(Template)]
#[template(path = "statuses.html")]
struct Statuses {
    form: Html,
    statuses: Vec<(StatusRow, Chip)>,
    attributes: Vec<AttributeDefinition>,
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::ManageSystem)?;
    let statuses = console.desk.statuses().await?;
    let content = Statuses {
        form: viewer.form(),
        statuses: statuses.into_iter().map(|one| (one.clone(), Chip::status(&one.name))).collect(),
        attributes: console.desk.attribute_definitions().await?,
    };
    Ok(Page::new(&viewer, "Statuses and attributes").within("/statuses").show(&content)?)
}

#[derive(Deserialize)]
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
    let saved = console.desk.save_status(&new.name, &new.group, closed, position).await?;
    saved.map_err(sentence)?;
    viewer.log("STATUS_SAVED", new.name.trim(), new.group.trim()).await?;
    viewer.say(Tone::Done, format!("The status {} is saved.", new.name.trim())).await?;
    Ok(see_other("/statuses"))
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
    console.desk.remove_status(gone.id).await?.map_err(|why| Problem::Conflict(capital(&why)))?;
    viewer.log("STATUS_REMOVED", name.as_deref().unwrap_or_default(), "").await?;
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
    let saved = console.desk.save_attribute(&new.name, group, new.position()?, !new.email.is_empty()).await?;
    saved.map_err(sentence)?;
    viewer.log("ATTRIBUTE_SAVED", new.name.trim(), group).await?;
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
    viewer.log("ATTRIBUTE_REMOVED", &name, "with its values").await?;
    let values = console.desk.remove_attribute(gone.id).await?.ok_or(Problem::NotFound)?;
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
