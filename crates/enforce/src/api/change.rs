//! `PATCH /incidents`: the same changes for a list of incidents. All of it or nothing.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use incident::desk::{Change, Changed};
use incident::{PREVENT_STATUSES, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::people::Privilege;
use web::{Problem, Viewer};

use super::read;
use crate::console::{Answer, Console, access, actor};

/// Incidents of one request.
const MOST: usize = 10_000;
/// Notes of one request.
const NOTES: usize = 20;
/// Changes of one request, all incidents taken together: they are one transaction, and others wait for its end.
const WORK: usize = 50_000;

/// What is to be different, and of which incidents.
#[derive(Deserialize, ToSchema)]
#[schema(as = Change)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Asked {
    incident_ids: Vec<u64>,
    incident_status_id: Option<u64>,
    severity: Option<String>,
    #[serde(default)]
    incident_notes: Vec<Note>,
    data_owner_name: Option<String>,
    data_owner_email: Option<String>,
    prevent_or_protect_status: Option<String>,
    remediation_location: Option<String>,
    #[serde(default)]
    incident_custom_attributes: Vec<Attribute>,
    is_hidden: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewNote)]
struct Note {
    note: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = AttributeValue)]
struct Attribute {
    #[serde(alias = "index")]
    #[serde(rename = "columnIndex")]
    column_index: u64,
    value: String,
}

/// The incidents that were named.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Updated {
    updated_incident_ids: Vec<u64>,
    /// There are no such incidents for this role.
    not_found_incident_ids: Vec<u64>,
}

/// Changes incidents: all of it or nothing.
#[utoipa::path(patch, path = "/incidents", tag = "incidents", request_body = Asked, responses((status = 200, body = Updated)))]
pub(super) async fn change(State(console): State<Console>, viewer: Viewer, body: Bytes) -> Answer {
    viewer.require(Privilege::ApiIncidentUpdate)?;
    let asked: Asked = read(&body)?;
    asked.check()?;
    let changes = changes(&console, &asked).await?;
    if changes.is_empty() {
        return Err(
            Problem::Bad("The request changes nothing: name what is to be different.".to_owned()).into()
        );
    }
    let count = asked.incident_ids.len();
    let desk =
        console.desk.noting(viewer.entry("INCIDENTS_CHANGED_BY_API", &format!("{count} incidents"), ""));
    let results = desk.change(&access(&viewer), &actor(&viewer), &asked.incident_ids, &changes).await?;
    let results = results.map_err(Problem::Bad)?;
    let of = |wanted: &[Changed]| {
        results.iter().filter(|(_, one)| wanted.contains(one)).map(|(id, _)| *id).collect::<Vec<u64>>()
    };
    Ok(Json(Updated {
        updated_incident_ids: of(&[Changed::Done, Changed::Unchanged]),
        not_found_incident_ids: of(&[Changed::NotThere]),
    })
    .into_response())
}

impl Asked {
    /// Refuses what would keep others waiting for long.
    fn check(&self) -> Result<(), Problem> {
        let bad = |why: String| Err(Problem::Bad(why));
        if self.incident_ids.is_empty() || self.incident_ids.len() > MOST {
            return bad(format!("incidentIds names 1 to {MOST} incidents."));
        }
        if self.incident_notes.len() > NOTES {
            return bad(format!("incidentNotes has at most {NOTES} notes."));
        }
        let mut attributes = BTreeSet::new();
        if let Some(twice) =
            self.incident_custom_attributes.iter().find(|one| !attributes.insert(one.column_index))
        {
            let index = twice.column_index;
            return bad(format!("incidentCustomAttributes names the attribute {index} more than once."));
        }
        let single = [
            self.incident_status_id.is_some(),
            self.severity.is_some(),
            self.data_owner_name.is_some(),
            self.data_owner_email.is_some(),
            self.prevent_or_protect_status.is_some(),
            self.remediation_location.is_some(),
            self.is_hidden.is_some(),
        ];
        let changes = single.iter().filter(|asked| **asked).count()
            + self.incident_notes.len()
            + self.incident_custom_attributes.len();
        if self.incident_ids.len() * changes > WORK {
            return bad(format!(
                "{} incidents with {changes} changes each are too many for one request: at most {WORK} changes, all taken together.",
                self.incident_ids.len()
            ));
        }
        Ok(())
    }
}

async fn changes(console: &Console, asked: &Asked) -> Answer<Vec<Change>> {
    let mut changes = Vec::new();
    let bad = |why: String| crate::console::Trouble(Problem::Bad(why));
    if let Some(id) = asked.incident_status_id {
        let statuses = console.desk.statuses().await?;
        let found = statuses.into_iter().find(|status| status.id == id);
        changes.push(Change::Status(found.ok_or_else(|| bad(format!("There is no status {id}.")))?.name));
    }
    if let Some(name) = &asked.severity {
        let found = [Severity::High, Severity::Medium, Severity::Low, Severity::Info]
            .into_iter()
            .find(|one| one.to_string().eq_ignore_ascii_case(name));
        changes.push(Change::Severity(
            found.ok_or_else(|| bad("severity is HIGH, MEDIUM, LOW or INFO.".to_owned()))?,
        ));
    }
    if let Some(name) = &asked.prevent_or_protect_status {
        let found = PREVENT_STATUSES.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name));
        let (id, ..) = found.ok_or_else(|| bad(format!("There is no preventOrProtectStatus {name:?}.")))?;
        changes.push(Change::PreventStatus(*id));
    }
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    changes.extend(asked.data_owner_name.as_ref().map(|name| Change::DataOwnerName(text(name))));
    changes.extend(asked.data_owner_email.as_ref().map(|address| Change::DataOwnerEmail(text(address))));
    changes.extend(asked.remediation_location.as_ref().map(|place| Change::RemediationLocation(text(place))));
    changes.extend(asked.is_hidden.map(Change::Hidden));
    changes.extend(asked.incident_notes.iter().map(|note| Change::Note(note.note.clone())));
    if !asked.incident_custom_attributes.is_empty() {
        let known = console.desk.attribute_definitions().await?;
        for attribute in &asked.incident_custom_attributes {
            let found = known.iter().find(|one| one.id == attribute.column_index);
            let found = found
                .ok_or_else(|| bad(format!("There is no custom attribute {}.", attribute.column_index)))?;
            changes.push(Change::Attribute(found.name.clone(), attribute.value.clone()));
        }
    }
    Ok(changes)
}
