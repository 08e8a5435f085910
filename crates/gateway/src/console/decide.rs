//! Deciding about one incident: Approve, Reject, Custom; holding what is still in the queue; writing to the sender.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::reach::{line, who};
use super::{Center, seen, words};
use crate::CopyFilter;
use crate::state::verb;

/// Characters of a note.
const NOTE: usize = 2_000;

#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    action: String,
    #[serde(default)]
    note: String,
    /// `next`: go on to the next held incident of the folder.
    #[serde(default)]
    then: String,
}

/// A note that is one, and not endless.
pub(super) fn note(text: &str) -> Result<Option<String>, Problem> {
    let text = text.trim();
    if text.chars().count() > NOTE {
        return Err(Problem::Unfit(format!("The note is too long: write at most {NOTE} characters.")));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// `POST /incidents/{id}/decide`
pub(super) async fn decide(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(decision): Form<Decision>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::DecideQuarantine)?;
    let (reach, incident) = line(&center, &viewer, id).await?;
    let action = words::action(&decision.action)
        .ok_or_else(|| Problem::Bad("The action is approve, reject or custom.".to_owned()))?;
    let note = note(&decision.note)?;
    let said = note.as_deref().unwrap_or_default();
    let entry = viewer.entry(&verb(action).to_uppercase(), &format!("incident {id}"), said);
    let decided = center.gateway.noting(entry).decide(&[id], action, &who(&viewer), note.as_deref()).await?;
    for one in &decided {
        let tone = if words::was_done(one.result) { Tone::Done } else { Tone::Trouble };
        let detail = if seen::sees_words(&viewer) { one.detail.as_str() } else { "" };
        viewer
            .say(tone, format!("Incident {id}: {}. {detail}", words::result(one.result)).trim_end())
            .await?;
    }
    if decision.then == "next" {
        let folder = reach.folders.iter().find(|row| row.folder.name == incident.folder).map(|row| row.id);
        let wanted = CopyFilter {
            folder,
            state: Some(crate::State::Held),
            before: Some(id),
            limit: 1,
            ..CopyFilter::default()
        };
        if let Some(next) = reach.page(&center.gateway, wanted).await?.0.first() {
            return Ok(Redirect::to(&format!("/incidents/{}", next.id)).into_response());
        }
        viewer.say(Tone::Note, "There is no further held incident in this folder.").await?;
    }
    Ok(Redirect::to(&format!("/incidents/{id}")).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct Hold {
    folder: String,
    #[serde(default)]
    note: String,
}

/// `POST /incidents/{id}/hold`
pub(super) async fn hold(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(hold): Form<Hold>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::DecideQuarantine)?;
    let (reach, _) = line(&center, &viewer, id).await?;
    if !reach.folders.iter().any(|row| row.folder.name == hold.folder) {
        return Err(Problem::NotFound);
    }
    let note = note(&hold.note)?;
    let entry = viewer.entry("HOLD", &format!("incident {id}"), &hold.folder);
    center.gateway.noting(entry).hold(id, &hold.folder, &who(&viewer), note.as_deref()).await?;
    viewer.say(Tone::Done, format!("Incident {id} waits in \"{}\" now.", hold.folder)).await?;
    Ok(Redirect::to(&format!("/incidents/{id}")).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct Letter {
    subject: String,
    text: String,
}

/// `POST /incidents/{id}/sender`
pub(super) async fn write_to_sender(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(letter): Form<Letter>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::DecideQuarantine)?;
    let (_, incident) = line(&center, &viewer, id).await?;
    let subject = letter.subject.trim();
    let text = letter.text.trim();
    if incident.sender.is_empty() {
        return Err(Problem::Unfit("This mail has no sender who could be written to.".to_owned()));
    }
    if subject.is_empty() || text.is_empty() || subject.len() > 200 || text.len() > 10_000 {
        return Err(Problem::Unfit(
            "Write a subject (up to 200 octets) and a text (up to 10,000 octets).".to_owned(),
        ));
    }
    if subject.chars().any(char::is_control) {
        return Err(Problem::Unfit(
            "The subject has a line end or another control character: leave it out.".to_owned(),
        ));
    }
    let entry = viewer.entry("SENDER_WRITTEN_TO", &format!("incident {id}"), subject);
    center.gateway.noting(entry).write_to_sender(id, &who(&viewer), subject, text).await?;
    viewer.say(Tone::Done, "The letter to the sender is on its way.").await?;
    Ok(Redirect::to(&format!("/incidents/{id}")).into_response())
}
