//! Smart responses for programs: the rules, running one, and what waits for a second person; as in the console.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use incident::desk::{Declined, SecondAsked};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::people::Privilege;
use web::{Problem, Viewer};

use super::{may_read, read};
use crate::console::{self, Answer, Console, access, actor, may_remediate};
use crate::respond::{Action, On};

/// Incidents of one request.
const MOST: usize = 10_000;

fn may_respond(viewer: &Viewer) -> Result<(), Problem> {
    viewer.require(Privilege::ApiIncidentUpdate)?;
    may_remediate(viewer)
}

/// A smart response rule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RuleTold {
    id: u64,
    name: String,
    description: String,
    /// What it does, in words.
    does: String,
    /// It runs a plug-in, which may release or delete held mail.
    acts_on_mail: bool,
    /// It waits until a second person has confirmed.
    needs_second_person: bool,
}

/// The smart response rules.
#[utoipa::path(get, path = "/response-rules", tag = "responses", responses((status = 200, body = Vec<RuleTold>)))]
pub(super) async fn rules(State(console): State<Console>, viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let mut told = Vec::new();
    for rule in console.responses.rules().await? {
        told.push(RuleTold {
            needs_second_person: console.responses.needs_second_person(&rule).await?,
            acts_on_mail: rule.actions.iter().any(|action| action.plugin().is_some()),
            does: rule.words(),
            id: rule.id,
            name: rule.name,
            description: rule.description,
        });
    }
    Ok(Json(told).into_response())
}

/// A rule that is to run.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wish {
    /// The rule's name.
    rule: String,
    /// On which incidents, at most 10,000.
    incident_ids: Vec<u64>,
    /// Words for the history.
    #[serde(default)]
    note: String,
}

/// What came of a rule for each incident.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Responded {
    /// It was done. What plug-ins make of it stands in the history later.
    done_incident_ids: Vec<u64>,
    /// It waits for a second person.
    waiting_incident_ids: Vec<u64>,
    /// There are no such incidents for this role.
    not_found_incident_ids: Vec<u64>,
}

/// Runs a smart response rule: all of it or nothing.
#[utoipa::path(post, path = "/incidents/respond", tag = "responses", request_body = Wish, responses((status = 200, body = Responded)))]
pub(super) async fn respond(State(console): State<Console>, viewer: Viewer, body: Bytes) -> Answer {
    may_respond(&viewer)?;
    let wish: Wish = read(&body)?;
    if wish.incident_ids.is_empty() || wish.incident_ids.len() > MOST {
        return Err(Problem::Bad(format!("incidentIds names 1 to {MOST} incidents.")).into());
    }
    let rule = console.responses.rule_named(&wish.rule).await?;
    let rule =
        rule.ok_or_else(|| Problem::Bad(format!("There is no smart response rule {:?}.", wish.rule)))?;
    let count = wish.incident_ids.len();
    let entry = viewer.entry("SMART_RESPONSE_BY_API", &format!("{count} incidents"), &rule.name);
    let on = On { ids: &wish.incident_ids, note: &wish.note, ..On::default() };
    let done = console.responses.noting(entry).run(&access(&viewer), &actor(&viewer), &rule, on).await?;
    let done = done.map_err(Problem::Bad)?;
    let of = |wanted: fn(&crate::respond::Done) -> bool| {
        done.iter().filter(|one| wanted(one)).map(|one| one.incident).collect::<Vec<u64>>()
    };
    Ok(Json(Responded {
        done_incident_ids: of(|one| one.there && !one.waits),
        waiting_incident_ids: of(|one| one.waits),
        not_found_incident_ids: of(|one| !one.there),
    })
    .into_response())
}

/// A request that waits for a second person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    id: u64,
    incident_id: u64,
    rule: String,
    /// What happens once it is confirmed, in words.
    does: String,
    asked_by: String,
    asked_at: String,
    /// You asked for it yourself, so that you cannot confirm it.
    is_own: bool,
}

fn told(viewer: &Viewer, asked: SecondAsked) -> Waiting {
    let actions: Vec<Action> = serde_json::from_str(&asked.ask.actions).unwrap_or_default();
    Waiting {
        id: asked.id,
        incident_id: asked.incident,
        does: actions.iter().map(Action::words).collect::<Vec<_>>().join(", then "),
        rule: asked.ask.rule,
        is_own: asked.actor.who.to_lowercase() == viewer.name.to_lowercase(),
        asked_by: asked.actor.who,
        asked_at: asked.at.to_string(),
    }
}

/// What waits for a second person, of the incidents that this role reaches; the oldest first.
#[utoipa::path(get, path = "/second-person", tag = "responses", responses((status = 200, body = Vec<Waiting>)))]
pub(super) async fn waiting(State(console): State<Console>, viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let asked = console.desk.waiting_for_second(&access(&viewer), None).await?;
    Ok(Json(asked.into_iter().map(|one| told(&viewer, one)).collect::<Vec<_>>()).into_response())
}

/// The words of whoever confirms or declines; the body may be missing.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    #[serde(default)]
    note: String,
}

/// What became of a request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Answered {
    id: u64,
    /// `confirmed`, `declined`, or `withdrawn` where it was one's own.
    state: String,
}

fn answered(id: u64, state: &str) -> Response {
    Json(Answered { id, state: state.to_owned() }).into_response()
}

fn words(body: &Bytes) -> Result<String, Problem> {
    if body.is_empty() { Ok(String::new()) } else { read::<Words>(body).map(|words| words.note) }
}

/// Confirms what somebody else asked for: then it happens.
#[utoipa::path(post, path = "/second-person/{id}/confirm", tag = "responses", params(("id" = u64, Path)), request_body = Words,
    responses((status = 200, body = Answered)))]
pub(super) async fn confirm(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    body: Bytes,
) -> Answer {
    may_respond(&viewer)?;
    console::confirm(&console, &viewer, id, &words(&body)?).await?;
    Ok(answered(id, "confirmed"))
}

/// Declines what somebody else asked for, or withdraws what one asked for oneself.
#[utoipa::path(post, path = "/second-person/{id}/decline", tag = "responses", params(("id" = u64, Path)), request_body = Words,
    responses((status = 200, body = Answered)))]
pub(super) async fn decline(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    body: Bytes,
) -> Answer {
    may_respond(&viewer)?;
    let declined = console::decline(&console, &viewer, id, &words(&body)?).await?;
    Ok(answered(id, if declined == Declined::Withdrawn { "withdrawn" } else { "declined" }))
}
