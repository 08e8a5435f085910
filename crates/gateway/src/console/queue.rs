//! The delivery queue: what waits, since when and why; tried again or taken out by hand.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Pager, plot::grouped};
use web::people::{Hidden, Privilege};
use web::session::Tone;
use web::{Problem, Viewer, mail, pages};

use super::list::number;
use super::reach::{Reach, who};
use super::seen::{OfMail, Seen};
use super::{Center, words};
use crate::{QueueFilter, QueueLine, QueueState};

const LINES: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    recipient: String,
    after: String,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    form: Html,
    recipient: Option<Field>,
    filtered: bool,
    total: String,
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    id: u64,
    state: Chip,
    sender: Html,
    recipient: Html,
    destination: String,
    reason: String,
    message: u64,
    attempts: u64,
    due: Moment,
    queued: Moment,
    expires: Moment,
    error: Option<Html>,
    movable: bool,
}

fn row(line: &Seen<QueueLine>) -> Row {
    let sender = if line.sender.is_empty() { "<>" } else { &line.sender };
    Row {
        id: line.id,
        state: words::queue_state(line.state),
        sender: mail::line(sender, 80),
        recipient: mail::line(&line.recipient, 120),
        destination: line.destination.clone(),
        reason: line.reason.clone(),
        message: line.message,
        attempts: line.attempts,
        due: Moment(line.due_at.as_millisecond()),
        queued: Moment(line.queued_at.as_millisecond()),
        expires: Moment(line.expires_at.as_millisecond()),
        error: line.last_error.as_deref().map(|error| mail::line(error, 300)),
        movable: matches!(line.state, QueueState::Waiting | QueueState::Unknown),
    }
}

/// `GET /queue`
pub(super) async fn list(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageQueue)?;
    let recipient = wanted.recipient.trim();
    // The gateway's own letters go to senders: who must not know these does not search among recipients either.
    let asked = !recipient.is_empty();
    viewer.may_ask_by(&[(Hidden::Recipients, asked), (Hidden::Sender, asked)])?;
    let may_ask = !viewer.hides(Hidden::Recipients) && !viewer.hides(Hidden::Sender);
    let filter = QueueFilter {
        bounds: Reach::whatever(&center, &viewer).await?.bounds(),
        recipient: Some(recipient.to_owned()).filter(|text| !text.is_empty()),
        after: number("place in the list", &wanted.after)?,
        limit: LINES,
        ..QueueFilter::default()
    };
    let page = center.gateway.queue(&filter).await?;
    let address = |after: Option<u64>| {
        let after = after.map(|after| after.to_string()).unwrap_or_default();
        pages::address("/queue", &[("recipient", recipient), ("after", &after)])
    };
    let content = QueuePage {
        form: viewer.form(),
        recipient: may_ask
            .then(|| Field::new(Kind::Search, "recipient", "Recipient contains").value(recipient)),
        filtered: !recipient.is_empty(),
        total: grouped(page.total),
        pager: Pager {
            shown: format!(
                "{} shown of {} in the queue, oldest first",
                page.entries.len(),
                grouped(page.total)
            ),
            first: filter.after.map(|_| address(None)),
            before: None,
            after: page.next.map(|next| address(Some(next))),
        },
        rows: page.entries.into_iter().map(|line| row(&line.seen_by(&viewer))).collect(),
    };
    Page::new(&viewer, "Delivery queue").wide().show(&content)
}

/// `POST /queue/act`
pub(super) async fn act(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::ManageQueue)?;
    let values = |wanted: &'static str| {
        pairs.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let ids: Vec<u64> = values("id")
        .map(|id| id.parse().map_err(|_| Problem::Bad("The number of an entry cannot be read.".to_owned())))
        .collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Err(Problem::Unfit("Choose at least one entry.".to_owned()));
    }
    let chosen = ids.len();
    let bounds = Reach::whatever(&center, &viewer).await?.bounds();
    let filter = QueueFilter { bounds, limit: chosen, ids: Some(ids), ..QueueFilter::default() };
    let ids: Vec<u64> = center.gateway.queue(&filter).await?.entries.iter().map(|entry| entry.id).collect();
    let named = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let text = match values("action").next() {
        Some("retry") => {
            let entry = viewer.entry("QUEUE_RETRY", &format!("queue entries {named}"), "");
            let count = center.gateway.noting(entry).retry(&ids, &who(&viewer)).await?;
            format!("{count} of {chosen} entries are tried now.")
        }
        Some("drop") => {
            let entry = viewer.entry("QUEUE_DROP", &format!("queue entries {named}"), "");
            let count = center.gateway.noting(entry).drop_entries(&ids, &who(&viewer)).await?;
            format!("{count} of {chosen} entries are taken out for good.")
        }
        _ => return Err(Problem::Bad("The action is retry or drop.".to_owned())),
    };
    viewer.say(Tone::Done, text).await?;
    Ok(Redirect::to("/queue").into_response())
}
