//! One incident on one page: what happened and why, what belongs to it, who did what, and what can be done.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use incident::desk::{self, Change, Changed, Correlations, Look};
use incident::wire::CopyState;
use incident::{Match, MessageState, Severity};
use serde::Deserialize;
use web::layout::{Chip, Html, Moment, Page, Size, Tint};
use web::mail::{line, passage};
use web::pages::encoded;
use web::people::{Hidden, Privilege};
use web::session::Tone;
use web::{Problem, Viewer};

use super::filter::Filter;
use super::list::{Row, next, prevent_chip, see_other};
use super::once::{new_once, read_once};
use super::second::{self, Waiting};
use super::seen::{
    access, correlated, may_remediate, plain, recipient, redact, redact_look, sees_history, severity, words,
};
use super::trouble::bad;
use super::{Answer, Console, actor};
use crate::respond::On;

/// Matches shown of one place.
const MATCHES: usize = 200;

#[derive(Template)]
#[template(path = "snapshot.html")]
struct Snapshot {
    form: Html,
    once: String,
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
    /// Whether attributes can be looked up.
    looks_up: bool,
    /// What is to be said of a lookup that waits.
    lookup: Option<Waits>,
    owner: String,
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
    let content = Snapshot {
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
        statuses: console.desk.statuses().await?.into_iter().map(|one| one.name).collect(),
        rules: rules(&console, &viewer).await?,
        correlations: correlations(&viewer, &look.incident.summary.sender, found),
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
        siblings: siblings.iter().map(|one| Row::of(one, "", &[])).collect(),
        copies: Vec::new(),
        waiting: Vec::new(),
        linked_to: incident.linked_to,
        correlations: Vec::new(),
        history: sees_history(viewer).then_some(history),
        notes: look.notes.iter().map(|one| line_of(one.at, &one.who, &None, "", &one.text)).collect(),
        attributes: look.attributes.iter().map(|(name, value)| (plain(name), plain(value))).collect(),
        looks_up: false,
        lookup: None,
        owner: text(&look.owner),
        statuses: Vec::new(),
        severity_name: summary.severity.to_string(),
        severities: [Severity::High, Severity::Medium, Severity::Low, Severity::Info]
            .map(|one| (one.to_string(), one == summary.severity))
            .to_vec(),
        rules: Vec::new(),
        remediates: viewer.may(Privilege::RemediateIncidents),
        sees_original: viewer.may_see_original().is_ok(),
        original_kept: incident.original_kept,
        authors: viewer.may(Privilege::AuthorPolicies) && viewer.may_see_matches(),
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

fn correlations(viewer: &Viewer, sender: &str, found: Correlations) -> Vec<(Html, String, String)> {
    let mut rows = Vec::new();
    if let Some(count) = found.sender {
        rows.push((Html::text("Same sender"), count.to_string(), String::new()));
    }
    if let Some(count) = found.policy_and_sender {
        rows.push((Html::text("Same sender and policy"), count.to_string(), String::new()));
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
    rows
}

// ---- decisions

#[derive(Deserialize)]
pub(super) struct Decision {
    #[serde(default)]
    query: String,
    once: Option<String>,
    /// What the person saw, if the form says so: of these only what is different now was decided.
    was: Option<String>,
    was_severity: Option<String>,
    was_owner: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    severity: String,
    owner: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    attribute: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    advance: String,
}

impl Decision {
    /// The changes, and what they were made from.
    fn read(&self) -> Result<(Vec<Change>, Vec<Change>), String> {
        let (mut changes, mut seen) = (Vec::new(), Vec::new());
        let owner = |name: &str| Change::Owner(Some(name.trim().to_owned()).filter(|name| !name.is_empty()));
        let rated = |name: &str| {
            severity(name).map(Change::Severity).ok_or("A severity is high, medium, low or info.".to_owned())
        };
        let status = |name: &str| Change::Status(name.to_owned());
        let mut decide = |change: Change, was: Option<Change>| {
            if was.as_ref() != Some(&change) {
                changes.push(change);
                seen.extend(was);
            }
        };
        if !self.status.is_empty() {
            decide(status(&self.status), self.was.as_deref().map(status));
        }
        if !self.severity.is_empty() {
            decide(rated(&self.severity)?, self.was_severity.as_deref().map(rated).transpose()?);
        }
        if let Some(name) = &self.owner {
            decide(owner(name), self.was_owner.as_deref().map(owner));
        }
        if !self.note.trim().is_empty() {
            changes.push(Change::Note(self.note.trim().to_owned()));
        }
        if !self.attribute.trim().is_empty() {
            changes.push(Change::Attribute(self.attribute.trim().to_owned(), self.value.clone()));
        }
        Ok((changes, seen))
    }
}

pub(super) async fn change(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(decision): Form<Decision>,
) -> Answer {
    may_remediate(&viewer)?;
    let access = access(&viewer);
    let (changes, seen) = decision.read().map_err(bad)?;
    let filter = Filter::asked(&console.desk, &viewer, &super::bulk::parsed(&decision.query)).await?;
    let to = target(&console, &viewer, &filter, id, !decision.advance.is_empty()).await?;
    let once = decision.once.as_deref().map(read_once).transpose().map_err(bad)?;
    let wish = desk::Decision { ids: vec![id], changes, seen, once, ..desk::Decision::default() };
    let results = console.desk.decide(&access, &actor(&viewer), wish).await?.map_err(bad)?;
    let said = match results.first() {
        Some((_, Changed::Done | Changed::Repeated)) => "Saved.",
        Some((_, Changed::NotThere)) => return Err(Problem::NotFound.into()),
        Some((_, Changed::Stale)) => {
            let look = console.desk.look(&access, id).await?.ok_or(Problem::NotFound)?;
            let summary = &look.incident.summary;
            return Err(Problem::Conflict(format!(
                "Somebody decided on this incident meanwhile; nothing was changed. It is {} and {} now, and {}. Look at it again and \
                decide once more.",
                summary.status,
                summary.severity,
                look.owner.as_deref().map_or("nobody's".to_owned(), |owner| format!("{owner}'s")),
            ))
            .into());
        }
        _ => "It was so already: nothing changed.",
    };
    viewer.say(Tone::Done, format!("Incident {id}: {said}")).await?;
    Ok(see_other(&to))
}

/// Has the custom attributes looked up again: what is found then replaces what is there.
pub(super) async fn look_up(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(back): Form<Back>,
) -> Answer {
    may_remediate(&viewer)?;
    let filter = Filter::asked(&console.desk, &viewer, &super::bulk::parsed(&back.query)).await?;
    let can = !console.enforce.lookups.is_empty();
    if !can || !console.desk.ask_lookup(&access(&viewer), &actor(&viewer), id).await? {
        return Err(Problem::NotFound.into());
    }
    console.enforce.look_up.notify_one();
    viewer
        .say(
            Tone::Done,
            format!("The attributes of incident {id} are looked up; the history says what was found."),
        )
        .await?;
    Ok(see_other(&format!("/incidents/{id}?{}", filter.query())))
}

#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    query: String,
}

/// Where to go after a decision: back here, or on to the next of the list.
async fn target(
    console: &Console,
    viewer: &Viewer,
    filter: &Filter,
    id: u64,
    advance: bool,
) -> Answer<String> {
    let query = filter.query();
    if !advance {
        return Ok(format!("/incidents/{id}?{query}"));
    }
    Ok(match next(console, viewer, filter, id).await? {
        Some(next) => format!("/incidents/{next}?{query}"),
        None => format!("/incidents?{query}"),
    })
}

#[derive(Template)]
#[template(path = "respond.html")]
struct Confirm {
    form: Html,
    once: String,
    id: u64,
    rule: u64,
    name: String,
    description: String,
    words: String,
    acts_on_mail: bool,
    second_person: bool,
    siblings: usize,
    recipients: usize,
    query: String,
}

pub(super) async fn confirm(
    State(console): State<Console>,
    viewer: Viewer,
    Path((id, rule)): Path<(u64, u64)>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Answer {
    may_remediate(&viewer)?;
    let filter = Filter::asked(&console.desk, &viewer, &pairs).await?;
    let look = console.desk.look(&access(&viewer), id).await?.ok_or(Problem::NotFound)?;
    let rule = console.responses.rule(rule).await?.ok_or(Problem::NotFound)?;
    let content = Confirm {
        form: viewer.form(),
        once: new_once(),
        id,
        rule: rule.id,
        words: rule.words(),
        second_person: console.responses.needs_second_person(&rule).await?,
        acts_on_mail: rule.actions.iter().any(|action| action.plugin().is_some()),
        name: rule.name.clone(),
        description: rule.description,
        siblings: look.siblings.len(),
        recipients: look.incident.summary.recipients.len(),
        query: filter.query(),
    };
    let page = Page::new(&viewer, rule.name).within("/incidents").below("Incidents", "/incidents");
    Ok(page.below(format!("Incident {id}"), format!("/incidents/{id}?{}", filter.query())).show(&content)?)
}

#[derive(Deserialize)]
pub(super) struct Confirmed {
    #[serde(default)]
    query: String,
    once: Option<String>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    advance: String,
}

pub(super) async fn respond(
    State(console): State<Console>,
    viewer: Viewer,
    Path((id, rule)): Path<(u64, u64)>,
    Form(confirmed): Form<Confirmed>,
) -> Answer {
    may_remediate(&viewer)?;
    let access = access(&viewer);
    if !console.desk.may_see(&access, id).await? {
        return Err(Problem::NotFound.into());
    }
    let rule = console.responses.rule(rule).await?.ok_or(Problem::NotFound)?;
    let filter = Filter::asked(&console.desk, &viewer, &super::bulk::parsed(&confirmed.query)).await?;
    let to = target(&console, &viewer, &filter, id, !confirmed.advance.is_empty()).await?;
    let entry = viewer.entry("SMART_RESPONSE", &format!("incident {id}"), &rule.name);
    let once = confirmed.once.as_deref().map(read_once).transpose().map_err(bad)?;
    let on = On { ids: &[id], note: &confirmed.note, once, ..On::default() };
    let done = console.responses.noting(entry).run(&access, &actor(&viewer), &rule, on).await?;
    let done = done.map_err(bad)?;
    let said = match done.first() {
        Some(one) if one.waits => {
            format!("{} waits for a second person, who has to confirm it for incident {id}.", rule.name)
        }
        Some(one) if one.requested => {
            format!("{} was requested for incident {id}; the history says what comes of it.", rule.name)
        }
        _ => format!("{} was done for incident {id}.", rule.name),
    };
    viewer.say(Tone::Done, said).await?;
    Ok(see_other(&to))
}

// ---- false positives

/// A case for the policy's tests: what was found here must not be found again.
pub(super) async fn near_miss(State(console): State<Console>, viewer: Viewer, Path(id): Path<u64>) -> Answer {
    viewer.require(Privilege::AuthorPolicies)?;
    viewer.require(Privilege::ViewNetworkIncidents)?;
    viewer.may_see_matches().then_some(()).ok_or_else(|| {
        Problem::Forbidden("A case holds matches in clear, and your role sees them masked only.".to_owned())
    })?;
    let look = console.desk.look(&access(&viewer), id).await?.ok_or(Problem::NotFound)?;
    viewer.log("CASE_MADE", &format!("incident {id}"), "a case was made from its matches").await?;
    let text = case(&redact(&viewer, look.incident));
    let disposition = format!("attachment; filename=\"incident-{id}.cases.toml\"");
    Ok((
        [(header::CONTENT_TYPE, "application/toml".to_owned()), (header::CONTENT_DISPOSITION, disposition)],
        text,
    )
        .into_response())
}

fn case(incident: &incident::Incident) -> String {
    let mut texts: Vec<String> = incident
        .matches
        .iter()
        .take(50)
        .map(|found| format!("{}{}{}", found.before, found.text, found.after))
        .collect();
    texts.dedup();
    let id = incident.summary.id;
    let mut out = format!(
        "# From incident {id}, policy {}: a false positive. Put the cases into the file of cases beside the policy, take out what\n\
        # must not be kept there, and run `weir policy test`.\n",
        incident.summary.policy_id
    );
    for (number, text) in (1..).zip(texts) {
        let name = toml::Value::String(format!("false positive of incident {id}, {number}"));
        out.push_str(&format!("\n[[miss]]\nname = {name}\nbody = {}\n", toml::Value::String(text)));
    }
    out
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
