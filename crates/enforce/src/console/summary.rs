//! Summary and trend of some days: by policy, severity, sender and day; what became of the mail; time to decision.

use askama::Template;
use axum::extract::{Query, State};
use incident::desk::{DayCount, Facet, Group};
use incident::{Severity, prevent_status_name};
use jiff::civil::Date;
use serde::Deserialize;
use web::Viewer;
use web::layout::plot::{Bars, Lines};
use web::layout::{Duration, Field, Kind, Page};
use web::pages::encoded;
use web::people::{Hidden, Privilege};

use super::seen::{access, plain};
use super::trouble::bad;
use super::{Answer, Console};

/// Days of a plot.
const MOST_DAYS: i64 = 400;
/// What became of mail, by the product's numbers: it waits for a decision, …
const HELD: &[&str] = &["21", "13"];
/// … it was kept from its recipients, by a policy or by a person, …
const BLOCKED: &[&str] = &["1", "23"];
/// … or somebody let it go.
const RELEASED: &[&str] = &["22"];
const MAIL_SERIES: &[(&str, &[&str])] =
    &[("held", HELD), ("blocked or rejected", BLOCKED), ("released", RELEASED), ("all others", &[])];
const SEVERITY_SERIES: &[(&str, &[&str])] =
    &[("high", &["1"]), ("medium", &["2"]), ("low", &["3"]), ("info", &["4"])];
/// Bars of a plot.
const BARS: usize = 12;

#[derive(Template)]
#[template(path = "summary.html")]
struct Summary {
    fields: Vec<Field>,
    total: u64,
    high: u64,
    held: u64,
    blocked: u64,
    released: u64,
    median: Option<Duration>,
    /// By severity, and by what became of the mail.
    by_day: [Lines; 2],
    plots: Vec<Bars>,
    list: String,
}

#[derive(Deserialize)]
pub(super) struct Days {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Days>,
) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let (from, to) = period(&asked).map_err(bad)?;
    let days = (number(from), number(to));
    let access = access(&viewer);
    let desk = &console.desk;
    let (policies, severities, statuses, mails, senders, by_severity, by_mail, median) = tokio::try_join!(
        desk.summary(&access, Facet::Policy, days),
        desk.summary(&access, Facet::Severity, days),
        desk.summary(&access, Facet::Status, days),
        desk.summary(&access, Facet::PreventStatus, days),
        desk.summary(&access, Facet::Sender, days),
        desk.trend(&access, Facet::Severity, days),
        desk.trend(&access, Facet::PreventStatus, days),
        desk.median_to_decision(&access, days),
    )?;
    let of = |groups: &[Group], keys: &[&str]| {
        groups.iter().filter(|group| keys.contains(&group.key.as_str())).map(|group| group.count).sum::<u64>()
    };
    let range = format!("from={from}&to={to}");
    let linked = |name: &str, value: &str| format!("/incidents?{range}&{name}={}", encoded(value));
    let bars = |title: &str, groups: &[Group], words: &dyn Fn(&Group) -> (String, String)| Bars {
        title: title.to_owned(),
        unit: "incidents".to_owned(),
        bars: groups
            .iter()
            .take(BARS)
            .map(|group| {
                let (name, address) = words(group);
                (name, group.count, address)
            })
            .collect(),
    };
    let hides_sender = viewer.hides(Hidden::Sender);
    let plots = vec![
        bars("By policy", &policies, &|group| (plain(&group.name), linked("policy", &group.key))),
        bars("By severity", &severities, &|group| {
            let number = group.key.parse().unwrap_or_default();
            let name =
                Severity::from_number(number).map_or_else(|_| group.key.clone(), |one| one.to_string());
            let address = linked("severity", &name);
            (name, address)
        }),
        bars("What became of the mail", &mails, &|group| {
            let status = group.key.parse().unwrap_or(20);
            (prevent_status_name(status).to_owned(), linked("prevent", &group.key))
        }),
        bars("By status", &statuses, &|group| (group.key.clone(), linked("status", &group.key))),
        bars("Most incidents by sender", &senders, &|group| match (hides_sender, group.key.as_str()) {
            (true, "") => ("<>".to_owned(), String::new()),
            (true, key) => (viewer.sender(key), linked("sender", &viewer.sender(key))),
            (false, "") => ("<>".to_owned(), linked("sender", "<>")),
            (false, key) => (plain(key), linked("sender", key)),
        }),
    ];
    let content = Summary {
        fields: vec![
            Field::new(Kind::Date, "from", "From").value(from.to_string()).hint("Days of UTC."),
            Field::new(Kind::Date, "to", "To").value(to.to_string()).hint("Days of UTC."),
        ],
        total: severities.iter().map(|group| group.count).sum(),
        high: of(&severities, &["1"]),
        held: of(&mails, HELD),
        blocked: of(&mails, BLOCKED),
        released: of(&mails, RELEASED),
        median: median.map(Duration),
        by_day: [
            by_day("Incidents by day and severity", SEVERITY_SERIES, &by_severity, days),
            by_day("What became of the mail, by day", MAIL_SERIES, &by_mail, days),
        ],
        plots,
        list: format!("/incidents?{range}"),
    };
    Ok(Page::new(&viewer, "Summary").show(&content)?)
}

/// A line for each name: what has any of its keys, or, where it has none, what belongs to no other.
fn by_day(title: &str, names: &[(&str, &[&str])], trend: &[DayCount], (from, to): (i64, i64)) -> Lines {
    let named = |key: &str| names.iter().any(|(_, keys)| keys.contains(&key));
    let series = names.iter().map(|(name, keys)| {
        let belongs = |key: &str| if keys.is_empty() { !named(key) } else { keys.contains(&key) };
        let mut counts = vec![0; (to - from + 1) as usize];
        for point in trend.iter().filter(|point| belongs(&point.key)) {
            if let Some(count) = counts.get_mut((point.day - from) as usize) {
                *count += point.count;
            }
        }
        ((*name).to_owned(), counts)
    });
    Lines {
        title: title.to_owned(),
        moments: (from..=to).map(|day| date(day).to_string()).collect(),
        series: series.collect(),
    }
}

fn period(asked: &Days) -> Result<(Date, Date), String> {
    let read =
        |text: &str| text.parse::<Date>().map_err(|_| format!("{text:?} is no date such as 2026-11-24."));
    let today = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let to = if asked.to.is_empty() { today } else { read(&asked.to)? };
    let from = if asked.from.is_empty() { date(number(to) - 29) } else { read(&asked.from)? };
    match number(to) - number(from) {
        ..0 => Err("The first day is behind the last.".to_owned()),
        MOST_DAYS.. => Err(format!("A summary has at most {MOST_DAYS} days.")),
        _ => Ok((from, to)),
    }
}

/// Days since 1970.
fn number(date: Date) -> i64 {
    date.to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .map_or(0, |at| at.timestamp().as_second().div_euclid(86_400))
}

fn date(number: i64) -> Date {
    jiff::Timestamp::from_second(number.saturating_mul(86_400))
        .map_or(Date::ZERO, |at| at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date())
}
