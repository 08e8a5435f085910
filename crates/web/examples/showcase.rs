//! The look of both consoles on one page, without a server behind it: `cargo run -p web --example showcase [PORT]`.
//!
//! Sign in as `admin` with `four small words here`. For whoever changes the style sheet, and for the browser tests.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use axum::routing::get;
use store::database::{self, Location, Migrations};
use store::keys::Keys;
use tokio_util::sync::CancellationToken;
use web::layout::plot::{Bars, Lines};
use web::layout::{Chip, Field, Html, Kind, Moment, Page, Pager, Size, notice};
use web::listen::{Transport, listen};
use web::people::{NewUser, Password};
use web::session::Tone;
use web::{Options, Place, Problem, Routes, Site, Viewer, mail};

static NONE: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate::Migrator::DEFAULT };

#[derive(askama::Template)]
#[template(path = "showcase/parts.html")]
struct Parts {
    form: Html,
    notices: Vec<Html>,
    rows: Vec<Row>,
    pager: Pager,
    fields: Vec<Field>,
    bars: Bars,
    lines: Lines,
    passage: Html,
    headers: Html,
}

struct Row {
    number: u32,
    severity: Chip,
    status: Chip,
    subject: Html,
    sender: Html,
    matches: u32,
    size: Size,
    at: Moment,
}

const SUBJECTS: [(&str, &str, &str, &str); 6] = [
    ("Quarterly numbers, draft", "high", "New", "jane.doe@company.example"),
    ("Re: invoice 2026-1044", "medium", "In Process", "sales@company.example"),
    ("inv\u{202e}fdp.exe <script>alert(1)</script>", "low", "Escalated", "x@evil.example"),
    (
        "Kundenliste für die Messe in München, mit allen Ansprechpartnern und Durchwahlen",
        "high",
        "New",
        "m.huber@company.example",
    ),
    ("会議の資料", "info", "Resolved", "tanaka@company.example"),
    ("", "medium", "False Positive", "noreply@company.example"),
];

fn rows() -> Vec<Row> {
    let row = |(number, (subject, severity, status, sender)): (u32, &(&str, &str, &str, &str))| Row {
        number,
        severity: Chip::severity(severity),
        status: Chip::status(status),
        subject: mail::line(if subject.is_empty() { "(no subject)" } else { subject }, 120),
        sender: mail::line(sender, 80),
        matches: number * 7 % 23,
        size: Size(u64::from(number) * 48_211),
        at: Moment(1_795_000_000_000 - i64::from(number) * 3_777_000),
    };
    (1_041..).zip(SUBJECTS.iter()).map(row).collect()
}

async fn parts(viewer: Viewer) -> Result<axum::response::Response, Problem> {
    let days: Vec<String> = (1..=14).map(|day| format!("2026-11-{day:02}")).collect();
    let series =
        |name: &str, factor: u64| (name.to_owned(), (1..=14).map(|day| day * factor % 17 * 9).collect());
    let text = "Dear Bob,\n\nthe card is 4111 1111 1111 1111, and the IBAN DE89 3704 0044 0532 0130 00.\nZero\u{200b}width, bell\u{7}, and <b>tags</b>.\n";
    let mark = |what: &str| -> Range<usize> {
        let at = text.find(what).unwrap_or(0);
        at..at + what.len()
    };
    let content = Parts {
        form: viewer.form(),
        notices: vec![
            notice(Tone::Done, "Three incidents were set to Resolved."),
            notice(Tone::Note, "Two of them had been resolved already."),
            notice(Tone::Trouble, "The gateway did not answer: the action is tried again in a minute."),
        ],
        rows: rows(),
        pager: Pager {
            shown: "1 to 6 of 10,000+".into(),
            first: None,
            before: Some("/parts".into()),
            after: Some("/parts".into()),
        },
        fields: vec![
            Field::new(Kind::Text, "name", "Name").value("Finance").hint("As reviewers read it."),
            Field::new(Kind::Number, "days", "Days").value("0").wrong("Write 1 or more."),
            Field::new(Kind::OneOf, "severity", "Severity").choices([("h", "High"), ("m", "Medium")]),
            Field::new(Kind::Lines(3), "note", "Note"),
            Field::new(Kind::Check, "on", "Enabled").checked(true).hint("Counts from the next mail on."),
        ],
        bars: Bars {
            title: "Incidents by policy, last 30 days".into(),
            unit: "incidents".into(),
            bars: vec![
                ("Payment cards".into(), 1_204, "/parts?policy=1".into()),
                ("German national numbers and identity cards".into(), 733, "/parts?policy=2".into()),
                ("Private keys".into(), 41, "/parts?policy=3".into()),
                ("Not fully inspected".into(), 9, String::new()),
            ],
        },
        lines: Lines {
            title: "Incidents a day, by what was done".into(),
            moments: days,
            series: vec![series("Held", 5), series("Blocked", 3), series("Modified", 11)],
        },
        passage: mail::passage(
            text,
            &[mark("4111 1111 1111 1111"), mark("DE89 3704 0044 0532 0130 00")],
            4_000,
        ),
        headers: mail::header_table(
            &[
                ("From", "Jane Doe <jane.doe@company.example>"),
                ("To", "bob@partner.example"),
                ("Subject", "Quarterly numbers"),
                ("X-Mailer", "\u{fffd}\u{202e}"),
            ]
            .map(|(name, value)| mail::Header { name: name.to_owned(), value: value.to_owned() }),
        ),
    };
    Page::new(&viewer, "Parts").wide().show(&content)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8099".to_owned());
    let dir = tempfile::tempdir()?;
    let at = Location::File(dir.path().join("showcase.db"));
    let database = database::open(&at, Migrations { sqlite: &NONE, postgres: &NONE }).await?;
    let keys = Arc::new(Keys::open(&dir.path().join("keys"))?);
    let mut options = Options::new("Showcase", "/parts");
    options.places = vec![Place::new("Incidents", "Parts", "/parts", &[])];
    let site = Site::open(database, keys, options).await?;
    let people = site.people();
    let mut roles = people.roles().await?;
    roles.sort_by_key(|role| role.name != web::people::ADMINISTRATOR);
    let password = Some(Password::new("four small words here".into()));
    let roles = roles.iter().map(|role| role.id).take(3).collect();
    people
        .add_user(NewUser {
            name: "admin".into(),
            full_name: "Ada Admin".into(),
            roles,
            password,
            ..NewUser::default()
        })
        .await?;
    let app = site.mount(Routes::new().route("/parts", get(parts)));
    let stop = CancellationToken::new();
    let listening = listen(&format!("127.0.0.1:{port}"), Transport::Plain, 200, app, stop).await?;
    println!("http://{}", listening.address);
    listening.task.await?;
    Ok(())
}
