//! The list as CSV or JSON: with the same filters and the same view of the role; spreadsheets get text, never formulas. Made page
//! by page while it is sent.

use std::io;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use incident::desk::{Listed, Search};
use incident::prevent_status_name;
use web::Viewer;
use web::people::Privilege;

use super::filter::Filter;
use super::seen::{access, redact_line};
use super::{Answer, Console};
use crate::stream::{self, Pieces};

/// Lines that are read at a time.
const LINES: u32 = 1_000;

const HEAD: &str = "number,received,severity,policy,policy number,sender,recipients,subject,matches,status,mail,detection server,owner,message id,unique message id\r\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Json,
}

pub(super) async fn csv(
    State(console): State<Console>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    let made = export(console, viewer, &pairs, Form::Csv).await?;
    Ok(file("text/csv; charset=utf-8", "incidents.csv", made))
}

pub(super) async fn json(
    State(console): State<Console>,
    viewer: Viewer,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    let made = export(console, viewer, &pairs, Form::Json).await?;
    Ok(file("application/json", "incidents.json", made))
}

async fn export(
    console: Console,
    viewer: Viewer,
    pairs: &[(String, String)],
    form: Form,
) -> Answer<axum::body::Body> {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let filter = Filter::asked(&console.desk, &viewer, pairs).await?;
    let search = filter.search(LINES);
    let count = console.desk.count(&access(&viewer), &search.condition).await?;
    viewer.log("INCIDENTS_EXPORTED", &format!("{count} incidents"), &filter.query()).await?;
    let (pieces, body) = stream::body();
    tokio::spawn(async move {
        if let Err(error) = write(&console, &viewer, search, form, &pieces).await {
            tracing::error!(%error, "an export broke off");
            let _ = pieces.send(Err(error)).await;
        }
    });
    Ok(body)
}

async fn write(
    console: &Console,
    viewer: &Viewer,
    mut search: Search,
    form: Form,
    pieces: &Pieces,
) -> io::Result<()> {
    let access = access(viewer);
    let mut text = if form == Form::Csv { HEAD.to_owned() } else { "[".to_owned() };
    let mut is_first = true;
    loop {
        let page = console.desk.page(&access, &search).await.map_err(io::Error::other)?;
        let after = page.rows.last().map(|line| line.key.clone());
        for mut line in page.rows {
            redact_line(viewer, &mut line);
            match form {
                Form::Csv => row(&line, &mut text),
                Form::Json => {
                    if !is_first {
                        text.push_str(",\n");
                    }
                    text.push_str(&serde_json::to_string(&line)?);
                }
            }
            is_first = false;
        }
        if !page.more_after {
            break;
        }
        search.after = after;
        if pieces.send(Ok(Bytes::from(std::mem::take(&mut text)))).await.is_err() {
            return Ok(());
        }
    }
    if form == Form::Json {
        text.push(']');
    }
    let _ = pieces.send(Ok(Bytes::from(text))).await;
    Ok(())
}

fn row(line: &Listed, out: &mut String) {
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

fn file(kind: &'static str, name: &str, body: axum::body::Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response()
}
