//! The journal's promises: durable when recorded, one incident a message and policy, nothing half written, readable beside the writer.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use incident::{
    Disposition, Effect, Filter, Journal, JournalOptions, Match, NewMessage, NewViolation, Outcome, Severity,
    Status,
};

fn message(unique_id: &str, policies: &[u32]) -> NewMessage {
    let found = Match {
        rule: "numbers".into(),
        condition: "payment_card".into(),
        path: "offer.zip > q3.xlsx > Sheet2!B7".into(),
        kind: "text".into(),
        offset: 5,
        text: "4111 1111 1111 1111".into(),
        before: "card ".into(),
        after: " thanks".into(),
        validator: Some("luhn".into()),
    };
    let violation = |policy_id: &u32| NewViolation {
        policy_id: *policy_id,
        policy_name: format!("policy {policy_id}"),
        policy_version: "v".into(),
        severity: Severity::High,
        match_count: 3,
        count_is_complete: true,
        trial: false,
        matches: vec![found.clone()],
        response_rules: vec!["mark".into()],
    };
    NewMessage {
        unique_id: unique_id.into(),
        message_id: Some("<1@company.example>".into()),
        sender: "a@company.example".into(),
        recipients: vec!["b@partner.example".into()],
        subject: "numbers".into(),
        peer: Some("127.0.0.1".into()),
        received_at: jiff::Timestamp::now(),
        size: 11,
        direction: "outbound".into(),
        server: "weir".into(),
        policy_set: "set".into(),
        original: Some(b"Subject: x\r\n\r\nSECRET-ORIGINAL".to_vec()),
        violations: policies.iter().map(violation).collect(),
        unscannable: vec![("a.zip".into(), "encrypted".into())],
        disposition: Disposition::Modified,
        effects: policies
            .iter()
            .map(|policy_id| Effect {
                policy_id: *policy_id,
                rule: "tell".into(),
                kind: "notify".into(),
                payload: "{}".into(),
            })
            .collect(),
    }
}

async fn open(dir: &Path) -> Journal {
    Journal::open(dir, JournalOptions::default()).await.unwrap()
}

#[tokio::test]
async fn each_violated_policy_has_its_incident_and_they_know_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    let recorded = journal.record(message("A", &[7, 9])).await.unwrap();
    assert_eq!(recorded.incidents.len(), 2);
    let outcome = Outcome::Relayed { code: 250, text: "250 2.0.0 queued".into() };
    journal.outcome(&recorded, outcome).await.unwrap();
    journal.flush().await;
    let first = journal.show(recorded.incidents[0].id).await.unwrap().unwrap();
    assert_eq!(first.siblings, [recorded.incidents[1].id]);
    assert_eq!(
        (first.summary.matches, first.summary.severity, first.summary.status),
        (3, Severity::High, Status::New)
    );
    assert_eq!(first.matches[0].text, "4111 1111 1111 1111");
    assert_eq!(first.clone().into_masked().matches[0].text, "**** **** **** 1111");
    let actions: Vec<&str> = first.history.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["DETECTED", "RESPONSE_RULE_EXECUTED", "RELAYED"]);
    assert_eq!(
        journal.original(first.summary.id).await.unwrap().unwrap(),
        b"Subject: x\r\n\r\nSECRET-ORIGINAL"
    );
}

#[tokio::test]
async fn a_retried_message_is_the_same_incident_and_new_recipients_join_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    let first = journal.record(message("A", &[7])).await.unwrap();
    let mut again = message("A", &[7]);
    again.recipients = vec!["c@partner.example".into()];
    let second = journal.record(again).await.unwrap();
    assert_eq!(first.incidents[0].id, second.incidents[0].id);
    assert!(!first.incidents[0].merged && second.incidents[0].merged);
    let incident = journal.show(first.incidents[0].id).await.unwrap().unwrap();
    assert_eq!(incident.summary.recipients, ["b@partner.example", "c@partner.example"]);
    assert!(incident.history.iter().any(|entry| entry.action == "DETECTED_AGAIN"));
}

#[tokio::test]
async fn a_repeat_after_five_days_is_a_new_incident_that_names_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    let mut old = message("A", &[7]);
    old.received_at = jiff::Timestamp::now() - Duration::from_secs(6 * 24 * 3600);
    let old = journal.record(old).await.unwrap();
    let new = journal.record(message("A", &[7])).await.unwrap();
    assert_ne!(old.incidents[0].id, new.incidents[0].id);
    let incident = journal.show(new.incidents[0].id).await.unwrap().unwrap();
    assert_eq!(incident.linked_to, Some(old.incidents[0].id));
}

