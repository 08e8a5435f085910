//! One incident on one page: what happened and why, what belongs to it, who did what, and what can be done.

use askama::Template;
use axum::extract::{Path, Query, State};
use incident::desk::{Correlations, Count, Look};
use incident::wire::CopyState;
use incident::{Match, MessageState, Severity, Summary};
use web::layout::{Chip, Html, Moment, Page, Size, Tint};
use web::mail::{line, passage};
use web::pages::encoded;
use web::people::{Hidden, Privilege};
use web::{Problem, Viewer};

use super::filter::Filter;
use super::list::{Row, next, prevent_chip};
use super::near_miss::{is_false_positive, may_make};
use super::once::new_once;
use super::second::{self, Waiting};
use super::seen::{access, correlated, plain, recipient, redact_look, sees_history, words};
use super::{Answer, Console};

/// Matches shown of one place.
const MATCHES: usize = 200;

#[derive(Template)]
#[template(path = "snapshot.html")]
struct Snapshot {
    form: Html,
    once: String,
    /// For the form that hides it.
    once_hidden: String,
    id: u64,
    query: String,
    severity: Chip,
    status: Chip,
    status_name: String,
    prevent: Chip,
    trial: bool,
    policy: String,
    policy_id: u32,
    policy_version: String,
    policy_set: String,
    subject: Html,
    sender: Html,
    recipients: Vec<Html>,
    copies: Vec<Copy>,
    waiting: Vec<Waiting>,
    message_id: Html,
    unique_id: String,
    peer: String,
    direction: String,
    server: String,
    received: Moment,
    seen: Moment,
    size: Size,
    rules_acted: Vec<String>,
    match_count: u64,
    complete: bool,
    masked: bool,
    places: Vec<Place>,
    unscannable: Vec<(Html, String)>,
    siblings: Vec<Row>,
    linked_to: Option<u64>,
    correlations: Vec<(Html, String, String)>,
    history: Option<Vec<Line>>,
    notes: Vec<Line>,
    attributes: Vec<(String, String)>,
    /// Those that can be set.
    attribute_names: Vec<String>,
    /// Whether attributes can be looked up.
    looks_up: bool,
    /// What is to be said of a lookup that waits.
    lookup: Option<Waits>,
    owner: String,
    /// Who may be given it.
    owners: Vec<String>,
    /// The data owner's name and address.
    data_owner: (String, String),
    /// Whether the role sees who that is.
    sees_people: bool,
    remediation_location: String,
    /// It stands in no list that does not ask for it.
    hidden: bool,
    false_positive: bool,
    statuses: Vec<String>,
    severity_name: String,
    severities: Vec<(String, bool)>,
    rules: Vec<(u64, String, String)>,
    remediates: bool,
    sees_original: bool,
    original_kept: bool,
    authors: bool,
    next: Option<String>,
}

/// One recipient's copy, where a gateway told of it.
struct Copy {
    recipient: Html,
    state: Chip,
    gateway: String,
    who: Html,
    note: Html,
    at: Moment,
}

fn copy(state: &MessageState) -> Copy {
    let (words, tint) = match state.state {
        CopyState::Held => ("held", Tint::Warn),
        CopyState::Approved => ("approved", Tint::Good),
        CopyState::Rejected => ("rejected", Tint::Bad),
        CopyState::Custom => ("custom action taken", Tint::Info),
        CopyState::Expunged => ("expunged", Tint::Plain),
        CopyState::Delivered => ("delivered", Tint::Good),
        CopyState::DeliveryFailed => ("delivery failed", Tint::Severe),
    };
    Copy {
        recipient: line(&state.recipient, 300),
        state: Chip::new(words, tint),
        gateway: plain(&state.gateway),
        who: line(&state.who, 100),
        note: line(&state.note, 500),
        at: Moment(state.at.as_millisecond()),
    }
}

/// A lookup that is not over.
struct Waits {
    next: Moment,
    attempts: u64,
    trouble: Html,
}

/// Matches of one place in the message.
struct Place {
    path: Html,
    kind: String,
    found: Vec<Found>,
    more: usize,
}

struct Found {
    passage: Html,
    rule: String,
    condition: String,
    validator: String,
}

