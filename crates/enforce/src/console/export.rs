//! The list as CSV or JSON: with the same filters and the same view of the role; spreadsheets get text, never formulas.

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use incident::desk::Listed;
use incident::prevent_status_name;
use web::Viewer;
use web::people::Privilege;

use super::filter::Filter;
use super::seen::{access, redact_line};
use super::trouble::bad;
use super::{Answer, Console};

/// Lines of an export.
const MOST: u32 = 10_000;

const HEAD: &str = "number,received,severity,policy,policy number,sender,recipients,subject,matches,status,mail,detection server,owner,message id,unique message id\r\n";

pub(super) async fn csv(
    State(console): State<Console>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    let lines = lines(&console, &viewer, &pairs).await?;
    let mut out = String::from(HEAD);
    for line in &lines {
        let summary = &line.summary;
        let cells = [
            summary.id.to_string(),
            summary.received_at.to_string(),
            summary.severity.to_string(),
            summary.policy.clone(),
            summary.policy_id.to_string(),
            summary.sender.clone(),
            summary.recipients.join(" "),
            summary.subject.clone(),
            summary.matches.to_string(),
            summary.status.to_string(),
            prevent_status_name(summary.prevent_status).to_owned(),
            summary.server.clone(),
            line.owner.clone().unwrap_or_default(),
            summary.message_id.clone().unwrap_or_default(),
            summary.unique_message_id.clone(),
        ];
        out.push_str(&web::csv::line(cells.iter().map(String::as_str)));
    }
    Ok(file("text/csv; charset=utf-8", "incidents.csv", out))
}

pub(super) async fn json(
    State(console): State<Console>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    let lines = lines(&console, &viewer, &pairs).await?;
    let out = serde_json::to_string(&lines).map_err(|why| web::Problem::Internal(why.to_string()))?;
    Ok(file("application/json", "incidents.json", out))
}

async fn lines(console: &Console, viewer: &Viewer, pairs: &[(String, String)]) -> Answer<Vec<Listed>> {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let filter = Filter::read(pairs).map_err(bad)?;
    filter.allowed(viewer)?;
    let mut lines = console.desk.page(&access(viewer), &filter.search(MOST)).await?.rows;
    lines.iter_mut().for_each(|one| redact_line(viewer, one));
    viewer.log("incidents.export", &format!("{} incidents", lines.len()), &filter.query()).await?;
    Ok(lines)
}

fn file(kind: &'static str, name: &str, text: String) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], text)
        .into_response()
}