#[tokio::test]
async fn nothing_readable_of_message_or_matches_lies_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    journal.record(message("A", &[7])).await.unwrap();
    drop(journal);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(octets) = std::fs::read(&path) else { continue };
        for secret in [&b"SECRET-ORIGINAL"[..], b"4111 1111"] {
            assert!(!octets.windows(secret.len()).any(|window| window == secret), "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_a_time_are_all_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let journal = std::sync::Arc::new(open(dir.path()).await);
    let tasks: Vec<_> = (0..300)
        .map(|n| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.record(message(&format!("M{n}"), &[7])).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let other = Journal::open_read_only(dir.path()).await.unwrap();
    assert_eq!(other.list(&Filter { limit: 1000, ..Filter::default() }).await.unwrap().len(), 300);
}

#[tokio::test]
async fn filters_and_pages_narrow_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path()).await;
    for n in 0..5 {
        journal.record(message(&format!("M{n}"), &[7, 9])).await.unwrap();
    }
    let list = async |filter: Filter| journal.list(&filter).await.unwrap();
    assert_eq!(list(Filter { policy: Some("9".into()), ..Filter::default() }).await.len(), 5);
    assert_eq!(list(Filter { policy: Some("policy 7".into()), ..Filter::default() }).await.len(), 5);
    assert_eq!(list(Filter { sender: Some("COMPANY".into()), ..Filter::default() }).await.len(), 10);
    assert_eq!(list(Filter { recipient: Some("nobody".into()), ..Filter::default() }).await.len(), 0);
    let page = list(Filter { limit: 3, ..Filter::default() }).await;
    let next = list(Filter { limit: 3, before: page.last().map(|last| last.id), ..Filter::default() }).await;
    assert_eq!(page.iter().chain(&next).map(|one| one.id).collect::<Vec<_>>(), [10, 9, 8, 7, 6, 5]);
}

#[tokio::test]
async fn a_journal_at_its_bound_says_that_it_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { max_octets: 1, ..JournalOptions::default() };
    let journal = Journal::open(dir.path(), options).await.unwrap();
    assert!(journal.state().full);
}

#[tokio::test]
async fn a_database_from_the_future_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let out = Command::new("python3")
        .args(["-c", "import sqlite3,sys; db=sqlite3.connect(sys.argv[1]); db.execute(\"insert into _sqlx_migrations (version, description, success, checksum, execution_time) values (9999, 'x', 1, x'00', 0)\"); db.commit()"])
        .arg(dir.path().join("incidents.db"))
        .status()
        .unwrap();
    assert!(out.success());
    let error = Journal::open(dir.path(), JournalOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("9999"), "{error}");
}

/// Run by the test below in a process of its own, which is killed while it writes.
#[tokio::test]
#[ignore = "run by acknowledged_incidents_survive_being_killed"]
async fn write_until_killed() {
    let Ok(dir) = std::env::var("JOURNAL_DIR") else { return };
    let journal = open(Path::new(&dir)).await;
    for n in 0.. {
        journal.record(message(&format!("K{n}"), &[7, 9])).await.unwrap();
        println!("acknowledged {n}");
    }
}

#[tokio::test]
async fn acknowledged_incidents_survive_being_killed() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3_u64 {
        let data = dir.path().join(round.to_string());
        std::fs::create_dir(&data).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "write_until_killed", "--nocapture"])
            .env("JOURNAL_DIR", &data)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        while acknowledged < 20 + round * 7 {
            let line = lines.next().unwrap().unwrap();
            acknowledged += u64::from(line.contains("acknowledged"));
        }
        child.kill().unwrap();
        acknowledged +=
            lines.map_while(Result::ok).filter(|line| line.contains("acknowledged")).count() as u64;
        child.wait().unwrap();
        let journal = open(&data).await;
        let found = journal.list(&Filter { limit: 10_000, ..Filter::default() }).await.unwrap();
        assert!(found.len() as u64 >= 2 * acknowledged, "{} of {}", found.len(), 2 * acknowledged);
        assert_eq!(found.len() % 2, 0, "both incidents of a message, or none");
        for incident in found {
            assert!(journal.show(incident.id).await.unwrap().is_some());
            assert!(journal.original(incident.id).await.unwrap().is_some());
        }
    }
}
