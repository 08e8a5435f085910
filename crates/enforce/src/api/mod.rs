//! The interface for programs: the product's incident REST interface with its paths and JSON, so that existing connectors work,
//! and beside it our own for what the product's has not.
//!
//! `POST /incidents` asks for a list, `PATCH /incidents` changes, the rest tells of single incidents. Paths of the product's work
//! with and without a slash at their end. Dates are local without a zone there; this server's local time is UTC.
//!
//! Each route is described where it is written; [`document`] is what comes of it, and is served.

mod asked;
mod change;
mod components;
mod correlations;
mod listed;
mod overview;
mod respond;
mod single;
mod told;

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, body::Bytes};
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;
use web::people::Privilege;
use web::{Problem, Viewer};

use crate::Enforce;
use crate::console::{Answer, Console};

/// Where the product's incident interface begins.
pub(crate) const BASE: &str = "/ProtectManager/webservices/";
const V2: &str = "/ProtectManager/webservices/v2";
/// Where ours begins.
const OWN: &str = "/api/v1";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Weir Enforce",
        description = "The product's incident interface (v2), and beside it Weir's own. Authentication is basic, or an API token as a \
            bearer. A role sees and changes here what it does in the console."
    ),
    components(schemas(Refusal)),
    tags(
        (name = "incidents", description = "The product's incident interface."),
        (name = "responses", description = "Smart response rules, and what waits for a second person."),
        (name = "overview", description = "Servers, policies, counts, decisions at gateways, the audit log.")
    )
)]
struct Description;

/// What every request is answered with that is refused, or fails.
#[derive(Serialize, ToSchema)]
struct Refusal {
    /// The HTTP status.
    status: u16,
    /// What is wrong, in a few words.
    error: String,
    /// What to do.
    detail: String,
}

/// Its paths.
pub fn router(enforce: &Arc<Enforce>) -> Router {
    let (router, document) = described(&enforce.options.version);
    router.layer(Extension(Arc::new(document))).with_state(Console::new(enforce.clone()))
}

/// The interface in the form of OpenAPI.
pub fn document(version: &str) -> OpenApi {
    described(version).1
}

/// The routes, and what they say of themselves.
fn described(version: &str) -> (Router<Console>, OpenApi) {
    let product: Vec<UtoipaMethodRouter<Console>> = vec![
        routes!(list, change::change),
        routes!(told::statuses),
        routes!(told::prevent_statuses),
        routes!(told::attributes),
        routes!(single::static_attributes),
        routes!(single::editable_attributes),
        routes!(single::history),
        routes!(single::notes),
        routes!(single::policy_matches),
        routes!(correlations::correlations),
        routes!(components::components),
        routes!(components::component),
        routes!(components::matches),
        routes!(components::form_image),
        routes!(single::message_body),
        routes!(single::original),
        routes!(logoff),
    ];
    let (mut v2, mut slashes) = (OpenApiRouter::new(), Router::new());
    for (schemas, paths, methods) in product {
        for path in paths.paths.keys() {
            slashes = slashes.route(&format!("{V2}{path}/"), methods.clone());
            // Published connectors of later releases write it so.
            if let Some(start) = path.strip_suffix("policyMatches") {
                for end in ["policymatches", "policymatches/"] {
                    slashes = slashes.route(&format!("{V2}{start}{end}"), methods.clone());
                }
            }
        }
        v2 = v2.routes((schemas, paths, methods));
    }
    let own = OpenApiRouter::new()
        .routes(routes!(respond::rules))
        .routes(routes!(respond::respond))
        .routes(routes!(respond::waiting))
        .routes(routes!(respond::confirm))
        .routes(routes!(respond::decline))
        .routes(routes!(overview::servers))
        .routes(routes!(overview::policies))
        .routes(routes!(overview::versions))
        .routes(routes!(overview::summary))
        .routes(routes!(overview::copies))
        .routes(routes!(overview::audit))
        .routes(routes!(openapi));
    let described = OpenApiRouter::with_openapi(Description::openapi()).nest(V2, v2).nest(OWN, own);
    let (router, mut document) = described.split_for_parts();
    version.clone_into(&mut document.info.version);
    complete(&mut document);
    (router.merge(slashes), document)
}

/// What is true of every route: how one proves who one is, and how refusals look.
fn complete(document: &mut OpenApi) {
    if let Some(components) = &mut document.components {
        let scheme = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        components.add_security_scheme("password", scheme(HttpAuthScheme::Basic));
        components.add_security_scheme("token", scheme(HttpAuthScheme::Bearer));
    }
    let either = ["password", "token"].map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
    document.security = Some(either.to_vec());
    let refusal = ResponseBuilder::new()
        .description("Refused, or failed.")
        .content(
            "application/json",
            ContentBuilder::new().schema(Some(Ref::from_schema_name("Refusal"))).build(),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), refusal.clone().into());
        }
    }
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

/// Incidents of a page.
#[derive(Serialize, ToSchema)]
struct Listed {
    /// Each with the fields that were asked for.
    #[schema(value_type = Vec<listed::ListedIncident>)]
    incidents: Vec<serde_json::Value>,
}

/// Incidents that meet a filter, with the fields that are wanted.
#[utoipa::path(post, path = "/incidents", tag = "incidents", request_body = asked::Asked, responses((status = 200, body = Listed)))]
async fn list(State(console): State<Console>, viewer: Viewer, body: Bytes) -> Answer {
    may_read(&viewer)?;
    let asked: asked::Asked = read(&body)?;
    let statuses = console.desk.statuses().await?;
    let incidents = asked::answer(&console, &viewer, asked, &statuses).await?;
    Ok(Json(Listed { incidents }).into_response())
}

/// Nothing.
#[derive(Serialize, ToSchema)]
struct Nothing {}

/// Ends nothing: each request proves who it is from.
#[utoipa::path(method(get, post), path = "/logoff", tag = "incidents", responses((status = 200, body = Nothing)))]
async fn logoff(_: Viewer) -> Response {
    Json(Nothing {}).into_response()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "responses", responses((status = 200, body = Object)))]
async fn openapi(_: Viewer, Extension(document): Extension<Arc<OpenApi>>) -> Response {
    Json(&*document).into_response()
}
