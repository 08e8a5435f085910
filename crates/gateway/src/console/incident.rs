//! One incident: what came, why it is here, what was decided, and the buttons to decide.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Size};
use web::people::Privilege;
use web::{Problem, Viewer, mail};

use super::reach::snapshot;
use super::seen::{Seen, sees_history};
use super::{Center, words};
use crate::{Entry, FolderKind, Snapshot, State as CopyState};

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage {
    form: Html,
    id: u64,
    state: Chip,
    subject: Html,
    sender: Html,
    recipient: Html,
    folder: String,
    filter: String,
    policies: String,
    unique_id: Option<String>,
    message_id: Option<Html>,
    peer: String,
    received: Moment,
    entered: Moment,
    size: Size,
    decided: Option<(String, Moment)>,
    note: Option<Html>,
    release: Option<(Html, Moment, String)>,
    related: Vec<(u64, Html, &'static str)>,
    history: Option<Vec<Line>>,
    held: bool,
    may_decide: bool,
    plans: Vec<(&'static str, &'static str, String)>,
    mail_is_kept: bool,
    may_look: bool,
    may_write: bool,
    hold_in: Option<Field>,
    note_field: Field,
    search: Option<u64>,
}

pub(super) struct Line {
    pub(super) at: Moment,
    pub(super) who: Html,
    pub(super) action: String,
    pub(super) detail: Html,
}

/// The history, if the role sees it.
pub(super) fn history(viewer: &Viewer, entries: &[Entry]) -> Option<Vec<Line>> {
    let line = |entry: &Entry| Line {
        at: Moment(entry.at.as_millisecond()),
        who: mail::line(&entry.who, 200),
        action: entry.action.clone(),
        detail: mail::line(&entry.detail, 2_000),
    };
    // The newest first: it is what people look for.
    sees_history(viewer).then(|| entries.iter().rev().map(line).collect())
}

/// `GET /incidents/{id}`
pub(super) async fn show(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    let (reach, incident) = snapshot(&center, &viewer, id).await?;
    let may_decide = viewer.may(Privilege::DecideQuarantine);
    let informational = incident.line.state == CopyState::Informational;
    let holding: Vec<(String, String)> = reach
        .folders
        .iter()
        .filter(|row| row.folder.kind == FolderKind::Hold)
        .map(|row| (row.folder.name.clone(), row.folder.name.clone()))
        .collect();
    let hold_in = (informational && may_decide && !holding.is_empty())
        .then(|| Field::new(Kind::OneOf, "folder", "Hold in").choices(holding));
    let content = page_of(&viewer, &incident, may_decide, hold_in);
    let title = format!("Incident {id}");
    Page::new(&viewer, title).within("/incidents").below("Incidents", "/incidents").show(&content)
}

fn page_of(
    viewer: &Viewer,
    incident: &Seen<Snapshot>,
    may_decide: bool,
    hold_in: Option<Field>,
) -> IncidentPage {
    let line = &incident.line;
    let subject = if line.subject.is_empty() { "(no subject)" } else { &line.subject };
    let sender = if line.sender.is_empty() { "<> (a bounce or a notice)" } else { &line.sender };
    let plan = &incident.plan;
    IncidentPage {
        form: viewer.form(),
        id: line.id,
        state: words::state(line),
        subject: mail::line(subject, 500),
        sender: mail::line(sender, 320),
        recipient: mail::line(&line.recipient, 320),
        folder: line.folder.clone(),
        filter: format!("{}, version {}", line.filter, incident.filter_version),
        policies: line.policy_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        unique_id: line.unique_id.clone(),
        message_id: incident.message_id.as_deref().map(|id| mail::line(id, 500)),
        peer: incident.peer.clone(),
        received: Moment(incident.received_at.as_millisecond()),
        entered: Moment(line.entered_at.as_millisecond()),
        size: Size(line.size),
        decided: line.who.clone().zip(line.decided_at.map(|at| Moment(at.as_millisecond()))),
        note: line.note.as_deref().filter(|note| !note.is_empty()).map(|note| mail::line(note, 2_000)),
        release: incident.release.as_ref().map(|release| {
            let at = Moment(release.at.as_millisecond());
            (mail::line(&release.reason, 2_000), at, release.peer.clone())
        }),
        related: incident
            .related
            .iter()
            .map(|one| (one.id, mail::line(&one.recipient, 320), words::bare_state(one.state)))
            .collect(),
        history: history(viewer, &incident.history),
        held: line.state == CopyState::Held,
        may_decide,
        plans: vec![
            ("approve", "Approve", words::actions(&plan.approve)),
            ("reject", "Reject", words::actions(&plan.reject)),
            ("custom", "Custom", words::actions(&plan.custom)),
        ],
        mail_is_kept: incident.mail_is_kept,
        may_look: viewer.may_see_original().is_ok(),
        may_write: may_decide && !line.sender.is_empty(),
        hold_in,
        note_field: Field::new(Kind::Lines(2), "note", "Note for the history").with("maxlength", "2000"),
        search: viewer.may(Privilege::SearchMail).then_some(line.message),
    }
}
