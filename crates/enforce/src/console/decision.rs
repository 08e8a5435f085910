//! What people decide on one incident from its page, and where they go from there.

use axum::Form;
use axum::extract::{Path, State};
use incident::desk::{self, Change, Changed, Look};
use serde::{Deserialize, Serialize};
use web::layout::{Stale, facts};
use web::people::Hidden;
use web::session::Tone;
use web::{Problem, Viewer};

use super::filter::Filter;
use super::list::{next, see_other};
use super::near_miss::{is_false_positive, may_make};
use super::once::{new_once, read_once};
use super::seen::{access, may_remediate, redact_look, severity};
use super::sent::sent;
use super::trouble::bad;
use super::{Answer, Console, actor};

#[derive(Deserialize, Serialize)]
pub(super) struct Decision {
    #[serde(default)]
    query: String,
    once: Option<String>,
    /// What the person saw, if the form says so: of these only what is different now was decided.
    was: Option<String>,
    was_severity: Option<String>,
    was_owner: Option<String>,
    was_data_owner: Option<String>,
    was_data_owner_mail: Option<String>,
    was_place: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    severity: String,
    owner: Option<String>,
    data_owner: Option<String>,
    data_owner_mail: Option<String>,
    place: Option<String>,
    /// `yes` hides it, `no` shows it again.
    #[serde(default)]
    hidden: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    attribute: String,
    #[serde(default)]
    value: String,
    #[serde(default)]
    advance: String,
}

/// What is wanted, and what it was made from.
#[derive(Default)]
struct Wish {
    changes: Vec<Change>,
    seen: Vec<Change>,
}

impl Wish {
    /// One more change, unless the form holds what it showed.
    fn add(&mut self, now: Change, was: Option<Change>) {
        if was.as_ref() != Some(&now) {
            self.changes.push(now);
            self.seen.extend(was);
        }
    }

    /// A text that may be taken away, where the form has it.
    fn text(&mut self, now: Option<&String>, was: Option<&String>, change: fn(Option<String>) -> Change) {
        let read = |text: &String| change(Some(text.trim().to_owned()).filter(|text| !text.is_empty()));
        if let Some(now) = now {
            self.add(read(now), was.map(read));
        }
    }

    /// What of it the audit log tells.
    fn logged(&self) -> Vec<&'static str> {
        let mut told: Vec<&str> = self.changes.iter().filter_map(told).collect();
        told.dedup();
        told
    }
}

/// Changes beside the workflow: whom an incident concerns, where its data is, and whether people see it at all.
fn told(change: &Change) -> Option<&'static str> {
    Some(match change {
        Change::DataOwnerName(_) | Change::DataOwnerEmail(_) => "data owner",
        Change::RemediationLocation(_) => "remediation location",
        Change::Hidden(true) => "hidden",
        Change::Hidden(false) => "shown again",
        _ => return None,
    })
}

impl Decision {
    fn read(&self) -> Result<Wish, String> {
        let mut wish = Wish::default();
        let rated = |name: &str| {
            severity(name).map(Change::Severity).ok_or("A severity is high, medium, low or info.".to_owned())
        };
        let status = |name: &str| Change::Status(name.to_owned());
        if !self.status.is_empty() {
            wish.add(status(&self.status), self.was.as_deref().map(status));
        }
        if !self.severity.is_empty() {
            wish.add(rated(&self.severity)?, self.was_severity.as_deref().map(rated).transpose()?);
        }
        wish.text(self.owner.as_ref(), self.was_owner.as_ref(), Change::Owner);
        wish.text(self.data_owner.as_ref(), self.was_data_owner.as_ref(), Change::DataOwnerName);
        wish.text(self.data_owner_mail.as_ref(), self.was_data_owner_mail.as_ref(), Change::DataOwnerEmail);
        wish.text(self.place.as_ref(), self.was_place.as_ref(), Change::RemediationLocation);
        match self.hidden.as_str() {
            "" => {}
            "yes" => wish.changes.push(Change::Hidden(true)),
            "no" => wish.changes.push(Change::Hidden(false)),
            _ => return Err("An incident is hidden or not: yes or no.".to_owned()),
        }
        if !self.note.trim().is_empty() {
            wish.changes.push(Change::Note(self.note.trim().to_owned()));
        }
        if !self.attribute.trim().is_empty() {
            // It is written in several lines where it is long, and is one.
            let value = self.value.lines().map(str::trim).collect::<Vec<_>>().join(" ");
            wish.changes.push(Change::Attribute(self.attribute.trim().to_owned(), value.trim().to_owned()));
        }
        Ok(wish)
    }

