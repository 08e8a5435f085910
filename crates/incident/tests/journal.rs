//! The journal's promises, on SQLite and on PostgreSQL alike: one incident a message and policy, nothing half written.

#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::sync::Arc;
use std::time::Duration;

use incident::{Filter, Incident, Journal, JournalOptions, Outcome, Severity, Status};
use store::database::Location;
use support::{Place, message, place};

impl Place {
    async fn read_only(&self) -> Journal {
        Journal::open_read_only_at(self.data(), &self.at).await.unwrap()
    }
}

async fn list(journal: &Journal, filter: Filter) -> Vec<u64> {
    journal.list(&filter).await.unwrap().iter().map(|incident| incident.id).collect()
}

async fn show(journal: &Journal, id: u64) -> Incident {
    journal.show(id).await.unwrap().unwrap()
}

fn actions(incident: &Incident) -> Vec<&str> {
    incident.history.iter().map(|entry| entry.action.as_str()).collect()
}

on_both! {
    made by place;

    async fn each_violated_policy_has_its_incident_and_they_know_each_other(place: &Place) {
        let journal = place.open().await;
        let recorded = journal.record(message("A", &[7, 9])).await.unwrap();
        assert_eq!(recorded.incidents.len(), 2);
        journal.outcome(&recorded, Outcome::Relayed { code: 250, text: "250 2.0.0 queued".into() }).await.unwrap();
        journal.flush().await;
        let first = show(&journal, recorded.incidents[0].id).await;
        assert_eq!(first.siblings, [recorded.incidents[1].id]);
        assert_eq!((first.summary.matches, first.summary.severity, first.summary.status.clone()), (3, Severity::High, Status::New));
        assert_eq!(first.summary.outcome.as_deref(), Some("relayed"));
        assert_eq!(first.matches[0].text, "4111 1111 1111 1111");
        assert_eq!(first.unscannable, [("a.zip".to_owned(), "encrypted".to_owned())]);
        assert_eq!(first.clone().into_masked().matches[0].text, "**** **** **** 1111");
        assert_eq!(actions(&first), ["DETECTED", "RESPONSE_RULE_EXECUTED", "RELAYED"]);
        assert_eq!(first.history[2].detail, "next hop answered 250 2.0.0 queued");
        assert_eq!(first.history[2].who, "weir");
        let original = journal.original(first.summary.id).await.unwrap().unwrap();
        assert_eq!(original, b"Subject: x\r\n\r\nSECRET-ORIGINAL");
    }

    async fn messages_that_come_at_once_are_committed_together(place: &Place) {
        const MANY: usize = 200;
        let journal = Arc::new(place.open().await);
        let before = journal.state().commits;
        let recorded: Vec<_> = (0..MANY).map(|number| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.record(message(&format!("M{number}"), &[7])).await.unwrap() })
        }).collect();
        for one in recorded {
            one.await.unwrap();
        }
        let commits = journal.state().commits - before;
        assert!(commits <= MANY as u64 / 4, "{commits} transactions for {MANY} messages");
        assert_eq!(list(&journal, Filter { limit: 100, ..Filter::default() }).await.len(), 100);
    }

    async fn a_retried_message_is_the_same_incident_and_new_recipients_join_it(place: &Place) {
        let journal = place.open().await;
        let first = journal.record(message("A", &[7])).await.unwrap();
        let mut again = message("A", &[7]);
        again.recipients = vec!["c@partner.example".into()];
        let second = journal.record(again).await.unwrap();
        assert_eq!(first.incidents[0].id, second.incidents[0].id);
        assert!(!first.incidents[0].merged && second.incidents[0].merged);
        for (recorded, outcome) in [
            (&first, Outcome::Deferred { code: 451, text: "next hop is away".into() }),
            (&second, Outcome::Refused { code: 550, text: "550 5.1.1 unknown".into() }),
        ] {
            journal.outcome(recorded, outcome).await.unwrap();
        }
        journal.flush().await;
        let incident = show(&journal, first.incidents[0].id).await;
        assert_eq!(incident.summary.recipients, ["b@partner.example", "c@partner.example"]);
        assert_eq!(
            actions(&incident),
            ["DETECTED", "RESPONSE_RULE_EXECUTED", "DETECTED_AGAIN", "RESPONSE_RULE_EXECUTED", "DEFERRED", "REFUSED"]
        );
        assert_eq!(incident.summary.outcome.as_deref(), Some("refused"));
    }

    async fn attempts_of_one_message_at_the_same_time_are_one_incident(place: &Place) {
        let journal = Arc::new(place.open().await);
        let attempt = |n: usize| {
            let journal = journal.clone();
            let mut new = message("A", &[7]);
            new.recipients = vec![format!("r{n}@partner.example")];
            tokio::spawn(async move { journal.record(new).await.unwrap() })
        };
        let attempts: Vec<_> = (0..20).map(attempt).collect();
        for attempt in attempts {
            attempt.await.unwrap();
        }
        let found = journal.list(&Filter::default()).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].recipients.len(), 20);
    }

    async fn a_worse_repeat_makes_the_incident_worse_and_shows_its_own_original(place: &Place) {
        let journal = place.open().await;
        let mut first = message("A", &[7]);
        first.violations[0].severity = Severity::Low;
        let id = journal.record(first).await.unwrap().incidents[0].id;
        let mut again = message("A", &[7]);
        again.violations[0].match_count = 40;
        again.original = Some(b"Subject: 4111 1111 1111 1111\r\n\r\nSECRET-ORIGINAL".to_vec());
        journal.record(again).await.unwrap();
        let incident = show(&journal, id).await;
        assert_eq!((incident.summary.severity, incident.summary.matches), (Severity::High, 40));
        assert!(incident.history[2].detail.contains("40 matches, before 3"), "{:?}", incident.history);
        assert!(journal.original(id).await.unwrap().unwrap().starts_with(b"Subject: 4111"));
        let mut milder = message("A", &[7]);
        milder.violations[0].severity = Severity::Info;
        milder.violations[0].match_count = 1;
        journal.record(milder).await.unwrap();
        let incident = show(&journal, id).await;
        assert_eq!((incident.summary.severity, incident.summary.matches), (Severity::High, 40));
    }

    async fn new_recipients_of_a_closed_incident_open_a_linked_one_and_old_ones_do_not(place: &Place) {
        let journal = place.open().await;
        let old = journal.record(message("A", &[7])).await.unwrap().incidents[0].id;
        assert!(journal.set_status(old, Status::FalsePositive, "ann", "a test number").await.unwrap());
        let same = journal.record(message("A", &[7])).await.unwrap();
        assert_eq!(same.incidents[0].id, old);
        assert_eq!(show(&journal, old).await.summary.status, Status::FalsePositive);
        let mut more = message("A", &[7]);
        more.recipients.push("rival@partner.example".into());
        let new = journal.record(more).await.unwrap().incidents[0];
        assert!(!new.merged && new.id != old);
        let incident = show(&journal, new.id).await;
        assert_eq!((incident.linked_to, incident.summary.status), (Some(old), Status::New));
        let set = show(&journal, old).await.history.into_iter().find(|entry| entry.action == "SET_STATUS").unwrap();
        assert_eq!((set.who.as_str(), set.detail.as_str()), ("ann", "New -> False Positive; a test number"));
        assert!(!journal.set_status(9_999, Status::Resolved, "ann", "").await.unwrap());
    }

    async fn a_repeat_after_five_days_is_a_new_incident_that_names_the_old_one(place: &Place) {
        let journal = place.open().await;
        let mut old = message("A", &[7]);
        old.received_at = jiff::Timestamp::now() - Duration::from_secs(5 * 24 * 3600 + 60);
        let old = journal.record(old).await.unwrap();
        let new = journal.record(message("A", &[7])).await.unwrap();
        assert_ne!(old.incidents[0].id, new.incidents[0].id);
        assert_eq!(show(&journal, new.incidents[0].id).await.linked_to, Some(old.incidents[0].id));
    }

    async fn a_message_whose_original_is_not_to_be_kept_says_so(place: &Place) {
        let journal = place.open().await;
        let mut new = message("A", &[7]);
        new.original = None;
        let id = journal.record(new).await.unwrap().incidents[0].id;
        assert_eq!(journal.original(id).await.unwrap(), None);
        let incident = show(&journal, id).await;
        assert!(!incident.original_kept && actions(&incident).contains(&"MESSAGE_NOT_RETAINED"));
    }

    async fn an_original_of_many_chunks_comes_back_octet_for_octet(place: &Place) {
        let journal = place.open().await;
        let octets: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 31 + n / 251) as u8).collect();
        let mut new = message("A", &[7]);
        new.original = Some(octets.clone());
        let id = journal.record(new).await.unwrap().incidents[0].id;
        assert!(journal.original(id).await.unwrap().unwrap() == octets);
    }

    async fn many_at_a_time_are_all_recorded(place: &Place) {
        let journal = Arc::new(place.open().await);
        let record = |n: usize| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.record(message(&format!("M{n}"), &[7])).await.unwrap() })
        };
        let tasks: Vec<_> = (0..300).map(record).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let other = place.read_only().await;
        assert_eq!(list(&other, Filter { limit: 1000, ..Filter::default() }).await.len(), 300);
    }

    async fn filters_and_pages_narrow_the_list(place: &Place) {
        let journal = place.open().await;
        for n in 0..5 {
            journal.record(message(&format!("M{n}"), &[7, 9])).await.unwrap();
        }
        let mut odd = message("odd", &[11]);
        odd.sender = "O_100%@other.example".into();
        odd.recipients = vec![r#""quoted \"x\" local"@partner.example"#.into(), "z@partner.example".into()];
        odd.violations[0].severity = Severity::Low;
        odd.violations[0].matches[0].text = "DE89-3704 0044".into();
        let odd = journal.record(odd).await.unwrap().incidents[0].id;
        journal.set_status(odd, Status::Resolved, "ann", "").await.unwrap();
        let count = async |filter: Filter| list(&journal, filter).await.len();
        let now = jiff::Timestamp::now();
        assert_eq!(count(Filter { policy: Some("9".into()), ..Filter::default() }).await, 5);
        assert_eq!(count(Filter { policy: Some("policy 7".into()), ..Filter::default() }).await, 5);
        assert_eq!(count(Filter { sender: Some("COMPANY".into()), ..Filter::default() }).await, 10);
        assert_eq!(count(Filter { unique_id: Some("M3".into()), ..Filter::default() }).await, 2);
        assert_eq!(count(Filter { recipient: Some("nobody".into()), ..Filter::default() }).await, 0);
        assert_eq!(count(Filter { since: Some(now), ..Filter::default() }).await, 0);
        assert_eq!(count(Filter { until: Some(now), ..Filter::default() }).await, 11);
        // Text is text: not a pattern, not JSON, not SQL.
        for sender in ["_100%", "o_100", "0%@"] {
            assert_eq!(list(&journal, Filter { sender: Some(sender.into()), ..Filter::default() }).await, [odd], "{sender}");
        }
        assert_eq!(count(Filter { sender: Some("%".into()), limit: 50, ..Filter::default() }).await, 1);
        assert_eq!(count(Filter { sender: Some("' OR '1'='1".into()), ..Filter::default() }).await, 0);
        assert_eq!(list(&journal, Filter { recipient: Some(r#""quoted \"x"#.into()), ..Filter::default() }).await, [odd]);
        assert_eq!(count(Filter { recipient: Some(r#"","z@"#.into()), ..Filter::default() }).await, 0);
        assert_eq!(list(&journal, Filter { severity: Some(Severity::Low), ..Filter::default() }).await, [odd]);
        assert_eq!(list(&journal, Filter { status: Some(Status::Resolved), ..Filter::default() }).await, [odd]);
        // A value is found however it was written.
        assert_eq!(list(&journal, Filter { value: Some("de89 3704-0044".into()), ..Filter::default() }).await, [odd]);
        assert_eq!(count(Filter { value: Some("4111-1111-1111-1111".into()), ..Filter::default() }).await, 10);
        assert_eq!(count(Filter { value: Some("4111".into()), ..Filter::default() }).await, 0);
        let all = list(&journal, Filter::default()).await;
        let page = list(&journal, Filter { limit: 3, ..Filter::default() }).await;
        let next = list(&journal, Filter { limit: 3, before: page.last().copied(), ..Filter::default() }).await;
        assert_eq!(page.iter().chain(&next).copied().collect::<Vec<_>>(), all[..6]);
        assert_eq!(count(Filter { before: Some(u64::MAX), ..Filter::default() }).await, 11);
    }

    async fn hostile_texts_are_kept_as_they_are_but_within_bounds(place: &Place) {
        let journal = place.open().await;
        let mut new = message("'; DROP TABLE incident; --", &[7]);
        new.subject = format!("\u{1b}[2J\u{202e}\0 {}", "x".repeat(1 << 20));
        new.message_id = Some("<\u{0}>".into());
        new.recipients = (0..1_000).map(|n| format!("r{n}@partner.example")).collect();
        new.unscannable = (0..5_000).map(|n| (format!("a.zip > {n}"), "too deep".into())).collect();
        let recorded = journal.record(new).await.unwrap();
        let text = "5".repeat(1 << 20);
        journal.outcome(&recorded, Outcome::Refused { code: 550, text }).await.unwrap();
        journal.flush().await;
        let incident = show(&journal, recorded.incidents[0].id).await;
        assert!(incident.summary.subject.starts_with("\u{1b}[2J\u{202e}\u{fffd} xxx"));
        assert!(incident.summary.subject.chars().count() <= 1_001);
        assert_eq!(incident.summary.recipients.len(), 1_000);
        assert_eq!(incident.unscannable.len(), 1_001);
        assert!(incident.unscannable[1_000].1.contains("4000 more"));
        assert!(incident.history.iter().all(|entry| entry.detail.chars().count() <= 2_001));
        assert!(incident.history[0].detail.contains("and 980 more"));
    }

    async fn other_keys_than_those_of_the_database_are_refused_before_anything_is_written(place: &Place) {
        let journal = place.open().await;
        journal.record(message("A", &[7])).await.unwrap();
        drop(journal);
        let other = tempfile::tempdir().unwrap();
        store::keys::Keys::open(&other.path().join("keys")).unwrap();
        let keys = place.data().join("keys/master.keys");
        let right = std::fs::read(&keys).unwrap();
        std::fs::copy(other.path().join("keys/master.keys"), &keys).unwrap();
        for error in [
            Journal::open_at(place.data(), &place.at, JournalOptions::default()).await.unwrap_err(),
            Journal::open_read_only_at(place.data(), &place.at).await.unwrap_err(),
        ] {
            assert!(error.to_string().contains("master.keys"), "{error}");
        }
        std::fs::write(&keys, right).unwrap();
        let journal = place.open().await;
        assert_eq!(list(&journal, Filter::default()).await.len(), 1);
    }
}
