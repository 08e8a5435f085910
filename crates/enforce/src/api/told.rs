//! What the interface tells beside incidents: statuses, attributes; and how it writes dates.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use incident::PREVENT_STATUSES;
use incident::desk::{AttributeDefinition, StatusRow};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;
use web::Viewer;

use super::may_read;
use crate::console::{Answer, Console};

/// Local ISO with milliseconds and no zone.
pub(super) fn local(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3f").to_string()
}

/// Milliseconds since 1970 of such a date; one with a zone is taken too.
pub(super) fn read_local(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil: DateTime = text.parse().ok()?;
    TimeZone::UTC.to_timestamp(civil).ok().map(Timestamp::as_millisecond)
}

/// The number of a status.
pub(super) fn status_id(statuses: &[StatusRow], name: &str) -> Option<u64> {
    statuses.iter().find(|status| status.name == name).map(|status| status.id)
}

/// A number and a name.
#[derive(Serialize, ToSchema)]
struct Named {
    id: i64,
    name: String,
}

/// A custom attribute.
#[derive(Serialize, ToSchema)]
struct Attribute {
    /// Its column index.
    id: u64,
    name: String,
    group: String,
    /// Its place among others.
    position: i64,
    /// It holds an address.
    is_email: bool,
}

impl From<AttributeDefinition> for Attribute {
    fn from(row: AttributeDefinition) -> Self {
        let AttributeDefinition { id, name, group, position, is_email } = row;
        Self { id, name, group, position, is_email }
    }
}

/// The workflow statuses.
#[utoipa::path(get, path = "/incidents/statuses", tag = "incidents", responses((status = 200, body = Vec<Named>)))]
pub(super) async fn statuses(State(console): State<Console>, viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let statuses = console.desk.statuses().await?;
    let told = statuses.into_iter().map(|status| Named { id: status.id as i64, name: status.name });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

/// What can become of a mail.
#[utoipa::path(get, path = "/incidents/protectOrPreventStatuses", tag = "incidents", responses((status = 200, body = Vec<Named>)))]
pub(super) async fn prevent_statuses(viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let told = PREVENT_STATUSES.iter().map(|(id, name, _)| Named { id: *id, name: (*name).to_owned() });
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

/// The custom attributes that there are.
#[utoipa::path(get, path = "/incidents/customAttributes", tag = "incidents", responses((status = 200, body = Vec<Attribute>)))]
pub(super) async fn attributes(State(console): State<Console>, viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let told = console.desk.attribute_definitions().await?.into_iter().map(Attribute::from);
    Ok(Json(told.collect::<Vec<_>>()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written_and_with_a_zone_too() {
        let at = Timestamp::from_millisecond(1_764_000_000_123).unwrap();
        assert_eq!(local(at), "2025-11-24T16:00:00.123");
        assert_eq!(read_local(&local(at)), Some(1_764_000_000_123));
        assert_eq!(read_local("2025-11-24T17:00:00.123+01:00"), Some(1_764_000_000_123));
        assert_eq!(read_local("2025-11-24T16:00:00"), Some(1_764_000_000_000));
        assert_eq!(read_local("yesterday"), None);
    }
}
