//! Saved reports: a name for the filters of a list, for oneself or for all; one's own come by mail where that is wanted.

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use incident::desk::{Every, Report, Saved, Schedule, Scheduled};
use serde::{Deserialize, Serialize};
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Stale, Tint, facts};
use web::people::Privilege;
use web::session::Tone;
use web::{Problem, Viewer};

use super::bulk::parsed;
use super::filter::Filter;
use super::list::see_other;
use super::sent::sent;
use super::{Answer, Console};

#[derive(Template)]
#[template(path = "reports.html")]
struct Reports {
    form: Html,
    rows: Vec<Row>,
    scheduled: Option<ScheduleForm>,
}

/// The form for when a report is sent.
struct ScheduleForm {
    id: u64,
    name: String,
    fields: Vec<Field>,
    /// What it was made from.
    was: String,
    /// Where it goes; none, if the user has no address.
    mail: String,
    /// Whether mail can be sent at all.
    possible: bool,
}

struct Row {
    id: u64,
    name: String,
    /// The filters; none, if the role could not ask by them itself.
    query: Option<String>,
    owner: String,
    shared: bool,
    own: bool,
    /// When it is sent, in words, and the next time.
    sent: Option<(String, Moment)>,
    /// What became of the last mail.
    last: Option<(Chip, String, Moment)>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    schedule: u64,
}

#[derive(Deserialize, Serialize)]
pub(super) struct New {
    name: String,
    query: String,
    #[serde(default)]
    shared: String,
    #[serde(default)]
    was: String,
}

#[derive(Deserialize)]
pub(super) struct Gone {
    id: u64,
}

pub(super) async fn show(
    State(console): State<Console>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let schedules = console.desk.schedules(&viewer.name).await?;
    let of = |id: u64| schedules.iter().find(|(report, _)| *report == id).map(|(_, scheduled)| scheduled);
    let reports = console.desk.reports(&viewer.name).await?;
    let scheduled = match reports.iter().find(|one| one.id == asked.schedule && one.owner == viewer.name) {
        Some(report) => {
            let user = console.enforce.site.people().user(viewer.user).await?;
            Some(ScheduleForm {
                id: report.id,
                name: report.name.clone(),
                fields: fields(of(report.id)),
                was: of(report.id).map(|one| one.schedule.mark()).unwrap_or_default(),
                mail: user.map(|user| user.mail).unwrap_or_default(),
                possible: console.enforce.options.effects.notices.is_some(),
            })
        }
        None => None,
    };
    let rows = reports.into_iter().map(|report| Row {
        sent: of(report.id).map(|one| (words(&one.schedule), Moment(one.next.as_millisecond()))),
        last: of(report.id).and_then(last),
        id: report.id,
        name: report.name,
        query: shown(&viewer, report.query),
        own: report.owner == viewer.name,
        owner: report.owner,
        shared: report.shared,
    });
    let content = Reports { form: viewer.form(), rows: rows.collect(), scheduled };
    Ok(Page::new(&viewer, "Saved reports").show(&content)?)
}

