//! What waits for a second person: to look at, confirm, decline; one's own to withdraw.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use incident::desk::{Declined, SecondAsked};
use serde::Deserialize;
use web::layout::{Html, Moment, Page};
use web::mail::line;
use web::people::{Hidden, Privilege};
use web::session::Tone;
use web::{NOT_SHOWN, Problem, Viewer};

use super::list::see_other;
use super::seen::{access, may_remediate, plain, sees_history};
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::respond::Action;

#[derive(Template)]
#[template(path = "second.html")]
struct Second {
    form: Html,
    rows: Vec<Waiting>,
    remediates: bool,
}

/// A request as shown.
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) incident: u64,
    pub(super) rule: String,
    pub(super) words: String,
    pub(super) who: String,
    pub(super) own: bool,
    pub(super) at: Moment,
    pub(super) note: Html,
}

/// What waits, of one incident or of all that the viewer may see.
pub(super) async fn waiting(
    console: &Console,
    viewer: &Viewer,
    incident: Option<u64>,
) -> Answer<Vec<Waiting>> {
    let asked = console.desk.waiting_for_second(&access(viewer), incident).await?;
    Ok(asked.iter().map(|one| shown(viewer, one)).collect())
}

fn shown(viewer: &Viewer, asked: &SecondAsked) -> Waiting {
    let actions: Vec<Action> = serde_json::from_str(&asked.ask.actions).unwrap_or_default();
    // Notes name recipients, as histories do.
    let hides = !sees_history(viewer) || viewer.hides(Hidden::Sender);
    let note = if hides && !asked.ask.note.is_empty() { NOT_SHOWN } else { &asked.ask.note };
    Waiting {
        id: asked.id,
        incident: asked.incident,
        rule: plain(&asked.ask.rule),
        words: plain(&actions.iter().map(Action::words).collect::<Vec<_>>().join(", then ")),
        who: plain(&asked.actor.who),
        own: asked.actor.who.to_lowercase() == viewer.name.to_lowercase(),
        at: Moment(asked.at.as_millisecond()),
        note: line(note, 2_000),
    }
}

pub(super) async fn show(State(console): State<Console>, viewer: Viewer) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let content = Second {
        form: viewer.form(),
        rows: waiting(&console, &viewer, None).await?,
        remediates: viewer.may(Privilege::RemediateIncidents),
    };
    Ok(Page::new(&viewer, "Second person").show(&content)?)
}

#[derive(Deserialize)]
pub(super) struct Answered {
    #[serde(default)]
    answer: String,
    #[serde(default)]
    note: String,
}

pub(super) async fn answer(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(answered): Form<Answered>,
) -> Answer {
    may_remediate(&viewer)?;
    let said = match answered.answer.as_str() {
        "confirm" => {
            let asked = confirm(&console, &viewer, id, &answered.note).await?;
            format!(
                "You confirmed {} for incident {}; the history says what comes of it.",
                asked.ask.rule, asked.incident
            )
        }
        "decline" => match decline(&console, &viewer, id, &answered.note).await? {
            Declined::Withdrawn => "Your request is withdrawn.".to_owned(),
            _ => "The request is declined.".to_owned(),
        },
        _ => return Err(bad("A request is confirmed or declined.")),
    };
    viewer.say(Tone::Done, said).await?;
    Ok(see_other("/second-person"))
}

/// Confirms somebody else's request, for pages and programs alike.
pub(crate) async fn confirm(console: &Console, viewer: &Viewer, id: u64, note: &str) -> Answer<SecondAsked> {
    let access = access(viewer);
    let asked = console.desk.second_asked(&access, id).await?.ok_or(Problem::NotFound)?;
    let entry =
        viewer.entry("SECOND_PERSON_CONFIRMS", &format!("incident {}", asked.incident), &asked.ask.rule);
    let confirmed = console.responses.noting(entry).confirm(&access, &actor(viewer), id, note).await?;
    Ok(confirmed.ok_or(Problem::NotFound)?.map_err(Problem::Conflict)?)
}

/// Declines somebody else's request, or withdraws one's own.
pub(crate) async fn decline(console: &Console, viewer: &Viewer, id: u64, note: &str) -> Answer<Declined> {
    let access = access(viewer);
    let asked = console.desk.second_asked(&access, id).await?.ok_or(Problem::NotFound)?;
    let entry =
        viewer.entry("SECOND_PERSON_DECLINES", &format!("incident {}", asked.incident), &asked.ask.rule);
    match console.desk.noting(entry).decline_second(&access, &actor(viewer), id, note.trim()).await? {
        Declined::NotThere => Err(Problem::NotFound.into()),
        declined => Ok(declined),
    }
}
