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

use super::columns::{Attributes, Column, attributes};
use super::filter::Filter;
use super::seen::{access, redact_line};
use super::{Answer, Console};
use crate::stream::{self, Pieces};

/// Lines that are read at a time.
const LINES: u32 = 1_000;

const HEAD: [&str; 15] = [
    "number",
    "received",
    "severity",
    "policy",
    "policy number",
    "sender",
    "recipients",
    "subject",
    "matches",
    "status",
    "mail",
    "detection server",
    "owner",
    "message id",
    "unique message id",
];

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
    let (search, mut columns) = (filter.search(LINES), filter.columns.clone());
    // The usual ones have these already.
    columns.retain(|column| !matches!(column, Column::Server | Column::MessageId));
    let count = console.desk.count(&access(&viewer), &search.condition).await?;
    viewer.log("INCIDENTS_EXPORTED", &format!("{count} incidents"), &filter.query()).await?;
    let (pieces, body) = stream::body();
    tokio::spawn(async move {
        if let Err(error) = write(&console, &viewer, (search, columns), form, &pieces).await {
            tracing::error!(%error, "an export broke off");
            let _ = pieces.send(Err(error)).await;
        }
    });
    Ok(body)
}

async fn write(
    console: &Console,
    viewer: &Viewer,
    (mut search, columns): (Search, Vec<Column>),
    form: Form,
    pieces: &Pieces,
) -> io::Result<()> {
    let access = access(viewer);
    let titles = columns.iter().map(Column::title);
    let mut text = match form {
        Form::Csv => web::csv::line(HEAD.iter().copied().chain(titles)),
        Form::Json => "[".to_owned(),
    };
    let mut is_first = true;
    loop {
        let page = console.desk.page(&access, &search).await.map_err(io::Error::other)?;
        let after = page.rows.last().map(|line| line.key.clone());
        let attributes = match attributes(console, &columns, &page.rows).await {
            Ok(attributes) => attributes,
            Err(_) => return Err(io::Error::other("the custom attributes cannot be read")),
        };
        for mut line in page.rows {
            redact_line(viewer, &mut line);
            match form {
                Form::Csv => row(&line, &columns, &attributes, &mut text),
                Form::Json => {
                    if !is_first {
                        text.push_str(",\n");
                    }
                    text.push_str(&object(&line, &columns, &attributes)?);
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

/// An incident with the columns that were asked for, by their words in the address bar.
fn object(line: &Listed, columns: &[Column], attributes: &Attributes) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(line)?;
    if let (Some(fields), false) = (value.as_object_mut(), columns.is_empty()) {
        let more = columns.iter().map(|one| (one.word(), one.text(line, attributes).into()));
        fields.insert("columns".to_owned(), serde_json::Value::Object(more.collect()));
    }
    serde_json::to_string(&value)
}

fn row(line: &Listed, columns: &[Column], attributes: &Attributes, out: &mut String) {
    let summary = &line.summary;
    let usual = [
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
    let more: Vec<String> = columns.iter().map(|column| column.text(line, attributes)).collect();
    out.push_str(&web::csv::line(usual.iter().chain(&more).map(String::as_str)));
}

fn file(kind: &'static str, name: &str, body: axum::body::Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], body)
        .into_response()
}
