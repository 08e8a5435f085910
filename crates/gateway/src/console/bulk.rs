//! Deciding about many: what was chosen, or all that a filter shows; first a preview of what will happen, then the decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use incident::wire::ReviewAction;
use web::layout::{Field, Html, Kind, Page, plot::grouped};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::list::{Row, Wanted, row};
use super::reach::{Reach, lines, who};
use super::{Center, decide, words};
use crate::state::verb;
use crate::{CopyFilter, State as CopyState};

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
            viewer.log(&action, "all that a filter shows", &asked.back).await?;
            let count = center.gateway.decide_all(&filter, asked.action, &who, note.as_deref()).await?;
            viewer.say(Tone::Done, format!("{verb}: {} incidents.", grouped(count))).await?;
        }
        None => {
            let ids: Vec<u64> =
                lines(&center.gateway, &reach, &asked.ids).await?.iter().map(|line| line.id).collect();
            let named = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            viewer.log(&action, &format!("incidents {named}"), note.as_deref().unwrap_or_default()).await?;
            let decided = center.gateway.decide(&ids, asked.action, &who, note.as_deref()).await?;
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
