//! The audit log: searched, checked and exported. Exporting and checking are lines of it too.

use askama::Template;
use axum::Form;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::{address, day_of};
use crate::audit::{Audit, Line, Search, Verdict, to_csv, to_json_line};
use crate::layout::{Field, Html, Kind, Moment, Page, Pager};
use crate::people::Privilege;
use crate::session::Tone;
use crate::{Problem, Routes, Site, Viewer, hex, mail, piped};

/// Lines on a page.
const LINES: u32 = 100;
/// Lines read at a time for an export.
const STRIDE: i64 = 500;

pub(super) fn router() -> Routes<Site> {
    Routes::new()
        .route("/audit", get(list))
        .route("/audit/verify", post(verify))
        .route("/audit/export", post(export))
}

/// What is looked for: the address bar holds all of it.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Wanted {
    who: String,
    action: String,
    q: String,
    from: String,
    to: String,
    /// Whose days these are; UTC where it is empty.
    zone: String,
    below: String,
}

impl Wanted {
    fn search(&self) -> Result<Search, Problem> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let below = match text(&self.below) {
            Some(number) => Some(number.parse().map_err(|_| {
                Problem::Bad("The place in the log is not a number: begin at /audit again.".to_owned())
            })?),
            None => None,
        };
        Ok(Search {
            who: text(&self.who),
            action: text(&self.action).map(|action| action.to_uppercase()),
            text: text(&self.q),
            from: day_of(&self.from, &self.zone)?.map(|(begin, _)| begin.as_millisecond()),
            to: day_of(&self.to, &self.zone)?.map(|(_, next)| next.as_millisecond()),
            below,
            limit: LINES + 1,
        })
    }

    fn address(&self, below: &str) -> String {
        let Self { who, action, q, from, to, .. } = self;
        let zone = if from.is_empty() && to.is_empty() { "" } else { &self.zone };
        let pairs =
            [("who", who.as_str()), ("action", action), ("q", q), ("from", from), ("to", to), ("zone", zone)];
        address("/audit", &[&pairs[..], &[("below", below)]].concat())
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    form: Html,
    filters: Vec<Field>,
    /// Of its days; the reader's own where scripts run.
    zone: String,
    filtered: bool,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    number: i64,
    at: Moment,
    who: Html,
    role: String,
    peer: String,
    action: String,
    subject: Html,
    detail: Html,
    hash: String,
}

fn row(line: Line) -> Row {
    Row {
        number: line.number,
        at: Moment(line.at),
        who: mail::line(&line.actor.who, 100),
        role: line.actor.role,
        peer: line.actor.peer,
        action: line.action,
        subject: mail::line(&line.subject, 200),
        detail: mail::line(&line.detail, 400),
        hash: hex(&line.hash),
    }
}

async fn list(
    State(site): State<Site>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ReadAudit)?;
    let mut lines = site.audit().search(&wanted.search()?).await?;
    let more = lines.len() > LINES as usize;
    lines.truncate(LINES as usize);
    let after = lines.last().filter(|_| more).map(|line| wanted.address(&line.number.to_string()));
    let shown = match (lines.first(), lines.last()) {
        (Some(first), Some(last)) => format!("Lines {} to {}", first.number, last.number),
        _ => String::new(),
    };
    let first = (!wanted.below.is_empty()).then(|| wanted.address(""));
    let field = |kind, name, label, value: &str| Field::new(kind, name, label).value(value);
    let asked = !wanted.from.is_empty() || !wanted.to.is_empty();
    let zone = if wanted.zone.is_empty() { "UTC" } else { &wanted.zone };
    let days = if asked { format!("Days of {zone}.") } else { String::new() };
    let content = AuditPage {
        form: viewer.form(),
        filters: vec![
            field(Kind::Search, "q", "Subject or detail contains", &wanted.q),
            field(Kind::Text, "who", "Who", &wanted.who),
            field(Kind::Text, "action", "Action", &wanted.action),
            field(Kind::Date, "from", "From", &wanted.from).hint(&days),
            field(Kind::Date, "to", "To", &wanted.to).hint(&days),
        ],
        zone: wanted.zone.clone(),
        filtered: wanted.address("") != "/audit",
        rows: lines.into_iter().map(row).collect(),
        pager: Pager { shown, first, before: None, after },
    };
    Page::new(&viewer, "Audit log").wide().show(&content)
}

async fn verify(State(site): State<Site>, viewer: Viewer) -> Result<Response, Problem> {
    viewer.require(Privilege::ReadAudit)?;
    let (tone, text) = match site.audit().verify().await? {
        Verdict::Whole { lines, head } => (
            Tone::Done,
            format!("All {lines} lines are as they were written. The last one's hash: {}", hex(&head)),
        ),
        Verdict::Broken { at } => (
            Tone::Trouble,
            format!(
                "Line {at} is not as it was written, or is missing: somebody changed the log in the database."
            ),
        ),
    };
    viewer.log("AUDIT_VERIFIED", "audit log", &text).await?;
    viewer.say(tone, text).await?;
    Ok(Redirect::to("/audit").into_response())
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

async fn export(
    State(site): State<Site>,
    viewer: Viewer,
    Form(format): Form<Format>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ReadAudit)?;
    let (kind, file, write, head): (_, _, fn(&Line) -> String, _) = match format.format.as_str() {
        "csv" => ("text/csv; charset=utf-8", "audit.csv", to_csv, crate::audit::HEAD),
        "json" => ("application/x-ndjson", "audit.jsonl", to_json_line, ""),
        _ => return Err(Problem::Bad("The format is csv or json.".to_owned())),
    };
    viewer.log("AUDIT_EXPORTED", "audit log", file).await?;
    let head_of = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
    ];
    Ok((head_of, stream(site.audit().clone(), write, head)).into_response())
}

/// All lines, a page at a time, as fast as they are taken.
fn stream(audit: Audit, write: fn(&Line) -> String, head: &'static str) -> Body {
    let (pipe, body) = piped();
    tokio::spawn(async move {
        if !head.is_empty() && !pipe.send(head).await {
            return;
        }
        let mut number = 0;
        loop {
            let lines = match audit.after(number, STRIDE).await {
                Ok(lines) => lines,
                Err(error) => return pipe.fail(error).await,
            };
            let Some(last) = lines.last() else { return };
            number = last.number;
            if !pipe.send(lines.iter().map(write).collect::<String>()).await {
                return;
            }
        }
    });
    body
}
