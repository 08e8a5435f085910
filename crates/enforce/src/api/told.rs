//! What the interface tells beside incidents: statuses, attributes; and how it writes dates.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use incident::PREVENT_STATUSES;
use incident::desk::StatusRow;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
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

pub(super) async fn statuses(State(console): State<Console>, viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let statuses = console.desk.statuses().await?;
    let told: Vec<Value> =
        statuses.iter().map(|status| json!({ "id": status.id, "name": status.name })).collect();
    Ok(Json(told).into_response())
}

pub(super) async fn prevent_statuses(viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    let told: Vec<Value> =
        PREVENT_STATUSES.iter().map(|(id, name, _)| json!({ "id": id, "name": name })).collect();
    Ok(Json(told).into_response())
}

pub(super) async fn attributes(State(console): State<Console>, viewer: Viewer) -> Answer {
    may_read(&viewer)?;
    Ok(Json(console.desk.attribute_definitions().await?).into_response())
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