    /// The same, as if it had been made from what is there now.
    fn renewed(self, look: &Look) -> Self {
        let text = |text: &Option<String>| Some(text.clone().unwrap_or_default());
        Self {
            once: Some(new_once()),
            was_severity: self.was_severity.and(Some(look.incident.summary.severity.to_string())),
            was_owner: self.was_owner.and(text(&look.owner)),
            was_data_owner: self.was_data_owner.and(text(&look.data_owner.0)),
            was_data_owner_mail: self.was_data_owner_mail.and(text(&look.data_owner.1)),
            was_place: self.was_place.and(text(&look.remediation_location)),
            ..self
        }
    }
}

/// Somebody decided meanwhile: as it is now, beside what was wanted.
fn stale(viewer: &Viewer, decision: Decision, look: Look) -> Stale {
    let look = redact_look(viewer, look);
    let (id, sent) = (look.incident.summary.id, sent(&decision.renewed(&look)));
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let summary = &look.incident.summary;
    let mut now = facts([
        ("Status", summary.status.to_string()),
        ("Severity", summary.severity.to_string()),
        ("Owner", text(&look.owner)),
        ("Remediation location", text(&look.remediation_location)),
    ]);
    if !viewer.hides(Hidden::Sender) {
        now.extend(facts([("Data owner", text(&look.data_owner.0)), ("Address", text(&look.data_owner.1))]));
    }
    Stale {
        what: format!("incident {id}"),
        now,
        sent,
        was: ("was", summary.status.to_string()),
        action: format!("/incidents/{id}/change"),
        open: format!("/incidents/{id}"),
    }
}

pub(super) async fn change(
    State(console): State<Console>,
    viewer: Viewer,
    Path(id): Path<u64>,
    Form(decision): Form<Decision>,
) -> Answer {
    may_remediate(&viewer)?;
    if viewer.hides(Hidden::Sender) && (decision.data_owner.is_some() || decision.data_owner_mail.is_some()) {
        let why = "Your role does not see whom an incident concerns, and does not say it either.";
        return Err(Problem::Forbidden(why.to_owned()).into());
    }
    let access = access(&viewer);
    let wish = decision.read().map_err(bad)?;
    let filter = Filter::asked(&console.desk, &viewer, &super::bulk::parsed(&decision.query)).await?;
    let advance = !decision.advance.is_empty();
    let to = target(&console, &viewer, &filter, id, advance).await?;
    let once = decision.once.as_deref().map(read_once).transpose().map_err(bad)?;
    let desk = match wish.logged() {
        told if told.is_empty() => console.desk.clone(),
        told => {
            console.desk.noting(viewer.entry("INCIDENT_CHANGED", &format!("incident {id}"), &told.join(", ")))
        }
    };
    let made = wish.changes.iter().find_map(|change| match change {
        Change::Status(name) => Some(name.clone()),
        _ => None,
    });
    let wish =
        desk::Decision { ids: vec![id], changes: wish.changes, seen: wish.seen, once, ..Default::default() };
    let results = desk.decide(&access, &actor(&viewer), wish).await?.map_err(bad)?;
    let said = match results.first() {
        Some((_, Changed::Done | Changed::Repeated)) => "Saved.",
        Some((_, Changed::NotThere)) => return Err(Problem::NotFound.into()),
        Some((_, Changed::Stale)) => {
            let look = console.desk.look(&access, id).await?.ok_or(Problem::NotFound)?;
            return Ok(stale(&viewer, decision, look).show(&viewer)?);
        }
        _ => "It was so already: nothing changed.",
    };
    let offer = match made {
        Some(status) if advance => offer(&console, &viewer, &status).await?,
        _ => "",
    };
    viewer.say(Tone::Done, format!("Incident {id}: {said}{offer}")).await?;
    Ok(see_other(&to))
}

/// What is said to whoever goes on from a false positive, and may write policies; the page of the incident says it too.
async fn offer(console: &Console, viewer: &Viewer, status: &str) -> Answer<&'static str> {
    let statuses = console.desk.statuses().await?;
    let found_by_mistake =
        statuses.iter().any(|one| one.name.eq_ignore_ascii_case(status) && is_false_positive(one));
    Ok(match found_by_mistake && may_make(viewer) {
        true => " Its page offers a near-miss case for the policy's tests.",
        false => "",
    })
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
pub(super) async fn target(
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
