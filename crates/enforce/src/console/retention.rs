//! What is kept for how long, by policy, and what goes next: as the configuration has it and the clock does it.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use incident::Ages;
use incident::desk::Facet;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use web::Viewer;
use web::layout::{Page, plot::grouped};
use web::people::Privilege;

use super::seen::{access, plain};
use super::{Answer, Console};

/// Counts are exact up to here; of so many originals it is told whose they are.
const COUNTED: u32 = 10_000;
/// How long what goes next may be counted.
const PATIENCE: Duration = Duration::from_secs(2);
/// From now on, in days.
const AHEAD: [(i64, &str); 4] =
    [(0, "at the next round, within the hour"), (1, "in a day"), (7, "in 7 days"), (30, "in 30 days")];

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    rows: Vec<Row>,
    /// How many originals there are, and whether those of the rows are the oldest only.
    originals: Option<(String, bool)>,
    /// None until somebody waits for it: incidents are read for it.
    ahead: Option<Vec<(&'static str, String, String)>>,
    /// Whether it is told at all.
    tells: bool,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    ahead: String,
}

struct Row {
    policy: String,
    /// Not one of the set any more, or none at all.
    id: Option<u32>,
    /// It has ages of its own.
    own: bool,
    incidents_for: String,
    originals_for: String,
    incidents: String,
    originals: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Answer {
    viewer.require(Privilege::ManageServers)?;
    let retention = &console.enforce.options.retention;
    let access = access(&viewer);
    let days = (i64::MIN, i64::MAX);
    let counts = console.desk.summary(&access, Facet::Policy, days).await?;
    let mut incidents: BTreeMap<u32, (String, u64)> = BTreeMap::new();
    for group in counts {
        if let Ok(id) = group.key.parse() {
            incidents.insert(id, (group.name, group.count));
        }
    }
    // Whoever sees a part of the incidents is not told how many there are of the others.
    let (originals, ahead) = match access.is_everything() {
        true => {
            let (all, of) = console.enforce.journal.originals_kept(COUNTED).await?;
            let ahead = match asked.ahead.is_empty() {
                true => None,
                false => Some(ahead(&console).await?),
            };
            (Some((all, of)), ahead)
        }
        false => (None, None),
    };
    let names: BTreeMap<u32, String> = console.enforce.site.policies().iter().cloned().collect();
    let mut ids: Vec<u32> =
        names.keys().chain(incidents.keys()).chain(retention.policies.keys()).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let row = |id: u32| {
        let ages = retention.policies.get(&id);
        let seen = incidents.get(&id);
        let name = names.get(&id).or(seen.map(|(name, _)| name));
        let of = originals.as_ref().map(|(_, of)| of.get(&id).copied().unwrap_or(0));
        Row {
            policy: name.map_or_else(|| format!("number {id}"), |name| plain(name)),
            id: Some(id),
            own: ages.is_some(),
            incidents_for: kept_for(ages.unwrap_or(&retention.others), |ages| ages.incidents),
            originals_for: kept_for(ages.unwrap_or(&retention.others), |ages| ages.originals),
            incidents: grouped(seen.map_or(0, |(_, count)| *count)),
            originals: of.map(grouped).unwrap_or_default(),
        }
    };
    let others = Row {
        policy: "All that are not named".to_owned(),
        id: None,
        own: false,
        incidents_for: kept_for(&retention.others, |ages| ages.incidents),
        originals_for: kept_for(&retention.others, |ages| ages.originals),
        incidents: String::new(),
        originals: String::new(),
    };
    let content = RetentionPage {
        rows: std::iter::once(others).chain(ids.into_iter().map(row)).collect(),
        originals: originals.map(|(all, _)| (grouped(all), all > u64::from(COUNTED))),
        ahead,
        tells: access.is_everything(),
    };
    Ok(Page::new(&viewer, "Retention").show(&content)?)
}

/// What goes until when: when, incidents, originals.
async fn ahead(console: &Console) -> Answer<Vec<(&'static str, String, String)>> {
    let mut told = Vec::new();
    for (days, words) in AHEAD {
        let until = Timestamp::now() + SignedDuration::from_hours(24 * days);
        let retention = &console.enforce.options.retention;
        let count = |number: u64| match number > u64::from(COUNTED) {
            true => format!("{}+", grouped(COUNTED.into())),
            false => grouped(number),
        };
        let going = console.enforce.journal.expiring(retention, until, COUNTED, PATIENCE).await;
        told.push(match going {
            Ok(going) => (words, count(going.incidents), count(going.originals)),
            Err(incident::Error::Store(store::Error::TookTooLong(_))) => {
                let not = "too many to count here".to_owned();
                (words, not.clone(), not)
            }
            Err(error) => return Err(error.into()),
        });
    }
    Ok(told)
}

fn kept_for(ages: &Ages, of: impl Fn(&Ages) -> Option<SignedDuration>) -> String {
    match of(ages).map(|age| age.as_hours() / 24) {
        None => "for ever".to_owned(),
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
    }
}
