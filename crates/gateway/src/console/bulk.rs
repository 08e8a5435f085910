//! Deciding about many: what was chosen, or all that a filter shows; first a preview of what will happen, then the decision.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use incident::wire::ReviewAction;
use jiff::SignedDuration;
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Tint, plot::grouped};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::{Row, Wanted, row};
use super::reach::{Reach, lines, who};
use super::seen::sees_words;
use super::{Center, decide, words};
use crate::decide::AT_ONCE;
use crate::state::verb;
use crate::{Bulk, CopyFilter, Gateway, State as CopyState};

/// A decision about many is waited for so long before the person hears that it goes on.
const WAITED_FOR: Duration = Duration::from_secs(5);
const LOOKED_AT: Duration = Duration::from_millis(100);
/// So long after its end it is shown.
const SHOWN_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Incidents chosen one by one; what [`lines`] takes.
const CHOSEN: usize = 1_000;
/// Incidents shown of a preview.
const SHOWN: usize = 20;

/// What a form of the list or of the preview says.
#[derive(Debug)]
struct Asked {
    action: ReviewAction,
    ids: Vec<u64>,
    /// All that the filter shows, instead of those chosen.
    all: Option<Wanted>,
    note: String,
    back: String,
}

impl Asked {
    fn read(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        let strange = |what: &str| Problem::Bad(format!("The {what} cannot be read: open the list again."));
        let (mut ids, mut action, mut all, mut note) = (Vec::new(), None, false, String::new());
        let mut filter = BTreeMap::new();
        for (name, value) in pairs {
            match name.as_str() {
                "id" => ids.push(value.parse().map_err(|_| strange("number of an incident"))?),
                "action" => action = words::action(&value),
                "action-all" => {
                    action = words::action(&value);
                    all = true;
                }
                "note" => note = value,
                name => {
                    if let Some(name) = name.strip_prefix("f-") {
                        filter.insert(name.to_owned(), value);
                    }
                }
            }
        }
        let wanted: Wanted =
            serde_json::from_value(serde_json::json!(filter)).map_err(|_| strange("filter"))?;
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > CHOSEN {
            return Err(Problem::Unfit(format!(
                "Choose at most {CHOSEN} at once, or decide about all that the filter shows."
            )));
        }
        if !all && ids.is_empty() {
            return Err(Problem::Unfit("Choose at least one incident.".to_owned()));
        }
        Ok(Self {
            action: action.ok_or_else(|| strange("action"))?,
            ids,
            back: wanted.address(None),
            all: all.then_some(wanted),
            note,
        })
    }
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage {
    form: Html,
    verb: &'static str,
    word: String,
    count: String,
    rows: Vec<Row>,
    more: bool,
    others: usize,
    meanings: Vec<String>,
    ids: Vec<u64>,
    all: bool,
    hidden: Vec<(&'static str, String)>,
    note: Field,
    back: String,
}

/// `POST /incidents/preview`
pub(super) async fn preview(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::DecideQuarantine)?;
    let asked = Asked::read(pairs)?;
    let reach = Reach::of(&center, &viewer).await?;
    let (held, more, others) = match &asked.all {
        Some(wanted) => {
            let filter = CopyFilter { limit: CHOSEN, ..held_only(&viewer, wanted)? };
            let (held, next) = reach.page(&center.gateway, filter).await?;
            (held, next.is_some(), 0)
        }
        None => {
            let found = lines(&center.gateway, &reach, &asked.ids).await?;
            let held: Vec<_> = found.into_iter().filter(|line| line.state == CopyState::Held).collect();
            let others = asked.ids.len() - held.len();
            (held, false, others)
        }
    };
    let mut meanings = Vec::new();
    let shown: Vec<u64> = held.iter().take(SHOWN).map(|line| line.id).collect();
    for (id, plan) in center.gateway.plans(&shown).await? {
        let filter = held.iter().find(|line| line.id == id).map_or("", |line| line.filter.as_str());
        let text = format!("{filter}: {}", words::actions(plan.of(asked.action)));
        if !meanings.contains(&text) {
            meanings.push(text);
        }
    }
    let verb = verb(asked.action);
    let content = PreviewPage {
        form: viewer.form(),
        verb,
        word: verb.to_lowercase(),
        count: format!("{}{}", grouped(held.len() as u64), if more { "+" } else { "" }),
        more: more || held.len() > SHOWN,
        others,
        meanings,
        ids: if asked.all.is_some() { Vec::new() } else { held.iter().map(|line| line.id).collect() },
        hidden: asked.all.as_ref().map(Wanted::pairs).unwrap_or_default(),
        all: asked.all.is_some(),
        rows: held.iter().take(SHOWN).map(row).collect(),
        note: Field::new(Kind::Lines(2), "note", "Note for the history of each")
            .value(&asked.note)
            .with("maxlength", "2000"),
        back: asked.back,
    };
    Page::new(&viewer, format!("{verb}: preview"))
        .within("/incidents")
        .below("Incidents", content.back.clone())
        .show(&content)
}

/// What is held of all that the filter shows, on whatever page.
fn held_only(viewer: &Viewer, wanted: &Wanted) -> Result<CopyFilter, Problem> {
    Ok(CopyFilter { state: Some(CopyState::Held), before: None, ..wanted.filter(viewer)? })
}

/// `POST /incidents/decide`
pub(super) async fn decide(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::DecideQuarantine)?;
    let asked = Asked::read(pairs)?;
    let reach = Reach::of(&center, &viewer).await?;
    let note = decide::note(&asked.note)?;
    let (verb, who) = (verb(asked.action), who(&viewer));
    let action = verb.to_uppercase();
    match &asked.all {
        Some(wanted) => {
            let filter = reach.bind(held_only(&viewer, wanted)?)?;
            let gateway =
                center.gateway.noting(viewer.entry(&action, "all that a filter shows", &asked.back));
            let id = gateway.decide_all(&filter, asked.action, &who, note.as_deref(), &asked.back).await?;
            let (tone, text) = waited_for(&center.gateway, id, verb).await?;
            viewer.say(tone, text).await?;
        }
        None => {
            let ids: Vec<u64> =
                lines(&center.gateway, &reach, &asked.ids).await?.iter().map(|line| line.id).collect();
            let mut decided = Vec::with_capacity(ids.len());
            // Each transaction has its line, which names what it decided about.
            for some in ids.chunks(AT_ONCE) {
                let named = some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let said = note.as_deref().unwrap_or_default();
                let entry = viewer.entry(&action, &format!("incidents {named}"), said);
                let gateway = center.gateway.noting(entry);
                decided.extend(gateway.decide(some, asked.action, &who, note.as_deref()).await?);
            }
            let all_done = decided.iter().all(|one| words::was_done(one.result));
            let tone = if all_done && ids.len() == asked.ids.len() { Tone::Done } else { Tone::Note };
            let tally = words::tally(decided.iter().map(|one| one.result));
            viewer
                .say(
                    tone,
                    format!("{verb}: {}.", if tally.is_empty() { "none of them is there" } else { &tally }),
                )
                .await?;
        }
    }
    Ok(Redirect::to(&asked.back).into_response())
}

