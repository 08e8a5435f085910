//! The outbox's promises, on SQLite and on PostgreSQL alike: each effect once for its incident, in order, and never silently lost.

#![allow(clippy::unwrap_used)]

#[macro_use]
#[path = "../../store/tests/postgres/mod.rs"]
mod postgres;
mod support;

use std::sync::Arc;

use incident::{Claimed, Effect, Incident, Journal, Later, Line, NewMessage, Outbox, OutboxOptions, Status};
use jiff::SignedDuration;
use store::database::Location;
use support::{Place, message, place};

fn outbox(journal: &Arc<Journal>) -> Outbox {
    Outbox::new(journal.clone(), "weir", OutboxOptions::default())
}

fn impatient(journal: &Arc<Journal>) -> Outbox {
    let at_once = SignedDuration::ZERO;
    let options =
        OutboxOptions { lease: at_once, first_wait: at_once, longest_wait: at_once, give_up: at_once };
    Outbox::new(journal.clone(), "weir", options)
}

/// A message of one incident with these effects, by kind and order.
fn ordering(unique_id: &str, effects: &[(&str, &str)]) -> NewMessage {
    let effect = |(kind, payload): &(&str, &str)| Effect {
        policy_id: 7,
        rule: "Rule".into(),
        kind: (*kind).into(),
        payload: (*payload).into(),
    };
    NewMessage { effects: effects.iter().map(effect).collect(), ..message(unique_id, &[7]) }
}

async fn show(outbox: &Outbox, id: u64) -> Incident {
    outbox.journal().show(id).await.unwrap().unwrap()
}

fn details<'i>(incident: &'i Incident, action: &str) -> Vec<&'i str> {
    incident
        .history
        .iter()
        .filter(|entry| entry.action == action)
        .map(|entry| entry.detail.as_str())
        .collect()
}

async fn next(outbox: &Outbox) -> Claimed {
    outbox.claim(&[]).await.unwrap().expect("an effect that is due")
}

fn sent() -> [Line; 1] {
    [Line::new("NOTICE_SENT", "to a@company.example")]
}

