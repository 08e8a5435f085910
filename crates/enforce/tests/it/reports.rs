//! Scheduled reports by mail: what is in them, who gets them, and never twice.

use std::collections::BTreeSet;

use incident::desk::{Every, Saved, Schedule};
use reqwest::StatusCode;
use web::people::{Condition, Privilege, Rights, UserChange};

use crate::postbox::{Answers, Postbox};
use crate::support::{Person, Server, message};

/// A role that sees incidents of policy 2 only.
fn two() -> Rights {
    Rights {
        privileges: BTreeSet::from([Privilege::ViewNetworkIncidents]),
        access: vec![Condition::Policy { any_of: BTreeSet::from([2]) }],
        hidden: BTreeSet::new(),
    }
}

/// Somebody must be there who manages users.
async fn started(postbox: &Postbox) -> Server {
    let server = Server::start_with(|options| options.effects = postbox.settings()).await;
    server.person("Administrator").await;
    server
}

async fn has_address(server: &Server, name: &str, mail: &str) {
    let people = server.enforce().site.people();
    let user = people.user_named(name).await.unwrap().unwrap();
    let change = UserChange {
        full_name: user.full_name,
        mail: mail.to_owned(),
        roles: user.roles.iter().map(|(role, _)| *role).collect(),
        default_role: user.default_role,
        disabled: false,
    };
    people.change_user(user.id, user.version, &change).await.unwrap();
}

const SENT_DAILY: [(&str, &str); 4] =
    [("id", "1"), ("every", "day"), ("hour", "8"), ("zone", "Europe/Prague")];

/// As if its time had come, so many days ago.
async fn is_due(server: &Server, days: i64) {
    let mut transaction = server.enforce().database().begin().await.unwrap();
    let sql = "UPDATE report_schedule SET due_at = due_at - ?";
    assert_eq!(transaction.run(sql, store::values![days * 86_400_000]).await.unwrap(), 1);
    transaction.commit().await.unwrap();
}

async fn page(person: &Person) -> String {
    person.get("/reports").await.text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_its_owner_what_the_role_may_see() {
    let postbox = Postbox::open().await;
    let server = started(&postbox).await;
    server.record(message("A", &[1, 2])).await;
    server.record(message("B", &[1])).await;
    let two = server.with_rights("Two", two()).await;
    has_address(&server, "two", "two@company.example").await;
    two.post("/reports", &[("name", "what came"), ("query", "severity=high")]).await;
    assert!(two.get("/reports?schedule=1").await.text.contains("It goes to two@company.example"));
    let saved = two.post("/reports/schedule", &SENT_DAILY).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    assert!(page(&two).await.contains("every day at 8:00, Europe/Prague"));
    is_due(&server, 1).await;
    server.until("it goes out", async || page(&two).await.contains(">sent<")).await;
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert!(
        mail.contains("RCPT TO:<two@company.example>") && mail.contains("Subject: Report: what came"),
        "{mail}"
    );
    assert!(mail.contains("Auto-Submitted: auto-generated"), "{mail}");
    assert!(
        mail.contains("Incidents: 1\n") && mail.contains("  high: 1\n") && mail.contains("  New: 1\n"),
        "{mail}"
    );
    assert!(mail.contains(&format!("{}/incidents?severity=high", server.base())), "{mail}");
    for secret in ["anna@", "numbers", "1111"] {
        assert!(!mail.contains(secret), "counts only: {mail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_may_have_gone_out_is_not_sent_again() {
    let postbox = Postbox::open().await;
    let server = started(&postbox).await;
    let two = server.with_rights("Two", two()).await;
    has_address(&server, "two", "two@company.example").await;
    two.post("/reports", &[("name", "mine"), ("query", "")]).await;
    two.post("/reports/schedule", &SENT_DAILY).await;
    postbox.answers(Answers::BreaksOff);
    is_due(&server, 1).await;
    server.until("its end is not known", async || page(&two).await.contains("outcome unknown")).await;
    postbox.answers(Answers::Takes);
    let server = server.restart_with(|options| options.effects = postbox.settings()).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(postbox.mails().len(), 1);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_is_refused_is_not_sent_and_its_owner_learns_why() {
    let postbox = Postbox::open().await;
    let server = started(&postbox).await;
    let two = server.with_rights("Two", two()).await;
    two.post("/reports", &[("name", "mine"), ("query", "")]).await;
    two.post("/reports/schedule", &SENT_DAILY).await;
    is_due(&server, 2).await;
    server
        .until("it has no address", async || page(&two).await.contains("the user has no mail address"))
        .await;
    has_address(&server, "two", "two@company.example").await;
    postbox.answers(Answers::Refuses);
    is_due(&server, 1).await;
    server.until("it is refused", async || page(&two).await.contains("5.7.1 never")).await;
    assert!(postbox.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_the_right_gets_no_report_any_more() {
    let postbox = Postbox::open().await;
    let server = started(&postbox).await;
    let two = server.with_rights("Two", two()).await;
    has_address(&server, "two", "two@company.example").await;
    two.post("/reports", &[("name", "mine"), ("query", "sender=anna@company.example")]).await;
    two.post("/reports/schedule", &SENT_DAILY).await;
    let people = server.enforce().site.people();
    let role = people.role_named("Two").await.unwrap().unwrap();
    let mut rights = role.rights.clone();
    rights.hidden.insert(web::people::Hidden::Sender);
    people.change_role(role.id, role.version, "Two", &rights).await.unwrap();
    is_due(&server, 1).await;
    server.until("it is said", async || page(&two).await.contains("as the report does")).await;
    assert!(postbox.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_schedules_the_reports_of_others_or_at_impossible_times() {
    let server = Server::start().await;
    let (ann, bob) = (server.person("Remediator").await, server.person("Reviewer").await);
    ann.post("/reports", &[("name", "ours"), ("query", ""), ("shared", "yes")]).await;
    assert_eq!(bob.post("/reports/schedule", &SENT_DAILY).await.status, StatusCode::NOT_FOUND);
    for wrong in [
        [("id", "1"), ("every", "day"), ("hour", "24"), ("zone", "UTC")],
        [("id", "1"), ("every", "day"), ("hour", "8"), ("zone", "Middle/Earth")],
        [("id", "1"), ("every", "hour"), ("hour", "8"), ("zone", "UTC")],
        [("id", "1"), ("every", "week"), ("hour", "8"), ("zone", "UTC")],
    ] {
        let answer = ann.post("/reports/schedule", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    }
    assert!(ann.get("/reports?schedule=1").await.text.contains("Mail cannot be sent yet"));
    assert!(!bob.get("/reports?schedule=1").await.text.contains("by mail</h2>"));
    let schedule = Schedule { every: Every::Day, day: 0, hour: 8, zone: "UTC".into(), role: 1 };
    let saved = server.enforce().desk().schedule_report("remediator", 1, Some(&schedule), "").await.unwrap();
    assert_eq!(saved, Some(Saved::Done));
    let stop = [("id", "1"), ("every", ""), ("was", &schedule.mark())];
    assert_eq!(ann.post("/reports/schedule", &stop).await.status, StatusCode::SEE_OTHER);
    assert!(server.enforce().desk().schedules("remediator").await.unwrap().is_empty());
}