/// What to tell of a decision about many: what came of it, if that is soon.
async fn waited_for(gateway: &Gateway, id: u64, verb: &str) -> Result<(Tone, String), Problem> {
    let end = tokio::time::Instant::now() + WAITED_FOR;
    loop {
        let bulk = gateway.bulk(id).await?.ok_or(Problem::NotFound)?;
        match (&bulk.done_at, &bulk.broken) {
            (_, Some(why)) => {
                return Ok((
                    Tone::Trouble,
                    format!("{verb}: {} incidents, then {why}.", grouped(bulk.decided)),
                ));
            }
            (Some(_), None) => {
                return Ok((Tone::Done, format!("{verb}: {} incidents.", grouped(bulk.decided))));
            }
            (None, None) if tokio::time::Instant::now() >= end => {
                let total = grouped(bulk.total);
                let text = format!(
                    "{verb}: {total} incidents. It goes on by itself; this page shows how far it is."
                );
                return Ok((Tone::Note, text));
            }
            (None, None) => tokio::time::sleep(LOOKED_AT).await,
        }
    }
}

/// A decision about many, as it is shown to whoever asked for it, and to those who reach everything.
pub(super) struct Progress {
    pub(super) id: u64,
    pub(super) verb: &'static str,
    pub(super) view: String,
    pub(super) who: String,
    pub(super) asked: Moment,
    pub(super) decided: String,
    pub(super) total: String,
    pub(super) percent: u64,
    pub(super) state: Chip,
    pub(super) broken: Option<String>,
    pub(super) may_stop: bool,
}