on_both! {
    made by place;

    async fn an_effect_is_done_once_however_often_its_message_comes(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        for _ in 0..3 {
            journal.record(ordering("A", &[("notify", "{}"), ("notify/2", "{}")])).await.unwrap();
        }
        for _ in 0..2 {
            let effect = next(&outbox).await;
            assert_eq!((effect.kind.as_str(), effect.attempt), ("notify", 1));
            assert!(outbox.done(&effect, &sent()).await.unwrap());
            assert!(!outbox.done(&effect, &sent()).await.unwrap(), "it is done already");
        }
        journal.record(ordering("A", &[("notify", "{}"), ("notify/2", "{}")])).await.unwrap();
        assert_eq!(outbox.claim(&[]).await.unwrap(), None);
        assert_eq!(outbox.pending().await.unwrap(), 0);
        let incident = show(&outbox, 1).await;
        assert_eq!(details(&incident, "NOTICE_SENT").len(), 2);
    }

    async fn effects_are_taken_in_their_order_by_kind_and_by_one_only(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        journal.record(ordering("A", &[("notify", "1"), ("syslog", "2"), ("notify/2", "3")])).await.unwrap();
        let syslog = outbox.claim(&["syslog"]).await.unwrap().unwrap();
        assert_eq!(syslog.payload, "2");
        assert_eq!(outbox.claim(&["syslog"]).await.unwrap(), None, "it is claimed");
        assert_eq!((next(&outbox).await.payload, next(&outbox).await.payload), ("1".into(), "3".into()));
        assert_eq!(outbox.claim(&[]).await.unwrap(), None);
        assert_eq!(outbox.pending().await.unwrap(), 3);
    }

    async fn a_failure_is_tried_again_later_and_told_once_until_it_is_for_good(place: &Place) {
        let journal = place.open().await;
        let patient = outbox(&journal);
        journal.record(ordering("A", &[("notify", "all")])).await.unwrap();
        let effect = next(&patient).await;
        let later = patient.later(&effect, "host is down", Some("the rest"), Vec::new()).await.unwrap();
        let Later::At(at) = later else { panic!("{later:?}") };
        let wait = at.duration_since(jiff::Timestamp::now()).as_secs();
        assert!((20..=30).contains(&wait), "{wait}");
        assert_eq!(patient.claim(&[]).await.unwrap(), None, "not yet");
        assert_eq!(details(&show(&patient, 1).await, "RESPONSE_RULE_DELAYED"), ["Rule: host is down; it is tried again"]);
        assert_eq!(patient.later(&effect, "again", None, Vec::new()).await.unwrap(), Later::NotOurs);

        journal.record(ordering("B", &[("notify", "x")])).await.unwrap();
        let hasty = impatient(&journal);
        let effect = next(&hasty).await;
        assert_eq!(hasty.later(&effect, "no such host", None, Vec::new()).await.unwrap(), Later::Never);
        let incident = show(&hasty, 2).await;
        assert_eq!(details(&incident, "RESPONSE_RULE_FAILED"), ["Rule: no such host; given up after 1 attempts"]);
        assert_eq!(hasty.claim(&[]).await.unwrap(), None);
    }

    async fn what_a_dead_server_had_claimed_is_done_by_the_next(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        journal.record(ordering("A", &[("notify", "x")])).await.unwrap();
        let before = next(&outbox).await;
        assert_eq!(outbox.claim(&[]).await.unwrap(), None);
        // A void claim, as after the time that a claim lasts.
        journal.record(ordering("B", &[("syslog", "y")])).await.unwrap();
        let hasty = impatient(&journal);
        let first = hasty.claim(&["syslog"]).await.unwrap().unwrap();
        let second = hasty.claim(&["syslog"]).await.unwrap().unwrap();
        assert_eq!((first.id, first.attempt, second.attempt), (second.id, 1, 2));
        assert_eq!(first.name(), second.name(), "a repeat can be known");
        assert!(!hasty.done(&first, &sent()).await.unwrap(), "its claim had run out");
        assert_eq!(hasty.later(&first, "late", None, Vec::new()).await.unwrap(), Later::NotOurs);
        assert!(hasty.done(&second, &sent()).await.unwrap());
        // One server on one file: nobody else can be at it.
        outbox.begin_again().await.unwrap();
        if matches!(place.at, Location::File(_)) {
            assert_eq!(next(&outbox).await.name(), before.name());
        }
    }

    async fn a_rule_sets_the_status_once_and_never_over_a_persons(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        let escalate = ordering("A", &[("set_status", r#"{"status":"escalated"}"#)]);
        journal.record(escalate.clone()).await.unwrap();
        outbox.act(&next(&outbox).await, "").await.unwrap().unwrap();
        let incident = show(&outbox, 1).await;
        assert_eq!(incident.summary.status, Status::Escalated);
        assert_eq!(details(&incident, "SET_STATUS"), ["New -> Escalated; response rule Rule"]);
        journal.set_status(1, Status::InProcess, "dana", "mine").await.unwrap();
        journal.record(escalate).await.unwrap();
        assert_eq!(outbox.claim(&[]).await.unwrap(), None);

        journal.record(ordering("B", &[("set_status", r#"{"status":"Resolved"}"#)])).await.unwrap();
        journal.set_status(2, Status::InProcess, "dana", "mine").await.unwrap();
        outbox.act(&next(&outbox).await, "").await.unwrap().unwrap();
        let incident = show(&outbox, 2).await;
        assert_eq!(incident.summary.status, Status::InProcess);
        assert_eq!(details(&incident, "SET_STATUS_SKIPPED").len(), 1);
    }

    async fn attributes_are_kept_with_what_is_known_only_then(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        let effects = [
            ("set_attribute", r#"{"name":"team","value":"legal, $INCIDENT_ID$"}"#),
            ("set_attribute/2", r#"{"name":"page","value":"$INCIDENT_SNAPSHOT$"}"#),
        ];
        journal.record(ordering("A", &effects)).await.unwrap();
        for _ in effects {
            outbox.act(&next(&outbox).await, "https://console.example/1").await.unwrap().unwrap();
        }
        let expected = [("page", "https://console.example/1"), ("team", "legal, 1")];
        let kept = outbox.attributes(1).await.unwrap();
        assert_eq!(kept, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(details(&show(&outbox, 1).await, "SET_ATTRIBUTE"), ["team = legal, 1", "page = https://console.example/1"]);
    }

    async fn a_retention_limit_lets_go_of_what_an_earlier_attempt_stored(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        journal.record(message("A", &[7])).await.unwrap();
        assert!(journal.original(1).await.unwrap().is_some());
        outbox.done(&next(&outbox).await, &[]).await.unwrap();
        let discard = r#"{"discard_original":true,"attachments":"none"}"#;
        let limited = NewMessage { original: None, ..ordering("A", &[("limit_retention", discard)]) };
        journal.record(limited).await.unwrap();
        outbox.act(&next(&outbox).await, "").await.unwrap().unwrap();
        assert_eq!(journal.original(1).await.unwrap(), None);
        let whole = r#"{"discard_original":false,"attachments":"violating"}"#;
        journal.record(ordering("B", &[("limit_retention", whole)])).await.unwrap();
        outbox.act(&next(&outbox).await, "").await.unwrap().unwrap();
        assert!(journal.original(2).await.unwrap().is_some());
        assert_eq!(
            details(&show(&outbox, 2).await, "RETENTION_LIMITED"),
            ["the original is kept without the attachments in which nothing was found"]
        );
    }

    async fn an_order_that_makes_no_sense_fails_for_good_in_words(place: &Place) {
        let journal = place.open().await;
        let outbox = outbox(&journal);
        let orders = [("set_status", r#"{"status":"Gone"}"#), ("set_attribute", "[]"), ("dance", "{}")];
        journal.record(ordering("A", &orders)).await.unwrap();
        for _ in orders {
            outbox.act(&next(&outbox).await, "").await.unwrap().unwrap_err();
        }
        assert_eq!(details(&show(&outbox, 1).await, "RESPONSE_RULE_FAILED").len(), 3);
        assert_eq!(outbox.claim(&[]).await.unwrap(), None);
    }
}
