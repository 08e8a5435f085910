//! The interface for programs: the product's incident REST interface with its paths and JSON, so that existing connectors work.
//!
//! `POST /incidents` asks for a list, `PATCH /incidents` changes, the rest tells of single incidents. Paths work with and without
//! a slash at their end. Dates are local without a zone there; this server's local time is UTC.

mod asked;
mod change;
mod single;
mod told;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, body::Bytes};
use serde_json::{Value, json};
use web::people::Privilege;
use web::{Problem, Viewer};

use crate::Enforce;
use crate::console::{Answer, Console};

/// Where the product's incident interface begins.
pub(crate) const BASE: &str = "/ProtectManager/webservices/";
const V2: &str = "/ProtectManager/webservices/v2";

/// Its paths.
pub fn router(enforce: &Arc<Enforce>) -> Router {
    let routes: [(&str, MethodRouter<Console>); 15] = [
        ("/incidents", post(list).patch(change::change)),
        ("/incidents/statuses", get(told::statuses)),
        ("/incidents/protectOrPreventStatuses", get(told::prevent_statuses)),
        ("/incidents/customAttributes", get(told::attributes)),
        ("/incidents/{id}/staticAttributes", get(single::static_attributes)),
        ("/incidents/{id}/editableAttributes", get(single::editable_attributes)),
        ("/incidents/{id}/history", get(single::history)),
        ("/incidents/{id}/notes", get(single::notes)),
        ("/incidents/{id}/policyMatches", get(single::policy_matches)),
        ("/incidents/{id}/correlations", get(single::correlations)),
        ("/incidents/{id}/components", get(single::components)),
        ("/incidents/{id}/components/matches", get(single::matches)),
        ("/incidents/{id}/messageBody", get(single::message_body)),
        ("/incidents/{id}/originalMessage", get(single::original)),
        ("/logoff", post(logoff).get(logoff)),
    ];
    let mut router = Router::new();
    for (path, methods) in routes {
        router =
            router.route(&format!("{V2}{path}"), methods.clone()).route(&format!("{V2}{path}/"), methods);
    }
    router.with_state(Console::new(enforce.clone()))
}

/// Reading needs the one, changing the other privilege of the interface.
fn may_read(viewer: &Viewer) -> Result<(), Problem> {
    viewer.require(Privilege::ApiIncidentView)?;
    viewer.require(Privilege::ViewNetworkIncidents)
}

/// A body in JSON, whatever its declared type: connectors differ.
fn read<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|why| Problem::Bad(format!("The request's JSON cannot be taken: {why}.")))
}

async fn list(State(console): State<Console>, viewer: Viewer, body: Bytes) -> Answer {
    may_read(&viewer)?;
    let asked: asked::Asked = read(&body)?;
    let statuses = console.desk.statuses().await?;
    let incidents = asked::answer(&console, &viewer, asked, &statuses).await?;
    Ok(Json(json!({ "incidents": incidents })).into_response())
}

/// There is no session to end: each request proves who it is from.
async fn logoff(_: Viewer) -> Response {
    Json(Value::Object(serde_json::Map::new())).into_response()
}