struct Line {
    at: Moment,
    who: String,
    origin: String,
    action: String,
    detail: Html,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let filter = Filter::asked(&console.desk, &viewer, &pairs).await?;
    let access = access(&viewer);
    let look = console.desk.look(&access, id).await?.ok_or(Problem::NotFound)?;
    if viewer.may_see_matches() {
        viewer.log("MATCHES_SEEN", &format!("incident {id}"), "matches shown unmasked").await?;
    }
    let found = console.desk.correlations(&access, &correlated(&viewer, &look.incident)).await?;
    let next = next(&console, &viewer, &filter, id).await?;
    let query = filter.query();
    let states = match viewer.hides(Hidden::Recipients) {
        true => Vec::new(),
        false => console.enforce.journal.message_states(&look.incident.summary.unique_message_id).await?,
    };
    let statuses = console.desk.statuses().await?;
    let now = look.incident.summary.status.to_string();
    let content = Snapshot {
        false_positive: statuses.iter().any(|one| one.name == now && is_false_positive(one)),
        copies: states
            .iter()
            .take(500)
            .map(|state| Copy {
                recipient: line(&recipient(&viewer, &look.incident.summary.sender, &state.recipient), 300),
                note: line(&words(&viewer, &look.incident.summary, &state.note), 500),
                ..copy(state)
            })
            .collect(),
        waiting: second::waiting(&console, &viewer, Some(id)).await?,
        next: next.map(|id| format!("/incidents/{id}?{query}")),
        statuses: statuses.into_iter().map(|one| one.name).collect(),
        attribute_names: attribute_names(&console, &viewer).await?,
        owners: match viewer.may(Privilege::RemediateIncidents) {
            true => super::owners::owners(&console, id).await?,
            false => Vec::new(),
        },
        rules: rules(&console, &viewer).await?,
        correlations: correlations(&viewer, &look.incident.summary, found),
        looks_up: !console.enforce.lookups.is_empty(),
        lookup: console.desk.lookup_waits(id).await?.map(|waits| Waits {
            next: Moment(waits.due.as_millisecond()),
            attempts: waits.attempts,
            // A program's own words, about people whom it was asked about.
            trouble: match viewer.hides(Hidden::Sender) || viewer.hides(Hidden::Recipients) {
                true if !waits.trouble.is_empty() => line(web::NOT_SHOWN, 500),
                _ => line(&waits.trouble, 500),
            },
        }),
        ..content(&viewer, look, query)
    };
    let page = Page::new(&viewer, format!("Incident {id}")).within("/incidents");
    Ok(page.below("Incidents", format!("/incidents?{}", filter.query())).show(&content)?)
}

async fn rules(console: &Console, viewer: &Viewer) -> Answer<Vec<(u64, String, String)>> {
    if !viewer.may(Privilege::RemediateIncidents) {
        return Ok(Vec::new());
    }
    let rules = console.responses.rules().await?;
    Ok(rules.into_iter().map(|rule| (rule.id, rule.name.clone(), rule.words())).collect())
}

/// Custom attributes that can be set by this viewer.
pub(super) async fn attribute_names(console: &Console, viewer: &Viewer) -> Answer<Vec<String>> {
    if !viewer.may(Privilege::RemediateIncidents) {
        return Ok(Vec::new());
    }
    Ok(console.desk.attribute_definitions().await?.into_iter().map(|one| one.name).collect())
}

fn content(viewer: &Viewer, look: Look, query: String) -> Snapshot {
    let look = redact_look(viewer, look);
    let incident = look.incident;
    let summary = &incident.summary;
    let places = if viewer.hides(Hidden::Matches) { Vec::new() } else { places(&incident.matches) };
    let siblings = look.siblings;
    let text = |text: &Option<String>| plain(text.as_deref().unwrap_or_default());
    let line_of =
        |at: jiff::Timestamp, who: &str, origin: &Option<String>, action: &str, detail: &str| Line {
            at: Moment(at.as_millisecond()),
            who: plain(who),
            origin: origin.clone().unwrap_or_default(),
            action: spoken(action),
            detail: line(detail, 2_000),
        };
    let history = look
        .history
        .iter()
        .rev()
        .map(|one| line_of(one.at, &one.who, &one.origin, &one.action, &one.detail))
        .collect();
    Snapshot {
        form: viewer.form(),
        once: new_once(),
        once_hidden: new_once(),
        id: summary.id,
        query,
        severity: Chip::severity(&summary.severity.to_string()),
        status: Chip::status(summary.status.as_str()),
        status_name: summary.status.to_string(),
        prevent: prevent_chip(summary.prevent_status),
        trial: summary.trial,
        policy: plain(&summary.policy),
        policy_id: summary.policy_id,
        policy_version: incident.policy_version.clone(),
        policy_set: incident.policy_set.clone(),
        subject: line(if summary.subject.is_empty() { "(no subject)" } else { &summary.subject }, 1_000),
        sender: line(if summary.sender.is_empty() { "<>" } else { &summary.sender }, 400),
        recipients: summary.recipients.iter().take(500).map(|one| line(one, 400)).collect(),
        message_id: line(summary.message_id.as_deref().unwrap_or("none"), 400),
        unique_id: summary.unique_message_id.clone(),
        peer: text(&incident.peer),
        direction: plain(&incident.direction),
        server: plain(&summary.server),
        received: Moment(summary.received_at.as_millisecond()),
        seen: Moment(summary.last_seen.as_millisecond()),
        size: Size(incident.size),
        rules_acted: incident.response_rules.iter().map(|rule| plain(rule)).collect(),
        match_count: summary.matches,
        complete: incident.count_is_complete,
        masked: !viewer.may_see_matches(),
        places,
        unscannable: incident
            .unscannable
            .iter()
            .take(200)
            .map(|(path, reason)| {
                (line(if path.is_empty() { "the message" } else { path }, 300), plain(reason))
            })
            .collect(),
        siblings: siblings.iter().map(|one| Row::of(one, "", &[], &Default::default())).collect(),
        copies: Vec::new(),
        waiting: Vec::new(),
        linked_to: incident.linked_to,
        correlations: Vec::new(),
        history: sees_history(viewer).then_some(history),
        notes: look.notes.iter().map(|one| line_of(one.at, &one.who, &None, "", &one.text)).collect(),
        attributes: look.attributes.iter().map(|(name, value)| (plain(name), plain(value))).collect(),
        attribute_names: Vec::new(),
        looks_up: false,
        lookup: None,
        owner: text(&look.owner),
        owners: Vec::new(),
        data_owner: (text(&look.data_owner.0), text(&look.data_owner.1)),
        sees_people: !viewer.hides(Hidden::Sender),
        remediation_location: text(&look.remediation_location),
        hidden: look.hidden,
        false_positive: false,
        statuses: Vec::new(),
        severity_name: summary.severity.to_string(),
        severities: [Severity::High, Severity::Medium, Severity::Low, Severity::Info]
            .map(|one| (one.to_string(), one == summary.severity))
            .to_vec(),
        rules: Vec::new(),
        remediates: viewer.may(Privilege::RemediateIncidents),
        sees_original: viewer.may_see_original().is_ok(),
        original_kept: incident.original_kept,
        authors: may_make(viewer),
        next: None,
    }
}