/// Decisions about many that go on, or were over a while ago.
pub(super) async fn progress(
    center: &Center,
    viewer: &Viewer,
    reach: &Reach<'_>,
) -> Result<Vec<Progress>, Problem> {
    let since = center.site.clock().now().checked_sub(SHOWN_FOR).unwrap_or(jiff::Timestamp::MIN);
    let all = center.gateway.bulks(since).await?;
    let shown = all.into_iter().filter(|bulk| is_of(bulk, viewer, reach)).map(|bulk| Progress {
        id: bulk.id,
        verb: verb(bulk.action),
        asked: Moment(bulk.asked_at.as_millisecond()),
        decided: grouped(bulk.decided),
        total: grouped(bulk.total),
        percent: (bulk.decided * 100).checked_div(bulk.total).unwrap_or(100).min(100),
        state: match (&bulk.done_at, &bulk.broken) {
            (None, _) => Chip::new("Goes on", Tint::Info),
            (Some(_), None) => Chip::new("Done", Tint::Good),
            (Some(_), Some(_)) => Chip::new("Ended early", Tint::Bad),
        },
        may_stop: bulk.done_at.is_none() && viewer.may(Privilege::DecideQuarantine),
        view: bulk.view,
        who: bulk.who,
        broken: bulk.broken,
    });
    Ok(shown.collect())
}

fn is_of(bulk: &Bulk, viewer: &Viewer, reach: &Reach<'_>) -> bool {
    bulk.who == viewer.name || (reach.everything() && sees_words(viewer))
}

/// `POST /incidents/decisions/{id}/stop`
pub(super) async fn stop(
    State(center): State<Arc<Center>>,
    viewer: Viewer,
    Path(id): Path<u64>,
) -> Result<Response, Problem> {
    viewer.require(Privilege::DecideQuarantine)?;
    let reach = Reach::of(&center, &viewer).await?;
    let bulk = center.gateway.bulk(id).await?.filter(|bulk| is_of(bulk, &viewer, &reach));
    let bulk = bulk.ok_or(Problem::NotFound)?;
    let subject = format!("{} of all that a filter shows", verb(bulk.action));
    let gateway = center.gateway.noting(viewer.entry("DECISION_STOPPED", &subject, &bulk.view));
    let text = match gateway.stop_bulk(id, &who(&viewer)).await? {
        true => "Stopped. What was decided stays decided; the rest is still held.",
        false => "It was over already.",
    };
    viewer.say(Tone::Done, text).await?;
    Ok(Redirect::to(&bulk.view).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Asked, Problem> {
        Asked::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_form_says_whom_it_means_or_is_refused() {
        let asked =
            read(&[("id", "9"), ("id", "7"), ("id", "9"), ("action", "approve"), ("f-state", "held")])
                .unwrap();
        assert_eq!((asked.ids.as_slice(), asked.back.as_str()), (&[7, 9][..], "/incidents?state=held"));
        assert!(asked.all.is_none());
        assert!(read(&[("action-all", "reject"), ("f-folder", "1")]).unwrap().all.is_some());
        for wrong in [
            &[("action", "approve")][..],
            &[("id", "7")],
            &[("id", "7"), ("action", "explode")],
            &[("id", "x"), ("action", "approve")],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