/// The filters of a report that others may have saved. What the role does not see stands in none that it is shown.
fn shown(viewer: &Viewer, query: String) -> Option<String> {
    let filter = Filter::read(&parsed(&query)).ok()?;
    filter.refused(&viewer.role.rights).is_none().then_some(query)
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn words(schedule: &Schedule) -> String {
    let day = match schedule.every {
        Every::Day => "every day".to_owned(),
        Every::Week => {
            let day = usize::try_from(schedule.day - 1).ok().and_then(|day| WEEKDAYS.get(day));
            format!("every {}", day.unwrap_or(&"week"))
        }
        Every::Month => format!("every month on day {}", schedule.day),
    };
    format!("{day} at {}:00, {}", schedule.hour, schedule.zone)
}

fn last(scheduled: &Scheduled) -> Option<(Chip, String, Moment)> {
    let (due, state, detail) = scheduled.last.as_ref()?;
    let chip = match state.as_str() {
        "sent" => Chip::new("sent", Tint::Good),
        "failed" => Chip::new("not sent", Tint::Bad),
        "unknown" => Chip::new("outcome unknown", Tint::Warn),
        _ => Chip::new("waits", Tint::Info),
    };
    Some((chip, detail.clone(), Moment(due.as_millisecond())))
}

fn fields(now: Option<&Scheduled>) -> Vec<Field> {
    let schedule = now.map(|one| &one.schedule);
    let day = |every: Every| schedule.filter(|one| one.every == every).map_or(1, |one| one.day).to_string();
    let every = [("", "Not at all"), ("day", "Every day"), ("week", "Every week"), ("month", "Every month")];
    let zone = Field::new(Kind::Text, "zone", "Time zone")
        .value(schedule.map_or("UTC", |one| one.zone.as_str()))
        .with("maxlength", "100")
        .hint("Such as Europe/Prague.");
    let weekdays = (1..).zip(WEEKDAYS).map(|(number, name)| (number.to_string(), name.to_owned()));
    vec![
        Field::new(Kind::OneOf, "every", "Send it")
            .choices(every)
            .value(schedule.map_or("", |one| one.every.as_str())),
        Field::new(Kind::OneOf, "weekday", "Every week on").choices(weekdays).value(day(Every::Week)),
        Field::new(Kind::Number, "monthday", "Every month on day")
            .value(day(Every::Month))
            .with("min", "1")
            .with("max", "31")
            .hint("The last day, where a month has fewer."),
        Field::new(Kind::Number, "hour", "Hour")
            .value(schedule.map_or(8, |one| one.hour).to_string())
            .with("min", "0")
            .with("max", "23"),
        // A browser knows the zone of whoever begins.
        if schedule.is_none() { zone.with("data-own-zone", "") } else { zone },
    ]
}

#[derive(Deserialize, Serialize)]
pub(super) struct NewSchedule {
    id: u64,
    #[serde(default)]
    every: String,
    #[serde(default)]
    weekday: String,
    #[serde(default)]
    monthday: String,
    #[serde(default)]
    hour: String,
    #[serde(default)]
    zone: String,
    #[serde(default)]
    was: String,
}

impl NewSchedule {
    /// None: it is not sent.
    fn read(&self, role: i64) -> Result<Option<Schedule>, String> {
        if self.every.is_empty() {
            return Ok(None);
        }
        let every = Every::parse(&self.every).ok_or("A report is sent every day, week or month.")?;
        let day = match every {
            Every::Day => "0",
            Every::Week => &self.weekday,
            Every::Month => &self.monthday,
        };
        let number = |text: &str, what: &str| {
            text.trim().parse::<i8>().map_err(|_| format!("The {what} is a number."))
        };
        let schedule = Schedule {
            every,
            day: number(day, "day")?,
            hour: number(&self.hour, "hour")?,
            zone: self.zone.trim().to_owned(),
            role,
        };
        schedule.check().map(|()| Some(schedule))
    }
}

pub(super) async fn schedule(
    State(console): State<Console>,
    viewer: Viewer,
    Form(new): Form<NewSchedule>,
) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let schedule = new.read(viewer.role.id).map_err(Problem::Unfit)?;
    let said = schedule.as_ref().map_or("not sent any more".to_owned(), |one| format!("sent {}", words(one)));
    let entry = viewer.entry("REPORT_SCHEDULED", &format!("report {}", new.id), &said);
    let desk = console.desk.noting(entry);
    match desk.schedule_report(&viewer.name, new.id, schedule.as_ref(), &new.was).await? {
        None => return Err(Problem::NotFound.into()),
        Some(Saved::Done) => {}
        Some(Saved::Stale(now)) => return Ok(stale_schedule(&new, now).show(&viewer)?),
        Some(Saved::Refused(why)) => return Err(Problem::Unfit(why).into()),
    }
    viewer.say(Tone::Done, format!("The report is {said}.")).await?;
    Ok(see_other("/reports"))
}

/// The report goes out at other times, or not at all, than the form knew.
fn stale_schedule(new: &NewSchedule, now: Option<Schedule>) -> Stale {
    let sends = now.as_ref().map_or_else(|| "not at all".to_owned(), words);
    Stale {
        what: "when the report is sent".to_owned(),
        now: facts([("Sent", sends)]),
        sent: sent(new),
        was: ("was", now.as_ref().map(Schedule::mark).unwrap_or_default()),
        action: "/reports/schedule".to_owned(),
        open: format!("/reports?schedule={}#schedule", new.id),
    }
}

pub(super) async fn save(State(console): State<Console>, viewer: Viewer, Form(new): Form<New>) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    // Only what this console would have written is kept: a report is opened by others.
    let query = Filter::asked(&console.desk, &viewer, &parsed(&new.query)).await?.query();
    let (name, shared) = (new.name.trim(), !new.shared.is_empty());
    let desk = console.desk.noting(viewer.entry("REPORT_SAVED", name, if shared { "for all" } else { "" }));
    match desk.save_report(&viewer.name, name, shared, &query, &new.was).await? {
        Saved::Done => {}
        Saved::Stale(now) => return Ok(stale(&new, now).show(&viewer)?),
        Saved::Refused(why) => return Err(Problem::Unfit(why).into()),
    }
    viewer.say(Tone::Done, "The report is saved.").await?;
    Ok(see_other("/reports"))
}

/// One's own report of that name has other filters than the form knew of: most often it is one that was forgotten.
fn stale(new: &New, now: Option<Report>) -> Stale {
    let shown = |report: &Report| {
        let whom = if report.shared { "all" } else { "yourself" };
        facts([("Filters", report.query.clone()), ("For", whom.to_owned())])
    };
    Stale {
        what: format!("your report {}", new.name.trim()),
        now: now.as_ref().map(shown).unwrap_or_default(),
        sent: sent(new),
        was: ("was", now.as_ref().map(Report::mark).unwrap_or_default()),
        action: "/reports".to_owned(),
        open: now.map_or("/reports".to_owned(), |report| format!("/incidents?{}", report.query)),
    }
}

pub(super) async fn remove(State(console): State<Console>, viewer: Viewer, Form(gone): Form<Gone>) -> Answer {
    viewer.require(Privilege::ViewNetworkIncidents)?;
    let entry = viewer.entry("REPORT_REMOVED", &format!("report {}", gone.id), "");
    if !console.desk.noting(entry).remove_report(&viewer.name, gone.id).await? {
        return Err(Problem::NotFound.into());
    }
    viewer.say(Tone::Done, "The report is removed.").await?;
    Ok(see_other("/reports"))
}