/// An action as people say it: `SET_STATUS` is "Set status".
fn spoken(action: &str) -> String {
    let plain = action.to_lowercase().replace('_', " ");
    let mut chars = plain.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn places(matches: &[Match]) -> Vec<Place> {
    let mut places: Vec<(&str, &str, Vec<&Match>)> = Vec::new();
    for found in matches {
        match places.iter_mut().find(|(path, kind, _)| *path == found.path && *kind == found.kind) {
            Some((_, _, all)) => all.push(found),
            None => places.push((&found.path, &found.kind, vec![found])),
        }
    }
    places
        .into_iter()
        .map(|(path, kind, all)| Place {
            path: line(if path.is_empty() { "the message" } else { path }, 400),
            kind: plain(kind),
            more: all.len().saturating_sub(MATCHES),
            found: all.into_iter().take(MATCHES).map(found).collect(),
        })
        .collect()
}

fn found(found: &Match) -> Found {
    let text = format!("{}{}{}", found.before, found.text, found.after);
    let mark = found.before.len()..found.before.len() + found.text.len();
    Found {
        passage: passage(&text, std::slice::from_ref(&mark), 4_000),
        rule: plain(&found.rule),
        condition: plain(&found.condition),
        validator: plain(found.validator.as_deref().unwrap_or_default()),
    }
}

fn correlations(viewer: &Viewer, summary: &Summary, found: Correlations) -> Vec<(Html, String, String)> {
    let (sender, policy) = (summary.sender.as_str(), summary.policy_id);
    let mut rows = Vec::new();
    // A role that does not see senders asks by the name that stands for this one.
    let by_sender = match sender {
        "" => "/incidents?sender=%3C%3E".to_owned(),
        sender => format!("/incidents?sender={}", encoded(&viewer.sender(sender))),
    };
    if let Some(count) = found.sender {
        rows.push((Html::text("Same sender"), count.to_string(), by_sender.clone()));
    }
    if let Some(count) = found.policy_and_sender {
        let address = format!("{by_sender}&policy={policy}");
        rows.push((Html::text("Same sender and policy"), count.to_string(), address));
    }
    if !viewer.hides(Hidden::Recipients) {
        rows.extend(found.recipients.into_iter().map(|(address, count)| {
            let words =
                Html::new(format!("Same recipient {}", line(&recipient(viewer, sender, &address), 100)));
            let link = match viewer.hides(Hidden::Sender) {
                true => String::new(),
                false => format!("/incidents?recipient={}", encoded(&address)),
            };
            (words, count.to_string(), link)
        }));
    }
    if !viewer.hides(Hidden::Matches) {
        let clear = viewer.may_see_matches();
        rows.extend(found.values.into_iter().map(|(value, count)| {
            let shown = if clear { value.clone() } else { incident::mask(&value) };
            let words = Html::new(format!("Same match {}", line(&shown, 80)));
            let address = if clear { format!("/incidents?value={}", encoded(&value)) } else { String::new() };
            (words, count.to_string(), address)
        }));
    }
    if !viewer.hides(Hidden::Matches) && !viewer.hides(Hidden::Attachments) {
        // Incidents of an older version are not found by their files: that there are none is not said.
        let others = found.files.into_iter().filter(|(_, count)| *count != Count::Exactly(0));
        rows.extend(others.map(|(name, count)| {
            let shown = words(viewer, summary, &name);
            // A name that tells who somebody is stands in no address either.
            let link = match shown == name {
                true => format!("/incidents?file={}", encoded(&name)),
                false => String::new(),
            };
            (Html::new(format!("Same file {}", line(&shown, 100))), count.to_string(), link)
        }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn actions_read_as_people_say_them() {
        assert_eq!(spoken("FLEX_RESPONSE_REQUESTED"), "Flex response requested");
        assert_eq!(spoken(""), "");
    }
}
